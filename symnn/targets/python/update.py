"""The optimizer's lines as NumPy statements on flat vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import sympy as sp

from symnn.engine.ir import Line, name_of
from symnn.targets.code import Statement
from symnn.targets.plan.buffers import Call, Operand, Work, calls_into
from symnn.targets.plan.operations import Node
from symnn.targets.plan.plan import Plan, gradient_penalty
from symnn.targets.plan.update import ETA, STEP, flat_lines, in_place
from symnn.targets.python.expressions import number_code
from symnn.targets.update import PARAMETERS


@dataclass
class Flat:
    """scaled: the rate eta is a factor of the gradients themselves.  setup: the allocations.
    changing: constant -> its code, where it depends on the step t.  penalty: the constant c
    where every weight A adds c A to its gradient.  works: what holds values in between.
    """

    scaled: bool
    setup: list[str] = field(default_factory=list)
    steps: list[Statement] = field(default_factory=list)
    changing: dict[str, str] = field(default_factory=dict)
    penalty: str = ""
    works: list[str] = field(default_factory=list)


def flat(
    lines: Sequence[Line], gradients: Mapping[str, str], states: Sequence[str], steps: Plan
) -> Flat:
    """The update of flat vectors; steps: the plan whose penalties are added to the gradients first.

    Other arguments and ProgramError as for common.
    """
    vectors, scaled = flat_lines(lines, gradients, states)
    return _Printer(Flat(scaled), vectors, steps).run()


class _Printer:
    def __init__(self, result: Flat, lines: Sequence[Line], steps: Plan) -> None:
        self.result, self.lines, self.plan = result, lines, steps
        self.names: dict[sp.Expr, str] = {}
        self.works: set[str] = set()

    def run(self) -> Flat:
        """Every new value is written over the old one."""
        factor = gradient_penalty(self.plan)
        if factor is not None:  # g += c A for the weights
            self.result.penalty = self._constant(factor * (ETA if self.result.scaled else 1))
        for k, (name, f) in enumerate(in_place(self.lines)):
            later = {name_of(e) for other in self.lines[k + 1 :] for e in other.reads}
            out = Node("array", (PARAMETERS.symbol,), name)
            calls = calls_into(f, out, lambda name: name, {"g"} - later)
            line = (str(self.lines[k]),)
            self.result.steps += [
                Statement(self._call(call), () if n else line) for n, call in enumerate(calls)
            ]
        constants = [
            f"{name} = np.array({number_code(number)}, dtype)"
            for number, name in self.names.items()
            if name not in self.result.changing
        ]
        changing = [f"{name} = np.array(0.0, dtype)" for name in self.result.changing]
        self.result.setup, self.result.works = [*constants, *changing], sorted(self.works)
        return self.result

    def _call(self, call: Call) -> str:
        args = ", ".join(map(self._operand, call.args))
        return f"np.{call.name}({args}, out={self._operand(call.out)})"

    def _operand(self, operand: Operand) -> str:
        if isinstance(operand, Work):
            self.works.add(f"work_{operand.number}")
            return f"work_{operand.number}"
        if operand.kind != "constant":
            return operand.name
        assert operand.value is not None
        return self._constant(operand.value)

    def _constant(self, number: sp.Expr) -> str:
        if number not in self.names:
            self.names[number] = f"c{len(self.names) + 1}"
            if number.has(STEP):
                self.result.changing[self.names[number]] = number_code(number)
        return self.names[number]
