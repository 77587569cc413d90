"""The first of the largest values."""

from __future__ import annotations

import numpy as np


def first(values: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """1 where the first of the largest values along some axes is, else 0."""
    last = tuple(range(-len(axes), 0))
    moved = np.moveaxis(values, axes, last)
    flat = moved.reshape(*moved.shape[: -len(axes)], -1)
    found = np.zeros_like(flat)
    np.put_along_axis(found, flat.argmax(axis=-1)[..., None], 1.0, axis=-1)
    return np.moveaxis(found.reshape(moved.shape), last, axes)
