"""Tables of numbers from strict CSV: a header, commas, decimal points, UTF-8, no gaps."""

from __future__ import annotations

import array
import csv
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from symnn.io.errors import Problem, SpecError
from symnn.io.files import InputError, check_readable, decode

LIMIT = 2**30  # bytes of a file
LINE_LIMIT = 2**25  # bytes of a line
SHOWN = 10  # problems reported at once

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?", re.ASCII)
# digits in threes, such as 1,234 and 1,234.5
_THREES = re.compile(
    r"[+-]?\d{1,3}(?P<mark>[,.' _\u00a0\u2009\u202f])\d{3}((?P=mark)\d{3})*([.,]\d*)?"
)
_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}
GAPS = ("?", "-", "NA", "N/A", "NULL", "None", "null", "nan", "NaN", "")
HEADER = "write a line of names above, such as x1,x2,y"


class DataError(SpecError):
    """Data that cannot be trained on."""


@dataclass(frozen=True, eq=False)
class Table:
    """values: (rows, columns), all finite.  lines: the line of each row; None: no lines."""

    columns: tuple[str, ...]
    values: NDArray[np.float64]
    lines: array.array[int] | None = None


def problem(
    place: str, line: int | None, message: str, hint: str = "", path: str = "train.data"
) -> Problem:
    """A problem of the data file ``place`` (as the user wrote it)."""
    return Problem(place, line, path, message, hint)


def quoted(text: str) -> str:
    """The text in quotes, cut to 40 characters, with everything unprintable escaped."""
    return repr(text if len(text) <= 40 else text[:37] + "...")


def read_header(path: Path, place: str) -> tuple[str, ...]:
    """The names of the columns, from the first line alone.  Raises DataError."""
    for line, cells in _rows(path, place):
        return _names(cells, line, place)
    raise DataError([problem(place, 1, "the file is empty", "start with a line of column names")])


def read_table(path: Path, place: str) -> Table:
    """The whole table.

    place: how messages call the file.  Raises DataError with the first problems found: a bad
    header, a row of another length, an empty cell, anything that is not a finite number
    written with ASCII digits, another encoding, no rows.
    """
    columns = read_header(path, place)
    values, lines = array.array("d"), array.array("q")
    problems: list[Problem] = []
    rows = _rows(path, place)
    next(rows)
    for line, cells in rows:
        if len(cells) != len(columns):
            message = f"{len(cells)} values in this row, but {len(columns)} columns in the header"
            problems.append(problem(place, line, message, "give every row one value per column"))
        else:
            for name, cell in zip(columns, cells, strict=True):
                number = _number(cell)
                if isinstance(number, float):
                    values.append(number)
                else:
                    message = f"column {quoted(name)}: {number[0]}"
                    problems.append(problem(place, line, message, number[1]))
            lines.append(line)
        if len(problems) >= SHOWN:
            break
    if not lines and not problems:
        message = "no rows of data below the header"
        problems.append(problem(place, 1, message, "add a line per sample"))
    if problems:
        raise DataError(problems[:SHOWN])
    return Table(columns, np.frombuffer(values).reshape(-1, len(columns)), lines)


def _rows(path: Path, place: str) -> Iterator[tuple[int, list[str]]]:
    """(line, cells) of every line that is not blank."""
    try:
        check_readable(path, LIMIT)
        with open(path, "rb") as file:
            reader = csv.reader(_lines(path, place, file), strict=True)
            try:
                yield from (
                    (reader.line_num, cells)
                    for cells in reader
                    if cells[1:] or "".join(cells).strip()
                )
            except csv.Error as error:
                message = f"not CSV: {error}"
                raise InputError(path, message, reader.line_num) from None
    except InputError as error:
        hint = "give a CSV file in UTF-8, with commas between the columns"
        raise DataError([problem(place, error.line, error.message, hint)]) from None
    except OSError as error:
        message = f"cannot read: {error.strerror}"
        raise DataError([problem(place, None, message, "name a readable file")]) from None


def _lines(path: Path, place: str, file: IO[bytes]) -> Iterator[str]:
    """The lines of the file as text.  Raises InputError with the number of the line."""
    number = 0
    while raw := file.readline(LINE_LIMIT):
        number += 1
        if b"\r" in raw.rstrip(b"\r\n"):
            raise InputError(path, "lines end in CR alone; save the file with LF or CRLF", number)
        if len(raw) == LINE_LIMIT:
            raise InputError(path, f"the line is longer than {LINE_LIMIT} bytes", number)
        try:
            text = decode(path, raw)
        except InputError as error:
            raise InputError(path, error.message, number) from None
        if number == 1:
            _check_separator(text, place)
        yield text


def _check_separator(line: str, place: str) -> None:
    """Raise DataError where something else than commas stands between the names of columns."""
    header = re.sub(r'"[^"]*"', "", line)
    for separator, word in _SEPARATORS.items():
        if separator in header and "," not in header:
            message = f"the columns are separated by {word} ({separator!r}), not by commas"
            hint = "separate columns by commas and write decimals with a point"
            raise DataError([problem(place, 1, message, hint)])


def is_number(text: str) -> bool:
    """Whether a text is a number as a table holds it."""
    return _NUMBER.fullmatch(text) is not None


def _like_data(names: Sequence[str]) -> bool:
    """Whether what should be names of columns is a row of data: numbers, perhaps with gaps."""
    return any(map(is_number, names)) and all(is_number(n) or n in GAPS for n in names)


def _names(cells: list[str], line: int, place: str) -> tuple[str, ...]:
    names = tuple(cell.strip() for cell in cells)
    hint = "line 1 names the columns, such as x1,x2,y"
    if re.match(r"(#|//|%)\s", names[0]) or (len(names) == 1 and names[0].startswith("#")):
        message = f"a comment, {quoted(names[0])}, where the header should be"
        way = "leave out the line, or its sign where the names of the columns follow"
        raise DataError([problem(place, line, message, way)])
    if _like_data(names):
        message = "only numbers, where the header should be"
        raise DataError([problem(place, line, message, HEADER)])
    for position, name in enumerate(names, 1):
        if not name:
            if position == 1:
                hint = "give it one, or leave the column out (in pandas: to_csv(…, index=False))"
            raise DataError([problem(place, line, f"column {position} has no name", hint)])
        if not name.isprintable():
            message = f"the column name {quoted(name)} holds an unprintable character"
            raise DataError([problem(place, line, message, hint)])
        if name in names[: position - 1]:
            message = f"duplicate column: the name {quoted(name)} occurs twice"
            raise DataError([problem(place, line, message, "give each column a name of its own")])
    return names


def _number(cell: str) -> float | tuple[str, str]:
    """The number in a cell, or (message, hint)."""
    text = cell.strip()
    if _NUMBER.fullmatch(text):
        number = float(text)
        if math.isfinite(number):
            return number
        return f"{quoted(text)} is too large: not finite as a 64-bit float", "rescale the column"
    if not text:
        return "the cell is empty, a number is missing", "fill the gap or leave out the row"
    if text.lstrip("+-").lower() in ("nan", "inf", "infinity"):
        return f"{quoted(text)} is not a finite number", "fill the gap or leave out the row"
    hint = "use digits 0-9, a point, and e for an exponent"
    if text in GAPS:
        hint = "fill the gap or leave out the row"
    elif grouped := _THREES.fullmatch(text):
        hint = f"write {text.replace(grouped['mark'], '').replace(',', '.')}"
        if _COMMA.fullmatch(text):
            point = text.replace(",", ".")
            hint += f" if the comma groups digits, {point} if it is the decimal sign"
    elif _COMMA.fullmatch(text):
        hint = "write decimals with a point"
    return f"{quoted(text)} is not a number", hint
