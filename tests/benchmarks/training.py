"""Time of a training step: generated modules against frameworks and the bare matrix products.

    python tests/benchmarks/training.py [--dtype float64] [--rounds 9] [--only a b] [--markdown]

Systems that are not installed are left out.  All run in this process, one after the other in every
round, pinned to one thread unless --threads says otherwise; the figure is the 25th percentile of
process time over the rounds, in microseconds a step.  Batches are taken in order; nothing is
shuffled.  "train" is what a user calls, with the loss of every epoch; "step" leaves the losses out.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

THREADS = sys.argv[sys.argv.index("--threads") + 1] if "--threads" in sys.argv else "1"
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = THREADS
os.environ.setdefault("JAX_PLATFORMS", "cpu")
if THREADS == "1":
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"

import numpy as np  # noqa: E402

import symnn  # noqa: E402

RATE = 0.01
Run = Callable[[int], object]  # so many steps


@dataclass(frozen=True)
class Workload:
    """units: inputs, then those of every layer.  batches of ``rows`` samples."""

    name: str
    units: tuple[int, ...]
    hidden: str
    final: str
    loss: str
    rows: int
    batches: int
    steps: int  # of one timing

    @property
    def layers(self) -> list[dict[str, object]]:
        """The [[layers]] of the spec."""
        names = [self.hidden] * (len(self.units) - 2) + [self.final]
        sizes = zip(self.units[1:], names, strict=True)
        return [{"type": "dense", "units": u, "activation": a} for u, a in sizes]

    def network(self, dtype: str) -> symnn.Network:
        """The network of the workload."""
        return symnn.load(
            {
                "model": {"name": self.name, "inputs": self.units[0], "dtype": dtype},
                "layers": self.layers,
                "loss": {"name": self.loss},
                "train": {"shuffle": False},
            }
        )

    def data(self, dtype: str) -> tuple[np.ndarray, np.ndarray]:
        """Inputs, and targets as (N, outputs)."""
        rng = np.random.default_rng(0)
        count = self.rows * self.batches
        x = rng.normal(size=(count, self.units[0])).astype(dtype)
        if self.loss == "cross_entropy":
            y = np.eye(self.units[-1])[rng.integers(self.units[-1], size=count)]
        elif self.loss == "binary_cross_entropy":
            y = rng.integers(2, size=(count, 1))
        else:
            y = rng.normal(size=(count, self.units[-1]))
        return x, y.astype(dtype)


BCE, CE = "binary_cross_entropy", "cross_entropy"
WORKLOADS = {
    w.name: w
    for w in (
        Workload("a", (2, 1), "", "sigmoid", BCE, 1000, 1, 4000),
        Workload("b", (2, 4, 1), "tanh", "sigmoid", BCE, 4, 1, 4000),
        Workload("c32", (64, 128, 10), "relu", "softmax", CE, 32, 20, 1000),
        Workload("cfull", (64, 128, 10), "relu", "softmax", CE, 1797, 1, 30),
        Workload("d", (784, 128, 64, 10), "relu", "softmax", CE, 64, 20, 200),
        Workload("e", (784, 1024, 1024, 10), "relu", "softmax", CE, 256, 4, 16),
        Workload("f", (32,) * 21, "tanh", "linear", "mse", 32, 20, 1000),
    )
}


def slices(w: Workload) -> list[slice]:
    """The rows of every batch."""
    return [slice(k * w.rows, (k + 1) * w.rows) for k in range(w.batches)]


def operands(w: Workload, dtype: str) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """(left, right, out) of the matrix products of a step, in their best layouts."""
    rng = np.random.default_rng(0)
    new = lambda *shape: rng.normal(size=shape).astype(dtype)  # noqa: E731
    calls = []
    for k in range(1, len(w.units)):
        a, z = new(w.units[k - 1], w.rows), new(w.units[k], w.rows)
        weights = new(w.units[k], w.units[k - 1])
        calls.append((weights, a, np.empty_like(z)))
        calls.append((z, np.ascontiguousarray(a.T), np.empty_like(weights)))
        if k > 1:
            calls.append((np.ascontiguousarray(weights.T), z, np.empty_like(a)))
    return calls


# -- systems: a workload and a dtype -> what runs so many steps


def bare_products(w: Workload, dtype: str) -> Run:
    """The matrix products of a step alone, with out=."""
    calls = operands(w, dtype)

    def run(steps: int) -> None:
        for _ in range(steps):
            for left, right, out in calls:
                left.dot(right, out)

    return run


def generated_step(w: Workload, dtype: str) -> Run:
    """The planned step of the generated module, without the losses."""
    module = w.network(dtype).compile("numpy-fast")
    x, y = w.data(dtype)
    run_ = module._Run(module.initialize(), x, y, w.rows, RATE, 0, None)
    run_.epochs(1)
    plan = run_.parts[0][0]
    arrays = [plan.steps[k % w.batches] for k in range(w.steps)]

    def run(steps: int) -> None:
        gradient, advance = plan.gradient, run_.advance
        for t, views in enumerate(arrays[:steps], 1):
            gradient(*views)
            advance(t)

    return run


def generated(w: Workload, dtype: str) -> Run:
    """train() of the generated module, which is made to be read."""
    return _train(w.network(dtype).compile(), w, dtype)


def generated_fast(w: Workload, dtype: str) -> Run:
    """train() of the generated module whose steps are planned."""
    return _train(w.network(dtype).compile("numpy-fast"), w, dtype)


def generated_c(w: Workload, dtype: str) -> Run:
    """train() of the generated C module."""
    return _train(w.network(dtype).compile("c"), w, dtype)


def generated_jax(w: Workload, dtype: str) -> Run:
    """train() of the generated JAX module."""
    return _train(w.network(dtype).compile("jax"), w, dtype)


def _train(module: object, w: Workload, dtype: str) -> Run:
    x, y = w.data(dtype)
    start = module.initialize()  # type: ignore[attr-defined]

    def run(steps: int) -> None:
        module.train(  # type: ignore[attr-defined]
            x,
            y,
            params=start,
            epochs=steps // w.batches,
            batch_size=w.rows,
            learning_rate=RATE,
        )

    return run


def tutorial(w: Workload, dtype: str) -> Run:
    """Backpropagation as tutorials write it in NumPy: rows, new arrays, the loss of every step."""
    x, y = w.data(dtype)
    depth = len(w.units) - 1
    params = w.network(dtype).compile().initialize()
    weights = [params[f"A_{k}"].T.copy() for k in range(1, depth + 1)]
    biases = [params[f"b_{k}"].copy() for k in range(1, depth + 1)]
    batches = slices(w)

    def final(z: np.ndarray) -> np.ndarray:
        if w.final == "softmax":
            e = np.exp(z - z.max(axis=1, keepdims=True))
            return e / e.sum(axis=1, keepdims=True)
        return 1 / (1 + np.exp(-z)) if w.final == "sigmoid" else z

    def loss(a: np.ndarray, target: np.ndarray) -> float:
        if w.loss == "mse":
            return float(np.mean((a - target) ** 2))
        if w.loss == CE:
            return float(-np.mean(np.sum(target * np.log(a + 1e-8), axis=1)))
        return float(-np.mean(target * np.log(a + 1e-8) + (1 - target) * np.log(1 - a + 1e-8)))

    def run(steps: int) -> None:
        history = []
        for t in range(steps):
            rows = batches[t % w.batches]
            values, target = [x[rows]], y[rows]
            for k in range(depth):
                z = values[-1] @ weights[k] + biases[k]
                if k == depth - 1:
                    values.append(final(z))
                else:
                    values.append(np.maximum(0, z) if w.hidden == "relu" else np.tanh(z))
            history.append(loss(values[-1], target))
            scale = 2 / target.size if w.loss == "mse" else 1 / len(target)
            delta = (values[-1] - target) * np.asarray(scale, dtype)
            for k in reversed(range(depth)):
                slope_w, slope_b = values[k].T @ delta, delta.sum(axis=0)
                if k:
                    a = values[k]
                    delta = (delta @ weights[k].T) * ((a > 0) if w.hidden == "relu" else 1 - a**2)
                weights[k] = weights[k] - RATE * slope_w
                biases[k] = biases[k] - RATE * slope_b

    return run


def torch_eager(w: Workload, dtype: str) -> Run:
    """PyTorch: nn.Sequential, autograd, optim.SGD."""
    import torch

    step = _torch_step(w, dtype)

    def run(steps: int) -> None:
        torch.set_num_threads(int(THREADS))
        for t in range(steps):
            step(t % w.batches)

    return run


def torch_compiled(w: Workload, dtype: str) -> Run:
    """PyTorch with torch.compile around forward and loss."""
    step = _torch_step(w, dtype, compiled=True)

    def run(steps: int) -> None:
        for t in range(steps):
            step(t % w.batches)

    run(2)
    return run


def _torch_step(w: Workload, dtype: str, compiled: bool = False) -> Callable[[int], None]:
    import torch

    torch.set_num_threads(int(THREADS))
    kind = getattr(torch, dtype)
    parts: list[torch.nn.Module] = []
    for k in range(1, len(w.units)):
        parts.append(torch.nn.Linear(w.units[k - 1], w.units[k], dtype=kind))
        if k < len(w.units) - 1:
            parts.append(torch.nn.ReLU() if w.hidden == "relu" else torch.nn.Tanh())
    net = torch.nn.Sequential(*parts)
    losses = {
        BCE: torch.nn.BCEWithLogitsLoss(),
        CE: torch.nn.CrossEntropyLoss(),
        "mse": torch.nn.MSELoss(),
    }
    loss = losses[w.loss]
    optimizer = torch.optim.SGD(net.parameters(), lr=RATE)
    x, y = (torch.from_numpy(v) for v in w.data(dtype))
    if w.loss == CE:
        y = y.argmax(dim=1)
    batches = [(x[rows], y[rows]) for rows in slices(w)]
    forward: Callable[..., torch.Tensor] = lambda a, b: loss(net(a), b)  # noqa: E731
    if compiled:
        forward = torch.compile(forward)

    def step(k: int) -> None:
        optimizer.zero_grad()
        forward(*batches[k]).backward()
        optimizer.step()

    return step


def _jax_step(w: Workload, dtype: str) -> tuple[object, ...]:
    import jax
    import jax.numpy as jnp

    if dtype == "float64":
        jax.config.update("jax_enable_x64", True)
    depth = len(w.units) - 1
    params = w.network(dtype).compile().initialize()
    start = [
        (jnp.array(params[f"A_{k}"].T), jnp.array(params[f"b_{k}"])) for k in range(1, depth + 1)
    ]

    def loss(weights: object, x: object, y: object) -> object:
        a = x
        for k, (matrix, bias) in enumerate(weights):  # type: ignore[arg-type]
            z = a @ matrix + bias
            a = jax.nn.relu(z) if w.hidden == "relu" else jnp.tanh(z)
            if k == depth - 1:
                a = z
        if w.loss == CE:
            return -jnp.mean(jnp.sum(y * jax.nn.log_softmax(a), axis=1))
        if w.loss == BCE:
            return jnp.mean(jnp.logaddexp(0, a) - y * a)
        return jnp.mean((a - y) ** 2)

    def step(weights: object, x: object, y: object) -> object:
        slopes = jax.grad(loss)(weights, x, y)
        return jax.tree.map(lambda p, g: p - RATE * g, weights, slopes)

    x, y = w.data(dtype)
    shape = (w.batches, w.rows, -1)
    return start, step, jnp.array(x.reshape(shape)), jnp.array(y.reshape(shape))


def jax_step(w: Workload, dtype: str) -> Run:
    """JAX: one jitted call a step."""
    import jax

    start, step, x, y = _jax_step(w, dtype)
    fast = jax.jit(step)
    batches = [(x[k], y[k]) for k in range(w.batches)]

    def run(steps: int) -> None:
        weights = start
        for t in range(steps):
            weights = fast(weights, *batches[t % w.batches])
        jax.block_until_ready(weights)

    run(2)
    return run


def jax_loop(w: Workload, dtype: str) -> Run:
    """JAX: all steps in one lax.fori_loop."""
    import jax

    start, step, x, y = _jax_step(w, dtype)

    @jax.jit
    def loop(weights: object, steps: object) -> object:
        def body(t: object, p: object) -> object:
            k = t % w.batches
            return step(p, x[k], y[k])

        return jax.lax.fori_loop(0, steps, body, weights)

    def run(steps: int) -> None:
        jax.block_until_ready(loop(start, steps))

    run(2)
    return run


def scikit_learn(w: Workload, dtype: str) -> Run:
    """scikit-learn: MLPClassifier or MLPRegressor, one partial_fit a batch."""
    import warnings

    from sklearn.neural_network import MLPClassifier, MLPRegressor

    x, y = w.data(dtype)
    options = {
        "hidden_layer_sizes": w.units[1:-1],
        "activation": w.hidden or "relu",
        "solver": "sgd",
        "learning_rate_init": RATE,
        "momentum": 0.0,
        "alpha": 0.0,
        "batch_size": w.rows,
    }
    if w.loss == "mse":
        model, labels, more = MLPRegressor(**options), y, {}
    else:
        labels = y.argmax(axis=1) if w.loss == CE else y[:, 0].astype(int)
        model, more = MLPClassifier(**options), {"classes": np.arange(max(2, w.units[-1]))}
    batches = [(x[rows], labels[rows]) for rows in slices(w)]

    def run(steps: int) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for t in range(steps):
                model.partial_fit(*batches[t % w.batches], **more)

    run(1)
    return run


def numba_loop(w: Workload, dtype: str) -> Run:
    """Numba: the tutorial's step, with the whole loop compiled (two or three layers)."""
    import numba

    if len(w.units) not in (2, 3, 4):
        raise ImportError("the loop is written out for up to three layers")
    depth = len(w.units) - 1
    x, y = w.data(dtype)
    params = w.network(dtype).compile().initialize()
    weights = tuple(params[f"A_{k}"].T.copy() for k in range(1, depth + 1))
    biases = tuple(params[f"b_{k}"].copy() for k in range(1, depth + 1))
    relu, softmax, rows, batches = w.hidden == "relu", w.loss == CE, w.rows, w.batches
    scale = np.dtype(dtype).type(1 / rows)
    rate = np.dtype(dtype).type(RATE)

    @numba.njit
    def top(z: np.ndarray, target: np.ndarray) -> np.ndarray:
        if softmax:
            for i in range(z.shape[0]):
                e = np.exp(z[i] - z[i].max())
                z[i] = e / e.sum()
        else:
            z[:] = 1 / (1 + np.exp(-z))
        return (z - target) * scale

    @numba.njit
    def act(z: np.ndarray) -> np.ndarray:
        return np.maximum(z, z * 0) if relu else np.tanh(z)

    @numba.njit
    def back(d: np.ndarray, a: np.ndarray) -> np.ndarray:
        return np.where(a > 0, d, d * 0) if relu else d * (1 - a * a)

    @numba.njit
    def one(steps: int, ws: tuple, bs: tuple) -> None:
        for t in range(steps):
            k = (t % batches) * rows
            x0 = x_[k : k + rows]
            d = top(np.dot(x0, ws[0]) + bs[0], y_[k : k + rows])
            ws[0][:] -= rate * np.dot(x0.T, d)
            bs[0][:] -= rate * d.sum(0)

    @numba.njit
    def two(steps: int, ws: tuple, bs: tuple) -> None:
        for t in range(steps):
            k = (t % batches) * rows
            x0 = x_[k : k + rows]
            a1 = act(np.dot(x0, ws[0]) + bs[0])
            d2 = top(np.dot(a1, ws[1]) + bs[1], y_[k : k + rows])
            d1 = back(np.dot(d2, ws[1].T), a1)
            ws[1][:] -= rate * np.dot(a1.T, d2)
            bs[1][:] -= rate * d2.sum(0)
            ws[0][:] -= rate * np.dot(x0.T, d1)
            bs[0][:] -= rate * d1.sum(0)

    @numba.njit
    def three(steps: int, ws: tuple, bs: tuple) -> None:
        for t in range(steps):
            k = (t % batches) * rows
            x0 = x_[k : k + rows]
            a1 = act(np.dot(x0, ws[0]) + bs[0])
            a2 = act(np.dot(a1, ws[1]) + bs[1])
            d3 = top(np.dot(a2, ws[2]) + bs[2], y_[k : k + rows])
            d2 = back(np.dot(d3, ws[2].T), a2)
            d1 = back(np.dot(d2, ws[1].T), a1)
            ws[2][:] -= rate * np.dot(a2.T, d3)
            bs[2][:] -= rate * d3.sum(0)
            ws[1][:] -= rate * np.dot(a1.T, d2)
            bs[1][:] -= rate * d2.sum(0)
            ws[0][:] -= rate * np.dot(x0.T, d1)
            bs[0][:] -= rate * d1.sum(0)

    x_, y_ = x, y
    loop = {1: one, 2: two, 3: three}[depth]
    loop(1, weights, biases)
    return lambda steps: loop(steps, weights, biases)


SYSTEMS: dict[str, Callable[[Workload, str], Run]] = {
    "bare products, from Python": bare_products,
    "symnn numpy-fast, step": generated_step,
    "symnn numpy-fast, train": generated_fast,
    "symnn numpy, train": generated,
    "symnn c, train": generated_c,
    "symnn jax, train": generated_jax,
    "tutorial NumPy": tutorial,
    "PyTorch eager": torch_eager,
    "torch.compile": torch_compiled,
    "JAX jit, a call a step": jax_step,
    "JAX fori_loop": jax_loop,
    "scikit-learn": scikit_learn,
    "numba loop": numba_loop,
}


def measure(w: Workload, dtype: str, rounds: int, names: list[str]) -> dict[str, float]:
    """Microseconds a step, by system; those that cannot run here are left out."""
    runs: dict[str, Run] = {}
    for name in names:
        try:
            runs[name] = SYSTEMS[name](w, dtype)
        except (ImportError, ValueError, RuntimeError) as error:
            print(f"  {w.name}: {name} is left out: {error}", file=sys.stderr)
    return {n: float(np.percentile(t, 25)) for n, t in times(w, rounds, runs).items()}


def times(w: Workload, rounds: int, runs: Mapping[str, Run]) -> dict[str, np.ndarray]:
    """Microseconds of process time a step, by system and round; in a round all take turns."""
    found: dict[str, list[float]] = {name: [] for name in runs}
    with np.errstate(all="ignore"):
        for _ in range(rounds):
            for name, run in runs.items():
                start = time.process_time()
                run(w.steps)
                found[name].append((time.process_time() - start) / w.steps * 1e6)
    return {name: np.array(values) for name, values in found.items()}


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else "")
    parser.add_argument("--dtype", default="float32", choices=("float32", "float64"))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", default="1")
    parser.add_argument("--only", nargs="*", default=list(WORKLOADS), choices=list(WORKLOADS))
    parser.add_argument("--systems", nargs="*", default=list(SYSTEMS), choices=list(SYSTEMS))
    options = parser.parse_args()
    found = {
        name: measure(WORKLOADS[name], options.dtype, options.rounds, options.systems)
        for name in options.only
    }
    machine = f"{platform.machine()}, numpy {np.__version__}"
    print(f"{options.dtype}, {options.threads} thread(s), {machine}")
    print("| µs a step |", " | ".join(found), "|")
    print("|---|" + "---|" * len(found))
    for system in options.systems:
        row = [f"{t[system]:.3g}" if system in t else "–" for t in found.values()]
        if any(cell != "–" for cell in row):
            print(f"| {system} |", " | ".join(row), "|")


if __name__ == "__main__":
    main()
