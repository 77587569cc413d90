"""The code beside the equations: the statement of the generated module for each line."""

from __future__ import annotations

from dataclasses import replace

from symnn.engine.ir import Line
from symnn.engine.repeats import line_layer
from symnn.formulas.tex import symbol_tex
from symnn.notes.context import Context
from symnn.notes.document import Document, Row
from symnn.notes.labels import label_of
from symnn.targets.python.statements import forward_and_backward


class Codes:
    """The statements of ``loss_and_gradients``, in stable form, by the labels of their lines."""

    def __init__(self, context: Context) -> None:
        derivation = context.derivation
        names = derivation.batch.names
        self.text = forward_and_backward(
            derivation.stable, {t: names[t] for t in derivation.network.parameters}
        )
        self.lines: dict[str, Line] = {}
        for line in derivation.stable.lines:
            label = label_of(line.lhs.name, context.tensor)
            self.lines[label] = self.lines[f"stable-{label}"] = line
            if line.lhs.role == "gradient":
                self.lines[f"samples-{label}"] = line

    def of(self, row: Row) -> str:
        """The statement of a row; as in the loop over equal layers; "" if it has none."""
        line = self.lines.get(row.label or row.repeats)
        if line is None:
            return ""
        k, looped = line_layer(line), line in self.text.looped
        code = _shown(self.text.statement(line, k if looped else None))
        # a row of one layer beside a statement of all, or the other way round
        return code if looped == bool(row.also) else f"{code}  # k = {k}"


def _shown(code: str) -> str:
    return code.replace("  # fmt: skip", "")


def with_codes(notes: Document, context: Context) -> Document:
    """The notes with the code of every equation that has some, and what is to be known of it."""
    codes = Codes(context)
    coded = (s.rewritten(lambda row: replace(row, code=codes.of(row))) for s in notes.sections)
    return replace(notes, sections=tuple(coded), remarks=_remarks(context))


def _remarks(context: Context) -> str:
    """What is to be known to read notes and code side by side."""
    say, notation = context.say, context.notation
    parts = [say(f"code_{context.layout}"), say("code_names")]
    alone = context.layout == "sample" or notation.mean == "parameters"
    if context.network.mean_loss and alone:
        parts.append(say("code_mean"))
    if notation.inward(context.layout):
        parts.append(say("code_turned", A=symbol_tex(notation, "A_1")))
    if len(context.derivation.stable.lines) > len(context.derivation.batch.program.lines):
        parts.append(say("code_stable"))
    return say("join_sentences").join(parts)
