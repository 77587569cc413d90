"""Losses: forward lines only, in a registry.

With N samples and m outputs: ``norm`` and ``sse`` are sums over samples, the others means
(over all N·m components, ``cross_entropy`` over the samples).  To add a loss, write its
``forward`` and list it in LOSSES.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import sympy as sp

from symnn.engine.facts import sum_is
from symnn.engine.functions import named
from symnn.engine.ir import Fact, Tensor, Term
from symnn.nn.layers import Build

# the factor of the penalty of the weights
PENALTY = Tensor("l2", (), "hyperparameter", letter="l2")


@dataclass(frozen=True)
class Loss:
    """A row of the registry.

    forward: adds lines and returns the terms of L.  mean: whether L is a mean over samples
    (then c = 1/N, otherwise c = 1).  final: the activation that the last layer must have.
    targets: what y may hold: "numbers", "unit" (numbers of 0 … 1), or "distribution" (of 0 … 1,
    and those of every sample sum to 1; a label stands for the distribution that is certain).
    """

    name: str
    forward: Callable[[Build, Tensor, Tensor], list[Term]]
    mean: bool
    final: str | None = None
    targets: str = "numbers"


def _components(f: sp.Expr, out: Tensor) -> list[Term]:
    return [Term(f, out.axes)]


def _per_component(net: Build, out: Tensor) -> sp.Expr:
    return net.count * sp.S(out.axes[-1].size)


def norm(net: Build, out: Tensor, y: Tensor) -> list[Term]:
    """L = sum_i ||F(x_i) - y_i||, the 2-norm, not squared."""
    square = Term((out.entry - y.entry) ** 2, out.axes[-1:])
    q = net.let("q", net.batch(), square, why="squared norm of the residual")
    r = net.let("r", net.batch(), Term(named("root")(q.entry)), why="norm of the residual")
    return [Term(r.entry, r.axes)]


def sse(net: Build, out: Tensor, y: Tensor) -> list[Term]:
    """L = 1/2 sum_i ||F(x_i) - y_i||^2."""
    return _components((out.entry - y.entry) ** 2 / 2, out)


def mse(net: Build, out: Tensor, y: Tensor) -> list[Term]:
    """L = 1/(N m) sum_i ||F(x_i) - y_i||^2."""
    return _components((out.entry - y.entry) ** 2 / _per_component(net, out), out)


def mae(net: Build, out: Tensor, y: Tensor) -> list[Term]:
    """L = 1/(N m) sum_i sum_j |F(x_i)_j - y_ij|."""
    return _components(named("absolute")(out.entry - y.entry) / _per_component(net, out), out)


def huber(net: Build, out: Tensor, y: Tensor) -> list[Term]:
    """L = 1/(N m) sum_i sum_j h(F(x_i)_j - y_ij), quadratic up to 1, then linear (Huber 1964)."""
    u = net.let("u", out.axes, Term(out.entry - y.entry), why="residual")
    return _components(named("huber")(u.entry) / _per_component(net, out), out)


def binary_cross_entropy(net: Build, out: Tensor, y: Tensor) -> list[Term]:
    """L = -1/(N m) sum_i sum_j (y log a + (1 - y) log(1 - a)), with a a sigmoid."""
    a, t = out.entry, y.entry
    return _components(-(t * sp.log(a) + (1 - t) * sp.log(1 - a)) / _per_component(net, out), out)


def cross_entropy(net: Build, out: Tensor, y: Tensor) -> list[Term]:
    """L = -1/N sum_i sum_j y_ij log p_ij, with p a softmax and every y_i summing to 1."""
    net.facts.append(rows_sum_to_one(y))
    return _components(-y.entry * sp.log(out.entry) / net.count, out)


def rows_sum_to_one(y: Tensor) -> Fact:
    """The fact 1ᵀy = 1 of the targets of every sample."""
    return sum_is(y, y.axes[-1:], sp.S.One, "the targets of every sample sum to 1")


LOSSES: dict[str, Loss] = {
    row.name: row
    for row in (
        Loss("norm", norm, mean=False),
        Loss("sse", sse, mean=False),
        Loss("mse", mse, mean=True),
        Loss("mae", mae, mean=True),
        Loss("huber", huber, mean=True),
        Loss("binary_cross_entropy", binary_cross_entropy, True, "sigmoid", "unit"),
        Loss("cross_entropy", cross_entropy, True, "softmax", "distribution"),
    )
}


def loss_line(net: Build, name: str, out: Tensor, y: Tensor, l2: bool) -> Tensor:
    """L, with the penalty lambda/2 sum_k ||A_k||^2 of the weights added once if ``l2``."""
    terms = LOSSES[name].forward(net, out, y)
    if l2:
        rate = net.leaf(PENALTY.letter, (), PENALTY.role).entry
        weights = [t for t in net.leaves.values() if t.kind == "weights"]
        terms += [Term(rate * w.entry**2 / 2, w.axes) for w in weights]
    return net.let("L", (), *terms, why=f"loss ({name})", kind="loss")
