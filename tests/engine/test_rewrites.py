"""Each rewrite of a summand by its law: where it applies, what it gives, where it must not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import sympy as sp

import symnn
from symnn.engine.diff import fresh_axis, gradients
from symnn.engine.functions import TABLE as FUNCTIONS
from symnn.engine.functions import function_class, named
from symnn.engine.ir import Line, Program, Tensor, Term, axis, entries
from symnn.engine.rewrites import (
    Values,
    by_value,
    inline,
    reads_barely,
    shorten,
    use_forward_values,
)
from symnn.engine.simplify import CHAIN, DERIVATIVE, FORWARD_VALUE, SHORTEN, SUBSTITUTE, simplify
from symnn.engine.sums import known_sum
from symnn.nn.losses import rows_sum_to_one

n, j, k, k_ = axis("n", 3), axis("j", 4), axis("k", 4), axis("k_", 4)
Z, A, E = (Tensor(name, (n, j)) for name in ("z", "a", "e"))
S, W, Y = Tensor("s", (n,)), Tensor("W", (j, k)), Tensor("y", (n, k), "target")
C = Tensor("c", (), "hyperparameter")


def let(lhs: Tensor, *terms: Term) -> Line:
    return Line(lhs, terms)


# a = sigmoid(z), p = e/s, q = e^2/s of a program; what is read only is a leaf
P, Q = Tensor("p", (n, j)), Tensor("q", (n, j))
FORWARD = Program(
    (Z, E, S),
    (
        let(A, Term(named("sigmoid")(Z.entry))),
        let(P, Term(E.entry / S.entry)),
    ),
)
VALUES = Values(FORWARD)


# values ------------------------------------------------------------------------------------


def test_an_application_is_the_value_that_names_it() -> None:
    sigmoid, tanh = named("sigmoid"), named("tanh")
    assert VALUES.of(sigmoid(Z[n, j])) == A[n, j]
    assert VALUES.of(sigmoid(Z[n, k])) == A[n, k]
    assert VALUES.of(tanh(Z[n, j])) is None
    assert VALUES.of(sigmoid(E[n, j])) is None
    assert VALUES.of(sigmoid(-Z[n, j])) is None
    assert use_forward_values(1 - sigmoid(Z[n, k]) + tanh(Z[n, j]), VALUES) == (
        1 - A[n, k] + tanh(Z[n, j])
    )


@pytest.mark.parametrize(
    ("f", "want"),
    [
        (E[n, j] / S[n], P[n, j]),
        (E[n, k] / S[n], P[n, k]),
        (C.entry * E[n, j] / S[n], C.entry * P[n, j]),
        (E[n, j] ** 2 / S[n] ** 2, P[n, j] ** 2),
        (E[n, j] ** 2 / S[n], E[n, j] * P[n, j]),
        (E[n, j] / S[n] ** 2, P[n, j] / S[n]),
        (E[n, j] * E[n, k] / S[n] ** 2, P[n, j] * P[n, k]),
        # not there
        (E[n, j] * S[n], E[n, j] * S[n]),
        (1 / S[n], 1 / S[n]),
        (S[n] / E[n, j], S[n] / E[n, j]),
        (E[n, j] / S[k], E[n, j] / S[k]),
        (Z[n, j] / S[n], Z[n, j] / S[n]),
    ],
)
def test_a_quotient_is_the_value_that_names_it(f: sp.Expr, want: sp.Expr) -> None:
    assert use_forward_values(f, VALUES) == want


def folded(text: str, wrt: str) -> str:
    """The gradient of L by one tensor of lines."""
    return str(symnn.lines(text).derive(wrt=[wrt]).gradients[wrt])


@pytest.mark.parametrize(
    ("text", "want"),
    [
        # factors that are functions, guards and roots are whole
        (
            """input x[n<N,k<3], v[k]
s[n] = sum_k exp(x[n,k])
p[n,k] = exp(x[n,k])/s[n]
L = sum_{n,k} p[n,k]*v[k]""",
            "dx[n,k] = (v[k] - dx_sum[n])*p[n,k]",
        ),
        (
            """input x[t<4], v[t]
e[t] = exp(x[t])*[t > 0]*v[t]
L = sum_t e[t]**2""",
            "dx[t] = 2*e[t]**2",
        ),
        (
            """input x[t<4]
e[t] = exp(-x[t]/2)
L = sum_t e[t]*t""",
            "dx[t] = -t*e[t]/2",
        ),
        (
            """input x[t<4], v
h[t] = x[t]/sqrt(v + 1)
L = sum_t t*h[t]""",
            "dx[t] = t/sqrt(v + 1)",
        ),
        (
            """input x[t<4], v
h[t] = x[t]/sqrt(v + 1)
L = sum_t t*h[t]""",
            "dv = sum_{t} -t*h[t]/(2*(v + 1))",
        ),
        # the entry is 0 before the first step, exp(0) is not
        (
            """input w[t<4], v[t]
e[t] = exp(w[t])
y[t] = exp(w[t-1])*v[t] + e[t]
L = sum_t y[t]**2""",
            "dv[t] = 2*exp(w[t - 1])*y[t]",
        ),
        (
            """input w[t<4], v[t]
e[t] = exp(w[t])*v[t]
y[t] = e[t-1]
L = sum_t y[t]**2""",
            "dw[t] = dy[t + 1]*e[t]",
        ),
        (
            """input w[t<4], v[t]
e[t] = exp(w[t])*v[t]
y[t] = w[t] + exp(w[t-1])*v[t-1]*v[t]
L = sum_t (y[t]**2 + e[t])""",
            "dv[t] = exp(w[t - 1])*dy[t]*v[t - 1] + exp(w[t])*dy[t + 1]*v[t + 1] + exp(w[t])",
        ),
    ],
)
def test_a_product_is_the_value_that_names_it(text: str, want: str) -> None:
    wrt = want[1 : want.index(" ")].partition("[")[0]
    assert folded(text, wrt) == want
    assert symnn.lines(text).derive(wrt=[wrt]).verify().ok


def test_a_line_of_several_terms_or_sums_names_nothing() -> None:
    tanh = named("tanh")(Z.entry)
    for line in (
        let(A, Term(tanh), Term(E.entry)),
        let(S, Term(named("tanh")(Tensor("v", (j,)).entry), (j,))),
        Line(Tensor("a", (n, j), "mask"), (Term(tanh),)),
    ):
        leaves = (Z, E, Tensor("v", (j,)))
        values = Values(Program(leaves, (line,)))
        assert not values.applied and not values.products


def test_a_derivative_is_written_by_the_value() -> None:
    prime = function_class(FUNCTIONS["sigmoid"], 1)
    f, notes = by_value(E.entry * prime(Z.entry), VALUES)
    assert f == E.entry * A.entry * (1 - A.entry)
    assert len(notes) == 1 and notes[0].startswith("sigmoid: ")
    f, _ = by_value(prime(E.entry), VALUES)
    a = named("sigmoid")(E.entry)
    assert f == a * (1 - a)
    assert by_value(named("sigmoid")(Z.entry), VALUES) == (named("sigmoid")(Z.entry), ())
    assert by_value(E.entry, VALUES) == (E.entry, ())


# guards ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "want"),
    [
        # cross entropy of whole numbers
        (
            """input z[n<N,k<4], q[n] of 4
s[n] = sum_k exp(z[n,k])
p[n,k] = exp(z[n,k])/s[n]
L = -sum_n log(p[n,q[n]])""",
            "dz[n,k] = p[n,k] - [k = q[n]]",
        ),
        # the same of a softmax in lines of its own, with a weight: nothing is divided by p
        (
            """input z[n<N,k<4], q[n] of 4, w[n]
e[n,k] = exp(z[n,k])
s[n] = sum_k e[n,k]
p[n,k] = e[n,k]/s[n]
L = -mean_n w[n]*log(p[n,q[n]])""",
            "dz[n,k] = (p[n,k] - [k = q[n]])*w[n]/N",
        ),
        # within its range alone: n has more values than k
        (
            """input x[n<5], v[k<3], W[n,k]
y[n] = sum_k [k = n]*v[k]*exp(x[n])
L = sum_n y[n]**2""",
            "dx[n] = sum_{k} 2*exp(x[n])*[k = n]*v[k]*y[n]",
        ),
        # a sum of 4 values at one place, and where a guard is 1 its sides are equal
        (
            """input x[n<4], W[n,k<4]
y[n] = sum_k [k = n]*W[n,k]*x[k]
L = sum_n y[n]""",
            "dx[n] = W[n,n]",
        ),
    ],
)
def test_a_guard_eliminates_a_sum(text: str, want: str) -> None:
    wrt = want[1 : want.index("[")]
    assert folded(text, wrt) == want
    assert symnn.lines(text).derive(wrt=[wrt]).verify().ok


# facts -------------------------------------------------------------------------------------

FACT = rows_sum_to_one(Y)


@pytest.mark.parametrize(
    ("term", "want"),
    [
        (Term(Y.entry, (k,)), Term(sp.S.One)),
        (Term(C.entry * S.entry * Y.entry, (k,)), Term(C.entry * S.entry)),
        (Term(-2 * Y.entry, (k,)), Term(sp.S(-2))),
        (Term(Y[n, j], (j,)), Term(sp.S.One)),
    ],
)
def test_a_sum_that_is_known_is_its_value(term: Term, want: Term) -> None:
    assert known_sum(term, (FACT,)) == (want, (FACT,))
    double = replace(FACT, value=sp.S(2))
    assert known_sum(term, (double,)) == (Term(2 * want.f), (double,))


@pytest.mark.parametrize(
    "term",
    [
        Term(Y.entry),
        Term(Y.entry, (k,), "max"),
        Term(Y.entry, (n,)),
        Term(Y.entry, (n, k)),
        Term(Y.entry**2, (k,)),
        Term(W.entry * Y.entry, (k,)),
        Term(Y[n, j], (k,)),
        Term(Y[n, k.symbol + 1], (k,)),
        Term(Y[k, k], (k,)),
        Term(Y[k, j], (k,)),
        Term(Tensor("x", (n, k)).entry, (k,)),
        Term(sp.log(Y.entry), (k,)),
    ],
)
def test_any_other_sum_is_kept(term: Term) -> None:
    assert known_sum(term, (FACT,)) == (term, ())
    assert known_sum(Term(Y.entry, (k,)), ()) == (Term(Y.entry, (k,)), ())


# substitution ------------------------------------------------------------------------------

D = Tensor("d", (n, k), "gradient")
INNER = let(D, Term(S.entry * Tensor("v", (k,)).entry), Term(W[j, k] * E.entry, (j,)))


def bound(*axes: Any) -> dict[sp.Symbol, Any]:
    return {a.symbol: a for a in axes}


def test_a_definition_is_put_in_the_place_of_an_entry() -> None:
    v = Tensor("v", (k,))
    found = inline(Term(2 * D[n, k], (n,)), D[n, k], INNER, bound(n, k))
    assert found == (
        Term(2 * S.entry * v.entry, (n,)),
        Term(2 * W[j, k] * E.entry, (n, j)),
    )


def test_an_axis_that_would_be_captured_gets_another_name() -> None:
    outer = Term(D[n, j] * C.entry, (j,))
    _, second = inline(outer, D[n, j], INNER, bound(n, j))
    inner = [a for a in second.over if a != j]
    assert len(inner) == 1 and inner[0].name == "j_" and inner[0].size == j.size
    assert second.f == W[inner[0], j] * E[n, inner[0]] * C.entry


def test_fresh_names_avoid_all_that_are_used() -> None:
    assert fresh_axis(k, [], []).name == "k_"
    assert fresh_axis(k, [k_.symbol], []).name == "k__"
    assert fresh_axis(k, [], [k_.symbol]).name == "k__"
    assert fresh_axis(k, [], []).size == k.size


@pytest.mark.parametrize(
    ("term", "entry", "barely"),
    [
        (Term(D[n, k] * S.entry), D[n, k], True),
        (Term(D[n, j] * S.entry), D[n, j], True),
        (Term(D[n, k] + S.entry), D[n, k], False),  # no factor
        (Term(D[n, k] ** 2), D[n, k], False),
        (Term(D[n, k] * sp.exp(D[n, k])), D[n, k], False),
        (Term(D[n, k] * D[n, j]), D[n, k], False),
        (Term(D[n, k.symbol + 1]), D[n, k.symbol + 1], False),  # may be outside its range
        (Term(D[n, 0]), D[n, 0], False),
        (Term(D[n, n]), D[n, n], False),
        (Term(D[n, k], (k,), "max"), D[n, k], False),
    ],
)
def test_an_entry_is_substituted_only_as_a_bare_factor(
    term: Term, entry: sp.Expr, barely: bool
) -> None:
    assert reads_barely(term, entry, INNER, bound(n, k, j)) == barely
    short = axis("k", 2)  # an axis of another size reads outside, or not all
    assert not reads_barely(Term(D[n, k]), D[n, k], INNER, bound(n) | {k.symbol: short})


# the lines that are left -------------------------------------------------------------------


def lines_and_rules(program: Program, keep: Any = None) -> tuple[dict[str, str], list[str]]:
    items, names = gradients(program)
    kept = [names[t] for t in (keep or [t.name for t in program.leaves_of("parameter")])]
    simple, steps = simplify(program, items, kept)
    return {line.lhs.name: str(line) for line in simple}, [s.rule for s in steps]


def chain(depth: int) -> Program:
    """w -> tanh -> … -> L; every gradient but the first is read once."""
    w = Tensor("w", (j,), "parameter")
    lines, last = [], w
    for d in range(depth):
        lines.append(let(Tensor(f"t{d}", (j,)), Term(named("tanh")(last.entry))))
        last = lines[-1].lhs
    return Program((w,), (*lines, let(Tensor("L"), Term(last.entry**2 / 2, (j,)))))


def test_a_gradient_that_is_read_once_is_put_in_its_place() -> None:
    found, rules = lines_and_rules(chain(2))
    assert list(found) == ["dw"]
    assert found["dw"] == "dw[j] = (1 - t0[j]**2)*(1 - t1[j]**2)*t1[j]"
    assert {CHAIN, SUBSTITUTE, DERIVATIVE, FORWARD_VALUE} >= set(rules) - {SHORTEN}
    assert rules.count(CHAIN) == 4


def test_a_gradient_that_must_be_kept_is_kept() -> None:
    found, _ = lines_and_rules(chain(2), keep=["t0", "w"])
    assert found == {
        "dt0": "dt0[j] = (1 - t1[j]**2)*t1[j]",
        "dw": "dw[j] = (1 - t0[j]**2)*dt0[j]",
    }


def test_a_gradient_that_two_lines_read_stays_a_line() -> None:
    w, v = Tensor("w", (j,), "parameter"), Tensor("v", (j,), "parameter")
    y = let(Tensor("y", (j,)), Term(w.entry * v.entry))
    program = Program((w, v), (y, let(Tensor("L"), Term(sp.exp(y.lhs.entry), (j,)))))
    found, _ = lines_and_rules(program)
    assert list(found) == ["dy", "dw", "dv"] or list(found) == ["dy", "dv", "dw"]
    assert found["dw"] == "dw[j] = dy[j]*v[j]"


def test_a_product_of_sums_is_computed_in_two_steps() -> None:
    """dz = sum_k W dy is not put into the sum over n of dv = sum_n dz x."""
    x, v = Tensor("x", (n, k), "input"), Tensor("v", (j, k), "parameter")
    u = Tensor("u", (axis("o", 2), j), "parameter")
    z = let(Tensor("z", (n, j)), Term(x.entry * v.entry, (k,)))
    y = let(Tensor("t", (n, axis("o", 2))), Term(u.entry * z.lhs.entry, (j,)))
    program = Program((x, v, u), (z, y, let(Tensor("L"), Term(y.lhs.entry**2, y.lhs.axes))))
    found, _ = lines_and_rules(program)
    assert list(found) == ["dt", "du", "dz", "dv"]
    assert all("sum_{n" in found[name] for name in ("du", "dv"))
    assert found["dz"] == "dz[n,j] = sum_{o} dt[n,o]*u[o,j]"


def test_terms_without_a_sum_become_one() -> None:
    w = Tensor("w", (j,), "parameter")
    program = Program((w,), (let(Tensor("L"), Term(w.entry, (j,)), Term(w.entry**2 / 2, (j,))),))
    found, _ = lines_and_rules(program)
    assert found == {"dw": "dw[j] = w[j] + 1"}


def test_a_summand_is_a_polynomial_over_its_atoms() -> None:
    """A function of entries, a guard and a case are atoms: nothing in them is expanded."""
    sigmoid = named("sigmoid")(Z.entry + E.entry * (1 + S.entry))
    case = sp.Piecewise((E.entry, Z.entry > 0), (S.entry, True))
    guard = sp.KroneckerDelta(j.symbol, 0)
    f = sigmoid * case * guard / sigmoid + sigmoid * case * guard
    found = shorten(f)
    assert sp.expand(found - f) == 0 and set(entries(found)) == set(entries(f))
    assert found.has(sigmoid, case, guard)
