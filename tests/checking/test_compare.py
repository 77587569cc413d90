"""Hand-written backpropagation with planted mistakes: each is found and named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.random_networks import leaves_of, random_network

import symnn
from symnn.checking.compare import RTOL
from symnn.cli.main import run

Arrays = dict[str, Any]
N = 5


def network(kind: str) -> symnn.Network:
    layers, loss = {
        "tanh": ([symnn.Dense(4, "tanh"), symnn.Dense(3)], {"name": "mse", "l2": 0.3}),
        "sigmoid": ([symnn.Dense(4, "sigmoid"), symnn.Dense(3)], "sse"),
        "square": ([symnn.Dense(3, "tanh"), symnn.Dense(3)], "sse"),
        "softmax": ([symnn.Dense(4, "relu"), symnn.Dense(3, "softmax")], "cross_entropy"),
    }[kind]
    return symnn.Network(inputs=3, layers=layers, loss=loss, name="own")


SIGMA = {
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "square": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "sigmoid": (lambda z: 1 / (1 + np.exp(-z)), lambda z: np.exp(-z) / (1 + np.exp(-z)) ** 2),
    "softmax": (lambda z: np.maximum(z, 0), lambda z: (z > 0) * 1.0),
}
L2 = {"tanh": 0.3, "sigmoid": 0.0, "square": 0.0, "softmax": 0.0}


def point(kind: str) -> tuple[Arrays, Any, Any]:
    rng = np.random.default_rng(3)
    params = {n: rng.normal(size=s) for n, s in network(kind).parameters.items()}
    y = rng.integers(0, 3, N) if kind == "softmax" else rng.normal(size=(N, 3))
    return params, rng.normal(size=(N, 3)), y


def backward(kind: str, mistake: str = "") -> Arrays:
    """A backpropagation as one writes it by hand, with one mistake."""
    p, x, y = point(kind)
    sigma, prime = SIGMA[kind]
    z1 = x @ p["A_1"].T + p["b_1"]
    a1 = sigma(z1)
    z2 = a1 @ p["A_2"].T + p["b_2"]
    if kind == "softmax":
        e = np.exp(z2 - z2.max(axis=1, keepdims=True))
        dz2 = (e / e.sum(axis=1, keepdims=True) - np.eye(3)[y]) / N
    else:
        dz2 = z2 - y
        if kind == "tanh":
            dz2 = dz2 * 2 / (N * 3)
    dz2 = {
        "sign": -dz2, "twice": 2 * dz2, "half": dz2 / 2, "no 1/N": N * dz2,
        "no 1/Nm": N * 3 * dz2, "extra 1/N": dz2 / N, "constant": 0.37 * dz2,
    }.get(mistake, dz2)  # fmt: skip
    da1 = dz2 @ (p["A_2"].T if mistake == "weights" else p["A_2"])
    factor = {"no prime": 1.0, "prime at a": prime(a1)}.get(mistake, prime(z1))
    dz1 = da1 * factor
    own = L2[kind]
    decay = {"no l2": 0.0, "l2 doubled": 2 * own}.get(mistake, own)
    g = {
        "dz_2": dz2, "dA_2": dz2.T @ a1 + decay * p["A_2"], "db_2": dz2.sum(axis=0),
        "da_1": da1, "dz_1": dz1, "dA_1": dz1.T @ x + own * p["A_1"], "db_1": dz1.sum(axis=0),
    }  # fmt: skip
    match mistake:
        case "transposed":
            g["dA_2"] = g["dA_2"].T
        case "bias l2":
            g["db_1"] = g["db_1"] + own * p["b_1"]
        case "first sample":
            g["db_2"] = dz2[0]
        case "last sample":
            g["dA_2"] = np.outer(dz2[-1], a1[-1])
        case "no sum":
            g["db_2"] = dz2
        case "mean":
            g["db_1"] = dz1.mean(axis=0)
        case "zero":
            g["db_1"] = 0 * g["db_1"]
        case "nonsense":
            g["dA_1"] = np.cos(np.arange(12.0)).reshape(4, 3)
    return g


@pytest.mark.parametrize("kind", list(SIGMA))
@pytest.mark.parametrize("parameters_only", [False, True])
def test_a_right_one_is_ok(kind: str, parameters_only: bool) -> None:
    grads = backward(kind)
    if parameters_only:
        grads = {n[1:]: g for n, g in grads.items() if n[1] in "Ab"}
    found = network(kind).compare(grads, *point(kind))
    assert found.ok and found.first is None, str(found)
    assert len(found.rows) == len(grads)
    assert str(found).splitlines()[-1] == f"all {len(grads)} quantities are right"


PLANTED = [
    ("sigmoid", "sign", "dz_2", "opposite sign"),
    ("softmax", "sign", "dz_2", "opposite sign"),
    ("tanh", "twice", "dz_2", "a factor 2 too much"),
    ("tanh", "half", "dz_2", "a factor 2 is missing"),
    ("softmax", "no 1/N", "dz_2", "every gradient is N = 5 times; right for the loss without 1/N"),
    ("softmax", "extra 1/N", "dz_2", "every gradient is 1/N = 1/5 times; right for 1/N times the"),
    ("tanh", "no 1/Nm", "dz_2", "a factor N m = 15 too much"),
    ("sigmoid", "constant", "dz_2", "0.37 times"),
    ("sigmoid", "no prime", "dz_1", "the derivative of sigmoid is missing"),
    ("softmax", "no prime", "dz_1", "the derivative of relu is missing"),
    ("tanh", "prime at a", "dz_1", "tanh' is taken at a_1 instead of z_1"),
    ("square", "weights", "da_1", "A_2 is used transposed"),
    ("square", "transposed", "dA_2", "transposed"),
    ("tanh", "transposed", "dA_2", "transposed"),
    ("tanh", "no l2", "dA_2", "the l2 term is missing"),
    ("tanh", "l2 doubled", "dA_2", "the l2 term is doubled"),
    ("tanh", "bias l2", "db_1", "an l2 term on the bias"),
    ("sigmoid", "first sample", "db_2", "only the first sample"),
    ("sigmoid", "last sample", "dA_2", "only the last sample"),
    ("softmax", "no sum", "db_2", "the sum over the batch is missing"),
    ("sigmoid", "mean", "db_1", "a factor N = 5 is missing"),
    ("sigmoid", "zero", "db_1", "all entries are 0"),
    ("sigmoid", "nonsense", "dA_1", "unknown"),
]


@pytest.mark.parametrize(("kind", "mistake", "quantity", "cause"), PLANTED)
def test_a_planted_mistake_is_named(kind: str, mistake: str, quantity: str, cause: str) -> None:
    found = network(kind).compare(backward(kind, mistake), *point(kind))
    assert not found.ok and found.first is not None
    assert found.first.quantity == quantity, str(found)
    assert found.first.cause.startswith(cause) or cause in found.first.cause, str(found)
    assert " or " not in found.first.cause, str(found)
    assert quantity in str(found).splitlines()[-1] and cause in str(found).splitlines()[-1]


def test_what_follows_from_a_wrong_value_says_so() -> None:
    found = network("tanh").compare(backward("tanh", "twice"), *point("tanh"))
    causes = {row.quantity: row.cause for row in found.rows}
    assert causes["dA_2"] == causes["da_1"] == "follows from dz_2"
    assert causes["dz_1"] == "follows from da_1"
    assert causes["dA_1"] == "follows from dz_1"


def test_a_second_mistake_is_told_from_the_first() -> None:
    grads = backward("tanh", "twice")
    grads["db_1"] = -grads["db_1"]
    causes = {r.quantity: r.cause for r in network("tanh").compare(grads, *point("tanh")).rows}
    assert causes["db_1"] == "follows from dz_1, and opposite sign"


def test_a_parameter_inherits_a_mistake_that_was_not_handed_in() -> None:
    grads = {n: g for n, g in backward("sigmoid", "no prime").items() if n[1] in "Ab"}
    found = network("sigmoid").compare(grads, *point("sigmoid"))
    assert [row.quantity for row in found.rows if not row.ok] == ["dA_1", "db_1"]
    assert found.first is not None
    assert found.first.cause == "inherited from dz_1: the derivative of sigmoid is missing"


def test_causes_that_cannot_be_told_apart_are_all_named() -> None:
    net = symnn.Network(inputs=1, layers=[symnn.Dense(1)], loss="sse")
    x, y = np.array([[1.0], [2.0]]), np.array([1.0, 0.0])
    params = {"A_1": [[0.5]], "b_1": [0.25]}
    residual = 0.5 * x[:, 0] + 0.25 - y
    grads = {"A_1": [[2 * residual @ x[:, 0]]], "b_1": [residual.sum()]}
    first = net.compare(grads, params, x, y).first
    assert first is not None
    assert first.cause == "a factor 2 too much or a factor N = 2 too much"


def test_the_tolerance_is_a_parameter() -> None:
    grads = {n: g * (1 + 1e-4) for n, g in backward("sigmoid").items()}
    assert not network("sigmoid").compare(grads, *point("sigmoid")).ok
    assert network("sigmoid").compare(grads, *point("sigmoid"), rtol=1e-3).ok


# conventions -------------------------------------------------------------------------------

BETWEEN = ("dz_2", "da_1", "dz_1")
WORDS = "the gradients of each sample's values are those of its own loss, N = 5 times those of"


def per_sample(kind: str, mistake: str = "", names: Any = BETWEEN) -> Arrays:
    """The same backpropagation with 1/N in the parameters' gradients, not in these."""
    grads = backward(kind, mistake)
    return grads | {name: N * grads[name] for name in names}


@pytest.mark.parametrize("kind", ["tanh", "softmax"])
def test_errors_of_each_sample_are_a_convention(kind: str) -> None:
    """The tanh network's loss is a mean over samples and components, and has an l2 term."""
    found = network(kind).compare(per_sample(kind), *point(kind))
    assert found.ok and not any(row.cause for row in found.rows), str(found)
    assert found.convention.startswith(WORDS)
    assert str(found).splitlines()[-2].startswith(f"convention: {WORDS}")
    assert network(kind).compare(backward(kind), *point(kind)).convention == ""


def test_errors_as_the_notes_print_them_are_right() -> None:
    """dZ2 = A2 - Y, dW2 = 1/m dZ2 A1^T, ...: the equations of the notation ng, as printed."""
    layers = [symnn.Dense(3, "tanh"), symnn.Dense(1, "sigmoid")]
    net = symnn.Network(
        inputs=2, layers=layers, loss="binary_cross_entropy", notes={"notation": "ng"}
    )
    printed = net.derive().latex(detail="answer")
    assert "dZ^{[2]} &= A^{[2]} - Y" in printed and r"dW^{[2]} &= \frac{1}{m} dZ^{[2]}" in printed
    rng, m = np.random.default_rng(1), 4
    p = {name: rng.normal(size=shape) for name, shape in net.parameters.items()}
    x, y = rng.normal(size=(2, m)), np.array([[1.0, 0, 1, 1]])
    a1 = np.tanh(p["A_1"] @ x + p["b_1"][:, None])
    dz2 = 1 / (1 + np.exp(-(p["A_2"] @ a1 + p["b_2"][:, None]))) - y
    dz1 = p["A_2"].T @ dz2 * (1 - a1**2)
    grads = {
        "dz_2": dz2.T, "dA_2": dz2 @ a1.T / m, "db_2": dz2.sum(axis=1) / m,
        "dz_1": dz1.T, "dA_1": dz1 @ x.T / m, "db_1": dz1.sum(axis=1) / m,
    }  # fmt: skip
    found = net.compare(grads, p, x.T, y.T)
    assert found.ok and found.convention, str(found)


@pytest.mark.parametrize(
    ("mistake", "quantity", "cause"),
    [
        ("no prime", "dz_1", "the derivative of relu is missing"),
        ("mean", "db_1", "a factor N = 5 is missing"),
        ("transposed", "dA_2", "transposed"),
        ("sign", "dz_2", "opposite sign"),
    ],
)
def test_a_mistake_is_named_within_a_convention(mistake: str, quantity: str, cause: str) -> None:
    found = network("softmax").compare(per_sample("softmax", mistake), *point("softmax"))
    assert not found.ok and found.convention.startswith(WORDS)
    assert found.first is not None
    assert (found.first.quantity, found.first.cause[: len(cause)]) == (quantity, cause)


def test_a_sum_for_a_mean_is_no_convention() -> None:
    """All gradients are N times too large: the parameters' too, so 1/N is missing."""
    found = network("softmax").compare(backward("softmax", "no 1/N"), *point("softmax"))
    assert found.convention == "" and found.first is not None
    assert found.first.cause == "every gradient is N = 5 times; right for the loss without 1/N"


@pytest.mark.parametrize(
    ("names", "quantity", "cause"),
    [
        (("dz_1",), "dz_1", "per sample, where dz_2 and da_1 are per batch"),
        (("dz_2", "da_1"), "dz_1", "per batch, where dz_2 and da_1 are per sample"),
    ],
)
def test_a_mix_of_conventions_is_a_mistake(names: Any, quantity: str, cause: str) -> None:
    found = network("softmax").compare(per_sample("softmax", names=names), *point("softmax"))
    wrong = [(row.quantity, row.cause) for row in found.rows if not row.ok]
    assert wrong == [(quantity, f"mixed conventions: {cause}")]


def test_a_loss_that_is_a_sum_has_one_convention() -> None:
    found = network("sigmoid").compare(per_sample("sigmoid"), *point("sigmoid"))
    assert not found.ok and found.convention == ""
    assert found.first is not None and found.first.cause == "a factor N = 5 too much"


# precision ---------------------------------------------------------------------------------


def in_float32(net: symnn.Network, seed: int, samples: int) -> tuple[Arrays, Arrays, Any, Any]:
    """Gradients of the parameters by the generated module in float32, and the point."""
    values = leaves_of(net, np.random.default_rng(seed), samples)
    single = {name: np.asarray(v, np.float32) for name, v in values.items()}
    params = {name: single[name] for name in net.parameters}
    _, grads = net.compile().loss_and_gradients(params, single["x"], single["y"])
    grads = {name: np.array(g) for name, g in grads.items()}
    assert all(g.dtype == np.float32 for g in grads.values())
    return grads, params, single["x"], single["y"]


@pytest.mark.parametrize("seed", [0, 3, 8, 13])
def test_float32_is_right_and_its_mistakes_are_found(seed: int) -> None:
    drawn = random_network(seed)
    net = symnn.Network(
        inputs=drawn.inputs,
        layers=[layer for layer in drawn.layers if isinstance(layer, symnn.Dense)],
        loss={"name": drawn.spec.loss.name, "l2": drawn.spec.loss.l2},
        activations=drawn.spec.activations,
        dtype="float32",
    )
    samples = 40
    grads, params, x, y = in_float32(net, seed, samples)
    right = net.compare(grads, params, x, y)
    assert right.ok and right.dtype == "float32", str(right)
    name = max(name for name in grads if name.startswith("A_"))
    scaled = grads | {name: grads[name] * np.float32(1.001)}
    wrong = net.compare(scaled, params, x, y)
    assert [row.quantity for row in wrong.rows if not row.ok] == ["d" + name], str(wrong)
    # one sample of the sum left out
    _, rest = net.compile().loss_and_gradients(params, x[1:], y[1:])
    share = (samples - 1) / samples if net.mean_loss else 1.0
    decay = net.spec.loss.l2 * params[name] if name.startswith("A_") else 0.0
    missing = grads | {name: ((rest[name] - decay) * share + decay).astype(np.float32)}
    found = net.compare(missing, params, x, y)
    assert [row.quantity for row in found.rows if not row.ok] == ["d" + name], str(found)


def test_float32_sums_of_many_rows_are_right() -> None:
    """A hidden layer's bias: the sum over many rows loses more than 1e-6 of it."""
    rng, count = np.random.default_rng(0), 4000
    layers = [symnn.Dense(8, "tanh"), symnn.Dense(8, "tanh"), symnn.Dense(1)]
    net = symnn.Network(inputs=4, layers=layers, loss="mse", dtype="float32")
    p = {k: v.astype(np.float32) for k, v in net.compile().initialize(0).items()}
    x = rng.random((count, 4), dtype=np.float32)
    y = (rng.normal(size=(count, 1)) + 3).astype(np.float32)
    a1 = np.tanh(x @ p["A_1"].T + p["b_1"])
    a2 = np.tanh(a1 @ p["A_2"].T + p["b_2"])
    d3 = 2 * (a2 @ p["A_3"].T + p["b_3"] - y) / np.float32(count)
    d2 = d3 @ p["A_3"] * (1 - a2 * a2)
    d1 = d2 @ p["A_2"] * (1 - a1 * a1)
    in_order = {f"b_{k}": np.cumsum(d, axis=0)[-1] for k, d in ((1, d1), (2, d2), (3, d3))}
    grads = {"A_1": d1.T @ x, "A_2": d2.T @ a1, "A_3": d3.T @ a2, **in_order}
    found = net.compare(grads, p, x, y)
    assert found.ok and max(row.error for row in found.rows) > RTOL, str(found)
    assert str(found).splitlines()[-2].startswith("rounding in float32 explains errors up to ")
    assert not net.compare(grads, p, x, y, rtol=RTOL).ok
    grads["b_2"] = grads["b_2"] * np.float32(1.001)
    first = net.compare(grads, p, x, y).first
    assert first is not None and first.quantity == "db_2"


def test_equal_summands_add_up_the_errors_of_their_sum() -> None:
    """The summands of mae's bias are all 1/N or its negative, so rounding has a drift."""
    rng, count = np.random.default_rng(0), 5000
    x = np.ones((count, 1), np.float32)
    y = (rng.normal(size=(count, 1)) + 3).astype(np.float32)
    net = symnn.Network(inputs=1, layers=[symnn.Dense(1)], loss="mae")
    params = {"A_1": np.zeros((1, 1), np.float32), "b_1": np.zeros(1, np.float32)}
    in_order = np.cumsum(np.sign(-y) / np.float32(count))[-1:]
    grads = {"A_1": in_order[:, None], "b_1": in_order}
    drift = abs(in_order[0] / np.sign(-y.astype(float)).mean() - 1)
    assert drift > 8 * np.sqrt(count) * 2**-24  # more than independent errors would give
    assert net.compare(grads, params, x, y).ok
    assert not net.compare(grads | {"b_1": in_order * np.float32(1.001)}, params, x, y).ok


def test_numbers_that_the_type_holds_have_no_tolerance() -> None:
    """The xor network of whole numbers: exactly at the kink of relu, and exact in float32."""
    layers = [symnn.Dense(2, "relu"), symnn.Dense(1)]
    net = symnn.Network(inputs=2, layers=layers, loss="sse", dtype="float32")
    params = {"A_1": [[1, 1], [1, 1]], "b_1": [0, -1], "A_2": [[1, -2]], "b_2": [0]}
    params = {name: np.array(value, np.float32) for name, value in params.items()}
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    y = np.array([[1], [1], [0], [3]], np.float32)
    _, grads = net.compile().loss_and_gradients(params, x, y)
    assert net.compare(grads, params, x, y).ok
    wrong = net.compare(grads | {"A_1": 2 * grads["A_1"]}, params, x, y)
    assert {row.tolerance for row in wrong.rows} == {RTOL} and not wrong.ok


def test_whole_numbers_do_not_make_the_type_coarse() -> None:
    params, x, y = point("softmax")
    assert network("softmax").compare(backward("softmax"), params, x, y).dtype == "float64"
    y = y.astype(np.int8)
    assert network("softmax").compare(backward("softmax"), params, x, y).dtype == "float64"
    x = x.astype(np.float16)
    assert network("softmax").compare(backward("softmax"), params, x, y).dtype == "float16"


@pytest.mark.parametrize("rtol", [-1.0, np.nan, np.inf])
def test_a_tolerance_is_a_number_from_0_on(rtol: float) -> None:
    with pytest.raises(symnn.SpecError, match=r"rtol: must be (at least 0|a finite number), not "):
        network("sigmoid").compare(backward("sigmoid"), *point("sigmoid"), rtol=rtol)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda g, p: g.update(dQ_1=1.0), 'grads["dQ_1"]: no such gradient'),
        (lambda g, p: g.update(A_1=g["dA_1"]), 'grads["A_1"]: the gradient dA_1 is given twice'),
        (lambda g, p: g.pop("db_1"), 'grads["b_1"]: missing'),
        (lambda g, p: p.pop("b_1"), 'params["b_1"]: missing'),
        (lambda g, p: p.update(c=1.0), 'params["c"]: no such parameter'),
        (lambda g, p: g.update(dA_1=np.ones((2, 2))), "has the shape (2, 2), expected (4, 3)"),
        (lambda g, p: g.update(db_1=np.full(4, np.nan)), 'grads["db_1"]: holds nan or inf'),
        (lambda g, p: g.update(db_1=["a"] * 4), 'grads["db_1"]: must be an array of real'),
    ],
)
def test_an_error_names_the_place(change: Any, message: str) -> None:
    grads, (params, x, y) = backward("sigmoid"), point("sigmoid")
    change(grads, params)
    with pytest.raises(symnn.SpecError) as caught:
        network("sigmoid").compare(grads, params, x, y)
    assert message in str(caught.value)
    assert len(caught.value.errors) == 1


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (2.0, "y: the targets must lie in 0..1"),
        (-1.0, r"y: the targets must lie in 0..1; for labels -1 and 1 write"),
        (1 / 3 - 1e-5, "y: the targets of every sample must sum to 1"),
    ],
)
def test_targets_that_the_loss_is_not_made_for_are_refused(value: float, message: str) -> None:
    grads, (params, x, _) = backward("softmax"), point("softmax")
    with pytest.raises(symnn.SpecError, match=message):
        network("softmax").compare(grads, params, x, np.full((len(x), 3), value))


def test_gradients_without_names_are_refused() -> None:
    grads, (params, x, y) = backward("sigmoid"), point("sigmoid")
    for given in ((list(grads.values()), params), (grads, np.zeros(3))):
        with pytest.raises(symnn.SpecError, match="must be a mapping of names to arrays"):
            network("sigmoid").compare(*given, x, y)


def written(folder: Path, mistake: str = "", **more: Any) -> list[str]:
    spec = {
        "model": {"name": "own", "inputs": 3},
        "layers": [
            {"type": "dense", "units": 4, "activation": "sigmoid"},
            {"type": "dense", "units": 3},
        ],
        "loss": {"name": "sse"},
    }
    (folder / "own.json").write_text(json.dumps(spec))
    params, x, y = point("sigmoid")
    np.savez(folder / "own.npz", x=x, y=y, **params, **backward("sigmoid", mistake), **more)
    return ["check", str(folder / "own.json"), "--against", str(folder / "own.npz")]


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(written(tmp_path)) == 0
    assert "all 7 quantities are right" in capsys.readouterr().out
    assert run(written(tmp_path, "no prime")) == 4
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == "first wrong: dz_1; likely cause: the derivative of sigmoid is missing"
    assert run([*written(tmp_path, "no sum"), "--json"]) == 4
    row = json.loads(capsys.readouterr().out)["comparisons"][0]
    assert (row["convention"], row["dtype"]) == ("", "float64")
    assert (row["ok"], row["first"]) == (False, "db_2")
    assert [r["error"] for r in row["rows"] if not r["ok"]] == [None]


def test_the_command_takes_a_tolerance(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = written(tmp_path, "constant")
    assert run([*words, "--rtol", "0.9"]) == 0
    assert run([*words, "--rtol", "0.5"]) == 4
    capsys.readouterr()
    assert run([*words[:2], "--rtol", "0.5"]) == 2
    assert "--rtol needs --against" in capsys.readouterr().err
    assert run([*words, "--rtol", "nan"]) == 2
    assert "rtol: must be a finite number, not nan" in capsys.readouterr().err


def test_the_command_says_the_convention(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    layers = [{"type": "dense", "units": 4, "activation": "tanh"}, {"type": "dense", "units": 3}]
    spec = {"model": {"inputs": 3}, "layers": layers, "loss": {"name": "mse", "l2": 0.3}}
    (tmp_path / "own.json").write_text(json.dumps(spec))
    params, x, y = point("tanh")
    np.savez(tmp_path / "own.npz", x=x, y=y, **params, **per_sample("tanh"))
    words = ["check", str(tmp_path / "own.json"), "--against", str(tmp_path / "own.npz")]
    assert run(words) == 0
    assert f"\nconvention: {WORDS}" in capsys.readouterr().out
    assert run([*words, "--json"]) == 0
    row = json.loads(capsys.readouterr().out)["comparisons"][0]
    assert row["convention"].startswith(WORDS)


def test_the_command_refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = written(tmp_path, q=np.ones(2))
    assert run(words) == 2
    assert ": q: unexpected" in capsys.readouterr().err
    np.savez(tmp_path / "own.npz", x=np.array([{}], dtype=object))
    assert run(words) == 2
    assert "pickle" in capsys.readouterr().err
