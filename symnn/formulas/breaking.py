"""What is too wide: where a long formula is broken, and what is scaled down."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from symnn.formulas.width import visible

WIDTH = 68  # of a right side on a page, in characters
LEFT = 10  # of the column of left sides
PRODUCT = ""  # the sign of a product of matrices
LEVELS = (  # the signs before which a line is broken, the loosest first
    frozenset({"=", r"\approx"}),
    frozenset({"+", "-"}),
    frozenset({r"\odot", r"\oslash", r"\circ", "*"}),
    frozenset({PRODUCT}),
)
DEPTH = 3  # a formula is broken within two brackets at most, where nothing outside them helps
SHORTER = 0.955  # by a break within a product or brackets, lines become at most so long
ROUND = frozenset({"(", "[", r"\left(", r"\left[", r"\left."})
TOKENS = re.compile(
    r"(?P<opens>\\left(?:\\[A-Za-z]+|[^A-Za-z])|\\begin\{[a-z]+\}|\\l[vV]ert(?![A-Za-z])|[([{])"
    r"|(?P<closes>\\right(?:\\[A-Za-z]+|[^A-Za-z])|\\end\{[a-z]+\}|\\r[vV]ert(?![A-Za-z])|[)\]}])"
    r"| (?P<sign>[-+=*]|\\(?:odot|oslash|circ|approx))(?= )"
    r"| (?=\\begin\{pmatrix|\\left[(\[])(?<=[})] )"
)


@dataclass(frozen=True)
class Break:
    """The space before a sign, within so many brackets that are as tall as what they hold."""

    at: int
    sign: str
    tall: int


def room(left: str, width: int = WIDTH) -> int:
    """The width of a right side, beside a left side that may be wider than its column."""
    return width - max(0, visible(left) - LEFT)


def broken(tex: str, limit: int = WIDTH) -> tuple[str, ...]:
    """A long right side over several lines, broken before the loosest signs of LEVELS."""
    if visible(tex) <= limit:
        return (tex,)
    for depth in range(DEPTH):
        for signs in LEVELS:
            lines = _lines(tex, _breaks(tex, signs, depth), limit)
            # without a short factor, or what ends a bracket, a matrix would be about as long
            most = SHORTER * visible(tex) if depth or PRODUCT in signs else math.inf
            if len(lines) > 1 and max(map(visible, lines)) < most:
                return tuple(piece for line in lines for piece in broken(line, limit))
    return (tex,)


def _breaks(tex: str, signs: frozenset[str], depth: int) -> list[Break]:
    """Where one of these signs stands, so many round or square brackets deep."""
    found = []
    within: list[str] = []
    for token in TOKENS.finditer(tex):
        sign = token["sign"] or PRODUCT
        if token["opens"]:
            within.append(token["opens"])
        elif token["closes"]:
            within = within[:-1]
        elif sign in signs and len(within) == depth and set(within) <= ROUND:
            tall = sum(opening.startswith(r"\left") for opening in within)
            found.append(Break(token.start(), sign, tall))
    return found


def _lines(tex: str, breaks: list[Break], limit: int) -> list[str]:
    """The formula on as few lines as these breaks and the limit allow."""
    lines, head, start = [], "", 0
    for here, end in zip(breaks, [*(b.at for b in breaks), len(tex)][1:], strict=True):
        if visible(head + tex[start:end]) > limit:
            lines.append(head + tex[start : here.at] + r" \right." * here.tall)
            times = r"\cdot " if here.sign == PRODUCT else ""
            head, start = r"\left. " * here.tall + "{}" + times, here.at + 1
    return [*lines, head + tex[start:]]


def fitted(tex: str) -> str:
    """TeX in a box, scaled down if it is wider than the text."""
    return f"\\resizebox{{\\ifdim\\width>\\linewidth\\linewidth\\else\\width\\fi}}{{!}}{{%\n{tex}}}"
