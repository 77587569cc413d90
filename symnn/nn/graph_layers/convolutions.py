"""Convolutions of one and of two dimensions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from symnn.nn.calls import Called
from symnn.nn.graph import Graph, Index, ShapeError, Value, rank, summed, whole_size
from symnn.nn.graph_layers.fields import ACTIVATION, BIAS, Fields, count
from symnn.nn.graph_layers.windows import place, windows

WINDOW: Fields = {
    "filters": count("number of channels that come out"),
    "kernel": count("width of the window"),
    "stride": count("steps between windows", 1),
}


@dataclass(frozen=True)
class _Convolution(Called):
    """What convolutions of one and of two dimensions have in common; channels are last."""

    filters: int
    kernel: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1
    groups: int = 1
    activation: str = "linear"
    bias: bool = True

    SPACE: ClassVar[tuple[str, ...]]
    PLACES: ClassVar[tuple[str, ...]]
    FIELDS: ClassVar[Fields] = {
        **WINDOW,
        "padding": count("zeros on each side", 0, 0),
        "dilation": count("steps within a window", 1),
        "groups": count("parts of the channels that are convolved apart", 1),
        "activation": ACTIVATION,
        "bias": BIAS,
    }

    def equations(self, net: Graph, x: Value) -> Value:
        rank(x, len(self.SPACE) + 1, "a convolution")
        channels = x.axes[-1]
        inputs = whole_size(channels, "a convolution")
        if inputs % self.groups or self.filters % self.groups:
            text = f"{self.groups} groups do not divide {inputs} and {self.filters} channels"
            raise ShapeError(text)
        options = self.stride, self.dilation, self.padding
        places = [net.axis(wish, self.kernel, x) for wish in self.PLACES]
        apart = (*places, channels)
        space = [
            net.axis(wish, windows(whole_size(a, "a convolution"), self.kernel, *options), *apart)
            for wish, a in zip(self.SPACE, x.axes, strict=False)
        ]
        at = [place(a, k, *options) for a, k in zip(space, places, strict=True)]
        if self.groups == 1:
            out = net.axis("o", self.filters, x, *space, *places)
            weights = net.parameter("A", *places, channels, out)
            read = x.at(*at, channels.letter)
            right = summed((*places, channels), f"{weights}*{read}")
            axes: tuple[Index, ...] = (*space, out)
            bias_axes: tuple[Index, ...] = (out,)
        else:
            group = net.axis("g", self.groups, x, *space, *places)
            inner = net.axis("c", inputs // self.groups, x, group, *space, *places)
            out = net.axis("o", self.filters // self.groups, x, group, inner, *space, *places)
            weights = net.parameter("A", *places, group, inner, out)
            own = f"{inputs // self.groups}*{group.letter} + {inner.letter}"
            right = summed((*places, inner), f"{weights}*{x.at(*at, own)}")
            axes = (*space, group, out)
            bias_axes = (group, out)
        if self.bias:
            right += f" + {net.parameter('b', *bias_axes, kind='bias')}"
        z = net.let("z", axes, right)
        if self.groups > 1:
            joined = net.axis("c", self.filters, *space, group, out)
            width = self.filters // self.groups
            guard = f"[{joined.letter} = {width}*{group.letter} + {out.letter}]"
            z = net.let("z", (*space, joined), summed((group, out), f"{z.entry}*{guard}"))
        return net.applied(self.activation, z)


@dataclass(frozen=True)
class Conv1d(_Convolution):
    """A convolution along time: z[t, o] = sum over k, c of A[k, c, o] x[stride t + k, c] + b[o]."""

    SPACE, PLACES = ("t",), ("k",)


@dataclass(frozen=True)
class Conv2d(_Convolution):
    """A convolution over rows and columns."""

    SPACE, PLACES = ("h", "w"), ("k", "l")


@dataclass(frozen=True)
class _Transposed(Called):
    """What transposed convolutions have in common: each value that comes in adds a window."""

    filters: int
    kernel: int
    stride: int = 1
    padding: int = 0
    activation: str = "linear"
    bias: bool = True

    SPACE: ClassVar[tuple[str, ...]]
    PLACES: ClassVar[tuple[str, ...]]
    FIELDS: ClassVar[Fields] = {
        **WINDOW,
        "padding": count("places that are cut off on each side", 0, 0),
        "activation": ACTIVATION,
        "bias": BIAS,
    }

    def equations(self, net: Graph, x: Value) -> Value:
        what = "a transposed convolution"
        rank(x, len(self.SPACE) + 1, what)
        *inner, channels = x.axes
        places = [net.axis(wish, self.kernel, x) for wish in self.PLACES]
        space = list[Index]()
        for wish, a in zip(self.SPACE, inner, strict=True):
            size = (whole_size(a, what) - 1) * self.stride + self.kernel - 2 * self.padding
            if size < 1:
                raise ShapeError(f"nothing is left of {a.size} values without the padding")
            space.append(net.axis(wish, size, x, *places, *space))
        out = net.axis("o", self.filters, x, *space, *places)
        weights = net.parameter("A", *places, channels, out)
        guards = "".join(
            f"*[{t.letter} = {place(s, k, self.stride, 1, self.padding)}]"
            for t, s, k in zip(space, inner, places, strict=True)
        )
        right = summed((*inner, *places, channels), f"{weights}*{x.entry}{guards}")
        if self.bias:
            right += f" + {net.parameter('b', out, kind='bias')}"
        return net.applied(self.activation, net.let("z", (*space, out), right))


@dataclass(frozen=True)
class TransposedConv1d(_Transposed):
    """z[t, o] = sum of A[k, c, o] x[s, c] over all s, k with t = stride s + k - padding, + b[o]."""

    SPACE, PLACES = ("t",), ("k",)


@dataclass(frozen=True)
class TransposedConv2d(_Transposed):
    """The same over rows and columns."""

    SPACE, PLACES = ("h", "w"), ("k", "l")
