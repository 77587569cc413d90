"""The standard streams of a command, any of which may be closed, full, or without a reader."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import TextIO

import click

from symnn.io.errors import Problem, UserError


def prepare() -> None:
    """Make the streams fit for use.

    What is closed leads nowhere, so that no file that is opened takes its number; writing to
    such an output fails.  What is printed is a file: UTF-8, on every system.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDONLY)
    if sys.stdout is None:
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        # names of files are printed with the bytes that they have
        sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape", newline="\n")


def put(text: str) -> None:
    """Write what a command makes to standard output.

    Raises BrokenPipeError where nobody reads it any more, and UserError.
    """
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        drop(sys.stdout)
        raise full(error) from None


def full(error: OSError) -> UserError:
    """What a user is told when standard output takes no more."""
    message = f"cannot write to standard output: {error.strerror}"
    return UserError([Problem("symnn", None, "", message)])


def say(text: str, end: str = "\n") -> None:
    """A message on standard error.  Where it cannot be written, messages go nowhere from now on."""
    if sys.stderr is None:
        return
    try:
        click.echo(text + end, nl=False, err=True)
    except (OSError, ValueError):
        drop(sys.stderr)


def drop(stream: TextIO) -> None:
    """Let what is, and will be, in the buffer of a stream go nowhere."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
