"""Ctrl-C as a wish to stop after the step."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator


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
