"""Random networks for the tests: by a number, and as a strategy of hypothesis."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from hypothesis import strategies as st

from symnn import Dense, Dropout, Network
from symnn.engine.complex_step import draw
from symnn.engine.evaluate import evaluate
from symnn.engine.functions import ACTIVATIONS
from symnn.nn.losses import LOSSES

USER = {"ripple": "x*sin(x)/(1 + x**2)"}
PAIRS = list(itertools.product((*ACTIVATIONS, *USER), LOSSES))
N = 5


def random_network(seed: int) -> Network:
    """The seed picks hidden activation and loss; the rest is drawn."""
    rng = np.random.default_rng(seed)
    hidden, loss = PAIRS[seed * 31 % len(PAIRS)]
    layers: list[Any] = []
    for _ in range((seed + seed // len(PAIRS)) % 6):
        layers.append(Dense(int(rng.integers(2, 6)), hidden, bias=bool(rng.integers(4))))
        if rng.integers(3) == 0:
            layers.append(Dropout(float(rng.uniform(0.1, 0.6))))
    end = LOSSES[loss].final or ("linear", "tanh", "softplus", hidden)[rng.integers(4)]
    layers.append(Dense(int(rng.integers(2, 5)), end, bias=bool(rng.integers(4))))
    l2 = float(rng.uniform(0.01, 0.5)) if rng.integers(2) else 0.0
    return Network(
        inputs=int(rng.integers(1, 6)),
        layers=layers,
        loss={"name": loss, "l2": l2},
        activations=USER,
    )


# formulas with and without kinks, smooth ones, and one of a bounded domain
FORMULAS = {
    **USER,
    "hat": "max(0, 1 - abs(x))",
    "bent": "(sqrt(x**2 + 1) - 1)/2 + x",
    "cut": "where(x > 1, log(x), where(x < -1, -log(-x), 0))",
    "mish": "x * tanh(log(1 + exp(x)))",
    "bell": "exp(-x**2)",
}
HIDDEN = (*ACTIVATIONS, *FORMULAS)


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """Any legal network of 1 to 6 dense layers; every layer has an activation of its own."""
    loss = draw(st.sampled_from(sorted(LOSSES)))
    layers: list[Any] = []
    for _ in range(draw(st.integers(0, 5))):
        units = draw(st.integers(1, 5))
        legal = st.sampled_from([a for a in HIDDEN if units > 1 or a != "softmax"])
        layers.append(Dense(units, draw(legal), bias=draw(st.booleans())))
        if draw(st.booleans()):
            layers.append(Dropout(draw(st.sampled_from([0.1, 0.25, 0.5]))))
    final = LOSSES[loss].final
    units = draw(st.integers(2 if final == "softmax" else 1, 4))
    ends = [a for a in HIDDEN if units > 1 or a != "softmax"]
    end = final or draw(st.sampled_from(ends))
    layers.append(Dense(units, end, bias=draw(st.booleans())))
    return Network(
        inputs=draw(st.integers(1, 5)),
        layers=layers,
        loss={"name": loss, "l2": draw(st.sampled_from([0.0, 0.01, 0.5]))},
        dtype=draw(st.sampled_from(["float64", "float32"])),
        activations=FORMULAS,
    )


def leaves_of(net: Network, rng: np.random.Generator, samples: int = N) -> dict[str, Any]:
    """Leaves of the samples; targets are one-hot rows where the loss wants rows that sum to 1."""
    values = draw(net.program, rng, {"N": samples})
    if net.spec.loss.l2:
        values["l2"] = np.asarray(net.spec.loss.l2)
    if net.spec.loss.name == "cross_entropy":
        values["y"] = np.eye(net.outputs)[rng.integers(net.outputs, size=samples)]
    return values


def per_sample(net: Network) -> list[str]:
    """The leaves with a row for every sample: inputs, targets and masks."""
    return [t.name for t in net.program.leaves if any(a.name == "n" for a in t.axes)]


def run(net: Network, values: dict[str, Any]) -> dict[str, Any]:
    """The loss and the gradients of the parameters, by the lines of the derivation."""
    batch = net.derive().batch
    known = evaluate(batch.program, values)
    return {"L": known["L"], **{name: known[batch.names[name]] for name in net.parameters}}


def module_gradients(net: Network, module: Any, values: dict[str, Any]) -> Any:
    """The loss and the gradients of the parameters, by the generated module."""
    params = {name: values[name] for name in net.parameters}
    masks = {t.name: values[t.name] for t in net.program.leaves_of("mask")}
    extra = (masks,) if masks else ()
    return module.loss_and_gradients(params, values["x"], values["y"], *extra)


def scaled_error(found: Any, exact: Any) -> float:
    """The largest difference over the largest entry."""
    difference = float(np.abs(np.subtract(found, exact, dtype=float)).max(initial=0.0))
    return difference / max(float(np.abs(exact).max(initial=0.0)), 1e-300)
