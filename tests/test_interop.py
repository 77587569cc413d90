"""Networks and weights of PyTorch and Keras; what needs one of them is skipped without it."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import symnn
from symnn import interop


def needs(name: str) -> Any:
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed (pip install 'symnn[oracles]')")
    return importlib.import_module(name)


@pytest.mark.parametrize("taken", [symnn.from_torch, symnn.params_from_torch])
@pytest.mark.parametrize("module", [object(), [], {"0.weight": np.ones((2, 2))}])
def test_what_is_no_module_of_pytorch_is_refused(module: Any, taken: Any) -> None:
    with pytest.raises(ValueError, match=f"{type(module).__name__} is not a torch.nn.Sequential"):
        taken(module)


# weights as Keras gives them ---------------------------------------------------------------


def test_keras_kernels_are_transposed() -> None:
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=s) for s in ((3, 4), (4,), (4, 2))]
    params = symnn.params_from_keras(weights)
    assert {n: p.shape for n, p in params.items()} == {"A_1": (4, 3), "b_1": (4,), "A_2": (2, 4)}
    assert np.array_equal(params["A_1"], weights[0].T)


@pytest.mark.parametrize("shapes", [((3,),), ((3, 4), (5,)), ((3, 4), (5, 2)), ((2, 2, 2),), ()])
def test_weights_that_are_not_those_of_dense_layers(shapes: Any) -> None:
    with pytest.raises(ValueError, match=r"weights\[|no weights"):
        symnn.params_from_keras([np.ones(s) for s in shapes])


@pytest.mark.parametrize("model", [object(), {"A_1": np.ones((2, 2))}, np.ones((2, 2))])
def test_what_is_no_model_of_keras_is_refused(model: Any) -> None:
    with pytest.raises(ValueError, match="neither a Keras model that is a chain nor a list"):
        symnn.params_from_keras(model)


# PyTorch -----------------------------------------------------------------------------------


def test_a_sequential_becomes_a_network() -> None:
    nn = needs("torch").nn
    module = nn.Sequential(
        nn.Flatten(), nn.Linear(3, 4), nn.Sequential(nn.Tanh(), nn.Dropout(0.25)), nn.Identity(),
        nn.Linear(4, 5, bias=False), nn.GELU(), nn.Linear(5, 2), nn.Softmax(-1),
    )  # fmt: skip
    net = symnn.from_torch(module, loss="cross_entropy", name="taken")
    assert net.inputs == 3 and net.name == "taken"
    assert list(net.layers) == [
        symnn.Dense(4, "tanh"), symnn.Dropout(0.25), symnn.Dense(5, "gelu", bias=False),
        symnn.Dense(2, "softmax"),
    ]  # fmt: skip
    params = symnn.params_from_torch(module)
    assert {n: p.shape for n, p in params.items()} == net.parameters
    assert np.array_equal(params["A_2"], module[4].weight.detach().numpy())
    assert all(p.dtype == np.float64 for p in params.values())
    assert symnn.from_torch(nn.Linear(3, 4)).layers == (symnn.Dense(4),)


def test_a_module_is_left_as_it_is() -> None:
    torch = needs("torch")
    nn = torch.nn
    module = nn.Sequential(nn.Linear(3, 4), nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Linear(4, 2))
    module[2].eval()
    module[0].bias.requires_grad_(False)
    module(torch.ones(1, 3)).sum().backward()
    before = {n: (p.clone(), p.requires_grad, p.grad) for n, p in module.named_parameters()}
    grads = {n: None if g is None else g.clone() for n, (_, _, g) in before.items()}
    drawn, modes = torch.get_rng_state(), [m.training for m in module.modules()]
    symnn.from_torch(module)
    symnn.params_from_torch(module)
    assert torch.equal(torch.get_rng_state(), drawn) and torch.is_grad_enabled()
    assert [m.training for m in module.modules()] == modes == [True, True, True, False, True]
    for name, p in module.named_parameters():
        old, needed, grad = before[name]
        assert torch.equal(p, old) and p.dtype == old.dtype and p.requires_grad == needed
        assert p.grad is grad and (grad is None or torch.equal(grad, grads[name]))


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "float32", "float64"])
def test_weights_of_any_real_type_are_taken(kind: str) -> None:
    torch = needs("torch")
    nn = torch.nn
    module = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).to(getattr(torch, kind))
    params = symnn.params_from_torch(module)
    assert np.array_equal(params["A_2"], module[2].weight.detach().double().numpy())


def skip(torch: Any) -> Any:
    class Residual(torch.nn.Sequential):  # type: ignore[misc,name-defined,unused-ignore]
        def forward(self, x: Any) -> Any:
            return super().forward(x) + x

    return Residual


def linear(torch: Any) -> Any:
    class Linear(torch.nn.Linear):  # type: ignore[misc,name-defined,unused-ignore]
        def forward(self, x: Any) -> Any:
            return 2 * super().forward(x)

    return Linear


def pair(torch: Any) -> Any:
    return torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Tanh())


def with_hook(register: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def build(torch: Any) -> Any:
        module = pair(torch)
        register(module)
        return module

    return build


def shared(torch: Any, tied: bool = False) -> Any:
    first, second = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
    second.weight = first.weight
    return torch.nn.Sequential(first, torch.nn.Tanh(), second if tied else first)


def own_forward(torch: Any) -> Any:
    module = pair(torch)
    module[1].forward = lambda x: 2 * x
    return module


def weight_norm(torch: Any) -> Any:
    module = pair(torch)
    torch.nn.utils.parametrizations.weight_norm(module[0])
    return module


def pruned(torch: Any) -> Any:
    module = pair(torch)
    importlib.import_module("torch.nn.utils.prune").l1_unstructured(module[0], "weight", 0.5)
    return module


QUIET = pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor:UserWarning")


def quantized(torch: Any) -> Any:
    return torch.nn.Sequential(torch.ao.nn.quantized.dynamic.Linear(2, 2))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda t: skip(t)(*pair(t)), "Residual has a forward of its own"),
        (lambda t: t.nn.Sequential(skip(t)(*pair(t))), "layer 0 (Residual): has a forward of its"),
        (lambda t: t.nn.Sequential(linear(t)(2, 2)), "layer 0 (Linear): has a forward of its own"),
        (own_forward, "layer 1 (Tanh): has a forward of its own"),
        pytest.param(quantized, "layer 0 (Linear): has a forward of its own", marks=QUIET),
        (lambda t: t.nn.ModuleList(pair(t)), "ModuleList is not a torch.nn.Sequential"),
        (lambda t: t.nn.Tanh(), "Tanh is not a torch.nn.Sequential"),
        (lambda t: list(pair(t)), "torch.nn.Sequential(*layers) is one"),
        (with_hook(lambda m: m.register_forward_hook(lambda *a: None)), "the module: has forward"),
        (with_hook(lambda m: m[0].register_forward_hook(lambda *a: None)), "layer 0 (Linear): has"),
        (with_hook(lambda m: m[1].register_forward_pre_hook(lambda *a: None)), "layer 1 (Tanh): h"),
        (with_hook(lambda m: m[1].register_full_backward_hook(lambda *a: None)), "has backward h"),
        (with_hook(lambda m: m[1].register_full_backward_pre_hook(lambda *a: None)), "has backwar"),
        (with_hook(lambda m: m[0].weight.register_hook(lambda g: g)), "its weight: has backward h"),
        (weight_norm, "weight is computed by a parametrization"),
        (pruned, "layer 0 (Linear): has forward pre hooks"),
        (shared, "layer 2 (Linear): shares its weight with layer 0"),
        (lambda t: shared(t, tied=True), "layer 2 (Linear): shares its weight with layer 0"),
        (lambda t: t.nn.Sequential(t.nn.Linear(2, 2, dtype=t.complex64)), "weight must have real"),
        (lambda t: t.nn.Sequential(t.nn.Linear(2, 2, device="meta")), "torch.float32 on meta"),
        (lambda t: t.nn.Sequential(t.nn.Linear(2, 2), t.nn.Flatten(0)), "start_dim must be 1"),
        (lambda t: t.nn.Sequential(t.nn.Linear(2, 2), t.nn.LeakyReLU(0.2)), "negative_slope must"),
        (lambda t: t.nn.Sequential(t.nn.Linear(2, 2), t.nn.ELU(2.0)), "alpha must be 1, not 2.0"),
        (lambda t: t.nn.Sequential(t.nn.Linear(2, 2), t.nn.GELU("tanh")), "must be none, not tanh"),
        (lambda t: t.nn.Sequential(t.nn.Linear(2, 2), t.nn.Softplus(2.0)), "beta must be 1"),
        (lambda t: t.nn.Sequential(t.nn.Linear(2, 2), t.nn.Softmax(0)), "dim must be -1, not 0"),
        (lambda t: t.nn.Sequential(t.nn.Conv2d(1, 1, 1)), "layer 0 (Conv2d): not supported"),
        (lambda t: t.nn.Sequential(t.nn.Tanh()), "layer 0 (Tanh): an activation must stand right"),
        (lambda t: t.nn.Sequential(*pair(t), t.nn.ReLU()), "layer 2 (ReLU): an activation must"),
        (
            lambda t: t.nn.Sequential(t.nn.Linear(2, 3), *pair(t)),
            "takes 2 inputs, the layer before",
        ),
        (lambda t: t.nn.Sequential(), "no Linear layer"),
    ],
)
def test_what_is_not_a_chain_is_named(build: Any, message: str) -> None:
    module = build(needs("torch"))
    for taken in (symnn.from_torch, symnn.params_from_torch):
        with pytest.raises(ValueError) as caught:
            taken(module)
        assert message in str(caught.value)


def test_hooks_of_all_modules_are_seen() -> None:
    torch = needs("torch")
    module = pair(torch)
    handle = torch.nn.modules.module.register_module_forward_hook(lambda *a: None)
    try:
        with pytest.raises(ValueError, match="torch, for all modules: has forward hooks"):
            symnn.from_torch(module)
    finally:
        handle.remove()
    assert symnn.from_torch(module).layers == (symnn.Dense(2, "tanh"),)


def test_outputs_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """What no look at classes and hooks can see: a class of PyTorch's itself that was changed."""
    torch = needs("torch")
    nn = torch.nn
    module = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Dropout(0.5), nn.Linear(3, 1))
    run = nn.Sequential.forward
    monkeypatch.setattr(nn.Sequential, "forward", lambda self, x: run(self, x) + 1)
    with pytest.raises(
        ValueError, match=r"not the chain of its layers: its outputs differ .* by 1,"
    ):
        symnn.from_torch(module)
    monkeypatch.setattr(nn.Sequential, "forward", run)
    monkeypatch.setattr(nn.Tanh, "forward", lambda self, x: torch.tanh(2 * x))
    with pytest.raises(
        ValueError, match=r"layer 1 \(Tanh\): is not what it is called: its outputs"
    ):
        symnn.params_from_torch(module)


def test_gradients_of_pytorch_are_ok() -> None:
    torch = needs("torch")
    nn = torch.nn
    module = nn.Sequential(nn.Linear(3, 4), nn.SiLU(), nn.Linear(4, 2))
    x, y = torch.randn(600, 3), torch.randn(600, 2)
    nn.functional.mse_loss(module(x), y).backward()
    grads = {
        "A_1": module[0].weight.grad, "b_1": module[0].bias.grad,
        "A_2": module[2].weight.grad, "b_2": module[2].bias.grad,
    }  # fmt: skip
    net = symnn.from_torch(module, loss="mse")
    params = symnn.params_from_torch(module)
    found = net.compare({n: g.numpy() for n, g in grads.items()}, params, x.numpy(), y.numpy())
    assert found.ok and found.dtype == "float32", str(found)


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


# Keras -------------------------------------------------------------------------------------

# Keras's own, under NumPy 2
CALM = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def keras_on_jax(monkeypatch: pytest.MonkeyPatch) -> Any:
    needs("jax")
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    return needs("keras")


@CALM
@pytest.mark.parametrize("bias", [True, False])
def test_weights_of_keras_predict_the_same(bias: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    keras = keras_on_jax(monkeypatch)
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


@CALM
def test_functional_and_nested_models_that_are_chains(monkeypatch: pytest.MonkeyPatch) -> None:
    keras = keras_on_jax(monkeypatch)
    layers = keras.layers
    x = keras.Input((2, 3))
    inner = keras.Sequential(
        [keras.Input((4,)), layers.Activation("tanh"), layers.Dense(5, "selu")]
    )
    model = keras.Model(x, layers.Dense(1)(inner(layers.Dense(4)(layers.Flatten()(x)))))
    params = symnn.params_from_keras(model)
    assert {n: p.shape for n, p in params.items() if n[0] == "A"} == {
        "A_1": (4, 6), "A_2": (5, 4), "A_3": (1, 5),
    }  # fmt: skip
    assert np.array_equal(params["A_2"], np.asarray(inner.layers[1].kernel.value).T)


def residual(keras: Any) -> Any:
    x = keras.Input((3,))
    return keras.Model(x, keras.layers.Dense(3)(keras.layers.Dense(3, "tanh")(x)) + x)


def shared_dense(keras: Any) -> Any:
    x, dense = keras.Input((3,)), keras.layers.Dense(3, "tanh", kernel_initializer="zeros")
    return keras.Model(x, dense(dense(x)))


def own_call(keras: Any) -> Any:
    class Own(keras.Model):  # type: ignore[misc,name-defined,unused-ignore]
        def __init__(self) -> None:
            super().__init__()
            self.dense = keras.layers.Dense(3)

        def call(self, x: Any) -> Any:
            return self.dense(x) + x

    model = Own()
    model(np.ones((1, 3), np.float32))
    return model


def own_layer(keras: Any) -> Any:
    class Dense(keras.layers.Dense):  # type: ignore[misc,name-defined,unused-ignore]
        def call(self, x: Any) -> Any:
            return super().call(x) + x

    return keras.Sequential([keras.Input((3,)), Dense(3)])


def normalized(keras: Any) -> Any:
    return keras.Sequential([keras.Input((3,)), keras.layers.BatchNormalization()])


def changed(keras: Any) -> Any:
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3, "tanh")])
    factors = iter((1.0, 2.0))  # one for the model, one for the chain
    model.layers[0].activation = lambda z: z * next(factors)
    return model


@CALM
@pytest.mark.parametrize(
    ("build", "message"),
    [
        (residual, "layer 3 (Add): not a layer of a chain"),
        (shared_dense, "not a chain: layers are shared or stand side by side"),
        (own_call, "Own has a call of its own"),
        (own_layer, "layer 0 (Dense): has a call of its own"),
        (normalized, "layer 0 (BatchNormalization): not a layer of a chain"),
        (changed, "not the chain of its Dense layers: its outputs differ"),
    ],
)
def test_models_of_keras_that_are_no_chains(
    build: Any, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = build(keras_on_jax(monkeypatch))
    with pytest.raises(ValueError) as caught:
        symnn.params_from_keras(model)
    assert message in str(caught.value)
    if build is residual:
        assert "model.get_weights() gives the weights alone" in str(caught.value)
        assert [*symnn.params_from_keras(model.get_weights())] == ["A_1", "b_1", "A_2", "b_2"]
