"""Arrays that a function is given, by name: which there are, and that they hold real numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from symnn.io.errors import Problem, SpecError, quoted, suggestion
from symnn.io.fields import kind_of

Array = np.ndarray[Any, Any]


def real_array(function: str, place: str, value: Any) -> Array:
    """A value as an array of finite real numbers; SpecError where it is none."""
    try:
        array = np.asarray(value)
        if array.dtype.kind not in "fiub":
            raise ValueError
    except (TypeError, ValueError):
        raise _wrong(function, place, "must be an array of real numbers") from None
    array = array.astype(np.float64)
    if not np.isfinite(array).all():
        raise _wrong(function, place, "holds nan or inf; every entry must be finite")
    return array


def named_arrays(function: str, place: str, given: Any, names: Iterable[str]) -> dict[str, Array]:
    """The arrays of a mapping that has these names and no other; SpecError where it does not."""
    names = tuple(names)
    if not isinstance(given, Mapping):
        message = f"must be a mapping of names to arrays, not {kind_of(given)}"
        raise _wrong(function, place, message)
    for name in given:
        if name not in names:
            where, hint = f"{place}[{quoted(str(name))}]", suggestion(str(name), names)
            raise _wrong(function, where, "no such parameter", hint)
    found = {}
    for name in names:
        where = f"{place}[{quoted(name)}]"
        if name not in given:
            raise _wrong(function, where, "missing")
        found[name] = real_array(function, where, given[name])
    return found


def _wrong(function: str, place: str, message: str, hint: str = "") -> SpecError:
    return SpecError([Problem(function, None, place, message, hint)])
