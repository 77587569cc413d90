"""The worked example: every line of the derivation as symbols = numbers = result.

The numbers are those of :mod:`symnn.notes.worked_example`; what is rounded stands after an
approximate sign.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import sympy as sp

from symnn.derivation.derivation import Derivation
from symnn.engine.exact import NoNumberError
from symnn.engine.ir import Line
from symnn.engine.repeats import layer_of
from symnn.formulas.breaking import room
from symnn.formulas.matrix import NoMatrixFormError
from symnn.formulas.numbers import Style, in_numbers, result
from symnn.formulas.tex import Printer
from symnn.formulas.width import visible
from symnn.notation.notation import Notation
from symnn.notes.document import Block, Builder, Row
from symnn.notes.equations import Equations, Group
from symnn.notes.legend import Legend
from symnn.notes.worked_example import LAYERS, UNITS, WorkedExample, small, worked_example

WIDTH = 66  # of a right side, in characters
NUDGES = (sp.Rational(1, 100), sp.Rational(1, 1000), sp.Rational(1, 10000))
NEAR = sp.Rational(1, 10)  # how far a nudge may be from the slope, in parts of it


@functools.lru_cache(maxsize=2)  # the levels of a page ask for the same one
def _example(derivation: Derivation, pencil: bool) -> WorkedExample | None:
    return worked_example(derivation, pencil) if small(derivation.network) else None


class Numbers:
    """The lines of one sample in numbers, in the letters and the orientation of a notation.

    eq: of one sample.
    """

    def __init__(self, eq: Equations, example: WorkedExample, style: Style) -> None:
        self.eq, self.example, self.style = eq, example, style

    @classmethod
    def of(cls, eq: Equations, style: str, digits: int) -> Numbers | None:
        """The numbers of a derivation in any layout; None where they cannot be printed.

        style: "decimal" or "pencil".  digits: of rounded numbers.
        """
        example = _example(eq.derivation, style == "pencil")
        if example is None:
            return None
        if eq.layout != "sample":
            eq = Equations(eq.derivation, eq.notation, "sample", eq.detail, eq.language)
        return cls(eq, example, Style(digits, style == "pencil"))

    # pieces ------------------------------------------------------------------------------

    def value(self, name: str) -> tuple[str, str]:
        """The relation and the value of a tensor."""
        tensor, array = self.example.program.tensors[name], self.example.values.array
        text, exact = result(tensor, self.eq.notation, array, self.style)
        return _relation(exact), text

    def pieces(self, line: Line) -> list[tuple[str, str]]:
        """What follows the symbols of a line: each a relation and numbers, the result last."""
        array = self.example.values.array
        value, exact = result(line.lhs, self.eq.notation, array, self.style)
        try:
            middle, known = in_numbers(line, self.eq.notation, array, self.style)
        except NoMatrixFormError:
            return [(_relation(exact), value)]
        if middle == value:
            return [(_relation(exact), value)]
        return [(_relation(known), middle), (_relation(known and exact), value)]

    def beside(self, line: Line) -> str:
        """The numbers of a line on one line, from the first relation on; "" if it has none."""
        own = self.example.program.definitions.get(line.lhs.name)
        return " ".join(f"{{}} {r} {t}" for r, t in self.pieces(own)) if own else ""

    def rows(self, line: Line) -> list[Row]:
        """A line as symbols = numbers = result, on as few rows as its width allows."""
        row = self.eq.row(line, self.eq.notation)
        parts = [(row.relation, row.right)]
        parts += [(sign, text) for sign, text in self.pieces(line) if text != row.right]
        rows: list[Row] = []
        left, limit = row.left, room(row.left, WIDTH)
        for relation, text in parts:
            if rows and visible(rows[-1].right) + visible(text) + 3 <= limit:
                last = rows[-1]
                rows[-1] = replace(last, right=f"{last.right} {relation} {text}")
            else:
                rows.append(Row(left, text, relation=relation))
                left = ""
        return rows

    # sentences ---------------------------------------------------------------------------

    def number(self, value: sp.Expr) -> tuple[str, str]:
        """A number within a sentence: "about" or "exactly", and its digits."""
        shown = self.style.number(value)
        return self.eq.say("exactly" if shown.exact else "about"), Printer(self.eq.notation).tex(
            shown.formula
        )

    def nudge(self, name: str) -> str:
        """How the loss follows one entry of z: "" where nothing small enough shows it."""
        eq, example = self.eq, self.example
        slopes = example.values.array(eq.sweep.names[name])
        at = max(range(len(slopes)), key=lambda k: abs(slopes[k]))
        slope, start = slopes[at], example.values.value("L", ())
        for by in NUDGES if slope else ():
            try:
                change = example.nudged(name, (at,), by) - start
            except NoNumberError:
                continue
            if abs(change - by * slope) <= NEAR * abs(by * slope):
                break
        else:
            return ""
        about, text = self.number(abs(change))
        sub = str(at + 1)
        return eq.say(
            "nudge_rises" if change > 0 else "nudge_falls",
            z=eq.notation.symbol(name, sub=sub),
            by=str(float(by)),
            about=about,
            change=text,
            delta=eq.notation.symbol(eq.sweep.names[name], sub=sub, inline=True),
        )

    def after(self) -> str:
        """The loss after the step."""
        try:
            about, text = self.number(self.example.after())
        except NoNumberError:
            return self.eq.say("numbers_far")
        return self.eq.say("numbers_after", about=about, after=text)

    def origin(self) -> str:
        """Where the numbers come from, and what is true of those printed."""
        eq, example = self.eq, self.example
        drawn = eq.say.listed(map(eq.letter, example.drawn))
        seed = eq.network.spec.model.seed
        parts = [eq.say("numbers_drawn", names=drawn, seed=seed) if drawn else ""]
        parts.append("" if drawn else eq.say("numbers_given"))
        parts.append(eq.say("numbers_mask") if example.program.leaves_of("mask") else "")
        parts.append(eq.say("numbers_rounded", digits=self.style.digits))
        return eq.say("join_sentences").join(filter(None, parts))

    def leaves(self) -> list[Row]:
        """The numbers that the example starts from, a row a layer."""
        leaves = {t.name: t for t in self.example.program.leaves}
        constants = [n for n, t in leaves.items() if t.role == "hyperparameter"]
        layers: dict[int | None, list[str]] = {}
        for t in self.example.program.leaves_of("parameter"):
            layers.setdefault(layer_of(t.name), []).append(t.name)
        return [self._listed(names) for names in (["x", "y"], *layers.values(), constants)]

    def _listed(self, names: Sequence[str]) -> Row:
        first, *rest = names
        relation, right = self.value(first)
        for name in rest:
            sign, text = self.value(name)
            right += rf", \quad {self.eq.letter(name)} {sign} {text}"
        return Row(self.eq.letter(first), right, relation=relation)


def _relation(exact: bool) -> str:
    return "=" if exact else r"\approx"


def worked(eq: Equations, style: str = "decimal", digits: int = 4) -> tuple[Block, ...]:
    """The worked example of a derivation: its numbers, every line, one update.

    style: "decimal" or "pencil".  Where the numbers cannot be printed, one sentence says so.
    """
    out, say = Builder(), eq.say
    numbers = Numbers.of(eq, style, digits)
    if numbers is None:
        few = small(eq.network)
        out.say(say("numbers_wild") if few else say("numbers_large", layers=LAYERS, units=UNITS))
        return tuple(out.blocks)
    program, example = numbers.example.program, numbers.example
    if eq.layout != "sample":
        out.say(say("numbers_one"))
    out.say(numbers.origin())
    out.show(*numbers.leaves())
    out.head(say("numbers_forward"))
    out.show(*(row for line in numbers.eq.forward.lines for row in numbers.rows(line)))
    out.head(say("numbers_backward"))
    rows: list[Row] = []
    for line in example.gradients:
        rows += numbers.rows(line)
        source = line.lhs.wrt or ""
        sentence = numbers.nudge(source) if source.startswith("z_") else ""
        if sentence:
            out.show(*rows)
            out.say(sentence)
            rows = []
    out.show(*rows)
    out.head(say("numbers_update"))
    out.show(
        *(row for line in example.updates for row in numbers.rows(program.line(line.lhs.name)))
    )
    out.say(numbers.after())
    return tuple(out.blocks)


class Numbered(Legend):
    """The equations and their legend, with the numbers beside each if there are any."""

    beside: Numbers | None = None

    def row(self, line: Line, notation: Notation, reason: str = "") -> Row:
        return self._numbered(super().row(line, notation, reason), line, notation)

    def derivation_rows(self, group: Group, notation: Notation) -> list[Row]:
        """As without numbers; they stand beside the last form."""
        rows = super().derivation_rows(group, notation)
        return [*rows[:-1], self._numbered(rows[-1], group.steps[-1].after, notation)]

    def folded_rows(self, lines: Sequence[Line]) -> list[Row]:
        """As without numbers; with them, every layer for itself, what was derived by its value."""
        if self.beside is None:
            return super().folded_rows(lines)
        rows = [self.row(line, self.notation) for line in lines]
        for k, line in enumerate(lines):
            if line.lhs.wrt and self.detail != "answer":
                value = " ".join(("{}", *self.beside.value(line.lhs.name)))
                rows[k] = replace(rows[k], numbers=value, nudge="")
        return rows

    def _numbered(self, row: Row, line: Line, notation: Notation) -> Row:
        if self.beside is None or notation is not self.notation:  # a layer in general has none
            return row
        source = line.lhs.wrt or ""
        nudge = self.beside.nudge(source) if source.startswith("z_") else ""
        return replace(row, numbers=self.beside.beside(line), nudge=nudge)

    def symbol_values(self, rows: Iterable[Sequence[str]]) -> list[Mapping[str, str]]:
        """The values of the symbols of the legend, by layer."""
        if self.beside is None:
            return []
        found: dict[str, dict[str, str]] = {}
        for name in self.beside.example.program.tensors:
            source = self.sweep_gradients.get(name, name)
            layer = layer_of(source)
            if layer is None or name.endswith("_next"):
                continue
            symbol = self.general(name, source)[0]
            found.setdefault(f"${symbol}$", {})[str(layer)] = " ".join(self.beside.value(name))
        return [found.get(row[0], {}) for row in rows]
