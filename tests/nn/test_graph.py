"""Networks of any shape from layers: what each computes, and its gradients, against JAX's."""

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
from symnn.nn.graph_layers import GRAPH_LAYERS
from symnn.spec.reader import load_model
from symnn.spec.sections import LinesSpec
from symnn.targets.registry import compile_module

needs_jax = pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="needs jax")

Spec = dict[str, Any]


def lines_of(layers: list[Spec], shape: Any, loss: str = "mse", **more: Any) -> Lines:
    spec = {"inputs": {"x": {"shape": shape}}, "layers": layers, "loss": {"name": loss}, **more}
    found = load_model(spec)
    assert isinstance(found, LinesSpec)
    return Lines(found)


def layer(type: str, **fields: Any) -> Spec:
    return {"type": type, **fields}


def reference(kind: str, fields: Spec, p: Any, x: Any) -> Any:
    """What a layer computes, by JAX's own operations; p: parameters by their letters."""
    import jax
    import jax.numpy as jnp
    from jax import lax

    rank, pad = x.ndim - 2, (fields.get("padding", 0),) * 2
    if "pool" in kind and "size" in fields:
        stride = fields.get("stride") or fields["size"]
        windows = (1, *[fields["size"]] * rank, 1), (1, *[stride] * rank, 1)
        around = ((0, 0), *[pad] * rank, (0, 0))
        if kind.startswith("max"):
            return lax.reduce_window(x, -jnp.inf, lax.max, *windows, around)
        return lax.reduce_window(x, 0.0, lax.add, *windows, around) / fields["size"] ** rank
    match kind:
        case "conv1d" | "conv2d":
            kernel, letters = p["A"], "HW"[:rank]
            if (groups := fields.get("groups", 1)) > 1:  # to (places, inner, group * out)
                kernel = jnp.moveaxis(kernel, rank, rank + 1)
                kernel = kernel.reshape(*kernel.shape[: rank + 1], -1)
            found = lax.conv_general_dilated(
                x,
                kernel,
                [fields.get("stride", 1)] * rank,
                [pad] * rank,
                rhs_dilation=[fields.get("dilation", 1)] * rank,
                feature_group_count=groups,
                dimension_numbers=(f"N{letters}C", f"{letters}IO", f"N{letters}C"),
            )
            return jnp.tanh(found + p["b"].reshape(-1))
        case "global_pool":
            over = tuple(range(1, x.ndim - 1))
            return x.max(over) if fields.get("kind") == "max" else x.mean(over)
        case "layer_norm":
            found = (x - x.mean(-1, keepdims=True)) / jnp.sqrt(x.var(-1, keepdims=True) + 1e-5)
            return p["g"] * found + p["b"]
        case "rms_norm":
            return p["g"] * x / jnp.sqrt((x**2).mean(-1, keepdims=True) + 1e-6)
        case "rnn" | "gru" | "lstm":
            return recurrent(kind, fields, p, x)
        case "attention":
            q, k, v = (jnp.einsum("adc,ntc->natd", p[f"W{m}"], x) for m in "qkv")
            scores = jnp.einsum("natd,naud->natu", q, k) / np.sqrt(q.shape[-1])
            if fields.get("causal"):
                scores = jnp.where(np.tril(np.ones(scores.shape[-2:])) > 0, scores, -jnp.inf)
            out = jnp.einsum("natu,naud->natd", jax.nn.softmax(scores), v)
            return jnp.einsum("cad,natd->ntc", p["Wo"], out)
        case "positions":
            return x + p["R"]
        case "dense":
            return jnp.tanh(x @ p["A"].T + p["b"])
    raise AssertionError(kind)


def recurrent(kind: str, fields: Spec, p: Any, x: Any) -> Any:
    import jax
    import jax.numpy as jnp

    def gate(mark: str, now: Any, old: Any) -> Any:
        return now @ p[f"U{mark}"].T + old @ p[f"W{mark}"].T + p[f"b{mark}"]

    sigmoid, tanh = jax.nn.sigmoid, jnp.tanh
    h = cell = jnp.zeros((len(x), fields["units"]))
    states = []
    for t in range(x.shape[1]):
        now = x[:, t]
        if kind == "rnn":
            h = tanh(gate("", now, h))
        elif kind == "gru":
            r, z = sigmoid(gate("_r", now, h)), sigmoid(gate("_z", now, h))
            g = tanh(gate("_g", now, r * h))
            h = (1 - z) * g + z * h
        else:
            i, f, o = (sigmoid(gate(mark, now, h)) for mark in ("_i", "_f", "_o"))
            cell = f * cell + i * tanh(gate("_g", now, h))
            h = o * tanh(cell)
        states.append(h)
    return jnp.stack(states, axis=1) if fields.get("steps") == "all" else h


CASES = [
    ("conv1d", {"filters": 4, "kernel": 2, "stride": 2, "padding": 1, "dilation": 2}, (9, 2)),
    ("conv2d", {"filters": 3, "kernel": 3, "padding": 1}, (5, 6, 2)),
    ("conv2d", {"filters": 4, "kernel": 3, "stride": 2, "padding": 2, "groups": 2}, (7, 6, 4)),
    ("conv2d", {"filters": 2, "kernel": 2, "dilation": 3}, (6, 7, 1)),
    ("max_pool1d", {"size": 3, "stride": 2, "padding": 1}, (8, 2)),
    ("max_pool2d", {"size": 3, "stride": 2, "padding": 1}, (5, 7, 2)),
    ("average_pool1d", {"size": 2, "stride": 1}, (5, 3)),
    ("average_pool2d", {"size": 3, "padding": 1}, (6, 6, 2)),
    ("global_pool", {}, (4, 5, 3)),
    ("global_pool", {"kind": "max"}, (6, 3)),
    ("layer_norm", {}, (4, 6)),
    ("rms_norm", {}, (4, 6)),
    ("rnn", {"units": 4}, (5, 3)),
    ("gru", {"units": 4, "steps": "all"}, (4, 2)),
    ("lstm", {"units": 4}, (4, 3)),
    ("attention", {"heads": 2}, (5, 6)),
    ("attention", {"causal": True}, (4, 3)),
    ("positions", {}, (4, 3)),
    ("dense", {"units": 4, "activation": "tanh"}, (3, 5)),
]


@needs_jax
@pytest.mark.parametrize(("kind", "fields", "shape"), CASES)
def test_a_layer_and_its_gradients_are_those_of_jax(
    kind: str, fields: Spec, shape: tuple[int, ...]
) -> None:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    own = {**fields, **({"activation": "tanh"} if kind.startswith("conv") else {})}
    # a layer before, so that the gradient by what comes in is looked at too, and one behind
    first = layer("dense", units=shape[-1], activation="sin")
    last = layer("dense", units=2, bias=False)
    module: Any = compile_module(lines_of([first, layer(kind, **own), last], list(shape)))
    rng = np.random.default_rng(4)
    params = {k: rng.normal(0, 0.7, v.shape) for k, v in module.initialize().items()}
    x = rng.normal(size=(3, *shape))

    def output(p: Any) -> Any:
        h = jnp.sin(x @ p["A_1"].T + p["b_1"])
        letters = {name.rsplit("_", 1)[0]: v for name, v in p.items() if name.endswith("_2")}
        return reference(kind, fields, letters, h) @ p["A_3" if "A_3" in p else "A_2"].T

    def loss_of(p: Any) -> Any:
        return ((output(p) - y) ** 2).mean()

    y = rng.normal(size=output(params).shape)
    loss, gradients = module.loss_and_gradients(params, x, y)
    expected, by = jax.value_and_grad(loss_of)(params)
    assert np.abs(module.predict(params, x) - output(params)).max() < 1e-12
    assert loss == pytest.approx(float(expected), rel=1e-12)
    for name, gradient in gradients.items():
        assert np.abs(gradient - by[name]).max() < 1e-10 * max(1.0, np.abs(by[name]).max()), name


def test_every_layer_is_tried() -> None:
    apart = {"dropout", "activation", "flatten", "embedding", "add", "multiply", "concatenate"}
    assert {kind for kind, _, _ in CASES} | apart == GRAPH_LAYERS.keys()


def test_joins_dropout_flatten_and_shared_weights() -> None:
    net = lines_of(
        [
            layer("conv1d", filters=3, kernel=3, padding=1, name="left"),
            layer("activation", function="softplus", name="soft"),
            layer("multiply", **{"from": ["left", "soft"]}, name="gated"),
            layer("dropout", rate=0.25, name="some"),
            layer("concatenate", **{"from": ["some", "x"]}),
            layer("flatten"),
            layer("dense", units=4, activation="tanh", name="first"),
            layer("dense", units=4, bias=False, name="second"),
            layer("dense", units=4, bias=False, share="second", name="third"),
            layer("add", **{"from": ["first", "third"]}),
            layer("flatten"),
            layer("activation", function="softmax"),
        ],
        ["t:4", "c:2"],
        loss="cross_entropy",
    )
    assert list(net.parameters) == ["A_1", "b_1", "A_2", "b_2", "A_3"]
    module: Any = compile_module(net)
    assert module.check() < 1e-6
    p, rng = module.initialize(3), np.random.default_rng(0)
    x = rng.normal(size=(2, 4, 2))
    padded = np.pad(x, ((0, 0), (1, 1), (0, 0)))
    left = sum(padded[:, k : k + 4] @ p["A_1"][k] for k in range(3)) + p["b_1"]
    gated = left * np.log1p(np.exp(left))
    joined = np.concatenate([gated, x], axis=-1)
    first = np.tanh(np.einsum("ntc,jtc->nj", joined, p["A_2"]) + p["b_2"])
    third = first @ p["A_3"].T @ p["A_3"].T
    scores = np.exp(first + third)
    expected = scores / scores.sum(axis=-1, keepdims=True)
    assert np.abs(module.predict(p, x) - expected).max() < 1e-12
    report = verify_lines(LinesDerivation(net))
    assert report.ok, str(report)


@pytest.mark.parametrize("kind", ["rnn", "gru", "lstm"])
def test_a_recurrent_layer_that_shares_has_states_of_its_own(kind: str) -> None:
    """The second reads the states of the first as its inputs, and not as its own states."""
    pytest.importorskip("jax")
    first = layer(kind, units=3, steps="all", name="first")
    module: Any = compile_module(
        lines_of([first, layer(kind, units=3, share="first"), layer("flatten")], [4, 3])
    )
    rng = np.random.default_rng(0)
    params = {k: rng.normal(size=v.shape) for k, v in module.initialize().items()}
    letters = {name.removesuffix("_1"): value for name, value in params.items()}
    x = rng.normal(size=(2, 4, 3))
    states = np.asarray(recurrent(kind, {"units": 3, "steps": "all"}, letters, x))
    expected = recurrent(kind, {"units": 3}, letters, states)
    assert np.abs(module.predict(params, x) - expected).max() < 1e-6
    assert module.check() < 1e-6


TRANSFORMER = {
    "inputs": {"tok": {"shape": ["t:5"], "of": 7}},
    "layers": [
        layer("embedding", units=4),
        layer("positions"),
        {
            "repeat": 2,
            "block": [
                layer("layer_norm"),
                layer("attention", heads=2, causal=True, name="look"),
                layer("add", **{"from": ["in", "look"]}, name="middle"),
                layer("layer_norm"),
                layer("dense", units=8, activation="gelu"),
                layer("dense", units=4, name="feed"),
                layer("add", **{"from": ["middle", "feed"]}),
            ],
        },
        layer("dense", units=7, activation="softmax"),
    ],
    "loss": {"name": "cross_entropy", "l2": 0.001},
    "model": {"name": "small transformer"},
    "train": {"optimizer": "adam", "learning_rate": 0.03, "epochs": 60, "batch_size": 16},
}


def test_a_transformer_learns_to_say_what_stood_one_step_before() -> None:
    spec = load_model(TRANSFORMER)
    assert isinstance(spec, LinesSpec)
    module: Any = compile_module(Lines(spec))
    x = np.random.default_rng(1).integers(7, size=(64, 5))
    y = np.concatenate([x[:, :1], x[:, :-1]], axis=1)
    params, history = module.train(x, y)
    right = module.predict(params, x).argmax(axis=-1) == y
    assert history[-1] < history[0] / 2
    assert right.mean() > 0.9


BARS = """
[model]
name = "bars"
[inputs.x]
shape = ["h:4", "w:4", "c:1"]
[[layers]]
type = "conv2d"
filters = 4
kernel = 3
activation = "relu"
[[layers]]
type = "max_pool2d"
size = 2
[[layers]]
type = "flatten"
[[layers]]
type = "dense"
units = 2
activation = "softmax"
[loss]
name = "cross_entropy"
[train]
optimizer = "adam"
learning_rate = 0.05
epochs = 60
data = "data.npz"
"""


def test_the_command_line_takes_a_network_of_any_shape(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bars.toml").write_text(BARS)
    rng = np.random.default_rng(0)
    x, y = rng.normal(0, 0.1, (40, 4, 4, 1)), rng.integers(2, size=40)
    for n, kind in enumerate(y):  # a row, or a column
        place = int(rng.integers(4))
        x[n, place if kind else slice(None), slice(None) if kind else place] += 1
    np.savez("data.npz", x=x, y=y)
    for words in (["check"], ["train"], ["derive", "-o", "bars.tex"], ["generate", "--force"]):
        assert run([words[0], "bars.toml", *words[1:], "--quiet"]) == 0
    module: Any = symnn.lines(Path("bars.toml")).compile()
    assert (module.predict(module.load("bars.npz"), x).argmax(axis=1) == y).mean() > 0.9
    capsys.readouterr()
    assert run(["draw", "bars.toml"]) == 2
    assert run(["derive", "bars.toml", "--layers", "n"]) == 2


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([layer("conv2d", filters=2, kernel=3)], "takes 3 axes, and x has the shape (6, 2)"),
        ([layer("conv1d", filters=2, kernel=9)], "a kernel of 9 does not fit into 6 values"),
        ([layer("conv1d", filters=3, kernel=2, groups=2)], "2 groups do not divide 2 and 3"),
        (
            [layer("dense", units=3, name="a"), layer("add", **{"from": ["a", "x"]})],
            "add: z_1 has the shape (6, 3), x (6, 2)",
        ),
        (
            [layer("dense", units=3, **{"from": "later"}), layer("dense", units=3, name="later")],
            "'later' does not stand before this layer",
        ),
        (
            [layer("dense", units=3, name="a"), layer("dense", units=2, **{"from": "x"})],
            "nothing reads a",
        ),
        ([layer("dense", units=3, name="x")], "two layers or inputs are called 'x'"),
        ([layer("embedding", units=3)], "x holds no whole numbers"),
        ([layer("attention", heads=4)], "4 heads do not divide 2 channels"),
        ([layer("conv1d", filters=2, kernel=3, stride=0)], "stride"),
        ([layer("conv3d", filters=2)], 'unknown layer "conv3d"'),
        ([layer("dense", units=3, share="b")], 'no layer before has parameters and is called "b"'),
        (
            [layer("dense", units=3, name="a"), layer("dense", units=4, share="a")],
            "it needs A_1 of the shape (4, 3), which has (3, 2)",
        ),
        ([{"repeat": 2, "block": [layer("dense", units=3)]}], "takes the shape (6, 2) and gives"),
        ([{"repeat": 2}], "block: is missing"),
        ([layer("lstm", units=2, steps="first")], "unknown value"),
        ([layer("flatten"), layer("conv1d", filters=1, kernel=2)], "a convolution takes 2 axes"),
    ],
)
def test_mistakes_are_named_with_their_place(layers: list[Spec], message: str) -> None:
    with pytest.raises(SpecError) as caught:
        lines_of(layers, [6, 2])
    assert message in str(caught.value)
    assert "layers" in str(caught.value)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, "must hold tables"),
        ({"x": 3}, "must be a table"),
        ({"x": {}}, "is missing; required"),
        ({"x": {"shape": [0]}}, "is no size of an axis"),
        ({"x": {"shape": ["n:3"]}}, "is no size of an axis"),
        ({"x": {"shape": [1, 2, 3, 4, 5]}}, "at most 4 sizes"),
        ({"y": {"shape": [3]}}, "is no name of an input"),
        ({"x_1": {"shape": [3]}}, "is no name of an input"),
    ],
)
def test_inputs_that_are_none(inputs: Any, message: str) -> None:
    spec = {"inputs": inputs, "layers": [layer("dense", units=2)], "loss": {"name": "mse"}}
    with pytest.raises(SpecError) as caught:
        load_model(spec)
    assert message in str(caught.value)
