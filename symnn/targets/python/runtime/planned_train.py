"""Training by planned steps."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable

import numpy as np

from symnn.targets.python.runtime.checkpoints import _Keeper
from symnn.targets.python.runtime.constants import (
    BATCH_SIZE,
    EPOCHS,
    LEARNING_RATE,
    SEED,
    SIZE,
    Arrays,
)
from symnn.targets.python.runtime.initial import initialize
from symnn.targets.python.runtime.parts import _checked
from symnn.targets.python.runtime.processes import _with_common_scaling
from symnn.targets.python.runtime.run import _Run
from symnn.targets.python.runtime.scaling import _with_scaling
from symnn.targets.python.runtime.settings import _check_settings
from symnn.targets.python.runtime.stopping import _interruptible
from symnn.targets.python.runtime.threads import _threads


def train(
    x: np.ndarray,
    y: np.ndarray,
    *,
    params: Arrays | None = None,
    epochs: int = EPOCHS,
    batch_size: int | None = BATCH_SIZE,
    learning_rate: float = LEARNING_RATE,
    seed: int = SEED,
    callback: Callable[[int, float, Arrays], object] | None = None,
    reduce: Callable[[np.ndarray], object] | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    every: int | None = None,
    resume: bool = False,
) -> tuple[Arrays, list[float]]:
    """Gradient descent; returns the parameters and the mean loss of every epoch.

    params: where to start (default: initialize(seed)); never changed in place.  If STANDARDIZE
    is true, x_mean and x_scale of x are added, unless they are there.
    batch_size: rows a step (None: all); the last batch of an epoch may be shorter.
    callback(epoch, loss, params) is called after every epoch.
    reduce(vector) sums a flat vector over processes, in place: the unnormalised gradients
    of the data, their loss, and the number of samples; the losses of the history and of
    the callback are those over all processes.  Raises DivergedError.
    checkpoint: a folder for the file "checkpoint", from which the run goes on bit by bit.
    every: epochs between checkpoints (None: a hundredth of all); the last is always kept.
    resume: go on from the checkpoint, or start where there is none yet; ``epochs`` counts
    from the start, and may be raised; the callback may see again epochs that were lost.
    Raises CheckpointError, and after Ctrl-C, once the step is done, Interrupted.

    x and y may be memory-mapped: they are read in parts.  Beside them train holds at most
    as much again, up to CHUNK bytes; 4 bytes a row, which is the order of an epoch, and 40
    a step of it; 3 x the parameters, and the optimizer's states; 3 x the activations of a
    batch; and 3 MB.
    """
    _check_settings(epochs, batch_size, learning_rate, seed)
    if reduce is not None and checkpoint is not None:
        raise ValueError("no checkpoint with reduce: save the params in the callback")
    params = dict(initialize(seed) if params is None else params)
    params = _with_common_scaling(params) if reduce else _with_scaling(params, x)
    x, y = _checked(params, x, y)
    run = _Run(params, x, y, batch_size or len(x), learning_rate, seed, reduce)
    del params  # the run has a copy
    keeper = _Keeper(run, checkpoint, every, epochs)
    # of several processes none may stop alone
    stopping = contextlib.nullcontext() if reduce else _interruptible(run.stop)
    quiet = np.errstate(over="ignore", invalid="ignore", divide="ignore")
    threads = _threads(6 * SIZE * run.rows)
    with keeper.running(resume), threads, stopping, quiet:
        while (done := len(run.history)) < epochs:
            run.epochs(1 if callback else min(run.at_once, keeper.left()))
            if callback is not None and len(run.history) > done:
                callback(done + 1, run.history[-1], run.params())
            keeper.keep()
    return run.params(), run.history
