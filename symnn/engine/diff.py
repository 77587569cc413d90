"""The one rule of differentiation, and the reverse sweep that applies it.

    y[out] = sum over (axes) of f(.., t[idx], ..)

    grad t[axes]  +=  sum over all bound axes of  grad y[out] * df/dt[idx] * prod_k [idx_k = axes_k]

A bracket is eliminated by solving it for a bound axis; one that cannot be eliminated stays
as a guard (a KroneckerDelta), which is evaluated, printed and lowered like any factor.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence

import sympy as sp

from symnn.engine.ir import (
    Axis,
    Item,
    Line,
    Program,
    ProgramError,
    Scan,
    Tensor,
    Term,
    axis,
    entries,
    indices_of,
    name_of,
    pointers,
)

UNDIFFERENTIABLE = (sp.Derivative, sp.Subs, sp.DiracDelta, sp.Heaviside)


class DifferentiationError(ProgramError):
    """A line that the rule cannot differentiate; the message shows the line."""


@functools.lru_cache(maxsize=4096)
def _derivative(f: sp.Expr, s: sp.Symbol) -> sp.Expr:
    return sp.diff(f, s)


@functools.cache
def placeholder(k: int) -> sp.Symbol:
    """The k-th plain symbol that stands for an entry while SymPy sees the summand."""
    return sp.Symbol(f"s{k}", real=True)


def partial_derivative(f: sp.Expr, entry: sp.Expr) -> sp.Expr:
    """df/d(entry), every entry being an independent scalar; cached by the shape of ``f``."""
    factors = sp.Mul.make_args(f)
    rest = [g for g in factors if g != entry]
    if len(rest) == len(factors) - 1 and not any(entry in entries(g) for g in rest):
        return sp.Mul(*rest)
    hidden = {e: placeholder(k) for k, e in enumerate(entries(f))}
    found = _derivative(f.xreplace(hidden), hidden[entry])
    return found.xreplace({s: e for e, s in hidden.items()})


def pullback(line: Line, term: Term, entry: sp.Expr, tensor: Tensor, cotangent: Tensor) -> Term:
    """What ``entry`` of ``tensor``, read in ``term`` of ``line``, takes of the line's gradient."""
    derivative = partial_derivative(term.f, entry)
    if derivative.has(*UNDIFFERENTIABLE):
        raise DifferentiationError(f"no derivative with respect to {entry} is known in\n  {line}")
    summand = cotangent.entry * derivative
    bound = {a.symbol: a for a in line.lhs.axes + term.over}
    solved, guards = _solve(line, bound, indices_of(entry), tensor)
    left = [a for s, a in bound.items() if s not in solved]
    taken = {a.symbol for a in tensor.axes}
    fresh = {a.symbol: fresh_axis(a, taken, bound) for a in left if a.symbol in taken}
    rename = {s: a.symbol for s, a in fresh.items()}
    move = {s: e.xreplace(rename).xreplace(_OWN) for s, e in solved.items()} | rename
    summand = summand.xreplace(move)
    for guard in guards:
        summand = summand * guard.xreplace(rename).xreplace(_OWN)
    return Term(summand, tuple(fresh.get(a.symbol, a) for a in left))


_OWN: dict[sp.Basic, sp.Basic] = {}  # stand-ins of a tensor's own axes -> their symbols


@functools.cache
def _stand_in(a: Axis) -> sp.Symbol:
    s = sp.Dummy(a.name, integer=True)
    _OWN[s] = a.symbol
    return s


def _solve(
    line: Line, bound: Mapping[sp.Symbol, Axis], indices: Sequence[sp.Expr], tensor: Tensor
) -> tuple[dict[sp.Symbol, sp.Expr], list[sp.Expr]]:
    """Solve the brackets [idx_k = axes_k] for bound axes: bare ones first, then as declared.

    So h[k+1, k] in a loop over k is pulled back at k, and not at the step that k+1 names.

    An output axis may be solved for whenever its coefficient is ±1: the gradient of the
    line reads 0 outside its range, so the range needs no guard.  A summed axis only where
    it is the bare index of an axis of its own size.  What is left are the guards.
    """
    solved: dict[sp.Symbol, sp.Expr] = {}
    guards: list[sp.Expr] = []
    outputs = {a.symbol for a in line.lhs.axes}
    pairs = list(zip(indices, tensor.axes, strict=True))
    pairs.sort(key=lambda pair: pair[0] not in bound or bound[pair[0]].size != pair[1].size)
    for index, a in pairs:
        index, own = sp.S(index).xreplace(solved), _stand_in(a)
        for s in bound:
            if s not in index.free_symbols:  # also where s was solved for: index no longer holds it
                continue
            bare = index == s and bound[s].size == a.size
            sign = 1 if bare else sp.diff(index, s) if s in outputs else 0
            if sign in (1, -1) and not pointers(index):
                value = own if bare else sp.expand(s + sign * (own - index))
                solved = {v: e.xreplace({s: value}) for v, e in solved.items()} | {s: value}
                break
        else:
            guards.append((index, own))
    return solved, [sp.KroneckerDelta(i.xreplace(solved), own) for i, own in guards]


def fresh_axis(a: Axis, taken: Iterable[sp.Symbol], bound: Iterable[sp.Symbol]) -> Axis:
    """The axis under a name that neither the tensor's axes nor the bound ones use."""
    used, name = {*taken, *bound}, a.name
    while True:
        name += "_"
        renamed = axis(name, a.size, a.counts, a.layer)
        if renamed.symbol not in used:
            return renamed


def first_maximiser(line: Line, term: Term, k: int, taken: Iterable[str] = ()) -> Line:
    """The line of the indicator of the first maximiser of a ``max`` term of ``line``."""
    name = f"{line.lhs.name}_first" + (f"_{k}" if k else "")
    while name in taken:
        name += "_"
    lhs = Tensor(name, line.lhs.axes + term.over, role="mask", layer=line.lhs.layer)
    return Line(lhs, (Term(term.f, term.over, "first"),), "indicator of the first maximiser")


def gradients(
    program: Program, of: str = "L", wrt: Sequence[str] | None = None
) -> tuple[tuple[Item, ...], dict[str, str]]:
    """The reverse sweep: gradient lines of the scalar ``of``, and tensor name -> gradient name.

    wrt: names of leaves to differentiate for (default: parameters and states).  Every tensor
    between them and ``of`` gets a line.  Raises :class:`DifferentiationError` with the line
    shown where the rule does not apply.
    """
    if program.tensors[of].axes:
        raise DifferentiationError(f"{of} is not a scalar, it has axes {program.tensors[of]}")
    if wrt is None:
        wrt = [t.name for t in program.leaves_of("parameter", "state")]
    return _Sweep(program, of, set(wrt)).run()


class _Sweep:
    """Reads the program backwards; a gradient is the sum of the pullbacks of its uses."""

    def __init__(self, program: Program, of: str, wrt: set[str]) -> None:
        self.program, self.of = program, of
        self.active = _active(program, wrt)
        self.names: dict[str, str] = {}
        self.taken = set(program.tensors)
        self.uses: dict[str, list[Term]] = {of: [Term(sp.S.One)]}
        self.out: list[Item] = []
        self.wrt = [t for t in program.leaves if t.name in wrt]

    def run(self) -> tuple[tuple[Item, ...], dict[str, str]]:
        """A leaf's gradient follows the last pullback that adds to it."""
        last: dict[int, list[Tensor]] = {}  # by the first item that reads the leaf, None if none
        first = self._first_readers()
        for t in self.wrt:
            last.setdefault(id(first.get(t.name)), []).append(t)
        for item in reversed(self.program.items):
            inner = item.lines if isinstance(item, Scan) else (item,)
            if any(line.lhs.name in self.uses for line in inner):
                self._sweep(item, inner)
            self.out.extend(map(self._gradient_line, last.get(id(item), ())))
        self.out.extend(map(self._gradient_line, last.get(id(None), ())))
        return tuple(self.out), self.names

    def _first_readers(self) -> dict[str, Item]:
        """Leaf -> the first item that reads it."""
        found: dict[str, Item] = {}
        for item in self.program.items:
            for line in item.lines if isinstance(item, Scan) else (item,):
                for entry in line.reads:
                    found.setdefault(name_of(entry), item)
        return found

    def _sweep(self, item: Item, inner: Sequence[Line]) -> None:
        names = self._reached(inner)
        reached = [line for line in reversed(inner) if line.lhs.name in names]
        for line in reached:
            self._pull(line)
        found = [self._gradient_line(line.lhs) for line in reached]
        if isinstance(item, Scan):
            self.out.append(Scan(item.axis, tuple(found), not item.reverse))
        else:
            self.out.extend(found)

    def _reached(self, inner: Sequence[Line]) -> set[str]:
        """What ``of`` depends on of these lines; inside a scan the dependence may run round."""
        own = {line.lhs.name for line in inner} & self.active
        reached = own & self.uses.keys()
        before = -1
        while before != len(reached):
            before = len(reached)
            for line in inner:
                if line.lhs.name in reached:
                    reached |= own & set(map(name_of, line.reads))
        return reached

    def cotangent(self, tensor: Tensor) -> Tensor:
        """The tensor that holds the gradient of ``of`` with respect to ``tensor``."""
        if tensor.name not in self.names:
            name = f"d{tensor.name}"
            if name in self.taken:
                name = f"d{self.of}_d{tensor.name}"
            while name in self.taken:
                name += "_"
            self.taken.add(name)
            self.names[tensor.name] = name
        name = self.names[tensor.name]
        return Tensor(
            name, tensor.axes, "gradient", of=self.of, wrt=tensor.name, layer=tensor.layer
        )

    def _gradient_line(self, tensor: Tensor) -> Line:
        terms = tuple(self.uses.get(tensor.name, ()))
        return Line(self.cotangent(tensor), terms, "chain rule")

    def _pull(self, line: Line) -> None:
        for k, term in enumerate(line.terms):
            if term.reduce == "first":
                continue  # piecewise constant
            if any(name_of(p) in self.active for p in pointers(term.f)):
                raise DifferentiationError(
                    f"an index depends on what is differentiated for in\n  {line}"
                )
            active = [e for e in entries(term.f) if name_of(e) in self.active]
            if term.reduce == "max" and active:
                indicator = first_maximiser(line, term, k, self.taken)
                self.out.append(indicator)
                self.taken.add(indicator.lhs.name)
                term = Term(term.f * indicator.lhs.entry, term.over)
            for entry in active:
                tensor = self.program.tensors[name_of(entry)]
                found = pullback(line, term, entry, tensor, self.cotangent(line.lhs))
                if found.f != 0:
                    self.uses.setdefault(tensor.name, []).append(found)


def _active(program: Program, wrt: set[str]) -> set[str]:
    """The tensors that depend on ``wrt``; inside a scan the dependence may run round."""
    active = set(wrt)
    for item in program.items:
        inner = item.lines if isinstance(item, Scan) else (item,)
        before = -1
        while before != len(active):
            before = len(active)
            for line in inner:
                if any(name_of(e) in active for e in line.reads):
                    active.add(line.lhs.name)
            if not isinstance(item, Scan):
                break
    return active
