"""Each gradient by differentials: dL = ⟨ȳ, dy⟩ = ⟨ȳ, J dt⟩ = ⟨t̄, dt⟩.

The lines are those of the recorded steps; dy is the differential of y's own forward line.
"""

from __future__ import annotations

from dataclasses import replace

from symnn.engine.diff import partial_derivative
from symnn.engine.ir import Line, Tensor, Term, entries, indices_of, name_of
from symnn.formulas.matrix import NoMatrixFormError, matrix_formulas
from symnn.formulas.tree import Formula, Operator, Pairing, total
from symnn.notes.context import Context, read_names
from symnn.notes.document import Row
from symnn.notes.rows import Group, derivation_rows
from symnn.notes.transposes import transposed, with_change


def differential(forward: Line, t: Tensor, change: Tensor) -> Line:
    """dy for a change of the tensor ``t`` alone; change: stands for dt.

    y[out] = sum f(.., t[idx], ..)   ->   dy[out] = sum df/dt[idx] * dt[idx]
    """
    terms = [
        Term(partial_derivative(term.f, e) * change[indices_of(e)], term.over)
        for term in forward.terms
        for e in entries(term.f)
        if name_of(e) == t.name
    ]
    return Line(forward.lhs, tuple(terms), "differential")


def differential_rows(context: Context, group: Group) -> list[Row]:
    """The rows of one gradient by differentials, at the level of detail.

    Those of the chain rule where a step has no matrix form.
    """
    say, rows = context.say, derivation_rows(context, group)
    if len(rows) > 1 and rows[1].reason == say("matrix"):
        rows = rows[1:]  # without the one in index notation
    try:
        before = _paired(context, group)
    except NoMatrixFormError:
        return rows
    reasons = [say("paired", own=context.letter(group.tensor))]
    reasons += [rows[0].reason] if len(before) == 1 and rows[0].reason else []
    return [*before, replace(rows[0], reason=say("join_reasons").join(reasons)), *rows[1:]]


def _paired(context: Context, group: Group) -> list[Row]:
    """dL = ⟨ȳ, dy⟩, = ⟨ȳ, J dt⟩, = ⟨t̄, dt⟩; only the last where L reads t itself."""
    say, sources, forward = context.say, context.sources, context.forward
    t, cotangent = forward.tensors[group.tensor], context.sweep.names.get(context.sweep.of)
    lines = [step.after for step in group.steps]
    line = next((x for x in lines if cotangent not in read_names(x)), lines[-1])
    dt = Tensor(f"{t.name}_change", t.axes)

    def bar(y: str) -> Formula:
        return context.symbol(context.sweep.names[y], inline=True)

    def moved(y: str) -> Formula:
        """dy, in terms of dt."""
        own = differential(forward.line(y), t, dt)
        return with_change(context, own, dt.name, context.change(t.name))

    def right(line: Line) -> Formula:
        return matrix_formulas(line, context.notation, context.layout)[1]

    d, left = context.change, Operator(r"\mathrm{d}", context.loss(line.lhs))
    last = Pairing(right(line), d(t.name))
    # the tensors through which t moves the loss
    through = [sources[name] for name in read_names(line) if name in sources]
    if not through:
        return [Row(left, last, context.notation, say("loss_differential"))]
    direct = [u for u in line.terms if not any(name_of(e) in sources for e in entries(u.f))]
    rest: list[Formula] = (
        [Pairing(right(Line(line.lhs, tuple(direct))), d(t.name))] if direct else []
    )
    first, second = (
        total([*(Pairing(bar(y), change(y)) for y in through), *rest]) for change in (d, moved)
    )
    letters = ", ".join(map(context.letter, through))
    steps = [
        (first, say("through_differential", through=letters)),
        (second, say("insert_differential")),
        (last, say("adjoint" if transposed(last) else "moved")),
    ]
    rows: dict[str, Row] = {}  # equal ones once
    for f, reason in steps:
        row = Row(None if rows else left, f, context.notation, reason)
        rows.setdefault(row.sides[1], row)
    return list(rows.values())
