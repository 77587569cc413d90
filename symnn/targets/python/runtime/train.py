"""Training by the statements of the derivation, with all that it can be made with."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Callable

import numpy as np

from symnn.targets.python.runtime.checkpoints import _Keeper
from symnn.targets.python.runtime.constants import (
    BATCH_SIZE,
    EPOCHS,
    LEARNING_RATE,
    PARAMETERS,
    SEED,
    SHUFFLE,
    STATES,
    Arrays,
)
from symnn.targets.python.runtime.data import SCALING, _dtype, _features
from symnn.targets.python.runtime.endings import DivergedError
from symnn.targets.python.runtime.flat import _named, _parts
from symnn.targets.python.runtime.initial import initialize
from symnn.targets.python.runtime.masks import _masks
from symnn.targets.python.runtime.model import _gradients, _update
from symnn.targets.python.runtime.parts import _checked
from symnn.targets.python.runtime.processes import _with_common_scaling
from symnn.targets.python.runtime.saved import _Saved
from symnn.targets.python.runtime.scaling import _with_scaling
from symnn.targets.python.runtime.settings import _check_settings
from symnn.targets.python.runtime.stopping import _interruptible
from symnn.targets.python.runtime.summing import _summed
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
    reduce: Callable[[np.ndarray], object] | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    every: int | None = None,
    resume: bool = False,
) -> tuple[Arrays, list[float]]:
    """Gradient descent; returns the parameters and the mean loss of every epoch.

    params: where to start (default: initialize(seed)); never changed in place.  If STANDARDIZE
    is true, x_mean and x_scale of x are added, unless they are there.
    batch_size: rows a step (None: all); the last batch of an epoch may be shorter.
    callback(epoch, loss, params): after every epoch.  Raises DivergedError; Interrupted by Ctrl-C.
    reduce(vector) sums a flat vector over processes, in place: the unnormalised gradients
    of the data, their loss, and the number of samples; the losses of the history and of
    the callback are those over all processes.
    checkpoint: a folder for the file "checkpoint", from which the run goes on bit by bit.
    every: epochs between checkpoints (None: a hundredth of all); the last is always kept.
    resume: go on from the checkpoint, or start where there is none yet; ``epochs`` counts
    from the start, and may be raised.  Raises CheckpointError.
    """
    _check_settings(epochs, batch_size, learning_rate, seed)
    if reduce is not None and checkpoint is not None:
        raise ValueError("no checkpoint with reduce: save the params in the callback")
    params = initialize(seed) if params is None else params
    params = _with_common_scaling(params) if reduce else _with_scaling(params, x)
    dtype = _dtype(params)
    x, y = _checked(params, x, y)
    rows, t, history = min(batch_size or len(x), len(x)), 0, list[float]()
    # all parameters in one vector, of which here has the parts by their names
    theta = np.concatenate([params[k] for k in PARAMETERS], axis=None, dtype=dtype)
    here, last = _parts(theta), theta.copy()
    state = tuple(np.zeros_like(theta) for _ in STATES)
    rng = np.random.default_rng([seed, 1])
    stop: list[bool] = []  # not empty: stop after the step
    # of several processes none may stop alone
    stopping = contextlib.nullcontext() if reduce else _interruptible(stop)
    settings = {"batch size": rows, "learning rate": learning_rate, "seed": seed}
    scaling = [params[name] for name in SCALING if name in params]
    run = theta, state, rng, history, stop
    saved = _Saved(*run, settings, params, [x, y, *scaling])
    keeper = _Keeper(saved, checkpoint, every, epochs)
    with keeper.running(resume), stopping, np.errstate(all="ignore"):
        t, state = saved.t, saved.state
        for epoch in range(len(history) + 1, epochs + 1):
            saved.start()
            order = np.arange(len(x))
            if SHUFFLE and rows < len(x):
                rng.shuffle(order)
            start, total = saved.go_on()
            samples = float(start)
            for first in range(start, len(x), rows):
                if stop:
                    break
                batch = order[first : first + rows]
                x_now = _features(params, x[batch], dtype)
                y_now = _targets(y[batch], len(x_now), dtype)
                masks = _masks(rng, len(x_now))
                L, gradients = _gradients(here, x_now, y_now, masks)
                g = np.concatenate(list(gradients.values()), axis=None)
                count = float(len(x_now))
                if reduce is not None:
                    L, g, count = _summed(reduce, L, g, here, len(x_now))
                samples += count
                total += count * L
                after, state = _update(theta, g, state, float(learning_rate), t + 1)
                if not math.isfinite(L + after @ after):  # or the square overflows
                    finite = _named(params, theta if math.isfinite(L) else last)
                    if not (math.isfinite(L) and np.isfinite(after).all()):
                        raise DivergedError(epoch, t + 1, finite, history)
                last[:], theta[:], t = theta, after, t + 1
                saved.note(t, state, total)
            else:
                history.append(total / samples)
                if callback is not None:
                    callback(epoch, history[-1], _named(params, theta))
            keeper.keep()
    return _named(params, theta), history
