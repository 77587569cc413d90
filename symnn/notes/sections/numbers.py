"""The same with numbers: every line of the derivation, and one update."""

from __future__ import annotations

from collections.abc import Iterator

from symnn.notes.context import Context
from symnn.notes.document import Block, Heading, Paragraph, Row, Section, shown
from symnn.notes.worked_example import LAYERS, UNITS, small
from symnn.notes.worked_numbers import Numbers


def numbers_section(context: Context) -> Section:
    """The worked example."""
    blocks = worked(context, context.numbers, context.network.spec.notes.digits)
    return Section(context.say("numbers"), tuple(blocks))


def worked(context: Context, style: str = "decimal", digits: int = 4) -> Iterator[Block]:
    """The worked example of a derivation: its numbers, every line, one update.

    style: "decimal" or "pencil".  Where the numbers cannot be printed, one sentence says so.
    """
    say, numbers = context.say, Numbers.of(context, style, digits)
    if numbers is None:
        few = small(context.network)
        text = say("numbers_wild") if few else say("numbers_large", layers=LAYERS, units=UNITS)
        yield Paragraph(text)
        return
    program, example = numbers.example.program, numbers.example
    if context.layout != "sample":
        yield Paragraph(say("numbers_one"))
    yield Paragraph(numbers.origin())
    yield from shown(numbers.leaves())
    yield Heading(say("numbers_forward"))
    yield from shown(row for line in numbers.context.forward.lines for row in numbers.rows(line))
    yield Heading(say("numbers_backward"))
    rows: list[Row] = []
    for line in example.gradients:
        rows += numbers.rows(line)
        source = line.lhs.wrt or ""
        if sentence := numbers.perturbation(source):
            yield from shown(rows)
            yield Paragraph(sentence)
            rows = []
    yield from shown(rows)
    yield Heading(say("numbers_update"))
    updates = (program.line(line.lhs.name) for line in example.updates)
    yield from shown(row for line in updates for row in numbers.rows(line))
    yield Paragraph(numbers.after())
