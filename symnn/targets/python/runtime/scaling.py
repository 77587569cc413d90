"""Inputs of mean 0 and deviation 1: their scaling belongs to the parameters."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from symnn.targets.python.runtime.constants import INPUTS, STANDARDIZE, Arrays
from symnn.targets.python.runtime.data import SCALING, _finite, _matrix


def _with_scaling(params: Arrays, x: np.ndarray, alone: bool = True) -> Arrays:
    """The parameters, with x_mean and x_scale if the model standardises and they have none.

    Those are the mean and the standard deviation, with divisor N, of every column of x; the
    scale of a constant column is 1.  x is read in parts.  alone: False where other processes
    have more samples: then ValueError, as it is where x does not fit.
    """
    if not STANDARDIZE or any(name in params for name in SCALING):
        return params
    if not alone:
        text = "the mean and deviation of the samples of all processes"
        raise ValueError(f"params must hold x_mean and x_scale: {text}")
    x = _matrix(x)
    sums, squares = np.zeros(INPUTS), np.zeros(INPUTS)
    low, high = np.full(INPUTS, np.inf), np.full(INPUTS, -np.inf)
    with np.errstate(over="ignore", invalid="ignore"):
        for part in _float_parts(x):
            sums += part.sum(axis=0)
            low = np.minimum(low, part.min(axis=0))
            high = np.maximum(high, part.max(axis=0))
        mean = sums / len(x)
        for part in _float_parts(x):
            squares += ((part - mean) ** 2).sum(axis=0)
        deviation = np.sqrt(squares / len(x))
    if not np.isfinite(deviation).all():
        raise ValueError("x is too large: its deviation is not finite")
    scale = np.where((low < high) & (deviation > 0.0), deviation, 1.0)
    return {**params, "x_mean": mean, "x_scale": scale}


def _float_parts(x: np.ndarray) -> Iterator[np.ndarray]:
    """Some rows of x after others, as finite numbers of 64 bits."""
    rows = max(1, 2**15 // INPUTS)
    for start in range(0, len(x), rows):
        yield _finite("x", x[start : start + rows], np.dtype(float))
