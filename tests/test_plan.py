"""The planned step of generated modules against their readable one, over random networks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from symnn import Dense, Dropout, Network
from tests.test_networks import leaves_of, module_gradients, random_network

ROWS = 5
OPTIMIZERS = (
    {"optimizer": "sgd"},
    {"optimizer": "sgd", "momentum": 0.9},
    {"optimizer": "adam"},
    {"optimizer": "rmsprop"},
)


def planned_gradients(net: Network, module: Any, values: dict[str, Any], seed: float) -> Any:
    """The gradients of the data, times the seed, and the loss, as the planned step gives them."""
    theta = np.zeros(module.SIZE)
    g = np.full_like(theta, np.nan)
    for name, view in module._views(theta).items():
        view[...] = values[name]
    plan = module._Plan(theta, g, ROWS, 1, 1, seed)
    plan.fill(values["x"], values["y"])
    for name, mask in zip(getattr(module, "MASKS", {}), getattr(plan, "masks", ()), strict=True):
        mask[...] = values[name].T
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        plan.gradient(*plan.steps[0])
    return plan.losses(0, 1), module._views(g)


def test_the_planned_step_computes_the_same_gradients(network_seed: int) -> None:
    net = random_network(network_seed)
    module = net.compile()
    values = leaves_of(net, np.random.default_rng([network_seed, 2]))
    loss, expected = module_gradients(net, module, values)
    mean = 1 / ROWS if net.mean_loss else 1.0
    found_loss, found = planned_gradients(net, module, values, 0.25 * mean)
    assert found_loss == pytest.approx([loss], rel=1e-12)
    for name, gradient in expected.items():
        penalty = net.spec.loss.l2 * values[name] if name[0] == "A" else 0.0
        scale = max(1.0, float(np.abs(gradient).max()))
        error = np.abs(found[name] - 0.25 * (gradient - penalty)).max() / scale
        assert error < 1e-13, f"{name} of {net!r}"


def test_a_value_may_stand_in_the_place_of_a_later_layer() -> None:
    layers = [Dropout(0.1), Dense(4, "linear"), Dropout(0.2), Dense(2)]
    module = Network(inputs=3, layers=layers, loss="mse").compile()
    assert len(module.train(np.ones((4, 3)), np.ones((4, 2)), epochs=2)[1]) == 2
