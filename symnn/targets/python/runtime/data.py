"""What a module takes: parameters, x and y; checked, and read from files."""

from __future__ import annotations

import warnings

import numpy as np

from symnn.targets.python.runtime.constants import (
    CLASSES,
    INPUTS,
    KINDS,
    OUTPUTS,
    PARAMETERS,
    Arrays,
)
from symnn.targets.python.runtime.files import _arrays


def _dtype(params: Arrays) -> np.dtype:
    """The parameters' type, in this machine's byte order; ValueError if they do not fit."""
    wanted = dict(PARAMETERS)
    if "x_mean" in params:
        wanted |= {"x_mean": (INPUTS,), "x_scale": (INPUTS,)}
    for name, shape in wanted.items():
        values = params.get(name)
        if not isinstance(values, np.ndarray) or values.shape != shape:
            raise ValueError(f"params must hold an array {name} of the shape {shape}")
    dtype = params[next(iter(PARAMETERS))].dtype
    if dtype.kind not in KINDS:
        raise ValueError(f"parameters must be floating-point numbers, not {dtype}")
    return dtype.newbyteorder("=")


def _features(params: Arrays, x: np.ndarray, part: slice = np.s_[:]) -> np.ndarray:
    """x as (N, inputs) numbers of the parameters' type, standardised where they say so.

    part: the rows that are wanted.
    """
    x, dtype = _numbers("x", x), _dtype(params)
    if x.ndim != 2 or x.shape[1] != INPUTS or not len(x):
        raise ValueError(f"x must have the shape (N, {INPUTS}), not {x.shape}")
    x = x[part]
    if "x_mean" in params:
        x = (x - params["x_mean"]) / params["x_scale"]
    return _finite("x", x, dtype)


def _targets(
    params: Arrays, y: np.ndarray, count: int, part: slice = np.s_[:]
) -> np.ndarray:
    """y, with so many rows, as (N, outputs) numbers of the parameters' type.

    part: the rows that are wanted.
    """
    y = _numbers("y", y)
    shapes: list[tuple[int, ...]] = [(count, OUTPUTS)]
    if CLASSES or OUTPUTS == 1:
        shapes += [(count,), (count, 1)]
    if y.shape not in shapes:
        raise ValueError(f"y must have the shape {(count, OUTPUTS)}, not {y.shape}")
    y = _finite("y", _as_rows(y[part]), _dtype(params))
    if CLASSES and not np.allclose(y.sum(axis=1), 1.0, atol=1e-6):
        raise ValueError("the targets of every sample must sum to 1")
    return y


def _as_rows(y: np.ndarray) -> np.ndarray:
    """y as (N, outputs): labels of classes become one-hot rows."""
    if CLASSES and (y.ndim == 1 or y.shape[1] == 1):
        y = y.reshape(-1)
        if not np.isin(y, np.arange(OUTPUTS)).all():
            raise ValueError(f"labels must be whole numbers 0 to {OUTPUTS - 1}")
        y = np.eye(OUTPUTS)[y.astype(int)]
    return y[:, None] if y.ndim == 1 else y


def _numbers(name: str, values: np.ndarray) -> np.ndarray:
    """values as an array of real numbers."""
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
    """values in this type, contiguous, if all of them are finite in it."""
    with np.errstate(over="ignore"):
        values = np.ascontiguousarray(values, dtype)
    if not np.isfinite(values).all():
        raise ValueError(f"{name} holds a value that is not finite")
    return values


def _read(path: str) -> tuple[np.ndarray, np.ndarray | None]:
    """x, and y where it is there, of an .npz file or of a .csv file with a header."""
    if path.endswith(".npz"):
        arrays = _arrays(path)
        if "x" not in arrays:
            raise ValueError(f"{path}: x is not there")
        return arrays["x"], arrays.get("y")
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # that there are no rows
        try:
            table = np.loadtxt(path, delimiter=",", skiprows=1, ndmin=2)
        except UserWarning:
            raise ValueError(f"{path} has no rows") from None
    return table[:, :INPUTS], table[:, INPUTS:] if table.shape[1] > INPUTS else None
