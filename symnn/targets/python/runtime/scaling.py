"""Inputs of mean 0 and deviation 1: their scaling belongs to the parameters."""

from __future__ import annotations

import numpy as np

from symnn.targets.python.runtime.constants import INPUTS, STANDARDIZE, Arrays
from symnn.targets.python.runtime.data import SCALING, _matrix
from symnn.targets.python.runtime.numbers import _finite


def _with_scaling(params: Arrays, x: np.ndarray) -> Arrays:
    """The parameters, with x_mean and x_scale if the model standardises and they have none.

    Those are the mean and the standard deviation, with divisor N, of every column of x; the
    scale of a constant column is 1.  x is read in parts.
    """
    if not STANDARDIZE or any(name in params for name in SCALING):
        return params
    x, size, mean, square, same = _matrix(x), max(1, 2**15 // INPUTS), 0.0, 0.0, True
    parts = [x[first : first + size] for first in range(0, len(x), size)]
    with np.errstate(over="ignore", invalid="ignore"):
        for part in parts:
            mean += _finite("x", part, np.dtype(float)).sum(axis=0) / len(x)
        for part in parts:
            square += ((part - mean) ** 2).sum(axis=0) / len(x)
            same &= (part == x[0]).all(axis=0)
    scale = np.sqrt(square)
    if not np.isfinite(scale).all():
        raise ValueError("x is too large: its deviation is not finite")
    scale[(scale == 0.0) | same] = 1.0
    return {**params, "x_mean": mean, "x_scale": scale}
