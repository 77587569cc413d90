"""Training by the readable functions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from symnn.targets.python.runtime.constants import (
    BATCH_SIZE,
    DTYPE,
    EPOCHS,
    LEARNING_RATE,
    MASKS,
    PARAMETERS,
    SEED,
    SHUFFLE,
    STATES,
    Arrays,
)
from symnn.targets.python.runtime.data import _dtype, _features, _targets
from symnn.targets.python.runtime.endings import DivergedError
from symnn.targets.python.runtime.initial import initialize
from symnn.targets.python.runtime.model import _update, loss_and_gradients
from symnn.targets.python.runtime.scaling import _with_scaling


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
) -> tuple[Arrays, list[float]]:
    """Gradient descent; returns the parameters and the mean loss of every epoch.

    params: where to start (default: initialize(seed)); never changed in place.  If STANDARDIZE
    is true, x_mean and x_scale of x are added, unless they are there.
    batch_size: rows a step (None: all); the last batch of an epoch may be shorter.
    callback(epoch, loss, params) is called after every epoch.  Raises DivergedError.
    """
    if batch_size is not None and batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, not {batch_size}")
    params = dict(initialize(seed) if params is None else params)
    params = _with_scaling(params, x)
    x, y = np.asarray(x), np.asarray(y)
    _targets(params, y, len(_features(params, x)))
    rows, t, history, last = min(batch_size or len(x), len(x)), 0, list[float](), params
    zeros = {k: np.zeros(shape, _dtype(params)) for k, shape in PARAMETERS.items()}
    states = {k: (v,) * len(STATES) for k, v in zeros.items()}
    rng = np.random.default_rng([seed, 1])
    for epoch in range(1, epochs + 1):
        order = np.arange(len(x))
        if SHUFFLE and rows < len(x):
            order = rng.permutation(len(x))
        total = 0.0
        for batch in np.split(order, range(rows, len(x), rows)):
            t += 1
            masks = (_masks(rng, len(batch)),) if MASKS else ()
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                L, gradients = loss_and_gradients(params, x[batch], y[batch], *masks)
                if not np.isfinite(L):
                    raise DivergedError(epoch, t, last, history)
                after = {
                    name: _update(params[name], g, states[name], learning_rate, t)
                    for name, g in gradients.items()
                }
            if not all(np.isfinite(theta).all() for theta, _ in after.values()):
                raise DivergedError(epoch, t, params, history)
            last, params = params, {**params, **{k: v[0] for k, v in after.items()}}
            states = {name: state for name, (_, state) in after.items()}
            total += len(batch) * L
        history.append(total / len(x))
        if callback is not None:
            callback(epoch, history[-1], dict(params))
    return params, history


def _masks(rng: np.random.Generator, rows: int) -> Arrays:
    """Masks of inverted dropout: 0, or 1/(1 - rate)."""
    masks = {}
    for name, (units, rate) in MASKS.items():
        kept = np.floor(rng.random((units, rows), DTYPE).T + (1.0 - rate))
        masks[name] = kept / (1.0 - rate)
    return masks
