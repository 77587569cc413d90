"""The loss along a step against the gradient: L(theta - t g) for t from 0 on.

A small step follows the tangent L - t |g|^2, a good one reaches the bottom, a large one ends
higher than it began.  The values are those of the package's evaluator, at the numbers of the
spec's example if they show all three, and else at numbers drawn by the first seed that does.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from symnn.derivation.derivation import Derivation
from symnn.derivation.network import Network
from symnn.drawing.drawing import Canvas, Drawing, Label, Path
from symnn.engine.complex_step import draw
from symnn.engine.evaluate import evaluate
from symnn.formulas.runs import text_of
from symnn.formulas.tree import Apply, Glyph, Negative, Norm, Product, Sum, Symbol
from symnn.notes.context import Context
from symnn.notes.figures.abbreviate import phrase, titled
from symnn.notes.figures.plot import Plot, ticks

SAMPLES, SEEDS, POINTS = 4, 12, 121
CLEAR = 0.85  # of the loss: a good step that leaves no more is clear to see
LIMIT = 50_000  # parameters; the figure of a larger network takes too long
WIDTH, HEIGHT = 8.4, 3.0  # cm


@dataclass(frozen=True)
class Profile:
    """The loss at steps along -g.  slope: |g|^2; small, good, large: three of the steps."""

    steps: Any
    losses: Any
    slope: float
    small: float
    good: float
    large: float

    def loss(self, step: float) -> float:
        """The loss at one of the three steps, which are among ``steps``."""
        return float(self.losses[np.argmin(np.abs(self.steps - step))])


def descent(context: Context) -> Drawing | None:
    """The loss along -g with three steps marked; None where no seed shows all three."""
    profile = found_profile(context.derivation)
    if profile is None:
        return None
    canvas, say = Canvas(), context.say
    start, bottom = float(profile.losses[0]), profile.loss(profile.good)
    end = float(profile.steps[-1])
    room = start - bottom
    low, high = bottom - 0.35 * room, max(start, float(profile.losses.max())) + 0.05 * room
    plot = Plot(canvas, (0.0, 0.0), (WIDTH, HEIGHT), (0.0, end), (low, high))
    loss, eta, theta = map(Symbol, ("L", "eta", "theta"))
    step_size = text_of(eta, context.notation)
    lower = Apply(None, loss, Sum((theta, Negative(Product((eta, Glyph("g")))))))
    names = step_size, text_of(lower, context.notation)
    plot.axes(ticks(0.0, end), ticks(max(low, min(bottom, 0.0)), high), names)
    reach = min((start - low) / profile.slope, end)
    foot = plot.at(reach, start - reach * profile.slope)
    canvas.add(Path((plot.at(0.0, start), foot), "tangent"))
    line = Sum((loss, Negative(Product((eta, Norm(Glyph("g")))))))
    text = text_of(line, context.notation)
    canvas.add(Label(foot[0] + 0.12, foot[1] + 0.22, text, "back", "small", "start"))
    plot.curve(profile.steps, profile.losses, "curve")
    for word, step, dx, dy, anchor in (
        ("figure_small", profile.small, 0.18, 0.22, "start"),
        ("figure_good", profile.good, 0.0, 0.38, "middle"),
        ("figure_large", profile.large, -0.2, 0.12, "end"),
    ):
        x, y = plot.mark(step, profile.loss(step))
        text = phrase(say, word, "eta", step_size)
        canvas.add(Label(x + dx, y + dy, text, "ink", "small", anchor))
    return titled(canvas, "descent", say, context.network.name)


@functools.lru_cache(maxsize=1)  # the levels of a page ask for the same one
def found_profile(derivation: Derivation) -> Profile | None:
    """The first clear profile with a small, a good and a large step, else the first one."""
    network = derivation.network
    sizes = network.parameters.values()
    if sum(int(np.prod(shape)) for shape in sizes) > LIMIT:
        return None
    first = None
    with np.errstate(all="ignore"):
        for values in _choices(network):
            found = _profile(derivation, values)
            if found and found.loss(found.good) < CLEAR * found.losses[0]:
                return found
            first = first or found
    return first


def _choices(network: Network) -> Iterator[Mapping[str, Any]]:
    """The numbers of the example, then those of each seed."""
    own = example_numbers(network, numbers(network, 0))
    if own is not None:
        yield own
    yield from (numbers(network, seed) for seed in range(SEEDS))


def numbers(network: Network, seed: int) -> dict[str, Any]:
    """Leaves by name, drawn by seed; nothing is dropped out."""
    values = draw(network.program, np.random.default_rng(seed), {"N": SAMPLES})
    for leaf in network.program.leaves:
        if leaf.role == "mask":
            values[leaf.name] = np.ones_like(values[leaf.name])
        if leaf.role == "hyperparameter":
            values[leaf.name] = np.asarray(network.hyperparameters[leaf.name])
    return values


def example_numbers(network: Network, drawn: Mapping[str, Any]) -> dict[str, Any] | None:
    """The one sample of the spec's example, with its parameters where it names them."""
    example = network.spec.example
    if example is None or example.x is None or example.y is None:
        return None
    one = {leaf.name: drawn[leaf.name] for leaf in network.program.leaves}
    one |= {leaf.name: one[leaf.name][:1] for leaf in network.program.leaves_of("mask")}
    given = {name: np.asarray(v, dtype=float) for name, v in example.parameters.items()}
    return {**one, **given, "x": np.array([example.x]), "y": np.array([example.y])}


def _profile(derivation: Derivation, values: Mapping[str, Any]) -> Profile | None:
    """The profile at these numbers; None if it does not rise again after falling."""
    sweep = derivation.batch
    arrays = evaluate(sweep.program, values)
    names = [t.name for t in sweep.forward.leaves_of("parameter")]
    gradient = {name: arrays[sweep.names[name]] for name in names}
    slope = float(sum(np.sum(g * g) for g in gradient.values()))
    start = float(arrays["L"])
    if not (np.isfinite(slope) and slope > 1e-12 and np.isfinite(start)):
        return None

    def losses(steps: Any) -> Any:
        """The loss at theta - t g for each step t."""
        shifts = {name: -np.multiply.outer(steps, g) for name, g in gradient.items()}
        return evaluate(sweep.forward, values, None, shifts)["L"].real

    coarse = abs(start) / slope * 2.0 ** np.arange(-9, 10)
    at = losses(coarse)
    rises = np.flatnonzero((at[1:] > at[:-1]) & (at[:-1] < start))
    if not rises.size or not rises[0]:
        return None
    near = np.linspace(coarse[rises[0] - 1], coarse[rises[0] + 1], POINTS)
    good = float(near[np.argmin(losses(near))])
    beyond = np.linspace(good, 6 * good, POINTS)
    bottom, heights = float(losses(np.array([good]))[0]), losses(beyond)
    above = np.flatnonzero(heights > start + 0.1 * (start - bottom))
    if not above.size:
        return None
    large, small = float(beyond[above[0]]), good / 5
    steps = np.linspace(0.0, 1.04 * large, POINTS)
    steps = np.sort(np.concatenate([steps, [small, good, large]]))
    shown = losses(steps)
    if not np.isfinite(shown).all():
        return None
    return Profile(steps, shown, slope, small, good, large)
