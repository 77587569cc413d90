"""What is said beside the equations: three accounts of each transpose, and they are true."""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Callable

import numpy as np
import pytest
from support.latex_grammar import FUNCTIONS, applied_tex, read, slope
from test_latex import SAMPLES, matrix

import symnn
from symnn.api import Derivation
from symnn.engine.evaluate import evaluate
from symnn.formats.html import html
from symnn.formats.latex import document
from symnn.formats.markdown import github
from symnn.formulas.tex import symbol_tex
from symnn.notation.books import LAYOUTS, NOTATIONS
from symnn.notes.context import Context
from symnn.notes.document import Box, Document, Paragraph
from symnn.notes.options import NotesOptions
from symnn.notes.rows import groups
from symnn.notes.tell import tell
from symnn.notes.transposes import why_transposed
from symnn.spec.sources import example_names


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
        found = boxes(tell(derived(name), NotesOptions(detail=detail, layout=layout)))
        deep = len(derived(name).network.layers) > 1
        assert len(found) == (2 if deep else 1)
        assert all(len(box.texts) == 3 for box in found)
    assert not boxes(tell(derived(name), NotesOptions(detail="answer")))


class Point:
    """Random numbers for the letters of a derivation, and for a change of each of them."""

    def __init__(self, context: Context) -> None:
        self.context, rng = context, np.random.default_rng(3)
        self.program = context.sweep.objective.extend(context.sweep.raw)
        sizes = {"n": SAMPLES}
        self.leaves = {
            t.name: rng.uniform(0.2, 1, [sizes.get(a.name, a.size) for a in t.axes])
            for t in self.program.leaves
        }
        self.arrays = evaluate(self.program, self.leaves, {"N": SAMPLES})
        self.changes = {n: rng.normal(size=np.shape(a)) for n, a in self.arrays.items()}
        self.symbols = {context.notation.count: np.full((1, 1), float(SAMPLES))}
        for t in self.program.tensors.values():
            batch = len(t.axes) > 1 and any(a.name == "n" for a in t.axes)
            value, change = (
                matrix(t, table[t.name], context.notation, context.layout)
                for table in (self.arrays, self.changes)
            )
            for inline in (False, True):
                symbol = symbol_tex(context.notation, t.name, batch=batch, inline=inline)
                self.symbols[symbol] = value
                self.symbols[rf"\mathrm{{d}} {symbol}"] = change
            turned = symbol_tex(context.notation, t.name, batch=batch, transposed=True)
            self.symbols[turned] = value.T

    def value(self, text: str) -> float:
        """A sum of pairings."""
        text, total = plain(text), 0.0
        pairs = re.findall(r"\\langle (.*?), (.*?) \\rangle", text)
        assert text == " + ".join(rf"\langle {u}, {v} \rangle" for u, v in pairs), text
        for pair in pairs:
            read = itertools.product(*(self.read(side) for side in pair))
            fits = [(u, v) for u, v in read if u.shape == v.shape]
            assert fits, text
            total += float((fits[0][0] * fits[0][1]).sum())
        return total

    def read(self, text: str) -> list[np.ndarray]:
        """The values of a formula, for all lengths of its columns of ones that fit."""
        found = []
        for ones in itertools.product((2, 3, 4, SAMPLES), repeat=text.count(r"\mathbf{1}")):
            try:
                found.append(read(text, self.symbols, ones, functions(self.context)))
            except (AssertionError, ValueError):
                continue
        assert found, text
        return found


def plain(text: str) -> str:
    """Pairings in brackets of one size."""
    return text.replace(r"\left\langle", r"\langle").replace(r"\right\rangle", r"\rangle")


def functions(context: Context) -> dict[str, Callable[..., np.ndarray]]:
    """The activations by the letters that the notation gives them."""
    found = {}
    for name, f in context.activations.items():
        for order in range(2):
            key = applied_tex(context.notation, f.row, "z" + name[1:], order)
            found[key] = slope(FUNCTIONS[f.row.tex], order)
    return found


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("notation", NOTATIONS)
def test_the_account_by_differentials_is_true(notation: str, layout: str) -> None:
    context = Context(small(), NOTATIONS[notation], layout, "full", "en")
    point, seen = Point(context), 0
    for group in groups(context):
        found = why_transposed(context, group)
        if found is not None:
            text = plain(found[1].texts[1])
            pairs = re.findall(r"\\langle .*? \\rangle", text)
            assert len(pairs) == 4, found
            assert np.isclose(point.value(pairs[1]), point.value(pairs[2])), found
            seen += 1
    assert seen


def test_there_is_no_box_where_nothing_is_transposed() -> None:
    context = Context(small(), NOTATIONS["affine"], "rows", "full", "en")
    every = [why_transposed(context, group) for group in groups(context)]
    # in rows the error is printed without one
    assert {found[0] for found in every if found} == {"weights"}


@pytest.mark.parametrize("name", example_names())
def test_every_error_and_the_cost_are_put_into_words(name: str) -> None:
    notes = tell(derived(name), NotesOptions(detail="full"))
    section = next(s for s in notes.sections if "chain rule" in s.title)
    said = [b.text for b in section.blocks if isinstance(b, Paragraph)]
    layers = [b for b in section.blocks if getattr(b, "text", "").startswith(("Layer", "Output"))]
    assert sum(text.startswith("In words:") for text in said) == len(layers)
    count = sum(int(np.prod(shape)) for shape in derived(name).network.parameters.values())
    assert f"${count:,}$".replace(",", r"\,") in said[-1]


def test_every_format_prints_the_boxes() -> None:
    title = r"Why the transpose in $A_{2}^{\top} \delta_{2}$?"
    d = derived("xor")
    assert title in document(d) and title in d.latex()
    hosted = title.replace("$A", "$`A").replace("}$", "}`$")
    assert f"> **{hosted}**" in github(d)
    assert html(d).count('<aside class="box">') == 4  # two levels of detail have them
