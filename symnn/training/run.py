"""Training: generate the module, run it on the data, score it, keep weights and history."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from symnn.data.datasets import BUILTIN, Dataset, count_columns, load_data, split
from symnn.derivation.lines import Lines
from symnn.derivation.network import Network
from symnn.io.errors import Problem, SpecError, UserError
from symnn.io.exit_codes import DIVERGED, INTERRUPTED
from symnn.io.files import (
    InputError,
    OutputError,
    check_folder,
    check_readable,
    check_writable,
    output_error,
    write_file,
    write_files,
)
from symnn.io.npz import LIMIT, read_headers, read_weights
from symnn.nn.losses import LOSSES
from symnn.targets.in_memory import live_in_memory
from symnn.targets.registry import TARGETS, generate_files, live, target_of
from symnn.training.scores import Scores, doubts, numbers, scores

Arrays: TypeAlias = dict[str, Any]
Progress: TypeAlias = Callable[[int, float], None]


class Stopped(UserError):
    """Training ended early; module, last finite weights and history have been written."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__([Problem("train", None, "", message, hint)])
        self.hint = hint


class Diverged(Stopped):
    """The loss is no longer finite."""

    code = DIVERGED


class Interrupted(Stopped):
    """Ctrl-C; the step that ran is finished."""

    code = INTERRUPTED


@dataclass(frozen=True)
class Files:
    """Where a network's module, weights and history go; ``base`` is the folder they stay in."""

    module: Path
    base: Path

    @property
    def weights(self) -> Path:
        """MODULE.npz beside the module."""
        return self.module.with_suffix(".npz")

    @property
    def history(self) -> Path:
        """MODULE.history.json beside the module."""
        return self.module.with_suffix(".history.json")


@dataclass(frozen=True)
class Checkpoints:
    """A folder for checkpoints, the epochs between two of them, and whether to go on from it."""

    folder: Path
    every: int | None = None  # a hundredth of all
    resume: bool = False

    @property
    def path(self) -> Path:
        """The file, as the generated module calls it."""
        return self.folder / "checkpoint"

    def check(self, force: bool) -> None:
        """Raise OutputError unless a checkpoint may be written; it is replaced by force only."""
        if os.path.exists(self.path) and not self.resume and not force:
            hint = "--resume goes on from it, --force starts again"
            raise OutputError(self.path, "there is a checkpoint already", hint)
        check_writable(self.path, force=force or self.resume)


@dataclass(frozen=True)
class Result:
    """What training gave: the loss of every epoch, scores by name, doubts about the run.

    in_memory: whether no module was written.
    """

    history: list[float]
    train: Scores
    test: Scores
    files: Files
    in_memory: bool = False
    warnings: tuple[str, ...] = ()


def files_of(network: Network | Lines) -> Files:
    """The files of a network: below its spec's folder, or below the current one.

    Raises SpecError where there can be no files in [output].dir.
    """
    spec = network.spec
    base = spec.folder if spec.folder is not None else Path()
    folder = base / spec.output.dir
    try:
        check_folder(folder, base)
    except OutputError as error:
        raise SpecError([spec.problem("output.dir", error.reason, error.hint)]) from None
    return Files(folder / f"{spec.output.module}.py", base)


@dataclass(frozen=True)
class _Samples:
    """What a module is trained on: x, y, how many samples, and their part that is held out.

    scores: parameters, what was fitted and what was held out -> the scores of both.  doubts: the
    losses and the scores -> what is doubtful about a run.
    """

    x: Any
    y: Any
    counts: tuple[int, int]
    scores: Callable[[Arrays], tuple[Scores, Scores]]
    doubts: Callable[[list[float], Scores], tuple[str, ...]]


def train(
    network: Network | Lines,
    *,
    force: bool = False,
    progress: Progress | None = None,
    checkpoints: Checkpoints | None = None,
    in_memory: bool = False,
) -> Result:
    """Generate, train and score a network as its spec says, and write its files.

    in_memory: nothing is generated, every line is SymPy's lambdify of it, and there are two
    files, without checkpoints.

    All that is given is looked at before the first step, the checkpoint too, and the files
    are written together at the end, however training ends; so they always fit each other.
    progress(epoch, loss) is called after every epoch.  Raises SpecError (no data), DataError,
    NpzError, OutputError, InputError (a checkpoint that does not fit), Diverged and Interrupted.
    """
    spec, files = network.spec, files_of(network)
    data = files.base / (spec.train.data or "")
    module_file = () if in_memory else (files.module,)
    for path in (*module_file, files.weights, files.history):
        check_writable(path, force=force, base=files.base)
        if path.exists() and data.exists() and path.samefile(data):
            raise OutputError(path, "holds the data", "give the module another name in [output]")
    if checkpoints is not None:
        checkpoints.check(force)
    if not spec.train.data:
        hint = 'write data = "FILE.csv" in [train], or give --data FILE'
        raise SpecError([spec.problem("train.data", "there is no data", hint)])
    # data of layers are read before a module is made, those of lines by the module
    parts = None if isinstance(network, Lines) else _parts(_data(network), network)
    target = target_of(network)
    options = {"include": ["checkpoint"]} if checkpoints is not None and target == "numpy" else {}
    if (needs := TARGETS[target].needs) is not None and not in_memory:
        needs()
    texts = {} if in_memory else generate_files(network, target, **options)
    for suffix in texts:
        check_writable(files.module.with_suffix(suffix), force=force, base=files.base)
    if isinstance(network, Lines):
        module: Any = live(texts, spec.output.module)
        params = _start(network, module)
        samples = _samples_of_lines(network, module, params)
    else:
        module = live_in_memory(network) if in_memory else live(texts, spec.output.module)
        assert parts is not None
        params = _start(network, module)
        if spec.train.standardize:
            params = module._with_scaling(params, parts[0].x)
        samples = _samples(network, module, params, *parts)
    keeping: dict[str, Any] = {}
    unfit: Any = getattr(module, "CheckpointError", ())  # of a module that knows checkpoints
    if checkpoints is not None:
        keeping = {"checkpoint": checkpoints.folder, "resume": checkpoints.resume}
        keeping["every"] = checkpoints.every

    def write(
        params: Arrays,
        losses: list[float],
        fitted: dict[str, float] | None = None,
        tested: dict[str, float] | None = None,
    ) -> None:
        """The three files; a run that was stopped has no scores."""
        history = _history(network, losses, (fitted or {}, tested or {}), samples.counts)
        _write(files, texts, _npz(params), history, force)

    def callback(epoch: int, loss: float, params: Arrays) -> None:
        if progress is not None:
            progress(epoch, loss)

    try:
        if checkpoints is not None and not checkpoints.resume and checkpoints.path.exists():
            with module._locked(checkpoints.folder):  # not while another run goes on
                checkpoints.path.unlink()
        params, history = module.train(
            samples.x,
            samples.y,
            params=params,
            epochs=spec.train.epochs,
            batch_size=spec.train.batch_size,
            learning_rate=spec.train.learning_rate,
            seed=spec.model.seed,
            callback=callback,
            **keeping,
        )
    except module.DivergedError as error:
        write(error.params, error.history)
        hint = f"a smaller learning rate may help; last finite weights: {files.weights}"
        raise Diverged(f"training diverged: {error}", hint) from None
    except module.Interrupted as error:
        write(error.params, error.history)
        raise Interrupted(str(error), f"weights so far: {files.weights}") from None
    except unfit as error:
        assert checkpoints is not None
        message = str(error).removeprefix(f"{checkpoints.path}: ")
        raise InputError(checkpoints.path, message) from None
    except OSError as error:
        raise output_error(Path(error.filename or files.module), error) from None
    losses = [float(v) for v in history]
    fitted, tested = samples.scores(params)
    if not all(np.isfinite(value).all() for value in (*numbers(fitted), *numbers(tested))):
        write(params, losses)
        message = "training diverged: the errors of the outputs after the last epoch overflow"
        raise Diverged(message, f"a smaller learning rate may help; weights: {files.weights}")
    write(params, losses, fitted, tested)
    return Result(
        history=losses,
        train=fitted,
        test=tested,
        files=files,
        in_memory=in_memory,
        warnings=samples.doubts(losses, fitted),
    )


def _samples(
    network: Network, module: Any, params: Arrays, fit: Dataset, held: Dataset
) -> _Samples:
    """Those of a chain of layers; SpecError where a module does not take them."""
    spec, kind = network.spec, LOSSES[network.spec.loss.name].targets
    for part in (fit, held) if len(held.x) else (fit,):
        try:
            x = module._features(params, part.x)
            module._targets(part.y, len(x), x.dtype)
        except ValueError as error:
            raise _unfit(network, f"{error} of {spec.model.dtype}") from None

    def scored(params: Arrays) -> tuple[Scores, Scores]:
        parts = [part for part in (fit, held) if len(part.x)]
        found = [scores(kind, module.predict(params, part.x), part.y) for part in parts]
        return found[0], (found[1] if len(found) > 1 else {})

    def doubted(losses: list[float], fitted: Scores) -> tuple[str, ...]:
        return doubts(kind, losses, fitted, fit.y)

    return _Samples(fit.x, fit.y, (len(fit.x), len(held.x)), scored, doubted)


def _samples_of_lines(lines: Lines, module: Any, params: Arrays) -> _Samples:
    """Those of lines, by the reader of their module.

    There are scores where a loss with a name compares a layer and a target; what other lines say
    is their own affair.
    """
    spec = lines.spec
    path = (spec.folder or Path()) / str(spec.train.data)
    try:
        x, y = _builtin(lines, module) if spec.train.data in BUILTIN else _file(path, module)
        data = module._data(params, x, y, (*module.INPUTS, *module.TARGETS))
    except ValueError as error:
        raise _unfit(lines, str(error).removeprefix(f"{path}: ")) from None
    parts = [data]
    if spec.train.test_fraction:
        if "N" not in module._sizes(data):
            hint = "leave test_fraction out"
            raise SpecError([spec.problem("train.test_fraction", "there are no samples", hint)])
        count = module._count(data)
        rows = split(str(spec.train.data), count, spec.train.test_fraction, spec.model.seed)
        parts = [module._rows(data, part) for part in rows if len(part)]
    compared = spec.written.compared if spec.written else ()

    def of(part: Arrays, names: Iterable[str]) -> Arrays:
        return {name: part[name] for name in names}

    def scored(params: Arrays) -> tuple[Scores, Scores]:
        found = [_scores_of_lines(compared, module, params, part) for part in parts]
        return found[0], (found[1] if len(found) > 1 else {})

    def doubted(losses: list[float], fitted: Scores) -> tuple[str, ...]:
        if len(compared) != 1:
            return doubts("numbers", losses, {}, None)
        [(_, target, kind)] = compared
        return doubts(kind, losses, fitted, parts[0][target])

    counts = [module._count(part) for part in parts]
    x, y = of(parts[0], module.INPUTS), of(parts[0], module.TARGETS)
    return _Samples(x, y, (counts[0], sum(counts[1:])), scored, doubted)


def _file(path: Path, module: Any) -> Any:
    """x and y of a file."""
    if path.suffix == ".npz":
        read_headers(path)
    else:
        check_readable(path, LIMIT)
    return module._read(str(path), True)


def _builtin(lines: Lines, module: Any) -> tuple[Arrays, Arrays]:
    """x and y of data that are built in, in the shapes that lines give them; ValueError."""
    name = str(lines.spec.train.data)
    inputs = [*module.INPUTS.items()]
    targets = [(k, shape) for k, shape in module.TARGETS.items() if k not in module.WEIGHTS]
    if len(inputs) != 1 or len(targets) > 1:
        raise ValueError(f"{name} has one input and one target, and these lines have others")
    for leaf, shape in (*inputs, *targets):
        if not all(isinstance(size, int) for size in shape[1:]):
            raise ValueError(f"{name} does not say the sizes that {leaf} leaves open")
    x, shape = inputs[0]
    kind = "distribution" if any(y in module.CHOICES for y, _ in targets) else "numbers"
    # without a target what is to be predicted is left out
    outputs = math.prod(targets[0][1][1:]) if targets else 1
    features, taken = math.prod(shape[1:]), 1 if kind == "distribution" else outputs
    if (width := count_columns(name)) != features + taken:
        text = f"{name} has {width} columns; {x} takes {features}, what is to be predicted {taken}"
        raise ValueError(text)
    found = load_data(name, inputs=features, outputs=outputs, kind=kind)
    y_by_name = {y: found.y.reshape(-1, *wanted[1:]) for y, wanted in targets}
    return {x: found.x.reshape(-1, *shape[1:])}, y_by_name


def _scores_of_lines(
    compared: Sequence[tuple[str, str, str]], module: Any, params: Arrays, data: Arrays
) -> Scores:
    """The scores of what losses compare; of several, by the names of the layers."""
    if not compared:
        return {}
    given = module.predict(params, {name: data[name] for name in module.PREDICTED_FROM})
    found = {
        layer: scores(kind, given[layer] if isinstance(given, dict) else given, data[target])
        for layer, target, kind in compared
    }
    return found if len(found) > 1 else next(iter(found.values()))


def _unfit(network: Network | Lines, message: str) -> SpecError:
    """Data that do not fit."""
    spec = network.spec
    return SpecError([Problem(spec.source, None, "train.data", message)])


def _data(network: Network) -> Dataset:
    spec = network.spec
    assert spec.train.data is not None
    return load_data(
        spec.train.data,
        inputs=network.inputs,
        outputs=network.outputs,
        target=spec.train.target,
        folder=spec.folder,
        kind=LOSSES[spec.loss.name].targets,
    )


def _parts(whole: Dataset, network: Network) -> tuple[Dataset, Dataset]:
    """The part to train on and the part held out."""
    spec = network.spec
    if not spec.train.test_fraction:
        return whole, whole.rows(np.arange(0))
    fit, held = split(whole.name, len(whole.x), spec.train.test_fraction, spec.model.seed)
    return whole.rows(fit), whole.rows(held)


def _start(network: Network | Lines, module: Any) -> Arrays:
    """Initial weights, or those of a file."""
    spec = network.spec
    if not spec.train.weights:
        initial: Arrays = module.initialize(spec.model.seed)
        return initial
    path = (spec.folder or Path()) / spec.train.weights
    inputs = 0 if isinstance(network, Lines) else network.inputs
    return read_weights(path, network.parameters, inputs)


def _write(
    files: Files, module: Mapping[str, str], weights: bytes, history: str, force: bool
) -> None:
    """The files together; module: suffix -> text of those of the module, if one is written.

    What stands in the way came after training began.  A run of hours is not lost by it: its
    weights go to a name that is free.
    """
    contents: dict[Path, str | bytes] = {
        **{files.module.with_suffix(suffix): text for suffix, text in module.items()},
        files.weights: weights,
        files.history: history,
    }
    try:
        write_files(contents, force=force, base=files.base)
    except OutputError as error:
        hint = error.hint
        numbered = (files.weights.with_suffix(f".{k}.npz") for k in itertools.count(1))
        place = next(path for path in numbered if not os.path.lexists(path))
        with contextlib.suppress(OutputError):
            write_file(place, weights, base=files.base)
            hint += f"; the weights are in {place}"
        raise OutputError(error.path, error.reason, hint) from None


def _npz(params: Arrays) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **params)
    return buffer.getvalue()


def _history(
    network: Network | Lines,
    losses: list[float],
    scored: tuple[dict[str, float], dict[str, float]],
    samples: tuple[int, int],
) -> str:
    """JSON; scored and samples: of the part that is trained on, and of the one held out."""
    train = network.spec.train
    found = {
        "settings": {
            "epochs": train.epochs,
            "batch_size": train.batch_size,
            "learning_rate": train.learning_rate,
            "optimizer": train.optimizer,
            "seed": network.spec.model.seed,
        },
        "samples": dict(zip(("train", "test"), samples, strict=True)),
        **dict(zip(("train", "test"), scored, strict=True)),
        "loss": [float(loss) for loss in losses],
    }
    return json.dumps(found, indent=1, allow_nan=False) + "\n"
