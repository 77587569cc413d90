"""Modules of networks with equal blocks: looped over, right, and as short as those of one block."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import symnn
from symnn.api import Lines
from symnn.engine.repeats import Repeat, rolled_blocks
from symnn.layers import Add, Attention, Dense, LayerNorm
from symnn.spec.reader import load_model

TRANSFORMER = """
[model]
name = "blocks"
[inputs.x]
shape = ["t:5"]
of = 7
[[layers]]
type = "embedding"
units = 8
[[layers]]
type = "positions"
[[layers]]
repeat = {count}
[[layers.block]]
type = "layer_norm"
[[layers.block]]
type = "attention"
heads = 2
causal = true
name = "attention"
[[layers.block]]
type = "add"
name = "r"
from = ["in", "attention"]
[[layers.block]]
type = "layer_norm"
[[layers.block]]
type = "dense"
units = 12
activation = "gelu"
[[layers.block]]
type = "dense"
units = 8
name = "m"
[[layers.block]]
type = "add"
from = ["r", "m"]
[[layers]]
type = "dense"
units = 7
activation = "softmax"
[loss]
name = "cross_entropy"
"""


def table(kind: str, block: bool = True, **fields: Any) -> str:
    """A layer of a spec."""
    rows = [f"{name.rstrip('_')} = {json.dumps(value)}" for name, value in fields.items()]
    head = "[[layers.block]]" if block else "[[layers]]"
    return "\n".join([head, f'type = "{kind}"', *rows, ""])


def repeated(count: int, *rows: str) -> str:
    return "".join([f"[[layers]]\nrepeat = {count}\n", *rows])


LAST = table("dense", block=False, units=2)
OTHERS = {
    # an axis of its equations is called k
    "convolutions": [
        repeated(
            4,
            table("conv2d", filters=3, kernel=3, padding=1, activation="tanh"),
            table("max_pool2d", size=3, stride=1, padding=1),
        ),
        table("global_pool", block=False),
    ],
    # loops over time within the loop over blocks
    "recurrences": [
        repeated(3, table("lstm", units=3, steps="all"), table("dropout", rate=0.3)),
        table("flatten", block=False),
    ],
    # states, and what every block reads of a layer before them
    "memory": [
        table("dense", block=False, name="memory", units=3),
        table("dense", block=False, units=3),
        repeated(
            4,
            table("batch_norm"),
            table("dense", name="d", units=3),
            table("attention", from_=["d", "memory"]),
        ),
    ],
}


def lines_of(spec: str, tmp_path: Any) -> Lines:
    path = tmp_path / "blocks.toml"
    path.write_text(spec)
    found = load_model(path)
    return Lines(found)  # type: ignore[arg-type]


def agrees(net: Lines, data: dict[str, Any], bound: float = 1e-12) -> str:
    """The text of the module, whose gradients are those of the evaluator."""
    module, text = net.compile(), net.generate()
    rng = np.random.default_rng(0)
    params = {
        name: rng.normal(0, 0.4, shape) if name in net.parameters else np.full(shape, 0.5)
        for name, shape in module.PARAMETERS.items()
    }
    loss, found = module.loss_and_gradients(params, data["x"], data["y"])
    value, wanted = net.derive(wrt=list(net.parameters)).evaluate({**params, **data})
    assert abs(loss - value) <= bound * abs(value)
    assert list(found) == [name for name in module.PARAMETERS if name in net.parameters]
    for name, gradient in found.items():
        assert np.abs(gradient - wanted[name]).max() <= bound * max(1, np.abs(wanted[name]).max())
    first, second = module.train(data["x"], data["y"], epochs=2, learning_rate=1e-5)[1]
    assert second < first
    assert np.isfinite(module.predict(params, data["x"])).all()
    return text


def tokens(count: int = 3) -> dict[str, Any]:
    rng = np.random.default_rng(1)
    return {"x": rng.integers(0, 7, (count, 5)), "y": np.eye(7)[rng.integers(0, 7, (count, 5))]}


def test_twelve_blocks_take_a_fifth_more_than_one(tmp_path: Any) -> None:
    one, twelve = (
        agrees(lines_of(TRANSFORMER.format(count=count), tmp_path), tokens()) for count in (1, 12)
    )
    assert len(twelve) <= 1.2 * len(one)
    assert len(twelve.splitlines()) <= 1.2 * len(one.splitlines())
    assert "for k in range(3, 59, 5):" in twelve
    assert "for k in range(62, 11, -5):" in twelve


def test_blocks_of_calls_are_looped_over() -> None:
    x = symnn.Input("x", t=5, of=7)
    h = symnn.layers.Embedding(units=8)(x)
    for _ in range(5):
        h = h + Attention(heads=2)(LayerNorm()(h))
        h = Add()(h, Dense(8, activation="linear")(Dense(9, activation="tanh")(h)))
    net = symnn.network(Dense(7, activation="softmax")(h), loss="cross_entropy")
    text = agrees(net, tokens())
    assert text.count("Wq[k") >= 2
    assert 'Wq_3"' not in text


@pytest.mark.parametrize("name", OTHERS)
def test_other_blocks(name: str, tmp_path: Any) -> None:
    axes = ["h:6", "w:6", "c:3"] if name == "convolutions" else ["t:4", "c:3"]
    head = f'[model]\nname = "blocks"\n[inputs.x]\nshape = {json.dumps(axes)}\n'
    net = lines_of("".join([head, *OTHERS[name], LAST, '[loss]\nname = "mse"\n']), tmp_path)
    rng, shape = np.random.default_rng(2), (3, *(int(a[2:]) for a in axes))
    y = rng.normal(0, 1, (3, 4, 2) if name == "memory" else (3, 2))
    text = agrees(net, {"x": rng.normal(0, 1, shape), "y": y}, 1e-10)
    letter = "k" if name == "memory" else "layer"  # others have an axis k
    assert f"    for {letter} in range(" in text
    if name == "memory":  # it is no item that moves with the loop
        assert "z[1]" in text or "z_1" in text


def test_runs_of_blocks() -> None:
    def found(layers: list[int | None], letters: str) -> list[tuple[int, int, int, int]]:
        pairs = list(zip(layers, letters, strict=True))
        rolled = rolled_blocks(pairs, lambda pair: pair, lambda pair, layer, apart: None)
        return [(len(x.items), x.first, x.last, x.step) for x in rolled if isinstance(x, Repeat)]

    assert found([1, 2, 2, 3, 4, 4, 5, 6, 6], "abcabcabc") == [(3, 1, 5, 2)]
    assert found([6, 6, 5, 4, 4, 3, 2, 2, 1], "cbacbacba") == [(3, 6, 2, 2)]
    assert found([1, 2, 3, 4, 5], "aaaaa") == [(1, 1, 5, 1)]
    assert found([1, 2, 3, 4], "aaaa") == []  # three statements are not saved by a loop
    assert found([1, 2, 4, 8, 16, 32], "aaaaaa") == []
    assert found([None] * 6, "aaaaaa") == []
    assert found([0, 1, 1, 2, 2, 3, 3, 9], "xabababx") == [(2, 1, 3, 1)]
