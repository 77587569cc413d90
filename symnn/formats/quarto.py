"""The notes as a Quarto document: labelled equations, references to them, figures.

An equation that ends a derivation is a display of its own, with its label; Quarto numbers it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from symnn.drawing.svg import svg
from symnn.drawing.tikz import tikz
from symnn.formats.markdown import aligned, box, displayed, listing, literal, paragraph, table
from symnn.formulas.breaking import fitted
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

HEADER = """\
---
title: {title}
subtitle: {subtitle}
lang: {language}
number-sections: true
header-includes: |
  ```{{=latex}}
  \\usepackage{{tikz}}
  \\usetikzlibrary{{arrows.meta}}
  ```
---"""


def quarto(notes: Document) -> str:
    """The notes as .qmd."""
    say = Phrases(notes.language)
    head = HEADER.format(
        title=_yaml(notes.title),
        subtitle=_yaml(notes.description),
        language=notes.language,
    )
    parts = [head]
    for section in notes.sections:
        parts.append(f"# {section.title}")
        parts += [text for b in section.blocks for text in _block(b, notes.prefix, say)]
    return "\n\n".join(parts) + "\n"


def _yaml(text: str) -> str:
    """User text as a string of YAML that Markdown prints as these very characters."""
    return json.dumps(literal(text))


def _block(block: Block, prefix: str, say: Phrases) -> Iterator[str]:
    match block:
        case Paragraph():
            yield paragraph(block)
        case Box():
            yield box(block)
        case Heading(text):
            yield f"## {text}"
        case Table():
            yield table(block)
        case Listing():
            yield listing(block, displayed)
        case Figure():
            yield _figure(block, prefix)
        case Equations(rows):
            for own, label in displays(rows):
                yield displayed(aligned(own)) + (f" {{#eq-{prefix}{label}}}" if label else "")
            repeated = [f"@eq-{prefix}{row.repeats}" for row in rows if row.repeats]
            if repeated:
                yield say("derived_in", places=", ".join(dict.fromkeys(repeated)))


def displays(rows: Sequence[Row]) -> Iterator[tuple[list[Row], str]]:
    """The rows up to each one with a label, and what is left, by neighbours."""
    own: list[Row] = []
    for row in rows:
        own.append(row)
        if row.label:
            yield own, row.label
            own = []
    if own:
        yield own, ""


def _figure(figure: Figure, prefix: str) -> str:
    """A figure for pages and one for PDF, from the same drawing."""
    page = f"```{{=html}}\n{svg(figure.drawing).strip()}\n```"
    paper = f"```{{=latex}}\n{fitted(tikz(figure.drawing).rstrip())}\n```"
    return f"::: {{#fig-{prefix}{figure.number}}}\n{page}\n\n{paper}\n\n{figure.caption}\n:::"
