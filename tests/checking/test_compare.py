"""Hand-written backpropagation with planted mistakes: each is found and named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symnn
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
    ("softmax", "no 1/N", "dz_2", "a factor N = 5 too much"),
    ("softmax", "extra 1/N", "dz_2", "a factor N = 5 is missing"),
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
    assert (row["ok"], row["first"]) == (False, "db_2")
    assert [r["error"] for r in row["rows"] if not r["ok"]] == [None]


def test_the_command_refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = written(tmp_path, q=np.ones(2))
    assert run(words) == 2
    assert ": q: unexpected" in capsys.readouterr().err
    np.savez(tmp_path / "own.npz", x=np.array([{}], dtype=object))
    assert run(words) == 2
    assert "pickle" in capsys.readouterr().err
