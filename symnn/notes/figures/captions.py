"""What a figure says below itself."""

from __future__ import annotations

from symnn.drawing.drawing import Drawing
from symnn.notes.equations import Equations
from symnn.notes.figures.activations import activations, bound, steepest, used
from symnn.notes.figures.descent import descent
from symnn.notes.figures.graph import DOTS, graph
from symnn.notes.figures.units import network

PANELS = 4  # activations in one figure


def captioned(eq: Equations, name: str) -> list[tuple[Drawing, str]]:
    """The figures of that name, each with its caption; none where the network has none."""
    match name:
        case "network":
            return _network(eq)
        case "graph":
            drawing = graph(eq)
            dots = any(node.name == DOTS for node in drawing.nodes)
            return [(drawing, _sentences(eq, "figure_graph", figure_layers=dots))]
        case "activation":
            return _activations(eq)
        case "descent":
            found = descent(eq)
            loss, eta = (eq.notation.symbol(n) for n in ("L", "eta"))
            return [(found, eq.say("figure_descent", loss=loss, eta=eta))] if found else []
    raise KeyError(name)


def _sentences(eq: Equations, first: str, **more: bool) -> str:
    """Phrases one after the other, those after the first where they hold."""
    found = [eq.say(first), *(eq.say(key) for key, holds in more.items() if holds)]
    return eq.say("join_sentences").join(found)


def _network(eq: Equations) -> list[tuple[Drawing, str]]:
    drawing = network(eq)
    texts = [label.text for label in drawing.labels]
    units, layers = r"$\vdots$" in texts, r"$\cdots$" in texts
    biases = len(eq.network.parameters) - eq.depth
    phrase = {0: "figure_network_edges", eq.depth: "figure_network"}
    first = phrase.get(biases, "figure_network_biases")
    return [(drawing, _sentences(eq, first, figure_units=units, figure_layers=layers))]


def _activations(eq: Equations) -> list[tuple[Drawing, str]]:
    rows, found = used(eq), []
    for at in range(0, len(rows), PANELS):
        part = rows[at : at + PANELS]
        drawing = activations(eq, part)
        sentences = [eq.say("figure_activation")]
        for row in part:
            peak = steepest(row)
            if peak and peak[1] < 1 - 1e-9:
                prime = rf"{row.tex}^{{\prime}}"
                sentences.append(eq.say("figure_vanish", prime=prime, value=bound(peak[1])))
        if drawing:
            found.append((drawing, eq.say("join_sentences").join(sentences)))
    return found
