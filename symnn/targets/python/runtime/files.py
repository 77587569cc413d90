"""Weights in files."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from symnn.targets.python.runtime.constants import DTYPE, PARAMETERS, Arrays
from symnn.targets.python.runtime.data import SCALING, _dtype

MARK = "generated_by_symnn"  # an array in a file of weights: the digest of the others
# what reading an .npz file raises that is none, or is damaged, or promises more than it holds
DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, EOFError, LookupError, MemoryError),
    *(NotImplementedError, OSError, RuntimeError, TypeError, ValueError),
)


def save(path: str | os.PathLike[str], params: Arrays, *, force: bool = False) -> None:
    """Write the parameters to an .npz file, in one step: all of it or nothing.

    A file that is there is replaced if ``save`` or symnn wrote it and nobody has changed it
    since, or if ``force`` is true; else FileExistsError.
    """
    _check_output(path, force)
    arrays: dict[str, Any] = {k: v for k, v in params.items() if k != MARK}
    _dtype(arrays)
    content = io.BytesIO()
    np.savez(content, **arrays)
    with zipfile.ZipFile(content, "a") as archive:
        digest = np.frombuffer(_digest(archive), np.uint8)
        with archive.open(f"{MARK}.npy", "w") as member:
            np.lib.format.write_array(member, digest)
    _write(path, [content.getbuffer()])


def _check_output(path: str | os.PathLike[str], force: bool) -> None:
    """Raise OSError unless ``save`` can write there; to be asked before long work."""
    place = Path(path)
    text = "exists, and is not as save wrote it; force=True (--force) replaces it"
    for wrong, number, reason in (
        (place.is_symlink(), errno.ELOOP, "is a symbolic link; name the real place"),
        (not os.access(place.parent, os.W_OK), errno.EACCES, "no folder to write to"),
        (place.exists() and not place.is_file(), errno.EINVAL, "not a regular file"),
        (place.is_file() and not force and not _is_saved(place), errno.EEXIST, text),
    ):
        if wrong:
            raise OSError(number, reason, str(path))


def _is_saved(path: Path) -> bool:
    """Whether ``save`` wrote the file, as it is; an earlier one marked it by the number 1."""
    try:
        with zipfile.ZipFile(path) as archive:
            found = archive.read(f"{MARK}.npy")
            known = b"'shape': ()" in found and found.endswith(b"\1")
            return known or found[-8:] == _digest(archive)
    except DAMAGED:
        return False


def _digest(archive: zipfile.ZipFile) -> bytes:
    """8 bytes that change with the names or contents of the arrays, the mark apart."""
    digest = hashlib.sha256()
    for entry in sorted(archive.infolist(), key=lambda entry: entry.filename):
        if entry.filename != f"{MARK}.npy":
            digest.update(f"{entry.filename}\n{entry.file_size}\n".encode())
            digest.update(archive.read(entry))
    return digest.digest()[:8]


def _write(path: str | os.PathLike[str], parts: Iterable[bytes | memoryview]) -> None:
    """Have the file hold these bytes, in one step, when all of them are on the disk."""
    place = Path(path)
    new = place.with_name(f".{place.name}-{os.urandom(8).hex()}")
    try:
        with open(new, "xb") as file:
            file.writelines(parts)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, place)
    except BaseException as error:
        new.unlink(missing_ok=True)
        if isinstance(error, OSError):  # named after the file that is meant
            raise OSError(error.errno, error.strerror, str(path)) from None
        raise


def load(path: str | os.PathLike[str]) -> Arrays:
    """The parameters of an .npz file; ValueError where they do not fit."""
    params = _arrays(path)
    params.pop(MARK, None)
    try:
        _dtype(params)
        if unknown := sorted({*params}.difference(PARAMETERS, SCALING)):
            raise ValueError(f"params: {unknown[0]} is not known")
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return {k: v.astype(DTYPE) if k in PARAMETERS else v for k, v in params.items()}


def _arrays(path: str | os.PathLike[str]) -> Arrays:
    """The arrays of an .npz file; ValueError where it is none or is damaged."""
    with open(path, "rb") as file:
        try:
            with np.load(file) as archive:
                return {k: np.asarray(archive[k]) for k in archive.files}
        except DAMAGED as error:
            raise ValueError(f"{path}: no .npz file, or damaged: {error}") from None
