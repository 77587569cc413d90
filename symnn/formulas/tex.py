"""Formulas as TeX: only what pdflatex, KaTeX in strict mode and MathJax all accept."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from symnn.formulas import tree
from symnn.formulas.printing import ABOVE, FormulaPrinter
from symnn.formulas.tree import Formula
from symnn.notation.notation import Notation


class Printer(FormulaPrinter[str]):
    """Prints formulas as TeX."""

    def tex(self, f: Formula) -> str:
        """A formula as TeX."""
        return self.printed(f)

    def both(self, left: Formula, right: Formula) -> tuple[str, str]:
        """Two sides as TeX."""
        return self.tex(left), self.tex(right)

    def row(self, *parts: Formula | str) -> str:
        return "".join(part if isinstance(part, str) else self.printed(part) for part in parts)

    def script(self, base: str, script: str, level: int, tight: bool = False) -> str:
        text = script.replace(" ", "") if tight else script
        return f"{base}{'^' if level == ABOVE else '_'}{{{text}}}"

    def fraction(self, f: tree.Fraction) -> str:
        if f.inline:
            return self.row(f.top, "/", f.bottom)
        top = tree.core(f.top)
        top = replace(top, inline=True) if isinstance(top, tree.Fraction) else f.top
        return rf"\frac{{{self.tex(top)}}}{{{self.tex(f.bottom)}}}"

    def root(self, f: tree.Root) -> str:
        return rf"\sqrt{{{self.tex(f.arg)}}}"

    def matrix(self, f: tree.Matrix) -> str:
        body = r" \\ ".join(" & ".join(map(self.tex, row)) for row in f.rows)
        return rf"\begin{{pmatrix}}{body}\end{{pmatrix}}"

    def cases(self, f: tree.Cases) -> str:
        body = r" \\ ".join(f"{self.tex(value)} & {self.tex(when)}" for value, when in f.rows)
        return rf"\begin{{cases}} {body} \end{{cases}}"


def symbol_tex(notation: Notation, name: str, **how: Any) -> str:
    """A tensor's symbol as TeX; how: the fields of a Symbol."""
    return Printer(notation).tex(tree.Symbol(name, **how))
