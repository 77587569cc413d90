"""Verification of a derivation: every recorded step against independent arithmetic.

What a step says a gradient is, is evaluated and compared with the complex-step derivative of
the loss under a perturbation of that very tensor.  A step is never compared with itself or
with another step, so a wrong rule fails wherever it was used.
"""

from __future__ import annotations

import bisect
import functools
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from symnn.checking.parts import parts
from symnn.derivation.sweeps import Sweep, shortened, shortened_program
from symnn.engine.complex_step import (
    DIRECTIONS,
    ENTRYWISE,
    PROBES,
    SCALED,
    TINIER,
    H,
    Report,
    Row,
    Summands,
    Verdict,
    adjoint,
    complex_step,
    directions,
    draw,
    gradient_error,
    scaled,
)
from symnn.engine.evaluate import Array, Evaluator, Values, evaluate
from symnn.engine.ir import Axis, Line, Program, Tensor, name_of
from symnn.engine.simplify import SUM
from symnn.engine.stabilise import rescaled
from symnn.io.errors import Problem, SpecError
from symnn.io.fields import Field, check_argument

if TYPE_CHECKING:
    from symnn.derivation.derivation import Derivation
    from symnn.derivation.lines import LinesDerivation

SAMPLES = 3
ENTRIES = 2**17  # of all tensors of a network together, over SAMPLES samples
LARGEST = 2**24  # of all tensors of lines
WORK = 2**29  # values that the perturbed runs of lines may compute
NUMBERS = 2**25  # of all perturbations of lines together, which are kept: 256 MiB
ROUNDING = 1e-6
SCALES = (1.0, 0.25)  # of inputs and parameters


def verify(derivation: Derivation, seed: int = 0) -> Report:
    """Every step of the sweeps over a batch and over one sample, the stable form, the sum.

    Where the loss is a mean, also those of the sweep whose 1/N comes last.

    Each forward line: its pullback and its derivative are adjoint.  Each step: what it says a
    gradient is, against complex step.  The stable program: equal values.  The batch's
    gradients: c times the sum of one-sample gradients.  SpecError for a seed that is none.

    The tensors of a network of more than ENTRIES entries do not all fit: there the same lines
    are evaluated over shorter axes, and the report says how long the longest is.  Sweeps through
    many layers are verified in parts, see :mod:`symnn.checking.parts`; it says that too.
    """
    check_argument("verify", "seed", Field("integer", minimum=0), seed)
    rng = np.random.default_rng(seed)
    sizes = {"N": SAMPLES}
    longest = longest_axis(derivation.batch.forward)
    batch, sample, last = derivation.batch, derivation.sample, derivation.mean_last
    stable = derivation.stable
    if longest is not None:
        short = functools.partial(_at_most, longest)
        batch, sample, last = (shortened(sweep, short) for sweep in (batch, sample, last))
        stable = shortened_program(stable, short)
    rows = _adjoints(batch.forward, draw(batch.forward, rng, sizes), sizes, rng)
    point = EvaluatedSweep(batch, rng, sizes)
    swept = [("batch", batch, sizes), ("one sample", sample, {})]
    if derivation.network.mean_loss:
        swept.append(("mean last", last, sizes))
    for what, sweep, own in swept:
        for part in parts(sweep):
            rows += (point if part is batch else EvaluatedSweep(part, rng, own)).rows(what)
    rows += _stable(batch.program, stable, point)
    rows += _samples(sample, point, derivation.network.mean_loss)
    return Report(tuple(rows), longest, len(parts(batch)))


def verify_lines(derivation: LinesDerivation, seed: int = 0) -> Report:
    """Every step of the sweep through lines of the user's own, and the stable form.

    Sizes that are left open are SAMPLES.  Where functions saturate, small derivatives are rounding,
    and exponentials overflow: differences below ROUNDING, and those of no size, are looked at again
    nearer to 0, where a wrong step is as wrong.
    Each gradient is compared at PROBES of its entries and along DIRECTIONS random ones; in a large
    program at fewer, as the report says, see :func:`probes_within`.
    SpecError for lines of more than LARGEST entries.
    """
    check_argument("verify", "seed", Field("integer", minimum=0), seed)
    batch = derivation.batch
    sizes = dict.fromkeys(derivation.sizes, SAMPLES)
    if (entries := entries_of(batch.forward)) > LARGEST:
        message = f"the tensors have {entries:,} entries, and {LARGEST:,} can be verified"
        hint = "verify the same lines with smaller sizes"
        raise SpecError([Problem(derivation.lines.name, None, "", message, hint)])
    for scale in SCALES:
        rng = np.random.default_rng(seed)
        point = EvaluatedSweep(batch, rng, sizes, TINIER, scale, probes_within(batch))
        rows = _adjoints(batch.forward, point.values, sizes, rng)
        rows += point.rows("lines")
        rows += _stable(batch.program, derivation.stable, point)
        report = Report(tuple(rows), probes=point.probes)
        if report.ok or ROUNDING <= report.max_error < math.inf:
            break
    return report


def entries_of(program: Program) -> int:
    """The entries of all tensors together; symbolic sizes are taken as SAMPLES."""
    return sum(map(_entries, program.tensors.values()))


def probes_within(sweep: Sweep) -> tuple[int, int]:
    """How many entries of each gradient are compared, and random directions.

    PROBES and DIRECTIONS, unless the perturbed runs would compute more than WORK values, or the
    perturbations were more than NUMBERS.  One is carried on from its tensor through the values
    behind it.
    """
    kept = [t for t in sweep.objective.tensors.values() if t.name in sweep.names]
    behind, cost = 0, 0
    for line in reversed(sweep.objective.lines):
        behind += _entries(line.lhs)
        cost += behind * (line.lhs.name in sweep.names)
    cost += sum(behind + _entries(t) for t in kept if t.name not in sweep.objective.definitions)
    most = min(WORK // max(1, cost), NUMBERS // max(1, sum(map(_entries, kept))))
    return max(0, min(PROBES, most - DIRECTIONS)), max(1, min(DIRECTIONS, most))


def _entries(t: Tensor) -> int:
    return math.prod(a.size if isinstance(a.size, int) else SAMPLES for a in t.axes)


def longest_axis(program: Program) -> int | None:
    """The longest axis with which the tensors have at most ENTRIES entries; None: any.

    It is not below 2.  Symbolic sizes are taken as SAMPLES.
    """
    shapes = [[a.size for a in t.axes] for t in program.tensors.values()]
    known = [[size if isinstance(size, int) else SAMPLES for size in shape] for shape in shapes]
    top = max((size for shape in known for size in shape), default=1)

    def entries(longest: int) -> int:
        return sum(math.prod(min(size, longest) for size in shape) for shape in known)

    fitting = bisect.bisect_right(range(1, top + 1), ENTRIES, key=entries)
    return None if fitting == top else max(2, fitting)


def _at_most(longest: int, axis: Axis) -> int:
    return min(int(axis.size), longest)


def _adjoints(
    program: Program, drawn: Values, sizes: Mapping[str, int], rng: np.random.Generator
) -> list[Row]:
    values = evaluate(program, drawn, sizes)
    rows = []
    # a line may know a size, such as N, that nothing which it reads has
    sized = [t.name for t in program.leaves if any(not isinstance(a.size, int) for a in t.axes)]
    for item in program.lines:
        read = dict.fromkeys([*map(name_of, item.reads), *sized])
        rows.append(adjoint(item, [program.tensors[n] for n in read], values, rng))
    return rows


def _inside(
    program: Program, values: dict[str, Array], sizes: Mapping[str, int]
) -> dict[str, Array]:
    """The values, or their absolute values where only these have a logarithm, or a root."""
    for found in (values, {name: np.abs(value) for name, value in values.items()}):
        with np.errstate(all="ignore"):
            known = evaluate(program, found, sizes)
        if all(np.isfinite(known[name]).all() for name in program.definitions):
            return found
    return values


class EvaluatedSweep:
    """The steps of a sweep against complex step at one random point, line by line."""

    def __init__(
        self,
        sweep: Sweep,
        rng: np.random.Generator,
        sizes: Mapping[str, int],
        step: float = H,
        scale: float = 1.0,
        probes: tuple[int, int] = (PROBES, DIRECTIONS),
    ) -> None:
        self.probes = probes
        self.sweep, self.program, self.rng, self.sizes = sweep, sweep.objective, rng, sizes
        self.step, self.values = step, draw(sweep.forward, rng, sizes)
        if scale != 1.0:
            bound = {*sweep.forward.pointed, *(fact.tensor for fact in sweep.forward.facts)}
            for t in sweep.forward.leaves_of("input", "parameter"):
                if t.name not in bound:
                    self.values[t.name] = scale * self.values[t.name]
        self.values = _inside(sweep.forward, self.values, sizes)
        self.evaluator = Evaluator(self.program.leaves, self.values, sizes)
        sums = tuple(step.after for step in sweep.steps if step.rule == SUM)
        items = (*self.program.extend(sweep.raw).items, *sums)
        self.evaluator.run(items)
        self.known = {n: a[0] for n, a in self.evaluator.arrays.items()}
        self.summands = Summands(self.evaluator, items).largest

    @functools.cached_property
    def exact(self) -> dict[tuple[str, str], tuple[Array, Array]]:
        """(scalar, tensor) -> perturbations of the tensor, derivatives of the scalar along them."""
        lines = [step.after.lhs for step in self.sweep.steps]
        pairs = dict.fromkeys((t.of or "L", t.wrt) for t in lines if t.wrt is not None)
        probes = {
            pair: directions(self.known[pair[1]].shape, self.rng, *self.probes) for pair in pairs
        }
        found: dict[tuple[str, str], tuple[Array, Array]] = {}
        for scalar in dict.fromkeys(of for of, _ in pairs):
            own = {tensor: probes[of, tensor] for of, tensor in pairs if of == scalar}
            slopes = complex_step(
                self.program, scalar, own, self.values, self.sizes, self.known, self.step
            )
            found |= {(scalar, t): (own[t], slope) for t, slope in slopes.items()}
        return found

    def check(self, line: Line) -> Verdict:
        """The gradient that a line says, against complex step."""
        tensor, of = line.lhs.wrt, line.lhs.of or "L"
        assert tensor is not None, f"{line} is no gradient"
        probes, slopes = self.exact[of, tensor]
        found = np.broadcast_to(self.evaluator.line(line)[0], self.known[tensor].shape)
        summands = self.summands[line.lhs.name]
        if of != self.sweep.of:  # the summands are those of N L
            summands /= self.sizes["N"]
        return gradient_error(found, slopes, probes, summands)

    def rows(self, what: str) -> list[Row]:
        """One row a step: the line after it, against complex step."""
        rows = []
        for step in self.sweep.steps:
            if step.after.lhs.wrt is not None:
                found = self.check(step.after)
                rule, line = f"{what}, {step.rule}", str(step.after)
                rows.append(Row(rule, line, found.error, found.ok, found.zero))
        return rows


def _stable(plain: Program, stable: Program, point: EvaluatedSweep) -> list[Row]:
    """The stable program gives the values of the plain one, apart from those it scales."""
    before = evaluate(plain, point.values, point.sizes)
    after = evaluate(stable, point.values, point.sizes)
    others, rows = rescaled(plain), []
    for name in plain.definitions:
        if name in others:
            continue
        largest = float(np.abs(before[name]).max(initial=0.0))
        difference = float(np.abs(after[name] - before[name]).max(initial=0.0))
        error = scaled(difference, largest, point.summands.get(name, 0.0))
        rows.append(Row("stable form", str(stable.line(name)), error, error <= ENTRYWISE))
    return rows


def _samples(one: Sweep, point: EvaluatedSweep, mean: bool) -> list[Row]:
    """dL/dA over N samples is c times the sum of one-sample gradients; the penalty counts once."""
    batch, values = point.sweep, point.values
    data = {t.name for t in batch.forward.leaves if any(a.samples for a in t.axes)}
    decay = float(values["l2"]) if "l2" in values else 0.0
    parts = []
    for i in range(SAMPLES):
        sample = {n: v[i] if n in data else v for n, v in values.items()}
        parts.append(evaluate(one.program, sample))
    whole = evaluate(batch.program, values, point.sizes)
    rows = []
    for t in batch.forward.leaves_of("parameter"):
        penalty = decay * values[t.name] if len(t.axes) == 2 else 0.0
        name = batch.names[t.name]
        total = sum(part[one.names[t.name]] - penalty for part in parts)
        c = 1.0 / SAMPLES if mean else 1.0
        largest = float(np.abs(whole[name]).max(initial=0.0))
        difference = float(np.abs(c * total + penalty - whole[name]).max(initial=0.0))
        error = scaled(difference, largest, point.summands[name])
        line = str(batch.gradients[t.name])
        rows.append(Row("sum of one-sample gradients", line, error, error <= SCALED))
    return rows
