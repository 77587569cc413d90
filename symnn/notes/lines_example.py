"""The numbers of the worked example of lines: those of the spec, and small ones where it has none.

They are computed by :mod:`symnn.engine.exact`, as those of chains are: the forward lines, the
gradients as the rule wrote them, and one step of the optimizer.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from symnn.derivation.example import given_numbers
from symnn.derivation.lines import Lines, LinesDerivation
from symnn.derivation.sweeps import sized
from symnn.engine.evaluate import Array, evaluate
from symnn.engine.exact import Exact, NoNumberError, rationals
from symnn.engine.ir import Line, Program, Tensor, lines_of
from symnn.nn.optimizers import optimizer, update_lines

SUMMANDS = 20_000  # of all lines together; above this the numbers take too long
TRIES = 20  # draws, of which the first telling one is taken
SMALL, LARGE = 1 / 2000, 20.0
OPEN, MIXED = 2, 3  # a size that is left open; samples whose values depend on one another


@dataclass(frozen=True)
class LinesExample:
    """The values of every tensor, and those after one step.

    program: the forward lines, then the gradients as the rule wrote them, with numbers for sizes.
    steps: of each parameter the lines of its update with their values.  sizes: of what was left
    open.  drawn: the names of the leaves that were drawn.
    """

    program: Program
    values: Exact
    steps: tuple[tuple[Program, Exact], ...]
    sizes: Mapping[str, int]
    drawn: tuple[str, ...]
    of: str

    def after(self) -> sp.Expr:
        """The loss at the updated parameters; may raise NoNumberError."""
        new: dict[str, Any] = {}
        for program, values in self.steps:
            (t,) = program.leaves_of("parameter")
            new[t.name] = values.array(f"{t.name}_next")
        return Exact(self.program, {**self.values.leaves, **new}).value(self.of, ())


def summands(derivation: LinesDerivation) -> int:
    """How many summands the lines of the example have together."""
    program = _program(derivation, _sizes(derivation, given_numbers(derivation.lines)[1]))
    return sum(
        math.prod(int(a.size) for a in dict.fromkeys((*line.lhs.axes, *t.over)))
        for line in program.lines
        for t in line.terms
    )


def lines_example(derivation: LinesDerivation, pencil: bool = False) -> LinesExample | None:
    """The example of lines; None where its values are no usual numbers.

    pencil: what is drawn are small whole numbers and halves, not decimals.  Drawn by the seed.
    """
    lines = derivation.lines
    given, known = given_numbers(lines)
    sizes = _sizes(derivation, known)
    program = _program(derivation, sizes)
    draws = [t for t in program.leaves_of("input", "target", "parameter") if t.name not in given]
    draws = [t for t in draws if t.name not in lines.weights]
    first: dict[str, Array] | None = None
    for attempt in range(TRIES if draws else 1):
        rng = np.random.default_rng([lines.spec.model.seed, attempt])
        positive = attempt >= TRIES // 2  # as a logarithm may need
        drawn = {t.name: _draw(lines, t, rng, pencil, positive) for t in draws}
        leaves = lines.leaves({**_usual(program, lines), **given, **drawn})
        telling = _telling(derivation, program, leaves)
        if telling or (first is None and telling is not None):
            first = leaves
        if telling:
            break
    if first is None:
        return None
    values = Exact(program, {name: rationals(array) for name, array in first.items()})
    try:
        for line in program.lines:
            values.array(line.lhs.name)
        steps = tuple(_steps(derivation, program, values))
    except NoNumberError:
        return None
    return LinesExample(program, values, steps, sizes, tuple(t.name for t in draws), derivation.of)


def _sizes(derivation: LinesDerivation, known: Mapping[str, int]) -> dict[str, int]:
    """The sizes that the lines leave open: those of what is given, and few values else.

    There is one sample, unless values of one depend on those of the others.
    """
    mixed = any(
        line.lhs.axes and any(a.samples for t in line.terms for a in t.over)
        for line in derivation.lines.program.lines
    )
    usual = {"N": MIXED if mixed else 1}
    return {name: known.get(name, usual.get(name, OPEN)) for name in derivation.sizes}


def _program(derivation: LinesDerivation, sizes: Mapping[str, int]) -> Program:
    sweep = derivation.batch
    sums = (line for own in sweep.sums.values() for line in own)
    return sized(sweep.forward.extend((*sweep.raw, *sums)), sizes)


def _usual(program: Program, lines: Lines) -> dict[str, Array]:
    """What the text says, masks and weights of samples of 1, noise and states of 0."""
    found = {}
    for t in program.leaves:
        if t.role in ("mask", "state", "hyperparameter") or t.name in lines.weights:
            one = t.name in lines.weights or (t.role == "mask" and t.kind != "noise")
            number = float(one if t.role == "mask" else lines.text.numbers.get(t.name, one))
            found[t.name] = np.full([int(a.size) for a in t.axes], number)
    return found


def _draw(lines: Lines, t: Tensor, rng: np.random.Generator, pencil: bool, positive: bool) -> Array:
    """Small numbers for an input, a target or a parameter, of what it may hold."""
    shape = [int(a.size) for a in t.axes]
    below = lines.text.whole.get(t.name)
    if below is not None:
        return rng.integers(0, below, shape)
    if t.name in lines.choices:
        return np.eye(shape[-1])[rng.integers(shape[-1], size=shape[:-1])]
    if t.role == "target":
        choices = [0.0, 1.0] if pencil else np.arange(1, 10) / 10
    elif pencil:
        choices = np.array([-2, -1, 1, 2]) / (1 if t.role == "input" else 2)
    elif t.kind == "bias":
        choices = np.arange(-5, 6) / 10
    else:
        choices = np.array([k for k in range(-9, 10) if k]) / 10
    found = rng.choice(choices, shape)
    return np.asarray(np.abs(found) if positive else found)


def _telling(
    derivation: LinesDerivation, program: Program, leaves: Mapping[str, Array]
) -> bool | None:
    """Whether a student sees something in the numbers; None where some are not finite.

    Half of each gradient is there to speak of, and no value is large.
    """
    with np.errstate(all="ignore"):
        found = evaluate(program, leaves)
    if not all(np.isfinite(array).all() for array in found.values()):
        return None
    gradients = [found[derivation.batch.names[name]] for name in derivation.wrt]
    there = all(np.mean(np.abs(g) > SMALL) >= 0.5 for g in gradients)
    return there and all(np.abs(a).max(initial=0.0) < LARGE for a in found.values())


def _steps(
    derivation: LinesDerivation, program: Program, values: Exact
) -> Iterator[tuple[Program, Exact]]:
    """One step of the optimizer for each parameter by which the loss was differentiated."""
    train = derivation.lines.spec.train
    rule = optimizer(train.optimizer, train.momentum)
    constants = {"eta": train.learning_rate, **rule.constants, "t": 1}
    for t in program.leaves_of("parameter"):
        if derivation.of != "L" or t.name not in derivation.wrt:
            continue
        gradient = program.tensors[derivation.batch.names[t.name]]
        leaves, lines = update_lines(rule, [(t, gradient.entry)])
        own = Program((t, gradient, *leaves), tuple(lines))
        numbers = {t.name: values.leaves[t.name], gradient.name: values.array(gradient.name)}
        for leaf in leaves:
            shape = [int(a.size) for a in leaf.axes]
            numbers[leaf.name] = rationals(np.full(shape, constants.get(leaf.name, 0.0)))
        found = Exact(own, numbers)
        for line in lines:
            found.array(line.lhs.name)
        yield own, found


def gradient_lines(derivation: LinesDerivation) -> list[Line]:
    """The lines of the gradients, in the order in which they are found."""
    sweep = derivation.batch
    own = (line for line in lines_of(sweep.raw) if line.lhs.wrt != derivation.of)
    return [q for line in own for q in (*sweep.sums.get(line.lhs.wrt or "", ()), line)]
