"""The simplifier, fuzzed: no rewrite changes a value, and their order hardly changes a form."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st
from support.random_networks import N, leaves_of, random_network, scaled_error
from test_engine import assert_gradients_hold, i, leaf, let, loss

from symnn.derivation.sweeps import Sweep
from symnn.engine import simplify as module
from symnn.engine.diff import gradients
from symnn.engine.evaluate import evaluate
from symnn.engine.functions import named, nice, with_logistic_names
from symnn.engine.guards import scale_cases
from symnn.engine.ir import Line, Program, Tensor, Term, axis, lines_of
from symnn.engine.lower import primitive, split
from symnn.engine.rewrites import shorten
from symnn.engine.stabilise import stabilise

n, j, k = axis("n", 3), axis("j", 4), axis("k", 2)
X, Y, V, C = (
    Tensor(name, axes, "input")
    for name, axes in (("x", (n, j)), ("y", (n, j)), ("v", (j,)), ("c", ()))
)
ENTRIES = (X.entry, Y.entry, V.entry, C.entry)
VALUES = {t.name: np.random.default_rng(0).uniform(0.2, 0.8, [a.size for a in t.axes])
          for t in (X, Y, V, C)}  # fmt: skip


# expressions -------------------------------------------------------------------------------

ATOMS = st.sampled_from([*ENTRIES, 1 - X.entry, sp.S(2), sp.Rational(1, 3), sp.S(-1), sp.S.One])


def larger(inner: st.SearchStrategy[sp.Expr]) -> st.SearchStrategy[sp.Expr]:
    """Sums, products, quotients, powers, functions and case distinctions of expressions."""
    apply = st.sampled_from([named("sigmoid"), named("softplus"), sp.exp, sp.tanh, sp.sin])
    bounded = inner.map(lambda f: sp.sin(f))
    return st.one_of(
        st.builds(lambda a, b: a + b, inner, inner),
        st.builds(lambda a, b: a * b, inner, inner),
        st.builds(lambda a, b: a - b, inner, inner),
        st.builds(lambda a: a / X.entry, inner),
        st.builds(lambda a: a / (1 - Y.entry), inner),
        st.builds(lambda a: a**2, inner),
        st.builds(lambda f, a: f(a), apply, bounded),
        st.builds(lambda a, b: sp.Piecewise((a, X.entry > sp.S.Half), (b, True)), inner, inner),
        st.builds(lambda a: sp.log(1 + sp.exp(a)), bounded),
        st.builds(lambda a: 1 / (1 + sp.exp(a)), bounded),
        st.builds(lambda a, b: sp.exp(a) / (1 + sp.exp(a)) * b, bounded, inner),
    )


EXPRESSIONS = st.recursive(ATOMS, larger, max_leaves=12).filter(
    lambda f: not f.has(sp.zoo, sp.nan, sp.oo)
)


def value(f: sp.Expr, over: Any = ()) -> np.ndarray[Any, Any]:
    line = Line(Tensor("out", (n, j)), (Term(f, over),))
    found: np.ndarray[Any, Any] = evaluate(Program((X, Y, V, C), (line,)), VALUES)["out"]
    return found


def unsplit(f: sp.Expr) -> sp.Expr:
    coefficient, factors = split(f)
    return coefficient * sp.Mul(*factors)


def unprimitive(f: sp.Expr) -> sp.Expr:
    return sp.Mul(*primitive(f)) if isinstance(f, sp.Add) else f


REWRITES: dict[str, Callable[[sp.Expr], sp.Expr]] = {
    "shorten": shorten,
    "scale_cases": scale_cases,
    "nice": nice,
    "with_logistic_names": with_logistic_names,
    "split": unsplit,
    "primitive": unprimitive,
}


@pytest.mark.parametrize("name", REWRITES)
@given(f=EXPRESSIONS)
def test_a_rewrite_of_a_summand_keeps_its_value(name: str, f: sp.Expr) -> None:
    before = value(f)
    after = value(REWRITES[name](f))
    assert np.abs(after - before).max() <= 1e-10 * max(1.0, float(np.abs(before).max()))


@given(f=EXPRESSIONS)
def test_cancelling_never_makes_a_summand_longer(f: sp.Expr) -> None:
    assert sp.count_ops(shorten(f)) <= sp.count_ops(f)
    assert sp.count_ops(scale_cases(f)) <= sp.count_ops(f)


def cases(u: sp.Expr, v: sp.Expr) -> sp.Expr:
    return sp.Piecewise((u, X.entry > 0), (v, True))


@pytest.mark.parametrize(
    ("f", "want"),
    [
        (2 * cases(X.entry / 2, V.entry / 2), cases(X.entry, V.entry)),
        (2 * V.entry * cases(X.entry / 2, sp.S.Half), V.entry * cases(X.entry, sp.S.One)),
        (
            cases(X.entry / 2, sp.S.Half) * (2 * V.entry + 2),
            cases(X.entry, sp.S.One) * (V.entry + 1),
        ),
        # nothing gets shorter, and a sum is no product
        (V.entry * cases(X.entry, Y.entry), V.entry * cases(X.entry, Y.entry)),
        (3 * cases(X.entry / 2, Y.entry), 3 * cases(X.entry / 2, Y.entry)),
        (2 + cases(X.entry / 2, V.entry / 2), 2 + cases(X.entry / 2, V.entry / 2)),
        (2 * X.entry, 2 * X.entry),
        (2 * sp.exp(cases(X.entry / 2, sp.S.Half)), 2 * sp.exp(cases(X.entry / 2, sp.S.Half))),
    ],
)
def test_numbers_go_into_cases_where_they_cancel(f: sp.Expr, want: sp.Expr) -> None:
    assert scale_cases(f) == want


@pytest.mark.parametrize(
    ("f", "want"),
    [
        (Y.entry / X.entry * X.entry, Y.entry),
        ((Y.entry / X.entry - (1 - Y.entry) / (1 - X.entry)) * X.entry * (1 - X.entry),
         Y.entry - X.entry),
        (X.entry * V.entry + Y.entry * V.entry, V.entry * (X.entry + Y.entry)),
        (X.entry * (1 - X.entry), X.entry * (1 - X.entry)),
    ],
)  # fmt: skip
def test_a_summand_is_cancelled_and_collected(f: sp.Expr, want: sp.Expr) -> None:
    assert shorten(f) == want


def test_only_a_line_that_is_the_function_itself_gives_its_value() -> None:
    """tanh(w) + b, a sum of tanh(w) and a mask are not the value of tanh(w)."""
    w, b = leaf("w", i), leaf("b", i)
    tanh = named("tanh")(w.entry)
    both = let("both", (i,), Term(tanh), Term(b.entry))
    total = let("total", (), Term(named("sigmoid")(w.entry), (i,)))
    mask = Line(Tensor("mask", (i,), "mask"), (Term(named("softplus")(w.entry), (i,), "first"),))
    functions = tanh * named("sigmoid")(w.entry) * named("softplus")(w.entry)
    end = loss(both.lhs.entry**2 + total.lhs.entry * functions * mask.lhs.entry, i)
    assert_gradients_hold(Program((w, b), (both, total, mask, end)))


def test_a_quotient_is_replaced_as_often_as_it_occurs() -> None:
    """e/s -> a only where both are there, with the same sign, often enough."""
    w, v = leaf("w", i), leaf("v", i)
    ratio = let("a", (i,), Term(w.entry / v.entry))
    square = let("b", (i,), Term(w.entry**2 / v.entry))
    end = loss(ratio.lhs.entry**3 * square.lhs.entry * w.entry**4 / v.entry**3, i)
    assert_gradients_hold(Program((w, v), (ratio, square, end)))


# the order of rewrites ---------------------------------------------------------------------


def shuffled(seed: int) -> type[Any]:
    """The simplifier with its rewrites tried, and its candidates taken, in another order."""
    rng = random.Random(seed)

    class Shuffled(module._Simplifier):
        def _rules(self) -> Any:
            rules = list(super()._rules())
            rng.shuffle(rules)
            return tuple(rules)

    return Shuffled


def sweep(net: Any, kind: type[Any]) -> Sweep:
    """The simplified gradients of a network, by one kind of simplifier."""
    program = net.program
    raw, names = gradients(program)
    keep = {names[t.name] for t in program.leaves_of("parameter")}
    simple, steps = kind(program, raw, keep).run()
    return Sweep(program, raw, names, simple, steps)


def test_the_order_of_rewrites_changes_no_value_and_hardly_a_form(
    pytestconfig: pytest.Config, note: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = same = largest = 0
    candidates = module._gradient_entries
    for seed in range(0, pytestconfig.getoption("networks"), 2):
        net = random_network(seed)
        values = leaves_of(net, np.random.default_rng([seed, 9]))
        plain = sweep(net, module._Simplifier)
        known = evaluate(plain.forward.extend(plain.raw), values, {"N": N})
        forms = {line.lhs.name: str(line) for line in lines_of(plain.simple)}
        for order in range(3):
            rng = random.Random(order)
            with monkeypatch.context() as patch:
                patch.setattr(
                    module,
                    "_gradient_entries",
                    lambda *a, rng=rng: rng.sample(found := candidates(*a), len(found)),
                )
                other = sweep(net, shuffled(1000 * seed + order))
            stable, _ = stabilise(other.program)
            for program in (other.program, stable):
                found = evaluate(program, values, {"N": N})
                for name in known.keys() & {line.lhs.name for line in lines_of(other.simple)}:
                    error = scaled_error(found[name], known[name])
                    assert error <= 1e-9, (net, name, error)  # unsimplified forms cancel digits
                    largest = max(largest, error)
            for line in lines_of(other.simple):
                lines += 1
                same += forms.get(line.lhs.name) == str(line)
    rate = 100 * same / lines
    note(
        f"simplifier: {lines} lines in other orders, {rate:.1f} % of the same form, "
        f"largest scaled error {largest:.1e}"
    )
    assert rate >= 95
