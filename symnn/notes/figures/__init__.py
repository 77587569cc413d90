"""Figures of a derivation: coordinates and texts, computed once for every printer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from symnn.io.deferred import deferred
from symnn.notes.context import Context
from symnn.notes.document import Figure

if TYPE_CHECKING:
    from symnn.drawing.drawing import Drawing

# a figure of its name; None where the network has none, such as no activation
FIGURES: Mapping[str, Callable[[Context], Drawing | None]] = {
    "network": deferred("symnn.notes.figures.units:network"),
    "graph": deferred("symnn.notes.figures.graph:graph"),
    "activation": deferred("symnn.notes.figures.activations:activations"),
    "descent": deferred("symnn.notes.figures.descent:descent"),
}
captioned: Callable[..., list[tuple[Drawing, str]]] = deferred(
    "symnn.notes.figures.captions:captioned"
)


def figures(context: Context, name: str) -> Iterator[Figure]:
    """The figures of that name, if there are to be any; the shortest notes show the network."""
    if context.network.depth_letter and name != "activation":
        return  # a picture shows so many units and layers
    if context.figures and (context.detail != "answer" or name == "network"):
        yield from (Figure(*pair) for pair in captioned(context, name))
