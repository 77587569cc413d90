"""Pooling: the largest, or the mean, of windows or of all places."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from symnn.io.fields import Field
from symnn.nn.calls import Called
from symnn.nn.graph import Graph, ShapeError, Value, listed, rank, whole_size
from symnn.nn.graph_layers.fields import Fields, count
from symnn.nn.graph_layers.windows import place, windows


@dataclass(frozen=True)
class _Pooling(Called):
    """What pooling of one and of two dimensions has in common; channels are last."""

    size: int
    stride: int = 0
    padding: int = 0

    PLAIN: ClassVar[bool] = True
    SIGN: ClassVar[str]
    SPACE: ClassVar[tuple[str, ...]]
    PLACES: ClassVar[tuple[str, ...]]
    FIELDS: ClassVar[Fields] = {
        "size": count("width of the window"),
        "stride": count("steps between windows; 0: the size", 0, 0),
        "padding": count("places on each side that are outside", 0, 0),
    }

    def equations(self, net: Graph, x: Value) -> Value:
        rank(x, len(self.SPACE) + 1, "pooling")
        if self.padding >= self.size:
            text = f"with a padding of {self.padding} a window of {self.size} lies outside"
            raise ShapeError(f"{text}: the padding must be smaller than the size")
        options = self.stride or self.size, 1, self.padding
        places = [net.axis(wish, self.size, x) for wish in self.PLACES]
        apart = (*places, x.axes[-1])
        space = [
            net.axis(wish, windows(whole_size(a, "pooling"), self.size, *options), *apart)
            for wish, a in zip(self.SPACE, x.axes, strict=False)
        ]
        at = [place(a, k, *options) for a, k in zip(space, places, strict=True)]
        read = x.at(*at, x.axes[-1].letter)
        return net.let("p", (*space, x.axes[-1]), f"{self.SIGN}_{listed(places)} {read}")


@dataclass(frozen=True)
class MaxPool1d(_Pooling):
    """The largest of each window along time; what is outside takes no part."""

    SIGN, SPACE, PLACES = "max", ("t",), ("k",)


@dataclass(frozen=True)
class MaxPool2d(_Pooling):
    """The largest of each window of rows and columns; what is outside takes no part."""

    SIGN, SPACE, PLACES = "max", ("h", "w"), ("k", "l")


@dataclass(frozen=True)
class AveragePool1d(_Pooling):
    """The mean of each window along time; what is outside is 0."""

    SIGN, SPACE, PLACES = "mean", ("t",), ("k",)


@dataclass(frozen=True)
class AveragePool2d(_Pooling):
    """The mean of each window of rows and columns; what is outside is 0."""

    SIGN, SPACE, PLACES = "mean", ("h", "w"), ("k", "l")


@dataclass(frozen=True)
class GlobalPool(Called):
    """The largest, or the mean, over all places; the channels stay."""

    kind: str = "mean"

    PLAIN: ClassVar[bool] = True
    FIELDS: ClassVar[Fields] = {
        "kind": Field("string", "mean", choices=("mean", "max"), doc="which")
    }

    def equations(self, net: Graph, x: Value) -> Value:
        if len(x.axes) < 2 or x.flat:
            raise ShapeError(
                f"global pooling takes 2 axes or more, and {x.name} has the shape {x.shape}"
            )
        return net.let("p", x.axes[-1:], f"{self.kind}_{listed(x.axes[:-1])} {x.entry}")
