"""How training ends before its last epoch."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator

from symnn.targets.python.runtime.constants import Arrays


class DivergedError(ArithmeticError):
    """The loss is no longer finite; ``params`` are the last finite ones.

    history: the losses of the epochs that were over when it was looked for.
    """

    def __init__(
        self, epoch: int, step: int, params: Arrays, history: list[float]
    ) -> None:
        super().__init__(f"the loss is not finite in epoch {epoch}, step {step}")
        self.epoch, self.step = epoch, step
        self.params, self.history = params, history

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        """How another process has it."""
        return type(self), (self.epoch, self.step, self.params, self.history)


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, after the step (of JAX, the epoch) that ran.

    ``params`` and ``history`` are those so far.
    """

    def __init__(self, params: Arrays, history: list[float], step: int) -> None:
        super().__init__(f"interrupted after {len(history)} epochs, at step {step}")
        self.params, self.history, self.step = params, history, step

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        """How another process has it."""
        return type(self), (self.params, self.history, self.step)


@contextlib.contextmanager
def _interruptible(stop: list[bool]) -> Iterator[None]:
    """In here the first Ctrl-C fills ``stop``, unless something else handles it."""
    usual = signal.default_int_handler

    def handler(*_: object) -> None:
        stop.append(True)
        signal.signal(signal.SIGINT, usual)

    main = threading.current_thread() is threading.main_thread()
    ours = main and signal.getsignal(signal.SIGINT) is usual
    if ours:
        signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        if ours:
            signal.signal(signal.SIGINT, usual)
