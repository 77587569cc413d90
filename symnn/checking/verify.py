"""Verification of a derivation: every recorded step against independent arithmetic.

What a step says a gradient is, is evaluated and compared with the complex-step derivative of
the loss under a perturbation of that very tensor.  A step is never compared with itself or
with another step, so a wrong rule fails wherever it was used.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from symnn.engine.complex_step import (
    ENTRYWISE,
    SCALED,
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
from symnn.engine.evaluate import Array, Evaluator, evaluate
from symnn.engine.ir import Line, Program, name_of
from symnn.engine.stabilise import rescaled
from symnn.io.fields import Field, check_argument

if TYPE_CHECKING:
    from symnn.derivation.derivation import Derivation
    from symnn.derivation.sweeps import Derived

SAMPLES = 3


def verify(derivation: Derivation, seed: int = 0) -> Report:
    """Every step of the sweeps over a batch and over one sample, the stable form, the sum.

    Where the loss is a mean, also those of the sweep whose 1/N comes last.

    Each forward line: its pullback and its derivative are adjoint.  Each step: what it says a
    gradient is, against complex step.  The stable program: equal values.  The batch's
    gradients: c times the sum of one-sample gradients.  SpecError for a seed that is none.
    """
    check_argument("verify", "seed", Field("integer", minimum=0), seed)
    rng = np.random.default_rng(seed)
    sizes = {"N": SAMPLES}
    rows = _adjoints(derivation.batch.forward, rng, sizes)
    batch = Sweep(derivation.batch, rng, sizes)
    rows += batch.rows("batch")
    rows += Sweep(derivation.sample, rng, {}).rows("one sample")
    if derivation.network.mean_loss:
        rows += Sweep(derivation.mean_last, rng, sizes).rows("mean last")
    rows += _stable(derivation, batch)
    rows += _samples(derivation, batch)
    return Report(tuple(rows))


def _adjoints(program: Program, rng: np.random.Generator, sizes: Mapping[str, int]) -> list[Row]:
    values = evaluate(program, draw(program, rng, sizes), sizes)
    rows = []
    for item in program.lines:
        leaves = [program.tensors[n] for n in dict.fromkeys(map(name_of, item.reads))]
        rows.append(adjoint(item, leaves, values, rng))
    return rows


class Sweep:
    """The steps of a sweep against complex step at one random point, line by line."""

    def __init__(self, sweep: Derived, rng: np.random.Generator, sizes: Mapping[str, int]) -> None:
        self.sweep, self.program, self.rng, self.sizes = sweep, sweep.objective, rng, sizes
        self.values = draw(sweep.forward, rng, sizes)
        self.evaluator = Evaluator(self.program.leaves, self.values, sizes)
        self.evaluator.run(self.program.extend(sweep.raw).items)
        self.known = {n: a[0] for n, a in self.evaluator.arrays.items()}
        self.summands = Summands(self.evaluator, sweep.raw).largest
        self.exact: dict[tuple[str, str], tuple[Array, Array]] = {}

    def check(self, line: Line) -> Verdict:
        """The gradient that a line says, against complex step."""
        tensor, of = line.lhs.wrt, line.lhs.of or "L"
        assert tensor is not None, f"{line} is no gradient"
        shape = self.known[tensor].shape
        if (of, tensor) not in self.exact:
            probes = directions(shape, self.rng)
            slopes = complex_step(
                self.program, of, tensor, self.values, probes, self.sizes, self.known
            )
            self.exact[of, tensor] = probes, slopes
        probes, slopes = self.exact[of, tensor]
        found = np.broadcast_to(self.evaluator.line(line)[0], shape)
        summands = self.summands[line.lhs.name]
        if of != self.sweep.of:  # the summands are those of N L
            summands /= self.sizes["N"]
        return gradient_error(found, slopes, probes, summands)

    def rows(self, what: str) -> list[Row]:
        """One row a step: the line after it, against complex step."""
        rows = []
        for k, step in enumerate(self.sweep.steps):
            if step.after.lhs.wrt is not None:
                found = self.check(step.after)
                rule, line = f"{what}, {step.rule}", str(step.after)
                rows.append(Row(rule, line, found.error, found.ok, k, found.zero))
        return rows


def _stable(derivation: Derivation, point: Sweep) -> list[Row]:
    """The stable program gives the values of the plain one, apart from those it scales."""
    plain, stable = derivation.batch.program, derivation.stable
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


def _samples(derivation: Derivation, point: Sweep) -> list[Row]:
    """dL/dA over N samples is c times the sum of one-sample gradients; the penalty counts once."""
    batch, one, values = derivation.batch, derivation.sample, point.values
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
        c = 1.0 / SAMPLES if derivation.network.mean_loss else 1.0
        largest = float(np.abs(whole[name]).max(initial=0.0))
        difference = float(np.abs(c * total + penalty - whole[name]).max(initial=0.0))
        error = scaled(difference, largest, point.summands[name])
        line = str(batch.gradients[t.name])
        rows.append(Row("sum of one-sample gradients", line, error, error <= SCALED))
    return rows
