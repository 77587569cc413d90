"""Lines as text: read and show are inverse, and mistakes are told with their place."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from support.programs import PROGRAMS
from support.random_lines import Hostile, Programs
from support.random_networks import random_network

import symnn
from symnn.engine.ir import Scan
from symnn.engine.mistakes import TextError
from symnn.engine.text import parse, read, show

EXAMPLES = ("deep", "digits", "logistic_regression", "norm_loss", "regression", "xor")


@pytest.mark.parametrize("name", PROGRAMS)
def test_show_is_the_inverse_of_read(name: str) -> None:
    text = PROGRAMS[name]
    assert show(read(text), parse(text)) == text
    assert read(show(read(text))) == read(text)


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_are_read_as_they_are_shown(name: str) -> None:
    net = symnn.load(name)
    for program in (net.program, net.sample_program):
        assert read(show(program)) == program


def test_random_networks_are_read_as_they_are_shown(sampled_seed: int) -> None:
    net = random_network(sampled_seed)
    for program in (net.program, net.sample_program):
        assert read(show(program), net._functions) == program


def lines_of(text: str) -> list[str]:
    program = read(text)
    return str(program).splitlines()[-len(program.items) :]


@pytest.mark.parametrize(
    ("written", "understood"),
    [
        ("L = 2*sum_i x[i]*y[i]", ["L = sum_{i} 2*x[i]*y[i]"]),
        ("L = sum_i x[i] - mean_i y[i]/2", ["L = sum_{i} x[i] + sum_{i} -y[i]/6"]),
        ("L = mean_{i} x[i]**2", ["L = sum_{i} x[i]**2/3"]),
        ("L = -max_i x[i]", ["L_1 = max_{i} x[i]", "L = -L_1"]),
        ("L = sum_i (x[i] + y[i])*y[i]", ["L = sum_{i} (x[i] + y[i])*y[i]"]),
        (
            "L = sum_i (x[i] - sum_j y[j])**2",
            ["L_1[i] = x[i] + sum_{j} -y[j]", "L = sum_{i} L_1[i]**2"],
        ),
        ("L = log(sum_i exp(x[i]))", ["L_1 = sum_{i} exp(x[i])", "L = log(L_1)"]),
        ("L = (sum_i x[i])", ["L = sum_{i} x[i]"]),
        ("L = -(1 + sum_i x[i])", ["L = -1 + sum_{i} -x[i]"]),
        ("L = sum_i sum_j x[i]*y[j]", ["L = sum_{i,j} x[i]*y[j]"]),
        ("L = 1/sum_i x[i]**2", ["L_1 = sum_{i} x[i]**2", "L = 1/L_1"]),
        (
            "L = sum_i (x[i] if x[i] > 0 else 0.1*x[i])",
            ["L = sum_{i} (x[i] if x[i] > 0 else x[i]/10)"],
        ),
        ("L = sum_{i,j} [i <= j]*x[i]*y[j]", ["L = sum_{i,j} [i <= j]*x[i]*y[j]"]),
        ("L = sum_i (x[i] +   # a comment\n  y[i])", ["L = sum_{i} (x[i] + y[i])"]),
        ("L = abs(0.1)*relu(2)*x[0]", ["L = absolute(1/10)*relu(2)*x[0]"]),
        ("L = 1/(2*(x[0] + 2)) + 1/(2*x[1] + 4)", None),
        ("L = x[0]/(3*(x[0]**2 + 2)*exp(x[1]))/2", None),
        ("L = cos(x[0] + pi/3)", None),
        (
            "L = sum_i cos(x[i] + [i > 1]*pi)",
            ["L_1[i] = pi*[i > 1] + x[i]", "L = sum_{i} cos(L_1[i])"],
        ),
        ("L = sum_{i,j} [2*i > j + 1]*x[i]*y[j]", ["L = sum_{i,j} [2*i - j > 1]*x[i]*y[j]"]),
        ("L = sum_i [2*i >= 1]*x[i]", ["L = sum_{i} [i >= 1]*x[i]"]),
        ("L = sum_i (1 if i = 1 else 0)*x[i]", ["L = sum_{i} [i = 1]*x[i]"]),
        ("L = sum_i [x[i] > 0]*x[i]", ["L = sum_{i} [x[i] > 0]*x[i]"]),
        ("L = sum_i [2*x[i] <= y[i]]", ["L = sum_{i} [y[i] >= 2*x[i]]"]),
        ("L = (1 if x[0] > 0 else 2 if x[1] = 3 else y[0])", None),
        (
            "L = sum_i (x[i] if [i > 1]*x[i] > 0 else y[i])",
            ["L_1[i] = [i > 1]*x[i]", "L = sum_{i} (x[i] if L_1[i] > 0 else y[i])"],
        ),
        ("L = sum_i x[i] +\n y[2]", ["L = sum_{i} x[i] + y[2]"]),
        ("h = 1 + x[0]\nL = sqrt(h)*max(h, 2)", None),
        (
            "L_1 = x[0]\nL = exp(sum_i x[i])*L_1",
            ["L_1 = x[0]", "L_2 = sum_{i} x[i]", "L = L_1*exp(L_2)"],
        ),
    ],
)
def test_what_is_written_otherwise(written: str, understood: list[str] | None) -> None:
    """Signs anywhere, means, comments and long lines; what is understood is shown and read."""
    head = "parameter x[i<3]\ninput y[j<3]\n"
    found = read(head + written)
    if understood is not None:
        assert lines_of(head + written) == understood
    assert read(show(found)) == found


HEAD = "input x[n<N,i<3]\nparameter W[j<4,i], b[j]\ninput tok[n] of 5\nstate s[j] = 0\n"


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        (
            "z[n,j] = W[j,i]*x[n,i]",
            "5:14",
            "i is neither on the left nor under a sign; write  z[n,j] = sum_{i} W",
        ),
        ("L = b[0] + x[n,0]", "5:14", "write  L = b[0] + sum_{n} x[n,0]"),
        ("z[n,j<5] = x[n,0]*b[j]", "5:5", "the axis j has two sizes, 4 and 5"),
        ("z[n,k] = x[n,0]", "5:5", "the axis k has no size; write k<…"),
        ("z[n,j] = x[n,0]", "5:5", "the axis j stands on the left alone"),
        ("z[n,n] = x[n,0]", "5:5", "the axis n stands there twice"),
        ("W = x[0,0]", "5:1", "W is defined twice, first in line 2"),
        ("n = x[0,0]", "5:1", "n is an axis"),
        ("exp = x[0,0]", "5:1", "exp is a function"),
        ("u = x[0,0] + v", "5:14", 'there is no "v"'),
        ("u = x[0,0] + v\nv = u", "5:14", "v is read before it is defined"),
        ("u = u", "5:5", "u is read before it is defined"),
        ("u = b", "5:5", "b has 1 axis; write b[j]"),
        ("u = b[0,1]", "5:5", "b has 1 axis, and is read with 2"),
        ("u[n] = sum_j x[n,j]*b[j]", "5:18", "two sizes: j has 4, and x has 3 values there"),
        ("u[n] = x[n,3]", "5:12", "read outside its range: i is 0 .. 2"),
        ("u[n] = sum_i x[n,i/2]", "5:18", "an index is a sum of axes with whole factors"),
        ("u[n] = x[n,x[n,0]]", "5:12", "x does not hold whole numbers"),
        ("u[n] = x[n,tok[n]]", "5:12", "tok goes up to 4, x has 3 values there"),
        ("u = sum_{j} [j = 7]*b[j]", "5:14", "this guard holds nowhere"),
        ("u = sum_{j} [2*j = 1]*b[j]", "5:14", "this guard holds nowhere"),
        ("u = sum_{j} [j >= 0]*b[j]", "5:14", "this guard holds everywhere"),
        ("u[j] = sum_{j} b[j]", "5:13", "the index j is bound already"),
        ("u = sum_{j} sum_{j} b[j]", "5:18", "the index j is bound already"),
        ("u = max_{j} b[0]", "5:13", "the maximum over j is of what does not depend on it"),
        ("u = soft(b[0])", "5:5", 'there is no function "soft"; did you mean'),
        ("u = b(0)", "5:5", "write b[…] for an entry"),
        ("u = exp(b[0], 2)", "5:5", "exp takes 1 argument(s), not 2"),
        ("u = b[0]**b[1]", "5:5", "the exponent must be a number"),
        ("u = 2**2000", "5:5", "the exponent must be a number from -64 to 64"),
        ("u = b[0]/0", "5:10", "division by zero"),
        ("u = (b[0]", "5:5", "is not closed"),
        ("u = b[0])", "5:9", "closes nothing"),
        ("u = b[0] b[1]", "5:10", '"b" is not expected here'),
        ("u = 2b[0]", "5:5", '"2b" is not a number; write 2*x'),
        ("u = b[0]^2", "5:9", 'write "**" for a power'),
        ("u =", "5:4", "something is missing"),
        ("u", "5:2", '"=" is expected'),
        ("input", "5:6", "the name of a tensor is expected"),
        ("input q[m]", "5:9", "the axis m has no size"),
        ("input q[m<0]", "5:11", "a size is from 1"),
        ("input q[m<1.5]", "5:11", "is a whole number, N, or a name"),
        ("input q[m<N] of m", "5:17", "the name is taken"),
        ("parameter q[j] of soup", "5:19", '"soup" is no kind'),
        ("parameter q[j] = soup", "5:18", '"soup" is no way to start'),
        ("mask m[j] keep 2", "5:16", "above 0, and at most 1"),
        ("given sum_{i} x[n,i] + 1 = 1", "5:1", "a fact says what a sum over an input is"),
        ("output q\nu = b[0]", "5:8", 'no equation computes "q"'),
        ("  u = b[0]", "5:3", "indented, and stands in no for"),
        ("for t<4:\nu = b[0]", "5:5", "no equation is indented below"),
        ("for t<4:\n  h[j] = b[j]", "6:3", "h has no axis t"),
        ("for t<4:\n  h[t,j] = h[t+1,j] + b[j]", "5:5", "read before the scan has computed it"),
        ("for t<4:\n  for u<4:\n  h[t] = b[0]", "6:3", "may not stand within another"),
        ("for t<4:\n  h[t] = h[t-1]\n   g[t] = h[t]", "7:4", "indented alike"),
        ("for i:\n  h[k,i] = h[k,i-1] + 1", "6:5", "the axis k has no size"),
        ("s_next[n] = x[n,0]", "5:1", "s_next is the new value of a state, of the same axes"),
        ("predict u = b[0]", "5:9", 'no equation computes "u"; write its equation of training'),
        ("u = b[0]\npredict u = b[0]\npredict u = 1", "7:9", "u is predicted twice"),
        ("u[n] = x[n,0]\npredict u[i] = x[0,i]", "6:9", "in training it is u[n]"),
        ("u = b[0]\npredict u = exp(sum_j b[j])", "6:9", "a sign within another term"),
        ("u = b[0]\nv = u\npredict u = v", "7:1", "v is read before it is defined"),
        ("u[m<k] = b[0]*m", "5:5", "nothing that is given has the size k; give it to an axis"),
        ("u = b[0]/N\nfor t<4:\n h[t] = b[0]/M", "7:14", 'there is no "M"'),
        ("u = (1 if 2*b[0] > 2*b[0] else 0)", "5:11", "the same everywhere"),
        ("u = [b[0] = b[0]]", "5:6", "the same everywhere"),
        ("u = sum_{j} [2*j != 1]*b[j]", "5:14", "this guard holds everywhere"),
        ("db = b[0]", "5:1", "db is the derivative by b"),
        ("u = where(b[0] > 0, 1, 2)", "5:5", "(a if x[i] > 0 else b)"),
        ("u = (1 if 2 > 1 else 0)", "5:11", "the same everywhere"),
        ("u = b[0] $ 2", "5:10", 'the character "$" is not known'),
        (
            "u[t<9] = max_{w<3} b[t+w-4]",
            "5:20",
            "nothing takes part in the maximum at t = 0: b is read outside its range",
        ),
        ("", "1:1", "there is no equation"),
    ],
)
def test_mistakes_are_told_with_their_place(text: str, place: str, message: str) -> None:
    with pytest.raises(TextError) as caught:
        read(HEAD + text if text else "")
    token = caught.value.token
    assert message in str(caught.value)
    assert f"{token.line}:{token.column}" == place, str(caught.value)
    if text:
        assert token.row == (HEAD + text).splitlines()[token.line - 1].split("#")[0].rstrip()


def test_what_stands_beside_a_program() -> None:
    text = """
    input x[n<N,i<3], w[n]
    weight v[n]
    noise e[n,i]
    mask m[n,i] keep 0.9
    parameter W[j<2,i] = normal(0.1), c[j] of bias = zeros
    hyperparameter l2 = 1/100
    state r[i] = 1
    input tok[n] of 5
    parameter E[k<5] of table
    r_next[i] = 0.9*r[i] + mean_n x[n,i]/10
    q[i] = mean_n x[n,i]
    predict q[i] = r[i]
    L = sum_{n,j,i} W[j,i]*x[n,i]*m[n,i]*c[j]*v[n]*w[n] + sum_n E[tok[n]]*l2 + sum_{n,i} e[n,i]
    output r_next
    """
    text = "\n".join(row.strip() for row in text.splitlines())
    found = parse(text)
    assert found.initial == {"W": "normal(1/10)", "c": "zeros"}
    half = sp.Rational(9, 10)
    assert found.numbers == {"m": half, "l2": sp.Rational(1, 100), "r": 1}
    assert found.whole == {"tok": 5} and found.outputs == ("r_next",)
    kinds = {leaf.name: leaf.kind for leaf in found.program.leaves_of("parameter")}
    assert kinds == {"W": "weights", "c": "bias", "E": "table"}
    assert found.program.tensors["r_next"].of == "r"
    assert str(found.predicted["q"]) == "q[i] = r[i]"
    again = parse(show(found.program, found))
    assert again == found
    assert [t.kind for t in again.program.leaves] == [t.kind for t in found.program.leaves]


def test_facts_are_drawn_and_looked_at() -> None:
    text = "target y[n<N,o<3]\ngiven sum_{o} y[n,o] = 2\nL = sum_{n,o} y[n,o]**2"
    [fact] = read(text).facts
    values = fact.draw(np.random.default_rng(0), (4, 3))
    assert np.allclose(values.sum(axis=1), 2) and fact.holds(values) and not fact.holds(values * 2)


def test_the_equations_of_a_scan_may_read_each_other() -> None:
    text = PROGRAMS["GRU"]
    [scan] = [item for item in read(text).items if isinstance(item, Scan)]
    assert [line.lhs.name for line in scan.lines] == ["q", "r", "s", "z", "m", "g", "h"]


# --- random texts ---


def test_hostile_texts_raise_no_other_error(pytestconfig: pytest.Config) -> None:
    strings = Hostile(1)
    for _ in range(pytestconfig.getoption("fuzz")):
        text = strings.text()
        try:
            found = read(text)
        except TextError as error:
            assert error.token.line >= 1 and str(error)
            continue
        assert read(show(found)) == found, text


def test_random_programs_are_read_shown_and_derived(pytestconfig: pytest.Config) -> None:
    """Nearly all are accepted; those that are not are told why."""
    programs, count, accepted = Programs(1), pytestconfig.getoption("fuzz") // 10, 0
    for k in range(count):
        text = programs.text()
        try:
            found = parse(text)
        except TextError as error:
            assert error.token.line >= 1 and str(error)
            continue
        accepted += 1
        assert read(show(found.program, found)) == found.program, text
        derivation = symnn.lines(text).derive()
        if k % 3 == 0:
            report = derivation.verify()
            assert report.ok, f"{text}\n{report}"
    assert accepted >= count / 2
