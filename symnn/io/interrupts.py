"""Signals that ask a program to end: all of them take the way of Ctrl-C."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType

# Windows knows Ctrl-C alone: SIGTERM ends a process there without its doing anything
WORDS = {
    getattr(signal, name): word
    for name, word in (
        ("SIGINT", "interrupted"),
        ("SIGTERM", "terminated"),
        ("SIGHUP", "hung up"),
    )
    if hasattr(signal, name)
}
ONCE = 1.0  # seconds in which a further signal is the same wish, as `timeout` and terminals send


class Ending:
    """Which signal has asked for the end: Ctrl-C, unless another one has."""

    def __init__(self) -> None:
        self.number = int(signal.SIGINT)
        self._since = float("-inf")

    @property
    def code(self) -> int:
        """The exit code of a program that the signal has ended."""
        return 128 + self.number

    @property
    def word(self) -> str:
        """What has happened."""
        return WORDS[signal.Signals(self.number)]

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Do what Ctrl-C would do now: raise KeyboardInterrupt, or what a run has put there."""
        now = time.monotonic()
        if now - self._since < ONCE:
            return
        self.number, self._since = number, now
        handler = signal.getsignal(signal.SIGINT)
        (handler if callable(handler) else signal.default_int_handler)(number, frame)


@contextlib.contextmanager
def as_ctrl_c() -> Iterator[Ending]:
    """In here SIGTERM and SIGHUP do what Ctrl-C does at the time.

    A signal that is ignored, as by nohup, or handled by someone else is left alone; so are all
    outside of the main thread.
    """
    ending, usual = Ending(), {}
    ignored = False
    if threading.current_thread() is threading.main_thread():
        for number in WORDS:
            if number != signal.SIGINT and signal.getsignal(number) is signal.SIG_DFL:
                usual[number] = signal.signal(number, ending)
        # A shell starts what runs in the background with Ctrl-C ignored.  A run would not take
        # its place then, so Ctrl-C is kept away in another manner.
        ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        ignored = ignored and hasattr(signal, "pthread_sigmask")
        if ignored:
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
            usual[signal.SIGINT] = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield ending
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)
        if ignored:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Signals that come in here are delivered at its end."""
    came: list[int] = []
    usual = {}
    if threading.current_thread() is threading.main_thread():
        for number in WORDS:
            if callable(signal.getsignal(number)):
                usual[number] = signal.signal(number, lambda number, _: came.append(number))
    try:
        yield
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)
        for number in came:
            signal.raise_signal(number)
