"""Gradients as their textbooks write them: the lines, as text."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.programs import ARCHITECTURES

import symnn
from symnn.api import Lines
from symnn.engine.ir import lines_of
from symnn.spec.reader import load_model


def backward(derivation: Any) -> list[str]:
    """The gradient lines."""
    return [str(line) for line in lines_of(derivation.batch.simple)]


# a factor that stands before a sum and before a term comes out of both; the sum is a line
@pytest.mark.parametrize(
    ("name", "wrt", "want"),
    [
        (
            "softmax-jacobian",
            "z",
            ["dz_sum = sum_{k} G[k]*p[k]", "dz[k] = (G[k] - dz_sum)*p[k]"],
        ),
        (
            "attention-sdpa",
            "S",
            [
                "dP[t,s] = sum_{v} G[t,v]*V[s,v]",
                "dS_sum[t] = sum_{s} P[t,s]*dP[t,s]",
                "dS[t,s] = (dP[t,s] - dS_sum[t])*P[t,s]",
            ],
        ),
        (
            "l2-normalise",
            "x",
            ["dx_sum = sum_{i} G[i]*y[i]", "dx[i] = (G[i] - dx_sum*y[i])/sqrt(y_1)"],
        ),
        (
            "gradient-bandit",
            "H",
            ["dH_sum = sum_{a} p[a]*q[a]", "dH[a] = (q[a] - dH_sum)*p[a]"],
        ),
    ],
)
def test_a_sum_with_a_common_factor_is_a_line(name: str, wrt: str, want: list[str]) -> None:
    derivation = symnn.lines(ARCHITECTURES[name]).derive(wrt=[wrt])
    found = backward(derivation)
    assert found[-len(want) :] == want
    assert derivation.verify().ok


# sum_k p[k] = 1 is proven by the line of p, and used where a whole row is read
@pytest.mark.parametrize(
    ("end", "want"),
    [
        ("-p[n,k]*log(q[n,k])", "dz[n,k] = q[n,k] - p[n,k]"),
        ("-p[n-1,k]*log(q[n,k])", None),  # the row before the first is 0
    ],
)
def test_the_sum_of_probabilities_is_one(end: str, want: str | None) -> None:
    text = f"""input z[n<3,k<4], v[n,k]
q[n,k] = exp(z[n,k])/(sum_{{l<4}} exp(z[n,l]))
p[n,k] = exp(v[n,k])/(sum_{{l<4}} exp(v[n,l]))
L = sum_{{n,k}} {end}"""
    derivation = symnn.lines(text).derive(wrt=["z"])
    assert (backward(derivation)[-1] == want) == (want is not None)
    assert any(step.facts for step in derivation.steps) == (want is not None)
    assert derivation.verify().ok


def derived(text: str, wrt: str) -> list[str]:
    """The gradient lines of a text, by one tensor; every step was checked."""
    derivation = symnn.lines(text).derive(wrt=[wrt])
    assert derivation.verify().ok
    return backward(derivation)


def test_common_factors_come_out_of_factors() -> None:
    text = """input u[n<3,d<2], v[n,d], Y[n]
D[n] = sum_d (u[n,d] - v[n,d])**2
L = sum_n D[n]*Y[n]"""
    assert derived(text, "u")[-1] == "du[n,d] = 2*(u[n,d] - v[n,d])*Y[n]"
    text = """input x[n<3], c[n], b[n]
h[n] = tanh(x[n])
L = sum_n (h[n]**3 - h[n])*c[n]"""
    assert derived(text, "x") == ["dx[n] = (1 - h[n]**2)*(3*h[n]**2 - 1)*c[n]"]


# what only gives another name is left out, also where it is read beyond its range, and turned round
@pytest.mark.parametrize(
    ("forward", "want"),
    [
        ("y[r,t] = x[t+1,r]*x[t,r]", "dx[t,r] = G[t - 1,r]*x[t - 1,r] + G[t,r]*x[t + 1,r]"),
        ("y[r,t] = x[t,r]**2", "dx[t,r] = 2*G[t,r]*x[t,r]"),
    ],
)
def test_a_line_that_only_names_another_is_left_out(forward: str, want: str) -> None:
    text = f"""input x[t<4,r<3], G[t,r]
{forward}
L = sum_{{t,r}} G[t,r]*y[r,t]"""
    assert derived(text, "x") == [want]


def test_a_line_that_spreads_a_value_keeps_its_line() -> None:
    """Beyond its range it is 0, and the value is not."""
    text = """input x[t<4], c
y[t] = x[t]*x[t-1]
L = sum_t c*y[t]"""
    assert derived(text, "x") == ["dy[t] = c", "dx[t] = dy[t + 1]*x[t + 1] + dy[t]*x[t - 1]"]


# what the range of an index decides; a bracket is solved where what is read ends with its axis
@pytest.mark.parametrize(
    ("text", "wrt", "want"),
    [
        (
            """input x[t<4], z0
for t:
    z[t] = (z[t-1]*x[t] if t > 0 else z0)
L = z[3]""",
            "z0",
            "dz0 = dz[0]",
        ),
        (
            """input X[i<4], K[a<3], G[o<9]
L = sum_{o,i,a} [o = a + 2*i]*G[o]*K[a]*X[i]""",
            "X",
            "dX[i] = sum_{a} G[a + 2*i]*K[a]",
        ),
        (  # exp(G) is 1 where G is 0
            """input X[i<4], K[a<3], G[o<9]
L = sum_{o,i,a} [o = a + 2*i]*exp(G[o])*K[a]*X[i]""",
            "X",
            "dX[i] = sum_{o,a} exp(G[o])*[o = a + 2*i]*K[a]",
        ),
    ],
)
def test_brackets_are_solved(text: str, wrt: str, want: str) -> None:
    assert derived(text, wrt)[-1] == want


def test_deviations_from_a_mean_sum_to_zero() -> None:
    derivation = symnn.lines(ARCHITECTURES["layernorm"]).derive(wrt=["x"])
    assert backward(derivation) == [
        "dxh[n,d] = G[n,d]*gamma[d]",
        "dx_sum[n] = sum_{d} dxh[n,d]*xh[n,d]",
        "dx_sum_1[n] = sum_{d} dxh[n,d]",
        "dx[n,d] = (dxh[n,d] - dx_sum[n]*xh[n,d]/5 - dx_sum_1[n]/5)/sd[n]",
    ]
    (fact,) = {fact for step in derivation.steps for fact in step.facts}
    assert str(fact.text) == "sum_{d} (x[n,d] - mu[n]) = 0"
    assert derivation.verify().ok


@pytest.mark.parametrize(
    "text",
    [
        "m[n] = sum_k x[n,k]/3",  # not all of them are counted
        "m[n] = sum_k x[n,k]/4 + 1",
        "m[n] = sum_k x[n+1,k]/4",
    ],
)
def test_what_is_no_mean_has_no_such_fact(text: str) -> None:
    text = f"""input x[n<2,k<4], c[n]
{text}
L = sum_{{n,k}} c[n]*(x[n,k] - m[n])**3"""
    derivation = symnn.lines(text).derive(wrt=["x"])
    assert not any(step.facts for step in derivation.steps)
    assert derivation.verify().ok


def test_a_root_and_a_function_of_a_sum_are_named() -> None:
    text = """input x[n<3], b[n]
h[n] = tanh(x[n] + b[n])
r[n] = sqrt(h[n])
L = sum_n r[n]*b[n]"""
    assert derived(text, "x") == ["dx[n] = (1 - h[n]**2)*b[n]/(2*r[n])"]


# terms that differ in one factor, over axes of other names
@pytest.mark.parametrize(
    ("loss", "want"),
    [
        ("x[i]*A[i,j]*x[j]", "dx[i] = sum_{j} (A[i,j] + A[j,i])*x[j]"),
        ("x[i]*A[i,j]*B[i,j]*x[j]", None),  # two factors
    ],
)
def test_sums_are_collected(loss: str, want: str | None) -> None:
    text = f"""input x[i<4], A[i,j<4], B[i,j]
L = sum_{{i,j}} {loss}"""
    (line,) = derived(text, "x")
    assert line == want if want else line.count("sum_") == 2


def test_a_root_of_a_whole_number_stands_below() -> None:
    text = """input x[n<3], y[n]
L = sum_n x[n]**2*y[n]/sqrt(3)"""
    lines = symnn.lines(text)
    derivation = lines.derive(wrt=["x"])
    assert backward(derivation) == ["dx[n] = 2*x[n]*y[n]/sqrt(3)"]
    assert r"\frac{2}{\sqrt{3}} x_{n} \, y_{n}" in derivation.latex()
    assert str(symnn.lines(str(lines))) == str(lines)


def test_a_sum_is_not_computed_for_each_value_of_another_axis() -> None:
    text = """input x[i<3], t[k<2], W[k,j<4]
parameter A[j,i]
z[j] = tanh(sum_i A[j,i]*x[i])
L = sum_k (sum_j W[k,j]*z[j] - t[k])**2/2"""
    assert derived(text, "A")[-2:] == [
        "dz_1[j] = sum_{k} (1 - z[j]**2)*L_1[k]*W[k,j]",
        "dA[j,i] = dz_1[j]*x[i]",
    ]


def test_two_sums_of_a_line_have_letters_of_their_own() -> None:
    printed = symnn.lines(ARCHITECTURES["layernorm"]).derive(wrt=["x"]).latex()
    assert "q_{x,n}" in printed and "r_{x,n}" in printed


def test_a_wrong_sum_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line that reads a sum is checked with the sum's own value."""
    derivation = symnn.lines(ARCHITECTURES["softmax-jacobian"]).derive(wrt=["z"])
    sweep = derivation.batch
    steps = list(sweep.steps)
    at = next(k for k, step in enumerate(steps) if step.rule == "name the sum")
    (term,) = steps[at].after.terms
    wrong = replace(steps[at].after, terms=(replace(term, f=2 * term.f),))
    steps[at] = replace(steps[at], after=wrong)
    derivation.batch = replace(sweep, steps=tuple(steps))
    assert not derivation.verify().ok


def test_layer_norm_and_attention_of_layers() -> None:
    spec = {
        "inputs": {"x": {"shape": ["t:4", "d:6"]}},
        "layers": [
            {"type": "layer_norm"},
            {"type": "attention", "heads": 2, "causal": True},
            {"type": "dense", "units": 2},
        ],
        "loss": {"name": "mse"},
    }
    derivation = Lines(load_model(spec)).derive()
    found = backward(derivation)
    for want in (
        "dS_2_sum[n,a,t] = sum_{u} P_2[n,a,t,u]*dP_2[n,a,t,u]",
        "dS_2[n,a,t,u] = (dP_2[n,a,t,u] - dS_2_sum[n,a,t])*P_2[n,a,t,u]",
    ):
        assert want in found, found
    assert derivation.verify().ok


def test_a_name_that_is_taken() -> None:
    text = """input z[k<4], G[k], dz_sum
p[k] = exp(z[k])/(sum_{l<4} exp(z[l]))
L = sum_k G[k]*p[k]*dz_sum"""
    found = backward(symnn.lines(text).derive(wrt=["z"]))
    assert any(line.startswith("dz_sum_ = ") for line in found), found
