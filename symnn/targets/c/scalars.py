"""Scalar expressions as C: the operations of operations.py, in the order they have there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import sympy as sp

from symnn.engine.ir import Tensor
from symnn.targets.code import Name, Reference
from symnn.targets.forms import Draft, Form
from symnn.targets.plan.operations import BOOLEAN, COMPARISONS, Axes, Graph, Node, primitive

CASE, REL, ADD, MUL, UNARY, ATOM = range(6)
Numbers = Mapping[str, float]
Text = tuple[str, int]  # C code, and how tightly its outermost operator binds
INFIX = {"add": ("+", ADD), "subtract": ("-", ADD), "multiply": ("*", MUL), "divide": ("/", MUL)}
RELATIONS = {name: sign for sign, name in COMPARISONS.items()}
LOGICAL = {"logical_and": "&&", "logical_or": "||"}
# operations that the file defines for its type of numbers, as real_NAME
FUNCTIONS = {
    **{f: f for f in ("exp", "log", "log1p", "expm1", "tanh", "sin", "cos", "sinh", "cosh")},
    **{"arctan": "atan", "absolute": "abs", "sign": "sign", "erfc": "erfc", "sqrt": "sqrt"},
    **{"power": "pow", "maximum": "max", "minimum": "min"},
}


@dataclass
class Constants:
    """Numbers that are computed once, before the loops: what is no plain number.

    numbers: hyperparameter -> its value.
    """

    numbers: Numbers
    names: dict[sp.Expr, str] = field(default_factory=dict)

    @property
    def reads(self) -> set[str]:
        """The variables that their definitions read."""
        return {str(s) for value in self.names for s in value.free_symbols}

    def text(self, value: sp.Expr | None) -> Text:
        """A literal, or the name of a constant."""
        assert value is not None
        value = self.known(value)
        if value.is_number:
            return number(value)
        return self.names.setdefault(value, f"c{len(self.names) + 1}"), ATOM

    def known(self, value: sp.Expr) -> sp.Expr:
        """The value with the numbers of hyperparameters."""
        return value.xreplace(
            {Tensor(k, (), "hyperparameter").entry: sp.Float(v) for k, v in self.numbers.items()}
        )

    def rows(self) -> list[str]:
        """Their definitions; they are computed in double precision and then rounded."""
        return [
            f"const net_real {n} = (net_real)({sp.ccode(v.evalf(17))});"
            for v, n in self.names.items()
        ]


def number(value: sp.Expr) -> Text:
    """A literal of the type of the file."""
    text = f"R({abs(float(value))!r})"
    return (text, ATOM) if value >= 0 else (f"-{text}", UNARY)


@dataclass
class Scalars:
    """Prints expressions.

    entry: an array's node -> the array, and what stands behind it in the code of its entry.
    axes: their order.  positive: see Graph.
    """

    entry: Callable[[Node], tuple[Name, str]]
    axes: Axes
    constants: Constants
    positive: frozenset[str] = frozenset()
    _calls: set[str] = field(default_factory=set)
    _names: list[Reference] = field(default_factory=list)

    def assigned(self, f: sp.Expr, to: Reference, sign: str = "=") -> list[Draft]:
        """Statements that end in ``to`` and what ``sign`` says, = or +=, followed by the value."""
        self._names.append(to)
        root = Graph(self.axes, self.positive).node(primitive(f))
        counts: Counter[Node] = Counter()
        _count(root, counts)
        lets: list[str] = []
        text = self._text(root, {n for n, c in counts.items() if c > 1}, {}, lets)
        names, calls = tuple(self._names), frozenset(self._calls)
        return [Form(code, names, 0, calls) for code in (*lets, f"{{0}}{sign} {text[0]};")]

    def _text(
        self, node: Node, shared: set[Node], known: dict[Node, Text], lets: list[str]
    ) -> Text:
        if node.kind == "array":
            name, at = self.entry(node)
            self._names.append(name)
            return f"{{{len(self._names) - 1}}}{at}", ATOM
        if node.kind != "call":
            return self.constants.text(node.value)
        if node not in known:
            args = [self._text(a, shared, known, lets) for a in node.args]
            if node.name == "where":  # cases are chosen, not branched to: both are computed
                args[1:] = [
                    self._let(t, lets) if _calls(a) else t
                    for t, a in zip(args[1:], node.args[1:], strict=True)
                ]
            if node.name in FUNCTIONS:
                self._calls.add(f"real_{FUNCTIONS[node.name]}")
            text = _operation(node, args)
            known[node] = self._let(text, lets) if node in shared and not node.boolean else text
        return known[node]

    def _let(self, text: Text, lets: list[str]) -> Text:
        if text[0].isidentifier():
            return text
        name = f"t{len(lets) + 1}"
        lets.append(f"const net_real {name} = {text[0]};")
        return name, ATOM


def _count(node: Node, counts: Counter[Node]) -> None:
    counts[node] += node.kind == "call"
    if counts[node] <= 1:
        for a in node.args:
            _count(a, counts)


def _calls(node: Node) -> bool:
    """Whether a function is called in it."""
    return node.name in FUNCTIONS or any(map(_calls, node.args))


def _operation(node: Node, args: list[Text]) -> Text:
    name = node.name
    if name == "multiply":  # with a truth value: a choice
        for flag, text, other in zip(node.args, args, args[::-1], strict=True):
            if flag.boolean:
                return f"{_bound(text, REL)} ? {_bound(other, REL)} : R(0.0)", CASE
    if name == "keep":
        return f"{_bound(args[1], ADD)} > R(0.0) ? {_bound(args[0], REL)} : R(0.0)", CASE
    if name == "where":
        cases = " : ".join(_bound(a, REL) for a in args[1:])
        return f"{_bound(args[0], REL)} ? {cases}", CASE
    if name in LOGICAL:
        return f" {LOGICAL[name]} ".join(f"({a[0]})" for a in args), CASE
    if name == "logical_not":
        return f"!({args[0][0]})", UNARY
    args = [
        (f"{_bound(t, REL)} ? R(1.0) : R(0.0)", CASE) if a.boolean and name not in BOOLEAN else t
        for a, t in zip(node.args, args, strict=True)
    ]
    if name in INFIX:
        sign, level = INFIX[name]
        tight = level + (name in ("subtract", "divide"))
        return f"{_bound(args[0], level)} {sign} {_bound(args[1], tight)}", level
    if name in RELATIONS:
        return f"{_bound(args[0], ADD)} {RELATIONS[name]} {_bound(args[1], ADD)}", REL
    if name == "negative":
        return f"-{_bound(args[0], ATOM)}", UNARY
    return f"real_{FUNCTIONS[name]}({', '.join(a[0] for a in args)})", ATOM


def _bound(text: Text, tightness: int) -> str:
    return text[0] if text[1] >= tightness else f"({text[0]})"
