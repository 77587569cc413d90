"""Programs on exact numbers: fractions stay fractions as far as they go.

What a line makes of rational numbers is rational, or else (an exponential, a root) a decimal
number of many digits, so that every digit that is printed of it is right.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import sympy as sp

from symnn.engine.explicit import At, Explicit
from symnn.engine.ir import Program, Tensor, Term

DIGITS = 120  # of what is not rational; 1 - sigmoid(z) keeps some of them for z up to 250
LONG = 10**DIGITS  # numerator or denominator of what is no longer carried as a fraction
RANGE = sp.Integer(10) ** 300  # of sizes; what is smaller than its inverse is about 0


def rational(value: Any) -> sp.Rational:
    """The decimal number that is written, not the binary one that stands for it."""
    return sp.Rational(repr(float(value)))


def rationals(values: Any) -> Any:
    """Nested lists, or one number, as an array of rational numbers."""
    array = np.asarray(values)
    return np.array([rational(v) for v in array.flat], dtype=object).reshape(array.shape)


class NoNumberError(ArithmeticError):
    """A tensor whose value is not a finite number of usual size, such as log 0."""


class Exact(Explicit):
    """Evaluates a program whose sizes are numbers, entry by entry.

    leaves: name -> array of rational numbers.  shifts: (name, position) -> what is added to
    that entry when it is computed.  Values are asked for in order; NoNumberError where there is
    none.
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
        if value.is_Rational and max(abs(value.p), value.q) < LONG:
            return value
        found = value.evalf(DIGITS)
        if not found.is_Float or not abs(found) < RANGE:
            raise NoNumberError(tensor.name)
        return found if abs(found) * RANGE > 1 else sp.Float(0)

    def _term(self, term: Term, own: Mapping[sp.Symbol, sp.Expr]) -> sp.Expr:
        if term.reduce != "first":
            return super()._term(term, own)
        bound = {a.symbol for a in term.over}
        found = self._summands(term, {s: i for s, i in own.items() if s not in bound})
        here = tuple(int(own[a.symbol]) for a in term.over)
        return sp.Integer(max(found, key=found.__getitem__) == here)
