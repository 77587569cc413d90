"""The data of a figure: circles, paths and texts with coordinates, printed by TikZ and by SVG.

Coordinates are centimetres, x to the right and y upwards.  What a shape looks like is its kind,
a row of NODES, PATHS or INKS; a printer knows the rows, and nothing of networks.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from symnn.drawing.mathtext import Text

NOTHING = Text()
Point: TypeAlias = tuple[float, float]

# the inks: on white paper, and on dark
INKS: dict[str, tuple[str, str]] = {
    "ink": ("16191d", "e6e9ed"),
    "accent": ("1f4e8c", "8db9f2"),  # what runs forward
    "back": ("a8321f", "f0917f"),  # what runs backward: gradients and derivatives
    "soft": ("4a5461", "b4bec9"),
    "hairline": ("c5cfdb", "4a5561"),
    "fill": ("e9f0f9", "1d2b3f"),
    "paper": ("ffffff", "14171b"),
}


class NodeKind(NamedTuple):
    """The ink of a circle's outline, what fills it, and the width of the outline in pt."""

    stroke: str
    fill: str
    width: float = 0.6


class PathKind(NamedTuple):
    """The ink of a path, its width in pt, its dashes (on, off) in pt, whether it ends in a head."""

    stroke: str
    width: float = 0.6
    dash: tuple[float, float] | None = None
    head: bool = False


NODES: dict[str, NodeKind] = {
    "given": NodeKind("soft", "paper"),  # an input, a target, a mask
    "parameter": NodeKind("ink", "paper", 1.0),
    "value": NodeKind("accent", "fill"),
    "dots": NodeKind("paper", "paper", 0.0),  # what is left out
    "mark": NodeKind("ink", "ink"),
    "peak": NodeKind("back", "back"),
}
PATHS: dict[str, PathKind] = {
    "edge": PathKind("accent", 0.35),
    "forward": PathKind("accent", 0.6, head=True),
    "feed": PathKind("accent", 0.6),  # joins a forward arrow
    "recurrent": PathKind("accent", 0.6, (2.4, 1.6), head=True),  # to another step of a loop
    "frame": PathKind("hairline", 0.8),
    "backward": PathKind("back", 0.7, (2.4, 1.6), head=True),
    "axis": PathKind("soft", 0.5, head=True),
    "tick": PathKind("soft", 0.5),
    "guide": PathKind("hairline", 0.6, (0.8, 1.6)),
    "curve": PathKind("accent", 1.1),
    "derivative": PathKind("back", 1.1, (3.5, 2.0)),
    "tangent": PathKind("back", 0.8, (2.4, 1.6)),
}
ROUND = 0.15  # cm, of the corners of a rectangle
SIZES = {"normal": 10.0, "small": 9.0}  # of a text, in pt


@dataclass(frozen=True)
class Node:
    """A circle with a text in its middle.  name: the tensor it stands for, if it is one.

    half: half its width, if it is a rectangle with round corners; radius is half its height then.
    """

    x: float
    y: float
    radius: float
    text: Text = NOTHING
    kind: str = "value"
    name: str = ""
    half: float = 0.0

    def toward(self, other: Point, gap: float = 0.0) -> Point:
        """The point of the outline (or outside it by ``gap``) that faces ``other``."""
        dx, dy = other[0] - self.x, other[1] - self.y
        scale = (self.radius + gap) / (math.hypot(dx, dy) or 1.0)
        return self.x + dx * scale, self.y + dy * scale


@dataclass(frozen=True)
class Path:
    """A polyline, or a cubic Bézier curve if ``curved``: a point, then three for each piece.

    source, target: the tensors that an arrow leads from and to.
    """

    points: tuple[Point, ...]
    kind: str
    curved: bool = False
    source: str = ""
    target: str = ""


@dataclass(frozen=True)
class Label:
    """A text.  anchor: the part of it that lies at the point: middle, start or end."""

    x: float
    y: float
    text: Text
    ink: str = "ink"
    size: str = "normal"
    anchor: str = "middle"


Shape: TypeAlias = Node | Path | Label


@dataclass(frozen=True)
class Drawing:
    """A figure.  title: what it shows, in words; box: left, bottom, right, top."""

    name: str
    title: str
    shapes: tuple[Shape, ...]
    box: tuple[float, float, float, float]

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The circles, in order."""
        return tuple(s for s in self.shapes if isinstance(s, Node))

    @property
    def paths(self) -> tuple[Path, ...]:
        """The paths, in order."""
        return tuple(s for s in self.shapes if isinstance(s, Path))

    @property
    def labels(self) -> tuple[Label, ...]:
        """The texts beside the circles, in order."""
        return tuple(s for s in self.shapes if isinstance(s, Label))


@dataclass
class Canvas:
    """Collects shapes; what is added first lies below."""

    shapes: list[Shape] = field(default_factory=list)

    def add(self, *shapes: Shape) -> None:
        """Add shapes on top."""
        self.shapes += shapes

    def drawing(self, name: str, title: str, extents: Iterable[Point], margin: float) -> Drawing:
        """The figure; extents: the corners of its texts."""
        points = list(extents)
        for shape in self.shapes:
            if isinstance(shape, Node):
                half = shape.half or shape.radius
                points.append((shape.x - half, shape.y - shape.radius))
                points.append((shape.x + half, shape.y + shape.radius))
            elif isinstance(shape, Path):
                points += shape.points
        xs, ys = [p[0] for p in points], [p[1] for p in points]
        box = (min(xs) - margin, min(ys) - margin, max(xs) + margin, max(ys) + margin)
        rounded = tuple(round(v, 3) for v in box)
        return Drawing(name, title, tuple(self.shapes), rounded)  # type: ignore[arg-type]
