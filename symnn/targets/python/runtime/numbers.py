"""Arrays of real numbers, as they are given."""

from __future__ import annotations

import numpy as np


def _numbers(name: str, values: np.ndarray) -> np.ndarray:
    if np.ma.is_masked(values):
        raise ValueError(f"{name} has masked entries; fill or drop them")
    try:
        values = np.asarray(values)
        if values.dtype.kind == "c":
            raise TypeError
        return values if values.dtype.kind in "biuf" else values.astype(float)
    except (OverflowError, TypeError, ValueError):
        raise ValueError(f"{name} must be an array of real numbers") from None


def _finite(name: str, values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    with np.errstate(over="ignore"):
        values = np.ascontiguousarray(values, dtype)
    if not np.isfinite(values).all():
        raise ValueError(f"{name} holds a value that is not finite")
    return values
