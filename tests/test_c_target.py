"""The C target: equal to the NumPy module, and fit for embedding."""

from __future__ import annotations

import multiprocessing
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from symnn import Dense, Dropout, Network
from symnn.emit import generate_files
from tests.test_networks import leaves_of, module_gradients, random_network

COMPILER = next((c for c in ("cc", "gcc", "clang") if shutil.which(c)), "")
pytestmark = pytest.mark.skipif(not COMPILER, reason="no C compiler (cc, gcc or clang)")
WARNINGS = ("-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic")
OPTIMIZERS: tuple[dict[str, Any], ...] = (
    {"optimizer": "sgd"},
    {"optimizer": "sgd", "momentum": 0.9},
    {"optimizer": "adam", "learning_rate": 0.01},
    {"optimizer": "rmsprop", "learning_rate": 0.01},
)


def compiled(*arguments: str | Path) -> None:
    """Run the compiler; its messages are in the error."""
    done = subprocess.run([COMPILER, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[:3000]


def written(net: Network, folder: Path, **options: Any) -> Path:
    """The C file of a network, with its header beside it."""
    for suffix, text in generate_files(net, "c", **options).items():
        (folder / f"net{suffix}").write_text(text)
    return folder / "net.c"


def error(found: Any, expected: Any) -> float:
    """The largest error of a gradient, scaled."""
    scale = max(1.0, float(np.abs(expected).max()))
    return float(np.abs(found - expected).max()) / scale


# gradients -------------------------------------------------------------------------------


@pytest.fixture
def unoptimized(monkeypatch: pytest.MonkeyPatch) -> None:
    """Modules that are compiled in a tenth of the time."""
    monkeypatch.setenv("CFLAGS", "-O0")


def test_gradients_equal_those_of_the_numpy_module(
    network_seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CFLAGS", "-O0" if network_seed % 4 else "-O2")
    net = random_network(network_seed)
    values = leaves_of(net, np.random.default_rng([network_seed, 3]))
    plain, fast = net.compile(), net.compile(target="c")
    loss, expected = module_gradients(net, plain, values)
    found_loss, found = module_gradients(net, fast, values)
    assert found_loss == pytest.approx(loss, rel=1e-12)
    assert list(found) == list(expected)
    for name, gradient in expected.items():
        assert error(found[name], gradient) < 1e-12, f"{name} of {net!r}"
    params = {name: values[name] for name in net.parameters}
    output = fast.predict(params, values["x"])
    np.testing.assert_allclose(output, plain.predict(params, values["x"]), rtol=1e-12, atol=1e-14)
    single = {k: v.astype(np.float32) for k, v in values.items()}
    found_loss, found = module_gradients(net, fast, single)
    assert found_loss == pytest.approx(loss, rel=1e-3)
    for name, gradient in expected.items():
        assert found[name].dtype == np.float32
        assert error(found[name], gradient) < 1e-4, f"{name} of {net!r} in float32"


# training --------------------------------------------------------------------------------


def data(net: Network, rows: int, seed: int = 0) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(rows, net.inputs)), rng.uniform(0.1, 0.9, (rows, net.outputs))
    return x, np.eye(net.outputs)[y.argmax(axis=1)] if net.spec.loss.name == "cross_entropy" else y


def example(loss: str = "mse", dropout: bool = False, **more: Any) -> Network:
    layers = [Dense(6, "tanh"), *([Dropout(0.3)] if dropout else []), Dense(5, "relu")]
    end = {"cross_entropy": "softmax", "binary_cross_entropy": "sigmoid"}.get(loss, "linear")
    return Network(inputs=3, layers=[*layers, Dense(3, end)], loss={"name": loss, "l2": 0.01}, **more)


@pytest.mark.usefixtures("unoptimized")
@pytest.mark.parametrize("options", OPTIMIZERS, ids=lambda o: f"{o['optimizer']}{len(o)}")
@pytest.mark.parametrize("dropout", [False, True])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_training_equals_that_of_the_numpy_module(
    options: dict[str, Any], dropout: bool, dtype: str
) -> None:
    net = example("cross_entropy", dropout, train=options, dtype=dtype)
    x, y = data(net, 23)
    plain, fast = net.compile(), net.compile(target="c")
    start = plain.initialize(3)
    start |= {"x_mean": np.full(3, 0.25), "x_scale": np.full(3, 1.5)}
    before = {k: v.copy() for k, v in start.items()}
    for batch_size in (None, 5):
        given: dict[str, Any] = {"params": start, "epochs": 12, "batch_size": batch_size}
        params, history = plain.train(x, y, seed=4, **given)
        found, losses = fast.train(x, y, seed=4, **given)
        bound = 1e-10 if dtype == "float64" else 1e-3
        np.testing.assert_allclose(losses, history, rtol=bound)
        for name, values in params.items():
            assert found[name].dtype == values.dtype
            assert error(found[name], values) < bound, name
    for name, values in before.items():
        np.testing.assert_array_equal(start[name], values)


@pytest.mark.usefixtures("unoptimized")
@pytest.mark.parametrize("loss", ["norm", "sse", "mse", "mae", "huber", "binary_cross_entropy"])
def test_every_loss_is_trained_alike(loss: str) -> None:
    net = example(loss, train={"learning_rate": 0.01})
    x, y = data(net, 9)
    _, history = net.compile().train(x, y, epochs=5, batch_size=4)
    _, losses = net.compile(target="c").train(x, y, epochs=5, batch_size=4)
    np.testing.assert_allclose(losses, history, rtol=1e-11)
    assert losses[-1] < losses[0]


@pytest.mark.usefixtures("unoptimized")
def test_divergence_is_reported_as_by_the_numpy_module() -> None:
    net = Network(inputs=3, layers=[Dense(4, "relu"), Dense(3)], loss="sse")
    x, y = data(net, 8)
    errors = []
    for module in (net.compile(), net.compile(target="c")):
        with pytest.raises(module.DivergedError) as caught:
            module.train(x, y, epochs=400, batch_size=3, learning_rate=3.0)
        errors.append(caught.value)
    plain, fast = errors
    assert (fast.epoch, fast.step) == (plain.epoch, plain.step)
    assert all(np.isfinite(v).all() for v in fast.params.values())
    assert fast.params.keys() == plain.params.keys()


@pytest.mark.usefixtures("unoptimized")
def test_any_layout_of_data_is_right_and_bad_data_an_error() -> None:
    net = example()
    module = net.compile(target="c")
    params = module.initialize()
    x, y = data(net, 7)
    expected = module.predict(params, x)
    turned = np.asfortranarray(x.astype(">f8"))
    turned.flags.writeable = False
    np.testing.assert_array_equal(module.predict(params, turned), expected)
    np.testing.assert_array_equal(module.predict(params, np.repeat(x, 2, axis=0)[::2]), expected)
    again = module.train(turned, y[::-1][::-1], epochs=2)[1]
    assert again == module.train(x, y, epochs=2)[1]
    with pytest.raises(ValueError, match="shape"):
        module.predict(params, x[:, :2])
    with pytest.raises(ValueError, match="finite"):
        module.train(x * np.nan, y)
    with pytest.raises(ValueError, match="rows"):
        module.train(x, y[:-1])
    long = np.tile(x, (100, 1))
    np.testing.assert_array_equal(module.predict(params, long)[-7:], expected)
    assert module.check() < 1e-6


def _half(module_of: Network, part: slice, pipe: Any) -> None:
    """A process that trains on a part of the data."""
    x, y = data(module_of, 12)

    def summed(vector: Any) -> None:
        pipe.send(vector.copy())
        vector += pipe.recv()

    module = module_of.compile(target="c")
    params, _ = module.train(x[part], y[part], epochs=3, batch_size=12, reduce=summed)
    pipe.send(params)


@pytest.mark.usefixtures("unoptimized")
@pytest.mark.parametrize("options", OPTIMIZERS[1:3], ids=lambda o: o["optimizer"])
def test_two_processes_train_as_one(options: dict[str, Any]) -> None:
    net = example(train=options)
    x, y = data(net, 12)
    expected, _ = net.compile(target="c").train(x, y, epochs=3, batch_size=None)
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe()
    other = context.Process(target=_half, args=(net, slice(0, 5), there))
    other.start()

    def summed(vector: Any) -> None:
        received = here.recv()
        here.send(vector.copy())
        vector += received

    module = net.compile(target="c")
    found, _ = module.train(x[5:], y[5:], epochs=3, batch_size=12, reduce=summed)
    theirs = here.recv()
    other.join(30)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-11, atol=1e-13)
        np.testing.assert_array_equal(theirs[name], found[name])
