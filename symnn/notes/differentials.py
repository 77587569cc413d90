"""Each gradient by differentials: dL = ⟨ȳ, dy⟩ = ⟨ȳ, J dt⟩ = ⟨t̄, dt⟩.

The lines are those of the recorded steps; dy is the differential of y's own forward line.
"""

from __future__ import annotations

from dataclasses import replace

from symnn.engine.diff import slope
from symnn.engine.ir import Line, Tensor, Term, entries, indices_of, name_of
from symnn.formulas.matrix import NoMatrixFormError, matrix_sides
from symnn.notation.notation import Notation
from symnn.notes.document import Row
from symnn.notes.equations import Equations, Group
from symnn.notes.reasons import read_names
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


def differential_rows(eq: Equations, group: Group, notation: Notation) -> list[Row]:
    """The rows of one gradient by differentials, at the level of detail.

    Those of the chain rule where a step has no matrix form.
    """
    rows = eq.derivation_rows(group, notation)
    if len(rows) > 1 and rows[1].reason == eq.say("matrix"):
        rows = rows[1:]  # without the one in index notation
    try:
        before = _Told(eq, group, notation).rows()
    except NoMatrixFormError:
        return rows
    reasons = [eq.say("paired", own=eq.letter(group.tensor, notation))]
    reasons += [rows[0].reason] if len(before) == 1 and rows[0].reason else []
    return [*before, replace(rows[0], reason=eq.say("join_reasons").join(reasons)), *rows[1:]]


class _Told:
    """The differential of the loss as far as one tensor moves it."""

    def __init__(self, eq: Equations, group: Group, notation: Notation) -> None:
        self.eq, self.notation, self.t = eq, notation, eq.forward.tensors[group.tensor]
        seed = eq.sweep.names.get(eq.sweep.of)
        lines = [step.after for step in group.steps]
        self.line = next((x for x in lines if seed not in read_names(x)), lines[-1])
        self.change = Tensor(f"{self.t.name}_change", self.t.axes)

    def rows(self) -> list[Row]:
        """dL = ⟨ȳ, dy⟩, = ⟨ȳ, J dt⟩, = ⟨t̄, dt⟩; only the last where L reads t itself."""
        say = self.eq.say
        left = rf"\mathrm{{d}} {self.eq.loss_letter(self.line.lhs)}"
        last = pairing(matrix_sides(self.line, self.notation, self.eq.layout)[1], self.d(self.t))
        through = self._through()
        if not through:
            return [Row(left, last, say("loss_differential"))]
        direct = tuple(term for term in self.line.terms if not self._gradients(term))
        rest = [self._direct(direct)] if direct else []
        first = [pairing(self._bar(y), self.d(self.eq.forward.tensors[y])) for y in through]
        moved = [pairing(self._bar(y), self._moved(y)) for y in through]
        letters = ", ".join(self.eq.letter(y, self.notation) for y in through)
        texts = {
            " + ".join([*first, *rest]): say("through_differential", through=letters),
            " + ".join([*moved, *rest]): say("insert_differential"),
        }
        texts.setdefault(last, say("adjoint" if transposed(self.notation, last) else "moved"))
        return [Row("" if k else left, *row) for k, row in enumerate(texts.items())]

    def d(self, t: Tensor) -> str:
        """dt."""
        return rf"\mathrm{{d}} {self.eq.letter(t.name, self.notation)}"

    def _bar(self, y: str) -> str:
        name = self.eq.sweep.names[y]
        return self.eq.letter(name, self.notation, inline=True)

    def _gradients(self, term: Term) -> list[str]:
        known = self.eq.sweep_gradients
        return [known[n] for e in entries(term.f) if (n := name_of(e)) in known]

    def _through(self) -> list[str]:
        """The tensors through which t moves the loss."""
        return list(dict.fromkeys(y for term in self.line.terms for y in self._gradients(term)))

    def _direct(self, terms: tuple[Term, ...]) -> str:
        right = matrix_sides(Line(self.line.lhs, terms), self.notation, self.eq.layout)[1]
        return pairing(right, self.d(self.t))

    def _moved(self, y: str) -> str:
        """dy, in terms of dt."""
        line = differential(self.eq.forward.line(y), self.t, self.change)
        return with_change(self.eq, line, self.notation, self.change.name, self.d(self.t))
