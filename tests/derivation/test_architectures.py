"""Networks of papers, from their lines: every gradient is the published one, by value."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.architectures import PUBLISHED, STEPS
from support.programs import ARCHITECTURES, FORMS

import symnn
from symnn.derivation.lines import Lines
from symnn.engine.evaluate import evaluate
from symnn.engine.ir import lines_of
from symnn.targets.registry import compile_module

Rng = np.random.Generator
SEEDS = range(4)
BOUND = 1e-12  # of the difference, over the largest entry


def positive(rng: Rng, shape: tuple[int, ...]) -> Any:
    return rng.uniform(0.5, 1.8, shape)


def zero_or_one(rng: Rng, shape: tuple[int, ...]) -> Any:
    return rng.integers(0, 2, shape)


def one_hot(rng: Rng, shape: tuple[int, ...]) -> Any:
    return np.eye(shape[-1])[rng.integers(0, shape[-1], shape[:-1])]


def symmetric(rng: Rng, shape: tuple[int, ...]) -> Any:
    half = rng.normal(0, 0.5, shape)
    return half + half.T


def definite(rng: Rng, shape: tuple[int, ...]) -> Any:
    root = rng.normal(size=shape)
    return root @ root.T / len(root) + np.eye(len(root))


# what is not normal with deviation 0.7
OTHER: dict[tuple[str, str], Callable[[Rng, tuple[int, ...]], Any]] = {
    ("batchnorm-ioffe", "eps"): positive,
    ("layernorm", "eps"): positive,
    ("weightnorm", "g"): positive,
    ("distillation", "T"): positive,
    ("dropout", "q"): positive,
    ("dropout", "M"): zero_or_one,
    ("gcn", "Ah"): symmetric,
    ("gcn", "Y"): one_hot,
    ("deq-implicit", "W"): lambda rng, shape: rng.normal(0, 0.25, shape),
    ("logistic-irls", "t"): zero_or_one,
    ("poisson-regression", "y"): positive,
    ("svm-l2", "t"): lambda rng, shape: rng.choice([-1.0, 1.0], shape),
    ("svm-l2", "C"): positive,
    ("robust-losses", "c"): positive,
    ("dice", "p"): positive,
    ("dice", "g"): zero_or_one,
    ("contrastive-hadsell", "Y"): zero_or_one,
    ("contrastive-hadsell", "m"): positive,
    ("infonce", "tau"): positive,
    ("glove", "X"): positive,
    ("glove", "f"): positive,
    ("tsne", "R"): positive,
    ("rbm", "v"): zero_or_one,
    ("rbm", "states"): lambda rng, shape: np.array(list(itertools.product((0, 1), repeat=3))),
    **{(name, "A"): definite for name in STEPS},
}


def drawn(name: str, lines: Lines, seed: int) -> dict[str, Any]:
    """Arrays for all leaves of a program but its numbers."""
    rng, found = np.random.default_rng(seed), {}
    for leaf in lines.program.leaves:
        shape = tuple(int(a.size) for a in leaf.axes)
        if leaf.name in lines.program.pointed:
            found[leaf.name] = rng.integers(0, int(lines.program.pointed[leaf.name]), shape)
        elif leaf.name not in lines.text.numbers:
            own = OTHER.get((name, leaf.name), lambda rng, shape: rng.normal(0, 0.7, shape))
            found[leaf.name] = np.asarray(own(rng, shape))
    return found


def arguments(lines: Lines, values: dict[str, Any]) -> dict[str, Any]:
    """What the published code takes: the arrays, and the numbers of the text."""
    return {**{k: float(v) for k, v in lines.text.numbers.items()}, **values}


def test_every_program_has_its_equations() -> None:
    assert len(ARCHITECTURES) == 56
    assert ARCHITECTURES.keys() == {**PUBLISHED, **STEPS}.keys()


def derivations(name: str, lines: Lines, values: dict[str, Any]) -> dict[str, Any]:
    """What is differentiated, "" for L -> its derivation by all that a source has equations for."""
    groups: dict[str, list[str]] = {}
    for key in PUBLISHED[name](**arguments(lines, values)):
        of, _, tensor = key.rpartition(":")
        groups.setdefault(of, []).append(tensor)
    return {of: lines.derive(of or "L", wrt) for of, wrt in groups.items()}


@pytest.mark.parametrize("name", FORMS)
def test_lines_are_the_published_equations(name: str) -> None:
    lines = symnn.lines(ARCHITECTURES[name])
    every = derivations(name, lines, drawn(name, lines, 0)).values()
    found = [str(line) for d in every for line in lines_of(d.batch.simple)]
    assert found == FORMS[name].splitlines()


@pytest.mark.parametrize("name", PUBLISHED)
def test_gradients_are_the_published_ones(
    name: str, errors: Callable[[str, str, float], None]
) -> None:
    lines = symnn.lines(ARCHITECTURES[name])
    every = derivations(name, lines, drawn(name, lines, 0))
    for seed in SEEDS:
        values = drawn(name, lines, seed)
        wanted: dict[str, Any] = PUBLISHED[name](**arguments(lines, values))
        for of, derivation in every.items():
            for tensor, found in derivation.evaluate(values)[1].items():
                exact = np.asarray(wanted[f"{of}:{tensor}" if of else tensor])
                assert found.shape == exact.shape
                size = float(np.abs(exact).max()) or 1.0
                error = float(np.abs(found - exact).max()) / size
                errors("published equations", f"{name} {tensor}", error)
                assert error < BOUND, (tensor, found, exact)


# of one axis, of numbers, of tables, in loops and outside
@pytest.mark.parametrize(
    "name",
    [
        *("conv-transposed", "weightnorm", "svm-l2", "word2vec-softmax", "hvp-pearlmutter"),
        *("neural-ode-euler", "gru-cho", "pool-bouvrie", "rbm", "factorization-machine"),
    ],
)
def test_modules_compute_the_published_gradients(name: str) -> None:
    lines = symnn.lines(ARCHITECTURES[name])
    values, module = drawn(name, lines, 1), compile_module(lines)

    def of(role: str) -> dict[str, Any]:
        return {t.name: values[t.name] for t in lines.program.leaves_of(role) if t.name in values}

    _, found = module.loss_and_gradients(of("parameter"), of("input"))
    wanted = PUBLISHED[name](**arguments(lines, values))
    for tensor in found.keys() & wanted.keys():
        exact = np.asarray(wanted[tensor])
        np.testing.assert_allclose(found[tensor], exact, rtol=0, atol=BOUND * np.abs(exact).max())


@pytest.mark.parametrize("name", STEPS)
def test_steps_are_the_published_ones(name: str) -> None:
    lines = symnn.lines(ARCHITECTURES[name])
    for seed in SEEDS:
        values = drawn(name, lines, seed)
        exact = STEPS[name](**arguments(lines, values))
        found = evaluate(lines.program, lines.leaves(values))["w5"]
        np.testing.assert_allclose(found, exact, rtol=0, atol=BOUND * np.abs(exact).max())
