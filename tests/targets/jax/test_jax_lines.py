"""Lines in JAX: the same numbers as in NumPy, on every kind of line, and no jax.grad."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nn.layer_cases import CASES
from support.random_graphs import Graphs, network
from test_c_lines import EXAMPLES, compared, drawn, example, run, trains_as_numpy, with_layer
from test_module import passes_ruff

import symnn
from symnn.api import Lines
from symnn.targets.registry import compile_module

BOUND = {"float64": 1e-10, "float32": 2e-5}
# JAX compiles for a second or two: of a kind of layer those that differ most from others
SAMPLED = (1, 2, 5, 9, 12, 14, 18, 21, 25, 33, 36, 38)


@pytest.fixture(autouse=True)
def with_jax() -> None:
    pytest.importorskip("jax")


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples(name: str) -> None:
    assert compared(example(name), target="jax") < BOUND["float64"]


@pytest.mark.parametrize(("kind", "fields", "shape"), [CASES[k] for k in SAMPLED])
def test_layers(kind: str, fields: dict[str, Any], shape: tuple[int, ...]) -> None:
    assert compared(with_layer(kind, fields, shape), target="jax") < BOUND["float64"]


def test_equal_blocks() -> None:
    block = {"repeat": 3, "block": [{"type": "transformer_block", "heads": 2, "units": 5}]}
    spec = {
        "inputs": {"x": {"shape": [3, 4]}},
        "layers": [block, {"type": "dense", "units": 2}],
        "loss": {"name": "mse"},
    }
    lines = Lines(network(spec))
    assert "    for k in range(" in lines.generate("jax")
    assert compared(lines, target="jax") < BOUND["float64"]


def test_equal_blocks_with_steps() -> None:
    block = {"repeat": 3, "block": [{"type": "rnn", "units": 3, "steps": "all"}]}
    layers = [block, {"type": "dense", "units": 2}]
    spec = {"inputs": {"x": {"shape": [4, 3]}}, "layers": layers, "loss": {"name": "mse"}}
    assert compared(Lines(network(spec)), target="jax") < BOUND["float64"]


def test_random_graphs(sampled_seed: int) -> None:
    if sampled_seed >= 6:
        pytest.skip("JAX compiles each for seconds")
    lines = Lines(network(Graphs(sampled_seed).spec))
    if not lines.parameters:
        pytest.skip("no layer has parameters")
    assert compared(lines, target="jax") < BOUND["float64"]


@pytest.mark.parametrize(
    "text",
    [
        # sizes that the data bring
        "input x[n<N, t<T]\nparameter w\ny[n] = sum_t w*x[n,t]\nL = mean_n y[n]**2",
        # two maxima in a line, which the target c does not take
        "input x[n<N, t<3]\nparameter w\ny[n] = max_t w*x[n,t] + max_t -w*x[n,t]\nL = mean_n y[n]",
        # names that the module has itself
        "input carry[n<N, t<4]\nparameter step[lax<2]\n"
        "for t:\n    jnp[n,t,lax] = step[lax]*jnp[n,t-1,lax] + carry[n,t]\n"
        "L = mean_n sum_lax jnp[n,3,lax]**2",
    ],
)
def test_what_only_some_have(text: str) -> None:
    lines = symnn.lines(text)
    plain, own = compile_module(lines, "numpy"), compile_module(lines, "jax")
    rng, params = np.random.default_rng(0), plain.initialize(1)
    x = rng.uniform(0.1, 1.0, (5, 4 if "carry" in text else 3))
    loss, gradients = plain.loss_and_gradients(params, x)
    own_loss, own_gradients = own.loss_and_gradients(params, x)
    assert own_loss == pytest.approx(loss, rel=1e-12)
    for name, value in gradients.items():
        assert own_gradients[name] == pytest.approx(value, rel=1e-10)


@pytest.mark.parametrize("name", ["attention", "rnn", "pooling"])
def test_single_precision(name: str) -> None:
    assert compared(example(name, dtype="float32"), 9, "jax") < BOUND["float32"]


@pytest.mark.parametrize("name", ["batch_norm", "embedding", "variational_autoencoder"])
def test_training_is_that_of_numpy(name: str, tmp_path: Path) -> None:
    trains_as_numpy(name, "jax", tmp_path)


def test_modules_pass_ruff(tmp_path: Path) -> None:
    names = ("lstm", "pooling", "batch_norm", "embedding", "variational_autoencoder")
    texts = [example(name).generate("jax") for name in names]
    passes_ruff(texts, tmp_path)
    for text in texts:
        assert not any(f"{word}(" in text for word in ("jax.grad", "value_and_grad", "vjp", "jvp"))


def test_a_user_trains_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    x, y = drawn(compile_module(example("quadratic")), np.random.default_rng(0), 6)
    np.savez("d.npz", **x, **y)
    assert run("generate", "quadratic", "--target", "jax") == 0
    assert run("train", "quadratic", "--target", "jax", "--data", "d.npz", "--epochs", "2") == 0
    capsys.readouterr()
