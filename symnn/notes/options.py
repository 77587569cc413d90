"""What notes can be asked for: every option, its default, and the words that it knows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from symnn.io.errors import suggestion
from symnn.io.fields import check_names, kind_of
from symnn.language.options import DETAILS, METHODS, NUMBERS, STORIES
from symnn.language.phrases import PHRASES
from symnn.notation.books import LAYOUTS, NOTATIONS
from symnn.notation.notation import Notation

# the options that take one of some words
WORDS: Mapping[str, Collection[str]] = {
    "notation": NOTATIONS,
    "layout": LAYOUTS,
    "detail": DETAILS,
    "language": PHRASES,
    "story": STORIES,
    "method": METHODS,
    "numbers": NUMBERS,
}


@dataclass(frozen=True, kw_only=True)
class NotesOptions:
    """The options of the notes; ValueError for a word that is not known.

    notation: a row, or its name; None: the spec's.  layout: None is that of a notation which is
    given here, or else the spec's, or else that of its notation.
    figures: whether there are any; ticks: whether lines are evaluated, and those that hold are
    marked.  None: in documents, not in fragments.
    story: "reference" goes straight to the network; "tutorial" first tells what leads to it,
    unless the detail is "answer".  method: "chain", or "differential" for dL = ⟨g, dv⟩.
    numbers: of a worked example; None: the spec's, or else none in the reference, and decimal
    ones in the tutorial of a small network.  beside: whether equations carry theirs, for a page
    that shows them when asked to.  select: labels of equations, which then stand alone (see
    labels.py).  code: whether the equations stand once more at the end, each with its code; None:
    in the tutorial.  sympy: whether one entry of a gradient is also found by sympy.diff.
    """

    notation: str | Notation | None = None
    layout: str | None = None
    detail: str = "textbook"
    language: str = "en"
    figures: bool | None = None
    ticks: bool | None = None
    story: str = "reference"
    method: str = "chain"
    numbers: str | None = None
    beside: bool = False
    select: str | Iterable[str] = ()
    code: bool | None = None
    sympy: bool = False

    def __post_init__(self) -> None:
        for name, known in WORDS.items():
            value = getattr(self, name)
            if value is not None and not isinstance(value, Notation) and value not in known:
                raise ValueError(f"unknown {name} {value!r}; {suggestion(str(value), known)}")
        for name in ("figures", "ticks", "code"):
            value = getattr(self, name)
            if value not in (True, False, None):
                raise ValueError(f"{name} must be True, False or None, not {kind_of(value)}")
        if self.sympy not in (True, False):
            raise ValueError(f"sympy must be True or False, not {kind_of(self.sympy)}")


DEFAULT = NotesOptions()


def notes_options(function: str, given: Mapping[str, Any]) -> NotesOptions:
    """Keywords that a function was given; TypeError with the nearest for one that is unknown."""
    check_names(function, given, [field.name for field in fields(NotesOptions)])
    return NotesOptions(**given)
