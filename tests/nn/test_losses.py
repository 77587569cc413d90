"""Losses of networks of any shape: what each computes, and its gradients, against JAX's."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symnn
from symnn.checking.verify import verify_lines
from symnn.cli.main import run
from symnn.derivation.lines import Lines, LinesDerivation
from symnn.io.errors import SpecError
from symnn.layers import Dense
from symnn.nn.graph_losses import GRAPH_LOSSES
from symnn.spec.reader import load_model
from symnn.spec.sections import LinesSpec
from symnn.targets.registry import compile_module

needs_jax = pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="needs jax")

Spec = dict[str, Any]
FINAL = {name: row.final or "linear" for name, row in GRAPH_LOSSES.items()}


def lines_of(layers: list[Spec], losses: Any, shape: tuple[int, ...] = (4,), **more: Any) -> Lines:
    """losses: [loss], or [[losses]]."""
    key = "losses" if isinstance(losses, list) else "loss"
    spec = {"inputs": {"x": {"shape": list(shape)}}, "layers": layers, key: losses, **more}
    found = load_model(spec)
    assert isinstance(found, LinesSpec)
    return Lines(found)


def dense(units: int = 3, **fields: Any) -> Spec:
    return {"type": "dense", "units": units, **fields}


# name, fields, and what JAX is told: p: the last activation's value, z: its input, y: the targets,
# of whole numbers as rows of ones
CASES: list[tuple[str, Spec, tuple[int, ...]]] = [
    ("norm", {}, (4,)),
    ("norm", {"sample_weight": True}, (2, 4)),
    ("sse", {"weight": 0.3}, (4,)),
    ("half_mse", {}, (4,)),
    ("half_mse", {"sample_weight": True}, (2, 4)),
    ("mse", {"sample_weight": True, "l2": 0.1}, (2, 4)),
    ("mae", {"sample_weight": True}, (4,)),
    ("huber", {"sample_weight": True}, (2, 4)),
    ("hinge", {}, (4,)),
    ("hinge", {"sample_weight": True}, (2, 4)),
    ("poisson", {}, (4,)),
    ("poisson", {"sample_weight": True, "weight": 2}, (2, 4)),
    ("gaussian", {}, (4,)),
    ("gaussian", {"sample_weight": True}, (2, 4)),
    ("binary_cross_entropy", {"sample_weight": True}, (2, 4)),
    ("binary_cross_entropy", {"class_weight": [0.5, 3]}, (4,)),
    ("cross_entropy", {"sample_weight": True}, (2, 4)),
    ("cross_entropy", {"class_weight": [1, 2, 0.25]}, (4,)),
    ("cross_entropy", {"label_smoothing": 0.1}, (2, 4)),
    ("cross_entropy", {"label_smoothing": 0.2, "class_weight": [1, 2, 0.25]}, (4,)),
    ("cross_entropy", {"labels": True}, (4,)),
    ("cross_entropy", {"labels": True, "sample_weight": True, "l2": 0.2}, (2, 4)),
    ("cross_entropy", {"labels": True, "class_weight": [1, 2, 0]}, (2, 4)),
    (
        "cross_entropy",
        {"labels": True, "label_smoothing": 0.1, "class_weight": [1, 2, 3], "sample_weight": True},
        (2, 4),
    ),
]


def by_sample(name: str, fields: Spec, z: Any, s: Any, y: Any) -> tuple[Any, float]:
    """The loss of every sample by JAX, and what their sum is divided by."""
    import jax
    import jax.numpy as jnp

    def total(values: Any) -> Any:
        return values.reshape(len(values), -1).sum(axis=1)

    count, every = len(z), float(z.size)
    match name:
        case "norm":
            return total(jnp.sqrt(((z - y) ** 2).sum(axis=-1))), 1
        case "sse":
            return total((z - y) ** 2) / 2, 1
        case "half_mse":
            return total((z - y) ** 2), 2 * count
        case "mse":
            return total((z - y) ** 2), every
        case "mae":
            return total(jnp.abs(z - y)), every
        case "huber":
            r = jnp.abs(z - y)
            return total(jnp.where(r < 1, r**2 / 2, r - 0.5)), every
        case "hinge":
            return total(jnp.maximum(0, 1 - y * z)), every
        case "poisson":
            return total(jnp.exp(z) - y * z), every
        case "gaussian":
            return total(s + (y - z) ** 2 / jnp.exp(s)) / 2, every
        case "binary_cross_entropy":
            no, yes = fields.get("class_weight", (1, 1))
            log = jax.nn.log_sigmoid
            return -total(yes * y * log(z) + no * (1 - y) * log(-z)), every
        case "cross_entropy":
            share = fields.get("label_smoothing", 0)
            y = (1 - share) * y + share / y.shape[-1]
            factors = jnp.array(fields.get("class_weight", [1.0] * y.shape[-1]))
            return -total(factors * y * jax.nn.log_softmax(z)), every / y.shape[-1]
    raise AssertionError(name)


def drawn(name: str, rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    """Targets, classes as rows of ones."""
    if name == "cross_entropy":
        return np.eye(shape[-1])[rng.integers(shape[-1], size=shape[:-1])]
    if name == "binary_cross_entropy":
        return rng.integers(2, size=shape).astype(float)
    if name == "hinge":
        return rng.choice([-1.0, 1.0], size=shape)
    return rng.poisson(2, shape) if name == "poisson" else rng.normal(0, 1.5, shape)


@needs_jax
@pytest.mark.parametrize(("name", "fields", "shape"), CASES)
def test_a_loss_and_its_gradients_are_those_of_jax(
    name: str, fields: Spec, shape: tuple[int, ...]
) -> None:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    layers, own = [dense(5, activation="tanh"), dense(activation=FINAL[name])], dict(fields)
    if name == "gaussian":
        layers = [dense(5, activation="tanh", name="h")]
        layers += [dense(**{"from": "h", "name": part}) for part in ("mean", "spread")]
        own["of"] = ["mean", "spread"]
    net = lines_of(layers, {"name": name, **own}, shape)
    module: Any = compile_module(net)
    rng = np.random.default_rng(2)
    params = {k: rng.normal(0, 0.8, v.shape) for k, v in module.initialize().items()}
    x = rng.normal(size=(6, *shape))
    y = drawn(name, rng, (6, *shape[:-1], 3))
    w = rng.uniform(0, 2, 6) if fields.get("sample_weight") else np.ones(6)

    def loss(p: Any) -> Any:
        h = jnp.tanh(x @ p["A_1"].T + p["b_1"])
        outs = [h @ p[f"A_{k}"].T + p[f"b_{k}"] for k in (2, 3) if f"A_{k}" in p]
        each, count = by_sample(name, fields, outs[0], outs[-1], y)
        found = fields.get("weight", 1) * (w * each).sum() / count
        squares = sum((v**2).sum() for k, v in p.items() if k.startswith("A_"))
        return found + fields.get("l2", 0) / 2 * squares

    given = y.argmax(axis=-1) if fields.get("labels") else y
    expected, by = jax.value_and_grad(loss)(params)
    targets = {"y": given, "w": w} if fields.get("sample_weight") else given
    value, gradients = module.loss_and_gradients(params, x, targets)
    assert value == pytest.approx(float(expected), rel=1e-12)
    for key, gradient in gradients.items():
        assert np.abs(gradient - by[key]).max() < 1e-10 * max(1.0, np.abs(by[key]).max()), key
    report = verify_lines(LinesDerivation(net))
    assert report.ok, str(report)


def test_every_loss_and_option_is_tried() -> None:
    tried = {(name, key) for name, fields, _ in CASES for key in fields}
    assert {name for name, _, _ in CASES} == GRAPH_LOSSES.keys()
    for name, row in GRAPH_LOSSES.items():
        assert {(name, key) for key in row.fields} <= tried, name


@pytest.mark.parametrize("labels", [True, False])
@pytest.mark.parametrize("more", [{}, {"label_smoothing": 0.1}, {"class_weight": [1, 2, 3]}])
def test_scores_of_800_have_finite_gradients(labels: bool, more: Spec) -> None:
    fields = {"name": "cross_entropy", "labels": labels, **more}
    module: Any = compile_module(lines_of([dense(activation="softmax")], fields))
    params = {"A_1": np.zeros((3, 4)), "b_1": np.array([800.0, 0.0, -800.0])}
    y = np.array([0, 1, 2])
    loss, gradients = module.loss_and_gradients(params, np.ones((3, 4)), y)
    assert np.isfinite(loss)
    smooth = (1 - more.get("label_smoothing", 0)) * np.eye(3)[y]
    shares = np.array(more.get("class_weight", [1, 1, 1])) * (
        smooth + more.get("label_smoothing", 0) / 3
    )
    expected = (shares.sum(axis=1)[:, None] * np.eye(3)[0] - shares).mean(axis=0)
    assert np.abs(gradients["b_1"] - expected).max() < 1e-12


def test_labels_are_read_and_give_p_minus_one() -> None:
    net = lines_of([dense(activation="softmax")], {"name": "cross_entropy", "labels": True})
    assert str(net.program.tensors["y"]) == "y[n]"
    assert str(LinesDerivation(net).gradients["b_1"]) == "db_1[j] = sum_{n} dz_1[n,j]"
    assert "dz_1[n,j] = (a_1[n,j] - [j = y[n]])/N" in str(LinesDerivation(net))


TWO = [dense(5, activation="tanh", name="body"), dense(activation="softmax", name="kind")]
TWO += [dense(2, **{"from": "body", "name": "age"})]
BOTH = [
    {"name": "cross_entropy", "of": "kind", "labels": True},
    {"name": "mse", "of": "age", "weight": 0.5, "l2": 0.01, "sample_weight": True},
]


def test_several_losses_are_summed_and_outputs_are_called_by_their_layers() -> None:
    module: Any = compile_module(lines_of(TWO, BOTH))
    rng = np.random.default_rng(0)
    x, kind, age = rng.normal(size=(9, 4)), rng.integers(3, size=9), rng.normal(size=(9, 2))
    p, w = module.initialize(1), rng.uniform(size=9)
    found = module.predict(p, x)
    assert list(found) == ["kind", "age"]
    loss, _ = module.loss_and_gradients(p, x, {"kind": kind, "age": age, "w": w})
    squares = sum((p[f"A_{k}"] ** 2).sum() for k in (1, 2, 3))
    first = -np.log(found["kind"][range(9), kind]).mean()
    second = (w[:, None] * (found["age"] - age) ** 2).mean()
    assert loss == pytest.approx(first + 0.5 * second + 0.01 / 2 * squares, rel=1e-12)
    # weights are 1 where they are not given
    ones = module.loss_and_gradients(p, x, {"kind": kind, "age": age, "w": np.ones(9)})
    assert module.loss_and_gradients(p, x, {"kind": kind, "age": age})[0] == ones[0]
    assert module.check() < 1e-6
    _, history = module.train(x, {"kind": kind, "age": age}, epochs=40)
    assert history[-1] < history[0]


def test_two_losses_may_share_a_target() -> None:
    both = [{"name": name, "target": "y", "weight": 0.5} for name in ("mse", "mae")]
    module: Any = compile_module(lines_of([dense(2)], both))
    rng = np.random.default_rng(0)
    p, x, y = module.initialize(), rng.normal(size=(5, 4)), rng.normal(size=(5, 2))
    r = module.predict(p, x) - y
    loss, _ = module.loss_and_gradients(p, x, y)
    assert loss == pytest.approx(0.5 * (r**2).mean() + 0.5 * np.abs(r).mean(), rel=1e-12)


def test_calls_are_the_same_as_a_spec() -> None:
    x = symnn.Input("x", shape=[4])
    body = Dense(5, activation="tanh")(x)
    outs = {"kind": Dense(3, activation="softmax")(body), "age": Dense(2)(body)}
    net = symnn.network(outs, BOTH, optimizer="adam")
    assert net.spec.text == lines_of(TWO, BOTH).spec.text
    assert net.spec.written and net.spec.written.outputs == {"a_2": "kind", "z_3": "age"}
    one = symnn.network(outs["kind"], {"name": "cross_entropy", "label_smoothing": 0.1})
    assert "t_2[n, j2<3] = 0.9*y[n, j2]" in one.spec.text
    with pytest.raises(TypeError, match="l2 is a field of loss"):
        symnn.network(outs, BOTH, l2=0.1)
    with pytest.raises(SpecError, match="one output has two names"):
        symnn.network({"a": body, "b": body}, BOTH)
    with pytest.raises(SpecError, match=r"loss\.weights: unknown field; did you mean 'weight'"):
        symnn.network(body, {"name": "mse", "weights": 2})
    with pytest.raises(TypeError, match="on what layers give, not on int"):
        symnn.network(3)  # type: ignore[arg-type]
    with pytest.raises(SpecError, match="there is no layer"):
        symnn.network(x)


# losses as lines ----------------------------------------------------------------------------

FOCAL = """target y[n<N, o]     # Lin et al. 2017
q[n,o] = y[n,o]*a[n,o] + (1 - y[n,o])*(1 - a[n,o])
L = -mean_{n,o} (1 - q[n,o])**2*log(q[n,o])"""


def test_a_loss_of_ones_own_reads_layers_by_their_names() -> None:
    layers = [dense(3, activation="tanh"), dense(2, activation="sigmoid", name="a")]
    net = lines_of(layers, {"lines": FOCAL, "l2": 0.1})
    module: Any = compile_module(net)
    rng = np.random.default_rng(0)
    p, x, y = module.initialize(), rng.normal(size=(5, 4)), rng.integers(2, size=(5, 2))
    q = np.where(y == 1, a := module.predict(p, x), 1 - a)
    squares = (p["A_1"] ** 2).sum() + (p["A_2"] ** 2).sum()
    expected = -((1 - q) ** 2 * np.log(q)).mean() + 0.1 / 2 * squares
    assert module.loss_and_gradients(p, x, y)[0] == pytest.approx(expected, rel=1e-12)
    assert verify_lines(LinesDerivation(net)).ok


def test_names_and_axes_of_ones_own_do_not_meet_those_of_layers() -> None:
    """t, j and z_1 are of the network too, and stand for something else there."""
    layers = [dense(5, activation="own", name="h"), dense(2, name="z")]
    text = """target r[n<N, t<3, u]
j[n,u] = sum_t r[n,t,u]
z_1[n,u] = z[n,u] - j[n,u]
L = mean_{n,u} z_1[n,u]**2"""
    rows = [{"lines": text}, {"name": "mse", "of": "h", "target": "y"}]
    module: Any = compile_module(lines_of(layers, rows, activations={"own": "x**3"}))
    rng = np.random.default_rng(0)
    p, x = module.initialize(), rng.normal(size=(6, 4))
    y, r = rng.normal(size=(6, 5)), rng.normal(size=(6, 3, 2))
    h = (x @ p["A_1"].T + p["b_1"]) ** 3
    z = h @ p["A_2"].T + p["b_2"]
    expected = ((z - r.sum(axis=1)) ** 2).mean() + ((h - y) ** 2).mean()
    loss, _ = module.loss_and_gradients(p, x, {"r": r, "y": y})
    assert loss == pytest.approx(expected, rel=1e-12)


def shared_embedding(names: str) -> list[Spec]:
    """Inputs through the same layer, each by a name."""
    first, *rest = names.split()
    layers = [dense(2, **{"from": first, "name": f"of_{first}"})]
    return layers + [
        dense(2, **{"from": x, "name": f"of_{x}", "share": f"of_{first}"}) for x in rest
    ]


def guide(name: str) -> str:
    """A loss of the guide, by its comment."""
    text = (Path(symnn.__file__).parent / "guide" / "graph.md").read_text(encoding="utf-8")
    _, found, rest = text.partition(f"    # {name}")
    assert found, name
    return "\n".join(row.removeprefix("    ") for row in rest.partition("\n\n")[0].split("\n")[1:])


def norms(a: Any, b: Any) -> Any:
    return ((a - b) ** 2).sum(axis=-1)


def log_softmax(z: Any) -> Any:
    return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))


BY_HAND: dict[str, tuple[str, Any]] = {
    "triplet": ("x p q", lambda a, p, q, y: np.maximum(norms(a, p) - norms(a, q) + 1, 0).mean()),
    "contrastive": (
        "x p",
        lambda a, b, y: (
            (y * norms(a, b) + (1 - y) * np.maximum(0, 1 - np.sqrt(norms(a, b))) ** 2).mean() / 2
        ),
    ),
    "InfoNCE": ("x p", lambda a, b, y: -np.diag(log_softmax(a @ b.T / 0.1)).mean()),
    "Kullback-Leibler": (
        "x",
        lambda a, y: (y * (np.log(np.maximum(y, 1e-300)) - log_softmax(a))).sum(axis=1).mean(),
    ),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_losses_of_the_guide(name: str) -> None:
    inputs, by_hand = BY_HAND[name]
    text = guide(name)
    spec = {
        "inputs": {x: {"shape": [4]} for x in inputs.split()},
        "layers": shared_embedding(inputs),
        "loss": {"lines": text},
    }
    found = load_model(spec)
    assert isinstance(found, LinesSpec)
    net = Lines(found)
    assert verify_lines(LinesDerivation(net)).ok
    module: Any = compile_module(net)
    rng = np.random.default_rng(0)
    p, x = module.initialize(), {x: rng.normal(size=(5, 4)) for x in inputs.split()}
    values = [v @ p["A_1"].T + p["b_1"] for v in x.values()]
    target = rng.dirichlet([1, 1], 5) if name == "Kullback-Leibler" else rng.integers(2, size=5)
    if name == "Kullback-Leibler":
        target[0] = 0.0, 1.0  # 0 log 0 is 0
    y = target if "target" in text else None
    loss, _ = module.loss_and_gradients(p, x, y)
    assert loss == pytest.approx(float(by_hand(*values, target)), rel=1e-9)
    assert module.check() < 1e-6


# data ---------------------------------------------------------------------------------------

WEIGHTED = """
[inputs.x]
shape = [4]
[[layers]]
type = "dense"
units = 3
activation = "softmax"
[loss]
name = "cross_entropy"
labels = true
sample_weight = true
[train]
data = "data.DATA"
epochs = 3
"""


@pytest.mark.parametrize("suffix", ["npz", "csv"])
def test_weights_of_samples_come_with_the_data(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.toml").write_text(WEIGHTED.replace("DATA", suffix))
    rng = np.random.default_rng(0)
    x, y, w = rng.normal(size=(8, 4)), rng.integers(3, size=8), rng.uniform(0, 2, 8)

    def train(weights: Any) -> dict[str, Any]:
        if suffix == "npz":
            np.savez("data.npz", x=x, y=y, **({} if weights is None else {"w": weights}))
        else:
            parts = [x, y, *([] if weights is None else [weights])]
            heads = ["a", "b", "c", "d", "y", "w"][: x.shape[1] + len(parts) - 1]
            table = np.column_stack(parts)
            np.savetxt("data.csv", table, delimiter=",", header=",".join(heads), comments="")
        assert run(["train", "net.toml", "--quiet", "--force"]) == 0
        return dict(np.load("network.npz"))

    module: Any = symnn.lines(Path("net.toml")).compile()
    for weights in (w, None):
        targets = y if weights is None else {"y": y, "w": weights}
        expected, _ = module.train(x, targets)
        found = train(weights)
        for key, values in expected.items():
            assert np.abs(values - found[key]).max() < 1e-12, key
    with pytest.raises(ValueError, match=r"w holds -1\.0; no sample may weigh less than 0"):
        module.train(x, {"y": y, "w": np.where(y == 0, -1.0, 1.0)})
    with pytest.raises(ValueError, match="must hold y"):
        module.train(x, {"w": w})
    derivation = LinesDerivation(symnn.lines(Path("net.toml")))
    values = {"x": x, "y": y, **module.initialize()}
    ones = derivation.evaluate({**values, "w": np.ones(8)})[0]
    assert derivation.evaluate(values)[0] == ones


# mistakes -----------------------------------------------------------------------------------

CE, SOFT = "cross_entropy", [dense(activation="softmax")]


@pytest.mark.parametrize(
    ("layers", "losses", "message"),
    [
        (SOFT, {}, "loss.name: one of name and lines is needed"),
        (SOFT, {"labels": True}, "loss.name: one of name and lines is needed"),
        (SOFT, {"name": CE, "lines": "L = 1"}, "loss.name: one of name and lines is needed"),
        (SOFT, [], "losses: must be a list of tables"),
        (SOFT, [3], "losses[0]: must be a table, not the integer 3"),
        (SOFT, [{"name": "mce"}], 'losses[0].name: unknown value "mce"'),
        (SOFT, {"name": CE, "weight": -1}, "loss.weight: must be greater than 0, not -1"),
        (SOFT, {"name": CE, "label_smoothing": 1}, "loss.label_smoothing: must be less than 1"),
        (SOFT, {"name": CE, "labels": "yes"}, "loss.labels: must be true or false"),
        (SOFT, {"name": CE, "class_weight": [1, 2]}, "holds 2 number(s) for 3 classes"),
        (
            [dense(201, activation="softmax")],
            {"name": CE, "class_weight": [1] * 201},
            "class_weight has at most 200 classes",
        ),
        (SOFT, {"name": CE, "class_weight": [1, -2, 1]}, "loss.class_weight: must hold numbers"),
        (SOFT, {"name": CE, "class_weight": 3}, "loss.class_weight: must be a list"),
        (SOFT, {"name": "mse", "labels": True}, "loss.labels: mse has no such field"),
        (SOFT, {"name": "mse", "rate": 1}, "loss.rate: unknown field"),
        ([dense()], [{"name": CE}], "the last layer's activation must be softmax"),
        (TWO, [{"name": CE, "of": "age"}], "of age the activation must be softmax"),
        (TWO, [{"name": CE, "of": "kin"}], "losses[0].of: no layer is called 'kin'; did you mean"),
        (TWO, [{"name": CE, "of": "x"}], "losses[0].of: no layer is called 'x'"),
        (TWO, [BOTH[0]], "nothing reads age"),
        (TWO, [BOTH[0], {**BOTH[1], "target": "kind"}], "give one of the two losses a target"),
        (TWO, [{**BOTH[0], "l2": 1}, BOTH[1]], "losses[1].l2: another loss has it already"),
        (TWO, [BOTH[0], {"name": "gaussian", "of": "age"}], "gaussian does not read 1 layers"),
        (TWO, [{"name": "gaussian", "of": ["kind", "age"]}], "the means have the shape (3,)"),
        (SOFT, {"name": CE, "target": "x"}, "loss.target: x is an input, which layers read"),
        (SOFT, {"name": CE, "target": "z_1"}, "the equations have the name z_1 already"),
        (SOFT, {"name": CE, "target": "a b"}, "loss.target: 'a b' is no name of a target"),
        (
            [dense(name="a"), dense(**{"from": "y"})],
            {"name": "mse", "target": "t"},
            "layers[1].from: y is a target, which a loss alone reads",
        ),
        ([dense(name="a b")], {"name": "mse"}, 'layers[0].name: "a b" is no name'),
        (SOFT, {"lines": "target y[n]"}, "loss.lines: no equation computes L"),
        (SOFT, {"lines": "L = mean_n (1"}, 'loss.lines: line 1, column 12: "(" is not closed'),
        (
            SOFT,
            {"lines": "target y[n<N]\nL = sum_n (y[n] - q[n])"},
            'loss.lines: line 2, column 19: there is no "q"',
        ),
        (
            SOFT,
            {"lines": "target y[n,o<3]\nL = sum_{n,o} foo(y[n,o])"},
            'loss.lines: line 2, column 15: there is no function "foo"',
        ),
        (SOFT, {"lines": "target x[n<N]\nL = sum_n x[n]"}, "x is the name of a layer or an input"),
        (SOFT, {"lines": "L = dense_1"}, "loss.lines: line 1, column 5: "),
    ],
)
def test_mistakes_are_named_with_their_place(
    layers: list[Spec], losses: Any, message: str, tmp_path: Path
) -> None:
    with pytest.raises(SpecError) as caught:
        lines_of(layers, losses)
    assert message in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_the_command_line_tells_a_mistake_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.toml").write_text(WEIGHTED.replace("labels = true", "class_weight = [1]"))
    for command in ("check", "derive", "generate", "train"):
        assert run([command, "net.toml"]) == 2
        out, err = capsys.readouterr()
        assert (out, len(err.splitlines())) == ("", 1)
        assert err.startswith("net.toml:9: loss.name: class_weight holds 1 number(s) for 3 classes")
    assert [p.name for p in tmp_path.iterdir()] == ["net.toml"]


def test_fields_of_chains_and_both_kinds_of_losses() -> None:
    chain = {"model": {"inputs": 2}, "layers": [dense(1)]}
    for more, message in (
        ({"loss": {"name": "hinge"}, "train": {"standardize": True}}, "of chains of dense layers"),
        ({"loss": {"name": "mse"}, "losses": [{"name": "mse"}]}, "is given beside [[losses]]"),
        ({"loss": {"name": "hinge"}, "example": [1]}, "example: must be a table"),
        ({"inputs": {"x": {"shape": [2]}}}, "the section [loss] is missing"),
    ):
        with pytest.raises(SpecError) as caught:
            load_model({**chain, **more})
        assert message in str(caught.value)


def test_a_chain_with_one_of_these_losses_is_a_network_of_any_shape() -> None:
    chain = {"model": {"inputs": 2}, "layers": [dense(1)]}
    for loss in ({"name": "hinge"}, {"name": "mse", "sample_weight": True}):
        assert isinstance(load_model({**chain, "loss": loss}), LinesSpec)
    assert not isinstance(load_model({**chain, "loss": {"name": "mse", "l2": 0.1}}), LinesSpec)
