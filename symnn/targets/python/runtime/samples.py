"""Inputs and targets that are drawn."""

from __future__ import annotations

import numpy as np

from symnn.targets.python.runtime.constants import INPUTS, OUTPUTS, TARGETS_ARE


def _samples(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """x and y of four samples."""
    x = rng.normal(size=(4, INPUTS))
    if TARGETS_ARE == "distribution":
        return x, rng.integers(OUTPUTS, size=4)
    return x, rng.uniform(0.1, 0.9, (4, OUTPUTS))
