"""The quick path in memory: every line through SymPy's lambdify, and no text of a program.

It computes what the generated module computes, line by line and in float64, more slowly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np

from symnn.derivation.derivation import Derivation, derive
from symnn.derivation.network import Network
from symnn.engine.ir import SAMPLES
from symnn.engine.lambdify import lambdify_lines
from symnn.targets.registry import LiveModule, compile_module

Gradients: TypeAlias = dict[str, Any]


def lambdify_gradients(derivation: Derivation) -> Callable[..., tuple[float, Gradients]]:
    """See ``Derivation.lambdify``."""
    network, names, stable = derivation.network, derivation.batch.names, derivation.stable
    compute = lambdify_lines(stable.lines)
    (target,) = (t.name for t in stable.leaves_of("target"))
    (loss,) = (line.lhs.name for line in stable.lines if line.lhs.kind == "loss")

    def function(
        params: Mapping[str, Any], x: Any, y: Any, masks: Mapping[str, Any] | None = None
    ) -> tuple[float, Gradients]:
        leaves, y = _leaves(network, params, x, masks), np.asarray(y)
        if y.shape != (wanted := (len(leaves["x"]), network.outputs)):
            raise ValueError(f"y has the shape {y.shape}, expected {wanted}")
        known = compute({**leaves, target: y})
        return float(known[loss]), {name: known[names[name]] for name in network.parameters}

    return function


def live_in_memory(network: Network) -> LiveModule:
    """The module for NumPy, live, with its outputs and gradients by lambdify."""
    module = compile_module(network, "numpy")
    derivation = derive(network)
    lines = derivation.stable.lines
    (end,) = (k for k, line in enumerate(lines) if line.lhs.name == network.output)
    outputs, gradients = lambdify_lines(lines[: end + 1]), lambdify_gradients(derivation)

    def predict(params: Mapping[str, Any], x: Any) -> Any:
        x = module._features(params, x)
        return outputs(_leaves(network, params, x, None))[network.output].astype(x.dtype)

    def compute(
        params: Mapping[str, Any], x: Any, y: Any, masks: Mapping[str, Any] | None = None
    ) -> tuple[float, Gradients]:
        loss, found = gradients(params, x, y, masks)
        return loss, {name: g.astype(x.dtype) for name, g in found.items()}

    # loss_and_gradients and train call the second one
    vars(module).update(predict=predict, _gradients=compute)
    return module


def _leaves(
    network: Network, params: Mapping[str, Any], x: Any, masks: Mapping[str, Any] | None
) -> dict[str, Any]:
    """What the lines read, but for y; without masks there is no dropout.

    Raises ValueError where a parameter is missing, or a shape is wrong.
    """
    leaves, x = dict[str, Any](), np.asarray(x)
    if x.ndim != 2 or x.shape[1] != network.inputs:
        raise ValueError(f"x has the shape {x.shape}, expected (N, {network.inputs})")
    for name, shape in network.parameters.items():
        if name not in params:
            raise ValueError(f"params lacks {name}")
        leaves[name] = np.asarray(params[name])
        if leaves[name].shape != shape:
            raise ValueError(f"{name} has the shape {leaves[name].shape}, expected {shape}")
    for mask in network.program.leaves_of("mask"):
        width = int(mask.axes[-1].size)
        leaves[mask.name] = np.asarray((masks or {}).get(mask.name, np.ones((len(x), width))))
    scalars = {t.name for t in network.program.leaves_of("hyperparameter")}
    values = {name: np.asarray(v) for name, v in network.hyperparameters.items() if name in scalars}
    (features,) = (t.name for t in network.program.leaves_of("input"))
    return {**leaves, **values, features: x, SAMPLES.name: np.asarray(len(x))}
