"""Networks and weights of PyTorch and Keras; stand-ins where these are not installed."""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
import pytest

import symnn
from symnn import interop

TORCH = importlib.util.find_spec("torch") is not None


class Tensor:
    def __init__(self, array: Any) -> None:
        self.array = np.asarray(array, dtype=np.float32)

    def detach(self) -> Tensor:
        return self

    def cpu(self) -> Tensor:
        return self

    def numpy(self) -> Any:
        return self.array


class Linear:
    def __init__(self, inputs: int, units: int, bias: bool = True) -> None:
        rng = np.random.default_rng(units)
        self.in_features, self.out_features = inputs, units
        self.weight = Tensor(rng.normal(size=(units, inputs)))
        self.bias = Tensor(rng.normal(size=units)) if bias else None


def layer(name: str, **attributes: Any) -> Any:
    return type(name, (), attributes)()


def test_a_sequence_becomes_a_network() -> None:
    module = [
        layer("Flatten"), Linear(3, 4), layer("Tanh"), layer("Dropout", p=0.25),
        Linear(4, 5, bias=False), layer("GELU", approximate="none"), Linear(5, 2),
        layer("Softmax", dim=-1),
    ]  # fmt: skip
    net = symnn.from_torch(module, loss="cross_entropy", name="taken")
    assert net.inputs == 3 and net.name == "taken"
    assert list(net.layers) == [
        symnn.Dense(4, "tanh"), symnn.Dropout(0.25), symnn.Dense(5, "gelu", bias=False),
        symnn.Dense(2, "softmax"),
    ]  # fmt: skip
    params = symnn.params_from_torch(module)
    assert {n: p.shape for n, p in params.items()} == net.parameters
    assert np.array_equal(params["A_2"], module[4].weight.array)
    assert all(p.dtype == np.float64 for p in params.values())


@pytest.mark.parametrize(
    ("module", "message"),
    [
        ([Linear(2, 2), layer("Conv2d")], "layer 1 (Conv2d): not supported"),
        ([layer("Tanh"), Linear(2, 2)], "layer 0 (Tanh): an activation must stand right after"),
        ([Linear(2, 2), layer("Tanh"), layer("ReLU")], "layer 2 (ReLU): an activation must"),
        ([Linear(2, 3), Linear(2, 1)], "layer 1 (Linear): takes 2 inputs, the layer before it"),
        ([Linear(2, 2), layer("LeakyReLU", negative_slope=0.2)], "negative_slope must be 0.01"),
        ([Linear(2, 2), layer("ELU", alpha=2.0)], "layer 1 (ELU): alpha must be 1, not 2.0"),
        ([Linear(2, 2), layer("GELU", approximate="tanh")], "approximate must be none, not tanh"),
        ([Linear(2, 2), layer("Softmax", dim=0)], "layer 1 (Softmax): dim must be -1, not 0"),
        ([], "no Linear layer"),
        (layer("Model"), "Model is not a Sequential"),
    ],
)
def test_what_has_no_counterpart_is_named(module: Any, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        symnn.from_torch(module)
    assert message in str(caught.value)


def test_keras_kernels_are_transposed() -> None:
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=s) for s in ((3, 4), (4,), (4, 2))]
    params = symnn.params_from_keras(weights)
    assert {n: p.shape for n, p in params.items()} == {"A_1": (4, 3), "b_1": (4,), "A_2": (2, 4)}
    assert np.array_equal(params["A_1"], weights[0].T)
    model = layer("Sequential", get_weights=lambda self: weights)
    assert symnn.params_from_keras(model).keys() == params.keys()


@pytest.mark.parametrize("shapes", [((3,),), ((3, 4), (5,)), ((3, 4), (5, 2)), ((2, 2, 2),), ()])
def test_weights_that_are_not_those_of_dense_layers(shapes: Any) -> None:
    with pytest.raises(ValueError, match=r"weights\[|no weights"):
        symnn.params_from_keras([np.ones(s) for s in shapes])


@pytest.mark.skipif(not TORCH, reason="PyTorch is not installed")
def test_gradients_of_pytorch_are_ok() -> None:
    import torch  # type: ignore[import-not-found,unused-ignore]
    from torch import nn  # type: ignore[import-not-found,unused-ignore]

    module = nn.Sequential(nn.Linear(3, 4), nn.SiLU(), nn.Linear(4, 2)).double()
    x, y = torch.randn(6, 3).double(), torch.randn(6, 2).double()
    nn.functional.mse_loss(module(x), y).backward()
    grads = {
        "A_1": module[0].weight.grad, "b_1": module[0].bias.grad,
        "A_2": module[2].weight.grad, "b_2": module[2].bias.grad,
    }  # fmt: skip
    net = symnn.from_torch(module, loss="mse")
    params = symnn.params_from_torch(module)
    assert net.compare({n: g.numpy() for n, g in grads.items()}, params, x.numpy(), y.numpy()).ok


def needs(name: str) -> Any:
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed (pip install 'symnn[oracles]')")
    return importlib.import_module(name)


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, (name, _) in interop.ACTIVATIONS.items()]
)
def test_a_module_of_pytorch_predicts_the_same(kind: str, name: str) -> None:
    torch = needs("torch")
    nn = torch.nn
    activation = getattr(nn, kind)(*([-1] if kind == "Softmax" else []))
    layers = [
        nn.Flatten(),
        nn.Linear(3, 4),
        activation,
        nn.Dropout(0.5),
        nn.Linear(4, 2, bias=False),
    ]
    module = nn.Sequential(*layers).double().eval()
    net = symnn.from_torch(module)
    assert [type(layer).__name__ for layer in net.layers] == ["Dense", "Dropout", "Dense"]
    assert net.layers[0] == symnn.Dense(4, name)
    x = torch.linspace(-3, 3, 30, dtype=torch.float64).reshape(10, 3)
    found = net.compile().predict(symnn.params_from_torch(module), x.numpy())
    np.testing.assert_allclose(found, module(x).detach().numpy(), rtol=1e-13, atol=1e-14)


def test_pytorch_layers_of_other_options_are_refused() -> None:
    nn = needs("torch").nn
    for layer_, word in (
        (nn.LeakyReLU(0.2), "negative_slope"),
        (nn.ELU(2.0), "alpha"),
        (nn.GELU("tanh"), "approximate"),
        (nn.Softplus(2.0), "beta"),
        (nn.Softmax(0), "dim"),
        (nn.Conv2d(1, 1, 1), "not supported"),
    ):
        with pytest.raises(ValueError, match=word):
            symnn.from_torch(nn.Sequential(nn.Linear(2, 2), layer_))


@pytest.mark.parametrize("bias", [True, False])
def test_weights_of_keras_predict_the_same(bias: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    needs("keras")
    needs("jax")
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    import keras  # type: ignore[import-not-found,unused-ignore]

    model = keras.Sequential(
        [
            keras.Input((3,)),
            keras.layers.Dense(4, "tanh", use_bias=bias, bias_initializer="glorot_normal"),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(2, "sigmoid"),
        ]
    )
    layers = [symnn.Dense(4, "tanh", bias=bias), symnn.Dropout(0.5), symnn.Dense(2, "sigmoid")]
    net = symnn.Network(inputs=3, layers=layers, loss="mse")
    params = symnn.params_from_keras(model)
    assert {name: p.shape for name, p in params.items()} == net.parameters
    x = np.random.default_rng(0).normal(size=(7, 3))
    found = net.compile().predict(params, x)
    np.testing.assert_allclose(found, np.asarray(model(x)), rtol=2e-6, atol=2e-6)
