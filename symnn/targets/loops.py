"""Loops over equal layers: rows of code that differ in a layer's number alone become one.

z_2 = W_2.dot(a_1)                 for k in range(2, 4):
z_3 = W_3.dot(a_2)      ->             z[k] = W[k].dot(a[k - 1])
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from symnn.engine.repeats import runs
from symnn.targets.wrapping import comment

LEAST = 3  # fewer equal layers are written out
# a numbered name with its suffixes: W_2, a_1_one, dz_3_T_bits
NAME = re.compile(r"\b(?P<base>[A-Za-z]+)_(?P<number>\d+)(?P<suffix>(?:_one|_T|_bits)*)\b")
ITEM = re.compile(r"\b(?P<list>UNITS|stored|slopes|offsets|errors)\[(?P<number>\d+)\]")
POOL = re.compile(r"\bpools\[(?P<number>\d+)\]")
INDEX = re.compile(r"(?P<name>\b(?:[A-Za-z]+_|j))(?P<number>\d+)(?!\w*\()")  # no function's


@dataclass(frozen=True)
class Row:
    """Statements of one layer (None: of none); ``comment``: the lines they compute."""

    layer: int | None
    code: tuple[str, ...]
    comment: tuple[str, ...] = ()


@dataclass(frozen=True)
class Language:
    """How a comment and a loop are written; loop: over k from first to last, and how it ends."""

    comment: str
    up: str
    down: str
    end: tuple[str, ...] = ()


PYTHON = Language("# {}", "for k in range({}, {}):", "for k in range({}, {}, -1):")
C = Language(
    "/* {} */",
    "for (size_t k = {}; k != {}; k++) {{",
    "for (size_t k = {}; k != {}; k--) {{",
    ("}",),
)


@dataclass(frozen=True)
class Folded:
    """The rows as text; ``names``: the lists, by base and suffix, that numbered names are in."""

    text: tuple[str, ...]
    names: tuple[str, ...] = ()


def has_loops(rows: Iterable[Row], plain: Collection[str] = ()) -> bool:
    """Whether some layers are equal.  plain: numbered names that are not in lists."""
    return any(length > 1 for _, length in equal(list(rows), plain))


def folded(
    rows: Iterable[Row],
    plain: Collection[str] = (),
    loops: bool = True,
    language: Language = PYTHON,
    width: int = 1000,
    broken: Callable[[str, int], str] = lambda code, indent: code,
) -> Folded:
    """The rows as text, with loops where layers are equal; without ``loops`` as they are.

    width: columns of a comment.  broken: statement, columns before it -> its text.
    """
    lists: dict[str, None] = {}
    text: list[str] = []

    def write(comments: Iterable[str], code: Iterable[str], pad: str = "") -> None:
        for line in comments:
            text.extend(pad + language.comment.format(t) for t in comment(line, width - len(pad)))
        for c in code:
            text.extend(pad + t for t in broken(c, len(pad)).split("\n"))

    for block, length in equal(list(rows), plain) if loops else [(list(rows), 1)]:
        if length == 1:
            for row in block:
                code = [item(c, plain, lists) for c in row.code] if loops else row.code
                write(row.comment, code)
            continue
        first, last = block[0].layer, block[-1].layer
        assert first is not None and last is not None
        down = last < first
        head = language.down if down else language.up
        text.append(head.format(first, last - 1 if down else last + 1))
        for row in block[: len(block) // length]:
            code = [item(c, plain, lists, first) for c in row.code]
            write([general(c, first) for c in row.comment], code, "    ")
        text += language.end
    return Folded(tuple(text), tuple(lists))


def equal(rows: Sequence[Row], plain: Collection[str]) -> list[tuple[list[Row], int]]:
    """(rows, number of equal layers in them), in order."""
    blocks = [list(group) for _, group in groupby(rows, key=lambda r: r.layer)]
    keys = [(b[0].layer, _signature(b, plain)) for b in blocks]
    found = dict(runs(keys, LEAST))
    out, k = [], 0
    while k < len(blocks):
        length = found.get(k, 1)
        out.append(([row for b in blocks[k : k + length] for row in b], length))
        k += length
    return out


def _signature(block: Sequence[Row], plain: Collection[str]) -> tuple[str, ...]:
    """The rows with numbers relative to the layer's."""
    layer = block[0].layer
    if layer is None:
        return ()
    out = []
    for row in block:
        out += [item(c, plain, {}, layer) for c in row.code]
        out += [general(c, layer) for c in row.comment]
    return tuple(out)


def item(
    code: str, plain: Collection[str], lists: dict[str, None], layer: int | None = None
) -> str:
    """Code with numbered names as items of lists; counted from k = ``layer`` in a loop."""

    def name(m: re.Match[str]) -> str:
        if m[0] in plain:
            return m[0]
        base = m["base"] + m["suffix"]
        lists[base] = None
        return f"{base}[{_relative(int(m['number']), layer)}]"

    def pool(m: re.Match[str]) -> str:
        number = int(m["number"])
        if layer is None or (number - layer) % 2:
            return m[0]
        return f"pools[k % 2{f' + {number - layer % 2}' if number > 1 else ''}]"

    code = ITEM.sub(lambda m: f"{m['list']}[{_relative(int(m['number']), layer)}]", code)
    return NAME.sub(name, POOL.sub(pool, code))


def _relative(number: int, layer: int | None) -> str:
    if layer is None:
        return str(number)
    difference = number - layer
    return "k" if not difference else f"k {'+' if difference > 0 else '-'} {abs(difference)}"


def general(text: str, layer: int) -> str:
    """A line of the derivation for the layer k: z_3[n,j3] -> z_k[n,jk]."""

    def index(m: re.Match[str]) -> str:
        number = _relative(int(m["number"]), layer).replace(" ", "")
        return m["name"] + (number if number == "k" else f"({number})")

    return INDEX.sub(index, text)
