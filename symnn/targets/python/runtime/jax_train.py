"""Training with JAX."""

from __future__ import annotations

import os
from collections.abc import Callable

import jax
import numpy as np

from symnn.targets.python.runtime.checkpoints import _Keeper
from symnn.targets.python.runtime.constants import (
    BATCH_SIZE,
    EPOCHS,
    LEARNING_RATE,
    SEED,
    Arrays,
)
from symnn.targets.python.runtime.data import _features
from symnn.targets.python.runtime.initial import initialize
from symnn.targets.python.runtime.jax_run import _native, _Run
from symnn.targets.python.runtime.scaling import _with_scaling
from symnn.targets.python.runtime.settings import _check_settings
from symnn.targets.python.runtime.stopping import _interruptible
from symnn.targets.python.runtime.targets import _targets


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
    checkpoint: str | os.PathLike[str] | None = None,
    every: int | None = None,
    resume: bool = False,
) -> tuple[Arrays, list[float]]:
    """Gradient descent; returns the parameters and the mean loss of every epoch.

    params: where to start (default: initialize(seed)); never changed in place.  If STANDARDIZE
    is true, x_mean and x_scale of x are added, unless they are there.
    batch_size: rows a step (None: all); the last batch of an epoch may be shorter.
    callback(epoch, loss, params) is called after every epoch.  Raises DivergedError.
    checkpoint: a folder for the file "checkpoint", from which the run goes on bit by bit.
    every: epochs between checkpoints (None: a hundredth of all); the last is always kept.
    resume: go on from the checkpoint, or start where there is none yet; ``epochs`` counts
    from the start, and may be raised; the callback may see again epochs that were lost.
    Raises CheckpointError, and after Ctrl-C, once the epoch is done, Interrupted.

    Every batch is split over all devices, each of which holds x and y whole.  Several
    processes, after jax.distributed.initialize(), train as one: each calls train with the
    same arguments, among them a folder that all see, and has the same result.
    """
    _check_settings(epochs, batch_size, learning_rate, seed)
    params = _native(initialize(seed) if params is None else params)
    params = _with_scaling(params, x)
    x = _features(params, x)
    y = _targets(y, len(x), x.dtype)
    with jax.enable_x64(True):
        run = _Run(params, x, y, batch_size or len(x), learning_rate, seed)
        keeper = _Keeper(run, checkpoint, every, epochs)
        running = keeper.running(resume, first=jax.process_index() == 0)
        with running, _interruptible(run.stop):
            while len(run.history) < epochs:
                run.epoch()
                if callback is not None:
                    callback(len(run.history), run.history[-1], run.params())
                keeper.keep()
        return run.params(), run.history
