"""Targets of a loss that asks more of them than to be numbers, checked."""

from __future__ import annotations

import numpy as np

from symnn.targets.python.runtime.constants import OUTPUTS, TARGETS_ARE
from symnn.targets.python.runtime.numbers import _finite, _numbers


def _targets(
    y: np.ndarray, count: int, dtype: np.dtype, part: slice = np.s_[:]
) -> np.ndarray:
    """These of so many rows of y as (N, outputs) numbers that the loss is made for."""
    y, classes = _numbers("y", y), TARGETS_ARE == "distribution"
    flat = [(count, 1), (count,)] if classes or OUTPUTS == 1 else []
    if y.shape not in [(count, OUTPUTS), *flat]:
        raise ValueError(f"y must have the shape {(count, OUTPUTS)}, not {y.shape}")
    y = y[part].reshape(-1, y.size // count)
    labels = classes and y.shape[1] == 1
    rules = []  # values, which of them are fine, and what is wrong with others
    if labels:
        text = f"is {{!r}}; labels must be whole numbers 0 to {OUTPUTS - 1}"
        rules = [(y, np.isin(y, np.arange(OUTPUTS)), text)]
    elif TARGETS_ARE != "numbers":
        rules = [(y, (y >= 0) & (y <= 1), "holds {!r}, which is not in 0..1")]
    if classes and not labels:
        sums = y.sum(axis=1, dtype=float, keepdims=True)
        rules.append((sums, abs(sums - 1.0) <= 1e-6, "sums to {!r}, not to 1"))
    for values, fine, text in rules:
        if not fine.all():
            row, column = np.argwhere(~fine)[0]
            text = text.format(float(values[row, column]))
            hint = "; for labels -1 and 1 write (y + 1)/2" * bool((abs(y) == 1).all())
            raise ValueError(f"y[{(part.start or 0) + row}] {text}{hint}")
    return _finite("y", y == np.arange(OUTPUTS) if labels else y, dtype)
