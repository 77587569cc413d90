"""How a line is called as a function, and how it is shown: what the rooms above register.

The types of the engine know no printer.  Importing :mod:`symnn.api` registers both.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any


@functools.singledispatch
def function(line: object) -> Callable[..., Any]:
    """A line as a NumPy function of the tensors it reads."""
    raise TypeError(f"{type(line).__name__} is no function; import symnn.api, which registers some")


@functools.singledispatch
def latex(line: object) -> str:
    """A line in index notation, as LaTeX."""
    raise TypeError(f"{type(line).__name__} has no LaTeX; import symnn.api, which registers some")
