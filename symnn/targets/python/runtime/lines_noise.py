"""Masks and noise."""

from __future__ import annotations

import numpy as np

from symnn.targets.python.runtime.lines_constants import NOISE, Arrays
from symnn.targets.python.runtime.lines_data import _dtype, _sizes


def _noise(rng: np.random.Generator | None, params: Arrays, data: Arrays) -> Arrays:
    """Masks, 0 or 1/keep, and standard normal numbers; without rng masks are 1, and numbers 0."""
    found, sizes, dtype = {}, _sizes(data), _dtype(params)
    for name, (shape, keep) in NOISE.items():
        own = [sizes[s] if isinstance(s, str) else s for s in shape]
        if rng is None:
            found[name] = np.full(own, 1.0 if keep else 0.0, dtype)
        elif keep:
            found[name] = (np.floor(rng.random(own) + keep) / keep).astype(dtype)
        else:
            found[name] = rng.standard_normal(own).astype(dtype)
    return found
