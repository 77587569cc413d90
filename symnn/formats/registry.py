"""Formats: how a derivation becomes a document, a row of the tables for each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from symnn.derivation.derivation import Derivation
from symnn.formats import markdown
from symnn.formats.beamer import frames
from symnn.formats.html import page
from symnn.formats.json import json_text
from symnn.formats.latex import fragment_block, latex_document
from symnn.formats.quarto import quarto
from symnn.formats.tex import breakable, compile_pdf
from symnn.io.files import check_writable, write_file
from symnn.io.templating import render
from symnn.language.options import DETAILS
from symnn.language.phrases import Phrases
from symnn.notes.document import (
    Equations,
)
from symnn.notes.tell import tell
from symnn.targets.registry import generate

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
            text += fragment_block(block, prefix)
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
    return markdown.notebook(notes, network.spec.output.module, generate(network, "numpy"))


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
