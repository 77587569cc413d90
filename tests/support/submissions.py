"""Backpropagations as people write them, in NumPy alone: right, wrong, and in their conventions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import symnn

Arrays = dict[str, Any]
Hook = Callable[["Own", int], Any]

FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "tanh": np.tanh,
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "relu": lambda z: np.maximum(z, 0),
    "linear": lambda z: z,
    "leaky_relu": lambda z: np.where(z > 0, z, z / z.dtype.type(100)),
    "elu": lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0))),
    "softplus": lambda z: np.log1p(np.exp(z)),
    "sin": np.sin,
    "softmax": lambda z: (
        np.exp(z - z.max(1, keepdims=True))
        / np.exp(z - z.max(1, keepdims=True)).sum(1, keepdims=True)
    ),
}
PRIMES: dict[str, Callable[[Any], Any]] = {
    "tanh": lambda z: 1 - np.tanh(z) ** 2,
    "sigmoid": lambda z: FUNCTIONS["sigmoid"](z) * (1 - FUNCTIONS["sigmoid"](z)),
    "relu": lambda z: (z > 0).astype(z.dtype),
    "linear": np.ones_like,
    "leaky_relu": lambda z: np.where(z > 0, z.dtype.type(1), z.dtype.type(0.01)),
    "elu": lambda z: np.where(z > 0, z.dtype.type(1), np.exp(np.minimum(z, 0))),
    "softplus": lambda z: FUNCTIONS["sigmoid"](z),
    "sin": np.cos,
}


@dataclass
class Own:
    """A network, a point, and its backward pass, of which parts may be replaced by hooks.

    Hooks take the pass and the number of a layer: "prime" gives f', "left" what stands beside the
    errors in dA, "out" the errors of the output, "weights" the next layer's, "penalty" the l2 term.
    """

    net: symnn.Network
    params: Arrays
    x: Any
    y: Any
    hooks: Mapping[str, Hook] = field(default_factory=dict)
    z: Arrays = field(default_factory=dict)
    a: Arrays = field(default_factory=dict)
    grads: Arrays = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.units = [layer.units for layer in self.net.layers]
        self.f = [layer.activation for layer in self.net.layers]
        self.last, self.loss = len(self.units), self.net.spec.loss.name
        self.a[0] = self.x
        for k in range(1, self.last + 1):
            self.z[k] = self.a[k - 1] @ self.params[f"A_{k}"].T + self.params[f"b_{k}"]
            self.a[k] = FUNCTIONS[self.f[k - 1]](self.z[k])
        for k in range(self.last, 0, -1):
            self._layer(k)

    def _hook(self, name: str, k: int, usual: Callable[[], Any]) -> Any:
        return self.hooks[name](self, k) if name in self.hooks else usual()

    def _layer(self, k: int) -> None:
        g = self.grads
        if k == self.last:
            g[f"dz_{k}"] = self._hook("out", k, lambda: self.errors(k))
        else:
            weights = self._hook("weights", k + 1, lambda: self.params[f"A_{k + 1}"])
            g[f"da_{k}"] = g[f"dz_{k + 1}"] @ weights
            g[f"dz_{k}"] = g[f"da_{k}"] * self._hook("prime", k, lambda: self.prime(k))
        left = self._hook("left", k, lambda: self.a[k - 1])
        l2 = self.x.dtype.type(self.net.spec.loss.l2)
        penalty = self._hook("penalty", k, lambda: l2 * self.params[f"A_{k}"])
        g[f"dA_{k}"] = g[f"dz_{k}"].T @ left + penalty
        g[f"db_{k}"] = g[f"dz_{k}"].sum(0)

    def prime(self, k: int) -> Any:
        """f' of a layer."""
        return PRIMES[self.f[k - 1]](self.z[k])

    def mean(self) -> Any:
        """What a mean divides by."""
        n, m = self.y.shape
        count = {"sse": 1, "cross_entropy": n}.get(self.loss, n * m)
        return self.x.dtype.type(count)

    def errors(self, k: int) -> Any:
        """dz of the output."""
        plain = self.a[k] - self.y
        if self.loss in ("cross_entropy", "binary_cross_entropy"):
            return plain / self.mean()
        slope = {"mse": 2 * plain, "mae": np.sign(plain), "huber": np.clip(plain, -1, 1)}
        return (
            slope.get(self.loss, plain)
            / self.mean()
            * self._hook("prime", k, lambda: self.prime(k))
        )

    def compared(self, names: str = "", **options: Any) -> symnn.Comparison:
        """What compare says; names: "parameters" for their gradients alone."""
        grads = {n: g for n, g in self.grads.items() if not names or n[1] in "Ab"}
        return self.net.compare(grads, self.params, self.x, self.y, **options)


def own(
    layers: list[tuple[int, str]],
    loss: str,
    hooks: Mapping[str, Hook] | None = None,
    *,
    inputs: int = 3,
    samples: int = 6,
    l2: float = 0.0,
    dtype: Any = np.float64,
    seed: int = 0,
) -> Own:
    """A backward pass at a random point."""
    net = symnn.Network(
        inputs=inputs,
        layers=[symnn.Dense(units, f) for units, f in layers],
        loss={"name": loss, "l2": l2},
    )
    rng = np.random.default_rng(seed)
    params = {n: 0.7 * rng.normal(size=s) for n, s in net.parameters.items()}
    m = layers[-1][0]
    y = rng.integers(0, 2, (samples, m)).astype(float)
    if loss == "cross_entropy":
        y = np.eye(m)[rng.integers(0, m, samples)]
    elif loss != "binary_cross_entropy":
        y = rng.normal(size=(samples, m))
    x = rng.normal(size=(samples, inputs))
    cast = {n: p.astype(dtype) for n, p in params.items()}
    return Own(net, cast, x.astype(dtype), y.astype(dtype), hooks or {})


ENDS = {
    "sse": ("linear", "tanh", "sigmoid"),
    "mse": ("linear", "tanh", "sigmoid"),
    "mae": ("linear", "softplus"),
    "huber": ("linear", "sin"),
    "binary_cross_entropy": ("sigmoid",),
    "cross_entropy": ("softmax",),
}


@dataclass(frozen=True)
class Written:
    """A right submission in a convention: the arguments of compare, and the convention in words."""

    net: symnn.Network
    arguments: tuple[Any, ...]
    words: str


def right(seed: int) -> Written:
    """A right submission: the network, the type, what is handed in and the convention are drawn."""
    rng = np.random.default_rng(seed)
    loss = str(rng.choice(list(ENDS)))
    square = rng.integers(3) == 0  # then shapes tell no convention
    size = int(rng.integers(2, 5))
    units = [size if square else int(rng.integers(1, 6)) for _ in range(rng.integers(1, 6))]
    units[-1] = max(2, units[-1]) if loss == "cross_entropy" else units[-1]
    hidden = [str(f) for f in rng.choice(sorted(PRIMES), len(units))]
    hidden[-1] = str(rng.choice(ENDS[loss]))
    dtype = np.float32 if rng.integers(2) else np.float64
    made = own(
        list(zip(units, hidden, strict=True)),
        loss,
        inputs=size if square else int(rng.integers(1, 6)),
        samples=size if square else int(rng.integers(1, 9)),
        l2=float(rng.choice([0.0, 0.1])),
        dtype=dtype,
        seed=seed,
    )
    return written(made, rng)


def written(made: Own, rng: np.random.Generator) -> Written:
    """A backward pass in a convention that is drawn."""
    columns, turned, parameters_only, labels = map(bool, rng.integers(2, size=4))
    count, mean = len(made.x), made.loss != "sse"
    scale = float(rng.choice([1.0, count, made.y.size])) if mean and not parameters_only else 1.0
    logits = bool(rng.integers(2)) and made.loss.endswith("cross_entropy")
    bias = rng.integers(3)

    def parameter(name: str, array: Any) -> Any:
        if array.ndim == 1:
            return (array, array[:, None], array[None])[bias]
        return array.T if turned else array

    def value(array: Any) -> Any:
        return array.T if columns else array

    grads = {}
    for name, array in made.grads.items():
        if name[1] in "Ab":
            grads[name] = parameter(name[1:], array)
        elif not parameters_only:
            grads[name] = value(array * array.dtype.type(scale))
    if logits and not parameters_only:
        grads[f"da_{made.last}"] = grads.pop(f"dz_{made.last}")
    params = {name: parameter(name, array) for name, array in made.params.items()}
    y = made.y.argmax(1) if labels and made.loss == "cross_entropy" else value(made.y)
    x = value(made.x)
    if columns and rng.integers(2):  # the data may come in rows nevertheless
        x, y = made.x, y if y.ndim == 1 else made.y
    if rng.integers(2):
        loss = float(made.net.compile().loss_and_gradients(made.params, made.x, made.y)[0])
        other = float(rng.choice([1.0, 2.0, 0.5, count]))
        grads = {n: g * g.dtype.type(other) for n, g in grads.items()} | {"L": other * loss}
    words = f"columns={columns} turned={turned} errors={scale} logits={logits} bias={bias}"
    return Written(made.net, (grads, params, x, y), words)
