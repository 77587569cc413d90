"""The value of a formula under arrays for its tensors: what is printed, computed.

In matrix form every value is a matrix: a scalar is 1 x 1, a column n x 1.  In index form it is an
array over the indices of the left side.  Nothing here reads a line of a program.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp

from symnn.engine.evaluate import Array, apply
from symnn.formulas import tree
from symnn.formulas.tree import Formula

CONSTANTS = {"e": math.e, r"\pi": math.pi}
COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    ">": np.greater,
    "<": np.less,
    r"\ge": np.greater_equal,
    r"\le": np.less_equal,
    "=": np.equal,
    r"\ne": np.not_equal,
}


class NoValueError(ValueError):
    """A formula that stands for more than arrays say: F(x), dots, a layer in general."""


def value(
    f: Formula,
    arrays: Mapping[str, Array],
    sizes: Mapping[sp.Symbol, int],
    indices: Sequence[sp.Symbol] | None = None,
) -> Array:
    """The value of a formula.

    arrays: by the names of tensors.  sizes: of the axes by their indices, and of symbols that are
    sizes.  indices: of the left side, in the order of its tensor's axes; None: in matrix form.
    Raises NoValueError.
    """
    with np.errstate(all="ignore"):  # a case that does not hold need not have a value
        if indices is None:
            return np.atleast_2d(_Matrices(arrays, sizes).value(f))
        found = _Entries(arrays, sizes, indices).value(f)
    return np.broadcast_to(found, [sizes[i] for i in indices])


def _conditions(f: tree.Product) -> Iterator[tree.Condition]:
    """The conditions among the factors of a product, and of the products among them."""
    for factor in f.factors:
        if isinstance(factor, tree.Condition):
            yield factor
        elif isinstance(factor, tree.Product) and factor.kind not in ("plain", "oslash"):
            yield from _conditions(factor)


class _Values:
    """Values by the class of a node."""

    def __init__(self, arrays: Mapping[str, Array], sizes: Mapping[sp.Symbol, int]) -> None:
        self.arrays, self.sizes = arrays, sizes

    def value(self, f: Formula) -> Array:
        """The value of a formula."""
        method = getattr(self, type(f).__name__.lower(), None)
        if method is None:
            raise NoValueError(f"no value for {type(f).__name__}")
        return np.asarray(method(f))

    def number(self, f: tree.Number) -> Any:
        return float(f.digits)

    def constant(self, f: tree.Constant) -> Any:
        return CONSTANTS[f.name]

    def letter(self, f: tree.Letter) -> Any:
        return float(self.sizes[f.symbol])

    def negative(self, f: tree.Negative) -> Any:
        return -self.value(f.arg)

    def sum(self, f: tree.Sum) -> Any:
        return sum(map(self.value, f.terms))

    def product(self, f: tree.Product) -> Any:
        first, *rest = map(self.value, f.factors)
        found = first / rest[0] if f.kind == "oslash" else math.prod(rest, start=first)
        # where a condition is 0 the product is, whether or not its other factors have a value
        for condition in map(self.value, _conditions(f)):
            found = np.where(condition == 0, 0.0, found)
        return found

    def fraction(self, f: tree.Fraction) -> Any:
        return self.value(f.top) / self.value(f.bottom)

    def power(self, f: tree.Power) -> Any:
        return self.value(f.base) ** self.value(f.exponent)

    def root(self, f: tree.Root) -> Any:
        return np.sqrt(self.value(f.arg))

    def absolute(self, f: tree.Absolute) -> Any:
        return np.abs(self.value(f.arg))

    def apply(self, f: tree.Apply) -> Any:
        if f.function is None:
            raise NoValueError("no value for a function that is no row of the table")
        return apply(f.function, self.value(f.arg))

    def condition(self, f: tree.Condition) -> Any:
        return COMPARE[f.sign](self.value(f.left), self.value(f.right)).astype(float)

    def group(self, f: tree.Group) -> Any:
        return self.value(f.arg)

    def braced(self, f: tree.Braced) -> Any:
        return self.value(f.arg)


class _Matrices(_Values):
    """In matrix form."""

    def symbol(self, f: tree.Symbol) -> Any:
        array = self.arrays[f.name]
        if f.sup or f.sub:
            raise NoValueError(f"{f.name} is that of one sample")
        if array.ndim < 2:
            return array.reshape((1, -1) if f.row != f.transposed else (-1, 1))
        array = array.transpose(f.places)
        return array.T if f.transposed else array

    def ones(self, f: tree.Ones) -> Any:
        return np.ones((1, self.sizes[f.axis]) if f.transposed else (self.sizes[f.axis], 1))

    def product(self, f: tree.Product) -> Any:
        if f.kind != "plain":
            return super().product(f)
        first, *rest = map(self.value, f.factors)
        for other in rest:
            scalar = first.size == 1 or other.size == 1
            first = first * other if scalar else first @ other
        return first

    def transpose(self, f: tree.Transpose) -> Any:
        return self.value(f.arg).T

    def norm(self, f: tree.Norm) -> Any:
        array = self.value(f.arg)
        found = np.abs(array).sum() if f.order == "1" else np.sqrt((array**2).sum())
        return found**2 if f.squared else found

    def diagonal(self, f: tree.Diagonal) -> Any:
        array = self.value(f.arg).reshape(-1)
        return np.diag(1 / array if f.inverse else array)

    def matrix(self, f: tree.Matrix) -> Any:
        return np.array([[self.value(entry).item() for entry in row] for row in f.rows])


class _Entries(_Values):
    """In index form; a sum adds an axis in front, over which it then runs."""

    def __init__(
        self,
        arrays: Mapping[str, Array],
        sizes: Mapping[sp.Symbol, int],
        indices: Sequence[sp.Symbol],
    ) -> None:
        super().__init__(arrays, sizes)
        self.depth = len(indices)
        grids = np.ix_(*(range(sizes[i]) for i in indices))
        self.numbers = dict(zip(indices, grids, strict=True))
        self.maximum: set[sp.Symbol] = set()  # the indices that a maximum runs over
        self.inside: Any = True  # where its summand takes part: no index along it leaves its range

    def letter(self, f: tree.Letter) -> Any:
        return self.numbers[f.symbol] if f.symbol in self.numbers else super().letter(f)

    def symbol(self, f: tree.Symbol) -> Any:
        array = self.arrays[f.name]
        found: dict[int, Array] = {}
        for place, index in zip(f.places, (*f.sub, *f.sup), strict=True):
            found[place] = np.rint(self.value(index)).astype(int)
        at = [found[k] for k in range(array.ndim)]
        inside = [(k >= 0) & (k < n) for k, n in zip(at, array.shape, strict=True)]
        for k, index in zip(f.places, (*f.sub, *f.sup), strict=True):
            if any(isinstance(g, tree.Letter) and g.symbol in self.maximum for g in index.walk()):
                self.inside = self.inside & inside[k]
        clipped = tuple(np.clip(k, 0, n - 1) for k, n in zip(at, array.shape, strict=True))
        return np.where(np.all(np.broadcast_arrays(True, *inside), axis=0), array[clipped], 0.0)

    def product(self, f: tree.Product) -> Any:
        before = self.inside
        found = super().product(f)
        for condition in map(self.value, _conditions(f)):  # what it leaves out is not read
            self.inside = np.where(condition == 0, before, self.inside)
        return found

    def bigsum(self, f: tree.BigSum) -> Any:
        return self._over((f.index,), f.body, lambda values: values.sum(axis=0))

    def extreme(self, f: tree.Extreme) -> Any:
        if f.word != "max":
            raise NoValueError(f"no value for {f.word}")
        self.maximum = {i.symbol for i in f.indices if isinstance(i, tree.Letter)}
        found = self._over(f.indices, f.body, lambda values: values.max(axis=0))
        self.maximum = set()
        return found

    def _over(self, indices: Sequence[Formula], body: Formula, take: Callable[[Any], Any]) -> Any:
        if not indices:
            self.inside = True
            found = self.value(body)
            return np.where(self.inside, found, -np.inf) if self.maximum else found
        first, *rest = indices
        if not isinstance(first, tree.Letter):
            raise NoValueError("no index")
        count = self.sizes[first.symbol]
        self.numbers[first.symbol] = np.arange(count).reshape(count, *(1,) * self.depth)
        self.depth += 1
        found = self._over(rest, body, take)
        self.depth -= 1
        shape = np.broadcast_shapes(found.shape, (count, *(1,) * self.depth))
        return take(np.broadcast_to(found, shape))
