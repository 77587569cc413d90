"""The code beside the equations: the statement of the generated module for each line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from symnn.document import Block, Document, Equations, Listing, Paragraph, Row, Section
from symnn.equations import Equations as Told
from symnn.labels import label_of, labelled
from symnn.printers.numpy import statement


def codes(told: Told) -> dict[str, str]:
    """Label -> the statement of ``loss_and_gradients`` that computes it, in stable form."""
    derivation = told.derivation
    gradients = {name: t for t, name in derivation.batch.names.items()}
    found: dict[str, str] = {}
    for line in derivation.stable.lines:
        code = statement(line).replace("  # fmt: skip", "")
        label = label_of(line.lhs.name, gradients)
        found[label] = found[f"stable-{label}"] = code
        if line.lhs.role == "gradient":
            found[f"samples-{label}"] = code
    return found


def with_codes(notes: Document, found: Mapping[str, str]) -> Document:
    """The notes with the code of every equation that has some.

    An equation for layers that are alike has the code of the first of them.
    """

    def coded(row: Row) -> Row:
        code = found.get(row.label or row.repeats, "")
        general = f"  # {notes.layer} = {row.label.rpartition('-')[2]}" if row.also else ""
        return replace(row, code=code and code + general)

    def block(block: Block) -> Block:
        if not isinstance(block, Equations):
            return block
        return Equations(tuple(map(coded, block.rows)))

    sections = tuple(replace(s, blocks=tuple(map(block, s.blocks))) for s in notes.sections)
    return replace(notes, sections=sections)


def remarks(told: Told) -> str:
    """What is to be known to read notes and code side by side."""
    say, notation = told.say, told.notation
    parts = [say(f"code_{told.layout}"), say("code_names")]
    alone = told.layout == "sample" or notation.mean == "parameters"
    if told.network.mean_loss and alone:
        parts.append(say("code_mean"))
    if notation.inward(told.layout):
        parts.append(say("code_turned", A=notation.symbol("A_1")))
    if len(told.derivation.stable.lines) > len(told.derivation.batch.program.lines):
        parts.append(say("code_stable"))
    return say("join_sentences").join(parts)


def appendix(notes: Document, title: str) -> Document:
    """The notes with a section at the end: every equation, and its code."""
    pairs: dict[str, tuple[str, str]] = {}
    for row in labelled(notes).values():
        if row.code:
            pairs.setdefault(row.code, (f"{row.left} {row.relation} {row.right}", row.code))
    section = Section(title, (Paragraph(notes.remarks), Listing(tuple(pairs.values()))))
    return replace(notes, sections=(*notes.sections, section))
