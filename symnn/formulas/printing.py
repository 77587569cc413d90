"""How formulas are printed, whatever they become: rows of parts and signs, with scripts.

Signs are the TeX of a letter or a sign; a printer makes of them what it prints.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Generic, TypeVar

from symnn.formulas import tree
from symnn.formulas.symbols import spelled
from symnn.formulas.tree import Formula
from symnn.notation.notation import Notation

T = TypeVar("T")

ONES = r"\mathbf{1}"
KINDS = {"plain": " ", "thin": r" \, ", "dot": r" \cdot ", "oslash": r" \oslash "}
WORDS = {"max": r"\max", "first": r"\operatorname{first}"}
BELOW, ABOVE = -1, 1  # the levels of scripts


class FormulaPrinter(Generic[T]):
    """Prints formulas in the letters and signs of a notation, by a method for each class."""

    def __init__(self, notation: Notation) -> None:
        self.notation = notation

    def printed(self, f: Formula) -> T:
        """A formula in print."""
        found: T = getattr(self, type(f).__name__.lower())(f)
        return found

    # what a printer has to say

    def row(self, *parts: Formula | str | T) -> T:
        """Formulas, signs and what is in print side by side; spaces are around signs alone."""
        raise NotImplementedError

    def script(self, base: T, script: T, level: int, tight: bool = False) -> T:
        """What stands below or above; tight: without the spaces around signs."""
        raise NotImplementedError

    # leaves

    def number(self, f: tree.Number) -> T:
        return self.row(f.digits)

    def words(self, f: tree.Words) -> T:
        return self.row(rf"\text{{{f.text}}}")

    def constant(self, f: tree.Constant) -> T:
        return self.row(f.name)

    def glyph(self, f: tree.Glyph) -> T:
        return self.row(f.tex)

    def letter(self, f: tree.Letter) -> T:
        return self.printed(f.shown)

    def symbol(self, f: tree.Symbol) -> T:
        return self.printed(spelled(f, self.notation))

    def scripts(self, f: tree.Scripts) -> T:
        found = self.printed(f.base)
        pairs = [(f.below, ",", BELOW), (f.above, f.joint, ABOVE)]
        for parts, sign, level in reversed(pairs) if f.above_first else pairs:
            if parts:
                found = self.script(found, self.between(sign, parts), level, tight=True)
        return found

    def ones(self, f: tree.Ones) -> T:
        found, top = self.row(ONES), self.row(self.notation.transpose)
        return self.script(found, top, ABOVE) if f.transposed else found

    # operations

    def between(self, sign: str, parts: Sequence[Formula]) -> T:
        """Formulas with a sign between them."""
        first, *others = parts
        return self.row(first, *(x for part in others for x in (sign, part)))

    def joined(self, f: tree.Joined) -> T:
        return self.between(f.sign, f.items)

    def operator(self, f: tree.Operator) -> T:
        return self.row(f"{f.sign} ", f.arg)

    def negative(self, f: tree.Negative) -> T:
        return self.row("-", f.arg)

    def sum(self, f: tree.Sum) -> T:
        first, *others = f.terms
        rest = ((" - ", t.arg) if isinstance(t, tree.Negative) else (" + ", t) for t in others)
        return self.row(first, *(x for pair in rest for x in pair))

    def kind(self, kind: str) -> str:
        """The sign of a product."""
        return KINDS.get(kind) or f" {self.notation.hadamard} "

    def product(self, f: tree.Product) -> T:
        first, *others = f.factors
        # two numbers side by side would be one
        dots = (f.kind == "plain" and tree.numeral(factor) for factor in others)
        signs = (KINDS["dot"] if dot else self.kind(f.kind) for dot in dots)
        return self.row(first, *(x for pair in zip(signs, others, strict=True) for x in pair))

    def relations(self, f: tree.Relations) -> T:
        first, *others = f.items
        rest = zip(f.signs, others, strict=True)
        return self.row(first, *(x for sign, item in rest for x in (f" {sign} ", item)))

    def dots(self, f: tree.Dots) -> T:
        return self.row(r"\cdots ", f.arg, r" \cdots")

    def lettered(self, f: tree.Lettered) -> T:
        return type(self)(f.notation).printed(f.arg)

    def listed(self, f: tree.Listed) -> T:
        return self.row(r"\left( ", self.between(", ", f.items), r" \right)")

    def pairing(self, f: tree.Pairing) -> T:
        left, right = sized(r"\langle", r"\rangle", self.tall(f))
        return self.row(f"{left} ", f.left, ", ", f.right, f" {right}")

    def power(self, f: tree.Power) -> T:
        sign = f"{f.sign} " if f.sign else ""
        return self.script(self.printed(f.base), self.row(sign, f.exponent), ABOVE)

    def braced(self, f: tree.Braced) -> T:
        return self.row("{", f.arg, "}")

    def transpose(self, f: tree.Transpose) -> T:
        return self.script(self.printed(f.arg), self.row(self.notation.transpose), ABOVE)

    def absolute(self, f: tree.Absolute) -> T:
        return self.barred(f.arg, "v")

    def norm(self, f: tree.Norm) -> T:
        found = self.barred(f.arg, "V")
        found = self.script(found, self.row(f.order), BELOW) if f.order else found
        return self.script(found, self.row("2"), ABOVE) if f.squared else found

    def barred(self, f: Formula, bar: str) -> T:
        """A formula between bars, which are as tall as it is."""
        left, right = sized(rf"\l{bar}ert", rf"\r{bar}ert", self.tall(f))
        return self.row(f"{left} ", f, f" {right}")

    def apply(self, f: tree.Apply) -> T:
        return self.row(f.symbol, tree.Group(f.arg))

    def diagonal(self, f: tree.Diagonal) -> T:
        found = self.row(r"\operatorname{diag}", tree.Group(f.arg))
        return self.script(found, self.row("-1"), ABOVE) if f.inverse else found

    def condition(self, f: tree.Condition) -> T:
        left, right = sized("[", "]", self.tall(f))
        return self.row(left, f.left, f" {f.sign} ", f.right, right)

    def bigsum(self, f: tree.BigSum) -> T:
        found = self.script(self.row(r"\sum"), self.row(f.index, "=", f.low), BELOW)
        return self.row(self.script(found, self.printed(f.high), ABOVE), " ", f.body)

    def extreme(self, f: tree.Extreme) -> T:
        found = self.script(self.row(WORDS[f.word]), self.between(",", f.indices), BELOW)
        return self.row(found, " ", f.body)

    def group(self, f: tree.Group) -> T:
        left, right = self.pair(f)
        return self.row(left, f.arg, right)

    def pair(self, f: tree.Group) -> tuple[str, str]:
        """The brackets, as tall as what they hold; a matrix has its own."""
        if f.square:
            return sized("[", "]", self.stretched(f.arg))
        own = isinstance(tree.core(f.arg), tree.Matrix)
        return ("", "") if own else sized("(", ")", self.tall(f.arg))

    def half(self, f: tree.Half) -> T:
        return self.row(f.left, f.arg, f.right)

    def continued(self, f: tree.Continued) -> T:
        return self.row(f"{{}}{f.sign} ", f.arg)

    # what follows from the symbols

    def spelled(self, f: Formula) -> Iterator[Formula]:
        """It and everything within it, symbols as what they are made of."""
        for part in f.walk():
            yield part
            if isinstance(part, tree.Symbol):
                yield from self.spelled(spelled(part, self.notation))

    def raised(self, f: Formula) -> bool:
        """Whether there is a superscript in a formula."""
        return any(
            isinstance(part, tree.Power | tree.Transpose | tree.BigSum)
            or (isinstance(part, tree.Norm) and part.squared)
            or (isinstance(part, tree.Diagonal) and part.inverse)
            or (isinstance(part, tree.Ones) and part.transposed)
            or (isinstance(part, tree.Scripts) and part.above)
            for part in self.spelled(f)
        )

    def operand(self, f: Formula) -> Formula:
        """A factor of a matrix product; what a gradient with its nabla is of ends there."""
        first = f
        while isinstance(first, tree.Product | tree.Power | tree.Transpose):
            first = next(first.parts)
        nabla = isinstance(first, tree.Symbol) and not first.transposed
        if (
            nabla
            and isinstance(first, tree.Symbol)
            and self.notation.nabla(first.name, first.component)
        ):
            return tree.Group(f)
        return tree.within(f, tree.MUL)

    def base(self, f: Formula) -> Formula:
        """What an exponent can follow."""
        return (
            tree.Group(f)
            if f.binding < tree.ATOM or self.fraction_first(f) or self.raised(f)
            else f
        )

    def fraction_first(self, f: Formula) -> bool:
        """Whether a fraction, or a symbol that is one, is all there is."""
        symbol = isinstance(f, tree.Symbol) and self.notation.fraction(f.name, f.component)
        return symbol or isinstance(f, tree.Fraction)

    # sizes

    def tall(self, f: Formula) -> bool:
        """Whether something in a formula is taller than a letter with its indices."""
        return any(
            isinstance(part, tree.BigSum | tree.Matrix | tree.Listed)
            or (isinstance(part, tree.Fraction) and not part.inline)
            for part in self.spelled(f)
        )

    def fractions(self, f: Formula) -> int:
        """How many fractions stand within each other."""
        if isinstance(f, tree.Symbol):
            f = spelled(f, self.notation)
        own = isinstance(f, tree.Fraction) and not f.inline
        return own + max(map(self.fractions, f.parts), default=0)

    def stretched(self, f: Formula) -> bool:
        """Whether brackets in a formula are taller than letters."""
        round_ = (part.arg for part in f.walk() if isinstance(part, tree.Group) and not part.square)
        called = (part.arg for part in f.walk() if isinstance(part, tree.Apply | tree.Diagonal))
        return any(map(self.tall, (*round_, *called)))


def sized(left: str, right: str, tall: bool) -> tuple[str, str]:
    """Two brackets, as tall as what they hold where it is tall."""
    return (rf"\left{left}", rf"\right{right}") if tall else (left, right)
