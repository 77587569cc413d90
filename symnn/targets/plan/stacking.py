"""Stacking: what several layers compute by one expression, one call computes for all of them.

dz_k = (1 - a_k**2)*dz_k  for k = 1 .. 20    ->    prime = 1 - a**2,  dz_k = prime_k*dz_k
dA_k = dz_k a_(k-1)^T     for k = 2 .. 19    ->    one product of three-dimensional arrays
"""

from __future__ import annotations

from operator import itemgetter

import sympy as sp

from symnn.engine.ir import Tensor, axis, entries, name_of
from symnn.engine.repeats import runs
from symnn.targets.plan.buffers import Work, calls_into
from symnn.targets.plan.operations import Node
from symnn.targets.plan.plan import Kernel, Map, Plan, Product, Products, Stack

LEAST = 3  # layers that are worth an array of their own
WIDEST = 64  # units; products of wider layers take so long that one call for all saves nothing
ANY = Tensor("outputs", (axis("i", sp.Symbol("I", integer=True)),))  # of any of the layers


def stack(plan: Plan) -> None:
    """Replace equal kernels of at least LEAST layers by one; the plan is changed in place."""
    _stack_factors(plan)
    _stack_products(plan)


def _stack_factors(plan: Plan) -> None:
    """One kernel for the factors f'(z) of all layers, if it needs no array but its result."""
    groups: dict[sp.Expr, list[int]] = {}
    for k, kernel in enumerate(plan.kernels):
        found = _factor(plan, kernel)
        if found is not None:
            groups.setdefault(found[1], []).append(k)
    for f, places in groups.items():
        if len(places) >= LEAST and not _work(f):
            _stack(plan, f, places)
            return  # only one stack, as the layers share the one array that it writes


def _factor(plan: Plan, kernel: Kernel) -> tuple[str, sp.Expr] | None:
    """(a, f) where the kernel is out = f(a)*out, with an a that has a row of ones; f of ANY.

    [a > 0] is written as the sign of an a that is nowhere below 0.
    """
    if not isinstance(kernel, Map) or not isinstance(kernel.f, sp.Mul):
        return None
    factor = kernel.f / kernel.out.entry
    read = entries(factor)
    if len(read) != 1 or kernel.out.entry in read or not isinstance(read[0], sp.Indexed):
        return None
    name = name_of(read[0])
    if name not in plan.ones or name not in plan.tensors or plan.tensors[name].entry != read[0]:
        return None
    if name in plan.positive:
        factor = factor.xreplace({sp.Piecewise((1, read[0] > 0), (0, True)): sp.sign(read[0])})
    numbered = plan.tensors[name].layer is not None
    return (name, factor.xreplace({read[0]: ANY.entry})) if numbered else None


def _work(f: sp.Expr) -> bool:
    """Whether ``f`` needs an array besides that of its result."""
    axes = tuple(a.symbol for a in ANY.axes)
    calls = calls_into(f, Node("array", axes, "out"), lambda name: name)
    return any(isinstance(o, Work) for call in calls for o in (*call.args, call.out))


def _stack(plan: Plan, f: sp.Expr, places: list[int]) -> None:
    sources, outs = [], []
    for k in places:
        kernel = plan.kernels[k]
        found = _factor(plan, kernel)
        assert isinstance(kernel, Map) and found is not None
        name, _ = found
        source = plan.tensors[name]
        prime = Tensor(f"prime_{source.layer}", source.axes, layer=source.layer)
        plan.tensors[prime.name] = prime
        sources.append(name)
        outs.append(prime)
        plan.kernels[k] = Map(kernel.lines, kernel.out, prime.entry * kernel.out.entry)
    made = set(sources)
    last = max(k for k, x in enumerate(plan.kernels) if isinstance(x, Map) and x.out.name in made)
    plan.kernels.insert(last + 1, Stack(tuple(sources), tuple(outs), f))


def _stack_products(plan: Plan) -> None:
    """One product for the weight gradients of equal layers, after the dz of all of them."""
    stacks = [x for x in plan.kernels if isinstance(x, Stack)]
    stacked = {plan.tensors[s].layer: s for x in stacks for s in x.sources}
    held = {*plan.ones, *plan.saved, *plan.aliases, *plan.aliases.values()}
    found: list[tuple[int, Product]] = []
    for k, kernel in enumerate(plan.kernels):
        if isinstance(kernel, Product) and kernel.out.block and _late(plan, kernel, held):
            source = kernel.right.name
            if stacked.get(plan.tensors[source].layer, source) == source:
                found.append((k, kernel))
    blocks = [plan.block_of(x.out.name) for _, x in found]
    equal = runs([(b.layer, (b.units, b.inputs)) for b in blocks], LEAST)
    if equal:  # only one run, as there is one array for the dz of its layers
        start, length = max(equal, key=itemgetter(1))
        places, parts = zip(*found[start : start + length], strict=True)
        plan.kernels[places[-1]] = Products(parts)
        for k in reversed(places[:-1]):
            del plan.kernels[k]


def _late(plan: Plan, kernel: Product, held: set[str]) -> bool:
    """Whether a weight gradient of a narrow layer can be computed after the others: whether both
    its factors have arrays that nothing else writes to meanwhile."""
    block, error, source = plan.block_of(kernel.out.name), kernel.left.name, kernel.right.name
    return (
        block.transposed
        and max(block.units, block.inputs) <= WIDEST
        and kernel.right.ones
        and source in plan.tensors
        and plan.tensors[source].layer == block.layer - 1
        and error in plan.tensors
        and error not in held
    )
