"""Named rewrites to forms that neither overflow nor lose their digits.

They follow simplification: the differentiated program has no shift, and what is computed is
the stable form of the lines that were derived.  Each rewrite leaves every value of the
program unchanged, apart from those that ``rescaled`` names.
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
    entries,
    indices_of,
    is_entry,
    name_of,
)
from symnn.engine.shift import SHIFT, Shifts, fresh

LOG_SIGMOID = "logarithm of the sigmoid"
COMPLEMENT = "complement of the sigmoid"
SCALE = "scale by the largest component"


def stabilise(program: Program) -> tuple[Program, tuple[Step, ...]]:
    """The program in stable form, and the steps."""
    steps: list[Step] = []
    sigmoids = {line.lhs.name: line for line in program.lines if _is_sigmoid(line)}
    shifts = Shifts(program)
    norms = _norms(program, shifts.taken)

    def shifted(line: Line) -> list[Line]:
        before = shifts.before.get(line.lhs.name, ())
        steps.extend(Step(SHIFT, None, largest) for largest in before)
        steps.extend(shifts.steps.get(line.lhs.name, ()))
        return [*before, shifts.lines[line.lhs.name]]

    def rewrite(line: Line) -> Line:
        for norm in norms.values():
            line = _replaced(line, sp.Mul, norm.unit, SCALE, steps)
        return _complement(_log_sigmoid(line, sigmoids, steps), steps)

    items: list[Item] = []
    squares = {g.q.name: g for g in norms.values()}
    for item in program.items:
        if isinstance(item, Scan):
            lines = tuple(line for own in item.lines for line in shifted(own))
            items.append(Scan(item.axis, lines, item.reverse))
        elif item.lhs.name in squares:
            items += squares[item.lhs.name].squares(item, steps)
        elif item.lhs.name in norms:
            items += norms[item.lhs.name].root(item, steps)
        else:
            *before, line = shifted(item)
            items += [*before, rewrite(line)]
    return Program(program.leaves, tuple(items), program.facts), tuple(steps)


def rescaled(program: Program) -> dict[str, str]:
    """The tensors whose values the stable form scales, each with the step that does so.

    They are exponentials and their sums (SHIFT), and squared norms (SCALE).
    """
    shifts = Shifts(program)
    squares = [g.q.name for g in _norms(program, shifts.taken).values()]
    return {**dict.fromkeys(shifts.scaled, SHIFT), **dict.fromkeys(squares, SCALE)}


def softmaxes(program: Program) -> dict[str, Tensor]:
    """Name of a softmax's value e/s, with lines e and s -> the tensor that it is the softmax of."""
    return {line.lhs.name: z for line in program.lines if (z := _softmax(program, line))}


def _softmax(program: Program, line: Line) -> Tensor | None:
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
    return program.tensors[name_of(z)]


@dataclass(frozen=True)
class _Norm:
    """r = sqrt(q), where q is the sum of v^2 over axes.  m, u and s are the scaled form's own."""

    q: Tensor
    r: Tensor
    v: Term
    m: Tensor
    u: Tensor
    s: Tensor

    def squares(self, line: Line, steps: list[Step]) -> list[Line]:
        """q = sum v^2  ->  m = max |v|,  u = v/m,  q = sum u^2, of which one summand is 1."""
        m, v = self.m.entry, self.v
        largest = Line(self.m, (Term(named("absolute")(v.f), v.over, "max"),), SCALE)
        part = Line(self.u, (Term(sp.Piecewise((v.f / m, m > 0), (0, True))),), SCALE)
        scaled = Line(line.lhs, (Term(self.u.entry**2, v.over),), SCALE)
        steps += [Step(SCALE, None, largest), Step(SCALE, None, part), Step(SCALE, line, scaled)]
        return [largest, part, scaled]

    def root(self, line: Line, steps: list[Step]) -> list[Line]:
        """r = sqrt(q)  ->  s = sqrt(q),  r = m s."""
        own = Line(self.s, line.terms, SCALE)
        scaled = Line(line.lhs, (Term(self.m.entry * self.s.entry),), SCALE)
        steps += [Step(SCALE, None, own), Step(SCALE, line, scaled)]
        return [own, scaled]

    def unit(self, f: sp.Mul) -> sp.Expr | None:
        """v (1/r if r > 0 else 0)  ->  u (1/s if s > 0 else 0):  1/r can overflow, 1/s cannot."""
        inverse, scaled = (
            sp.Piecewise((1 / t.entry, t.entry > 0), (0, True)) for t in (self.r, self.s)
        )
        for sign in (1, -1):
            if inverse in f.args and sign * self.v.f in f.args:
                rest = (g for g in f.args if g not in (inverse, sign * self.v.f))
                return sp.Mul(sign, *rest, self.u.entry, scaled)
        return None


def _norms(program: Program, taken: set[str]) -> dict[str, _Norm]:
    """Name of a norm -> the norm, of those whose square the root alone reads.

    taken: names that there are.
    """
    found: dict[str, _Norm] = {}
    for line in program.lines:
        f = line.terms[0].f if len(line.terms) == 1 and line.elementwise else None
        if not (isinstance(f, named("root")) and is_entry(f.args[0])):
            continue
        q = program.definitions.get(name_of(f.args[0]))
        if q is None or len(q.terms) != 1 or f.args[0] != q.lhs.entry:
            continue
        (square,) = q.terms
        squared = isinstance(square.f, sp.Pow) and square.f.exp == 2 and square.reduce == "sum"
        readers = [x for x in program.lines if q.lhs.name in map(name_of, x.reads)]
        # where a maximum leaves out what a sum reads as 0, nothing is scaled
        inside = all(i.is_Symbol for e in entries(square.f) for i in indices_of(e))
        if squared and square.over and inside and readers == [line]:
            v, axes = Term(square.f.base, square.over), q.lhs.axes
            m, u, s = (fresh(name, taken) for name in "mus")
            taken |= {m, u, s}
            own = (
                Tensor(m, axes, letter="m"),
                Tensor(u, axes + v.over, letter="u"),
                Tensor(s, axes, letter="s"),
            )
            found[line.lhs.name] = _Norm(q.lhs, line.lhs, v, *own)
    return found


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
