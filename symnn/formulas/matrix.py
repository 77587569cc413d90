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

from symnn.engine.entries import fraction
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
from symnn.formulas.tex import Printer
from symnn.formulas.tree import (
    ADD,
    HADAMARD,
    MUL,
    ONE,
    POWER,
    ZERO,
    Diagonal,
    Formula,
    Fraction,
    Group,
    Norm,
    Ones,
    Power,
    Product,
    Root,
    Symbol,
    Transpose,
    core,
    front_of,
    signed,
    times,
    total,
    within,
)
from symnn.notation.books import AFFINE
from symnn.notation.notation import Notation


class NoMatrixFormError(ValueError):
    """A line, or a tensor, that matrix notation cannot express; the message shows which part.

    Matrix notation has one matrix for each tensor, so at most two axes, and one sum in a product.
    Index notation can express every line, and stands in its place.
    """


class Piece(NamedTuple):
    """A printed factor and the axes that it has."""

    formula: Formula
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
        symbols: Mapping[str, Formula] | None = None,
        sample: Formula | None = None,
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

    def line(self, line: Line) -> Formula:
        """The right side of a line."""
        lowered = zip(line.terms, lower_line(line, self.layout, self.axes), strict=True)
        terms = [low for _, low in sorted(lowered, key=lambda pair: is_decay(pair[0]))]
        if not terms:
            return ZERO
        found = total(map(self.term, terms))
        return found if any(map(_spread, terms)) else self.repeated(found)

    def repeated(self, number: Formula) -> Formula:
        """A number as the column, or the matrix, that holds it everywhere."""
        if not self.axes:
            return number
        both = len(self.axes) > 1
        first, *_ = self.axes
        ones = (
            [Ones(first), Ones(self.axes[1], True)]
            if both
            else [Ones(first, self.upright(self.axes))]
        )
        return Product(tuple(ones) if core(number) == ONE else (within(number, MUL), *ones))

    def term(self, low: Lowered) -> Formula:
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
                    return Piece(Product(pair), ())
                if self.upright(own):
                    pair = self.as_row(right, (k,)), self.side(left, (k, *own))
                    return Piece(Product(pair), own)
                side = self.side(right, (k, own[1])) if own[1:] else self.as_column(right, (k,))
                return Piece(Product((self.side(left, (own[0], k)), side)), own)
            case Outer(left, right, own):
                pair = self.as_column(left, own[:1]), self.as_row(right, own[1:])
                return Piece(Product(pair), own)
            case Reduce("sum", arg, over, own):
                return Piece(self.total(with_brackets(arg.f), arg.axes, over), own)
        raise NoMatrixFormError(str(factor))

    def side(self, e: Elementwise, axes: Axes) -> Formula:
        """An operand of a matrix product."""
        if is_entry(e.f) and name_of(e.f) in self.inlined:
            return Group(self.at(axes).entry(e.f), square=True)
        stored = self.stored(e.f)
        if len(axes) == 2 and stored == axes[::-1] and not is_entry(e.f):
            return self.flip(self.at(stored).expression(with_brackets(e.f)))
        return self.print.operand(self.at(axes).expression(with_brackets(e.f)))

    def upright(self, axes: Axes) -> bool:
        """Whether what has these axes is written as a row: it belongs to no sample."""
        single = len(axes) == 1 and not isinstance(axes[0], SampleIndex)
        return single and self.notation.upright(self.layout)

    def as_row(self, e: Elementwise, axes: Axes) -> Formula:
        """A row of what has one axis."""
        return self.side(e, axes) if self.upright(axes) else self.transposed(e, axes)

    def as_column(self, e: Elementwise, axes: Axes) -> Formula:
        """A column of what has one axis."""
        return self.transposed(e, axes) if self.upright(axes) else self.side(e, axes)

    def stored(self, f: sp.Expr) -> Axes:
        """The axes of the largest entry, in the order in which the layout stores it."""
        own = max((self.printed(e) for e in entries(f)), key=len, default=())
        return in_layout(own, self.layout)

    def transposed(self, e: Elementwise, axes: Axes) -> Formula:
        """The transpose of an operand."""
        if is_entry(e.f):
            return self.flipped(e.f)
        return self.flip(self.at(axes).expression(with_brackets(e.f)))

    def flipped(self, e: sp.Expr) -> Formula:
        """The transpose of an entry's tensor."""
        own = in_layout(self.printed(e), self.layout)
        if name_of(e) in self.symbols or name_of(e) in self.inlined:
            return self.flip(self.at(own).entry(e))
        return self.letter(e, transposed=True)

    def letter(self, e: sp.Expr, transposed: bool = False) -> Formula:
        """The letter of an entry's tensor, or the transpose of it."""
        own, name = indices_of(e), name_of(e)
        order = in_layout(self.printed(e), self.layout)
        return Symbol(
            name,
            places=tuple(map(own.index, order)),
            row=self.upright(order),
            sup=(self.sample,) if self.sample and name in self.of else (),
            batch=len(own) > 1 and any(isinstance(i, SampleIndex) for i in own),
            transposed=transposed,
            prefixed=self.notation.prefixed(name),
        )

    def flip(self, f: Formula) -> Formula:
        """The transpose of a formula."""
        return Transpose(self.print.base(f))

    def total(self, f: sp.Expr, axes: Axes, over: Axes) -> Formula:
        """The sum of ``f`` over all of its axes, or over one of two."""
        axes = self.stored(f) if len(self.stored(f)) == len(axes) else axes
        writer = self.at(axes)
        if len(over) == len(axes):
            return writer.full_total(f)
        found = writer.expression(f)
        if over == axes[1:] and not self.upright(axes[:1]):
            return Product((self.print.operand(found), Ones(axes[1])))
        if over == axes[:1] and self.upright(axes[1:]):
            return Product((Ones(axes[0], True), self.print.operand(found)))
        if over == axes[:1]:
            flipped = writer.flipped(f) if is_entry(f) else writer.flip(found)
            return Product((flipped, Ones(axes[0])))
        raise NoMatrixFormError(str(f))

    def full_total(self, f: sp.Expr) -> Formula:
        """1ᵀf, as a norm or an inner product where it is one."""
        if isinstance(f, sp.Pow) and f.exp == 2:
            return Norm(self.expression(f.base), "F" if len(self.axes) == 2 else "")
        if self.upright(self.axes):
            raise NoMatrixFormError(str(f))
        if len(self.axes) == 1:
            if isinstance(f, Named) and f.row.name == "absolute" and not f.order:
                return Norm(self.expression(f.args[0]), "1", squared=False)
            if isinstance(f, sp.Add):
                if not all(entries(t) and all(map(indices_of, entries(t))) for t in f.args):
                    raise NoMatrixFormError(str(f))  # a number is added for every entry
                parts = map(self.full_total, f.args)
                return total(sorted(parts, key=lambda part: len(self.print.tex(part))))
            coefficient, above, below = self.parted(f) if isinstance(f, sp.Mul) else (1, [f], [])
            if len(above) > 1 and not below:
                negative, front = self.coefficient(coefficient)
                left = self.transposed(Elementwise(above[0], self.axes), self.axes)
                right = within(self.product(sp.S.One, above[1:], []), MUL)
                return signed(negative, front_of(front, Product((left, right))))
        first, *rest = self.axes
        end = map(Ones, rest)
        return Product((Ones(first, True), within(self.expression(f), MUL), *end))

    # scalar expressions, component by component --------------------------------------

    def entry(self, e: sp.Expr) -> Formula:
        """A letter, transposed or repeated as the axes ask for."""
        name, own = name_of(e), in_layout(self.printed(e), self.layout)
        if name in self.symbols:
            found = self.symbols[name]
        elif name in self.inlined:
            line = self.inlined[name]
            found = self.at(in_layout(_own(line), self.layout)).line(line)
        else:
            found = self.letter(e)
        if not own or own == self.axes:
            return found
        if own == self.axes[::-1]:
            return self.flipped(e)
        if len(own) == 1 and len(self.axes) == 2 and own[0] in self.axes:
            if own[0] == self.axes[0] and not self.upright(own):
                return Product((within(found, MUL), Ones(self.axes[1], True)))
            if own[0] == self.axes[1]:
                return Product((Ones(self.axes[0]), self.as_row(Elementwise(e, own), own)))
        raise NoMatrixFormError(f"{e} has the axes {own}, not {self.axes}")

    def piece(self, f: sp.Expr) -> Piece:
        """A factor by itself, with the axes it has."""
        found = {i for e in entries(f) for i in indices_of(e)}
        own = tuple(a for a in self.axes if a in found)
        if len(own) != len(found):
            raise NoMatrixFormError(str(f))
        return Piece(self.at(own).expression(f), own)

    def product(self, coefficient: sp.Expr, above: list[sp.Expr], below: list[sp.Expr]) -> Formula:
        return self.combined(
            coefficient, [self.piece(g) for g in above], [self.piece(g) for g in below]
        )

    def combined(self, coefficient: sp.Expr, above: list[Piece], below: list[Piece]) -> Formula:
        """Scalars, then diagonal · (the product by components) · diagonal."""
        negative, front = self.scalars(coefficient, above, below)
        body = self.body(above, below)
        if body is None:
            if len(above) == 1 and coefficient == 1 and not below:
                return above[0].formula
            return signed(negative, front or ONE)
        if not negative and front is None:
            return body
        return signed(negative, front_of(front, within(body, HADAMARD)))

    def scalars(
        self, coefficient: sp.Expr, above: list[Piece], below: list[Piece]
    ) -> tuple[bool, Formula | None]:
        """The sign, and everything without axes as one factor or fraction."""
        over = [p.formula for p in above if not p.axes]
        under = [p.formula for p in below if not p.axes]
        negative, front = self.coefficient(coefficient)
        if not over and not under:
            return negative, front
        if not under:
            # a scalar before an array stands in brackets unless it is one symbol
            alone = front is None and len(over) == 1 and not negative
            guard = POWER if self.axes else ADD if alone else MUL
            fronts = [] if front is None else [front]
            return negative, times([*fronts, *(within(f, guard) for f in over)])
        top, bottom = fraction(-coefficient if negative else coefficient)
        tops = [Product((self.expression(top),))] if top != 1 else []
        bottoms = [Product((self.expression(bottom),))] if bottom != 1 else []
        return negative, Fraction(_row(tops + over), _row(bottoms + under))

    def body(self, above: list[Piece], below: list[Piece]) -> Formula | None:
        """The factors that have axes."""
        sides = [
            [p.formula for p in part] for k in (0, 1) for part in self._single(above, below, k)
        ]
        full = [p.formula for p in above if len(p.axes) == len(self.axes) > 0]
        under = [p.formula for p in below if len(p.axes) == len(self.axes) > 0]
        left, right = (
            (self.hadamard(*sides[:2]), self.hadamard(*sides[2:])) if any(sides) else (None, None)
        )
        if left and self.upright(self.axes[:1]):
            raise NoMatrixFormError(f"a row stands for the rows, {self.print.tex(left)}")
        middle = self.hadamard(full, under)
        if middle is None:
            operand = self.print.operand
            row = right and (operand(right) if self.upright(self.axes[1:]) else self.flip(right))
            if left:
                return Product((operand(left), row or Ones(self.axes[1], True)))
            return Product((Ones(self.axes[0]), row)) if row else None
        if not left and not right:
            return middle
        parts = [self._diagonal(*sides[:2])] if left else []
        parts.append(within(middle, MUL))
        parts += [self._diagonal(*sides[2:])] if right else []
        return Product(tuple(parts))

    def _single(
        self, above: Sequence[Piece], below: Sequence[Piece], k: int
    ) -> tuple[list[Piece], list[Piece]]:
        """The factors above and below that have the k-th of two axes alone."""
        if len(self.axes) != 2:
            return [], []
        own = self.axes[k : k + 1]
        return [p for p in above if p.axes == own], [p for p in below if p.axes == own]

    def _diagonal(self, above: list[Formula], below: list[Formula]) -> Formula:
        inner = self.hadamard(above, below) if above else self.hadamard(below, [])
        assert inner is not None
        return Diagonal(inner, inverse=not above)

    def power(self, f: sp.Pow) -> Formula:
        base, exponent = f.as_base_exp()
        array = any(indices_of(e) for e in entries(base))
        if not array or exponent == sp.S.Half or exponent.could_extract_minus_sign():
            return super().power(f)
        sign = self.notation.hadamard
        return Power(self.print.base(self.expression(base)), self.expression(exponent), sign)

    def hadamard(self, above: Sequence[Formula], below: Sequence[Formula]) -> Formula | None:
        """above ⊙ … ⊘ below, component by component."""
        if not above and not below:
            return None
        if len(above) == 1 and not below:
            return above[0]
        top = times([within(f, POWER) for f in above], "hadamard") if above else ONE
        if not below:
            return top
        bottom = times([within(f, POWER) for f in below], "hadamard")
        bottom = Group(bottom) if len(below) > 1 else bottom
        return Product((Group(top) if len(above) > 1 else top, bottom), "oslash")

    def applied(self, f: sp.Function) -> Formula:
        found = super().applied(f)
        square = core(found.arg) if isinstance(found, Root) else None
        if isinstance(square, Norm) and square.squared and not square.order:
            return Norm(square.arg, squared=False)  # the root of a squared norm
        return found


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


def _row(factors: Sequence[Formula]) -> Formula:
    return times([within(f, MUL) for f in factors] if factors[1:] else factors) if factors else ONE


def matrix_sides(
    line: Line, notation: Notation = AFFINE, layout: str = "sample"
) -> tuple[str, str]:
    """The two sides of a line in matrix notation, as LaTeX; NoMatrixFormError as below."""
    return Printer(notation).both(*matrix_formulas(line, notation, layout))


def matrix_formulas(
    line: Line, notation: Notation = AFFINE, layout: str = "sample"
) -> tuple[Formula, Formula]:
    """The two sides of a line in matrix notation; NoMatrixFormError where there is none."""
    axes = in_layout([a.symbol for a in printed_axes(line, notation, layout)], layout)
    writer = MatrixWriter(notation, layout, axes)
    return writer.entry(line.lhs.entry), writer.line(line)
