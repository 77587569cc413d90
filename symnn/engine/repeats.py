"""Equal blocks of a program, folded: layers that differ in their number alone are one block.

z_2, a_2, z_3, a_3, z_4, a_4   ->   for k = 2 .. 4: z_k, a_k
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Sequence
from itertools import groupby

from symnn.engine.ir import Item, Line, Repeat

# a number in the name of a tensor or an axis, not in that of a function, act_2(z_3[n,j3])
_NUMBERED = re.compile(r"(?<![A-Za-z])(?P<name>(?!beta_)[A-Za-z]+_|j)(?P<number>\d+)(?!\w*\()")


def layer_of(name: str) -> int | None:
    """The layer number in a tensor's name; None if it has none."""
    found = _NUMBERED.match(name)
    return int(found["number"]) if found else None


def line_layer(line: Line) -> int | None:
    """The layer of the units that a line has, or else the one in its name.

    They differ where dropout, which has numbers of its own, does not stand at every layer.
    """
    found = [layer_of(a.name) for a in line.lhs.axes]
    return next((k for k in found if k is not None), layer_of(line.lhs.name))


def signature(text: str, layer: int) -> str:
    """A line's text with every layer number given relative to ``layer``."""
    return _NUMBERED.sub(lambda m: f"{m['name']}{int(m['number']) - layer:+d}", text)


def line_signature(line: Line, layer: int, sizes: bool = True) -> tuple[Hashable, ...]:
    """What must agree for two lines to be the same up to their layer's number."""
    shape = tuple(str(a.size) for a in line.axes) if sizes else ()
    return signature(str(line), layer), line.why, shape


def runs(keys: Sequence[tuple[int | None, Hashable]], least: int = 2) -> list[tuple[int, int]]:
    """The maximal runs (start, length) of equal keys whose layers go up, or down, by one.

    keys: (layer, what must agree).  Runs shorter than ``least`` are not reported.
    """
    out, start = [], 0
    while start < len(keys):
        end = start + 1
        step = 0
        while end < len(keys):
            (before, key), (after, other) = keys[end - 1], keys[end]
            if before is None or after is None or key != other or abs(after - before) != 1:
                break
            if step not in (0, after - before):
                break
            step = after - before
            end += 1
        if end - start >= least:
            out.append((start, end - start))
        start = end
    return out


def fold(items: Iterable[Item], least: int = 2) -> tuple[Item | Repeat, ...]:
    """Items with every run of at least ``least`` equal blocks as one Repeat."""
    blocks = [list(group) for _, group in groupby(items, key=_block)]
    keys = [_key(block) for block in blocks]
    found = dict(runs(keys, least))
    out: list[Item | Repeat] = []
    k = 0
    while k < len(blocks):
        length = found.get(k, 1)
        if length > 1:
            first, last = keys[k][0], keys[k + length - 1][0]
            assert first is not None and last is not None
            lines = tuple(item for item in blocks[k] if isinstance(item, Line))
            out.append(Repeat(lines, first, last))
        else:
            out += blocks[k]
        k += length
    return tuple(out)


def _block(item: Item) -> Hashable:
    """Neighbouring lines of one layer make a block; anything else stands alone."""
    layer = layer_of(item.lhs.name) if isinstance(item, Line) else None
    return layer if layer is not None else id(item)


def _key(block: Sequence[Item]) -> tuple[int | None, Hashable]:
    head = block[0]
    layer = layer_of(head.lhs.name) if isinstance(head, Line) else None
    if layer is None:
        return None, None
    lines = [item for item in block if isinstance(item, Line)]
    return layer, tuple(line_signature(line, layer) for line in lines)
