"""The stable form: the lines as the generated module computes them."""

from __future__ import annotations

from dataclasses import replace

from symnn.engine.ir import Step
from symnn.engine.stabilise import rescaled, stabilise
from symnn.notes.blocks import told
from symnn.notes.context import Context
from symnn.notes.document import Paragraph, Row, Section
from symnn.notes.rows import row_of


def stable_section(context: Context) -> Section | None:
    """The lines that are rewritten for large numbers; None where there are none."""
    say = context.say
    steps = stabilise(context.sweep.program)[1]
    if not steps:
        return None
    scaled = _scaled(context)
    said = Paragraph(say("stable_rescaled" if scaled else "stable_says", scaled=scaled))
    rows = told(context, steps, lambda step: (step.after,), _rows, kind=lambda step: step.rule)
    return Section(say("stable"), (said, *rows))


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
