"""Where a derivative does not exist: the stated choice, as derived, printed and emitted."""

from __future__ import annotations

import numpy as np
import pytest

from symnn import Dense, Network
from symnn.engine.evaluate import evaluate
from symnn.formats.latex import document

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
    assert choice in document(net.derive(), detail="full")
    assert choice not in document(single("tanh").derive(), detail="full")


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("loss", ["mae", "huber", "norm"])
def test_losses_hold_their_digits_at_every_size(loss: str, dtype: str) -> None:
    """|r|, h(r) and the root at ±0, tiny, ordinary and large residuals, and where they change."""
    info = np.finfo(dtype)
    high = 800.0 if dtype == "float64" else 80.0
    # the square of a residual below the root of the smallest number is 0, as is its derivative
    small = float(info.smallest_subnormal) if loss != "norm" else float(info.tiny) ** 0.5 * 2
    sizes = [*np.geomspace(small, high, 60), 1.0, np.nextafter(1, 2), np.nextafter(1, 0), 0.0, high]
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
