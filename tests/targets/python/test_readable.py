"""The default module: short, and the same training as that of the planned one."""

from __future__ import annotations

import signal
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.random_networks import leaves_of, random_network
from test_module import OPTIMIZERS, drawn, network

import symnn
from symnn import Dense, Dropout, Network
from symnn.language.options import INCLUDED

MODULES = "numpy-fast", "numpy"
DERIVATION, WHOLE = 200, 720  # lines of xor


def test_it_is_short_and_the_derivation_comes_first() -> None:
    rows = symnn.load("xor").generate().splitlines()
    [border] = [k for k, row in enumerate(rows, 1) if row.startswith("# --- ")]
    assert border <= DERIVATION + 1
    assert len(rows) <= WHOLE


def test_plain_is_another_name_of_numpy() -> None:
    net = symnn.load("xor")
    assert net.generate("plain") == net.generate("numpy") == net.generate()
    assert net.compile("plain").__file__ == "xor_net.py"


@pytest.mark.parametrize(
    ("option", "word"),
    [("reduce", "reduce"), *((name, "checkpoint") for name in ("checkpoint", "every", "resume"))],
)
def test_what_is_left_out_is_refused_with_the_command_that_brings_it(
    option: str, word: str
) -> None:
    net = network(loss="mse")
    x, y = drawn(net, 7)
    with pytest.raises(ValueError, match=f"{option} was left out .* SPEC --with {word} b"):
        net.compile().train(x, y, **{option: 1})
    others = [name for name in INCLUDED if name != word]
    with pytest.raises(ValueError, match=f"{option} was left out of this module"):
        net.compile(include=others).train(x, y, **{option: 1})
    for module in (net.compile(), net.compile(include=INCLUDED)):
        with pytest.raises(TypeError, match="epoch"):
            module.train(x, y, epoch=1)


def test_parts_are_named_in_a_list_or_between_commas() -> None:
    with pytest.raises(ValueError, match="unknown part 'gpu'; known: checkpoint, reduce, stream"):
        network().generate(include=["gpu"])
    both = network().generate(include=["checkpoint", "reduce"])
    assert network().generate(include="checkpoint,reduce") == both
    with pytest.raises(TypeError, match="target numpy-fast: no option 'include'"):
        network().generate("numpy-fast", include=["reduce"])


@pytest.mark.parametrize("target", ["numpy", "numpy-fast"])
def test_a_spec_names_its_target(target: str) -> None:
    net = network(output={"target": target})
    assert net.generate() == net.generate(target)
    assert hasattr(net.compile(), "_Plan") == (target == "numpy-fast")


@pytest.mark.parametrize("include", [[name] for name in INCLUDED] + [list(INCLUDED)])
@pytest.mark.parametrize("shuffle", [True, False])
def test_what_is_brought_changes_no_bit(include: list[str], shuffle: bool) -> None:
    layers = [Dense(4, "tanh"), Dropout(0.25), Dense(3, "softmax")]
    train = {"optimizer": "adam", "shuffle": shuffle, "standardize": True}
    net = network(loss="cross_entropy", layers=layers, dtype="float32", l2=0.1, train=train)
    x, _ = drawn(net, 23)
    y = np.arange(23) % 3
    options = {"epochs": 3, "batch_size": 5, "learning_rate": 0.01}
    (params, history), (others, losses) = (
        module.train(x, y, **options) for module in (net.compile(), net.compile(include=include))
    )
    assert history == losses
    assert all(np.array_equal(others[name], value) for name, value in params.items())


def test_data_may_be_streamed(tmp_path: Path) -> None:
    """A file is read by parts: no array of all its rows is made."""
    net = Network(inputs=500, layers=[Dense(2)], loss="mse", train={"standardize": True})
    rng = np.random.default_rng(0)
    np.save(tmp_path / "x.npy", rng.normal(size=(4000, 500)))
    x, y = np.load(tmp_path / "x.npy", mmap_mode="r"), rng.normal(size=(4000, 2))
    peaks = []
    for include in ([], ["streaming"]):
        module = net.compile(include=include)
        tracemalloc.start()
        module.train(x, y, epochs=1, batch_size=100, learning_rate=1e-3)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[0] > x.nbytes > 4 * peaks[1]


@pytest.mark.parametrize("include", [[], ["checkpoint"], ["checkpoint", "reduce", "streaming"]])
def test_ctrl_c_finishes_the_step(include: list[str]) -> None:
    net = network(loss="mse")
    module, (x, y) = net.compile(include=include), drawn(net, 12)
    update, steps = module._update, []  # type: ignore[attr-defined]

    def interrupted(*given: Any) -> Any:
        if len(steps) == 4:
            signal.raise_signal(signal.SIGINT)
        steps.append(update(*given))
        return steps[-1]

    module._update = interrupted  # type: ignore[attr-defined]
    options = {"batch_size": 4, "learning_rate": 0.1, "seed": 1}
    with pytest.raises(KeyboardInterrupt) as caught:
        module.train(x, y, epochs=9, **options)
    assert isinstance(caught.value, module.Interrupted)
    assert (caught.value.step, len(caught.value.history)) == (5, 1)
    assert "interrupted after 1 epochs, at step 5" in str(caught.value)
    theta = np.concatenate([caught.value.params[name] for name in net.parameters], axis=None)
    assert np.array_equal(theta, steps[4][0])
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("step", [3, 6])
def test_ctrl_c_in_the_last_step_of_an_epoch(step: int) -> None:
    """The epoch is over: its loss is in the history.  After the last one it is not lost either."""
    net = network(loss="mse")
    module, (x, y) = net.compile(), drawn(net, 12)
    update, left = module._update, iter(range(step, 0, -1))  # type: ignore[attr-defined]

    def interrupted(*given: Any) -> Any:
        if next(left) == 1:
            signal.raise_signal(signal.SIGINT)
        return update(*given)

    module._update = interrupted  # type: ignore[attr-defined]
    with pytest.raises(KeyboardInterrupt) as caught:
        module.train(x, y, epochs=2, batch_size=4, learning_rate=0.1)
    assert isinstance(caught.value, module.Interrupted)
    assert (caught.value.step, len(caught.value.history)) == (step, step // 3)


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
        (
            np.zeros((4, 3)),
            np.zeros((4, 2)),
            {"batch_size": 0},
            "batch_size must be a whole number, at least 1",
        ),
    ],
)
def test_bad_data_is_one_clear_error(x: Any, y: Any, options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        network(loss="mse").compile().train(x, y, **options)
