"""Networks and weights of PyTorch and Keras, read by the names of their classes and attributes.

Neither package is imported, so neither is needed.  A model is taken for a chain of layers only if
its class computes a chain, if nothing changes what its layers give, and if one batch through the
model gives what the chain here gives.  The model is left as it is.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, NoReturn

import numpy as np

from symnn.derivation.network import Network
from symnn.engine.evaluate import evaluate
from symnn.nn.layers import Dense, Dropout

Arrays = dict[str, np.ndarray[Any, Any]]
Options = Mapping[str, tuple[Any, ...]]  # attribute -> the values that mean the same here

# class -> the activation here, and what the attributes must say
ACTIVATIONS: dict[str, tuple[str, Options]] = {
    "Tanh": ("tanh", {}),
    "Sigmoid": ("sigmoid", {}),
    "ReLU": ("relu", {}),
    "LeakyReLU": ("leaky_relu", {"negative_slope": (0.01,)}),
    "ELU": ("elu", {"alpha": (1, 1.0)}),
    "GELU": ("gelu", {"approximate": ("none",)}),
    "SiLU": ("silu", {}),
    "Softplus": ("softplus", {"beta": (1, 1.0)}),
    "Softmax": ("softmax", {"dim": (-1, 1)}),
}
FLATTEN: Options = {"start_dim": (1,), "end_dim": (-1, 1)}

TORCH = ("torch.nn.",)
KERAS = ("keras.", "tf_keras.", "tensorflow.")
PLAIN = ("InputLayer", "Identity", "Dropout")  # of Keras: what gives its input, Dropout off
KNOWN = ("Dense", "Activation", "ReLU", "LeakyReLU", "ELU", "Softmax", "Flatten", *PLAIN)

ROWS = 8  # of the batch that is compared
# the largest difference over the largest output: in float64, and by a type that Keras computes in.
# A skip or a layer of another kind moves outputs by their own size; rounding stays below.
DOUBLE = 1e-6
SINGLE = {"float64": DOUBLE, "float32": 1e-2}
HALF = 0.25


def from_torch(module: Any, loss: str | Mapping[str, Any] = "mse", **options: Any) -> Network:
    """The network of a torch.nn.Sequential, as ``symnn.from_torch`` describes it."""
    items = _torch_chain(module)
    network = _torch_network(items, loss, options)
    _compare_torch(module, items, network)
    return network


def params_from_torch(module: Any) -> Arrays:
    """The parameters A_1, b_1, … of a torch.nn.Sequential, as float64 copies.

    ValueError as of ``symnn.from_torch``.
    """
    items = _torch_chain(module)
    _compare_torch(module, items, _torch_network(items, "mse", {}))
    return _torch_params(items)


def params_from_keras(model: Any) -> Arrays:
    """The parameters A_1, b_1, … of a Keras model of Dense layers, or of its ``get_weights()``.

    Keras keeps a kernel as (inputs, units); A_k is its transpose.  Float64 copies.  The model is a
    Sequential, or a functional model that is a chain of Dense layers, activations, Dropout and
    Flatten: ValueError if it is not, or if its outputs are not those of the chain.  A list of
    weights says nothing of the model, so only the shapes are checked.
    """
    if isinstance(model, list | tuple):
        return _kernels(model)
    layers = list(_keras_chain(model))
    found = _kernels([w for _, layer in layers for w in layer.get_weights()])
    _compare_keras(model, [layer for _, layer in layers], found)
    return found


# PyTorch ---------------------------------------------------------------------------------

Item = tuple[str, str, Any]  # place, class and module of a layer


def _torch_chain(module: Any) -> list[Item]:
    """The layers in the order in which they are run; each is plain."""
    torch, name = sys.modules.get("torch"), type(module).__name__
    if _class(module, KERAS, "call") is not None:
        hint = "build the same Network, and take its weights by params_from_keras"
        raise ValueError(f"{name} is a model of Keras, not of PyTorch; {hint}")
    if torch is None or not isinstance(module, torch.nn.Module):
        hint = "; torch.nn.Sequential(*layers) is one" if isinstance(module, list | tuple) else ""
        raise ValueError(f"{name} is not a torch.nn.Sequential{hint}")
    kind = _class(module, TORCH, "forward")
    if kind is None:
        raise ValueError(f"{name} has a forward of its own: it need not be a chain of its layers")
    if kind not in ("Sequential", "Linear"):
        raise ValueError(f"{name} is not a torch.nn.Sequential: its layers have no order")
    _no_hooks("torch, for all modules", torch.nn.modules.module, "_global")
    _no_hooks("the module", module)
    items = [("0", kind, module)] if kind == "Linear" else list(_torch_layers(module, ""))
    owners: dict[int, str] = {}
    for place, kind, item in items:
        fail = _complaint(place, kind)
        for name, tensor in item.named_parameters() if kind == "Linear" else ():
            if id(tensor) in owners:
                fail(f"shares its {name} with layer {owners[id(tensor)]}; each needs its own")
            owners[id(tensor)] = place
            if tensor.is_complex() or tensor.is_meta:
                fail(f"{name} must have real values, not {tensor.dtype} on {tensor.device}")
            _no_hooks(f"layer {place} ({kind}): its {name}", tensor)
    return items


def _torch_layers(module: Any, path: str) -> Iterator[Item]:
    for name, item in module._modules.items():  # as Sequential runs them, one that is shared twice
        place, kind = f"{path}{name}", type(item).__name__
        if hasattr(item, "parametrizations"):
            names = ", ".join(item.parametrizations)
            hint = "torch.nn.utils.parametrize.remove_parametrizations makes it plain"
            _complaint(place, kind)(f"{names} is computed by a parametrization; {hint}")
        _no_hooks(f"layer {place} ({kind})", item)
        found = _class(item, TORCH, "forward")
        if found == "Sequential":
            yield from _torch_layers(item, f"{place}.")
        elif found is None:
            _complaint(place, kind)("has a forward of its own")
        else:
            yield place, found, item


def _class(item: Any, packages: tuple[str, ...], method: str) -> str | None:
    """The class of a package that says what an object computes; None if another class does.

    It is the first of the package among the object's classes.  None if a subclass that comes
    before it, or the object itself, has a method of its own.
    """
    for kind in type(item).__mro__:
        if kind.__module__.startswith(packages):
            return kind.__name__ if method not in vars(item) else None
        if method in vars(kind) or "__call__" in vars(kind):
            return None
    return None


def _no_hooks(what: str, holder: Any, prefix: str = "") -> None:
    """ValueError if anything runs when the holder, a module or a tensor, is run or differentiated.

    Hooks of state_dict and of registration change no value.
    """
    for name in (
        *("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks"),
        "_post_accumulate_grad_hooks",
    ):
        if getattr(holder, f"{prefix}{name}", None):
            words = name.strip("_").replace("_", " ")
            raise ValueError(f"{what}: has {words}, which may change values; remove them first")


def _torch_network(items: list[Item], loss: Any, options: Mapping[str, Any]) -> Network:
    layers: list[Any] = []
    inputs = width = 0
    for place, kind, item in items:
        fail = _complaint(place, kind)
        needed = {"Flatten": FLATTEN}.get(kind) or ACTIVATIONS.get(kind, ("", {}))[1]
        for attribute, values in needed.items():
            if getattr(item, attribute) not in values:
                fail(f"{attribute} must be {values[0]}, not {getattr(item, attribute)}")
        if kind == "Linear":
            if layers and item.in_features != width:
                fail(f"takes {item.in_features} inputs, the layer before it gives {width}")
            inputs, width = inputs or int(item.in_features), int(item.out_features)
            layers.append(Dense(width, bias=item.bias is not None))
        elif kind == "Dropout":
            if not layers:
                fail("must stand after a Linear layer")
            layers.append(Dropout(float(item.p)))
        elif kind in ACTIVATIONS:
            if not layers or not isinstance(layers[-1], Dense) or layers[-1].activation != "linear":
                fail("an activation must stand right after a Linear layer")
            layers[-1] = replace(layers[-1], activation=ACTIVATIONS[kind][0])
        elif kind not in ("Flatten", "Identity"):
            known = ", ".join(ACTIVATIONS)
            fail(f"not supported; known: Linear, Dropout, Flatten, Identity, {known}")
    if not layers:
        raise ValueError("the module has no Linear layer")
    return Network(inputs=inputs, layers=layers, loss=loss, **options)


def _torch_params(items: list[Item]) -> Arrays:
    found: Arrays = {}
    linear = [item for _, kind, item in items if kind == "Linear"]
    for k, item in enumerate(linear, 1):
        found[f"A_{k}"] = _numbers(item.weight)
        if item.bias is not None:
            found[f"b_{k}"] = _numbers(item.bias)
    return found


def _compare_torch(module: Any, items: list[Item], network: Network) -> None:
    """One batch through a copy of the module in float64, Dropout off, and through the network."""
    torch = sys.modules["torch"]
    known = _values(network, _torch_params(items))
    with torch.no_grad():
        doubled = copy.deepcopy(module).cpu().double().eval()
        found = _numbers(doubled(torch.from_numpy(known["x"])))
        apart = _apart(found, known[network.output], DOUBLE)
        if not apart:
            return
        value, linear, dropouts = torch.from_numpy(known["x"]), 0, 0
        for place, kind, item in _torch_layers(doubled, "") if doubled._modules else ():
            value = item(value)
            linear, dropouts = linear + (kind == "Linear"), dropouts + (kind == "Dropout")
            name = {"Linear": f"z_{linear}", "Dropout": f"h_{dropouts}"}.get(kind, f"a_{linear}")
            if kind not in ("Flatten", "Identity"):
                first = _apart(_numbers(value), known[name], DOUBLE)
                if first:
                    _complaint(place, kind)(f"is not what it is called: {first}")
    raise ValueError(f"the module is not the chain of its layers: {apart}")


def _values(network: Network, params: Arrays) -> Arrays:
    """Every tensor of the network on a batch that is drawn, without Dropout."""
    x = np.random.default_rng(0).normal(size=(ROWS, network.inputs))
    leaves: dict[str, Any] = {**params, "x": x, "y": np.zeros((ROWS, network.outputs))}
    for leaf in network.program.leaves_of("mask"):
        leaves[leaf.name] = np.ones((ROWS, int(leaf.axes[-1].size)))
    known = network.hyperparameters
    for leaf in network.program.leaves_of("hyperparameter"):
        leaves[leaf.name] = np.asarray(float(known[leaf.name]))
    with np.errstate(all="ignore"):  # the loss of these targets means nothing
        return evaluate(network.program, leaves, {"N": ROWS})


# Keras -----------------------------------------------------------------------------------


def _keras_chain(model: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The layers, with their places, in the order in which they are run."""
    name, kind = type(model).__name__, _class(model, KERAS, "call")
    alone = "model.get_weights() gives the weights alone"
    if kind is None and hasattr(model, "get_weights"):
        raise ValueError(f"{name} has a call of its own: it need not be a chain of layers; {alone}")
    if kind not in ("Sequential", "Functional"):
        raise ValueError(f"{name} is neither a Keras model that is a chain nor a list of weights")
    layers = model.layers
    if kind == "Functional":
        layers = getattr(model, "operations", layers)  # those that are no layers are among them
    for place, layer in enumerate(layers):
        called = type(layer).__name__
        found = _class(layer, KERAS, "call")
        if found in ("Sequential", "Functional"):
            yield from _keras_chain(layer, f"{path}{place}.")
            continue
        fail = _complaint(f"{path}{place}", called)
        if found is None:
            fail(f"has a call of its own; {alone}")
        if found not in KNOWN:
            fail(f"not a layer of a chain; known: {', '.join(KNOWN)}; {alone}")
        yield f"{path}{place}", layer
    calls = getattr(model, "_nodes_by_depth", {}) if kind == "Functional" else {}
    if calls and (any(len(n) > 1 for n in calls.values()) or len(calls) != len(layers)):
        raise ValueError(f"{name} is not a chain: layers are shared or stand side by side; {alone}")


def _compare_keras(model: Any, layers: list[Any], params: Arrays) -> None:
    """One batch through the model, Dropout off, and through the chain of what was read."""
    shape = tuple(model.input_shape[1:])
    if None in shape:
        raise ValueError(f"the model takes inputs of the shape {shape}; it must be known")
    operations = getattr(sys.modules.get("keras"), "ops", None)  # from version 3 on
    to_tensor = operations.convert_to_tensor if operations else np.asarray
    x = np.random.default_rng(0).normal(size=(ROWS, *shape)).astype(np.float32)
    found = _numbers(model(x, training=False))
    value, k = x.astype(np.float64), 0
    for layer in layers:
        kind = _class(layer, KERAS, "call")
        if kind == "Dense":
            k += 1
            value = value @ params[f"A_{k}"].T + params.get(f"b_{k}", 0.0)
            value = _numbers(layer.activation(to_tensor(value.astype(np.float32))))
        elif kind not in PLAIN:
            value = _numbers(layer(to_tensor(value.astype(np.float32))))
    apart = _apart(found, value, SINGLE.get(str(model.compute_dtype), HALF))
    if apart:
        raise ValueError(f"the model is not the chain of its Dense layers: {apart}")


def _kernels(weights: Iterable[Any]) -> Arrays:
    found: Arrays = {}
    k = width = 0
    for place, item in enumerate(weights):
        array = _numbers(item)
        if array.ndim == 2:
            if k and array.shape[0] != width:
                message = f"takes {array.shape[0]} inputs, the layer before it gives {width}"
                raise ValueError(f"weights[{place}]: {message}")
            k, width = k + 1, array.shape[1]
            found[f"A_{k}"] = np.ascontiguousarray(array.T)
        elif array.ndim == 1 and k and f"b_{k}" not in found and array.shape == (width,):
            found[f"b_{k}"] = array
        else:
            message = f"an array of shape {array.shape} is neither a kernel nor its bias"
            raise ValueError(f"weights[{place}]: {message}")
    if not found:
        raise ValueError("there are no weights")
    return found


# both ------------------------------------------------------------------------------------


def _apart(found: np.ndarray[Any, Any], right: np.ndarray[Any, Any], bound: float) -> str:
    """How far two batches of outputs lie apart, in words; "" if within the bound."""
    if found.shape != right.shape:
        return f"its outputs have the shape {found.shape}, those of the chain {right.shape}"
    difference = float(np.abs(found - right).max(initial=0.0))
    largest = float(np.abs(right).max(initial=0.0))
    if difference <= bound * largest:
        return ""
    return f"its outputs differ from the chain's by {difference:.2g}, the largest is {largest:.2g}"


def _complaint(place: str, kind: str) -> Callable[[str], NoReturn]:
    def fail(message: str) -> NoReturn:
        raise ValueError(f"layer {place} ({kind}): {message}")

    return fail


def _numbers(value: Any) -> np.ndarray[Any, Any]:
    """A copy as float64, out of a tensor if it is one."""
    if hasattr(value, "detach"):  # of PyTorch; NumPy lacks some of its types
        value = value.detach().cpu().double()
    return np.array(value.numpy() if hasattr(value, "numpy") else value, dtype=np.float64)
