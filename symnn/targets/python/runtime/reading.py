"""Reading x and y from files: a .csv by the names of its columns, or an .npz."""

from __future__ import annotations

import csv
import re
import warnings
from typing import Any

import numpy as np

from symnn.targets.python.runtime.columns import _positions
from symnn.targets.python.runtime.constants import COLUMNS, TARGET
from symnn.targets.python.runtime.files import _arrays

# what stands in rows of data, and is no name of a column
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|\?|NA|nan|NaN|", re.ASCII)


def _read(path: str, training: bool) -> tuple[np.ndarray, ...]:
    """x, and for training y, of an .npz file or of a .csv file with a header.

    ValueError where the header lacks a column, or a row is not as the header has it.
    """
    if path.endswith(".npz"):
        arrays, wanted = _arrays(path), ("x", "y")[: 1 + training]
        if missing := [name for name in wanted if name not in arrays]:
            raise ValueError(f"{path}: {missing[0]} is not there")
        return tuple(arrays[name] for name in wanted)
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            rows = filter(any, csv.reader(file, strict=True))
            header = [name.strip() for name in next(rows, [])]
            _check_header(header, training)
            x, y = _positions(header, training)
            # of other columns it counts that the rows have them
            others = dict.fromkeys({*range(len(header))} - {*x, *y}, lambda _: 0.0)
            marks: Any = {"delimiter": ",", "quotechar": '"', "comments": None}
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # that there are no rows
                table = np.loadtxt(file, converters=others, ndmin=2, **marks)
        if not table.size:
            raise ValueError("has no rows")
        if (found := table.shape[1]) != len(header):
            raise ValueError(f"{found} columns of numbers, {len(header)} in the header")
    except (csv.Error, ValueError) as error:
        raise ValueError(f"{path}: {error}") from None
    return (table[:, x], table[:, y])[: 1 + training]


def _check_header(header: list[str], training: bool) -> None:
    """Raise ValueError where these are no names, or a known column is not there."""
    if all(map(NUMBER.fullmatch, header)):
        text = "the first line holds numbers; it must name the columns"
        raise ValueError(text if any(header) else "has no rows")
    for name in (*COLUMNS, *(TARGET if training else ())):
        if header.count(name) != 1:
            why = "twice or more" if name in header else "not"
            listed = ", ".join(map(ascii, header[:8])) + ", ..." * (len(header) > 8)
            raise ValueError(f"the column {name!a} is {why} in the header: {listed}")
