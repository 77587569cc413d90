"""Mistakes that people made and published: each is found and named, with and without errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pytest
from support.submissions import PRIMES, Hook, Own, own

TWO = [(4, "sigmoid"), (2, "sigmoid")]
THREE = [(4, "sigmoid"), (4, "sigmoid"), (2, "sigmoid")]
EQUAL = [(3, "sigmoid"), (3, "sigmoid"), (3, "sigmoid")]
CLASSES = [(3, "tanh"), (3, "softmax")]


class Case(NamedTuple):
    """A mistake, the first gradient that is wrong, without errors too, and the cause."""

    layers: list[tuple[int, str]]
    loss: str
    hooks: Mapping[str, Hook]
    first: str
    parameter: str
    cause: str
    l2: float = 0.0


def step(made: Own, k: int) -> Any:
    return made.params[f"A_{k}"] - 0.5 * made.grads[f"dA_{k}"]


def no_prime(made: Own, k: int) -> Any:
    return 1.0


CASES = {
    "updated weights in the errors": Case(
        TWO, "sse", {"weights": step}, "da_1", "dA_1",
        "A_2 has already been updated (by a step of 0.5)",
    ),
    "z(1 - z)": Case(
        TWO, "sse", {"prime": lambda p, k: p.z[k] * (1 - p.z[k])}, "dz_2", "dA_2",
        "z_2*(1 - z_2) for sigmoid'(z_2) (in every layer)",
    ),
    "f'(a) for f'(z)": Case(
        TWO, "sse", {"prime": lambda p, k: PRIMES["sigmoid"](p.a[k])}, "dz_2", "dA_2",
        "sigmoid' is taken at a_2 instead of z_2 (in every layer)",
    ),
    "no f'": Case(
        THREE, "sse", {"prime": no_prime}, "dz_3", "dA_3",
        "the derivative of sigmoid is missing (in every layer)",
    ),
    "f' of the next layer": Case(
        CLASSES, "cross_entropy", {"prime": lambda p, k: PRIMES["tanh"](p.z[k + 1])},
        "dz_1", "dA_1", "tanh' is taken at z_2 instead of z_1",
    ),
    "a - (1 - a)": Case(
        TWO, "sse", {"prime": lambda p, k: p.a[k] - (1 - p.a[k])}, "dz_2", "dA_2",
        "a_2 - (1 - a_2) instead of their product (in every layer)",
    ),
    "the diagonal of softmax'": Case(
        CLASSES, "cross_entropy", {"out": lambda p, k: -p.y * (1 - p.a[k]) / len(p.x)},
        "dz_2", "dA_2", "only the diagonal of the Jacobian of a_2 by z_2 is used",
    ),
    "softmax' twice": Case(
        CLASSES, "cross_entropy", {"out": lambda p, k: p.errors(k) * p.a[k] * (1 - p.a[k])},
        "dz_2", "dA_2", "the diagonal of the Jacobian of a_2 by z_2 stands once more",
    ),
    "p(t - 1)": Case(
        CLASSES, "cross_entropy", {"out": lambda p, k: p.a[k] * (p.y - 1) / len(p.x)},
        "dz_2", "dA_2",
        "the diagonal of the Jacobian of a_2 by z_2 is left out, and opposite sign",
    ),
    "sigmoid' kept with cross-entropy": Case(
        TWO, "binary_cross_entropy",
        {"out": lambda p, k: p.errors(k) * p.a[k] * (1 - p.a[k])},
        "dz_2", "dA_2", "the derivative of sigmoid stands twice",
    ),
    "lambda for lambda W": Case(
        TWO, "binary_cross_entropy", {"penalty": lambda p, k: 0.1}, "dA_2", "dA_2",
        "the factor A_2 is missing in the l2 term (in every layer)", 0.1,
    ),
    "a_k for a_{k-1}": Case(
        EQUAL, "sse", {"left": lambda p, k: p.a[k]}, "dA_3", "dA_3",
        "a_3 instead of a_2 (in every layer)",
    ),
    "y - a": Case(
        TWO, "sse", {"out": lambda p, k: -p.errors(k)}, "dz_2", "dA_2",
        "opposite sign",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", list(CASES))
def test_it_is_named(name: str) -> None:
    case = CASES[name]
    assert own(case.layers, case.loss, l2=case.l2).compared().ok
    made = own(case.layers, case.loss, case.hooks, l2=case.l2)
    found = made.compared()
    assert found.first is not None
    assert (found.first.quantity, found.first.cause) == (case.first, case.cause), str(found)
    assert not any("unknown" in row.cause for row in found.rows), str(found)


@pytest.mark.parametrize("name", list(CASES))
def test_it_is_named_by_the_parameters_alone(name: str) -> None:
    case = CASES[name]
    found = own(case.layers, case.loss, case.hooks, l2=case.l2).compared("parameters")
    assert found.first is not None and found.first.quantity == case.parameter, str(found)
    assert case.cause in found.first.cause, str(found)
    assert not any("unknown" in row.cause for row in found.rows), str(found)


def test_two_faults_at_once_are_two_causes() -> None:
    """No derivative at the output, and weights that were updated too early."""
    hooks: Mapping[str, Hook] = {"out": lambda p, k: p.a[k] - p.y, "weights": step}
    found = own(TWO, "sse", hooks).compared("parameters")
    causes = {row.quantity: row.cause for row in found.rows}
    assert causes["dA_2"] == "inherited from dz_2: the derivative of sigmoid is missing"
    assert "A_2 has already been updated (by a step of 0.5)" in causes["dA_1"], str(found)


def test_numbers_of_nothing_are_unknown() -> None:
    made = own(THREE, "mse")
    rng = np.random.default_rng(0)
    made.grads |= {n: rng.normal(size=g.shape) for n, g in made.grads.items()}
    found = made.compared()
    assert {row.cause.rpartition(" and ")[2] for row in found.rows} == {"unknown"}, str(found)
