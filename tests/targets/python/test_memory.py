"""The memory of train: its bound, and that what saves memory changes no bit."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from benchmarks.memory import OPTIMIZERS, WORKLOADS, Workload, bound, peak
from test_c_target import COMPILER

from symnn import Dense, Dropout, Network

TARGETS = ["numpy-fast", pytest.param("c", marks=pytest.mark.skipif(not COMPILER, reason="no cc"))]
NETWORKS = (  # those of the benchmark; e, the largest, smaller; and f larger
    *(w for w in WORKLOADS if w.name != "e"),
    Workload("e, smaller", (784, 512, 512, 10), "relu", 128, 300),
    Workload("f, larger", (128,) * 21, "tanh", 128, 300),
    Workload("one wide layer", (100, 2000, 10), "relu", 300, 700),
)
UPDATES: dict[str, dict[str, Any]] = {
    "sgd": {"optimizer": "sgd"},
    "momentum": {"optimizer": "sgd", "momentum": 0.9},
    "adam": {"optimizer": "adam"},
    "rmsprop": {"optimizer": "rmsprop"},
}


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("workload", NETWORKS, ids=lambda w: w.name)
def test_train_keeps_to_its_bound(workload: Workload, optimizer: str, target: str) -> None:
    found, most = peak(workload, optimizer, target), bound(workload, optimizer)
    assert found < most + 3e6, f"{(found - most) / 1e6:.2f} MB more"


def test_memory_does_not_grow_with_the_rows() -> None:
    """Beyond what is held of them, but for their order in an epoch."""
    found = []
    for samples in (40_000, 80_000):
        w = Workload("tall", (100, 4, 10), "relu", 1000, samples)
        assert samples * 110 * 8 > 2**25
        found.append(peak(w, "sgd"))
    assert found[1] - found[0] < 40_000 * 4.5


def net(update: str, **options: Any) -> Network:
    layers = [Dense(9, "relu"), Dropout(0.25), Dense(9, "relu"), Dense(3, "linear")]
    return Network(inputs=5, layers=layers, train=UPDATES[update], **options)


def samples() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    return rng.normal(size=(23, 5)), rng.normal(size=(23, 3))


def compiled(network: Network, target: str = "numpy-fast", spare: int | None = None) -> Any:
    """The module; spare: its SPARE and its PIECE, for many pieces of few numbers."""
    module: Any = network.compile(target)
    if spare is not None:
        module.SPARE = module.PIECE = spare
    return module


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("update", UPDATES)
def test_pieces_change_no_bit(update: str, dtype: str) -> None:
    network = net(update, loss={"name": "mse", "l2": 0.01}, dtype=dtype)
    options: dict[str, Any] = {"batch_size": 4, "epochs": 4, "learning_rate": 0.01}
    x, y = samples()
    whole = compiled(network).train(x, y, **options)
    parts = compiled(network, spare=64).train(x, y, **options)
    assert parts[1] == whole[1]
    assert all(np.array_equal(parts[0][k], v) for k, v in whole[0].items())


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("update", [name for name in UPDATES if name != "sgd"])
def test_the_step_that_diverges_is_found_without_a_copy(update: str, target: str) -> None:
    """At the same step, with the same parameters, as from a copy of all states.

    A huge sample makes its step fail; a huge rate the first one, or one that follows soon.
    """
    layers = [Dense(6), Dropout(0.25), Dense(5), Dense(3)]
    options: dict[str, Any] = {"train": {**UPDATES[update], "shuffle": False}}
    network = Network(inputs=5, layers=layers, loss="sse", dtype="float32", **options)
    modules = [compiled(network, target, spare) for spare in (None, 64)]
    for module in modules:
        module.CHUNK = 1000 if target == "c" else 600  # a part is two batches
    x, y = samples()
    for row, rate in [(k, 1e-3) for k in range(0, 23, 2)] + [(None, 10.0**k) for k in (6, 20, 38)]:
        given = x.copy()
        if row is not None:
            given[row] *= 1e30
        kept, looked = (divergence(module, given, y, rate) for module in modules)
        assert row is None or kept.step == row // 4 + 1
        assert (looked.epoch, looked.step) == (kept.epoch, kept.step)
        for name, value in kept.params.items():
            assert np.isfinite(value).all()
            assert np.array_equal(looked.params[name], value), name


@pytest.mark.parametrize("target", TARGETS)
def test_parameters_that_are_not_finite_are_refused(target: str) -> None:
    module = compiled(net("adam", loss="mse"), target, None)
    params = {k: v * np.nan for k, v in module.initialize().items()}
    with pytest.raises(ValueError, match="finite"):
        module.train(*samples(), params=params, batch_size=4)


def divergence(module: Any, x: np.ndarray, y: np.ndarray, rate: float) -> Any:
    """The error of a run that diverges."""
    run = module._Run(module.initialize(), x, y, 4, rate, 0, None)
    # where a processor has wide vectors, the rows of C are so long that a part is one batch
    assert [batches for _, _, batches in run.parts] in ([2, 2, 1, 1], [1] * 6)
    assert run.careful == (module.SPARE == 64)
    with pytest.raises(module.DivergedError) as caught:
        module.train(x, y, batch_size=4, epochs=50, learning_rate=rate)
    return caught.value


@pytest.mark.parametrize("target", TARGETS)
def test_a_short_batch_uses_the_arrays_of_the_others(target: str) -> None:
    x, y = samples()
    module = compiled(net("adam", loss="mse"), target)
    run = module._Run(module.initialize(), x, y, 4, 0.1, 0, None)
    (first, *_), (short, *_) = run.parts
    assert (first.rows, short.rows) == (4, 3)
    held = list(zip(arrays(first), arrays(short), strict=True))
    assert held
    assert all(a.base is b.base if a.base is not None else a is b for a, b in held)


def arrays(plan: Any) -> Iterator[np.ndarray]:
    """The memory of a plan."""
    yield from plan.memory if hasattr(plan, "memory") else (plan.samples, plan.values)


def test_the_order_of_a_short_batch_and_the_others_is_no_matter() -> None:
    """A plan that shares its memory gives, after refresh, the gradients of one that does not."""
    module = compiled(net("sgd", loss="mse"))
    theta, g = np.random.default_rng(0).normal(size=(2, module.SIZE))
    x, y = samples()
    first = module._Plan(theta, g, 8, 2, 1, 1.0)
    short = module._Plan(theta, g, 7, 1, 1, 1.0, True, first)
    alone = [module._Plan(theta, g, *sizes, 1, 1.0) for sizes in ((8, 2), (7, 1))]
    for _ in range(3):
        for shared, own, rows in ((first, alone[0], slice(16)), (short, alone[1], slice(16, 23))):
            shared.refresh()
            found = []
            for plan in (shared, own):
                plan.fill(x[rows], y[rows])
                for mask in plan.masks:
                    mask[...] = 1.25
                for views in plan.steps:
                    plan.gradient(*views)
                found.append((g.copy(), plan.losses(0, len(plan.steps))))
            for a, b in pairwise(found):
                assert np.array_equal(a[0], b[0])
                assert np.array_equal(a[1], b[1])
