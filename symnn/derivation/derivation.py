"""Derivation: the gradients of a network's loss, with every step that led to them."""

from __future__ import annotations

import functools
from typing import Any

import sympy as sp

from symnn.derivation.gradients import Gradients
from symnn.derivation.network import Network, explicit
from symnn.derivation.sweeps import Sweep, mean_last, reverse_sweep, scalars
from symnn.engine.ir import Line, Program
from symnn.io.errors import Problem, SpecError, shorten, suggestion
from symnn.nn.optimizers import update_lines


def derive(network: Network) -> Derivation:
    """Every gradient by the chain rule, with each step kept."""
    return Derivation(network)


class Derivation(Gradients):
    """What ``derive`` returns: sweeps and steps.

    batch: the sweep over N samples; sample: the one over a single sample.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self.batch = reverse_sweep(network.program)

    @property
    def stem(self) -> str:
        """The name of the module."""
        return self.network.spec.output.module

    @functools.cached_property
    def sample(self) -> Sweep:
        """The sweep over one sample (N = 1)."""
        return reverse_sweep(self.network.sample_program)

    @functools.cached_property
    def scalar(self) -> Sweep:
        """The same in scalars, of a network with one input and one unit a layer."""
        return scalars(self.sample)

    @functools.cached_property
    def mean_last(self) -> Sweep:
        """The sweep over N samples with 1/N in the gradients of the parameters alone."""
        return mean_last(self.network.program) if self.network.mean_loss else self.batch

    @functools.cached_property
    def _updates(self) -> tuple[Any, ...]:
        found = self.batch.gradients
        pairs = [(t, found[t.name].lhs.entry) for t in self.network.program.leaves_of("parameter")]
        return update_lines(self.network.optimizer, pairs)

    @property
    def update_lines(self) -> tuple[Line, ...]:
        """The lines of one step of the optimizer."""
        return tuple(self._updates[1])

    @property
    def state_leaves(self) -> tuple[Any, ...]:
        """The optimizer's states and hyperparameters."""
        return tuple(self._updates[0])

    @functools.cached_property
    def program(self) -> Program:
        """Forward lines, then gradient lines, then update lines."""
        return self.batch.program.extend(self.update_lines, self.state_leaves)

    def explicit(self, name: str) -> sp.Matrix:
        """Every entry of dL/d(name) for one sample, as explicit expressions.

        name: of a tensor that the loss depends on, "A_1" or "z_2".  SpecError for others;
        ValueError for one of more than 2,000 entries.
        """
        sweep = self.sample
        if name not in sweep.names:
            message = f"the loss has no gradient by {shorten(str(name))!r}"
            hint = suggestion(str(name), sweep.names)
            raise SpecError([Problem("explicit", None, "name", message, hint)])
        forms = explicit(sweep.program, self.network.explicit.constants)
        return forms.matrix(sweep.names[name])

    def __repr__(self) -> str:
        return f"<Derivation of {self.network!r} in {len(self.batch.steps)} steps>"
