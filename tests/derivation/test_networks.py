"""Random networks: gradients, generated modules and explicit forms."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import sympy as sp
from support.random_networks import PAIRS, USER, N, leaves_of, module_gradients, random_network

from symnn import Dense, Dropout, Network
from symnn.engine.complex_step import check_gradients, draw
from symnn.engine.evaluate import evaluate
from symnn.engine.functions import ACTIVATIONS
from symnn.engine.ir import entries, indices_of, name_of
from symnn.nn.losses import LOSSES


def test_the_pairs_are_all_reached() -> None:
    assert {seed * 31 % len(PAIRS) for seed in range(len(PAIRS))} == set(range(len(PAIRS)))


def test_gradients_hold_and_the_module_computes_them(
    network_seed: int, errors: Callable[[str, str, float], None]
) -> None:
    net = random_network(network_seed)
    rng = np.random.default_rng([network_seed, 1])
    values = leaves_of(net, rng)
    batch = net.derive().batch
    report = check_gradients(batch.forward, batch.simple, batch.names, rng, {"N": N}, values)
    assert report.ok, f"{net!r}\n{report}"
    assert len(report.rows) >= len(net.parameters)
    known = evaluate(batch.program, values, {"N": N})
    loss, found = module_gradients(net, net.compile(), values)
    assert loss == pytest.approx(float(known["L"]), rel=1e-12)
    assert list(found) == list(net.parameters)
    largest = report.max_error
    for name, gradient in found.items():
        exact = known[batch.names[name]]
        assert gradient.shape == exact.shape and gradient.dtype == np.float64
        error = float(np.abs(gradient - exact).max() / max(np.abs(exact).max(), 1e-300))
        assert error <= 1e-11 or np.abs(gradient - exact).max() <= 1e-300, (name, error)
        largest = max(largest, error)
    errors("complex step", f"network {network_seed}, {net!r}", largest)


# explicit forms --------------------------------------------------------------------------

SMALL = [
    *(("tanh", loss) for loss in LOSSES),
    *((hidden, "sse") for hidden in (*ACTIVATIONS, *USER)),
    ("softmax", "cross_entropy"),
    ("sigmoid", "binary_cross_entropy"),
    ("sigmoid", "norm"),
]


def rational_point(net: Network, rng: np.random.Generator) -> dict[sp.Symbol, sp.Rational]:
    """Values of all symbols; targets of a fact are positive and sum to 1."""
    symbols = [s for name in net.symbols for s in net.symbols[name]]
    point = {s: sp.Rational(int(rng.integers(-90, 90)) * 2 + 1, 101) for s in symbols}
    if net.sample_program.facts:
        y = list(net.symbols["y"])
        parts = [int(p) for p in rng.integers(1, 9, size=len(y))]
        point |= {s: sp.Rational(p, sum(parts)) for s, p in zip(y, parts, strict=True)}
    return point


@pytest.mark.parametrize(("hidden", "loss"), SMALL)
def test_an_explicit_gradient_is_the_derivative_of_the_explicit_loss(
    hidden: str, loss: str
) -> None:
    layers = [Dense(2, hidden), Dense(2, LOSSES[loss].final or "linear")]
    net = Network(inputs=2, layers=layers, loss={"name": loss, "l2": 0.25}, activations=USER)
    d, whole = net.derive(), net.loss_expression()
    points = [rational_point(net, np.random.default_rng(seed)) for seed in range(2)]
    for name in net.parameters:
        explicit = d.explicit(name)
        assert explicit.shape == net.symbols[name].shape
        for found, s in zip(explicit, net.symbols[name], strict=True):
            for point in points:
                exact, value = (value_at(f, point) for f in (sp.diff(whole, s), found))
                assert abs(exact - value) <= sp.Float(10, 60) ** -50 * max(1, abs(exact))


def value_at(f: sp.Expr, point: dict[sp.Symbol, sp.Rational]) -> sp.Float:
    """60 digits of ``f`` at an exact point."""
    return f.xreplace(point).evalf(60)


def smooth(f: sp.Expr) -> sp.Expr:
    """``f`` where every residual differs from 0."""
    return f.replace(lambda e: isinstance(e, sp.Piecewise), lambda e: e.args[0][0])


@pytest.mark.parametrize("loss", ["sse", "mse", "norm", "cross_entropy", "binary_cross_entropy"])
@pytest.mark.parametrize("l2", [0.0, 0.5])
def test_an_explicit_gradient_is_the_derivative_as_an_expression(loss: str, l2: float) -> None:
    net = Network(
        inputs=2,
        layers=[Dense(2, LOSSES[loss].final or "linear")],
        loss={"name": loss, "l2": l2},
    )
    y = list(net.symbols["y"])
    fact = {y[-1]: 1 - sum(y[:-1])} if net.sample_program.facts else {}
    d, whole = net.derive(), net.loss_expression()
    for name in net.parameters:
        for found, s in zip(d.explicit(name), net.symbols[name], strict=True):
            difference = smooth(sp.diff(whole, s)) - smooth(found)
            assert sp.simplify(difference.subs(fact)) == 0


# lambdify --------------------------------------------------------------------------------


@pytest.mark.parametrize(("hidden", "loss"), SMALL)
def test_a_lambdified_line_agrees_with_its_evaluation(hidden: str, loss: str) -> None:
    layers = [Dense(4, hidden), Dropout(0.3), Dense(3, LOSSES[loss].final or "linear")]
    net = Network(inputs=2, layers=layers, loss={"name": loss, "l2": 0.2}, activations=USER)
    d = net.derive()
    for program in (d.program, d.stable):
        values = draw(program, np.random.default_rng(3), {"N": N})
        values |= {"t": np.asarray(2)} if "t" in program.tensors else {}
        known = evaluate(program, values, {"N": N})
        for line in program.lines:
            reads = {name_of(e): known[name_of(e)] for e in line.reads}
            found = line.lambdify()(**reads)
            np.testing.assert_allclose(found, known[line.lhs.name], rtol=1e-12, atol=1e-13)


# SymPy ------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(10))
def test_a_line_as_a_sympy_equation_has_the_values_of_the_line(seed: int) -> None:
    """The sum is written out by SymPy, and every entry takes its number."""
    derivation = random_network(seed).derive()
    program = derivation.sample.program
    arrays = evaluate(program, draw(program, np.random.default_rng(seed)))
    for line in program.lines:
        equation = line.sympy()
        assert isinstance(equation, sp.Eq) and equation.lhs == line.lhs.entry
        right = equation.rhs.doit()
        for at in np.ndindex(arrays[line.lhs.name].shape):
            place = {a.symbol: i for a, i in zip(line.lhs.axes, at, strict=True)}
            f = right.subs(place).doit()
            numbers = {e: arrays[name_of(e)][tuple(map(int, indices_of(e)))] for e in entries(f)}
            found = complex(f.xreplace({e: sp.Float(float(v)) for e, v in numbers.items()}))
            want = float(arrays[line.lhs.name][at])
            assert abs(found - want) <= 1e-9 * max(1.0, abs(want)), line


def test_a_maximum_has_no_sympy_equation() -> None:
    net = Network(inputs=2, layers=[Dense(3, "softmax")], loss="cross_entropy")
    (line,) = (x for x in net.derive().stable.lines if any(t.reduce == "max" for t in x.terms))
    with pytest.raises(ValueError, match="no sign for a max"):
        line.sympy()


def test_long_expressions_say_so_and_longer_ones_are_refused() -> None:
    def net(*units: int) -> Network:
        layers = [Dense(u, "tanh") for u in units[1:]]
        return Network(inputs=units[0], layers=layers, loss="mse")

    long = net(2, *[2] * 14, 1)
    with pytest.warns(UserWarning, match=r"the loss has about .* operations.*lambdify\(\)"):
        long.loss_expression()
    for deep in (net(64, 128, 64, 10), net(2, *[4] * 100)):
        with pytest.raises(ValueError, match=r"F\(x\) has more than 1e\+07 operations.*lambdify"):
            deep.expression()
