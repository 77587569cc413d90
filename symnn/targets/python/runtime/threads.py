"""How many threads the matrix products of a step take."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import sys
from collections.abc import Callable, Iterator

ALONE = 10**9  # operations of a step that one thread does rather than several
NOT_KNOWN = int, int  # int() is 0 threads, which are left alone


@contextlib.contextmanager
def _threads(work: int) -> Iterator[None]:
    """In here the BLAS has one thread, if so many operations a step are few."""
    get, put = _blas() if work < ALONE else NOT_KNOWN
    before = get()
    if before > 1:
        put(1)
    try:
        yield
    finally:
        if before > 1:
            put(before)


@functools.cache
def _blas() -> tuple[Callable[[], int], Callable[[int], object]]:
    """What tells and sets the number of threads of NumPy's BLAS, if it is OpenBLAS.

    NumPy has no call for it, but the library that it has loaded has.
    """
    with contextlib.suppress(AttributeError, LookupError, OSError):
        library = ctypes.CDLL(sys.modules["numpy.linalg._umath_linalg"].__file__)
        for name in ("scipy_openblas_%s64_", "openblas_%s64_", "openblas_%s"):
            calls = [name % f"{verb}_num_threads" for verb in ("get", "set")]
            if all(hasattr(library, call) for call in calls):
                return getattr(library, calls[0]), getattr(library, calls[1])
    return NOT_KNOWN
