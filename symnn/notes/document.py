"""The document model of the notes: what every format prints.

Texts are words with mathematics between ``$`` signs; equations are formulas.  Titles and
descriptions are the user's own and are escaped by whoever prints them.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from symnn.formulas.breaking import Breaker
from symnn.formulas.tex import Printer
from symnn.formulas.tree import Formula
from symnn.formulas.width import width
from symnn.notation.notation import Notation

if TYPE_CHECKING:
    from symnn.drawing.drawing import Drawing


@dataclass(frozen=True)
class Row:
    """One line of a derivation: left side, relation, right side and the reason.

    A row without a left side continues the one above.  notation: its letters.  result: whether
    it ends a derivation.  label, also: those of labels.py; also: where it stands for layers that
    are equal.  repeats: the label of the equation above that says the same.  free: whether its
    letters are those of a definition, not the tensors of the network.  code: what computes it in
    the generated module.
    numbers: the same in the numbers of the example, from its relation on, for a page.
    perturbation: what is said of them.  shape: of what is multiplied and of the left side, as TeX.
    error: of this very line, relative, where it was evaluated and held.
    """

    left: Formula | None
    right: Formula
    notation: Notation = field(compare=False)
    reason: str = ""
    relation: str = "="
    result: bool = False
    shape: str = ""
    error: float | None = None
    numbers: str = ""
    perturbation: str = ""
    label: str = ""
    also: tuple[str, ...] = ()
    repeats: str = ""
    free: bool = False
    code: str = ""

    @functools.cached_property
    def sides(self) -> tuple[str, str]:
        """Its left and its right side as TeX."""
        tex = Printer(self.notation).tex
        return tex(self.left) if self.left else "", tex(self.right)

    @property
    def tex(self) -> str:
        """The whole line as TeX."""
        left, right = self.sides
        return f"{left} {self.relation} {right}"

    def width(self, side: Formula | None) -> int:
        """About how many characters wide a side is, or a part of one."""
        return width(side, self.notation) if side else 0

    def broken(self, limit: int) -> tuple[Formula, ...]:
        """The right side, over several lines if it is long."""
        return Breaker(Printer(self.notation), limit).broken(self.right)

    @property
    def checked(self) -> bool:
        """Whether this very line was evaluated, and held."""
        return self.error is not None

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels of the row."""
        return (self.label, *self.also) if self.label else ()


@dataclass(frozen=True)
class Block:
    """A part of a section.  A further kind is a subclass; formats print it by its name."""

    def parts(self) -> tuple[Block, ...]:
        """Simpler blocks that say the same, for a format that has nothing better; or none."""
        return ()


@dataclass(frozen=True)
class Equations(Block):
    """Rows that belong together."""

    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Paragraph(Block):
    """A sentence or two; small: a footnote, which says what the ticks mean."""

    text: str
    small: bool = False


@dataclass(frozen=True)
class Box(Block):
    """An aside: a question, and a paragraph for each account that answers it."""

    title: str
    texts: tuple[str, ...]

    def parts(self) -> tuple[Block, ...]:
        return (Heading(self.title), *map(Paragraph, self.texts))


@dataclass(frozen=True)
class Heading(Block):
    """The title of a group of equations within a section."""

    text: str


@dataclass(frozen=True)
class Table(Block):
    """A table with a header.

    names: of its rows, for links to them.  values: of the symbol of each row, by layer, for a page.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    names: tuple[str, ...] = ()
    values: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True)
class Figure(Block):
    """A drawing with its caption; number: in a document, through which it counts from 1."""

    drawing: Drawing
    caption: str
    number: int = 0


@dataclass(frozen=True)
class Listing(Block):
    """Equations, each with the code that computes it."""

    rows: tuple[Row, ...]

    def parts(self) -> tuple[Block, ...]:
        return (Equations(self.rows),)


@dataclass(frozen=True)
class Section:
    """A titled part of the document; given: what a worksheet shows, the rest is to be found."""

    title: str
    blocks: tuple[Block, ...]
    given: bool = False

    def mapped(self, block: Callable[[Block], Block]) -> Section:
        """The section with every block replaced, in order."""
        return replace(self, blocks=tuple(map(block, self.blocks)))

    def rewritten(self, row: Callable[[Row], Row]) -> Section:
        """The section with every row of its equations replaced, in order."""
        return self.mapped(
            lambda b: Equations(tuple(map(row, b.rows))) if isinstance(b, Equations) else b
        )

    def rows(self) -> Iterator[Row]:
        """All rows of equations, in order."""
        return (row for b in self.blocks if isinstance(b, Equations) for row in b.rows)


@dataclass(frozen=True)
class Document:
    """The notes of one network.

    layer: the letter of a layer's number.  prefix: what stands before the labels of the network.
    letters: of its tensors.  symbols: tensor -> where its symbols lead (see links.py).
    remarks: how the code differs from the notes.
    numbers: what is said of those beside the equations, if there are any.
    """

    title: str
    description: str
    sections: tuple[Section, ...]
    language: str = "en"
    layer: str = "k"
    numbers: str = ""
    prefix: str = ""
    symbols: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    letters: Notation | None = field(default=None, compare=False)
    remarks: str = ""

    def rows(self) -> Iterator[Row]:
        """All rows of equations, in order."""
        return (row for section in self.sections for row in section.rows())

    def places(self) -> Iterator[str]:
        """Where links may lead: the labels of the equations, and the rows of tables."""
        yield from (f"eq:{self.prefix}{label}" for row in self.rows() for label in row.labels)
        tables = (b for s in self.sections for b in s.blocks if isinstance(b, Table))
        yield from (f"sym:{self.prefix}{name}" for t in tables for name in t.names if name)


def shown(rows: Iterable[Row]) -> Iterator[Equations]:
    """Rows as a block; none if there are no rows."""
    if own := tuple(rows):
        yield Equations(own)


def numbered(sections: Iterable[Section]) -> tuple[Section, ...]:
    """The sections with their figures counted through, from 1."""
    count = itertools.count(1)

    def block(block: Block) -> Block:
        return replace(block, number=next(count)) if isinstance(block, Figure) else block

    return tuple(section.mapped(block) for section in sections)
