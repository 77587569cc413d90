"""The notes as Markdown, as code hosts and Jupyter read it, and as a notebook."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence

from symnn.derivation.derivation import Derivation
from symnn.derivation.gradients import Gradients
from symnn.derivation.lines import LinesDerivation
from symnn.drawing.svg import svg
from symnn.formats.visitor import Visitor
from symnn.language.phrases import Phrases
from symnn.notes.document import (
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
from symnn.notes.options import DEFAULT, NotesOptions
from symnn.notes.tell import tell
from symnn.targets.registry import generate

_SPECIAL = re.compile(r"([\\`*_\[\]<>#|$~&@:])")
_LEADING = re.compile(r"^(\d*)([-+.)=])")  # what would start a list or a rule


def github(derivation: Gradients, options: NotesOptions = DEFAULT) -> str:
    """The notes in Markdown, as code hosts read it."""
    return markdown(tell(derivation, options))


def ipynb(derivation: Gradients, options: NotesOptions = DEFAULT) -> str:
    """A notebook of the notes and the module; SpecError for lines of which none can be made."""
    notes = tell(derivation, options)
    assert isinstance(derivation, Derivation | LinesDerivation)
    own = derivation.lines if isinstance(derivation, LinesDerivation) else derivation.network
    return notebook(notes, derivation.stem, generate(own, "numpy"))


def markdown(notes: Document) -> str:
    """The notes in Markdown for code hosts, equations in ``math`` blocks."""
    parts = [f"# {literal(notes.title)}"]
    if notes.description:
        parts.append(literal(notes.description))
    parts += [_hosted(_section(section, _GitHub())) for section in notes.sections]
    return "\n\n".join(parts) + "\n"


def _hosted(text: str) -> str:
    """A section as code hosts read it.

    Between $ signs alone they take backslashes and underscores for Markdown, and see no formula
    beside Chinese punctuation; between $` and `$ they do neither.  GitHub refuses \\operatorname.
    """
    text = re.sub(r"\\operatorname\{(\w+)\}", r"\\mathop{\\mathrm{\1}}", text)
    return re.sub(r"\$([^$\n]+)\$", r"$`\1`$", text)


def notebook(notes: Document, module: str, text: str) -> str:
    """A Jupyter notebook (format 4.5): the notes, a cell a section, then the module, to run."""
    title = f"# {literal(notes.title)}\n\n{literal(notes.description)}".strip()
    cells = [_cell("markdown", "notes-0", title)]
    for k, section in enumerate(notes.sections, 1):
        write = _Notebook(Phrases(notes.language))
        cell = _cell("markdown", f"notes-{k}", _section(section, write))
        cells.append({**cell, "attachments": write.attachments} if write.attachments else cell)
    codes = [f"%%writefile {module}.py\n{text}", f"import {module}\n\n{module}.check()"]
    cells += [_cell("code", f"code-{k}", source) for k, source in enumerate(codes)]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    book = {"metadata": metadata, "nbformat": 4, "nbformat_minor": 5, "cells": cells}
    return json.dumps(book, indent=1, ensure_ascii=True) + "\n"


class Markdown(Visitor[str]):
    """The blocks in Markdown, which has dialects; a blank line stands between them."""

    heading = "###"  # of a group within a section

    def display(self, tex: str) -> str:
        """A formula on lines of its own."""
        return f"$$\n{tex}\n$$"

    def visit_paragraph(self, block: Paragraph) -> str:
        return f"<sub>{block.text}</sub>" if block.small else block.text

    def visit_box(self, block: Box) -> str:
        """As a quotation."""
        return "\n>\n".join(f"> {text}" for text in (f"**{block.title}**", *block.texts))

    def visit_heading(self, block: Heading) -> str:
        return f"{self.heading} {block.text}"

    def visit_table(self, block: Table) -> str:
        """With a ruler below its header."""
        ruler = ("---",) * len(block.header)
        rows = (block.header, ruler, *block.rows)
        return "\n".join(f"| {' | '.join(cells)} |" for cells in rows)

    def visit_equations(self, block: Equations) -> str:
        return self.display(aligned(block.rows))

    def visit_listing(self, block: Listing) -> str:
        """Every equation, and its code below it."""
        rows = (f"{self.display(row.tex)}\n\n```python\n{row.code}\n```" for row in block.rows)
        return "\n\n".join(rows)


class _GitHub(Markdown):
    """The dialect of GitHub, which shows no picture that is part of the text."""

    def display(self, tex: str) -> str:
        return f"```math\n{tex}\n```"

    def visit_figure(self, block: Figure) -> str:
        return ""


class _Notebook(Markdown):
    """The dialect of Jupyter; attachments: the pictures of a cell, by what its text calls them."""

    def __init__(self, say: Phrases) -> None:
        self.say = say
        self.attachments: dict[str, dict[str, str]] = {}

    def visit_figure(self, block: Figure) -> str:
        file = f"{block.drawing.name}-{block.number}.svg"
        encoded = base64.b64encode(svg(block.drawing).encode()).decode("ascii")
        self.attachments[file] = {"image/svg+xml": encoded}
        name = self.say("figure_number", number=block.number)
        return f"![{name}](attachment:{file})\n\n**{name}** {block.caption}"


def _section(section: Section, write: Markdown) -> str:
    return "\n\n".join([f"## {section.title}", *filter(None, write.visit(section.blocks))])


def _cell(kind: str, name: str, source: str) -> dict[str, object]:
    ran: dict[str, object] = {"execution_count": None, "outputs": []} if kind == "code" else {}
    return {"cell_type": kind, "id": name, "metadata": {}, "source": source, **ran}


def literal(text: str) -> str:
    """User text that Markdown prints as these very characters, on one line."""
    return _LEADING.sub(r"\1\\\2", _SPECIAL.sub(r"\\\1", " ".join(text.split())))


def aligned(rows: Sequence[Row]) -> str:
    """Rows below each other, their reasons in a column of their own."""
    lines = []
    for row in rows:
        shape = rf"{{\scriptstyle {row.shape}}}" if row.shape else ""
        last = rf"{shape}\ \checkmark" if row.checked else shape
        cells = [_words(row.reason), last] if last else [_words(row.reason)] if row.reason else []
        left, right = row.sides
        line = f"{left} &{row.relation} {right}"
        lines.append(line + "".join(rf" &\qquad& {cell}" for cell in cells))
    body = " \\\\\n".join(lines)
    return f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}"


def _words(reason: str) -> str:
    """A reason within mathematics: its words in \\text, its formulas as they are."""
    parts = reason.split("$")
    return "".join(part if k % 2 else rf"\text{{{part}}}" for k, part in enumerate(parts) if part)
