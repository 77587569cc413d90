"""Training: generate the module, run it on the data, score it, keep weights and history."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from symnn.data.datasets import Dataset, load_data, split, standardize
from symnn.derivation.network import Network
from symnn.io.fields import Problem, SpecError
from symnn.io.files import (
    MARKER_KEY,
    InputError,
    OutputError,
    check_writable,
    output_error,
    write_bytes,
    write_text,
)
from symnn.io.npz import read_npz
from symnn.targets.registry import load_module

Arrays: TypeAlias = dict[str, Any]
Progress: TypeAlias = Callable[[int, float], None]


class Stopped(Exception):
    """Training ended early; the last finite parameters have been written, as ``hint`` says."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


class Diverged(Stopped):
    """The loss is no longer finite."""


class Interrupted(Stopped):
    """Ctrl-C; the step that ran is finished."""


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
        if self.path.exists() and not self.resume and not force:
            hint = "--resume goes on from it, --force starts again"
            raise OutputError(self.path, "there is a checkpoint already", hint)
        check_writable(self.path, force=force or self.resume)


@dataclass(frozen=True)
class Result:
    """What training gave: the loss of every epoch, and scores by name."""

    history: list[float]
    train: dict[str, float]
    test: dict[str, float]
    files: Files


def files_of(network: Network) -> Files:
    """The files of a network: below its spec's folder, or below the current one."""
    spec = network.spec
    base = spec.folder if spec.folder is not None else Path()
    return Files(base / spec.output.dir / f"{spec.output.module}.py", base)


def train(
    network: Network,
    *,
    force: bool = False,
    progress: Progress | None = None,
    checkpoints: Checkpoints | None = None,
) -> Result:
    """Generate, train and score a network as its spec says, and write its three files.

    progress(epoch, loss) is called after every epoch.  Raises SpecError (no data), DataError,
    NpzError, OutputError, InputError (a checkpoint that does not fit), Diverged and Interrupted.
    """
    spec, files = network.spec, files_of(network)
    for path in (files.module, files.weights, files.history):
        check_writable(path, force=force, base=files.base)
    if checkpoints is not None:
        checkpoints.check(force)
    whole = _data(network)
    fit, held = _parts(whole, network)
    text = network.generate()
    module = load_module(text, spec.output.module)
    params = _start(network, module, fit)
    write_text(files.module, text, force=force, base=files.base)
    keeping: dict[str, Any] = {}
    if checkpoints is not None:
        keeping = {"checkpoint": checkpoints.folder, "resume": checkpoints.resume}
        keeping["every"] = checkpoints.every
        if not checkpoints.resume:
            checkpoints.path.unlink(missing_ok=True)

    def callback(epoch: int, loss: float, params: Arrays) -> None:
        if progress is not None:
            progress(epoch, loss)

    try:
        params, history = module.train(
            fit.x,
            fit.y,
            params=params,
            epochs=spec.train.epochs,
            batch_size=spec.train.batch_size,
            learning_rate=spec.train.learning_rate,
            seed=spec.model.seed,
            callback=callback,
            **keeping,
        )
    except module.DivergedError as error:
        _write_weights(files, error.params, force)
        hint = f"a smaller learning rate may help; last finite weights: {files.weights}"
        raise Diverged(f"training diverged: {error}", hint) from None
    except module.Interrupted as error:
        _write_weights(files, error.params, force)
        raise Interrupted(str(error), f"weights so far: {files.weights}") from None
    except module.CheckpointError as error:
        assert checkpoints is not None
        message = str(error).removeprefix(f"{checkpoints.path}: ")
        raise InputError(checkpoints.path, message) from None
    except OSError as error:
        if error.filename is None:  # no file of this run, such as a closed standard error
            raise
        raise output_error(Path(error.filename), error) from None
    _write_weights(files, params, force)
    result = Result(
        history=[float(v) for v in history],
        train=scores(network, module.predict(params, fit.x), fit.y),
        test=scores(network, module.predict(params, held.x), held.y) if len(held.x) else {},
        files=files,
    )
    _write_history(network, result, len(fit.x), len(held.x), force)
    return result


def _data(network: Network) -> Dataset:
    spec = network.spec
    if not spec.train.data:
        hint = 'write data = "FILE.csv" in [train], or give --data FILE'
        raise SpecError([Problem(spec.source, None, "train.data", "there is no data", hint)])
    return load_data(
        spec.train.data,
        inputs=network.inputs,
        outputs=network.outputs,
        target=spec.train.target,
        folder=spec.folder,
        classes=spec.loss.name == "cross_entropy",
        unit=spec.loss.name == "binary_cross_entropy",
    )


def _parts(whole: Dataset, network: Network) -> tuple[Dataset, Dataset]:
    """The part to train on and the part held out."""
    spec = network.spec
    if not spec.train.test_fraction:
        return whole, whole.rows(np.arange(0))
    return split(whole, spec.train.test_fraction, spec.model.seed)


def _start(network: Network, module: Any, fit: Dataset) -> Arrays:
    """Initial weights, or those of a file, with the scaling of the inputs if it is asked for."""
    spec = network.spec
    if spec.train.weights:
        path = (spec.folder or Path()) / spec.train.weights
        params = dict(read_npz(path, network.parameters))
    else:
        params = dict(module.initialize(spec.model.seed))
    if spec.train.standardize and "x_mean" not in params:
        params["x_mean"], params["x_scale"] = standardize(fit.x)
    return params


def scores(network: Network, output: Any, y: Any) -> dict[str, float]:
    """Accuracy for classes; otherwise root mean square error and R² (1 is a perfect fit)."""
    loss = network.spec.loss.name
    output = np.asarray(output, dtype=float)
    if loss == "cross_entropy":
        return {"accuracy": float(np.mean(output.argmax(axis=1) == y.argmax(axis=1)))}
    if loss == "binary_cross_entropy":
        return {"accuracy": float(np.mean(((output > 0.5) == (y > 0.5)).all(axis=1)))}
    residual = float(np.sum((output - y) ** 2))
    spread = float(np.sum((y - y.mean(axis=0)) ** 2))
    found = {"rmse": float(np.sqrt(residual / y.size))}
    return {**found, "r2": 1.0 - residual / spread} if spread else found


def _write_weights(files: Files, params: Arrays, force: bool) -> None:
    buffer = io.BytesIO()
    arrays: Arrays = {MARKER_KEY: np.uint8(1), **params}
    np.savez(buffer, **arrays)
    write_bytes(files.weights, buffer.getvalue(), force=force, base=files.base)


def _write_history(network: Network, result: Result, fit: int, held: int, force: bool) -> None:
    train = network.spec.train
    found = {
        MARKER_KEY: True,
        "settings": {
            "epochs": train.epochs,
            "batch_size": train.batch_size,
            "learning_rate": train.learning_rate,
            "optimizer": train.optimizer,
            "seed": network.spec.model.seed,
        },
        "samples": {"train": fit, "test": held},
        "train": result.train,
        "test": result.test,
        "loss": result.history,
    }
    text = json.dumps(found, indent=1, allow_nan=False) + "\n"
    write_text(result.files.history, text, force=force, base=result.files.base)
