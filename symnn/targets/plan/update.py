"""The optimizer's lines for flat vectors: every parameter at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sympy as sp

from symnn.engine.ir import Line, Tensor, Term
from symnn.nn.optimizers import ETA as RATE
from symnn.targets.update import common, vector

ETA = RATE.entry
STEP = Tensor("t", (), "hyperparameter").entry


def flat_lines(
    lines: Sequence[Line], gradients: Mapping[str, str], states: Sequence[str]
) -> tuple[list[Line], bool]:
    """The lines of theta and the states, and whether eta is a factor of the gradients themselves.

    Arguments and ProgramError as for common.
    """
    short = _inlined(common(lines, gradients, states))
    scaled = _with_rate_in_gradients(short, states)
    return scaled or short, scaled is not None


def in_place(lines: Sequence[Line]) -> list[tuple[str, sp.Expr]]:
    """What flat lines compute, where every new value is written over the old one: (name, f)."""
    over = {line.lhs.entry: vector(str(line.lhs.of)) for line in lines}
    return [(str(line.lhs.of), line.terms[0].f.xreplace(over)) for line in lines]


def _inlined(lines: Sequence[Line]) -> list[Line]:
    """The lines of the states and of theta, with what lies between substituted."""
    table: dict[sp.Expr, sp.Expr] = {}
    out = []
    for line in lines:
        f = line.terms[0].f.xreplace(table)
        if line.lhs.kind == "next":
            out.append(Line(line.lhs, (Term(f),), line.why))
        else:
            table[line.lhs.entry] = f
    return out


def _with_rate_in_gradients(lines: Sequence[Line], states: Sequence[str]) -> list[Line] | None:
    """The lines for g' = eta g and states s' = eta s, where eta then stands in none of them.

    That is so for an update that is linear in the gradient: gradient descent and momentum.
    """
    scaled = {vector(s): vector(s) / ETA for s in ("g", *states)}
    scaled |= {line.lhs.entry: line.lhs.entry / ETA for line in lines if line.lhs.of in states}
    out = []
    for line in lines:
        factor = ETA if line.lhs.of in states else sp.S.One
        f = sp.expand(factor * line.terms[0].f.xreplace(scaled))
        if f.has(ETA):
            return None
        out.append(Line(line.lhs, (Term(f),), line.why))
    return out
