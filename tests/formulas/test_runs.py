"""Formulas as the runs of a drawing: they say what the TeX says, read by the tests' own reader."""

from __future__ import annotations

from typing import Any

import pytest
from support.runs_of_tex import runs
from test_random_lines import drawn

from symnn.formulas.index import line_formulas
from symnn.formulas.matrix import NoMatrixFormError, matrix_formulas
from symnn.formulas.runs import text_of
from symnn.formulas.tree import Fraction, Glyph, Number, Power, Scripts, Sum, Symbol
from symnn.notation.books import AFFINE, LAYOUTS, NOTATIONS

L, b = Symbol("L"), Symbol("b")


def shown(f: Any) -> list[tuple[str, str, int]]:
    return [(run.text, run.font, run.level) for run in text_of(f, AFFINE).runs]


@pytest.mark.parametrize(
    ("letter", "want"),
    [
        (Symbol("A_1"), [("A", "italic", 0), ("1", "upright", -1)]),
        (Symbol("dz_10"), [("δ", "italic", 0), ("10", "upright", -1)]),
        (
            Scripts(Glyph(r"\mathbf{W}"), above=(Glyph("(2)"),)),
            [("W", "bold", 0), ("(2)", "upright", 1)],
        ),
        (
            Scripts(Glyph(r"\mathcal{A}"), (Glyph("k-1"),)),
            [("A", "script", 0), ("k", "italic", -1), ("−1", "upright", -1)],
        ),
        (
            Symbol("db", inline=False),
            [("∂", "upright", 0), ("L", "italic", 0), ("/∂", "upright", 0), ("b", "italic", 0)],
        ),
        (Glyph(r"\mathrm{act\_2}"), [("act_2", "upright", 0)]),
    ],
)
def test_symbols_are_readable_without_tex(letter: Any, want: list[tuple[str, str, int]]) -> None:
    assert shown(letter) == want


def test_an_accent_stands_over_its_letter() -> None:
    letter, below = text_of(Scripts(Glyph(r"\hat{y}"), (Number("1"),)), AFFINE).runs
    assert (letter.text, letter.mark, below.text) == ("y", "ˆ", "1")


def test_two_scripts_stand_above_each_other() -> None:
    f = Scripts(Glyph("W"), (Glyph("j,k"),), (Glyph("[l]"),))
    letter, below, above = text_of(f, AFFINE).runs
    assert (letter.text, below.text, above.text) == ("W", "j,k", "[l]")
    assert (below.level, above.level, above.stacked) == (-1, 1, True)


def test_a_script_within_a_script_is_one_of_it() -> None:
    letter, above, inner = text_of(Power(Glyph("e"), Symbol("z_1")), AFFINE).runs
    assert [(r.text, r.level, r.inner) for r in (letter, above, inner)] == [
        *(("e", 0, 0), ("z", 1, 0), ("1", 1, -1)),
    ]
    assert letter.scale > above.scale > inner.scale


def test_a_fraction_on_one_line_has_the_brackets_that_it_needs() -> None:
    total = Sum((Glyph("a"), Glyph("b")))
    assert (
        "".join(r.text for r in text_of(Fraction(total, total), AFFINE).runs) == "(a + b)/(a + b)"
    )


@pytest.mark.parametrize("bare", [False, True])
@pytest.mark.parametrize("notation", NOTATIONS.values(), ids=lambda n: n.name)
def test_random_lines_say_the_same_in_both_printers(notation: Any, bare: bool) -> None:
    compared = 0
    for line, program, _ in drawn(bare):
        bound = notation.of(program.tensors.values())
        forms = [line_formulas(line, bound)]
        for layout in LAYOUTS:
            try:
                forms.append(matrix_formulas(line, bound, layout))
            except NoMatrixFormError:
                continue
        for f in (side for sides in forms for side in sides):
            text = text_of(f, bound)
            assert list(text.runs) == runs(text.tex.strip("$")), text.tex
            compared += 1
    assert compared > 300, compared
