"""What a figure says below itself."""

from __future__ import annotations

from symnn.drawing.drawing import Drawing
from symnn.formulas.tex import symbol_tex
from symnn.notes.context import Context
from symnn.notes.figures.activations import activations, bound, steepest, used
from symnn.notes.figures.descent import descent
from symnn.notes.figures.graph import HIDDEN, graph
from symnn.notes.figures.units import DOTS, VERTICAL, network

PANELS = 4  # activations in one figure


def captioned(context: Context, name: str) -> list[tuple[Drawing, str]]:
    """The figures of that name, each with its caption; none where the network has none."""
    match name:
        case "network":
            return _network(context)
        case "graph":
            drawing = graph(context)
            dots = any(node.name == HIDDEN for node in drawing.nodes)
            return [(drawing, _sentences(context, "figure_graph", figure_layers=dots))]
        case "activation":
            return _activations(context)
        case "descent":
            found = descent(context)
            loss, eta = (symbol_tex(context.notation, n) for n in ("L", "eta"))
            return [(found, context.say("figure_descent", loss=loss, eta=eta))] if found else []
    raise KeyError(name)


def _sentences(context: Context, first: str, **more: bool) -> str:
    """Phrases one after the other, those after the first where they hold."""
    found = [context.say(first), *(context.say(key) for key, holds in more.items() if holds)]
    return context.say("join_sentences").join(found)


def _network(context: Context) -> list[tuple[Drawing, str]]:
    drawing = network(context)
    texts = [label.text for label in drawing.labels]
    units, layers = VERTICAL in texts, DOTS in texts
    biases = len(context.network.parameters) - context.depth
    phrase = {0: "figure_network_edges", context.depth: "figure_network"}
    first = phrase.get(biases, "figure_network_biases")
    return [(drawing, _sentences(context, first, figure_units=units, figure_layers=layers))]


def _activations(context: Context) -> list[tuple[Drawing, str]]:
    rows, found = used(context), []
    for at in range(0, len(rows), PANELS):
        part = rows[at : at + PANELS]
        drawing = activations(context, part)
        sentences = [context.say("figure_activation")]
        for row in part:
            peak = steepest(row)
            if peak and peak[1] < 1 - 1e-9:
                prime = rf"{row.tex}^{{\prime}}"
                sentences.append(context.say("figure_vanish", prime=prime, value=bound(peak[1])))
        if drawing:
            found.append((drawing, context.say("join_sentences").join(sentences)))
    return found
