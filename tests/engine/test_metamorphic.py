"""Laws that hold whatever a gradient is: symmetries, sums over samples, linear stacks, adjoints."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp
from support.random_networks import N, leaves_of, per_sample, random_network, run
from test_latex import check

from symnn import Dense, Dropout, Network
from symnn.engine.complex_step import adjoint, draw
from symnn.engine.evaluate import evaluate
from symnn.engine.ir import name_of
from symnn.nn.losses import LOSSES
from symnn.notation.books import LAYOUTS

Arrays = dict[str, Any]


def assert_equal(found: Arrays, wanted: Arrays) -> None:
    assert found.keys() == wanted.keys()
    for name, exact in wanted.items():
        top = max(float(np.abs(exact).max()), 1e-300)
        np.testing.assert_allclose(found[name], exact, rtol=0, atol=1e-12 * top, err_msg=name)


def permuted(net: Network, arrays: Arrays, orders: list[Any]) -> Arrays:
    """Parameters (or their gradients) and masks with the units of hidden layers in other orders."""
    out = dict(arrays)
    for k, order in enumerate(orders, start=1):
        out[f"A_{k}"] = out[f"A_{k}"][order]
        out[f"A_{k + 1}"] = out[f"A_{k + 1}"][:, order]
        if f"b_{k}" in out:
            out[f"b_{k}"] = out[f"b_{k}"][order]
    dense = dropouts = 0
    for layer in net.layers:
        dense += isinstance(layer, Dense)
        dropouts += isinstance(layer, Dropout)
        mask = f"mask_{dropouts}"
        if isinstance(layer, Dropout) and mask in out and dense <= len(orders):
            out[mask] = out[mask][:, orders[dense - 1]]
    return out


def test_permuted_hidden_units_permute_the_gradients(sampled_seed: int) -> None:
    net, rng = random_network(sampled_seed), np.random.default_rng([sampled_seed, 2])
    values = leaves_of(net, rng)
    units = [layer.units for layer in net.layers if isinstance(layer, Dense)][:-1]
    orders = [rng.permutation(n) for n in units]
    before, after = run(net, values), run(net, permuted(net, values, orders))
    assert_equal(after, permuted(net, before, orders))


def split_penalty(net: Network, found: Arrays, values: Arrays) -> tuple[Arrays, Arrays]:
    """Loss and gradients without the penalty, and the penalty's own, which no sample changes."""
    rate = net.spec.loss.l2
    weights = [name for name in net.parameters if name.startswith("A_")]
    own = {name: 0.0 * g for name, g in found.items()}
    own |= {name: rate * values[name] for name in weights}
    own["L"] = np.asarray(rate / 2 * sum(np.sum(values[name] ** 2) for name in weights))
    return {name: g - own[name] for name, g in found.items()}, own


def rows(net: Network, values: Arrays, which: Any) -> Arrays:
    return {n: v[which] if n in per_sample(net) else v for n, v in values.items()}


def test_a_batch_taken_twice_keeps_a_mean_and_doubles_a_sum(sampled_seed: int) -> None:
    net = random_network(sampled_seed)
    values = leaves_of(net, np.random.default_rng([sampled_seed, 3]))
    twice = rows(net, values, [*range(N), *range(N)])
    data, penalty = split_penalty(net, run(net, values), values)
    factor = 1.0 if net.mean_loss else 2.0
    assert_equal(run(net, twice), {n: factor * g + penalty[n] for n, g in data.items()})


def test_parts_of_a_batch_add_up(sampled_seed: int) -> None:
    """The whole is the sum of two unequal parts, or of all samples; a mean weights by size."""
    net = random_network(sampled_seed)
    values = leaves_of(net, np.random.default_rng([sampled_seed, 4]))
    whole = run(net, values)
    for parts in ([[0, 3], [1, 2, 4]], [[i] for i in range(N)]):
        total = split_penalty(net, whole, values)[1]
        for part in parts:
            data, _ = split_penalty(net, run(net, rows(net, values, part)), values)
            weight = len(part) / N if net.mean_loss else 1.0
            total = {n: total[n] + weight * g for n, g in data.items()}
        assert_equal(total, whole)


@pytest.mark.parametrize("loss", [name for name in LOSSES if LOSSES[name].final is None])
@pytest.mark.parametrize("widths", [(4, 2), (2, 5, 3), (3, 1, 4, 2)])
def test_a_stack_of_linear_layers_is_the_product_matrix(loss: str, widths: Any) -> None:
    """With P = A_n … A_1 and c = b_n + A_n b_{n-1} + …: dL/dA_k, dL/db_k follow from dL/dP."""
    rng = np.random.default_rng(len(widths))
    stack = Network(inputs=3, layers=[Dense(w) for w in widths], loss=loss)
    single = Network(inputs=3, layers=[Dense(widths[-1])], loss=loss)
    values = leaves_of(stack, rng)
    layers = range(1, len(widths) + 1)
    left, product, shift = {}, np.eye(widths[-1]), np.zeros(widths[-1])
    for k in reversed(layers):
        left[k] = product
        shift = shift + product @ values[f"b_{k}"]
        product = product @ values[f"A_{k}"]
    data = {name: values[name] for name in ("x", "y")}
    one = run(single, {**data, "A_1": product, "b_1": shift})
    right, offset = np.eye(3), np.zeros(3)
    wanted = {"L": one["L"]}
    for k in layers:  # the layer below gives right x + offset
        inner = one["A_1"] @ right.T + np.outer(one["b_1"], offset)
        wanted |= {f"A_{k}": left[k].T @ inner, f"b_{k}": left[k].T @ one["b_1"]}
        right = values[f"A_{k}"] @ right
        offset = values[f"A_{k}"] @ offset + values[f"b_{k}"]
    assert_equal(run(stack, values), wanted)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_prints_the_same_gradients(sampled_seed: int, layout: str) -> None:
    """The printed matrices of one sample, rows and columns, read back, give what the lines give."""
    rng = np.random.default_rng([sampled_seed, 5])
    d = random_network(sampled_seed).derive()
    assert check(d, layout, draw=lambda p: draw(p, rng, {"N": N})) == []


def test_pullback_and_derivative_of_every_line_are_adjoint(sampled_seed: int) -> None:
    """⟨ȳ, dy⟩ = Σ⟨t̄, dt⟩, forward lines and gradient lines alike."""
    net, rng = random_network(sampled_seed), np.random.default_rng([sampled_seed, 6])
    program = net.derive().batch.program
    known = evaluate(program, leaves_of(net, rng), {"N": N})
    for line in program.lines:
        reads = [program.tensors[n] for n in dict.fromkeys(map(name_of, line.reads))]
        jumps = any(t.f.has(sp.sign) for t in line.terms)  # sgn is not differentiated
        if reads and not jumps:
            row = adjoint(line, reads, known, rng)
            assert row.ok, row
