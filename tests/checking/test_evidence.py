"""Ticks: a line has one only if it was evaluated itself, and held."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sympy as sp

import symnn
from symnn.api import Derivation
from symnn.checking.evidence import LARGE, evidence, narrow
from symnn.engine.ir import Line, Term
from symnn.formats.html import html
from symnn.formats.latex import document
from symnn.formats.markdown import github
from symnn.formulas.index import line_sides
from symnn.formulas.tree import MUL, Formula, Number, Product, within
from symnn.language.options import DETAILS
from symnn.notation.books import AFFINE, LAYOUTS
from symnn.notes import rows as notes_rows
from symnn.notes.context import Context
from symnn.notes.document import Document, Equations, Paragraph, Row
from symnn.notes.options import NotesOptions
from symnn.notes.rows import row_of
from symnn.notes.tell import tell
from symnn.spec.sources import example_names


def rows(notes: Document) -> list[Row]:
    blocks = [b for section in notes.sections for b in section.blocks]
    return [row for block in blocks if isinstance(block, Equations) for row in block.rows]


def ticks(notes: Document) -> list[bool]:
    return [row.checked for row in rows(notes)]


def notes_of(notes: Document) -> list[str]:
    blocks = [b for section in notes.sections for b in section.blocks]
    return [b.text for b in blocks if isinstance(b, Paragraph) and b.small]


def spoiled(d: Derivation, at: int, factor: str) -> Line:
    """The line after a step of the sweep over one sample, made wrong."""
    sweep = d.sample
    step = sweep.steps[at]
    terms = tuple(Term(sp.Rational(factor) * t.f, t.over, t.reduce) for t in step.after.terms)
    wrong = replace(step.after, terms=terms)
    steps = (*sweep.steps[:at], replace(step, after=wrong), *sweep.steps[at + 1 :])
    d.__dict__["sample"] = replace(sweep, steps=steps)
    return wrong


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_a_wide_line_without_shape_and_tick_takes_one_line(tmp_path: Path) -> None:
    start = document(symnn.load("xor").derive(), NotesOptions(figures=False)).partition(
        "\\begin{document}"
    )[0]
    text = start + r"\begin{document}"
    for remark in ("{}{}", "{a reason}{}", "{}{$1$}"):
        text += rf"\setbox0\vbox{{\derivationline{{z}}{{\hspace{{8cm}}$x$}}{{{remark}}}{{}}}}"
        text += r"\typeout{height \the\ht0 .}"
    (tmp_path / "notes.tex").write_text(text + r"\end{document}", encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "notes.tex"]
    done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
    bare, *more = map(float, re.findall(r"height ([\d.]+)pt", done.stdout))
    assert len(more) == 2 and all(height > bare + 5 for height in more)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", example_names())
def test_every_step_of_every_example_has_a_tick(name: str, layout: str) -> None:
    d = symnn.load(name).derive()
    for detail in ("textbook", "full"):
        notes = tell(d, NotesOptions(detail=detail, layout=layout))
        section = next(s for s in notes.sections if "chain rule" in s.title)
        shown = [r for b in section.blocks if isinstance(b, Equations) for r in b.rows]
        assert shown and all(row.checked for row in shown)
        assert len(notes_of(notes)) == 1


def test_the_shortest_notes_and_fragments_have_none() -> None:
    d = symnn.load("xor").derive()
    answer = tell(d, NotesOptions(detail=DETAILS[0]))
    assert not any(ticks(answer)) and not notes_of(answer)
    assert not any(row.shape for row in rows(answer))
    assert "checkmark" not in d.latex(detail="full")


@pytest.mark.parametrize("factor", ["1001/1000", "-1"])
def test_a_wrong_line_loses_its_tick_and_no_other_does(factor: str) -> None:
    whole = {
        row.sides[1] for row in rows(tell(symnn.load("xor").derive(), NotesOptions(detail="full")))
    }
    told = Context(symnn.load("xor").derive(), AFFINE, "sample", "full", "en")
    seen = 0
    for at in range(len(told.sweep.steps)):
        d = symnn.load("xor").derive()
        wrong = spoiled(d, at, factor)
        if wrong.lhs.wrt in ("L", None):
            continue
        assert evidence(d, "sample").error(wrong) is None
        forms = row_of(told, wrong).sides, line_sides(wrong, told.notation)
        texts = {right for _, right in forms} - whole
        steps = [row for row in rows(tell(d, NotesOptions(detail="full"))) if row.reason]
        assert not any(row.checked for row in steps if row.sides[1] in texts)
        for row in steps:
            seen += row.sides[1] in texts
        others = [
            row
            for row in steps
            if row.sides[1] in whole and row.shape and "partial" in row.sides[0]
        ]
        assert others and all(row.checked for row in others if row.sides[1] not in texts)
    assert seen > 10


def test_a_large_network_is_evaluated_with_fewer_units() -> None:
    layers = [symnn.Dense(300, "relu"), symnn.Dropout(0.5), symnn.Dense(10, "softmax")]
    net = symnn.Network(inputs=784, layers=layers, loss="cross_entropy")
    assert sum(a * (b or 1) for a, b in ((784, 300), (300, 10))) > LARGE
    derivation = net.derive()
    tensors = narrow(derivation.sample).forward.tensors
    assert [tensors[n].axes[0].size for n in ("x", "z_1", "z_2", "y")] == [6, 6, 10, 10]
    notes = tell(derivation)
    assert any(ticks(notes)) and "at most $6$" in notes_of(notes)[0]


def test_every_format_prints_shapes_and_ticks() -> None:
    d = symnn.load("xor").derive()
    shape = r"n_{1}{\times}n_{2} \cdot n_{2}{\times}1"
    for text, tick in ((document(d), r"\tick"), (html(d), "✓"), (github(d), r"\ \checkmark")):
        assert shape in text and text.count(tick) > 5


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("form", ["matrix_formulas", "line_formulas"])
def test_a_right_line_that_is_printed_wrong_has_no_tick(
    form: str, layout: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    d, printed = symnn.load("norm_loss").derive(), getattr(notes_rows, form)

    def wrong(*given: Any) -> tuple[Formula, Formula]:
        left, right = printed(*given)
        return left, Product((Number("1.001"), within(right, MUL)))

    options = NotesOptions(layout=layout, detail="full")
    before = ticks(tell(d, options))
    monkeypatch.setattr(notes_rows, form, wrong)
    notes = tell(d, options)
    assert any(before) and any("1.001" in row.sides[1] for row in rows(notes))
    assert not [row for row in rows(notes) if row.checked and "1.001" in row.sides[1]]
    assert sum(ticks(notes)) < sum(before)
