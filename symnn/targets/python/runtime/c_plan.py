"""Prediction and steps in C, on arrays that are allocated here."""

from __future__ import annotations

import contextlib
import ctypes
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from symnn.targets.python.runtime.c_library import SOURCE, CompilerError, _loaded
from symnn.targets.python.runtime.constants import (
    MASKS,
    MEAN,
    OUTPUTS,
    PARAMETERS,
    SHUFFLE,
    SIZE,
    STATES,
    Arrays,
)
from symnn.targets.python.runtime.memory import CHUNK, PIECE, SPARE
from symnn.targets.python.runtime.vectors import _put, _views

SIZES = {"column": 0, "prediction": 1, "samples": 2, "values": 3}
PART = 256  # rows that are predicted at once
WORK = 2**25  # about the products of the steps in C between two looks at Ctrl-C
MASK_UNITS = sum(units for units, _ in MASKS.values())


def _library(dtype: np.dtype) -> ctypes.CDLL:
    """The compiled C file for numbers of this type; CompilerError if there is none."""
    if dtype not in (np.float32, np.float64):
        raise ValueError(f"parameters must be float32 or float64, not {dtype}")
    bits = np.dtype(dtype).itemsize * 8
    return _declared(_loaded(bits), bits)


def _declared(library: ctypes.CDLL, bits: int) -> ctypes.CDLL:
    """The library with the types of its functions."""
    size, pointer, number = ctypes.c_size_t, ctypes.c_void_p, ctypes.c_double
    state = [pointer] * len(STATES)
    for name, result, arguments in (
        ("memory", size, [size, ctypes.c_int]),
        ("forward", None, [pointer, pointer, size, pointer, pointer]),
        ("fill", None, [pointer, pointer, size, size, pointer]),
        (
            "gradient",
            ctypes.c_float if bits == 32 else number,
            [pointer, pointer, pointer, pointer, size, number, pointer],
        ),
        ("penalise", None, [pointer, pointer, number]),
        ("advance", None, [pointer, pointer, *state, number, number]),
        (
            "steps",
            None,
            [
                *(pointer, pointer, *state, pointer, pointer, size, size, size, size),
                *(number, number, number, pointer, pointer),
            ],
        ),
    ):
        function = getattr(library, f"net_{name}", None)
        if function is None:
            raise CompilerError(f"{SOURCE} is of another module; generate both again")
        function.restype, function.argtypes = result, arguments
    return library


def _forward(params: Arrays, x: np.ndarray) -> np.ndarray:
    """F(x) for every row of x, which are of the parameters' type."""
    library = _library(x.dtype)
    theta, output = _flat(params, x.dtype), np.empty((len(x), OUTPUTS), x.dtype)
    size = library.net_memory(min(PART, len(x)), SIZES["prediction"])
    memory = _aligned(size, x.dtype)
    for start in range(0, len(x), PART):
        part, found = x[start : start + PART], output[start : start + PART]
        library.net_forward(_at(theta), _at(part), len(part), _at(memory), _at(found))
    return output


def _gradients(
    params: Arrays, x: np.ndarray, y: np.ndarray, masks: Arrays | None = None
) -> tuple[float, Arrays]:
    """L and its gradients for rows of the parameters' type; masks as loss_and_gradients."""
    theta = _flat(params, x.dtype)
    g = np.zeros_like(theta)
    plan = _Plan(theta, g, len(x), 1, 1, 1.0 / (len(x) if MEAN else 1))
    plan.fill(x, y)
    given = np.ones((1, MASK_UNITS, plan.column), theta.dtype)
    if masks is not None:
        for name, view in zip(MASKS, _by_layer(given[0], len(x)), strict=True):
            view[...] = masks[name].T
    plan.gradient(0, given[0])
    plan.library.net_penalise(_at(theta), _at(g), 1.0)
    views = _views(g)
    gradients = {name: views[name].copy() for name in PARAMETERS}
    return float(plan.losses(0, 1)[0]), gradients


def _flat(params: Arrays, dtype: np.dtype) -> np.ndarray:
    """The parameters as one vector, in the order of the C file."""
    theta = np.zeros(SIZE, dtype)
    _put(theta, params)
    return theta


def _at(array: np.ndarray) -> int:
    """Where the numbers of an array are."""
    return array.ctypes.data


def _aligned(count: int, dtype: np.dtype) -> np.ndarray:
    """Zeros that begin with a line of the cache, for the sake of speed."""
    memory = np.zeros(count * dtype.itemsize + 64, np.uint8)
    start = -_at(memory) % 64
    return memory[start : start + count * dtype.itemsize].view(dtype)


def _by_layer(masks: np.ndarray, rows: int) -> list[np.ndarray]:
    """The masks of one step, (units of all masks, column), by layer."""
    ends = np.cumsum([units for units, _ in MASKS.values()])
    return [part[:, :rows] for part in np.split(masks, ends[:-1])]


def _room(data: int) -> int:
    """Bytes for the samples that are held at once, of so many bytes of data."""
    return min(CHUNK, data + SPARE) if SHUFFLE else CHUNK


def _threads(work: int) -> contextlib.nullcontext[None]:
    """Of NumPy's BLAS there is no product in a step: its threads are left alone."""
    return contextlib.nullcontext()


class _Update:
    """The step t that changes the parameters and the optimizer's state, in place."""

    def __init__(
        self, theta: np.ndarray, g: np.ndarray, state: Arrays, rate: float
    ) -> None:
        self.library, self.rate = _library(theta.dtype), rate
        self.pointers = [_at(theta), _at(g), *map(_at, state.values())]

    def __call__(self, t: int) -> None:
        self.library.net_advance(*self.pointers, self.rate, t)


def _optimizer(theta: np.ndarray, g: np.ndarray, state: Arrays, rate: float) -> _Update:
    return _Update(theta, g, state, rate)


class _Plan:
    """Steps in C on memory that is allocated once, for batches of ``rows``.

    Every gradient is the derivation's times ``seed``, and times ``rows`` if the loss is a
    mean.  Samples of ``batches`` steps are held, and losses of ``epochs`` times as many.
    first: a plan of as many rows or more, whose memory this one takes.
    """

    def __init__(
        self,
        theta: np.ndarray,
        g: np.ndarray,
        rows: int,
        batches: int,
        epochs: int,
        seed: float,
        columns: bool = True,
        first: _Plan | None = None,
    ) -> None:
        self.library, self.dtype = _library(theta.dtype), theta.dtype
        self.rows, self.batches, self.seed = rows, batches, seed
        memory = functools.partial(self.library.net_memory, rows)
        self.column, self.stride = memory(SIZES["column"]), memory(SIZES["samples"])
        if first is None:
            self.samples = _aligned(batches * self.stride, self.dtype)
            self.values = _aligned(memory(SIZES["values"]), self.dtype)
        else:
            self.samples, self.values = first.samples, first.values
        self.found = np.zeros(batches * epochs, self.dtype)
        self.theta, self.g = theta, g

    def fill(self, x_part: np.ndarray, y_part: np.ndarray, at: int = 0) -> None:
        """Take the samples of the steps from this one on."""
        x, y = (np.ascontiguousarray(v, self.dtype) for v in (x_part, y_part))
        count, samples = len(x) // self.rows, self.samples[at * self.stride :]
        self.library.net_fill(_at(x), _at(y), self.rows, count, _at(samples))

    def refresh(self) -> None:
        """Nothing: every step writes all that it reads, but for its samples."""

    def steps(
        self,
        first: int,
        count: int,
        update: _Update,
        t: int,
        masks: np.ndarray | None = None,
    ) -> None:
        """So many steps in C; t: steps before them."""
        self.library.net_steps(
            *update.pointers,
            _at(self.samples),
            None if masks is None else _at(masks),
            *(self.rows, self.batches, first, count, self.seed, update.rate, t),
            *(_at(self.values), _at(self.found[first:])),
        )

    def gradient(self, slot: int, masks: np.ndarray | None = None) -> None:
        """The gradient of the data, and the loss, of one step."""
        at = slot % self.batches * self.stride
        self.found[slot] = self.library.net_gradient(
            *(_at(self.theta), _at(self.g), _at(self.samples[at:])),
            None if masks is None else _at(masks),
            *(self.rows, self.seed, _at(self.values)),
        )

    def losses(self, first: int, count: int) -> np.ndarray:
        """L of the steps from this slot on."""
        return self.found[first : first + count].astype(float)

    def draw(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Masks of inverted dropout, 0 or 1/(1 - rate), for so many steps."""
        drawn = np.ones((count, MASK_UNITS, self.column), self.dtype)
        for k in range(count):
            views = _by_layer(drawn[k], self.rows)
            for view, (_, rate) in zip(views, MASKS.values(), strict=True):
                values = rng.random(view.shape, self.dtype)
                view[...] = np.floor(values + (1.0 - rate)) * (1.0 / (1.0 - rate))
        return drawn

    def take(
        self,
        first: int,
        count: int,
        t: int,
        rng: np.random.Generator,
        advance: _Update,
        between: Callable[[Any, int, int], None] | None,
        stop: list[bool],
    ) -> int:
        """Steps from the slot ``first`` on, after t others; how many there are then.

        between(plan, slot, t) is called before every update.
        """
        at_once = 1 if between else max(1, WORK // (SIZE * self.rows))
        if MASKS:
            bytes_a_step = MASK_UNITS * self.column * self.dtype.itemsize
            at_once = max(1, min(at_once, PIECE // bytes_a_step))
        done = t
        for k in range(first, first + count, at_once):
            taken = min(at_once, first + count - k)
            masks = self.draw(rng, taken) if MASKS else None
            if between:
                self.gradient(k, masks)
                between(self, k, done + 1)
                advance(done + 1)
            else:
                self.steps(k, taken, advance, done, masks)
            done += taken
            if stop:
                break
        return done

    @staticmethod
    def bytes_of(rows: int, columns: bool, dtype: np.dtype) -> int:
        """Bytes that are held of the samples of a step: x in two layouts."""
        size: int = _library(dtype).net_memory(rows, SIZES["samples"])
        return size * dtype.itemsize
