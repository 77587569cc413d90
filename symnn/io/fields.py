"""Fields of a spec: what may stand there, and what is wrong with a value."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from symnn.io.errors import Problem, SpecError, quoted, shorten, suggestion

REQUIRED = object()


@dataclass(frozen=True)
class Field:
    """What a spec may say in one place: its kind, default, bounds and known values.

    kind: "integer", "number", "boolean", "string", "strings" (one or a list), "table", "named"
    (a known word or a table) or "list".  choices: the known words.  check: value -> what is
    wrong with it, or None.
    """

    kind: str
    default: Any = REQUIRED
    minimum: float | None = None
    maximum: float | None = None
    exclusive_minimum: bool = False
    exclusive_maximum: bool = False
    choices: tuple[str, ...] = ()
    check: Callable[[Any], str | None] | None = None
    doc: str = ""


_KINDS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "integer": ("an integer", lambda v: isinstance(v, int) and not isinstance(v, bool)),
    "number": ("a number", lambda v: isinstance(v, int | float) and not isinstance(v, bool)),
    "boolean": ("true or false", lambda v: isinstance(v, bool)),
    "string": ("a string", lambda v: isinstance(v, str)),
    "strings": (
        "a string or a list of strings",
        lambda v: (
            isinstance(v, str)
            or (isinstance(v, list | tuple) and all(isinstance(s, str) for s in v))
        ),
    ),
    "table": ("a table", lambda v: isinstance(v, dict)),
    "named": ("a string or a table", lambda v: isinstance(v, str | dict)),
    "list": ("a list", lambda v: isinstance(v, list | tuple)),
}


def wrong(field: Field, value: Any) -> tuple[str, str] | None:
    """What is wrong with a field's value, and a hint; None if nothing is."""
    word, fits = _KINDS[field.kind]
    if not fits(value):
        return f"must be {word}, not {kind_of(value)}", ""
    if field.kind in ("integer", "number"):
        return _out_of_range(field, value)
    if field.choices and isinstance(value, str) and value not in field.choices:
        return f"unknown value {quoted(value)}", suggestion(value, field.choices)
    found = field.check(value) if field.check else None
    return (found, "") if found else None


def check_argument(function: str, name: str, field: Field, value: Any) -> None:
    """An argument of a function against a field; SpecError with both names if it is wrong."""
    if found := wrong(field, value):
        raise SpecError([Problem(function, None, name, *found)])


def check_names(function: str, given: Iterable[str], known: Iterable[str]) -> None:
    """Keywords that a function was given against those it takes; TypeError with the nearest."""
    known = tuple(known)
    for name in given:
        if name not in known:
            hint = suggestion(name, known) if known else "it takes no options"
            raise TypeError(f"{function}: no option {shorten(name)!r}; {hint}")


def _out_of_range(field: Field, value: Any) -> tuple[str, str] | None:
    if isinstance(value, float) and not math.isfinite(value):
        return f"must be a finite number, not {value}", ""
    low, high = field.minimum, field.maximum
    if low is not None and (value <= low if field.exclusive_minimum else value < low):
        bound = f"greater than {low:g}" if field.exclusive_minimum else f"at least {_whole(low)}"
        return f"must be {bound}, not {_shown(value)}", ""
    if high is not None and (value >= high if field.exclusive_maximum else value > high):
        bound = f"less than {high:g}" if field.exclusive_maximum else f"at most {_whole(high)}"
        return f"must be {bound}, not {_shown(value)}", ""
    return None


def _whole(bound: float) -> str:
    return str(int(bound)) if float(bound).is_integer() else f"{bound:g}"


def _shown(value: Any) -> str:
    if isinstance(value, int) and value.bit_length() > 200:
        return f"a number of about {int(value.bit_length() * 0.30103)} digits"
    return shorten(str(value))


def kind_of(value: Any) -> str:
    """The kind of a value in the words of a spec."""
    if isinstance(value, bool):
        return f"the boolean {str(value).lower()}"
    if isinstance(value, int):
        return f"the integer {_shown(value)}"
    if isinstance(value, float):
        return f"the number {value}"
    if isinstance(value, str):
        return f"the string {quoted(value)}"
    names: dict[type, str] = {dict: "a table", list: "a list", tuple: "a list", type(None): "null"}
    return names.get(type(value), f"a {type(value).__name__}")
