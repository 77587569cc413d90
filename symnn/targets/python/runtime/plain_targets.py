"""Targets that are any numbers, checked."""

from __future__ import annotations

import numpy as np

from symnn.targets.python.runtime.constants import OUTPUTS
from symnn.targets.python.runtime.numbers import _finite, _numbers


def _targets(
    y: np.ndarray, count: int, dtype: np.dtype, part: slice = np.s_[:]
) -> np.ndarray:
    """These of so many rows of y as (N, outputs) numbers."""
    y = _numbers("y", y)
    if y.shape not in [(count, OUTPUTS), *[(count,)] * (OUTPUTS == 1)]:
        raise ValueError(f"y must have the shape {(count, OUTPUTS)}, not {y.shape}")
    return _finite("y", y[part].reshape(-1, OUTPUTS), dtype)
