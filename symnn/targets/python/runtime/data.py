"""What a module takes: parameters and x, checked."""

from __future__ import annotations

import numpy as np

from symnn.targets.python.runtime.constants import (
    INPUTS,
    KINDS,
    PARAMETERS,
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
