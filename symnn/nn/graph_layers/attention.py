"""Attention, and the block of a transformer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from symnn.io.fields import Field
from symnn.nn.calls import Called
from symnn.nn.graph import Graph, Index, ShapeError, Value, rank, summed, whole_size
from symnn.nn.graph_layers.fields import Fields, count
from symnn.nn.graph_layers.joins import Add
from symnn.nn.graph_layers.norms import LayerNorm
from symnn.nn.layers import Dense, Dropout


@dataclass(frozen=True)
class Attention(Called):
    """Scaled dot products of queries and keys weigh the values, in several heads (Vaswani 2017).

    Of two values the first gives the queries, the second keys and values.
    """

    heads: int = 1
    causal: bool = False
    bias: bool = False

    FIELDS: ClassVar[Fields] = {
        "heads": count("parts of the channels", 1),
        "causal": Field("boolean", False, doc="whether a step looks back only"),
        "bias": Field("boolean", False, doc="whether there are biases"),
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

        def bias(mark: str, *axes: Index) -> str:
            return (
                f" + {net.parameter(f'b_{mark}', *axes, kind='bias', base=f'b{mark}')}"
                if self.bias
                else ""
            )

        def heads(mark: str, value: Value, t: Index, c: Index) -> Value:
            weights = net.parameter(f"W_{mark}", head, part, c, base=f"W{mark}")
            right = summed([c], f"{weights}*{value.entry}") + bias(mark, head, part)
            return net.let(mark, (head, t, part), right)

        q = heads("q", x, time, channel)
        k, v = (heads(mark, source, other_time, other) for mark in "kv")
        here = (head.letter, at.letter, part.letter)
        product = summed([part], f"{q.entry}*{k.at(*here)}")
        scores = net.let("S", (head, time, at), f"{product}/sqrt({width // self.heads})")
        masked = self.causal and at.size != 1  # a single place is never ahead
        guard = f"*[{at.letter} <= {time.letter}]" if masked else ""
        e = net.let("e", scores.axes, f"exp({scores.entry}){guard}")
        total = net.let(
            "s", (head, time), f"sum_{again.letter} {e.at(head.letter, time.letter, again.letter)}"
        )
        p = net.let("P", scores.axes, f"{e.entry}/{total.entry}")
        o = net.let("o", (head, time, part), summed([at], f"{p.entry}*{v.at(*here)}"))
        out = net.axis("c", width, head, part, time)
        weights = net.parameter("W_o", out, head, part, base="Wo")
        right = summed([head, part], f"{weights}*{o.entry}") + bias("o", out)
        return net.let("z", (time, out), right)


@dataclass(frozen=True)
class TransformerBlock(Called):
    """Attention, then two dense layers for each step, both added to what comes in (Vaswani 2017).

    norm: "pre", x + f(LayerNorm(x)) (Xiong et al. 2020), or "post", LayerNorm(x + f(x)).
    """

    heads: int = 1
    units: int = 0
    hidden: str = "gelu"
    norm: str = "pre"
    causal: bool = False
    bias: bool = False
    rate: float = 0.0

    FIELDS: ClassVar[Fields] = {
        "heads": Attention.FIELDS["heads"],
        "units": count("units of the first dense layer; 0: four times the channels", 0, 0),
        "hidden": Field("string", "gelu", doc="activation of the first dense layer"),
        "norm": Field("string", "pre", choices=("pre", "post"), doc="where layer norms stand"),
        "causal": Attention.FIELDS["causal"],
        "bias": Attention.FIELDS["bias"],
        "rate": Field("number", 0.0, minimum=0, maximum=0.9, doc="dropout of what is added"),
    }

    def equations(self, net: Graph, x: Value) -> Value:
        rank(x, 2, "a transformer block")
        channels = whole_size(x.axes[-1], "a transformer block")
        attention = Attention(self.heads, self.causal, self.bias)
        dense = Dense(self.units or 4 * channels, self.hidden), Dense(channels)
        written = 0

        def through(value: Value, *layers: Any) -> Value:
            nonlocal written
            for layer in layers:
                if written:
                    net.following()
                written += 1
                value = layer.equations(net, value)
            return value

        for layers in ((attention,), dense):
            inside = through(x, *[LayerNorm()][: self.norm == "pre"], *layers)
            if self.rate:
                inside = Dropout(self.rate).equations(net, inside)
            x = Add().equations(net, x, inside)
            x = through(x, *[LayerNorm()][: self.norm == "post"])
        return x
