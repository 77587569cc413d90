"""The stable form: the lines as the generated module computes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from symnn.engine.ir import Step
from symnn.engine.stabilise import rescaled, stabilise
from symnn.notes.context import Context
from symnn.notes.document import Block, Equations, Paragraph, Row, Section
from symnn.notes.rows import row_of

Rows = Callable[[Context, Step], list[Row]]


def _plain(context: Context, steps: Sequence[Step], rows: Rows) -> Iterable[Block]:
    return [Equations(tuple(row for step in steps for row in rows(context, step)))]


def stable_section(
    context: Context,
    told: Callable[[Context, Sequence[Step], Rows], Iterable[Block]] = _plain,
) -> Section | None:
    """The lines that are rewritten for large numbers; None where there are none.

    told: how the rows of the steps are told.
    """
    say = context.say
    steps = stabilise(context.sweep.program)[1]
    if not steps:
        return None
    scaled = _scaled(context)
    said = Paragraph(say("stable_rescaled" if scaled else "stable_says", scaled=scaled))
    return Section(say("stable"), (said, *told(context, steps, _rows)))


def _rows(context: Context, step: Step) -> list[Row]:
    reason = context.say(step.rule) if step.before is not None else ""
    label = f"stable-{context.label(step.after.lhs.name)}"
    own = row_of(context, step.after, reason)
    return [replace(own, shape="", error=None, label=label)]


def _scaled(context: Context) -> str:
    """The sentences on values that are others in the stable form, one for each way."""
    say, program = context.say, context.sweep.program
    rules = rescaled(program)
    letters: dict[str, list[str]] = {}
    for name in program.tensors:
        if name in rules:
            letters.setdefault(rules[name], []).append(context.letter(name))
    sentences = (say(f"stable: {rule}", names=say.listed(own)) for rule, own in letters.items())
    return say("join_sentences").join(sentences)
