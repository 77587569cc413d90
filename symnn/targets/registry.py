"""Derivation -> standalone modules.  The only place of the package that executes built text."""

from __future__ import annotations

import hashlib
import math
import shutil
import tempfile
import types
import weakref
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from symnn.data.datasets import column_names
from symnn.derivation.derivation import derive
from symnn.derivation.lines import Lines, LinesDerivation
from symnn.engine.ir import SAMPLES, Program, name_of
from symnn.io.errors import suggestion
from symnn.io.fields import check_names
from symnn.io.marks import marked_text
from symnn.io.templating import render
from symnn.language.options import SAME_TARGET
from symnn.nn.layers import Dropout
from symnn.nn.losses import LOSSES
from symnn.targets.c.compiler import compiler, sizes
from symnn.targets.c.module import c_files
from symnn.targets.code import rows
from symnn.targets.plan.plan import Plan, loss_penalty
from symnn.targets.plan.planner import needed, plan
from symnn.targets.plan.update import common, constants
from symnn.targets.python import lines_module
from symnn.targets.python.copying import imports, parts
from symnn.targets.python.expressions import (
    JAX,
    NUMPY,
    Dialect,
    functions,
    helpers,
    number_code,
)
from symnn.targets.python.planned import planned
from symnn.targets.python.statements import Readable, sweep, table
from symnn.targets.python.update import flat
from symnn.targets.wrapping import WIDTH, filled

if TYPE_CHECKING:
    from symnn.derivation.derivation import Derivation
    from symnn.derivation.network import Network

Files = dict[str, str]  # suffix -> text; the first is the one that is named


@dataclass(frozen=True)
class Target:
    """What modules run on.

    files: the texts of a network, given it and options of the target.
    main: the suffix of the text that is the program.  options: what ``files`` takes further.
    lines: whether it takes lines, not networks of layers alone.
    needs: raises an error if something is missing on this machine.  report: what to say about
    the files once they are written.
    """

    files: Callable[..., Files]
    main: str = ".py"
    options: tuple[str, ...] = ()
    lines: bool = False
    needs: Callable[[], object] | None = None
    report: Callable[[Path], str] | None = None


# the files of runtime/ that are copied into the modules of a target
_DATA = ("settings", "data", "numbers", "scaling")
_ALL = ("endings", *_DATA, "initial", "files", "samples", "check", "reading", "main")
_PLANNED = (
    *("memory", "planned_train", "run", "vectors", "parts"),
    *("stopping", "processes", "checkpoints"),
)
RUNTIME = {
    "numpy": (
        *("initial", "endings", *_DATA, "flat", "stopping"),
        *("files", "samples", "check", "reading", "main"),
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


def _numpy(network: Network | Lines, include: str | Collection[str] = ()) -> Files:
    """include: what few need, of PARTS, as a collection or between commas."""
    include = include.split(",") if isinstance(include, str) else include
    if unknown := sorted(set(include).difference(PARTS)):
        raise ValueError(f"unknown part {unknown[0]!r}; known: {', '.join(PARTS)}")
    if isinstance(network, Lines):
        return _numpy_of_lines(network, include)
    derivation = derive(network)
    values = _values(derivation, "numpy")
    left_out = ("left_out",) if len(set(include)) < len(PARTS) else ()
    brought = [file for part, files in PARTS.items() if part in include for file in files]
    rest = [*RUNTIME["numpy"], *left_out, *brought]
    values |= {
        **_functions(derivation, NUMPY),
        **_update(derivation, NUMPY),
        **_runtime(("masks", *rest), ("constants", "model", "train")),
        "rest": [name for name in rest if name != "memory"],
        "include": include,
        "left_out": left_out,
        "penalty": repr(float(network.spec.loss.l2)),
    }
    return {".py": render("targets/python/numpy.py.j2", **values)}


def _numpy_of_lines(lines: Lines, include: Collection[str]) -> Files:
    if missing := sorted(set(include) - {"checkpoint"}):
        raise lines.mistake(f"modules of lines have no {missing[0]}", "leave it out", "--with")
    lines_module.check(lines)
    values = lines_module.values(LinesDerivation(lines), include)
    return {".py": render("targets/python/lines.py.j2", **values)}


def _numpy_fast(network: Network) -> Files:
    derivation = derive(network)
    values = {
        **_values(derivation, "numpy-fast"),
        **_functions(derivation, NUMPY),
        **_training(derivation),
        **_runtime(RUNTIME["numpy-fast"], ("constants", "model", "plan")),
    }
    return {".py": render("targets/python/numpy_fast.py.j2", **values)}


def _c(network: Network, **options: Any) -> Files:
    derivation = derive(network)
    steps = _plan(derivation)
    decay = loss_penalty(steps)
    values = {
        **_values(derivation, "c"),
        **_runtime(RUNTIME["c"], ("constants", "model")),
        "loss_penalty": "" if decay is None else number_code(decay),
    }
    return c_files(derivation, steps, values, **options)


def _jax(network: Network) -> Files:
    derivation = derive(network)
    values = {
        **_values(derivation, "jax"),
        **_functions(derivation, JAX),
        **_update(derivation, JAX),
        **_runtime(RUNTIME["jax"], ("constants", "jax_model")),
        "kinds": "fV",  # V: bfloat16
        "penalty": repr(float(network.spec.loss.l2)),
    }
    return {".py": render("targets/python/jax.py.j2", **values)}


TARGETS: dict[str, Target] = {
    "numpy": Target(_numpy, options=("include",), lines=True),
    "numpy-fast": Target(_numpy_fast),
    "c": Target(_c, ".c", ("weights", "training", "prefix"), needs=compiler, report=sizes),
    "jax": Target(_jax),
}


def generate(network: Network | Lines, target: str | None = None, **options: Any) -> str:
    """The text of the standalone training module of a network.

    target: None for that of the spec.  Raises ValueError for an unknown target.
    """
    name = target_of(network, target)
    return generate_files(network, name, **options)[TARGETS[name].main]


def target_of(network: Network | Lines, target: str | None = None) -> str:
    """The name in TARGETS of a target, or else of that of the spec; ValueError for none."""
    wanted = target or network.spec.output.target
    name = SAME_TARGET.get(wanted, wanted)
    if name not in TARGETS:
        known = (*TARGETS, *SAME_TARGET)
        raise ValueError(f"unknown target {name!r}; {suggestion(str(name), known)}")
    if isinstance(network, Lines) and not TARGETS[name].lines:
        takes = [own for own, row in TARGETS.items() if row.lines]
        text = f"the target {name} takes networks of layers, not lines"
        raise network.mistake(text, f"take {' or '.join(takes)}", "--target")
    return name


def generate_files(network: Network | Lines, target: str | None = None, **options: Any) -> Files:
    """Suffix -> text of all files of a target, marked, the program first.

    Raises ValueError for an unknown target, and TypeError for an option that it does not take.
    """
    name = target_of(network, target)
    check_names(f"target {name}", options, TARGETS[name].options)
    files = TARGETS[name].files(network, **options)
    return {suffix: marked_text(text, suffix) for suffix, text in files.items()}


class LiveModule(types.ModuleType):
    """A generated module, live: pickled and copied as its texts, without what was changed in it."""

    __slots__ = ("files",)
    files: Files

    def __reduce__(self) -> tuple[Any, ...]:
        return live, (self.files, self.__name__)


def compile_module(
    network: Network | Lines, target: str | None = None, **options: Any
) -> LiveModule:
    """The generated module, live; arguments as for :func:`generate`."""
    return live(generate_files(network, target, **options), network.spec.output.module)


def live(files: Files, name: str) -> LiveModule:
    """The module of generated files; those beside it lie in a folder that ends with it."""
    if len(files) == 1:
        return load_module(files[".py"], name)
    folder = Path(tempfile.mkdtemp(prefix="symnn-"))
    try:
        for suffix, text in files.items():
            (folder / f"{name}{suffix}").write_text(text, encoding="utf-8")
        module = load_module(files[".py"], name, folder / f"{name}.py")
        module.files = files
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    # every function of the module keeps all others alive, also without the module
    weakref.finalize(module.train, shutil.rmtree, folder, ignore_errors=True)
    return module


def load_module(text: str, name: str, file: Path | None = None) -> LiveModule:
    """A module from text that this package has built; never from a user's text."""
    module = LiveModule(name)
    module.files = {".py": text}
    module.__file__ = str(file or f"{name}.py")
    exec(compile(text, f"<generated {name}>", "exec"), module.__dict__)
    for found in list(vars(module).values()):
        if isinstance(found, type) and issubclass(found, Exception | KeyboardInterrupt):
            _find_by_module(found, module)
    return module


def _find_by_module(kind: Any, module: LiveModule) -> None:
    """Let errors of this kind be pickled: no import finds their class, but the module has it."""
    if kind.__module__ == module.__name__:
        plain = kind.__reduce__
        kind.__reduce__ = lambda error: (_raised, (module, kind.__name__, plain(error)[1]))


def _raised(module: LiveModule, kind: str, args: tuple[Any, ...]) -> BaseException:
    error: BaseException = getattr(module, kind)(*args)
    return error


def _values(derivation: Derivation, target: str) -> dict[str, Any]:
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
        "parameters": table({name: str(shape) for name, shape in names.items()}, tensors),
        "size": sum(math.prod(shape) for shape in names.values()),
        "units": _counted([network.inputs, *units]),
        "masks": dropouts,
        "mask_table": table({m["name"]: f"({m['units']}, {m['rate']})" for m in dropouts}, tensors),
        "constants": [{"name": k, "value": repr(float(v))} for k, v in constants(network).items()],
        "states": network.optimizer.states,
        "states_tuple": _tuple(network.optimizer.states) or "()",
        "epochs": spec.train.epochs,
        "batch_size": spec.train.batch_size,
        "learning_rate": repr(float(spec.train.learning_rate)),
        "shuffle": spec.train.shuffle,
        "standardize": spec.train.standardize,
        "kinds": "f",
        "mean": network.mean_loss,
        "decay": bool(spec.loss.l2),
        "kind": LOSSES[spec.loss.name].targets,
        "target": _target(network),
        "signature": _signature("loss_and_gradients", bool(dropouts)),
        "inner_signature": _signature("_gradients", bool(dropouts)),
        "digest": _digest(derivation, target),
    }


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


def _runtime(names: Sequence[str], specimens: Sequence[str]) -> dict[str, Any]:
    """The files of runtime/ by name, and what they and the rest of the module import."""
    return {"runtime": parts(names), "imports": imports((*names, *specimens))}


def _functions(derivation: Derivation, dialect: Dialect) -> dict[str, Any]:
    """The functions with a statement for every line."""
    network, stable = derivation.network, derivation.stable
    gradients = _gradients(derivation)
    masks = [leaf.name for leaf in stable.leaves_of("mask")]
    lines = needed(stable.lines, [network.output])
    reads = {name_of(e) for line in lines for e in line.reads}
    names = [name for name in network.parameters if name in reads]
    forward = Readable(lines, tensors=stable.tensors, numbered=names, dialect=dialect)
    whole = sweep(stable, gradients, dialect)
    given = whole.reading(masks, "masks[{}] if masks else 1.0")
    return {
        "helpers": functions(whole.called, dialect),
        "predict": {
            "reading": [*forward.reading(names, "params[{}]"), *forward.reading(masks, "1.0")],
            "statements": list(forward.parts[0]),
            "output": forward.value(network.output),
        },
        "sweep": {
            "reading": [*whole.reading(list(gradients), "params[{}]"), *given],
            "forward": whole.parts[0],
            "backward": whole.parts[1],
            "gradients": whole.collected(gradients),
        },
        "uses_count": any(SAMPLES in t.f.free_symbols for x in stable.lines for t in x.terms),
    }


def _gradients(derivation: Derivation) -> dict[str, str]:
    """Parameter -> the name of its gradient."""
    return {name: derivation.batch.names[name] for name in derivation.network.parameters}


def _plan(derivation: Derivation) -> Plan:
    return plan(derivation.stable, _gradients(derivation), SAMPLES)


def _training(derivation: Derivation) -> dict[str, Any]:
    """The plan of a step, and the update of flat vectors."""
    network, gradients, steps = derivation.network, _gradients(derivation), _plan(derivation)
    code = planned(steps)
    update = flat(derivation.update_lines, gradients, network.optimizer.states, steps)
    masks = len(derivation.stable.leaves_of("mask"))
    return {
        "code": code,
        "loss_penalty": code.penalty,
        "length": f"max(len(UNITS), {masks + 1})" if masks else "len(UNITS)",
        "loss_reads_y": any(steps.target.name in map(name_of, x.reads) for x in steps.loss),
        "folded": update.folded,
        "update_setup": update.setup,
        "changing": tuple(update.changing.items()),
        "update": rows(update.steps, width=78),
        "penalty": update.penalty,
        "vectors": ["theta", "g", *network.optimizer.states],
        "works": update.works,
    }


def _update(derivation: Derivation, dialect: Dialect) -> dict[str, Any]:
    """The update of one parameter, in the words of the optimizer's lines."""
    network = derivation.network
    gradients = _gradients(derivation)
    lines = common(derivation.update_lines, gradients, network.optimizer.states)
    return {"update": Readable(lines, tensors={}, dialect=dialect).parts[0]}


def _counted(numbers: Sequence[int]) -> str:
    """Numbers as a tuple, with long runs of equal ones as a product."""
    parts = []
    for number, group in groupby(numbers):
        count = len(list(group))
        parts += [f"*[{number}] * {count}"] if count > 4 else [str(number)] * count
    return f"({', '.join(parts)}{',' * (len(parts) == 1)})"


def literal(text: str) -> str:
    """User text as one ASCII string literal without a quotation mark inside."""
    plain = text.encode("unicode_escape").decode("ascii")
    return '"' + plain.replace('"', r"\x22").replace("'", r"\x27") + '"'


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
