"""What is computed from what in lines of any shape: an arrow is a read.

By values, a leaf that one value alone reads stands above it, and all else in columns by the longest
path; the equations of a loop stand in a frame, and what they read of another step is a dashed arrow
below.  By layers, rows stand in place of columns, and blocks that are repeated stand once.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import sympy as sp

from symnn.derivation.lines import Lines
from symnn.drawing.drawing import NOTHING, Canvas, Drawing, Label, Node, Path, Point
from symnn.drawing.layered import Box, Layered
from symnn.drawing.mathtext import Text, words
from symnn.engine.ir import Line, Scan, Tensor, indices_of, name_of
from symnn.formulas.index import Writer
from symnn.formulas.runs import text_of
from symnn.formulas.tree import Formula, Glyph, Joined, Number, Relations, Symbol
from symnn.language.phrases import Phrases
from symnn.notation.notation import Notation
from symnn.notes.figures.abbreviate import measure, titled

MANY = 25  # values that are all drawn where layers could stand for them
RADIUS, SIDE, LIFT = 0.4, 0.3, 0.35  # cm: of a circle, beside it, from a value to its leaves
TALL, TITLE, STEP = 0.45, 0.55, 0.4  # half a layer, the title of a frame, between dashed arrows
CORNER, SLOT = 0.12, 0.2  # of a bent arrow; where it ends, off the middle of a circle


@dataclass
class Frame:
    """What stands in a frame.  back: node, and the index of another step -> what reads it there."""

    title: Text
    back: dict[tuple[str, sp.Expr], list[str]] = field(default_factory=dict)


def reads(lines: Lines, notation: Notation, say: Phrases, name: str = "graph") -> Drawing:
    """The figure of that name: the "network" by its layers, if it has some; the "graph" by its
    values, unless they are many and it has layers."""
    layers = lines.spec.written.layers if lines.spec.written else {}
    by_layers = layers and (name == "network" or len(lines.program.lines) > MANY)
    letters = notation.of(tuple(lines.program.tensors.values())).counting_from_zero()
    kind = _Layers if by_layers else _Values
    return kind(lines, letters, say).drawing(name)


class _Reads:
    """Nodes and arrows, then their places, then the shapes."""

    def __init__(self, lines: Lines, notation: Notation, say: Phrases) -> None:
        self.lines, self.notation, self.say = lines, notation, say
        self.program, self.canvas = lines.program, Canvas()
        self.write = Writer(notation, {})
        self.shown: dict[str, Tensor] = {}  # node -> the tensor whose shape it has
        self.readers: dict[str, dict[str, None]] = defaultdict(dict)  # tensor -> nodes
        self.frames: dict[str, Frame] = {}
        self.member: dict[str, str] = {}  # node -> its frame
        for line in self.program.lines:
            for entry in line.reads:
                self.readers[name_of(entry)][self.node(line)] = None
        self.find()
        self.edges = list(dict.fromkeys(self.arrows()))
        boxes = {name: self.box(name) for name in self.shown}
        margins = {n: (TITLE, STEP * (len(f.back) + 1)) for n, f in self.frames.items()}
        self.places = Layered(boxes, self.edges, self.member, margins)

    def node(self, line: Line) -> str:
        """The node of what a line computes."""
        return line.lhs.name

    def find(self) -> None:
        """The nodes, each behind all that it reads, and the frames."""
        raise NotImplementedError

    def arrows(self) -> Iterator[tuple[str, str]]:
        """The reads within a step."""
        place = {name: k for k, name in enumerate(self.shown)}
        nodes = {line.lhs.name: self.node(line) for line in self.program.lines}
        for line in self.program.lines:
            target = self.node(line)
            for entry in line.reads:
                source = nodes.get(name_of(entry), name_of(entry))
                if source in place and place[source] < place[target]:
                    yield source, target

    def box(self, name: str) -> Box:
        """The room that a node needs."""
        raise NotImplementedError

    def point(self, along: float, across: float) -> Point:
        """A point of the drawing."""
        return along, -across

    def drawing(self, name: str) -> Drawing:
        """The whole figure."""
        for frame in self.frames:
            self.framed(frame)
        for source, target in self.edges:
            way = self.places.way(source, target)
            way[0] = way[0][0] + self.long(source), way[0][1]
            way[-1] = way[-1][0] - self.long(target), way[-1][1]
            points = tuple(self.point(*p) for p in bent(way))
            self.canvas.add(Path(points, "forward", True, source, target))
        for node in self.shown:
            self.draw(node)
        return titled(self.canvas, name, self.say, self.lines.title, 0.12)

    def long(self, name: str) -> float:
        """Half of a node along the arrows."""
        raise NotImplementedError

    def edge(self, name: str, side: int) -> float:
        """Where a circle ends, along, off its middle."""
        return self.places.at(name)[0] + side * math.sqrt(self.long(name) ** 2 - SLOT**2)

    def draw(self, name: str) -> None:
        """A node with its texts."""
        raise NotImplementedError

    def framed(self, name: str) -> None:
        """The frame, its title, and the arrows from other steps."""
        places, frame = self.places, self.frames[name]
        ranks = [places.rank[n] for n, own in self.member.items() if own == name]
        top, bottom = places.band(name, places.across)
        more = places.margins[name]
        left, right = places.along[min(ranks)][0] - SIDE, places.along[max(ranks)][1] + SIDE
        sides = ((left, top - more[0]), (right, top - more[0]), (right, bottom + more[1]))
        corners = (*sides, (left, bottom + more[1]))
        outline = tuple(self.point(*p) for p in (*corners, corners[0]))
        self.canvas.add(Path(outline, "frame"))
        x, y = min(p[0] for p in outline), max(p[1] for p in outline)
        self.canvas.add(Label(x + 0.15, y - 0.25, frame.title, "soft", "small", "start"))
        for k, ((source, index), targets) in enumerate(frame.back.items(), 1):
            low, off = bottom + STEP * k - 0.1, CORNER + 0.05 * k
            down = places.along[places.rank[source]][1] + off
            level = places.across[source] + SLOT
            start = [(self.edge(source, 1), level), (down, level), (down, low)]
            # the farthest first, from which those nearer branch off
            far = sorted(targets, key=lambda t: (places.rank[t], places.across[t]))
            for j, target in enumerate(far):
                up, across = (
                    places.along[places.rank[target]][0] - off,
                    places.across[target] + SLOT,
                )
                way = [(up, across), (self.edge(target, -1), across)]
                if not j or places.rank[target] != places.rank[far[j - 1]]:
                    way.insert(0, (up, low))
                points = tuple(self.point(*p) for p in rounded([*([] if j else start), *way]))
                self.canvas.add(Path(points, "recurrent", True, source, target))
            text = text_of(self.write.formula(index), self.notation)
            place = self.point(down - 0.1, low - 0.2)
            self.canvas.add(Label(*place, text, "accent", "small", "end"))

    # texts ---------------------------------------------------------------------------------

    def letter(self, name: str) -> Text:
        """A tensor by its letter."""
        return text_of(Symbol(name), self.notation)

    def shape(self, t: Tensor) -> Text:
        """N × 4 × 3; nothing for a scalar."""
        sizes = tuple(self.write.formula(sp.S(a.size)) for a in t.axes)
        return text_of(Joined(sizes, r"{\times}"), self.notation) if sizes else NOTHING

    def steps(self, scan: Scan) -> Formula:
        """t = 0, …, 3, or the other way round."""
        last = self.write.formula(sp.S(scan.axis.size) - 1)
        ends = (last, Number("0")) if scan.reverse else (Number("0"), last)
        run = Joined((ends[0], Glyph(r"\ldots"), ends[1]), r",\, ")
        return Relations((self.write.formula(scan.axis.symbol), run), ("=",))


class _Values(_Reads):
    """A circle for each value, from left to right; its shape below."""

    def find(self) -> None:
        """All that is read, and the values."""
        self.above: dict[str, list[Tensor]] = defaultdict(list)  # value -> leaves of its own
        for leaf in self.program.leaves:
            if leaf.role == "input" or len(self.readers[leaf.name]) > 1:
                self.shown[leaf.name] = leaf
            elif self.readers[leaf.name]:
                self.above[next(iter(self.readers[leaf.name]))].append(leaf)
        self.shown = {name: t for name, t in self.shown.items() if self.readers[name]}
        self.shown |= {line.lhs.name: line.lhs for line in self.program.lines}
        for item in self.program.items:
            if isinstance(item, Scan):
                frame = Frame(text_of(self.steps(item), self.notation))
                self.frames[item.lines[0].lhs.name] = frame
                self.member |= {line.lhs.name: item.lines[0].lhs.name for line in item.lines}

    def arrows(self) -> Iterator[tuple[str, str]]:
        """The reads; those of another step of a loop go to its frame."""
        scans = {n: i for i in self.program.items if isinstance(i, Scan) for n in names(i)}
        for line in self.program.lines:
            scan, target = scans.get(line.lhs.name), line.lhs.name
            for entry in line.reads:
                source = name_of(entry)
                if scan and scans.get(source) is scan:
                    at = self.program.tensors[source].axes.index(scan.axis)
                    if (index := indices_of(entry)[at]) != scan.axis.symbol:
                        back = self.frames[self.member[target]].back
                        back.setdefault((source, index), []).append(target)
                        continue
                if source in self.shown:
                    yield source, target

    def radius(self, name: str) -> float:
        return max(RADIUS, measure(self.letter(name)) / 2 + 0.08)

    def long(self, name: str) -> float:
        return self.radius(name)

    def wide(self, t: Tensor) -> float:
        """Half the width of a circle and its shape."""
        return max(self.radius(t.name), measure(self.shape(t), "small") / 2)

    def box(self, name: str) -> Box:
        """With room for the leaves of its own."""
        t, own = self.shown[name], self.above.get(name, [])
        half = max(self.wide(t), sum(map(self.wide, own)) + 0.05 * len(own)) + SIDE
        down = self.radius(name) + (0.42 if t.axes else 0.0)
        up = self._lift(name) + max(map(self._up, own)) if own else self.radius(name)
        return Box(half, up, down)

    def _lift(self, name: str) -> float:
        """The distance of a value and its leaves."""
        radii = [self.radius(leaf.name) for leaf in self.above.get(name, ())]
        return self.radius(name) + LIFT + max(radii, default=0.0)

    def _up(self, leaf: Tensor) -> float:
        return self.radius(leaf.name) + (0.42 if leaf.axes else 0.0)

    def draw(self, name: str) -> None:
        node = self._circle(self.shown[name], *self.point(*self.places.at(name)), -1)
        own = self.above.get(name, [])
        widths = [2 * self.wide(leaf) + 0.1 for leaf in own]
        left = node.x - sum(widths) / 2
        for leaf, width in zip(own, widths, strict=True):
            above = self._circle(leaf, left + width / 2, node.y + self._lift(name), 1)
            left += width
            ends = above.toward((node.x, node.y)), node.toward((above.x, above.y))
            self.canvas.add(Path(ends, "forward", False, leaf.name, name))

    def _circle(self, t: Tensor, x: float, y: float, side: int) -> Node:
        kind = t.role if t.role in ("parameter", "value") else "given"
        node = Node(x, y, self.radius(t.name), self.letter(t.name), kind, t.name)
        self.canvas.add(node)
        if t.axes:
            place = y + side * (node.radius + 0.24)
            self.canvas.add(Label(x, place, self.shape(t), "soft", "small"))
        return node


class _Layers(_Reads):
    """A rectangle for each layer, from above; in it the shape of what it gives."""

    def __init__(self, lines: Lines, notation: Notation, say: Phrases) -> None:
        assert lines.spec.written
        self.layers, self.blocks = dict(lines.spec.written.layers), lines.spec.written.blocks
        readers = defaultdict[str, set[str]](set)
        for line in lines.program.lines[::-1]:  # what one layer alone reads is a part of it
            own = self.layers.get(line.lhs.name, "")
            if not own and len(readers[line.lhs.name]) == 1:
                [own] = readers[line.lhs.name]
                self.layers[line.lhs.name] = own
            for entry in line.reads:
                readers[name_of(entry)].add(own)
        scans = (item for item in lines.program.items if isinstance(item, Scan))
        self.loops = {self.node(line): scan for scan in scans for line in scan.lines}
        super().__init__(lines, notation, say)

    def node(self, line: Line) -> str:
        """Its layer, that of the first block; or the value itself."""
        layer = self.layers.get(line.lhs.name)
        return f"layer {self.blocks.get(layer, (layer,))[0]}" if layer else line.lhs.name

    def find(self) -> None:
        """Inputs, layers, the values of losses, and the leaves that these alone read."""
        layers = {self.node(x) for x in self.program.lines if x.lhs.name in self.layers}
        for leaf in self.program.leaves:
            own = self.readers[leaf.name]
            if own and (leaf.role == "input" or not layers & own.keys()):
                self.shown[leaf.name] = leaf
        for line in self.program.lines:
            node = self.node(line)
            if node not in self.shown or self.readers[line.lhs.name].keys() - {node}:
                self.shown.pop(node, None)
                self.shown[node] = line.lhs
        for layer, first, count in dict.fromkeys(self.blocks.values()):
            times = Joined((Number(str(count)), Glyph(r"\times")), r"\,")
            self.frames.setdefault(first, Frame(text_of(times, self.notation)))
            self.member[f"layer {layer}"] = first
        self.member = {name: own for name, own in self.member.items() if name in self.shown}

    def point(self, along: float, across: float) -> Point:
        return across, -along

    def long(self, name: str) -> float:
        return TALL if self._below(name) else 0.3

    def _title(self, name: str) -> Text:
        if name in self.program.tensors:
            return self.letter(name)
        text = words(name.removeprefix("layer "))
        return Text(text.tex.replace("_", r"\_"), text.runs)

    def _below(self, name: str) -> Text:
        """The shape, and the steps of a loop."""
        shape = self.shape(self.shown[name])
        if name not in self.loops:
            return shape
        return shape + words(", ") + text_of(self.steps(self.loops[name]), self.notation)

    def _half(self, name: str) -> float:
        below = measure(self._below(name), "small")
        return max(RADIUS, 0.54 * measure(self._title(name)), 0.54 * below) + 0.15

    def box(self, name: str) -> Box:
        half = self._half(name)
        return Box(self.long(name) + 0.15, half, half)

    def draw(self, name: str) -> None:
        x, y = self.point(*self.places.at(name))
        kind = "value" if self.shown[name].role == "value" else "given"
        title, below = self._title(name), self._below(name)
        size = self.long(name), NOTHING if below else title, kind
        self.canvas.add(Node(x, y, *size, self.shown[name].name, self._half(name)))
        if below:
            self.canvas.add(Label(x, y + 0.18, title), Label(x, y - 0.2, below, "soft", "small"))


def names(scan: Scan) -> Iterable[str]:
    """What a loop computes."""
    return (line.lhs.name for line in scan.lines)


def bent(way: Sequence[Point]) -> Iterator[Point]:
    """Straight along, else as an S whose ends are; as a curve of pieces."""
    yield way[0]
    for a, b in pairwise(way):
        middle = (a[0] + b[0]) / 2
        yield from ((middle, a[1]), (middle, b[1]), b)


def rounded(way: Sequence[Point]) -> Iterator[Point]:
    """A way along and across with round corners, as a curve of pieces."""
    yield (last := way[0])
    for a, b, c in zip(way, way[1:], way[2:], strict=False):
        ends = [
            (b[0] + CORNER * _sign(p[0] - b[0]), b[1] + CORNER * _sign(p[1] - b[1])) for p in (a, c)
        ]
        yield from (last, ends[0], ends[0], b, b, ends[1])
        last = ends[1]
    yield from (last, way[-1], way[-1])


def _sign(x: float) -> int:
    return (x > 1e-9) - (x < -1e-9)
