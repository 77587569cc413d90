"""The document model of the notes: what every format prints.

Texts are words with mathematics between ``$`` signs; equations are finished LaTeX.  Titles
and descriptions are the user's own and are escaped by whoever prints them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from symnn.drawing.drawing import Drawing


@dataclass(frozen=True)
class Row:
    """One line of a derivation: left side, relation, right side and the reason.

    An empty left side continues the row above.  result: whether it ends a derivation.  label,
    also: those of labels.py; also: where it stands for layers that are alike.  repeats: the
    label of the equation above that says the same.  free: whether its letters are those of a
    definition, not the tensors of the network.  code: what computes it in the generated module.
    numbers: the same in the numbers of the example, from its relation on, for a page.  nudge:
    what is said of them.  shape: of what is multiplied and of the left side, as TeX.
    checked: whether this very line was evaluated, and held.
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
    label: str = ""
    also: tuple[str, ...] = ()
    repeats: str = ""
    free: bool = False
    code: str = ""

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels of the row."""
        return (self.label, *self.also) if self.label else ()


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
    """A table with a header.

    names: of its rows, for links to them.  values: of the symbol of each row, by layer, for a page.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    names: tuple[str, ...] = ()
    values: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True)
class Figure:
    """A drawing with its caption; figures are numbered through the document, from 1."""

    number: int
    drawing: Drawing
    caption: str


@dataclass(frozen=True)
class Listing:
    """Equations, each with the code that computes it."""

    rows: tuple[tuple[str, str], ...]


Block = Equations | Paragraph | Box | Heading | Table | Figure | Listing


@dataclass(frozen=True)
class Section:
    """A titled part of the document; given: what a worksheet shows, the rest is to be found."""

    title: str
    blocks: tuple[Block, ...]
    given: bool = False

    def rewritten(self, row: Callable[[Row], Row]) -> Section:
        """The section with every row of its equations replaced, in order."""
        blocks = (
            Equations(tuple(map(row, block.rows))) if isinstance(block, Equations) else block
            for block in self.blocks
        )
        return replace(self, blocks=tuple(blocks))


@dataclass(frozen=True)
class Document:
    """The notes of one network.

    layer: the letter of a layer's number.  prefix: what stands before the labels of the network.
    symbols: those of the equations -> where they lead (see links.py).  remarks: how the code
    differs from the notes.
    numbers: what is said of those beside the equations, if there are any.
    """

    title: str
    description: str
    sections: tuple[Section, ...]
    language: str = "en"
    layer: str = "k"
    numbers: str = ""
    prefix: str = ""
    symbols: Mapping[str, str] = field(default_factory=dict)
    remarks: str = ""

    def rows(self) -> Iterator[Row]:
        """All rows of equations, in order."""
        for section in self.sections:
            for block in section.blocks:
                if isinstance(block, Equations):
                    yield from block.rows

    def places(self) -> Iterator[str]:
        """Where links may lead: the labels of the equations, and the rows of tables."""
        yield from (f"eq:{self.prefix}{label}" for row in self.rows() for label in row.labels)
        for section in self.sections:
            for block in section.blocks:
                if isinstance(block, Table):
                    yield from (f"sym:{self.prefix}{name}" for name in block.names if name)


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
        names: Sequence[str] = (),
        values: Sequence[Mapping[str, str]] = (),
    ) -> None:
        """Add a table."""
        self.blocks.append(Table(header, tuple(rows), tuple(names), tuple(values)))

    def figure(self, drawing: Drawing, caption: str) -> None:
        """Add a figure, the next one of the document."""
        self.figures += 1
        self.blocks.append(Figure(self.figures, drawing, caption))

    def end(self, title: str, given: bool = False) -> None:
        """Close the section under its title."""
        self.sections.append(Section(title, tuple(self.blocks), given))
        self.blocks = []
