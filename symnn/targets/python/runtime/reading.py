"""Reading x and y from files: a .csv by the names of its columns, or an .npz."""

from __future__ import annotations

import csv
import re
import warnings
from typing import TextIO

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


def _read(path: str, training: bool) -> tuple[np.ndarray, np.ndarray | None]:
    """x, and for training y, of an .npz file or of a .csv file with a header.

    ValueError where the header lacks a column, or a row is not as the header has it.
    """
    if path.endswith(".npz"):
        arrays = _arrays(path)
        if "x" not in arrays:
            raise ValueError(f"{path}: x is not there")
        if training and "y" not in arrays:
            raise ValueError(f"{path} has no targets")
        return arrays["x"], arrays.get("y")
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            rows = (row for row in csv.reader(file, strict=True) if any(row))
            names = [name.strip() for name in next(rows, [])]
            wanted = _positions(path, names, training)
            table = _table(path, file, {*range(len(names))} - {*wanted})
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not a .csv file in UTF-8: {error}") from None
    if table.shape[1] != len(names):
        text = (
            f"{path}: {table.shape[1]} columns of numbers, {len(names)} in the header"
        )
        raise ValueError(text)
    x, y = table[:, wanted[:INPUTS]], table[:, wanted[INPUTS:]]
    return x, y if training else None


def _table(path: str, file: TextIO, skipped: set[int]) -> np.ndarray:
    """The numbers below the header; of skipped columns it counts that rows have them."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # that there are no rows
        try:
            return np.loadtxt(
                file,
                delimiter=",",
                quotechar='"',
                comments=None,
                converters=dict.fromkeys(skipped, lambda text: 0.0),
                ndmin=2,
            )
        except UserWarning:
            raise ValueError(f"{path} has no rows") from None
        except ValueError as error:
            raise ValueError(f"{path}: below the header: {error}") from None


def _positions(path: str, names: list[str], training: bool) -> list[int]:
    """Where the features stand in the header, then, for training, the targets.

    Columns that the module knows are found by their names, others by their places: the
    features first, or all that are not a target.
    """
    if not any(names):
        raise ValueError(f"{path} has no rows")
    if all(map(NUMBER.fullmatch, names)):
        text = "the first line holds numbers; it must name the columns"
        raise ValueError(f"{path}: {text}")
    for name in (*COLUMNS, *(TARGET if training else ())):
        if names.count(name) != 1:
            why = "twice or more" if name in names else "not"
            listed = ", ".join(map(ascii, names[:8])) + ", ..." * (len(names) > 8)
            text = f"the column {name!a} is {why} in the header: {listed}"
            raise ValueError(f"{path}: {text}")
    if COLUMNS:
        features = list(map(names.index, COLUMNS))
    else:
        features = [k for k, name in enumerate(names) if name not in TARGET]
    if COLUMNS or TARGET:
        targets = [names.index(name) for name in TARGET if name in names]
    else:
        features, targets = features[:INPUTS], features[INPUTS:]
        counts = {OUTPUTS, 1} if TARGETS_ARE == "distribution" else {OUTPUTS}
        if training and not targets:
            raise ValueError(f"{path} has no targets")
        if len(targets) not in (counts if training else counts | {0}):
            text = f"{len(names)} columns, where x has {INPUTS} and y {OUTPUTS}"
            raise ValueError(f"{path}: {text}")
    if len(features) != INPUTS:
        text = f"{len(features)} columns beside the targets, where x has {INPUTS}"
        raise ValueError(f"{path}: {text}")
    return features + targets * training
