"""Memory of train: the most that a generated module holds beside x and y, and the bound on it.

    python tests/benchmarks/memory.py > tests/benchmarks/memory.md

The networks are those of training.py, with a short batch at the end of every epoch.
"""

from __future__ import annotations

import platform
import tracemalloc
from dataclasses import dataclass
from typing import Any

import numpy as np

import symnn

MB = 1e6
CHUNK = 2**25  # as in the generated modules
OPTIMIZERS = {"sgd": 0, "momentum": 1, "adam": 2}  # name -> states


@dataclass(frozen=True)
class Workload:
    """units: inputs, then those of every layer; batches of ``rows``, of ``samples`` in all."""

    name: str
    units: tuple[int, ...]
    activation: str
    rows: int
    samples: int


WORKLOADS = (
    Workload("c", (64, 128, 10), "relu", 32, 1797),
    Workload("d", (784, 128, 64, 10), "relu", 64, 1300),
    Workload("e", (784, 1024, 1024, 10), "relu", 256, 1100),
    Workload("f", (32,) * 21, "tanh", 32, 650),
    Workload("c, all rows at once", (64, 128, 10), "relu", 1797, 1797),
    Workload("one feature", (1, 1), "tanh", 1000, 1_000_500),
    Workload("one feature, a row a step", (1, 1), "tanh", 1, 50_000),
)


def network(w: Workload, optimizer: str) -> symnn.Network:
    """Classes by softmax after relu, numbers after tanh."""
    classes = w.activation == "relu"
    layers = [symnn.Dense(u, w.activation) for u in w.units[1:-1]]
    layers.append(symnn.Dense(w.units[-1], "softmax" if classes else "linear"))
    settings: dict[str, Any] = {"optimizer": optimizer}
    if optimizer == "momentum":
        settings = {"optimizer": "sgd", "momentum": 0.9}
    loss = "cross_entropy" if classes else "mse"
    return symnn.Network(inputs=w.units[0], layers=layers, loss=loss, train=settings)


def peak(w: Workload, optimizer: str, target: str = "numpy-fast") -> int:
    """The most bytes that train holds at once, its results included, beside x and y."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(w.samples, w.units[0]))
    y = rng.normal(size=(w.samples, w.units[-1]))
    if w.activation == "relu":
        y = np.eye(w.units[-1])[y.argmax(axis=1)]
    module = network(w, optimizer).compile(target)
    options = {"batch_size": w.rows, "learning_rate": 1e-3}
    module.train(x[: w.rows], y[: w.rows], epochs=1, **options)  # what NumPy sets up once
    tracemalloc.start()
    try:
        module.train(x, y, epochs=2, **options)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def bound(w: Workload, optimizer: str) -> int:
    """Without the 3 MB."""
    numbers = sum((a + 1) * b for a, b in zip(w.units, w.units[1:], strict=False))
    data = min(CHUNK, w.samples * (w.units[0] + w.units[-1]) * 8)
    order = 4 * w.samples + 40 * -(-w.samples // w.rows)
    return data + order + 8 * ((3 + OPTIMIZERS[optimizer]) * numbers + 3 * w.rows * sum(w.units))


HEAD = """# The memory of train

The most that `train` holds at once beside x and y as given, its results included, in MB
({machine}, float64, counted by tracemalloc over two epochs), and the bound on it:

    the samples held: as much as x and y, 32 MB at most
    4 bytes a row, which is the order of an epoch, and 40 a step of it
    3 x the parameters, and the optimizer's states (momentum: 1, adam: 2, each of as many numbers)
    3 x the activations of a batch, x included (elu, softplus: 4; silu: 5; gelu: 13)

and 3 MB, not counted in the table, which a small network takes for speed: samples in a second
layout, a copy of the states. The C module without `shuffle` holds samples twice. The parameters
that a callback is given are within the bound. A batch that is short uses the arrays of the others.
The step that diverges is found from a copy of the parameters and states as they were before, or,
with states and more than 1 MB of parameters, by a look at every step.

Measured by `python tests/benchmarks/memory.py`. c: 64-128-10 relu, batches of 32 of 1797 rows.
d: 784-128-64-10 relu, 64 of 1300. e: 784-1024-1024-10 relu, 256 of 1100. f: 20 tanh layers of 32,
32 of 650. One feature: a line through a million numbers.
"""


def main() -> None:
    """Measure, and print a page."""
    print(HEAD.format(machine=f"{platform.machine()}, numpy {np.__version__}"))
    columns = [f"{o}: {what}" for o in OPTIMIZERS for what in ("bound", "numpy-fast", "c")]
    print("| MB |", " | ".join(columns), "|")
    print("|---|" + "---:|" * len(columns))
    for w in WORKLOADS:
        cells = []
        for o in OPTIMIZERS:
            cells += [bound(w, o), peak(w, o), peak(w, o, "c")]
        print(f"| {w.name} |", " | ".join(f"{n / MB:.1f}" for n in cells), "|")


if __name__ == "__main__":
    main()
