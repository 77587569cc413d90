"""Functions that are imported when they are first called.

A table of formats or targets names the functions of its rows; what is not used is never loaded.
tests/test_deferred.py holds these imports to the order of the rooms, like all others.
"""

from __future__ import annotations

import functools
import importlib
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any


def deferred(reference: str) -> Callable[..., Any]:
    """The function or class that a reference such as "symnn.formats.html:html" names.

    Its module is imported by the first call; ImportError or AttributeError if it is not there.
    """
    module, _, name = reference.partition(":")

    def function(*args: Any, **options: Any) -> Any:
        return operator.attrgetter(name)(importlib.import_module(module))(*args, **options)

    return function


class DeferredTable(Mapping[str, str]):
    """A table, from the function that gives its items, which is called when they are needed."""

    def __init__(self, items: Callable[[], Iterable[tuple[str, str]]]) -> None:
        self._items = items

    @functools.cached_property
    def _table(self) -> dict[str, str]:
        return dict(self._items())

    def __getitem__(self, key: str) -> str:
        return self._table[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._table)

    def __len__(self) -> int:
        return len(self._table)
