"""One figure of a network as a file: SVG, LaTeX or PDF."""

from __future__ import annotations

from collections.abc import Callable

from symnn.derivation.derivation import derive
from symnn.derivation.lines import Lines
from symnn.derivation.network import Network
from symnn.drawing.drawing import Drawing
from symnn.drawing.svg import svg
from symnn.drawing.tikz import number, tikz
from symnn.formats.pdf import compile_pdf
from symnn.io.deferred import deferred
from symnn.io.templating import render
from symnn.language.phrases import Phrases
from symnn.notes.context import Context
from symnn.notes.figures import FIGURES
from symnn.notes.figures.units import units
from symnn.notes.tell import letters

SUFFIXES = (".svg", ".tex", ".pdf")
LINES_FIGURES = ("network", "graph")
reads: Callable[..., Drawing] = deferred("symnn.notes.figures.reads:reads")


def picture(network: Network | Lines, name: str = "network") -> Drawing:
    """The network itself, or of lines the graph too, which need no derivation."""
    say = Phrases(network.spec.notes.language)
    if isinstance(network, Lines):
        return reads(network, letters(network), say, name)
    return units(network, letters(network), say)


def figure(network: Network | Lines, name: str) -> Drawing | None:
    """The figure of that name, in the notation, layout and language of the spec's [notes].

    None where the network has no such figure: no activation has a graph, or no step is too
    large.  KeyError for an unknown name; FIGURES holds the known ones.  Lines have LINES_FIGURES.
    """
    if isinstance(network, Lines):
        return picture(network, name) if name in LINES_FIGURES else None
    if name == "network":
        return picture(network)
    notes = network.spec.notes
    notation = letters(network)
    layout = notes.layout or notation.layout
    context = Context(derive(network), notation, layout, notes.detail, notes.language)
    return FIGURES[name](context)


def printed(
    drawing: Drawing, suffix: str, *, fragment: bool = False, language: str = "en"
) -> str | bytes:
    """A drawing as a file with that suffix.  fragment: the bare tikzpicture, for \\input.

    language: that of its texts, which says what sets them.
    Raises ValueError for an unknown suffix, TexError where TeX is not there or fails.
    """
    if suffix not in SUFFIXES:
        raise ValueError(f"unknown kind of figure {suffix!r}; known: {', '.join(SUFFIXES)}")
    if suffix == ".svg":
        return svg(drawing)
    if fragment:
        return tikz(drawing)
    left, bottom, right, top = drawing.box
    text = render(
        "formats/latex/figure.tex.j2",
        program=Phrases(language)("tex_program"),
        width=number(right - left),
        height=number(top - bottom),
        picture=tikz(drawing),
    )
    return compile_pdf(text) if suffix == ".pdf" else text
