"""Derivation -> documents: LaTeX fragments, and every format of whole documents."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from symnn.drawing.tikz import tikz
from symnn.formats import markdown
from symnn.formats.beamer import frames
from symnn.formats.html import page
from symnn.formats.json import json_text
from symnn.formats.quarto import quarto
from symnn.formats.tex import breakable, compile_pdf, escape, in_fandol
from symnn.formulas.breaking import broken, fitted, room
from symnn.formulas.pieces import visible
from symnn.io.files import check_writable, write_file
from symnn.io.templating import render
from symnn.language.phrases import DETAILS, Phrases
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
from symnn.notes.tell import tell
from symnn.targets.registry import generate

if TYPE_CHECKING:
    from symnn.derivation.derivation import Derivation

EQUATION, CODE = 30, 48  # characters of an equation and of its code that stand side by side
NARROW = 49  # characters of a right side
# the size of the letters where a right side has room for this part of its characters
SIZES = ((0.93, ""), (0.85, r"\small"), (0.76, r"\footnotesize"), (0.69, r"\scriptsize"))
BEHIND = 42  # characters of equations and reasons beside each other in a text
FORMATS = {
    "latex": ".tex",
    "pdf": ".pdf",
    "html": ".html",
    "markdown": ".md",
    "ipynb": ".ipynb",
    "beamer": ".tex",
    "quarto": ".qmd",
    "json": ".json",
}


def fragment(derivation: Derivation, *, labels: bool = False, **options: Any) -> str:
    """The derivation as LaTeX without a preamble, of constructs that KaTeX and MathJax know.

    Figures, which need TikZ, are there only if ``figures`` asks for them.  labels: whether the
    equations are numbered and labelled, for \\input in a document; KaTeX knows no labels.
    Equations that were selected stand alone, without a title.
    """
    notes = tell(derivation, **{"figures": False, "ticks": False, **options})
    prefix = f"eq:{notes.prefix}" if labels else ""
    sections = []
    for section in notes.sections:
        text = "" if options.get("select") else f"\\subsection*{{{section.title}}}\n"
        for block in section.blocks:
            # equations continue a paragraph: with a blank line they would begin one of their own
            text += "" if isinstance(block, Equations) else "\n"
            text += _fragment_block(block, prefix)
        sections.append(text)
    return "\n".join(sections)


def fragment_to_input(derivation: Derivation, **options: Any) -> str:
    """The fragment for \\input in a document, with labels.

    In a narrow text a line may be loose, so that none runs off it with a formula; long
    derivations go on to the next page.
    """
    text = fragment(derivation, labels=True, **options)
    if options.get("select"):
        return text  # equations, perhaps within a paragraph
    settings = "\\sloppy\\setlength{\\emergencystretch}{5em}\n\\allowdisplaybreaks"
    return f"\\begingroup\n{settings}\n{text}\\par\n\\endgroup\n"


def document(derivation: Derivation, **options: Any) -> str:
    """A complete LaTeX document."""
    return latex_document(tell(derivation, **options))


def pdf(derivation: Derivation, **options: Any) -> bytes:
    """The LaTeX document as a PDF."""
    return compile_pdf(document(derivation, **options))


def html(derivation: Derivation, **options: Any) -> str:
    """The interactive page: every level of detail, that of the options first.

    The code is beside the equations in any case, not at the end.
    """
    options = {"beside": True, **options, "code": False}
    chosen = options.get("detail", "textbook")
    levels = (chosen,) if options.get("select") else DETAILS
    return page({k: tell(derivation, **{**options, "detail": k}) for k in levels}, chosen)


def github(derivation: Derivation, **options: Any) -> str:
    """The notes in Markdown, as GitHub shows it."""
    return markdown.markdown(tell(derivation, **options))


def ipynb(derivation: Derivation, **options: Any) -> str:
    """A notebook of the notes and the module."""
    network = derivation.network
    notes = tell(derivation, **options)
    return markdown.notebook(notes, network.spec.output.module, generate(network))


def beamer(derivation: Derivation, **options: Any) -> str:
    """Slides, for the class beamer; they show no code and no ticks."""
    notes = tell(derivation, **{**options, "ticks": False, "code": False})
    program = Phrases(notes.language)("tex_program")
    return render(
        "formats/beamer/slides.tex.j2",
        program=program,
        title=breakable(notes.title, program),
        description=breakable(notes.description, program),
        sections=frames(notes),
    )


def bare_frames(derivation: Derivation, **options: Any) -> str:
    """The frames alone, for a talk of one's own."""
    notes = tell(derivation, **{"figures": False, **options, "ticks": False, "code": False})
    return "\n".join(frame for _, own in frames(notes) for frame in own)


def qmd(derivation: Derivation, **options: Any) -> str:
    """The notes for Quarto."""
    return quarto(tell(derivation, **options))


def objects(derivation: Derivation, **options: Any) -> str:
    """The notes as JSON."""
    return json_text(tell(derivation, **options))


PRINTERS: Mapping[str, Callable[..., str | bytes]] = {
    "latex": document,
    "pdf": pdf,
    "html": html,
    "markdown": github,
    "ipynb": ipynb,
    "beamer": beamer,
    "quarto": qmd,
    "json": objects,
}
# what is put into a document of the reader's own
BARE: Mapping[str, Callable[..., str]] = {"latex": fragment_to_input, "beamer": bare_frames}


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


def save(
    derivation: Derivation,
    path: Path,
    *,
    force: bool = False,
    bare: bool = False,
    **options: Any,
) -> Path:
    """Write the notes; the suffix says the format.  bare: the fragment alone.

    Raises ValueError for an unknown suffix, OutputError where the file cannot be written,
    TexError where TeX is not there or fails.
    """
    if path.suffix not in FORMATS.values():
        known = ", ".join(FORMATS.values())
        raise ValueError(f"unknown format {path.suffix or path.name!r}; known: {known}")
    kind = next(name for name, suffix in FORMATS.items() if suffix == path.suffix)
    check_writable(path, force=force)
    made = (BARE if bare and kind in BARE else PRINTERS)[kind](derivation, **options)
    write_file(path, made, force=force)
    return path


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


def _fragment_block(block: Block, prefix: str) -> str:
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
