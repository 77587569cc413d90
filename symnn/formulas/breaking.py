"""What is too wide: where a long formula is broken, and what is scaled down."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from symnn.formulas import tree
from symnn.formulas.tex import Printer
from symnn.formulas.tree import Formula
from symnn.formulas.width import width

WIDTH = 68  # of a right side on a page, in characters
LEFT = 10  # of the column of left sides
# relations, terms, products by components, products of matrices: the loosest first
LEVELS = range(4)
DEPTH = 3  # breaks stand outside brackets, or else within one or two of them
# a break within a product or brackets must leave no line longer than this part of the whole
SHORTER = 0.955

Cut = tuple[Formula, Formula]


def room(left: int, limit: int = WIDTH) -> int:
    """The width of a right side, beside a left side that may be wider than its column."""
    return limit - max(0, left - LEFT)


class Breaker:
    """Breaks right sides that are wider than a limit."""

    def __init__(self, printer: Printer, limit: int = WIDTH) -> None:
        self.print, self.limit = printer, limit

    def width(self, f: Formula) -> int:
        """The width of a formula."""
        return width(f, self.print.notation)

    def broken(self, f: Formula) -> tuple[Formula, ...]:
        """A long right side over several lines, broken at the loosest places that help."""
        whole = self.width(f)
        if whole <= self.limit:
            return (f,)
        for depth in range(DEPTH):
            for level in LEVELS:
                lines = self.lines(f, level, depth)
                # without a short factor, or what ends a bracket, a matrix would be about as long
                most = SHORTER * whole if depth or level == LEVELS[-1] else math.inf
                if len(lines) > 1 and max(map(self.width, lines)) < most:
                    return tuple(piece for line in lines for piece in self.broken(line))
        return (f,)

    def lines(self, rest: Formula, level: int, depth: int) -> list[Formula]:
        """The formula on as few lines as cuts of one kind and the limit allow."""
        lines = []
        while self.width(rest) > self.limit:
            found: Cut | None = None
            for cut in self.cuts(rest, level, depth):
                if found and self.width(cut[0]) > self.limit:
                    break
                found = cut
            if found is None:
                break
            lines.append(found[0])
            rest = found[1]
        return [*lines, rest]

    def cuts(self, f: Formula, level: int, depth: int) -> Iterator[Cut]:
        """What stands before and after each place where a line may end, from left to right.

        depth: the number of brackets around it.
        """
        match f:
            case tree.Relations() | tree.Sum() | tree.Product():
                yield from self.cuts_of_parts(f, level, depth)
            case tree.Group() if depth and not isinstance(tree.core(f.arg), tree.Matrix):
                opens, closes = self.print.pair(f)
                half = tree.Half(opens, f.arg, closes, tall=opens.startswith("\\left"))
                yield from self.cuts(half, level, depth)
            case tree.Half() if depth:
                end, begin = (r" \right.", r"\left. ") if f.tall else ("", "")
                for left, right in self.cuts(f.arg, level, depth - 1):
                    yield replace(f, arg=left, right=end), replace(f, left=begin, arg=right)
            case tree.Apply() if depth:
                for left, right in self.cuts(tree.Group(f.arg), level, depth):
                    yield tree.Joined((f.symbol, left)), right
            case tree.Joined() if depth:
                *before, last = f.items
                for left, right in self.cuts(last, level, depth):
                    yield replace(f, items=(*before, left)), right
            case tree.Power() if depth:
                for left, right in self.cuts(f.base, level, depth):
                    yield left, replace(f, base=right)
            case tree.Transpose() if depth:
                for left, right in self.cuts(f.arg, level, depth):
                    yield left, replace(f, arg=right)
            case tree.BigSum() | tree.Extreme():
                for left, right in self.cuts(f.body, level, depth):
                    yield replace(f, body=left), right
            case tree.Negative() | tree.Continued():
                for left, right in self.cuts(f.arg, level, depth):
                    yield replace(f, arg=left), right
            case tree.Lettered():
                other = Breaker(Printer(f.notation), self.limit)
                for left, right in other.cuts(f.arg, level, depth):
                    yield replace(f, arg=left), replace(f, arg=right)

    def cuts_of_parts(
        self, f: tree.Relations | tree.Sum | tree.Product, level: int, depth: int
    ) -> Iterator[Cut]:
        """The cuts between the parts of a formula, and those within each part."""
        parts: tuple[Formula, ...] = getattr(f, PARTS[type(f)])
        for k, part in enumerate(parts):
            if k and not depth and (sign := self.sign(f, k, level)):
                own = part.arg if isinstance(part, tree.Negative) else part
                rest = _some(f, k, (own, *parts[k + 1 :]))
                yield _some(f, 0, parts[:k]), tree.Continued(sign, rest)
            for left, right in self.cuts(part, level, depth):
                yield _some(f, 0, (*parts[:k], left)), _some(f, k, (right, *parts[k + 1 :]))

    def sign(self, f: tree.Relations | tree.Sum | tree.Product, k: int, level: int) -> str:
        """What stands before the k-th part, if it is of that level."""
        match f, level:
            case tree.Relations(), 0:
                return f.signs[k - 1]
            case tree.Sum(), 1:
                return "-" if isinstance(f.terms[k], tree.Negative) else "+"
            case tree.Product(kind="hadamard" | "oslash"), 2:
                return self.print.kind(f.kind).strip()
            case tree.Product(kind="plain"), 3:
                # a short factor stays with its matrix
                short = (
                    isinstance(f.factors[k - 1], tree.Number) or self.width(f.factors[k - 1]) == 1
                )
                return "" if short or not self.matrix(f.factors[k]) else r"\cdot"
        return ""

    def matrix(self, f: Formula) -> bool:
        """Whether a factor begins with a matrix, or with brackets that are as tall as one."""
        while isinstance(f, tree.Product | tree.Power | tree.Transpose):
            f = next(f.parts)
        return isinstance(f, tree.Matrix) or (isinstance(f, tree.Group) and self.print.tall(f.arg))


PARTS = {tree.Relations: "items", tree.Sum: "terms", tree.Product: "factors"}


def _some(
    f: tree.Relations | tree.Sum | tree.Product, first: int, parts: tuple[Formula, ...]
) -> Formula:
    """The same of some parts, of which the first was the so-manieth."""
    match f:
        case tree.Relations():
            return tree.Relations(parts, f.signs[first : first + len(parts) - 1])
        case tree.Sum():
            return tree.Sum(parts)
    return tree.Product(parts, f.kind)


def fitted(tex: str) -> str:
    """TeX in a box, scaled down if it is wider than the text."""
    return f"\\resizebox{{\\ifdim\\width>\\linewidth\\linewidth\\else\\width\\fi}}{{!}}{{%\n{tex}}}"
