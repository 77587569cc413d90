"""Simplification of gradient lines: named rewrites, each recorded as a Step.

The lines are taken in the order of the sweep, so that what a line reads is already simple.
The rewrites are in rewrites.py, guards.py and sums.py; which of them is tried, and where, is here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import sympy as sp

from symnn.engine.guards import at_guards, decided, eliminate, scale_cases
from symnn.engine.ir import (
    Fact,
    Item,
    Line,
    Program,
    Scan,
    Step,
    Term,
    entries,
    indices_of,
    lines_of,
    name_of,
)
from symnn.engine.rewrites import (
    Values,
    alias,
    by_value,
    inline,
    length,
    reads_barely,
    shorten,
    use_forward_values,
)
from symnn.engine.sums import collect, hoist, known_sum, proven_facts

CHAIN = "chain rule"
SUBSTITUTE = "substitute"
DERIVATIVE = "derivative of the activation"
FORWARD_VALUE = "use the forward value"
FACT = "use the fact"
SHORTEN = "cancel and collect"
SUM = "name the sum"
HOIST = "take the common factor out"


def simplify(
    program: Program, items: Sequence[Item], keep: Iterable[str]
) -> tuple[tuple[Item, ...], tuple[Step, ...]]:
    """The gradient items in simple form, and the steps that led there.

    keep: names of gradients that must keep a line of their own.  A line that nothing reads
    any more is left out.  Lines inside a scan are rewritten but not substituted.
    """
    return _Simplifier(program, items, set(keep)).run()


class _Simplifier:
    def __init__(self, program: Program, items: Sequence[Item], keep: set[str]) -> None:
        self.program, self.items, self.keep = program, items, keep
        self.values, self.facts = Values(program), (*program.facts, *proven_facts(program))
        self.lines = {line.lhs.name: line for line in lines_of(items)}
        self.tensors = {**program.tensors, **{n: line.lhs for n, line in self.lines.items()}}
        scans = (i for i in items if isinstance(i, Scan))
        self.scans = {line.lhs.name: (scan.axis,) for scan in scans for line in scan.lines}
        self.fixed = self.scans.keys()
        self.readers: dict[str, dict[str, int]] = {}
        for line in self.lines.values():
            self._count(line, +1)
        self.dead: set[str] = set()
        self.sums: dict[str, list[str]] = {}  # name -> the sums that stand before its line
        self.steps: list[Step] = []

    def run(self) -> tuple[tuple[Item, ...], tuple[Step, ...]]:
        for item in self.items:
            for line in item.lines if isinstance(item, Scan) else (item,):
                self.steps.append(Step(CHAIN, None, line))
                self._line(line.lhs.name)
        for line in lines_of(self.items):  # when nothing will be substituted any more
            if line.lhs.name not in self.dead:
                self._hoist(line.lhs.name)
        live = self._live()
        kept = (i for item in self.items for i in self._kept(item, live))
        return tuple(kept), tuple(self.steps)

    def _kept(self, item: Item, live: set[str]) -> list[Item]:
        """The item as its lines are now, without those that nothing reads, with the sums before."""
        own = [line.lhs.name for line in lines_of([item])]
        names = [n for name in own for n in (*self.sums.get(name, ()), name) if n in live]
        lines = tuple(self.lines[n] for n in names)
        if isinstance(item, Scan):
            return [Scan(item.axis, lines, item.reverse)] if lines else []
        return list(lines)

    def _count(self, line: Line, sign: int) -> None:
        for term in line.terms:
            for e in entries(term.f):
                if name_of(e) in self.lines:
                    at = self.readers.setdefault(name_of(e), {})
                    at[line.lhs.name] = at.get(line.lhs.name, 0) + sign
                    if not at[line.lhs.name]:
                        del at[line.lhs.name]

    def _set(self, rule: str, line: Line, facts: tuple[Fact, ...] = (), note: str = "") -> None:
        """Replace a line by its next form, and record the step."""
        before = self.lines[line.lhs.name]
        if before.terms == line.terms:
            return
        self._count(before, -1)
        self.lines[line.lhs.name] = line
        self._count(line, +1)
        for entry in before.reads:
            self._bury(name_of(entry))
        self.steps.append(Step(rule, before, line, facts, note))

    def _bury(self, name: str) -> None:
        """Mark a line without readers as dead, then those that only dead lines read."""
        if (
            name not in self.lines
            or self.readers.get(name)
            or name in self.keep
            or name in self.dead
        ):
            return
        self.dead.add(name)
        self._count(self.lines[name], -1)
        for entry in self.lines[name].reads:
            self._bury(name_of(entry))

    def _line(self, name: str) -> None:
        self._substitute(name)
        for line, rule, facts, note in self._rewritten(self.lines[name]):
            self._set(rule, line, facts, note)
        if name not in self.fixed:
            self._try_substituting(name)

    def _hoist(self, name: str) -> None:
        """Give sums of the line lines of their own, where a factor then comes out of it."""
        line, at = self.lines[name], f"{name}_sum"
        found = hoist(line, at)
        if found is None:
            return
        taken = self.program.tensors, self.lines
        while any(own.lhs.name in names for own in found[0] for names in taken):
            at += "_"
            found = hoist(line, at) or found
        sums, whole = found
        if any(axis not in own.lhs.axes for own in sums for axis in self.scans.get(name, ())):
            return  # a line of a loop carries its axis
        for own in sums:
            self.lines[own.lhs.name] = own
            self._count(own, +1)
            self.steps.append(Step(SUM, None, own))
        self.sums[name] = [own.lhs.name for own in sums]
        self._set(HOIST, whole)

    def _rewritten(self, line: Line) -> list[tuple[Line, str, tuple[Fact, ...], str]]:
        """The line after each rewrite that changes it, with rule, facts and note."""
        out, rules = [], list(self._rules())
        while rules:
            rule, rewrite = rules.pop(0)
            terms, facts, note = rewrite(line)
            if terms != line.terms:
                line = Line(line.lhs, terms, rule)
                out.append((line, rule, facts, note))
                if rule == SHORTEN:  # what a factor came out of may be a value
                    rules.append((FORWARD_VALUE, self._use_forward_value))
        return out

    def _rules(self) -> tuple[tuple[str, Callable[[Line], _Rewritten]], ...]:
        return (
            (DERIVATIVE, self._by_value),
            (FORWARD_VALUE, self._use_forward_value),
            (FACT, self._facts),
            (SHORTEN, self._shorten),
        )

    def _by_value(self, line: Line) -> _Rewritten:
        found = [by_value(t.f, self.values) for t in line.terms]
        terms = tuple(
            Term(f, t.over, t.reduce) for t, (f, _) in zip(line.terms, found, strict=True)
        )
        return terms, (), "; ".join(dict.fromkeys(n for _, notes in found for n in notes))

    def _use_forward_value(self, line: Line) -> _Rewritten:
        terms = (Term(use_forward_values(t.f, self.values), t.over, t.reduce) for t in line.terms)
        return tuple(terms), (), ""

    def _facts(self, line: Line) -> _Rewritten:
        found = [known_sum(t, self.facts) for t in line.terms]
        facts = tuple(dict.fromkeys(f for _, used in found for f in used))
        return tuple(t for t, _ in found if t.f is not sp.S.Zero), facts, ""

    def _shorten(self, line: Line) -> _Rewritten:
        """Terms over the same axes become one where that is shorter; every summand is cancelled."""
        pointed = self.program.pointed
        own = [
            eliminate(
                Term(decided(f, line.axes), t.over, t.reduce), line.axes, pointed, self.tensors
            )
            for t in line.terms
            for f in (sp.Add.make_args(t.f) if not t.over else (t.f,))
        ]
        plain = [t.f for t in own if not t.over]
        sums = (Term(scale_cases(shorten(t.f)), t.over, t.reduce) for t in own if t.over)
        terms = collect([t for t in sums if t.f is not sp.S.Zero])
        if plain:
            whole = at_guards(shorten(sp.Add(*plain)), line.axes, pointed)
            terms.insert(0, Term(scale_cases(whole)))
        return tuple(t for t in terms if t.f != 0), (), ""

    def _substitute(self, name: str) -> None:
        """Replace gradients that only this line reads by their definitions, and other names.

        Inside a scan only a constant, such as dL = 1.
        """
        line, done = self.lines[name], False
        while not done:
            done = True
            for entry in _gradient_entries(line, self.lines):
                inner = self.lines[name_of(entry)]
                if inner is not line and (named := self._named(entry, inner)) is not None:
                    terms = (
                        Term(t.f.xreplace({entry: named}), t.over, t.reduce) for t in line.terms
                    )
                    line, done = Line(line.lhs, tuple(terms), SUBSTITUTE), False
                    self._set(SUBSTITUTE, line)
                    break
                constant = all(not entries(t.f) and not t.over for t in inner.terms)
                alone = self.readers[inner.lhs.name] == {name: 1} and name not in self.fixed
                # a sum alone is not computed again for each value of an axis that it has not
                wide = not inner.elementwise and len(line.lhs.axes) > len(inner.lhs.axes)
                wide = wide and len(line.terms) == 1
                single = alone and inner.lhs.name not in self.keep and not wide
                if inner.lhs.name in self.fixed or inner is line or not (constant or single):
                    continue
                changed = self._inlined(line, inner)
                if changed is not None and changed.terms != line.terms:
                    self._set(SUBSTITUTE, changed)
                    line, done = changed, False
                    break

    def _named(self, entry: sp.Expr, inner: Line) -> sp.Expr | None:
        """What an entry is another name of; both are 0 outside their ranges."""
        found = alias(inner, self.tensors)
        own = (a.symbol for a in inner.lhs.axes)
        return found and found.xreplace(dict(zip(own, indices_of(entry), strict=True)))

    def _try_substituting(self, name: str) -> None:
        """Substitute a gradient that only this line reads, if the two lines get shorter so."""
        for entry in _gradient_entries(self.lines[name], self.lines):
            line, inner = self.lines[name], self.lines[name_of(entry)]
            if inner.lhs.name in self.keep or inner.lhs.name in self.fixed or not inner.elementwise:
                continue
            if set(self.readers.get(inner.lhs.name, ())) != {name}:
                continue
            trial = self._inlined(line, inner)
            if trial is None:
                continue
            steps = self._rewritten(trial)
            after = steps[-1][0] if steps else trial
            if _cost(after) < _cost(line) + _cost(inner):
                self._set(SUBSTITUTE, trial)
                for changed, rule, facts, note in steps:
                    self._set(rule, changed, facts, note)

    def _inlined(self, line: Line, inner: Line) -> Line | None:
        """``line`` with ``inner`` replaced by its definition everywhere; None if it cannot be."""
        if any(t.reduce != "sum" for t in inner.terms):
            return None
        terms: list[Term] = []
        outer = {a.symbol: a for a in line.lhs.axes}
        for term in line.terms:
            bound = outer | {a.symbol: a for a in term.over}
            found = [e for e in entries(term.f) if name_of(e) == inner.lhs.name]
            if not found:
                terms.append(term)
            elif not reads_barely(term, found[0], inner, bound):
                return None
            elif term.over and not inner.elementwise:
                return None  # a product of sums is computed in two steps
            else:
                terms += inline(term, found[0], inner, bound)
        return Line(line.lhs, tuple(terms), SUBSTITUTE)

    def _live(self) -> set[str]:
        live: set[str] = set()
        pending = list(self.keep)
        while pending:
            name = pending.pop()
            if name in self.lines and name not in live:
                live.add(name)
                pending += [name_of(e) for e in self.lines[name].reads]
        return live


_Rewritten = tuple[tuple[Term, ...], tuple[Fact, ...], str]


def _gradient_entries(line: Line, lines: Mapping[str, Line]) -> list[sp.Expr]:
    return [e for t in line.terms for e in entries(t.f) if name_of(e) in lines]


def _cost(line: Line) -> int:
    return 1 + sum(1 + length(t.f) for t in line.terms)
