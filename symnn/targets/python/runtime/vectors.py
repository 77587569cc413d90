"""All parameters as one flat vector."""

from __future__ import annotations

import numpy as np

from symnn.targets.python.runtime.constants import LAYERS, UNITS, Arrays


def _blocks(vector: np.ndarray) -> dict[int, np.ndarray]:
    """W_k = [A_k b_k] for every k, as parts of a flat vector.

    From the second on they are stored transposed: the backward sweep multiplies by them so.
    """
    blocks, start = {}, 0
    for k, bias in enumerate(LAYERS.values(), 1):
        columns = UNITS[k - 1] + (bias is not None)
        shape = (UNITS[k], columns) if k == 1 else (columns, UNITS[k])
        blocks[k] = vector[start : start + UNITS[k] * columns].reshape(shape)
        start += UNITS[k] * columns
    return blocks


def _views(vector: np.ndarray) -> Arrays:
    """The parameters, or their gradients, as views of one flat vector."""
    views, blocks = {}, _blocks(vector)
    for k, (name, bias) in enumerate(LAYERS.items(), 1):
        whole = blocks[k] if k == 1 else blocks[k].T
        views[name] = whole[:, : UNITS[k - 1]]
        if bias is not None:
            views[bias] = whole[:, -1]
    return views


def _put(vector: np.ndarray, params: Arrays) -> None:
    """Write the parameters into a flat vector."""
    for name, view in _views(vector).items():
        view[...] = params[name]


def _all_finite(vector: np.ndarray) -> bool:
    """Whether all are finite; the product says so fast, unless it overflows."""
    return bool(np.isfinite(vector.dot(vector)) or np.isfinite(vector).all())
