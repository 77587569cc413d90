"""Lowering: a term of a line -> a coefficient times factors that every printer knows.

    Elementwise   a scalar expression of entries, broadcast to the axes of the line
    MatMul        sum over one axis of left times right
    Outer         left of the first axis times right of the second
    Einsum        sum over axes of a product of two, each with axes that the other lacks
    Reduce        a sum or maximum over axes
    General       anything else: shifted, strided, constant or repeated indices, guards

All axes here are in the order of a layout: the sample axis first ("rows") or last
("columns"); with one sample there is none.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import sympy as sp

from symnn.engine.diff import placeholder
from symnn.engine.ir import (
    Axis,
    GradientBase,
    Hyperparameter,
    Line,
    SampleIndex,
    Term,
    entries,
    indices_of,
    is_entry,
    name_of,
)

Axes = tuple[sp.Symbol, ...]
LARGEST = 100  # factor in what is left of a sum when a number is taken out of it


@dataclass(frozen=True)
class Elementwise:
    """``f`` with every entry at bare indices; ``axes`` are those that occur in it."""

    f: sp.Expr
    axes: Axes


@dataclass(frozen=True)
class MatMul:
    """sum over ``over`` of left[row, over] * right[over, column]."""

    left: Elementwise
    right: Elementwise
    over: sp.Symbol
    axes: Axes


@dataclass(frozen=True)
class Outer:
    """left[row] * right[column]."""

    left: Elementwise
    right: Elementwise
    axes: Axes


@dataclass(frozen=True)
class Einsum:
    """The sum, over the axes that ``axes`` lacks, of left times right."""

    left: Elementwise | Einsum
    right: Elementwise | Einsum
    axes: Axes


@dataclass(frozen=True)
class Reduce:
    """The sum, or the maximum, of ``arg`` over axes."""

    kind: str
    arg: Elementwise
    over: Axes
    axes: Axes


@dataclass(frozen=True)
class General:
    """A term that is none of these; printed in index notation."""

    term: Term
    axes: Axes


Factor = Elementwise | MatMul | Outer | Einsum | Reduce | General


@dataclass(frozen=True)
class Lowered:
    """coefficient * product of the factors, each broadcast to ``axes``.

    The coefficient holds numbers, sizes and scalar hyperparameters.
    """

    coefficient: sp.Expr
    factors: tuple[Factor, ...]
    axes: Axes


def in_layout(axes: Sequence[sp.Symbol], layout: str) -> Axes:
    """Axes in the order of the layout: that of the samples goes last in "columns"."""
    if layout != "columns":
        return tuple(axes)
    return tuple(sorted(axes, key=lambda a: isinstance(a, SampleIndex)))


def lower_line(line: Line, layout: str = "rows", out: Axes | None = None) -> tuple[Lowered, ...]:
    """The terms of a line, lowered; out: the order of its axes, if it is not the layout's."""
    if out is None:
        out = in_layout([a.symbol for a in line.lhs.axes], layout)
    return tuple(lower_term(t, out, layout) for t in line.terms)


def lower_term(term: Term, out: Axes, layout: str = "rows") -> Lowered:
    """One term of a line with the axes ``out``."""
    order = _order(out, term.over, layout)
    if term.reduce == "first" or not _bare(term, order):
        return Lowered(sp.S.One, (General(term, out),), out)
    over = tuple(a.symbol for a in term.over if a.symbol in term.f.free_symbols)
    if term.reduce == "max":
        arg = _elementwise(term.f, order)
        largest = Reduce("max", arg, over, _rest(arg, over)) if over else arg
        return Lowered(sp.S.One, (largest,), out)
    coefficient, factors = split(term.f)
    # sum_k f  ->  size * f  where f has no k
    coefficient *= sp.Mul(*(a.size for a in term.over if a.symbol not in over))
    if not over:
        return Lowered(coefficient, _outer(factors, out, order), out)
    inside = [g for g in factors if g.free_symbols & set(over)]
    outside = [g for g in factors if not g.free_symbols & set(over)]
    found = _contract(inside, over, order)
    rest = [_elementwise(g, order) for g in outside]
    return Lowered(coefficient, (found, *rest), out)


def _order(out: Axes, over: Sequence[Axis], layout: str) -> Callable[[set[sp.Symbol]], Axes]:
    every = in_layout((*out, *(a.symbol for a in over)), layout)
    return lambda found: tuple(a for a in every if a in found)


def _bare(term: Term, order: Callable[[set[sp.Symbol]], Axes]) -> bool:
    for e in entries(term.f):
        indices = indices_of(e)
        if len(set(indices)) != len(indices) or len(order(set(indices))) != len(indices):
            return False
    # an index of its own, as in i * v[i] or a guard, is no entry
    plain = term.f.xreplace({e: placeholder(k) for k, e in enumerate(entries(term.f))})
    return not order(set(plain.free_symbols))


def _elementwise(f: sp.Expr, order: Callable[[set[sp.Symbol]], Axes]) -> Elementwise:
    return Elementwise(f, order({i for e in entries(f) for i in indices_of(e)}))


def _rest(arg: Elementwise, over: Axes) -> Axes:
    return tuple(a for a in arg.axes if a not in over)


def _outer(
    factors: Sequence[sp.Expr], out: Axes, order: Callable[[set[sp.Symbol]], Axes]
) -> tuple[Factor, ...]:
    """Element-wise, or an outer product where each factor lives on one of the two axes."""
    whole = _elementwise(_product(factors), order)
    if len(out) != 2:
        return (whole,)
    parts = [[g for g in factors if _elementwise(g, order).axes == (a,)] for a in out]
    if all(parts) and sum(map(len, parts)) == len(factors):
        left, right = (_elementwise(_product(p), order) for p in parts)
        return (Outer(left, right, out),)
    return (whole,)


def _contract(
    inside: Sequence[sp.Expr], over: Axes, order: Callable[[set[sp.Symbol]], Axes]
) -> Factor:
    """The sum over ``over`` of a product, as a matrix product where it is one."""
    whole = _elementwise(_product(inside), order)
    axes = _rest(whole, over)
    if len(over) == 1 and len(axes) <= 2 and len(inside) > 1:
        sides = _sides(inside, over[0], axes, order)
        if sides:
            left, right = (_elementwise(_product(p), order) for p in sides)
            return MatMul(left, right, over[0], axes)
    return _einsum(inside, axes, order) or Reduce("sum", whole, over, axes)


def _einsum(
    inside: Sequence[sp.Expr], axes: Axes, order: Callable[[set[sp.Symbol]], Axes]
) -> Einsum | None:
    """Products of two, one within the other, of factors with different axes; None for one factor.

    The two are those whose product has the fewest axes.
    """
    by_axes: dict[Axes, list[sp.Expr]] = {}
    for g in inside:
        by_axes.setdefault(_elementwise(g, order).axes, []).append(g)
    parts: list[Elementwise | Einsum] = [_elementwise(_product(p), order) for p in by_axes.values()]
    found: Einsum | None = None
    while len(parts) > 1:
        pairs = list(itertools.combinations(parts, 2))
        found = min(
            (_product_of_two(pair, parts, axes, order) for pair in pairs),
            key=lambda e: len(e.axes) - len({*e.left.axes, *e.right.axes}) / 16,
        )
        parts = [found, *(p for p in parts if p not in (found.left, found.right))]
    return found


def _product_of_two(
    pair: tuple[Elementwise | Einsum, Elementwise | Einsum],
    parts: Sequence[Elementwise | Einsum],
    axes: Axes,
    order: Callable[[set[sp.Symbol]], Axes],
) -> Einsum:
    """Of two parts, summed over what neither another part nor the result has."""
    left, right = pair
    others = {a for p in parts if p not in pair for a in p.axes}
    kept = {*left.axes, *right.axes} & {*others, *axes}
    return Einsum(left, right, axes if len(parts) == 2 else order(kept))


def _sides(
    inside: Sequence[sp.Expr], k: sp.Symbol, axes: Axes, order: Callable[[set[sp.Symbol]], Axes]
) -> tuple[list[sp.Expr], list[sp.Expr]] | None:
    """The factors of the left and of the right operand of a matrix product, if it is one."""
    if not axes:
        entry_like = [g for g in inside if is_entry(g)]
        return ([inside[0]], list(inside[1:])) if len(inside) == len(entry_like) == 2 else None
    left: list[sp.Expr] = []
    right: list[sp.Expr] = []
    for g in inside:
        own = _elementwise(g, order).axes
        if len(axes) == 2 and axes[0] in own and axes[1] in own:
            return None
        (left if axes[0] in own else right).append(g)
    return (left, right) if left and right else None


def _product(factors: Sequence[sp.Expr]) -> sp.Expr:
    return factors[0] if len(factors) == 1 else sp.Mul(*factors, evaluate=False)


def split(f: sp.Expr) -> tuple[sp.Expr, list[sp.Expr]]:
    """The coefficient (numbers, sizes, hyperparameters) and the factors, in reading order."""
    coefficient: list[sp.Expr] = []
    factors: list[sp.Expr] = []
    for g in sp.Mul.make_args(f):
        if isinstance(g, sp.Add):
            content, g = primitive(g)
            coefficient.append(content)
        if all(isinstance(e, Hyperparameter) for e in entries(g)):
            coefficient.append(g)
        else:
            factors.append(g)
    return sp.Mul(*coefficient), sorted(factors, key=reading_order) or [sp.S.One]


def primitive(f: sp.Add) -> tuple[sp.Expr, sp.Expr]:
    """c, g with f = c*g and g a sum without a common number or size: a/5 - y/5 -> 1/5, a - y."""
    parts = [sp.Mul.make_args(t) for t in f.args]
    common = [g for g in parts[0] if not entries(g) and not g.is_number]
    common = [g for g in common if all(g in p for p in parts)]
    shared = sp.Mul(*common)
    whole = sp.Add(*(t / shared for t in f.args))
    content, rest = whole.as_content_primitive()
    if any(abs(t.as_coeff_Mul()[0]) > LARGEST for t in sp.Add.make_args(rest)):
        content, rest = sp.S.One, whole  # v + 1/100000 is read as it is
    if all(t.could_extract_minus_sign() for t in sp.Add.make_args(rest)):
        content, rest = -content, -rest
    return content * shared, rest


@functools.lru_cache(maxsize=2**14)  # a factor is read in several lines, and by several printers
def reading_order(g: sp.Expr) -> tuple[int, str, str]:
    """Gradients, differences of several tensors, values, functions, 1 - a, and last logarithms."""
    names = sorted({name_of(e) for e in entries(g)})
    if is_entry(g):
        rank = 0 if isinstance(g, sp.Indexed) and isinstance(g.base, GradientBase) else 2
    elif isinstance(g, sp.Add):
        rank = 1 if len(names) > 1 else 4
    else:
        rank = 5 if isinstance(g, sp.log) else 3
    return rank, str(names), str(g)


def ordered_terms(f: sp.Expr) -> list[sp.Expr]:
    """The terms of a sum: positive ones first, numbers before entries, short before long."""
    terms = list(sp.Add.make_args(f))

    def rank(t: sp.Expr) -> tuple[bool, int, int, str]:
        kind = 0 if not entries(t) else 2 if split(t)[1] == [1] else 1
        return bool(t.could_extract_minus_sign()), kind, int(sp.count_ops(t)), str(t)

    return sorted(terms, key=rank)
