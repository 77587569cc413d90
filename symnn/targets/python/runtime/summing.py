"""Sums over the samples of several processes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from symnn.targets.python.runtime.constants import DECAY, LAYERS, MEAN, Arrays


def _summed(
    reduce: Callable[[np.ndarray], object],
    L: float,
    g: np.ndarray,
    params: Arrays,
    rows: int,
) -> tuple[float, np.ndarray, float]:
    """The loss and the gradients over the samples of all processes, and their number."""
    # what the loss has without samples is the same in all of them, and counts once
    decayed = [v * (DECAY if k in LAYERS else 0.0) for k, v in params.items()]
    decay = 2 * np.concatenate(decayed, axis=None)
    rest = sum(
        float(np.vdot(a, v)) for a, v in zip(decayed, params.values(), strict=True)
    )
    scale = rows if MEAN else 1
    vector = np.append((g - decay) * scale, [(L - rest) * scale, rows]).astype(g.dtype)
    reduce(vector)
    total, count = vector[-2:].tolist()
    scale = count if MEAN else 1
    return total / scale + rest, vector[:-2] / scale + decay, count
