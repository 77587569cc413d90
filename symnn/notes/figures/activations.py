"""Each activation with its derivative, as it was found; the largest slope is marked."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import sympy as sp

from symnn.drawing.drawing import NOTHING, Canvas, Drawing, Label, Path
from symnn.drawing.mathtext import Text
from symnn.engine.evaluate import Evaluator
from symnn.engine.functions import A, Function, X, found_derivative, function_class
from symnn.engine.ir import Line, Tensor, Term, axis
from symnn.formulas.runs import text_of
from symnn.formulas.tree import Formula, Glyph, Relations, Scripts, Symbol
from symnn.notation.books import AFFINE
from symnn.notes.context import Context, functions
from symnn.notes.figures.abbreviate import measure, titled
from symnn.notes.figures.plot import Plot, ticks

REACH, POINTS = 5.0, 401  # the arguments -REACH .. REACH
WIDTH, HEIGHT = 6.0, 2.5  # of a panel, in cm
HIGHEST = 2.5  # the values -HIGHEST .. HIGHEST are drawn


def used(context: Context) -> list[Function]:
    """The activations of the network's layers, in order of appearance."""
    return functions(x for x in context.forward.lines if x.lhs.layer is not None)


def activations(context: Context, rows: Sequence[Function] | None = None) -> Drawing | None:
    """A panel for each function, two side by side; None if there is no function."""
    rows = used(context) if rows is None else rows
    if not rows:
        return None
    canvas = Canvas()
    columns = 2 if max(measure(_text(Glyph(row.tex))) for row in rows) < 2 else 1
    x = text_of(Symbol("x"), context.notation)
    for k, row in enumerate(rows):
        across, down = k % columns, k // columns
        _panel(canvas, (across * (WIDTH + 1.7), -down * (HEIGHT + 1.9)), row, x)
    return titled(canvas, "activation", context.say, context.network.name)


def values(f: sp.Expr, xs: Any) -> Any:
    """An expression in X at points, by the package's evaluator; nan where it has no value."""
    points = axis("i", len(xs))
    x = Tensor("x", (points,), "input")
    line = Line(Tensor("y", (points,)), (Term(f.xreplace({X: x.entry})),))
    with np.errstate(all="ignore"):
        return Evaluator([x], {"x": np.asarray(xs, dtype=float)}).line(line)[0]


def slope(row: Function) -> sp.Expr:
    """The derivative of a row as it was found, in X."""
    return found_derivative(row)[0].xreplace({A: function_class(row)(X)})


@functools.cache
def steepest(row: Function) -> tuple[float | None, float] | None:
    """The largest value of the derivative, after the place nearest to 0 that has it.

    The place is None for a plateau, as of relu.  None altogether if there is no largest value,
    or none that is attained near 0, as for softplus.
    """
    xs = np.linspace(-REACH, REACH, 4001)
    ys = values(slope(row), xs)
    wide = values(slope(row), np.linspace(-10 * REACH, 10 * REACH, 4001))
    if not np.isfinite(ys).all() or not np.isfinite(wide).all():
        return None
    top = float(ys.max())
    best = min(np.flatnonzero(ys >= top - 1e-12), key=lambda k: abs(xs[k]))
    around = ys[max(0, best - 40) : best + 41]
    if len(around) < 81 or wide.max() > top + 1e-6:
        return None
    alone = max(around[0], around[-1]) < top - 1e-6
    return (round(float(xs[best]), 3) if alone else None), top


def bound(value: float) -> str:
    """A number that is not less: 1/4 where the value is such a fraction, else three digits."""
    exact = sp.Rational(value).limit_denominator(12)
    if abs(float(exact) - value) < 1e-9:
        return str(exact)
    return f"{math.ceil(value * 1000) / 1000:.3f}"


def _panel(canvas: Canvas, corner: tuple[float, float], row: Function, name: Text) -> None:
    """One function, solid, and its derivative, dashed; their names stand above."""
    xs = np.linspace(-REACH, REACH, POINTS)
    ys, primes = values(function_class(row)(X), xs), values(slope(row), xs)
    both = np.concatenate([ys, primes])
    both = np.clip(both[np.isfinite(both)], -HIGHEST, HIGHEST)
    low, high = min(0.0, float(both.min())), max(0.0, float(both.max()))
    room = 0.06 * (high - low)
    low, high = low - room * (-HIGHEST < low < 0), high + room * (high < HIGHEST)
    plot = Plot(canvas, corner, (WIDTH, HEIGHT), (-REACH, REACH), (low, high))
    plot.axes([-4, -2, 0, 2, 4], ticks(low, high), (name, NOTHING))
    jumps = slope(row).has(sp.Piecewise, sp.sign)
    plot.curve(xs, primes, "derivative", jumps)
    plot.curve(xs, ys, "curve", jumps)
    function = Glyph(row.tex)
    prime: Formula = Scripts(function, above=(Glyph(r"\prime"),))
    peak = steepest(row)
    if peak:
        at, top = peak
        prime = Relations((prime, Glyph(bound(top))), (r"\le",))
        if at is not None:
            canvas.add(Path((plot.at(-REACH, top), plot.at(at, top)), "guide"))
            plot.mark(at, top, "peak")
    x, y = corner[0], corner[1] + HEIGHT + 0.65
    for kind, ink, f in (("curve", "accent", function), ("derivative", "back", prime)):
        canvas.add(Path(((x, y), (x + 0.7, y)), kind))
        canvas.add(Label(x + 0.85, y, _text(f), ink, "small", "start"))
        x += measure(_text(f)) + 1.5


def _text(f: Formula) -> Text:
    return text_of(f, AFFINE)
