"""Losses and gradients by others: mpmath at 50 digits, PyTorch and JAX in float64.

Each computes a network from its layers, in its own words, and differentiates in its own way.
Nothing here reads a line, a formula's SymPy form or a derivative of the package.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import mpmath
import numpy as np
from support.random_networks import FORMULAS

from symnn import Dense, Network

Arrays = Mapping[str, Any]
Functions = Mapping[str, Callable[[Any], Any]]


def formulas(names: Mapping[str, Any]) -> Functions:
    """The user formulas as Python reads them, over the functions ``names``.

    "cut" is left out: ``where`` takes one branch, a call of Python's computes both.
    """

    def function(text: str) -> Callable[[Any], Any]:
        code = compile(text, "formula", "eval")
        return lambda x: eval(code, {"__builtins__": {}, **names, "x": x})

    return {name: function(text) for name, text in FORMULAS.items() if name != "cut"}


def forward(net: Network, functions: Functions, values: Arrays) -> tuple[Any, Any]:
    """F(x) and the input of the last activation, layer by layer."""
    x = z = values["x"]
    dense = dropouts = 0
    for layer in net.layers:
        if isinstance(layer, Dense):
            dense += 1
            z = x @ values[f"A_{dense}"].T
            z = z + values[f"b_{dense}"] if layer.bias else z
            x = functions[layer.activation](z)
        else:
            dropouts += 1
            x = x * values[f"mask_{dropouts}"]
    return x, z


def penalty(net: Network, values: Arrays) -> Any:
    """λ/2 times the squares of all weights."""
    weights = [values[name] for name in net.parameters if name.startswith("A_")]
    return net.spec.loss.l2 / 2 * sum((w * w).sum() for w in weights)


# mpmath ------------------------------------------------------------------------------------


def _each(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return np.frompyfunc(f, 1, 1)


_EXP = _each(mpmath.exp)
_MP: Functions = {
    "exp": _EXP,
    "log": _each(mpmath.log),
    "sqrt": _each(mpmath.sqrt),
    "sin": _each(mpmath.sin),
    "tanh": _each(mpmath.tanh),
    "abs": _each(abs),
    "max": np.frompyfunc(max, 2, 1),
}


def _mp_softmax(z: Any) -> Any:
    e = _EXP(z)
    return e / e.sum(axis=-1, keepdims=True)


def _cut(x: Any) -> Any:
    return mpmath.log(x) if x > 1 else -mpmath.log(-x) if x < -1 else mpmath.mpf(0)


MP_FUNCTIONS: Functions = {
    "linear": lambda z: z,
    "sigmoid": lambda z: 1 / (1 + _EXP(-z)),
    "tanh": _each(mpmath.tanh),
    "relu": _each(lambda x: max(x, 0)),
    "leaky_relu": _each(lambda x: max(x, x / 100)),
    "elu": _each(lambda x: x if x > 0 else mpmath.expm1(x)),
    "gelu": _each(lambda x: x * mpmath.ncdf(x)),
    "silu": lambda z: z / (1 + _EXP(-z)),
    "softplus": _each(lambda x: mpmath.log(1 + mpmath.exp(x))),
    "sin": _each(mpmath.sin),
    "softmax": _mp_softmax,
    **formulas(_MP),
    "cut": _each(_cut),
}


def mp_loss(net: Network, values: Arrays) -> Any:
    """The loss, of arrays of mpmath numbers, as DESIGN 5 states it."""
    p, _ = forward(net, MP_FUNCTIONS, values)
    y, (samples, outputs) = values["y"], values["y"].shape
    r, log = p - y, _MP["log"]
    found = {
        "norm": lambda: sum(mpmath.sqrt(q) for q in (r * r).sum(axis=1)),
        "sse": lambda: (r * r).sum() / 2,
        "mse": lambda: (r * r).sum() / (samples * outputs),
        "mae": lambda: abs(r).sum() / (samples * outputs),
        "huber": lambda: (
            sum(u * u / 2 if abs(u) <= 1 else abs(u) - 0.5 for u in r.flat) / (samples * outputs)
        ),
        "binary_cross_entropy": lambda: (
            -(y * log(p) + (1 - y) * log(1 - p)).sum() / (samples * outputs)
        ),
        "cross_entropy": lambda: -(y * log(p)).sum() / samples,
    }[net.spec.loss.name]()
    return found + penalty(net, values)


def fifty_digits(net: Network, values: Arrays) -> dict[str, Any]:
    """Loss and gradients by difference quotients in 130 digits: no rule of derivatives at all."""
    with mpmath.workdps(130):
        exact = _each(mpmath.mpf)
        point = {n: exact(np.asarray(v, dtype=object)) for n, v in values.items() if n != "l2"}
        base, step = mp_loss(net, point), mpmath.mpf(10) ** -60
        found: dict[str, Any] = {"L": float(base)}
        for name in net.parameters:
            gradient = np.zeros(point[name].shape)
            for at in np.ndindex(gradient.shape):
                moved = point[name].copy()
                moved[at] += step
                gradient[at] = float((mp_loss(net, {**point, name: moved}) - base) / step)
            found[name] = gradient
    return found


# PyTorch -----------------------------------------------------------------------------------


@functools.cache
def _torch_functions() -> Functions:
    import torch  # type: ignore[import-not-found,unused-ignore]
    from torch.nn import functional as f  # type: ignore[import-not-found,unused-ignore]

    names = {name: getattr(torch, name) for name in ("exp", "log", "sqrt", "sin", "tanh", "abs")}
    names["max"] = lambda a, b: torch.clamp(b, min=a)
    return {
        "linear": lambda z: z,
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "relu": f.relu,
        "leaky_relu": f.leaky_relu,
        "elu": f.elu,
        "gelu": f.gelu,
        "silu": f.silu,
        "softplus": f.softplus,
        "sin": torch.sin,
        "softmax": lambda z: torch.softmax(z, dim=-1),
        **formulas(names),
        "cut": lambda x: torch.sign(x) * torch.log(torch.clamp(abs(x), min=1.0)),
    }


def torch_gradients(net: Network, values: Arrays) -> dict[str, Any]:
    """Loss and gradients by PyTorch, with its own losses."""
    import torch
    from torch.nn import functional as f

    point = {n: torch.tensor(np.asarray(v, dtype=float)) for n, v in values.items()}
    for name in net.parameters:
        point[name].requires_grad_()
    p, z = forward(net, _torch_functions(), point)
    y = point["y"]
    loss = {
        "norm": lambda: torch.linalg.vector_norm(p - y, dim=1).sum(),
        "sse": lambda: f.mse_loss(p, y, reduction="sum") / 2,
        "mse": lambda: f.mse_loss(p, y),
        "mae": lambda: f.l1_loss(p, y),
        "huber": lambda: f.huber_loss(p, y),
        "binary_cross_entropy": lambda: f.binary_cross_entropy_with_logits(z, y),
        "cross_entropy": lambda: f.cross_entropy(z, y),
    }[net.spec.loss.name]() + penalty(net, point)
    names = list(net.parameters)
    gradients = torch.autograd.grad(loss, [point[name] for name in names])
    found = {name: g.numpy() for name, g in zip(names, gradients, strict=True)}
    return {"L": loss.item(), **found}


# JAX ---------------------------------------------------------------------------------------


@functools.cache
def _jax_functions() -> Functions:
    import jax  # type: ignore[import-not-found,unused-ignore]
    import jax.numpy as jnp  # type: ignore[import-not-found,unused-ignore]

    jax.config.update("jax_enable_x64", True)
    names = {name: getattr(jnp, name) for name in ("exp", "log", "sqrt", "sin", "tanh", "abs")}
    names["max"] = jnp.maximum
    return {
        "linear": lambda z: z,
        "sigmoid": jax.nn.sigmoid,
        "tanh": jnp.tanh,
        "relu": jax.nn.relu,
        "leaky_relu": jax.nn.leaky_relu,
        "elu": jax.nn.elu,
        "gelu": lambda z: jax.nn.gelu(z, approximate=False),
        "silu": jax.nn.silu,
        "softplus": jax.nn.softplus,
        "sin": jnp.sin,
        "softmax": jax.nn.softmax,
        **formulas(names),
        "cut": lambda x: jnp.sign(x) * jnp.log(jnp.maximum(abs(x), 1.0)),
    }


def jax_gradients(net: Network, values: Arrays) -> dict[str, Any]:
    """Loss and gradients by JAX in float64."""
    functions = _jax_functions()
    import jax
    import jax.numpy as jnp

    point = {n: jnp.asarray(np.asarray(v, dtype=float)) for n, v in values.items()}
    y = point["y"]

    def loss(params: Arrays) -> Any:
        p, z = forward(net, functions, {**point, **params})
        r = p - y
        return {
            "norm": lambda: jnp.linalg.norm(r, axis=1).sum(),
            "sse": lambda: (r**2).sum() / 2,
            "mse": lambda: (r**2).mean(),
            "mae": lambda: abs(r).mean(),
            "huber": lambda: jnp.where(abs(r) < 1, r**2 / 2, abs(r) - 0.5).mean(),
            "binary_cross_entropy": lambda: (jax.nn.softplus(z) - y * z).mean(),
            "cross_entropy": lambda: -(y * jax.nn.log_softmax(z)).sum() / len(y),
        }[net.spec.loss.name]() + penalty(net, {**point, **params})

    value, found = jax.value_and_grad(loss)({name: point[name] for name in net.parameters})
    return {"L": float(value), **{name: np.asarray(g) for name, g in found.items()}}
