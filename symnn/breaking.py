"""What is too wide: where a long formula is broken, and what is scaled down."""

from __future__ import annotations

import re

from symnn.printers.texts import visible

WIDTH = 68  # of a right side on a page, in characters
LEFT = 10  # of the column of left sides
# what opens and closes brackets, and the signs before which a line is broken, the loosest first
CLOSING = frozenset({")", "]", "}", r"\rVert", r"\rvert"})
BREAKS = (frozenset({"=", r"\approx"}), frozenset({"+", "-", r"\odot", r"\circ", "*"}))
SIGNS = re.compile(r"[([{)\]}]|\\[lr][vV]ert(?![A-Za-z])| (?:[-+*=]|\\odot|\\circ|\\approx)(?= )")


def room(left: str, width: int = WIDTH) -> int:
    """The width of a right side, beside a left side that may be wider than its column."""
    return width - max(0, visible(left) - LEFT)


def broken(tex: str, limit: int = WIDTH) -> tuple[str, ...]:
    """A long right side over several lines, broken before the loosest signs of BREAKS."""
    if visible(tex) <= limit:
        return (tex,)
    ways = (_split(tex, signs) for signs in BREAKS)
    first, *rest = next((parts for parts in ways if len(parts) > 1), [tex])
    if not rest:
        return (tex,)
    lines = [first]
    for part in rest:
        if visible(lines[-1] + part) <= limit:
            lines[-1] += part
        else:
            lines.append("{}" + part.strip())
    return tuple(piece for line in lines for piece in broken(line, limit))


def _split(tex: str, signs: frozenset[str]) -> list[str]:
    """The parts of a formula, each from one of these signs outside all brackets to the next."""
    parts, depth, start = [], 0, 0
    for found in SIGNS.finditer(tex):
        sign, k = found[0].strip(), found.start()
        if sign in CLOSING:
            depth -= 1
        elif not any(sign in level for level in BREAKS):
            depth += 1
        elif depth == 0 and sign in signs:
            parts.append(tex[start:k])
            start = k
    return [*parts, tex[start:]]


def fitted(tex: str) -> str:
    """TeX in a box, scaled down if it is wider than the text."""
    return f"\\resizebox{{\\ifdim\\width>\\linewidth\\linewidth\\else\\width\\fi}}{{!}}{{%\n{tex}}}"
