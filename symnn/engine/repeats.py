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

from symnn.engine.ir import Axis, Line, Tensor, Term, entries, indices_of, name_of, pointers

T = TypeVar("T")
LEAST = 3  # fewer equal layers are written out


def line_layer(line: Line) -> int | None:
    """The layer of the units that a line has, or else that of what it computes.

    They differ where dropout, which has numbers of its own, does not stand at every layer.
    """
    found = (a.layer for a in line.lhs.axes)
    return next((k for k in found if k is not None), line.lhs.layer)


def named(f: Line | Term, tensors: Mapping[str, Tensor]) -> list[Tensor | Axis]:
    """What has a name in a line, or in a term of a scalar."""
    if isinstance(f, Line):
        return [f.lhs, *f.lhs.axes, *(x for t in f.terms for x in named(t, tensors))]
    read = dict.fromkeys(map(name_of, entries(f.f) + pointers(f.f)))
    return [*(tensors[name] for name in read if name in tensors), *f.over]


def general_names(every: Iterable[Tensor | Axis], layer: int) -> dict[str, str]:
    """Names in lines of a layer -> those in the lines of any layer k: z_3 -> z_k, j2 -> j(k-1)."""
    return {
        of.name: _numbered(of, "k" if of.layer == layer else f"(k{of.layer - layer:+d})")
        for of in every
        if of.layer is not None
    }


def general(line: Line, layer: int, tensors: Mapping[str, Tensor]) -> str:
    """The line of a layer, as that of any layer k."""
    return line.text(general_names(named(line, tensors), layer))


def signature(f: Line | Term, layer: int, every: Iterable[Tensor | Axis]) -> Hashable:
    """What lines or terms of two layers have in common if they are equal, but for their numbers.

    every: what is named there.  Sizes may differ, but where a sum over an axis is a product with
    its size.
    """
    seen: dict[str, Hashable] = {
        of.name: (_numbered(of, ""), of.layer - layer) for of in every if of.layer is not None
    }

    def names(axes: Iterable[Axis]) -> tuple[Hashable, ...]:
        return tuple(seen.get(a.name, a.name) for a in axes)

    def shape(f: Any) -> Hashable:
        if isinstance(f, sp.Indexed | sp.Symbol):
            name = name_of(f)
            return seen.get(name, name), *map(shape, indices_of(f))
        # the order of a sum, or of a product, is that of names
        parts = map(shape, f.args)
        kind = frozenset if isinstance(f, sp.Add | sp.Mul) else tuple
        found: Hashable = (f.func, kind(parts)) if f.args else f
        return found

    def term(t: Term) -> Hashable:
        sizes = [a.symbol in t.f.free_symbols or a.size for a in t.over]
        return t.reduce, names(t.over), tuple(sizes), shape(t.f)

    if isinstance(f, Term):
        return term(f)
    left = seen.get(f.lhs.name, f.lhs.name), names(f.lhs.axes)
    return left, tuple(map(term, f.terms))


def _numbered(of: Tensor | Axis, number: str) -> str:
    """The name of something of a layer with another number."""
    head, _, tail = of.name.rpartition(str(of.layer))
    return head + number + tail


@dataclass(frozen=True)
class Repeat(Generic[T]):
    """Items of the layers from ``first`` to ``last``, one layer after the other."""

    every: tuple[T, ...]
    first: int
    last: int

    @property
    def items(self) -> tuple[T, ...]:
        """Those of the first layer; those of the others differ from them in numbers alone."""
        return self.every[: len(self.every) // (abs(self.last - self.first) + 1)]


def repeats(
    items: Sequence[T],
    layer: Callable[[T], int | None],
    shape: Callable[[T, int], Hashable],
) -> list[T | Repeat[T]]:
    """The items in their order, with those of at least LEAST equal layers as one.

    layer: that of an item; neighbours of one layer belong together.  shape: an item as seen from
    its layer.
    """
    groups = [(k, tuple(group)) for k, group in groupby(items, key=layer)]
    keys = [(k, None if k is None else tuple(shape(item, k) for item in g)) for k, g in groups]
    lengths, out, at = dict(runs(keys, LEAST)), list[T | Repeat[T]](), 0
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
