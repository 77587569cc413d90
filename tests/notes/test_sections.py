"""A section is a function of its context: it is the same whatever was written before it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from typing import Any

import pytest

import symnn
from symnn.api import Derivation
from symnn.notation.books import NOTATIONS
from symnn.notes.context import Context
from symnn.notes.document import Figure, Section
from symnn.notes.options import NotesOptions
from symnn.notes.sections.gradients import gradients_section
from symnn.notes.sections.loss import loss_section
from symnn.notes.sections.network import network_section
from symnn.notes.sections.numbers import numbers_section
from symnn.notes.sections.result import result_section
from symnn.notes.sections.samples import samples_section
from symnn.notes.sections.stable import stable_section
from symnn.notes.sections.update import update_section
from symnn.notes.tell import tell

SECTIONS: tuple[Callable[[Context], Section | None], ...] = (
    network_section,
    loss_section,
    gradients_section,
    result_section,
    samples_section,
    update_section,
    numbers_section,
    stable_section,
)


@functools.cache
def derived(name: str) -> Derivation:
    return symnn.load(name).derive()


def context(name: str, **options: Any) -> Context:
    own = derived(name)
    return Context(own, NOTATIONS["affine"], "sample", figures=True, ticks=True, **options)


@pytest.mark.parametrize(("name", "numbers"), [("xor", "decimal"), ("deep", "none")])
def test_sections_do_not_depend_on_those_before(name: str, numbers: str) -> None:
    own = context(name, numbers=numbers)
    backwards = [section(own) for section in reversed(SECTIONS)][::-1]
    alone = [section(context(name, numbers=numbers)) for section in SECTIONS]
    assert backwards == alone


def test_a_context_does_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        context("xor").detail = "full"  # type: ignore[misc]


@pytest.mark.parametrize("story", ["reference", "tutorial"])
def test_figures_count_from_one(story: str) -> None:
    notes = tell(derived("xor"), NotesOptions(story=story))
    figures = [b.number for s in notes.sections for b in s.blocks if isinstance(b, Figure)]
    assert figures == list(range(1, len(figures) + 1)) and len(figures) == 4
