"""Layers that differ in their number alone: their lines have one shape, and make runs.

What a line reads is named by what it is called without the number of a layer, and by how far its
layer is from that of the line; two lines of one shape are the same but for the layer.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Generic, TypeVar

import sympy as sp

from symnn.engine.ir import Axis, Line, Tensor, Term, indices_of, name_of

T = TypeVar("T")


def line_layer(line: Line) -> int | None:
    """The layer of the units that a line has, or else that of what it computes.

    They differ where dropout, which has numbers of its own, does not stand at every layer.
    """
    found = (a.layer for a in line.lhs.axes)
    return next((k for k in found if k is not None), line.lhs.layer)


def numbered(name: str, layer: int, number: str) -> str:
    """The name of a tensor or an axis of a layer with another number: z_3 -> z_k."""
    head, _, tail = name.rpartition(str(layer))
    return head + number + tail


@dataclass(frozen=True)
class Relative:
    """What lines, terms and expressions are as seen from a layer; equal shapes are alike."""

    layer: int
    tensors: Mapping[str, Tensor]
    axes: Mapping[sp.Symbol, Axis]

    def of(self, name: str, layer: int | None) -> Hashable:
        """A name of a layer, or of none."""
        return name if layer is None else (numbered(name, layer, ""), layer - self.layer)

    def tensor(self, name: str) -> Hashable:
        """The tensor of a name."""
        found = self.tensors.get(name)
        return self.of(name, found.layer if found else None)

    def axis(self, symbol: sp.Symbol) -> Hashable:
        """The axis of an index."""
        found = self.axes.get(symbol)
        return self.of(symbol.name, found.layer if found else None)

    def expression(self, f: Any) -> Hashable:
        """An expression of entries."""
        if isinstance(f, sp.Indexed):
            return self.tensor(name_of(f)), *map(self.expression, indices_of(f))
        if isinstance(f, sp.Symbol):
            return self.axis(f) if f in self.axes else self.tensor(f.name)
        if not f.args:
            found: Hashable = f
            return found
        parts = map(self.expression, f.args)  # the order of a sum, or a product, is that of names
        return f.func, frozenset(parts) if isinstance(f, sp.Add | sp.Mul) else tuple(parts)

    def term(self, term: Term) -> Hashable:
        """A term; sizes count where a sum over an axis is a product with its size."""
        read = term.f.free_symbols
        over = [(self.axis(a.symbol), a.symbol in read or a.size) for a in term.over]
        return term.reduce, tuple(over), self.expression(term.f)

    def line(self, line: Line) -> Hashable:
        """A line."""
        left = self.tensor(line.lhs.name), *(self.axis(a.symbol) for a in line.lhs.axes)
        return left, tuple(map(self.term, line.terms))


def signature(line: Line, layer: int, tensors: Mapping[str, Tensor]) -> Hashable:
    """What lines of two layers, each seen from its own, agree in if they are alike.

    Sizes may differ.
    """
    axes = {a.symbol: a for a in line.axes}
    return Relative(layer, {**tensors, line.lhs.name: line.lhs}, axes).line(line)


def general_names(named: Iterable[Tensor | Axis], layer: int) -> dict[str, str]:
    """Their names -> those in the lines of any layer k, where they are lines of ``layer``.

    z_3 -> z_k, j2 -> j(k-1)
    """
    return {
        of.name: numbered(of.name, of.layer, _general(of.layer - layer))
        for of in named
        if of.layer is not None
    }


def _general(difference: int) -> str:
    return f"(k{difference:+d})" if difference else "k"


def general(line: Line, layer: int, tensors: Mapping[str, Tensor]) -> str:
    """The line of a layer, as that of any layer k."""
    read = (tensors[n] for n in map(name_of, line.reads) if n in tensors)
    return line.text(general_names((line.lhs, *read, *line.axes), layer))


@dataclass(frozen=True)
class Repeat(Generic[T]):
    """Items of the layers from ``first`` to ``last``, one layer after the other."""

    every: tuple[T, ...]
    first: int
    last: int

    @property
    def items(self) -> tuple[T, ...]:
        """Those of the first layer, which the others are like."""
        return self.every[: len(self.every) // (abs(self.last - self.first) + 1)]


def repeats(
    items: Sequence[T],
    layer: Callable[[T], int | None],
    shape: Callable[[T, int], Hashable],
    least: int,
) -> list[T | Repeat[T]]:
    """The items in their order, with those of at least so many layers that are alike as one.

    layer: that of an item; neighbours of one layer belong together.  shape: an item as seen from
    its layer.
    """
    groups = [(k, tuple(group)) for k, group in groupby(items, key=layer)]
    keys = [(k, None if k is None else tuple(shape(item, k) for item in g)) for k, g in groups]
    lengths, out, at = dict(runs(keys, least)), list[T | Repeat[T]](), 0
    while at < len(groups):
        length = lengths.get(at, 1)
        every = tuple(item for _, group in groups[at : at + length] for item in group)
        first, last = groups[at][0], groups[at + length - 1][0]
        if length > 1 and first is not None and last is not None:
            out.append(Repeat(every, first, last))
        else:
            out += every
        at += length
    return out


def runs(keys: Sequence[tuple[int | None, Hashable]], least: int = 2) -> list[tuple[int, int]]:
    """The maximal runs (start, length) of equal keys whose layers go up, or down, by one.

    keys: (layer, what must agree).  Runs shorter than ``least`` are not reported.
    """
    out, start = [], 0
    while start < len(keys):
        end = start + 1
        step = 0
        while end < len(keys):
            (before, key), (after, other) = keys[end - 1], keys[end]
            if before is None or after is None or key != other or abs(after - before) != 1:
                break
            if step not in (0, after - before):
                break
            step = after - before
            end += 1
        if end - start >= least:
            out.append((start, end - start))
        start = end
    return out
