"""Layers of networks of any shape: the fields of each, and the equations that it writes.

PLAIN: that a layer has no parameters, and so no number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from symnn.io.fields import Field
from symnn.nn.calls import Called
from symnn.nn.graph import (
    INDENT,
    Graph,
    Index,
    ShapeError,
    Value,
    listed,
    rank,
    summed,
    whole_size,
)
from symnn.nn.layers import Dense as Dense
from symnn.nn.layers import Dropout as Dropout

Fields = Mapping[str, Field]
ACTIVATION = Field("string", "linear", doc="applied to each component")
BIAS = Field("boolean", True, doc="whether there is a bias")


def _count(doc: str, default: int | None = None, least: int = 1, most: int = 10**6) -> Field:
    if default is None:
        return Field("integer", minimum=least, maximum=most, doc=doc)
    return Field("integer", default, minimum=least, maximum=most, doc=doc)


def _small(default: float, doc: str) -> Field:
    return Field("number", default, minimum=0, maximum=1, exclusive_minimum=True, doc=doc)


@dataclass(frozen=True)
class Activation(Called):
    """A function of every component; softmax along the last axis."""

    function: str

    PLAIN: ClassVar[bool] = True
    FIELDS: ClassVar[Fields] = {"function": Field("string", doc="its name")}

    def equations(self, net: Graph, x: Value) -> Value:
        return net.applied(self.function, net.unflat(x))


@dataclass(frozen=True)
class Flatten(Called):
    """All axes as one; what a dense layer makes of them is a sum over all."""

    PLAIN: ClassVar[bool] = True
    FIELDS: ClassVar[Fields] = {}

    def equations(self, net: Graph, x: Value) -> Value:
        return Value(x.name, x.axes, x.whole, flat=True)


def _place(a: Index, k: Index, stride: int, dilation: int, padding: int) -> str:
    """Where a window at a reads with its place k: stride*a + dilation*k - padding."""
    first = f"{stride}*{a.letter}" if stride > 1 else a.letter
    second = f"{dilation}*{k.letter}" if dilation > 1 else k.letter
    return f"{first} + {second}" + (f" - {padding}" if padding else "")


def _windows(size: int, kernel: int, stride: int, dilation: int, padding: int) -> int:
    """How many windows fit; ShapeError for none."""
    count = (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
    if count < 1:
        raise ShapeError(f"a kernel of {kernel} does not fit into {size} values")
    return count


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
        "filters": _count("number of channels that come out"),
        "kernel": _count("width of the window"),
        "stride": _count("steps between windows", 1),
        "padding": _count("zeros on each side", 0, 0),
        "dilation": _count("steps within a window", 1),
        "groups": _count("parts of the channels that are convolved apart", 1),
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
        space = [
            net.axis(wish, _windows(whole_size(a, "a convolution"), self.kernel, *options), *places)
            for wish, a in zip(self.SPACE, x.axes, strict=False)
        ]
        at = [_place(a, k, *options) for a, k in zip(space, places, strict=True)]
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
        "size": _count("width of the window"),
        "stride": _count("steps between windows; 0: the size", 0, 0),
        "padding": _count("places on each side that are outside", 0, 0),
    }

    def equations(self, net: Graph, x: Value) -> Value:
        rank(x, len(self.SPACE) + 1, "pooling")
        if self.SIGN == "max" and self.padding >= self.size:
            text = f"with a padding of {self.padding} a window of {self.size} lies outside"
            raise ShapeError(f"{text}: the padding must be smaller than the size")
        options = self.stride or self.size, 1, self.padding
        places = [net.axis(wish, self.size, x) for wish in self.PLACES]
        space = [
            net.axis(wish, _windows(whole_size(a, "pooling"), self.size, *options), *places)
            for wish, a in zip(self.SPACE, x.axes, strict=False)
        ]
        at = [_place(a, k, *options) for a, k in zip(space, places, strict=True)]
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


@dataclass(frozen=True)
class Embedding(Called):
    """The row of a table that a whole number names."""

    units: int

    FIELDS: ClassVar[Fields] = {"units": _count("width of a row")}

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
class LayerNorm(Called):
    """Mean 0 and variance 1 along the last axis, then a gain and a bias (Ba et al. 2016)."""

    epsilon: float = 1e-5

    FIELDS: ClassVar[Fields] = {
        "epsilon": Field(
            "number",
            1e-5,
            minimum=0,
            maximum=1,
            exclusive_minimum=True,
            doc="added to the variance",
        ),
    }

    def equations(self, net: Graph, x: Value) -> Value:
        x = net.unflat(x)
        unit = x.axes[-1]
        m = net.let("m", x.axes[:-1], f"mean_{listed([unit])} {x.entry}")
        u = net.let("u", x.axes, f"{x.entry} - {m.entry}")
        v = net.let("v", x.axes[:-1], f"mean_{listed([unit])} {u.entry}**2")
        h = net.let("h", x.axes, f"{u.entry}/sqrt({v.entry} + {self.epsilon!r})")
        gain, bias = net.parameter("g", unit, kind="gain"), net.parameter("b", unit, kind="bias")
        return net.let("a", x.axes, f"{gain}*{h.entry} + {bias}")


@dataclass(frozen=True)
class RMSNorm(Called):
    """Mean square 1 along the last axis, then a gain (Zhang and Sennrich 2019)."""

    epsilon: float = 1e-6

    FIELDS: ClassVar[Fields] = {
        "epsilon": Field(
            "number",
            1e-6,
            minimum=0,
            maximum=1,
            exclusive_minimum=True,
            doc="added to the mean square",
        ),
    }

    def equations(self, net: Graph, x: Value) -> Value:
        x = net.unflat(x)
        unit = x.axes[-1]
        v = net.let("v", x.axes[:-1], f"mean_{listed([unit])} {x.entry}**2")
        gain = net.parameter("g", unit, kind="gain")
        return net.let("a", x.axes, f"{gain}*{x.entry}/sqrt({v.entry} + {self.epsilon!r})")


@dataclass(frozen=True)
class _Recurrent(Called):
    """What recurrent layers have in common: gates of U x_t + W h_(t-1) + b along the first axis.

    steps: "last", the state after the last step, or "all".
    """

    units: int
    steps: str = "last"
    bias: bool = True

    FIELDS: ClassVar[Fields] = {
        "units": _count("number of units"),
        "steps": Field("string", "last", choices=("last", "all"), doc="which states go out"),
        "bias": BIAS,
    }

    def equations(self, net: Graph, x: Value) -> Value:
        rank(x, 2, "a recurrent layer")
        time, inputs = x.axes
        unit = net.axis("j", self.units, x)
        before = net.axis("k", self.units, x, unit)
        state = f"h_{net.number}"

        def gate(mark: str, old: str = "") -> str:
            """U x_t + W h_(t-1) + b."""
            last = old or f"{state}[n, {time.letter} - 1, {before.letter}]"
            parts = [
                summed([inputs], f"{net.parameter(f'U{mark}', unit, inputs)}*{x.entry}"),
                summed([before], f"{net.parameter(f'W{mark}', unit, before)}*{last}"),
            ]
            if self.bias:
                parts.append(net.parameter(f"b{mark}", unit, kind="bias"))
            return " + ".join(parts)

        self.step(net, gate, time, unit, before)
        out = Value(state, (time, unit))
        if self.steps == "all":
            return out
        last = whole_size(time, "the last step") - 1
        return net.let("a", (unit,), out.at(str(last), unit.letter))

    def step(self, net: Graph, gate: Any, time: Index, unit: Index, before: Index) -> None:
        """The equations of one step, within a loop."""
        raise NotImplementedError

    @staticmethod
    def loop(net: Graph, time: Index, rows: list[tuple[str, str]], unit: Index) -> None:
        """A loop of equations: letters and right sides."""
        net.rows.append(f"for {time}:")
        for letter, right in rows:
            net.let(letter, (time, unit), right, indent=INDENT)


@dataclass(frozen=True)
class RNN(_Recurrent):
    """h_t = tanh(U x_t + W h_(t-1) + b) (Elman 1990)."""

    def step(self, net: Graph, gate: Any, time: Index, unit: Index, before: Index) -> None:
        z = Value(f"z_{net.number}", (time, unit))
        self.loop(net, time, [("z", gate("")), ("h", f"tanh({z.entry})")], unit)


@dataclass(frozen=True)
class GRU(_Recurrent):
    """A gated recurrent unit: reset gate r, update gate z, candidate g (Cho et al. 2014)."""

    def step(self, net: Graph, gate: Any, time: Index, unit: Index, before: Index) -> None:
        k = net.number
        r, z, g, h = (Value(f"{letter}_{k}", (time, unit)) for letter in "rzgh")
        last = f"{r.at(time.letter, before.letter)}*{h.at(f'{time.letter} - 1', before.letter)}"
        old = h.at(f"{time.letter} - 1", unit.letter)
        rows = [
            ("r", f"sigmoid({gate('_r')})"),
            ("z", f"sigmoid({gate('_z')})"),
            ("g", f"tanh({gate('_g', last)})"),
            ("h", f"(1 - {z.entry})*{g.entry} + {z.entry}*{old}"),
        ]
        self.loop(net, time, rows, unit)


@dataclass(frozen=True)
class LSTM(_Recurrent):
    """A long short-term memory: gates i, f, o, candidate g, cell C (Hochreiter 1997, Gers 2000)."""

    def step(self, net: Graph, gate: Any, time: Index, unit: Index, before: Index) -> None:
        k = net.number
        i, f, o, g, c = (Value(f"{letter}_{k}", (time, unit)) for letter in "ifogC")
        rows = [(letter, f"sigmoid({gate('_' + letter)})") for letter in "ifo"]
        rows += [
            ("g", f"tanh({gate('_g')})"),
            ("C", f"{f.entry}*{c.at(f'{time.letter} - 1', unit.letter)} + {i.entry}*{g.entry}"),
            ("h", f"{o.entry}*tanh({c.entry})"),
        ]
        self.loop(net, time, rows, unit)


@dataclass(frozen=True)
class Attention(Called):
    """Scaled dot products of queries and keys weigh the values, in several heads (Vaswani 2017).

    Of two values the first gives the queries, the second keys and values.
    """

    heads: int = 1
    causal: bool = False

    FIELDS: ClassVar[Fields] = {
        "heads": _count("parts of the channels", 1),
        "causal": Field("boolean", False, doc="whether a step looks back only"),
    }

    def equations(self, net: Graph, x: Value, source: Value | None = None) -> Value:
        source = source or x
        for value in (x, source):
            rank(value, 2, "attention")
        (time, channel), (other_time, other) = x.axes, source.axes
        width = whole_size(channel, "attention")
        if width % self.heads:
            raise ShapeError(f"{self.heads} heads do not divide {width} channels")
        head = net.axis("a", self.heads, x, source)
        part = net.axis("d", width // self.heads, x, source, head)
        at = net.axis("u", other_time.size, x, head, part)
        again = net.axis("w", other_time.size, x, head, part, at)

        def heads(mark: str, value: Value, t: Index, c: Index) -> Value:
            weights = net.parameter(f"W{mark}", head, part, c)
            return net.let(mark, (head, t, part), summed([c], f"{weights}*{value.entry}"))

        q = heads("q", x, time, channel)
        k, v = (heads(mark, source, other_time, other) for mark in "kv")
        here = (head.letter, at.letter, part.letter)
        product = summed([part], f"{q.entry}*{k.at(*here)}")
        scores = net.let("S", (head, time, at), f"{product}/sqrt({width // self.heads})")
        guard = f"*[{at.letter} <= {time.letter}]" if self.causal else ""
        e = net.let("e", scores.axes, f"exp({scores.entry}){guard}")
        total = net.let(
            "s", (head, time), f"sum_{again.letter} {e.at(head.letter, time.letter, again.letter)}"
        )
        p = net.let("P", scores.axes, f"{e.entry}/{total.entry}")
        o = net.let("o", (head, time, part), summed([at], f"{p.entry}*{v.at(*here)}"))
        out = net.axis("c", width, head, part, time)
        weights = net.parameter("Wo", out, head, part)
        return net.let("z", (time, out), summed([head, part], f"{weights}*{o.entry}"))


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


GRAPH_LAYERS: dict[str, type[Any]] = {
    "dense": Dense,
    "dropout": Dropout,
    "activation": Activation,
    "flatten": Flatten,
    "conv1d": Conv1d,
    "conv2d": Conv2d,
    "max_pool1d": MaxPool1d,
    "max_pool2d": MaxPool2d,
    "average_pool1d": AveragePool1d,
    "average_pool2d": AveragePool2d,
    "global_pool": GlobalPool,
    "embedding": Embedding,
    "positions": Positions,
    "layer_norm": LayerNorm,
    "rms_norm": RMSNorm,
    "rnn": RNN,
    "gru": GRU,
    "lstm": LSTM,
    "attention": Attention,
    "add": Add,
    "multiply": Multiply,
    "concatenate": Concatenate,
}
