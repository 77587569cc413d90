"""A network of one unit a layer in scalars: axes of a single value are left out.

z_1[j1] = sum_{j0} A_1[j1,j0]*x[j0] + b_1[j1]   ->   z_1 = A_1*x + b_1
"""

from __future__ import annotations

from dataclasses import replace

import sympy as sp

from symnn.derivation.derivation import Derived
from symnn.engine.ir import Line, Program, Step, Tensor, Term, entries, name_of


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


def scalar_program(program: Program) -> Program:
    """The program over scalars."""
    leaves = tuple(map(scalar_tensor, program.leaves))
    return Program(leaves, tuple(map(scalar_line, program.lines)), program.facts)


def scalars(sweep: Derived) -> Derived:
    """The same sweep over scalars, step by step."""

    def moved(step: Step) -> Step:
        before = step.before and scalar_line(step.before)
        return replace(step, before=before, after=scalar_line(step.after))

    return replace(
        sweep,
        forward=scalar_program(sweep.forward),
        raw=tuple(scalar_line(item) for item in sweep.raw if isinstance(item, Line)),
        simple=tuple(scalar_line(item) for item in sweep.simple if isinstance(item, Line)),
        steps=tuple(map(moved, sweep.steps)),
    )
