"""Masks of dropout."""

from __future__ import annotations

import numpy as np

from symnn.targets.python.runtime.constants import DTYPE, MASKS, Arrays


def _masks(rng: np.random.Generator, rows: int) -> Arrays:
    """Masks of inverted dropout: 0, or 1/(1 - rate)."""
    masks = {}
    for name, (units, rate) in MASKS.items():
        kept = np.floor(rng.random((units, rows), DTYPE).T + (1.0 - rate))
        masks[name] = kept / (1.0 - rate)
    return masks
