"""Which memory values are in: arrays of several layers in one, and pools that layers share."""

from __future__ import annotations

from collections.abc import Iterable

from symnn.engine.ir import Axis
from symnn.engine.lower import Axes, in_layout
from symnn.targets.plan.plan import Plan, Product, Products, Stack, reads_of, written_by


def columns(axes: Iterable[Axis]) -> Axes:
    """Axes with the samples last."""
    return in_layout([a.symbol for a in axes], "columns")


def primes(plan: Plan) -> dict[str, str]:
    """Activation -> its derivative, for the layers whose derivatives are computed in one call."""
    stacks = [k for k in plan.kernels if isinstance(k, Stack)]
    return {s: out.name for k in stacks for s, out in zip(k.sources, k.outs, strict=True)}


def products(plan: Plan) -> list[Product]:
    """The weight gradients that are computed in one call, the first layer first."""
    return [p for k in plan.kernels if isinstance(k, Products) for p in k.parts[::-1]]


def errors(plan: Plan) -> dict[str, int]:
    """The gradients by z that lie in one array, and the place of each there."""
    return {p.left.name: k for k, p in enumerate(products(plan))}


def pools(plan: Plan) -> dict[str, int]:
    """Value -> the pool that its memory is in; values needed at once are in different ones.

    The pools of even and of odd layers differ, so that a loop over layers k can write pools[k % 2].
    What the backward sweep reads of the forward one has memory of its own.
    """
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    for k, kernel in enumerate(plan.kernels):
        for name in (*reads_of(kernel), *written_by(kernel)):
            if name in plan.tensors:
                first.setdefault(plan.home(name), k)
                last[plan.home(name)] = k
    turn = plan.turn
    fixed = {*plan.saved, *plan.ones, *primes(plan).values(), *errors(plan)}
    found: dict[str, int] = {}
    living: list[str] = []
    for name in sorted(first, key=lambda n: first[n]):
        kept = first[name] < turn <= last[name]
        if kept or name in fixed or len(plan.tensors[name].axes) < 2:
            continue
        living = [other for other in living if last[other] >= first[name]]
        taken = {found[other] for other in living}
        wanted = (plan.tensors[name].layer or 0) % 2
        found[name] = next(p for p in range(wanted, 2 * len(taken) + 2, 2) if p not in taken)
        living.append(name)
    return found if len({*found.values()}) < len(found) else {}
