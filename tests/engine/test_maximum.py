"""A maximum is that of the entries which are there: an index along it that leaves its range."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symnn
from symnn.engine.evaluate import evaluate
from symnn.engine.exact import Exact
from symnn.engine.lambdify import lambdify_lines
from symnn.engine.stabilise import rescaled
from symnn.engine.text import read
from symnn.formulas.index import line_formulas
from symnn.formulas.value import value

X = np.array([-3.0, -1.0, -2.0, -5.0, -4.0])
WINDOW = "input x[r<5]\np[t<5] = max_{w<3} x[t+w-1]\nL = sum_t p[t]"


@pytest.mark.parametrize(
    ("maximum", "right"),
    [
        ("max_{w<3} x[t+w-1]", [-1, -1, -1, -2, -4]),
        ("max_{w<3} exp(-x[t+w-1])", np.exp([3, 3, 5, 5, 5])),
        ("max_{w<2} (x[t+w-1] - x[t+w])", [-2, 1, 3, 3, -1]),
        ("max_{w<3} (x[t+w-1] if t + w > 0 else -1/2)", [-0.5, -1, -1, -2, -4]),
        ("max_{w<3} [t+w > 0]*x[t+w-1]", [0, -1, -1, -2, -4]),
        ("max_{w<3} (x[t-1] - w)", [0, -3, -1, -2, -5]),  # the index has no axis of the sign
        ("max_{w<3,v<3} x[t+w+v-2]", [-1, -1, -1, -1, -2]),
    ],
)
def test_every_evaluation_leaves_out_the_same(maximum: str, right: list[float]) -> None:
    program = read(f"input x[r<5]\np[t<5] = {maximum}")
    (line,) = program.lines
    sizes = {a.symbol: a.size for a in line.axes}
    _, formula = line_formulas(line)
    exact = Exact(program, {"x": np.array([sp.Integer(int(v)) for v in X])}).array("p")
    found = {
        "evaluate": evaluate(program, {"x": X})["p"],
        "lambdify": lambdify_lines(program.lines)({"x": X})["p"],
        "exact": exact.astype(float),
    }
    if " if " not in maximum:  # cases have no tick
        found["formula"] = value(formula, {"x": X}, sizes, [a.symbol for a in line.lhs.axes])
    for name, array in found.items():
        np.testing.assert_allclose(array, right, err_msg=name)


def test_the_gradient_goes_to_the_largest_that_is_there() -> None:
    derivation = symnn.lines(WINDOW).derive(wrt=["x"])
    assert derivation.verify().ok
    loss, gradients = derivation.evaluate({"x": X})
    assert loss == -9 and gradients["x"].tolist() == [0, 3, 1, 0, 1]


def test_the_past_of_a_scan_is_0_within_a_maximum() -> None:
    """The best path: before the first step there is one of value 0."""
    text = """input x[t<4,k<3], A[j<3,k]
for t:
    v[t,k] = x[t,k] + max_j (A[j,k] + v[t-1,j])
L = max_k v[3,k]"""
    lines = symnn.lines(text)
    assert lines.notes == () and lines.derive(wrt=["x", "A"]).verify().ok
    rng = np.random.default_rng(0)
    x, a = rng.normal(size=(4, 3)), rng.normal(size=(3, 3))
    best = np.zeros(3)
    for row in x:
        best = row + (a + best[:, None]).max(axis=0)
    loss, _ = lines.derive(wrt=["x"]).evaluate({"x": x, "A": a})
    assert loss == pytest.approx(best.max())


def test_a_guard_leaves_out_what_is_infinite() -> None:
    """0 log 0 is 0 where a guard is the 0, in values and in gradients."""
    text = """input x[r<5]
u[r] = exp(x[r])
q[t<5] = [t > 0]*log(u[t-1]) + sum_{w<3} [t = w + 1]/u[t-1]
p[h<3] = max_{k<3} log(u[2*h+k-1])
L = sum_{t} q[t] + sum_h p[h]**2"""
    derivation = symnn.lines(text).derive(wrt=["x"])
    with np.errstate(all="raise", under="ignore"):
        assert derivation.verify().ok
    loss, gradients = derivation.evaluate({"x": X})
    assert np.isfinite(loss) and np.isfinite(gradients["x"]).all()


def test_a_norm_over_a_window_is_not_scaled_by_its_maximum() -> None:
    text = "input x[t<9,w<3]\nq[t] = sum_w x[t,w]**2\nm[t] = root(q[t])\nL = sum_t m[t]"
    assert list(rescaled(read(text))) == ["q"]
    assert rescaled(read(text.replace("x[t,w]**2", "x[t,w-1]**2"))) == {}
