"""The parameters that training starts from."""

from __future__ import annotations

import numpy as np

from symnn.targets.python.runtime.lines_constants import (
    DTYPE,
    INITIAL,
    PARAMETERS,
    SEED,
    Arrays,
)


def initialize(seed: int = SEED) -> Arrays:
    """Parameters as INITIAL says: uniform within a bound of 0, normal of a deviation, or constant.

    The bound of Glorot is sqrt(6 / (inputs + outputs)); He's deviation is sqrt(2 / inputs).
    """
    rng, params = np.random.default_rng(seed), {}
    for name, shape in PARAMETERS.items():
        how, size = INITIAL[name]
        if how == "uniform":
            values = rng.uniform(-size, size, shape)
        elif how == "normal":
            values = rng.normal(0.0, size, shape)
        else:
            values = np.full(shape, size)
        params[name] = np.asarray(values, DTYPE)
    return params
