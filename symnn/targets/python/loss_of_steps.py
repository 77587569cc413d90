"""The loss of many steps at once, from the outputs that they have kept.

Arrays have the axes (epochs, steps, units, samples); one that has no units has a 1 there.
"""

from __future__ import annotations

import sympy as sp

from symnn.engine.ir import Line, SampleIndex, entries, indices_of, name_of
from symnn.engine.lower import Elementwise, Lowered, Reduce, in_layout, lower_line
from symnn.targets.code import Part, Statement, below
from symnn.targets.plan.buffers import Call, Operand, Work, calls_into
from symnn.targets.plan.memory import columns
from symnn.targets.plan.operations import Node
from symnn.targets.plan.plan import Plan, PlanError
from symnn.targets.python.arrays import Arrays
from symnn.targets.python.expressions import ATOM, Expressions, Text


def losses(plan: Plan, arrays: Arrays) -> list[Part]:
    """What computes L, one value a step, from the arrays of what was saved and of y."""
    parts: list[Part] = []
    for line in plan.loss:
        code = _Printer(arrays, line).code()
        parts += below([str(line)], [Statement(text) for text in code])
    if plan.loss_penalties:
        parts.append(Statement("L = L + penalty", ("and the part without samples",)))
    return parts


class _Printer:
    """One line.  A work array is made by the first call that writes it."""

    def __init__(self, arrays: Arrays, line: Line) -> None:
        self.arrays, self.line = arrays, line
        self.made: set[str] = set()
        self.like = name_of(max(line.reads, key=lambda e: len(indices_of(e))))

    def code(self) -> tuple[str, ...]:
        lowered, name = lower_line(self.line, "columns"), self.line.lhs.name
        if all(isinstance(f, Elementwise) for low in lowered for f in low.factors):
            axes = columns(self.line.lhs.axes)
            (f,) = (t.f for t in self.line.terms)
            return tuple(self._calls_into(f, Node("array", axes, name)))
        parts = [self._reduced(low, k) for k, low in enumerate(lowered)]
        rows = [row for part in parts for row in part[0]]
        return (*rows, f"{name} = {' + '.join(part[1] for part in parts)}")

    def _reduced(self, low: Lowered, k: int) -> tuple[list[str], str]:
        """The rows before a sum, and the sum; without its units it keeps a 1 for them."""
        factor = low.factors[0]
        if len(low.factors) > 1 or not isinstance(factor, Reduce) or factor.kind != "sum":
            raise PlanError(f"no code for the loss of many steps:\n  {self.line}")
        samples = any(isinstance(a, SampleIndex) for a in factor.over)
        axis = "(2, 3)" if samples else "2, keepdims=True"
        if factor.arg.f in entries(factor.arg.f):
            name, rows = name_of(factor.arg.f), []
        else:
            name = f"sum_{k + 1}"
            axes = in_layout(factor.arg.axes, "columns")
            rows = self._calls_into(factor.arg.f, Node("array", axes, name))
        text = f"np.add.reduce({name}, axis={axis})"
        return rows, Expressions().product(low.coefficient, [Text(text, ATOM)])[0]

    def _calls_into(self, f: sp.Expr, out: Node) -> list[str]:
        return [self._call(c) for c in calls_into(f, out, lambda name: name)]

    def _call(self, call: Call) -> str:
        args = [self._operand(a) for a in call.args]
        out = self._operand(call.out)
        fresh = out not in self.made
        self.made.add(out)
        if call.name == "copyto":
            if fresh:
                return f"{out} = np.array(np.broadcast_to({args[0]}, {self.like}.shape))"
            return f"np.copyto({out}, {args[0]}{''.join(f', where={w}' for w in args[1:])})"
        if call.name == "erfc":
            return f"{out} = erfc({args[0]})"
        if call.name == "keep":
            return f"{out} = {args[0]} * ({args[1]} > 0)"
        if fresh:
            return f"{out} = np.{call.name}({', '.join(args)})"
        return f"np.{call.name}({', '.join(args)}, out={out})"

    def _operand(self, operand: Operand) -> str:
        if isinstance(operand, Work):
            return f"{'is' if operand.flags else 'work'}_{operand.number}_{len(operand.axes)}"
        if operand.kind in ("constant", "full"):
            return self.arrays.constant(operand.value)
        return operand.name
