"""The notes as Markdown, as code hosts and Jupyter read it, and as a notebook."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Sequence
from typing import TypeAlias

from symnn.drawing.svg import svg
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
    Section,
    Table,
)

Display: TypeAlias = Callable[[str], str]
Picture: TypeAlias = Callable[[Figure], str]

_SPECIAL = re.compile(r"([\\`*_\[\]<>#|$~&@:])")
_LEADING = re.compile(r"^(\d*)([-+.)=])")  # what would start a list or a rule


def markdown(notes: Document) -> str:
    """The notes in Markdown for code hosts, equations in ``math`` blocks."""
    parts = [f"# {literal(notes.title)}"]
    if notes.description:
        parts.append(literal(notes.description))
    # code hosts show no picture that is part of the text
    sections = (_section(section, _fenced, lambda figure: "") for section in notes.sections)
    return "\n\n".join([*parts, *map(_hosted, sections)]) + "\n"


def _hosted(text: str) -> str:
    """A section as code hosts read it.

    Between $ signs alone they take backslashes and underscores for Markdown, and see no formula
    beside Chinese punctuation; between $` and `$ they do neither.  GitHub refuses \\operatorname.
    """
    text = re.sub(r"\\operatorname\{(\w+)\}", r"\\mathop{\\mathrm{\1}}", text)
    return re.sub(r"\$([^$\n]+)\$", r"$`\1`$", text)


def notebook(notes: Document, module: str, text: str) -> str:
    """A Jupyter notebook (format 4.5): the notes, a cell a section, then the module, to run."""

    def attached(figure: Figure) -> str:
        name = Phrases(notes.language)("figure_number", number=figure.number)
        return f"![{name}](attachment:{_file(figure)})\n\n**{name}** {figure.caption}"

    texts = [f"# {literal(notes.title)}\n\n{literal(notes.description)}".strip()]
    texts += [_section(section, displayed, attached) for section in notes.sections]
    figures = [[], *([b for b in s.blocks if isinstance(b, Figure)] for s in notes.sections)]
    codes = [f"%%writefile {module}.py\n{text}", f"import {module}\n\n{module}.check()"]
    cells = [
        {**_cell("markdown", f"notes-{k}", source), **_attachments(own)}
        for k, (source, own) in enumerate(zip(texts, figures, strict=True))
    ]
    cells += [_cell("code", f"code-{k}", source) for k, source in enumerate(codes)]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    book = {"metadata": metadata, "nbformat": 4, "nbformat_minor": 5, "cells": cells}
    return json.dumps(book, indent=1, ensure_ascii=True) + "\n"


def _cell(kind: str, name: str, source: str) -> dict[str, object]:
    ran: dict[str, object] = {"execution_count": None, "outputs": []} if kind == "code" else {}
    return {"cell_type": kind, "id": name, "metadata": {}, "source": source, **ran}


def _file(figure: Figure) -> str:
    return f"{figure.drawing.name}-{figure.number}.svg"


def _attachments(figures: Sequence[Figure]) -> dict[str, object]:
    """The pictures of a cell, by the names that its text calls them."""
    if not figures:
        return {}
    return {"attachments": {_file(f): {"image/svg+xml": _encoded(f)} for f in figures}}


def _encoded(figure: Figure) -> str:
    return base64.b64encode(svg(figure.drawing).encode()).decode("ascii")


def literal(text: str) -> str:
    """User text that Markdown prints as these very characters, on one line."""
    return _LEADING.sub(r"\1\\\2", _SPECIAL.sub(r"\\\1", " ".join(text.split())))


def _fenced(tex: str) -> str:
    return f"```math\n{tex}\n```"


def displayed(tex: str) -> str:
    return f"$$\n{tex}\n$$"


def _section(section: Section, display: Display, picture: Picture) -> str:
    blocks = [_block(block, display, picture) for block in section.blocks]
    return "\n\n".join([f"## {section.title}", *filter(None, blocks)])


def _block(block: Block, display: Display, picture: Picture) -> str:
    match block:
        case Figure():
            return picture(block)
        case Paragraph():
            return paragraph(block)
        case Box():
            return box(block)
        case Heading(text):
            return f"### {text}"
        case Table():
            return table(block)
        case Equations(rows):
            return display(aligned(rows))
        case Listing():
            return listing(block, display)
    raise TypeError(block)


def listing(block: Listing, display: Display) -> str:
    """Every equation, and its code below it."""
    return "\n\n".join(f"{display(tex)}\n\n```python\n{code}\n```" for tex, code in block.rows)


def table(block: Table) -> str:
    """A table with a ruler below its header."""
    ruler = ("---",) * len(block.header)
    rows = (block.header, ruler, *block.rows)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)


def paragraph(block: Paragraph) -> str:
    """A paragraph; a footnote in small letters."""
    return f"<sub>{block.text}</sub>" if block.small else block.text


def box(block: Box) -> str:
    """An aside as a quotation."""
    return "\n>\n".join(f"> {text}" for text in (f"**{block.title}**", *block.texts))


def aligned(rows: Sequence[Row]) -> str:
    """Rows below each other, their reasons in a column of their own."""
    lines = []
    for row in rows:
        shape = rf"{{\scriptstyle {row.shape}}}" if row.shape else ""
        last = rf"{shape}\ \checkmark" if row.checked else shape
        cells = [_words(row.reason), last] if last else [_words(row.reason)] if row.reason else []
        line = f"{row.left} &{row.relation} {row.right}"
        lines.append(line + "".join(rf" &\qquad& {cell}" for cell in cells))
    body = " \\\\\n".join(lines)
    return f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}"


def _words(reason: str) -> str:
    """A reason within mathematics: its words in \\text, its formulas as they are."""
    parts = reason.split("$")
    return "".join(part if k % 2 else rf"\text{{{part}}}" for k, part in enumerate(parts) if part)
