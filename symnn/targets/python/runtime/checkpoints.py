"""Checkpoints of a run, from which it goes on bit by bit."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from symnn.targets.python.runtime.constants import DIGEST, Arrays
from symnn.targets.python.runtime.endings import Interrupted
from symnn.targets.python.runtime.files import _write

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment, unused-ignore]


class CheckpointError(ValueError):
    """A checkpoint that is in the way, damaged, or of another run, or of one that goes on."""


# what reading a checkpoint raises whose JSON says something else
MALFORMED = (
    *(ArithmeticError, AttributeError, LookupError, RecursionError),
    *(TypeError, ValueError, Warning),
)


class _Kept(Protocol):
    """What is asked of a run.  settings: what it was started with, for JSON."""

    t: int
    history: list[float]
    stop: list[bool]
    settings: dict[str, Any]
    steps_per_epoch: int

    def snapshot(self) -> tuple[dict[str, Any], np.ndarray]:
        """All that changes: what JSON can hold, and a vector of the rest."""

    def restore(self, marks: dict[str, Any], vector: np.ndarray) -> None:
        """Go back, or on, to a snapshot."""

    def checksum(self) -> int:
        """The CRC-32 of the samples."""

    def params(self) -> Arrays:
        """A copy of the parameters."""


class _Keeper:
    """Keeps checkpoints of a run in a folder, if there is one.

    A checkpoint is two lines of text, then the parameters and the optimizer's states.
    The first line has the CRC-32 of all that follows; the second is JSON.
    """

    def __init__(
        self,
        run: _Kept,
        folder: str | os.PathLike[str] | None,
        every: int | None,
        epochs: int,
    ) -> None:
        self.run, self.epochs = run, epochs
        self.path = None if folder is None else Path(folder) / "checkpoint"
        self.every = max(1, epochs // 100) if every is None else every
        if self.every < 1:
            raise ValueError(f"every must be at least 1, not {every}")

    @contextlib.contextmanager
    def running(self, resume: bool, first: bool = True) -> Iterator[None]:
        """In here the folder is this run's alone, and the run has gone on from the checkpoint.

        first: whether it is the first of several processes that are one run.
        """
        if self.path is None:
            if resume:
                raise ValueError("resume needs the folder of a checkpoint")
            yield
            return
        self.made = not self.path.parent.exists()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(self.path.parent) if first else contextlib.nullcontext():
            self._start(self.path, resume, first)
            yield

    def _start(self, path: Path, resume: bool, first: bool) -> None:
        """Go on from the checkpoint, or see that there is none and that one can be kept."""
        vector = self.run.snapshot()[1]
        self.settings = {
            "network": DIGEST,
            "type": vector.dtype.str,
            **self.run.settings,
            "data": self.run.checksum(),
            "start": zlib.crc32(_bytes(vector)),
        }
        if os.path.lexists(path):
            if not resume:
                raise CheckpointError(f"{path}: exists: resume from it, or remove it")
            self._load(path)
        if not os.access(path.parent, os.W_OK):
            raise PermissionError(errno.EACCES, "no permission to write", str(path))
        # by a process that was killed; where no lock says so, it may be one that goes on
        if first and fcntl is not None:
            for left in path.parent.glob(".checkpoint-" + "[0-9a-f]" * 16):
                left.unlink(missing_ok=True)

    def _load(self, path: Path) -> None:
        if not path.is_file():
            raise CheckpointError(f"{path}: not a regular file")
        with open(path, "rb") as file:
            first, text, numbers = file.readline(), file.readline(), file.read()
        if first != _first_line(text, numbers):
            raise CheckpointError(f"{path}: damaged, or not a checkpoint")
        try:
            marks, expected = json.loads(text), self.settings
            other = [k for k in expected if marks["run"].get(k) != expected[k]]
            if not other:
                done, begun = divmod(marks["t"], self.run.steps_per_epoch)
                # some runs keep the loss of every step of an epoch that was begun
                losses = marks.get("begun", range(begun))
                if (done, begun) != (len(marks["history"]), len(losses)):
                    raise ValueError("its steps are not those of its epochs")
                dtype = np.dtype(str(expected["type"]))
                self.run.restore(marks, np.frombuffer(numbers, dtype))
                if {"run": marks["run"], **self.run.snapshot()[0]} != marks:
                    raise ValueError("its values are out of range")
        except MALFORMED as error:
            raise CheckpointError(f"{path}: not a checkpoint: {error}") from None
        if other:
            raise CheckpointError(f"{path}: of a run with another {', '.join(other)}")
        reached = len(self.run.history) + bool(begun)
        if reached > self.epochs:
            raise CheckpointError(f"{path}: is in epoch {reached} of {self.epochs}")

    def left(self) -> int:
        """Epochs until the next checkpoint, or until the end."""
        done = len(self.run.history)
        due = self.every - done % self.every
        return self.epochs - done if self.path is None else min(self.epochs - done, due)

    def keep(self) -> None:
        """Between epochs: save if it is time; raise Interrupted after Ctrl-C."""
        run, done = self.run, len(self.run.history)
        due = run.stop or done == self.epochs or done % self.every == 0
        if self.path is not None and due:
            marks, vector = run.snapshot()
            text = json.dumps({"run": self.settings, **marks}).encode() + b"\n"
            numbers = _bytes(vector)
            try:
                _write(self.path, [_first_line(text, numbers), text, numbers])
                _sync(self.path.parent)
            except OSError:
                if self.made:
                    with contextlib.suppress(OSError):  # it holds an earlier checkpoint
                        self.path.parent.rmdir()
                raise
        if run.stop:
            raise Interrupted(run.params(), run.history, run.t)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """In here no other run has the folder, else CheckpointError.

    What is locked is the folder itself, by a process that has it open: nothing is left behind,
    however the process ends.  On Windows, and where a file system has no locks, there is none.
    """
    handle = None
    if fcntl is not None:
        with contextlib.suppress(PermissionError):  # it may be written to, but not read
            handle = os.open(folder, os.O_RDONLY)
    try:
        if handle is not None:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                text = "another run writes checkpoints here: wait for its end, or take another"
                raise CheckpointError(
                    f"{folder / 'checkpoint'}: {text} folder"
                ) from None
            except OSError:
                pass
        yield
    finally:
        if handle is not None:
            os.close(handle)


def _sync(folder: Path) -> None:
    """Have the names in a folder on the disk, where the system can open folders."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _first_line(text: bytes, numbers: bytes | memoryview) -> bytes:
    crc = zlib.crc32(numbers, zlib.crc32(text))
    return b"Generated by symnn: a checkpoint, CRC-32 %08x\n" % crc


def _bytes(values: np.ndarray) -> memoryview:
    """The bytes of an array, of any type; no copy where they lie in one piece."""
    return np.ascontiguousarray(values).reshape(-1).view(np.uint8).data
