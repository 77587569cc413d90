"""What a checkpoint keeps of a run, between two steps."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from symnn.targets.python.runtime.checkpoints import _bytes
from symnn.targets.python.runtime.constants import Arrays
from symnn.targets.python.runtime.flat import _named


class _Saved:
    """A run as it is after a step.

    t, state, total: the step, the optimizer's states, and the loss of the samples of an epoch
    that is not over.  drawn: the state of rng from which the order of the epoch is drawn.
    """

    def __init__(
        self,
        theta: np.ndarray,
        state: tuple[np.ndarray, ...],
        rng: np.random.Generator,
        history: list[float],
        stop: list[bool],
        settings: dict[str, Any],
        given: Arrays,
        samples: Sequence[np.ndarray],
    ) -> None:
        self.theta, self.rng, self.history, self.stop = theta, rng, history, stop
        self.settings, self.given, self.samples = settings, given, samples
        self.steps_per_epoch = -(-len(samples[0]) // settings["batch size"])
        self.note(0, state, 0.0)

    def note(self, t: int, state: tuple[np.ndarray, ...], total: float) -> None:
        """The step t is done."""
        self.t, self.state, self.total = t, state, total
        if t % self.steps_per_epoch == 0:  # an epoch is over
            self.total, self.drawn = 0.0, self.rng.bit_generator.state

    def start(self) -> None:
        """An epoch starts, or goes on: have its order drawn from where it was drawn."""
        self.after = self.rng.bit_generator.state
        self.rng.bit_generator.state = self.drawn

    def go_on(self) -> tuple[int, float]:
        """The order is drawn: the row at which the epoch goes on, and the loss until there."""
        done = self.t % self.steps_per_epoch
        if done:
            self.rng.bit_generator.state = self.after
        return done * self.settings["batch size"], self.total

    def snapshot(self) -> tuple[dict[str, Any], np.ndarray]:
        """All that changes: what JSON can hold, and a vector of the rest."""
        marks = {"t": self.t, "history": self.history, "total": self.total}
        marks |= {"drawn": self.drawn, "rng": self.rng.bit_generator.state}
        return marks, np.concatenate([self.theta, *self.state])

    def restore(self, marks: dict[str, Any], vector: np.ndarray) -> None:
        """Go on from a snapshot."""
        self.t, self.total = int(marks["t"]), float(marks["total"])
        self.history[:] = [float(loss) for loss in marks["history"]]
        self.theta[:], *state = vector.reshape(1 + len(self.state), -1).copy()
        self.state = tuple(state)
        self.rng.bit_generator.state = marks["drawn"]
        self.drawn = self.rng.bit_generator.state
        self.rng.bit_generator.state = marks["rng"]

    def checksum(self) -> int:
        """The CRC-32 of the samples."""
        crc = 0
        for values in self.samples:
            crc = zlib.crc32(_bytes(values), crc)
        return crc

    def params(self) -> Arrays:
        """A copy of the parameters."""
        return _named(self.given, self.theta)
