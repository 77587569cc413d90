"""What is said beside the equations: three accounts of each transpose, and they are true."""

from __future__ import annotations

import functools
import re

import numpy as np
import pytest
from latex_grammar import read
from test_latex import SAMPLES, matrix

import symnn
from symnn.derivation import Derivation
from symnn.document import Box, Document, Paragraph
from symnn.equations import Equations
from symnn.evaluate import evaluate
from symnn.explain import why_transposed
from symnn.notation import LAYOUTS, NOTATIONS
from symnn.notes import document, github, html
from symnn.sources import example_names
from symnn.story import tell


@functools.cache
def derived(name: str) -> Derivation:
    return symnn.load(name).derive()


@functools.cache
def small() -> Derivation:
    layers = [symnn.Dense(4, "tanh"), symnn.Dropout(0.5), symnn.Dense(3, "sigmoid")]
    return symnn.Network(inputs=2, layers=layers, loss={"name": "mse", "l2": 0.1}).derive()


def boxes(notes: Document) -> list[Box]:
    return [b for s in notes.sections for b in s.blocks if isinstance(b, Box)]


@pytest.mark.parametrize("name", example_names())
def test_each_kind_of_transpose_is_explained_once(name: str) -> None:
    for detail, layout in (("textbook", "sample"), ("full", "columns")):
        found = boxes(tell(derived(name), detail=detail, layout=layout))
        deep = len(derived(name).network.layers) > 1
        assert len(found) == (2 if deep else 1)
        assert all(len(box.texts) == 3 for box in found)
    assert not boxes(tell(derived(name), detail="answer"))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("notation", NOTATIONS)
def test_the_account_by_differentials_is_true(notation: str, layout: str) -> None:
    d = small()
    eq = Equations(d, NOTATIONS[notation], layout, "full", "en")
    rng = np.random.default_rng(3)
    program = eq.sweep.objective.extend(eq.sweep.raw)
    sizes = {"n": SAMPLES}
    leaves = {
        t.name: rng.uniform(0.2, 1, [sizes.get(a.name, a.size) for a in t.axes])
        for t in program.leaves
    }
    arrays = evaluate(program, leaves, {"N": SAMPLES})
    symbols = {eq.notation.count: np.full((1, 1), float(SAMPLES))}
    for t in program.tensors.values():
        batch = len(t.axes) > 1 and any(a.name == "n" for a in t.axes)
        value = matrix(t, arrays[t.name], eq.notation, layout)
        change = np.asarray(rng.normal(size=value.shape))
        for inline in (False, True):
            symbol = eq.notation.symbol(t.name, batch=batch, inline=inline)
            symbols[symbol] = value
            symbols[rf"\mathrm{{d}} {symbol}"] = change
        symbols[eq.notation.symbol(t.name, batch=batch, transposed=True)] = value.T
    seen = 0
    for group in eq.groups():
        found = why_transposed(eq, group, eq.notation)
        if found is None:
            continue
        pairs = re.findall(r"\\langle (.*?), (.*?) \\rangle", found[1].texts[1])[1:-1]
        assert len(pairs) == 2, found
        values = [[read(text, symbols, ()) for text in pair] for pair in pairs]
        assert all(u.shape == v.shape for u, v in values)
        left, right = [(u * v).sum() for u, v in values]
        assert np.isclose(left, right), found
        seen += 1
    assert seen or layout == "rows"


def test_there_is_no_box_where_nothing_is_transposed() -> None:
    eq = Equations(small(), NOTATIONS["affine"], "rows", "full", "en")
    told = [found[0] for g in eq.groups() if (found := why_transposed(eq, g, eq.notation))]
    assert set(told) == {"weights"}  # in rows the error is printed without one


@pytest.mark.parametrize("name", example_names())
def test_every_error_and_the_cost_are_put_into_words(name: str) -> None:
    notes = tell(derived(name), detail="full")
    section = next(s for s in notes.sections if "chain rule" in s.title)
    said = [b.text for b in section.blocks if isinstance(b, Paragraph)]
    layers = [b for b in section.blocks if getattr(b, "text", "").startswith(("Layer", "Output"))]
    assert sum(text.startswith("In words:") for text in said) == len(layers)
    count = sum(int(np.prod(shape)) for shape in derived(name).network.parameters.values())
    assert f"${count:,}$".replace(",", r"\,") in said[-1]


def test_every_format_prints_the_boxes() -> None:
    title = r"Why the transpose in $A_{2}^{\top} \delta_{2}$?"
    d = derived("xor")
    assert title in document(d) and title in d.latex() and f"> **{title}**" in github(d)
    assert html(d).count('<aside class="box">') == 4  # two levels of detail have them
