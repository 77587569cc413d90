"""LaTeX in index notation, and the scalar expressions that matrix notation shares.

Only constructs that pdflatex, KaTeX in strict mode and MathJax all accept.  Case
distinctions are printed with brackets, [condition] being 1 or 0, as the guards are.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Collection, Iterable, Mapping, Sequence

import sympy as sp

from symnn.engine import display
from symnn.engine.diff import placeholder
from symnn.engine.entries import fraction
from symnn.engine.functions import Named
from symnn.engine.ir import (
    SAMPLES,
    Axis,
    Hyperparameter,
    Line,
    SampleIndex,
    Term,
    entries,
    indices_of,
    is_entry,
    name_of,
)
from symnn.engine.lower import ordered_terms, primitive, reading_order
from symnn.formulas.symbols import applied
from symnn.formulas.tex import Printer
from symnn.formulas.tree import (
    ATOM,
    MUL,
    ONE,
    ZERO,
    Absolute,
    Apply,
    BigSum,
    Braced,
    Condition,
    Constant,
    Extreme,
    Formula,
    Fraction,
    Glyph,
    Group,
    Joined,
    Letter,
    Negative,
    Number,
    Power,
    Product,
    Root,
    Scripts,
    Symbol,
    front_of,
    signed,
    times,
    total,
    within,
)
from symnn.nn.losses import PENALTY
from symnn.notation.books import AFFINE
from symnn.notation.notation import Notation

FUNCTIONS: dict[type, str] = {
    sp.log: r"\log",
    sp.tanh: r"\tanh",
    sp.sinh: r"\sinh",
    sp.cosh: r"\cosh",
    sp.sin: r"\sin",
    sp.cos: r"\cos",
    sp.tan: r"\tan",
    sp.atan: r"\arctan",
    sp.sign: r"\operatorname{sgn}",
    sp.erf: r"\operatorname{erf}",
}
RELATIONS: dict[type, str] = {
    sp.StrictGreaterThan: ">",
    sp.GreaterThan: r"\ge",
    sp.StrictLessThan: "<",
    sp.LessThan: r"\le",
    sp.Equality: "=",
    sp.Unequality: r"\ne",
}


class softmax(sp.Function):  # type: ignore[misc]
    """A name for the three lines of softmax, where a formula is printed in one piece."""

    nargs = (1,)


class bracket(sp.Function):  # type: ignore[misc]
    """bracket(c): 1 where the condition holds, else 0."""

    nargs = (1,)
    is_real = True


@functools.lru_cache(maxsize=4096)
def with_brackets(f: sp.Expr) -> sp.Expr:
    """cases(v if c, w otherwise)  ->  v*[c] + w*[not c]."""
    if not f.has(sp.Piecewise):
        return f
    table = {}
    for cases in sorted(f.atoms(sp.Piecewise), key=str):
        seen: list[sp.Basic] = []
        parts = []
        for value, condition in cases.args:
            not_yet = [sp.Not(c) for c in seen if not _exclude(c, condition)]
            conditions = [c for c in (condition, *not_yet) if c != sp.true]
            parts.append(value * sp.Mul(*(bracket(c) for c in conditions)))
            seen.append(condition)
        table[cases] = sp.Add(*parts)
    return f.xreplace(table)


def _exclude(a: sp.Basic, b: sp.Basic) -> bool:
    """Whether two comparisons of the same expression with numbers cannot both hold."""
    if b == sp.true:
        return False
    hidden = {e: sp.Symbol(f"s{k}", real=True) for k, e in enumerate(entries(a) + entries(b))}
    return bool(sp.And(a, b).xreplace(hidden).simplify() == sp.false)


FUNCTIONS[softmax] = r"\mathrm{softmax}"


class Writer:
    """Scalar expressions as formulas; ``entry`` says how an entry of a tensor is written."""

    def __init__(
        self, notation: Notation, indices: Mapping[sp.Symbol, Formula], layout: str = "sample"
    ) -> None:
        self.notation, self.layout = notation, layout
        self.indices = indices
        self.print = Printer(notation)

    def formula(self, f: sp.Expr) -> Formula:
        """The expression as a formula, case distinctions as brackets."""
        return self.expression(with_brackets(f))

    def tex(self, f: sp.Expr) -> str:
        """The same as LaTeX."""
        return self.print.tex(self.formula(f))

    def sum_of(self, terms: Iterable[sp.Expr]) -> str:
        """The sum of expressions as LaTeX, in this order."""
        return self.print.tex(total(map(self.formula, terms)))

    def entry(self, e: sp.Expr) -> Formula:
        """z_1[n, j1] as z_{1,i}^{(n)}."""
        name, indices = name_of(e), indices_of(e)
        turned = self.notation.turned(name, self.layout)
        order = range(len(indices))[:: -1 if turned else 1]
        samples = [k for k in order if isinstance(indices[k], SampleIndex)]
        own = [k for k in order if k not in samples]
        return Symbol(
            name,
            sub=tuple(self.index(indices[k]) for k in own),
            sup=tuple(self.index(indices[k]) for k in samples),
            places=(*own, *samples),
            component=True,
            prefixed=self.notation.prefixed(name),
        )

    def printed(self, e: sp.Expr) -> tuple[sp.Expr, ...]:
        """The indices of an entry in the order in which the notation writes them."""
        own = indices_of(e)
        return own[::-1] if self.notation.turned(name_of(e), self.layout) else own

    def index(self, index: sp.Expr) -> Formula:
        """An index expression."""
        if index in self.indices:
            return Letter(index, self.indices[index])
        if isinstance(index, sp.Symbol):
            if index in self.notation.sizes:
                layer = self.notation.layer(self.notation.sizes[index])
                return Letter(index, Scripts(Glyph("n"), (Glyph(layer),)))
            count = Glyph(self.notation.count)
            return Letter(index, count if index == SAMPLES else index_name(index))
        return self.expression(index)

    def expression(self, f: sp.Expr) -> Formula:
        """A formula."""
        if is_entry(f):
            return self.entry(f)
        match f:
            case sp.Symbol():
                return self.index(f)
            case sp.Number():
                return number(f)
            case sp.Add():
                return self.sum(f)
            case sp.Mul():
                return self.product(*self.parted(f))
            case sp.exp():
                return Power(Constant("e"), self.expression(f.args[0]))
            case sp.Pow():
                return self.power(f)
            case bracket():
                return self.condition(f.args[0])
            case sp.KroneckerDelta():
                left, right = map(self.index, f.args)
                return Condition(left, "=", right)
            case sp.Piecewise():
                return self.expression(with_brackets(f))
            case sp.Function():
                return self.applied(f)
        if f is sp.pi or f is sp.E:
            return Constant(r"\pi" if f is sp.pi else "e")
        raise ValueError(f"no LaTeX for {f}")

    def condition(self, c: sp.Basic) -> Condition:
        """A comparison in brackets."""
        left, right = map(self.expression, c.args)
        return Condition(left, RELATIONS[type(c)], right)

    def sum(self, f: sp.Add) -> Formula:
        content, inner = (sp.S.One, f) if f.has(bracket) else primitive(f)
        if content not in (1, -1) and not content.is_Integer:
            return self.product(content, [inner], [])
        return total(map(self.expression, ordered_terms(f)))

    def parted(self, f: sp.Mul) -> tuple[sp.Expr, list[sp.Expr], list[sp.Expr]]:
        """The coefficient of a product, and the factors above and below its fraction line."""
        coefficient: list[sp.Expr] = []
        above: list[sp.Expr] = []
        below: list[sp.Expr] = []
        for g in sp.Mul.make_args(f):
            if isinstance(g, sp.Add) and not g.has(bracket):
                content, g = primitive(g)
                coefficient.append(content)
            if not entries(g) or _hyper(g):
                coefficient.append(g)
            elif isinstance(g, sp.Pow) and g.exp.could_extract_minus_sign():
                below.append(1 / g)
            else:
                above.append(g)
        above.sort(key=reading_order)
        return sp.Mul(*coefficient), above, sorted(below, key=reading_order)

    def product(self, coefficient: sp.Expr, above: list[sp.Expr], below: list[sp.Expr]) -> Formula:
        """coefficient * above / below."""
        negative_, front = self.coefficient(coefficient)
        plain = not entries(fraction(coefficient)[1])
        if len(above) == 1 and not below and front is None and not negative_:
            return self.expression(above[0])
        if not below and front is not None and above and plain:
            return signed(negative_, Product((front, self.row(above, True))))
        if below or (above and not plain):
            top, bottom = fraction(abs_(coefficient))
            over = [g for g in (top, *above) if g != 1]
            under = [g for g in (bottom, *below) if g != 1]
            return signed(negative_, Fraction(self.row(over, False), self.row(under, False)))
        return signed(negative_, front or self.row(above, negative_))

    def coefficient(self, c: sp.Expr) -> tuple[bool, Formula | None]:
        """Whether a coefficient is negative, and its absolute value; the value 1 is not written."""
        value = -c if negative(c) else c
        if value == 1:
            return negative(c), None
        top, bottom = fraction(value)
        if bottom == 1:
            return negative(c), self._factors(top)
        return negative(c), Fraction(self._constants(top), self._constants(bottom))

    def _constants(self, f: sp.Expr) -> Formula:
        return self.expression(f) if f.is_Add else self._factors(f)

    def _factors(self, f: sp.Expr) -> Formula:
        factors = sorted(sp.Mul.make_args(f), key=_constants_first)
        return times([within(self.expression(g), MUL) for g in factors])

    def row(self, factors: Sequence[sp.Expr], guarded: bool) -> Formula:
        """Factors side by side; one alone needs brackets only if something stands before it."""
        if not factors:
            return ONE
        if len(factors) == 1 and not guarded:
            return self.expression(factors[0])
        return times([within(self.expression(g), MUL) for g in factors], "thin")

    def power(self, f: sp.Pow) -> Formula:
        base, exponent = f.as_base_exp()
        if exponent == sp.S.Half:
            return Root(self.expression(base))
        if exponent.could_extract_minus_sign():
            return self.product(sp.S.One, [], [sp.Pow(base, -exponent)])
        return Power(self.base(base), self.expression(exponent))

    def base(self, f: sp.Expr) -> Formula:
        """The base of a power: brackets unless it is a letter without a superscript."""
        found = self.expression(f)
        if not self.print.raised(found):
            return self.print.base(found)
        letter = found.binding == ATOM and not self.print.fraction_first(found)
        return (
            Braced(found) if letter and self.notation.layer_mark != "superscript" else Group(found)
        )

    def applied(self, f: sp.Function) -> Formula:
        """A function with its argument in brackets; the root and |.| have signs of their own."""
        argument = self.expression(f.args[0])
        if isinstance(f, Named):
            if f.row.name == "root" and not f.order:
                return Root(argument)
            if f.row.name == "absolute" and not f.order:
                return Absolute(argument)
            tex = {"root": r"\mathrm{sqrt}"}.get(f.row.name, f.row.tex)
            source = name_of(f.args[0]) if is_entry(f.args[0]) else None
            symbol = applied(self.notation, f.row.name, tex, source, f.order)
            return Apply(type(f), symbol, argument)
        if type(f) not in FUNCTIONS:
            raise ValueError(f"no LaTeX for the function {f.func.__name__}")
        return Apply(type(f), Glyph(FUNCTIONS[type(f)]), argument)


def _hyper(g: sp.Expr) -> bool:
    """Whether a factor is made of scalar hyperparameters alone."""
    return all(isinstance(e, Hyperparameter) for e in entries(g))


def _constants_first(g: sp.Expr) -> tuple[int, str]:
    return (0 if g.is_number else 1 if not entries(g) else 2, str(g))


def abs_(c: sp.Expr) -> sp.Expr:
    """A coefficient without its sign."""
    return -c if negative(c) else c


def negative(c: sp.Expr) -> bool:
    """Whether a coefficient starts with a minus sign; 1 - x does not."""
    return bool(c.as_coeff_Mul()[0].is_negative)


def number(f: sp.Expr) -> Formula:
    """A number; a rational as a fraction."""
    if f < 0:
        return Negative(number(-f))
    if f.is_Rational and not f.is_Integer:
        return Fraction(Number(str(f.p)), Number(str(f.q)))
    mantissa, _, exponent = str(f).partition("e")
    return with_exponent(mantissa, int(exponent)) if exponent else Number(mantissa)


def with_exponent(mantissa: str, exponent: int) -> Formula:
    """mantissa * 10^exponent; the mantissa 1 is not written."""
    ten = Power(Number("10"), signed_number(exponent))
    return ten if mantissa == "1" else Product((Number(mantissa), ten), "dot")


def signed_number(value: int) -> Formula:
    """A whole number."""
    return Negative(Number(str(-value))) if value < 0 else Number(str(value))


def index_name(s: sp.Symbol) -> Formula:
    """An index, or a size, by its own name: t, n', j_{0}."""
    plain = s.name.rstrip("_")
    primes = "'" * (len(s.name) - len(plain))
    if found := re.fullmatch(r"([A-Za-z])_?(\d+)", plain):
        base = Scripts(Glyph(found[1]), (Number(found[2]),))
        return Joined((base, Glyph(primes))) if primes else base
    return Glyph((plain if len(plain) == 1 else rf"\mathrm{{{plain}}}") + primes)


def index_letters(axes: Sequence[Axis], notation: Notation) -> dict[sp.Symbol, Formula]:
    """The letters of a line's axes: n for the samples, i, j, … for the units of layers."""
    found: dict[sp.Symbol, Formula] = {}
    for a in axes:
        if a.samples:
            found[a.symbol] = Glyph(notation.sample + "'" * a.name.count("_"))
        elif a.counts != "units":
            found[a.symbol] = index_name(a.symbol)
    every = (Glyph(c + "'" * primes) for primes in itertools.count() for c in notation.indices)
    free = (c for c in every if c not in found.values())
    return {a.symbol: found.get(a.symbol) or next(free) for a in axes}


def printed_axes(line: Line, notation: Notation, layout: str) -> tuple[Axis, ...]:
    """The axes of the left side in the order in which the notation writes them."""
    own = line.lhs.axes
    return own[::-1] if notation.turned(line.lhs.name, layout) else own


@display.latex.register
def line_latex(line: Line, notation: Notation = AFFINE, mark: str = "") -> str:
    """A line in index notation: ``z_{1,i} = \\sum_{j=1}^{2} A_{1,ij} x_{j} + b_{1,i}``.

    mark: stands before the equals sign, such as ``&``.
    """
    left, right = line_sides(line, notation)
    sign = r"\leftarrow" if line.lhs.kind == "next" else "="
    return f"{left} {mark}{sign} {right}"


def line_sides(line: Line, notation: Notation = AFFINE, layout: str = "sample") -> tuple[str, str]:
    """The two sides of a line in index notation, as LaTeX."""
    return Printer(notation).both(*line_formulas(line, notation, layout))


def line_formulas(
    line: Line, notation: Notation = AFFINE, layout: str = "sample"
) -> tuple[Formula, Formula]:
    """The two sides of a line in index notation."""
    axes = dict.fromkeys((*printed_axes(line, notation, layout), *line.axes))
    writer = Writer(notation, index_letters(tuple(axes), notation), layout)
    bound = [a.symbol for a in axes]
    plain = not notation.from_zero and all(_bare(t, bound) for t in line.terms)
    terms = sorted(line.terms, key=is_decay)
    return writer.entry(line.lhs.entry), total(_term(t, writer, plain) for t in terms)


def is_decay(term: Term) -> bool:
    """Whether a term belongs to the penalty of the weights; such terms are printed last."""
    return PENALTY.entry in entries(term.f)


def _bare(term: Term, bound: Collection[sp.Symbol]) -> bool:
    """Whether indices only say which entry is read, each a plain symbol: such lines count from 1.

    bound: the indices of the line.  One that stands in a guard, or is a factor, is a number.
    """
    read = entries(term.f)
    numbers = term.f.xreplace({e: placeholder(k) for k, e in enumerate(read)}).free_symbols
    plain = all(isinstance(i, sp.Symbol) for e in read for i in indices_of(e))
    return plain and not numbers & set(bound)


def _term(term: Term, writer: Writer, from_one: bool) -> Formula:
    f = with_brackets(term.f)
    if not term.over:
        return writer.expression(f)
    letters = [(writer.index(a.symbol), a.size) for a in term.over]
    if term.reduce != "sum":
        indices = tuple(letter for letter, _ in letters)
        return Extreme(term.reduce, indices, within(writer.expression(f), MUL))
    low, shift = (ONE, 0) if from_one else (ZERO, 1)
    coefficient, above, below = writer.parted(f)
    # what reads a summed index, such as a guard, stands behind the sums that bind it
    over = {a.symbol for a in term.over}
    factors = sp.Mul.make_args(coefficient)
    inner = sp.Mul(*(g for g in factors if g.free_symbols & over))
    minus, front = writer.coefficient(sp.Mul(*(g for g in factors if not g.free_symbols & over)))
    if inner == 1 and not above and not below:
        body, front = front or ONE, None
    else:
        body = within(writer.product(inner, above, below), MUL)
    for letter, size in reversed(letters):
        body = BigSum(letter, low, writer.expression(sp.S(size) - shift), body)
    return signed(minus, front_of(front, body))
