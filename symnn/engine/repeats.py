"""Layers that differ in their number alone: their lines have one signature, and make runs."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping, Sequence

from symnn.engine.ir import Line, Tensor, name_of

# a number in the name of a tensor or an axis, not in that of a function, act_2(z_3[n,j3])
_NUMBERED = re.compile(r"(?<![A-Za-z])(?P<name>(?!beta_)[A-Za-z]+_|j)(?P<number>\d+)(?!\w*\()")
_NAMED = re.compile(r"[A-Za-z]\w*(?!\w*\()")  # the same with names as a whole


def layer_of(name: str) -> int | None:
    """The layer number in a tensor's name; None if it has none."""
    found = _NUMBERED.match(name)
    return int(found["number"]) if found else None


def line_layer(line: Line) -> int | None:
    """The layer of the units that a line has, or else the one in its name.

    They differ where dropout, which has numbers of its own, does not stand at every layer.
    """
    found = (a.layer for a in line.lhs.axes)
    return next((k for k in found if k is not None), line.lhs.layer)


def signature(line: Line, layer: int, tensors: Mapping[str, Tensor]) -> str:
    """A line's text with the numbers of layers relative to ``layer``.

    Lines of two layers with one signature are the same but for the layer, sizes apart.
    """
    names = {a.name: _relative(a.name, a.layer, layer) for a in line.axes}
    for name in (line.lhs.name, *map(name_of, line.reads)):
        t = tensors.get(name)
        names[name] = _relative(name, t.layer if t else None, layer)
    return _NAMED.sub(lambda m: names.get(m[0], m[0]), str(line))


def _relative(name: str, own: int | None, layer: int) -> str:
    return name if own is None else name.replace(str(own), f"{own - layer:+d}", 1)


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
