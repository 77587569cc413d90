"""The optimizer's lines, for any one parameter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import sympy as sp

from symnn.engine.ir import Line, ProgramError, Tensor, Term, axis, name_of
from symnn.nn.optimizers import ETA as RATE

if TYPE_CHECKING:
    from symnn.derivation.network import Network

PARAMETERS = axis("p", sp.Symbol("P", integer=True))  # counts the entries of theta


def constants(network: Network) -> Mapping[str, float]:
    """The hyperparameters that keep their values while a network is trained."""
    return {k: v for k, v in network.hyperparameters.items() if k != RATE.name}


def common(
    lines: Sequence[Line], gradients: Mapping[str, str], states: Sequence[str]
) -> list[Line]:
    """The update lines of any parameter: of theta, with the gradient g.

    lines: the update lines of all parameters.  gradients: parameter -> the name of its
    gradient.  states: the suffixes of the states.  Raises ProgramError where parameters are not all
    updated by the same lines.
    """
    own: dict[str, list[Line]] = {parameter: [] for parameter in gradients}
    pending: list[Line] = []
    for line in lines:  # those of a parameter end with its new value
        pending.append(line)
        if line.lhs.kind == "next" and line.lhs.of in own:
            own[line.lhs.of], pending = pending, []
    groups = [_of_any(own[p], p, g, states) for p, g in gradients.items()]
    if any(group != groups[0] for group in groups):
        raise ProgramError("the parameters are not all updated by the same lines")
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


def vector(name: str) -> sp.Expr:
    """The entry of a flat vector."""
    return Tensor(name, (PARAMETERS,)).entry
