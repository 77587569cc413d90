"""What the templates of the C target are filled with."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp

from symnn.engine.ir import SAMPLES
from symnn.io.arrays import named_arrays
from symnn.io.errors import Problem, SpecError, quoted
from symnn.io.fields import Field, check_argument
from symnn.io.templating import render
from symnn.targets.c.functions import TEXTS, VECTORS, vector_texts
from symnn.targets.c.scalars import FUNCTIONS, Constants
from symnn.targets.c.statements import (
    LANGUAGE,
    gradient,
    layout,
    prediction,
    size,
    update,
)
from symnn.targets.code import Item, Scope, rows
from symnn.targets.forms import Form, Nest, Passage, rolled, written
from symnn.targets.plan.plan import Block, Plan, gradient_penalty
from symnn.targets.plan.planner import forward
from symnn.targets.update import constants

if TYPE_CHECKING:
    from symnn.derivation.derivation import Derivation
    from symnn.derivation.network import Network

Arrays = Mapping[str, Any]
ROWS = 32  # the largest batch of an embedded network whose spec takes all samples at once
WIDTH = 96
TINY = 64  # parameters of a network whose step is made without calls
PREFIX = "net"
# what C11, 7.31, keeps for its library, as in mtx_init and LC_ALL
RESERVED = frozenset({"atomic", "cnd", "fe", "lc", "memory", "mtx", "sig", "thrd", "time", "tss"})


def c_files(
    derivation: Derivation,
    steps: Plan,
    values: Mapping[str, Any],
    weights: Arrays | None = None,
    training: bool = True,
    prefix: str = PREFIX,
) -> dict[str, str]:
    """Suffix -> text: .c and .h, and .py, the module that calls them, where it can train.

    steps: the plan of a step.  values: what every module says.  weights: parameters to bake in,
    and x_mean and x_scale where the inputs are scaled.  prefix: of all names that the header
    declares; those of two networks in one program must differ.  Raises SpecError for weights that
    do not fit, and for a prefix that is none.
    """
    check_argument("generate", "prefix", Field("string"), prefix)
    if problem := wrong_prefix(prefix):
        raise SpecError([Problem("prefix", None, "", *problem)])
    weights = None if weights is None else _checked(weights, derivation.network)
    module = derivation.network.spec.output.module
    found = {
        **values,
        **_values(derivation, steps, weights, training),
        "prefix": prefix,
        "PREFIX": prefix.upper(),
        "tiny": values["size"] <= TINY,
        "guard": f"SYMNN_{module}_H" if prefix == PREFIX else f"{prefix}_SYMNN_H",
    }
    found["drawn_masks"] = [
        {"units": sum(mask["units"] for mask in group), "rate": rate}
        for rate, group in groupby(values["masks"], key=itemgetter("rate"))
    ]
    found["header"] = render("targets/c/module.h.j2", **found)
    files = {".c": render("targets/c/module.c.j2", **found), ".h": found["header"]}
    return {**files, ".py": render("targets/c/module.py.j2", **found)} if training else files


def _checked(weights: Any, network: Network) -> Arrays:
    """The weights as arrays; SpecError for names, shapes and numbers that do not fit."""

    scaling = dict.fromkeys(("x_mean", "x_scale"), (network.inputs,))
    scaled = isinstance(weights, Mapping) and scaling.keys() & weights.keys()
    shapes = {**network.parameters, **(scaling if scaled else {})}
    found = named_arrays("generate", "weights", weights, shapes)
    wrong = {
        name: f"has the shape {found[name].shape}, expected {shape}"
        for name, shape in shapes.items()
        if found[name].shape != shape
    }
    if not wrong and scaled and not found["x_scale"].all():
        wrong["x_scale"] = "holds 0, by which the inputs would be divided"
    if wrong:
        places = ((f"weights[{quoted(name)}]", text) for name, text in wrong.items())
        raise SpecError([Problem("generate", None, place, text) for place, text in places])
    return found


def wrong_prefix(prefix: str) -> tuple[str, str] | None:
    """What is wrong with a prefix, and a hint; None if nothing is.

    A linker may compare 31 characters (C11, 5.2.4.1), of which _weights takes 8, and C++ keeps
    names with two underscores in a row for itself.
    """
    hint = "take a word such as digits, for digits_init"
    if not re.fullmatch("[a-z][a-z0-9]*(_[a-z0-9]+)*", prefix, re.ASCII) or len(prefix) > 23:
        form = "a letter a-z, then letters a-z, digits and single _ between them, at most 23 in all"
        return f"{quoted(prefix)} is no prefix: {form}", hint
    if prefix in RESERVED:
        return f"{quoted(prefix)} is reserved by the library of C", hint
    return None


def _values(
    derivation: Derivation, steps: Plan, weights: Arrays | None, training: bool
) -> dict[str, Any]:
    network = derivation.network
    names, spec = network.parameters, network.spec
    numbers = constants(network)
    gradients = {name: derivation.batch.names[name] for name in names}
    output = prediction(forward(steps, network.output, SAMPLES), numbers)
    backward = gradient(steps, numbers)
    changes, scaled = update(derivation.update_lines, gradients, network.optimizer.states, numbers)
    factor = gradient_penalty(steps)
    parts = [output, *((backward, changes) if training else ())]
    calls = frozenset[str]().union(*(part.calls for part in parts))
    functions = [f for f in sorted({*FUNCTIONS.values()}) if f"real_{f}" in calls]
    return {
        "training": training,
        "scaled": scaled,
        "bits": 32 if spec.model.dtype == "float32" else 64,
        "rows": spec.train.batch_size or ROWS,
        "baked": [] if weights is None else _listed(_flat(steps.blocks, weights), network),
        "scaling": [
            (k, _listed(weights[k], network))
            for k in ("x_mean", "x_scale")
            if weights is not None and k in weights
        ],
        "constant": weights is not None and not training,
        "draws": weights is None or (training and bool(derivation.stable.leaves_of("mask"))),
        "libm": [f for f in functions if f not in TEXTS],
        "vectors": [f for f in functions if f in VECTORS],
        "vector_texts": vector_texts(functions),
        "texts": [TEXTS[f] for f in functions if f in TEXTS],
        "units_c": textwrap.wrap(", ".join(map(str, _units(steps.blocks))), WIDTH),
        "gradient": backward,
        "prediction": output,
        "calls": calls,
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


def _penalties(blocks: Sequence[Block]) -> tuple[str, ...]:
    """Add c A_k to dA_k for every k."""
    found = []
    for b in blocks:
        runs, count = layout(b), size(b)
        forms = (
            Form(f"add_multiple({runs.text}, c, theta, gradient);", runs.names),
            Form(f"theta += {count.text};", count.names),
            Form(f"gradient += {count.text};", count.names),
        )
        found.append(Passage(b.layer, forms))
    return rows(written(rolled(found), Scope(), LANGUAGE), LANGUAGE)


def _draws(blocks: Sequence[Block]) -> tuple[str, ...]:
    """Draw Glorot's uniform weights, with biases 0."""
    found = []
    for b in blocks:
        bound, count = float(np.sqrt(6.0 / (b.inputs + b.units))), size(b)
        units, inputs = Item("UNITS", b.layer), Item("UNITS", b.layer - 1)
        value, names = f"R({bound!r}) * drawn()", tuple[Item, ...]()
        if b.bias is not None:
            plain = "i < {} * {}" if b.transposed else "i % ({} + 1) < {}"
            names = (inputs, units if b.transposed else inputs)
            value = f"{plain} ? {value} : R(0.0)"
        head = Form(f"for (size_t i = 0; i < {count.text}; i++)", count.names)
        found.append(Passage(b.layer, (Nest(head, (Form(f"*W++ = {value};", names),)),)))
    return rows(written(rolled(found), Scope(), LANGUAGE), LANGUAGE)
