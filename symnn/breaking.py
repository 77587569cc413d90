"""What is too wide: where a long formula is broken, and what is scaled down."""

from __future__ import annotations

import re

from symnn.printers.texts import visible

WIDTH = 68  # of a right side on a page, in characters
LEFT = 10  # of the column of left sides
# what opens and closes brackets, and the signs before which a line is broken
CLOSING = frozenset({")", "]", "}", r"\rVert", r"\rvert"})
BREAKS = frozenset({"+", "-", r"\odot", r"\circ", "*"})
SIGNS = re.compile(r"[([{)\]}]|\\[lr][vV]ert(?![A-Za-z])| (?:[-+*]|\\odot|\\circ)(?= )")


def room(left: str, width: int = WIDTH) -> int:
    """The width of a right side, beside a left side that may be wider than its column."""
    return width - max(0, visible(left) - LEFT)


def broken(tex: str, limit: int = WIDTH) -> tuple[str, ...]:
    """A long right side over several lines, broken before a sign outside all brackets."""
    if visible(tex) <= limit:
        return (tex,)
    parts, depth, start = [], 0, 0
    for found in SIGNS.finditer(tex):
        sign, k = found[0], found.start()
        if sign.strip() in CLOSING:
            depth -= 1
        elif sign.strip() not in BREAKS:
            depth += 1
        elif depth == 0:
            parts.append(tex[start:k])
            start = k
    parts.append(tex[start:])
    lines = [parts[0]]
    for part in parts[1:]:
        if visible(lines[-1] + part) <= limit:
            lines[-1] += part
        else:
            lines.append("{}" + part.strip())
    return tuple(lines)


def fitted(tex: str) -> str:
    """TeX in a box, scaled down if it is wider than the text."""
    return f"\\resizebox{{\\ifdim\\width>\\linewidth\\linewidth\\else\\width\\fi}}{{!}}{{%\n{tex}}}"
