"""Losses of networks of any shape, as equations of the output and the targets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from symnn.nn.graph import SAMPLES, Graph, Index, ShapeError, Value, listed

SAMPLE = Index(SAMPLES, "N")


@dataclass(frozen=True)
class GraphLoss:
    """A row of the registry.

    right: the network, its output and its targets -> the right side of L.  final: the activation
    that the last layer must have.
    """

    right: Callable[[Graph, Value, Value], str]
    final: str | None = None


def _every(out: Value) -> str:
    return listed([SAMPLE, *out.axes])


def _last(out: Value) -> str:
    if not out.axes:
        raise ShapeError(f"the loss takes an axis of outputs, and {out.name} has none")
    return listed(out.axes[-1:])


def _others(out: Value) -> str:
    return listed([SAMPLE, *out.axes[:-1]])


def norm(net: Graph, out: Value, y: Value) -> str:
    """The sum of the 2-norms along the last axis."""
    q = net.let("q", out.axes[:-1], f"sum_{_last(out)} ({out.entry} - {y.entry})**2")
    return f"sum_{_others(out)} root({q.entry})"


def sse(net: Graph, out: Value, y: Value) -> str:
    """Half of all squared errors."""
    return f"sum_{_every(out)} ({out.entry} - {y.entry})**2/2"


def mse(net: Graph, out: Value, y: Value) -> str:
    """The mean of all squared errors."""
    return f"mean_{_every(out)} ({out.entry} - {y.entry})**2"


def mae(net: Graph, out: Value, y: Value) -> str:
    """The mean of all absolute errors."""
    return f"mean_{_every(out)} absolute({out.entry} - {y.entry})"


def huber(net: Graph, out: Value, y: Value) -> str:
    """The mean of the errors, quadratic up to 1, then linear (Huber 1964)."""
    u = net.let("u", out.axes, f"{out.entry} - {y.entry}")
    return f"mean_{_every(out)} huber({u.entry})"


def binary_cross_entropy(net: Graph, out: Value, y: Value) -> str:
    """The mean of -(y log a + (1 - y) log(1 - a)), a of a sigmoid."""
    a, t = out.entry, y.entry
    return f"-mean_{_every(out)} ({t}*log({a}) + (1 - {t})*log(1 - {a}))"


def cross_entropy(net: Graph, out: Value, y: Value) -> str:
    """The mean over all but the last axis of -sum y log p, p of a softmax."""
    net.rows.append(f"given sum_{_last(out)} {y.entry} = 1")
    return f"-mean_{_others(out)} sum_{_last(out)} {y.entry}*log({out.entry})"


GRAPH_LOSSES: dict[str, GraphLoss] = {
    "norm": GraphLoss(norm),
    "sse": GraphLoss(sse),
    "mse": GraphLoss(mse),
    "mae": GraphLoss(mae),
    "huber": GraphLoss(huber),
    "binary_cross_entropy": GraphLoss(binary_cross_entropy, "sigmoid"),
    "cross_entropy": GraphLoss(cross_entropy, "softmax"),
}
