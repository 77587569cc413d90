"""Data that may be larger than the memory: they are looked at in parts."""

from __future__ import annotations

import numpy as np

from symnn.targets.python.runtime.constants import INPUTS, OUTPUTS, Arrays
from symnn.targets.python.runtime.data import (
    _check_parameters,
    _numbers,
    _some_features,
    _targets,
)
from symnn.targets.python.runtime.memory import PIECE


def _checked(
    params: Arrays, x: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """x and y as they are, if all their rows can be trained on; read in parts."""
    _check_parameters(params)
    x, y = _numbers("x", x), _numbers("y", y)
    count = len(x) if x.ndim else 0
    size = max(1, PIECE // (8 * (INPUTS + OUTPUTS)))
    for start in range(0, max(count, 1), size):
        part = slice(start, start + size)
        _some_features(params, x, part)
        _targets(params, y, count, part)
    return x, y
