"""Formulas as TeX: only what pdflatex, KaTeX in strict mode and MathJax all accept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from symnn.formulas.symbols import spelled
from symnn.formulas.tree import (
    ATOM,
    MUL,
    Absolute,
    Apply,
    BigSum,
    Braced,
    Condition,
    Constant,
    Diagonal,
    Dots,
    Extreme,
    Formula,
    Fraction,
    Glyph,
    Group,
    Joined,
    Letter,
    Lettered,
    Listed,
    Matrix,
    Negative,
    Norm,
    Number,
    Ones,
    Operator,
    Power,
    Product,
    Root,
    Scripts,
    Sum,
    Symbol,
    Transpose,
    core,
    numeral,
    within,
)
from symnn.notation.notation import Notation

ONES = r"\mathbf{1}"
KINDS = {"plain": " ", "thin": r" \, ", "dot": r" \cdot ", "oslash": r" \oslash "}
WORDS = {"max": r"\max", "first": r"\operatorname{first}"}


class Printer:
    """Prints formulas in the letters and signs of a notation."""

    def __init__(self, notation: Notation) -> None:
        self.notation = notation

    def tex(self, f: Formula) -> str:
        """A formula as TeX, by the method that has the name of its class."""
        return str(getattr(self, type(f).__name__.lower())(f))

    def both(self, left: Formula, right: Formula) -> tuple[str, str]:
        """Two sides as TeX."""
        return self.tex(left), self.tex(right)

    # leaves

    def number(self, f: Number) -> str:
        return f.digits

    def constant(self, f: Constant) -> str:
        return f.name

    def glyph(self, f: Glyph) -> str:
        return f.tex

    def letter(self, f: Letter) -> str:
        return self.tex(f.shown)

    def symbol(self, f: Symbol) -> str:
        return self.tex(spelled(f, self.notation))

    def scripts(self, f: Scripts) -> str:
        low, high = (
            f"{sign}{{{joint.join(map(self.tight, parts))}}}" if parts else ""
            for sign, joint, parts in (("_", ",", f.below), ("^", f.joint, f.above))
        )
        return self.tex(f.base) + (high + low if f.above_first else low + high)

    def ones(self, f: Ones) -> str:
        return ONES + (f"^{{{self.notation.transpose}}}" if f.transposed else "")

    def tight(self, f: Formula) -> str:
        """What stands below or above a letter, without the spaces around signs."""
        return self.tex(f).replace(" ", "")

    # operations

    def joined(self, f: Joined) -> str:
        return f.sign.join(map(self.tex, f.items))

    def operator(self, f: Operator) -> str:
        return f"{f.sign} {self.tex(f.arg)}"

    def negative(self, f: Negative) -> str:
        return f"-{self.tex(f.arg)}"

    def sum(self, f: Sum) -> str:
        first, *rest = f.terms
        text = self.tex(first)
        for term in rest:
            sign, own = ("-", term.arg) if isinstance(term, Negative) else ("+", term)
            text += f" {sign} {self.tex(own)}"
        return text

    def product(self, f: Product) -> str:
        sign = KINDS.get(f.kind) or f" {self.notation.hadamard} "
        out = self.tex(f.factors[0])
        for factor in f.factors[1:]:
            # two numbers side by side would be one
            dot = f.kind == "plain" and numeral(factor)
            out += (KINDS["dot"] if dot else sign) + self.tex(factor)
        return out

    def fraction(self, f: Fraction) -> str:
        if f.inline:
            return f"{self.tex(f.top)}/{self.tex(f.bottom)}"
        top = core(f.top)
        top = replace(top, inline=True) if isinstance(top, Fraction) else f.top
        return rf"\frac{{{self.tex(top)}}}{{{self.tex(f.bottom)}}}"

    def dots(self, f: Dots) -> str:
        return rf"\cdots {self.tex(f.arg)} \cdots"

    def lettered(self, f: Lettered) -> str:
        return type(self)(f.notation).tex(f.arg)

    def listed(self, f: Listed) -> str:
        return rf"\left({', '.join(map(self.tex, f.items))}\right)"

    def power(self, f: Power) -> str:
        sign = f"{f.sign} " if f.sign else ""
        return f"{self.tex(f.base)}^{{{sign}{self.tex(f.exponent)}}}"

    def braced(self, f: Braced) -> str:
        return f"{{{self.tex(f.arg)}}}"

    def transpose(self, f: Transpose) -> str:
        return f"{self.tex(f.arg)}^{{{self.notation.transpose}}}"

    def root(self, f: Root) -> str:
        return rf"\sqrt{{{self.tex(f.arg)}}}"

    def absolute(self, f: Absolute) -> str:
        return self.between(f.arg, "v")

    def norm(self, f: Norm) -> str:
        order = f"_{{{f.order}}}" if f.order else ""
        return self.between(f.arg, "V") + order + "^{2}" * f.squared

    def between(self, f: Formula, bar: str) -> str:
        """A formula between bars, which are as tall as it is."""
        left, right = (r"\left", r"\right") if self.tall(f) else ("", "")
        return rf"{left}\l{bar}ert {self.tex(f)} {right}\r{bar}ert"

    def apply(self, f: Apply) -> str:
        return self.tex(f.symbol) + self.tex(Group(f.arg))

    def diagonal(self, f: Diagonal) -> str:
        return rf"\operatorname{{diag}}{self.tex(Group(f.arg))}" + "^{-1}" * f.inverse

    def condition(self, f: Condition) -> str:
        return self.brackets(f, ("[", "]"), f"{self.tex(f.left)} {f.sign} {self.tex(f.right)}")

    def bigsum(self, f: BigSum) -> str:
        low, high = self.tex(f.low), self.tex(f.high)
        return rf"\sum_{{{self.tex(f.index)}={low}}}^{{{high}}} {self.tex(f.body)}"

    def extreme(self, f: Extreme) -> str:
        below = ",".join(map(self.tex, f.indices))
        return rf"{WORDS[f.word]}_{{{below}}} {self.tex(f.body)}"

    def matrix(self, f: Matrix) -> str:
        body = r" \\ ".join(" & ".join(map(self.tex, row)) for row in f.rows)
        return rf"\begin{{pmatrix}}{body}\end{{pmatrix}}"

    def group(self, f: Group) -> str:
        text = self.tex(f.arg)
        if f.square:
            return rf"\left[{text}\right]" if self.stretched(f.arg) else f"[{text}]"
        alone = isinstance(core(f.arg), Matrix)  # which has brackets of its own
        return text if alone else self.brackets(f.arg, ("(", ")"), text)

    def brackets(self, f: Formula, pair: tuple[str, str], text: str) -> str:
        """What is printed of a formula, in brackets that are as tall as it is."""
        left, right = pair if not self.tall(f) else (rf"\left{pair[0]}", rf"\right{pair[1]}")
        return f"{left}{text}{right}"

    # what follows from the symbols

    def spelled(self, f: Formula) -> Iterator[Formula]:
        """It and everything within it, symbols as what they are made of."""
        for part in f.walk():
            yield part
            if isinstance(part, Symbol):
                yield from self.spelled(spelled(part, self.notation))

    def raised(self, f: Formula) -> bool:
        """Whether there is a superscript in a formula."""
        return any(
            isinstance(part, Power | Transpose | BigSum)
            or (isinstance(part, Norm) and part.squared)
            or (isinstance(part, Diagonal) and part.inverse)
            or (isinstance(part, Ones) and part.transposed)
            or (isinstance(part, Scripts) and part.above)
            for part in self.spelled(f)
        )

    def operand(self, f: Formula) -> Formula:
        """A factor of a matrix product; what a gradient with its nabla is of ends there."""
        first = f
        while isinstance(first, Product | Power | Transpose):
            first = next(first.parts)
        nabla = isinstance(first, Symbol) and not first.transposed
        if nabla and isinstance(first, Symbol) and self.notation.nabla(first.name, first.component):
            return Group(f)
        return within(f, MUL)

    def base(self, f: Formula) -> Formula:
        """What an exponent can follow."""
        return Group(f) if f.binding < ATOM or self.fraction_first(f) or self.raised(f) else f

    def fraction_first(self, f: Formula) -> bool:
        """Whether a fraction, or a symbol that is one, is all there is."""
        symbol = isinstance(f, Symbol) and self.notation.fraction(f.name, f.component)
        return symbol or isinstance(f, Fraction)

    # sizes

    def tall(self, f: Formula) -> bool:
        """Whether something in a formula is taller than a letter with its indices."""
        return any(
            isinstance(part, BigSum | Matrix | Listed)
            or (isinstance(part, Fraction) and not part.inline)
            for part in self.spelled(f)
        )

    def stretched(self, f: Formula) -> bool:
        """Whether brackets in a formula are taller than letters."""
        round_ = (part.arg for part in f.walk() if isinstance(part, Group) and not part.square)
        called = (part.arg for part in f.walk() if isinstance(part, Apply | Diagonal))
        return any(map(self.tall, (*round_, *called)))


def symbol_tex(notation: Notation, name: str, **how: Any) -> str:
    """A tensor's symbol as TeX; how: the fields of a Symbol."""
    return Printer(notation).tex(Symbol(name, **how))
