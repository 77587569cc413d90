"""A user's formula in one variable -> a SymPy expression, by a walk of Python's ast.

Only what is listed here is understood; nothing is evaluated by Python or parsed by SymPy.
Bounds are checked before each step that could grow: length, brackets, nodes, depth, the size
of constants (in floats, before SymPy sees them) and of exponents.
"""

from __future__ import annotations

import ast
import functools
import math
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

import sympy as sp

from symnn.engine.functions import Named, named
from symnn.io.errors import shorten, suggestion
from symnn.spec.formula_value import UndefinedError, is_singular, slope_fault, value_at

LENGTH = 500
NODES = 200
DEPTH = 40
EXPONENT = 64
ROOT = 1000  # the largest q of an exponent p/q: SymPy's polynomials are dense
SMALLEST, LARGEST = 1e-100, 1e100
_SIZE = f"a constant is too large or small: outside {SMALLEST:g} .. {LARGEST:g}"
_GRID = (-700.0, -20.0, -3.0, -1.0, -0.3, -1e-9, 0.0, 1e-9, 0.3, 1.0, 3.0, 20.0, 700.0)


class FormulaError(ValueError):
    """A formula that is not understood or not allowed; ``hint`` is the way out."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(f"{message}; {hint}" if hint else message)
        self.message = message
        self.hint = hint


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
_COMPARE: dict[type[ast.cmpop], Callable[[sp.Expr, sp.Expr], sp.Basic]] = {
    ast.Gt: sp.StrictGreaterThan,
    ast.GtE: sp.GreaterThan,
    ast.Lt: sp.StrictLessThan,
    ast.LtE: sp.LessThan,
}


def parse_formula(text: str, names: Mapping[str, sp.Symbol]) -> sp.Expr:
    """The expression that ``text`` stands for, over the variables ``names``.

    It must depend on a variable, be real and finite at ordinary points, and its derivative by
    rule must be finite wherever it is; where cases that are told apart first make it so, it is
    returned as cases.  Raises FormulaError.
    """
    _check_text(text)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # "1or x" is read by Python, with a warning
            tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        hint = 'write "**" for a power' if "^" in text else "an example: x/(1 + exp(-x))"
        raise FormulaError(f"not a formula (syntax): {shorten(text)!r}", hint) from None
    _check_size(tree)
    try:
        f = _Walk(names).value(tree)
    except FormulaError:
        raise
    except (ArithmeticError, ValueError, TypeError, RecursionError) as error:
        raise FormulaError(f"this formula cannot be computed: {shorten(str(error))}") from None
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


def _check_size(tree: ast.expr) -> None:
    pending, count = [(tree, 1)], 0
    while pending:
        node, depth = pending.pop()
        count += 1
        if depth > DEPTH:
            raise FormulaError(f"the formula is nested deeper than {DEPTH} levels")
        if count > NODES:
            raise FormulaError(f"the formula has more than {NODES} parts")
        for inner in ast.iter_child_nodes(node):
            if isinstance(inner, ast.expr):
                pending.append((inner, depth + 1))


class _Walk:
    """The whitelist: one method a kind of node; what has no method is not allowed."""

    def __init__(self, names: Mapping[str, sp.Symbol]) -> None:
        self.names = names

    def value(self, node: ast.expr) -> sp.Expr:
        match node:
            case ast.Constant():
                f = self._number(node.value)
            case ast.Name():
                f = self._name(node.id)
            case ast.UnaryOp(op=ast.USub()):
                f = -self.value(node.operand)
            case ast.UnaryOp(op=ast.UAdd()):
                f = self.value(node.operand)
            case ast.BinOp():
                f = self._operation(node)
            case ast.Call():
                f = self._call(node)
            case ast.Compare():
                raise FormulaError("a comparison may only stand first in where(condition, a, b)")
            case _:
                raise FormulaError(f"{_word(node)} is not allowed in a formula")
        return _checked(f)

    def _number(self, value: object) -> sp.Expr:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise FormulaError(f"the literal {shorten(repr(value))} is not allowed", "use a number")
        if isinstance(value, int):
            if value.bit_length() > 333:
                raise FormulaError(f"a number is outside {SMALLEST:g} .. {LARGEST:g}")
            return sp.Integer(value)
        if not math.isfinite(value) or (value and not SMALLEST <= abs(value) <= LARGEST):
            raise FormulaError(
                f"the number {value:g} is outside {SMALLEST:g} .. {LARGEST:g}: too large or small"
            )
        exact = Fraction(repr(value))  # 0.1 is 1/10, not the float nearest to it
        return sp.Rational(exact.numerator, exact.denominator)

    def _name(self, name: str) -> sp.Expr:
        if name in self.names:
            return self.names[name]
        if name in CONSTANTS:
            return CONSTANTS[name]
        known = [*self.names, *CONSTANTS, *FUNCTIONS]
        raise FormulaError(f"unknown name {shorten(name)!r}", suggestion(name, known))

    def _operation(self, node: ast.BinOp) -> sp.Expr:
        left, right = self.value(node.left), self.value(node.right)
        match node.op:
            case ast.Add():
                return left + right
            case ast.Sub():
                return left - right
            case ast.Mult():
                return left * right
            case ast.Div():
                if right == 0:
                    raise FormulaError("division by zero")
                return left / right
            case ast.Pow():
                return self._power(left, right)
            case ast.BitXor():
                raise FormulaError("^ is not allowed in a formula", 'write "**" for a power')
        raise FormulaError(f"the operator {_word(node.op)} is not allowed in a formula")

    def _power(self, base: sp.Expr, exponent: sp.Expr) -> sp.Expr:
        if not exponent.is_number:
            raise FormulaError("the exponent must be a number", "write exp(b*log(a)) for a**b")
        if not exponent.is_Rational or abs(exponent) > EXPONENT:
            raise FormulaError(f"the exponent must be a number from -{EXPONENT} to {EXPONENT}")
        if base == 0 and exponent <= 0:
            raise FormulaError("division by zero")
        _check_root(exponent)
        if base.is_number:
            if base.is_negative and not exponent.is_Integer:
                raise FormulaError("a root of a negative constant is not real (undefined)")
            size = abs(float(base))
            if size and abs(float(exponent) * math.log10(size)) > 100:
                raise FormulaError(_SIZE)
        return sp.Pow(base, exponent)

    def _call(self, node: ast.Call) -> sp.Expr:
        if not isinstance(node.func, ast.Name):
            raise FormulaError("only a function's name may be called; anything else is not allowed")
        name = node.func.id
        if name.startswith("_") or name not in FUNCTIONS:
            if name in ("open", "eval", "exec") or name.startswith("_"):
                raise FormulaError(f"{shorten(name)} is not allowed in a formula")
            raise FormulaError(f"unknown function {shorten(name)!r}", suggestion(name, FUNCTIONS))
        count, build = FUNCTIONS[name]
        if node.keywords or any(isinstance(a, ast.Starred) for a in node.args):
            raise FormulaError(f"{name} takes plain arguments only")
        if len(node.args) != count:
            raise FormulaError(f"{name} takes {count} argument(s), not {len(node.args)}")
        if name == "where":
            return self._where(node.args)
        arguments = [self.value(a) for a in node.args]
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
            return _over_cases(name, build, arguments)
        return build(*arguments)

    def _where(self, arguments: list[ast.expr]) -> sp.Expr:
        test = arguments[0]
        if not isinstance(test, ast.Compare) or len(test.ops) != 1:
            raise FormulaError("where needs one comparison first: where(x > 0, a, b)")
        compare = _COMPARE.get(type(test.ops[0]))
        if compare is None:
            raise FormulaError("compare with < <= > >= in where")
        left, right = self.value(test.left), self.value(test.comparators[0])
        if left.has(sp.Piecewise) or right.has(sp.Piecewise):
            raise FormulaError("a condition may not contain another where")
        difference = left - right
        if not difference.free_symbols:
            raise FormulaError("the condition of where does not depend on x")
        return _where(compare(left, right), self.value(arguments[1]), self.value(arguments[2]))


def _over_cases(name: str, build: Build, arguments: Sequence[sp.Expr]) -> sp.Expr:
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
        branches.append((_over_cases(name, build, moved), condition))
    return sp.Piecewise(*branches)


def _checked(f: sp.Expr) -> sp.Expr:
    """A part of a formula: real and finite, constants of a bounded size."""
    if f.has(sp.zoo, sp.nan, sp.oo, -sp.oo, sp.I):
        raise FormulaError("a part of the formula is undefined (not real or not finite)")
    f = _real(f)
    for exponent in (p.exp for p in f.atoms(sp.Pow) if p.exp.is_number):
        if abs(exponent) > EXPONENT:
            raise FormulaError(f"the exponent must be a number from -{EXPONENT} to {EXPONENT}")
        _check_root(exponent)
    if f.is_number:
        size = abs(float(f))
        if not math.isfinite(size) or (size and not SMALLEST <= size <= LARGEST):
            raise FormulaError(_SIZE)
    return f


def _real(f: sp.Expr) -> sp.Expr:
    """f with |u|, which SymPy makes of sqrt(u**2), by its name in the table."""
    if not f.has(sp.Abs):
        return f
    return f.replace(sp.Abs, lambda u: _over_cases("abs", named("absolute"), [u]))


def _check_root(exponent: sp.Expr) -> None:
    if exponent.is_Rational and exponent.q > ROOT:
        hint = f"write it as a fraction p/q with q at most {ROOT}"
        raise FormulaError("the exponent has too many digits", hint)


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
    branches = [(_real(f.xreplace({outer: v})), c) for v, c in cases[outer].args]
    return sp.Piecewise(*((_in_cases(v), c) for v, c in branches))


def _word(node: ast.AST) -> str:
    return type(node).__name__
