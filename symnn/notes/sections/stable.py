"""The stable form: the lines as the generated module computes them."""

from __future__ import annotations

from dataclasses import replace

from symnn.engine.stabilise import rescaled, stabilise
from symnn.notes.context import Context
from symnn.notes.document import Equations, Paragraph, Section
from symnn.notes.rows import row_of


def stable_section(context: Context) -> Section | None:
    """The lines that are rewritten for large numbers; None where there are none."""
    say = context.say
    rows = []
    for step in stabilise(context.sweep.program)[1]:
        reason = say(step.rule) if step.before is not None else ""
        label = f"stable-{context.label(step.after.lhs.name)}"
        rows.append(replace(row_of(context, step.after, reason), shape="", error=None, label=label))
    if not rows:
        return None
    scaled = _scaled(context)
    said = Paragraph(say("stable_rescaled" if scaled else "stable_says", scaled=scaled))
    return Section(say("stable"), (said, Equations(tuple(rows))))


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
