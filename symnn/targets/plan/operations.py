"""Operations: a scalar expression for each component, as a graph of operations.

    (a - y)*c   ->   multiply(subtract(a, y), c)

Equal parts are one node, and parts with fewer axes are combined first.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import sympy as sp
from sympy.codegen.cfunctions import expm1, log1p

from symnn.engine.entries import RELATIONS
from symnn.engine.functions import Named, kernel, tail
from symnn.engine.ir import ProgramError, entries, indices_of, is_entry, name_of

Axes = tuple[sp.Symbol, ...]

UNARY: dict[type, str] = {
    sp.exp: "exp",
    sp.log: "log",
    log1p: "log1p",
    expm1: "expm1",
    sp.tanh: "tanh",
    sp.sin: "sin",
    sp.cos: "cos",
    sp.sinh: "sinh",
    sp.cosh: "cosh",
    sp.atan: "arctan",
    sp.Abs: "absolute",
    sp.sign: "sign",
    tail: "erfc",
}
COMPARISONS = {">": "greater", ">=": "greater_equal", "<": "less", "<=": "less_equal"}
BOOLEAN = frozenset({*COMPARISONS.values(), "logical_not", "logical_and", "logical_or"})


class OperationError(ProgramError):
    """An expression, or a part of one, that there is no operation for."""


@dataclass(frozen=True)
class Node:
    """A value.

    kind: "array" (an entry of the array ``name``), "constant" (the scalar ``value``), "full"
    (that scalar in every component), or "call" of the operation ``name`` on ``args``.
    """

    kind: str
    axes: Axes
    name: str = ""
    args: tuple[Node, ...] = ()
    value: sp.Expr | None = None

    @property
    def boolean(self) -> bool:
        """Whether it holds truth values."""
        return self.kind == "call" and self.name in BOOLEAN


@dataclass(frozen=True)
class Graph:
    """Builds nodes.

    axes: the order of axes.  positive: arrays that are nowhere below 0.  guarded: within cases,
    whose conditions say where a divisor is not 0, however small it is.
    """

    axes: Axes
    positive: frozenset[str] = frozenset()
    guarded: bool = False

    def node(self, f: sp.Expr) -> Node:
        """The node of an expression; OperationError where there is no operation for it."""
        axes = self._order(f)
        if not axes:
            return _constant(f)
        if is_entry(f):
            return Node("array", axes, name_of(f))
        if isinstance(f, sp.Add):
            return self._sum(f)
        if isinstance(f, sp.Mul | sp.Pow):
            return self._product(f)
        if isinstance(f, sp.Max | sp.Min):
            return self._extreme(f)
        if isinstance(f, sp.Piecewise):
            *cases, (last, _) = [p.args for p in f.args]
            inner = replace(self, guarded=True)
            total = inner.node(last)
            for value, condition in reversed(cases):
                total = Node(
                    "call", axes, "where", (self._flag(condition), inner.node(value), total)
                )
            return total
        if type(f) in UNARY:
            return self._call(UNARY[type(f)], self.node(f.args[0]))
        raise OperationError(f"no operation for {f}")

    def _order(self, f: sp.Expr) -> Axes:
        found = {i for e in entries(f) for i in indices_of(e)}
        return tuple(a for a in self.axes if a in found)

    def _call(self, name: str, *args: Node) -> Node:
        found = {a for g in args for a in g.axes}
        return Node("call", tuple(a for a in self.axes if a in found), name, args)

    def _sum(self, f: sp.Expr) -> Node:
        """What has fewer axes first; subtract where a sign is negative."""
        total, negative = None, False
        for t in sorted(sp.Add.make_args(f), key=lambda t: (len(self._order(t)), *_sum_rank(t))):
            minus = t.could_extract_minus_sign()
            value = self.node(-t if minus else t)
            if total is None:
                total, negative = value, minus
            elif total.kind == value.kind == "constant":
                total = _constant((-1) ** negative * total.value + (-1) ** minus * value.value)
                negative = False
            elif negative == minus:
                total = self._call("add", total, value)
            else:
                total = self._call("subtract", *((value, total) if negative else (total, value)))
                negative = False
        assert total is not None
        return self._call("negative", total) if negative else total

    def _product(self, f: sp.Expr) -> Node:
        """Numbers, then what has fewer axes, then the rest; conditions last.

        A divisor with fewer axes is inverted, since products take less time than quotients; not
        a guarded one, whose inverse may overflow.
        """
        constant = sp.Mul(*(g for g in sp.Mul.make_args(f) if not self._order(g)))
        factors = [g for g in sp.Mul.make_args(f) if self._order(g)]
        conditions = [c for c in map(_indicator, factors) if c is not None]
        factors = [g for g in factors if _indicator(g) is None]
        minus = constant == -1
        total = None if constant == 1 or minus else _constant(constant)

        def rank(g: sp.Expr) -> tuple[bool, int, bool, int, str]:
            below = _below(g)
            return self.guarded and below, len(self._order(g)), below, *_mul_rank(g)

        for g in sorted(factors, key=rank):
            if _below(g):
                total = self._call("divide", total or _constant(sp.S.One), self._power(1 / g))
            else:
                value = self._power(g)
                total = (
                    value if total is None else self._call("multiply", *_large_first(total, value))
                )
        for c in conditions:
            total = self._held(total or _constant(sp.S.One), c)
        assert total is not None
        return self._call("negative", total) if minus else total

    def _power(self, g: sp.Expr) -> Node:
        if not isinstance(g, sp.Pow):
            return self.node(g)
        base, power = self.node(g.base), g.exp
        if power == 2:
            return self._call("multiply", base, base)
        if power == sp.S.Half:
            return self._call("sqrt", base)
        return self._call("power", base, _constant(power))

    def _extreme(self, f: sp.Expr) -> Node:
        """The maximum or minimum; with an array of a number it takes half the time."""
        name = "maximum" if isinstance(f, sp.Max) else "minimum"
        first, *rest = sorted(f.args, key=lambda g: (not self._order(g), sp.default_sort_key(g)))
        total = self.node(first)
        for g in rest:
            value = self.node(g)
            if value.kind == "constant":
                # in this order the maximum of 0 and -0 is 0, whose bits are 0
                total = self._call(name, Node("full", total.axes, value=value.value), total)
            else:
                total = self._call(name, total, value)
        return total

    def _held(self, total: Node, condition: sp.Basic) -> Node:
        """A product with a condition as 0 or 1."""
        v = condition.args[0]
        if is_entry(v) and name_of(v) in self.positive and condition == sp.Gt(v, 0) and total.axes:
            return self._call("keep", total, self.node(v))
        return self._call("multiply", total, self._flag(condition))

    def _flag(self, condition: sp.Basic) -> Node:
        if isinstance(condition, sp.Not):
            return self._call("logical_not", self._flag(condition.args[0]))
        if isinstance(condition, sp.And | sp.Or):
            name = "logical_and" if isinstance(condition, sp.And) else "logical_or"
            total, *others = (self._flag(c) for c in condition.args)
            for other in others:
                total = self._call(name, total, other)
            return total
        if type(condition) not in RELATIONS:
            raise OperationError(f"no operation for the condition {condition}")
        return self._call(COMPARISONS[RELATIONS[type(condition)]], *map(self.node, condition.args))


def _constant(value: sp.Expr) -> Node:
    return Node("constant", (), value=value)


def _below(g: sp.Expr) -> bool:
    return isinstance(g, sp.Pow) and bool(g.exp.could_extract_minus_sign())


def _large_first(a: Node, b: Node) -> tuple[Node, Node]:
    return (a, b) if len(a.axes) >= len(b.axes) else (b, a)


def _sum_rank(t: sp.Expr) -> tuple[bool, int, str]:
    return bool(t.could_extract_minus_sign()), -int(sp.count_ops(t)), str(t)


def _mul_rank(g: sp.Expr) -> tuple[int, str]:
    return -int(sp.count_ops(g)), str(g)


def primitive(f: sp.Expr) -> sp.Expr:
    """``f`` without named functions, and without cases where an extreme says the same."""
    while found := {p: kernel(p) for p in f.atoms(Named)}:
        f = f.xreplace(found)
    return without_cases(f) if f.has(sp.Piecewise) else f


def without_cases(f: sp.Expr) -> sp.Expr:
    """Cases of one variable at a border, by value.

    K if v > c else g(v), with g(c) = K, is g(min(v, c)); g(v) if v > c else K is g(max(v, c));
    two numbers are K + (H - K)*[v > c].
    """
    if is_entry(f) or not f.args:
        return f
    if not isinstance(f, sp.Piecewise):
        return f.func(*map(without_cases, f.args))
    (value, condition), *rest = [p.args for p in f.args]
    other = without_cases(rest[0][0] if len(rest) == 1 else sp.Piecewise(*rest))
    value = without_cases(value)
    found = _saturated(value, condition, other)
    return sp.Piecewise((value, condition), (other, True)) if found is None else found


def _saturated(value: sp.Expr, condition: sp.Basic, other: sp.Expr) -> sp.Expr | None:
    if type(condition) not in RELATIONS or not condition.args[1].is_number:
        return None
    v, border = condition.args
    above = RELATIONS[type(condition)].startswith(">")
    if value.is_number and other.is_number:
        if (value, other) == (1, 0):
            return None
        return other + (value - other) * sp.Piecewise((1, condition), (0, True))
    for number, g, up in ((value, other, not above), (other, value, above)):
        plain = number.is_number and is_entry(v) and entries(g) == (v,)
        if plain and g.xreplace({v: border}) == number:
            return g.xreplace({v: sp.Max(v, border) if up else sp.Min(v, border)})
    return None


def _indicator(f: sp.Expr) -> sp.Basic | None:
    """The condition of an ``f`` that is 1 where it holds, else 0."""
    if isinstance(f, sp.Piecewise) and len(f.args) == 2:
        (value, condition), (other, _) = (p.args for p in f.args)
        return condition if (value, other) == (1, 0) else None
    return None
