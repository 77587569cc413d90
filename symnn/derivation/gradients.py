"""What every derivation has: one reverse sweep, its lines and its steps."""

from __future__ import annotations

import functools

from symnn.derivation.sweeps import Sweep
from symnn.engine.ir import Line, Program, Step
from symnn.engine.stabilise import stabilise


class Gradients:
    """The gradients of a scalar, with every step that led to them.

    batch: the sweep, over N samples where there are samples.
    """

    batch: Sweep

    @property
    def stem(self) -> str:
        """What its files are called, without the suffix."""
        raise NotImplementedError

    @property
    def program(self) -> Program:
        """Forward lines, then those of the gradients."""
        return self.batch.program

    @functools.cached_property
    def _stable(self) -> tuple[Program, tuple[Step, ...]]:
        return stabilise(self.batch.program)

    @property
    def stable(self) -> Program:
        """Forward and gradient lines as they are computed: in stable form."""
        return self._stable[0]

    @property
    def steps(self) -> tuple[Step, ...]:
        """Every step: the chain rule, the rewrites, and those to stable forms."""
        return self.batch.steps + self._stable[1]

    @property
    def gradients(self) -> dict[str, Line]:
        """Tensor name -> the line of the derivative by it."""
        return self.batch.gradients

    def __str__(self) -> str:
        return str(self.program)
