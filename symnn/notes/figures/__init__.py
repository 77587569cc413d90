"""Figures of a derivation: coordinates and texts, computed once for every printer."""

from collections.abc import Callable, Mapping

from symnn.drawing.drawing import Drawing
from symnn.notes.context import Context
from symnn.notes.figures.activations import activations
from symnn.notes.figures.captions import captioned as captioned
from symnn.notes.figures.captions import figures as figures
from symnn.notes.figures.descent import descent
from symnn.notes.figures.graph import graph
from symnn.notes.figures.units import network

# a figure of its name; None where the network has none, such as no activation
FIGURES: Mapping[str, Callable[[Context], Drawing | None]] = {
    "network": network,
    "graph": graph,
    "activation": activations,
    "descent": descent,
}
