"""Attention."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from symnn.io.fields import Field
from symnn.nn.calls import Called
from symnn.nn.graph import Graph, Index, ShapeError, Value, rank, summed, whole_size
from symnn.nn.graph_layers.fields import Fields, count


@dataclass(frozen=True)
class Attention(Called):
    """Scaled dot products of queries and keys weigh the values, in several heads (Vaswani 2017).

    Of two values the first gives the queries, the second keys and values.
    """

    heads: int = 1
    causal: bool = False

    FIELDS: ClassVar[Fields] = {
        "heads": count("parts of the channels", 1),
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
        masked = self.causal and at.size != 1  # a single place is never ahead
        guard = f"*[{at.letter} <= {time.letter}]" if masked else ""
        e = net.let("e", scores.axes, f"exp({scores.entry}){guard}")
        total = net.let(
            "s", (head, time), f"sum_{again.letter} {e.at(head.letter, time.letter, again.letter)}"
        )
        p = net.let("P", scores.axes, f"{e.entry}/{total.entry}")
        o = net.let("o", (head, time, part), summed([at], f"{p.entry}*{v.at(*here)}"))
        out = net.axis("c", width, head, part, time)
        weights = net.parameter("Wo", out, head, part)
        return net.let("z", (time, out), summed([head, part], f"{weights}*{o.entry}"))
