"""Lines as NumPy statements, in the layout "rows".

Every operation is spaced as a formatter would leave it.  An expression is printed for given
axes; an entry that lacks some of them is broadcast.
"""

from __future__ import annotations

import string
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import sympy as sp

from symnn.engine.entries import RELATIONS
from symnn.engine.erfc import ERFC_SOURCE
from symnn.engine.functions import TABLE, Function, Named, definition
from symnn.engine.ir import Line, Program, ProgramError, entries, indices_of, is_entry, name_of
from symnn.engine.lower import (
    Axes,
    Einsum,
    Elementwise,
    Factor,
    Lowered,
    MatMul,
    Outer,
    Reduce,
    lower_line,
    ordered_terms,
    split,
)
from symnn.targets.python.cases import clamped, kept, selected
from symnn.targets.python.sources import ERFC, SOURCES, source
from symnn.targets.wrapping import WIDTH, Assignment, broken, filled

OR, COMPARE, ADD, MATMUL, MUL, UNARY, POWER, ATOM = range(8)
EINSUM = "einsum"
COMPARED = {**RELATIONS, sp.Equality: "==", sp.Unequality: "!="}
Called = dict[
    str, tuple[Function, int]
]  # by name: a row of a table, and the order of its derivative


class Text(NamedTuple):
    """An expression, how tightly it binds, and the operands of its sum or its product, each but
    the first behind its operator: of others itself.
    """

    code: str
    binds: int
    parts: tuple[str, ...] = ()

    @property
    def operands(self) -> tuple[str, ...]:
        """Where it may be broken."""
        return self.parts or (self.code,)


FUNCTIONS: dict[type, str] = {
    sp.exp: "exp",
    sp.log: "log",
    sp.sin: "sin",
    sp.cos: "cos",
    sp.tanh: "tanh",
    sp.sinh: "sinh",
    sp.cosh: "cosh",
    sp.atan: "arctan",
    sp.sign: "sign",
}


@dataclass(frozen=True)
class Dialect:
    """A library with NumPy's functions.

    module: the name it is imported by.  scalar: what makes the loss a number, if anything.
    annotated: whether its types do not say what comes of an operation on arrays.  mutable: whether
    arrays can be assigned to in parts.
    """

    module: str = "np"
    scalar: str = "float"
    annotated: bool = True
    mutable: bool = True


NUMPY = Dialect()
JAX = Dialect("jnp", scalar="", annotated=False, mutable=False)  # a traced loss is no number yet


class UnprintableError(ProgramError):
    """A line that this printer has no code for; the message shows the line."""


@dataclass
class Expressions:
    """Prints lines, terms and expressions.

    name: that of a tensor or a size -> how it is written.  called: the functions of what was
    printed, by their names in a program.  uses: what else it calls, files of runtime/.
    """

    dialect: Dialect = NUMPY
    name: Callable[[str], str] = str
    called: Called = field(default_factory=dict)
    uses: set[str] = field(default_factory=set)

    def line(self, line: Line) -> Assignment:
        """``name = sum of terms``."""
        return self.assigned(line, [self.term(low) for low in lower_line(line)])

    def assigned(self, line: Line, terms: list[Text]) -> Assignment:
        """A line with these terms."""
        value = joined(terms)
        if not terms and line.lhs.wrt and line.lhs.axes:
            value = self._call("zeros_like", self.name(line.lhs.wrt))
        scalar = self.dialect.scalar if line.lhs.kind == "loss" else ""
        return Assignment(self.name(line.lhs.name), value.operands, scalar)

    def term(self, low: Lowered) -> Text:
        """One lowered term, for the axes of its line."""
        beside = len(low.factors) > 1 and not all(
            isinstance(p, Elementwise) and _is_indicator(p.f) for p in low.factors
        )
        below: dict[sp.Expr, Axes] = {}  # what the others are divided by
        parts: list[sp.Expr | Text] = []
        for factor in low.factors:
            f = factor.f if isinstance(factor, Elementwise) else sp.S.One
            if beside and isinstance(f, sp.Pow) and f.exp.could_extract_minus_sign():
                below[1 / f] = low.axes if factor.axes else ()
                parts.append(f)
            elif (text := self._factor(factor, low.axes, beside))[0] != "1":
                parts.append(text)

        def code(g: sp.Expr) -> Text:
            return self.expression(g, below[g])

        return self.product(low.coefficient, parts or [Text("1.0", ATOM)], code)

    def _factor(self, factor: Factor, axes: Axes, beside: bool) -> Text:
        """A factor, broadcast to ``axes``.  beside: it stands beside other factors."""
        match factor:
            case Elementwise(f, own) if beside and _is_indicator(f):
                return self.expression(f.args[0].args[1], axes if own else ())
            case Elementwise(f, own):
                return self.expression(f, axes if own else ())
            case MatMul(left, right, k, own):
                first = self._operand(left, (*own[:1], k) if own else (k,))
                second = self._operand(right, (k, *own[1:]))
                pair = first, f"@ {second}"
                return _broadcast(Text(" ".join(pair), MATMUL, pair), own, axes)
            case Outer(left, right, own):
                a, b = (self.expression(e.f, e.axes)[0] for e in (left, right))
                return _broadcast(self._call("outer", f"{a}, {b}"), own, axes)
            case Einsum(_, _, own):
                return _broadcast(self._einsum(factor), own, axes)
            case Reduce(kind, arg, over, own):
                return _broadcast(self._reduced(kind, arg, over), own, axes)
        raise UnprintableError(f"no NumPy code for the term {factor.term}")

    def _operand(self, e: Elementwise, axes: Axes) -> str:
        """An operand of a matrix product with its axes in this order."""
        return _bound(self.expression(e.f, axes), UNARY)

    def _einsum(self, factor: Elementwise | Einsum) -> Text:
        """A product of two; what a part has of its own is computed within."""
        if isinstance(factor, Elementwise):
            return self.expression(factor.f, _stored(factor))
        parts = factor.left, factor.right
        letters = _letters((*factor.left.axes, *factor.right.axes))
        orders = [_stored(part) if isinstance(part, Elementwise) else part.axes for part in parts]
        a, b, c = ("".join(letters[s] for s in order) for order in (*orders, factor.axes))
        left, right = (self._einsum(part)[0] for part in parts)
        self.uses.add(EINSUM)
        return Text(f'{EINSUM}("{a},{b}->{c}", {left}, {right})', ATOM)

    def _reduced(self, kind: str, arg: Elementwise, over: Axes) -> Text:
        axes = _stored(arg)
        # its method takes half the time of np.sum
        whole = _bound(self.expression(arg.f, axes), ATOM)
        if len(over) == len(axes):
            return Text(f"{whole}.{kind}()", ATOM)
        where = tuple(axes.index(a) for a in over)
        axis = str(where[0]) if len(where) == 1 else str(where)
        return Text(f"{whole}.{kind}(axis={axis})", ATOM)

    def expression(self, f: sp.Expr, axes: Axes = ()) -> Text:
        """A scalar expression of entries, for arrays over ``axes``."""
        if is_entry(f):
            return self._entry(f, axes)
        if isinstance(f, sp.Add):
            return joined([self.expression(t, axes) for t in ordered_terms(f)])
        if isinstance(f, sp.Mul):
            return self._multiply(f, axes)
        if isinstance(f, sp.Pow):
            return self._power(f, axes)
        if isinstance(f, sp.Piecewise | sp.Function) and not isinstance(f, clamped | selected):
            found = {i for e in entries(f) for i in indices_of(e)}
            own = tuple(a for a in axes if a in found)
            if own != axes[len(axes) - len(own) :]:
                return _broadcast(self.expression(f, own), own, axes)
        if isinstance(f, sp.Piecewise):
            return self._cases(f, axes)
        if isinstance(f, clamped):
            return self._clamped(f, axes)
        if isinstance(f, selected):
            value, condition, safe = (self.expression(g, axes)[0] for g in f.args)
            return self._call("where", f"{condition}, {value}, {safe}")
        if isinstance(f, Named):
            return self._named(f, axes)
        if type(f) in FUNCTIONS:
            return self._call(FUNCTIONS[type(f)], self.expression(f.args[0], axes)[0])
        if type(f) in COMPARED:
            a, b = (_bound(self.expression(g, axes), ADD) for g in f.args)
            return Text(f"{a} {COMPARED[type(f)]} {b}", COMPARE)
        if isinstance(f, sp.Or | sp.And):
            sign = " | " if isinstance(f, sp.Or) else " & "
            return Text(sign.join(f"({self.expression(g, axes)[0]})" for g in f.args), OR)
        if isinstance(f, sp.Symbol):  # a size
            return Text(self.name(f.name), ATOM)
        if f.is_number:
            return _number(f)
        raise UnprintableError(f"no NumPy code for {f}")

    def _call(self, function: str, arguments: str) -> Text:
        """A call of a function of the library."""
        return Text(f"{self.dialect.module}.{function}({arguments})", ATOM)

    def _named(self, f: Named, axes: Axes) -> Text:
        argument = self.expression(f.args[0], axes)[0]
        known = source(f.row, f.order)
        if known and known.single:
            return Text(known.value.format(np=self.dialect.module, x=argument), ATOM)
        name = _function_name(f.row, f.order)
        self.called[name] = f.row, f.order
        return Text(f"{name}({argument})", ATOM)

    def _entry(self, f: sp.Expr, axes: Axes) -> Text:
        name, indices = self.name(name_of(f)), indices_of(f)
        own = tuple(a for a in axes if a in indices)
        if indices != own:
            if len(indices) != 2:
                order = ", ".join(str(indices.index(a)) for a in own)
                name = self._call("transpose", f"{name}, ({order})")[0]
            else:
                name += ".T"
        return _broadcast(Text(name, ATOM), own, axes)

    def _multiply(self, f: sp.Mul, axes: Axes) -> Text:
        coefficient, factors = split(f)
        beside = any(not _is_indicator(g) and entries(g) for g in factors)

        def code(g: sp.Expr) -> Text:
            return self.expression(g.args[0].args[1] if beside and _is_indicator(g) else g, axes)

        return self.product(coefficient, [g for g in factors if g != 1], code)

    def product(
        self,
        coefficient: sp.Expr,
        factors: list[sp.Expr | Text],
        code: Callable[[sp.Expr], Text] | None = None,
    ) -> Text:
        """coefficient * factors, with what has a negative exponent below one fraction line."""
        above: list[Text] = []
        below: list[Text] = []
        negative = coefficient.could_extract_minus_sign()
        top, bottom = sp.fraction(_decimal(-coefficient if negative else coefficient))
        for side, number in ((above, top), (below, bottom)):
            side += [self.expression(g) for g in sp.Mul.make_args(number) if g != 1]
        for g in factors:
            if isinstance(g, Text):
                above.append(g)
            elif isinstance(g, sp.Pow) and g.exp.could_extract_minus_sign():
                assert code is not None
                below.append(code(1 / g))
            else:
                assert code is not None
                above.append(code(g))
        above.sort(key=lambda part: part[1] <= COMPARE)  # a number times a condition is an integer
        if negative and above and above[0][1] == POWER:
            above[0] = Text(f"({above[0][0]})", ATOM)
        single = len(above) == 1
        if single and not below and not negative:
            return above[0]
        first, *others = above or [Text("1", ATOM)]
        if single and first.binds == MUL:
            parts = [*first.operands]
        else:
            parts = [_bound(first, UNARY), *(f"* {_bound(g, UNARY)}" for g in others)]
        if below:
            under = " * ".join(_bound(g, UNARY) for g in below)
            parts.append(f"/ {under}" if len(below) == 1 else f"/ ({under})")
        parts[0] = "-" * negative + parts[0]
        return Text(" ".join(parts), MUL, tuple(parts))

    def _power(self, f: sp.Pow, axes: Axes) -> Text:
        base, exponent = f.as_base_exp()
        if base.is_Rational and exponent.is_Rational:
            return _number(f)  # a scalar of NumPy's would widen float32
        if exponent == sp.S.Half:
            return self._call("sqrt", self.expression(base, axes)[0])
        if exponent.could_extract_minus_sign():
            inverse = self.expression(sp.Pow(base, -exponent), axes)
            pair = "1", f"/ {_bound(inverse, UNARY)}"
            return Text(" ".join(pair), MUL, pair)
        low, high = self.expression(base, axes), self.expression(exponent)
        b, e = _bound(low, ATOM), _bound(high, ATOM)
        # a formatter has spaces around a power but for one of names and numbers
        plain = b.replace(".", "").isidentifier()  # with its attributes, h.T
        simple = plain and (e.isidentifier() or e.replace(".", "").isdigit())
        return Text(f"{b}**{e}" if simple else f"{b} ** {e}", POWER)

    def _cases(self, f: sp.Piecewise, axes: Axes) -> Text:
        """``where``, with the argument of an unselected branch kept where it cannot overflow."""
        pieces = [(p.args[0], p.args[1]) for p in f.args]
        value, rest = pieces[-1][0], pieces[:-1]
        text = self.expression(kept(value, [(c, False) for _, c in rest]), axes)[0]
        for value, condition in reversed(rest):
            inner = self.expression(kept(value, [(condition, True)]), axes)[0]
            where = self.expression(condition, axes)[0]
            text = self._call("where", f"{where}, {inner}, {text}")[0]
        if all(value.is_number for value, _ in pieces):
            text += (
                f".astype({self._entry(sorted(entries(rest[0][1]), key=str)[0], axes)[0]}.dtype)"
            )
        return Text(text, ATOM)

    def _clamped(self, f: clamped, axes: Axes) -> Text:
        v, border, side = f.args
        text, edge = self.expression(v, axes)[0], float(border)
        if side in (1, -1):
            return self._call("maximum" if side == 1 else "minimum", f"{text}, {edge}")
        sign, safe = (">", edge + 1.0) if side == 2 else ("<", edge - 1.0)
        return self._call("where", f"{text} {sign} {edge}, {text}, {safe}")


def _stored(e: Elementwise) -> Axes:
    """Its axes in the order of an entry that has them all."""
    return next((i for i in map(indices_of, entries(e.f)) if len(i) == len(e.axes)), e.axes)


def _letters(axes: Axes) -> dict[sp.Symbol, str]:
    """A letter for each axis: its name, if that is one."""
    found = {a: a.name for a in dict.fromkeys(axes) if len(a.name) == 1}
    free = (c for c in string.ascii_letters if c not in found.values())
    return {a: found[a] if a in found else next(free) for a in dict.fromkeys(axes)}


def statement(line: Line, indent: int = 4, dialect: Dialect = NUMPY) -> str:
    """``name = expression``, over several lines where it is too long for one."""
    return Expressions(dialect).line(line).broken(indent)


def number_code(f: sp.Expr) -> str:
    """A number, or an expression of scalars."""
    return Expressions().expression(f)[0]


def joined(terms: list[Text]) -> Text:
    """A sum."""
    if len(terms) < 2:
        return terms[0] if terms else Text("0.0", ATOM)
    parts = list[str]()
    for term in terms:
        first, *others = term.operands if term.binds == ADD else (_bound(term, ADD),)
        if parts:
            first = f"- {first[1:]}" if first.startswith("-") else f"+ {first}"
        parts += first, *others
    return Text(" ".join(parts), ADD, tuple(parts))


def _broadcast(text: Text, own: Axes, axes: Axes) -> Text:
    """An array over ``own`` (a part of ``axes``, in that order) made to broadcast over ``axes``."""
    if not own or own == axes[len(axes) - len(own) :]:
        return text
    inner = text[0] if text[1] >= ATOM else f"({text[0]})"
    first = axes.index(own[0])
    at = ", ".join(":" if a in own else "None" for a in axes[first:])
    return Text(f"{inner}[{at}]", ATOM)


def _function_name(row: Function, order: int) -> str:
    own = TABLE.get(row.name) is row
    return ("" if own else "user_") + row.name + "_prime" * order


def _number(f: sp.Expr) -> Text:
    if f.is_Integer and abs(f) < 2**53:  # a larger one is no integer of NumPy's
        return Text(str(f), ATOM if f >= 0 else UNARY)
    return Text(repr(float(f)), ATOM if float(f) >= 0 else UNARY)


def _decimal(coefficient: sp.Expr) -> sp.Expr:
    """A coefficient with its number as a decimal one where that is a fraction of a root."""
    roots = [g for g in sp.Mul.make_args(coefficient) if g.is_Pow and g.base.is_Rational]
    rest = [g for g in sp.Mul.make_args(coefficient) if not g.is_Rational and g not in roots]
    if not any(g.exp.is_Rational for g in roots):
        return coefficient
    number = coefficient / sp.Mul(*rest)
    return coefficient if number.is_Pow else number.evalf(17) * sp.Mul(*rest)


def _bound(text: Text, tightness: int) -> str:
    return text[0] if text[1] >= tightness else f"({text[0]})"


def _is_indicator(f: sp.Expr) -> bool:
    """Whether f is 1 where a condition holds, else 0: beside a factor, the condition itself."""
    if not isinstance(f, sp.Piecewise) or len(f.args) != 2:
        return False
    return bool(f.args[0].args[0] == 1 and f.args[1] == (0, True))


def helper(
    row: Function, order: int = 0, dialect: Dialect = NUMPY
) -> tuple[str, list[tuple[Function, int]]]:
    """The function for a table's row, a user's formula, or its derivative; and those it calls."""
    known, np = source(row, order), dialect.module
    if known:
        *body, code = (t.format(np=np, x="x") for t in (*known.before, known.value))
        value = Text(code, ATOM)
        calls = [(TABLE[name], 0) for name in known.calls if name != ERFC]
    else:
        printer = Expressions(dialect)
        body, value = [], printer.expression(definition(row, order))
        calls = list(printer.called.values())
    if dialect.annotated:
        kept = Assignment(f"value: {np}.ndarray", value.operands)
        body += [broken(kept), "return value"]
    else:
        text = value.code
        body.append(f"return {text if len(text) + 11 <= WIDTH else filled(text)}")
    head = f"def {_function_name(row, order)}(x: {np}.ndarray) -> {np}.ndarray:"
    return "\n".join((head, *(textwrap.indent(text, "    ") for text in body))), calls


def helpers(program: Program, dialect: Dialect = NUMPY) -> tuple[str, ...]:
    """The functions that a program's statements call, each after those it calls itself."""
    printer = Expressions(dialect)
    for line in program.lines:
        printer.line(line)
    return functions(printer.called, dialect)


def functions(called: Called, dialect: Dialect = NUMPY) -> tuple[str, ...]:
    """The functions of these names, each after those it calls itself."""
    found: dict[str, str] = {}

    def visit(row: Function, order: int) -> None:
        if (name := _function_name(row, order)) not in found:
            text, calls = helper(row, order, dialect)
            for other in calls:
                visit(*other)
            found[name] = text

    for own in called.values():
        visit(*own)
    if any(ERFC in SOURCES[name].calls for name in found if name in SOURCES):
        # the source of a function, all of whose calls are the library's
        return ERFC_SOURCE.strip().replace("np.", f"{dialect.module}."), *found.values()
    return tuple(found.values())
