"""Programs on numbers, straight from the meaning of a line.

This is the independent arithmetic that derivations are compared with.  It knows nothing of
lowering or of the printers: every factor is computed on the grid of its own axes, and einsum
does the sums.  Arrays carry a leading axis of probes, so that many perturbed copies of a
program run at once; all functions take complex numbers, for complex-step derivatives.
"""

from __future__ import annotations

import copy
import functools
import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import sympy as sp
from sympy.logic.boolalg import Boolean, BooleanAtom

from symnn.engine.erfc import erfc
from symnn.engine.functions import Named, definition
from symnn.engine.ir import (
    Axis,
    Line,
    Program,
    ProgramError,
    Scan,
    Tensor,
    Term,
    indices_of,
    is_entry,
    name_of,
    show,
)

Array: TypeAlias = np.ndarray[Any, Any]
Values: TypeAlias = Mapping[str, Any]
LARGE = 2**12  # numbers of perturbed copies, above which their products are those of BLAS


def _sigmoid(x: Array) -> Array:
    e = np.exp(np.where(x.real >= 0, -x, x))
    return np.where(x.real >= 0, 1.0, e) / (1.0 + e)


def _softplus(x: Array) -> Array:
    return np.where(x.real >= 0, x, 0.0) + np.log1p(np.exp(np.where(x.real >= 0, -x, x)))


def _alike(copies: Array) -> bool:
    """Whether the real parts of perturbed copies are one but for rounding."""
    first = copies[:1]
    return bool((np.abs(copies - first) <= 1e-15 * (1.0 + np.abs(first))).all())


def _normal_cdf(x: Array) -> Array:
    real = x.real
    if np.iscomplexobj(x) and x.ndim and _alike(real):
        real = real[:1]
    value = 0.5 * erfc(np.asarray(-real * math.sqrt(0.5)))
    if not np.iscomplexobj(x):
        return value
    # to first order in the imaginary part, which is that of a complex step
    density = np.exp(-0.5 * real**2) / math.sqrt(2.0 * math.pi)
    return np.asarray(value + 1j * x.imag * density)


NAMED: dict[str, Callable[[Array], Array]] = {
    "sigmoid": _sigmoid,
    "softplus": _softplus,
    "normal_cdf": _normal_cdf,
    "tanh": np.tanh,
    "sin": np.sin,
}
FUNCTIONS: dict[type, Callable[[Array], Array]] = {
    sp.exp: np.exp,
    sp.log: np.log,
    sp.sin: np.sin,
    sp.cos: np.cos,
    sp.tan: np.tan,
    sp.tanh: np.tanh,
    sp.sinh: np.sinh,
    sp.cosh: np.cosh,
    sp.atan: np.arctan,
    sp.sign: lambda x: np.sign(x.real),
    sp.erf: lambda x: 2.0 * _normal_cdf(x * math.sqrt(2.0)) - 1.0,
}
_COMPARE: dict[type, Callable[[Array, Array], Array]] = {
    sp.StrictGreaterThan: np.greater,
    sp.GreaterThan: np.greater_equal,
    sp.StrictLessThan: np.less,
    sp.LessThan: np.less_equal,
    sp.Equality: np.equal,
    sp.Unequality: np.not_equal,
}


class Evaluator:
    """Runs lines over arrays of the shape (probes, *axes).

    values: leaves by name, without the axis of probes.  sizes: of symbolic sizes, by name;
    what is not given is read off the leaves.  shifts: tensor -> (probes, *axes), added to the
    tensor when it is computed (or read, if it is a leaf).
    """

    def __init__(
        self,
        leaves: Sequence[Tensor],
        values: Values,
        sizes: Mapping[str, int] | None = None,
        shifts: Mapping[str, Array] | None = None,
    ) -> None:
        self.sizes = dict(sizes or {})
        self.shifts = dict(shifts or {})
        self.fixed: dict[sp.Symbol, int] = {}
        self.arrays: dict[str, Array] = {}
        for leaf in leaves:
            if leaf.name in values:
                array = np.asarray(values[leaf.name])[None]
                self.arrays[leaf.name] = array + self.shifts.get(leaf.name, 0)
                self._learn(leaf, array.shape[1:])

    def _learn(self, tensor: Tensor, shape: tuple[int, ...]) -> None:
        for a, size in zip(tensor.axes, shape, strict=True):
            if isinstance(a.size, sp.Symbol):
                self.sizes.setdefault(a.size.name, size)

    def size(self, a: Axis) -> int:
        """The number of values of an axis."""
        if isinstance(a.size, int):
            return a.size
        if isinstance(a.size, sp.Symbol):
            return self.sizes[a.size.name]
        return int(sp.S(a.size).subs({s: self.sizes[s.name] for s in a.size.free_symbols}))

    def run(self, items: Sequence[Line | Scan]) -> None:
        """Compute lines and scans in order."""
        for item in items:
            if isinstance(item, Scan):
                self._scan(item)
            else:
                name, value = item.lhs.name, self.line(item)
                self.arrays[name] = value + self.shifts[name] if name in self.shifts else value

    def _scan(self, scan: Scan) -> None:
        length = self.size(scan.axis)
        for line in scan.lines:
            shape = (1, *(self.size(a) for a in line.lhs.axes))
            self.arrays[line.lhs.name] = np.zeros(shape)
        for step in reversed(range(length)) if scan.reverse else range(length):
            self.fixed = {scan.axis.symbol: step}
            for line in scan.lines:
                name, k = line.lhs.name, line.lhs.axes.index(scan.axis) + 1
                at = (slice(None),) * k + (step,)
                value = self.line(line)
                if name in self.shifts:
                    value = value + self.shifts[name][at]
                old = self.arrays[name]
                if len(value) > len(old) or value.dtype != old.dtype:
                    kind = np.result_type(value, old)
                    old = np.broadcast_to(old, (len(value), *old.shape[1:])).astype(kind)
                old[at] = value
                self.arrays[name] = old
        self.fixed = {}

    def line(self, line: Line) -> Array:
        """The right side of a line, as (probes, *axes of the left side but for a fixed one)."""
        axes = tuple(a for a in line.lhs.axes if a.symbol not in self.fixed)
        if not line.terms:
            return np.zeros((1, *(self.size(a) for a in axes)))
        first, *rest = line.terms
        total = self.term(first, axes)
        for term in rest:
            total = total + self.term(term, axes)
        return total

    def term(self, term: Term, axes: tuple[Axis, ...]) -> Array:
        """One term on the grid of the left side's axes."""
        if term.reduce == "sum":
            return self._summed(term, axes)
        grid = axes if term.reduce == "first" else axes + term.over
        inside = self.inside(term.f, grid, {a.symbol for a in term.over})
        if np.all(inside):
            value = self.value(term.f, grid)
        else:
            with np.errstate(all="ignore"):  # of what takes no part
                value = np.where(inside, self.value(term.f, grid), -np.inf)
        places = [grid.index(a) + 1 for a in term.over]
        rest = [k for k in range(value.ndim) if k not in places]
        moved = value.transpose(*rest, *places)
        flat = moved.reshape(*moved.shape[: len(rest)], -1)
        at = flat.real.argmax(axis=-1)[..., None]
        if term.reduce == "max":
            return np.take_along_axis(flat, at, axis=-1)[..., 0]
        first = np.zeros(flat.shape)
        np.put_along_axis(first, at, 1.0, axis=-1)
        order = np.argsort([*rest, *places])
        return first.reshape(moved.shape).transpose(*order)

    def _summed(self, term: Term, axes: tuple[Axis, ...]) -> Array:
        """einsum over the factors, each computed on the grid of its own axes."""
        every = axes + term.over
        letters = {a.symbol: chr(ord("a") + k) for k, a in enumerate(every)}
        operands: list[Array] = []
        subscripts: list[str] = []
        for own, value in self._factors(term.f, every):
            operands.append(value)
            subscripts.append("Z" + "".join(letters[a.symbol] for a in own))
        present = {c for s in subscripts for c in s}
        for a in every:
            if letters[a.symbol] not in present:
                operands.append(np.ones((1, self.size(a))))
                subscripts.append("Z" + letters[a.symbol])
        out = "Z" + "".join(letters[a.symbol] for a in axes)
        probes = max(len(v) for v in operands)
        # a probe axis of length 1 is left out, so that einsum need not copy it
        shared = [s[1:] if len(v) == 1 else s for s, v in zip(subscripts, operands, strict=True)]
        plain = [v[0] if len(v) == 1 else v for v in operands]
        target = out[1:] if probes == 1 else out
        found = self.contract(",".join(shared) + "->" + target, plain)
        return found[None] if probes == 1 else found

    def _factors(
        self, f: sp.Expr, every: tuple[Axis, ...]
    ) -> Iterator[tuple[tuple[Axis, ...], Array]]:
        """The factors of a product, each on the grid of its own axes.

        Those that are infinite somewhere are one with the guards, which may leave out where.
        """
        factors = sp.Mul.make_args(f)
        guards = [g for g in factors if is_guard(g)]

        def found(g: sp.Expr) -> tuple[tuple[Axis, ...], Array]:
            own = tuple(a for a in every if a.symbol in g.free_symbols)
            return own, self.value(g, own)

        if not guards:
            yield from map(found, factors)
            return
        with np.errstate(all="ignore"):
            values = {g: found(g) for g in factors}
            wild = [g for g, (_, value) in values.items() if not np.isfinite(value).all()]
            if wild:
                rest = {g: v for g, v in values.items() if g not in (*guards, *wild)}
                values = {sp.S.One: found(sp.Mul(*guards, *wild)), **rest}
        yield from values.values()

    def contract(self, subscripts: str, operands: Sequence[Array]) -> Array:
        """The sum of the products of the operands, as einsum writes it."""
        perturbed = any(np.iscomplexobj(o) and o.size > LARGE for o in operands)
        return np.asarray(np.einsum(subscripts, *operands, optimize=perturbed or len(operands) > 2))

    # expressions ---------------------------------------------------------------------

    def value(self, f: sp.Expr, grid: tuple[Axis, ...]) -> Array:
        """``f`` as (probes or 1, *sizes of the grid), computed component by component."""
        found = self._walk(f, grid)
        full = (len(found) if found.ndim else 1, *map(self.size, grid))
        return np.broadcast_to(found, full)

    def value_of(self, f: sp.Expr) -> Array:
        """``f`` of arrays that broadcast, without a grid."""
        return self._walk(f, ())

    def _walk(self, f: sp.Basic, grid: tuple[Axis, ...]) -> Array:
        if is_entry(f):
            return self.entry(f, grid)
        if isinstance(f, sp.Symbol):
            return self._index(f, grid)
        if isinstance(f, Boolean):
            return self._condition(f, grid)
        if not f.args:
            return np.full((1,) * (len(grid) + 1), float(f))
        if isinstance(f, sp.KroneckerDelta):
            left, right = (self._walk(a, grid) for a in f.args)
            return np.asarray(np.rint(left.real) == np.rint(right.real), dtype=float)
        if isinstance(f, sp.Piecewise):
            return self._cases(f, grid)
        if isinstance(f, Named):
            return self._named(f, grid)
        values = [self._walk(a, grid) for a in f.args]
        if isinstance(f, sp.Add):
            return np.asarray(sum(values[1:], values[0]))
        if isinstance(f, sp.Mul):
            return product(f, values)
        if isinstance(f, sp.Pow):
            return _power(values[0], f.exp, values[1])
        if type(f) in FUNCTIONS:
            return FUNCTIONS[type(f)](values[0])
        raise ProgramError(f"no arithmetic for {f.func.__name__} in {show(f)}")

    def _cases(self, f: sp.Piecewise, grid: tuple[Axis, ...]) -> Array:
        with np.errstate(all="ignore"):
            values = [self._walk(v, grid) for v, _ in f.args]
        out = values[-1]
        for value, (_, condition) in reversed(list(zip(values[:-1], f.args[:-1], strict=True))):
            out = np.where(self._walk(condition, grid).astype(bool), value, out)
        return out

    def _condition(self, f: Boolean, grid: tuple[Axis, ...]) -> Array:
        if isinstance(f, BooleanAtom):
            return np.full((1,) * (len(grid) + 1), bool(f))
        values = [self._walk(a, grid).real for a in f.args]
        if type(f) in _COMPARE:
            return _COMPARE[type(f)](*values)
        logic = [v.astype(bool) for v in values]
        match f:
            case sp.And():
                return np.asarray(np.logical_and.reduce(np.broadcast_arrays(*logic)))
            case sp.Or():
                return np.asarray(np.logical_or.reduce(np.broadcast_arrays(*logic)))
            case sp.Not():
                return ~logic[0]
            case sp.ITE():
                return np.where(*logic)
        raise ProgramError(f"no arithmetic for the condition {f}")

    def _named(self, f: Named, grid: tuple[Axis, ...]) -> Array:
        if not f.order and f.row.name in NAMED:
            return NAMED[f.row.name](self._walk(f.args[0], grid))
        hidden = sp.Symbol("argument", real=True)
        inner = copy.copy(self)
        inner.arrays = {"argument": self._walk(f.args[0], grid)}
        body = definition(f.row, f.order).xreplace({sp.Symbol("x", real=True): hidden})
        with np.errstate(over="ignore"):
            return inner._walk(body, ())

    def _index(self, s: sp.Symbol, grid: tuple[Axis, ...]) -> Array:
        """An index, a size or a fixed step of a scan, as numbers."""
        if s in self.fixed:
            return np.full((1,) * (len(grid) + 1), float(self.fixed[s]))
        for k, a in enumerate(grid):
            if a.symbol == s:
                shape = [1] * (len(grid) + 1)
                shape[k + 1] = -1
                return np.arange(self.size(a), dtype=float).reshape(shape)
        return np.full((1,) * (len(grid) + 1), float(self.sizes[s.name]))

    def entry(self, e: sp.Expr, grid: tuple[Axis, ...]) -> Array:
        """An entry of a tensor on the grid; 0 where it is read outside its range."""
        array = self.arrays[name_of(e)]
        indices = indices_of(e)
        symbols = [a.symbol for a in grid]
        if not indices:
            return array if name_of(e) == "argument" else array.reshape(-1, *(1,) * len(grid))
        bare = len(set(indices)) == len(indices) and all(i in symbols for i in indices)
        if bare and all(
            self.size(grid[symbols.index(i)]) == n
            for i, n in zip(indices, array.shape[1:], strict=True)
        ):
            order = sorted(range(len(indices)), key=lambda k: symbols.index(indices[k]))
            shape = [1] * len(grid)
            for k in order:
                shape[symbols.index(indices[k])] = array.shape[k + 1]
            moved = array.transpose(0, *(k + 1 for k in order))
            return moved.reshape(len(array), *shape)
        places = [self._place(i, grid) for i in indices]
        inside: Any = True
        for place, n in zip(places, array.shape[1:], strict=True):
            inside = inside & (place >= 0) & (place < n)
        clipped = [np.clip(p, 0, n - 1) for p, n in zip(places, array.shape[1:], strict=True)]
        return np.where(inside, array[(slice(None), *clipped)], 0)

    def _place(self, index: sp.Expr, grid: tuple[Axis, ...]) -> Any:
        """An index on the grid, as whole numbers."""
        return np.rint(self._walk(index, grid).real).astype(int)[0]

    def inside(self, f: sp.Basic, grid: tuple[Axis, ...], over: set[sp.Symbol]) -> Any:
        """Where on the grid no index of an entry that ``f`` reads leaves its range along ``over``.

        A maximum over these axes is that of the summands there.  What a guard or a case leaves out
        is not read.
        """
        if isinstance(f, sp.KroneckerDelta) or not f.free_symbols & over:
            return True
        if is_entry(f):
            found: Any = True
            for index, n in zip(indices_of(f), self.arrays[name_of(f)].shape[1:], strict=True):
                if index.free_symbols & over and not index.is_Symbol:
                    place = self._place(index, grid)
                    found = found & (place >= 0) & (place < n)
            return found
        if not isinstance(f, sp.Piecewise):
            parts = (self.inside(a, grid, over) for a in f.args)
            found = functools.reduce(operator.and_, parts, True)
            guards = (g for g in f.args if isinstance(f, sp.Mul) and is_guard(g))
            zeros = (self._walk(g, grid).real[0] == 0 for g in guards)
            return functools.reduce(operator.or_, zeros, found)
        found = True
        for value, condition in reversed(f.args):
            chosen = self._walk(condition, grid).real[0] != 0
            found = np.where(chosen, self.inside(value, grid, over), found)
            found = found & self.inside(condition, grid, over)
        return found


def is_guard(f: sp.Expr) -> bool:
    """Whether an expression is a condition: 1 where it holds, else 0."""
    if not isinstance(f, sp.Piecewise):
        return isinstance(f, sp.KroneckerDelta)
    return len(f.args) == 2 and (f.args[0][0], f.args[1][0]) == (1, 0)


def product(f: sp.Mul, values: Sequence[Array]) -> Array:
    """The product of the values of the factors of ``f``: 0 where a guard is, whatever the rest."""
    found = np.asarray(math.prod(values[1:], start=values[0]))
    if not np.isfinite(found).all():
        for factor, value in zip(f.args, values, strict=True):
            if is_guard(factor):
                found = np.where(value == 0, 0.0, found)
    return found


def _power(base: Array, exponent: sp.Expr, value: Array) -> Array:
    if exponent.is_Integer and 0 < int(exponent) < 4:
        return np.asarray(math.prod([base] * (int(exponent) - 1), start=base))
    if exponent == -1:
        return 1.0 / base
    if exponent == sp.S.Half:
        return np.sqrt(base)
    return base**value


def apply(function: type, argument: Array) -> Array:
    """A function of the table, or of SymPy, of every component of an array."""
    evaluator = Evaluator([], {})
    evaluator.arrays = {"argument": argument.reshape(-1)}
    found = evaluator.value_of(function(sp.Symbol("argument", real=True)))
    return np.broadcast_to(found, argument.size).reshape(argument.shape)


def evaluate(
    program: Program,
    values: Values,
    sizes: Mapping[str, int] | None = None,
    shifts: Mapping[str, Array] | None = None,
) -> dict[str, Array]:
    """Every tensor of a program by name.

    values: the leaves.  shifts: as in :class:`Evaluator`; with them, arrays keep their axis of
    probes, without them they have none.
    """
    evaluator = Evaluator(program.leaves, values, sizes, shifts)
    evaluator.run(program.items)
    return evaluator.arrays if shifts else {n: a[0] for n, a in evaluator.arrays.items()}
