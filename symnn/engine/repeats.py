"""Layers, and blocks of layers, that differ in their numbers alone: their lines make runs.

What a line reads is named by what it is called without the number of a layer, and by how far its
layer is from that of the line; two lines of one shape are the same but for the layer.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Generic, TypeVar

import sympy as sp

from symnn.engine.ir import (
    Axis,
    Item,
    Line,
    Scan,
    Tensor,
    Term,
    entries,
    indices_of,
    lines_of,
    name_of,
    pointers,
)

T = TypeVar("T")
LEAST = 3  # fewer equal layers are written out
SAVED = 4  # items that blocks of layers must save


def line_layer(line: Line) -> int | None:
    """The layer of the units that a line has, or else that of what it computes.

    They differ where dropout, which has numbers of its own, does not stand at every layer.
    """
    found = (a.layer for a in line.lhs.axes)
    return next((k for k in found if k is not None), line.lhs.layer)


def named(f: Item | Term, tensors: Mapping[str, Tensor]) -> list[Tensor | Axis]:
    """What has a name in a line, in a scan, or in a term of a scalar."""
    if isinstance(f, Scan):
        return [x for line in f.lines for x in named(line, tensors)]
    if isinstance(f, Line):
        return [f.lhs, *f.lhs.axes, *(x for t in f.terms for x in named(t, tensors))]
    read = dict.fromkeys(map(name_of, entries(f.f) + pointers(f.f)))
    return [*(tensors[name] for name in read if name in tensors), *f.over]


def near(of: Tensor | Axis, layer: int, reach: int | None) -> bool:
    """Whether it is called by how far its layer is from this one: within reach, if there is one."""
    return of.layer is not None and (reach is None or abs(of.layer - layer) <= reach)


def general_names(every: Iterable[Tensor | Axis], layer: int, letter: str = "k") -> dict[str, str]:
    """Names in lines of a layer -> those in the lines of any layer k: z_3 -> z_k, j2 -> j(k-1)."""
    return {
        of.name: _numbered(
            of, letter if of.layer == layer else f"({letter}{(of.layer or 0) - layer:+d})"
        )
        for of in every
        if of.layer is not None
    }


def general(line: Line, layer: int, tensors: Mapping[str, Tensor]) -> str:
    """The line of a layer, as that of any layer k."""
    return line.text(general_names(named(line, tensors), layer))


def signature(
    f: Item | Term, layer: int, every: Iterable[Tensor | Axis], reach: int | None = None
) -> Hashable:
    """What lines or terms of two layers have in common if they are equal, but for their numbers.

    every: what is named there; reach: as of ``near``.  Axes of no layer count by their places in
    the line and by their sizes; others may differ in size, but where a sum over an axis is a
    product with its size.
    """
    if isinstance(f, Scan):
        return (f.axis, f.reverse, *(signature(line, layer, every, reach) for line in f.lines))
    seen: dict[str, Hashable] = {
        of.name: (_numbered(of, ""), (of.layer or 0) - layer)
        for of in every
        if near(of, layer, reach)
    }
    if isinstance(f, Line):
        places = enumerate(a for a in f.axes if a.layer is None)
        seen |= {a.name: (place, a.size) for place, a in places}

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
    """The name of something of a layer with another number: z_3 -> z_k, j2 -> jk."""
    head, tail = around(of)
    return head + number + tail


def around(of: Tensor | Axis) -> tuple[str, str]:
    """What stands before and behind the number of the layer in its name."""
    if isinstance(of, Tensor) and f"_{of.layer}" in of.name:
        head, _, tail = of.name.partition(f"_{of.layer}")
        return f"{head}_", tail
    head, _, tail = of.name.rpartition(str(of.layer))
    return head, tail


@dataclass(frozen=True)
class Repeat(Generic[T]):
    """Items of the layers from ``first`` to ``last``, one after the other; by blocks of ``step``
    layers, of which these are the layers of the first items.
    """

    every: tuple[T, ...]
    first: int
    last: int
    step: int = 1

    @property
    def items(self) -> tuple[T, ...]:
        """Those of the first block; those of the others differ from them in numbers alone."""
        return self.every[: len(self.every) // (abs(self.last - self.first) // self.step + 1)]

    @property
    def numbers(self) -> range:
        """The numbers of the first layer of each block."""
        step = self.step if self.last >= self.first else -self.step
        return range(self.first, self.last + (1 if step > 0 else -1), step)


def rolled_blocks(
    items: Sequence[T],
    key: Callable[[T], tuple[int | None, Hashable]],
    shape: Callable[[T, int, int], Hashable],
) -> list[T | Repeat[T]]:
    """The items in their order, with runs of equal blocks as one, if that saves SAVED items.

    A block is any number of items; those of the next are of layers whose numbers are higher, or
    lower, by as much for all.  key: the layer of an item, and what must agree before its shape is
    looked at.  shape: an item as seen from its layer, where blocks are so many layers apart.
    """
    keys = [key(item) for item in items]
    seen: dict[tuple[int, int], Hashable] = {}

    def seen_from(at: int, apart: int) -> Hashable:
        if (at, apart) not in seen:
            seen[at, apart] = shape(items[at], keys[at][0] or 0, apart)
        return seen[at, apart]

    def equal(at: int, other: int, step: int) -> bool:
        (layer, own), (next_layer, its) = keys[at], keys[other]
        if layer is None or next_layer is None or next_layer - layer != step or own != its:
            return False
        return seen_from(at, abs(step)) == seen_from(other, abs(step))

    def run(start: int, length: int) -> int:
        """How many equal blocks of this length begin there."""
        step = (keys[start + length][0] or 0) - (keys[start][0] or 0)
        end = start
        while step and end + length < len(items) and equal(end, end + length, step):
            end += 1
        return (end - start) // length + 1

    out, at = list[T | Repeat[T]](), 0
    while at < len(items):
        lengths = range(1, (len(items) - at) // 2 + 1)
        runs = ((run(at, length), length) for length in lengths)
        count, length = max(runs, key=lambda run: (run[0] - 1) * run[1], default=(1, 1))
        first, last = keys[at][0], keys[at + (count - 1) * length][0]
        if first is None or last is None or (count - 1) * length < SAVED:
            out.append(items[at])
            at += 1
            continue
        step = abs(last - first) // (count - 1)
        out.append(Repeat(tuple(items[at : at + count * length]), first, last, step))
        at += count * length
    return out


def rolled(
    items: Sequence[T],
    parts: Callable[[T], Sequence[Item]],
    tensors: Mapping[str, Tensor],
    kind: Callable[[T], Hashable] = lambda item: None,
) -> list[T | Repeat[T]]:
    """What is made of lines, in its order, with runs of equal blocks as one.

    parts: the lines of an item; its layer is that of the first.  tensors: all that they name, by
    their names.  kind: what must agree beside the lines.  A tensor further away than the blocks
    are from each other is the same for all.
    """
    every = {id(item): [named(part, tensors) for part in parts(item)] for item in items}
    known: dict[tuple[int, int], Hashable] = {}

    def key(item: T) -> tuple[int | None, Hashable]:
        first = next(lines_of(parts(item))).lhs
        return first.layer, (around(first), kind(item))

    def shape(item: T, layer: int, apart: int) -> Hashable:
        own = every[id(item)]
        far = (abs(of.layer - layer) for part in own for of in part if of.layer is not None)
        reach = max((distance for distance in far if distance <= apart), default=0)
        if (id(item), reach) not in known:
            found = tuple(map(lambda part, of: signature(part, layer, of, reach), parts(item), own))
            known[id(item), reach] = hash(found), found
        return known[id(item), reach]

    return rolled_blocks(items, key, shape)


def rolled_layers(
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
