"""Where an affine read can leave the range of what it reads; see ``Term`` for what that means.

Every index is looked at on the grid of its own axes, with the guards and cases under which it is
read.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import sympy as sp

from symnn.engine.evaluate import Array, Evaluator, is_guard
from symnn.engine.ir import Axis, Line, Tensor, Term, indices_of, is_entry, name_of

LIMIT = 2**20  # places of a grid
OPEN = 7  # stands for a size that is left open

Given = tuple[tuple[sp.Basic, bool], ...]  # conditions on indices, and whether they hold


@dataclass(frozen=True)
class _Read:
    """An entry, and what is given where it is read; certain: whether it is read there for sure."""

    entry: sp.Expr
    given: Given
    certain: bool


@dataclass(frozen=True)
class Leaving:
    """An index of an entry, along an axis of its tensor, that leaves its range somewhere."""

    entry: sp.Expr
    index: sp.Expr
    own: Axis
    maximum: bool


def leaving(
    line: Line, tensors: Mapping[str, Tensor], scan: Axis | None = None, down: bool = False
) -> Iterator[Leaving]:
    """The reads of a line that can leave their range.

    scan: the axis of the loop that the line stands in, before whose first
    step everything is 0.
    """
    for term in line.terms:
        for read in _reads(term.f):
            for index, own in _affine(read.entry, tensors):
                grid = _Grid([index, *(c for c, _ in read.given)], line.axes)
                if grid.many or (grid.leaves(index, own, scan, down) & grid.hold(read.given)).any():
                    yield Leaving(read.entry, index, own, _runs(term, index))


def nothing(line: Line, tensors: Mapping[str, Tensor]) -> tuple[sp.Expr, dict[str, int]] | None:
    """Where a maximum of the line has no summand that takes part: an entry, and axis -> its number.

    None: nowhere that could be seen from the sizes.
    """
    for term in line.terms:
        found = [
            (read, index, own)
            for read in _reads(term.f)
            for index, own in _affine(read.entry, tensors)
            if _runs(term, index) and read.certain
        ]
        if not found:
            continue
        grid = _Grid([e for r, i, _ in found for e in (i, *(c for c, _ in r.given))], line.axes)
        if grid.many or grid.open or any(not isinstance(own.size, int) for _, _, own in found):
            continue
        away = np.zeros(grid.shape, dtype=bool)
        for part, index, own in found:
            away |= grid.leaves(index, own) & grid.hold(part.given)
        over = tuple(k for k, a in enumerate(grid.axes) if a in term.over)
        places = np.argwhere(np.all(away, axis=over))
        if len(places):
            outer = [a.name for a in grid.axes if a not in term.over]
            return found[0][0].entry, dict(zip(outer, map(int, places[0]), strict=True))
    return None


def _affine(entry: sp.Expr, tensors: Mapping[str, Tensor]) -> Iterator[tuple[sp.Expr, Axis]]:
    """The indices of an entry that may leave the range of an axis, and the axis."""
    for index, own in zip(indices_of(entry), tensors[name_of(entry)].axes, strict=True):
        if not index.is_Symbol and not is_entry(index):
            yield index, own


def _runs(term: Term, index: sp.Expr) -> bool:
    """Whether the term is a maximum that runs along the index."""
    return term.reduce == "max" and bool(index.free_symbols & {a.symbol for a in term.over})


def _reads(f: sp.Basic, given: Given = (), certain: bool = True) -> Iterator[_Read]:
    """What is read in an expression."""
    if is_entry(f):
        yield _Read(f, given, certain)
        for index in filter(is_entry, indices_of(f)):
            yield from _reads(index, given, certain)
    elif isinstance(f, sp.Piecewise):
        for value, condition in f.args:
            known = not any(map(is_entry, sp.preorder_traversal(condition)))
            yield from () if known else _reads(condition, given, certain)
            here = ((condition, True),) if known and condition != sp.true else ()
            certain = certain and (known or condition == sp.true)
            yield from _reads(value, (*given, *here), certain)
            given = (*given, *((c, False) for c, _ in here))
    else:
        guards = [g for g in f.args if isinstance(f, sp.Mul) and is_guard(g)]
        plain = [g for g in guards if not any(map(is_entry, sp.preorder_traversal(g)))]
        inner = (*given, *((g, True) for g in plain))
        for a in f.args:
            if a in guards:
                yield from _reads(a, given, certain)
            else:
                yield from _reads(a, inner, certain and plain == guards)


class _Grid:
    """The places of the axes that occur in some expressions.

    open: whether sizes are that are left open.  many: whether there are more places than LIMIT.
    """

    def __init__(self, expressions: Sequence[sp.Basic], axes: Sequence[Axis]) -> None:
        symbols = {s for e in expressions for s in e.free_symbols}
        self.axes = tuple(a for a in axes if a.symbol in symbols)
        every = {*symbols, *(s for a in self.axes for s in sp.S(a.size).free_symbols)}
        open_ = every - {a.symbol for a in self.axes}
        self.open = bool(open_)
        self.evaluator = Evaluator([], {}, {s.name: OPEN for s in open_})
        self.shape = tuple(map(self.evaluator.size, self.axes))
        self.many = math.prod(self.shape) > LIMIT

    def value(self, f: sp.Basic) -> Array:
        """An expression of indices at every place."""
        return np.asarray(self.evaluator.value(f, self.axes)[0].real)

    def hold(self, given: Given) -> Array:
        """Where the conditions are as they are given."""
        found = np.ones((1,) * len(self.axes), dtype=bool)
        for condition, wanted in given:
            found = found & ((self.value(condition) != 0) == wanted)
        return found

    def leaves(
        self, index: sp.Expr, own: Axis, scan: Axis | None = None, down: bool = False
    ) -> Array:
        """Where an index leaves the range of an axis, but for the past of a loop."""
        size = sp.S(own.size).subs({s: OPEN for s in sp.S(own.size).free_symbols})
        place = np.rint(self.value(index))
        low, high = place < 0, place >= int(size)
        factor = 0 if scan is None else index.coeff(scan.symbol)
        if factor:
            return high if (factor > 0) != down else low
        return low | high
