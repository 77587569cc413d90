"""The notes as slides: frames for beamer, one reveal a line, split before they overflow.

A frame uses nothing but LaTeX, amsmath and beamer, so that it takes over the theme of the talk it
is put into.  Sizes are estimates in lines of text and characters; what is still too wide for
the frame is scaled down to it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import groupby, pairwise

from symnn.derivation.gradients import Gradients
from symnn.drawing.tikz import tikz
from symnn.formats.tex import breakable, said_width
from symnn.formats.visitor import Visitor
from symnn.formulas.breaking import fitted
from symnn.formulas.tex import Printer
from symnn.formulas.tree import BigSum, Cases, Formula, Glyph, Joined, Matrix
from symnn.io.templating import render
from symnn.language.phrases import Phrases
from symnn.notes.document import (
    Box,
    Document,
    Equations,
    Figure,
    Heading,
    Paragraph,
    Row,
    Section,
    Table,
)
from symnn.notes.options import DEFAULT, NotesOptions
from symnn.notes.tell import tell

LINES = 12.0  # of text that a frame holds, also in themes with bars above and below
TEXT = 54  # characters of a line of text
RIGHT = 46  # characters of a right side on one line
BESIDE = 34  # characters of an equation that leaves room for its reason beside it
REASON = 22  # characters of a line of such a reason
# before a figure: no higher than half a frame
HIGH = r"\resizebox{!}{\ifdim\totalheight>0.5\textheight 0.5\textheight\else\totalheight\fi}{%"


@dataclass(frozen=True)
class Item:
    """What is revealed at once: TeX, whether it is a row of an array, and its height in lines."""

    tex: str
    height: float
    row: bool = False


def beamer(derivation: Gradients, options: NotesOptions = DEFAULT) -> str:
    """Slides, for the class beamer; they show no code and no ticks."""
    notes = tell(derivation, replace(options, ticks=False, code=False))
    program = Phrases(notes.language)("tex_program")
    return render(
        "formats/beamer/slides.tex.j2",
        program=program,
        title=breakable(notes.title, program),
        description=breakable(notes.description, program),
        sections=frames(notes),
    )


def bare_frames(derivation: Gradients, options: NotesOptions = DEFAULT) -> str:
    """The frames alone, for a talk of one's own."""
    options = replace(options, figures=bool(options.figures), ticks=False, code=False)
    return "\n".join(frame for _, own in frames(tell(derivation, options)) for frame in own)


def frames(notes: Document) -> list[tuple[str, list[str]]]:
    """Section -> its frames."""
    return [(s.title, _Frames(s).frames) for s in notes.sections]


class _Frames(Visitor[None]):
    """The frames of a section: a heading and a figure begin a new one.

    groups: of the frames that are not closed yet, items that stay together.
    """

    def __init__(self, section: Section) -> None:
        self.title, self.subtitle = section.title, ""
        self.frames: list[str] = []
        self.groups: list[list[Item]] = []
        self.sentence: list[Item] | None = None  # the group of a paragraph just before
        self.visit(section.blocks)
        self.close()

    def close(self) -> None:
        """Put what there is on frames."""
        title = f"{{{self.title}}}" + (f"{{{self.subtitle}}}" if self.subtitle else "")
        self.frames += [_frame(title, items) for items in split(self.groups)]
        self.groups = []

    def add(self, item: Item) -> None:
        """A group of one item."""
        self.groups.append([item])
        self.sentence = None

    def visit_heading(self, block: Heading) -> None:
        self.close()
        self.subtitle = block.text

    def visit_figure(self, block: Figure) -> None:
        self.close()
        picture = fitted(tikz(block.drawing).rstrip())
        shown = f"\\begin{{center}}\n{HIGH}\n{picture}}}\n\\end{{center}}"
        self.add(Item(f"{shown}\n{{\\footnotesize {block.caption}\\par}}", LINES))
        self.close()

    def visit_paragraph(self, block: Paragraph) -> None:
        self.add(Item(block.text, _lines(block.text) + 0.5))
        self.sentence = self.groups[-1]

    def visit_box(self, block: Box) -> None:
        """A box of the theme, in small letters."""
        body = "\n\n\\smallskip\n".join(block.texts)
        made = f"\\begin{{block}}{{{block.title}}}\\footnotesize\n{body}\n\\end{{block}}"
        height = 1.6 + 0.85 * sum(map(_lines, block.texts)) + 0.4 * len(block.texts)
        self.add(Item(made, height))

    def visit_table(self, block: Table) -> None:
        first, *others = (" & ".join(cells) for cells in (block.header, *block.rows))
        body, columns = " \\\\\n".join(others), "l" * len(block.header)
        body = f"{first} \\\\ \\hline\n{body}"
        made = f"\\begin{{tabular}}{{@{{}}{columns}@{{}}}}\n{body}\n\\end{{tabular}}"
        self.add(Item(fitted(made), 1.1 * len(block.rows) + 1.6))

    def visit_equations(self, block: Equations) -> None:
        for group in equations_of(block.rows):
            if self.groups and self.groups[-1] is self.sentence:
                self.groups[-1] += group  # a sentence stays with the equation that it introduces
            else:
                self.groups.append(group)
            self.sentence = None


def split(groups: list[list[Item]]) -> list[list[Item]]:
    """The groups on as few frames as hold them, about equally full."""
    heights = [sum(item.height for item in group) for group in groups]
    share = sum(heights) / max(1, math.ceil(sum(heights) / LINES))
    out: list[list[Item]] = []
    filled = math.inf
    for group, height in zip(groups, heights, strict=True):
        if filled + height > LINES or filled + height / 2 > share:
            out.append([])
            filled = 0.0
        out[-1] += group
        filled += height
    return out


def equations_of(rows: tuple[Row, ...]) -> list[list[Item]]:
    """The items of these rows that stay together: those of each equation."""
    starts = [*(k for k, row in enumerate(rows) if row.left), len(rows)]
    return [group for own in pairwise(starts) for group in _together(rows[slice(*own)])]


def _together(rows: tuple[Row, ...]) -> list[list[Item]]:
    """The rows of an equation, on one frame if it holds them, or at least the first two."""
    items = [_row(row) for row in rows]
    if sum(item.height for item in items) <= LINES:
        return [items]
    items = [item for row in rows for item in _by_line(row)]
    first = 2 if sum(item.height for item in items[:2]) <= LINES else 1
    return [items[:first], *([item] for item in items[first:])]


def _by_line(row: Row) -> list[Item]:
    """A row, or its lines if it is taller than a frame."""
    whole = _row(row)
    first, *others = row.broken(RIGHT)
    if whole.height <= LINES or not others:
        return [whole]
    indent = Glyph(r"\quad {}")
    *between, last = (
        Row(None, Joined((indent, line)), row.notation, relation="") for line in others
    )
    lines = (replace(row, right=first, reason=""), *between, replace(last, reason=row.reason))
    return [_row(line) for line in lines]


def _row(row: Row) -> Item:
    """A row of the array of equations; ``@@`` is where its step stands."""
    left = rf"\uncover<@@->{{$\displaystyle {row.sides[0]}$}}" if row.left else ""
    lines, tex = row.broken(RIGHT), Printer(row.notation)
    parts = list(map(tex.tex, lines))
    rights = [rf"\uncover<@@->{{$\displaystyle {{}}{row.relation} {parts[0]}$}}"]
    rights += [rf"\uncover<@@->{{\quad$\displaystyle {part}$}}" for part in parts[1:]]
    height = sum(_height(line, tex) for line in lines)
    reason = rf"\raggedright\leavevmode\uncover<@@->{{\footnotesize {row.reason}}}"
    wide = len(parts) > 1 or row.width(row.left) + row.width(row.right) > BESIDE
    if not wide and row.reason:
        height = max(height, 0.85 * _lines(row.reason, REASON) + 0.3)
        return Item(rf"{left} & {rights[0]} & {reason}", height, row=True)
    cells = [rf"\multicolumn{{2}}{{@{{}}l@{{}}}}{{{right}}}" for right in rights]
    if row.reason:
        cells.append(rf"\multicolumn{{2}}{{@{{}}p{{0.8\linewidth}}@{{}}}}{{{reason}}}")
        height += 0.85 * _lines(row.reason) + 0.2
    return Item(f"{left} & " + " \\tabularnewline\n & ".join(cells), height, row=True)


def _lines(text: str, width: int = TEXT) -> int:
    """About how many lines a text with formulas fills."""
    return math.ceil(said_width(text) * 1.2 / width)


def _height(f: Formula, printer: Printer) -> float:
    """About how many lines high a displayed formula is."""
    parts = list(printer.spelled(f))
    if tables := [part for part in parts if isinstance(part, Matrix | Cases)]:
        rows = max(len(table.rows) for table in tables)
        return (1.4 if any(map(printer.fractions, tables)) else 1.2) * rows + 0.6
    if any(isinstance(part, BigSum) for part in parts):
        return 2.6
    return (1.4, 2.2, 3.2)[min(2, printer.fractions(f))]


def _frame(title: str, items: list[Item]) -> str:
    """The text of a frame: a row and the sentence before it are revealed together."""
    step, parts = 1, list[str]()
    for row, group in groupby(items, key=lambda item: item.row):
        texts = [item.tex for item in group]
        if row:
            parts.append(_array([t.replace("@@", str(k)) for k, t in enumerate(texts, step)]))
            step += len(texts)
        else:
            parts += [t if k == 1 else f"\\uncover<{k}->{{{t}}}" for k, t in enumerate(texts, step)]
            step += len(texts) - 1
    body = "\n\n\\medskip\n".join(parts)
    return f"\\begin{{frame}}{title}\n{body}\n\\end{{frame}}\n"


def _array(rows: list[str]) -> str:
    body = " \\tabularnewline\\noalign{\\smallskip}\n".join(rows)
    columns = r"@{}r@{}l@{\quad}p{0.36\linewidth}@{}"
    return fitted(f"\\begin{{tabular}}{{{columns}}}\n{body}\n\\end{{tabular}}")
