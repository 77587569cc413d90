"""Other programs: TeX, C compilers, and what opens a file.

Where there are process groups (not on Windows) a program ends with all that it has started.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from symnn.io.interrupts import uninterrupted

OPENING = 5  # seconds after which what opens a file has not failed


def run(command: Sequence[str], seconds: float, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a program to its end; it has no input.  options: those of subprocess.Popen.

    However this ends, by an interrupt as well, neither the program nor its children go on.
    Raises OSError (it cannot be started) and subprocess.TimeoutExpired.
    """
    process: subprocess.Popen[str] | None = None
    try:
        with uninterrupted():  # what has been started is known
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                text=True,
                errors="replace",
                process_group=0,
                **options,
            )
        out, err = process.communicate(timeout=seconds)
    finally:
        if process is not None:
            with uninterrupted(), process:
                _kill(process)
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def _kill(process: subprocess.Popen[str]) -> None:
    """End a program, if it still runs, and those of its group."""
    if not hasattr(os, "killpg"):
        process.kill()
        return
    # nobody is left, or (macOS) nobody but a process that has ended
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A folder that is there inside, and gone whatever happens."""
    folder: str | None = None
    try:
        with uninterrupted():
            folder = tempfile.mkdtemp(prefix="symnn-")
        yield Path(folder)
    finally:
        if folder is not None:
            with uninterrupted():
                shutil.rmtree(folder, ignore_errors=True)


def open_file(path: str) -> bool:
    """Open a file as a double click would; whether that has worked, as far as can be told.

    What the opener prints goes nowhere; where it does not end, it shows the file.
    """
    if sys.platform == "win32":
        try:
            os.startfile(path)
        except OSError:
            return False
        return True
    opener = "open" if sys.platform == "darwin" else "xdg-open"
    nowhere = subprocess.DEVNULL
    try:
        opened = subprocess.Popen(
            [opener, os.path.abspath(path)],
            stdin=nowhere,
            stdout=nowhere,
            stderr=nowhere,
            start_new_session=True,
        )
        return opened.wait(OPENING) == 0
    except subprocess.TimeoutExpired:
        return True
    except OSError:
        return False
