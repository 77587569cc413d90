"""What lets a line of the notes carry a tick: it and its printed formula were evaluated, and held.

The lines of a large network are evaluated with fewer inputs and hidden units.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from weakref import WeakKeyDictionary

import numpy as np
import sympy as sp

from symnn.checking.verify import SAMPLES, EvaluatedSweep, entries_of, probes_within
from symnn.derivation.any_depth import LAYERS, size
from symnn.derivation.derivation import Derivation
from symnn.derivation.gradients import Gradients
from symnn.derivation.lines import LinesDerivation
from symnn.derivation.network import Network
from symnn.derivation.sweeps import Sweep, shortened
from symnn.engine.complex_step import DIRECTIONS, ENTRYWISE, PROBES, SCALED, H
from symnn.engine.ir import Line
from symnn.formulas.tree import Formula
from symnn.formulas.value import NoValueError, value

POINTS = 3  # random points at which a line is evaluated
LARGE, WIDTH = 5_000, 6  # parameters above which a network of this width is evaluated instead
LARGEST = 2**20  # entries of all tensors of lines that are evaluated
LEAST = -14  # exponent of ten; smaller errors are rounding, which no two machines share


class Evidence:
    """Evaluates lines of a sweep on demand.

    sweep: that of the notes.  evaluated: the same; of a large network with fewer inputs and
    hidden units, at most ``width``.  sizes: of what is left open.  probes: of each gradient, the
    entries and the random directions that are compared.
    """

    def __init__(
        self,
        sweep: Sweep,
        evaluated: Sweep,
        sizes: Mapping[str, int],
        width: int | None = None,
        probes: tuple[int, int] = (PROBES, DIRECTIONS),
    ) -> None:
        self.sweep, self.width = sweep, width
        self.errors: dict[Line, float | None] = {}
        steps = zip(sweep.steps, evaluated.steps, strict=True)
        self.lines = {own.after: its.after for own, its in steps}
        rngs = map(np.random.default_rng, range(POINTS))
        self.points = [EvaluatedSweep(evaluated, rng, sizes, probes=probes) for rng in rngs]

    def error(self, line: Line) -> float | None:
        """The largest error of the line, that of a step, relative to the largest entry.

        None unless the line held at every point.
        """
        if line not in self.errors:
            self.errors[line] = self._error(line)
        return self.errors[line]

    def printed(
        self, line: Line, sides: tuple[Formula, Formula], indices: Sequence[sp.Symbol] | None
    ) -> float | None:
        """The larger of the errors of the line and of its formula, which is computed as it stands.

        sides: of the formula, in matrix form, or by entries with these indices of the left one.
        None as well where the formula stands for more than numbers.
        """
        error = self.error(line)
        if error is None:
            return None
        own = self.lines[line]
        for point in self.points:
            sizes = {sp.Symbol(n, integer=True, positive=True): k for n, k in point.sizes.items()}
            sizes |= {a.symbol: point.evaluator.size(a) for a in own.axes}
            arrays = {**point.known, own.lhs.name: point.evaluator.line(own)[0]}
            try:
                wanted, found = (value(side, arrays, sizes, indices) for side in sides)
            except NoValueError:
                return None
            largest, summands = float(np.abs(wanted).max(initial=0.0)), point.summands[own.lhs.name]
            if largest <= SCALED * summands:  # exactly 0, but for rounding
                largest = summands
            difference = float(np.abs(found - wanted).max(initial=0.0)) / (largest or 1.0)
            if not difference <= ENTRYWISE:
                return None
            error = max(error, difference)
        return error

    def _error(self, line: Line) -> float | None:
        if line not in self.lines:
            return None
        if line.lhs.kind == "sum":  # it is what the line says; who reads it is checked with that
            return 0.0
        if line.lhs.wrt is None:
            return None
        found = [point.check(self.lines[line]) for point in self.points]
        return max(v.relative for v in found) if all(v.ok for v in found) else None


_KEPT: WeakKeyDictionary[Gradients, dict[str, Evidence | None]] = WeakKeyDictionary()


def evidence(derivation: Derivation, kind: str) -> Evidence | None:
    """What evaluates the lines of a sweep, by its name in the derivation; kept with it."""
    kept = _KEPT.setdefault(derivation, {})
    if kind not in kept:
        kept[kind] = _evidence(derivation, kind)
    return kept[kind]


def _evidence(derivation: Derivation, kind: str) -> Evidence:
    sweep: Sweep = getattr(derivation, kind)
    sizes = {} if kind in ("sample", "scalar") else {"N": SAMPLES}
    if derivation.network.depth_letter:
        sizes |= {size(k).name: WIDTH - k % 3 for k in range(LAYERS + 1)}
    elif parameters(derivation.network) > LARGE:
        return Evidence(sweep, narrow(sweep), sizes, WIDTH)
    return Evidence(sweep, sweep, sizes)


def evidence_of_lines(derivation: LinesDerivation) -> Evidence | None:
    """The same for lines of the user's own; None for those of more than LARGEST entries."""
    kept = _KEPT.setdefault(derivation, {})
    if "lines" not in kept:
        sweep, sizes = derivation.batch, dict.fromkeys(derivation.sizes, SAMPLES)
        large = entries_of(sweep.forward) > LARGEST
        probes = probes_within(sweep)
        kept["lines"] = None if large else Evidence(sweep, sweep, sizes, probes=probes)
    return kept["lines"]


def words(errors: Iterable[float]) -> dict[str, object]:
    """What the footnote is filled in with, for the errors of the lines that got a tick."""
    largest = max(errors, default=0.0)
    bound = max(LEAST, math.floor(math.log10(largest)) + 1) if largest else LEAST
    step = round(math.log10(H))
    return {"points": POINTS, "bound": f"10^{{{bound}}}", "h": f"10^{{{step}}}"}


def parameters(network: Network) -> int:
    """The number of parameters."""
    return sum(math.prod(shape) for shape in network.parameters.values())


def narrow(sweep: Sweep) -> Sweep:
    """The sweep with at most WIDTH inputs and units of hidden layers."""
    outputs = {a for y in sweep.forward.leaves_of("target") for a in y.axes}
    return shortened(sweep, lambda a: a.size if a in outputs else min(a.size, WIDTH))
