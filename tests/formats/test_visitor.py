"""Every format prints every kind of block, and a new kind by its parts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from symnn.drawing.drawing import Canvas
from symnn.formats import beamer, html, latex, markdown, quarto
from symnn.formats.json import json_text
from symnn.formats.visitor import Visitor
from symnn.formulas.tree import Glyph
from symnn.notation.books import AFFINE
from symnn.notes import document
from symnn.notes.document import (
    Block,
    Box,
    Document,
    Equations,
    Figure,
    Heading,
    Listing,
    Paragraph,
    Row,
    Section,
    Table,
)

KINDS = {kind for kind in Block.__subclasses__() if kind.__module__ == document.__name__}
BLOCKS: dict[type[Block], Block] = {
    Equations: Equations((Row(Glyph("l"), Glyph("equationword"), AFFINE),)),
    Paragraph: Paragraph("paragraphword"),
    Box: Box("boxword", ("accountword",)),
    Heading: Heading("headingword"),
    Table: Table(("headword", "second"), (("cellword", "other"),)),
    Figure: Figure(Canvas().drawing("name", "title", [(0.0, 0.0), (1.0, 1.0)], 0.1), "figureword"),
    Listing: Listing((Row(Glyph("l"), Glyph("listingword"), AFFINE, code="codeword"),)),
}
WORDS = {
    Equations: ("equationword",),
    Paragraph: ("paragraphword",),
    Box: ("boxword", "accountword"),
    Heading: ("headingword",),
    Table: ("headword", "cellword"),
    Figure: ("figureword",),
    Listing: ("listingword", "codeword"),
}
FORMATS: dict[str, Callable[[Document], str]] = {
    "latex": latex.latex_document,
    "fragment": lambda notes: latex.latex_fragment(notes, labels=True, titles=True),
    "html": lambda notes: html.page({"textbook": notes}),
    "markdown": markdown.markdown,
    "ipynb": lambda notes: markdown.notebook(notes, "module", ""),
    "beamer": lambda notes: json.dumps(beamer.frames(notes)),
    "quarto": quarto.quarto,
    "json": json_text,
}
LEFT_OUT = {
    ("markdown", "figureword"),  # GitHub shows no picture that is part of the text
    ("beamer", "codeword"),  # slides show no code
}


def notes(*blocks: Block) -> Document:
    return Document("title", "", (Section("section", blocks),))


def formats(base: type[Visitor]) -> Iterator[type[Visitor]]:
    for kind in base.__subclasses__():
        yield kind
        yield from formats(kind)


@pytest.mark.parametrize("kind", WORDS)
@pytest.mark.parametrize("name", FORMATS)
def test_a_format_prints_a_kind_of_block(name: str, kind: type[Block]) -> None:
    assert set(BLOCKS) == set(WORDS) == KINDS
    # a heading begins a frame, which is there with what stands below it
    text = FORMATS[name](notes(BLOCKS[kind], Paragraph("below")))
    for word in WORDS[kind]:
        assert (word in text) == ((name, word) not in LEFT_OUT), word


def test_no_format_prints_a_kind_that_there_is_not() -> None:
    methods = {f"visit_{kind.__name__.lower()}" for kind in KINDS}
    for kind in formats(Visitor):
        assert {name for name in vars(kind) if name.startswith("visit_")} <= methods, kind


@dataclass(frozen=True)
class Theorem(Block):
    """A kind of block that no format knows."""

    claim: str

    def parts(self) -> tuple[Block, ...]:
        return Heading("theoremword"), Paragraph(self.claim), Box("proof", ("proofword",))


@dataclass(frozen=True)
class Nothing(Block):
    """A kind of block that no format knows, without parts."""


@pytest.mark.parametrize("name", FORMATS)
def test_a_new_kind_of_block_is_told_by_its_parts(name: str) -> None:
    text = FORMATS[name](notes(Theorem("claimword")))
    assert all(word in text for word in ("theoremword", "claimword", "proofword"))


@pytest.mark.parametrize("name", FORMATS)
def test_a_kind_without_parts_is_not_left_out_in_silence(name: str) -> None:
    with pytest.raises(TypeError, match="does not print a Nothing"):
        FORMATS[name](notes(Nothing()))
