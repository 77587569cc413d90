"""Programs on exact numbers: fractions stay fractions as far as they go.

What a line makes of rational numbers is rational, or else (an exponential, a root) a decimal
number of many digits, so that every digit that is printed of it is right.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import sympy as sp

from symnn.explicit import Explicit
from symnn.ir import Program, Tensor

DIGITS = 40  # of what is not rational
LARGEST = 10**DIGITS  # denominator of what is carried as a fraction

At = tuple[int, ...]


def rational(value: Any) -> sp.Rational:
    """The decimal number that is written, not the binary one that stands for it."""
    return sp.Rational(repr(float(value)))


def rationals(values: Any) -> Any:
    """Nested lists, or one number, as an array of rational numbers."""
    array = np.asarray(values)
    return np.array([rational(v) for v in array.flat], dtype=object).reshape(array.shape)


class Exact(Explicit):
    """Evaluates a program of one sample on numbers, entry by entry.

    leaves: name -> array of rational numbers.  shifts: (name, position) -> what is added to
    that entry when it is computed.
    """

    def __init__(
        self,
        program: Program,
        leaves: Mapping[str, Any],
        shifts: Mapping[tuple[str, At], sp.Expr] | None = None,
    ) -> None:
        super().__init__(program, {})
        self.leaves, self.shifts = leaves, shifts or {}

    def array(self, name: str) -> Any:
        """All entries of a tensor: each a Rational where it is exact, else a Float."""
        shape = tuple(int(a.size) for a in self.program.tensors[name].axes)
        found = np.empty(shape, dtype=object)
        for at in np.ndindex(*shape):
            found[at] = self.value(name, at)
        return found

    def _compute(self, tensor: Tensor, at: At) -> sp.Expr:
        if tensor.name in self.leaves:
            return self.leaves[tensor.name][at]
        value = super()._compute(tensor, at) + self.shifts.get((tensor.name, at), 0)
        return value if value.is_Rational and value.q < LARGEST else value.evalf(DIGITS)
