"""The C file of a module: compiled, kept, and loaded."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import hashlib
import os
import platform
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from symnn.targets.python.runtime.constants import BITS

SOURCE = Path(__file__).with_suffix(".c")
FLAGS = ("-O2", "-march=native", "-shared", "-fPIC", "-DNET_LIBRARY")


class CompilerError(OSError):
    """The C file cannot be compiled."""


@functools.cache
def _loaded(bits: int) -> ctypes.CDLL:
    """The compiled C file for numbers of so many bits; CompilerError if there is none."""
    names = os.environ.get("CC", "").split() or ["cc"]
    if not os.environ.get("CC"):
        names = [n for n in ("cc", "gcc", "clang") if shutil.which(n)][:1]
    if not names or not shutil.which(names[0]):
        raise CompilerError(
            "no C compiler: install the package gcc (apt install gcc, dnf install gcc, "
            "xcode-select --install), or generate the numpy target, which needs none"
        )
    options = os.environ.get("CFLAGS", "").split()
    command = [*names, *FLAGS, f"-D{BITS}={bits}"]
    key = (SOURCE.read_bytes(), command, options, platform.node(), platform.machine())
    name = f"{SOURCE.stem}-{hashlib.sha256(repr(key).encode()).hexdigest()[:16]}"
    with contextlib.ExitStack() as stack:
        folder = next(filter(_own, _folders()), None)
        if folder is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        kept = (file for file in folder.iterdir() if file.name.startswith(f"{name}-"))
        built = next(filter(_intact, kept), None)
        if built is None:
            built = _built([*command, str(SOURCE), *options, "-lm"], folder, name)
        return ctypes.CDLL(str(built))


def _folders() -> Iterator[Path]:
    """Where a compiled file may be kept: beside its source, or in the user's cache."""
    yield SOURCE.resolve().parent
    given = os.environ.get("XDG_CACHE_HOME", "")
    with contextlib.suppress(OSError, RuntimeError):  # there may be no home
        base = Path(given) if os.path.isabs(given) else Path.home() / ".cache"
        cache = base.resolve() / "symnn"
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        yield cache


def _own(folder: Path) -> bool:
    """Whether this user can write to a folder, and no other one can, nor can put another there."""
    if not os.access(folder, os.W_OK):
        return False
    if not hasattr(os, "geteuid"):  # no owners to look at
        return True
    here, *above = (os.lstat(place) for place in (folder, *folder.parents))
    shared = [f for f in above if f.st_mode & 0o002 and not f.st_mode & stat.S_ISVTX]
    return _private(here, stat.S_ISDIR(here.st_mode)) and not shared


def _private(found: os.stat_result, right: bool) -> bool:
    """Whether a thing of the right kind is this user's, and nobody else can write to it."""
    return right and found.st_uid == os.geteuid() and not found.st_mode & 0o022


def _intact(built: Path) -> bool:
    """Whether a compiled file is this user's own, no link, and what its name says it holds."""
    found = os.lstat(built)
    if not stat.S_ISREG(found.st_mode):
        return False
    if hasattr(os, "geteuid") and not _private(found, True):
        return False
    return built.stem.endswith(f"-{_fingerprint(built)}")


def _fingerprint(file: Path) -> str:
    """What stands for the bytes of a file in a name."""
    return hashlib.sha256(file.read_bytes()).hexdigest()[:16]


def _built(command: list[str], folder: Path, name: str) -> Path:
    """Compile in a new folder within this one; the name then says what the file holds."""
    with tempfile.TemporaryDirectory(prefix=".symnn-", dir=folder) as new:
        made = Path(new) / f"{name}.so"
        done = subprocess.run(
            [*command, "-o", str(made)], capture_output=True, check=False, text=True
        )
        if done.returncode:
            raise CompilerError(f"{command[0]} failed: {done.stderr.strip()[:500]}")
        os.chmod(made, 0o700)
        built = folder / f"{name}-{_fingerprint(made)}.so"
        os.replace(made, built)
    return built
