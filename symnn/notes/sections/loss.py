"""The loss: as a function of the parameters, and line by line."""

from __future__ import annotations

from collections.abc import Iterator

from symnn.formulas.index import line_formulas
from symnn.formulas.matrix import NoMatrixFormError
from symnn.formulas.whole import loss_formula
from symnn.notes.context import Context
from symnn.notes.document import Block, Equations, Paragraph, Row, Section, shown
from symnn.notes.rows import row_of


def loss_section(context: Context) -> Section:
    """What is given: the loss."""
    blocks = (*formula(context), *lines(context))
    return Section(context.say("loss"), blocks, given=True)


def formula(context: Context) -> Iterator[Block]:
    """The loss as a function of the parameters; by entries it is one of what is computed."""
    network, notation = context.network, context.notation
    sample = network.sample_program
    try:
        sides = loss_formula(sample, network.output, network.mean_loss, notation)
        phrase = "loss_is_masked" if sample.leaves_of("mask") else "loss_is"
    except NoMatrixFormError:
        sides = line_formulas(context.derivation.batch.forward.line("L"), notation)
        phrase = "loss_of_samples"
    yield Paragraph(context.say(phrase))
    yield Equations((Row(*sides, notation, label="loss"),))


def lines(context: Context) -> Iterator[Block]:
    """The loss, line by line, of what the network has computed."""
    say, forward = context.say, context.forward
    yield Paragraph(say("one_sample" if context.layout == "sample" else "loss_lines"))
    *own, last = (line for line in forward.lines if line.lhs.layer is None)
    yield from shown(row_of(context, line) for line in own)
    yield from shown([row_of(context, last)])
    if forward.facts:
        yield Paragraph(say("facts", facts=say.listed(map(context.fact, forward.facts))))
