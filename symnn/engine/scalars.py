"""Scalar arithmetic on what users write, under bounds: numbers, powers and functions.

Nothing is evaluated by Python or parsed by SymPy.  Bounds on the size of constants (in floats,
before SymPy sees them) and of exponents are checked before each step that could grow.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction

import sympy as sp

from symnn.engine.functions import expand_names, named
from symnn.engine.mistakes import FormulaError

EXPONENT = 64
ROOT = 1000  # the largest q of an exponent p/q: SymPy's polynomials are dense
SMALLEST, LARGEST = 1e-100, 1e100
DIGITS = 200  # of a number
_SIZE = f"a constant is too large or small: outside {SMALLEST:g} .. {LARGEST:g}"

Build = Callable[..., sp.Expr]


def _maximum(a: sp.Expr, b: sp.Expr) -> sp.Expr:
    """The larger, b + relu(a - b); at a tie the second, so max(x, 0) has the derivative 0 at 0."""
    return b + named("relu")(a - b)


def _minimum(a: sp.Expr, b: sp.Expr) -> sp.Expr:
    """The smaller, b - relu(b - a); at a tie the second."""
    return b - named("relu")(b - a)


def _where(condition: sp.Basic, a: sp.Expr, b: sp.Expr) -> sp.Expr:
    return sp.Piecewise((a, condition), (b, sp.true))


FUNCTIONS: dict[str, tuple[int, Build]] = {
    "exp": (1, sp.exp),
    "log": (1, sp.log),
    "sqrt": (1, sp.sqrt),
    "sin": (1, sp.sin),
    "cos": (1, sp.cos),
    "sinh": (1, sp.sinh),
    "cosh": (1, sp.cosh),
    "tanh": (1, sp.tanh),
    "atan": (1, sp.atan),
    "erf": (1, lambda x: 2 * named("normal_cdf")(sp.sqrt(2) * x) - 1),
    "sigmoid": (1, lambda x: named("sigmoid")(x)),
    "softplus": (1, lambda x: named("softplus")(x)),
    "relu": (1, lambda x: named("relu")(x)),
    "abs": (1, lambda x: named("absolute")(x)),
    "max": (2, _maximum),
    "min": (2, _minimum),
    "where": (3, _where),
}
KINKED = ("relu", "abs", "max", "min")
CASES = 4  # of where inside one of these: each doubles the formula
CONSTANTS: dict[str, sp.Expr] = {"pi": sp.pi, "e": sp.E}


def number(text: str) -> sp.Expr:
    """A literal, exactly: 0.1 is 1/10, not the float nearest to it."""
    if len(text) > DIGITS:
        raise FormulaError(f"a number is outside {SMALLEST:g} .. {LARGEST:g}")
    value = float(text)
    if not math.isfinite(value) or (value and not SMALLEST <= value <= LARGEST):
        if text.isdigit():
            raise FormulaError(f"a number is outside {SMALLEST:g} .. {LARGEST:g}")
        outside = f"is outside {SMALLEST:g} .. {LARGEST:g}: too large or small"
        raise FormulaError(f"the number {text[:20]} {outside}")
    exact = Fraction(text) if value else Fraction(0)
    return sp.Rational(exact.numerator, exact.denominator)


def power(base: sp.Expr, exponent: sp.Expr) -> sp.Expr:
    """base ** exponent, for an exponent that is a number."""
    if not exponent.is_number:
        raise FormulaError("the exponent must be a number", "write exp(b*log(a)) for a**b")
    if not exponent.is_Rational or abs(exponent) > EXPONENT:
        raise FormulaError(f"the exponent must be a number from -{EXPONENT} to {EXPONENT}")
    if base == 0 and exponent <= 0:
        raise FormulaError("division by zero")
    check_root(exponent)
    if base.is_number:
        if base.is_negative and not exponent.is_Integer:
            raise FormulaError("a root of a negative constant is not real (undefined)")
        size = abs(float(base))
        if size and abs(float(exponent) * math.log10(size)) > 100:
            raise FormulaError(_SIZE)
    return sp.Pow(base, exponent)


def divided(a: sp.Expr, b: sp.Expr) -> sp.Expr:
    """a / b."""
    if b == 0:
        raise FormulaError("division by zero")
    return a / b


def applied(name: str, arguments: Sequence[sp.Expr]) -> sp.Expr:
    """A function of FUNCTIONS, apart from where, of as many arguments as it takes."""
    count, build = FUNCTIONS[name]
    if len(arguments) != count:
        raise FormulaError(f"{name} takes {count} argument(s), not {len(arguments)}")
    if name == "log" and arguments[0].is_number and not arguments[0].is_positive:
        raise FormulaError("log of a constant that is not positive is not real (undefined)")
    if name == "sqrt" and arguments[0].is_number and arguments[0].is_negative:
        raise FormulaError("sqrt of a negative constant is not real (undefined)")
    if name in ("exp", "sinh", "cosh") and arguments[0].is_number and abs(arguments[0]) > 230:
        raise FormulaError(_SIZE)
    if name in ("max", "min"):
        difference = arguments[0] - arguments[1]
        if difference.is_number:
            larger = (difference > 0) == (name == "max")
            return arguments[0] if larger else arguments[1]
    if name in KINKED:
        return over_cases(name, build, arguments)
    return build(*arguments)


def over_cases(name: str, build: Build, arguments: Sequence[sp.Expr]) -> sp.Expr:
    """h(u if c else v)  ->  h(u) if c else h(v), so that no condition of h' contains cases."""
    cases = {p for a in arguments for p in a.atoms(sp.Piecewise)}
    if not cases:
        return build(*arguments)
    if len(cases) > CASES:
        hint = f"write where(x > 0, {name}(...), {name}(...))"
        raise FormulaError(f"more than {CASES} where inside {name}", hint)
    outer = max(cases, key=lambda p: (sp.count_ops(p), str(p)))
    branches = []
    for value, condition in outer.args:
        moved = [a.xreplace({outer: value}) for a in arguments]
        branches.append((over_cases(name, build, moved), condition))
    return sp.Piecewise(*branches)


def checked(f: sp.Expr) -> sp.Expr:
    """A part of a formula: real and finite, constants of a bounded size."""
    if f.is_symbol:
        return f
    if f.has(sp.zoo, sp.nan, sp.oo, -sp.oo, sp.I):
        raise FormulaError("a part of the formula is undefined (not real or not finite)")
    f = real(f)
    for exponent in (p.exp for p in f.atoms(sp.Pow) if p.exp.is_number):
        if abs(exponent) > EXPONENT:
            raise FormulaError(f"the exponent must be a number from -{EXPONENT} to {EXPONENT}")
        check_root(exponent)
    if f.is_number:
        size = abs(float(expand_names(f)))
        if not math.isfinite(size) or (size and not SMALLEST <= size <= LARGEST):
            raise FormulaError(_SIZE)
    return f


def real(f: sp.Expr) -> sp.Expr:
    """f with |u|, which SymPy makes of sqrt(u**2), by its name in the table."""
    if not f.has(sp.Abs):
        return f
    return f.replace(sp.Abs, lambda u: over_cases("abs", named("absolute"), [u]))


def check_root(exponent: sp.Expr) -> None:
    if exponent.is_Rational and exponent.q > ROOT:
        hint = f"write it as a fraction p/q with q at most {ROOT}"
        raise FormulaError("the exponent has too many digits", hint)
