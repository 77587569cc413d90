"""The options of the notes: one table of names and words, for Python and the command line."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields
from pathlib import Path
from typing import Any

import pytest

import symnn
from symnn.cli import words
from symnn.notes.options import WORDS, NotesOptions
from symnn.spec.sections import Notes

NAMES = {field.name for field in fields(NotesOptions)}


@pytest.mark.parametrize("name", WORDS)
def test_a_word_that_is_not_known_is_refused_with_those_that_are(name: str) -> None:
    for word in WORDS[name]:
        assert getattr(NotesOptions(**{name: word}), name) == word
    with pytest.raises(ValueError, match=rf"^unknown {name} 'roman'; known: ") as caught:
        NotesOptions(**{name: "roman"})
    assert str(caught.value).endswith(", ".join(sorted(WORDS[name])))


def test_an_option_that_is_not_known_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    path = tmp_path / "notes.html"
    wrong: list[dict[str, Any]] = [{"colour": "red"}, {"detail": "roman"}]
    for options, error in zip(wrong, (TypeError, ValueError), strict=True):
        with pytest.raises(error, match=r"colour|roman"):
            symnn.load("xor").derive().save(path, **options)
        assert not path.exists()


def test_options_do_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        NotesOptions().detail = "full"  # type: ignore[misc]


def test_the_names_are_those_of_the_spec_and_the_words_those_of_the_command_line() -> None:
    asked = {"ticks", "beside", "select"}  # of one document, not of a network
    given = {field.name for field in fields(Notes)} - {"digits", "symbols"}
    assert NAMES - asked == given
    assert {name: tuple(known) for name, known in WORDS.items()} == words.CHOICES
