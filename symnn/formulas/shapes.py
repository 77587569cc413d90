"""The shapes of what a line multiplies, n₁×n₂ · n₂×1, as matrix notation prints it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import sympy as sp

from symnn.engine.ir import Axis, Line, Tensor, indices_of, name_of
from symnn.formulas.index import Writer
from symnn.formulas.matrix import MatrixWriter
from symnn.formulas.tree import Diagonal, Formula, Norm, Ones, Product, Symbol, Transpose
from symnn.notation.notation import Notation

Shape = tuple[str, ...]  # the numbers of rows and of columns; of a tensor, of each further axis
SCALAR: Shape = ("1", "1")


class _Shapes:
    """The shapes of formulas in matrix form, of tensors with the indices that a line has."""

    def __init__(self, line: Line, notation: Notation) -> None:
        self.sizes = {a.symbol: size_tex(a, notation) for a in line.axes}
        self.indices = {name_of(e): indices_of(e) for e in (line.lhs.entry, *line.reads)}

    def shape(self, f: Formula) -> Shape:
        """The numbers of rows and of columns of a formula."""
        match f:
            case Symbol():
                own = tuple(self.sizes[self.indices[f.name][place]] for place in f.places)
                if len(own) < 2:
                    own = (*own, "1", "1")[:2]
                return own[::-1] if f.transposed != (f.row and len(f.places) == 1) else own
            case Ones():
                own = (self.sizes[f.axis], "1")
                return own[::-1] if f.transposed else own
            case Transpose():
                return self.shape(f.arg)[::-1]
            case Diagonal():
                return (self.shape(f.arg)[0],) * 2
            case Norm():
                return SCALAR
            case Product(kind="plain"):
                factors = [shape for shape in map(self.shape, f.factors) if shape != SCALAR]
                return (factors[0][0], factors[-1][1]) if factors else SCALAR
        # what else has parts is made component by component
        return next((s for s in map(self.shape, f.parts) if s != SCALAR), SCALAR)

    def products(self, f: Formula) -> Iterator[tuple[Shape, Shape]]:
        """The shapes of the two sides of every product.

        With a column of ones that repeats a column, or adds all entries of one, nothing is said.
        """
        if isinstance(f, Product) and f.kind == "plain":
            factors = [g for g in f.factors if self.shape(g) != SCALAR]
            for left, right in pairwise(factors):
                sides = self.shape(left), self.shape(right)
                ones = any(isinstance(side, Ones) for side in (left, right))
                plain = "1" in (sides[0][1], sides[1][0]) or (sides[0][0], sides[1][1]) == SCALAR
                if not (ones and plain) and not any(isinstance(g, Diagonal) for g in (left, right)):
                    yield sides
        for part in f.parts:
            yield from self.products(part)


def size_tex(a: Axis, notation: Notation) -> str:
    """The number of values of an axis: n_{1} of the units of layer 1, N of the samples."""
    if a.layer is not None:
        return f"n_{{{notation.layer(a.layer)}}}"
    return notation.count if a.samples else Writer(notation, {}).tex(sp.S(a.size))


def line_shapes(
    line: Line, sides: tuple[Formula, Formula], notation: Notation
) -> tuple[list[tuple[Shape, Shape]], Shape] | None:
    """The shapes of the products of a line in matrix form, and of its left side; None for a scalar.

    sides: the formulas of the line.
    """
    if not line.lhs.axes:
        return None
    shapes = _Shapes(line, notation)
    left, right = sides
    return list(shapes.products(right)), shapes.shape(left)


def shape_tex(line: Line, sides: tuple[Formula, Formula], notation: Notation) -> str:
    """n_1 × n_2 · n_2 × 1, and → n_1 × N where that is not what it comes to; or the shape alone."""
    found = line_shapes(line, sides, notation)
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
    symbol = MatrixWriter(notation, layout).letter(t.entry)
    return _Shapes(Line(t, ()), notation).shape(symbol)


def times(shape: Shape) -> str:
    """n_1 × n_2."""
    return r"{\times}".join(shape)
