"""Softmax and log-sum-exp by the largest exponent: which lines are shifted, and what they give."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import symnn
from symnn.engine.complex_step import draw
from symnn.engine.evaluate import evaluate
from symnn.engine.stabilise import rescaled
from symnn.spec.sources import LINES, example_path

HUGE = 800.0


def derived(text: str, wrt: list[str] | None = None) -> Any:
    return symnn.lines(text).derive(wrt=wrt)


def of_example(name: str) -> Any:
    return derived(example_path(name, LINES).read_text(encoding="utf-8"))


def rows(derivation: Any) -> list[str]:
    """The stable form, scans in one list with the rest."""
    return [str(line) for line in derivation.stable.lines]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "rnn",
            """m[n] = max_{o_2} s[n,o_2]
p_1[n] = sum_{o_2} exp(s[n,o_2] - m[n])
p[n,o] = exp(s[n,o] - m[n])/p_1[n]
L = sum_{n,o} -(s[n,o] - log(p_1[n]) - m[n])*y[n,o]/N
ds[n,o] = (p[n,o] - y[n,o])/N""",
        ),
        (
            "embedding",
            """m[n] = max_{k} z[n,k]
p_1[n] = sum_{k} exp(z[n,k] - m[n])
p[n,o] = exp(z[n,o] - m[n])/p_1[n]
L = sum_{n,o} -(z[n,o] - log(p_1[n]) - m[n])*y[n,o]/N
dz[n,o] = (p[n,o] - y[n,o])/N""",
        ),
        (
            "attention",
            """l[n,a,t] = max_{w} -S[n,a,t,w]
m[n,a,t] = max_{w} (S[n,a,t,w] + l[n,a,t])*[t >= w] - l[n,a,t]
E[n,a,t,u] = [t >= u]*exp((S[n,a,t,u] - m[n,a,t])*[t >= u])
P_1[n,a,t] = sum_{w} E[n,a,t,w]
P[n,a,t,u] = E[n,a,t,u]/P_1[n,a,t]
dS_sum[n,a,t] = sum_{u} P[n,a,t,u]*dP[n,a,t,u]
dS[n,a,t,u] = (dP[n,a,t,u] - dS_sum[n,a,t])*P[n,a,t,u]""",
        ),
        (
            "ctc",
            """m[t] = max_{c} e_1[t,c]
e[t,o] = exp(e_1[t,o] - m[t])
p_1[t] = sum_{c} e[t,c]
p[t,o] = e[t,o]/p_1[t]
de_1_sum[t] = sum_{o} dp[t,o]*p[t,o]
de_1[t,o] = (dp[t,o] - de_1_sum[t])*p[t,o]""",
        ),
    ],
)
def test_the_lines_of_examples(name: str, expected: str) -> None:
    """As text; and gradients by the probabilities, as the textbooks write them."""
    found = rows(of_example(name))
    wanted = expected.splitlines()
    assert [row for row in found if row in wanted] == wanted


@pytest.mark.parametrize(
    ("text", "expected", "scaled"),
    [
        # the logarithm of the sum alone, and of a quotient in one line
        (
            "input z[k<3]\nL = log(sum_k exp(z[k]))",
            ["m = max_{k} z[k]", "L_1 = sum_{k} exp(z[k] - m)", "L = m + log(L_1)"],
            ["L_1"],
        ),
        (
            "input z[k<3], y[k]\nL = -sum_k y[k]*log(exp(z[k]/2)/(sum_{j<3} exp(z[j]/2)))",
            ["m = max_{j} z[j]/2", "L = sum_{k} -(z[k]/2 - m - log(L_1))*y[k]"],
            ["L_1"],
        ),
        # what is divided as well: sums of the exponentials with other factors
        (
            "input z[k<3], v[k], y\ne[k] = exp(z[k])\na = (sum_k v[k]*e[k])/(sum_k e[k])\nL = a*y",
            ["e[k] = exp(z[k] - m)", "a = a_1/a_2"],
            ["a_2", "e", "a_1", "da_1"],
        ),
        (
            "input z[n<N,k<3], v[k]\nh[n] = sum_k exp(z[n,k])*v[k]/(sum_{j<3} exp(z[n,j]))\n"
            "L = sum_n h[n]**2",
            ["h[n] = sum_{k} exp(z[n,k] - m[n])*v[k]/h_1[n]"],
            ["h_1"],
        ),
        # in a loop
        (
            "input x[t<4,k<3]\nparameter A[k,j<3]\nfor t:\n"
            "    z[t,k] = x[t,k] + sum_j A[k,j]*p[t-1,j]\n"
            "    p[t,k] = exp(z[t,k])/(sum_{j<3} exp(z[t,j]))\n"
            "L = sum_{t,k} x[t,k]*p[t,k]**2",
            ["m[t] = max_{j} z[t,j]", "p[t,k] = exp(z[t,k] - m[t])/p_1[t]"],
            ["p_1", "dp_1"],
        ),
        # two guards; names that are taken
        (
            "input m[t<6,u<6], l\nE[t,u] = exp(m[t,u])*[u <= t]*[u > t - 3]\n"
            "P[t,u] = E[t,u]/(sum_{w<6} E[t,w])\nL = l*sum_{t,u} m[t,u]*P[t,u]",
            [
                "l_2[t] = max_{w} -m[t,w]",
                "m_2[t] = max_{w} (l_2[t] + m[t,w])*[t >= w]*[w > t - 3] - l_2[t]",
            ],
            ["P_1", "E"],
        ),
    ],
)
def test_what_is_shifted(text: str, expected: list[str], scaled: list[str]) -> None:
    inputs = [t.name for t in symnn.lines(text).program.leaves_of("input")]
    derivation = derived(text, inputs)
    found = rows(derivation)
    assert [row for row in found if row in expected] == expected, found
    assert list(rescaled(derivation.program)) == scaled
    assert derivation.verify().ok
    values = draw(derivation.program, np.random.default_rng(0), {"N": 2})
    huge = {name: HUGE * np.sign(value) for name, value in values.items()}
    moved = evaluate(derivation.stable, huge)
    assert all(np.isfinite(array).all() for array in moved.values())


@pytest.mark.parametrize(
    "text",
    [
        # the sum is read as it is, or nobody reads it
        "L = sum_{n,k} v[k]*exp(z[n,k])/s[n] + sum_n s[n]",
        "L = sum_{n,k} exp(z[n,k])*v[k]",
        # the quotient is of others: of another sample, of the square
        "L = sum_{n,k} v[k]*exp(z[n,k])/s[1-n]",
        "L = sum_{n,k} v[k]*exp(z[n,k])/s[n]**2",
        "L = sum_n log(s[n] + 1)",
        "L = sum_{n,k} (v[k] if s[n] > 1 else exp(z[n,k])/s[n])",
    ],
)
def test_what_would_change_is_not_shifted(text: str) -> None:
    head = "input z[n<2,k<3], v[k]\ns[n] = sum_k exp(z[n,k])\n"
    derivation = derived(head + text, ["z"])
    assert rescaled(derivation.program) == {}
    assert derivation.stable == derivation.program


def test_exponents_that_leave_their_range_are_not_shifted() -> None:
    """They count as 0 in the sum, and take no part in a maximum."""
    text = """input x[t<4], v[t]
s[t] = sum_{k<3} exp(x[t+k-1])
L = sum_t v[t]*log(s[t])"""
    assert rescaled(derived(text, ["x"]).program) == {}


# --- large scores: against softmax by hand, in the evaluator and in the module


def softmax(z: Any, inside: Any = True) -> Any:
    z = np.where(inside, z, -np.inf)
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def large(name: str, scaled: str) -> tuple[dict[str, Any], Any, Any]:
    """Values of an example, one of its leaves times 800; all of its lines, and its module's."""
    text = example_path(name, LINES).read_text(encoding="utf-8")
    derivation = derived(text)
    values = draw(derivation.program, np.random.default_rng(4), {"N": 3})
    values[scaled] = HUGE * np.sign(values[scaled])
    found = evaluate(derivation.stable, values)
    assert all(np.isfinite(array).all() for array in found.values())
    with np.errstate(all="ignore"):
        plain = evaluate(derivation.program, values)
    assert not np.isfinite(plain["L"])  # what it is for
    module: Any = symnn.lines(text).compile()
    given = {n: values[n] for n in values if n not in module.PARAMETERS}
    x = {n: v for n, v in given.items() if n != "y"}
    x = {n: np.rint(v).astype(int) if n in ("tok", "l") else v for n, v in x.items()}
    params = {n: values[n] for n in module.PARAMETERS}
    loss, gradients = module.loss_and_gradients(params, x, given.get("y"))
    assert loss == pytest.approx(float(found["L"]), rel=1e-12)
    for parameter, gradient in gradients.items():
        exact = found[derivation.batch.names[parameter]]
        np.testing.assert_allclose(gradient, exact, rtol=1e-9, atol=1e-13)
    return values, found, derivation


@pytest.mark.parametrize(("name", "scaled", "z"), [("rnn", "V", "s"), ("embedding", "W", "z")])
def test_cross_entropy_of_large_scores(name: str, scaled: str, z: str) -> None:
    values, found, _ = large(name, scaled)
    p, y = softmax(found[z]), values["y"]
    np.testing.assert_allclose(found["p"], p, rtol=1e-12)
    np.testing.assert_allclose(found[f"d{z}"], (p - y) / len(y), rtol=1e-12, atol=1e-15)
    top = found[z].max(axis=-1, keepdims=True)
    logs = found[z] - top - np.log(np.exp(found[z] - top).sum(axis=-1, keepdims=True))
    assert found["L"] == pytest.approx(-(y * logs).sum() / len(y), rel=1e-12)


def test_attention_of_large_scores() -> None:
    """What the guard leaves out may be the largest by far."""
    _, found, _ = large("attention", "Q")
    past = np.tril(np.ones((4, 4), bool))
    assert found["S"].max() > HUGE and found["S"].min() < -HUGE
    p = softmax(found["S"], past)
    np.testing.assert_allclose(found["P"], p, rtol=1e-9, atol=1e-15)
    dp = found["dP"]
    expected = p * (dp - (p * dp).sum(axis=-1, keepdims=True))
    np.testing.assert_allclose(found["dS"], expected, rtol=1e-9, atol=1e-12 * np.abs(dp).max())


def test_probabilities_of_an_alignment_of_large_scores() -> None:
    """Along a path that is likely; an unlikely one is 0, and its logarithm no number."""
    derivation = of_example("ctc")
    values = draw(derivation.program, np.random.default_rng(4))
    path = np.array([0, 0, 1, 0, 2, 0])
    values["l"] = np.array([0.0, 1.0, 0.0, 2.0, 0.0])
    values["x"] = np.stack([np.cos(path * 2.1), np.sin(path * 2.1)], axis=1)
    values["A"] = HUGE * np.array([[np.cos(o * 2.1), np.sin(o * 2.1)] for o in range(3)])
    found = evaluate(derivation.stable, values)
    np.testing.assert_allclose(found["p"], softmax(found["e_1"]), rtol=1e-12, atol=1e-300)
    assert found["L"] == pytest.approx(0.0, abs=1e-12)
    assert np.abs(found["dA"]).max() < 1e-12
