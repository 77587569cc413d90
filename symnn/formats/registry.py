"""Formats: how a derivation becomes a document, a row of one table for each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from symnn.derivation.gradients import Gradients
from symnn.io.deferred import deferred
from symnn.io.errors import suggestion
from symnn.io.files import check_writable, write_file
from symnn.notes.options import DEFAULT, NotesOptions

Printer: TypeAlias = Callable[[Gradients, NotesOptions], str | bytes]


@dataclass(frozen=True)
class Format:
    """A format: the suffix of its files, what prints it, and what prints it for a document of the
    reader's own, if anything does."""

    suffix: str
    printed: Printer
    bare: Printer | None = None


FORMATS: dict[str, Format] = {
    "latex": Format(
        ".tex",
        deferred("symnn.formats.latex:document"),
        deferred("symnn.formats.latex:fragment_to_input"),
    ),
    "pdf": Format(".pdf", deferred("symnn.formats.pdf:pdf")),
    "html": Format(".html", deferred("symnn.formats.html:html")),
    "markdown": Format(".md", deferred("symnn.formats.markdown:github")),
    "ipynb": Format(".ipynb", deferred("symnn.formats.markdown:ipynb")),
    "beamer": Format(
        ".tex",
        deferred("symnn.formats.beamer:beamer"),
        deferred("symnn.formats.beamer:bare_frames"),
    ),
    "quarto": Format(".qmd", deferred("symnn.formats.quarto:qmd")),
    "json": Format(".json", deferred("symnn.formats.json:objects")),
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
