"""Networks of any shape in Python: layers that are called."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symnn
from symnn.io.errors import SpecError
from symnn.layers import (
    Attention,
    Concatenate,
    Conv1d,
    Conv2d,
    Dense,
    Embedding,
    Flatten,
    LayerNorm,
    Positions,
)
from symnn.nn.calls import Node
from symnn.nn.graph_layers import GRAPH_LAYERS


def block(x: Node) -> Node:
    """A transformer block."""
    x = x + Attention(heads=2, causal=True)(LayerNorm()(x))
    return x + Dense(4)(Dense(8, activation="gelu")(LayerNorm()(x)))


def test_a_transformer_by_calls_is_that_of_a_spec() -> None:
    tokens = symnn.Input("tok", t=5, of=7)
    h = block(block(Positions()(Embedding(4)(tokens))))
    net = symnn.network(Dense(7, activation="softmax")(h), loss="cross_entropy", l2=0.001)
    norm, look = {"type": "layer_norm"}, {"type": "attention", "heads": 2, "causal": True}
    inner = [
        norm,
        {**look, "name": "look"},
        {"type": "add", "from": ["in", "look"], "name": "middle"},
        norm,
        {"type": "dense", "units": 8, "activation": "gelu"},
        {"type": "dense", "units": 4, "name": "feed"},
        {"type": "add", "from": ["middle", "feed"]},
    ]
    spec = symnn.spec.reader.load_model(
        {
            "inputs": {"tok": {"shape": ["t:5"], "of": 7}},
            "layers": [
                {"type": "embedding", "units": 4},
                {"type": "positions"},
                {"block": inner},
                {"block": inner},
                {"type": "dense", "units": 7, "activation": "softmax"},
            ],
            "loss": {"name": "cross_entropy", "l2": 0.001},
        }
    )
    assert isinstance(spec, symnn.spec.sections.LinesSpec)
    assert net.spec.text == spec.text
    assert net.notes == () and pickle.loads(pickle.dumps(net)).spec == net.spec


def test_a_layer_that_is_called_twice_shares_its_weights() -> None:
    same, a, b = Dense(3), symnn.Input("a", i=3), symnn.Input("b", shape=[3])
    net = symnn.network(Dense(1, bias=False)(Concatenate()(same(a) * same(b), same(same(a)))))
    assert net.parameters == {"A_1": (3, 3), "b_1": (3,), "A_2": (1, 6)}
    module: Any = net.compile()
    rng, p = np.random.default_rng(0), module.initialize()
    x = {"a": rng.normal(size=(2, 3)), "b": rng.normal(size=(2, 3))}

    def by_hand(v: Any) -> Any:
        return v @ p["A_1"].T + p["b_1"]

    joined = [by_hand(x["a"]) * by_hand(x["b"]), by_hand(by_hand(x["a"]))]
    expected = np.concatenate(joined, axis=1) @ p["A_2"].T
    assert np.abs(module.predict(p, x) - expected).max() < 1e-12
    assert module.check() < 1e-6
    # two layers of equal fields are two layers
    assert list(symnn.network(Dense(3)(Dense(3)(a))).parameters) == ["A_1", "b_1", "A_2", "b_2"]


def test_every_layer_can_be_called() -> None:
    assert {layer.__name__ for layer in GRAPH_LAYERS.values()} == set(symnn.layers.__all__)
    image = symnn.Input("image", shape=["h:6", "w:6", "c:1"])
    h = Flatten()(Conv2d(filters=2, kernel=3, activation="relu")(image))
    net = symnn.network(Dense(2)(h), name="calls", dtype="float32", optimizer="adam")
    assert (net.spec.model.name, net.spec.train.optimizer) == ("calls", "adam")
    assert net.derive().verify().ok


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda x: Dense(0)(x), "network: Dense.units: must be at least 1, not 0"),
        (lambda x: Dense(2, activation="tahn")(x), "Dense.activation: unknown value"),
        (lambda x: Conv2d(2, 3)(x), "Conv2d: a convolution takes 3 axes, and x has the shape (3,)"),
        (lambda x: Dense(2)(x) + Dense(3)(x), "add: z_1 has the shape (2,), z_2 (3,)"),
        (lambda x: Dense(2)(symnn.Input("n", i=2)), "is no name of an input"),
        (lambda x: x + symnn.Input("x", i=3), "two inputs have that name"),
        (lambda x: Conv1d(2, 3)(x, x), "conv1d does not take 2 values"),
    ],
)
def test_mistakes_name_the_layer(wrong: Callable[[Node], Node], message: str) -> None:
    with pytest.raises(SpecError) as caught:
        symnn.network(wrong(symnn.Input("x", i=3)))
    assert message in str(caught.value)


def test_what_is_no_call_at_all() -> None:
    x = symnn.Input("x", i=3)
    with pytest.raises(TypeError, match="called on what layers give, not on int"):
        Dense(2)(3)  # type: ignore[arg-type]
    with pytest.raises(SpecError, match=r"loss\.name: unknown value"):
        symnn.network(Dense(2)(x), loss="mce")
    with pytest.raises(TypeError, match="no option 'rate'"):
        symnn.network(Dense(2)(x), rate=3)
