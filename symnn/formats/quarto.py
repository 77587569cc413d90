"""The notes as a Quarto document: labelled equations, references to them, figures.

An equation that ends a derivation is a display of its own, with its label; Quarto numbers it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import pairwise

from symnn.derivation.gradients import Gradients
from symnn.drawing.svg import svg
from symnn.drawing.tikz import tikz
from symnn.formats.markdown import Markdown, aligned, literal
from symnn.formulas.breaking import fitted
from symnn.language.phrases import Phrases
from symnn.notes.document import Document, Equations, Figure, Row
from symnn.notes.options import DEFAULT, NotesOptions
from symnn.notes.tell import tell

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


def qmd(derivation: Gradients, options: NotesOptions = DEFAULT) -> str:
    """The notes as a Quarto document."""
    return quarto(tell(derivation, options))


def quarto(notes: Document) -> str:
    """The notes as .qmd."""
    write = _Quarto(notes.prefix, Phrases(notes.language))
    head = HEADER.format(
        title=_yaml(notes.title),
        subtitle=_yaml(notes.description),
        language=notes.language,
    )
    parts = [head]
    for section in notes.sections:
        parts.append(f"# {section.title}")
        parts += write.visit(section.blocks)
    return "\n\n".join(parts) + "\n"


def _yaml(text: str) -> str:
    """User text as a string of YAML that Markdown prints as these very characters."""
    return json.dumps(literal(text))


class _Quarto(Markdown):
    """The dialect of Quarto; prefix: of its labels."""

    heading = "##"

    def __init__(self, prefix: str, say: Phrases) -> None:
        self.prefix, self.say = prefix, say

    def visit_figure(self, block: Figure) -> str:
        """A figure for pages and one for PDF, from the same drawing."""
        page = f"```{{=html}}\n{svg(block.drawing).strip()}\n```"
        paper = f"```{{=latex}}\n{fitted(tikz(block.drawing).rstrip())}\n```"
        name = f"#fig-{self.prefix}{block.number}"
        return f"::: {{{name}}}\n{page}\n\n{paper}\n\n{block.caption}\n:::"

    def visit_equations(self, block: Equations) -> str:
        parts = [
            self.display(aligned(own)) + (f" {{#eq-{self.prefix}{label}}}" if label else "")
            for own, label in displays(block.rows)
        ]
        repeated = [f"@eq-{self.prefix}{row.repeats}" for row in block.rows if row.repeats]
        if repeated:
            parts.append(self.say("derived_in", places=", ".join(dict.fromkeys(repeated))))
        return "\n\n".join(parts)


def displays(rows: Sequence[Row]) -> Iterator[tuple[Sequence[Row], str]]:
    """The rows up to each one with a label, and what is left, by neighbours."""
    ends = (k for k, row in enumerate(rows, 1) if row.label)
    for first, last in pairwise(sorted({0, *ends, len(rows)})):
        yield rows[first:last], rows[last - 1].label
