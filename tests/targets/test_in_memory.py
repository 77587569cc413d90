"""The lines by SymPy's lambdify, against the generated module."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from support.random_networks import random_network

import symnn
from symnn import Dense, Dropout, Network
from symnn.cli.main import cli
from symnn.derivation.derivation import Derivation
from symnn.targets.in_memory import lambdify_gradients, live_in_memory


def batch(net: Network, rows: int = 5) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = rng.uniform(0.1, 0.9, (rows, net.outputs))
    return rng.normal(size=(rows, net.inputs)), y / y.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("seed", range(20))
def test_loss_and_gradients_are_those_of_the_module(seed: int) -> None:
    network = random_network(seed)
    net = Network.from_spec(network.spec)
    x, y = batch(net)
    module = net.compile("plain")
    params = {k: v.astype(float) for k, v in module.initialize(seed).items()}
    rng = np.random.default_rng(seed)
    masks = {
        leaf.name: rng.integers(0, 2, (len(x), int(leaf.axes[-1].size))) * 1.5
        for leaf in net.program.leaves_of("mask")
    }
    loss, gradients = net.derive().lambdify()(params, x, y, masks)
    want, expected = module.loss_and_gradients(params, x, y, *([masks] if masks else []))
    assert loss == pytest.approx(want, rel=1e-12)
    assert list(gradients) == list(expected)
    for name, found in gradients.items():
        assert found.shape == expected[name].shape
        assert np.allclose(found, expected[name], rtol=1e-10, atol=1e-13), name


def test_without_masks_there_is_no_dropout() -> None:
    layers = [Dense(4, "tanh"), Dropout(0.5), Dense(2)]
    net = Network(inputs=3, layers=layers, loss="mse")
    x, y = batch(net)
    params = net.compile().initialize(0)
    loss, _ = net.derive().lambdify()(params, x, y)
    outputs = net.compile().predict(params, x)
    assert loss == pytest.approx(np.mean((outputs - y) ** 2), rel=1e-12)


def test_large_values_do_not_overflow() -> None:
    net = Network(inputs=1, layers=[Dense(3, "softmax")], loss="cross_entropy")
    params = {"A_1": np.array([[800.0], [0.0], [-800.0]]), "b_1": np.zeros(3)}
    with np.errstate(all="raise", under="ignore"):
        loss, gradients = net.derive().lambdify()(params, np.ones((1, 1)), np.array([[0, 0, 1.0]]))
    assert loss == 1600.0 and np.isfinite(gradients["A_1"]).all()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"params": {}}, "params lacks A_1"),
        ({"x": np.ones(2)}, r"x has the shape \(2,\), expected \(N, 2\)"),
        ({"y": np.ones(4)}, r"y has the shape \(4,\), expected \(4, 1\)"),
        ({"y": np.ones((3, 1))}, r"y has the shape \(3, 1\), expected \(4, 1\)"),
    ],
)
def test_wrong_shapes_are_refused(changed: dict[str, object], message: str) -> None:
    net = symnn.load("xor")
    given = {"params": net.compile().initialize(0), "x": np.ones((4, 2)), "y": np.ones((4, 1))}
    with pytest.raises(ValueError, match=message):
        net.derive().lambdify()(**{**given, **changed})


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_training_in_memory_gives_the_weights_of_the_module(dtype: str) -> None:
    train = {"optimizer": "adam", "standardize": True}
    layers = [Dense(4, "tanh"), Dropout(0.25), Dense(3, "softmax")]
    net = Network(
        inputs=2, layers=layers, loss={"name": "cross_entropy", "l2": 0.1}, dtype=dtype, train=train
    )
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(30, 2)) * 5 + 1, rng.integers(3, size=30)
    options = {"epochs": 20, "batch_size": 8, "learning_rate": 0.01}
    params, history = live_in_memory(net).train(x, y, **options)
    wanted, losses = net.compile().train(x, y, **options)
    close = {"rtol": 1e-9, "atol": 1e-12} if dtype == "float64" else {"rtol": 1e-3, "atol": 1e-4}
    assert np.allclose(history, losses, **close)
    for name, value in wanted.items():
        assert params[name].dtype == value.dtype and np.allclose(params[name], value, **close)
    outputs = live_in_memory(net).predict(params, x)
    assert np.allclose(outputs, net.compile().predict(params, x), **close)


def test_training_in_memory_calls_the_lambdified_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    net, calls = symnn.load("xor"), list[str]()

    def counted(derivation: Derivation) -> Callable[..., Any]:
        function = lambdify_gradients(derivation)
        return lambda *given: (calls.append("step"), function(*given))[1]

    monkeypatch.setattr("symnn.targets.in_memory.lambdify_gradients", counted)
    live_in_memory(net).train(*batch(net, 4), epochs=7)
    assert len(calls) == 7


def run(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli, words, standalone_mode=False)
    return (done.return_value if done.exception is None else 2), done.output + str(done.exception)


def test_train_writes_weights_and_history_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ("train", "xor", "--epochs", "50", "--json")
    code, text = run(*words, "--target", "lambdify")
    assert code == 0 and json.loads(text.removesuffix("None"))["module"] is None
    assert sorted(p.name for p in tmp_path.iterdir()) == ["xor_net.history.json", "xor_net.npz"]
    found = dict(np.load("xor_net.npz"))
    assert run(*words)[0] == 0 and (tmp_path / "xor_net.py").exists()
    written = dict(np.load("xor_net.npz"))
    for name in symnn.load("xor").parameters:
        wanted = written[name]
        assert np.allclose(found[name], wanted, rtol=1e-12, atol=1e-14), name


def test_train_in_memory_refuses_checkpoints(tmp_path: Path) -> None:
    kept = str(tmp_path / "kept")
    code, text = run("train", "xor", "--target", "lambdify", "--checkpoint", kept)
    assert code == 2 and "leave out --checkpoint" in text and not (tmp_path / "kept").exists()
