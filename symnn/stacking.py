"""Stacking: what several layers compute alike from their outputs is computed for all in one go.

dz_k = (1 - a_k**2)*dz_k  for k = 1 .. 20    ->    prime = 1 - a**2,  dz_k = prime_k*dz_k
"""

from __future__ import annotations

import sympy as sp

from symnn.fold import layer_of
from symnn.ir import Tensor, entries, name_of
from symnn.plan import Kernel, Map, Plan, Stack

LEAST = 3  # layers that are worth an array of their own
_ANY = sp.Symbol("a", real=True)


def stack(plan: Plan) -> None:
    """Replace the factors that are alike in at least LEAST layers, in place."""
    groups: dict[sp.Expr, list[int]] = {}
    for k, kernel in enumerate(plan.kernels):
        found = _factor(plan, kernel)
        if found is not None:
            name, factor = found
            alike = factor.xreplace({plan.tensors[name].entry: _ANY})
            groups.setdefault(alike, []).append(k)
    for alike, places in groups.items():
        if len(places) >= LEAST:
            _stack(plan, alike, places)
            return  # one stack: the layers share one array


def _factor(plan: Plan, kernel: Kernel) -> tuple[str, sp.Expr] | None:
    """(a, f(a)) where the kernel is out = f(a)*out, with an a that has a row of ones."""
    if not isinstance(kernel, Map) or not isinstance(kernel.f, sp.Mul):
        return None
    factor = kernel.f / kernel.out.entry
    read = entries(factor)
    if len(read) != 1 or kernel.out.entry in read or not isinstance(read[0], sp.Indexed):
        return None
    name = name_of(read[0])
    alone = name in plan.ones and name in plan.tensors and plan.tensors[name].entry == read[0]
    return (name, factor) if alone and layer_of(name) is not None else None


def _stack(plan: Plan, alike: sp.Expr, places: list[int]) -> None:
    sources, outs = [], []
    for k in places:
        kernel = plan.kernels[k]
        found = _factor(plan, kernel)
        assert isinstance(kernel, Map) and found is not None
        name, _ = found
        prime = Tensor(f"prime_{layer_of(name)}", plan.tensors[name].axes)
        plan.tensors[prime.name] = prime
        sources.append(name)
        outs.append(prime)
        plan.kernels[k] = Map(kernel.lines, kernel.out, prime.entry * kernel.out.entry)
    first = plan.tensors[sources[0]].entry
    f = alike.xreplace({_ANY: first})
    if sources[0] in plan.positive:  # [a > 0] is the sign of an a that is nowhere below 0
        f = f.xreplace({sp.Piecewise((1, first > 0), (0, True)): sp.sign(first)})
    last = max(k for k, x in enumerate(plan.kernels) if _writes(x, sources))
    plan.kernels.insert(last + 1, Stack(tuple(sources), tuple(outs), f))


def _writes(kernel: Kernel, names: list[str]) -> bool:
    return isinstance(kernel, Map) and kernel.out.name in names
