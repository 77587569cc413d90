"""The network of n layers, for every n >= 2: a network of LAYERS layers, printed for general k.

Its sizes are symbols, n_0, n_1, and so on.  All layers but the first, which reads x, and the
last, which ends in the loss, are equal up to their number, so the notes write them once, as
layer k, as they do those of any deep network.  Such a line calls its neighbours k - 1 and
k + 1; a line of the last layer reads n and n - 1, one of the first 1 and 2.  None of them knows
how many layers there are: what holds for LAYERS layers holds for n.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import sympy as sp

from symnn.derivation.network import Network
from symnn.io.errors import Problem, SpecError
from symnn.language.english import ENGLISH
from symnn.nn.layers import Dense
from symnn.notation.notation import LAST, Notation
from symnn.spec.reader import load_spec

LAYERS = 6  # long enough that the layers 2 to n - 1 are written once
PLAIN: Mapping[str, Any] = {  # a spec: sigmoids, and the sum of squared errors
    "model": {"name": ENGLISH["general_title"], "inputs": 1},
    "layers": [{"type": "dense", "units": 1, "activation": "sigmoid"}] * 2,
    "loss": {"name": "sse"},
}


def general(network: Network | None = None, letter: str = "n") -> Network:
    """The network of n layers with the hidden and the last layer of ``network``.

    network: None is that of PLAIN.  letter: of the number of layers.  Raises SpecError: it is
    not a letter; a layer is not dense; there is no hidden layer, or two that differ; the notes
    are to hold numbers.
    """
    if not re.fullmatch("[A-Za-z]", letter, re.ASCII):
        hint = "write the number of layers as a letter, such as n; a spec says how many there are"
        raise SpecError([Problem("--layers", None, "", f"not a letter: {letter[:40]!r}", hint)])
    own = network or Network.from_spec(load_spec(dict(PLAIN)))
    spec = own.spec
    dense = [layer for layer in spec.layers if isinstance(layer, Dense)]
    hidden = {(layer.activation, layer.bias) for layer in dense[:-1]}
    if len(dense) < len(spec.layers) or len(hidden) != 1 or "softmax" in str(hidden):
        message = "the hidden layers must be dense, with one activation, and not softmax"
        hint = "give hidden layers that are alike, and a last one"
        raise SpecError([Problem(spec.source, None, "layers", message, hint)])
    if spec.notes.numbers not in (None, "none"):
        message, hint = "the numbers of an example need a number of layers", "write --numbers none"
        raise SpecError([Problem("--layers", None, "", message, hint)])
    if spec.notes.code:
        message, hint = "the code needs a number of layers", "write --no-code"
        raise SpecError([Problem("--layers", None, "", message, hint)])
    ((activation, bias),) = hidden
    layers = [Dense(size(k), activation, bias) for k in range(1, LAYERS)]
    last = replace(dense[-1], units=size(LAYERS))
    model = replace(spec.model, inputs=size(0))
    found = type(own).from_spec(replace(spec, model=model, layers=(*layers, last), example=None))
    found.depth_letter = letter
    return found


def size(k: int) -> sp.Symbol:
    """The number of units of layer k, a symbol."""
    return sp.Symbol(f"n_{k}", integer=True, positive=True)


def with_depth(notation: Notation, letter: str) -> Notation:
    """The notation with the last layer called n, the one before n-1, and no letters of its own."""
    table = {LAYERS: letter, LAYERS - 1: f"{letter}-1"}
    own = set(LAST.values())
    letters, batch = (
        {key: tex for key, tex in words.items() if key not in own}
        for words in (notation.letters, notation.batch)
    )
    plain = replace(notation, letters=letters, batch=batch)
    return plain.labelled(lambda k: table.get(k, str(k)))
