"""Every equation beside the statement that computes it."""

from __future__ import annotations

import re

import pytest

import symnn
from symnn.formats.html import html
from symnn.formats.latex import document
from symnn.formats.markdown import github
from symnn.formats.quarto import qmd
from symnn.language.options import DETAILS
from symnn.notation.books import NOTATIONS
from symnn.notes.labels import labelled
from symnn.notes.options import NotesOptions
from symnn.notes.tell import tell
from symnn.spec.sources import example_names


def squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text.replace("# fmt: skip", ""))


@pytest.mark.parametrize("name", example_names())
def test_every_code_is_a_statement_of_the_module(name: str) -> None:
    net = symnn.load(name)
    module = squeezed(net.generate())
    for detail in DETAILS:
        codes = {
            row.code.partition("  # ")[0]
            for row in tell(net.derive(), NotesOptions(detail=detail)).rows()
        }
        assert all(squeezed(code) in module for code in codes - {""})


def test_the_code_is_that_of_the_equation() -> None:
    found = {k: r.code for k, r in labelled(tell(symnn.load("xor").derive())).items()}
    assert found["z-2"] == "z_2 = a_1 @ A_2.T + b_2"
    assert found["A-1"] == found["samples-A-1"] == "dA_1 = dz_1.T @ x"
    assert found["delta-2"].startswith("dz_2 = ")
    deep = labelled(tell(symnn.load("deep").derive()))
    assert deep["delta-4"].code == "dz[k] = (dz[k + 1] @ A[k + 1]) * (1 - (a[k] ** 2))"
    assert [
        r.code for r in tell(symnn.load("deep").derive()).rows() if r.repeats == "delta-10"
    ] == [f"{deep['delta-4'].code}  # k = 10"] * 1
    assert deep["z-1"].code == "z[1] = x @ A[1].T + b[1]"


@pytest.mark.parametrize("name", example_names())
def test_forward_lines_and_gradients_of_parameters_have_code(name: str) -> None:
    net = symnn.load(name)
    found = labelled(tell(net.derive()))
    wanted = {p.replace("_", "-") for p in net.parameters} | {f"z-{p[2:]}" for p in net.parameters}
    assert all(found[label].code for label in wanted)


def test_differences_of_layout_are_said() -> None:
    d = symnn.load("digits").derive()
    sample = tell(d).remarks
    assert "one sample, a column" in sample
    assert "the stable form" in sample
    assert "its factor $1/N$" in sample
    rows = tell(d, NotesOptions(layout="rows")).remarks
    assert "there, too, a sample is a row" in rows
    assert "its factor" not in rows
    assert "transpose of $W_{1}$" not in rows
    cs231n = tell(d, NotesOptions(notation=NOTATIONS["cs231n"])).remarks
    assert "keeps the transpose of $W$" in cs231n


def test_the_code_stands_at_the_end_if_asked_for() -> None:
    d = symnn.load("digits").derive()
    assert "Equation and code" not in document(d) + github(d)
    text = document(d, NotesOptions(code=True))
    assert r"\beside{z_{1} = A_{1} x + b_{1}}{\texttt{z\_1\ =\ x\ @\ A\_1.T\ +\ b\_1}}" in text
    assert r"\below{L = " in text
    for printed in (github(d, NotesOptions(code=True)), qmd(d, NotesOptions(code=True))):
        assert "```python\nz_1 = x @ A_1.T + b_1\n```" in printed
    assert "Equation and code" not in html(d, NotesOptions(code=True))


def test_the_page_has_the_code_of_every_row() -> None:
    text = html(symnn.load("xor").derive())
    assert '<pre class="beside" data-beside="code"><code>dA_1 = dz_1.T @ x</code></pre>' in text
    assert 'data-shown="code" aria-pressed="false">Code</button>' in text
