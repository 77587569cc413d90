"""What is made of a deep network takes time in proportion to its layers.

Counted are the lines of Python that each function runs: of twice the layers, twice as many.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest

import symnn
from symnn import Dense, Dropout, Network

FOLDER = str(Path(symnn.__file__).parent)
LAYERS = 16
MIXED = ("tanh", "relu", "softplus", "gelu", "sigmoid")
MADE: dict[str, Callable[[Network], object]] = {
    "numpy": lambda net: net.generate(),
    "numpy-fast": lambda net: net.generate("numpy-fast"),
    "c": lambda net: net.generate("c"),
    "latex": lambda net: net.derive().latex(detail="full"),
}


def deep(layers: int, alike: bool) -> Network:
    """All hidden layers alike, which makes loops; or no neighbours alike, which makes none."""
    found: list[Any] = []
    for k in range(layers):
        found.append(Dense(3, "tanh") if alike else Dense(2 + k % 2, MIXED[k % len(MIXED)]))
        if not alike and k % 4 == 3:
            found.append(Dropout(0.2))
    loss, train = {"name": "cross_entropy", "l2": 0.01}, {"optimizer": "adam"}
    return Network(inputs=2, layers=[*found, Dense(2, "softmax")], loss=loss, train=train)


def lines_run(job: Callable[[], object]) -> Counter[CodeType]:
    """Function -> how many of its lines are run; a turn of a loop is one, and a comparison of
    two dataclasses."""
    found: Counter[CodeType] = Counter()

    def step(frame: FrameType, event: str, _: object) -> Any:
        found[frame.f_code] += event == "line"
        return step

    def called(frame: FrameType, event: str, _: object) -> Any:
        file = frame.f_code.co_filename
        if file == "<string>":  # a method that dataclass has made
            found[frame.f_code] += 1
        return step if file.startswith(FOLDER) else None

    before = sys.gettrace()
    sys.settrace(called)
    try:
        job()
    finally:
        sys.settrace(before)
    return found


@pytest.mark.parametrize(
    ("what", "layers"),
    [
        *((what, "mixed") for what in MADE),
        *((what, "alike") for what in MADE if what.startswith("numpy")),
    ],
)
def test_no_function_runs_more_than_in_proportion(what: str, layers: str) -> None:
    make, alike = MADE[what], layers == "alike"
    make(deep(2 * LAYERS, alike))  # what is remembered of an expression is then there for both
    few, many = (lines_run(partial(make, deep(n, alike))) for n in (LAYERS, 2 * LAYERS))
    assert sum(few.values()) > 10_000
    grown = {c.co_qualname: (few[c], n) for c, n in many.items() if n > 2.4 * few[c] + 60}
    assert not grown
