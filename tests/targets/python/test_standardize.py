"""A model that standardises its inputs does so wherever it is trained, and wherever it predicts."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from symnn import Dense, Network
from symnn.io.npz import NpzError, read_weights
from symnn.targets.registry import generate_files, load_module
from symnn.training.run import train

CC = shutil.which("cc")
SPEC: dict[str, Any] = {
    "inputs": 3,
    "layers": [Dense(1, "sigmoid")],
    "loss": "binary_cross_entropy",
    "train": {"standardize": True, "learning_rate": 0.5, "epochs": 200},
}


def network(**changes: Any) -> Network:
    return Network(**{**SPEC, "train": {**SPEC["train"], **changes}})


def data() -> tuple[np.ndarray, np.ndarray]:
    """Features near 5, 100 and 0.01, of which the first says most of the label."""
    rng = np.random.default_rng(0)
    x = rng.normal([5, 100, 0.01], [0.1, 10, 0.001], size=(80, 3))
    return x, (x[:, 0] + 0.005 * rng.normal(size=80) > 5).astype(float)


@pytest.mark.parametrize("target", ["numpy", "numpy-fast", "c", "jax"])
def test_train_standardises(target: str) -> None:
    """As a model without scaling learns from inputs that were scaled before."""
    pytest.importorskip("jax") if target == "jax" else None
    x, y = data()
    module = network().compile(target)
    params, history = module.train(x, y)
    assert np.allclose(params["x_mean"], x.mean(axis=0), rtol=1e-14)
    assert np.allclose(params["x_scale"], x.std(axis=0), rtol=1e-13)
    scaled = (x - x.mean(axis=0)) / x.std(axis=0)
    expected, losses = network(standardize=False).compile().train(scaled, y)
    assert np.allclose(history, losses, rtol=1e-9)
    assert np.allclose(params["A_1"], expected["A_1"], rtol=1e-9)
    accuracy = ((module.predict(params, x)[:, 0] > 0.5) == y).mean()
    assert accuracy > 0.95
    # the scaling of a run before is kept, though the data are others
    more, _ = module.train(x[:40] + 1.0, y[:40], params=params, epochs=1)
    assert np.array_equal(more["x_mean"], params["x_mean"])
    assert np.array_equal(more["x_scale"], params["x_scale"])
    # and it is found for weights that have none
    other, _ = module.train(x, y, params=module.initialize())
    assert np.array_equal(other["A_1"], params["A_1"])


def test_the_scaling_of_data_that_are_read_in_parts() -> None:
    module = network().compile()
    rng = np.random.default_rng(2)
    x = np.column_stack([rng.normal(7, 1e-3, 50_000), rng.integers(9, size=50_000), [0.1] * 50_000])
    params = module._with_scaling(module.initialize(), x)
    assert np.allclose(params["x_mean"], x.mean(axis=0), rtol=1e-12)
    assert np.allclose(params["x_scale"], [*x[:, :2].std(axis=0), 1.0], rtol=1e-9)


def test_constant_columns_are_left_alone() -> None:
    x = np.column_stack([[1.0, 2.0, 6.0], [0.1, 0.1, 0.1], [0.0, 0.0, 1e-300]])
    params, _ = network().compile().train(x, np.array([0, 1, 1]), epochs=1)
    assert np.allclose(params["x_mean"][:2], [3.0, 0.1])
    assert np.allclose(params["x_scale"], [np.std([1, 2, 6]), 1, 1])


@pytest.mark.parametrize(
    ("x", "message"),
    [
        ([[0, 0, 0], [0, np.nan, 0]], "x holds a value that is not finite"),
        ([[1e300, 0, 0], [-1e300, 0, 0]], "x is too large: its deviation is not finite"),
        ([[0, 0], [1, 1]], r"x must have the shape \(N, 3\), not \(2, 2\)"),
    ],
)
def test_what_has_no_scaling_is_one_clear_error(x: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        network().compile().train(np.array(x), np.array([0, 1]))


def test_processes_do_not_scale_each_by_its_own_samples() -> None:
    module, (x, y) = network().compile(include=["reduce"]), data()
    with pytest.raises(ValueError, match="params must hold x_mean and x_scale: the mean and"):
        module.train(x, y, reduce=lambda vector: None)
    params = {**module.initialize(), "x_mean": x.mean(axis=0), "x_scale": x.std(axis=0)}
    found, _ = module.train(x, y, params=params, reduce=lambda vector: None, epochs=2)
    assert np.allclose(found["A_1"], module.train(x, y, epochs=2)[0]["A_1"], rtol=1e-12)


def test_weights_of_half_a_scaling_are_refused(tmp_path: Path) -> None:
    net, path = network(), tmp_path / "w.npz"
    module, x = net.compile(), np.zeros((1, 3))
    whole = {**module.initialize(), "x_mean": np.zeros(3), "x_scale": np.ones(3)}
    for name in ("x_mean", "x_scale"):
        half = {k: v for k, v in whole.items() if k != name}
        np.savez(path, **half)
        for read in (module.load, lambda p: read_weights(p, net.parameters, 3)):
            with pytest.raises((ValueError, NpzError), match=name):
                read(path)
        with pytest.raises(ValueError, match=f"params must hold an array {name}"):
            module.predict(half, x)
    bad = {**whole, "x_scale": np.array([1.0, 0.0, 1.0])}
    np.savez(path, **bad)
    with pytest.raises(NpzError, match="x_scale: holds 0"):
        read_weights(path, net.parameters, 3)
    with pytest.raises(ValueError, match="x_scale holds 0"):
        module.predict(bad, x)


def test_weights_go_from_the_command_to_further_training_and_into_c(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    x, y = data()
    np.savez("d.npz", x=x, y=y)
    net = network(data="d.npz")
    first = train(net)
    module = load_module(first.files.module.read_text(), "m")
    params, history = module.train(x, y)
    assert history == first.history
    weights = read_weights(first.files.weights, net.parameters, 3)
    assert np.array_equal(weights["x_mean"], params["x_mean"])
    first.files.weights.replace("w.npz")
    again = train(network(data="d.npz", weights="w.npz"), force=True)
    assert again.history[0] < first.history[-1]
    if CC is None:
        pytest.skip("no C compiler")
    for suffix, text in generate_files(net, "c", weights=weights, training=False).items():
        Path(f"net{suffix}").write_text(text)
    subprocess.run([CC, "-shared", "-fPIC", "net.c", "-o", "net.so", "-lm"], check=True)
    library = ctypes.CDLL(str(tmp_path / "net.so"))
    found = (ctypes.c_double * 1)()
    library.net_init(0)
    for row in x[:5]:
        library.net_predict((ctypes.c_double * 3)(*row), found)
        assert found[0] == pytest.approx(module.predict(params, row[None])[0, 0], rel=1e-12)
