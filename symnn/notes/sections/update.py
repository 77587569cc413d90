"""The update of the parameters by the optimizer."""

from __future__ import annotations

from collections.abc import Iterator

from symnn.engine.ir import Tensor
from symnn.nn.optimizers import update_lines
from symnn.notes.context import Context
from symnn.notes.document import Block, Equations, Paragraph, Section
from symnn.notes.figures import figures
from symnn.notes.rows import rolled_rows, row_of
from symnn.notes.sections.result import elided


def update_section(context: Context) -> Section:
    """One step along the gradient, or one of an optimizer with states."""
    states = context.network.optimizer.states
    if states:
        return Section(context.say("update_states"), tuple(_with_states(context)))
    return Section(context.say("update"), tuple(_plain(context)))


def _plain(context: Context) -> Iterator[Block]:
    """Every parameter's update, and a picture of the step."""
    gradients = context.sweep.gradients
    parameters = context.forward.leaves_of("parameter")
    pairs = [(t, gradients[t.name].lhs.entry) for t in parameters]
    lines = update_lines(context.network.optimizer, pairs)[1]
    yield Paragraph(context.say("step"))
    yield Equations(tuple(rolled_rows(context, lines)))
    yield from figures(context, "descent")


def _with_states(context: Context) -> Iterator[Block]:
    """The update of any one parameter, theta."""
    say, theta = context.say, Tensor("theta", (), "parameter")
    gradient = Tensor("dtheta", (), "gradient", of="L", wrt="theta")
    lines = update_lines(context.network.optimizer, [(theta, gradient.entry)])[1]
    letters = elided([context.symbol(t.name) for t in context.forward.leaves_of("parameter")])
    yield Paragraph(say("step_states", method=say(lines[-1].why)))
    yield Equations(tuple(row_of(context, line) for line in lines))
    yield Paragraph(say("every", names=say.listed(map(context.tex, letters))))
