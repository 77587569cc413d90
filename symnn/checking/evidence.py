"""What lets a line of the notes carry a tick: it was evaluated, and it held.

Of a large network a twin is evaluated: the same network with fewer inputs and hidden units.
A line gets a tick only if the twin's is the same line, its sizes apart.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from weakref import WeakKeyDictionary

import numpy as np

from symnn.checking.verify import SAMPLES, Sweep
from symnn.derivation.any_depth import LAYERS, size
from symnn.derivation.derivation import Derivation, derive
from symnn.derivation.network import Network
from symnn.derivation.sweeps import Derived
from symnn.engine.complex_step import H
from symnn.engine.ir import Line
from symnn.nn.layers import Dense

POINTS = 3  # random points at which a line is evaluated
LARGE, WIDTH = 5_000, 6  # parameters above which a twin of this width is evaluated
LEAST = -14  # exponent of ten; smaller errors are rounding, which no two machines share


class Evidence:
    """Evaluates lines of a sweep on demand.

    sweep: of ``derivation``; kind: its name there, such as "sample".
    """

    def __init__(self, derivation: Derivation, kind: str) -> None:
        self.sweep: Derived = getattr(derivation, kind)
        self.errors: dict[Line, float | None] = {}
        self.width: int | None = None
        evaluated = derivation
        if not derivation.network.count and parameters(derivation.network) > LARGE:
            evaluated, self.width = derive(twin(derivation.network)), WIDTH
        other: Derived = getattr(evaluated, kind)
        self.lines = {
            own.after: its.after
            for own, its in zip(self.sweep.steps, other.steps, strict=False)
            if own.rule == its.rule and str(own.after) == str(its.after)
        }
        sizes = {} if kind in ("sample", "scalar") else {"N": SAMPLES}
        if derivation.network.count:
            sizes |= {size(k).name: WIDTH - k % 3 for k in range(LAYERS + 1)}
        rngs = map(np.random.default_rng, range(POINTS))
        self.points = [Sweep(other, rng, sizes) for rng in rngs]

    def error(self, line: Line) -> float | None:
        """The largest error of the line, that of a step, relative to the largest entry.

        None unless the line held at every point.
        """
        if line not in self.errors:
            self.errors[line] = self._error(line)
        return self.errors[line]

    def _error(self, line: Line) -> float | None:
        if line not in self.lines or line.lhs.wrt is None:
            return None
        found = [point.check(self.lines[line]) for point in self.points]
        return max(v.relative for v in found) if all(v.ok for v in found) else None


_KEPT: WeakKeyDictionary[Derivation, dict[str, Evidence]] = WeakKeyDictionary()


def evidence(derivation: Derivation, kind: str) -> Evidence:
    """What evaluates the lines of a sweep, by its name in the derivation; kept with it."""
    kept = _KEPT.setdefault(derivation, {})
    if kind not in kept:
        kept[kind] = Evidence(derivation, kind)
    return kept[kind]


def words(errors: Iterable[float]) -> dict[str, object]:
    """What the footnote is filled in with, for the errors of the lines that got a tick."""
    largest = max(errors, default=0.0)
    bound = max(LEAST, math.floor(math.log10(largest)) + 1) if largest else LEAST
    step = round(math.log10(H))
    return {"points": POINTS, "bound": f"10^{{{bound}}}", "h": f"10^{{{step}}}"}


def parameters(network: Network) -> int:
    """The number of parameters."""
    return sum(math.prod(shape) for shape in network.parameters.values())


def twin(network: Network) -> Network:
    """The network with at most WIDTH inputs and units of hidden layers."""
    spec = network.spec
    last = max(k for k, layer in enumerate(spec.layers) if isinstance(layer, Dense))
    layers = tuple(
        replace(layer, units=min(layer.units, WIDTH))
        if isinstance(layer, Dense) and k != last
        else layer
        for k, layer in enumerate(spec.layers)
    )
    model = replace(spec.model, inputs=min(spec.model.inputs, WIDTH))
    return Network.from_spec(replace(spec, model=model, layers=layers, example=None))
