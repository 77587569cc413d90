"""Data that may be larger than the memory: they are looked at in parts."""

from __future__ import annotations

import numpy as np

from symnn.targets.python.runtime.constants import INPUTS, OUTPUTS, Arrays
from symnn.targets.python.runtime.data import _dtype, _features, _matrix
from symnn.targets.python.runtime.memory import PIECE
from symnn.targets.python.runtime.targets import _targets


def _checked(
    params: Arrays, x: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """x and y as they are, if all their rows can be trained on; read in parts."""
    dtype, x, y = _dtype(params), _matrix(x), np.asarray(y)
    size = max(1, PIECE // (8 * (INPUTS + OUTPUTS)))
    for start in range(0, len(x), size):
        part = slice(start, start + size)
        _features(params, x, dtype, part)
        _targets(y, len(x), dtype, part)
    return x, y
