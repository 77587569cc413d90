"""A user's formula in one variable -> a SymPy expression, by the reader of lines.

Only what is listed in engine/scalars.py is understood; nothing is evaluated by Python or parsed by
SymPy.  Bounds are checked before each step that could grow: length, brackets, parts, depth, the
size of constants and of exponents.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Mapping
from typing import TypeVar

import sympy as sp

from symnn.engine.expressions import RELATIONS, Expressions
from symnn.engine.functions import Named
from symnn.engine.mistakes import FormulaError, TextError, Token
from symnn.engine.scalars import CASES, CONSTANTS, FUNCTIONS, applied, real
from symnn.engine.tokens import statements
from symnn.io.errors import shorten, suggestion
from symnn.spec.formula_value import UndefinedError, is_singular, slope_fault, value_at

T = TypeVar("T")
LENGTH = 500
NODES = 200
DEPTH = 40
_GRID = (-700.0, -20.0, -3.0, -1.0, -0.3, -1e-9, 0.0, 1e-9, 0.3, 1.0, 3.0, 20.0, 700.0)


def parse_formula(text: str, names: Mapping[str, sp.Symbol]) -> sp.Expr:
    """The expression that ``text`` stands for, over the variables ``names``.

    It must depend on a variable, be real and finite at ordinary points, and its derivative by
    rule must be finite wherever it is; where cases that are told apart first make it so, it is
    returned as cases.  Raises FormulaError.
    """
    _check_text(text)
    try:
        [statement] = statements(" ".join(text.split()))
        f = _Formula(statement.tokens, names).whole()
    except TextError as error:
        hint = error.hint or "an example: x/(1 + exp(-x))"
        raise FormulaError(f"not a formula: {error.message}", hint) from None
    if not f.free_symbols & set(names.values()):
        raise FormulaError(f"the formula does not depend on {' or '.join(names)}")
    _check_values(f, names)
    return _with_slopes(f, next(iter(names.values())))


def _check_text(text: str) -> None:
    if not text.strip():
        raise FormulaError("the formula is empty", "an example: x/(1 + exp(-x))")
    if len(text) > LENGTH:
        raise FormulaError(f"the formula is longer than {LENGTH} characters")
    bad = re.search(r"[^A-Za-z0-9_+\-*/().,<>=^ \t]", text)
    if bad:
        raise FormulaError(
            f"the character {shorten(bad[0])!r} is not allowed in a formula",
            "formulas are made of numbers, x, + - * / ** and functions",
        )
    odd = re.search(r"(?<![A-Za-z0-9_.])(0[xXbBoO]\w*|\d[\d.]*_\w*|[\d.]+[jJ])", text)
    if odd:
        raise FormulaError(f"the literal {shorten(odd[0])} is not allowed", "write 16, 0.5 or 1e-3")
    depth = run = 0
    for c in text:
        depth += (c == "(") - (c == ")")
        run = run + 1 if c in "+-*/ (" else 0
        if depth > DEPTH or run > 2 * DEPTH:
            raise FormulaError(f"the formula is nested deeper than {DEPTH} levels")


class _Formula(Expressions):
    """The tokens of a formula: a name is a variable, a constant or a function."""

    def __init__(self, tokens: tuple[Token, ...], names: Mapping[str, sp.Symbol]) -> None:
        super().__init__(tokens, NODES)
        self.names = names

    def whole(self) -> sp.Expr:
        """The formula, after which nothing may stand."""
        f = self.scalar(self.sum())
        if self.sees(*RELATIONS):
            raise FormulaError("a comparison may only stand first in where(condition, a, b)")
        self.finish()
        return f

    def named(self, token: Token) -> sp.Expr:
        name = token.text
        if self.accept("("):
            return self._call(name)
        if name in self.names:
            return self.names[name]
        if name in CONSTANTS:
            return CONSTANTS[name]
        known = [*self.names, *CONSTANTS, *FUNCTIONS]
        raise FormulaError(f"unknown name {shorten(name)!r}", suggestion(name, known))

    def _call(self, name: str) -> sp.Expr:
        if name not in FUNCTIONS:
            raise FormulaError(f"unknown function {shorten(name)!r}", suggestion(name, FUNCTIONS))
        if name == "where":
            return self._where()
        return self._safe(self.now, applied, name, self.arguments())

    def _where(self) -> sp.Expr:
        left = self.scalar(self.sum())
        mark = self.take()
        if mark.text not in RELATIONS:
            raise FormulaError("where needs one comparison first: where(x > 0, a, b)")
        if mark.text in ("=", "!="):
            raise FormulaError("compare with < <= > >= in where")
        right = self.scalar(self.sum())
        if left.has(sp.Piecewise) or right.has(sp.Piecewise):
            raise FormulaError("a condition may not contain another where")
        if not (left - right).free_symbols:
            raise FormulaError("the condition of where does not depend on x")
        self.expect(",")
        arguments = self.arguments()
        if len(arguments) != 2:
            raise FormulaError(f"where takes 3 argument(s), not {len(arguments) + 1}")
        condition = RELATIONS[mark.text](left, right)
        return sp.Piecewise((arguments[0], condition), (arguments[1], sp.true))

    def _safe(self, place: Token, function: Callable[..., T], *given: object) -> T:
        """Without a place: a formula is short."""
        try:
            return function(*given)
        except FormulaError:
            raise
        except (ArithmeticError, ValueError, TypeError, RecursionError) as error:
            raise FormulaError(f"this formula cannot be computed: {shorten(str(error))}") from None


def _check_values(f: sp.Expr, names: Mapping[str, sp.Symbol]) -> None:
    """f must be real at ordinary points; where it only overflows it is left to the user."""
    for at in _GRID:
        try:
            value_at(f, at)
        except UndefinedError:
            raise FormulaError(
                f"the formula is undefined (not a real number) at {next(iter(names))} = {at:g}",
                "keep to real numbers with where(x > 0, a, b), abs or max",
            ) from None
        except OverflowError:
            continue
        except TypeError as error:
            raise FormulaError(f"this formula cannot be computed: {shorten(str(error))}") from None


@functools.lru_cache(maxsize=64)  # a formula is read once to check it, and once to use it
def _with_slopes(f: sp.Expr, x: sp.Symbol) -> sp.Expr:
    """f, or f as cases, whose derivative is finite where f is; FormulaError if there is none.

    sqrt(relu(x)) has the derivative relu'(x)/(2 sqrt(relu(x))), which is 0/0 at every x < 0; as
    cases, sqrt(x) where x > 0 and else 0, it has the right one.
    """
    fault = slope_fault(f, x)
    if fault is not None and not fault.overflow:
        f = _in_cases(f)
        fault = fault if f.has(sp.zoo, sp.nan) else slope_fault(f, x)
    if fault is None:
        return f
    at = f"{x} = {fault.at:.6g}"
    if fault.overflow:
        large = "scale what exp, sinh, cosh or a power is taken of"
        hint = large if abs(fault.at) >= 1 else "give what holds there with where(abs(x) > c, a, b)"
        raise FormulaError(f"the formula, or a part of its slope, overflows at {at}", hint)
    left, right = (
        f"{v:.3g}" if math.isfinite(v) else "undefined" if math.isnan(v) else "unbounded"
        for v in (fault.left, fault.right)
    )
    raise FormulaError(
        f"no finite slope follows from the formula at {at}: {left} on the left, "
        f"{right} on the right",
        "give what holds there with where, or round it off, as in sqrt(abs(x) + 1e-3)",
    )


def _in_cases(f: sp.Expr) -> sp.Expr:
    """sqrt(relu(u))  ->  sqrt(u) if u > 0 else 0:  no case within a root, an inverse or a log."""
    singular = [g for g in f.atoms(sp.Pow, sp.log) if is_singular(g)]
    inner = {p for g in singular for p in g.atoms(Named, sp.Piecewise)}
    cases = {p: p.defined() if isinstance(p, Named) else p for p in inner}
    cases = {p: c for p, c in cases.items() if isinstance(c, sp.Piecewise)}
    if not 0 < len(cases) <= CASES:
        return f
    outer = max(cases, key=lambda p: (sp.count_ops(p), str(p)))
    branches = [(real(f.xreplace({outer: v})), c) for v, c in cases[outer].args]
    return sp.Piecewise(*((_in_cases(v), c) for v, c in branches))
