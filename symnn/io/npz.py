"""Reading .npz files that nobody vouches for: headers first, no pickle, bounded memory."""

from __future__ import annotations

import math
import tokenize
import zipfile
import zlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from symnn.io.errors import Problem, UserError, shown_path
from symnn.io.files import InputError, check_readable
from symnn.io.marks import KEY

LIMIT = 2**30  # bytes of all arrays together, and of the file

Header = tuple[tuple[int, ...], np.dtype[Any]]

_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    KeyError,
    NotImplementedError,
    OSError,
    RecursionError,
    MemoryError,
    RuntimeError,
    SyntaxError,
    tokenize.TokenError,
    TypeError,
    ValueError,
)


class NpzError(UserError, ValueError):
    """An .npz file that cannot be used.  ``array`` is the name of the array at fault, or ""."""

    def __init__(self, path: Path, message: str, array: str = "", hint: str = "") -> None:
        super().__init__([Problem(shown_path(path), None, array, message, hint)])
        self.path = path
        self.message = message
        self.array = array
        self.hint = hint


def read_headers(path: Path) -> dict[str, Header]:
    """Name -> (shape, dtype) of the arrays; no array is read.  The mark of symnn is left out.

    Raises NpzError: unreadable, not an archive, damaged, objects, not real numbers, a header
    that promises more or less than is there, more than LIMIT bytes in all.
    """
    try:
        check_readable(path, LIMIT)
    except InputError as error:
        raise NpzError(path, error.message) from None
    try:
        with zipfile.ZipFile(path) as archive:
            return _headers(path, archive)
    except NpzError:
        raise
    except _DAMAGE as error:
        raise NpzError(
            path, f"not an .npz file, or corrupt or truncated ({_what(error)})"
        ) from None


def read_npz(
    path: Path,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
    optional: Collection[str] = (),
) -> dict[str, NDArray[Any]]:
    """The arrays of the file, all entries finite, after every header has been judged.

    shapes: the arrays that must be there, and nothing else apart from ``optional`` ones; those
    named in it have these shapes.  None: any arrays.  Raises NpzError.
    """
    headers = read_headers(path)
    if shapes is not None:
        _compare(path, headers, shapes, optional)
    arrays = {}
    for name in headers:
        try:
            with zipfile.ZipFile(path) as archive, archive.open(f"{name}.npy") as file:
                arrays[name] = npy.read_array(file, allow_pickle=False)
        except _DAMAGE as error:
            raise NpzError(path, f"corrupt or truncated ({_what(error)})", name) from None
        if not np.isfinite(arrays[name]).all():
            raise NpzError(path, "holds nan or inf; every entry must be finite", name)
    return arrays


def read_weights(
    path: Path, parameters: Mapping[str, tuple[int, ...]], inputs: int
) -> dict[str, NDArray[Any]]:
    """The parameters of a network, by name and shape, as training wrote them.

    With them may stand x_mean and x_scale, of its inputs.  Raises NpzError.
    """
    shapes = dict(parameters)
    scaling = dict.fromkeys(("x_mean", "x_scale"), (inputs,))
    if scaling.keys() & read_headers(path).keys():
        shapes |= scaling
    arrays = read_npz(path, shapes)
    if "x_scale" in arrays and not arrays["x_scale"].all():
        raise NpzError(path, "holds 0, by which the inputs would be divided", "x_scale")
    return arrays


def _headers(path: Path, archive: zipfile.ZipFile) -> dict[str, Header]:
    headers: dict[str, Header] = {}
    total = 0
    for entry in archive.infolist():
        name = entry.filename.removesuffix(".npy")
        shown = ascii(name[:40])[1:-1]
        if name == entry.filename or not name or "/" in name or "\\" in name or name in headers:
            raise NpzError(path, "an unexpected member; an .npz file holds NAME.npy", shown)
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise NpzError(path, "an unknown compression", shown)
        total += entry.file_size
        if total > LIMIT:
            raise NpzError(path, f"too large: more than {LIMIT} bytes", shown)
        with archive.open(entry) as file:
            shape, dtype = _header(file)
            start = file.tell()
        if dtype.hasobject:
            raise NpzError(path, "a pickle of Python objects is refused", shown)
        if dtype.kind not in "fiub":
            raise NpzError(path, f"dtype {str(dtype)[:40]!a} is not a real number", shown)
        if math.prod(shape) * dtype.itemsize != entry.file_size - start:
            message = f"corrupt: the header promises the shape {shape}, the data has another size"
            raise NpzError(path, message[:200], shown)
        headers[name] = (shape, dtype)
    headers.pop(KEY, None)
    return headers


def _header(file: IO[bytes]) -> Header:
    version = npy.read_magic(file)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read(file)
    if any(size < 0 for size in shape):
        raise ValueError("a negative size")
    return shape, dtype


def _compare(
    path: Path,
    headers: Mapping[str, Header],
    shapes: Mapping[str, tuple[int, ...]],
    optional: Collection[str],
) -> None:
    names = ", ".join([*shapes][:8])
    for name in headers:
        if name not in shapes and name not in optional:
            raise NpzError(path, "unexpected", ascii(name[:40])[1:-1], f"expected: {names}")
    for name, shape in shapes.items():
        if name not in headers:
            if name not in optional:
                raise NpzError(path, "missing", name, f"expected: {names}")
        elif headers[name][0] != tuple(shape):
            raise NpzError(path, f"has the shape {headers[name][0]}, expected {tuple(shape)}", name)


def _what(error: BaseException) -> str:
    text = ascii(str(error))[1:-1]
    return f"{type(error).__name__}: {text[:80]}" if text else type(error).__name__
