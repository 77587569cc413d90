"""Mistakes that are planted by operators are found, or others that give the same numbers."""

from __future__ import annotations

import numpy as np
import pytest
from support.submissions import ENDS, Own, own

from symnn.checking.mistakes import OPERATORS, forms, mistakes
from symnn.checking.reverse import ReversePass
from symnn.derivation.derivation import derive

LAYERS = ("tanh", "sigmoid", "relu", "elu")


def drawn(rng: np.random.Generator, seed: int) -> Own:
    loss = str(rng.choice(list(ENDS)))
    square, count = rng.integers(2), int(rng.integers(2, 6))
    units = [3 if square else int(rng.integers(2, 6)) for _ in range(count)]
    f = [str(name) for name in rng.choice(LAYERS, count)]
    f[-1] = str(rng.choice(ENDS[loss]))
    return own(
        list(zip(units, f, strict=True)),
        loss,
        samples=int(rng.integers(3, 8)),
        l2=float(rng.choice([0, 0.1])),
        seed=seed,
    )


def reverse_pass(made: Own) -> ReversePass:
    leaves = {**made.params, "x": made.x, "y": made.y}
    if made.net.spec.loss.l2:
        leaves["l2"] = np.asarray(made.net.spec.loss.l2)
    sweep = derive(made.net).batch
    return ReversePass(sweep, leaves, {"N": len(made.x)}, made.net.outputs)


@pytest.mark.parametrize("seed", range(40))
def test_a_planted_mistake_is_explained(seed: int) -> None:
    rng = np.random.default_rng(seed)
    made = drawn(rng, seed)
    reverse = reverse_pass(made)
    name = str(rng.choice([n for n in reverse.names.values()]))
    pool = [m for m in mistakes(reverse, name) if m.change.along is None]
    planted = pool[int(rng.integers(len(pool)))]
    reverse.change({name: planted.change.line}, planted.change.extra)
    everything = bool(rng.integers(2))
    grads = {
        n: reverse.expected[n]
        for t, n in reverse.names.items()
        if everything or t in made.net.parameters
    }
    with np.errstate(all="ignore"):
        found = made.net.compare(grads, made.params, made.x, made.y)
    assert not any("unknown" in row.cause for row in found.rows), f"{planted}\n{found}"


def test_every_change_of_a_line_is_another_one() -> None:
    reverse = reverse_pass(own([(3, "tanh"), (3, "softmax")], "cross_entropy", l2=0.1))
    ranks = set()
    for name in reverse.names.values():
        found = list(mistakes(reverse, name))
        written = [(m.change.line.terms, m.change.along and m.change.along.terms) for m in found]
        assert len(set(written)) == len(written)
        assert not {line.terms for line in forms(reverse, name)} & {
            m.change.line.terms for m in found if m.change.along is None
        }
        assert [m.rank for m in found] == sorted(m.rank for m in found)
        ranks |= {m.rank for m in found}
    assert len(ranks) >= len(OPERATORS) - 3  # others are for forward lines
