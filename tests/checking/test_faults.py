"""Faults planted in the rule, the rewrites, the facts and the table are each caught."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symnn
from symnn import Dense, Network
from symnn.checking import verify
from symnn.engine import diff, functions, rewrites, simplify, sums
from symnn.engine.complex_step import (
    Row,
    Summands,
    check_gradients,
    directions,
    gradient_error,
)
from symnn.engine.evaluate import Evaluator
from symnn.engine.functions import Function
from symnn.engine.ir import Line, Program, Scan, Tensor, Term, axis, lines_of
from symnn.engine.text import read
from symnn.nn import losses
from symnn.nn.losses import LOSSES

CACHES = (
    diff._derivative,
    rewrites._shortest,
    sums._factored,
    functions.found_derivative,
    functions.definition,
)


def clear() -> None:
    for cache in CACHES:
        cache.cache_clear()


@pytest.fixture
def plant(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Replaces an attribute of a module; no cache outlives the fault."""
    clear()
    yield lambda module, name, fault: monkeypatch.setattr(module, name, fault)
    monkeypatch.undo()
    clear()


def network(loss: str, hidden: str = "tanh", l2: float = 0.0) -> Network:
    layers = [Dense(3, hidden), Dense(2, LOSSES[loss].final or "linear")]
    return Network(inputs=2, layers=layers, loss={"name": loss, "l2": l2})


def holds(net: Network) -> bool:
    return net.derive().verify().ok


@pytest.mark.parametrize("hidden", ["tanh", "sigmoid", "softmax", "gelu"])
@pytest.mark.parametrize("loss", LOSSES)
def test_a_network_without_a_fault_holds(loss: str, hidden: str) -> None:
    report = network(loss, hidden, 0.1).derive().verify()
    assert report.ok and report.rows, str(report)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("scale", ["1001/1000", "-1", "3/2"])
def test_a_scaled_rule_is_caught(plant: Callable[..., None], loss: str, scale: str) -> None:
    partial_derivative, factor = diff.partial_derivative, sp.Rational(scale)
    plant(diff, "partial_derivative", lambda f, entry: factor * partial_derivative(f, entry))
    report = network(loss).derive().verify()
    assert not report.ok
    adjoints = [row for row in report.rows if row.what == "adjoint"]
    assert adjoints and not any(row.ok for row in adjoints)
    assert any(simplify.CHAIN in row.what for row in report.failed)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_flipped_sign_of_a_rewrite_is_caught(plant: Callable[..., None], loss: str) -> None:
    shorten = rewrites.shorten

    plant(simplify, "shorten", lambda f: -shorten(f))
    report = network(loss, "sigmoid", 0.1).derive().verify()
    changed = {row.what.split(", ")[-1] for row in report.failed}
    assert not report.ok and simplify.SHORTEN in changed


@pytest.mark.parametrize("value", [sp.S(2), sp.S(0), sp.Rational(1001, 1000)])
def test_a_false_fact_is_caught(plant: Callable[..., None], value: sp.Expr) -> None:
    fact = losses.rows_sum_to_one
    plant(losses, "rows_sum_to_one", lambda y: replace(fact(y), value=value))
    report = network("cross_entropy").derive().verify()
    assert not report.ok
    assert any(simplify.FACT in row.what for row in report.failed)


@pytest.mark.parametrize("hidden", ["tanh", "sigmoid", "relu", "softplus", "elu", "gelu"])
def test_a_wrong_derivative_of_a_function_is_caught(
    plant: Callable[..., None], hidden: str
) -> None:
    found_derivative = functions.found_derivative

    def wrong(row: Function, order: int = 1) -> Any:
        found, how = found_derivative(row, order)
        return found * sp.Rational(1001, 1000), how

    plant(rewrites, "found_derivative", wrong)
    report = network("sse", hidden).derive().verify()
    assert not report.ok
    assert any(simplify.DERIVATIVE in row.what for row in report.failed)


def test_a_wrong_forward_value_is_caught(plant: Callable[..., None]) -> None:
    plant(simplify, "use_forward_values", lambda f, values: 2 * f if f.has(sp.exp) else f)
    assert not holds(network("cross_entropy"))


def test_a_lost_term_is_caught(plant: Callable[..., None]) -> None:
    inline = rewrites.inline
    plant(simplify, "inline", lambda *a: inline(*a)[:-1])
    assert not holds(network("sse"))


def test_a_halved_sum_is_caught(plant: Callable[..., None]) -> None:
    pullback = diff.pullback

    def halved(*a: Any) -> Any:
        term = pullback(*a)
        return replace(term, f=term.f / 2 if term.over else term.f)

    plant(diff, "pullback", halved)
    assert not holds(network("mse"))


def test_nothing_of_a_fault_remains() -> None:
    assert holds(network("cross_entropy")) and holds(network("norm"))


# gradients that are exactly 0 ------------------------------------------------------------------

n, j, k, t = axis("n", 3), axis("j", 4), axis("k", 2), axis("t", 3)


def let(name: str, axes: tuple[Any, ...], *terms: Term) -> Line:
    return Line(Tensor(name, axes), terms)


def shifted_softmax() -> Program:
    """What is added to every score, b[n] = sum_k w[k] v[n,k], leaves softmax as it is."""
    z, w, v = (
        Tensor(*x)
        for x in (("z", (n, j), "parameter"), ("w", (k,), "parameter"), ("v", (n, k), "input"))
    )
    b, e, s, p = Tensor("b", (n,)), Tensor("e", (n, j)), Tensor("s", (n,)), Tensor("p", (n, j))
    return Program(
        (z, w, v),
        (
            let("b", (n,), Term(w.entry * v.entry, (k,))),
            let("e", (n, j), Term(sp.exp(z.entry + b.entry))),
            let("s", (n,), Term(e.entry, (j,))),
            let("p", (n, j), Term(e.entry / s.entry)),
            let("L", (), Term(p.entry**2, (n, j))),
        ),
    )


def bias_before_centring() -> Program:
    """u = x + b - mean(x + b), as before batch normalisation."""
    x, b, u, m = (
        Tensor(*y)
        for y in (("x", (n, j), "parameter"), ("b", (j,), "parameter"), ("u", (n, j)), ("m", (j,)))
    )
    a = Tensor("a", (n, j))
    return Program(
        (x, b),
        (
            let("a", (n, j), Term(x.entry + b.entry)),
            let("m", (j,), Term(a.entry / 3, (n,))),
            let("u", (n, j), Term(a.entry - m.entry)),
            let("L", (), Term(sp.exp(u.entry), (n, j))),
        ),
    )


def shifted_in_a_recurrence() -> Program:
    """The shift c of every score is carried from step to step."""
    z, c, s = Tensor("z", (t, j), "parameter"), Tensor("c", (t,)), Tensor("s", (t,))
    w, e, p = Tensor("w", (t,), "parameter"), Tensor("e", (t, j)), Tensor("p", (t, j))
    before = c[t.symbol - 1]
    return Program(
        (z, w),
        (
            Scan(t, (let("c", (t,), Term(2 * before), Term(w.entry)),)),
            let("e", (t, j), Term(sp.exp(z.entry + c.entry))),
            let("s", (t,), Term(e.entry, (j,))),
            let("p", (t, j), Term(e.entry / s.entry)),
            let("L", (), Term(p.entry**2, (t, j))),
        ),
    )


ZERO = {
    "softmax": (shifted_softmax, {"b", "w"}),
    "centring": (bias_before_centring, {"b"}),
    "recurrence": (shifted_in_a_recurrence, {"c", "w"}),
}


def swept(name: str) -> tuple[Program, tuple[Any, ...], dict[str, str], set[str]]:
    program = ZERO[name][0]()
    items, names = diff.gradients(program)
    return program, items, names, ZERO[name][1]


def checked(program: Program, items: Any, names: dict[str, str]) -> dict[str, Row]:
    report = check_gradients(program, items, names, np.random.default_rng(3))
    return {row.what.removeprefix("dL/d"): row for row in report.rows}


@pytest.mark.parametrize("name", ZERO)
def test_a_gradient_that_is_zero_holds_and_is_said_to_be_zero(name: str) -> None:
    program, items, names, zero = swept(name)
    rows = checked(program, items, names)
    assert all(row.ok for row in rows.values()), rows
    assert {tensor for tensor, row in rows.items() if row.zero} == zero
    assert all(("it is 0" in str(row)) == (tensor in zero) for tensor, row in rows.items())
    nothing = [
        replace(i, terms=()) if isinstance(i, Line) and i.lhs.wrt in zero else i for i in items
    ]
    if name != "recurrence":  # what says 0 outright is right as well
        assert all(row.ok for row in checked(program, nothing, names).values())


@pytest.mark.parametrize("name", ZERO)
def test_a_wrong_gradient_is_caught_where_the_right_one_is_zero(name: str) -> None:
    program, items, names, zero = swept(name)
    lines = {line.lhs.wrt: line for line in lines_of(items) if line.lhs.wrt}
    first = min(zero)  # nearest to the loss, so that its summands are not 0 themselves
    (at,) = (at for at, term in enumerate(lines[first].terms) if term.over)
    terms = [*lines[first].terms]
    for factor in (1 + sp.Rational(1, 10**9), 2):
        # wrong in some summands alone: all of them wrong alike are 0 again
        wrong = factor + (1 - factor) * sp.KroneckerDelta(terms[at].over[0].symbol, 0)
        changed = [*terms[:at], replace(terms[at], f=terms[at].f * wrong), *terms[at + 1 :]]
        spoiled = _replaced(items, replace(lines[first], terms=tuple(changed)))
        assert not checked(program, spoiled, names)[first].ok, factor


def test_zero_is_wrong_for_a_gradient_that_is_not() -> None:
    for name in ZERO:
        program, items, names, zero = swept(name)
        for line in lines_of(items):
            if line.lhs.wrt not in (*zero, "L", None):
                row = checked(program, _replaced(items, replace(line, terms=())), names)
                assert not row[line.lhs.wrt].ok, line


def _replaced(items: Any, line: Line) -> list[Any]:
    def own(old: Line) -> Line:
        return line if old.lhs.name == line.lhs.name else old

    return [
        replace(i, lines=tuple(map(own, i.lines))) if isinstance(i, Scan) else own(i) for i in items
    ]


@pytest.mark.parametrize(
    ("found", "exact", "summands", "ok", "zero"),
    [
        (0.0, 0.0, 0.0, True, False),
        (1e-300, 0.0, 0.0, False, False),
        (0.0, 1e-300, 0.0, False, False),
        (1e-17, -1e-17, 1.0, True, True),
        (1e-9, 0.0, 1.0, False, False),
        (0.0, 0.0, 1.0, True, True),
        (1.0, 1.0, np.inf, False, False),
        (1.0, 1.0, np.nan, False, False),
        (np.nan, 1.0, 1.0, False, False),
        (1.0, np.inf, 1.0, False, False),
    ],
)
def test_no_scale_makes_a_difference_pass(
    found: float, exact: float, summands: float, ok: bool, zero: bool
) -> None:
    probes = np.ones((1, 1))
    verdict = gradient_error(np.array([found]), np.array([exact]), probes, summands)
    assert (verdict.ok, verdict.zero) == (ok, zero), verdict


# large programs, of which fewer entries are compared -----------------------------------------

DEEP = """
input x[n<N,i<4]
target y[n,i]
parameter A[j<4,i]
z[n,j] = sum_i A[j,i]*x[n,i]
m[n] = mean_j z[n,j]
u[n,j] = z[n,j] - m[n]
v[n] = mean_j u[n,j]**2
h[n,j] = u[n,j]/sqrt(v[n] + 1/100)
L = mean_n sum_i (tanh(h[n,i]) - y[n,i])**2
"""


@pytest.mark.parametrize("work", [1, 2_000, 20_000])
@pytest.mark.parametrize("scale", ["1001/1000", "-1"])
def test_along_random_directions_a_fault_is_caught(
    plant: Callable[..., None], monkeypatch: pytest.MonkeyPatch, work: int, scale: str
) -> None:
    monkeypatch.setattr(verify, "WORK", work)
    report = symnn.lines(DEEP).derive().verify()
    assert report.ok and report.probes == verify.probes_within(symnn.lines(DEEP).derive().batch)
    entries, random = report.probes
    assert (entries, random) == {1: (0, 1), 2_000: (8, 2), 20_000: (40, 2)}[work]
    assert ("random direction" in report.verdict) == (work < 20_000)
    partial_derivative, factor = diff.partial_derivative, sp.Rational(scale)
    plant(diff, "partial_derivative", lambda f, entry: factor * partial_derivative(f, entry))
    report = symnn.lines(DEEP).derive().verify()
    assert any(simplify.CHAIN in row.what for row in report.failed)


def test_one_wrong_entry_of_many_is_seen_by_one_direction() -> None:
    rng = np.random.default_rng(0)
    exact = rng.normal(size=(300, 200))
    wrong = exact.copy()
    wrong[123, 45] *= 1 + 1e-6
    for found, ok in ((exact, True), (wrong, False)):
        probes = directions(exact.shape, rng, 0, 1)
        slopes = (probes * exact).sum(axis=(1, 2))
        assert gradient_error(found, slopes, probes, 1.0).ok == ok


EQUAL = """
input x[n<N]
target y[n,f<3]
parameter g[f]
r[n,f] = [f = 0]*x[n] + [f = 1]*x[n] + [f = 2]*x[n]
m[n] = mean_f r[n,f]
u[n,f] = r[n,f] - m[n]
v[n] = mean_f u[n,f]**2
h[n,f] = u[n,f]/sqrt(v[n] + 1/100000)
L = mean_n sum_f (g[f]*h[n,f] - y[n,f])**2
"""


@pytest.mark.parametrize("seed", range(4))
def test_what_is_computed_from_rounding_is_no_fault(seed: int) -> None:
    """Equal values without their mean are 0, but for rounding that is as large as they are."""
    report = symnn.lines(EQUAL).derive().verify(seed)
    assert report.ok, [str(row) for row in report.failed]


def test_summands_follow_the_forward_pass() -> None:
    """Of u = r - m they are |r| + |m|, also where u is 0; of a maximum, its value."""
    text = "input x[i<2]\nz = x[0] - x[0]*x[1]\nq = z**2\nm = max_i x[i]\nL = q*m"
    program = read(text)
    evaluator = Evaluator(program.leaves, {"x": np.array([-3.0, 1.0])})
    evaluator.run(program.items)
    found = Summands(evaluator, program.items).largest
    assert found == {"z": 6.0, "q": 36.0, "m": 1.0, "L": 36.0}
