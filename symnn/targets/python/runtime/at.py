"""One place of an axis, which may be outside."""

from __future__ import annotations

import numpy as np


def at(x: np.ndarray, axis: int, place: int) -> np.ndarray:
    """The entries of x at one place of an axis; 0 outside of it."""
    if 0 <= place < x.shape[axis]:
        return x[(slice(None),) * axis + (place,)]
    return np.zeros(x.shape[:axis] + x.shape[axis + 1 :], x.dtype)
