"""Figures of a derivation: coordinates and texts, computed once for every printer."""

from collections.abc import Callable, Mapping

from symnn.drawing import Drawing
from symnn.equations import Equations
from symnn.figures.activations import activations
from symnn.figures.captions import captioned as captioned
from symnn.figures.descent import descent
from symnn.figures.graph import graph
from symnn.figures.network import network

# a figure of its name; None where the network has none, such as no activation
FIGURES: Mapping[str, Callable[[Equations], Drawing | None]] = {
    "network": network,
    "graph": graph,
    "activation": activations,
    "descent": descent,
}
