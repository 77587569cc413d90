"""What a module takes: parameters, x and y, checked."""

from __future__ import annotations

import numpy as np

from symnn.targets.python.runtime.constants import (
    INPUTS,
    KINDS,
    OUTPUTS,
    PARAMETERS,
    TARGETS_ARE,
    Arrays,
)
from symnn.targets.python.runtime.numbers import _finite, _numbers

SCALING = ("x_mean", "x_scale")  # of the columns of x, where params have them


def _dtype(params: Arrays) -> np.dtype:
    """The type of parameters that fit and are finite, in this machine's byte order."""
    scaled = any(name in params for name in SCALING)
    for name in (*PARAMETERS, *(SCALING if scaled else ())):
        values, shape = params.get(name), PARAMETERS.get(name, (INPUTS,))
        if not isinstance(values, np.ndarray) or values.shape != shape:
            raise ValueError(f"params must hold an array {name} of the shape {shape}")
        if (kind := values.dtype).kind not in KINDS:
            raise ValueError(f"parameters must be floating-point numbers, not {kind}")
        if not np.isfinite(values).all():
            raise ValueError(f"params: {name} holds a value that is not finite")
    if scaled and not params["x_scale"].all():
        raise ValueError("params: x_scale holds 0, by which x would be divided")
    return params[next(iter(PARAMETERS))].dtype.newbyteorder("=")


def _features(
    params: Arrays, x: np.ndarray, dtype: np.dtype | None = None, part: slice = np.s_[:]
) -> np.ndarray:
    """x as (N, inputs) numbers of the parameters' type, standardised where they say so."""
    dtype = _dtype(params) if dtype is None else dtype
    x = _matrix(x)[part]
    if "x_mean" in params:
        x = (x - params["x_mean"]) / params["x_scale"]
    return _finite("x", x, dtype)


def _matrix(x: np.ndarray) -> np.ndarray:
    x = _numbers("x", x)
    if x.shape[1:] != (INPUTS,) or not len(x):
        raise ValueError(f"x must have the shape (N, {INPUTS}), not {x.shape}")
    return x


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
