"""Whole numbers as vectors, and the places where they stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from symnn.nn.calls import Called
from symnn.nn.graph import Graph, ShapeError, Value, rank, summed, whole_size
from symnn.nn.graph_layers.fields import Fields, count


@dataclass(frozen=True)
class Embedding(Called):
    """The row of a table that a whole number names."""

    units: int

    FIELDS: ClassVar[Fields] = {"units": count("width of a row")}

    def equations(self, net: Graph, x: Value) -> Value:
        if x.whole is None:
            raise ShapeError(f"{x.name} holds no whole numbers: give its input the field of")
        row = net.axis("v", x.whole, x)
        unit = net.axis("d", self.units, x, row)
        net.parameter("E", row, unit, kind="table")
        return net.let("x", (*x.axes, unit), f"{net.called('E')}[{x.entry}, {unit.letter}]")


@dataclass(frozen=True)
class Positions(Called):
    """A vector for each place, learned, added to what stands there."""

    FIELDS: ClassVar[Fields] = {}

    def equations(self, net: Graph, x: Value) -> Value:
        rank(x, 2, "positions")
        return net.let("x", x.axes, f"{x.entry} + {net.parameter('R', *x.axes, kind='table')}")


@dataclass(frozen=True)
class SinusoidalPositions(Called):
    """Sines and cosines of each place, added to what stands there (Vaswani 2017).

    Channels 2 i and 2 i + 1 of C have the sine and the cosine of t/10000^(2 i/C).
    """

    PLAIN: ClassVar[bool] = True
    FIELDS: ClassVar[Fields] = {}

    def equations(self, net: Graph, x: Value) -> Value:
        rank(x, 2, "positions")
        time, channel = x.axes
        width = whole_size(channel, "positions")
        pair = net.axis("i", (width + 1) // 2, x)
        angle = f"{time.letter}*exp(-{pair.letter}*2/{width}*log(10000))"
        waves = " + ".join(
            summed([pair], f"[{channel.letter} = 2*{pair.letter}{place}]*{wave}({angle})")
            for place, wave in (("", "sin"), (" + 1", "cos"))[:width]
        )
        found = net.let("R", x.axes, waves, samples=False)
        return net.let("x", x.axes, f"{x.entry} + {found.entry}")
