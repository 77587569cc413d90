"""The notes in LaTeX: as a document, and as a fragment of one."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import Any

from symnn.derivation.gradients import Gradients
from symnn.formats.tex import breakable, escape, in_fandol, said_width
from symnn.formats.visitor import ObjectVisitor, Visitor
from symnn.formulas.breaking import fitted, room
from symnn.formulas.tex import Printer
from symnn.io.deferred import deferred
from symnn.io.templating import render
from symnn.language.phrases import Phrases
from symnn.notes.document import (
    Document,
    Equations,
    Figure,
    Heading,
    Listing,
    Paragraph,
    Row,
    Table,
)
from symnn.notes.links import Links
from symnn.notes.options import DEFAULT, NotesOptions
from symnn.notes.tell import tell

tikz: Callable[..., str] = deferred("symnn.drawing.tikz:tikz")
EQUATION, CODE = 30, 48  # characters of an equation and of its code that stand side by side
NARROW = 49  # characters of a right side
# the size of the letters where a right side has room for this part of its characters
SIZES = ((0.93, ""), (0.85, r"\small"), (0.76, r"\footnotesize"), (0.69, r"\scriptsize"))
BEHIND = 42  # characters of equations and reasons beside each other in a text


def document(derivation: Gradients, options: NotesOptions = DEFAULT) -> str:
    """The notes as a LaTeX document."""
    return latex_document(tell(derivation, options))


def fragment(
    derivation: Gradients, options: NotesOptions = DEFAULT, *, labels: bool = False
) -> str:
    """The derivation as LaTeX without a preamble, of constructs that KaTeX and MathJax know.

    Figures, which need TikZ, are there only if they are asked for.  labels: whether the
    equations are numbered and labelled, for \\input in a document; KaTeX knows no labels.
    Equations that were selected stand alone, without a title.
    """
    options = replace(options, figures=bool(options.figures), ticks=bool(options.ticks))
    return latex_fragment(tell(derivation, options), labels, titles=not options.select)


def fragment_to_input(derivation: Gradients, options: NotesOptions = DEFAULT) -> str:
    """The fragment for \\input in a document, with labels.

    In a narrow text a line may be loose, so that none runs off it with a formula; long
    derivations go on to the next page.
    """
    text = fragment(derivation, options, labels=True)
    if options.select:
        return text  # equations, perhaps within a paragraph
    settings = "\\sloppy\\setlength{\\emergencystretch}{5em}\n\\allowdisplaybreaks"
    return f"\\begingroup\n{settings}\n{text}\\par\n\\endgroup\n"


def latex_document(notes: Document) -> str:
    """The LaTeX text of the notes."""
    say = Phrases(notes.language)
    program = say("tex_program")
    write = _Blocks(notes)
    sections = [{"title": s.title, "blocks": write.visit(s.blocks)} for s in notes.sections]
    return render(
        "formats/latex/notes.tex.j2",
        program=program,
        title=breakable(notes.title, program),
        pdf_title=plain_title(notes.title, program),
        description=breakable(notes.description, program),
        figure_name=say("figure"),
        sections=sections,
    )


class _Blocks(ObjectVisitor):
    """The blocks of a document as its template knows them: labelled, and with links."""

    def __init__(self, notes: Document) -> None:
        self.prefix = notes.prefix
        self.links = Links(notes)

    def visit_table(self, block: Table) -> dict[str, Any]:
        pairs = zip_longest(block.rows, block.names, fillvalue="")
        return {"kind": "table", "header": block.header, "rows": [self.marked(*p) for p in pairs]}

    def visit_figure(self, block: Figure) -> dict[str, Any]:
        return {"kind": "figure", "text": figure(block)}

    def visit_equations(self, block: Equations) -> dict[str, Any]:
        return {"kind": "equations", "rows": [self.row(row) for row in block.rows]}

    def visit_listing(self, block: Listing) -> dict[str, Any]:
        return {"kind": "listing", "rows": [with_code(row) for row in block.rows]}

    def marked(self, cells: Sequence[str], name: str) -> list[str]:
        """The cells of a row, the first one the end of the links to that name."""
        place = rf"\phantomsection\label{{sym:{self.prefix}{name}}}" if name else ""
        return [place + cells[0], *cells[1:]]

    def row(self, row: Row) -> dict[str, Any]:
        """A row; its symbols lead elsewhere, never to itself."""
        places = [f"eq:{self.prefix}{label}" for label in row.labels]
        tex = self.links.printer(row, places, r"\symbollink{%s}{%s}").tex
        return {
            "left": tex(row.left) if row.left else "",
            "right": list(map(tex, row.broken(room(row.width(row.left))))),
            "relation": row.relation,
            "reason": row.reason,
            "result": row.result,
            "shape": row.shape,
            "checked": row.checked,
            "labels": "".join(rf"\label{{{place}}}" for place in places),
            "repeats": f"eq:{self.prefix}{row.repeats}" if row.repeats else "",
        }


def latex_fragment(notes: Document, labels: bool, titles: bool) -> str:
    """The text of the notes without a preamble, of constructs that KaTeX and MathJax know.

    labels: whether the equations are numbered and labelled.  titles: of the sections.
    """
    write = _Fragment(f"eq:{notes.prefix}" if labels else "")
    heads = [f"\\subsection*{{{s.title}}}\n" if titles else "" for s in notes.sections]
    texts = ["".join(write.visit(s.blocks)) for s in notes.sections]
    return "\n".join(map(str.__add__, heads, texts))


class _Fragment(Visitor[str]):
    """The blocks of a fragment.

    Each begins with a blank line; but equations continue a paragraph, which it would end.
    """

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix

    def visit_paragraph(self, block: Paragraph) -> str:
        return f"\n{block.text}\n"

    def visit_heading(self, block: Heading) -> str:
        return f"\n\\paragraph{{{block.text}}}\n"

    def visit_table(self, block: Table) -> str:
        columns = "l" * len(block.header)
        body = "\n".join(" & ".join(cells) + r" \\" for cells in (block.header, *block.rows))
        begin = rf"\begin{{center}}\begin{{tabular}}{{{columns}}}"
        return f"\n{begin}\n{body}\n\\end{{tabular}}\\end{{center}}\n"

    def visit_figure(self, block: Figure) -> str:
        return f"\n{figure(block)}"

    def visit_equations(self, block: Equations) -> str:
        return align(block.rows, self.prefix)

    def visit_listing(self, block: Listing) -> str:
        rows = "".join(
            f"\\item ${row.tex}$\\newline\n{{\\small {typed(row.code)}}}\n" for row in block.rows
        )
        return f"\n\\begin{{itemize}}\\raggedright\n{rows}\\end{{itemize}}\n"


def figure(block: Figure) -> str:
    """A picture, scaled down if it is wider than the text, with its caption as a float."""
    head, picture = "\\begin{figure}[!htb]\n\\centering\n", tikz(block.drawing).rstrip()
    return f"{head}{fitted(picture)}\n\\caption{{{block.caption}}}\n\\end{{figure}}\n"


def with_code(row: Row) -> dict[str, Any]:
    """An equation and its code, side by side if both are short."""
    wide = (
        max(map(len, row.code.split("\n"))) > CODE
        or row.width(row.left) + row.width(row.right) + 2 > EQUATION
    )
    return {"equation": row.tex, "code": typed(row.code), "wide": wide}


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
        [row.width(row.left) for row in rows],
        [row.width(part) for row in rows for part in row.broken(_narrow(row))],
        [said_width(row.reason) for row in rows],
    )
    below = bool(prefix) and sum(map(max, sides_and_reasons)) > BEHIND
    for row in rows:
        *parts, last = _parts(row) if prefix else (row.sides[1],)
        sides = f"{row.sides[0]} &{row.relation} "
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
    limit = _narrow(row)
    parts: list[str] = []
    for line in row.broken(limit):
        tex = Printer(row.notation).tex(line)
        part = _smaller(tex, limit / row.width(line))
        indented = bool(parts) and part == tex  # what fills the room is not
        parts.append(r"\quad " * indented + part)
    return tuple(parts)


def _narrow(row: Row) -> int:
    return room(row.width(row.left), NARROW)


def _smaller(tex: str, scale: float) -> str:
    """A formula in the largest letters of LaTeX in which it is not wider than scale says."""
    size = next((name for least, name in SIZES if scale >= least), r"\tiny")
    return rf"\text{{{size}\arraycolsep=0.2em\medmuskip=0mu$\displaystyle {tex}$}}" if size else tex


def plain_title(text: str, program: str) -> str:
    """The title as the PDF's metadata may hold it: letters, digits and spaces."""
    chinese = program == "xelatex"
    kept = (re.match(r"[A-Za-z0-9 .]", c) or (chinese and in_fandol(c)) for c in text)
    return "".join(c if keep else " " for c, keep in zip(text, kept, strict=True))
