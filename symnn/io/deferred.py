"""Functions that are imported when they are first called.

A table of formats or targets names the functions of its rows; what is not used is never loaded.
tests/test_deferred.py holds these imports to the order of the rooms, like all others.
"""

from __future__ import annotations

import importlib
import operator
from collections.abc import Callable
from typing import Any


def deferred(reference: str) -> Callable[..., Any]:
    """The function or class that a reference such as "symnn.formats.html:html" names.

    Its module is imported by the first call; ImportError or AttributeError if it is not there.
    """
    module, _, name = reference.partition(":")

    def function(*args: Any, **options: Any) -> Any:
        return operator.attrgetter(name)(importlib.import_module(module))(*args, **options)

    return function
