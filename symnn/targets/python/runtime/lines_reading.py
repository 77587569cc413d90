"""Reading inputs and targets from files: an .npz of arrays by their names, or a .csv."""

from __future__ import annotations

import csv

import numpy as np

from symnn.targets.python.runtime.files import _arrays
from symnn.targets.python.runtime.lines_constants import (
    CHOICES,
    INPUTS,
    PREDICTED_FROM,
    TARGETS,
    WEIGHTS,
    Arrays,
    Shape,
)


def _read(path: str, training: bool) -> tuple[Arrays, ...]:
    """The inputs and, for training, the targets, of an .npz file or of a .csv file with a header.

    The columns of a .csv are the features of each input and, for training, of each target, in
    the order of the lines, weights last.  ValueError where an array or a column is missing, but
    for weights.
    """
    inputs = {k: s for k, s in INPUTS.items() if training or k in PREDICTED_FROM}
    targets = TARGETS if training else {}
    if path.endswith(".npz"):
        arrays = _arrays(path)
        needed = [name for name in (*inputs, *targets) if name not in WEIGHTS]
        if missing := [name for name in needed if name not in arrays]:
            held = ", ".join(map(ascii, sorted(arrays))) or "nothing"
            raise ValueError(
                f"{path}: {missing[0]} is not there; the file holds {held}"
            )
        parts = [
            {name: arrays[name] for name in own if name in arrays}
            for own in (inputs, targets)
        ]
        return tuple(parts[: 1 + training])
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            rows = list(filter(any, csv.reader(file, strict=True)))
        table = _table(rows)
        found, start = [], 0
        for own in (inputs, targets)[: 1 + training]:
            found.append(dict[str, np.ndarray]())
            for name, shape in own.items():
                if name in WEIGHTS and start == table.shape[1]:
                    continue
                width = _width(name, shape)
                part = table[:, start : start + width]
                if part.shape[1] < width:
                    raise ValueError(f"{table.shape[1]} columns are too few for {name}")
                start += width
                sizes = () if name in CHOICES else shape[1:]
                found[-1][name] = part.reshape(len(table), *map(int, sizes))
        if training and start < table.shape[1]:
            names = ", ".join((*inputs, *targets))
            raise ValueError(f"{table.shape[1]} columns, and {names} take {start}")
    except (csv.Error, ValueError) as error:
        raise ValueError(f"{path}: {error}") from None
    return tuple(found)


def _table(rows: list[list[str]]) -> np.ndarray:
    """The numbers below a header; ValueError for a row that is none."""
    for place, row in enumerate(rows[1:], start=2):
        if len(row) != len(rows[0]):
            text = f"row {place} has {len(row)} values, and the header {len(rows[0])}"
            raise ValueError(text)
        for cell in row:
            try:
                float(cell)
            except ValueError:
                text = f"row {place} holds {cell[:40]!a}, which is no number"
                raise ValueError(text) from None
    if len(rows) < 2:
        raise ValueError("has no rows below a header")
    return np.array(rows[1:], dtype=float)


def _width(name: str, shape: Shape) -> int:
    """The columns of a .csv that an input or a target takes."""
    if shape[:1] != ("N",) or not all(isinstance(size, int) for size in shape[1:]):
        raise ValueError(f"{name} has no rows of one length; give an .npz file")
    return 1 if name in CHOICES else int(np.prod([int(size) for size in shape[1:]]))
