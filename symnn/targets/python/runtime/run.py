"""A run of training by planned steps."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from symnn.targets.python.runtime.checkpoints import _bytes
from symnn.targets.python.runtime.constants import (
    DECAY,
    INPUTS,
    LAYERS,
    MEAN,
    OUTPUTS,
    PARAMETERS,
    SCALED_BY_RATE,
    SHUFFLE,
    SIZE,
    STATES,
    TARGETS_ARE,
    Arrays,
)
from symnn.targets.python.runtime.data import _dtype
from symnn.targets.python.runtime.endings import DivergedError
from symnn.targets.python.runtime.memory import PIECE, SPARE, STEPS
from symnn.targets.python.runtime.plan import _optimizer, _Plan
from symnn.targets.python.runtime.steps import _room
from symnn.targets.python.runtime.vectors import _all_finite, _put, _views


class _Run:
    """A run of training: theta holds all parameters, g their gradient, as flat vectors."""

    def __init__(
        self,
        params: Arrays,
        x: np.ndarray,
        y: np.ndarray,
        batch_size: int,
        rate: float,
        seed: int,
        reduce: Callable[[np.ndarray], object] | None,
    ) -> None:
        dtype = _dtype(params)
        self.x, self.y, self.reduce = x, y, reduce
        self.scaling = {k: v for k, v in params.items() if k not in PARAMETERS}
        # g, the loss of the samples, and their number: what processes sum
        self.vector = np.zeros(SIZE + 2, dtype)
        self.moving = np.zeros((1 + len(STATES), SIZE), dtype)  # what steps change
        self.theta, self.g = self.moving[0], self.vector[:SIZE]
        _put(self.theta, params)
        self.state = dict(zip(STATES, self.moving[1:], strict=True))
        # look at every step, rather than keep a copy of the states for when one diverges
        self.careful = bool(STATES) and self.theta.nbytes > SPARE and reduce is None
        # theta of the step before, while every step is looked at
        self.last: np.ndarray | None = None
        self.advance = _optimizer(self.theta, self.g, self.state, rate)
        self.scale = rate if SCALED_BY_RATE else 1.0  # a factor of every gradient
        self.rng = np.random.default_rng([seed, 1])
        self.t = 0
        self.history: list[float] = []
        self.begun: list[float] = []  # the losses of an epoch that is not complete
        # the loss over all processes, and their samples, of every step of an epoch
        self.summed: list[tuple[float, float]] = []
        self.stop: list[bool] = []  # not empty: stop after the step

        self.rows = rows = min(batch_size, len(x))
        self.settings: dict[str, Any] = {
            "batch size": rows,
            "learning rate": float(rate),
            "seed": int(seed),
        }
        whole, rest = divmod(len(x), rows)
        # x is held transposed too, for a faster product, where that is cheap
        self.columns = rows == len(x) or rows * INPUTS * dtype.itemsize <= 2**16
        step = _Plan.bytes_of(rows, self.columns, dtype)
        room = _room(len(x) * (INPUTS + OUTPUTS) * dtype.itemsize)
        held = max(1, min(whole, room // step, STEPS))
        # whether every epoch takes the same batches, all of which are held
        self.still = rows == len(x) if SHUFFLE else held == whole and not rest
        # epochs before their losses are computed
        most = min(STEPS, PIECE // (rows * OUTPUTS * dtype.itemsize)) // held
        self.at_once = max(1, most) if self.still and not reduce else 1
        plan = self._plan(rows, held)
        # plan, its first row, its number of batches
        self.parts = [
            (plan, k * rows, min(held, whole - k)) for k in range(0, whole, held)
        ]
        if rest:
            self.parts.append((self._plan(rest, 1, plan), whole * rows, 1))
        # what the loss of every step counts in the mean of an epoch
        self.shares = np.full(whole + bool(rest), rows / len(x))
        if rest:
            self.shares[-1] = rest / len(x)
        self.steps_per_epoch = len(self.shares)
        self.order: np.ndarray | None = None
        self.drawn = self.rng.bit_generator.state
        if self.still:
            self._fill(*self.parts[0])

    def _plan(self, rows: int, batches: int, first: _Plan | None = None) -> _Plan:
        seed = 1.0 if self.reduce else self.scale / (rows if MEAN else 1)
        vectors, epochs = (self.theta, self.g), self.at_once
        return _Plan(*vectors, rows, batches, epochs, seed, self.columns, first)

    def epochs(self, count: int) -> None:
        """So many epochs, or the rest of one that was begun; fewer where ``stop`` says so.

        The losses are computed at the end of every part.
        """
        found: list[np.ndarray] = []
        skipped = len(self.begun)
        if skipped:
            found, count = [np.array(self.begun)], 1
        else:
            self._shuffle()
        for plan, start, batches in self.parts:
            if skipped >= batches:
                skipped -= batches
                continue
            if not self.still:
                self._fill(plan, start, batches)
            found += self._part(plan, skipped, count * batches - skipped)
            skipped = 0
            if self.stop:
                break
        if self.reduce is not None:
            losses, rows = np.array(self.summed).T
            self.history.append(float(losses @ rows / rows.sum()))
            self.summed = []
            return
        losses, steps = np.concatenate(found), self.steps_per_epoch
        whole = len(losses) - len(losses) % steps
        means = (losses[:whole].reshape(-1, steps) * self.shares).sum(axis=1)
        self.history += means.tolist()
        self.begun = losses[whole:].tolist()

    def _part(self, plan: _Plan, first: int, count: int) -> list[np.ndarray]:
        """The losses of so many steps, or of those that were taken before a stop."""
        t, before = self.t, None
        if self.careful:
            self.last = self.theta.copy()
        elif self.reduce is None:
            marks, vector = self.snapshot()
            before = marks, vector.copy()
        self._steps(plan, first, count)
        if self.reduce is not None:
            return []  # they are in ``summed``
        end = first + self.t - t
        whole = end - (end - first) % plan.batches  # where a part of an epoch begins
        losses = self._losses(plan, first, whole) + self._losses(plan, whole, end)
        finite = all(np.isfinite(values).all() for values in (*losses, self.theta))
        if not finite:
            if before is not None:
                # once more, with a look at every step
                self.restore(*before)
                self.last = self.theta.copy()
                for slot in range(first, end):
                    self._steps(plan, slot, 1)
            raise self._diverged(plan, end - 1, self.t)
        self.last = None
        return losses

    def _losses(self, plan: _Plan, first: int, last: int) -> list[np.ndarray]:
        """L of the steps from first to last, in pieces; the at_once epochs are one."""
        size = max(1, PIECE // (plan.rows * OUTPUTS * self.theta.itemsize))
        starts = range(first, last, size)
        return [plan.losses(k, min(size, last - k)) for k in starts]

    def _shuffle(self) -> None:
        """Draw the order of an epoch's samples; None: as they are."""
        self.drawn = self.rng.bit_generator.state
        self.order = None  # the memory of the one before is free
        if SHUFFLE and not self.still:
            # the numbers of rng.permutation, in 4 bytes each where that is enough
            kind = np.int32 if len(self.x) < 2**31 else np.int64
            self.order = np.arange(len(self.x), dtype=kind)
            self.rng.shuffle(self.order)

    def _fill(self, plan: _Plan, start: int, batches: int) -> None:
        """Have the plan take its samples."""
        if len(self.parts) > 1:
            plan.refresh()
        for at, rows in self._pieces(plan.rows, start, batches):
            order = rows if self.order is None else self.order[rows]
            plan.fill(*self._samples(order), at)

    def _pieces(
        self, rows: int, start: int, batches: int
    ) -> Iterator[tuple[int, slice]]:
        """The first batch, and the rows, of about PIECE bytes of a part."""
        size = max(1, PIECE // (rows * (INPUTS + OUTPUTS) * self.theta.itemsize))
        for at in range(0, batches, size):
            first, count = start + at * rows, min(size, batches - at)
            yield at, slice(first, first + count * rows)

    def _samples(self, rows: slice | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """x and y of these rows, as the steps take them."""
        x, y = self.x[rows], self.y[rows]
        if "x_mean" in self.scaling:
            x = (x - self.scaling["x_mean"]) / self.scaling["x_scale"]
        if TARGETS_ARE == "distribution" and y.size == len(y):
            y = np.eye(OUTPUTS)[y.reshape(-1).astype(int)]
        return x, y.reshape(-1, OUTPUTS)

    def _steps(self, plan: _Plan, first: int, count: int) -> None:
        """So many steps, from this slot of the plan on, or those before a stop."""
        looks = self.reduce is not None or self.last is not None
        between = self._between if looks else None
        self.t = plan.take(
            first, count, self.t, self.rng, self.advance, between, self.stop
        )

    def _between(self, plan: _Plan, slot: int, t: int) -> None:
        """Between the gradient of step t and its update: the sum over processes, or a look.

        What is seen is the parameters that the step before has left, and this step's loss.
        """
        if self.reduce is not None:
            loss = float(plan.losses(slot, 1)[0])
            self._sum_over_processes(self.reduce, loss, plan.rows, t)
            return
        if t > 1 and not _all_finite(self.theta):
            raise self._diverged(plan, slot - 1, t - 1)
        if not np.isfinite(plan.losses(slot, 1)).all():
            raise self._diverged(plan, slot, t)
        if self.last is not None:
            self.last[...] = self.theta

    def _diverged(self, plan: _Plan, slot: int, t: int) -> DivergedError:
        epoch = len(self.history) + 1 + slot // plan.batches
        return DivergedError(epoch, t, self.params(self.last), self.history)

    def _sum_over_processes(
        self, reduce: Callable[[np.ndarray], object], loss: float, rows: int, t: int
    ) -> None:
        """The gradient and the loss over the samples of all processes."""
        # what the loss has without samples is the same in all of them, and counts once
        rest = 0.0
        if DECAY:
            views = _views(self.theta)
            weights = [views[name] for name in LAYERS]
            rest = DECAY * sum(float(np.einsum("ij,ij", A, A)) for A in weights)
        self.vector[SIZE:] = (loss - rest) * (rows if MEAN else 1), rows
        reduce(self.vector)
        if not np.isfinite(self.vector).all():
            epoch = len(self.history) + 1
            raise DivergedError(epoch, t, self.params(), self.history)
        total, samples = self.vector[SIZE:].tolist()
        self.summed.append((total / (samples if MEAN else 1) + rest, samples))
        self.g *= self.scale / (samples if MEAN else 1)

    def snapshot(self) -> tuple[dict[str, Any], np.ndarray]:
        """All that changes: what JSON can hold, and the vector of the rest, no copy."""
        marks = {
            "t": self.t,
            "history": self.history,
            "begun": self.begun,
            "drawn": self.drawn,
            "rng": self.rng.bit_generator.state,
        }
        return marks, self.moving.reshape(-1)

    def restore(self, marks: dict[str, Any], vector: np.ndarray) -> None:
        """Go back, or on, to a snapshot."""
        self.t = int(marks["t"])
        self.history = [float(loss) for loss in marks["history"]]
        self.begun = [float(loss) for loss in marks["begun"]]
        self.moving[...] = vector.reshape(self.moving.shape)
        self.rng.bit_generator.state = marks["drawn"]
        self._shuffle()
        self.rng.bit_generator.state = marks["rng"]

    def checksum(self) -> int:
        """The CRC-32 of the samples as the steps take them."""
        crc = 0
        for plan, start, batches in self.parts:
            for _, rows in self._pieces(plan.rows, start, batches):
                for values in self._samples(rows):
                    values = np.asarray(values, self.theta.dtype)
                    crc = zlib.crc32(_bytes(values), crc)
        return crc

    def params(self, vector: np.ndarray | None = None) -> Arrays:
        """A copy of the parameters: of theta, or of another vector."""
        views = _views(self.theta if vector is None else vector)
        return {**{k: v.copy() for k, v in views.items()}, **self.scaling}
