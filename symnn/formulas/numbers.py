"""Numbers as LaTeX: entries of a tensor with as many digits as asked for, and lines in numbers.

A printed number either is the value, or is the value rounded; which of the two is always known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction as Rational
from typing import Any, NamedTuple

import numpy as np
import sympy as sp

from symnn.engine.ir import Line, Tensor, entries, indices_of, name_of
from symnn.engine.lower import Axes, in_layout
from symnn.formulas.index import printed_axes, with_exponent
from symnn.formulas.matrix import MatrixWriter
from symnn.formulas.tree import (
    ZERO,
    Apply,
    Formula,
    Fraction,
    Glyph,
    Listed,
    Matrix,
    Negative,
    Number,
)
from symnn.notation.notation import Notation

LONGER = 2  # digits that an exact value may have beyond those of a rounded one
PENCIL = 100  # largest denominator of a fraction that is printed as one
TINY, LARGE = -5, 6  # powers of ten below and above which a number is printed with its own
SURE = 2  # digits that every entry keeps, beside a large one


class Numeral(NamedTuple):
    """A printed number, and whether it is the value itself."""

    formula: Formula
    exact: bool


@dataclass(frozen=True)
class Style:
    """digits: significant ones of the largest entry.  fractions: 1/3 where a value is one."""

    digits: int = 4
    fractions: bool = False

    def array(self, values: Any) -> tuple[Any, bool]:
        """The entries of an array as formulas, and whether all are exact.

        values: Rationals where they are exact, Floats elsewhere.
        """
        array = np.asarray(values, dtype=object)
        flat = [(_fraction(v), v.is_Rational) for v in array.flat]
        known = all(rational for _, rational in flat)
        decimals = self._decimals([v for v, _ in flat], known)
        found = [self._entry(v, rational, decimals) for v, rational in flat]
        shown = np.empty(len(found), dtype=object)
        shown[:] = [_inline(n.formula) for n in found]
        return shown.reshape(array.shape), all(n.exact for n in found)

    def number(self, value: sp.Expr) -> Numeral:
        """One number."""
        v, known = _fraction(value), bool(value.is_Rational)
        return self._entry(v, known, self._decimals([v], known))

    def _decimals(self, values: list[Rational], known: bool) -> int:
        """The decimals of all entries of an array."""
        top = max((_power(v) for v in values if v), default=0)
        rounded = max(0, self.digits - 1 - top)
        ends = [_ending(v) for v in values if not (self.fractions and _plain(v))]
        if known and all(e is not None for e in ends):
            needed = max((e for e in ends if e is not None), default=0)
            if needed + top + 1 <= self.digits + LONGER or needed == 0:
                return needed
        return rounded

    def _entry(self, v: Rational, known: bool, decimals: int) -> Numeral:
        if v == 0:
            return Numeral(ZERO, known)
        if known and self.fractions and _plain(v):
            top, bottom = Number(str(abs(v.numerator))), Number(str(v.denominator))
            whole = v.denominator == 1
            return Numeral(_signed(v, top if whole else Fraction(top, bottom)), True)
        power = _power(v)
        if power < TINY or power > max(self.digits, LARGE):
            return self._scientific(v, known, power)
        text, value = _rounded(abs(v), decimals)
        if value != abs(v):
            text, value = _rounded(abs(v), max(decimals, SURE - 1 - power))
        return Numeral(_signed(v, Number(text)), known and value == abs(v))

    def _scientific(self, v: Rational, known: bool, power: int) -> Numeral:
        mantissa = abs(v) / Rational(10) ** power
        ends = _ending(mantissa) if known else None
        short = ends is not None and ends < self.digits + LONGER
        text, value = _rounded(mantissa, ends if short and ends is not None else self.digits - 1)
        return Numeral(_signed(v, with_exponent(text, power)), known and value == mantissa)


def _fraction(value: Any) -> Rational:
    exact = sp.Rational(value)
    return Rational(int(exact.p), int(exact.q))


def _plain(v: Rational) -> bool:
    """Whether a value is a whole number, or a fraction for a pencil."""
    return v.denominator == 1 or (v.denominator <= PENCIL and abs(v.numerator) < 10 * PENCIL)


def _power(v: Rational) -> int:
    """The power of ten of the first digit; 0 for 0."""
    if v == 0:
        return 0
    power = len(str(abs(v.numerator))) - len(str(v.denominator))
    return power if abs(v) >= Rational(10) ** power else power - 1


def _ending(v: Rational) -> int | None:
    """After how many decimals a number ends; None if it never does."""
    rest, count = v.denominator, {2: 0, 5: 0}
    for prime in count:
        while rest % prime == 0:
            rest //= prime
            count[prime] += 1
    return max(count.values()) if rest == 1 else None


def _rounded(v: Rational, decimals: int) -> tuple[str, Rational]:
    """A positive number to so many decimals, and what that text says."""
    whole = int(v * 10**decimals + Rational(1, 2))
    text = str(whole).rjust(decimals + 1, "0")
    point = len(text) - decimals
    return (f"{text[:point]}.{text[point:]}" if decimals else text), Rational(whole, 10**decimals)


def _signed(v: Rational, f: Formula) -> Formula:
    return Negative(f) if v < 0 else f


def _inline(f: Formula) -> Formula:
    """An entry of a matrix: a fraction on one line."""
    if isinstance(f, Negative):
        return Negative(_inline(f.arg))
    return replace(f, inline=True) if isinstance(f, Fraction) else f


# lines in numbers --------------------------------------------------------------------------


def matrix(entries: Any) -> Formula:
    """An array of formulas as a matrix, one axis as a column; a scalar as it is.

    Of more than two axes: one such matrix for each index of the first, in brackets.
    """
    if not entries.shape:
        found: Formula = entries[()]
        return found
    if len(entries.shape) > 2:
        return Listed(tuple(map(matrix, entries)))
    return Matrix(tuple(map(tuple, entries.reshape(entries.shape[0], -1))))


class NumberWriter(MatrixWriter):
    """The matrix form of a line with the numbers of each tensor in the place of its letter.

    values: name -> array of numbers.  exact: whether every number written so far is the value
    itself.
    """

    def __init__(
        self,
        notation: Notation,
        axes: Axes,
        values: Callable[[str], Any],
        style: Style,
    ) -> None:
        super().__init__(notation, "sample", axes)
        self.values, self.style = values, style
        self.rounded: set[str] = set()

    @property
    def exact(self) -> bool:
        """Whether every number written so far is the value itself."""
        return not self.rounded

    def tensor(self, name: str, transposed: bool = False) -> Formula:
        """The numbers of a tensor, in the notation's orientation of weights."""
        array = self.values(name)
        if not array.shape:
            found, exact = self.style.number(array[()])
            if not exact:
                self.rounded.add(name)
            return found
        shown, exact = self.style.array(array)
        if not exact:
            self.rounded.add(name)
        turned = len(array.shape) == 2 and self.notation.turned(name, self.layout)
        if len(array.shape) == 1:
            return matrix(shown[None] if transposed else shown)
        return matrix(shown.T if turned != transposed else shown)

    def letter(self, e: sp.Expr, transposed: bool = False) -> Formula:
        return self.tensor(name_of(e), transposed)

    def entry(self, e: sp.Expr) -> Formula:
        return super().entry(e) if indices_of(e) else self.tensor(name_of(e))

    def expression(self, f: sp.Expr) -> Formula:
        """As for letters, but an exponential of a column is not an exponent."""
        if isinstance(f, sp.exp) and any(indices_of(e) for e in entries(f)):
            return Apply(sp.exp, Glyph(r"\exp"), self.expression(f.args[0]))
        return super().expression(f)


def in_numbers(
    line: Line, notation: Notation, values: Callable[[str], Any], style: Style
) -> tuple[Formula, bool]:
    """The right side of a line in numbers, and whether they are exact.

    NoMatrixFormError where the line has no matrix form.
    """
    own = printed_axes(line, notation, "sample")
    axes = in_layout([a.symbol for a in own], "sample")
    writer = NumberWriter(notation, axes, values, style)
    return writer.line(line), writer.exact


def result(
    tensor: Tensor, notation: Notation, values: Callable[[str], Any], style: Style
) -> tuple[Formula, bool]:
    """The value of a tensor, and whether it is exact."""
    writer = NumberWriter(notation, (), values, style)
    return writer.tensor(tensor.name), writer.exact
