"""The C compiler of this machine: whether there is one, and what it makes of a file."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from symnn.io.fields import Problem, UserError
from symnn.io.processes import run, scratch

NAMES = ("cc", "gcc", "clang")
SECONDS = 120


class CompilerError(UserError):
    """There is no C compiler; ``hint`` is the way out."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__([Problem("target c", None, "", message, hint)])
        self.message = message
        self.hint = hint


def compiler() -> list[str]:
    """The command: that of the variable CC, or the first of cc, gcc and clang.

    Raises CompilerError.
    """
    wanted = os.environ.get("CC", "").split()
    for command in [wanted] if wanted else [[name] for name in NAMES]:
        if shutil.which(command[0]):
            return command
    raise CompilerError(
        f"no C compiler ({wanted[0] if wanted else ', '.join(NAMES)})",
        "install the package gcc, or take --target numpy, which needs none",
    )


def sizes(path: Path) -> str:
    """What a C file takes when it is embedded: static memory, and code with constants."""
    try:
        command = compiler()
    except CompilerError:
        return f"{path}: static RAM and flash are not measured, as there is no C compiler"
    pipe = subprocess.PIPE
    try:
        with scratch() as folder:
            made = str(folder / "net.o")
            text = ""
            for call in ([*command, "-Os", "-c", str(path), "-o", made], ["size", made]):
                done = run(call, SECONDS, stdout=pipe, stderr=pipe)
                if done.returncode:
                    said = next(iter(done.stderr.splitlines()), "it gives no reason")
                    reason = f"{call[0]} failed: {said}"
                    return f"{path}: static RAM and flash are not measured: {reason}"
                text = done.stdout
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{path}: static RAM and flash are not measured: {error}"
    code, data, zero = (int(word) for word in text.splitlines()[1].split()[:3])
    used = f"static RAM {data + zero} bytes, flash {code + data} bytes"
    return f"{path}: {used} ({command[0]} -Os for this machine)"
