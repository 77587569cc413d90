"""What the templates of the C target are filled with."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp

from symnn.fold import layer_of
from symnn.layers import SAMPLES
from symnn.plan import Block
from symnn.planner import forward, plan
from symnn.printers.c import gradient, layout, prediction, size, update
from symnn.printers.c_functions import TEXTS, VECTORS, vector_texts
from symnn.printers.c_scalars import Constants, functions_in
from symnn.printers.flat import penalty_factor
from symnn.printers.loops import C, Row, folded, has_loops
from symnn.templating import render

if TYPE_CHECKING:
    from symnn.derivation import Derivation
    from symnn.network import Network

Arrays = Mapping[str, Any]
ROWS = 32  # the largest batch of an embedded network whose spec takes all samples at once
WIDTH = 96


def c_files(
    derivation: Derivation,
    values: Mapping[str, Any],
    weights: Arrays | None = None,
    training: bool = True,
) -> dict[str, str]:
    """Suffix -> text: .c and .h, and .py, the module that calls them, where it can train.

    values: what every module says.  weights: parameters to bake in.
    """
    found = {**values, **_values(derivation, weights, training)}
    found["drawn_masks"] = [
        {"units": sum(mask["units"] for mask in group), "rate": rate}
        for rate, group in groupby(values["masks"], key=itemgetter("rate"))
    ]
    found["header"] = render("c_module.h.j2", **found)
    files = {".c": render("c_module.c.j2", **found), ".h": found["header"]}
    return {**files, ".py": render("c_module.py.j2", **found)} if training else files


def _values(derivation: Derivation, weights: Arrays | None, training: bool) -> dict[str, Any]:
    network = derivation.network
    names, spec = network.parameters, network.spec
    numbers = {k: v for k, v in network.hyperparameters.items() if k != "eta"}
    gradients = {name: derivation.batch.names[name] for name in names}
    steps = plan(derivation.stable, gradients, SAMPLES)
    output = prediction(forward(steps, network.output, SAMPLES), numbers)
    backward = gradient(steps, numbers)
    changes, scaled = update(derivation.update_lines, gradients, network.optimizer.states, numbers)
    factor = penalty_factor(steps)
    rows = [*output.rows, *(backward.rows + changes.rows if training else ())]
    text = "\n".join(rows)
    functions = functions_in(rows)
    return {
        "training": training,
        "folded": scaled,
        "bits": 32 if spec.model.dtype == "float32" else 64,
        "guard": f"SYMNN_{spec.output.module.upper()}_H",
        "rows": spec.train.batch_size or ROWS,
        "baked": [] if weights is None else _listed(_flat(steps.blocks, weights), network),
        "scaling": [
            (k, _listed(weights[k], network))
            for k in ("x_mean", "x_scale")
            if weights is not None and k in weights
        ],
        "constant": weights is not None and not training,
        "draws": weights is None or (training and "mask" in text),
        "libm": [f for f in functions if f not in TEXTS],
        "doubles": [f for f in ("exp", "pow", "sqrt") if re.search(rf"\b{f}\(", text)],
        "vectors": [f for f in functions if f in VECTORS],
        "vector_texts": vector_texts(functions),
        "texts": [TEXTS[f] for f in functions if f in TEXTS],
        "units_c": textwrap.wrap(", ".join(map(str, _units(steps.blocks))), WIDTH),
        "gradient": backward,
        "prediction": output,
        "uses": lambda name: f"{name}(" in text,
        "states_c": "".join(f"net_real *{s}, " for s in network.optimizer.states),
        "penalties": [] if factor is None else _penalties(steps.blocks),
        "penalty_c": "" if factor is None else sp.ccode(Constants(numbers).known(factor)),
        "update_c": changes,
        "draw_rows": _draws(steps.blocks),
    }


def _units(blocks: Sequence[Block]) -> list[int]:
    return [blocks[0].inputs, *(b.units for b in blocks)]


def _flat(blocks: Sequence[Block], weights: Arrays) -> np.ndarray:
    """The parameters as one vector."""
    parts = []
    for b in blocks:
        block = weights[b.weights]
        if b.bias is not None:
            block = np.column_stack([block, weights[b.bias]])
        parts.append((block.T if b.transposed else block).ravel())
    return np.concatenate(parts)


def _listed(values: np.ndarray, network: Network) -> list[str]:
    """Numbers as rows of an initialiser; those of float32 as short as they can be."""
    short = network.spec.model.dtype == "float32"
    texts = (f"{np.float32(v)!s}f" if short else repr(float(v)) for v in values)
    return textwrap.wrap(", ".join(texts), WIDTH)


def _penalties(blocks: Iterable[Block]) -> tuple[str, ...]:
    """Add c A_k to dA_k for every k."""
    rows = [
        Row(
            layer_of(b.weights),
            (
                f"add_multiple({layout(b)}, c, theta, gradient);",
                f"theta += {size(b)};",
                f"gradient += {size(b)};",
            ),
        )
        for b in blocks
    ]
    return folded(rows, loops=has_loops(rows), language=C).text


def _draws(blocks: Iterable[Block]) -> tuple[str, ...]:
    """Draw Glorot's uniform weights, with biases 0."""
    rows = []
    for b in blocks:
        k, bound = layer_of(b.weights), float(np.sqrt(6.0 / (b.inputs + b.units)))
        assert k is not None
        inputs = f"UNITS[{k - 1}]"
        value = f"R({bound!r}) * drawn()"
        if b.bias is not None:
            plain = f"i < {inputs} * UNITS[{k}]"
            if not b.transposed:
                plain = f"i % ({inputs} + 1) < {inputs}"
            value = f"{plain} ? {value} : R(0.0)"
        code = (f"for (size_t i = 0; i < {size(b)}; i++)", f"    *W++ = {value};")
        rows.append(Row(k, code))
    return folded(rows, loops=has_loops(rows), language=C).text
