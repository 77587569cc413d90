"""Prediction and steps of lines in C, on arrays that are allocated here."""

from __future__ import annotations

import ctypes
import threading

import numpy as np

from symnn.targets.python.runtime.c_library import SOURCE, CompilerError, _loaded
from symnn.targets.python.runtime.flat import _parts
from symnn.targets.python.runtime.lines_constants import (
    GIVEN,
    KEPT,
    OUTPUTS,
    PARAMETERS,
    PREDICTED_FROM,
    SIZE,
    WHOLE,
    Arrays,
)
from symnn.targets.python.runtime.lines_data import _count

STEP, PREDICTION = 1, 0  # what memory is for
PART = 256  # samples that are predicted at once


class _Memory(threading.local):
    """The memory of the last call, in each thread: what it is for, and the library with it."""

    of: tuple[np.dtype, int, int] | None = None
    memory: tuple[ctypes.CDLL, np.ndarray, np.ndarray]


_used = _Memory()


def _forward(params: Arrays, data: Arrays) -> Arrays:
    """The outputs by their names."""
    theta, count = _theta(params), _count(data)
    found = {
        name: np.empty([count if s == "N" else int(s) for s in shape], theta.dtype)
        for name, shape in OUTPUTS.items()
    }
    split = all(shape[:1] == ("N",) for shape in OUTPUTS.values())
    size = PART if split else count
    arrays = _as_given(PREDICTED_FROM, data, count, theta.dtype)
    for first in range(0, count, size):
        rows = min(size, count - first)
        part = [v[first : first + rows] if n else v for v, n in arrays]
        outputs = [
            out[first : first + rows] if split else out for out in found.values()
        ]
        library, place, indices = _memory(theta.dtype, rows, PREDICTION)
        library.net_forward(
            theta.ctypes.data,
            _at(part),
            rows,
            place.ctypes.data,
            indices.ctypes.data,
            _at(outputs),
        )
    return found


def _step(
    params: Arrays, data: Arrays, noise: Arrays | None = None
) -> tuple[float, Arrays, Arrays]:
    """The loss, its derivative by every parameter, and the next value of every state."""
    theta, count = _theta(params), _count(data)
    g, kept = np.empty(SIZE, theta.dtype), np.empty(len(theta) - SIZE, theta.dtype)
    given = _as_given(tuple(GIVEN), {**data, **(noise or {})}, count, theta.dtype)
    arrays = [v for v, _ in given]
    library, place, indices = _memory(theta.dtype, count, STEP)
    L = library.net_gradient(
        *(theta.ctypes.data, g.ctypes.data, _at(arrays), count),
        *(place.ctypes.data, indices.ctypes.data, kept.ctypes.data),
    )
    parts = _parts(np.concatenate([g, kept]))
    gradients = {name: part for name, part in parts.items() if name not in KEPT}
    return float(L), gradients, {name: parts[name] for name in KEPT}


def _theta(params: Arrays) -> np.ndarray:
    """All parameters, then the states, in the order of the C file."""
    return np.concatenate([params[name] for name in PARAMETERS], axis=None)


def _as_given(
    names: tuple[str, ...], data: Arrays, count: int, dtype: np.dtype
) -> list[tuple[np.ndarray, bool]]:
    """Arrays as C takes them, and whether each has a row for every sample."""
    found = list[tuple[np.ndarray, bool]]()
    for name in names:
        kind = np.dtype(np.int32) if name in WHOLE else dtype
        array = np.ascontiguousarray(data[name], kind)
        found.append((array, GIVEN[name] and len(array) == count))
    return found


def _at(arrays: list[np.ndarray]) -> ctypes.Array[ctypes.c_void_p]:
    """Where the numbers of arrays are."""
    return (ctypes.c_void_p * max(1, len(arrays)))(*(a.ctypes.data for a in arrays))


def _memory(
    dtype: np.dtype, rows: int, what: int
) -> tuple[ctypes.CDLL, np.ndarray, np.ndarray]:
    """The library, and memory for so many samples, which begins with a line of the cache."""
    wanted = dtype, rows, what
    if _used.of == wanted:
        return _used.memory
    library = _library(dtype)
    size, whole = library.net_memory(rows, what), library.net_memory(rows, 2 + what)
    memory = np.empty(size * dtype.itemsize + 64, np.uint8)
    start = -memory.ctypes.data % 64
    place = memory[start : start + size * dtype.itemsize].view(dtype)
    _used.of, _used.memory = wanted, (library, place, np.empty(max(1, whole), np.int32))
    return _used.memory


def _library(dtype: np.dtype) -> ctypes.CDLL:
    """The compiled C file for numbers of this type; CompilerError if there is none."""
    if dtype not in (np.float32, np.float64):
        raise ValueError(f"parameters must be float32 or float64, not {dtype}")
    bits = np.dtype(dtype).itemsize * 8
    library, pointer, size = _loaded(bits), ctypes.c_void_p, ctypes.c_size_t
    number = ctypes.c_float if bits == 32 else ctypes.c_double
    pointers = [pointer] * 3
    for name, result, arguments in (
        ("memory", size, [size, ctypes.c_int]),
        ("forward", None, [pointer, pointer, size, *pointers]),
        ("gradient", number, [*pointers, size, *pointers]),
    ):
        function = getattr(library, f"net_{name}", None)
        if function is None:
            raise CompilerError(f"{SOURCE} is of another module; generate both again")
        function.restype, function.argtypes = result, arguments
    return library
