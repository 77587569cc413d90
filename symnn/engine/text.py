"""Lines as text: ``read`` makes a program of it, ``show`` writes one, and they are inverse.

    input x[n<N, i<3]              # to the end of a line is a comment
    parameter W[j<4, i], b[j]
    target y[n, j]
    z[n,j] = sum_{i} W[j,i]*x[n,i] + b[j]
    a[n,j] = tanh(z[n,j])
    L = sum_{n,j} (a[n,j] - y[n,j])**2/2

No index is summed without a sign.  The whole grammar is in the guide, symnn/guide/lines.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sympy as sp

from symnn.engine.ir import Axis, Line, Program, ProgramError, Tensor, Term, equation
from symnn.engine.names import Outside
from symnn.engine.reader import KINDS, Reader


@dataclass(frozen=True)
class Text:
    """What a text says: the program, and what stands beside it.

    initial: parameter -> how it starts, "zeros" or "normal(0.1)".  numbers: hyperparameter or
    state -> value; mask -> the share that is kept.  whole: tensor -> how many whole numbers, from
    0, its values may be.  outputs: names.  outside: the reads that can leave their range, which is
    no mistake; one for an equation and what it reads.  predicted: tensor -> the line that stands
    for its own in prediction.
    """

    program: Program
    initial: Mapping[str, str] = field(default_factory=dict)
    numbers: Mapping[str, sp.Rational] = field(default_factory=dict)
    whole: Mapping[str, int] = field(default_factory=dict)
    outputs: tuple[str, ...] = ()
    outside: tuple[Outside, ...] = ()
    predicted: Mapping[str, Line] = field(default_factory=dict)


def read(text: str, functions: Mapping[str, Any] | None = None) -> Program:
    """The program that a text stands for.  Raises TextError, with line and column."""
    return parse(text, functions).program


def parse(
    text: str,
    functions: Mapping[str, Any] | None = None,
    samples: int = 1,
    letters: Mapping[str, tuple[str, int]] | None = None,
) -> Text:
    """The program, and what the text says beside it.

    functions: those of the user's own, by name, beside the table's.  samples: how many a batch
    has, whose values have a bound.  letters: tensor -> its letter and the number of its layer, of
    those that have one.  Raises TextError.
    """
    reader = Reader(text, functions or {}, samples, letters or {})
    program = reader.program()
    outputs = tuple(token.text for token in reader.outputs)
    outside = tuple(reader.names.outside.values())
    told = reader.initial, reader.numbers, reader.names.whole, outputs, outside, reader.predicted
    return Text(program, *told)


def show(program: Program, beside: Text | None = None) -> str:
    """The text that ``read`` makes the program of: declarations, facts, then the lines.

    beside: what the text says beside the program, as ``parse`` has it.  Raises ProgramError where
    an axis has two sizes.
    """
    return _Writer(program, beside or Text(program)).text()


class _Writer:
    """Sizes stand where an axis stands first."""

    def __init__(self, program: Program, beside: Text) -> None:
        self.program, self.beside = program, beside
        self.seen: dict[str, Axis] = {}

    def text(self) -> str:
        rows = [self.leaf(leaf) for leaf in self.program.leaves]
        rows += [f"given {self.term(f.term)} = {f.value}" for f in self.program.facts]
        for item in self.program.items:
            if isinstance(item, Line):
                rows.append(self.line(item))
                if (line := self.beside.predicted.get(item.lhs.name)) is not None:
                    rows.append(f"predict {self.line(line)}")
                continue
            way = " down" if item.reverse else ""
            rows.append(f"for {self.axis(item.axis)}{way}:")
            rows += [f"    {self.line(line)}" for line in item.lines]
        if self.beside.outputs:
            rows.append(f"output {', '.join(self.beside.outputs)}")
        return "\n".join(rows) + "\n"

    def axis(self, a: Axis) -> str:
        first = a.name not in self.seen
        if self.seen.setdefault(a.name, a) != a:
            both = f"{self.seen[a.name].size} and {a.size}"
            raise ProgramError(f"the axis {a.name} has two sizes, {both}")
        return str(a) if first else a.name

    def tensor(self, t: Tensor) -> str:
        return t.name + (f"[{','.join(map(self.axis, t.axes))}]" if t.axes else "")

    def term(self, term: Term) -> str:
        head = f"{term.reduce}_{{{','.join(a.name for a in term.over)}}}"
        sized = f"{term.reduce}_{{{','.join(map(self.axis, term.over))}}}"
        return sized + str(term).removeprefix(head) if term.over else str(term)

    def line(self, line: Line) -> str:
        return equation(self.tensor(line.lhs), [self.term(t) for t in line.terms])

    def leaf(self, t: Tensor) -> str:
        role = {"sample weight": "weight", "noise": "noise"}.get(t.kind, t.role)
        text = f"{role} {self.tensor(t)}"
        if role == "parameter" and t.kind in KINDS[1:]:
            text += f" of {t.kind}"
        count = self.beside.whole.get(t.name) or self.program.pointed.get(t.name)
        if count is not None:
            text += f" of {count}"
        if t.name in self.beside.initial:
            text += f" = {self.beside.initial[t.name]}"
        if t.name in self.beside.numbers:
            word = "keep" if role == "mask" else "="
            text += f" {word} {self.beside.numbers[t.name]}"
        return text
