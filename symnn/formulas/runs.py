"""Formulas as Unicode text in runs: what SVG shows without TeX."""

from __future__ import annotations

from dataclasses import replace

from symnn.drawing.mathtext import SPACED, Run, Text, glyphs, merged
from symnn.formulas import tree
from symnn.formulas.printing import FormulaPrinter
from symnn.formulas.tex import Printer
from symnn.formulas.tree import MUL, POWER, Formula, core, within
from symnn.notation.notation import Notation


def text_of(f: Formula, notation: Notation) -> Text:
    """A formula as the text of a drawing."""
    return Text(f"${Printer(notation).tex(f)}$", merged(RunPrinter(notation).printed(f)))


class RunPrinter(FormulaPrinter[list[Run]]):
    """Prints formulas as runs, all on one line."""

    def row(self, *parts: Formula | str | list[Run]) -> list[Run]:
        found: list[Run] = []
        for part in parts:
            if isinstance(part, Formula):
                found += self.printed(part)
            elif isinstance(part, str):
                sign = part.strip()
                spaced = sign != part
                found += [_spaced(run) if spaced else run for run in glyphs(sign)]
            else:
                found += part
        return found

    def script(
        self, base: list[Run], script: list[Run], level: int, tight: bool = False
    ) -> list[Run]:
        """The second of two scripts stands above the first."""
        own, at = merged(run.script(level) for run in script), len(base)
        while at and base[at - 1].level == -level:
            at -= 1
        if at == len(base) or any(run.inner for run in (*base[at:], *own)):
            return [*base, *own]
        first, second = ("".join(run.text for run in runs) for runs in (base[at:], own))
        font = own[0].font
        return [*base[:at], Run(first, font, -level), Run(second, font, level, stacked=True)]

    def fraction(self, f: tree.Fraction) -> list[Run]:
        return self.row(within(core(f.top), MUL), "/", within(core(f.bottom), POWER))

    def root(self, f: tree.Root) -> list[Run]:
        return self.row("√(", f.arg, ")")


def _spaced(run: Run) -> Run:
    """A sign with the spaces that stand around it."""
    return replace(run, text=f" {run.text} ") if run.text in SPACED else run
