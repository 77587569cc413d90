"""What variables are called: by the names that are wished, unless they are taken."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
from typing import TypeVar

T = TypeVar("T", bound=Hashable)


def variables(wanted: Mapping[T, str], taken: Collection[str]) -> dict[T, str]:
    """A variable for each of these: the name that is wished, or with "_" where that is taken."""
    found: dict[T, str] = {}
    every = {*taken, *wanted.values()}
    for of, name in wanted.items():
        variable = name
        while variable in taken or variable in found.values():
            variable += "_"
            while variable in every:
                variable += "_"
        found[of] = variable
    return found
