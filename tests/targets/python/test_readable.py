"""The default module: short, and the same training as that of the planned one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.random_networks import leaves_of, random_network
from test_module import OPTIMIZERS, drawn, network

import symnn
from symnn import Dense, Dropout, Network

MODULES = "numpy-fast", "numpy"
DERIVATION, WHOLE = 200, 650  # lines of xor


def test_it_is_short_and_the_derivation_comes_first() -> None:
    rows = symnn.load("xor").generate().splitlines()
    [border] = [k for k, row in enumerate(rows, 1) if row.startswith("# --- ")]
    assert border <= DERIVATION + 1
    assert len(rows) <= WHOLE


def test_plain_is_another_name_of_numpy() -> None:
    net = symnn.load("xor")
    assert net.generate("plain") == net.generate("numpy") == net.generate()
    assert net.compile("plain").__file__ == "xor_net.py"


def trained(net: Network, x: Any, y: Any, **options: Any) -> list[tuple[Any, list[float]]]:
    """What both modules make of the same data."""
    return [net.compile(target).train(x, y, **options) for target in MODULES]


def assert_alike(found: list[tuple[Any, list[float]]], eps: float) -> None:
    """The parameters and histories differ by rounding."""
    (exact, losses), (params, history) = found
    np.testing.assert_allclose(history, losses, rtol=eps)
    assert params.keys() == exact.keys()
    for name, v in exact.items():
        assert params[name].dtype == v.dtype
        np.testing.assert_allclose(params[name], v, rtol=eps, atol=eps * np.abs(v).max())


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("shuffle", [True, False])
def test_training_is_that_of_the_planned_module(optimizer: str, dtype: str, shuffle: bool) -> None:
    layers = [Dense(4, "tanh"), Dropout(0.25), Dense(3, "gelu"), Dropout(0.5), Dense(2)]
    train = {**OPTIMIZERS[optimizer], "shuffle": shuffle}
    net = network(loss="mse", l2=0.1, layers=layers, dtype=dtype, train=train)
    x, y = drawn(net, 23)
    start = {"x_mean": x.mean(axis=0), "x_scale": x.std(axis=0), **net.compile().initialize()}
    for batch_size in (5, None):
        options = {"epochs": 6, "batch_size": batch_size, "learning_rate": 0.01, "seed": 3}
        assert_alike(trained(net, x, y, params=start, **options), 1e3 * np.finfo(dtype).eps)


@pytest.mark.parametrize("seed", range(20))
def test_random_networks_are_trained_alike(seed: int) -> None:
    net = random_network(seed)
    values = leaves_of(net, np.random.default_rng(seed))
    options = {"epochs": 2, "batch_size": 2, "learning_rate": 1e-3}
    assert_alike(trained(net, values["x"], values["y"], **options), 1e-9)


def test_divergence_is_that_of_the_planned_module() -> None:
    net = network("linear", "mse")
    x, y = drawn(net, 12)
    for rate in (1e3, 1e200, 1e308):
        caught = []
        for target in MODULES:
            module = net.compile(target)
            with pytest.raises(module.DivergedError) as error:
                module.train(x, y, epochs=50, batch_size=4, learning_rate=rate)
            caught.append(error.value)
        planned, readable = caught
        assert (readable.epoch, readable.step) == (planned.epoch, planned.step)
        for name, v in planned.params.items():
            np.testing.assert_allclose(readable.params[name], v, rtol=1e-9)


def test_the_callback_sees_every_epoch_and_arrays_never_change() -> None:
    net = network(loss="mse", train={"optimizer": "adam"})
    module, seen = net.compile(), []
    (x, y), params = drawn(net, 7), module.initialize(1)
    for v in (x, y, *params.values()):
        v.flags.writeable = False
    callback = lambda *a: seen.append(a)  # noqa: E731
    after, history = module.train(x, y, params=params, epochs=4, batch_size=3, callback=callback)
    assert [(epoch, loss) for epoch, loss, _ in seen] == list(enumerate(history, 1))
    assert all(np.array_equal(seen[-1][2][k], v) for k, v in after.items())
    assert not np.array_equal(seen[0][2]["A_1"], after["A_1"])


@pytest.mark.parametrize(
    ("x", "y", "options", "message"),
    [
        (np.zeros((4, 2)), np.zeros((4, 2)), {}, r"x must have the shape \(N, 3\)"),
        (np.zeros((4, 3)), np.zeros((3, 2)), {}, r"y must have the shape \(4, 2\), not \(3, 2\)"),
        (np.full((4, 3), np.nan), np.zeros((4, 2)), {}, "x holds a value that is not finite"),
        (np.zeros((4, 3)), np.zeros((4, 2)), {"batch_size": 0}, "batch_size must be at least 1"),
    ],
)
def test_bad_data_is_one_clear_error(x: Any, y: Any, options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        network(loss="mse").compile().train(x, y, **options)
