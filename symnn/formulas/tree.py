"""Formulas as trees: what is printed, before it has become characters.

Each node says how tightly it binds.  Brackets are nodes too (:class:`Group`): who builds a formula
puts them where an operand binds less tightly than what surrounds it, by :func:`within` and its
like; printers add none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields

import sympy as sp

from symnn.notation.notation import Notation

ADD, HADAMARD, MUL, POWER, ATOM = range(5)


@dataclass(frozen=True)
class Formula:
    """A node; its fields that are formulas, or tuples of them, are its parts."""

    @property
    def binding(self) -> int:
        """How tightly it binds: ADD, HADAMARD, MUL, POWER or ATOM."""
        return BINDING.get(type(self), ATOM)

    @property
    def parts(self) -> Iterator[Formula]:
        """The formulas that it is made of, in order."""
        pending: list[object] = [getattr(self, f.name) for f in fields(self)]
        while pending:
            value = pending.pop(0)
            if isinstance(value, Formula):
                yield value
            elif isinstance(value, tuple):
                pending[:0] = value

    def mapped(self, change: Callable[[Formula], Formula]) -> Formula:
        """The same of changed parts."""

        def changed(value: object) -> object:
            if isinstance(value, tuple):
                return tuple(map(changed, value))
            return change(value) if isinstance(value, Formula) else value

        return type(self)(*(changed(getattr(self, f.name)) for f in fields(self)))

    def walk(self) -> Iterator[Formula]:
        """It and everything within it, from left to right."""
        yield self
        for part in self.parts:
            yield from part.walk()


# leaves ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Words(Formula):
    """Words of a language within a formula."""

    text: str


@dataclass(frozen=True)
class Number(Formula):
    """A number that is not negative, by its digits."""

    digits: str


@dataclass(frozen=True)
class Constant(Formula):
    """e or pi."""

    name: str


@dataclass(frozen=True)
class Glyph(Formula):
    """Letters or signs by the TeX that a notation, a table or a user has for them.

    Each is a letter in a font and with accents, a word, a sign, or several of them in a row.
    """

    tex: str


@dataclass(frozen=True)
class Letter(Formula):
    """An index, or a size, by its letter."""

    symbol: sp.Symbol
    shown: Formula


@dataclass(frozen=True)
class Symbol(Formula):
    """A tensor by its letter, or one entry of it; symbols.py says how it is written.

    sub, sup: indices below the letter, and that of a sample above it.  places: the numbers of the
    tensor's axes that the indices below, then those above, are of; of a matrix, those of its rows
    and columns.  row: a single axis lies in a row.  batch: the matrix of all samples.  component:
    an entry.  prefixed: more than a letter, such as dW.  inline: fractions on one line.
    """

    name: str
    sub: tuple[Formula, ...] = ()
    sup: tuple[Formula, ...] = ()
    places: tuple[int, ...] = ()
    row: bool = False
    batch: bool = False
    component: bool = False
    transposed: bool = False
    prefixed: bool = False
    inline: bool = False

    @property
    def binding(self) -> int:
        return POWER if self.prefixed or self.transposed else ATOM


@dataclass(frozen=True)
class Ones(Formula):
    """A column of ones, or a row; axis: the index whose values it counts."""

    axis: sp.Symbol
    transposed: bool = False


# letters ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scripts(Formula):
    """A letter with what stands below and above it; joint: what stands between those above."""

    base: Formula
    below: tuple[Formula, ...] = ()
    above: tuple[Formula, ...] = ()
    joint: str = ""
    above_first: bool = False


@dataclass(frozen=True)
class Joined(Formula):
    """Formulas in a row, with a sign between them."""

    items: tuple[Formula, ...]
    sign: str = ""


@dataclass(frozen=True)
class Operator(Formula):
    """A sign before what it is applied to: a change, or a derivative."""

    sign: str
    arg: Formula


# operations --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Negative(Formula):
    """-x."""

    arg: Formula


@dataclass(frozen=True)
class Sum(Formula):
    """Terms, with the sign of a negative one before it."""

    terms: tuple[Formula, ...]


@dataclass(frozen=True)
class Product(Formula):
    """Factors side by side, or with a sign between them.

    kind: "plain" (numbers, and products of matrices), "thin" (factors of one entry), "dot",
    "hadamard" or "oslash" (component by component).
    """

    factors: tuple[Formula, ...]
    kind: str = "plain"

    @property
    def binding(self) -> int:
        if self.kind == "plain" and len(self.factors) == 2 and _by_components(self.factors[1]):
            return HADAMARD
        return HADAMARD if self.kind in ("hadamard", "oslash") else MUL


def _by_components(f: Formula) -> bool:
    return isinstance(f, Product) and f.binding == HADAMARD


@dataclass(frozen=True)
class Fraction(Formula):
    """One over the other; inline: on one line, a/b."""

    top: Formula
    bottom: Formula
    inline: bool = False


@dataclass(frozen=True)
class Power(Formula):
    """base^exponent; sign: the operation that is repeated, where it is not the product."""

    base: Formula
    exponent: Formula
    sign: str = ""


@dataclass(frozen=True)
class Braced(Formula):
    """A base whose superscript an exponent follows, in braces that do not show."""

    arg: Formula


@dataclass(frozen=True)
class Transpose(Formula):
    """The transpose."""

    arg: Formula


@dataclass(frozen=True)
class Root(Formula):
    """The square root."""

    arg: Formula


@dataclass(frozen=True)
class Absolute(Formula):
    """|x|."""

    arg: Formula


@dataclass(frozen=True)
class Norm(Formula):
    """A norm; order: "" (the length of a column), "F" (of a matrix) or "1"."""

    arg: Formula
    order: str = ""
    squared: bool = True


@dataclass(frozen=True)
class Apply(Formula):
    """A function of what stands in its brackets; None: one that has no value, such as F(x)."""

    function: type | None
    symbol: Formula
    arg: Formula


@dataclass(frozen=True)
class Diagonal(Formula):
    """The matrix with a column as its diagonal, or the inverse of it."""

    arg: Formula
    inverse: bool = False


@dataclass(frozen=True)
class Condition(Formula):
    """[left < right]: 1 where it holds, else 0."""

    left: Formula
    sign: str
    right: Formula


@dataclass(frozen=True)
class BigSum(Formula):
    """The sum of ``body`` for an index from ``low`` to ``high``."""

    index: Formula
    low: Formula
    high: Formula
    body: Formula


@dataclass(frozen=True)
class Extreme(Formula):
    """The largest value of ``body``, or the indicator of its first place; word: max or first."""

    word: str
    indices: tuple[Formula, ...]
    body: Formula


@dataclass(frozen=True)
class Dots(Formula):
    """What stands between dots: a part of many of one form.  It has no value."""

    arg: Formula


@dataclass(frozen=True)
class Lettered(Formula):
    """A formula in the letters of another notation, such as those of a layer in general."""

    arg: Formula
    notation: Notation = field(compare=False)

    @property
    def binding(self) -> int:
        return self.arg.binding


@dataclass(frozen=True)
class Relations(Formula):
    """Formulas with relations between them, a = b = c.  It has no value."""

    items: tuple[Formula, ...]
    signs: tuple[str, ...]


@dataclass(frozen=True)
class Cases(Formula):
    """Values, each with the words and the condition under which it holds."""

    rows: tuple[tuple[Formula, Formula], ...]


@dataclass(frozen=True)
class Pairing(Formula):
    """The sum of the products of entries."""

    left: Formula
    right: Formula


@dataclass(frozen=True)
class Listed(Formula):
    """Formulas in brackets, with commas."""

    items: tuple[Formula, ...]


@dataclass(frozen=True)
class Matrix(Formula):
    """Rows of entries."""

    rows: tuple[tuple[Formula, ...], ...]


@dataclass(frozen=True)
class Group(Formula):
    """Brackets, round or square."""

    arg: Formula
    square: bool = False


@dataclass(frozen=True)
class Half(Formula):
    """What stands within brackets and on one line, where it is continued on another.

    left, right: the brackets that stand on this line.  tall: whether they are as what they hold.
    """

    left: str
    arg: Formula
    right: str
    tall: bool


@dataclass(frozen=True)
class Continued(Formula):
    """What begins a line with the sign before which another line was broken."""

    sign: str
    arg: Formula


# of all others it is ATOM, or depends on what they hold
BINDING: dict[type[Formula], int] = {
    **dict.fromkeys((Negative, Sum), ADD),
    **dict.fromkeys((BigSum, Extreme), MUL),
    **dict.fromkeys((Power, Transpose, Norm, Apply, Diagonal, Dots, Operator), POWER),
}

ONE, ZERO = Number("1"), Number("0")


# building ----------------------------------------------------------------------------------


def within(f: Formula, binding: int) -> Formula:
    """The formula, in brackets if it binds less tightly than what surrounds it."""
    return Group(f) if f.binding < binding else f


def total(terms: Iterable[Formula]) -> Formula:
    """The sum of terms; those of a sum among them stand beside the others."""
    found: list[Formula] = []
    for term in terms:
        found += term.terms if isinstance(term, Sum) else [term]
    return found[0] if len(found) == 1 else Sum(tuple(found)) if found else ZERO


def times(factors: Sequence[Formula], kind: str = "plain") -> Formula:
    """The product of factors; one alone is itself."""
    return factors[0] if len(factors) == 1 else Product(tuple(factors), kind)


def signed(negative: bool, f: Formula) -> Formula:
    """-f, or f as a product."""
    if negative:
        return Negative(f)
    return f if f.binding in (MUL, HADAMARD) else Product((f,))


def front_of(front: Formula | None, f: Formula) -> Formula:
    """A number before what it multiplies, if there is one."""
    return f if front is None else Product((front, f))


def core(f: Formula) -> Formula:
    """A formula that is a product of nothing else, itself."""
    while isinstance(f, Product) and len(f.factors) == 1:
        (f,) = f.factors
    return f


def numeral(f: Formula) -> bool:
    """Whether the first that is printed of a formula is a digit."""
    if isinstance(f, Product | Power) or (isinstance(f, Fraction) and f.inline):
        return numeral(next(f.parts))
    return isinstance(f, Number)
