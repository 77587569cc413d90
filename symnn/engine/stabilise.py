"""Named rewrites to forms that neither overflow nor lose their digits.

They follow simplification: the differentiated program has no shift, and what is computed is
the stable form of the lines that were derived.  Each rewrite leaves every value of the
program unchanged, apart from the two it says, the exponentials and their sum.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import sympy as sp

from symnn.engine.functions import named
from symnn.engine.ir import (
    Item,
    Line,
    Program,
    Scan,
    Step,
    Tensor,
    Term,
    indices_of,
    is_entry,
    name_of,
)

SHIFT = "shift by the maximum"
QUOTIENT = "logarithm of a quotient"
LOG_SIGMOID = "logarithm of the sigmoid"
COMPLEMENT = "complement of the sigmoid"


def stabilise(program: Program) -> tuple[Program, tuple[Step, ...]]:
    """The program in stable form, and the steps."""
    steps: list[Step] = []
    groups = [g for g in (_softmax(program, line) for line in program.lines) if g]
    sigmoids = {line.lhs.name: line for line in program.lines if _is_sigmoid(line)}
    shifted = {g.a: g for g in groups if _only_there(program, g)}

    def rewrite(line: Line) -> Line:
        line = _log_rule(line, shifted, steps)
        return _complement(_log_sigmoid(line, sigmoids, steps), steps)

    items: list[Item] = []
    tops = {g.e: g for g in shifted.values()}
    for item in program.items:
        if isinstance(item, Scan):
            items.append(item)
        elif item.lhs.name in tops:
            items += tops[item.lhs.name].shifted(item, steps)
        else:
            items.append(rewrite(item))
    return Program(program.leaves, tuple(items), program.facts), tuple(steps)


@dataclass(frozen=True)
class _Softmax:
    """The names in a = e/s, e = exp(z), s = the sum of e over an axis; m will be the maximum."""

    z: Tensor
    e: str
    s: Tensor
    a: str
    m: Tensor
    over: Term

    def shifted(self, line: Line, steps: list[Step]) -> list[Line]:
        """exp(z)  ->  m = max z, exp(z - m):  a = e/s does not change when both are scaled."""
        largest = Line(self.m, (Term(self.z.entry, self.over.over, "max"),), SHIFT)
        moved = Line(line.lhs, (Term(sp.exp(self.z.entry - self.m.entry)),), SHIFT)
        steps.append(Step(SHIFT, None, largest))
        steps.append(Step(SHIFT, line, moved))
        return [largest, moved]


def softmaxes(program: Program) -> dict[str, Tensor]:
    """Name of a softmax's value -> the tensor it is the softmax of."""
    return {g.a: g.z for line in program.lines if (g := _softmax(program, line))}


def _softmax(program: Program, line: Line) -> _Softmax | None:
    if len(line.terms) != 1 or not line.elementwise:
        return None
    top, bottom = sp.fraction(line.terms[0].f)
    if not (is_entry(top) and is_entry(bottom)):
        return None
    e = program.definitions.get(name_of(top))
    s = program.definitions.get(name_of(bottom))
    if e is None or s is None or not isinstance(e.terms[0].f, sp.exp):
        return None
    z = e.terms[0].f.args[0]
    total = s.terms[0]
    if not is_entry(z) or len(s.terms) != 1 or total.f != e.lhs.entry or len(total.over) != 1:
        return None
    name = "m_" + e.lhs.name.split("_", 1)[-1]
    while name in program.tensors:
        name += "_"
    m = Tensor(name, s.lhs.axes)
    return _Softmax(program.tensors[name_of(z)], e.lhs.name, s.lhs, line.lhs.name, m, total)


def _only_there(program: Program, g: _Softmax) -> bool:
    """Whether e and s are read by the quotient alone, so that scaling both changes nothing else."""
    for line in program.lines:
        read = {name_of(x) for x in line.reads}
        if g.e in read and line.lhs.name not in (g.s.name, g.a):
            return False
        if g.s.name in read and line.lhs.name != g.a:
            return False
    return True


def _log_rule(line: Line, groups: dict[str, _Softmax], steps: list[Step]) -> Line:
    """log(e/s)  ->  z - m - log(s)."""

    def value(log: sp.log) -> sp.Expr | None:
        entry = log.args[0]
        group = groups.get(name_of(entry)) if is_entry(entry) else None
        if group is None:
            return None
        move = dict(zip([a.symbol for a in group.z.axes], indices_of(entry), strict=True))
        stable = group.z.entry - group.m.entry - sp.log(group.s.entry)
        return stable.xreplace(move)

    return _replaced(line, sp.log, value, QUOTIENT, steps)


def _is_sigmoid(line: Line) -> bool:
    f = line.terms[0].f if line.terms else None
    return len(line.terms) == 1 and isinstance(f, named("sigmoid")) and is_entry(f.args[0])


def _log_sigmoid(line: Line, sigmoids: dict[str, Line], steps: list[Step]) -> Line:
    """log(a)  ->  -softplus(-z)  and  log(1 - a)  ->  -softplus(z)  for a = sigmoid(z)."""
    softplus = named("softplus")

    def value(log: sp.log) -> sp.Expr | None:
        argument = log.args[0]
        complement = not is_entry(argument)
        entry = 1 - argument if complement else argument
        source = sigmoids.get(name_of(entry)) if is_entry(entry) else None
        if source is None:
            return None
        move = dict(zip([a.symbol for a in source.lhs.axes], indices_of(entry), strict=True))
        z = source.terms[0].f.args[0].xreplace(move)
        return -softplus(z) if complement else -softplus(-z)

    return _replaced(line, sp.log, value, LOG_SIGMOID, steps)


def _complement(line: Line, steps: list[Step]) -> Line:
    """1 - sigmoid(u)  ->  sigmoid(-u), which keeps its digits."""
    sigmoid = named("sigmoid")

    def value(f: sp.Expr) -> sp.Expr | None:
        other = 1 - f
        return sigmoid(-other.args[0]) if isinstance(other, sigmoid) else None

    return _replaced(line, sp.Add, value, COMPLEMENT, steps)


def _replaced(
    line: Line,
    kind: type[sp.Expr],
    value: Callable[[sp.Expr], sp.Expr | None],
    rule: str,
    steps: list[Step],
) -> Line:
    terms = []
    for t in line.terms:
        table = {g: value(g) for g in t.f.atoms(kind)} if t.f.has(kind) else {}
        table = {g: v for g, v in table.items() if v is not None}
        terms.append(Term(t.f.xreplace(table), t.over, t.reduce) if table else t)
    if tuple(terms) == line.terms:
        return line
    after = Line(line.lhs, tuple(terms), rule)
    steps.append(Step(rule, line, after))
    return after
