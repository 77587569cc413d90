"""LaTeX in matrix notation, from the same lowering as every other printer.

A tensor with one axis is a column.  In a sum a column is repeated by a column of ones
(``b 1ᵀ``); in a product with a matrix it becomes a diagonal matrix.  ⊙ and ⊘ are the product
and the quotient of components; functions apply to each component.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from copy import copy
from typing import NamedTuple

import sympy as sp

from symnn.engine.functions import Named
from symnn.engine.ir import Line, SampleIndex, entries, indices_of, is_entry, name_of
from symnn.engine.lower import (
    Axes,
    Elementwise,
    Factor,
    Lowered,
    MatMul,
    Outer,
    Reduce,
    in_layout,
    lower_line,
)
from symnn.formulas.index import Writer, is_decay, printed_axes, with_brackets
from symnn.formulas.pieces import (
    ADD,
    ATOM,
    HADAMARD,
    MUL,
    POWER,
    Text,
    bracketed,
    joined,
    operand,
    raised,
    within,
)
from symnn.notation.books import AFFINE
from symnn.notation.notation import Notation

ONES = r"\mathbf{1}"


class NoMatrixFormError(ValueError):
    """A line, or a tensor, that matrix notation cannot express; the message shows which part.

    Matrix notation has one matrix for each tensor, so at most two axes, and one sum in a product.
    Index notation can express every line, and stands in its place.
    """


class Piece(NamedTuple):
    """A printed factor and the axes that it has."""

    text: Text
    axes: Axes


class MatrixWriter(Writer):
    """Expressions as matrices and columns with the given axes.

    inline: lines that are written out wherever their tensor is read.  symbols: tensors
    written in a way of their own, such as F(x).  sample, of: a superscript, and the tensors
    that carry it.
    """

    def __init__(
        self,
        notation: Notation,
        layout: str,
        axes: Axes = (),
        inline: Mapping[str, Line] | None = None,
        symbols: Mapping[str, str] | None = None,
        sample: str = "",
        of: Collection[str] = (),
    ) -> None:
        super().__init__(notation, {}, layout)
        self.axes, self.sample, self.of = _two(axes), sample, of
        self.inlined, self.symbols = inline or {}, symbols or {}

    def at(self, axes: Axes) -> MatrixWriter:
        """The same writer for an expression with other axes."""
        writer = copy(self)
        writer.axes = _two(axes)
        return writer

    # terms and factors ---------------------------------------------------------------

    def line(self, line: Line) -> Text:
        """The right side of a line."""
        lowered = zip(line.terms, lower_line(line, self.layout, self.axes), strict=True)
        terms = [low for _, low in sorted(lowered, key=lambda pair: is_decay(pair[0]))]
        texts = [self.term(low) for low in terms]
        if not texts:
            return "0", ATOM
        text = (joined(t for t, _ in texts), ADD) if len(texts) > 1 else texts[0]
        return text if any(map(_spread, terms)) else self.repeated(text)

    def repeated(self, number: Text) -> Text:
        """A number as the column, or the matrix, that holds it everywhere."""
        if not self.axes:
            return number
        row = f"{ONES}^{{{self.notation.transpose}}}"
        ones = f"{ONES} {row}" if len(self.axes) > 1 else row if self.upright(self.axes) else ONES
        return (ones if number[0] == "1" else f"{within(number, MUL)} {ones}"), MUL

    def term(self, low: Lowered) -> Text:
        """One lowered term."""
        above: list[Piece] = []
        below: list[Piece] = []
        coefficient = low.coefficient
        writer = self.at(low.axes)
        for factor in low.factors:
            if isinstance(factor, Elementwise):
                more, over, under = writer.parted(with_brackets(factor.f))
                coefficient *= more
                above += map(writer.piece, over)
                below += map(writer.piece, under)
            else:
                above.append(writer.factor(factor))
        return writer.combined(coefficient, above, below)

    def factor(self, factor: Factor) -> Piece:
        """A matrix product, an outer product or a reduction."""
        match factor:
            case MatMul(left, right, k, own):
                if not own:
                    pair = self.as_row(left, (k,)), self.as_column(right, (k,))
                    return Piece((" ".join(pair), MUL), ())
                if self.upright(own):
                    pair = self.as_row(right, (k,)), self.side(left, (k, *own))
                    return Piece((" ".join(pair), MUL), own)
                side = self.side(right, (k, own[1])) if own[1:] else self.as_column(right, (k,))
                return Piece((f"{self.side(left, (own[0], k))} {side}", MUL), own)
            case Outer(left, right, own):
                text = f"{self.as_column(left, own[:1])} {self.as_row(right, own[1:])}"
                return Piece((text, MUL), own)
            case Reduce("sum", arg, over, own):
                return Piece(self.total(with_brackets(arg.f), arg.axes, over), own)
        raise NoMatrixFormError(str(factor))

    def side(self, e: Elementwise, axes: Axes) -> str:
        """An operand of a matrix product."""
        if is_entry(e.f) and name_of(e.f) in self.inlined:
            text = self.at(axes).entry(e.f)[0]
            return rf"\left[{text}\right]" if r"\left" in text else f"[{text}]"
        stored = self.stored(e.f)
        if len(axes) == 2 and stored == axes[::-1] and not is_entry(e.f):
            return self.flip(self.at(stored).expression(with_brackets(e.f)))
        return operand(self.at(axes).expression(with_brackets(e.f)))

    def upright(self, axes: Axes) -> bool:
        """Whether what has these axes is written as a row: it belongs to no sample."""
        single = len(axes) == 1 and not isinstance(axes[0], SampleIndex)
        return single and self.notation.upright(self.layout)

    def as_row(self, e: Elementwise, axes: Axes) -> str:
        """A row of what has one axis."""
        return self.side(e, axes) if self.upright(axes) else self.transposed(e, axes)

    def as_column(self, e: Elementwise, axes: Axes) -> str:
        """A column of what has one axis."""
        return self.transposed(e, axes) if self.upright(axes) else self.side(e, axes)

    def stored(self, f: sp.Expr) -> Axes:
        """The axes of the largest entry, in the order in which the layout stores it."""
        own = max((self.printed(e) for e in entries(f)), key=len, default=())
        return in_layout(own, self.layout)

    def transposed(self, e: Elementwise, axes: Axes) -> str:
        """The transpose of an operand."""
        if is_entry(e.f):
            return self.flipped(e.f)
        return self.flip(self.at(axes).expression(with_brackets(e.f)))

    def flipped(self, e: sp.Expr) -> str:
        """The transpose of an entry's tensor."""
        own = in_layout(self.printed(e), self.layout)
        if name_of(e) in self.symbols or name_of(e) in self.inlined:
            return self.flip(self.at(own).entry(e))
        return self.letter(e, transposed=True)

    def letter(self, e: sp.Expr, transposed: bool = False) -> str:
        """The letter of an entry's tensor, or the transpose of it."""
        own = indices_of(e)
        batch = len(own) > 1 and any(isinstance(i, SampleIndex) for i in own)
        name = name_of(e)
        sup = self.sample if name in self.of else ""
        return self.notation.symbol(name, batch=batch, sup=sup, transposed=transposed)

    def flip(self, text: Text) -> str:
        """The transpose of a formula."""
        return f"{raised(text)}^{{{self.notation.transpose}}}"

    def total(self, f: sp.Expr, axes: Axes, over: Axes) -> Text:
        """The sum of ``f`` over all of its axes, or over one of two."""
        axes = self.stored(f) if len(self.stored(f)) == len(axes) else axes
        writer = self.at(axes)
        if len(over) == len(axes):
            return writer.full_total(f)
        text = writer.expression(f)
        if over == axes[1:] and not self.upright(axes[:1]):
            return f"{operand(text)} {ONES}", MUL
        if over == axes[:1] and self.upright(axes[1:]):
            return f"{ONES}^{{{self.notation.transpose}}} {operand(text)}", MUL
        if over == axes[:1]:
            return f"{writer.flipped(f) if is_entry(f) else writer.flip(text)} {ONES}", MUL
        raise NoMatrixFormError(str(f))

    def full_total(self, f: sp.Expr) -> Text:
        """1ᵀf, as a norm or an inner product where it is one."""
        frobenius = "_{F}" if len(self.axes) == 2 else ""
        if isinstance(f, sp.Pow) and f.exp == 2:
            return rf"\lVert {self.expression(f.base)[0]} \rVert{frobenius}^{{2}}", POWER
        if self.upright(self.axes):
            raise NoMatrixFormError(str(f))
        if len(self.axes) == 1:
            if isinstance(f, Named) and f.row.name == "absolute" and not f.order:
                return rf"\lVert {self.expression(f.args[0])[0]} \rVert_{{1}}", POWER
            if isinstance(f, sp.Add):
                if not all(entries(t) and all(map(indices_of, entries(t))) for t in f.args):
                    raise NoMatrixFormError(str(f))  # a number is added for every entry
                parts = [self.full_total(t) for t in f.args]
                return joined(sorted((t for t, _ in parts), key=len)), ADD
            coefficient, above, below = self.parted(f) if isinstance(f, sp.Mul) else (1, [f], [])
            if len(above) > 1 and not below:
                sign, front = self.coefficient(coefficient)
                left = self.transposed(Elementwise(above[0], self.axes), self.axes)
                right = within(self.product(sp.S.One, above[1:], []), MUL)
                return f"{sign}{front}{' ' if front else ''}{left} {right}", ADD if sign else MUL
        text = within(self.expression(f), MUL)
        end = f" {ONES}" if len(self.axes) == 2 else ""
        return f"{ONES}^{{{self.notation.transpose}}} {text}{end}", MUL

    # scalar expressions, component by component --------------------------------------

    def entry(self, e: sp.Expr) -> Text:
        """A letter, transposed or repeated as the axes ask for."""
        name, own = name_of(e), in_layout(self.printed(e), self.layout)
        if name in self.symbols:
            text: Text = (self.symbols[name], POWER)
        elif name in self.inlined:
            text = self.at(in_layout(_own(self.inlined[name]), self.layout)).line(
                self.inlined[name]
            )
        else:
            text = self.letter(e), POWER if self.notation.prefixed(name) else ATOM
        if not own or own == self.axes:
            return text
        if own == self.axes[::-1]:
            return self.flipped(e), POWER
        if len(own) == 1 and len(self.axes) == 2 and own[0] in self.axes:
            if own[0] == self.axes[0] and not self.upright(own):
                return f"{within(text, MUL)} {ONES}^{{{self.notation.transpose}}}", MUL
            if own[0] == self.axes[1]:
                return f"{ONES} {self.as_row(Elementwise(e, own), own)}", MUL
        raise NoMatrixFormError(f"{e} has the axes {own}, not {self.axes}")

    def piece(self, f: sp.Expr) -> Piece:
        """A factor by itself, with the axes it has."""
        found = {i for e in entries(f) for i in indices_of(e)}
        own = tuple(a for a in self.axes if a in found)
        if len(own) != len(found):
            raise NoMatrixFormError(str(f))
        return Piece(self.at(own).expression(f), own)

    def product(self, coefficient: sp.Expr, above: list[sp.Expr], below: list[sp.Expr]) -> Text:
        return self.combined(
            coefficient, [self.piece(g) for g in above], [self.piece(g) for g in below]
        )

    def combined(self, coefficient: sp.Expr, above: list[Piece], below: list[Piece]) -> Text:
        """Scalars, then diagonal · (the product by components) · diagonal."""
        sign, front = self.scalars(coefficient, above, below)
        body = self.body(above, below)
        if body is None:
            if len(above) == 1 and coefficient == 1 and not below:
                return above[0].text
            return f"{sign}{front or '1'}", ADD if sign else MUL
        if not sign and not front:
            return body
        text = f"{front} {within(body, HADAMARD)}" if front else within(body, HADAMARD)
        return sign + text, ADD if sign else min(MUL, body[1]) if body[1] > ADD else MUL

    def scalars(
        self, coefficient: sp.Expr, above: list[Piece], below: list[Piece]
    ) -> tuple[str, str]:
        """The sign, and everything without axes as one factor or fraction."""
        over = [p.text for p in above if not p.axes]
        under = [p.text for p in below if not p.axes]
        sign, front = self.coefficient(coefficient)
        if not over and not under:
            return sign, front
        if not under:
            # a scalar before an array stands in brackets unless it is one symbol
            guard = POWER if self.axes else MUL if front or len(over) > 1 or sign else ADD
            texts = [within(t, guard) for t in over]
            return sign, " ".join([front, *texts] if front else texts)
        top, bottom = sp.fraction(-coefficient if sign else coefficient)
        tops = [(self.tex(top), MUL)] if top != 1 else []
        bottoms = [(self.tex(bottom), MUL)] if bottom != 1 else []
        return sign, rf"\frac{{{_row(tops + over)}}}{{{_row(bottoms + under)}}}"

    def body(self, above: list[Piece], below: list[Piece]) -> Text | None:
        """The factors that have axes."""
        sides = [[p.text for p in part] for k in (0, 1) for part in self._single(above, below, k)]
        full = [p.text for p in above if len(p.axes) == len(self.axes) > 0]
        under = [p.text for p in below if len(p.axes) == len(self.axes) > 0]
        left, right = (
            (self.hadamard(*sides[:2]), self.hadamard(*sides[2:])) if any(sides) else (None, None)
        )
        if left and self.upright(self.axes[:1]):
            raise NoMatrixFormError(f"a row stands for the rows, {left[0]}")
        middle = self.hadamard(full, under)
        if middle is None:
            row = right and (operand(right) if self.upright(self.axes[1:]) else self.flip(right))
            if left:
                return f"{operand(left)} {row or f'{ONES}^{{{self.notation.transpose}}}'}", MUL
            return (f"{ONES} {row}", MUL) if row else None
        if not left and not right:
            return middle
        parts = [self._diagonal(*sides[:2])] if left else []
        parts.append(within(middle, MUL))
        parts += [self._diagonal(*sides[2:])] if right else []
        return " ".join(parts), MUL

    def _single(
        self, above: Sequence[Piece], below: Sequence[Piece], k: int
    ) -> tuple[list[Piece], list[Piece]]:
        """The factors above and below that have the k-th of two axes alone."""
        if len(self.axes) != 2:
            return [], []
        own = self.axes[k : k + 1]
        return [p for p in above if p.axes == own], [p for p in below if p.axes == own]

    def _diagonal(self, above: list[Text], below: list[Text]) -> str:
        if not above:
            inner = self.hadamard(below, [])
            assert inner is not None
            return rf"\operatorname{{diag}}{bracketed(inner[0])}^{{-1}}"
        inner = self.hadamard(above, below)
        assert inner is not None
        return rf"\operatorname{{diag}}{bracketed(inner[0])}"

    def power(self, f: sp.Pow) -> Text:
        base, exponent = f.as_base_exp()
        array = any(indices_of(e) for e in entries(base))
        if not array or exponent == sp.S.Half or exponent.could_extract_minus_sign():
            return super().power(f)
        sign = self.notation.hadamard
        return rf"{raised(self.expression(base))}^{{{sign} {self.tex(exponent)}}}", POWER

    def hadamard(self, above: Sequence[Text], below: Sequence[Text]) -> Text | None:
        """above ⊙ … ⊘ below, component by component."""
        if not above and not below:
            return None
        if len(above) == 1 and not below:
            return above[0]
        sign = f" {self.notation.hadamard} "
        top = sign.join(within(t, POWER) for t in above) or "1"
        if not below:
            return top, HADAMARD
        bottom = sign.join(within(t, POWER) for t in below)
        if len(below) > 1:
            bottom = bracketed(bottom)
        if len(above) > 1:
            top = bracketed(top)
        return rf"{top} \oslash {bottom}", HADAMARD

    def applied(self, f: sp.Function) -> Text:
        tex, binds = super().applied(f)
        inside = tex.removeprefix(r"\sqrt{\lVert").removesuffix(r"\rVert^{2}}")
        if len(inside) < len(tex) - 15 and "Vert" not in inside:
            return rf"\lVert{inside}\rVert", POWER  # the root of a squared norm
        return tex, binds


def _two(axes: Axes) -> Axes:
    """The axes, if a matrix has as many."""
    if len(axes) > 2:
        raise NoMatrixFormError(f"a matrix has no axes {', '.join(map(str, axes))}")
    return axes


def _spread(low: Lowered) -> bool:
    """Whether a term is a column or a matrix, and no number."""
    return any(factor.axes for factor in low.factors)


def _own(line: Line) -> Axes:
    return tuple(a.symbol for a in line.lhs.axes)


def _row(texts: Sequence[Text]) -> str:
    if len(texts) == 1:
        return texts[0][0]
    return " ".join(within(t, MUL) for t in texts) or "1"


def matrix_sides(
    line: Line, notation: Notation = AFFINE, layout: str = "sample"
) -> tuple[str, str]:
    """The two sides of a line in matrix notation; NoMatrixFormError where there is none."""
    axes = in_layout([a.symbol for a in printed_axes(line, notation, layout)], layout)
    writer = MatrixWriter(notation, layout, axes)
    return writer.entry(line.lhs.entry)[0], writer.line(line)[0]
