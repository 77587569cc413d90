"""Networks of any shape from layers: what each computes, and its gradients, against JAX's."""

from __future__ import annotations

import importlib.util
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nn.jax_layers import recurrent, reference
from nn.layer_cases import CASES

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


@needs_jax
@pytest.mark.parametrize(("kind", "fields", "shape"), CASES)
def test_a_layer_and_its_gradients_are_those_of_jax(
    kind: str, fields: Spec, shape: tuple[int, ...]
) -> None:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    own = {**fields, **({"activation": "tanh"} if "conv" in kind else {})}
    # a layer before, so that the gradient by what comes in is looked at too, and one behind
    first = layer("dense", units=shape[-1], activation="sin")
    last = layer("dense", units=2, bias=False)
    module: Any = compile_module(lines_of([first, layer(kind, **own), last], list(shape)))
    rng = np.random.default_rng(4)
    params = {k: rng.normal(0, 0.7, v.shape) for k, v in module.initialize().items()}
    x = rng.normal(size=(3, *shape))

    def output(p: Any) -> Any:
        h = jnp.sin(x @ p["A_1"].T + p["b_1"])
        layers = defaultdict[int, dict[str, Any]](dict)
        for name, value in p.items():
            letters, _, number = name.rpartition("_")
            layers[int(number)][letters] = value
        own = [layers[k] for k in range(2, max(layers))] or [{}]
        return reference(kind, fields, *own[:1], h, *own[1:]) @ layers[max(layers)]["A"].T

    def loss_of(p: Any) -> Any:
        return ((output(p) - y) ** 2).mean()

    y = rng.normal(size=output(params).shape)
    loss, gradients = module.loss_and_gradients(params, x, y)
    expected, by = jax.value_and_grad(loss_of)(params)
    if kind != "batch_norm":  # in prediction its mean is another one
        assert np.abs(module.predict(params, x) - output(params)).max() < 1e-12
    assert loss == pytest.approx(float(expected), rel=1e-12)
    for name, gradient in gradients.items():
        assert np.abs(gradient - by[name]).max() < 1e-10 * max(1.0, np.abs(by[name]).max()), name


def test_every_layer_is_tried() -> None:
    apart = {
        "dropout",
        "activation",
        "flatten",
        "embedding",
        "add",
        "multiply",
        "concatenate",
        "lines",
    }
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


def test_batch_norm_predicts_by_running_means_and_unbiased_variances() -> None:
    norm = layer("batch_norm", momentum=0.25)
    net = lines_of([norm], ["t:3", "c:2"], train={"learning_rate": 0.1, "shuffle": False})
    module: Any = compile_module(net)
    rng = np.random.default_rng(0)
    x, y = rng.normal(3, 2, (5, 3, 2)), rng.normal(size=(5, 3, 2))
    start = module.initialize()
    assert start["M_1"].tolist() == [0, 0] and start["V_1"].tolist() == [1, 1]
    assert module.loss_and_gradients(start, x, y)[1].keys() == {"g_1", "b_1"}
    p, _ = module.train(x, y, epochs=1, batch_size=3)
    mean, variance = start["M_1"], start["V_1"]
    for batch in (x[:3], x[3:]):
        mean = 0.75 * mean + 0.25 * batch.mean(axis=(0, 1))
        variance = 0.75 * variance + 0.25 * batch.var(axis=(0, 1), ddof=1)
    assert np.abs(p["M_1"] - mean).max() < 1e-14 and np.abs(p["V_1"] - variance).max() < 1e-14
    expected = p["g_1"] * (x - mean) / np.sqrt(variance + 1e-5) + p["b_1"]
    for rows in (slice(0, 1), slice(None)):  # whatever samples there are beside
        assert np.abs(module.predict(p, x[rows]) - expected[rows]).max() < 1e-12
    # one value has the variance 0, which is no reason to end
    single: Any = compile_module(lines_of([norm], [2]))
    p, _ = single.train(x[:1, 0], y[:1, 0], epochs=2)
    assert np.abs(p["V_1"] - 0.75**2).max() < 1e-15


@needs_jax
@pytest.mark.parametrize(("kind", "count"), [("rnn", 1), ("gru", 2), ("lstm", 2)])
def test_first_states_may_come_in(kind: str, count: int) -> None:
    import jax

    jax.config.update("jax_enable_x64", True)
    names = [f"s{k}" for k in range(count)]
    both = kind == "gru"
    spec = {
        "inputs": {"x": {"shape": [4, 2]}, **{name: {"shape": [3]} for name in names}},
        "layers": [layer(kind, units=3, bidirectional=both, **{"from": ["x", *names]})],
        "loss": {"name": "mse"},
    }
    found = load_model(spec)
    assert isinstance(found, LinesSpec)
    net = Lines(found)
    module: Any = compile_module(net)
    assert module.check() < 1e-6 and verify_lines(LinesDerivation(net, wrt=names)).ok
    rng = np.random.default_rng(1)
    data = {name: rng.normal(size=(5, *shape[1:])) for name, shape in module.INPUTS.items()}
    p = {k: rng.normal(size=v.shape) for k, v in module.initialize().items()}
    letters = {k.removesuffix("_1"): v for k, v in p.items()}
    own = ["h0", "h0_back"] if both else ["h0", "C0"]
    letters |= {a: data[name] for a, name in zip(own, names, strict=False)}
    expected = reference(kind, {"units": 3, "bidirectional": both}, letters, data["x"])
    assert np.abs(module.predict(p, data) - expected).max() < 1e-12


def test_a_dense_layer_may_have_the_table_of_an_embedding() -> None:
    spec = {
        "inputs": {"tok": {"shape": ["t:3"], "of": 5}},
        "layers": [
            layer("embedding", units=4, name="words"),
            layer("sinusoidal_positions"),
            layer("dense", units=5, bias=False, share="words", activation="softmax"),
        ],
        "loss": {"name": "cross_entropy"},
    }
    found = load_model(spec)
    assert isinstance(found, LinesSpec)
    net = Lines(found)
    assert list(net.parameters) == ["E_1"] and verify_lines(LinesDerivation(net)).ok
    module: Any = compile_module(net)
    p, tok = module.initialize(1), np.array([[0, 4, 2], [1, 1, 3]])
    angles = np.arange(3)[:, None] / 10000 ** (np.arange(2) / 2)
    waves = np.stack([np.sin(angles), np.cos(angles)], axis=-1).reshape(3, 4)
    scores = np.exp((p["E_1"][tok] + waves) @ p["E_1"].T)
    expected = scores / scores.sum(axis=-1, keepdims=True)
    assert np.abs(module.predict(p, tok) - expected).max() < 1e-14


def test_layers_of_several_parts_and_loops_share_their_parameters() -> None:
    block = layer("transformer_block", heads=2, units=3, rate=0.5)
    net = lines_of(
        [
            {**block, "name": "one"},
            {**block, "share": "one"},
            layer("rnn", units=4, steps="all", name="two"),
            layer("rnn", units=4, share="two"),
            layer("dense", units=1),
        ],
        ["t:3", "c:4"],
    )
    numbers = {name.rpartition("_")[2] for name in net.parameters}
    assert numbers == {"1", "2", "3", "4", "5", "6", "7"}
    assert len(net.program.leaves_of("mask")) == 4
    module: Any = compile_module(net)
    assert module.check() < 1e-6
    p, x = module.initialize(0), np.random.default_rng(0).normal(size=(2, 3, 4))
    first: Any = compile_module(lines_of([block], ["t:3", "c:4"]))
    own = {k: p[k] for k in first.PARAMETERS}
    h = first.predict(own, first.predict(own, x))
    for steps in ("all", "last"):
        loop: Any = compile_module(lines_of([layer("rnn", units=4, steps=steps)], [3, 4]))
        h = loop.predict({k: p[k.replace("_1", "_6")] for k in loop.PARAMETERS}, h)
    assert np.abs(module.predict(p, x) - h @ p["A_7"].T - p["b_7"]).max() < 1e-12


def test_places_by_waves_stand_beside_places_that_are_learned() -> None:
    """Of one channel there is a sine alone; and the two have names of their own."""
    rows = [layer("positions"), layer("sinusoidal_positions"), layer("flatten")]
    lines = lines_of([*rows, layer("dense", units=1)], [3, 1])
    assert lines.parameters.keys() >= {"R_1"}
    assert verify_lines(LinesDerivation(lines)).ok


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
    assert run(["draw", "bars.toml"]) == 0
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
        ([layer("transposed_conv1d", filters=1, kernel=2, padding=4)], "nothing is left of 6"),
        ([layer("transposed_conv2d", filters=1, kernel=2)], "takes 3 axes, and x has the shape"),
        ([layer("transformer_block", heads=4)], "4 heads do not divide 2 channels"),
        ([layer("transformer_block", hidden="swish2")], "unknown"),
        ([layer("batch_norm", momentum=0)], "momentum"),
        (
            [layer("batch_norm", name="a"), layer("batch_norm", share="a")],
            "batch_norm shares with none",
        ),
        ([layer("gru", units=2, reset="never")], "unknown value"),
        ([layer("lstm", units=2, **{"from": ["x", "x"]})], "it takes 2 first states, and 1 come"),
        ([layer("rnn", units=2, **{"from": ["x", "x"]})], "a first state has the shape (2,), x (6"),
        (
            [layer("dense", units=3, name="a"), layer("dense", units=4, share="a", bias=False)],
            "it needs A_1 of the shape (4, 3), which has (3, 2)",
        ),
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


def test_a_mistake_in_a_repeated_block_is_told_once() -> None:
    wrong = layer("dense", units=3)
    block = {"repeat": 4, "block": [{**wrong, "unitz": 5}, wrong]}
    with pytest.raises(SpecError) as caught:
        lines_of([layer("dense", units=3), block], [4])
    assert str(caught.value).count("unitz") == 1
