"""The planned step of generated modules against their readable one, over random networks."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from support.random_networks import USER, leaves_of, module_gradients, random_network

from symnn import Dense, Dropout, Network, load
from symnn.engine.evaluate import evaluate
from symnn.engine.functions import ACTIVATIONS
from symnn.engine.ir import Program

ROWS = 5
OPTIMIZERS = {
    "sgd": {"optimizer": "sgd"},
    "momentum": {"optimizer": "sgd", "momentum": 0.9},
    "adam": {"optimizer": "adam"},
    "rmsprop": {"optimizer": "rmsprop"},
}


def planned_gradients(net: Network, module: Any, values: dict[str, Any], seed: float) -> Any:
    """The gradients of the data, times the seed, and the loss, as the planned step gives them."""
    theta = np.zeros(module.SIZE)
    g = np.full_like(theta, np.nan)
    for name, view in module._views(theta).items():
        view[...] = values[name]
    plan = module._Plan(theta, g, ROWS, 1, 1, seed)
    plan.fill(values["x"], values["y"])
    for name, mask in zip(getattr(module, "MASKS", {}), getattr(plan, "masks", ()), strict=True):
        mask[...] = values[name].T
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        plan.gradient(*plan.steps[0])
    return plan.losses(0, 1), module._views(g)


# dropout beside equal layers, softmax under the Huber loss, relu as the output, ...
UNUSUAL = (146, 165, 207, 231, 260, 269, 295, 314, 337, 353, 360, 367, 391, 398)


@pytest.mark.parametrize("seed", UNUSUAL)
def test_the_planned_step_takes_unusual_networks(seed: int) -> None:
    test_the_planned_step_computes_the_same_gradients(seed)


def test_the_planned_step_computes_the_same_gradients(network_seed: int) -> None:
    net = random_network(network_seed)
    module = net.compile("numpy-fast")
    values = leaves_of(net, np.random.default_rng([network_seed, 2]))
    loss, expected = module_gradients(net, module, values)
    mean = 1 / ROWS if net.mean_loss else 1.0
    found_loss, found = planned_gradients(net, module, values, 0.25 * mean)
    assert found_loss == pytest.approx([loss], rel=1e-12)
    for name, gradient in expected.items():
        penalty = net.spec.loss.l2 * values[name] if name[0] == "A" else 0.0
        scale = max(1.0, float(np.abs(gradient).max()))
        error = np.abs(found[name] - 0.25 * (gradient - penalty)).max() / scale
        assert error < 1e-13, f"{name} of {net!r}"


@pytest.mark.parametrize("hidden", [*ACTIVATIONS, *USER])
def test_equal_layers_are_planned_whatever_their_function(hidden: str) -> None:
    layers = [Dense(4, hidden)] * 5 + [Dense(2)]
    net = Network(inputs=3, layers=layers, loss="mse", activations=USER)
    module = net.compile("numpy-fast")
    values = leaves_of(net, np.random.default_rng(1))
    loss, expected = module_gradients(net, module, values)
    found_loss, found = planned_gradients(net, module, values, 1 / ROWS)
    assert found_loss == pytest.approx([loss], rel=1e-12)
    for name, gradient in expected.items():
        assert np.allclose(found[name], gradient, rtol=1e-11, atol=1e-14), name


@pytest.mark.parametrize(
    ("units", "layers"),
    [
        ([5, 5, 5, 5, 5, 2], "2 to 5"),
        ([3, 3, 3, 3, 2], "2 to 4"),
        ([5, 5, 5, 4, 4, 4, 4, 2], "5 to 7"),
        ([5, 5, 5, 5, 4, 4, 4, 4, 4, 2], "6 to 9"),
        ([64, 64, 64, 64], "2 to 4"),
        ([65, 65, 65, 65], ""),
        ([5, 5, 5, 2], ""),
    ],
)
@pytest.mark.parametrize("hidden", ["tanh", "relu"])
def test_narrow_equal_layers_have_one_product_for_their_gradients(
    hidden: str, units: list[int], layers: str
) -> None:
    net = Network(inputs=3, layers=[Dense(n, hidden) for n in units], loss="mse")
    code = net.generate("numpy-fast")
    assert (f"# for k = {layers} at once:" in code) == bool(layers)
    assert code.count("np.matmul(sources, errors_T, out=products)") == bool(layers)
    module = net.compile("numpy-fast")
    values = leaves_of(net, np.random.default_rng(1))
    _, expected = module_gradients(net, module, values)
    _, found = planned_gradients(net, module, values, 1 / ROWS)
    for name, gradient in expected.items():
        assert np.allclose(found[name], gradient, rtol=1e-11, atol=1e-14), name


def network(optimizer: str, loss: str, l2: float, depth: int = 1, **train: Any) -> Network:
    """Three inputs and ``depth`` hidden layers of four."""
    final = {"cross_entropy": "softmax", "binary_cross_entropy": "sigmoid"}.get(loss, "linear")
    hidden = [{"type": "dense", "units": 4, "activation": "tanh"}] * depth
    return load(
        {
            "model": {"name": "plan", "inputs": 3, "seed": 3},
            "layers": [*hidden, {"type": "dense", "units": 2, "activation": final}],
            "loss": {"name": loss, "l2": l2},
            "train": {**OPTIMIZERS[optimizer], "epochs": 4, "learning_rate": 0.05, **train},
        }
    )


def samples(net: Network, count: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    x = rng.normal(size=(count, 3))
    if net.spec.loss.name == "cross_entropy":
        return x, np.eye(2)[rng.integers(2, size=count)]
    return x, rng.uniform(0.1, 0.9, (count, 2))


def reference(net: Network, x: np.ndarray, y: np.ndarray, batch: int | None) -> Any:
    """Training by the readable gradients, and the update lines as the evaluator reads them."""
    module, d, train = net.compile("numpy-fast"), net.derive(), net.spec.train
    params, rng, t, history = module.initialize(3), np.random.default_rng([3, 1]), 0, []
    states = [leaf for leaf in d.state_leaves if leaf.role == "state"]
    values = {leaf.name: np.zeros([a.size for a in leaf.axes]) for leaf in states}
    values |= {k: np.asarray(v) for k, v in net.hyperparameters.items()}
    leaves = [*d.state_leaves, *net.program.leaves_of("parameter")]
    leaves += [line.lhs for name, line in d.gradients.items() if name in net.parameters]
    program = Program(tuple(dict.fromkeys(leaves)), d.update_lines)
    size = batch or len(x)
    for _ in range(train.epochs):
        shuffled = train.shuffle and len(x) > size
        order = rng.permutation(len(x)) if shuffled else np.arange(len(x))
        total = 0.0
        for start in range(0, len(x), size):
            rows, t = order[start : start + size], t + 1
            loss, gradients = module.loss_and_gradients(params, x[rows], y[rows])
            total += loss * len(rows)
            known = {**values, **params, "t": np.asarray(float(t))}
            known |= {d.gradients[k].lhs.name: g for k, g in gradients.items()}
            found = evaluate(program, known, {})
            params = {k: found[f"{k}_next"] for k in params}
            values |= {k: found[f"{k}_next"] for k in values if f"{k}_next" in found}
        history.append(total / len(x))
    return params, history


@pytest.mark.parametrize(("batch", "shuffle"), [(None, True), (4, True), (5, False)])
@pytest.mark.parametrize("l2", [0.0, 0.2])
@pytest.mark.parametrize("loss", ["mse", "norm", "cross_entropy", "binary_cross_entropy"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_training_follows_the_update_lines(
    optimizer: str, loss: str, l2: float, batch: int | None, shuffle: bool
) -> None:
    depth = 4 if loss == "mse" else 1  # equal layers are computed in loops
    net = network(optimizer, loss, l2, depth, shuffle=shuffle)
    x, y = samples(net, 10)
    params, history = reference(net, x, y, batch)
    module = net.compile("numpy-fast")
    found, losses = module.train(x, y, batch_size=batch)
    assert losses == pytest.approx(history, rel=1e-12)
    for name, value in params.items():
        assert np.allclose(found[name], value, rtol=1e-11, atol=1e-13), name


def test_epochs_are_the_same_one_by_one_and_together() -> None:
    net = network("momentum", "mse", 0.1)
    x, y = samples(net, 10)
    module, seen = net.compile("numpy-fast"), []
    together, history = module.train(x, y, batch_size=None, epochs=50)
    alone, losses = module.train(
        x, y, batch_size=None, epochs=50, callback=lambda *given: seen.append(given[:2])
    )
    assert losses == history
    assert seen == list(enumerate(history, 1))
    assert all(np.array_equal(together[k], alone[k]) for k in together)


@pytest.mark.parametrize("batch", [None, 3])
def test_samples_are_read_in_parts(batch: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    net = network("adam", "cross_entropy", 0.0)
    x, y = samples(net, 20)
    module = net.compile("numpy-fast")
    whole = module.train(x, y, batch_size=batch)
    monkeypatch.setattr(module, "CHUNK", 200)
    parts = module.train(x, y.argmax(axis=1), batch_size=batch)
    assert parts[1] == pytest.approx(whole[1], rel=1e-13)
    assert all(np.allclose(parts[0][k], v, rtol=1e-12) for k, v in whole[0].items())


@pytest.mark.parametrize("depth", [1, 5])
def test_no_step_allocates(depth: int) -> None:
    """Hundreds of steps on large batches leave no more memory than one."""
    net = network("adam", "mse", 0.1, depth)
    x, y = samples(net, 20_000)
    module = net.compile("numpy-fast")
    run = module._Run(module.initialize(), x, y, 10_000, 0.01, 0, None)
    run.epochs(1)
    tracemalloc.start()
    try:
        plan = run.parts[0][0]
        run._steps(plan, 0, 2)
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(20):
            run._steps(plan, 0, 2)
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert peak < 10_000, f"{peak} bytes"


def test_a_value_may_stand_in_the_place_of_a_later_layer() -> None:
    layers = [Dropout(0.1), Dense(4, "linear"), Dropout(0.2), Dense(2)]
    module = Network(inputs=3, layers=layers, loss="mse").compile("numpy-fast")
    assert len(module.train(np.ones((4, 3)), np.ones((4, 2)), epochs=2)[1]) == 2


def test_wide_layers_are_no_part_of_the_array_of_the_outputs() -> None:
    layers = [Dense(n, "elu") for n in (500, 4, 4, 4, 4, 300)]
    module = Network(inputs=3, layers=layers, loss="mse").compile("numpy-fast")
    x, y = np.ones((2, 3)), np.ones((2, 300))
    run = module._Run(module.initialize(), x, y, 2, 0.1, 0, None)
    assert 3 * 5 * 2 in [array.size for array in run.parts[0][0].memory]
