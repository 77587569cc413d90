"""Index form stands in the place of matrix form, in all that is printed, where there is none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from support.latex_grammar import SAMPLES, indexed

import symnn
from symnn.engine.complex_step import draw
from symnn.engine.evaluate import evaluate
from symnn.engine.ir import SAMPLES as N
from symnn.engine.ir import Tensor, axis
from symnn.formats.registry import FORMATS
from symnn.formulas.matrix import MatrixWriter, NoMatrixFormError
from symnn.formulas.numbers import matrix
from symnn.formulas.shapes import tensor_shape, times
from symnn.formulas.tex import Printer
from symnn.formulas.tree import Number
from symnn.language.options import DETAILS, METHODS
from symnn.notation.books import AFFINE, LAYOUTS, NOTATIONS
from symnn.notes.context import Context
from symnn.notes.document import Row
from symnn.notes.options import NotesOptions
from symnn.notes.rows import row_of
from symnn.notes.tell import tell


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No line has a matrix form."""

    def refuse(self: MatrixWriter, line: Any) -> Any:
        raise NoMatrixFormError(str(line))

    monkeypatch.setattr(MatrixWriter, "line", refuse)
    monkeypatch.setattr(MatrixWriter, "term", refuse)
    yield
    monkeypatch.undo()


def network(loss: str = "cross_entropy", depth: int = 1, l2: float = 0.1) -> symnn.Network:
    layers = [symnn.Dense(3, "tanh"), symnn.Dropout(0.5)] + [symnn.Dense(3, "tanh")] * depth
    layers.append(symnn.Dense(2, "softmax" if loss == "cross_entropy" else "linear"))
    return symnn.Network(inputs=2, layers=layers, loss={"name": loss, "l2": l2})


@pytest.mark.usefixtures("refused")
@pytest.mark.parametrize("loss", ["cross_entropy", "sse", "mse", "norm", "huber"])
def test_every_line_is_told_by_entries_and_is_true(loss: str) -> None:
    d = network(loss).derive()
    for layout in ("sample", "columns"):
        told = Context(d, AFFINE, layout, "full", "en")
        program = told.sweep.objective.extend(told.sweep.raw)
        arrays = evaluate(program, draw(program, np.random.default_rng(2), {"N": SAMPLES}))
        for line in (*told.sweep.forward.lines, *(s.after for s in told.sweep.steps)):
            row = row_of(told, line)
            right = row.sides[1]
            found = indexed(right, line, program.tensors.values(), arrays, told.notation)
            want = arrays[line.lhs.name]
            assert np.allclose(found, want, rtol=1e-6, atol=1e-8), f"{line}\n{right}"
            assert row.shape == ""


@pytest.mark.usefixtures("refused")
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("method", METHODS)
def test_the_notes_hold_no_matrix_form(method: str, layout: str) -> None:
    for net, details in ((network(), DETAILS), (network("sse", 6), DETAILS[:1])):
        d = net.derive()
        for detail in details:
            notes = tell(
                d, NotesOptions(layout=layout, detail=detail, method=method, numbers="decimal")
            )
            told = {row.label: row for row in notes.rows() if row.label}
            assert r"\sum_" in told["z-2"].sides[1] and r"\sum_" in told["loss"].sides[1]
            assert "F" not in told and not any(map(in_matrices, notes.rows()))
            if layout == "sample":
                assert r"\sum_{n=1}^{N}" in told["samples-A-2"].sides[1]


def in_matrices(row: Row) -> bool:
    """Whether a row has a sign that index form lacks; numbers, and what is no line, may."""
    named = row.label not in ("", "gradient") and r"\begin" not in row.sides[1]
    return named and any(
        sign in row.sides[1] for sign in (r"\odot", r"\top", r"\mathbf{1}", "Vert")
    )


@pytest.mark.usefixtures("refused")
@pytest.mark.parametrize("kind", [k for k in FORMATS if k != "pdf"])
def test_every_format_prints_what_has_no_matrix_form(kind: str) -> None:
    assert FORMATS[kind].printed(network().derive(), NotesOptions())


@pytest.mark.usefixtures("refused")
@pytest.mark.parametrize("notation", NOTATIONS)
def test_every_notation_prints_what_has_no_matrix_form(notation: str) -> None:
    for language in ("en", "zh"):
        notes = tell(network("mse").derive(), NotesOptions(notation=notation, language=language))
        assert not any(map(in_matrices, notes.rows()))


def test_a_tensor_with_three_axes_has_its_sizes_and_a_matrix_for_each_of_the_first() -> None:
    t = Tensor("K", (axis("n", N), axis("j1", 4, "units", 1), axis("t", 3)))
    assert times(tensor_shape(t, AFFINE, "rows")) == r"N{\times}n_{1}{\times}3"
    entries = np.array([Number(str(k)) for k in range(1, 9)], dtype=object).reshape(2, 2, 2)
    tex = Printer(AFFINE).tex
    first, second = (tex(matrix(part)) for part in entries)
    assert first == r"\begin{pmatrix}1 & 2 \\ 3 & 4\end{pmatrix}"
    assert tex(matrix(entries)) == rf"\left( {first}, {second} \right)"
