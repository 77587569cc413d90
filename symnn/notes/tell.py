"""Derivation -> Document: what the notes say, and in which order."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from symnn.checking.evidence import evidence
from symnn.io.errors import suggestion
from symnn.language.options import DETAILS, METHODS, NUMBERS, STORIES
from symnn.language.phrases import PHRASES
from symnn.notation.books import LAYOUTS, NOTATIONS
from symnn.notation.letters import with_symbols
from symnn.notation.notation import Notation
from symnn.notation.own import chosen
from symnn.notes.code import appendix
from symnn.notes.document import Document
from symnn.notes.labels import names, selected
from symnn.notes.reference import Reference
from symnn.notes.tutorial import Tutorial

if TYPE_CHECKING:
    from symnn.derivation.derivation import Derivation
    from symnn.derivation.network import Network


def tell(
    derivation: Derivation,
    *,
    notation: str | Notation | None = None,
    layout: str | None = None,
    detail: str = "textbook",
    language: str = "en",
    figures: bool = True,
    ticks: bool = True,
    story: str = "reference",
    method: str = "chain",
    numbers: str | None = None,
    beside: bool = False,
    select: str | Iterable[str] = (),
    code: bool | None = None,
) -> Document:
    """The notes of a derivation; ValueError for an option that is not known.

    notation: a row, or its name; None: the spec's.  layout: None is that of a notation which is
    given here, or else the spec's, or else that of its notation.  ticks: whether lines are
    evaluated, and those that hold are marked.
    story: "reference" goes straight to the network; "tutorial" first tells what leads to it,
    unless the detail is "answer".  method: "chain", or "differential" for dL = ⟨g, dv⟩.
    numbers: of a worked example; None: the spec's, or else none in the reference, and decimal
    ones in the tutorial of a small network.  beside: whether equations carry theirs, for a page
    that shows them when asked to.  select: labels of equations, which are then told alone (see
    labels.py).  code: whether the equations stand once more at the end, each with its code; None:
    in the tutorial.
    """
    own = letters(derivation.network, notation)
    given = {"notation": notation, "layout": layout}
    fields = {"layout": derivation.network.spec.notes.layout}
    fields = chosen(fields, {key: value for key, value in given.items() if value is not None})
    layout = fields.get("layout") or own.layout
    _known("layout", layout, LAYOUTS)
    _known("detail", detail, DETAILS)
    _known("language", language, PHRASES)
    _known("story", story, STORIES)
    _known("method", method, METHODS)
    numbers = numbers or derivation.network.spec.notes.numbers
    _known("numbers", numbers or "none", NUMBERS)
    if derivation.network.count and numbers not in (None, "none"):
        raise ValueError("the numbers of an example need a number of layers")
    if derivation.network.count and code:
        raise ValueError("the code needs a number of layers")
    labels = names(select)
    kind = Tutorial if story == "tutorial" and detail != "answer" else Reference
    if code is None:
        code = kind is Tutorial and not (labels or derivation.network.count)
    drawn = figures and not labels
    told = kind(derivation, own, layout, detail, language, drawn, method, not labels)
    if ticks and detail != "answer" and not labels:
        told.evidence = evidence(derivation, told.kind)
    notes = told.document(numbers, beside)
    if labels:
        notes = selected(notes, labels, told.say("selected"))
    return appendix(notes, told.say("code")) if code else notes


def letters(network: Network, notation: str | Notation | None = None) -> Notation:
    """A notation, by its name or (None) the spec's, with the letters of the spec's own."""
    own = network.spec.notes
    if isinstance(notation, str):
        _known("notation", notation, NOTATIONS)
        notation = NOTATIONS[notation]
    return with_symbols(notation or own.notation, own.symbols)


def _known(word: str, value: str, known: Iterable[str]) -> None:
    if value not in known:
        raise ValueError(f"unknown {word} {value!r}; {suggestion(str(value), known)}")
