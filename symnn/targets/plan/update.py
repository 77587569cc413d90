"""The optimizer's lines for flat vectors: every parameter at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import sympy as sp

from symnn.engine.ir import Line, Tensor, Term, axis, name_of
from symnn.nn.optimizers import ETA as RATE
from symnn.targets.plan.plan import PlanError

if TYPE_CHECKING:
    from symnn.derivation.network import Network

PARAMETERS = axis("p", sp.Symbol("P", integer=True))  # counts the entries of theta
ETA = RATE.entry
STEP = Tensor("t", (), "hyperparameter").entry


def constants(network: Network) -> Mapping[str, float]:
    """The hyperparameters that keep their values while a network is trained."""
    return {k: v for k, v in network.hyperparameters.items() if k != RATE.name}


def common(
    lines: Sequence[Line], gradients: Mapping[str, str], states: Sequence[str]
) -> list[Line]:
    """The update lines of any parameter: of theta, with the gradient g.

    lines: the update lines of all parameters.  gradients: parameter -> the name of its
    gradient.  states: the suffixes of the states.  Raises PlanError where parameters are not all
    updated alike.
    """
    own: dict[str, list[Line]] = {parameter: [] for parameter in gradients}
    pending: list[Line] = []
    for line in lines:  # those of a parameter end with its new value
        pending.append(line)
        if line.lhs.kind == "next" and line.lhs.of in own:
            own[line.lhs.of], pending = pending, []
    groups = [_of_any(own[p], p, g, states) for p, g in gradients.items()]
    if any(group != groups[0] for group in groups):
        raise PlanError("the parameters are not all updated by the same lines")
    return groups[0]


def _of_any(
    own: Sequence[Line], parameter: str, gradient: str, states: Sequence[str]
) -> list[Line]:
    """The lines of one parameter, for flat vectors."""
    names = {parameter: "theta", gradient: "g", **{f"{parameter}_{s}": s for s in states}}
    out = []
    for line in own:
        t, kept = line.lhs, names.get(line.lhs.of or "")
        names[t.name] = f"{kept}_next" if t.kind == "next" else t.kind
        table = {e: vector(names[name_of(e)]) for e in line.reads if isinstance(e, sp.Indexed)}
        f = sp.Add(*(t.f for t in line.terms)).xreplace(table)
        lhs = Tensor(names[t.name], (PARAMETERS,), of=kept, kind=t.kind)
        out.append(Line(lhs, (Term(f),), line.why))
    return out


def flat_lines(
    lines: Sequence[Line], gradients: Mapping[str, str], states: Sequence[str]
) -> tuple[list[Line], bool]:
    """The lines of theta and the states, and whether eta is a factor of the gradients themselves.

    Arguments and PlanError as for common.
    """
    short = _inlined(common(lines, gradients, states))
    scaled = _with_rate_in_gradients(short, states)
    return scaled or short, scaled is not None


def in_place(lines: Sequence[Line]) -> list[tuple[str, sp.Expr]]:
    """What flat lines compute, where every new value is written over the old one: (name, f)."""
    over = {line.lhs.entry: vector(str(line.lhs.of)) for line in lines}
    return [(str(line.lhs.of), line.terms[0].f.xreplace(over)) for line in lines]


def vector(name: str) -> sp.Expr:
    """The entry of a flat vector."""
    return Tensor(name, (PARAMETERS,)).entry


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
