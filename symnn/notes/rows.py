"""The lines of a derivation as rows of the notes: labelled, grouped by layer, equal ones once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from symnn.engine.ir import Line, Step
from symnn.engine.simplify import SUM
from symnn.formulas.index import is_decay, line_formulas
from symnn.formulas.matrix import NoMatrixFormError, matrix_formulas
from symnn.formulas.shapes import shape_tex
from symnn.formulas.tree import Formula, total
from symnn.formulas.whole import DEEP, penalty
from symnn.notes.context import Context, read_names
from symnn.notes.document import Row
from symnn.notes.reasons import reason_of


class Sides(NamedTuple):
    """The formulas of the two sides of a line; by_entries: in index notation."""

    left: Formula
    right: Formula
    by_entries: bool


def by_entries(context: Context, line: Line) -> Sides:
    """A line in index notation."""
    return Sides(*line_formulas(line, context.notation, context.layout), True)


def formulas_of(context: Context, line: Line) -> Sides:
    """A line in matrix notation where there is one, or else by entries.

    Many penalties are one sum over the layers.
    """
    if context.by_index:
        return by_entries(context, line)
    decays = [t for t in line.terms if is_decay(t)] if line.lhs.name == "L" else []
    try:
        if len(decays) <= DEEP:
            return Sides(*matrix_formulas(line, context.notation, context.layout), False)
        last = penalty(line, decays, context.notation)
    except NoMatrixFormError:
        return by_entries(context, line)
    rest = replace(line, terms=tuple(t for t in line.terms if not is_decay(t)))
    found = formulas_of(context, rest)
    return found._replace(right=total([found.right, last]))


def row_of(context: Context, line: Line, reason: str = "") -> Row:
    """One line."""
    found = formulas_of(context, line)
    relation = r"\leftarrow" if line.lhs.kind == "next" else "="
    # the shortest notes show no shapes
    shaped = context.detail != "answer" and not found.by_entries
    shape = shape_tex(line, found[:2], context.notation) if shaped else ""
    label, error = context.label(line.lhs.name), error_of(context, line, found)
    return Row(
        found.left,
        found.right,
        context.notation,
        reason,
        relation,
        shape=shape,
        error=error,
        label=label,
    )


def error_of(context: Context, line: Line, found: Sides) -> float | None:
    """The error of a line as it is printed; None where it was not evaluated, or was wrong."""
    if context.evidence is None:
        return None
    indices = [a.symbol for a in line.lhs.axes] if found.by_entries else None
    return context.evidence.printed(line, (found.left, found.right), indices)


def labelled_for(context: Context, rows: Iterable[Row], layers: Sequence[int | None]) -> list[Row]:
    """Rows of the first of these layers, with the labels of the others too, or that of layer k."""
    first, *others = layers

    def named(row: Row) -> Row:
        stem = row.label.removesuffix(f"-{first}")
        if stem == row.label or not others:
            return row
        if context.network.depth_letter:
            return replace(row, label=f"{stem}-{context.notation.layer_letter}")
        return replace(row, also=tuple(f"{stem}-{k}" for k in others))

    return [named(row) for row in rows]


def rolled_rows(context: Context, lines: Sequence[Line]) -> list[Row]:
    """Lines, with runs of equal ones printed once for k."""
    found = _by_layer(lines)
    keys = [
        (k, k and (context.lettered(k), *(context.signature(x, k) for x in block)))
        for k, block in found
    ]
    rows: list[Row] = []
    for at, length, layer_context in context.stretches(keys):
        layer, block = found[at]
        span = context.span(layer, found[at + length - 1][0]) if length > 1 else ""
        own = [row_of(layer_context, line, span) for line in block]
        rows += labelled_for(context, own, [k for k, _ in found[at : at + length]])
    return rows


def _by_layer(lines: Sequence[Line]) -> list[tuple[int | None, list[Line]]]:
    """Neighbouring lines of one layer."""
    out: list[tuple[int | None, list[Line]]] = []
    for line in lines:
        k = line.lhs.layer
        if out and out[-1][0] == k and k is not None:
            out[-1][1].append(line)
        else:
            out.append((k, [line]))
    return out


@dataclass(frozen=True)
class Group:
    """The steps of one gradient, and the layer it belongs to."""

    tensor: str
    layer: int | None
    steps: tuple[Step, ...]


def groups(context: Context) -> list[Group]:
    """The steps by gradient: those of the loss, then layer by layer from the last."""
    found: dict[str, list[Step]] = {}
    for step in context.sweep.steps:
        own = step.after.lhs
        tensor = own.of if step.rule == SUM else context.sources.get(own.name)
        if tensor not in (None, "L", context.sweep.of):
            found.setdefault(tensor, []).append(step)
    every = [Group(tensor, context.layers.get(tensor), tuple(s)) for tensor, s in found.items()]
    return sorted(every, key=lambda group: -group.layer if group.layer else -(10**9))


def group_signature(context: Context, groups: Iterable[Group], layer: int | None) -> object:
    """What must agree for two layers to have equal derivations."""
    if layer is None:
        return None
    return tuple(
        (step.rule, context.signature(line, layer))
        for group in groups
        for step in group.steps
        for line in (step.before, step.after)  # the one names the activation, where there is one
        if line is not None
    )


def derivation_rows(context: Context, group: Group) -> list[Row]:
    """The rows of one gradient at the level of detail."""
    say = context.say
    steps = [step for step in group.steps if step.rule != SUM]
    forms = [(step.after, [reason_of(context, step)]) for step in steps]
    cotangent = context.sweep.names.get("L")
    while len(forms) > 1 and cotangent in read_names(forms[0][0]):
        why = forms.pop(0)[1]  # the factor dL/dL = 1 is not worth a line
        forms[0] = (forms[0][0], why)
    while len(forms) > 1 and forms[0][0].lhs.of != forms[-1][0].lhs.of:
        why = forms.pop(0)[1]  # a step of the sweep of N L, before 1/N makes it a gradient of L
        forms[0] = (forms[0][0], list(dict.fromkeys([*why, *forms[0][1]])))
    if context.detail == "textbook" and len(forms) > 2:
        reasons = [r for _, why in forms[1:] for r in why]
        forms = [forms[0], (forms[-1][0], list(dict.fromkeys(reasons)))]
    rows: list[Row] = []
    before, same = "", ""
    if context.detail == "full":
        line, why = forms[0]
        found = by_entries(context, line)
        error = error_of(context, line, found)
        rows.append(Row(found.left, found.right, context.notation, why[0], error=error))
        before, same = rows[-1].sides
        forms[0] = line, [say("matrix")]  # not printed below where it is the same again
    for line, why in forms:
        row = row_of(context, line, say("join_reasons").join(why))
        left, right = row.sides
        if (left, right) == (before, same):
            continue  # the rewrite shows nowhere in print, such as another order of terms
        rows.append(replace(row, left=None if left == before else row.left, label=""))
        before, same = left, right
    name = steps[-1].after.lhs.name
    if sums := [step for step in group.steps if step.rule == SUM]:
        rows[-1] = replace(rows[-1], left=formulas_of(context, steps[-1].after).left)
        rows[-1:-1] = [row_of(context, step.after, reason_of(context, step)) for step in sums]
    rows[-1] = replace(rows[-1], label=context.label(name), result=name in context.kept)
    return rows
