"""The tutorial: its sections in order, and its small networks read off their derivations."""

from __future__ import annotations

import functools
import shutil

import numpy as np
import pytest

import symnn
from symnn.api import Derivation
from symnn.derivation.sweeps import scalar_line, scalars
from symnn.engine.evaluate import evaluate
from symnn.formats import pdf
from symnn.formats.html import html
from symnn.formats.latex import document
from symnn.notation.books import LAYOUTS, NOTATIONS
from symnn.notes.document import Equations, Paragraph, Row
from symnn.notes.options import NotesOptions
from symnn.notes.sections.tutorial import logistic_regression
from symnn.notes.tell import tell
from symnn.spec.sources import example_names

FIRST = [
    "A layer",
    "The activation, and the network as one function",
    "The smallest network: logistic regression",
    "The loss",
    "Why step against the gradient",
    "The chain rule",
    "The network",
    "The loss of this network",
    "The gradients, by the chain rule",
    "The gradient of the loss",
]


@functools.cache
def derived(name: str) -> Derivation:
    return symnn.load(name).derive()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", example_names())
def test_the_sections_stand_in_order_and_open_with_a_sentence(name: str, layout: str) -> None:
    notes = tell(derived(name), NotesOptions(story="tutorial", layout=layout))
    many = ["From one sample to $N$"] if layout == "sample" else []
    titles = [section.title for section in notes.sections]
    plain = not derived(name).network.optimizer.states
    want = [*FIRST, *many, "Gradient descent" if plain else "The update"]
    assert titles[: len(want)] == want
    assert all(isinstance(section.blocks[0], Paragraph) for section in notes.sections)


def test_from_the_network_on_both_stories_are_one() -> None:
    reference = tell(derived("xor"))
    tutorial = tell(derived("xor"), NotesOptions(story="tutorial", figures=False))
    kept = {s.title: s for s in tutorial.sections}
    for title in ("The gradient of the loss", "From one sample to $N$"):
        own = next(s for s in reference.sections if s.title == title)
        blocks = [b for b in own.blocks if isinstance(b, Equations)]
        assert blocks == [b for b in kept[title].blocks if isinstance(b, Equations)]
    answer = {"detail": "answer", "story": "tutorial"}
    assert tell(derived("xor"), NotesOptions(**answer)) == tell(
        derived("xor"), NotesOptions(detail="answer")
    )


@pytest.mark.parametrize("notation", NOTATIONS)
def test_logistic_regression_is_derived_in_scalars(notation: str) -> None:
    notes = tell(derived("xor"), NotesOptions(story="tutorial", notation=notation))
    section = notes.sections[2]
    rows = [row for b in section.blocks if isinstance(b, Equations) for row in b.rows]
    assert [row.checked for row in rows] == [False] * 3 + [True] * (len(rows) - 3)
    assert not any(r"\sum" in row.sides[1] or r"\top" in row.sides[1] for row in rows)
    results = [row.sides[1] for row in rows if row.result]
    assert any(right.endswith("- y") or right.endswith("- {y}") for right in results)


def test_scalars_have_the_values_of_the_network() -> None:
    plain = logistic_regression().sample
    bare = scalars(plain)
    leaves = {t.name: 0.3 + 0.2 * k for k, t in enumerate(bare.forward.leaves)}
    shaped = {t.name: np.full([1] * len(t.axes), leaves[t.name]) for t in plain.forward.leaves}
    values, want = evaluate(bare.program, leaves), evaluate(plain.program, shaped)
    assert values.keys() == want.keys()
    for name, value in values.items():
        assert np.allclose(value, want[name].reshape(())), name
    with pytest.raises(ValueError, match="not a scalar"):
        scalar_line(symnn.load("xor").sample_program.lines[0])


def written_out(notation: str) -> Row:
    section = tell(derived("xor"), NotesOptions(story="tutorial", notation=notation)).sections[0]
    return [b for b in section.blocks if isinstance(b, Equations)][-1].rows[0]


def test_a_layer_is_written_out_by_its_entries() -> None:
    assert r"\begin{pmatrix}A_{11} & A_{12} & A_{13} \\ A_{21}" in written_out("affine").sides[1]
    assert r"\begin{pmatrix}W_{11} & W_{12}" in written_out("d2l").sides[1]


def test_it_ends_in_numbers_where_they_can_be_printed_and_in_the_code() -> None:
    def titles(name: str, **options: str | bool) -> list[str]:
        return [
            s.title for s in tell(derived(name), NotesOptions(story="tutorial", **options)).sections
        ]

    worked = "The same with numbers"
    assert titles("xor")[-3:] == ["Gradient descent", worked, "Equation and code"]
    assert titles("xor", code=False)[-1] == worked
    assert "Equation and code" not in titles("xor", detail="answer")
    assert worked in titles("logistic_regression", layout="rows")
    assert worked not in titles("digits") and worked in titles("digits", numbers="pencil")
    assert worked not in titles("xor", numbers="none")
    shown, asked = (
        tell(derived("xor"), NotesOptions(story="tutorial", numbers=n)) for n in (None, "decimal")
    )
    assert shown == asked


def test_a_spec_and_the_page_can_ask_for_it() -> None:
    spec = {
        "model": {"inputs": 2},
        "layers": [{"type": "dense", "units": 1}],
        "loss": {"name": "sse"},
        "notes": {"story": "tutorial"},
    }
    assert symnn.load(spec).spec.notes.story == "tutorial"
    with pytest.raises(ValueError, match="unknown story 'x'; known: reference, tutorial"):
        tell(derived("xor"), NotesOptions(story="x"))
    assert html(derived("xor"), NotesOptions(story="tutorial")).count("A layer is a matrix") == 2


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
@pytest.mark.parametrize("notation", ["affine", "d2l", "cs231n"])
def test_it_compiles(notation: str) -> None:
    options = {"notation": notation, "detail": "full", "method": "differential"}
    text = document(derived("digits"), NotesOptions(story="tutorial", **options))
    assert pdf.compile_pdf(text).startswith(b"%PDF")
