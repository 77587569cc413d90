"""The network of n layers: what is printed of it holds for networks of 2, 3 and 5 layers."""

from __future__ import annotations

import functools
import re
from typing import Any

import numpy as np
import pytest
from support.latex_grammar import read
from test_latex import matrix

import symnn
from symnn.api import Derivation
from symnn.derivation.any_depth import PLAIN, general
from symnn.engine.evaluate import evaluate
from symnn.formats.html import html
from symnn.formulas.tex import symbol_tex
from symnn.io.errors import SpecError
from symnn.language.chinese import CHINESE
from symnn.notation.books import LAYOUTS, NOTATIONS
from symnn.notes.context import Context
from symnn.notes.document import Equations, Heading, Paragraph
from symnn.notes.options import NotesOptions
from symnn.notes.tell import tell

KINDS = {
    "tanh": ("tanh", "sigmoid", {"name": "mse", "l2": 0.3}),
    "relu": ("relu", "softmax", {"name": "cross_entropy"}),
    "linear": ("linear", "linear", {"name": "sse", "l2": 0.2}),
}
SPAN = re.compile(r"k = ([^,$]+), \\ldots, ([^$]+)\$")


def network(kind: str, layers: int) -> symnn.Network:
    hidden, last, loss = KINDS[kind]
    inner = [symnn.Dense(4 + k, hidden) for k in range(layers - 1)]
    return symnn.Network(inputs=3, layers=[*inner, symnn.Dense(3, last)], loss=loss)


@functools.cache
def derived(kind: str) -> Derivation:
    return general(network(kind, 3)).derive()


def rows(kind: str, detail: str) -> list[tuple[str, str, str, str]]:
    """left, right and the two ends of k ("" for a line of one layer) of every gradient."""
    notes = tell(derived(kind), NotesOptions(detail=detail, figures=False))
    wanted = ("The gradients, by the chain rule", "The gradient of the loss")
    found = []
    for section in (s for s in notes.sections if s.title in wanted):
        first = last = left = ""
        for block in section.blocks:
            if isinstance(block, Heading):
                span = SPAN.search(block.text)
                first, last = span.groups() if span else ("", "")
            if not isinstance(block, Equations):
                continue
            for row in block.rows:
                left = row.sides[0] or left
                span = SPAN.search(row.reason)
                ends = span.groups() if span else (first, last)
                if ends[0] or "k" not in left:
                    found.append((left, row.sides[1], *ends))
    return found


def number(text: str, n: int) -> int:
    base, _, less = text.partition("-")
    return (n if base == "n" else int(base)) - int(less or 0)


def instantiated(text: str, n: int, k: int | None) -> str:
    """The formula with the numbers of the layers in place of n and k."""
    for letter, value in (("n", n), ("k", k)):
        if value is not None:
            text = re.sub(
                rf"_\{{{letter}([-+]1)?\}}",
                lambda m, v=value: f"_{{{v + int(m[1] or 0)}}}",
                text,
            )
    return text


@pytest.mark.parametrize("n", [2, 3, 5])
@pytest.mark.parametrize("kind", KINDS)
def test_every_line_holds_for_networks_of_n_layers(kind: str, n: int) -> None:
    own = network(kind, n).derive()
    context = Context(own, NOTATIONS["affine"], "sample", "full", "en")
    rng = np.random.default_rng(n)
    program = context.sweep.objective.extend(context.sweep.raw)
    values: dict[str, Any] = {
        t.name: rng.uniform(0.2, 1.0, [a.size for a in t.axes]) for t in program.leaves
    }
    if program.facts:
        values["y"] /= values["y"].sum()
    arrays = evaluate(program, values)
    symbols = {"n_{n}": np.full((1, 1), 3.0)}
    for t in program.tensors.values():
        value = matrix(t, arrays[t.name], context.notation, "sample")
        for turned in (False, True) if t.axes else (False,):
            key = symbol_tex(context.notation, t.name, transposed=turned)
            symbols[key] = value.T if turned else value
    symbols[f"n_{{{n}}}"] = symbols["n_{n}"]
    printed = set()
    for left, right, first, last in rows(kind, "textbook"):
        if "nabla" in left:
            continue
        ends = sorted((number(first, n), number(last, n))) if first else (0, 0)
        if first and number(first, n) < number(last, n) and "n" in first:
            continue  # n - 1, ..., 2 holds no layer if n is 2
        for k in range(ends[0], ends[1] + 1):
            texts = [instantiated(text, n, k or None) for text in (left, right)]
            count = texts[1].count(r"\mathbf{1}")
            want, found = symbols[texts[0]], read(texts[1], symbols, [3] * count)
            assert np.allclose(found, want, rtol=1e-6), f"{left} = {right} for k = {k}"
            printed.add(texts[0])
    parameters = own.network.parameters
    assert {symbol_tex(context.notation, own.sample.names[name]) for name in parameters} <= printed


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("notation", NOTATIONS)
def test_nothing_says_how_many_layers_are_written_once(notation: str, layout: str) -> None:
    for kind in KINDS:
        for options in ({"method": "differential"}, {"story": "tutorial"}):
            notes = tell(
                derived(kind),
                NotesOptions(notation=notation, layout=layout, detail="full", **options),
            )
            texts = [
                text
                for section in notes.sections
                for block in section.blocks
                for text in (
                    [f"{row.sides[0]} {row.sides[1]} {row.shape}" for row in block.rows]
                    if isinstance(block, Equations)
                    else [block.text]
                    if isinstance(block, Paragraph) and not block.small
                    else []
                )
            ]
            assert texts and not re.search("[56]", " ".join(texts))


def test_lines_have_ticks_and_the_page_opens() -> None:
    for kind in KINDS:
        notes = tell(derived(kind), NotesOptions(detail="full"))
        section = next(s for s in notes.sections if "chain rule" in s.title)
        shown = [r for b in section.blocks if isinstance(b, Equations) for r in b.rows]
        assert shown and all(row.checked for row in shown)
    assert "holds for every" in html(derived("tanh"))


def test_a_network_that_has_no_general_form_is_an_error() -> None:
    with pytest.raises(SpecError, match="not a letter: '3'"):
        general(network("tanh", 3), "3")
    mixed = [symnn.Dense(2, "tanh"), symnn.Dense(2, "relu"), symnn.Dense(1)]
    dropped = [symnn.Dense(2, "tanh"), symnn.Dropout(0.5), symnn.Dense(1)]
    for layers in (mixed, dropped, [symnn.Dense(1)]):
        with pytest.raises(SpecError, match="the hidden layers must be dense, with one activation"):
            general(symnn.Network(inputs=1, layers=layers, loss="sse"))


def test_numbers_need_a_number_of_layers() -> None:
    spec = {**PLAIN, "notes": {"numbers": "pencil"}}
    with pytest.raises(SpecError, match="need a number of layers; write --numbers none"):
        general(symnn.load(spec))
    d = general(symnn.load({**PLAIN, "notes": {"numbers": "none"}})).derive()
    assert tell(d, NotesOptions(language="zh")).title == CHINESE["general_title"]
    with pytest.raises(ValueError, match="need a number of layers"):
        tell(d, NotesOptions(numbers="decimal"))
    page = html(d, NotesOptions(story="tutorial"))
    assert 'data-values="numbers"' not in page and "The same with numbers" not in page


def test_the_penalties_of_many_layers_are_one_sum() -> None:
    sums = r"\frac{\lambda}{2} \sum_{k=1}^{%s} \lVert A_{k} \rVert_{F}^{2}"
    assert derived("tanh").latex().count(sums % "n") == 2
    deep = network("tanh", 7).derive().latex()
    assert deep.count(sums % "7") == 2 and r"\lVert A_{1} \rVert" not in deep
    assert r"\lVert A_{1} \rVert" in network("tanh", 2).derive().latex()
