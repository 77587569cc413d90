"""Ctrl-C as a wish to stop after the step."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator


@contextlib.contextmanager
def _interruptible(stop: list[bool]) -> Iterator[list[bool]]:
    """In here the first Ctrl-C fills ``stop``, unless something else handles it."""
    usual = signal.default_int_handler

    def handler(*_: object) -> None:
        stop.append(True)
        signal.signal(signal.SIGINT, usual)

    ours = signal.getsignal(signal.SIGINT) is usual
    if ours:
        try:
            signal.signal(signal.SIGINT, handler)
        except ValueError:  # signals are the main thread's
            ours = False
    try:
        yield stop
    finally:
        if ours:
            signal.signal(signal.SIGINT, usual)
