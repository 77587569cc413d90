"""Formats: how a derivation becomes a document, a row of one table for each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from symnn.derivation.derivation import Derivation
from symnn.derivation.gradients import Gradients
from symnn.formats.beamer import frames
from symnn.formats.html import page
from symnn.formats.json import json_text
from symnn.formats.latex import latex_document, latex_fragment
from symnn.formats.markdown import markdown, notebook
from symnn.formats.quarto import quarto
from symnn.formats.tex import breakable, compile_pdf
from symnn.io.errors import suggestion
from symnn.io.files import check_writable, write_file
from symnn.io.templating import render
from symnn.language.options import DETAILS
from symnn.language.phrases import Phrases
from symnn.notes.document import Document
from symnn.notes.options import DEFAULT, NotesOptions
from symnn.notes.tell import tell
from symnn.targets.registry import generate


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


Printer: TypeAlias = Callable[[Gradients, NotesOptions], str | bytes]


def _told(printer: Callable[[Document], str]) -> Callable[..., str]:
    """The format that prints the notes as they are told."""

    def printed(derivation: Gradients, options: NotesOptions = DEFAULT) -> str:
        return printer(tell(derivation, options))

    return printed


document, github, qmd, objects = map(_told, (latex_document, markdown, quarto, json_text))


def pdf(derivation: Gradients, options: NotesOptions = DEFAULT) -> bytes:
    """The LaTeX document as a PDF."""
    return compile_pdf(document(derivation, options))


def html(derivation: Gradients, options: NotesOptions = DEFAULT) -> str:
    """The interactive page: every level of detail, that of the options first.

    The code is beside the equations in any case, not at the end.
    """
    options = replace(options, beside=True, code=False)
    levels = (options.detail,) if options.select else DETAILS
    told = {detail: tell(derivation, replace(options, detail=detail)) for detail in levels}
    return page(told, options.detail)


def ipynb(derivation: Gradients, options: NotesOptions = DEFAULT) -> str:
    """A notebook of the notes and the module; ValueError for lines, which have no module."""
    if not isinstance(derivation, Derivation):
        raise ValueError("a notebook runs a module, and lines have none yet")
    network = derivation.network
    notes = tell(derivation, options)
    return notebook(notes, network.spec.output.module, generate(network, "numpy"))


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


@dataclass(frozen=True)
class Format:
    """A format: the suffix of its files, what prints it, and what prints it for a document of the
    reader's own, if anything does."""

    suffix: str
    printed: Printer
    bare: Printer | None = None


FORMATS: dict[str, Format] = {
    "latex": Format(".tex", document, fragment_to_input),
    "pdf": Format(".pdf", pdf),
    "html": Format(".html", html),
    "markdown": Format(".md", github),
    "ipynb": Format(".ipynb", ipynb),
    "beamer": Format(".tex", beamer, bare_frames),
    "quarto": Format(".qmd", qmd),
    "json": Format(".json", objects),
}


def save(
    derivation: Gradients,
    path: Path,
    options: NotesOptions = DEFAULT,
    *,
    force: bool = False,
    bare: bool = False,
) -> Path:
    """Write the notes; the suffix says the format.  bare: the fragment alone.

    Raises ValueError for an unknown suffix, OutputError where the file cannot be written,
    TexError where TeX is not there or fails.
    """
    found = next((f for f in FORMATS.values() if f.suffix == path.suffix), None)
    if found is None:
        hint = suggestion(path.suffix, {f.suffix for f in FORMATS.values()})
        raise ValueError(f"unknown format {path.suffix or path.name!r}; {hint}")
    check_writable(path, force=force)
    printed = (bare and found.bare) or found.printed
    write_file(path, printed(derivation, options), force=force)
    return path
