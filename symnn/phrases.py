"""The words of the notes, by language.  A further language is one more table.

``$...$`` holds mathematics; ``{name}`` is filled in: ``{N}``, ``{L}``, ``{layer}``, ``{x}``,
``{X}``, ``{a}``, ``{h}``, ``{eta}`` and ``{odot}`` with the letters of the notation.
"""

from __future__ import annotations

from collections.abc import Mapping

DETAILS = ("answer", "textbook", "full")  # the levels of detail

ENGLISH: dict[str, str] = {
    # sections
    "network": "The network",
    "loss": "The loss",
    "gradients": "The gradients, by the chain rule",
    "result": "The gradient of the loss",
    "samples": "From one sample to ${N}$",
    "update": "Gradient descent",
    "stable": "What is computed",
    # the network
    "nested": "As a function of the column vector ${x}$, with each activation applied to every "
    "component, the network is",
    "unfolds": "Layer by layer, this unfolds into",
    "batch": "The ${N}$ samples are the {ways} of ${X}$; every capital letter below, apart from "
    "the weights, holds one {way} for each sample, and $\\mathbf{{1}}$ is a column of ones.",
    "columns": "columns",
    "column": "column",
    "rows": "rows",
    "row": "row",
    "alike": "The layers ${layer} = {first}, \\ldots, {last}$ are alike:",
    "sizes": "The sizes are {sizes}.",
    "activations": "The activations and their derivatives:",
    "symbol": "symbol",
    "shape": "shape",
    "meaning": "meaning",
    "meaning_x": "input",
    "meaning_y": "target",
    "meaning_A": "weights of layer ${k}$",
    "meaning_b": "bias of layer ${k}$",
    "meaning_z": "pre-activation of layer ${k}$",
    "meaning_a": "activation of layer ${k}$",
    "meaning_mask": "mask of dropout, entries $0$ or $1/(1-\\mathrm{{rate}})$",
    "meaning_delta": "error of layer ${k}$, the derivative of ${of}$ by ${z}$",
    "signs": "In what follows, {signs}.",
    "sign_product": "${odot}$ is the product of components",
    "sign_quotient": "$\\oslash$ is the quotient of components",
    "sign_square": "$v^{{{odot} 2}}$ is the square of each component",
    "sign_bracket": "$[\\,\\cdot\\,]$ is $1$ where the condition holds and $0$ elsewhere",
    "sign_number": "a number added to a vector is added to every component",
    # the loss
    "loss_is": "The loss is a function of the parameters alone:",
    "one_sample": "For one sample, and with what the network has computed, it is",
    "loss_lines": "In terms of what the network has computed, it is",
    "facts": "Given: ${facts}$.",
    # the gradients
    "errors": "Write ${delta} = {slope}$ for the error of layer ${k}$.",
    "short_d": "Write ${short} = {slope}$ for the derivative by ${z}$, and in "
    "the same way for the other letters.",
    "short_nabla": "$\\nabla_{{v}} {L}$ holds the derivatives of ${L}$ by the components of $v$.",
    "scaled": "The derivatives by what belongs to the samples are those of ${N} {L}$, without the "
    "factor $1/{N}$ of the mean; it stands in the gradients of the parameters.",
    "sweep": "The sweep runs from the loss back to the first layer.",
    "layer_loss": "The loss",
    "layer_last": "Output layer, ${layer} = {k}$",
    "layer": "Layer ${layer} = {k}$",
    "layers": "Layers ${layer} = {first}, \\ldots, {last}$",
    "kinks": "Where a derivative does not exist, it is taken as ${kinks}$.",
    "spoken_last": "In words: ${delta}$ says how fast ${loss}$ rises with ${z}$. If ${entry}$ "
    "grows by a small $\\varepsilon$, ${loss}$ grows by about $\\varepsilon \\, {rise}$.",
    "spoken": "In words: ${delta}$, how fast ${loss}$ rises with ${z}$, is the error of the "
    "layer above, led back along the weights and multiplied by the slope of the activation.",
    "spoken_linear": "In words: ${delta}$, how fast ${loss}$ rises with ${z}$, is the error of the "
    "layer above, led back along the weights.",
    "cost": "Why backward? For each product of the forward pass, weights by activations, the "
    "sweep takes two: one for the error, one for the gradient of the weights. It costs about two "
    "forward passes and yields all ${count}$ derivatives at once, because ${L}$ is a single "
    "number. Carried forward, the chain rule would need a pass for each parameter.",
    # why a transpose
    "why_error": "Why the transpose in ${product}$?",
    "why_weights": "Why the transpose in ${product}$?",
    "why_error_entry": "By entry: ${a}$ enters ${z}$ with the factor ${A}$, so the error ${d}$ "
    "returns to ${a}$ by the same ${A}$, and ${left} = {right}$. The forward sum runs over one "
    "index of the weights, the backward sum over the other: that is what the transpose says.",
    "why_weights_entry": "By entry: ${A}$ occurs in ${z}$ alone, with the factor ${a}$, so "
    "${left} = {right}$. Each entry of the error meets each entry of the input: the one is written "
    "as a column, the other, transposed, as a row.",
    "why_differential": "By differential: if ${own}$ alone changes, then $\\mathrm{{d}} {loss} = "
    "{pairings}$, where $\\langle u, v \\rangle$ is the sum of the products of entries. What is "
    "paired with the change of ${own}$ is its gradient.",
    "why_shape": "By shape: a gradient has the shape of what it belongs to, here {own}. Of {d} and "
    "{other}, only ${product}$ has it.",
    # reasons
    "affine map": "affine map",
    "component": "by component",
    "derivative of the loss": "derivative of the loss",
    "chain rule": "chain rule, through ${through}$",
    "directly": "{chain}, and directly",
    "substitute": "insert ${inserted}$",
    "derivative of the activation": "${prime} = {value}$",
    "with": "${prime} = {value}$ with ${a} = {function}$",
    "use the forward value": "forward value ${value}$",
    "use the fact": "since ${fact}$",
    "cancel and collect": "cancel and collect",
    "mean over the samples": "mean over the ${N}$ samples",
    "matrix": "in matrix form",
    "definition": "definition",
    "fold the function itself": "by its own value ${a}$",
    "solve a = h(x) for x": "solve ${a} = {h}({x})$ for ${x}$",
    "differentiate the definition": "differentiate",
    "differentiate once more": "differentiate once more",
    # the result
    "tick": "$\\checkmark$ marks a line that was evaluated at ${points}$ random points and agrees "
    "with the derivative of ${L}$ by complex step, $\\mathrm{{Im}}\\, {L}(t + \\mathrm{{i}} h)/h$ "
    "with $h = {h}$; the largest error is below ${bound}$ of the largest entry{twin}.",
    "tick_twin": " (evaluated with at most ${width}$ inputs and hidden units)",
    "vector": "All parameters together have the gradient",
    # the samples
    "sum_of_samples": "Over ${N}$ samples the gradient of the loss is the {mean} of the one-sample "
    "gradients. With one column for each sample, as in {stacked}, the sum is a matrix product:",
    "mean": "mean",
    "sum": "sum",
    "layers_all": "for every layer ${layer}$, with ${first} = {x}$",
    # the update
    "step": "A step against the gradient, with the learning rate ${eta}$:",
    "every": "This is done for every parameter $\\theta$ of ${names}$, component by component.",
    "stable_says": "The same values, without overflow and without loss of digits:",
    "shift by the maximum": "$e_{{i}}/s$ stays the same if both are scaled",
    "logarithm of a quotient": "$\\log(e/s) = \\log e - \\log s$",
    "logarithm of the sigmoid": "$\\log \\sigma(z) = -\\mathrm{{softplus}}(-z)$",
    "complement of the sigmoid": "$1 - \\sigma(z) = \\sigma(-z)$",
    "otherwise": "otherwise",
    "if": "if",
    # the figures
    "figure": "Figure",
    "figure_network": "The network. An edge is an entry of the matrix beside it; every unit adds "
    "its entry of the bias.",
    "figure_units": "Units behind the dots are not drawn.",
    "figure_layers": "Layers behind the dots are not drawn.",
    "figure_graph": "What is computed from what. Solid arrows run forward, from the input to the "
    "loss; dashed arrows pass the gradient back, until it reaches every parameter: that is what "
    "the sweep is for.",
    "figure_activation": "Activation (solid) and derivative (dashed). Where a function is flat, "
    "hardly any of the error passes.",
    "figure_vanish": "Since ${prime} \\le {value}$, each such layer multiplies the error by at "
    "most ${value}$, besides its weights: this is why gradients vanish in deep networks.",
    "figure_descent": "The loss along $-g$, where $g = \\nabla {loss}$, for one choice of numbers. "
    "A small step follows the tangent ${loss} - {eta} \\lVert g \\rVert^{{2}}$, a good one ends "
    "near the lowest point, a large one higher than it began.",
    "figure_input": "input {x}",
    "figure_small": "small {eta}",
    "figure_good": "good {eta}",
    "figure_large": "large {eta}",
    "figure_network_title": "The network {name}",
    "figure_activation_title": "The activations of {name} and their derivatives",
    "figure_descent_title": "The loss of {name} along a step against its gradient",
    "figure_graph_title": "The computational graph of {name}",
    # the interactive page
    "page_detail": "Detail",
    "page_answer": "Answer",
    "page_textbook": "Textbook",
    "page_full": "Every step",
    "page_view": "View",
    "page_notes": "Notes",
    "page_worksheet": "Worksheet",
    "page_reveal": "Reveal this step",
    "page_reveal_all": "Reveal all",
    "page_reset": "Reset",
    "page_checked": "evaluated, and true",
    "page_noscript": "The formulas below are in TeX: typesetting them needs JavaScript.",
}

PHRASES: Mapping[str, Mapping[str, str]] = {"en": ENGLISH}


class Phrases:
    """The phrases of a language; KeyError for a phrase or language that is not there.

    letters: those of the notation, by the names that the phrases use.
    """

    def __init__(self, language: str, **letters: str) -> None:
        self._table, self._letters = PHRASES[language], letters

    def __call__(self, key: str, **values: object) -> str:
        return self._table[key].format(**{**self._letters, **values})

    def __contains__(self, key: str) -> bool:
        return key in self._table
