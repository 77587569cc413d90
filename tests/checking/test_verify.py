"""verify on networks that are too large, or too deep, to be verified as they are."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import sympy as sp
from benchmarks.check import BOUND, check
from support.random_networks import random_network

from symnn import Dense, Network
from symnn.checking import parts as cutting
from symnn.checking import verify as verifying
from symnn.checking.parts import parts
from symnn.checking.verify import SAMPLES, EvaluatedSweep, longest_axis, verify
from symnn.derivation.derivation import derive
from symnn.derivation.sweeps import Sweep, shortened
from symnn.engine.ir import Axis

KINDS = ("batch", "sample", "mean_last")


def net(*units: int, activation: str = "tanh", **loss: object) -> Network:
    layers = [Dense(u, activation) for u in units[1:-1]]
    last = Dense(units[-1], "softmax" if units[-1] > 1 else "linear")
    name = "cross_entropy" if units[-1] > 1 else "mse"
    return Network(inputs=units[0], layers=[*layers, last], loss={"name": name, **loss})


def resized(size: int, axis: Axis) -> int:
    return size


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks of more than one layer are cut into layers."""
    monkeypatch.setattr(cutting, "DEEP", 1)
    monkeypatch.setattr(cutting, "LAYERS", 1)


# shorter axes -----------------------------------------------------------------------------------


def test_a_network_that_fits_is_evaluated_as_it_is() -> None:
    small, wide = net(784, 128, 10), net(1, 10**5, 1)
    assert longest_axis(small.program) is None
    longest = longest_axis(wide.program)
    assert longest is not None and 1000 < longest < 10**5
    report = verify(derive(net(64, 10, 3)))
    assert report.ok and report.longest is None and "at most" not in str(report)


def test_the_longest_axis_is_the_longest_that_fits() -> None:
    program = net(5000, 5000, 7).program

    def entries(longest: int) -> int:
        sizes = [[a.size for a in t.axes] for t in program.tensors.values()]
        full = [[n if isinstance(n, int) else SAMPLES for n in shape] for shape in sizes]
        return sum(int(np.prod([min(n, longest) for n in shape])) for shape in full)

    longest = longest_axis(program)
    assert longest is not None
    assert entries(longest) <= verifying.ENTRIES < entries(longest + 1)


@pytest.mark.parametrize("seed", range(8))
def test_every_step_holds_over_axes_of_any_size(seed: int) -> None:
    derivation = derive(random_network(seed))
    for kind in KINDS:
        sweep: Sweep = getattr(derivation, kind)
        for size in (2, 7):
            other = shortened(sweep, partial(resized, size))
            texts = [str(step.after) for step in other.steps]
            assert texts == [str(step.after) for step in sweep.steps]
            sizes = {} if kind == "sample" else {"N": SAMPLES}
            rows = EvaluatedSweep(other, np.random.default_rng(seed), sizes).rows(kind)
            assert rows and all(row.ok for row in rows)


def test_the_report_says_how_long_the_axes_were() -> None:
    report = verify(derive(net(1000, 1000, 1000)))
    assert report.ok and report.longest is not None
    assert f"at most {report.longest} inputs, and units a layer" in str(report)


# parts ------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("seed", range(24))
def test_every_step_is_in_one_part_and_holds_there(seed: int) -> None:
    network = random_network(seed)
    derivation = derive(network)
    report = verify(derivation, seed)
    dense = sum(isinstance(layer, Dense) for layer in network.layers)
    assert report.ok and report.parts == dense, report
    for kind in KINDS:
        sweep: Sweep = getattr(derivation, kind)
        found = [step for part in parts(sweep) for step in part.steps]
        lines = ((step, step.after.lhs) for step in sweep.steps)
        wanted = [step for step, t in lines if t.wrt is not None or t.kind == "sum"]
        assert len(found) == len(wanted) and set(map(str, found)) == set(map(str, wanted))


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("kind", KINDS)
def test_each_wrong_line_is_caught_in_its_part(kind: str) -> None:
    """One line wrong by 0.1 %, each in turn; the first row that fails is that line."""
    network = net(2, 3, 2, 3, 2, l2=0.1)
    sweep: Sweep = getattr(derive(network), kind)
    sizes = {} if kind == "sample" else {"N": SAMPLES}
    for at, step in enumerate(sweep.steps):
        terms = tuple(replace(t, f=sp.Rational(1001, 1000) * t.f) for t in step.after.terms)
        wrong = replace(step, after=replace(step.after, terms=terms))
        spoiled = replace(sweep, steps=(*sweep.steps[:at], wrong, *sweep.steps[at + 1 :]))
        rng = np.random.default_rng(at)
        rows = [
            row for part in parts(spoiled) for row in EvaluatedSweep(part, rng, sizes).rows(kind)
        ]
        assert [row.line for row in rows if not row.ok] == [str(wrong.after)]


@pytest.mark.parametrize("activation", ["tanh", "sigmoid"])
def test_a_deep_network_holds_and_the_report_says_in_how_many_parts(activation: str) -> None:
    derivation = derive(net(2, *[3] * 59, 1, activation=activation))
    report = verify(derivation)
    assert report.ok and report.parts == 6 and "in 6 parts" in str(report)
    assert len({row.line for row in report.rows}) >= len({*map(str, derivation.batch.raw)})


# memory -----------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="no resource")
@pytest.mark.parametrize(
    ("units", "said"), [((1, 10**6, 1), "at most"), ((2, *[4] * 119, 1), "in 12 parts")]
)
def test_a_check_keeps_to_its_bound(units: tuple[int, ...], said: str) -> None:
    """The other specs near the caps take minutes; tests/benchmarks/check.md has them."""
    found = check(units)
    assert found.code == 0 and said in found.text, found.text
    assert found.peak < BOUND / 4
