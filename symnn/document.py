"""The document model of the notes: what every format prints.

Texts are words with mathematics between ``$`` signs; equations are finished LaTeX.  Titles
and descriptions are the user's own and are escaped by whoever prints them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from symnn.drawing import Drawing


@dataclass(frozen=True)
class Row:
    """One line of a derivation: left side, relation, right side and the reason.

    An empty left side continues the row above.  result: whether it ends a derivation.  shape:
    of what is multiplied and of the left side, as TeX.  checked: whether this very line was
    evaluated, and held.  numbers: the same in the numbers of the example, from its relation on,
    for a page.  nudge: what is said of them.
    """

    left: str
    right: str
    reason: str = ""
    relation: str = "="
    result: bool = False
    shape: str = ""
    checked: bool = False
    numbers: str = ""
    nudge: str = ""


@dataclass(frozen=True)
class Equations:
    """Rows that belong together."""

    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Paragraph:
    """A sentence or two; small: a footnote, which says what the ticks mean."""

    text: str
    small: bool = False


@dataclass(frozen=True)
class Box:
    """An aside: a question, and a paragraph for each account that answers it."""

    title: str
    texts: tuple[str, ...]


@dataclass(frozen=True)
class Heading:
    """The title of a group of equations within a section."""

    text: str


@dataclass(frozen=True)
class Table:
    """A table with a header.  values: of the symbol of each row, by layer, for a page."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    values: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True)
class Figure:
    """A drawing with its caption; figures are numbered through the document, from 1."""

    number: int
    drawing: Drawing
    caption: str


Block = Equations | Paragraph | Box | Heading | Table | Figure


@dataclass(frozen=True)
class Section:
    """A titled part of the document; given: what a worksheet shows, the rest is to be found."""

    title: str
    blocks: tuple[Block, ...]
    given: bool = False


@dataclass(frozen=True)
class Document:
    """The notes of one network; layer: the letter of a layer's number.

    numbers: what is said of those beside the equations, if there are any.
    """

    title: str
    description: str
    sections: tuple[Section, ...]
    language: str = "en"
    layer: str = "k"
    numbers: str = ""


@dataclass
class Builder:
    """Collects sections and blocks."""

    sections: list[Section] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    figures: int = 0

    def say(self, text: str, small: bool = False) -> None:
        """Add a paragraph."""
        self.blocks.append(Paragraph(text, small))

    def box(self, box: Box) -> None:
        """Add an aside."""
        self.blocks.append(box)

    def head(self, text: str) -> None:
        """Add a heading within the section."""
        self.blocks.append(Heading(text))

    def show(self, *rows: Row) -> None:
        """Add equations."""
        if rows:
            self.blocks.append(Equations(rows))

    def table(
        self,
        header: tuple[str, ...],
        rows: Sequence[tuple[str, ...]],
        values: Sequence[Mapping[str, str]] = (),
    ) -> None:
        """Add a table."""
        self.blocks.append(Table(header, tuple(rows), tuple(values)))

    def figure(self, drawing: Drawing, caption: str) -> None:
        """Add a figure, the next one of the document."""
        self.figures += 1
        self.blocks.append(Figure(self.figures, drawing, caption))

    def end(self, title: str, given: bool = False) -> None:
        """Close the section under its title."""
        self.sections.append(Section(title, tuple(self.blocks), given))
        self.blocks = []
