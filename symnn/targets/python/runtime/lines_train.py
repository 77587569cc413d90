"""Training of lines."""

from __future__ import annotations

import math
import os
from collections.abc import Callable

import numpy as np

from symnn.targets.python.runtime.checkpoints import _Keeper
from symnn.targets.python.runtime.endings import DivergedError
from symnn.targets.python.runtime.flat import _named, _parts
from symnn.targets.python.runtime.lines_constants import (
    BATCH_SIZE,
    EPOCHS,
    INPUTS,
    LEARNING_RATE,
    OPERATIONS,
    PARAMETERS,
    SEED,
    SHUFFLE,
    STATES,
    TARGETS,
    Arrays,
    Data,
)
from symnn.targets.python.runtime.lines_data import _count, _data, _dtype, _rows
from symnn.targets.python.runtime.lines_initial import initialize
from symnn.targets.python.runtime.lines_model import _gradients, _update
from symnn.targets.python.runtime.lines_noise import _noise
from symnn.targets.python.runtime.saved import _Saved
from symnn.targets.python.runtime.settings import _check_settings
from symnn.targets.python.runtime.stopping import _interruptible
from symnn.targets.python.runtime.threads import _threads


def train(
    x: Data = None,
    y: Data = None,
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

    params: where to start (default: initialize(seed)); never changed in place.
    batch_size: samples a step (None: all); the last batch of an epoch may be smaller.
    callback(epoch, loss, params): after every epoch.  Raises DivergedError; Interrupted by Ctrl-C.
    checkpoint: a folder for the file "checkpoint", from which the run goes on bit by bit.
    every: epochs between checkpoints (None: a hundredth of all); the last is always kept.
    resume: go on from the checkpoint, or start where there is none yet; ``epochs`` counts
    from the start, and may be raised.  Raises CheckpointError.
    """
    _check_settings(epochs, batch_size, learning_rate, seed)
    params = initialize(seed) if params is None else params
    data = _data(params, x, y, (*INPUTS, *TARGETS))
    count = _count(data)
    ordered = data  # in the order of an epoch
    rows, t, history = min(batch_size or count, count), 0, list[float]()
    # all parameters in one vector, of which here has the parts by their names
    dtype = _dtype(params)
    theta = np.concatenate([params[k] for k in PARAMETERS], axis=None, dtype=dtype)
    here, last = _parts(theta), theta.copy()
    state = tuple(np.zeros_like(theta) for _ in STATES)
    rng = np.random.default_rng([seed, 1])
    stop: list[bool] = []  # not empty: stop after the step
    settings = {"batch size": rows, "learning rate": learning_rate, "seed": seed}
    run = theta, state, rng, history, stop
    saved = _Saved(*run, settings, params, [np.zeros(count), *data.values()])
    keeper = _Keeper(saved, checkpoint, every, epochs)
    threads, quiet = _threads(OPERATIONS * rows), np.errstate(all="ignore")
    with keeper.running(resume), _interruptible(stop), threads, quiet:
        t, state = saved.t, saved.state
        for epoch in range(len(history) + 1, epochs + 1):
            saved.start()
            if SHUFFLE and rows < count:
                ordered = _rows(data, rng.permutation(count))
            start, total = saved.go_on()
            for first in range(start, count, rows):
                if stop:
                    break
                batch = _rows(ordered, slice(first, first + rows))
                L, gradients = _gradients(here, batch, _noise(rng, here, batch))
                g = np.concatenate(list(gradients.values()), axis=None)
                total += _count(batch) * L
                after, state = _update(theta, g, state, float(learning_rate), t + 1)
                if not math.isfinite(L + after @ after):  # or the square overflows
                    finite = _named(params, theta if math.isfinite(L) else last)
                    if not (math.isfinite(L) and np.isfinite(after).all()):
                        raise DivergedError(epoch, t + 1, finite, history)
                last[:], theta[:], t = theta, after, t + 1
                saved.note(t, state, total)
            else:
                history.append(total / count)
                if callback is not None:
                    callback(epoch, history[-1], _named(params, theta))
            keeper.keep()
    return _named(params, theta), history
