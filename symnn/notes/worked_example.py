"""The numbers of the worked example: those of the spec, and small ones where it has none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from symnn.derivation.derivation import Derivation
from symnn.derivation.network import Network
from symnn.engine.exact import Exact, NoNumberError, rationals
from symnn.engine.functions import Named, expand_names
from symnn.engine.ir import Line, Program, Tensor, lines_of
from symnn.nn.losses import LOSSES
from symnn.nn.optimizers import update_lines

UNITS, LAYERS = 4, 3  # of the largest network whose numbers are printed
TRIES = 20  # draws, of which the first telling one is taken
SMALL, LARGE = sp.Rational(1, 2000), 20


@dataclass(frozen=True)
class WorkedExample:
    """One sample and one step: values of every tensor.

    program: forward lines, the gradients' lines in their last form, then one update.  given:
    the names of the numbers that stand in the spec.  drawn: those that were drawn.
    """

    program: Program
    values: Exact
    gradients: tuple[Line, ...]
    updates: tuple[Line, ...]
    given: tuple[str, ...]
    drawn: tuple[str, ...]

    def perturbed(self, name: str, at: tuple[int, ...], by: sp.Expr) -> sp.Expr:
        """The loss with one entry raised by a number, computed again; may raise NoNumberError."""
        return Exact(self.program, self.values.leaves, {(name, at): by}).value("L", ())

    def after(self) -> sp.Expr:
        """The loss at the updated parameters; may raise NoNumberError."""
        new = {
            t.name: self.values.array(f"{t.name}_next") for t in self.program.leaves_of("parameter")
        }
        return Exact(self.program, {**self.values.leaves, **new}).value("L", ())


def small(network: Network) -> bool:
    """Whether the numbers of a network are few enough to be printed."""
    if network.depth_letter:
        return False
    widths = [network.inputs, *(t[0] for t in network.parameters.values())]
    depth = sum(t.kind == "weights" for t in network.program.leaves_of("parameter"))
    return max(widths) <= UNITS and depth <= LAYERS


def worked_example(derivation: Derivation, pencil: bool = False) -> WorkedExample | None:
    """The example of a network, for one sample; None where its values are no usual numbers.

    pencil: what is drawn are small whole numbers (halves too, if a function of the network is
    not made of straight lines), not decimals.  Drawn by the seed of the spec.
    """
    network = derivation.network
    program, gradients, updates = _lines(derivation)
    given = {name: rationals(v) for name, v in _given(network).items() if name in program.tensors}
    names = [t.name for t in program.leaves_of("input", "target", "parameter")]
    drawn = tuple(n for n in names if n not in given)
    first: WorkedExample | None = None
    for leaves in _leaves(network, program, given, pencil):
        values = Exact(program, leaves)
        try:
            telling = _telling(derivation, values)
        except NoNumberError:
            continue
        made = WorkedExample(program, values, gradients, updates, tuple(given), drawn)
        if telling or not drawn:
            return made
        first = first or made
    return first


def _lines(derivation: Derivation) -> tuple[Program, tuple[Line, ...], tuple[Line, ...]]:
    """The program of one sample with one update, its lines of gradients and of the update."""
    sweep = derivation.sample
    order = [line.lhs.wrt or "" for line in lines_of(sweep.raw)]
    known = (t for t in order if t != "L" and t in sweep.final)
    gradients = tuple(line for t in known for line in (*sweep.sums.get(t, ()), sweep.final[t]))
    parameters = sweep.forward.leaves_of("parameter")
    pairs = [(t, sweep.gradients[t.name].lhs.entry) for t in parameters]
    leaves, updates = update_lines(derivation.network.optimizer, pairs)
    own = {t.name for t in sweep.forward.leaves}
    program = sweep.forward.extend((*gradients, *updates), [t for t in leaves if t.name not in own])
    return program, gradients, tuple(updates)


def _given(network: Network) -> dict[str, Any]:
    example = network.spec.example
    if example is None:
        return {}
    own = {"x": example.x, "y": example.y}
    return {n: v for n, v in own.items() if v is not None} | dict(example.parameters)


def _leaves(
    network: Network, program: Program, given: Mapping[str, Any], pencil: bool
) -> Iterator[dict[str, Any]]:
    """All leaves, drawn again and again."""
    constants = {**network.hyperparameters, "t": 1}
    for attempt in range(TRIES):
        rng = np.random.default_rng([network.spec.model.seed, attempt])
        leaves: dict[str, Any] = {}
        for t in program.leaves:
            shape = tuple(int(a.size) for a in t.axes)
            if t.name in given:
                leaves[t.name] = given[t.name]
            elif t.role == "hyperparameter":
                leaves[t.name] = rationals(constants[t.name])
            elif t.role in ("mask", "state"):
                leaves[t.name] = rationals(np.full(shape, t.role == "mask", dtype=float))
            else:
                leaves[t.name] = _draw(network, t, shape, rng, pencil)
        yield leaves


def _draw(
    network: Network, t: Tensor, shape: tuple[int, ...], rng: np.random.Generator, pencil: bool
) -> Any:
    """Small numbers for an input, a target or a parameter."""
    if t.role == "target":
        return rationals(_target(network, shape, rng, pencil))
    whole = np.array([-2, -1, 1, 2])
    if t.kind == "bias":
        values = np.array([-1, 0, 1]) if pencil else np.arange(-5, 6) / 10
    elif pencil:
        values = whole if t.role == "input" or _straight(network) else whole / 2
    else:
        values = np.array([k for k in range(-9, 10) if k]) / 10
    return rationals(rng.choice(values, shape))


def _target(
    network: Network, shape: tuple[int, ...], rng: np.random.Generator, pencil: bool
) -> Any:
    """A target that the loss can have: one class, a probability, a small number."""
    if network.sample_program.facts:
        return np.eye(shape[0])[rng.integers(shape[0])]
    if pencil or LOSSES[network.spec.loss.name].final == "sigmoid":
        return rng.integers(0, 2, shape)
    return rng.integers(1, 10, shape) / 10


def _straight(network: Network) -> bool:
    """Whether every function of the network takes rational numbers to rational numbers."""
    f = [t.f for line in network.sample_program.lines for t in line.terms]
    functions = {g for part in f for g in part.atoms(sp.Function)}
    third = sp.Rational(1, 3)
    return all(
        isinstance(g, Named) and expand_names(g.func(v)).is_Rational
        for g in functions
        for v in (third, -third)
    )


def _telling(derivation: Derivation, values: Exact) -> bool:
    """Whether a student sees something in the numbers.

    Half of each gradient is there to speak of, no unit stands at a kink, no value is large.
    """
    sweep = derivation.sample
    names = [line.lhs.name for line in values.program.lines]
    arrays = {name: values.array(name) for name in names}
    for t in sweep.forward.leaves_of("parameter"):
        found = [abs(v) > SMALL for v in arrays[sweep.names[t.name]].flat]
        if 2 * sum(map(bool, found)) < len(found):
            return False
    kinks = (t.name for t in sweep.forward.tensors.values() if t.kind == "pre-activation")
    if any(v == 0 for name in kinks for v in arrays[name]):
        return False
    return all(abs(v) < LARGE for array in arrays.values() for v in array.flat)
