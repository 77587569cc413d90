"""Derivation -> the modules with a statement for every line, on NumPy or JAX; and what the
modules of all targets say.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import groupby
from typing import Any

from symnn.data.datasets import column_names
from symnn.derivation.derivation import Derivation, derive
from symnn.derivation.lines import Lines, LinesDerivation
from symnn.derivation.network import Network
from symnn.engine.ir import SAMPLES, Program, Tensor, name_of, needed
from symnn.io.deferred import deferred
from symnn.io.templating import render
from symnn.nn.layers import Dropout
from symnn.nn.losses import LOSSES
from symnn.targets.python.copying import imports, parts
from symnn.targets.python.expressions import JAX, NUMPY, Dialect, functions, helpers
from symnn.targets.python.statements import Readable, dict_rows, forward_and_backward
from symnn.targets.target import Files
from symnn.targets.update import common, constants
from symnn.targets.wrapping import WIDTH, filled, literal

check_lines = deferred("symnn.targets.starting:check")
values_of_lines: Callable[..., dict[str, Any]] = deferred(
    "symnn.targets.python.lines_module:values"
)
# the files of runtime/ that are copied into the modules of a target
_DATA = ("settings", "data", "targets", "numbers", "scaling")
_ALL = (
    *("endings", *_DATA, "initial", "files", "samples", "check"),
    *("reading", "columns", "main"),
)
_PLANNED = (
    *("memory", "planned_train", "run", "vectors", "parts"),
    *("stopping", "processes", "checkpoints"),
)
RUNTIME = {
    "numpy": (
        *("initial", "endings", *_DATA, "flat", "stopping"),
        *("files", "samples", "check", "reading", "columns", "main"),
    ),
    "numpy-fast": (*_ALL, *_PLANNED, "threads", "steps"),
    "c": (*_ALL, *_PLANNED, "c_library", "c_plan"),
    "jax": (*_ALL, "stopping", "checkpoints", "jax_train", "jax_run"),
}
# what few need, and the default module has where it is asked for
PARTS = {
    "checkpoint": ("checkpoints", "saved"),
    "reduce": ("summing", "processes"),
    "streaming": ("memory", "parts"),
}


def numpy(network: Network | Lines, include: str | Collection[str] = ()) -> Files:
    """include: what few need, of PARTS, as a collection or between commas."""
    include = include.split(",") if isinstance(include, str) else include
    if unknown := sorted(set(include).difference(PARTS)):
        raise ValueError(f"unknown part {unknown[0]!r}; known: {', '.join(PARTS)}")
    if isinstance(network, Lines):
        return _numpy_of_lines(network, include)
    derivation = derive(network)
    values = values_of(derivation, "numpy")
    left_out = ("left_out",) if len(set(include)) < len(PARTS) else ()
    brought = [file for part, files in PARTS.items() if part in include for file in files]
    rest = [*RUNTIME["numpy"], *left_out, *brought]
    scales = network.spec.train.standardize or "reduce" in include
    if not scales:
        rest.remove("scaling")
    if LOSSES[network.spec.loss.name].targets == "numbers":
        rest[rest.index("targets")] = "plain_targets"
    if all(_columns(network)):
        rest[rest.index("columns")] = "named_columns"
    values |= {
        **functions_of(derivation, NUMPY),
        **_update(derivation, NUMPY),
        **runtime(("masks", *rest), ("constants", "model", "train")),
        "rest": [name for name in rest if name != "memory"],
        "scales": scales,
        "include": include,
        "left_out": left_out,
        "penalty": repr(float(network.spec.loss.l2)),
    }
    return {".py": render("targets/python/numpy.py.j2", **values)}


def _numpy_of_lines(lines: Lines, include: Collection[str]) -> Files:
    if missing := sorted(set(include) - {"checkpoint"}):
        raise lines.mistake(f"modules of lines have no {missing[0]}", "leave it out", "--with")
    check_lines(lines)
    values = values_of_lines(LinesDerivation(lines), "numpy", include)
    return {".py": render("targets/python/lines.py.j2", **values)}


def jax(network: Network | Lines) -> Files:
    if isinstance(network, Lines):
        check_lines(network)
        own = LinesDerivation(network)
        lines = values_of_lines(own, "jax", ("checkpoint",))
        return {".py": render("targets/python/jax_lines.py.j2", **lines)}
    derivation = derive(network)
    values = {
        **values_of(derivation, "jax"),
        **functions_of(derivation, JAX),
        **_update(derivation, JAX),
        **runtime(RUNTIME["jax"], ("constants", "jax_model")),
        "kinds": "fV",  # V: bfloat16
        "penalty": repr(float(network.spec.loss.l2)),
    }
    return {".py": render("targets/python/jax.py.j2", **values)}


def values_of(derivation: Derivation, target: str) -> dict[str, Any]:
    """What every module says."""
    network = derivation.network
    spec, names = network.spec, network.parameters
    dropouts, tensors = _masks(network, derivation.stable), derivation.stable.tensors
    columns, targets = _columns(network)
    units = [w.axes[0].size for w in tensors.values() if w.kind == "weights"]
    return {
        "name": literal(spec.model.name),
        "dtype": spec.model.dtype,
        "inputs": network.inputs,
        "outputs": network.outputs,
        "columns": _names("COLUMNS", columns),
        "target_columns": _names("TARGET", targets),
        "seed": spec.model.seed,
        "parameters": dict_rows({name: str(shape) for name, shape in names.items()}, tensors),
        "layers": _layers(tensors),
        "size": sum(math.prod(shape) for shape in names.values()),
        "units": _counted([network.inputs, *units]),
        "masks": dropouts,
        "mask_table": dict_rows(
            {m["name"]: f"({m['units']}, {m['rate']})" for m in dropouts}, tensors
        ),
        "constants": [{"name": k, "value": repr(float(v))} for k, v in constants(network).items()],
        "states": network.optimizer.states,
        "states_tuple": _tuple(network.optimizer.states) or "()",
        "epochs": spec.train.epochs,
        "batch_size": spec.train.batch_size,
        "learning_rate": repr(float(spec.train.learning_rate)),
        "shuffle": spec.train.shuffle,
        "standardize": spec.train.standardize,
        "kinds": "f",
        "readable": target == "numpy",
        "scales": True,
        "mean": network.mean_loss,
        "decay": bool(spec.loss.l2),
        "kind": LOSSES[spec.loss.name].targets,
        "target": _target(network),
        "signature": _signature("loss_and_gradients", bool(dropouts)),
        "inner_signature": _signature("_gradients", bool(dropouts)),
        "digest": _digest(derivation, target),
    }


def _layers(tensors: Mapping[str, Tensor]) -> str:
    """The constant that holds the name of the bias, if there is one, by that of the weights."""
    biases = {t.layer: t for t in tensors.values() if t.kind == "bias"}
    weights = [t for t in tensors.values() if t.kind == "weights"]
    rows = dict_rows({t.name: biases.get(t.layer, "None") for t in weights}, tensors)
    head, note = "LAYERS: dict[str, str | None] = {", "# weights: bias"
    code = f"{head}{' '.join(rows).removesuffix(',')}}}  {note}"
    if len(code) <= WIDTH and not any(row.startswith("**{") for row in rows):
        return code
    return "\n".join((f"{head}  {note}", *(f"    {row}" for row in rows), "}"))


def _columns(network: Network) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of the columns that are features, and targets, where the spec's data tell them."""
    spec = network.spec
    names = None
    if spec.train.data:
        names = column_names(
            spec.train.data,
            inputs=network.inputs,
            outputs=network.outputs,
            target=spec.train.target,
            folder=spec.folder,
            kind=LOSSES[spec.loss.name].targets,
        )
    return names or ((), spec.train.target)


def _names(constant: str, names: Sequence[str]) -> str:
    """A constant that holds names, which users have written."""
    values = _tuple(names) or "()"
    code = f"{constant}: tuple[str, ...] = {values}"
    if len(code) <= WIDTH:
        return code
    # broken between two names alone
    marked = ", ".join(literal(name).replace(" ", "\0") for name in names) + ","
    return f"{constant}: tuple[str, ...] = {filled(marked, 0)}".replace("\0", " ")


def _digest(derivation: Derivation, target: str) -> str:
    """What changes with all that the numbers of training depend on, data and settings apart."""
    network, stable = derivation.network, derivation.stable
    lines = [*stable.lines, *derivation.update_lines]
    tables = (network.parameters, _masks(network, stable), constants(network))
    settings = (network.spec.model.dtype, network.spec.train.shuffle)
    said = [target, *map(str, lines), *helpers(stable, NUMPY), *map(repr, (*tables, *settings))]
    return hashlib.sha256("\n".join(said).encode()).hexdigest()[:16]


def runtime(names: Sequence[str], specimens: Sequence[str]) -> dict[str, Any]:
    """The files of runtime/ by name, and what they and the rest of the module import."""
    return {"runtime": parts(names), "imports": imports((*names, *specimens))}


def functions_of(derivation: Derivation, dialect: Dialect) -> dict[str, Any]:
    """The functions with a statement for every line."""
    network, stable = derivation.network, derivation.stable
    gradients = gradients_of(derivation)
    masks = [leaf.name for leaf in stable.leaves_of("mask")]
    lines = needed(stable.lines, [network.output])
    reads = {name_of(e) for line in lines for e in line.reads}
    names = [name for name in network.parameters if name in reads]
    forward = Readable(lines, tensors=stable.tensors, numbered=names, dialect=dialect)
    whole = forward_and_backward(stable, gradients, dialect)
    given = whole.reading(masks, "masks[{}] if masks else 1.0")
    return {
        "helpers": functions(whole.called, dialect),
        "predict": {
            "reading": [*forward.reading(names, "params[{}]"), *forward.reading(masks, "1.0")],
            "statements": list(forward.parts[0]),
            "output": forward.value(network.output),
        },
        "whole": {
            "reading": [*whole.reading(list(gradients), "params[{}]"), *given],
            "forward": whole.parts[0],
            "backward": whole.parts[1],
            "gradients": whole.collected(gradients),
        },
        "uses_count": any(SAMPLES in t.f.free_symbols for x in stable.lines for t in x.terms),
    }


def gradients_of(derivation: Derivation) -> dict[str, str]:
    """Parameter -> the name of its gradient."""
    return {name: derivation.batch.names[name] for name in derivation.network.parameters}


def _update(derivation: Derivation, dialect: Dialect) -> dict[str, Any]:
    """The update of one parameter, in the words of the optimizer's lines."""
    network = derivation.network
    gradients = gradients_of(derivation)
    lines = common(derivation.update_lines, gradients, network.optimizer.states)
    return {"update": Readable(lines, tensors={}, dialect=dialect).parts[0]}


def _counted(numbers: Sequence[int]) -> str:
    """Numbers as a tuple, with long runs of equal ones as a product."""
    parts = []
    for number, group in groupby(numbers):
        count = len(list(group))
        parts += [f"*[{number}] * {count}"] if count > 4 else [str(number)] * count
    return f"({', '.join(parts)}{',' * (len(parts) == 1)})"


def _tuple(words: Sequence[str]) -> str:
    """Words as a tuple; nothing if there are none."""
    listed = ", ".join(map(literal, words))
    return f"({listed},)" if len(words) == 1 else f"({listed})" if words else ""


def _signature(name: str, masks: bool) -> str:
    arguments = "params: Arrays, x: np.ndarray, y: np.ndarray"
    arguments += ", masks: Arrays | None = None" * masks
    code = f"def {name}({arguments}) -> tuple[float, Arrays]:"
    return code if len(code) <= WIDTH else code.replace(arguments, f"\n    {arguments}\n")


def _target(network: Network) -> str:
    m = network.outputs
    if LOSSES[network.spec.loss.name].targets == "distribution":
        return f"(N,) labels from 0 to {m - 1}, or (N, {m}) one-hot rows"
    return f"(N, {m})" + (", or (N,)" if m == 1 else "")


def _masks(network: Network, program: Program) -> list[dict[str, Any]]:
    rates = [layer.rate for layer in network.layers if isinstance(layer, Dropout)]
    return [
        {"name": leaf.name, "units": leaf.axes[-1].size, "rate": repr(float(rate))}
        for leaf, rate in zip(program.leaves_of("mask"), rates, strict=True)
    ]
