"""The numbers that [example] gives for the worked example of lines, checked against shapes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from symnn.engine.ir import Tensor
from symnn.io.errors import Problem, SpecError, quoted, suggestion
from symnn.spec.positions import child

if TYPE_CHECKING:
    from symnn.engine.evaluate import Array

TABLES = {"inputs": "input", "targets": "target", "parameters": "parameter"}
GIVEN = ("input", "target", "parameter", "state", "mask")
MOST = 1e100


def given_numbers(lines: Any) -> tuple[dict[str, Array], dict[str, int]]:
    """Of Lines: arrays by the names of leaves, and the sizes that they give to what was left open.

    A leaf whose first axis counts the samples may stand without it: then there is one sample.
    Raises SpecError with every mistake.
    """
    leaves = {t.name: t for t in lines.program.leaves_of(*GIVEN)}
    found: dict[str, Array] = {}
    sizes: dict[str, int] = {}
    problems: list[Problem] = []

    def fail(path: str, message: str, hint: str = "") -> None:
        problems.append(lines.spec.problem(path, message, hint))

    for path, name, role, values in _named(lines.spec.example or {}, leaves):
        t = leaves.get(name)
        if t is None or role not in ("", t.role):
            what = role or "input, target or parameter"
            known = [n for n, own in leaves.items() if role in ("", own.role)]
            fail(path, f"no {what} is called {quoted(name)}", suggestion(name, known))
        elif name in found:
            fail(path, f"{name} is given twice", "leave one out")
        elif (array := _array(values)) is None:
            fail(path, f"must hold numbers, in lists of equal lengths: {t}")
        elif (message := _misfit(t, array, sizes)) or (message := _outside(lines, t, array)):
            fail(path, message)
        else:
            found[name] = array if array.ndim == len(t.axes) else array[None]
    if problems:
        raise SpecError(problems)
    return found, sizes


def _named(
    example: Mapping[str, Any], leaves: Mapping[str, Tensor]
) -> Iterator[tuple[str, str, str, Any]]:
    """The path, the name, the role ("" for any) and the values of all that is given."""
    for key, values in example.items():
        path = child("example", key)
        if key in TABLES and key not in leaves and isinstance(values, Mapping):
            yield from ((child(path, name), name, TABLES[key], v) for name, v in values.items())
        else:
            yield path, key, "", values


def _array(values: Any) -> Array | None:
    """Nested lists, or a number, as an array of finite numbers; None for others."""
    if isinstance(values, np.ndarray):
        values = values.tolist()
    pending, depth = [values], 0
    while pending:
        if not all(isinstance(v, list | tuple) for v in pending):
            break
        if len({len(v) for v in pending}) > 1 or not pending[0]:
            return None
        pending, depth = [w for v in pending for w in v], depth + 1
    numbers = (isinstance(v, int | float) and not isinstance(v, bool) for v in pending)
    if depth > 8 or not all(numbers) or not all(abs(v) <= MOST for v in pending):
        return None
    return np.array(values, dtype=float)


def _misfit(t: Tensor, array: Array, sizes: dict[str, int]) -> str:
    """Why an array has not the shape of a leaf; "" if it has, and its open sizes are known then."""
    samples = bool(t.axes) and t.axes[0].samples
    shape = (1, *array.shape) if samples and array.ndim == len(t.axes) - 1 else array.shape
    known = {**sizes}
    fits = len(shape) == len(t.axes) and all(
        size == a.size if isinstance(a.size, int) else known.setdefault(str(a.size), size) == size
        for a, size in zip(t.axes, shape, strict=True)
    )
    if fits:
        sizes |= known
        return ""
    wanted = [sizes.get(str(a.size), a.size) for a in t.axes]
    one = f", or {_shape(wanted[1:])} for one sample" if samples and wanted[0] != 1 else ""
    return f"{t.name} must have the shape {_shape(wanted)}{one}, not {_shape(array.shape)}"


def _shape(sizes: Any) -> str:
    return f"({', '.join(map(str, sizes))}{',' * (len(sizes) == 1)})"


def _outside(lines: Any, t: Tensor, array: Array) -> str:
    """Why a leaf cannot have these values; "" if it can."""
    count = lines.text.whole.get(t.name)
    if count is not None and not np.isin(array, np.arange(count)).all():
        return f"{t.name} must hold whole numbers 0 to {count - 1}"
    if t.name in lines.choices:
        sums = array.sum(axis=-1)
        if (array < 0).any() or not np.allclose(sums, 1.0, atol=1e-6):
            return f"{t.name} must sum to 1 along its last axis, and hold nothing below 0"
    return ""
