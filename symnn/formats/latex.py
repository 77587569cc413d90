"""Derivation -> documents: LaTeX fragments, and every format of whole documents."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from symnn.drawing.tikz import tikz
from symnn.formats.tex import breakable, escape, in_fandol
from symnn.formulas.breaking import broken, fitted, room
from symnn.formulas.width import visible
from symnn.io.templating import render
from symnn.language.phrases import Phrases
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
    Table,
)
from symnn.notes.links import linker

if TYPE_CHECKING:
    pass

EQUATION, CODE = 30, 48  # characters of an equation and of its code that stand side by side
NARROW = 49  # characters of a right side
# the size of the letters where a right side has room for this part of its characters
SIZES = ((0.93, ""), (0.85, r"\small"), (0.76, r"\footnotesize"), (0.69, r"\scriptsize"))
BEHIND = 42  # characters of equations and reasons beside each other in a text


def latex_document(notes: Document) -> str:
    """The LaTeX text of the notes."""
    say = Phrases(notes.language)
    program = say("tex_program")
    write = _Blocks(notes)
    sections = [
        {"title": s.title, "blocks": [write.block(b) for b in s.blocks]} for s in notes.sections
    ]
    return render(
        "formats/latex/notes.tex.j2",
        program=program,
        title=breakable(notes.title, program),
        pdf_title=plain_title(notes.title, program),
        description=breakable(notes.description, program),
        figure_name=say("figure"),
        sections=sections,
    )


class _Blocks:
    """The blocks of a document as its template knows them: labelled, and with links."""

    def __init__(self, notes: Document) -> None:
        self.prefix = notes.prefix
        self.link = linker(notes, r"\symbollink{%s}{%s}")

    def block(self, block: Block) -> dict[str, Any]:
        """A block."""
        match block:
            case Paragraph(text):
                return {"kind": "paragraph", "text": text, "small": block.small}
            case Box(title, texts):
                return {"kind": "box", "title": title, "texts": texts}
            case Heading(text):
                return {"kind": "heading", "text": text}
            case Table(header, rows, names):
                marked = [self.marked(*pair) for pair in zip_longest(rows, names, fillvalue="")]
                return {"kind": "table", "header": header, "rows": marked}
            case Figure(_, drawing, caption):
                return {"kind": "figure", "text": figure(tikz(drawing), caption)}
            case Equations(rows):
                return {"kind": "equations", "rows": [self.row(r) for r in rows]}
            case Listing(rows):
                return {"kind": "listing", "rows": [beside(*pair) for pair in rows]}
        raise TypeError(block)

    def marked(self, cells: Sequence[str], name: str) -> list[str]:
        """The cells of a row, the first one the end of the links to that name."""
        place = rf"\phantomsection\label{{sym:{self.prefix}{name}}}" if name else ""
        return [place + cells[0], *cells[1:]]

    def row(self, row: Row) -> dict[str, Any]:
        """A row; its symbols lead elsewhere, never to itself."""
        places = [f"eq:{self.prefix}{label}" for label in row.labels]
        parts = broken(row.right, room(row.left))
        return {
            "left": self.link(row.left, row, places),
            "right": [self.link(part, row, places) for part in parts],
            "relation": row.relation,
            "reason": row.reason,
            "result": row.result,
            "shape": row.shape,
            "checked": row.checked,
            "labels": "".join(rf"\label{{{place}}}" for place in places),
            "repeats": f"eq:{self.prefix}{row.repeats}" if row.repeats else "",
        }


def fragment_block(block: Block, prefix: str) -> str:
    match block:
        case Paragraph(text):
            return text + "\n"
        case Box(title, texts):
            return "\n\n".join([rf"\paragraph{{{title}}}", *texts]) + "\n"
        case Heading(text):
            return rf"\paragraph{{{text}}}" + "\n"
        case Table(header, rows):
            columns = "l" * len(header)
            body = "\n".join(" & ".join(cells) + r" \\" for cells in (header, *rows))
            return rf"\begin{{center}}\begin{{tabular}}{{{columns}}}" + (
                f"\n{body}\n" + r"\end{tabular}\end{center}" + "\n"
            )
        case Figure(_, drawing, caption):
            return figure(tikz(drawing), caption)
        case Equations(rows):
            return align(rows, prefix)
        case Listing(rows):
            listed = "".join(
                f"\\item ${tex}$\\newline\n{{\\small {typed(code)}}}\n" for tex, code in rows
            )
            return f"\\begin{{itemize}}\\raggedright\n{listed}\\end{{itemize}}\n"
    raise TypeError(block)


def figure(picture: str, caption: str) -> str:
    """A picture, scaled down if it is wider than the text, with its caption as a float."""
    head = "\\begin{figure}[!htb]\n\\centering\n"
    return f"{head}{fitted(picture.rstrip())}\n\\caption{{{caption}}}\n\\end{{figure}}\n"


def beside(tex: str, code: str) -> dict[str, Any]:
    """An equation and its code, side by side if both are short."""
    wide = max(map(len, code.split("\n"))) > CODE or visible(tex) > EQUATION
    return {"equation": tex, "code": typed(code), "wide": wide}


def typed(code: str) -> str:
    """Code as TeX that prints these very characters, line by line."""
    lines = (escape(line).replace(" ", r"\ ") for line in code.split("\n"))
    # TeX drops spaces that begin a line, but not after a box
    return "\\newline\n\\mbox{}".join(rf"\texttt{{{line}}}" for line in lines)


def align(rows: tuple[Row, ...], prefix: str = "") -> str:
    """Rows as an ``align*``, the reasons behind them.

    prefix: of labels; the rows that have one are numbered, and long right sides are broken;
    reasons stand below where a line of text has no room for them.
    """
    lines = []
    numbered = any(row.label for row in rows) and bool(prefix)
    sides_and_reasons = (
        [row.left for row in rows],
        [part for row in rows for part in _parts(row)],
        [row.reason.replace("$", "") for row in rows],
    )
    below = bool(prefix) and sum(max(map(visible, t)) for t in sides_and_reasons) > BEHIND
    for row in rows:
        *parts, last = _parts(row) if prefix else (row.right,)
        sides = f"{row.left} &{row.relation} "
        for part in parts:
            lines.append(sides + part + r" \notag" * numbered)
            sides = "& "
        reason = rf" && \text{{{row.reason}}}" if row.reason and not below else ""
        mark = (rf" \label{{{prefix}{row.label}}}" if row.label else r" \notag") * numbered
        lines.append(sides + last + reason + mark)
        if row.reason and below:
            lines.append(
                rf"& \parbox{{0.7\linewidth}}{{\small {row.reason}}}" + r" \notag" * numbered
            )
    body = " \\\\\n".join(lines)
    star = "" if numbered else "*"
    return f"\\begin{{align{star}}}\n{body}\n\\end{{align{star}}}\n"


def _parts(row: Row) -> tuple[str, ...]:
    """A right side as it is broken in a text of the reader's own, which may be narrow.

    What cannot be broken, such as a matrix of many digits, is set in smaller letters.
    """
    limit = room(row.left, NARROW)
    parts: list[str] = []
    for line in broken(row.right, limit):
        part = _smaller(line, limit / visible(line))
        indented = bool(parts) and part == line  # what fills the room is not
        parts.append(r"\quad " * indented + part)
    return tuple(parts)


def _smaller(tex: str, scale: float) -> str:
    """A formula in the largest letters of LaTeX in which it is not wider than scale says."""
    size = next((name for least, name in SIZES if scale >= least), r"\tiny")
    return rf"\text{{{size}\arraycolsep=0.2em\medmuskip=0mu$\displaystyle {tex}$}}" if size else tex


def plain_title(text: str, program: str) -> str:
    """The title as the PDF's metadata may hold it: letters, digits and spaces."""
    chinese = program == "xelatex"
    kept = (re.match(r"[A-Za-z0-9 .]", c) or (chinese and in_fandol(c)) for c in text)
    return "".join(c if keep else " " for c, keep in zip(text, kept, strict=True))
