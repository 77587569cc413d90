"""The computational graph of a program: its values in a row, what they read above them.

Solid arrows are the reads of the forward lines; dashed arrows are those of the gradient lines
as the one rule wrote them, so that an arrow from u to t says: dL/dt is computed from dL/du.
Every arrow is found in a line; nothing is known here of layers but how a deep network is
abbreviated.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from symnn.drawing.drawing import NOTHING, Canvas, Drawing, Label, Node, Path, Point
from symnn.drawing.mathtext import Text
from symnn.engine.functions import Named
from symnn.engine.ir import is_entry, lines_of, name_of
from symnn.formulas.runs import text_of
from symnn.formulas.tree import Absolute, Glyph, Root
from symnn.notes.context import Context, by_layer
from symnn.notes.figures.abbreviate import drawn, measure, titled
from symnn.notes.figures.units import DOTS

MANY = 11  # values that are all drawn
PITCH, ABOVE, SPREAD = 1.85, 1.75, 1.5  # cm: between values, up to the leaves, between leaves
ARGUMENT = Glyph(r"\,\cdot\,")
WITH_ARGUMENT = {"root": Root(ARGUMENT), "absolute": Absolute(ARGUMENT)}
HIDDEN = "dots"  # the name of the node that stands for the layers that are not drawn


def graph(context: Context) -> Drawing:
    """The graph of a derivation, with arrows back to every parameter that is drawn."""
    return _Graph(context).drawing()


class _Graph:
    """Nodes from left to right, then the arrows between them."""

    def __init__(self, context: Context) -> None:
        self.context, self.canvas = context, Canvas()
        self.place: dict[str, Node] = {}
        self.order: list[str] = []  # the nodes of the row, from the left
        self.below: dict[str, str] = {}  # leaf -> the value that it stands above
        self.labelled: set[str] = set()
        self.lines = {line.lhs.name: line for line in context.forward.lines}
        self.hidden = self._hidden()
        self.forward = [
            (source, line.lhs.name)
            for line in context.forward.lines
            for source in dict.fromkeys(map(name_of, line.reads))
        ]
        self.backward = self._backward()

    def _hidden(self) -> set[str]:
        """The values of the layers that are not drawn."""
        layers = by_layer(self.context.forward.lines)
        dense = {k: lines for k, lines in layers.items() if k}
        others = len(self.lines) - sum(map(len, dense.values()))  # those of the loss
        shown = drawn(dense, MANY - 1 - others, True, self.context.forward.tensors)
        kept = {0, *(k for stretch in shown for k in stretch)}
        return {line.lhs.name for k in layers if k not in kept for line in layers[k]}

    def _backward(self) -> list[tuple[str, str]]:
        """(u, t) wherever the line of dL/dt reads dL/du."""
        tensors = self.context.sources
        found = []
        for line in lines_of(self.context.sweep.raw):
            target = tensors.get(line.lhs.name)
            names = [tensors.get(n) for n in dict.fromkeys(map(name_of, line.reads))]
            found += [(source, target) for source in names if source and target]
        return found

    def drawing(self) -> Drawing:
        """The whole figure."""
        self._nodes()
        far = self._arrows()
        self._bus(far)
        self.canvas.add(*self.place.values())
        self._leaf_labels({leaf for leaf, _ in far})
        return titled(self.canvas, "graph", self.context.say, self.context.network.name, 0.12)

    # nodes ---------------------------------------------------------------------------------

    def _nodes(self) -> None:
        """The values in the order of their lines; leaves above the first value that reads them."""
        leaves = self._leaves()
        spread = self._spread(leaves)
        edge = -math.inf  # how far right the leaves reach so far
        at = 0.0
        for name in self._row():
            if self.order:
                at += self._pitch(name)
            own = leaves.get(name, [])
            if own:
                half = spread * (len(own) - 1) / 2
                at = max(at, edge + half + self._left(own[0]))
                edge = at + half + 0.72
            text = DOTS if name == HIDDEN else self._letter(name)
            self.place[name] = self._node(name, at, 0.0, text)
            self.order.append(name)
            for k, leaf in enumerate(own):
                x = at + spread * (k - (len(own) - 1) / 2)
                self.place[leaf] = self._node(leaf, x, ABOVE, self._letter(leaf))
                self.below[leaf] = name

    def _spread(self, leaves: Mapping[str, list[str]]) -> float:
        """The distance between leaves, so that the gradients above them do not touch."""
        names = [n for own in leaves.values() for n in own if n in self.context.sweep.names]
        return max([SPREAD, *(measure(self._gradient(n), "small") + 0.2 for n in names)])

    def _left(self, leaf: str) -> float:
        """The room that a leaf needs on its left: more if its gradient stands there."""
        if len([reader for source, reader in self.forward if source == leaf]) == 1:
            return 0.72
        return measure(self._gradient(leaf), "small") + 0.5

    def _row(self) -> list[str]:
        """The input, then the values, dots in the place of those not drawn."""
        row: list[str] = []
        for name in [*self._inputs(), *self.lines]:
            shown = HIDDEN if name in self.hidden else name
            if shown not in row:
                row.append(shown)
        return row

    def _inputs(self) -> list[str]:
        return [t.name for t in self.context.forward.leaves_of("input")]

    def _leaves(self) -> dict[str, list[str]]:
        """Value -> the leaves that it is the first to read, in their order."""
        found: dict[str, list[str]] = {}
        seen = set(self._inputs()) | set(self.lines)
        for source, reader in self.forward:
            if source not in seen:
                seen.add(source)
                if reader not in self.hidden:
                    found.setdefault(reader, []).append(source)
        rank = {t.name: k for k, t in enumerate(self.context.forward.leaves)}
        return {reader: sorted(names, key=rank.__getitem__) for reader, names in found.items()}

    def _letter(self, name: str) -> Text:
        return text_of(self.context.symbol(name), self.context.notation)

    def _node(self, name: str, x: float, y: float, text: Text) -> Node:
        tensor = self.context.forward.tensors.get(name)
        kinds = {"parameter": "parameter", "value": "value"}
        kind = "dots" if tensor is None else kinds.get(tensor.role, "given")
        radius = 0.3 if tensor is None else max(0.4, measure(text) / 2 + 0.08)
        return Node(x, y, radius, text, kind, name)

    def _pitch(self, name: str) -> float:
        """The distance to the value before, with room for what stands at the arrows."""
        before = self.order[-1]
        back = self._gradient(before) if before in self.context.sweep.names else NOTHING
        texts = (self._function(name), 1.3), (back, 0.65)
        return max([PITCH, *(measure(text, "small") + room for text, room in texts)])

    def _function(self, name: str) -> Text:
        """The symbol of the function that a line applies to each component, if it is one."""
        line = self.lines.get(name)
        f = line.terms[0].f if line and len(line.terms) == 1 else None
        if not isinstance(f, Named) or not is_entry(f.args[0]):
            return NOTHING
        sign = WITH_ARGUMENT.get(f.row.name, Glyph(f.row.tex))
        text = text_of(sign, self.context.notation)
        return text if measure(text) < 3 else NOTHING

    # arrows --------------------------------------------------------------------------------

    def _shown(self, name: str) -> str | None:
        """The node that stands for a tensor; None for a leaf that is not drawn."""
        return HIDDEN if name in self.hidden else name if name in self.place else None

    def _pairs(self, pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """The arrows between what is drawn, each once."""
        shown = [(self._shown(a), self._shown(b)) for a, b in pairs]
        return list(dict.fromkeys((a, b) for a, b in shown if a and b and a != b))

    def _arrows(self) -> list[tuple[str, str]]:
        """All arrows but those between a leaf and a value far from it, which are returned."""
        far: list[tuple[str, str]] = []
        for source, target in self._pairs(self.forward):
            if source in self.order:
                self._along(source, target)
            elif self.below[source] == target:
                a, b = self.place[source], self.place[target]
                ends = a.toward((b.x, b.y)), b.toward((a.x, a.y))
                self.canvas.add(Path(ends, "forward", False, source, target))
            else:
                far.append((source, target))
        for source, target in self._pairs(self.backward):
            if target in self.order:
                self._return(source, target)
            elif self.below[target] == source:
                self._up(source, target)
        return far

    def _span(self, source: str, target: str) -> int:
        return abs(self.order.index(source) - self.order.index(target))

    def _along(self, source: str, target: str) -> None:
        """A forward arrow in the row; over what lies between, if something does."""
        a, b = self.place[source], self.place[target]
        if self._span(source, target) == 1:
            ends = a.toward((b.x, b.y)), b.toward((a.x, a.y))
            self.canvas.add(Path(ends, "forward", False, source, target))
            if text := self._function(target):
                middle = (ends[0][0] + ends[1][0]) / 2
                self.canvas.add(Label(middle, 0.26, text, "accent", "small"))
        else:
            self.canvas.add(_arc(a, b, 0.95, "forward", source, target))

    def _return(self, source: str, target: str) -> None:
        """A backward arrow in the row, below it, with the gradient that it leads to."""
        a, b = self.place[source], self.place[target]
        depth = -0.75 - 1.3 * (self._span(source, target) - 1)
        arc = _arc(a, b, depth, "backward", source, target)
        self.canvas.add(arc)
        if target not in self.labelled and target != HIDDEN:
            self.labelled.add(target)
            text = self._gradient(target)
            y = (arc.points[0][1] + 3 * arc.points[1][1]) / 4 - 0.25  # below its middle
            self.canvas.add(Label((a.x + b.x) / 2, y, text, "back", "small"))

    def _gradient(self, name: str) -> Text:
        symbol = self.context.symbol(self.context.sweep.names[name], inline=True)
        return text_of(symbol, self.context.notation)

    def _up(self, source: str, target: str) -> None:
        """A backward arrow to a leaf, beside the forward one, on its outer side."""
        a, b = self.place[source], self.place[target]
        side = 1.0 if b.x > a.x + 0.01 else -1.0
        start = _polar(a, 90 - side * 22)
        end = _polar(b, 270 + side * 38)
        first = (start[0] + side * 0.28, start[1] + 0.45)
        second = (end[0] + side * 0.22, end[1] - 0.45)
        self.canvas.add(Path((start, first, second, end), "backward", True, source, target))

    def _leaf_labels(self, far: set[str]) -> None:
        """The gradient of each leaf that has one, above it (beside, if arrows leave there)."""
        for name, node in self.place.items():
            if name not in self.order and name in self.context.sweep.names:
                text = self._gradient(name)
                x, y = node.x, node.y + node.radius + 0.27
                place = (x - 0.3, "end") if name in far else (x, "middle")
                self.canvas.add(Label(place[0], y, text, "back", "small", place[1]))

    def _bus(self, far: list[tuple[str, str]]) -> None:
        """Leaves and a value far to the right of them, such as weights and the penalty in L:

        one line above everything gathers them, another one leads back.
        """
        for kind, lift, shift in (("forward", 0.95, 0.13), ("backward", 0.68, -0.13)):
            backward = kind == "backward"
            pairs = [(a, b) for a, b in far if not backward or (b, a) in self.backward]
            for k, (leaf, value) in enumerate(pairs):
                a, b = self.place[leaf], self.place[value]
                x, high = a.x + shift * 0.8, ABOVE + 0.4 + lift
                top = (x, a.y + math.sqrt(a.radius**2 - (x - a.x) ** 2))
                right = max(n.x for n in self.place.values()) + 1.15 - shift
                end = (b.x + math.sqrt(b.radius**2 - shift**2), shift)
                way: list[Point] = [top, (x, high), (right, high), (right, shift), end]
                if k:  # the first, which lies farthest to the left, draws the common part
                    way = way[:2]
                ends = (leaf, value)
                if backward:
                    way, ends = way[::-1], (value, leaf)
                style = "feed" if k and not backward else kind
                self.canvas.add(Path(tuple(way), style, False, *ends))


def _polar(node: Node, degrees: float) -> Point:
    """The point of a circle in that direction."""
    angle = math.radians(degrees)
    return node.x + node.radius * math.cos(angle), node.y + node.radius * math.sin(angle)


def _arc(a: Node, b: Node, height: float, kind: str, source: str, target: str) -> Path:
    """A curve from one circle of the row to another, bent by ``height``; a high one is steep."""
    ahead, steep = b.x > a.x, abs(height) > 1
    tilt = math.copysign(78 if steep else 38, height)
    start, end = _polar(a, tilt if ahead else 180 - tilt), _polar(b, 180 - tilt if ahead else tilt)
    along = (end[0] - start[0]) * (0.04 if steep else 0.23)
    first = (start[0] + along, start[1] + height * 0.75)
    second = (end[0] - along, end[1] + height * 0.75)
    return Path((start, first, second, end), kind, True, source, target)
