"""Derivation -> documents: LaTeX fragments, and every format of whole documents."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from symnn import markdown
from symnn.document import Block, Box, Document, Equations, Figure, Heading, Paragraph, Row, Table
from symnn.files import MARKER, check_writable, write_bytes
from symnn.page import page
from symnn.phrases import DETAILS, Phrases
from symnn.printers.texts import visible
from symnn.printers.tikz import tikz
from symnn.story import tell
from symnn.templating import render
from symnn.tex import compile_pdf, escape, in_fandol

if TYPE_CHECKING:
    from symnn.derivation import Derivation

WIDTH, LEFT = 68, 10  # of a right side, and of the column of left sides, in characters
# what opens and closes brackets, and the signs before which a line is broken
CLOSING = frozenset({")", "]", "}", r"\rVert", r"\rvert"})
BREAKS = frozenset({"+", "-", r"\odot", r"\circ", "*"})
SIGNS = re.compile(r"[([{)\]}]|\\[lr][vV]ert(?![A-Za-z])| (?:[-+*]|\\odot|\\circ)(?= )")
FORMATS = {"latex": ".tex", "pdf": ".pdf", "html": ".html", "markdown": ".md", "ipynb": ".ipynb"}


def fragment(derivation: Derivation, **options: Any) -> str:
    """The derivation as LaTeX without a preamble, of constructs that KaTeX and MathJax know.

    Figures, which need TikZ, are there only if ``figures`` asks for them.
    """
    notes = tell(derivation, **{"figures": False, "ticks": False, **options})
    return "\n".join(_fragment_section(s.title, s.blocks) for s in notes.sections)


def document(derivation: Derivation, **options: Any) -> str:
    """A complete LaTeX document."""
    return latex_document(tell(derivation, **options))


def pdf(derivation: Derivation, **options: Any) -> bytes:
    """The LaTeX document as a PDF."""
    return compile_pdf(document(derivation, **options))


def html(derivation: Derivation, **options: Any) -> str:
    """The interactive page: every level of detail, that of the options first."""
    options = {"beside": True, **options}
    texts = {level: tell(derivation, **{**options, "detail": level}) for level in DETAILS}
    return page(texts, options.get("detail", "textbook"))


def github(derivation: Derivation, **options: Any) -> str:
    """The notes in Markdown, as GitHub shows it."""
    return markdown.markdown(tell(derivation, **options))


def ipynb(derivation: Derivation, **options: Any) -> str:
    """A notebook of the notes and the module."""
    network = derivation.network
    notes = tell(derivation, **options)
    return markdown.notebook(notes, network.spec.output.module, network.generate())


PRINTERS: Mapping[str, Callable[..., str | bytes]] = {
    "latex": document,
    "pdf": pdf,
    "html": html,
    "markdown": github,
    "ipynb": ipynb,
}


def latex_document(notes: Document) -> str:
    """The LaTeX text of the notes."""
    say = Phrases(notes.language)
    program = say("tex_program")
    sections = [{"title": s.title, "blocks": [_block(b) for b in s.blocks]} for s in notes.sections]
    return render(
        "notes.tex.j2",
        marker=MARKER,
        program=program,
        title=escape(notes.title, program),
        pdf_title=plain_title(notes.title, program),
        description=escape(notes.description, program),
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
    made = (fragment if bare and kind == "latex" else PRINTERS[kind])(derivation, **options)
    write_bytes(path, made.encode() if isinstance(made, str) else made, force=force)
    return path


def _block(block: Block) -> dict[str, Any]:
    """A block as what the template knows."""
    match block:
        case Paragraph(text):
            return {"kind": "paragraph", "text": text, "small": block.small}
        case Box(title, texts):
            return {"kind": "box", "title": title, "texts": texts}
        case Heading(text):
            return {"kind": "heading", "text": text}
        case Table(header, rows):
            return {"kind": "table", "header": header, "rows": rows}
        case Figure(_, drawing, caption):
            return {"kind": "figure", "text": figure(tikz(drawing), caption)}
        case Equations(rows):
            return {"kind": "equations", "rows": [_row(r) for r in rows]}
    raise TypeError(block)


def _row(row: Row) -> dict[str, Any]:
    return {
        "left": row.left,
        "right": broken(row.right, WIDTH - max(0, visible(row.left) - LEFT)),
        "relation": row.relation,
        "reason": row.reason,
        "result": row.result,
        "shape": row.shape,
        "checked": row.checked,
    }


def _fragment_section(title: str, blocks: tuple[Block, ...]) -> str:
    return "\n".join([rf"\subsection*{{{title}}}", *(_fragment_block(b) for b in blocks), ""])


def _fragment_block(block: Block) -> str:
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
            return align(rows)
    raise TypeError(block)


def figure(picture: str, caption: str) -> str:
    """A picture, scaled down if it is wider than the text, with its caption as a float."""
    fits = r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"
    head = "\\begin{figure}[!htb]\n\\centering\n"
    return f"{head}{fits}\n{picture.rstrip()}}}\n\\caption{{{caption}}}\n\\end{{figure}}\n"


def align(rows: tuple[Row, ...]) -> str:
    """Rows as an ``align*``, the reasons behind them."""
    lines = []
    for row in rows:
        reason = rf" && \text{{{row.reason}}}" if row.reason else ""
        lines.append(f"{row.left} &{row.relation} {row.right}{reason}")
    body = " \\\\\n".join(lines)
    return f"\\begin{{align*}}\n{body}\n\\end{{align*}}\n"


def broken(tex: str, limit: int = WIDTH) -> tuple[str, ...]:
    """A long right side over several lines, broken before a sign outside all brackets."""
    if visible(tex) <= limit:
        return (tex,)
    parts, depth, start = [], 0, 0
    for found in SIGNS.finditer(tex):
        sign, k = found[0], found.start()
        if sign.strip() in CLOSING:
            depth -= 1
        elif sign.strip() not in BREAKS:
            depth += 1
        elif depth == 0:
            parts.append(tex[start:k])
            start = k
    parts.append(tex[start:])
    lines = [parts[0]]
    for part in parts[1:]:
        if visible(lines[-1] + part) <= limit:
            lines[-1] += part
        else:
            lines.append("{}" + part.strip())
    return tuple(lines)


def plain_title(text: str, program: str) -> str:
    """The title as the PDF's metadata may hold it: letters, digits and spaces."""
    chinese = program == "xelatex"
    kept = (re.match(r"[A-Za-z0-9 .]", c) or (chinese and in_fandol(c)) for c in text)
    return "".join(c if keep else " " for c, keep in zip(text, kept, strict=True))
