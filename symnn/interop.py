"""Networks and weights of PyTorch and Keras, read by the names of their classes and attributes.

Neither package is imported, so neither is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, NoReturn

import numpy as np

from symnn.derivation.network import Network
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


def from_torch(
    module: Iterable[Any], loss: str | Mapping[str, Any] = "mse", **options: Any
) -> Network:
    """The network of a torch.nn.Sequential of Linear layers, activations and Dropout.

    loss and options are those of :class:`Network`.  Flatten is ignored.  ValueError names the layer
    that has no counterpart.  The weights: :func:`params_from_torch`.
    """
    layers: list[Any] = []
    inputs = width = 0
    for place, item in enumerate(_sequence(module)):
        fail, kind = _complaint(place, item), type(item).__name__
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
            name, needed = ACTIVATIONS[kind]
            for attribute, values in needed.items():
                if getattr(item, attribute, values[0]) not in values:
                    fail(f"{attribute} must be {values[0]}, not {getattr(item, attribute)}")
            if not layers or not isinstance(layers[-1], Dense) or layers[-1].activation != "linear":
                fail("an activation must stand right after a Linear layer")
            layers[-1] = replace(layers[-1], activation=name)
        elif kind != "Flatten":
            fail(f"not supported; known: Linear, Dropout, Flatten, {', '.join(ACTIVATIONS)}")
    if not layers:
        raise ValueError("the module has no Linear layer")
    return Network(inputs=inputs, layers=layers, loss=loss, **options)


def params_from_torch(module: Iterable[Any]) -> Arrays:
    """The parameters A_1, b_1, … of a torch.nn.Sequential, as float64 copies."""
    found: Arrays = {}
    for item in _sequence(module):
        if type(item).__name__ == "Linear":
            k = sum(name.startswith("A_") for name in found) + 1
            found[f"A_{k}"] = _numbers(item.weight)
            if item.bias is not None:
                found[f"b_{k}"] = _numbers(item.bias)
    if not found:
        raise ValueError("the module has no Linear layer")
    return found


def params_from_keras(model: Any) -> Arrays:
    """The parameters A_1, b_1, … of a Keras model of Dense layers, or of its ``get_weights()``.

    Keras keeps a kernel as (inputs, units); A_k is its transpose.  Float64 copies.
    """
    weights = model.get_weights() if hasattr(model, "get_weights") else model
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


def _sequence(module: Any) -> list[Any]:
    if type(module).__name__ == "Linear":
        return [module]
    try:
        return list(module)
    except TypeError:
        kind = type(module).__name__
        raise ValueError(f"{kind} is not a Sequential: its layers have no order") from None


def _complaint(place: int, item: Any) -> Callable[[str], NoReturn]:
    def fail(message: str) -> NoReturn:
        raise ValueError(f"layer {place} ({type(item).__name__}): {message}")

    return fail


def _numbers(value: Any) -> np.ndarray[Any, Any]:
    """A copy as float64, out of a tensor if it is one."""
    for step in ("detach", "cpu", "numpy"):
        value = getattr(value, step)() if hasattr(value, step) else value
    return np.array(value, dtype=np.float64)
