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

SCALING = ("x_mean", "x_scale")  # of the columns of x, where params have them


def _dtype(params: Arrays) -> np.dtype:
    """The parameters' type, in this machine's byte order; ValueError if they do not fit."""
    wanted = dict(PARAMETERS)
    if any(name in params for name in SCALING):
        wanted |= dict.fromkeys(SCALING, (INPUTS,))
    for name, shape in wanted.items():
        values = params.get(name)
        if not isinstance(values, np.ndarray) or values.shape != shape:
            raise ValueError(f"params must hold an array {name} of the shape {shape}")
    dtype = params[next(iter(PARAMETERS))].dtype
    if dtype.kind not in KINDS:
        raise ValueError(f"parameters must be floating-point numbers, not {dtype}")
    return dtype.newbyteorder("=")


def _features(params: Arrays, x: np.ndarray) -> np.ndarray:
    """x as (N, inputs) numbers of the parameters' type, standardised where they say so.

    ValueError where x or the parameters are not finite.
    """
    _check_parameters(params)
    return _some_features(params, x, np.s_[:])


def _check_parameters(params: Arrays) -> None:
    """Raise ValueError where parameters do not fit, or are not finite."""
    _dtype(params)
    for name in (*PARAMETERS, *SCALING):
        if name in params and not np.isfinite(params[name]).all():
            raise ValueError(f"params: {name} holds a value that is not finite")
    if "x_scale" in params and not params["x_scale"].all():
        raise ValueError("params: x_scale holds 0, by which x would be divided")


def _some_features(params: Arrays, x: np.ndarray, part: slice) -> np.ndarray:
    """As ``_features``, of these rows; the parameters have been checked."""
    x, dtype = _matrix(x)[part], _dtype(params)
    if "x_mean" in params:
        x = (x - params["x_mean"]) / params["x_scale"]
    return _finite("x", x, dtype)


def _matrix(x: np.ndarray) -> np.ndarray:
    """x as it is, if it has the shape (N, inputs)."""
    x = _numbers("x", x)
    if x.ndim != 2 or x.shape[1] != INPUTS or not len(x):
        raise ValueError(f"x must have the shape (N, {INPUTS}), not {x.shape}")
    return x


def _targets(
    params: Arrays, y: np.ndarray, count: int, part: slice = np.s_[:]
) -> np.ndarray:
    """y, with so many rows, as (N, outputs) numbers of the parameters' type.

    part: the rows that are wanted.  ValueError where the loss is not made for them.
    """
    y = _numbers("y", y)
    shapes: list[tuple[int, ...]] = [(count, OUTPUTS)]
    if TARGETS_ARE == "distribution" or OUTPUTS == 1:
        shapes += [(count,), (count, 1)]
    if y.shape not in shapes:
        raise ValueError(f"y must have the shape {(count, OUTPUTS)}, not {y.shape}")
    start = part.start or 0
    y = _as_rows(y[part], start)
    found = _finite("y", y, _dtype(params))
    if TARGETS_ARE != "numbers":
        inside = (y >= 0) & (y <= 1)
        _refuse(
            y, ~inside.all(axis=1), start, "holds {!r}, which is not in 0..1", inside
        )
    if TARGETS_ARE == "distribution":
        sums = y.sum(axis=1, dtype=float)
        _refuse(sums[:, None], abs(sums - 1.0) > 1e-6, start, "sums to {!r}, not to 1")
    return found


def _as_rows(y: np.ndarray, start: int = 0) -> np.ndarray:
    """y as (N, outputs): labels of classes become one-hot rows.  start: the first row."""
    if TARGETS_ARE == "distribution" and (y.ndim == 1 or y.shape[1] == 1):
        y = y.reshape(-1)
        text = f"is {{!r}}; labels must be whole numbers 0 to {OUTPUTS - 1}"
        _refuse(y[:, None], ~np.isin(y, np.arange(OUTPUTS)), start, text)
        y = (y[:, None] == np.arange(OUTPUTS)).astype(float)
    return y[:, None] if y.ndim == 1 else y


def _refuse(
    y: np.ndarray,
    bad: np.ndarray | np.bool_,
    start: int,
    text: str,
    fine: np.ndarray | None = None,
) -> None:
    """Raise ValueError for the first bad row, with its first entry that is not fine."""
    if bad.any():
        row = int(bad.argmax())
        column = 0 if fine is None else int(fine[row].argmin())
        hint = "; for labels -1 and 1 write (y + 1)/2" if (abs(y) == 1).all() else ""
        shown = text.format(float(y[row, column]))
        raise ValueError(f"y[{start + row}] {shown}{hint}")


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
