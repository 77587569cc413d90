"""The arrays of a plan of steps in NumPy, and how its steps are taken."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symnn.targets.python.runtime.constants import INPUTS, MASKS, OUTPUTS, SIZE, UNITS
from symnn.targets.python.runtime.memory import CHUNK, SPARE
from symnn.targets.python.runtime.vectors import _blocks

Array = Any  # NumPy's types have the last argument of np.maximum.reduce by keyword only


def _room(data: int) -> int:
    """Bytes for the samples that are held at once, of so many bytes of data."""
    return min(CHUNK, data + SPARE)


class _Steps:
    """Steps on arrays that are allocated once, for batches of ``rows``.

    Samples are columns: z_1 is (units, rows).  *_one has a row of ones below, which W_k
    multiplies by b_k.  Samples of ``batches`` steps are held.
    columns: x is held transposed too.  first: a plan of as many rows or more, the memory
    of whose arrays this one takes; the two are used in turn, each after refresh().
    ones: how many rows of ones x has.  factor: of y in c_y, where there is one.
    """

    steps: list[tuple[np.ndarray, ...]]  # what every step gives to gradient
    gradient: Callable[..., None]
    losses: Callable[[int, int], np.ndarray]
    masks: Sequence[np.ndarray] = ()

    def __init__(
        self,
        dtype: np.dtype,
        rows: int,
        batches: int,
        columns: bool,
        first: _Steps | None,
        ones: int = 0,
        factor: float | None = None,
    ) -> None:
        self.dtype, self.rows, self.batches, self.factor = dtype, rows, batches, factor
        self.first, self.columns = first, columns
        self.memory: list[np.ndarray] = []
        self.constants: list[tuple[np.ndarray, object]] = []
        width = INPUTS + ones
        self.x_rows = self.new((batches, rows, width))
        self.x_columns = self.x_rows.swapaxes(1, 2)
        if columns:
            self.x_columns = self.new((batches, width, rows))
        self.c_y = self.y = self.new((batches, OUTPUTS, rows))
        if factor is not None:
            self.c_y = self.new((batches, OUTPUTS, rows))

    def new(
        self, shape: int | tuple[int, ...], value: object = None, kind: Any = None
    ) -> Array:
        """An array, perhaps with one value everywhere."""
        size = math.prod(shape) if isinstance(shape, tuple) else shape
        if self.first:
            memory = self.first.memory[len(self.memory)]
        else:
            memory = np.empty(size, self.dtype if kind is None else kind)
        self.memory.append(memory)
        array = memory[:size].reshape(shape)
        if value is not None:
            array[...] = value
            self.constants.append((array, value))
        return array

    def full(self, units: int, value: object, kind: Any = None) -> Array:
        """One value everywhere; one row of it does for what is large."""
        most = self.first.rows if self.first else self.rows
        large = units * most * self.dtype.itemsize > SPARE
        return self.new((1 if large else units, self.rows), value, kind)

    def fill(self, x_part: np.ndarray, y_part: np.ndarray, at: int = 0) -> None:
        """Take the samples of the steps from this one on."""
        count = len(x_part) // self.rows
        part = slice(at, at + count)
        self.x_rows[part, :, :INPUTS] = x_part.reshape(count, self.rows, INPUTS)
        self.x_rows[part, :, INPUTS:] = 1.0
        if self.columns:
            self.x_columns[part] = self.x_rows[part].swapaxes(1, 2)
        y = y_part.reshape(count, self.rows, OUTPUTS)
        self.y[part] = y.swapaxes(1, 2)
        if self.factor is not None:
            np.multiply(self.y[part], self.factor, out=self.c_y[part])

    def refresh(self) -> None:
        """Write what is constant, after a plan that shares the memory."""
        for array, value in self.constants:
            array[...] = value

    def draw(self, rng: np.random.Generator) -> None:
        """Masks of inverted dropout: 0, or 1/(1 - rate)."""
        for mask, (_, rate) in zip(self.masks, MASKS.values(), strict=True):
            rng.random(out=mask, dtype=self.dtype)
            np.add(mask, 1.0 - rate, out=mask)
            np.floor(mask, out=mask)
            np.multiply(mask, 1.0 / (1.0 - rate), out=mask)

    def take(
        self,
        first: int,
        count: int,
        t: int,
        rng: np.random.Generator,
        advance: Callable[[int], None],
        between: Callable[[Any, int, int], None] | None,
        stop: list[bool],
    ) -> int:
        """Steps from the slot ``first`` on, after t others; how many there are then.

        between(plan, slot, t) is called before every update.
        """
        gradient, before, done = self.gradient, first - t - 1, t
        for done, arrays in enumerate(self.steps[first : first + count], t + 1):
            if MASKS:
                self.draw(rng)
            gradient(*arrays)
            if between is not None:
                between(self, before + done, done)
            advance(done)
            if stop:
                break
        return done


def _pieces(vectors: Sequence[np.ndarray], works: int) -> list[tuple[np.ndarray, ...]]:
    """Flat vectors in pieces that stay in a cache, and arrays for values in between."""
    dtype = vectors[0].dtype
    size = SPARE // 4 // dtype.itemsize
    free = np.empty((works, min(size, SIZE)), dtype)
    return [
        (*(vector[k : k + size] for vector in vectors), *free[:, : SIZE - k])
        for k in range(0, SIZE, size)
    ]


def _weights(theta: np.ndarray, g: np.ndarray) -> list[tuple[np.ndarray, ...]]:
    """Every A_k, dA_k, and an array for values in between, by some of their rows."""
    size = SPARE // 4 // theta.itemsize
    work = np.empty(max(size, *UNITS), theta.dtype)
    found: list[tuple[np.ndarray, ...]] = []
    blocks, gradients = _blocks(theta), _blocks(g)
    for k, block in blocks.items():
        # A_k of [A_k b_k], as it is stored
        part = (slice(None), slice(INPUTS)) if k == 1 else slice(UNITS[k - 1])
        A, dA = block[part], gradients[k][part]
        rows = max(1, size // A.shape[1])
        for start in range(0, len(A), rows):
            A_rows, dA_rows = A[start : start + rows], dA[start : start + rows]
            found.append((A_rows, dA_rows, work[: A_rows.size].reshape(A_rows.shape)))
    return found
