"""Sweeps: the gradients of a program's loss, with every step that led to them.

Over a batch, over one sample, with the 1/N of a mean last, and in scalars.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import sympy as sp

from symnn.engine.diff import gradients
from symnn.engine.ir import (
    SAMPLES,
    Axis,
    Item,
    Line,
    Program,
    Step,
    Tensor,
    Term,
    entries,
    lines_of,
    name_of,
)
from symnn.engine.simplify import simplify


@dataclass(frozen=True)
class Sweep:
    """One reverse sweep over a program.

    raw: the lines as the rule wrote them; simple: after simplification; names: tensor ->
    name of its gradient; program: forward lines, then the simple gradient lines.  of: the scalar
    that was differentiated, L or N L; objective: the program that computes it.
    """

    forward: Program
    raw: tuple[Item, ...]
    names: Mapping[str, str]
    simple: tuple[Item, ...]
    steps: tuple[Step, ...]
    of: str = "L"

    def __repr__(self) -> str:
        return f"<Sweep: {len(self.names)} gradients of {self.of} in {len(self.steps)} steps>"

    @functools.cached_property
    def objective(self) -> Program:
        return with_total(self.forward) if self.of == TOTAL else self.forward

    @functools.cached_property
    def program(self) -> Program:
        return self.forward.extend(self.simple)

    @functools.cached_property
    def gradients(self) -> dict[str, Line]:
        """Tensor -> the simplified line of its gradient, where it kept one."""
        lines = {line.lhs.name: line for line in lines_of(self.simple)}
        return {t: lines[name] for t, name in self.names.items() if name in lines}

    @functools.cached_property
    def sums(self) -> dict[str, tuple[Line, ...]]:
        """Tensor -> the lines of the sums that the line of its gradient reads."""
        found: dict[str, tuple[Line, ...]] = {}
        for line in lines_of(self.simple):
            if line.lhs.kind == "sum" and line.lhs.of:
                found[line.lhs.of] = (*found.get(line.lhs.of, ()), line)
        return found

    @functools.cached_property
    def told(self) -> dict[str, tuple[Line, ...]]:
        """Tensor -> the lines of the sums that its gradient's line reads, and that line."""
        return {t: (*self.sums.get(t, ()), line) for t, line in self.gradients.items()}

    @functools.cached_property
    def final(self) -> dict[str, Line]:
        """Tensor -> the last form of its gradient's line, also of one substituted away."""
        last = {step.after.lhs.name: step.after for step in self.steps}
        return {t: last[name] for t, name in self.names.items() if name in last}


def reverse_sweep(program: Program, of: str = "L", wrt: Sequence[str] | None = None) -> Sweep:
    """Differentiate a scalar of a program, its loss, and simplify.

    wrt: by which leaves; None: by the parameters and states.
    """
    raw, names = gradients(program, of, wrt)
    leaves = [t.name for t in program.leaves_of("parameter", "state")] if wrt is None else wrt
    simple, steps = simplify(program, raw, [names[name] for name in leaves if name in names])
    return Sweep(program, raw, names, simple, steps, of)


MoveTensor: TypeAlias = Callable[[Tensor], Tensor]
MoveLine: TypeAlias = Callable[[Line], Line]
TOTAL = "total"  # N L, the sum of the samples' losses where L is their mean
MEAN = "mean over the samples"


def with_total(program: Program) -> Program:
    """The program with one more line: total = N L."""
    return program.extend([Line(Tensor(TOTAL), (Term(SAMPLES * Tensor("L").entry),), TOTAL)])


def mean_last(program: Program) -> Sweep:
    """The sweep of N L, whose lines hold no 1/N; it stands in the gradients of the parameters.

        dL/dA = 1/N d(N L)/dA

    is the last step of each of them.
    """
    leaves = program.leaves_of("parameter", "state")
    objective = with_total(program)
    raw, names = gradients(objective, TOTAL)
    simple, steps = simplify(objective, raw, [names[t.name] for t in leaves])
    divided = {names[t.name]: t for t in leaves}
    means: dict[str, Line] = {}
    for line in lines_of(simple):
        if line.lhs.name in divided:
            terms = tuple(Term(t.f / SAMPLES, t.over, t.reduce) for t in line.terms)
            means[line.lhs.name] = Line(replace(line.lhs, of="L"), terms, MEAN)
    items = tuple(means.get(i.lhs.name, i) if isinstance(i, Line) else i for i in simple)
    last = tuple(Step(MEAN, i, means[i.lhs.name]) for i in lines_of(simple) if i.lhs.name in means)
    return Sweep(program, raw, names, items, steps + last, TOTAL)


def scalar_tensor(t: Tensor) -> Tensor:
    """The tensor without axes; ValueError if one of them has several values."""
    if any(a.size != 1 for a in t.axes):
        raise ValueError(f"{t} is not a scalar")
    return replace(t, axes=())


def scalar_line(line: Line) -> Line:
    """The line over scalars; a sum over a single value is its summand."""
    terms = []
    for term in line.terms:
        table = {e: sp.Symbol(name_of(e), real=True) for e in entries(term.f)}
        terms.append(Term(term.f.xreplace(table)))
    return Line(scalar_tensor(line.lhs), tuple(terms), line.why)


def scalars(sweep: Sweep) -> Sweep:
    """The sweep of a network of one unit a layer over scalars: axes of a single value are left out.

    z_1[j1] = sum_{j0} A_1[j1,j0]*x[j0] + b_1[j1]   ->   z_1 = A_1*x + b_1
    """
    return _moved(sweep, scalar_tensor, scalar_line)


def shortened(sweep: Sweep, size: Callable[[Axis], int]) -> Sweep:
    """The sweep over axes of other sizes.

    An axis says how far its index runs, and no line asks for it.  Numbers that come from sizes,
    such as the 1/m of a mean over m components, stay as they are.
    """
    return _moved(sweep, *_resizing(size))


def shortened_program(program: Program, size: Callable[[Axis], int]) -> Program:
    """The program over axes of other sizes."""
    return _moved_program(program, *_resizing(size))


def sized(program: Program, sizes: Mapping[str, int]) -> Program:
    """The program with numbers in place of the sizes that are left open."""
    values = {sp.Symbol(n, integer=True, positive=True): sp.Integer(k) for n, k in sizes.items()}

    def axes(before: tuple[Axis, ...]) -> tuple[Axis, ...]:
        return tuple(replace(a, size=int(sp.S(a.size).xreplace(values))) for a in before)

    def tensor(t: Tensor) -> Tensor:
        return replace(t, axes=axes(t.axes))

    def line(before: Line) -> Line:
        terms = (Term(t.f.xreplace(values), axes(t.over), t.reduce) for t in before.terms)
        return replace(before, lhs=tensor(before.lhs), terms=tuple(terms))

    return _moved_program(program, tensor, line)


def _resizing(size: Callable[[Axis], int]) -> tuple[MoveTensor, MoveLine]:
    def axes(before: tuple[Axis, ...]) -> tuple[Axis, ...]:
        return tuple(replace(a, size=size(a)) if isinstance(a.size, int) else a for a in before)

    def tensor(t: Tensor) -> Tensor:
        return replace(t, axes=axes(t.axes))

    def line(before: Line) -> Line:
        terms = tuple(replace(t, over=axes(t.over)) for t in before.terms)
        return replace(before, lhs=tensor(before.lhs), terms=terms)

    return tensor, line


def _moved_program(program: Program, tensor: MoveTensor, line: MoveLine) -> Program:
    leaves, items = tuple(map(tensor, program.leaves)), _moved_items(program.items, line)
    return Program(leaves, items, program.facts)


def _moved_items(items: Iterable[Item], line: MoveLine) -> tuple[Item, ...]:
    moved: list[Item] = []
    for item in items:
        if isinstance(item, Line):
            moved.append(line(item))
            continue
        lines = tuple(map(line, item.lines))
        (own,) = (a for a in lines[0].lhs.axes if a.symbol == item.axis.symbol)
        moved.append(replace(item, axis=own, lines=lines))
    return tuple(moved)


def _moved(sweep: Sweep, tensor: MoveTensor, line: MoveLine) -> Sweep:
    """The sweep with other tensors and lines in place of its own."""

    def step(own: Step) -> Step:
        return replace(own, before=own.before and line(own.before), after=line(own.after))

    return replace(
        sweep,
        forward=_moved_program(sweep.forward, tensor, line),
        raw=_moved_items(sweep.raw, line),
        simple=_moved_items(sweep.simple, line),
        steps=tuple(map(step, sweep.steps)),
    )
