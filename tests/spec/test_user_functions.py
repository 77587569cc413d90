"""Functions of the user's own: derived, printed, run and verified like those of the table."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import symnn
from symnn.drawing.mathtext import glyphs
from symnn.engine.functions import X, expand_primes
from symnn.engine.mistakes import FormulaError
from symnn.formats.latex import document
from symnn.notes.options import NotesOptions
from symnn.spec.formula import parse_formula
from symnn.spec.formula_value import UndefinedError, kinks, value_at
from symnn.targets.python.expressions import statement

FORMULAS = (
    "x / (1 + exp(-2*x))",
    "x * tanh(log(1 + exp(x)))",
    "x / (1 + abs(x))",
    "max(0, 1 - abs(x))",
    "min(max(x, -1), 1)",
    "where(x > 0, x*log(x), 0)",
    "where(x*x > 1, sqrt(x*x - 1), 0*x)",
    "where(abs(x) > 2, log(abs(x) - 1), x)",
    "where(x*x < 4, 1/(3 + x), x)",
    "where(x > 1, where(x > 2, x, 2*x), min(x, 0))",
    "where(tanh(x) > 0.3, x, sin(x))",
)


def network(formula: str) -> symnn.Network:
    return symnn.Network(
        inputs=1,
        layers=[symnn.Dense(2, "mine"), symnn.Dense(1, "linear")],
        loss="sse",
        activations={"mine": formula},
    )


@pytest.mark.parametrize("formula", FORMULAS)
def test_every_step_holds(formula: str) -> None:
    net = network(formula)
    report = net.derive().verify()
    assert report.ok, str(report)
    assert net.compile().check() < 1e-6
    assert r"\mathrm{mine}" in document(net.derive(), NotesOptions(detail="full"))


@pytest.mark.parametrize("formula", FORMULAS)
def test_a_branch_that_is_not_taken_raises_no_warning(formula: str) -> None:
    module = network(formula).compile()
    params = module.initialize(0)
    params["A_1"][:] = [[1.0], [-1.0]]
    x = np.concatenate([np.linspace(-800, 800, 4001) + 0.013, np.linspace(-4, 4, 81)])[:, None]
    with np.errstate(all="raise", under="ignore"):
        loss, gradients = module.loss_and_gradients(params, x, np.zeros(len(x)))
    assert np.isfinite(loss)
    assert all(np.isfinite(g).all() for g in gradients.values())


@pytest.mark.parametrize(
    ("formula", "same"),
    [
        ("relu(where(x > 1, x, sin(x)))", "where(x > 1, relu(x), relu(sin(x)))"),
        ("x - min(x, where(x < 1, x, 1))", "where(x < 1, 0*x, max(0, x - 1))"),
        ("sqrt(where(x > 0, x, 2*x)**2)", "where(x > 0, x, -2*x)"),
        (
            "max(where(x > 0, 1, 0) + where(x > 1, 1, 0), x)",
            "where(x > 1, max(2, x), where(x > 0, max(1, x), 0))",
        ),
        ("where(x > 1, 2, 3)", "where(x > 1, 2, 3)"),
        ("x - cos(1e90)", f"x - ({float(np.cos(1e90))})"),
    ],
)
def test_cases_inside_a_kink_and_steps_are_computed(formula: str, same: str) -> None:
    x = np.linspace(-3, 3, 25)[:, None] + 0.01
    values = []
    for text in (formula, same):
        net = network(text)
        assert net.derive().verify().ok
        module = net.compile()
        params = module.initialize(3)
        values.append(module.loss_and_gradients(params, x, np.zeros(len(x))))
        assert module.check() < 1e-6
        for layout in ("sample", "rows", "columns"):
            assert net.derive().latex(layout=layout, detail="full")
    (loss, gradients), (other, others) = values
    assert loss == pytest.approx(other, rel=1e-12)
    for name, g in gradients.items():
        assert g.shape == others[name].shape
        np.testing.assert_allclose(g, others[name], rtol=1e-10, atol=1e-12)


# the formula -> its slopes, or the words of its refusal
SLOPES = {
    "sqrt(relu(x))": {-5.0: 0.0, -1e-300: 0.0, 0.0: 0.0, 4.0: 0.25, 1e-300: 5e149},
    "relu(x)**(1/3)": {-5.0: 0.0, 0.0: 0.0, 8.0: 1 / 12},
    "sqrt(max(x - 1, 0))": {-5.0: 0.0, 1.0: 0.0, 5.0: 0.25},
    "sqrt(relu(1 - abs(x)))": {-2.0: 0.0, -1.0: 0.0, 0.0: 0.0, 0.75: -1.0, 1.0: 0.0},
    "x*sqrt(abs(x))": {-4.0: 3.0, 0.0: 0.0, 4.0: 3.0},
    "sqrt(relu(x)**2 + min(x, 0)**2)": {-5.0: -1.0, 5.0: 1.0},
    "where(x > 0, sqrt(x), 0)": {-5.0: 0.0, 0.0: 0.0, 4.0: 0.25},
    "where(x > 0, x*log(x), 0)": {-5.0: 0.0, 0.0: 0.0, 1.0: 1.0},
    "where(x > 0.001, exp(-1/x), 0)": {-5.0: 0.0, 0.001: 0.0, 1.0: float(np.exp(-1))},
    "abs(x)**(4/3)": {-8.0: -8 / 3, 0.0: 0.0, 8.0: 8 / 3},
    "log(1 + relu(x))": {-5.0: 0.0, 0.0: 0.0, 1.0: 0.5},
    "sqrt(abs(x) + 1e-3)": {0.0: 0.0, 1.0: 0.5 / 1.001**0.5},
    "1/(1 + exp(-300*x))": {0.0: 75.0, -5.0: 0.0, 5.0: 0.0},
    "exp(x)": {-800.0: 0.0, 0.0: 1.0},
    "sqrt(abs(x))": "at x = 0: unbounded on the left, unbounded on the right",
    "where(x > 0, x**(1/3), -(abs(x))**(1/3))": "at x = 0: unbounded on the left",
    "sqrt(abs(x - 0.3))": "at x = 0.3: unbounded on the left, unbounded on the right",
    "where(x > 0, x*log(x), where(x < 0, -x*log(-x), 0))": "at x = 0: unbounded on the left",
    "where(x >= 0, sqrt(x), 0)": "at x = 0: 0 on the left, unbounded on the right",
    "sqrt(x*x + x**4)": "at x = 0: -1 on the left, 1 on the right",
    "sqrt((x - 0.37)**2 + (x - 0.37)**4)": "at x = 0.37: -1 on the left, 1 on the right",
    "sqrt(1 - tanh(x)**2)": "at x = 20",
    "sqrt(softplus(x))": "at x = -800",
    "where(abs(x) > 0, sin(x)/x, 1)": "overflows at x = 1e-300",
    "exp(700*x)": "overflows at x = 3",
    "cosh(300*x)": "overflows at x = 3",
}


@pytest.mark.parametrize("formula", SLOPES)
def test_a_slope_is_finite_where_the_value_is_or_the_formula_is_refused(formula: str) -> None:
    expected = SLOPES[formula]
    if isinstance(expected, str):
        with pytest.raises(symnn.SpecError, match=re.escape(expected)) as error:
            network(formula)
        assert "activations.mine: in the formula: " in str(error.value) and "; " in str(error.value)
    else:
        points = np.array(list(expected))
        found = slopes(formula, points)
        np.testing.assert_allclose(found, list(expected.values()), rtol=1e-14, atol=1e-300)


def slopes(formula: str, points: np.ndarray, dtype: str = "float64") -> np.ndarray:
    """h' at these points: with dL/da = 1/m the gradient of a weight at x = 1 is h'(w)/m."""
    net = symnn.Network(
        inputs=1,
        layers=[symnn.Dense(len(points), "mine", bias=False)],
        loss="mae",
        activations={"mine": formula},
        dtype=dtype,
    )
    module, one = net.compile("plain"), np.ones((1, 1), dtype)
    params = {"A_1": points.astype(dtype)[:, None]}
    below = np.full((1, len(points)), np.finfo(dtype).min / 2, dtype)
    with np.errstate(all="ignore"):
        gradients = module.loss_and_gradients(params, one, below)[1]
    return np.asarray(gradients["A_1"][:, 0] * len(points), float)


UNARY = ("exp", "log", "sqrt", "sin", "tanh", "atan", "sigmoid", "softplus", "relu", "abs")
NUMBERS = st.sampled_from(["0.5", "1", "2", "3", "0.3"])
WORDS = st.recursive(
    st.one_of(st.just("x"), NUMBERS),
    lambda inner: st.one_of(
        st.builds("{}({})".format, st.sampled_from(UNARY), inner),
        st.builds("({} {} {})".format, inner, st.sampled_from("+-*/"), inner),
        st.builds("({})**({})".format, inner, st.sampled_from(["2", "3", "1/2", "1/3", "-1"])),
        st.builds("{}({}, {})".format, st.sampled_from(["max", "min"]), inner, inner),
        st.builds("where({} > {}, {}, {})".format, inner, NUMBERS, inner, inner),
    ),
    max_leaves=5,
)
SPREAD = np.array(
    [*(s * 10.0**k for k in range(-12, 3) for s in (1, -1)), *np.linspace(-800, 800, 33)]
)


@settings(max_examples=25)
@given(formula=WORDS)
def test_the_slope_of_an_accepted_formula_is_that_of_its_values(formula: str) -> None:
    """At ±800 (float32: ±80); beside kinks, and where a float can hold the parts of it."""
    try:
        f = parse_formula(formula, {"x": X})
    except FormulaError:
        return
    slope, corners = expand_primes(sp.diff(f, X)), kinks(f, X)
    for dtype, high in (("float64", 1e150), ("float32", 1e18)):
        points = [
            at
            for at in SPREAD * (1.0 if dtype == "float64" else 0.1)
            if held(f, slope, float(np.dtype(dtype).type(at)), high)
        ]
        found = slopes(formula, np.array([*points, 0.5]), dtype)
        for at, derived in zip(points, found, strict=False):
            assert np.isfinite(derived), (formula, at, dtype)
            step = 1e-5 * max(1.0, abs(at))
            if dtype == "float32" or any(abs(at - k) < 2 * step for k in corners):
                continue
            low, middle, up = (value_or_nan(f, at + k * step) for k in (-1, 0, 1))
            near, bend = (up - low) / (2 * step), abs(up - 2 * middle + low) / step
            size = max(1e-2, abs(near), *(abs(v) * 1e-10 / step for v in (low, middle, up)))
            if math.isfinite(near):
                assert abs(derived - near) <= 1e-3 * size + bend, (formula, at, derived, near)


def value_or_nan(f: sp.Expr, at: float) -> float:
    try:
        return value_at(f, at)
    except (OverflowError, UndefinedError):
        return math.nan


def held(f: sp.Expr, slope: sp.Expr, at: float, high: float) -> bool:
    """Whether the value, the slope, and the parts that they are made of are of a middle size."""
    known: dict[sp.Basic, float] = {}
    try:
        value_at(f, at, known), value_at(slope, at, known)
    except (OverflowError, UndefinedError):
        return False
    return all(v == 0 or 1 / high < abs(v) < high for v in known.values())


def test_too_many_cases_inside_a_kink_are_refused() -> None:
    inner = " + ".join(f"where(x > {k}, x, 0)" for k in range(9))
    with pytest.raises(symnn.SpecError, match="more than 4 where inside relu"):
        network(f"relu({inner})")


def test_the_name_is_shown_as_it_is() -> None:
    """A hyphen in mathematics is a minus: act-2 would be a difference."""
    layers = [symnn.Dense(2, "act_2"), symnn.Dense(1)]
    net = symnn.Network(inputs=1, layers=layers, loss="sse", activations={"act_2": "x**3"})
    for story in ("reference", "tutorial"):
        for detail in ("answer", "full"):
            text = document(net.derive(), NotesOptions(story=story, detail=detail))
            assert r"\mathrm{act\_2}" in text
            assert "act-2" not in text
    assert "".join(run.text for run in glyphs(r"\mathrm{act\_2}(z)")) == "act_2(z)"


@pytest.mark.parametrize(
    "formula", ["x/(1 + x*x)", "1/((x*x + 1)*(x*x + 2)*(x*x + 3))", "x/(1 + exp(x) + x*x)"]
)
def test_the_error_of_a_quotient_is_a_product_of_matrices(formula: str) -> None:
    """What the sum over the units above does not touch stands outside it."""
    net = symnn.Network(
        inputs=3,
        layers=[symnn.Dense(4, "mine"), symnn.Dense(2)],
        loss="sse",
        activations={"mine": formula},
    )
    derivation = net.derive()
    assert derivation.verify().ok
    (line,) = [x for x in derivation.stable.lines if x.lhs.name == "dz_1"]
    assert statement(line).count("dz_2 @ A_2") == 1
    assert "None" not in statement(line)
