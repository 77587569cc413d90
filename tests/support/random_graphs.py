"""Random networks of any shape: specs of layers with random fields, sources, blocks and losses."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from symnn.api import Lines
from symnn.engine.complex_step import draw
from symnn.engine.functions import ACTIVATIONS
from symnn.io.errors import SpecError
from symnn.io.fields import REQUIRED, Field
from symnn.nn.graph_layers import GRAPH_LAYERS
from symnn.nn.graph_losses import GRAPH_LOSSES
from symnn.spec.reader import load_model
from symnn.spec.sections import LinesSpec

Row = dict[str, Any]
LARGEST = 60_000  # entries of all tensors of a network
SAMPLES = 3
TRIES = 6  # rows that may not fit, for each that does


def network(row: Row) -> LinesSpec:
    """The lines of a spec; SpecError for a mistake."""
    found = load_model(row)
    assert isinstance(found, LinesSpec), row
    return found


class Graphs:
    """A spec from the registries of layers and losses: what does not fit is drawn again.

    spec: the network; refused: the messages about what did not fit.
    """

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.refused: list[str] = []
        self.unread: list[str] = []  # values that no layer reads yet
        self.layers: list[Row] = []
        self.spec = self.drawn()

    def drawn(self) -> Row:
        choose = self.random
        self.inputs = dict(self.input(name) for name in "xuv"[: choose.choice([1, 1, 1, 2, 3])])
        self.unread = list(self.inputs)
        for _ in range(choose.randrange(1, 7)):
            self.add()
        losses = [name for name, loss in GRAPH_LOSSES.items() if loss.reads == 1]
        return self.closed(choose.choice(losses), choose.choice([0.0, 0.0, 0.1]))

    def input(self, name: str) -> tuple[str, Row]:
        choose = self.random
        sizes = [choose.randrange(1, 7) for _ in range(choose.choice([1, 2, 2, 2, 3, 3]))]
        letters = choose.sample("abcdhijkloprstwz", len(sizes))
        shape = [
            f"{a}:{n}" if choose.random() < 0.3 else n for a, n in zip(letters, sizes, strict=True)
        ]
        row: Row = {"shape": shape}
        if choose.random() < 0.2:
            row["of"] = choose.randrange(1, 6)
        return name, row

    # --- layers

    def add(self) -> None:
        """One layer, or a block, that fits behind what there is."""
        for _ in range(TRIES):
            rows, read = self.block() if self.random.random() < 0.12 else self.layer()
            before = self.layers, self.unread
            self.layers = [*self.layers, *rows]
            self.unread = [n for n in self.unread if n not in read] + [rows[-1]["name"]]
            if self.holds():
                return
            self.layers, self.unread = before

    def holds(self) -> bool:
        """Whether the layers so far are a network, however it ends."""
        try:
            network(self.closed("mse", 0.0))
        except SpecError as error:
            self.refused.append(str(error))
            return False
        return True

    def layer(self) -> tuple[list[Row], list[str]]:
        """A layer with random fields, and the names that it reads."""
        choose = self.random
        kind = choose.choice([*GRAPH_LAYERS])
        names = [*self.inputs, *(r["name"] for r in self.layers if "name" in r)]
        alike = [r for r in self.layers if r.get("type") == kind and "share" not in r]
        place = {"type": kind, "name": f"l{len(self.layers)}"}
        if alike and choose.random() < 0.5:
            first = choose.choice(alike)
            row = {**first, **place, "share": first["name"]}
        else:
            row = {**self.fields(kind, 0.5), **place}
        recent = self.unread if self.unread and choose.random() < 0.7 else names
        count = choose.choice([2, 2, 3]) if kind in ("add", "multiply", "concatenate") else 1
        read = [choose.choice(recent), *(choose.choice(names) for _ in range(count - 1))]
        row["from"] = read[0] if count == 1 and choose.random() < 0.5 else read
        return [row], read

    def block(self) -> tuple[list[Row], list[str]]:
        """Layers that give the shape of what they take, several times; then a layer with a name."""
        choose, rows = self.random, list[Row]()
        kinds = ("layer_norm", "rms_norm", "activation", "attention", "positions", "dropout")
        for k in range(choose.randrange(1, 3)):
            kind = choose.choice(kinds)
            rows.append({"type": kind, **self.fields(kind, 0.3), "name": f"k{k}"})
        join = choose.choice(["add", "multiply"])
        rows.append({"type": join, "from": ["in", rows[-1]["name"]]})
        last = [r["name"] for r in self.layers if "name" in r][-1:] or [*self.inputs][-1:]
        behind = {"type": "activation", "function": "tanh", "name": f"l{len(self.layers)}"}
        return [{"repeat": choose.randrange(1, 4), "block": rows}, behind], last

    def fields(self, kind: str, share: float) -> Row:
        """Values for the fields that are needed, and for this share of the others."""
        return {
            key: self.value(key, own)
            for key, own in GRAPH_LAYERS[kind].FIELDS.items()
            if own.default is REQUIRED or self.random.random() < share
        }

    def value(self, key: str, own: Field) -> Any:
        """A value for a field of a layer."""
        choose = self.random
        if key in ("activation", "function"):
            return choose.choice([*ACTIVATIONS])
        if own.choices:
            return choose.choice(own.choices)
        if own.kind == "boolean":
            return choose.random() < 0.5
        if own.kind == "integer":
            least = int(own.minimum or 0)
            return min(int(own.maximum or 9), least + choose.choice([0, 1, 1, 2, 3]))
        if own.kind == "number":
            return choose.choice([0.1, 0.25, 0.5])
        return "" if own.kind == "string" else None

    # --- the end

    def closed(self, loss: str, l2: float) -> Row:
        """The spec with what makes one value of all that nothing reads, and a loss of it."""
        rows, ends = list(self.layers), [name for name in self.unread if name]
        own = {name: f"{name}of" for name in ends}
        final = GRAPH_LOSSES[loss].final
        if len(ends) > 1 or "of" in str(self.inputs) or final or not rows:
            for name in ends:
                flat = f"{name}f"
                source: Row = {"from": name}
                if self.inputs.get(name, {}).get("of"):
                    rows.append({"type": "embedding", "units": 2, "name": f"{name}e", **source})
                    source = {"from": f"{name}e"}
                rows.append({"type": "flatten", "name": flat, **source})
                dense: Row = {"type": "dense", "units": 3, "activation": "tanh"}  # far from log 0
                rows.append({**dense, "name": own[name], "from": flat})
            if len(ends) > 1:
                rows.append({"type": "add", "from": [own[name] for name in ends], "name": "joined"})
        if final:
            rows.append({"type": "activation", "function": final, "name": "closing"})
        return {"inputs": self.inputs, "layers": rows, "loss": {"name": loss, "l2": l2}}


def held(kind: str, values: Any) -> Any:
    """Numbers as targets of a loss hold them."""
    return {
        "unit": lambda: np.abs(values) % 1.0,
        "signs": lambda: np.where(values < 0.6, -1.0, 1.0),
        "counts": lambda: np.abs(values),
    }.get(kind, lambda: values)()


def leaves_of(lines: Lines, seed: int) -> dict[str, Any]:
    """Arrays for all leaves but numbers, away from where a gain or a bias is special."""
    rng = np.random.default_rng(seed)
    values = draw(lines.program, rng, {"N": SAMPLES})
    for name, count in lines.text.whole.items():
        values[name] = rng.integers(count, size=values[name].shape)
    for t in lines.program.leaves_of("state"):
        values[t.name] = np.abs(values[t.name])
    for _, target, kind in lines.spec.written.compared if lines.spec.written else ():
        values[target] = held(kind, values[target])
    numbers = {t.name for t in lines.program.leaves_of("hyperparameter")}
    return {name: value for name, value in values.items() if name not in numbers}


def module_gradients(lines: Lines, module: Any, values: dict[str, Any]) -> tuple[float, Any, Any]:
    """The loss, the gradients and the prediction of the generated module."""

    def of(*roles: str) -> dict[str, Any]:
        return {t.name: values[t.name] for t in lines.program.leaves_of(*roles) if t.name in values}

    params, inputs, targets = of("parameter", "state"), of("input"), of("target")
    noise = (masks,) if (masks := of("mask")) else ()
    loss, gradients = module.loss_and_gradients(params, inputs, targets, *noise)
    return loss, gradients, module.predict(params, inputs)
