"""Values added where whole numbers point."""

from __future__ import annotations

import numpy as np


def added(
    values: np.ndarray, places: tuple[np.ndarray, ...], shape: tuple[int, ...]
) -> np.ndarray:
    """Zeros of a shape, with values added at places; those at one place are summed."""
    out = np.zeros(shape, values.dtype)
    np.add.at(out, places, values)
    return out
