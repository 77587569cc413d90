"""Rewrites of brackets and cases: by what the range of an index says, and by solving them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

import sympy as sp

from symnn.engine.ir import (
    Axis,
    Size,
    Tensor,
    Term,
    entries,
    indices_of,
    is_entry,
    name_of,
    pointers,
)
from symnn.engine.rewrites import functions, shorten, within


def scale_cases(f: sp.Expr) -> sp.Expr:
    """c * cases(v if ..)  ->  cases(c*v if ..)  where the numbers then cancel."""
    if not isinstance(f, sp.Mul) or not f.has(sp.Piecewise):
        return f
    number, rest = sp.S.One, []
    for g in f.args:
        content, primitive = g.as_content_primitive() if isinstance(g, sp.Add) else (g, None)
        if g.is_Rational or primitive is not None:
            number *= content
        if not g.is_Rational:
            rest.append(g if primitive is None else primitive)
    for case in rest:
        if isinstance(case, sp.Piecewise):
            scaled = sp.Piecewise(*((number * v, c) for v, c in case.args))
            found = sp.Mul(*(scaled if g is case else g for g in rest))
            return found if sp.count_ops(found) < sp.count_ops(f) else f
    return f


def decided(f: sp.Expr, axes: Collection[Axis]) -> sp.Expr:
    """[t > -1]  ->  1  and  (0 if t > 0 else c)  ->  c*[t = 0]: what the range of an index says."""
    sizes = {a.symbol: a.size for a in axes}
    cases = [g for g in functions(f) if isinstance(g, sp.Piecewise)]
    table = {g: _decided(g, sizes) for g in cases}
    return f.xreplace(table) if cases else f


def _decided(f: sp.Piecewise, sizes: Mapping[sp.Symbol, Size]) -> sp.Expr:
    held = [(v, c, _ends(c, sizes)) for v, c in f.args]
    if any(e in ((True, True), (False, False)) for _, _, e in held):
        every = ((v, e[0] if e and e[0] == e[1] else c) for v, c, e in held)
        return sp.Piecewise(*((v, c) for v, c in every if c not in (False, sp.false)))
    if len(held) == 2 and f.args[0][0] == 0 and held[0][2] == (False, True):
        (index,) = (c := f.args[0][1]).free_symbols
        if c.xreplace({index: sp.S.One}) == sp.true:
            return f.args[1][0] * sp.KroneckerDelta(index, 0)
    return f


def _ends(c: sp.Basic, sizes: Mapping[sp.Symbol, Size]) -> tuple[bool, bool] | None:
    """Whether an inequality in one index holds at the first value of its axis, and at the last."""
    if not isinstance(c, sp.Ge | sp.Gt | sp.Le | sp.Lt) or entries(c) or len(c.free_symbols) != 1:
        return None
    (index,) = c.free_symbols
    rise = sp.diff(c.lhs - c.rhs, index)
    if index not in sizes or not rise.is_Integer:
        return None
    last = sizes[index] - 1
    if isinstance(last, int):
        end = c.xreplace({index: sp.Integer(last)})
    else:  # what holds from somewhere on is no more than that of the first
        end = sp.S((rise > 0) == isinstance(c, sp.Ge | sp.Gt))
    return bool(c.xreplace({index: sp.S.Zero})), bool(end)


def eliminate(
    term: Term,
    axes: Collection[Axis],
    pointed: Mapping[str, Size],
    tensors: Mapping[str, Tensor] = MappingProxyType({}),
) -> Term:
    """sum_k [k = e] f[k]  ->  f[e]  where e is in the range of k, or f is 0 where it is not;
    [i = e] g[i]  ->  [i = e] g[e]  where that is shorter.

    axes: those that are bound in the line.  pointed: pointer -> the size of what it points into.
    tensors: those of whose entries it is known that they are 0 beyond their axes.
    """
    guards = [g for g in sp.Mul.make_args(term.f) if isinstance(g, sp.KroneckerDelta)]
    if term.reduce != "sum" or not guards:
        return term
    sizes = {a.symbol: a.size for a in axes}
    for g in guards:
        rest = sp.Mul(*(h for h in sp.Mul.make_args(term.f) if h is not g))
        for i, e in (g.args, g.args[::-1]):
            own = next((a for a in term.over if a.symbol == i and i not in e.free_symbols), None)
            if own is not None and (
                sizes.get(e) == own.size
                or within(e, own)
                or (isinstance(e, sp.Indexed) and pointed.get(name_of(e)) == own.size)
                or (not (e.is_Symbol or pointers(g)) and _ends_with(own, rest, tensors))
            ):
                over = tuple(a for a in term.over if a is not own)
                return eliminate(Term(rest.xreplace({i: e}), over), axes, pointed, tensors)
            moved = g * rest.xreplace({i: e}) if i in sizes else term.f
            if sp.count_ops(moved) < sp.count_ops(term.f):
                return eliminate(Term(moved, term.over), axes, pointed, tensors)
    return term


def _ends_with(a: Axis, f: sp.Expr, tensors: Mapping[str, Tensor]) -> bool:
    """Whether a product is 0 beyond the range of an index: an entry is, and nothing divides."""
    along = [g for g in sp.Mul.make_args(f) if a.symbol in g.free_symbols]
    return all(map(is_entry, along)) and any(
        i == a.symbol and own.size == a.size
        for g in along
        if name_of(g) in tensors
        for i, own in zip(indices_of(g), tensors[name_of(g)].axes, strict=True)
    )


def at_guards(f: sp.Expr, axes: Collection[Axis], pointed: Mapping[str, Size]) -> sp.Expr:
    """(g[e] - [i = e])*g[i]/g[e]  ->  g[i] - [i = e]: each summand by ``eliminate``, if shorter."""
    if not f.has(sp.KroneckerDelta):
        return f
    summands = sp.Add.make_args(sp.expand_mul(f))
    found = shorten(sp.Add(*(eliminate(Term(s), axes, pointed).f for s in summands)))
    return found if sp.count_ops(found) < sp.count_ops(f) else f
