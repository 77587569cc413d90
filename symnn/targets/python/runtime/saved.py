"""What a checkpoint keeps of a run, between two epochs."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from symnn.targets.python.runtime.checkpoints import _bytes
from symnn.targets.python.runtime.constants import Arrays
from symnn.targets.python.runtime.flat import _named


class _Saved:
    """A run as it is after an epoch."""

    t: int
    state: tuple[np.ndarray, ...]
    drawn: dict[str, Any]  # the state of rng
    epochs: int
    vector: np.ndarray

    def __init__(
        self,
        theta: np.ndarray,
        state: tuple[np.ndarray, ...],
        rng: np.random.Generator,
        history: list[float],
        settings: dict[str, Any],
        given: Arrays,
        samples: Sequence[np.ndarray],
    ) -> None:
        self.theta, self.rng, self.history, self.given = theta, rng, history, given
        self.settings, self.samples = settings, samples
        self.steps_per_epoch = -(-len(samples[0]) // settings["batch size"])
        self.stop: list[bool] = []
        self.note(0, state)

    def note(self, t: int, state: tuple[np.ndarray, ...]) -> None:
        """An epoch is over, with the step t."""
        vars(self).update(  # at once, though Ctrl-C comes here
            t=t,
            state=state,
            drawn=self.rng.bit_generator.state,
            epochs=len(self.history),
            vector=np.concatenate([self.theta, *state]),
        )

    def go_back(self) -> None:
        """To the end of the last epoch that is over; the next look is the last."""
        self.restore(*self.snapshot())
        self.stop.append(True)

    def snapshot(self) -> tuple[dict[str, Any], np.ndarray]:
        """All that changes: what JSON can hold, and a vector of the rest."""
        history = self.history[: self.epochs]
        return {"t": self.t, "history": history, "rng": self.drawn}, self.vector

    def restore(self, marks: dict[str, Any], vector: np.ndarray) -> None:
        """Go on from a snapshot."""
        self.history[:] = [float(loss) for loss in marks["history"]]
        self.rng.bit_generator.state = marks["rng"]
        self.theta[:], *state = vector.reshape(1 + len(self.state), -1).copy()
        self.note(int(marks["t"]), tuple(state))

    def checksum(self) -> int:
        """The CRC-32 of the samples."""
        crc = 0
        for values in self.samples:
            crc = zlib.crc32(_bytes(values), crc)
        return crc

    def params(self) -> Arrays:
        """A copy of the parameters."""
        return _named(self.given, self.theta)
