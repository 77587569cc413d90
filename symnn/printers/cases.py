"""Cases whose branches are all evaluated: a variable is kept where its branch is defined."""

from __future__ import annotations

import sympy as sp

from symnn.ir import is_entry

RELATIONS = {
    sp.StrictGreaterThan: ">",
    sp.GreaterThan: ">=",
    sp.StrictLessThan: "<",
    sp.LessThan: "<=",
}


class clamped(sp.Function):  # type: ignore[misc]
    """clamped(x, c, side): x, kept on the given side of c (-1: at most, 1: at least, 2: above)."""

    nargs = (3,)


def kept(value: sp.Expr, conditions: list[tuple[sp.Basic, bool]]) -> sp.Expr:
    """``value`` with a variable compared with a number kept on the side where it is used."""
    if value.is_polynomial(*value.free_symbols) if value.free_symbols else True:
        return value
    table: dict[sp.Expr, sp.Expr] = {}
    for c, holds in conditions:
        if type(c) not in RELATIONS or not is_entry(c.args[0]) or not c.args[1].is_number:
            continue
        v, border = c.args
        above = (RELATIONS[type(c)][0] == ">") == holds
        side = 1 if value.xreplace({v: border}).is_finite else 2
        table[v] = clamped(table.get(v, v), border, side if above else -side)
    return _clamp(value, table)


def _clamp(f: sp.Expr, table: dict[sp.Expr, sp.Expr]) -> sp.Expr:
    """``f`` with variables replaced, but not in the conditions of inner cases."""
    if f in table:
        return table[f]
    if isinstance(f, sp.Piecewise):
        return sp.Piecewise(*((_clamp(p.args[0], table), p.args[1]) for p in f.args))
    return f.func(*(_clamp(a, table) for a in f.args)) if f.args else f
