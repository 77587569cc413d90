"""Layers of several values: sums, products, one behind the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from symnn.nn.calls import Called
from symnn.nn.graph import Graph, Index, ShapeError, Value, summed, whole_size
from symnn.nn.graph_layers.fields import Fields


def _alike(what: str, values: tuple[Value, ...]) -> None:
    """ShapeError unless all values have the shape of the first."""
    for other in values[1:]:
        if [a.size for a in other.axes] != [a.size for a in values[0].axes]:
            first = values[0]
            text = f"{what}: {first.name} has the shape {first.shape}, {other.name} {other.shape}"
            raise ShapeError(text)


def _renamed(x: Value, axes: tuple[Index, ...]) -> str:
    """The entry of a value at the letters of another one's axes."""
    return x.at(*(a.letter for a in axes))


@dataclass(frozen=True)
class Add(Called):
    """The sum of values of one shape."""

    PLAIN: ClassVar[bool] = True
    FIELDS: ClassVar[Fields] = {}

    def equations(self, net: Graph, *values: Value) -> Value:
        values = tuple(map(net.unflat, values))
        _alike("add", values)
        axes = values[0].axes
        return net.let("r", axes, " + ".join(_renamed(x, axes) for x in values))


@dataclass(frozen=True)
class Multiply(Called):
    """The product, component by component, of values of one shape."""

    PLAIN: ClassVar[bool] = True
    FIELDS: ClassVar[Fields] = {}

    def equations(self, net: Graph, *values: Value) -> Value:
        values = tuple(map(net.unflat, values))
        _alike("multiply", values)
        axes = values[0].axes
        return net.let("r", axes, "*".join(_renamed(x, axes) for x in values))


@dataclass(frozen=True)
class Concatenate(Called):
    """The values one behind the other along the last axis."""

    PLAIN: ClassVar[bool] = True
    FIELDS: ClassVar[Fields] = {}

    def equations(self, net: Graph, *values: Value) -> Value:
        values = tuple(map(net.unflat, values))
        first = values[0]
        for other in values[1:]:
            if [a.size for a in other.axes[:-1]] != [a.size for a in first.axes[:-1]]:
                shapes = f"{first.name} has the shape {first.shape}, {other.name} {other.shape}"
                raise ShapeError(f"concatenate: {shapes}")
        sizes = [whole_size(x.axes[-1], "concatenate") for x in values]
        last = net.axis("f", sum(sizes), *values)
        kept = first.axes[:-1]
        parts, start = list[str](), 0
        for x, size in zip(values, sizes, strict=True):
            (own,) = x.axes[-1:]
            place = own.letter + (f" + {start}" if start else "")
            entry = x.at(*(a.letter for a in kept), own.letter)
            parts.append(summed([own], f"{entry}*[{last.letter} = {place}]"))
            start += size
        return net.let("r", (*kept, last), " + ".join(parts))
