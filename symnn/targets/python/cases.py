"""Cases whose branches are all evaluated: a variable is kept where its branch is defined."""

from __future__ import annotations

import sympy as sp

from symnn.engine.entries import RELATIONS
from symnn.engine.functions import expand_names
from symnn.engine.ir import entries, is_entry


class clamped(sp.Function):  # type: ignore[misc]
    """clamped(x, c, side): x, kept on the given side of c (-1: at most, 1: at least, 2: above)."""

    nargs = (3,)


class selected(sp.Function):  # type: ignore[misc]
    """selected(x, condition, safe): x where the condition holds, elsewhere a safe number."""

    nargs = (3,)


# numbers of every kind of interval, tried as arguments at which a branch is defined
_TRIED = [
    sp.Rational(s * n, d)
    for n, d in ((1, 2), (2, 1), (5, 1), (1, 16), (40, 1), (700, 1))
    for s in (1, -1)
]


def kept(value: sp.Expr, conditions: list[tuple[sp.Basic, bool]]) -> sp.Expr:
    """``value`` with a variable compared with a number kept on the side where it is used."""
    if value.is_polynomial(*value.free_symbols) if value.free_symbols else True:
        return value
    simple = [pair for pair in conditions if _simple(pair[0])]
    if len(simple) < len(conditions):
        return _selected(value, sp.And(*(c if holds else sp.Not(c) for c, holds in conditions)))
    table: dict[sp.Expr, sp.Expr] = {}
    for c, holds in simple:
        v, border = c.args
        above = (RELATIONS[type(c)][0] == ">") == holds
        side = 1 if value.xreplace({v: border}).is_finite else 2
        table[v] = clamped(table.get(v, v), border, side if above else -side)
    return _clamp(value, table)


def _simple(c: sp.Basic) -> bool:
    """Whether a condition compares a variable with a number."""
    return type(c) in RELATIONS and bool(is_entry(c.args[0]) and c.args[1].is_number)


def _selected(value: sp.Expr, condition: sp.Basic) -> sp.Expr:
    """``value`` with its variable at a safe number wherever the condition does not hold."""
    variables = sorted({*entries(value), *entries(condition)}, key=str)
    for safe in _TRIED if len(variables) == 1 else ():
        holds, found = (expand_names(f).subs(variables[0], safe) for f in (condition, value))
        if holds == sp.true and found.evalf().is_finite:
            return _clamp(value, {variables[0]: selected(variables[0], condition, safe)})
    return value


def _clamp(f: sp.Expr, table: dict[sp.Expr, sp.Expr]) -> sp.Expr:
    """``f`` with variables replaced, but not in the conditions of inner cases."""
    if f in table:
        return table[f]
    if isinstance(f, sp.Piecewise):
        return sp.Piecewise(*((_clamp(p.args[0], table), p.args[1]) for p in f.args))
    return f.func(*(_clamp(a, table) for a in f.args)) if f.args else f
