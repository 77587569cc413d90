"""A pair of axes with curves: what the figures of functions share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from symnn.drawing.drawing import Canvas, Label, Node, Path, Point
from symnn.drawing.mathtext import Text
from symnn.drawing.tikz import number
from symnn.formulas.index import signed_number
from symnn.formulas.runs import text_of
from symnn.formulas.tree import Formula, Negative, Number, Power, Product
from symnn.notation.books import AFFINE


class Plot:
    """Axes at a place of a canvas.

    corner: the lower left one, in cm; size: width and height in cm; x, y: the ranges.
    """

    def __init__(
        self,
        canvas: Canvas,
        corner: Point,
        size: Point,
        x: tuple[float, float],
        y: tuple[float, float],
    ) -> None:
        self.canvas, self.corner, self.size = canvas, corner, size
        self.x, self.y = x, y

    def at(self, x: float, y: float) -> Point:
        """Where a pair of values lies, in cm."""
        (x0, x1), (y0, y1) = self.x, self.y
        return (
            self.corner[0] + (x - x0) / (x1 - x0) * self.size[0],
            self.corner[1] + (y - y0) / (y1 - y0) * self.size[1],
        )

    def axes(self, xs: Sequence[float], ys: Sequence[float], names: tuple[Text, Text]) -> None:
        """Axes at the left and below, ticks at these values, names at their ends.

        Dotted lines show where 0 is, if it lies within.
        """
        left, base = self.corner
        right, top = left + self.size[0], base + self.size[1]
        zero = self.at(0.0, 0.0)
        if self.x[0] < 0:
            self.canvas.add(Path(((zero[0], base), (zero[0], top)), "guide"))
        if self.y[0] < 0:
            self.canvas.add(Path(((left, zero[1]), (right, zero[1])), "guide"))
        self.canvas.add(Path(((left, base), (right + 0.3, base)), "axis"))
        self.canvas.add(Path(((left, base), (left, top + 0.3)), "axis"))
        self.canvas.add(Label(right + 0.4, base, names[0], "soft", "small", "start"))
        self.canvas.add(Label(left, top + 0.5, names[1], "soft", "small"))
        for v in xs:
            x, _ = self.at(v, self.y[0])
            self.canvas.add(Path(((x, base), (x, base - 0.08)), "tick"))
            self.canvas.add(Label(x, base - 0.28, _shown(v), "soft", "small"))
        for v in ys:
            _, y = self.at(self.x[0], v)
            self.canvas.add(Path(((left, y), (left - 0.08, y)), "tick"))
            self.canvas.add(Label(left - 0.16, y, _shown(v), "soft", "small", "end"))

    def curve(self, xs: Any, ys: Any, kind: str, jumps: bool = False) -> None:
        """A curve through points, broken where it leaves the range or is not a number.

        jumps: whether it may be broken by a step, too.
        """
        step = 0.05 * (self.y[1] - self.y[0]) if jumps else math.inf
        piece: list[Point] = []
        before = math.nan
        for x, y in zip(map(float, xs), map(float, ys), strict=True):
            drawn = math.isfinite(y) and self.y[0] - 1e-9 <= y <= self.y[1] + 1e-9
            if not drawn or abs(y - before) > step:
                self._piece(piece, kind)
                piece = []
            if drawn:
                piece.append(self.at(x, y))
            before = y
        self._piece(piece, kind)

    def _piece(self, piece: list[Point], kind: str) -> None:
        if len(piece) > 1:
            self.canvas.add(Path(tuple(_thinned(piece)), kind))

    def mark(self, x: float, y: float, kind: str = "mark") -> Point:
        """A dot; where it lies."""
        place = self.at(x, y)
        self.canvas.add(Node(*place, 0.07, kind=kind))
        return place


def _thinned(points: list[Point], off: float = 0.002) -> list[Point]:
    """Fewer points: those left out lie within ``off`` cm of the lines between the others."""
    out, start = points[:1], 0
    for k in range(2, len(points)):
        (ax, ay), (bx, by) = points[start], points[k]
        length = math.hypot(bx - ax, by - ay) or 1.0
        far = (abs((bx - ax) * (y - ay) - (by - ay) * (x - ax)) for x, y in points[start + 1 : k])
        if max(far) > off * length:
            start = k - 1
            out.append(points[start])
    return [*out, points[-1]]


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round values between two bounds: multiples of 1, 2 or 5 times a power of ten."""
    unit = 10.0 ** math.floor(math.log10((high - low) / most))
    step = next(m * unit for m in (1, 2, 5, 10) if (high - low) / (m * unit) <= most)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(k * step, 12) for k in range(first, last + 1)]


def _shown(value: float) -> Text:
    """A number, four digits at most."""
    size = f"{abs(value):.4g}"
    found: Formula = Number(size)
    if value and not 1e-3 <= abs(value) < 1e5:
        mantissa, exponent = f"{abs(value):.2e}".split("e")
        power = Power(Number("10"), signed_number(int(exponent)))
        found = Product((Number(number(float(mantissa))), power), "dot")
    return text_of(Negative(found) if value < 0 else found, AFFINE)
