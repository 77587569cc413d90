"""The parameters that training starts from."""

from __future__ import annotations

import numpy as np

from symnn.targets.python.runtime.constants import (
    DTYPE,
    LAYERS,
    PARAMETERS,
    SEED,
    Arrays,
)


def initialize(seed: int = SEED) -> Arrays:
    """Weights uniform within sqrt(6 / (inputs + outputs)) of 0 (Glorot), biases 0."""
    rng = np.random.default_rng(seed)
    params = {}
    for name, shape in PARAMETERS.items():
        bound = np.sqrt(6.0 / sum(shape)) if name in LAYERS else 0.0
        values = rng.uniform(-bound, bound, shape) if bound else np.zeros(shape)
        params[name] = values.astype(DTYPE)
    return params
