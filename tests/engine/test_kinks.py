"""Where a derivative does not exist: the stated choice, as derived, printed and emitted."""

from __future__ import annotations

import importlib.util
import shutil
import warnings

import numpy as np
import pytest

from symnn import Dense, Network
from symnn.engine.evaluate import evaluate
from symnn.formats.latex import document
from symnn.notes.options import NotesOptions

# activation -> point -> the derivative that is chosen there
CHOICES = {
    "relu": {0.0: 0.0},
    "leaky_relu": {0.0: 0.01},
    "elu": {0.0: 1.0},
    "abs(x)": {0.0: 0.0},
    "sqrt(x*x)": {0.0: 0.0},
    "max(x, 0)": {0.0: 0.0},  # at a tie the second
    "max(0, x)": {0.0: 1.0},
    "min(x, 0)": {0.0: 0.0},
    "min(0, x)": {0.0: 1.0},
    "max(0, 1 - abs(x))": {0.0: 0.0, 1.0: -1.0, -1.0: 1.0},
    "min(max(x, -1), 1)": {1.0: 0.0, -1.0: 0.0},
    "where(x > 0, x, 0)": {0.0: 0.0},
    "where(x >= 0, x, 0)": {0.0: 1.0},
    "where(x < 2, x, 3*x - 4)": {2.0: 3.0},
}
CASES = [(h, at, slope) for h, found in CHOICES.items() for at, slope in found.items()]


def single(activation: str, loss: str = "sse", dtype: str = "float64") -> Network:
    """h(w x) of one weight, then a weight of 1."""
    own = {"mine": activation} if "(" in activation else {}
    first = Dense(1, "mine" if own else activation, bias=False)
    layers = [first, Dense(1, bias=False)]
    return Network(inputs=1, layers=layers, loss=loss, activations=own, dtype=dtype)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(("activation", "at", "slope"), CASES)
def test_the_derivative_at_a_kink_is_the_chosen_one(
    activation: str, at: float, slope: float, dtype: str
) -> None:
    """With dL/da = 1 the gradient of the first weight at x = 1 is h'(w)."""
    net = single(activation, dtype=dtype)
    module, batch = net.compile(), net.derive().batch
    x = np.ones((1, 1), dtype)
    for point in (at, -at) if at == 0.0 else (at,):
        params = {"A_1": np.full((1, 1), point, dtype), "A_2": np.ones((1, 1), dtype)}
        y = module.predict(params, x) - np.ones((1, 1), dtype)
        with np.errstate(all="raise"):
            _, gradients = module.loss_and_gradients(params, x, y)
        expected = np.asarray(slope, dtype)
        assert gradients["A_1"].item() == expected, (activation, point)
        values = {"x": x, "y": y, **params}
        for items in (batch.raw, batch.simple):
            known = evaluate(batch.forward.extend(items), values)
            found = known[batch.names["A_1"]].item()
            assert found == pytest.approx(slope, abs=1e-15)


@pytest.mark.parametrize(
    ("net", "choice"),
    [
        (single("relu"), r"\mathrm{relu}^{\prime}(0) = 0"),
        (single("leaky_relu"), r"\mathrm{lrelu}^{\prime}(0) = 0.01"),
        (single("tanh", "mae"), r"|\cdot|^{\prime}(0) = 0"),
        (single("tanh", "norm"), r"(\sqrt{\,\cdot\,})^{\prime}(0) = 0"),
    ],
    ids=["relu", "leaky_relu", "mae", "norm"],
)
def test_the_notes_print_the_choice(net: Network, choice: str) -> None:
    assert choice in document(net.derive(), NotesOptions(detail="full"))
    assert choice not in document(single("tanh").derive(), NotesOptions(detail="full"))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("loss", ["mae", "huber", "norm"])
def test_losses_hold_their_digits_at_every_size(loss: str, dtype: str) -> None:
    """|r|, h(r) and the root at ±0, tiny, ordinary and large residuals, and where they change."""
    info = np.finfo(dtype)
    low, high = float(info.smallest_subnormal), float(info.max) / 4
    sizes = [low, *np.exp(np.linspace(np.log(low), np.log(high), 60))[1:-1], high]
    sizes += [1.0, float(np.nextafter(1, 2)), float(np.nextafter(1, 0)), 0.0]
    net = Network(inputs=1, layers=[Dense(1, bias=False)], loss=loss, dtype=dtype)
    module = net.compile()
    one = {"A_1": np.ones((1, 1), dtype)}
    for r in np.array([*sizes, *(-s for s in sizes)], dtype):
        x, y = np.array([[r]], dtype), np.zeros((1, 1), dtype)
        with np.errstate(all="raise", under="ignore"):
            value, _ = module.loss_and_gradients(one, x, y)
            # dL/dA at x = 1 with the residual r is the derivative itself
            _, slopes = module.loss_and_gradients({"A_1": x}, np.ones_like(x), y)
        size = abs(float(r))
        huber = size - 0.5 if size > 1 else size * size / 2
        exact = huber if loss == "huber" else size
        slope = np.clip(float(r), -1, 1) if loss == "huber" else float(np.sign(r))
        eps = float(info.eps)
        assert abs(value - exact) <= max(8 * float(np.spacing(np.asarray(exact, dtype))), 4 * eps)
        assert abs(slopes["A_1"].item() - slope) <= 8 * eps


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("target", ["numpy", "numpy-fast", "c", "jax"])
def test_the_norm_neither_overflows_nor_vanishes(target: str, dtype: str) -> None:
    """The norm of (3r, 4r) is 5r and its gradient (0.6, 0.8), whatever r; both are 0 at 0."""
    needed = {"jax": importlib.util.find_spec("jax"), "c": shutil.which("cc")}
    if not needed.get(target, True):
        pytest.skip(f"nothing runs {target}")
    info, direction = np.finfo(dtype), np.array([3, 4], dtype)
    close = 8 * float(info.eps)
    least = info.tiny if target == "jax" else info.smallest_subnormal  # XLA takes others for 0
    net = Network(inputs=1, layers=[Dense(2)], loss="norm", dtype=dtype)
    module = net.compile(target)
    x, y = np.ones((1, 1), dtype), np.zeros((1, 2), dtype)
    for r in np.array([least, 1e-30, 1.0, 1e30, info.max / 32], dtype):
        for sign in (1, -1):
            params = {"A_1": np.zeros((2, 1), dtype), "b_1": sign * r * direction}
            with warnings.catch_warnings(action="error"):
                value, gradients = module.loss_and_gradients(params, x, y)
            assert value == pytest.approx(5 * float(r), rel=close), r
            assert gradients["b_1"] == pytest.approx(sign * direction / 5, rel=close), r
    with warnings.catch_warnings(action="error"):
        value, gradients = module.loss_and_gradients(module.initialize(0), 0 * x, y)
    assert value == 0 and not gradients["b_1"].any() and not gradients["A_1"].any()
