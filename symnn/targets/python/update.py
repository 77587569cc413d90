"""The optimizer's lines as NumPy statements on flat vectors: every parameter at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import sympy as sp

from symnn.engine.ir import Line, Tensor, Term, axis, entries, name_of
from symnn.targets.loops import Row
from symnn.targets.plan.buffers import Call, Operand, Work, chain
from symnn.targets.plan.operations import Node
from symnn.targets.plan.plan import Plan, PlanError
from symnn.targets.python.expressions import expression

PARAMETERS = axis("p", sp.Symbol("P", integer=True))  # counts the entries of theta
THETA, GRADIENT = (Tensor(name, (PARAMETERS,)) for name in ("theta", "g"))
ETA, STEP = (Tensor(name, (), "hyperparameter").entry for name in ("eta", "t"))


@dataclass
class Flat:
    """folded: the rate eta is a factor of the gradients themselves.  setup: the allocations.
    changing: constant -> its code, where it depends on the step t.  penalty: the constant c
    where every weight A adds c A to its gradient.  works: what holds values in between.
    """

    folded: bool
    setup: list[str] = field(default_factory=list)
    steps: list[Row] = field(default_factory=list)
    changing: dict[str, str] = field(default_factory=dict)
    penalty: str = ""
    works: list[str] = field(default_factory=list)


def flat(
    lines: Sequence[Line], gradients: Mapping[str, str], states: Sequence[str], steps: Plan
) -> Flat:
    """The update of flat vectors.

    lines: the update lines of all parameters.  gradients: parameter -> the name of its
    gradient.  states: the suffixes of the states.  steps: the plan whose penalties are added
    to the gradients first.  Raises PlanError where parameters are not all updated alike.
    """
    vectors, folded = flat_lines(lines, gradients, states)
    return _Printer(Flat(folded), vectors, steps).run()


def flat_lines(
    lines: Sequence[Line], gradients: Mapping[str, str], states: Sequence[str]
) -> tuple[list[Line], bool]:
    """The lines of flat vectors, and whether eta is a factor of the gradients themselves."""
    short = _inlined(common(lines, gradients, states), states)
    scaled = _with_rate_in_gradients(short, states)
    return scaled or short, scaled is not None


def penalty_factor(plan: Plan) -> sp.Expr | None:
    """c where every weight A adds c A to its gradient, without reading a sample."""
    factors = set(plan.penalties.values())
    if not factors:
        return None
    if len(factors) > 1 or len(plan.penalties) < len(plan.blocks):
        raise PlanError("the weights are not all penalised alike")
    return factors.pop()


def common(
    lines: Sequence[Line], gradients: Mapping[str, str], states: Sequence[str]
) -> list[Line]:
    """The update lines of any parameter: of theta, with the gradient g.

    Arguments and PlanError as for flat.
    """
    own: dict[str, list[Line]] = {parameter: [] for parameter in gradients}
    pending: list[Line] = []
    for line in lines:  # those of a parameter end with its new value
        pending.append(line)
        parameter = line.lhs.name.removesuffix("_next")
        if parameter in own and line.lhs.name != parameter:
            own[parameter], pending = pending, []
    groups = [_of(own[p], p, g, states) for p, g in gradients.items()]
    if any(list(map(str, group)) != list(map(str, groups[0])) for group in groups):
        raise PlanError("the parameters are not all updated by the same lines")
    return groups[0]


def _of(own: Sequence[Line], parameter: str, gradient: str, states: Sequence[str]) -> list[Line]:
    """The lines of one parameter, for flat vectors."""
    names = {parameter: "theta", gradient: "g", f"{parameter}_next": "theta_next"}
    for line in own:
        names.setdefault(line.lhs.name, line.lhs.name.removeprefix(f"{parameter}_"))
    for state in states:
        names[f"{parameter}_{state}"] = state
    out = []
    for line in own:
        table = {e: vector(names[name_of(e)]) for e in line.reads if isinstance(e, sp.Indexed)}
        f = sp.Add(*(t.f for t in line.terms)).xreplace(table)
        out.append(Line(Tensor(names[line.lhs.name], (PARAMETERS,)), (Term(f),), line.why))
    return out


def vector(name: str) -> sp.Expr:
    """The entry of a flat vector."""
    return Tensor(name, (PARAMETERS,)).entry


def _inlined(lines: Sequence[Line], states: Sequence[str]) -> list[Line]:
    """The lines of the states and of theta, with what lies between substituted."""
    table: dict[sp.Expr, sp.Expr] = {}
    out = []
    for line in lines:
        f = line.terms[0].f.xreplace(table)
        if line.lhs.name.removesuffix("_next") in (*states, "theta"):
            out.append(Line(line.lhs, (Term(f),), line.why))
        else:
            table[line.lhs.entry] = f
    return out


def _with_rate_in_gradients(lines: Sequence[Line], states: Sequence[str]) -> list[Line] | None:
    """The lines for g' = eta g and states s' = eta s, where eta then stands in none of them.

    That is so for an update that is linear in the gradient: gradient descent and momentum.
    """
    scaled = {vector(n): vector(n) / ETA for s in states for n in (s, f"{s}_next")}
    scaled[vector("g")] = vector("g") / ETA
    out = []
    for line in lines:
        factor = sp.S.One if line.lhs.name == "theta_next" else ETA
        f = sp.expand(factor * line.terms[0].f.xreplace(scaled))
        if f.has(ETA):
            return None
        out.append(Line(line.lhs, (Term(f),), line.why))
    return out


class _Printer:
    def __init__(self, result: Flat, lines: Sequence[Line], steps: Plan) -> None:
        self.result, self.lines, self.plan = result, lines, steps
        self.names: dict[sp.Expr, str] = {}
        self.works: set[str] = set()

    def run(self) -> Flat:
        """Every new value is written over the old one."""
        self._penalties()
        for k, line in enumerate(self.lines):
            later = {name_of(e) for other in self.lines[k + 1 :] for e in other.reads}
            f = line.terms[0].f
            own = [e for e in entries(f) if isinstance(e, sp.Indexed)]
            f = f.xreplace({e: vector(name_of(e).removesuffix("_next")) for e in own})
            out = Node("array", (PARAMETERS.symbol,), line.lhs.name.removesuffix("_next"))
            calls = chain(f, out, lambda name: name, {"g"} - later)
            self.result.steps.append(Row(None, tuple(map(self._call, calls)), (str(line),)))
        constants = [
            f"{name} = np.array({expression(value, ())[0]}, dtype)"
            for value, name in self.names.items()
            if name not in self.result.changing
        ]
        changing = [f"{name} = np.array(0.0, dtype)" for name in self.result.changing]
        self.result.setup, self.result.works = [*constants, *changing], sorted(self.works)
        return self.result

    def _penalties(self) -> None:
        """g += c A for the weights: what their gradient adds without reading a sample."""
        factor = penalty_factor(self.plan)
        if factor is not None:
            self.result.penalty = self._constant(factor * (ETA if self.result.folded else 1))

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

    def _constant(self, value: sp.Expr) -> str:
        if value not in self.names:
            self.names[value] = f"c{len(self.names) + 1}"
            if value.has(STEP):
                self.result.changing[self.names[value]] = expression(value, ())[0]
        return self.names[value]
