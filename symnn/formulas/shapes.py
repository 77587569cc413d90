"""The shapes of what a line multiplies, n₁×n₂ · n₂×1, as matrix notation prints it."""

from __future__ import annotations

from collections.abc import Iterable

import sympy as sp

from symnn.engine.ir import Axis, Line, Tensor
from symnn.engine.lower import Axes, Factor, MatMul, Outer, Reduce, in_layout
from symnn.formulas.index import Writer, printed_axes
from symnn.formulas.matrix import MatrixWriter, NoMatrixFormError, Piece
from symnn.notation.notation import Notation

Shape = tuple[str, ...]  # the numbers of rows and of columns; of a tensor, of each further axis


class _Recorder(MatrixWriter):
    """Notes the shapes of the operands of every product that it prints.

    every: the axes of the line.
    """

    def __init__(self, notation: Notation, layout: str, axes: Axes, every: Iterable[Axis]) -> None:
        super().__init__(notation, layout, axes)
        self.sizes = {a.symbol: size_tex(a, notation) for a in every}
        self.products: list[tuple[Shape, Shape]] = []

    def factor(self, factor: Factor) -> Piece:
        """The factor as it is printed; its shapes are noted."""
        if (found := self._operands(factor)) is not None:
            self.products.append(found)
        return super().factor(factor)

    def _operands(self, factor: Factor) -> tuple[Shape, Shape] | None:
        match factor:
            case MatMul(_, _, k, ()):
                return ("1", self.size(k)), (self.size(k), "1")
            case MatMul(_, _, k, own) if self.upright(own):
                return ("1", self.size(k)), (self.size(k), self.size(own[0]))
            case MatMul(_, _, k, own):
                columns = self.size(own[1]) if len(own) > 1 else "1"
                return (self.size(own[0]), self.size(k)), (self.size(k), columns)
            case Outer(_, _, (first, second)):
                return (self.size(first), "1"), ("1", self.size(second))
            case Reduce("sum", _, (k,), (own,)) if self.upright((own,)):
                return ("1", self.size(k)), (self.size(k), self.size(own))
            case Reduce("sum", _, (k,), (own,)):
                return (self.size(own), self.size(k)), (self.size(k), "1")
        return None

    def size(self, a: sp.Symbol) -> str:
        """The number of values of an axis of the line."""
        return self.sizes[a]

    def shape(self, axes: Axes) -> Shape:
        """The shape of what has these axes: a column, unless it is written as a row."""
        sizes = [self.size(a) for a in axes]
        if len(sizes) == 2:
            return sizes[0], sizes[1]
        return ("1", sizes[0]) if self.upright(axes) else (sizes[0], "1")


def size_tex(a: Axis, notation: Notation) -> str:
    """The number of values of an axis: n_{1} of the units of layer 1, N of the samples."""
    if a.layer is not None:
        return f"n_{{{notation.layer(a.layer)}}}"
    return notation.count if a.samples else Writer(notation, {}).tex(sp.S(a.size))


def line_shapes(
    line: Line, notation: Notation, layout: str
) -> tuple[list[tuple[Shape, Shape]], Shape] | None:
    """The shapes of the products of a line and of its left side.

    None for a scalar, and where there is no matrix form.
    """
    axes = in_layout([a.symbol for a in printed_axes(line, notation, layout)], layout)
    try:
        writer = _Recorder(notation, layout, axes, line.axes)
        writer.line(line)
    except NoMatrixFormError:
        return None
    return (writer.products, writer.shape(axes)) if axes else None


def shape_tex(line: Line, notation: Notation, layout: str) -> str:
    """n_1 × n_2 · n_2 × 1, and → n_1 × N where that is not what it comes to; or the shape alone."""
    found = line_shapes(line, notation, layout)
    if found is None:
        return ""
    products, shape = found
    texts = [rf"{times(left)} \cdot {times(right)}" for left, right in dict.fromkeys(products)]
    if products and all((left[0], right[1]) == shape for left, right in products):
        return r",\ ".join(texts)
    return " ".join([r",\ ".join(texts), r"\to", times(shape)]) if texts else times(shape)


def tensor_shape(t: Tensor, notation: Notation, layout: str) -> Shape:
    """The shape of a tensor's matrix, or column; all of its sizes where it has further axes."""
    if len(t.axes) > 2:
        return tuple(size_tex(a, notation) for a in t.axes)
    axes = in_layout([a.symbol for a in printed_axes(Line(t, ()), notation, layout)], layout)
    return _Recorder(notation, layout, axes, t.axes).shape(axes)


def times(shape: Shape) -> str:
    """n_1 × n_2."""
    return r"{\times}".join(shape)
