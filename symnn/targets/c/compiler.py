"""The C compiler, of CC or of this machine: whether there is one, and what it makes of a file."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from symnn.io.errors import Problem, UserError
from symnn.io.processes import run, scratch

NAMES = ("cc", "gcc", "clang")
SECONDS = 120
OTHER = 'CC="arm-none-eabi-gcc -mcpu=cortex-m4 -mthumb"'  # an example of another compiler


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
    """What a C file takes when it is embedded: static memory, and code with constants.

    They are of the chip that the compiler in CC compiles for.
    """
    unknown = f"{path}: static RAM and flash are not measured"
    try:
        command = compiler()
    except CompilerError:
        return f"{unknown}, as there is no C compiler"
    # that of the same tools: arm-none-eabi-size for arm-none-eabi-gcc
    size = f"{command[0].removesuffix('gcc')}size" if command[0].endswith("-gcc") else "size"
    pipe, said = subprocess.PIPE, []
    try:
        with scratch() as folder:
            made = str(folder / "net.o")
            for call in (
                [*command, "-Os", "-c", str(path), "-o", made],
                [size if shutil.which(size) else "size", made],
                [*command, "-dumpmachine"],
            ):
                done = run(call, SECONDS, stdout=pipe, stderr=pipe)
                if done.returncode:
                    reason = next(iter(done.stderr.splitlines()), "it gives no reason")
                    return f"{unknown}: {call[0]} failed: {reason}"
                said.append(done.stdout)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{unknown}: {error}"
    code, data, zero = (int(word) for word in said[1].splitlines()[1].split()[:3])
    used = f"static RAM {data + zero} bytes, flash {code + data} bytes"
    other = "" if os.environ.get("CC") else f"; for another chip set {OTHER}"
    return f"{path}: {used} ({' '.join(command)} -Os for {said[2].strip()}{other})"
