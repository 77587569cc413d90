"""What a module of lines takes: parameters, inputs and targets, checked."""

from __future__ import annotations

import numpy as np

from symnn.targets.python.runtime.lines_constants import (
    CHOICES,
    HOLD,
    INPUTS,
    PARAMETERS,
    TARGETS,
    WEIGHTS,
    WHOLE,
    Arrays,
    Data,
    Shape,
)
from symnn.targets.python.runtime.numbers import _finite, _numbers

SCALING: tuple[str, ...] = ()  # inputs are taken as they are


def _dtype(params: Arrays) -> np.dtype:
    """The type of parameters that fit and are finite, in this machine's byte order."""
    for name, shape in PARAMETERS.items():
        values = params.get(name)
        if not isinstance(values, np.ndarray) or values.shape != shape:
            raise ValueError(f"params must hold an array {name} of the shape {shape}")
        if (kind := values.dtype).kind != "f":
            raise ValueError(f"parameters must be floating-point numbers, not {kind}")
        if not np.isfinite(values).all():
            raise ValueError(f"params: {name} holds a value that is not finite")
    return params[next(iter(PARAMETERS))].dtype.newbyteorder("=")


def _data(params: Arrays, x: Data, y: Data, wanted: tuple[str, ...]) -> Arrays:
    """The wanted inputs and targets by their names, as the lines read them."""
    dtype, found = _dtype(params), dict[str, np.ndarray]()
    sizes: dict[str, int] = {}
    for called, given, shapes in (("x", x, INPUTS), ("y", y, TARGETS)):
        own = {name: shape for name, shape in shapes.items() if name in wanted}
        for name, values in _by_name(called, given, own, shapes).items():
            found[name] = _fitting(name, values, own[name], sizes, dtype)
    for name in WEIGHTS:
        if name in wanted and name not in found:
            ones = [sizes[s] if isinstance(s, str) else s for s in TARGETS[name]]
            found[name] = np.ones(ones, dtype)
    return found


def _by_name(
    called: str, given: Data, wanted: dict[str, Shape], known: dict[str, Shape]
) -> Arrays:
    """Arrays by name; one that is given without is the only one that is needed."""
    needed = [name for name in wanted if name not in WEIGHTS]
    if given is None or isinstance(given, dict):
        arrays = given or {}
        if unknown := sorted(arrays.keys() - known.keys()):
            raise ValueError(
                f"{called} holds {unknown[0]}, which the lines do not read"
            )
        if missing := sorted({*needed} - arrays.keys()):
            raise ValueError(
                f"{called} must hold {missing[0]}: {_shown(wanted[missing[0]])}"
            )
        return {name: arrays[name] for name in wanted if name in arrays}
    if len(needed) != 1:
        listed = ", ".join(needed) or "nothing"
        raise ValueError(f"{called} must be a dict of arrays by name: {listed}")
    return {needed[0]: given}


def _fitting(
    name: str, given: np.ndarray, shape: Shape, sizes: dict[str, int], dtype: np.dtype
) -> np.ndarray:
    """An array of the shape, which gives sizes that are open their values, of numbers that fit."""
    values = _numbers(name, given)
    if (
        name in CHOICES and values.ndim == len(shape) - 1
    ):  # whole numbers in place of ones
        count = int(shape[-1])
        values = _whole(name, values, count)[..., None] == np.arange(count)
    elif values.ndim == len(shape) - 1 and shape[-1] == 1:
        values = values[..., None]
    known = tuple(sizes.get(str(size), size) for size in shape)
    fits = values.ndim == len(shape) and all(
        sizes.setdefault(size, found) == found
        if isinstance(size, str)
        else size == found
        for size, found in zip(shape, values.shape, strict=True)
    )
    if not fits or not values.size:
        raise ValueError(
            f"{name} must have the shape {_shown(known)}, not {given.shape}"
        )
    if name in WHOLE:
        return _whole(name, values, WHOLE[name])
    if name in WEIGHTS and values.min() < 0:
        raise ValueError(
            f"{name} holds {values.min()}; no sample may weigh less than 0"
        )
    if name in CHOICES:
        sums = values.sum(axis=-1, dtype=float)
        if not (abs(sums - 1.0) <= 1e-6).all() or (values < 0).any():
            text = "must sum to 1 along its last axis, and hold nothing below 0"
            raise ValueError(f"{name} {text}")
    # of a number, which has no axis, the check makes an array of one
    values = _finite(name, values, dtype).reshape(values.shape)
    if name in HOLD:
        _held(name, values, HOLD[name])
    return values


def _held(name: str, values: np.ndarray, kind: str) -> None:
    """ValueError for numbers that are no yes or no ("unit"), no "signs" and no "counts"."""
    fine, text, hint = {
        "unit": (
            (values >= 0) & (values <= 1),
            "is not in 0..1",
            "; for labels -1 and 1 write (y + 1)/2",
        ),
        "signs": (
            abs(values) == 1,
            "is not -1 or 1",
            "; for labels 0 and 1 write 2*y - 1",
        ),
        "counts": (values >= 0, "is below 0", ""),
    }[kind]
    if not fine.all():
        labels = abs(values * 2 - 1) == 1 if kind == "signs" else abs(values) == 1
        wrong = values[~fine].flat[0].item()
        text = f"{name} holds {wrong!r}, which {text}"
        raise ValueError(text + hint * bool(labels.all()))


def _whole(name: str, values: np.ndarray, count: int) -> np.ndarray:
    """Whole numbers from 0 to below ``count``, as indices."""
    fine = (values >= 0) & (values < count) & (values == np.floor(values))
    if not fine.all():
        wrong = values[~fine].flat[0].item()
        text = f"{name} holds {wrong!r}; it must hold whole numbers 0 to {count - 1}"
        raise ValueError(text)
    return np.asarray(values, np.intp, order="C")


def _shown(shape: Shape) -> str:
    return f"({', '.join(map(str, shape))}{',' * (len(shape) == 1)})"


def _rows(data: Arrays, rows: slice | np.ndarray) -> Arrays:
    """These samples of the arrays that have some."""
    shapes = {**INPUTS, **TARGETS}
    return {k: v[rows] if shapes[k][:1] == ("N",) else v for k, v in data.items()}


def _sizes(data: Arrays) -> dict[str, int]:
    """The sizes that the shapes leave open, as these arrays have them."""
    shapes = {**INPUTS, **TARGETS}
    pairs = (zip(shapes[k], v.shape, strict=True) for k, v in data.items())
    return {size: found for p in pairs for size, found in p if isinstance(size, str)}


def _count(data: Arrays) -> int:
    """The number of samples; 1 where the lines know none."""
    return _sizes(data).get("N", 1)
