"""The result: all gradients together, and what the ticks mean."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from symnn.formulas.tree import Formula, Listed, Operator, Symbol
from symnn.formulas.whole import DEEP, DOTS
from symnn.io.deferred import deferred
from symnn.notes.context import Context
from symnn.notes.document import Equations, Paragraph, Row, Section
from symnn.notes.rows import rolled_rows

words: Callable[..., dict[str, object]] = deferred("symnn.checking.evidence:words")


def result_section(context: Context) -> Section:
    """Every gradient in its last form, then the gradient."""
    say, sweep, program = context.say, context.sweep, context.network.program
    lines = [(n, own) for n, own in sweep.told.items() if n != "L"]
    lines.sort(key=lambda pair: program.tensors[pair[0]].role == "parameter")
    parameters = context.forward.leaves_of("parameter")
    letters = elided([context.symbol(sweep.names[t.name]) for t in parameters])
    nabla, vector = Operator(r"\nabla", Symbol("L")), Listed(tuple(letters))
    blocks = (
        Paragraph(say("result_says")),
        Equations(tuple(rolled_rows(context, [line for _, own in lines for line in own]))),
        Paragraph(say("vector")),
        Equations((Row(nabla, vector, context.notation, result=True, label="gradient"),)),
    )
    return Section(say("result"), blocks)


def ticks(context: Context, sections: Iterable[Section]) -> Paragraph | None:
    """What the ticks at the rows of these sections mean."""
    errors = [row.error for s in sections for row in s.rows() if row.error is not None]
    if context.evidence is None or not errors:
        return None
    width = context.evidence.width
    narrow = context.say("tick_narrow", width=width) if width else ""
    return Paragraph(context.say("tick", narrow=narrow, **words(errors)), small=True)


def elided(letters: Sequence[Formula]) -> Sequence[Formula]:
    """A list of letters; of a long one its ends."""
    long = len(letters) > 2 * DEEP
    return (*letters[:2], DOTS, *letters[-2:]) if long else letters
