"""A formula of one variable at points, in Python's floats: its value, and its slope at kinks.

Nothing is substituted or simplified, so it is quick whatever the formula.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import sympy as sp

from symnn.engine.functions import Named, expand_primes, with_logistic_names

Known = dict[sp.Basic, float]  # parts of formulas at one point -> their values

ORDINARY = 5.0  # where a formula may not overflow: about as far as values of a new network go
_SIDE = (1e-300, 1e-30, 1e-9, 1e-3, 0.1, 0.3, 1.0, 3.0, ORDINARY, 20.0, 100.0, 700.0, 800.0)
# an error names the first: ordinary ones stand before tiny ones
_POINTS = (0.0, *(s * v for v in (*_SIDE[4:], *_SIDE[3::-1]) for s in (1, -1)))
_SCAN = sorted(
    {0.0, *(s * 10 ** (k / 4) for k in range(-12, 12) for s in (1, -1))}
    | {float(s * 800) for s in (1, -1)}
    | {k / 2 for k in range(-10, 11)}
)
_KINKS = 40  # that are looked at, those nearest to 0


class UndefinedError(Exception):
    """A formula has no real value at a point."""


def _infinite(function: Callable[[float], float], odd: bool = False) -> Callable[[float], float]:
    """The function with the infinity that NumPy has where Python raises an error."""

    def found(x: float) -> float:
        try:
            return function(x)
        except OverflowError:
            return math.copysign(math.inf, x if odd else 1.0)

    return found


def _logistic(x: float) -> float:
    e = math.exp(-abs(x))
    return (1.0 if x >= 0 else e) / (1.0 + e)


_MATH: dict[type, Callable[[float], float]] = {
    sp.exp: _infinite(math.exp),
    sp.sin: math.sin,
    sp.cos: math.cos,
    sp.tanh: math.tanh,
    sp.sinh: _infinite(math.sinh, odd=True),
    sp.cosh: _infinite(math.cosh),
    sp.atan: math.atan,
    sp.erf: math.erf,
    sp.sign: lambda x: float((x > 0) - (x < 0)),
}
_STABLE: dict[str, Callable[[float], float]] = {
    "sigmoid": _logistic,
    "softplus": lambda x: max(x, 0.0) + math.log1p(math.exp(-abs(x))),
}


def value_at(f: sp.Expr, at: float, known: Known | None = None) -> float:
    """The value of ``f`` where its variable is ``at``.

    known: of parts of formulas at this point; more are added.  What overflows is infinite, as
    in NumPy.  OverflowError where the value is so, or cannot be told for that; UndefinedError
    where it is not a real number.
    """
    found = _value(f, at, {} if known is None else known)
    if not math.isfinite(found):
        raise OverflowError
    return found


def _value(f: sp.Basic, at: float, known: Known) -> float:
    if f not in known:
        found = _found(f, at, known)
        if math.isnan(found):
            raise OverflowError  # of infinities
        known[f] = found
    return known[f]


def _found(f: sp.Basic, at: float, known: Known) -> float:
    if isinstance(f, sp.Symbol):
        return at
    if f in (sp.zoo, sp.nan):
        raise UndefinedError
    if not f.args:
        return float(f)
    if isinstance(f, sp.Piecewise):
        for value, condition in f.args:
            if condition == sp.true or _holds(condition, at, known):
                return _value(value, at, known)
        raise UndefinedError
    values = [_value(a, at, known) for a in f.args]
    if isinstance(f, Named):
        stable = _STABLE.get(f.row.name)
        return stable(values[0]) if stable else _value(f.row.definition, values[0], {})
    if isinstance(f, sp.Add):
        return math.fsum(values) if all(map(math.isfinite, values)) else sum(values)
    if isinstance(f, sp.Mul):
        return math.prod(values)
    if isinstance(f, sp.Pow):
        return _power(*values)
    if isinstance(f, sp.log):
        if values[0] <= 0:
            # an underflow to 0, as in log(exp(-1000)), is no fault of the formula
            if f.args[0].is_positive or _domain(f.args[0]) != "real":
                raise OverflowError
            raise UndefinedError
        return math.log(values[0])
    if type(f) in _MATH:
        try:
            return _MATH[type(f)](values[0])
        except ValueError:  # the sine of infinity
            raise OverflowError from None
    raise TypeError(f"no arithmetic for {f.func.__name__}")


def _power(base: float, exponent: float) -> float:
    if (base == 0 and exponent < 0) or (base < 0 and not exponent.is_integer()):
        raise UndefinedError
    try:
        return float(base**exponent)
    except OverflowError:
        return -math.inf if base < 0 and exponent % 2 else math.inf


def _domain(f: sp.Expr) -> str:
    return f.row.domain if isinstance(f, Named) else "real"


def _holds(condition: sp.Basic, at: float, known: Known) -> bool:
    if isinstance(condition, sp.logic.boolalg.BooleanAtom):
        return bool(condition)
    if isinstance(condition, sp.And | sp.Or):
        together = all if isinstance(condition, sp.And) else any
        return together(_holds(c, at, known) for c in condition.args)
    if isinstance(condition, sp.Not):
        return not _holds(condition.args[0], at, known)
    if isinstance(condition, sp.ITE):
        test, yes, no = condition.args
        return _holds(yes if _holds(test, at, known) else no, at, known)
    left, right = (_value(a, at, known) for a in condition.args)
    compare = {
        sp.StrictGreaterThan: left > right,
        sp.GreaterThan: left >= right,
        sp.StrictLessThan: left < right,
        sp.LessThan: left <= right,
        sp.Equality: left == right,
        sp.Unequality: left != right,
    }
    return compare[type(condition)]


@dataclass(frozen=True)
class Fault:
    """A point where a formula has a value and no finite slope, and its slopes beside it.

    overflow: it is only too large for a float there.  left, right: infinite where the slope
    grows without bound, NaN where there is none.
    """

    at: float
    overflow: bool
    left: float = math.nan
    right: float = math.nan


def slope_fault(f: sp.Expr, x: sp.Symbol) -> Fault | None:
    """The first fault of the derivative of ``f``, as it is derived, or None.

    The slope must be finite wherever the value is: on a grid over ±800, at tiny and huge x, at
    and beside every kink; overflow is a fault at ordinary x alone.  At a kink it may grow
    without bound on one side, not on both.
    """
    f = with_logistic_names(f)
    slope = expand_primes(sp.diff(f, x))
    corners = kinks(f, x)
    beside = [math.nextafter(k, s * math.inf) for k in corners if k for s in (1, -1)]
    for at in (*_POINTS, *corners, *beside):
        ordinary, known = abs(at) <= ORDINARY, Known()
        try:
            value_at(f, at, known)
        except UndefinedError:
            continue
        except OverflowError:
            if ordinary:
                return Fault(at, overflow=True)
            continue
        try:
            value_at(slope, at, known)
        except UndefinedError:
            return Fault(at, False, _one_sided_slope(slope, at, -1), _one_sided_slope(slope, at, 1))
        except OverflowError:
            if ordinary:
                return Fault(at, overflow=True)
    for at in corners:
        sides = _one_sided_slope(slope, at, -1), _one_sided_slope(slope, at, 1)
        if _has_value(f, at) and not any(map(math.isfinite, sides)):
            return Fault(at, False, *sides)
    return None


def _has_value(f: sp.Expr, at: float) -> bool:
    try:
        value_at(f, at)
    except (OverflowError, UndefinedError):
        return False
    return True


def _one_sided_slope(slope: sp.Expr, at: float, side: int) -> float:
    """The slope close to a point on one side of it; infinite where it does not settle."""
    unit = side * max(1.0, abs(at))
    try:
        far, less, near, last = (value_at(slope, at + unit * 4.0**-k) for k in (9, 10, 19, 20))
    except (OverflowError, UndefinedError):
        return math.nan
    change, before = abs(last - near), abs(less - far)
    settled = change <= before / 2 or change <= 1e-6 * max(1.0, abs(last))
    return last if settled else math.copysign(math.inf, last)


def kinks(f: sp.Expr, x: sp.Symbol) -> list[float]:
    """Where cases of ``f`` meet, and where what a root or a logarithm is of touches 0."""
    borders = {c.lhs - c.rhs for p in f.atoms(sp.Piecewise) for c in p.atoms(sp.Rel)}
    borders |= {p.args[0] for p in f.atoms(Named) if p.row.definition.has(sp.Piecewise)}
    for g in (p.args[0] for p in f.atoms(sp.Pow, sp.log) if is_singular(p)):
        borders |= {g, expand_primes(sp.diff(g, x))}
    found: set[float] = set()
    known: dict[float, Known] = {at: {} for at in _SCAN}
    for g in sorted(borders, key=str):
        found.update(_zeros(g, known))
    return sorted(found, key=lambda k: (abs(k), k))[:_KINKS]


def is_singular(f: sp.Basic) -> bool:
    """Whether it is a root, an inverse or a logarithm of what depends on a variable."""
    if isinstance(f, sp.Pow) and f.exp.is_nonnegative and f.exp.is_Integer:
        return False
    return isinstance(f, sp.Pow | sp.log) and bool(f.free_symbols)


def _zeros(g: sp.Expr, known: dict[float, Known]) -> Iterator[float]:
    """Zeros and changes of sign of ``g``, each as a float on either side of it or both."""
    before: tuple[float, float] | None = None
    for at in _SCAN:
        try:
            value = value_at(g, at, known[at])
        except (OverflowError, UndefinedError):
            before = None
            continue
        if value == 0:
            yield at
        elif before is not None and before[1] * value < 0:
            yield from _change(g, before[0], at, value > 0)
        before = at, value


def _change(g: sp.Expr, low: float, high: float, rising: bool) -> Iterator[float]:
    """The floats between which ``g`` changes its sign."""
    while low < (middle := low + (high - low) / 2) < high:
        try:
            value = value_at(g, middle)
        except (OverflowError, UndefinedError):
            return
        if value == 0:
            yield middle
            return
        low, high = (low, middle) if (value > 0) == rising else (middle, high)
    yield from (low, high)
