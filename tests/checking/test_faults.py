"""Faults planted in the rule, the rewrites, the facts and the table are each caught."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sympy as sp

from symnn import Dense, Network
from symnn.engine import diff, functions, rewrites, simplify
from symnn.engine.functions import Function
from symnn.nn import losses
from symnn.nn.losses import LOSSES

CACHES = (
    diff._slope,
    rewrites._shortest,
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
    slope, factor = diff.slope, sp.Rational(scale)
    plant(diff, "slope", lambda f, entry: factor * slope(f, entry))
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
    plant(losses, "rows_sum_to_one", lambda y: dataclasses.replace(fact(y), value=value))
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
    plant(simplify, "fold_values", lambda f, values: 2 * f if f.has(sp.exp) else f)
    assert not holds(network("cross_entropy"))


def test_a_lost_term_is_caught(plant: Callable[..., None]) -> None:
    inline = rewrites.inline
    plant(simplify, "inline", lambda *a: inline(*a)[:-1])
    assert not holds(network("sse"))


def test_a_halved_sum_is_caught(plant: Callable[..., None]) -> None:
    pullback = diff.pullback

    def halved(*a: Any) -> Any:
        term = pullback(*a)
        return dataclasses.replace(term, f=term.f / 2 if term.over else term.f)

    plant(diff, "pullback", halved)
    assert not holds(network("mse"))


def test_nothing_of_a_fault_remains() -> None:
    assert holds(network("cross_entropy")) and holds(network("norm"))
