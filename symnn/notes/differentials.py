"""Each gradient by differentials: dL = ⟨ȳ, dy⟩ = ⟨ȳ, J dt⟩ = ⟨t̄, dt⟩.

The lines are those of the recorded steps; dy is the differential of y's own forward line.
"""

from __future__ import annotations

from dataclasses import replace

from symnn.engine.diff import slope
from symnn.engine.ir import Line, Tensor, Term, entries, indices_of, name_of
from symnn.formulas.matrix import NoMatrixFormError, matrix_sides
from symnn.notation.notation import Notation
from symnn.notes.context import Context, read_names
from symnn.notes.document import Row
from symnn.notes.rows import Group, derivation_rows
from symnn.notes.transposes import pairing, transposed, with_change


def differential(forward: Line, t: Tensor, change: Tensor) -> Line:
    """dy for a change of the tensor ``t`` alone; change: stands for dt.

    y[out] = sum f(.., t[idx], ..)   ->   dy[out] = sum df/dt[idx] * dt[idx]
    """
    terms = [
        Term(slope(term.f, e) * change[indices_of(e)], term.over)
        for term in forward.terms
        for e in entries(term.f)
        if name_of(e) == t.name
    ]
    return Line(forward.lhs, tuple(terms), "differential")


def differential_rows(context: Context, group: Group, notation: Notation) -> list[Row]:
    """The rows of one gradient by differentials, at the level of detail.

    Those of the chain rule where a step has no matrix form.
    """
    rows = derivation_rows(context, group, notation)
    if len(rows) > 1 and rows[1].reason == context.say("matrix"):
        rows = rows[1:]  # without the one in index notation
    try:
        before = _Told(context, group, notation).rows()
    except NoMatrixFormError:
        return rows
    reasons = [context.say("paired", own=context.letter(group.tensor, notation))]
    reasons += [rows[0].reason] if len(before) == 1 and rows[0].reason else []
    return [*before, replace(rows[0], reason=context.say("join_reasons").join(reasons)), *rows[1:]]


class _Told:
    """The differential of the loss as far as one tensor moves it."""

    def __init__(self, context: Context, group: Group, notation: Notation) -> None:
        self.context, self.notation = context, notation
        self.t = context.forward.tensors[group.tensor]
        seed = context.sweep.names.get(context.sweep.of)
        lines = [step.after for step in group.steps]
        self.line = next((x for x in lines if seed not in read_names(x)), lines[-1])
        self.change = Tensor(f"{self.t.name}_change", self.t.axes)

    def rows(self) -> list[Row]:
        """dL = ⟨ȳ, dy⟩, = ⟨ȳ, J dt⟩, = ⟨t̄, dt⟩; only the last where L reads t itself."""
        say = self.context.say
        left = rf"\mathrm{{d}} {self.context.loss_letter(self.line.lhs)}"
        right = matrix_sides(self.line, self.notation, self.context.layout)[1]
        last = pairing(right, self.d(self.t))
        through = self._through()
        if not through:
            return [Row(left, last, say("loss_differential"))]
        direct = tuple(term for term in self.line.terms if not self._gradients(term))
        rest = [self._direct(direct)] if direct else []
        first = [pairing(self._bar(y), self.d(self.context.forward.tensors[y])) for y in through]
        moved = [pairing(self._bar(y), self._moved(y)) for y in through]
        letters = ", ".join(self.context.letter(y, self.notation) for y in through)
        texts = {
            " + ".join([*first, *rest]): say("through_differential", through=letters),
            " + ".join([*moved, *rest]): say("insert_differential"),
        }
        texts.setdefault(last, say("adjoint" if transposed(self.notation, last) else "moved"))
        return [Row("" if k else left, *row) for k, row in enumerate(texts.items())]

    def d(self, t: Tensor) -> str:
        """dt."""
        return rf"\mathrm{{d}} {self.context.letter(t.name, self.notation)}"

    def _bar(self, y: str) -> str:
        name = self.context.sweep.names[y]
        return self.context.letter(name, self.notation, inline=True)

    def _gradients(self, term: Term) -> list[str]:
        known = self.context.sources
        return [known[n] for e in entries(term.f) if (n := name_of(e)) in known]

    def _through(self) -> list[str]:
        """The tensors through which t moves the loss."""
        return list(dict.fromkeys(y for term in self.line.terms for y in self._gradients(term)))

    def _direct(self, terms: tuple[Term, ...]) -> str:
        right = matrix_sides(Line(self.line.lhs, terms), self.notation, self.context.layout)[1]
        return pairing(right, self.d(self.t))

    def _moved(self, y: str) -> str:
        """dy, in terms of dt."""
        line = differential(self.context.forward.line(y), self.t, self.change)
        return with_change(self.context, line, self.notation, self.change.name, self.d(self.t))
