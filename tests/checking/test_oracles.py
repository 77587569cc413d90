"""Gradients against others: 50 digits of mpmath, PyTorch, JAX; their networks and weights."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.oracles import fifty_digits, jax_gradients, torch_gradients
from support.random_networks import (
    leaves_of,
    module_gradients,
    networks,
    random_network,
    run,
    scaled_error,
)

import symnn
from symnn.engine.complex_step import check_gradients

BOUND = 1e-10
ORACLES: dict[str, Callable[..., Mapping[str, Any]]] = {
    "torch": torch_gradients,
    "jax": jax_gradients,
}


def needs(name: str) -> None:
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed (pip install 'symnn[oracles]')")


def compared(found: Mapping[str, Any], exact: Mapping[str, Any]) -> float:
    """The largest scaled error of the loss and of every gradient."""
    assert found.keys() == exact.keys()
    return max(scaled_error(found[name], exact[name]) for name in exact)


def test_gradients_have_the_digits_of_mpmath(
    sampled_seed: int, errors: Callable[[str, str, float], None]
) -> None:
    net = random_network(sampled_seed)
    values = leaves_of(net, np.random.default_rng([sampled_seed, 7]), samples=2)
    exact = fifty_digits(net, values)
    loss, gradients = module_gradients(net, net.compile(), values)
    error = max(compared(found, exact) for found in (run(net, values), {"L": loss, **gradients}))
    assert error <= 1e-12
    errors("mpmath, 50 digits", f"network {sampled_seed}, {net!r}", error)


@pytest.mark.parametrize("name", ORACLES)
def test_gradients_agree_with_automatic_differentiation(
    name: str, network_seed: int, errors: Callable[[str, str, float], None]
) -> None:
    needs(name)
    net = random_network(network_seed)
    values = leaves_of(net, np.random.default_rng([network_seed, 8]))
    exact = ORACLES[name](net, values)
    loss, gradients = module_gradients(net, net.compile(), values)
    error = max(compared(found, exact) for found in (run(net, values), {"L": loss, **gradients}))
    assert error <= BOUND
    errors(name, f"network {network_seed}, {net!r}", error)


# hypothesis: any legal network -------------------------------------------------------------

AVAILABLE = [name for name in ORACLES if importlib.util.find_spec(name)]


@given(net=networks(), seed=st.integers(0, 999))
def test_any_network_has_the_right_gradients(
    net: symnn.Network, seed: int, errors: Callable[[str, str, float], None]
) -> None:
    """Every gradient line by complex step; the module, in its dtype; the oracles that are there."""
    rng = np.random.default_rng(seed)
    values = leaves_of(net, rng)
    batch = net.derive().batch
    report = check_gradients(batch.forward, batch.simple, batch.names, rng, {"N": 5}, values)
    assert report.ok, str(report)
    exact = run(net, values)
    kind = net.spec.model.dtype
    loss, gradients = module_gradients(
        net, net.compile(), {name: np.asarray(v, kind) for name, v in values.items()}
    )
    assert all(g.dtype == kind for g in gradients.values())
    error = compared({"L": loss, **gradients}, exact)
    assert error <= (1e-11 if kind == "float64" else 2e-5)
    errors(f"hypothesis, {kind}", repr(net), error)
    for name in AVAILABLE:
        assert compared(exact, ORACLES[name](net, values)) <= BOUND
