"""Reads that can leave their range are told, those that guards, cases and loops excuse are not."""

from __future__ import annotations

import pytest

from symnn.engine.mistakes import TextError
from symnn.engine.text import parse

HEAD = "input x[n<N,r<5], y[n,t<5], a[i<4]\ninput tok[n,q<3] of 4, w[n] of 4, o[v<m]\n"


@pytest.mark.parametrize(
    ("equation", "said"),
    [
        ("z[n,t] = sum_{k<3} x[n,t+k-1]", ["x is read at k + t - 1 of r = 0 .. 4; … are 0"]),
        # once for an equation and what it reads
        ("z[n,t] = x[n,t-1] + x[n,t+1]", ["x is read at t + 1 of r = 0 .. 4; … are 0"]),
        ("z[n,t] = y[n,t-1]/x[n,4-t]", ["y is read at t - 1 of t = 0 .. 4; … are 0"]),
        (
            "z[n,t] = max_{k<3} x[n,t+k-1] + x[n,t-1]",
            [
                "x is read at k + t - 1 of r = 0 .. 4; … take no part in the maximum",
                "x is read at t - 1 of r = 0 .. 4; … are 0",
            ],
        ),
        ("z = max_{i} (a[i] + a[i+1])", ["a is read at i + 1 of i = 0 .. 3; … take no part"]),
        ("z[n,q] = a[tok[n,q+1]]*w[n]", ["tok is read at q + 1 of q = 0 .. 2; … are 0"]),
        ("z[n,t] = [t < 4]*x[n,t+2]", ["x is read at t + 2 of r = 0 .. 4; … are 0"]),
        ("z[n,t] = [w[n] = t]*x[n,t+1]", ["x is read at t + 1 of r = 0 .. 4; … are 0"]),
        ("z[n,t] = x[n,t-1] if x[n,t] > 0 else 0", None),
        ("z[n,t] = (x[n,t-1] if x[n,t] > 0 else 0)", ["x is read at t - 1 of r = 0 .. 4; … are"]),
        ("z[n,t] = (1 if x[n,t-1] > 0 else y[n,t])", ["x is read at t - 1 of r = 0 .. 4; … are"]),
        ("z[n,v] = x[n,v+1]", ["x is read at v + 1 of r = 0 .. 4; … are 0"]),
        ("z[n,t] = [t > 0]*x[n,t-1]", []),
        ("z[n,t] = sum_{k<3} [t+k > 0]*[t+k < 6]*x[n,t+k-1]*y[n,t]", []),
        ("z[n,t] = (x[n,t-1] if t > 0 else x[n,t]*(y[n,t-1] if t > 3 else 1))", []),
        ("z[n,t] = (0 if t = 0 else x[n,t-1])", []),
        ("z[n,t<3] = sum_{k<3} x[n,t+k]", []),
        ("z[n,t<3] = max_{k<3} x[n,t+k]", []),
        ("for t:\n z[n,t] = x[n,t-1] + tanh(z[n,t-1])", []),
        ("for t down:\n z[n,t] = x[n,t+1] + tanh(z[n,t+1])", []),
        (
            "for t:\n z[n,t] = x[n,t+1] + tanh(z[n,t-1])",
            ["x is read at t + 1 of r = 0 .. 4; … are"],
        ),
        ("for t:\n z[n,t] = max_{i} (a[i] - z[n,t-1])", []),
        ("for t:\n z[n,t] = y[n,t] + sum_{k<3} z[n,t-1-k]", []),
        ("for t:\n z[n,t] = y[n,t] + max_{k<3} (z[n,t-1-k] if k < t else 0)", []),
    ],
)
def test_what_is_told(equation: str, said: list[str] | None) -> None:
    text = HEAD.replace("t<5", "t<3" if "t<3]" in equation else "t<5") + equation
    if said is None:
        with pytest.raises(TextError, match='"if" is not expected here'):
            parse(text)
        return
    line = 4 if equation.startswith("for") else 3
    found = [read.text.replace("entries outside", "…") for read in parse(text).outside]
    assert len(found) == len(said)
    for text, right in zip(found, said, strict=True):
        assert text.startswith(f"line {line}: {right}")


@pytest.mark.parametrize(
    ("equation", "place"),
    [
        ("z[t<9] = max_{k<3} a[t+k-4]", "t = 0"),
        ("z[t<9] = max_{k<3} a[t+k]*a[k+1]", "t = 4"),
        ("z[t<3,u<4] = max_{k<2} a[t+k]*a[u+k]", None),
        ("z[t<4,u<3] = max_{k<2} a[t+k]*a[u+k+2]", "t = 0, u = 2"),
        ("z[t<9] = max_{k<3} (a[t+k-4] if t > 1 else 0)", "t = 8"),
        ("z[t<8] = max_{k<3} (a[t+k-4] if t > 1 else 0)", None),
        ("z[t<9] = max_{k<3} (a[t+k-4] if a[0] > 0 else 0)", None),  # it depends
        ("z[v] = max_{k<3} a[v+k-4]", None),  # so does this
        ("for t<5:\n z[t] = a[0] + max_{k<2} z[t-1-k]", "t = 0"),
    ],
)
def test_a_maximum_of_nothing(equation: str, place: str | None) -> None:
    text = f"input a[i<4], o[v<m]\n{equation}"
    if place is None:
        assert all(read.maximum for read in parse(text).outside)
        return
    with pytest.raises(TextError, match=f"nothing takes part in the maximum at {place}: "):
        parse(text)
