"""Functions of the user's own: derived, printed, run and verified like those of the table."""

from __future__ import annotations

import numpy as np
import pytest

import symnn
from symnn.drawing.mathtext import runs
from symnn.formats.latex import document
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
    assert r"\mathrm{mine}" in document(net.derive(), detail="full")


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
            text = document(net.derive(), story=story, detail=detail)
            assert r"\mathrm{act\_2}" in text
            assert "act-2" not in text
    assert "".join(run.text for run in runs(r"$\mathrm{act\_2}(z)$")) == "act_2(z)"


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
