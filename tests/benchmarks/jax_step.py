"""The time of a training step in JAX: derived gradients beside those of jax.grad.

    python tests/benchmarks/jax_step.py > tests/benchmarks/jax_step.md

Both step the same network on the same batches with the same update, in float32: once by a
call of jit a step, once by an epoch under lax.scan, which for the derived gradients is that
of ``train`` with its checks.  Interleaved, one thread, medians of process time.
"""

from __future__ import annotations

import itertools
import os

os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["NPROC"] = "1"

import platform
import statistics
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from symnn import Dense, Network

WORKLOADS = {
    "d: 784-128-64-10, batch 64": ((784, 128, 64, 10), 64, 60),
    "e: 784-1024-1024-10, batch 256": ((784, 1024, 1024, 10), 256, 6),
}
ROUNDS, WARM, RATE = 30, 2, 0.01


def derived(sizes: tuple[int, ...], rows: int, x: Any, y: Any) -> tuple[Any, Any]:
    """An epoch, and a single step, of the generated module."""
    inputs, *hidden, outputs = sizes
    layers = [*(Dense(n, "relu") for n in hidden), Dense(outputs, "softmax")]
    train = {"shuffle": False, "batch_size": rows}
    net = Network(inputs=inputs, layers=layers, loss="cross_entropy", dtype="float32", train=train)
    module = net.compile("jax")
    run = module._Run(module.initialize(), x, y, rows, RATE, 0)
    batch, state = (jnp.asarray(x[:rows]), jnp.asarray(y[:rows])), [run.carry[0]]

    @jax.jit
    def update(params: Any, batch: Any) -> tuple[Any, Any]:
        loss, slopes = module._gradients(params, *batch, rows)
        return {k: module._update(params[k], g, (), RATE, 0)[0] for k, g in slopes.items()}, loss

    def step() -> None:
        state[0], _ = update(state[0], batch)
        jax.block_until_ready(state)

    return run.epoch, step


def differentiated(sizes: tuple[int, ...], rows: int, x: Any, y: Any) -> tuple[Any, Any]:
    """The same by jax.grad."""
    rng = np.random.default_rng(0)
    params = []
    for before, after in itertools.pairwise(sizes):
        bound = np.sqrt(6 / (before + after))
        weights = rng.uniform(-bound, bound, (after, before))
        params.append((jnp.asarray(weights, "float32"), jnp.zeros(after, "float32")))

    def loss(params: Any, x: Any, y: Any) -> Any:
        for A, b in params[:-1]:
            x = jax.nn.relu(x @ A.T + b)
        A, b = params[-1]
        return -jnp.mean(jnp.sum(y * jax.nn.log_softmax(x @ A.T + b), axis=1))

    def update(params: Any, batch: Any) -> tuple[Any, Any]:
        value, slopes = jax.value_and_grad(loss)(params, *batch)
        return jax.tree.map(lambda p, g: p - RATE * g, params, slopes), value

    scanned = jax.jit(lambda params, batches: jax.lax.scan(update, params, batches))
    single = jax.jit(update)
    batches = (x.reshape(-1, rows, sizes[0]), y.reshape(-1, rows, sizes[-1]))
    batches = jax.tree.map(jnp.asarray, batches)
    batch = jax.tree.map(lambda v: v[0], batches)
    state = [params]

    def epoch() -> None:
        state[0], _ = scanned(state[0], batches)
        jax.block_until_ready(state)

    def step() -> None:
        state[0], _ = single(state[0], batch)
        jax.block_until_ready(state)

    return epoch, step


def timed(call: Callable[[], None], repeats: int) -> float:
    start = time.process_time()
    for _ in range(repeats):
        call()
    return time.process_time() - start


def main() -> None:
    """Measure and print."""
    print("# A training step in JAX\n")
    print(f"Python {platform.python_version()}, JAX {jax.__version__}, NumPy {np.__version__},")
    print(f"{platform.machine()}, 1 thread; process time, median of {ROUNDS}, us a step.\n")
    print("| workload | by | derived | jax.grad | ratio |\n|---|---|---:|---:|---:|")
    for name, (sizes, rows, steps) in WORKLOADS.items():
        rng = np.random.default_rng(0)
        x = rng.normal(size=(rows * steps, sizes[0])).astype("float32")
        y = np.eye(sizes[-1], dtype="float32")[rng.integers(sizes[-1], size=len(x))]
        with jax.enable_x64(True):
            own = derived(sizes, rows, x, y)
        other = differentiated(sizes, rows, x, y)
        for k, (by, repeats) in enumerate({"scan, an epoch": 1, "jit, a step": steps}.items()):
            found: list[tuple[float, float]] = []
            for _ in range(WARM + ROUNDS):
                with jax.enable_x64(True):
                    first = timed(own[k], repeats)
                second = timed(other[k], repeats)
                found.append((first / steps * 1e6, second / steps * 1e6))
            a, b = (statistics.median(column) for column in zip(*found[WARM:], strict=True))
            print(f"| {name} | {by} | {a:.0f} | {b:.0f} | {a / b:.2f} |", flush=True)


if __name__ == "__main__":
    main()
