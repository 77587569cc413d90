"""A formula of one variable at a point, in Python's floats.

Nothing is substituted or simplified, so it is quick whatever the formula.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import sympy as sp

from symnn.engine.functions import Named


class UndefinedError(Exception):
    """A formula has no real value at a point."""


_MATH: dict[type, Callable[[float], float]] = {
    sp.exp: math.exp,
    sp.sin: math.sin,
    sp.cos: math.cos,
    sp.tanh: math.tanh,
    sp.sinh: math.sinh,
    sp.cosh: math.cosh,
    sp.atan: math.atan,
    sp.erf: math.erf,
}


def value_at(f: sp.Expr, at: float) -> float:
    """The value of ``f`` where its variable is ``at``.

    OverflowError where it is too large, UndefinedError where it is not a real number.
    """
    if isinstance(f, sp.Symbol):
        return at
    if f.has(sp.zoo, sp.nan):
        raise UndefinedError
    if not f.args:
        return float(f)
    if isinstance(f, sp.Piecewise):
        for value, condition in f.args:
            if condition == sp.true or _holds(condition, at):
                return value_at(value, at)
        raise UndefinedError
    values = [value_at(a, at) for a in f.args]
    if isinstance(f, Named):
        return value_at(f.row.definition, values[0])
    if isinstance(f, sp.Add):
        found = math.fsum(values)
    elif isinstance(f, sp.Mul):
        found = math.prod(values)
    elif isinstance(f, sp.Pow):
        base, exponent = values
        if (base == 0 and exponent < 0) or (base < 0 and not exponent.is_integer()):
            raise UndefinedError
        found = base**exponent
    elif isinstance(f, sp.log):
        if values[0] <= 0:
            # an underflow to 0, as in log(exp(-1000)), is no fault of the formula
            if f.args[0].is_positive or _domain(f.args[0]) != "real":
                raise OverflowError
            raise UndefinedError
        found = math.log(values[0])
    elif type(f) in _MATH:
        found = _MATH[type(f)](values[0])
    else:
        raise TypeError(f"no arithmetic for {f.func.__name__}")
    if not math.isfinite(found):
        raise OverflowError
    return found


def _domain(f: sp.Expr) -> str:
    return f.row.domain if isinstance(f, Named) else "real"


def _holds(condition: sp.Basic, at: float) -> bool:
    if isinstance(condition, sp.logic.boolalg.BooleanAtom):
        return bool(condition)
    if isinstance(condition, sp.And | sp.Or):
        together = all if isinstance(condition, sp.And) else any
        return together(_holds(c, at) for c in condition.args)
    if isinstance(condition, sp.Not):
        return not _holds(condition.args[0], at)
    if isinstance(condition, sp.ITE):
        test, yes, no = condition.args
        return _holds(yes if _holds(test, at) else no, at)
    left, right = (value_at(a, at) for a in condition.args)
    compare = {
        sp.StrictGreaterThan: left > right,
        sp.GreaterThan: left >= right,
        sp.StrictLessThan: left < right,
        sp.LessThan: left <= right,
        sp.Equality: left == right,
        sp.Unequality: left != right,
    }
    return compare[type(condition)]
