"""Training data: built in, from a .csv or from an .npz file, as arrays of the right shape."""

from __future__ import annotations

import difflib
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from symnn.io.csv import (
    HEADER,
    SHOWN,
    DataError,
    Table,
    is_number,
    problem,
    quoted,
    read_header,
    read_table,
)
from symnn.io.errors import Problem, shown_path
from symnn.io.files import absent, unreachable
from symnn.io.npz import NpzError, read_headers, read_npz

Array = NDArray[np.float64]
SIGNS = "for labels -1 and 1 write (y + 1)/2"


@dataclass(frozen=True)
class Builtin:
    """A file of symnn/data.

    drop: columns left out.  scale: a factor of the features.  split_seed: fixes which rows are
    held out, whatever the seed of the spec.
    """

    file: str
    drop: tuple[str, ...] = ()
    scale: float = 1.0
    split_seed: int | None = None


BUILTIN = {
    "digits": Builtin("digits.npz", scale=1 / 16, split_seed=0),
    "alice": Builtin("alice.npz", split_seed=0),
    "iris": Builtin("iris.csv"),
    "petals": Builtin("iris.csv", drop=("species",)),
    "xor": Builtin("xor.csv"),
    "blobs": Builtin("blobs.csv"),
}


@dataclass(frozen=True, eq=False)
class Dataset:
    """x: (N, features).  y: (N, outputs), one-hot rows if classes were asked for.

    name: what messages call it.  columns, targets: the names of the file's columns that
    x and y were made from.
    """

    x: Array
    y: Array
    columns: tuple[str, ...]
    targets: tuple[str, ...]
    name: str = ""

    def rows(self, index: NDArray[np.intp]) -> Dataset:
        """The rows with these numbers."""
        return replace(self, x=self.x[index], y=self.y[index])


@dataclass(frozen=True)
class _Source:
    """Where data lies, and what messages call it."""

    path: Path
    place: str
    builtin: Builtin

    @property
    def npz(self) -> bool:
        return self.path.suffix == ".npz"


def load_data(
    name: str | Path,
    *,
    inputs: int,
    outputs: int,
    target: str | Sequence[str] = (),
    folder: Path | None = None,
    kind: str = "numbers",
) -> Dataset:
    """The data of a network with ``inputs`` features and ``outputs`` components.

    name: a name of BUILTIN, or a file (.npz with arrays x and y, else CSV); a relative one is
    looked for in ``folder`` (None: the current one).  target: the columns to predict, in the
    order of the outputs; empty: the last ones.  The columns of an .npz file are called
    x1, x2, … and y (or y1, y2, …).  kind: of the targets, as a row of nn.losses has it:
    "distribution" is one column of labels 0 … outputs-1, or ``outputs`` columns of probabilities.
    Raises DataError, whose errors name file, line and column.
    """
    source = find_data(name, folder)
    table = _read(source)
    classes = kind == "distribution"
    features, wanted = _choose(source, table.columns, inputs, outputs, target, classes)
    y = table.values[:, wanted]
    names = tuple(table.columns[k] for k in wanted)
    if classes and len(wanted) == 1:
        labels = _labels(table, y[:, 0], outputs, source.place, names[0])
        y = (labels[:, None] == np.arange(outputs)).astype(float)
    elif classes or kind == "unit":
        _check_rows(table, y, source.place, names, sums=classes)
    x = np.ascontiguousarray(table.values[:, features] * source.builtin.scale)
    columns = tuple(table.columns[k] for k in features)
    return Dataset(x, np.ascontiguousarray(y), columns, names, source.place)


def check_header(
    name: str,
    *,
    inputs: int,
    outputs: int,
    target: str | Sequence[str] = (),
    folder: Path | None = None,
    kind: str = "numbers",
) -> list[Problem]:
    """The mistakes that the header of a file shows, without its rows; see :func:`load_data`.

    There are none where the file does not exist (yet).
    """
    try:
        source = _source(name, folder)
        if not os.path.exists(source.path):
            return []
        classes = kind == "distribution"
        _choose(source, _columns(source), inputs, outputs, target, classes)
    except DataError as error:
        return error.errors
    return []


def column_names(
    name: str,
    *,
    inputs: int,
    outputs: int,
    target: str | Sequence[str] = (),
    folder: Path | None = None,
    kind: str = "numbers",
) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """The names of the features and of the targets in a CSV file; see :func:`load_data`.

    The header alone is read.  None where there are no names: of an .npz file, and of a file that
    is not there (yet) or does not fit.
    """
    try:
        source = find_data(name, folder)
        if source.npz:
            return None
        columns, classes = _columns(source), kind == "distribution"
        found = _choose(source, columns, inputs, outputs, target, classes)
    except DataError:
        return None
    features, targets = (tuple(columns[k] for k in part) for part in found)
    return features, targets


def count_columns(name: str) -> int:
    """How many columns data that are built in have."""
    return len(_columns(find_data(name)))


def split(
    name: str, count: int, test_fraction: float, seed: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The numbers of the rows (to train on, held out) of so many, in the order of the file.

    Held out are the first ⌈test_fraction · N⌉ numbers of ``default_rng(seed).permutation(N)``;
    for "digits" and "alice" the seed is always 0.  Raises DataError if nothing is left to train on.
    """
    held = math.ceil(round(test_fraction * count, 9))
    if not 0 <= held < count:
        message = f"{test_fraction:g} of {count} rows leaves nothing to train on"
        hint = "choose a smaller fraction"
        raise DataError([problem(name, None, message, hint, "train.test_fraction")])
    fixed = BUILTIN[name].split_seed if name in BUILTIN else None
    order = np.random.default_rng(seed if fixed is None else fixed).permutation(count)
    return np.sort(order[held:]), np.sort(order[:held])


def _source(name: str | Path, folder: Path | None) -> _Source:
    text = str(name)
    if text in BUILTIN:
        row = BUILTIN[text]
        return _Source(Path(__file__).parent / row.file, text, row)
    path = Path(folder or "") / name
    if "://" in text:
        hint = "download the file and give its local path"
        message = "no such file: a URL is not a local file"
        raise DataError([problem(shown_path(text), None, message, hint)])
    return _Source(path, shown_path(path), Builtin(text))


def find_data(name: str | Path, folder: Path | None = None) -> _Source:
    """Where data lies, which is there.  Raises DataError."""
    source = _source(name, folder)
    if missing := unreachable(source.path):
        names = ", ".join(BUILTIN)
        close = difflib.get_close_matches(source.place, BUILTIN, 1)
        hint = f"did you mean {close[0]!r}?" if close else f"give a file, or one of {names}"
        message = "no such file" if absent(source.path) else missing
        raise DataError([problem(source.place, None, message, hint)])
    return source


def _read(source: _Source) -> Table:
    if not source.npz:
        table = read_table(source.path, source.place)
        keep = [k for k, name in enumerate(table.columns) if name not in source.builtin.drop]
        return Table(tuple(table.columns[k] for k in keep), table.values[:, keep], table.lines)
    columns = _columns(source)
    try:
        arrays = read_npz(source.path)
    except NpzError as error:
        raise _npz_error(source, error) from None
    parts = [arrays[name].astype(np.float64).reshape(len(arrays["x"]), -1) for name in "xy"]
    return Table(columns, np.hstack(parts))


def _columns(source: _Source) -> tuple[str, ...]:
    """The names of the columns, from the header alone."""
    if not source.npz:
        names = read_header(source.path, source.place)
        return tuple(name for name in names if name not in source.builtin.drop)
    try:
        shapes = {name: shape for name, (shape, _) in read_headers(source.path).items()}
        if sorted(shapes) != ["x", "y"]:
            raise _other_names(source.path, sorted(shapes))
        x, y = shapes["x"], shapes["y"]
        if len(x) != 2 or len(y) not in (1, 2) or x[0] != y[0]:
            raise NpzError(source.path, f"x {x} and y {y} must be (N, features) and (N,) or (N, m)")
        if not x[0]:
            raise NpzError(source.path, "no rows of data")
    except NpzError as error:
        raise _npz_error(source, error) from None
    count = y[1] if len(y) == 2 else 1
    outputs = ["y"] if count == 1 else [f"y{j}" for j in range(1, count + 1)]
    return (*(f"x{i}" for i in range(1, x[1] + 1)), *outputs)


def _other_names(path: Path, names: Sequence[str]) -> NpzError:
    """An archive that has no x and y, or more; perhaps x_train and y_train are meant."""
    found = ", ".join(ascii(name[:40])[1:-1] for name in names[:8]) or "none"
    message = f"expected the arrays x and y, found {found}"
    ordered = sorted(names, key=lambda name: "train" not in name.lower())
    pair = [next((n for n in ordered if n[:1].lower() == letter), None) for letter in "xy"]
    if None in pair or not all(str(name).isidentifier() for name in pair):
        return NpzError(path, message)
    x, y = (f"a[{name!r}]" for name in pair)
    hint = f"write these two alone: a = numpy.load(file); numpy.savez(new, x={x}, y={y})"
    return NpzError(path, message, hint=hint)


def _npz_error(source: _Source, error: NpzError) -> DataError:
    message = f"array {error.array}: {error.message}" if error.array else error.message
    hint = "write it with numpy.savez(file, x=x, y=y)"
    return DataError([problem(source.place, None, message, error.hint or hint)])


def _choose(
    source: _Source,
    columns: tuple[str, ...],
    inputs: int,
    outputs: int,
    target: str | Sequence[str],
    classes: bool,
) -> tuple[list[int], list[int]]:
    """The positions of the features and of the targets."""
    line = None if source.npz else 1
    names = (target,) if isinstance(target, str) else tuple(target)
    if not names:
        count = 1 if classes and len(columns) == inputs + 1 else outputs
        names = columns[max(0, len(columns) - count) :]
    listed = ", ".join(quoted(c)[1:-1] for c in columns[:8]) + (", …" if len(columns) > 8 else "")
    no_names = f"; if these are data, {HEADER}" if any(map(is_number, columns)) else ""
    for name in names:
        if name not in columns:
            close = difflib.get_close_matches(name, columns, 1)
            hint = f"did you mean {quoted(close[0])}? " if close else ""
            message = f"the target column {quoted(name)} is not in the header"
            hint += f"columns: {listed}{no_names}"
            raise DataError([problem(source.place, line, message, hint, "train.target")])
    if len(set(names)) < len(names) or len(names) not in ({1, outputs} if classes else {outputs}):
        message = f"{len(set(names))} target columns, but the network has {outputs} outputs"
        hint = "name one column for each output" + (", or one of labels" if classes else "")
        raise DataError([problem(source.place, line, message, hint, "train.target")])
    features = [k for k, name in enumerate(columns) if name not in names]
    if len(features) != inputs:
        message = f"{len(features)} feature columns beside the target, but model.inputs is {inputs}"
        hint = f"columns: {listed}{no_names}; "
        if features:
            hint += f"set model.inputs = {len(features)}, or change the columns"
        else:
            hint += "there must be one for each feature, too"
        raise DataError([problem(source.place, line, message, hint)])
    return features, [columns.index(name) for name in names]


def _labels(table: Table, y: Array, outputs: int, place: str, column: str) -> NDArray[np.intp]:
    """The labels as integers 0 … outputs-1."""

    def message(row: int) -> str:
        value = repr(float(y[row])).removesuffix(".0")
        if not y[row].is_integer():
            return f"column {quoted(column)}: the class label {value} is not an integer"
        return f"column {quoted(column)}: the class label {value} is not in 0..{outputs - 1}"

    bad = (y != np.floor(y)) | (y < 0) | (y >= outputs)
    labels = [str(k) for k in range(outputs)]
    if outputs > 4:
        labels[2:-1] = ["…"]
    hint = f"label the {outputs} classes {', '.join(labels)}"
    if outputs > 1 and y.min() == 1 and y.max() == outputs:
        hint += ": subtract 1 from each"
    elif _signs(y):
        hint = SIGNS
    _refuse(table, bad, message, hint, place)
    return y.astype(np.intp)


def _check_rows(
    table: Table, y: Array, place: str, columns: tuple[str, ...], *, sums: bool
) -> None:
    """Every entry lies in 0 … 1 and, if ``sums``, every row sums to 1."""

    def message(row: int) -> str:
        for column, value in zip(columns, y[row], strict=True):
            if not 0 <= value <= 1:
                return f"column {quoted(column)}: the target {float(value)!r} is not in 0..1"
        return f"the targets of this row sum to {float(y[row].sum()):g}, not to 1"

    bad = np.any((y < 0) | (y > 1), axis=1)
    if sums:
        bad = bad | (np.abs(y.sum(axis=1) - 1) > 1e-6)
    hint = "give one column of class labels, or probabilities" if sums else "give 0 or 1"
    if _signs(y):
        hint = SIGNS
    _refuse(table, bad, message, hint, place)


def _signs(y: Array) -> bool:
    """Whether the labels are -1 and 1, rather than 0 and 1."""
    return bool((np.abs(y) == 1).all())


def _refuse(
    table: Table, bad: NDArray[np.bool_], message: Callable[[int], str], hint: str, place: str
) -> None:
    """Raise DataError for the first bad rows, if there are any."""
    problems = []
    for row in np.flatnonzero(bad)[:SHOWN].tolist():
        if table.lines is None:
            text = f"row {row}: {message(row)}"
            problems.append(problem(place, None, text, hint, "train.target"))
        else:
            problems.append(problem(place, table.lines[row], message(row), hint, "train.target"))
    if problems:
        raise DataError(problems)
