"""The derivation by differentials: every line of it is true, in every notation and layout."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from test_explain import Point

import symnn
from symnn.api import Derivation
from symnn.engine.complex_step import complex_step
from symnn.nn.losses import LOSSES
from symnn.notation.books import LAYOUTS, NOTATIONS
from symnn.notes.context import Context
from symnn.notes.differentials import differential_rows
from symnn.notes.document import Equations
from symnn.notes.options import NotesOptions
from symnn.notes.rows import groups
from symnn.notes.tell import tell
from symnn.spec.sources import example_names


@functools.cache
def built(loss: str, hidden: str) -> Derivation:
    final = LOSSES[loss].final or "linear"
    layers = [symnn.Dense(4, hidden), symnn.Dropout(0.5), symnn.Dense(3, final)]
    return symnn.Network(inputs=2, layers=layers, loss={"name": loss, "l2": 0.1}).derive()


def told(d: Derivation, notation: str, layout: str) -> int:
    """The number of gradients whose differentials hold."""
    context = Context(d, NOTATIONS[notation], layout, "full", "en")
    point, seen = Point(context), 0
    for group in groups(context):
        rows = differential_rows(context, group)
        own = [row.sides[1] for row in rows if r"\langle" in row.sides[1]]
        if not own:
            continue
        assert rows[0].sides[0].startswith(r"\mathrm{d} ")
        change = point.changes[group.tensor][None]
        of = group.steps[0].after.lhs.of or "L"
        sizes = {"N": len(point.arrays["x"])}
        found = complex_step(point.program, of, {group.tensor: change}, point.leaves, sizes)
        (want,) = found[group.tensor]
        # the first of three lines speaks of the change of another tensor
        for text in own[1:] if len(own) > 1 else own:
            assert np.isclose(point.value(text), want), f"{group.tensor}: {text}"
        seen += 1
    return seen


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_is_derived_truly(loss: str, layout: str) -> None:
    assert told(built(loss, "tanh"), "affine", layout) >= 5


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("notation", NOTATIONS)
def test_it_is_true_in_every_notation(notation: str, layout: str) -> None:
    assert told(built("mse", "sigmoid"), notation, layout) >= 5


@pytest.mark.parametrize("name", example_names())
def test_the_results_are_those_of_the_chain_rule(name: str) -> None:
    d = symnn.load(name).derive()
    by = {m: tell(d, NotesOptions(method=m, detail="full")) for m in ("chain", "differential")}
    results = {
        method: [
            (row.sides[1], row.checked)
            for section in notes.sections
            for block in section.blocks
            if isinstance(block, Equations)
            for row in block.rows
            if row.result
        ]
        for method, notes in by.items()
    }
    assert results["chain"] == results["differential"]
    assert by["differential"].sections[2].title == "The gradients, by differentials"


def test_an_unknown_method_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match="unknown method 'x'; known: chain, differential"):
        tell(symnn.load("xor").derive(), NotesOptions(method="x"))
