"""Lines of any program as C: nests of loops over arrays in which the samples come last.

A tensor with samples is (other axes, ld), of whose ld columns, a multiple of LANES, the first
``rows`` are samples and the others copies of the last one, so that loops over columns are loops
over whole vectors of the processor.  Sums over samples run over ``rows`` alone.

Whatever a term holds as a factor that is 0 outside of a range, or where indices do not compare,
bounds its loops or skips their steps; a bracket [i = e] in which an index has the factor 1 or -1
takes away the loop over it.
"""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf, prod

import sympy as sp

from symnn.engine.entries import RELATIONS
from symnn.engine.ir import (
    Axis,
    Indexed,
    IndexedBase,
    Item,
    Line,
    Size,
    Tensor,
    Term,
    entries,
    indices_of,
    is_entry,
    name_of,
)
from symnn.targets.c.scalars import ATOM, Constants, Scalars
from symnn.targets.code import Name
from symnn.targets.forms import Form

WIDTH = 96
COLUMN = sp.Symbol("~column", integer=True)  # the axis of whatever stands for an entry
TILES = {0: (), 1: (8,), 2: (4, 2)}  # values of axes at once, of so many axes
COMPARED = {**RELATIONS, sp.Equality: "==", sp.Unequality: "!="}
Symbols = tuple[sp.Symbol, ...]


def lane_of(t: Tensor) -> Axis | None:
    """The axis that is stored last: the first one of samples."""
    return next((a for a in t.axes if a.samples), None)


def dimensions(t: Tensor) -> list[Axis]:
    """The other axes, in their order."""
    lane = lane_of(t)
    return [a for a in t.axes if a is not lane]


def places(t: Tensor) -> int:
    """The places for each channel of a tensor whose channels come first.  Rows of memory that are
    multiples of eight vectors apart would fall into the same lines of a cache.
    """
    known = prod(int(a.size) for a in dimensions(t)[:-1])
    return known + (known % 8 == 0)


def count(t: Tensor, channels_first: bool) -> tuple[int, list[str]]:
    """Of so many columns a tensor has in memory these numbers, times sizes that are open."""
    axes = dimensions(t)
    if channels_first:
        return int(axes[-1].size) * places(t), []
    other = [extent(a.size) for a in axes if not isinstance(a.size, int)]
    return prod(a.size for a in axes if isinstance(a.size, int)), other


def extent(size: Size) -> str:
    """A size: a number, or that of the samples."""
    return str(size) if isinstance(size, int) else "rows"


@dataclass
class _Nest:
    """The loops of a term.

    loops: symbol -> its size, outer ones first; the columns are not among them.  column: the index
    of these.  low, high: bounds of loops beside 0 and the size.  let: symbol -> what a bracket says
    it is, in place of a loop.  skip: conditions under which there is nothing to add.  rest: the
    other factors.  inside: indices that stay in their range, each with its size.
    """

    loops: dict[sp.Symbol, Size]
    column: sp.Symbol | None
    low: dict[sp.Symbol, list[sp.Expr]] = field(default_factory=dict)
    high: dict[sp.Symbol, list[sp.Expr]] = field(default_factory=dict)
    let: dict[sp.Symbol, sp.Expr] = field(default_factory=dict)
    skip: list[tuple[str, set[sp.Symbol]]] = field(default_factory=list)
    rest: list[sp.Expr] = field(default_factory=list)
    inside: set[tuple[sp.Expr, Size]] = field(default_factory=set)

    @property
    def everywhere(self) -> bool:
        """Whether nothing bounds or takes away a loop."""
        return not (self.low or self.let or self.skip)


@dataclass(frozen=True)
class _Product:
    """coefficient * entries, summed, times what is outside of the sum.

    coefficient: of numbers alone.  fixed: the indices on which the loops of the sum depend.
    unless: conditions under which there is nothing to sum, whatever the indices of all loops are.
    """

    coefficient: sp.Expr
    entries: tuple[sp.Expr, ...]
    outside: sp.Expr
    fixed: frozenset[sp.Symbol]
    unless: tuple[str, ...] = ()


class Nests:
    """Writes the lines of a function.

    tensors: all that they name.  variables: tensor, or letter of an axis -> what C calls it.
    whole: tensors of whole numbers.  constants: numbers that are computed once.  fixed: tensors
    that are one number.  channels_first: those whose last axis comes first in memory.  calls, read:
    the functions, and the tensors, that the statements name.
    """

    def __init__(
        self,
        tensors: Mapping[str, Tensor],
        variables: Mapping[str, str],
        whole: Collection[str],
        constants: Constants,
    ) -> None:
        self.tensors, self.variables, self.whole = tensors, variables, whole
        self.constants = constants
        self.fixed: Mapping[str, sp.Expr] = {}
        self.channels_first: Collection[str] = ()
        self.calls: set[str] = set()
        self.read: set[str] = set()
        self.sizes: dict[sp.Symbol, Size] = {}  # of the indices that are in scope

    def items(self, items: Iterable[Item]) -> list[str]:
        """The rows of lines and of loops over steps."""
        out = list[str]()
        for item in items:
            if isinstance(item, Line):
                out += self.line(item)
                continue
            t, size = self.variables[item.axis.name], extent(item.axis.size)
            head = f"for (ptrdiff_t {t} = 0; {t} < {size}; {t}++) {{"
            if item.reverse:
                head = f"for (ptrdiff_t {t} = {size} - 1; {t} >= 0; {t}--) {{"
            body = [row for line in item.lines for row in self.line(line, item.axis)]
            out += [head, *indented(body), "}"]
        return out

    def line(self, line: Line, step: Axis | None = None) -> list[str]:
        """A line, below itself.  step: the axis of the loop that it stands in."""
        self.sizes = {a.symbol: a.size for a in line.axes} | (
            {} if step is None else {step.symbol: step.size}
        )
        lane = lane_of(line.lhs)
        own = [a for a in self.stored(line.lhs) if step is None or a.symbol != step.symbol]
        out, started = _comment(line), False
        parts = list[tuple[Term, _Nest, _Product | None]]()
        for term in line.terms:
            nest = self._nest(own, lane, term)
            parts.append((term, nest, self._product(nest, own, lane, term)))
        parts.sort(key=_order)
        for term, nest, product in parts:
            sign = "=" if not started else "+="
            if term.reduce == "first":
                out += self._first(line.lhs, own, lane, term)
            elif product is not None and (product.outside == 1 or not started):
                if product.unless and not started:
                    out += self._filled(line.lhs, own, lane, "R(0.0)")
                    sign = "+="
                nest.skip = [c for c in nest.skip if c[0] not in product.unless]
                rows = self._tiled(line.lhs, own, lane, nest, product, sign)
                for condition in product.unless:
                    rows = _block(f"if (!({condition}))", rows)
                out += rows
                if product.outside != 1:
                    target = self.address(line.lhs, [a.symbol for a in line.lhs.axes])
                    rows = self._value(product.outside, target, " *=")
                    out += self._everywhere(own, lane, rows)
            elif term.reduce == "max":
                out += self._filled(line.lhs, own, lane, "-INFINITY")
                out += self._written(line.lhs, own, lane, term, nest, "max")
            elif nest.everywhere and not term.over:
                out += self._written(line.lhs, own, lane, term, nest, sign)
            else:
                if not started:
                    out += self._filled(line.lhs, own, lane, "R(0.0)")
                out += self._written(line.lhs, own, lane, term, nest, "+=")
            started = True
        return out if started else out + self._filled(line.lhs, own, lane, "R(0.0)")

    # --- the loops of a term

    def _nest(self, own: Sequence[Axis], lane: Axis | None, term: Term) -> _Nest:
        over = [a for a in term.over if a.symbol in term.f.free_symbols]
        column = lane.symbol if lane else next((a.symbol for a in over if a.samples), None)
        loops = {a.symbol: a.size for a in (*own, *over) if a.symbol != column}
        nest, along = _Nest(loops, column), {a.symbol for a in over}
        if term.reduce == "max":
            nest.rest = [term.f]
            for e in entries(term.f):
                self._bound(nest, e, along)
            return nest
        conditions = list[sp.Basic]()
        for g in sp.Mul.make_args(term.f):
            c = _condition(g)
            (nest.rest if c is None else conditions).append(g if c is None else c)
        nest.rest += [sp.S(a.size) for a in term.over if a not in over]
        for c in conditions:
            if self._solved(nest, c):
                continue
            if column in c.free_symbols:
                nest.rest.append(sp.Piecewise((1, c), (0, True), evaluate=False))
            else:
                nest.skip.append((f"!({self._compared(c)})", c.free_symbols))
        for g in nest.rest:
            base, power = g.as_base_exp()
            if is_entry(base) and power.is_positive:  # 0 where the entry is 0
                self._bound(nest, base, None)
        return nest

    @staticmethod
    def _solved(nest: _Nest, c: sp.Basic) -> bool:
        """Whether a bracket [a = b] takes the place of a loop: of the longest that it can."""
        if not isinstance(c, sp.Equality):
            return False
        difference = sp.expand(c.args[0] - c.args[1])
        pointed = {s for e in difference.atoms(sp.Indexed) for s in e.free_symbols}
        used = {s for value in nest.let.values() for s in value.free_symbols}
        found = [
            s
            for s in nest.loops
            if difference.coeff(s) in (1, -1) and s not in pointed | used | nest.let.keys()
        ]
        if not found:
            return False
        sizes = {s: float(size) if isinstance(size, int) else inf for s, size in nest.loops.items()}
        s = max(reversed(found), key=sizes.__getitem__)
        nest.let[s] = sp.expand(s - difference / difference.coeff(s))
        return True

    def _bound(self, nest: _Nest, e: sp.Expr, along: set[sp.Symbol] | None) -> None:
        """Keep the loops to where an entry is inside.  along: of a maximum, what it is over."""
        t = self.tensors.get(name_of(e))
        for i, a in zip(indices_of(e), t.axes if t else (), strict=True):
            if self._inside(i, a) or nest.column in i.free_symbols:
                continue
            if along is not None and not i.free_symbols & along:
                continue  # read as 0
            nest.inside.add((i, a.size))
            moving = [s for s in nest.loops if s in i.free_symbols]
            last = moving[-1] if moving else None
            if last is not None and not nest.let.keys() & {*moving} and i.coeff(last) in (1, -1):
                rest = sp.expand(i - i.coeff(last) * last)
                up = i.coeff(last) == 1
                nest.low.setdefault(last, []).append(-rest if up else rest - a.size + 1)
                nest.high.setdefault(last, []).append(a.size - rest if up else rest + 1)
            else:
                nest.skip.append((self._outside(i, a), i.free_symbols))

    def _inside(self, i: sp.Expr, a: Axis) -> bool:
        """Whether an index stays in the range of an axis, whatever the loops do."""
        if isinstance(i, sp.Indexed) or (i in self.sizes and self.sizes[i] == a.size):
            return True  # data are checked
        low = high = i
        for s in i.free_symbols & self.sizes.keys():
            first, last = (0, self.sizes[s] - 1)[:: 1 if i.coeff(s) > 0 else -1]
            low, high = low.subs(s, first), high.subs(s, last)
        return bool(sp.S(low).is_nonnegative and sp.expand(a.size - high).is_positive)

    def _outside(self, i: sp.Expr, a: Axis) -> str:
        text = self.index(i)
        text = text if text.isidentifier() else f"({text})"
        return f"{text} < 0 || {text} >= {extent(a.size)}"

    def _written(
        self,
        lhs: Tensor,
        own: Sequence[Axis],
        lane: Axis | None,
        term: Term,
        nest: _Nest,
        sign: str,
    ) -> list[str]:
        """Loops over the axes of the left side, then over those of the sum, then over columns."""
        outer = {a.symbol for a in own}
        f = term.f if sign == "max" else sp.Mul(*nest.rest)
        target = self.address(lhs, [a.symbol for a in lhs.axes])
        scattered = bool(outer & nest.let.keys())
        total = lane is None and not scattered and sign == "+=" and bool(term.over)
        if sign == "max":
            rows = self._value(f, "const net_real value", " =", nest.inside)
            rows.append(f"{target} = real_max({target}, value);")
            self.calls.add("real_max")
        else:
            rows = self._value(f, "total" if total else target, f" {sign}", nest.inside)
        if nest.column is not None:
            moving = [s for s in nest.let if nest.column in nest.let[s].free_symbols]
            rows = [row for s in moving for row in self._let(nest, s)] + rows
            n = self.index(nest.column)
            apart = lane is not None and not (outer & {*moving})
            # samples that are summed count once; what is scattered may meet in one entry
            loop = f"EACH({n}, ld)" if apart else f"for (ptrdiff_t {n} = 0; {n} < rows; {n}++)"
            rows = _block(loop, rows)
        inside = [s for s in nest.loops if s not in outer]
        levels = self._levels(nest, [*(s for s in nest.loops if s in outer), *inside])
        first = next((k for k, (s, _) in enumerate(levels) if s in inside), len(levels))
        rows = self._folded(nest, levels[first:], rows, bool(first > 1))
        if total:
            rows = ["net_real total = R(0.0);", *rows, f"{target} += total;"]
        rows = self._folded(nest, levels[:first], rows, False)
        return ["{", *indented(rows), "}"] if total and rows[0].startswith("net_real") else rows

    def _levels(
        self, nest: _Nest, loops: Sequence[sp.Symbol]
    ) -> list[tuple[sp.Symbol | None, list[str]]]:
        """The loops, each with the rows that stand first in it, after those before all of them.

        What is skipped, and what a bracket says of an index, stands as far out as it can.
        """
        levels: list[tuple[sp.Symbol | None, list[str]]] = [(None, [])]
        unknown = {*loops, nest.column}
        let = {s: value for s, value in nest.let.items() if s in unknown}
        skip = list(nest.skip)

        def settle() -> None:
            for s, value in [*let.items()]:
                if not value.free_symbols & unknown:
                    levels[-1][1].extend(self._let(nest, s))
                    unknown.discard(s)
                    del let[s]
            for own in [*skip]:
                if not own[1] & unknown:
                    levels[-1][1].extend((f"if ({own[0]})", "    continue;"))
                    skip.remove(own)

        settle()
        for s in loops:
            if s not in nest.let:
                levels.append((s, []))
                unknown.discard(s)
                settle()
        return levels

    def _folded(
        self,
        nest: _Nest,
        levels: Sequence[tuple[sp.Symbol | None, list[str]]],
        rows: list[str],
        enclosed: bool,
    ) -> list[str]:
        """Rows within loops.  enclosed: whether further loops are around these."""
        for k in reversed(range(len(levels))):
            s, before = levels[k]
            rows = [*before, *rows]
            if s is not None:
                rows = _block(self._head(nest, s), rows)
            elif not enclosed and any(row.strip() == "continue;" for row in before):
                rows = ["do {", *indented(rows), "} while (0);"]  # left by continue
        return rows

    # --- sums of products, in registers

    def _product(
        self, nest: _Nest, own: Sequence[Axis], lane: Axis | None, term: Term
    ) -> _Product | None:
        """What is summed, if it is a product of entries that are all inside; None for others."""
        if not term.over or term.reduce != "sum":
            return None
        outer = {a.symbol for a in (*own, *([lane] if lane else []))}
        summed = {*nest.loops, nest.column} - outer
        outside, found = list[sp.Expr](), list[sp.Expr]()
        for g in nest.rest:
            base, power = g.as_base_exp()
            if not g.free_symbols & summed:
                outside.append(g)
            elif not is_entry(base) or power not in (1, 2) or name_of(base) in self.whole:
                return None
            else:
                found += [base] * int(power)
        for e in found:
            t = self.tensors[name_of(e)]
            for i, a in zip(indices_of(e), t.axes, strict=True):
                if not self._inside(i, a) and (i, a.size) not in nest.inside:
                    return None
                if nest.column in i.free_symbols and not (i == nest.column and a is lane_of(t)):
                    return None
        said = [(s, value.free_symbols) for s, value in nest.let.items()]
        if not found or any(s in outer or nest.column in free for s, free in said):
            return None
        unless = tuple(text for text, free in nest.skip if not free & (summed | outer))
        # what does not move with the sum would leave a loop before the result is written
        moves = [free for text, free in (*said, *nest.skip) if text not in unless]
        if any(not free & summed for free in moves) or outer & nest.low.keys():
            return None
        fixed = set().union(*moves, *(i.free_symbols for v in nest.low.values() for i in v))
        coefficient = sp.Mul(*(g for g in outside if not self._varies(g)))
        rest = sp.Mul(*(g for g in outside if self._varies(g)))
        return _Product(coefficient, tuple(found), rest, frozenset(fixed), unless)

    def _varies(self, g: sp.Expr) -> bool:
        """Whether a factor differs from entry to entry, or is read from memory."""
        roles = (t.role for e in entries(g) if (t := self.tensors.get(name_of(e))))
        return bool(g.free_symbols & self.sizes.keys()) or any(r != "hyperparameter" for r in roles)

    def _tile(
        self, nest: _Nest, product: _Product, own: Sequence[Axis], lane: Axis | None
    ) -> list[Axis]:
        """The axes of the left side of which several values are summed at once, so that what is
        read serves for several.
        """
        free = [a for a in own if isinstance(a.size, int) and a.size > 1]
        free = [a for a in free if a.symbol not in product.fixed]
        moving = [{a.symbol for a in free} & e.free_symbols for e in product.entries]
        alone = [a for a in free if sum(a.symbol in own for own in moving) == 1]
        for b in reversed(alone):
            for a in alone:
                if a is not b and not any({a.symbol, b.symbol} <= own for own in moving):
                    return [a, b]
        return alone[-1:] or free[-1:]

    def _tiled(
        self,
        lhs: Tensor,
        own: Sequence[Axis],
        lane: Axis | None,
        nest: _Nest,
        product: _Product,
        sign: str,
    ) -> list[str]:
        """A sum of products: several entries at once, whole vectors of columns at a time."""
        tiles = self._tile(nest, product, own, lane)
        parts = [
            _parts(int(a.size), most) for a, most in zip(tiles, TILES[len(tiles)], strict=True)
        ]
        rows = list[str]()
        for part in itertools.product(*parts):
            rows += self._tiles(
                lhs, own, lane, nest, product, sign, [*zip(tiles, part, strict=True)]
            )
        return rows

    def _tiles(
        self,
        lhs: Tensor,
        own: Sequence[Axis],
        lane: Axis | None,
        nest: _Nest,
        product: _Product,
        sign: str,
        tiles: Sequence[tuple[Axis, tuple[int, int, int]]],
    ) -> list[str]:
        """The same for parts of the axes, each with its first value, its end, and its step."""
        outer = {a.symbol for a in own}
        moving = {a.symbol for a, _ in tiles}
        start_of = {a: self._start(a, part) for a, part in tiles}
        places = [f"[{self.index(a.symbol)} - {start_of[a]}]" for a, _ in tiles]
        at = "".join(places).replace(" - 0]", "]")
        size = "".join(f"[{step}]" for _, (_, _, step) in tiles)
        n = self.index(nest.column) if nest.column is not None else ""

        def each(rows: list[str]) -> list[str]:
            for a, (_, _, step) in reversed(tiles):
                v, start = self.index(a.symbol), start_of[a]
                end = f"{start} + {step}" if start != "0" else str(step)
                head = f"UNROLLED for (ptrdiff_t {v} = {start}; {v} < {end}; {v}++)"
                rows = _block(head, rows)
            return rows

        def added(vectors: bool, to: str) -> list[str]:
            shared, apart, rows = list[str](), list[str](), list[str]()
            for k, e in enumerate(product.entries):
                text = self.address(self.tensors[name_of(e)], indices_of(e))
                vector = vectors and nest.column in e.free_symbols
                text = f"AT({text})" if vector else text
                if e.free_symbols & moving or len(product.entries) == 1:
                    apart.append(text)
                else:
                    kind = "vector" if vector else "net_real"
                    rows.append(f"const {kind} f{k} = {text};")
                    shared.append(f"f{k}")
            return [*rows, *each([f"{to}{at} += {' * '.join([*shared, *apart])};"])]

        inside = [s for s in nest.loops if s not in outer]
        vectors = nest.column is not None
        levels = self._levels(nest, inside)
        rows = added(vectors, "sum")
        target = self.address(lhs, [a.symbol for a in lhs.axes])
        value = f"sum{at}"
        if lane is None and vectors:
            head = f"for (ptrdiff_t {n} = 0; {n} < whole; {n} += LANES)"
            last = f"for (ptrdiff_t {n} = whole; {n} < rows; {n}++)"
            rest = self._folded(nest, levels, _block(last, added(False, "rest")), True)
            rows = self._folded(nest, levels, _block(head, rows), True)
            rows += _block("if (whole < rows)", rest)
            value = f"across(sum{at}) + rest{at}"
            self.calls.add("across")
        else:
            rows = self._folded(nest, levels, rows, True)
        if product.coefficient != 1:
            text, level = self.constants.text(product.coefficient)
            value = f"{text if level == ATOM else f'({text})'} * ({value})"
        to = f"*(vector *)&{target}" if lane is not None else target
        kind = "vector" if vectors else "net_real"
        start = [f"{kind} sum{size};"]
        zero = [f"sum{at} = ({kind}){{0}};"]
        if lane is None and vectors:
            start.append(f"net_real rest{size};")
            zero.append(f"rest{at} = R(0.0);")
        rows = [*start, *each(zero), *rows, *each([f"{to} {sign} {value};"])]
        if lane is not None:
            rows = _block(f"for (ptrdiff_t {n} = 0; {n} < ld; {n} += LANES)", rows)
        for a, (first, end, step) in reversed(tiles):
            if (v := start_of[a]) == "0":
                continue
            rows = _block(f"for (ptrdiff_t {v} = {first}; {v} < {end}; {v} += {step})", rows)
        for a in reversed([a for a in own if a.symbol not in moving]):
            v = self.index(a.symbol)
            rows = _block(f"for (ptrdiff_t {v} = 0; {v} < {extent(a.size)}; {v}++)", rows)
        return rows if rows[0].startswith("for ") else ["{", *indented(rows), "}"]

    def _start(self, a: Axis, part: tuple[int, int, int]) -> str:
        """The first of the values of an axis that are summed at once: 0 where that is all."""
        first, end, step = part
        return "0" if (first, end) == (0, step) else f"first_{self.index(a.symbol)}"

    def _head(self, nest: _Nest, s: sp.Symbol) -> str:
        low = ["0", *(self.index(i) for i in dict.fromkeys(nest.low.get(s, ())))]
        high = [
            extent(nest.loops[s]),
            *(self.index(i) for i in dict.fromkeys(nest.high.get(s, ()))),
        ]
        start, end = _largest(low), _least(high)
        v = self.index(s)
        if end.isidentifier() or end.isdigit():
            return f"for (ptrdiff_t {v} = {start}; {v} < {end}; {v}++)"
        return f"for (ptrdiff_t {v} = {start}, end_{v} = {end}; {v} < end_{v}; {v}++)"

    def _let(self, nest: _Nest, s: sp.Symbol) -> list[str]:
        """An index that a bracket says, and what is done where it is outside."""
        v, value = self.index(s), nest.let[s]
        rows = [f"const ptrdiff_t {v} = {self.index(value)};"]
        axis = Axis(s, nest.loops[s])
        if not self._inside(value, axis):
            rows += [f"if ({v} < 0 || {v} >= {extent(axis.size)})", "    continue;"]
        return rows

    def _filled(self, lhs: Tensor, own: Sequence[Axis], lane: Axis | None, value: str) -> list[str]:
        """A value in every entry."""
        if lane is None and not own:
            return [f"{self.address(lhs, [a.symbol for a in lhs.axes])} = {value};"]
        self.read.add(lhs.name)
        if len(own) + (lane is not None) == len(lhs.axes):
            known, other = count(lhs, lhs.name in self.channels_first)
            size = " * ".join([str(known), *other, *(["ld"] if lane_of(lhs) else [])])
            return [f"EACH(i, {size})", f"    {self.variables[lhs.name]}[i] = {value};"]
        target = self.address(lhs, [a.symbol for a in lhs.axes])
        return self._everywhere(own, lane, [f"{target} = {value};"])

    def _everywhere(self, own: Sequence[Axis], lane: Axis | None, rows: list[str]) -> list[str]:
        """Rows for every index."""
        if lane is not None:
            rows = _block(f"EACH({self.index(lane.symbol)}, ld)", rows)
        for a in reversed(own):
            v = self.index(a.symbol)
            rows = _block(f"for (ptrdiff_t {v} = 0; {v} < {extent(a.size)}; {v}++)", rows)
        return rows

    def _first(self, lhs: Tensor, own: Sequence[Axis], lane: Axis | None, term: Term) -> list[str]:
        """1 at the first of the largest values along some axes, else 0."""
        summed = {b.symbol for b in term.over}
        along = [a for a in (*own, *([lane] if lane else [])) if a.symbol in summed]
        others = [a for a in own if a not in along]
        free = lane is not None and lane not in along
        target = self.address(lhs, [a.symbol for a in lhs.axes])
        n = self.index(lane.symbol) if lane is not None else ""
        at, size = (f"[{n} - first_{n}]", "[LANES]") if free else ("", "")
        outside = [
            self._outside(i, a)
            for e in entries(term.f)
            for i, a in zip(indices_of(e), self.tensors[name_of(e)].axes, strict=True)
            if i.free_symbols & {b.symbol for b in along} and not self._inside(i, a)
        ]
        where = " || ".join(dict.fromkeys(outside))

        def columns(rows: list[str]) -> list[str]:
            head = f"INDEPENDENT for (ptrdiff_t {n} = first_{n}; {n} < first_{n} + LANES; {n}++)"
            return _block(head, rows) if free else rows

        def each(rows: list[str], instead: list[str]) -> list[str]:
            """For every place, and what is done at those that are outside."""
            if where:
                rows = [*_block(f"if ({where})", [*instead, "continue;"]), *rows]
            for a in reversed(along):
                v = self.index(a.symbol)
                rows = _block(f"for (ptrdiff_t {v} = 0; {v} < {extent(a.size)}; {v}++)", rows)
            return rows

        value = self._value(term.f, "const net_real value", " =")
        look = [*value, f"best{at} = LARGER(value, best{at});"]
        put = [
            *value,
            f"const net_real here = value == best{at} ? left{at} : R(0.0);",
            f"{target} = here;",
            f"left{at} -= here;",
        ]
        rows = [
            f"net_real best{size}, left{size};",
            *columns([f"best{at} = -INFINITY;", f"left{at} = R(1.0);"]),
            *each(columns(look), []),
            *each(columns(put), columns([f"{target} = R(0.0);"])),
        ]
        if free:
            head = f"for (ptrdiff_t first_{n} = 0; first_{n} < ld; first_{n} += LANES)"
            rows = _block(head, rows)
        for a in reversed(others):
            v = self.index(a.symbol)
            rows = _block(f"for (ptrdiff_t {v} = 0; {v} < {extent(a.size)}; {v}++)", rows)
        return rows if others or free else ["{", *indented(rows), "}"]

    # --- scalars

    def _value(
        self, f: sp.Expr, target: str, sign: str, inside: Collection[tuple[sp.Expr, Size]] = ()
    ) -> list[str]:
        """Statements that end in the target and its sign, followed by the value of f.

        inside: the indices that are known to stay in their range.
        """
        texts: dict[str, str] = {}
        bare = _Bare(self, texts, inside).expression(f)
        scalars = Scalars(lambda node: (Name(node.name), ""), (COLUMN,), self.constants)
        rows = list[str]()
        for form in scalars.assigned(bare, Name("~target"), sign):
            assert isinstance(form, Form)
            names = [texts.get(n.base, target) for n in form.names if isinstance(n, Name)]
            self.calls |= form.calls
            rows.append(form.text.format(*names))
        return rows

    def _compared(self, c: sp.Basic) -> str:
        a, b = (self.index(i) for i in c.args)
        return f"{a} {COMPARED[type(c)]} {b}"

    def address(self, t: Tensor, indices: Sequence[sp.Expr]) -> str:
        """The code of an entry at these indices, which are inside."""
        lane = lane_of(t)
        self.read.add(t.name)
        of = {a: self.index(i) for i, a in zip(indices, t.axes, strict=True)}
        axes = self.stored(t)
        sizes = [extent(a.size) for a in axes]
        if t.name in self.channels_first:  # all places of a channel are one axis
            text = _place([of[a] for a in axes[1:]], sizes[1:])
            text = _place([of[axes[0]], text], ["", str(places(t))])
        else:
            text = _place([of[a] for a in axes], sizes)
        if lane is not None:
            text = f"{_factor(text)} * ld + {of[lane]}" if text else of[lane]
        return f"{self.variables[t.name]}[{text or '0'}]"

    def stored(self, t: Tensor) -> list[Axis]:
        """The axes but the samples, in the order of memory."""
        axes = dimensions(t)
        return [*axes[-1:], *axes[:-1]] if t.name in self.channels_first else axes

    def index(self, i: sp.Expr) -> str:
        """An index as C."""
        if isinstance(i, sp.Indexed):
            return f"(ptrdiff_t){self.address(self.tensors[name_of(i)], indices_of(i))}"
        if isinstance(i, sp.Symbol):
            return self.variables[i.name] if i in self.sizes else "rows"
        if isinstance(i, sp.Add):
            terms = sorted(
                i.args, key=lambda t: (bool(t.is_number), t.could_extract_minus_sign(), str(t))
            )
            return " + ".join(map(self.index, terms)).replace("+ -", "- ")
        if isinstance(i, sp.Mul):
            return " * ".join(map(self.index, i.args)).replace("-1 * ", "-")
        return str(i)


class _Bare:
    """An expression with a name in place of each entry, index and condition on indices.

    texts: name -> the code that it stands for.  inside: as of ``Nests._value``.
    """

    def __init__(
        self, nests: Nests, texts: dict[str, str], inside: Collection[tuple[sp.Expr, Size]]
    ) -> None:
        self.nests, self.texts, self.inside = nests, texts, inside

    def expression(self, f: sp.Expr) -> sp.Expr:
        if is_entry(f):
            t = self.nests.tensors.get(name_of(f))
            if t is None or t.role == "hyperparameter":
                return f
            known = self.nests.fixed.get(t.name)
            return self._named(self._entry(f)) if known is None else known
        if (c := _condition(f)) is not None:
            return self._flag(c)
        if isinstance(f, sp.Piecewise):
            pieces = [(self.expression(v), self._condition(c)) for v, c in f.args]
            return sp.Piecewise(*pieces, evaluate=False)
        if isinstance(f, sp.Symbol) and f in self.nests.sizes:
            return self._named(f"(net_real)({self.nests.index(f)})")
        return f.func(*map(self.expression, f.args)) if f.args else f

    def _condition(self, c: sp.Basic) -> sp.Basic:
        if c in (sp.true, sp.false):
            return c
        if type(c) in COMPARED and not entries(c) and c.free_symbols:
            return sp.Gt(self._flag(c), 0)
        if type(c) in COMPARED:
            a, b = map(self.expression, c.args)
            if isinstance(c, sp.Unequality):
                return sp.Or(sp.Gt(a, b), sp.Lt(a, b), evaluate=False)
            if isinstance(c, sp.Equality):
                return sp.And(sp.Ge(a, b), sp.Le(a, b), evaluate=False)
            return c.func(a, b)
        return c.func(*map(self._condition, c.args))

    def _flag(self, c: sp.Basic) -> sp.Expr:
        return self._named(f"({self.nests._compared(c)} ? R(1.0) : R(0.0))")

    def _named(self, text: str) -> sp.Expr:
        name = next((n for n, own in self.texts.items() if own == text), f"~{len(self.texts)}")
        self.texts[name] = text
        return Indexed(IndexedBase(name), COLUMN)

    def _entry(self, e: sp.Expr) -> str:
        """The code of an entry; 0 outside of its range."""
        t, nests = self.nests.tensors[name_of(e)], self.nests
        text = "(net_real)" * (t.name in nests.whole) + nests.address(t, indices_of(e))
        outside = [
            nests._outside(i, a)
            for i, a in zip(indices_of(e), t.axes, strict=True)
            if not nests._inside(i, a) and (i, a.size) not in self.inside
        ]
        return f"({' || '.join(outside)} ? R(0.0) : {text})" if outside else text


def _condition(g: sp.Expr) -> sp.Basic | None:
    """The condition of a factor that is 1 where indices compare, else 0; None for others."""
    if isinstance(g, sp.KroneckerDelta):
        return sp.Eq(*g.args, evaluate=False)
    if isinstance(g, sp.Piecewise) and len(g.args) == 2:
        (value, c), (other, _) = (p.args for p in g.args)
        if (value, other) == (1, 0) and type(c) in COMPARED and not entries(c):
            return c
    return None


def _comment(line: Line) -> list[str]:
    """A line as a comment."""
    first, *rest = textwrap.wrap(str(line), WIDTH - 8, break_long_words=False)
    rows = [f"/* {first}", *(f"       {row}" for row in rest)]
    return [*rows[:-1], f"{rows[-1]} */"]


def _place(indices: Sequence[str], sizes: Sequence[str]) -> str:
    """The place of an entry in an array whose last index runs first."""
    text = ""
    for i, size in zip(indices, sizes, strict=True):
        text = i if not text else f"{_factor(text)} * {size} + {i}"
    return text


def _order(part: tuple[Term, _Nest, _Product | None]) -> tuple[int, ...]:
    """To what is a maximum, and to what is scaled as a whole, others are added."""
    term, _, product = part
    scaled = product is not None and product.outside != 1
    return term.reduce == "sum", not scaled, bool(term.over)


def _parts(size: int, most: int) -> list[tuple[int, int, int]]:
    """A range in equal steps, and what is left: (first, end, step) of each."""
    if size <= most:
        return [(0, size, size)]
    step = next((k for k in range(most, most // 2, -1) if size % k == 0), most)
    whole = size - size % step
    return [(0, whole, step)] + [(whole, size, size - whole)] * (whole < size)


def _factor(text: str) -> str:
    return text if text.isalnum() else f"({text})"


def _largest(texts: Sequence[str]) -> str:
    found = texts[0]
    for text in texts[1:]:
        found = f"LARGER({found}, {text})"
    return found


def _least(texts: Sequence[str]) -> str:
    found = texts[0]
    for text in texts[1:]:
        found = f"SMALLER({found}, {text})"
    return found


def _block(head: str, rows: Sequence[str]) -> list[str]:
    if len(rows) == 1 or _single(rows):
        return [head, *indented(rows)]
    return [f"{head} {{", *indented(rows), "}"]


def _single(rows: Sequence[str]) -> bool:
    """Whether rows are one loop: a head, and what is below it."""
    return rows[0].startswith(("for ", "EACH(")) and all(
        row.startswith((" ", "}")) for row in rows[1:]
    )


def indented(rows: Iterable[str]) -> list[str]:
    """Rows by a level further in."""
    return [f"    {row}" for row in rows]
