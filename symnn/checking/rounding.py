"""How far right numbers may be from the exact ones that were computed in a coarser type.

Let u be the unit roundoff of the type, half its eps.  An operation gives its exact result times
1 + d with |d| <= u, and a sum of n products, in whatever order it is taken, differs from the
exact one by

    sum over its operations of (partial sum) d  <=  n u S,    S = sum of |summands|

(Higham 2002, chapter 4).  Where the d are independent and of mean 0, it differs by about
sqrt(n) u S instead (Higham and Mary 2019).  What such an error does to a gradient further down is
not bounded but found: the lines are run again in float64 while each operation's result, unless the
type holds it exactly, is moved by a normal number of that size (Monte Carlo arithmetic: Parker
1997).  So errors grow and cancel in a deep network as they do in one, and a kink that rounding may
cross is crossed.

The model fails where summands are equal: then the d are equal too, and the error of adding in
order grows like n.  So each sum is also taken in the type itself, and what that loses is its size
if it is larger.

The root mean square over RUNS runs estimates an entry's standard deviation s: it is below s/2
once in 50 times for one entry.  SAFETY = 8 of these are at least 4 s then, and 8 s as a rule.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import sympy as sp
from sympy.logic.boolalg import Boolean

from symnn.engine.evaluate import Array, Evaluator
from symnn.engine.ir import Line, Program, is_entry

RUNS, SAFETY = 8, 8.0


def coarsest(arrays: Iterable[Any]) -> np.dtype[Any]:
    """The coarsest floating type of the arrays; float64 if none is coarser.

    Whole numbers are exact, so they do not count.
    """
    kinds = [np.asarray(a).dtype for a in arrays]
    found = [k for k in kinds if k.kind == "f"]
    return max([np.dtype(np.float64), *found], key=lambda kind: float(np.finfo(kind).eps))


class Rounding(Evaluator):
    """Evaluates lines with the errors of a type, drawn; see the module's docstring.

    The arrays are float64 throughout; ``kind`` is the type whose errors are made.
    """

    def __init__(
        self,
        program: Program,
        values: Mapping[str, Any],
        sizes: Mapping[str, int],
        kind: np.dtype[Any],
        rng: np.random.Generator,
    ) -> None:
        super().__init__(program.leaves, values, sizes)
        self.kind, self.rng = kind, rng
        self.unit = float(np.finfo(kind).eps) / 2
        self.arrays = {name: self._moved(array) for name, array in self.arrays.items()}

    def _moved(self, value: Array, size: Array | None = None) -> Array:
        """The value, each entry that the type does not hold moved by a number of that size."""
        size = self.unit * np.abs(value) if size is None else size
        inexact = value.astype(self.kind) != value
        return np.asarray(value + np.where(inexact, size * self.rng.normal(size=value.shape), 0.0))

    def line(self, line: Line) -> Array:
        """As the base's; adding the terms and keeping the value round once more."""
        return self._moved(super().line(line))

    def contract(self, subscripts: str, operands: Any) -> Array:
        """As the base's, moved by the error of a sum."""
        found = super().contract(subscripts, operands)
        read, kept = subscripts.split("->")
        sizes: dict[str, int] = {}
        for letters, operand in zip(read.split(","), operands, strict=True):
            sizes |= dict(zip(letters, operand.shape, strict=True))
        count = math.prod(n for letter, n in sizes.items() if letter not in kept)
        total = super().contract(subscripts, [np.abs(o) for o in operands])
        in_type = self._in_type(subscripts, [o.astype(self.kind) for o in operands])
        lost = np.where(np.isfinite(in_type), np.abs(in_type - found), 0.0)
        return self._moved(found, np.maximum(math.sqrt(count) * self.unit * total, lost))

    def _in_type(self, subscripts: str, operands: list[Array]) -> Array:
        """The sum in the type; that of one operand in order, which einsum may not keep to."""
        read, kept = subscripts.split("->")
        if len(operands) > 1 or not set(kept) < set(read):
            return super().contract(subscripts, operands)
        summed = [letter for letter in read if letter not in kept]
        ordered = super().contract(f"{read}->{''.join(summed)}{kept}", operands)
        rows = ordered.reshape(-1, *ordered.shape[len(summed) :])
        return np.asarray(np.add.accumulate(rows, axis=0)[-1])

    def _walk(self, f: sp.Basic, grid: Any) -> Array:
        value = super()._walk(f, grid)
        exact = is_entry(f) or isinstance(f, sp.Symbol | sp.KroneckerDelta | Boolean)
        return value if exact else self._moved(value)


def deviations(
    run: Callable[[Rounding], Mapping[str, Array]],
    right: Mapping[str, Array],
    program: Program,
    values: Mapping[str, Any],
    sizes: Mapping[str, int],
    kind: np.dtype[Any],
) -> dict[str, float]:
    """Name -> the largest error of a right array in the type ``kind``, absolute.

    run: computes the arrays, once the lines of ``program`` have been run at ``values``.  The draws
    are the same every time.
    """
    rng = np.random.default_rng(0)
    squares: dict[str, Any] = dict.fromkeys(right, 0.0)
    for _ in range(RUNS):
        evaluator = Rounding(program, values, sizes, kind, rng)
        evaluator.run(program.items)
        for name, found in run(evaluator).items():
            squares[name] = squares[name] + (found - right[name]) ** 2
    roots = {name: np.sqrt(np.max(s, initial=0.0) / RUNS) for name, s in squares.items()}
    return {name: SAFETY * float(root) for name, root in roots.items()}
