"""Weights in files."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import os
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np

from symnn.targets.python.runtime.constants import DTYPE, INPUTS, PARAMETERS, Arrays

MARK = "generated_by_symnn"  # an array in a file of weights: the digest of the others
# what reading an .npz file raises that is none, or is damaged, or promises more than it holds
DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, EOFError, LookupError, MemoryError),
    *(NotImplementedError, OSError, RuntimeError, ValueError),
)


def save(path: str | os.PathLike[str], params: Arrays, *, force: bool = False) -> None:
    """Write the parameters to an .npz file, in one step: all of it or nothing.

    A file that is there is replaced if ``save`` or symnn wrote it and nobody has changed it
    since, or if ``force`` is true; else FileExistsError.
    """
    _check_output(path, force)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in params:
            if name != MARK:
                _add(archive, name, params[name])
        _add(archive, MARK, np.frombuffer(_digest(archive), np.uint8))
    with _replacing(path) as file:
        file.write(content.getbuffer())


def _add(archive: zipfile.ZipFile, name: str, values: np.ndarray) -> None:
    with archive.open(f"{name}.npy", "w", force_zip64=name != MARK) as member:
        np.lib.format.write_array(member, np.asarray(values), allow_pickle=False)


def _check_output(path: str | os.PathLike[str], force: bool) -> None:
    """Raise OSError unless ``save`` can write there; to be asked before long work."""
    place = Path(path)
    if place.is_symlink():
        raise OSError(errno.ELOOP, "is a symbolic link; name the real place", str(path))
    if not place.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "is no folder", str(place.parent))
    if not os.access(place.parent, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, "no permission to write", str(path))
    if not place.exists():
        return
    if not place.is_file():
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    if not force and not _is_saved(place):
        text = "exists, and is not as save wrote it; force=True (--force) replaces it"
        raise FileExistsError(errno.EEXIST, text, str(path))


def _is_saved(path: Path) -> bool:
    """Whether ``save`` wrote the file, as it is; an earlier one marked it by the number 1."""
    try:
        with zipfile.ZipFile(path) as archive:
            with archive.open(f"{MARK}.npy") as member:
                found = member.read(4096)
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
            with archive.open(entry) as member:
                while part := member.read(2**20):
                    digest.update(part)
    return digest.digest()[:8]


@contextlib.contextmanager
def _replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A file that takes the place of ``path`` in one step, when it is complete on disk."""
    place = Path(path)
    if place.is_symlink():
        raise OSError(errno.ELOOP, "is a symbolic link; name the real place", str(path))
    new = place.with_name(f".{place.name}-{os.urandom(8).hex()}")
    try:
        with open(new, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, place)
    except BaseException as error:
        with contextlib.suppress(OSError):
            new.unlink()
        if isinstance(error, OSError):  # named after the file that is meant
            raise OSError(error.errno, error.strerror, str(path)) from None
        raise
    with contextlib.suppress(OSError):  # not every system can open a folder
        folder = os.open(place.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def load(path: str | os.PathLike[str]) -> Arrays:
    """The parameters of an .npz file; ValueError where names or shapes do not fit."""
    params = _arrays(path)
    params.pop(MARK, None)
    wanted = dict(PARAMETERS)
    if "x_mean" in params or "x_scale" in params:
        wanted |= {"x_mean": (INPUTS,), "x_scale": (INPUTS,)}
    for name, shape in wanted.items():
        if name not in params or params[name].shape != shape:
            raise ValueError(f"{path}: {name} of shape {shape} is not there")
    for name, values in params.items():
        if wanted.get(name) != values.shape:
            raise ValueError(f"{path}: {name} of shape {values.shape} does not fit")
        if values.dtype.kind != "f" or not np.isfinite(values).all():
            raise ValueError(f"{path}: {name} must hold finite floating-point numbers")
    return {k: v.astype(DTYPE) if k in PARAMETERS else v for k, v in params.items()}


def _arrays(path: str | os.PathLike[str]) -> Arrays:
    """The arrays of an .npz file; ValueError where it is none or is damaged."""
    with open(path, "rb") as file:
        if not zipfile.is_zipfile(file):
            raise ValueError(f"{path}: not an .npz file")
        file.seek(0)
        try:
            with np.load(file, allow_pickle=False) as archive:
                return {k: np.asarray(archive[k]) for k in archive.files}
        except DAMAGED as error:
            raise ValueError(f"{path}: damaged: {error}") from None
