"""The worked example: every line of the derivation as symbols = numbers = result.

The numbers are those of :mod:`symnn.notes.worked_example`; what is rounded stands after an
approximate sign.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby

import sympy as sp

from symnn.derivation.derivation import Derivation
from symnn.engine.exact import NoNumberError
from symnn.engine.ir import Line
from symnn.formulas.breaking import room
from symnn.formulas.matrix import NoMatrixFormError
from symnn.formulas.numbers import Style, in_numbers, result
from symnn.formulas.tex import symbol_tex
from symnn.formulas.tree import Formula, Joined, Number, Relations
from symnn.notes.context import Context
from symnn.notes.document import Block, Row, Section, Table
from symnn.notes.rows import row_of
from symnn.notes.worked_example import WorkedExample, small, worked_example

WIDTH = 66  # of a right side, in characters
CHANGES = (sp.Rational(1, 100), sp.Rational(1, 1000), sp.Rational(1, 10000))
NEAR = sp.Rational(
    1, 10
)  # how far the change of the loss may be from the linear one, as a part of it


@functools.lru_cache(maxsize=2)  # the levels of a page ask for the same one
def _example(derivation: Derivation, pencil: bool) -> WorkedExample | None:
    return worked_example(derivation, pencil) if small(derivation.network) else None


class Numbers:
    """The lines of one sample in numbers, in the letters and the orientation of a notation.

    context: of one sample.
    """

    def __init__(self, context: Context, example: WorkedExample, style: Style) -> None:
        self.context, self.example, self.style = context, example, style

    @classmethod
    def of(cls, context: Context, style: str, digits: int) -> Numbers | None:
        """The numbers of a derivation in any layout; None where they cannot be printed.

        style: "decimal" or "pencil".  digits: of rounded numbers.
        """
        example = _example(context.derivation, style == "pencil")
        if example is None:
            return None
        if context.layout != "sample":
            context = replace(context, layout="sample", ticks=False)
        return cls(context, example, Style(digits, style == "pencil"))

    def value(self, name: str) -> tuple[str, Formula]:
        """The relation and the value of a tensor."""
        tensor, array = self.example.program.tensors[name], self.example.values.array
        found, exact = result(tensor, self.context.notation, array, self.style)
        return _relation(exact), found

    def pieces(self, line: Line) -> list[tuple[str, Formula]]:
        """What follows the symbols of a line: each a relation and numbers, the result last."""
        array = self.example.values.array
        value, exact = result(line.lhs, self.context.notation, array, self.style)
        try:
            middle, known = in_numbers(line, self.context.notation, array, self.style)
        except NoMatrixFormError:
            return [(_relation(exact), value)]
        if self.context.tex(middle) == self.context.tex(value):
            return [(_relation(exact), value)]
        return [(_relation(known), middle), (_relation(known and exact), value)]

    def on_one_line(self, line: Line) -> str:
        """The numbers of a line on one line, from the first relation on; "" if it has none."""
        own = self.example.program.definitions.get(line.lhs.name)
        pieces = self.pieces(own) if own else []
        return " ".join(f"{{}} {sign} {self.context.tex(found)}" for sign, found in pieces)

    def found(self, name: str) -> str:
        """The value of a tensor with its relation, as TeX."""
        sign, found = self.value(name)
        return f"{sign} {self.context.tex(found)}"

    def rows(self, line: Line) -> list[Row]:
        """A line as symbols = numbers = result, on as few rows as its width allows."""
        row, tex = row_of(self.context, line), self.context.tex
        parts = [(row.relation, row.right)]
        parts += [(sign, found) for sign, found in self.pieces(line) if tex(found) != row.sides[1]]
        rows: list[Row] = []
        left, limit = row.left, room(row.width(row.left), WIDTH)
        for relation, found in parts:
            if rows and row.width(rows[-1].right) + row.width(found) + 3 <= limit:
                last = rows[-1].right
                before = last if isinstance(last, Relations) else Relations((last,), ())
                both = Relations((*before.items, found), (*before.signs, relation))
                rows[-1] = replace(rows[-1], right=both)
            else:
                rows.append(Row(left, found, row.notation, relation=relation))
                left = None
        return rows

    def number(self, value: sp.Expr) -> tuple[str, str]:
        """A number within a sentence: "about" or "exactly", and its digits."""
        shown = self.style.number(value)
        digits = self.context.tex(shown.formula)
        return self.context.say("exactly" if shown.exact else "about"), digits

    def perturbation(self, name: str) -> str:
        """How the loss follows one entry of z: "" of others, and where nothing small shows it."""
        if self.context.tensor(name).kind != "pre-activation":
            return ""
        context, example = self.context, self.example
        slopes = example.values.array(context.sweep.names[name])
        at = max(range(len(slopes)), key=lambda k: abs(slopes[k]))
        slope, start = slopes[at], example.values.value("L", ())
        for by in CHANGES if slope else ():
            try:
                change = example.perturbed(name, (at,), by) - start
            except NoNumberError:
                continue
            if abs(change - by * slope) <= NEAR * abs(by * slope):
                break
        else:
            return ""
        about, text = self.number(abs(change))
        sub = (Number(str(at + 1)),)
        return context.say(
            "perturbed_rises" if change > 0 else "perturbed_falls",
            z=symbol_tex(context.notation, name, sub=sub),
            by=str(float(by)),
            about=about,
            change=text,
            delta=symbol_tex(context.notation, context.sweep.names[name], sub=sub, inline=True),
        )

    def after(self) -> str:
        """The loss after the step."""
        try:
            about, text = self.number(self.example.after())
        except NoNumberError:
            return self.context.say("numbers_far")
        return self.context.say("numbers_after", about=about, after=text)

    def origin(self) -> str:
        """Where the numbers come from, and what is true of those printed."""
        context, example = self.context, self.example
        drawn = context.say.listed(map(context.letter, example.drawn))
        seed = context.network.spec.model.seed
        parts = [context.say("numbers_drawn", names=drawn, seed=seed) if drawn else ""]
        parts.append("" if drawn else context.say("numbers_given"))
        parts.append(context.say("numbers_mask") if example.program.leaves_of("mask") else "")
        parts.append(context.say("numbers_rounded", digits=self.style.digits))
        return context.say("join_sentences").join(filter(None, parts))

    def leaves(self) -> list[Row]:
        """The numbers that the example starts from, a row a layer."""
        leaves = {t.name: t for t in self.example.program.leaves}
        constants = [n for n, t in leaves.items() if t.role == "hyperparameter"]
        parameters = [t.name for t in self.example.program.leaves_of("parameter")]
        layers = (
            list(own)
            for _, own in groupby(parameters, key=lambda name: self.context.tensor(name).layer)
        )
        return [self._listed(names) for names in (["x", "y"], *layers, constants)]

    def _listed(self, names: Sequence[str]) -> Row:
        letter, (first, *rest) = self.context.symbol, names
        relation, right = self.value(first)
        for name in rest:
            sign, found = self.value(name)
            right = Joined((right, Relations((letter(name), found), (sign,))), r", \quad ")
        return Row(letter(first), right, self.context.notation, relation=relation)


def _relation(exact: bool) -> str:
    return "=" if exact else r"\approx"


def with_numbers(sections: Iterable[Section], numbers: Numbers) -> tuple[Section, ...]:
    """The sections with the numbers beside their equations, and in the table of symbols.

    They are found by labels, which every equation has that is no line of a layer in general.
    """
    context, program = numbers.context, numbers.example.program
    lines = {context.label(line.lhs.name): line for line in program.lines}

    def row(row: Row) -> Row:
        line = lines.get(row.label or row.repeats)
        if line is None or row.also:
            return row
        source = line.lhs.wrt or ""
        if row.repeats and source:  # what was derived above, by its value
            return replace(row, numbers=f"{{}} {numbers.found(line.lhs.name)}")
        return replace(
            row, numbers=numbers.on_one_line(line), perturbation=numbers.perturbation(source)
        )

    def block(block: Block) -> Block:
        if isinstance(block, Table) and block.names:
            return replace(block, values=tuple(values.get(own[0], {}) for own in block.rows))
        return block

    values = _by_symbol(numbers)
    return tuple(section.rewritten(row).mapped(block) for section in sections)


def _by_symbol(numbers: Numbers) -> dict[str, dict[str, str]]:
    """Symbol of a layer in general -> its values, by layer."""
    context, found = numbers.context, dict[str, dict[str, str]]()
    for name in numbers.example.program.tensors:
        source = context.sources.get(name, name)
        layer = context.tensor(source).layer
        if layer is None or context.tensor(name).kind == "next":
            continue
        symbol = context.general(name, source)[0]
        found.setdefault(f"${symbol}$", {})[str(layer)] = numbers.found(name)
    return found
