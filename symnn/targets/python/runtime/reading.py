"""Reading x and y from files: a .csv by the names of its columns, or an .npz."""

from __future__ import annotations

import csv
import re

import numpy as np

from symnn.targets.python.runtime.constants import (
    COLUMNS,
    INPUTS,
    OUTPUTS,
    TARGET,
    TARGETS_ARE,
)
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
    table = []
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file, strict=True)
            header = [name.strip() for name in next(filter(any, rows), [])]
            x, y = _positions(header, training)
            for row in filter(any, rows):
                if len(row) != len(header):
                    text = f"line {rows.line_num} has {len(row)} columns, the header"
                    raise ValueError(f"{text} {len(header)}")
                table.append([float(row[k]) for k in (*x, *y)])
        if not table:
            raise ValueError("has no rows")
    except (csv.Error, ValueError) as error:
        raise ValueError(f"{path}: {error}") from None
    found = np.array(table)
    return (found[:, :INPUTS], found[:, INPUTS:])[: 1 + training]


def _positions(header: list[str], training: bool) -> tuple[list[int], list[int]]:
    """Where the features and, for training, the targets stand in the header.

    Columns that the module knows are found by their names, others by their places: the
    features first, or all that are not a target.
    """
    if all(map(NUMBER.fullmatch, header)):
        text = "the first line holds numbers; it must name the columns"
        raise ValueError(text if any(header) else "has no rows")
    for name in (*COLUMNS, *(TARGET if training else ())):
        if header.count(name) != 1:
            why = "twice or more" if name in header else "not"
            listed = ", ".join(map(ascii, header[:8])) + ", ..." * (len(header) > 8)
            raise ValueError(f"the column {name!a} is {why} in the header: {listed}")
    others = [k for k, name in enumerate(header) if name not in TARGET]
    x, y = [header.index(name) for name in COLUMNS] or others, []
    if TARGET and training:
        y = [header.index(name) for name in TARGET]
    elif not TARGET:
        x, y = x[:INPUTS], x[INPUTS:]
    counts = [len(TARGET) or OUTPUTS, 1 if TARGETS_ARE == "distribution" else OUTPUTS]
    if len(x) != INPUTS or len(y) not in (counts if training else [*counts, 0]):
        raise ValueError(f"{len(header)} columns, where x has {INPUTS} and y {OUTPUTS}")
    return x, y if training else []
