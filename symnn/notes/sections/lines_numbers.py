"""The worked example of lines: the values of every tensor, forward and backward, and one step."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import sympy as sp

from symnn.derivation.lines import LinesDerivation
from symnn.engine.exact import DIGITS, Exact, NoNumberError
from symnn.engine.ir import Tensor
from symnn.formulas.breaking import room
from symnn.formulas.numbers import Style
from symnn.formulas.tex import Printer
from symnn.formulas.tree import Formula, Glyph, Joined, Matrix, Number, Relations, Symbol
from symnn.formulas.width import width
from symnn.notation.notation import Notation
from symnn.notes.context import Context
from symnn.notes.document import Block, Heading, Paragraph, Row, Section, shown
from symnn.notes.lines_example import (
    SUMMANDS,
    LinesExample,
    gradient_lines,
    lines_example,
    summands,
)

WIDTH = 80  # of a line, in characters
ROWS, MATRICES = 8, 8  # of a tensor whose values are printed
ROUNDING = sp.Float(10) ** (-DIGITS // 2)


@functools.lru_cache(maxsize=2)  # the levels of a page ask for the same one
def _example(derivation: LinesDerivation, pencil: bool) -> LinesExample | None:
    return lines_example(derivation, pencil)


def _settled(array: Any) -> Any:
    """An array with 0 for what is rounding alone: all of its summands have cancelled."""
    small = [not v.is_Rational and abs(v) < ROUNDING for v in array.flat]
    found = array.copy()
    found.flat[np.flatnonzero(small)] = sp.Float(0)
    return found


def lines_numbers(context: Context, style: str, digits: int) -> Section:
    """The section; style: "decimal" or "pencil"; digits: of rounded numbers."""
    found = _Told(context, Style(digits, style == "pencil"))
    return Section(context.say("numbers"), tuple(found.blocks()))


class _Told:
    """The values of one derivation in the letters of its notes."""

    def __init__(self, context: Context, style: Style) -> None:
        self.context, self.style = context, style
        self.derivation: Any = context.derivation
        self.left_out: list[str] = []  # the letters of what is too large

    def blocks(self) -> Iterator[Block]:
        say, count = self.context.say, summands(self.derivation)
        if count > SUMMANDS:
            yield Paragraph(say("lines_large", count=f"{count:,}", most=f"{SUMMANDS:,}"))
            return
        example = _example(self.derivation, self.style.fractions)
        if example is None:
            yield Paragraph(say("numbers_wild"))
            return
        self.example, self.one = example, example.sizes.get("N") == 1
        self.notation = self._notation(example)
        parts = list(self._parts(example))
        yield Paragraph(say("join_sentences").join(self._origin(example)))
        yield from parts

    def _notation(self, example: LinesExample) -> Notation:
        """The letters, those of the step included."""
        tensors = {**example.program.tensors}
        for program, _ in example.steps:
            tensors = {**program.tensors, **tensors}
        return self.context.book.of(tensors.values()).counting_from_zero()

    def _parts(self, example: LinesExample) -> Iterator[Block]:
        say, values, program = self.context.say, example.values, example.program
        yield from self._shown((t, values) for t in program.leaves)
        yield Heading(say("numbers_forward"))
        forward = (line.lhs for line in self.derivation.batch.forward.lines)
        yield from self._shown((program.tensors[t.name], values) for t in forward)
        yield Heading(say("numbers_backward"))
        gradients = (program.tensors[x.lhs.name] for x in gradient_lines(self.derivation))
        yield from self._shown((t, values) for t in gradients)
        if not example.steps:
            return
        yield Heading(say("numbers_update"))
        constants = {t.name: (t, v) for p, v in example.steps for t in p.leaves if not t.axes}
        eta, exact = constants["eta"]
        yield Paragraph(say("lines_step", rate=self._tex(self.value(eta, exact)[0][1])))
        yield from self._shown((x.lhs, found) for own, found in example.steps for x in own.lines)
        yield Paragraph(self._after(example))

    def _origin(self, example: LinesExample) -> Iterator[str]:
        """Where the numbers come from, how they stand, and what is true of those printed."""
        say = self.context.say
        drawn = say.listed(map(self._letter, example.drawn))
        seed = self.derivation.lines.spec.model.seed
        yield say("numbers_drawn", names=drawn, seed=seed) if drawn else say("numbers_given")
        if self.one:
            tensors = example.program.tensors.values()
            index = next(a.name for t in tensors for a in t.axes if a.samples)
            yield say("lines_one", n=index)
        open_sizes = {n: k for n, k in example.sizes.items() if n != "N" or not self.one}
        if open_sizes:
            yield say("lines_sizes", sizes=say.listed(f"{n} = {k}" for n, k in open_sizes.items()))
        masks = example.program.leaves_of("mask")
        if any(t.kind != "noise" for t in masks):
            yield say("numbers_mask")
        if any(t.kind == "noise" for t in masks):
            yield say("lines_no_noise")
        axes = max(len(self._shape(t)) for t in example.program.tensors.values())
        if axes:
            yield say("lines_laid_out")
        if axes > 2:
            yield say("lines_matrices")
        yield say("numbers_rounded", digits=self.style.digits)
        if self.left_out:
            names = say.listed(dict.fromkeys(self.left_out))
            yield say("lines_left_out", names=names, rows=ROWS, matrices=MATRICES)

    def _after(self, example: LinesExample) -> str:
        say = self.context.say
        try:
            number = self.style.number(example.after())
        except NoNumberError:
            return say("numbers_far")
        about = say("exactly" if number.exact else "about")
        return say("lines_after", about=about, after=self._tex(number.formula))

    # values

    def _shown(self, tensors: Iterable[tuple[Tensor, Exact]]) -> Iterator[Block]:
        """Tensors with their values, as many beside each other as a line holds."""
        rows: list[Row] = []
        for t, values in tensors:
            pairs = self.value(t, values)
            if any(width(f, self.notation) > room(self._width(s), WIDTH) for s, f, _ in pairs):
                pairs = []
            if not pairs:
                self.left_out.append(self._letter(t.name))
            for symbol, found, exact in pairs:
                rows = self._joined(rows, symbol, found, "=" if exact else r"\approx")
        yield from shown(rows)

    def _joined(self, rows: list[Row], left: Formula, right: Formula, sign: str) -> list[Row]:
        """The rows with one more value, on the last of them if there is room."""
        if rows and rows[-1].left is not None:
            last = rows[-1]
            taken = self._width(last.left) + self._width(last.right) + 4
            if taken + self._width(left) + self._width(right) + 8 <= WIDTH:
                more = Relations((left, right), (sign,))
                both = Joined((last.right, more), r", \quad ")
                return [*rows[:-1], replace(last, right=both)]
        return [*rows, Row(left, right, self.notation, relation=sign)]

    def value(self, t: Tensor, values: Exact) -> list[tuple[Formula, Formula, bool]]:
        """Symbol, value and whether it is exact: of a number, a row, a matrix, or several of them.

        [] where they are too many.
        """
        array = _settled(values.array(t.name)).reshape(self._shape(t))
        if not array.shape:
            number = self.style.number(array[()])
            return [(Symbol(t.name), number.formula, number.exact)]
        *outer, rows, columns = (1, *array.shape) if array.ndim == 1 else array.shape
        places = [*np.ndindex(*outer)] if math.prod(outer) <= MATRICES and rows <= ROWS else []
        shown, exact = self.style.array(array)
        shown = shown.reshape(*outer, rows, columns)
        dots = (Glyph(r"\cdot"),) * 2 if outer else ()
        return [
            (
                Symbol(t.name, sub=(*(Number(str(k)) for k in at), *dots)),
                Matrix(tuple(map(tuple, shown[at]))),
                exact,
            )
            for at in places
        ]

    def _shape(self, t: Tensor) -> tuple[int, ...]:
        """The sizes of a tensor, without the one sample that there may be."""
        axes = t.axes[1:] if self.one and t.axes and t.axes[0].samples else t.axes
        return tuple(int(a.size) for a in axes)

    def _letter(self, name: str) -> str:
        return self._tex(Symbol(name, inline=True))

    def _tex(self, f: Formula) -> str:
        return Printer(self.notation).tex(f)

    def _width(self, f: Formula | None) -> int:
        return width(f, self.notation) if f else 0
