"""Losses of networks of any shape, as equations of an output and its targets.

To add a loss, write a function and list it in GRAPH_LOSSES.  It gets the network, what declares
targets, the outputs that it reads, and the values of its fields; it may write equations, and
returns a sign and a summand, without a + outside of brackets, of which L = sign summand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from symnn.io.fields import Field, wrong
from symnn.nn.graph import SAMPLES, Graph, Index, ShapeError, Value, listed, whole_size

SAMPLE = Index(SAMPLES, "N")
CLASSES = 200  # that stand in one equation
Target = Callable[..., Value]  # of axes: whole=, how many whole numbers; shares=True: sums to 1


@dataclass(frozen=True)
class GraphLoss:
    """A row of the registry.

    right: the network, what gives targets of some axes, the outputs that it reads, and the fields
    -> a sign and a summand.  final: the activation that the last layer must have.  fields: what a
    spec may say.  reads: how many layers it reads.  targets: what y may hold: as of nn.losses, or
    "signs" (-1 and 1) or "counts" (from 0); labels of a "distribution" are "labels".
    """

    right: Callable[..., tuple[str, str]]
    final: str | None = None
    fields: Mapping[str, Field] = field(default_factory=dict)
    reads: int = 1
    targets: str = "numbers"


def _every(out: Value) -> str:
    return listed([SAMPLE, *out.axes])


def _last(out: Value) -> Index:
    if not out.axes:
        raise ShapeError(f"the loss takes an axis of outputs, and {out.name} has none")
    return out.axes[-1]


def _others(out: Value) -> str:
    return listed([SAMPLE, *out.axes[:-1]])


def norm(net: Graph, target: Target, out: Value) -> tuple[str, str]:
    """The sum of the 2-norms along the last axis."""
    y = target(out.axes)
    q = net.let("q", out.axes[:-1], f"sum_{listed([_last(out)])} ({out.entry} - {y.entry})**2")
    return f"sum_{_others(out)}", f"root({q.entry})"


def sse(net: Graph, target: Target, out: Value) -> tuple[str, str]:
    """Half of all squared errors."""
    y = target(out.axes)
    return f"sum_{_every(out)}", f"({out.entry} - {y.entry})**2/2"


def half_mse(net: Graph, target: Target, out: Value) -> tuple[str, str]:
    """1/(2N) times all squared errors: half the mean over the samples of the squared norms."""
    y = target(out.axes)
    return f"mean_{listed([SAMPLE])} sum_{listed(out.axes)}", f"({out.entry} - {y.entry})**2/2"


def mse(net: Graph, target: Target, out: Value) -> tuple[str, str]:
    """The mean of all squared errors."""
    y = target(out.axes)
    return f"mean_{_every(out)}", f"({out.entry} - {y.entry})**2"


def mae(net: Graph, target: Target, out: Value) -> tuple[str, str]:
    """The mean of all absolute errors."""
    y = target(out.axes)
    return f"mean_{_every(out)}", f"absolute({out.entry} - {y.entry})"


def huber(net: Graph, target: Target, out: Value) -> tuple[str, str]:
    """The mean of the errors, quadratic up to 1, then linear (Huber 1964)."""
    y = target(out.axes)
    u = net.let("u", out.axes, f"{out.entry} - {y.entry}")
    return f"mean_{_every(out)}", f"huber({u.entry})"


def hinge(net: Graph, target: Target, out: Value) -> tuple[str, str]:
    """The mean of max(0, 1 - y a), y of -1 and 1 (Cortes and Vapnik 1995); its slope at 0 is 0."""
    y = target(out.axes)
    return f"mean_{_every(out)}", f"relu(1 - {y.entry}*{out.entry})"


def poisson(net: Graph, target: Target, out: Value) -> tuple[str, str]:
    """The mean of exp(a) - y a: counts y of the rate exp(a), the link is log; log y! is left out.

    McCullagh and Nelder 1989; PyTorch's PoissonNLLLoss.
    """
    y = target(out.axes)
    return f"mean_{_every(out)}", f"(exp({out.entry}) - {y.entry}*{out.entry})"


def gaussian(net: Graph, target: Target, m: Value, s: Value) -> tuple[str, str]:
    """The mean of (s + (y - m)^2 exp(-s))/2: means m from a layer, log-variances s from another.

    log(2 pi)/2 is left out (Nix and Weigend 1994; PyTorch's GaussianNLLLoss, of the logarithm).
    """
    if [a.size for a in m.axes] != [a.size for a in s.axes]:
        raise ShapeError(f"the means have the shape {m.shape}, their log-variances {s.shape}")
    y, log = target(m.axes), s.at(*(a.letter for a in m.axes))
    return f"mean_{_every(m)}", f"({log} + ({y.entry} - {m.entry})**2*exp(-{log}))/2"


def _weighted(given: Sequence[float], count: int) -> list[str]:
    """Factors of the classes, if there are any; ShapeError where their number does not fit."""
    if given and len(given) != count:
        raise ShapeError(f"class_weight holds {len(given)} number(s) for {count} classes")
    if len(given) > CLASSES:
        raise ShapeError(f"class_weight has at most {CLASSES} classes; give weights of samples")
    return [f"{float(c)!r}*" for c in given]


def binary_cross_entropy(
    net: Graph, target: Target, out: Value, class_weight: Sequence[float] = ()
) -> tuple[str, str]:
    """The mean of -(y log a + (1 - y) log(1 - a)), a of a sigmoid.

    class_weight: factors of 0 and of 1.
    """
    a, t = out.entry, target(out.axes).entry
    no, yes = _weighted(class_weight, 2) or ("", "")
    return f"-mean_{_every(out)}", f"({yes}{t}*log({a}) + {no}(1 - {t})*log(1 - {a}))"


def cross_entropy(
    net: Graph,
    target: Target,
    out: Value,
    class_weight: Sequence[float] = (),
    label_smoothing: float = 0.0,
    labels: bool = False,
) -> tuple[str, str]:
    """The mean over all but the last axis of -sum y log p, p of a softmax.

    class_weight: a factor of each class.  label_smoothing: the share of every target that all
    classes get alike (Szegedy et al. 2016).  labels: whether the targets are whole numbers.
    """
    last = _last(out)
    count = whole_size(last, "cross_entropy")
    y = target(out.axes[:-1], whole=count) if labels else target(out.axes, shares=True)
    factor = ""
    if factors := _weighted(class_weight, count):
        name = net.name("v")
        terms = (f"{c}[{last.letter} = {k}]" for k, c in enumerate(factors))
        net.rows.append(f"{name}[{last}] = {' + '.join(terms)}")
        factor = f"{name}[{y.entry if labels and not label_smoothing else last.letter}]*"
    if labels and not label_smoothing:
        read = out.at(*(a.letter for a in y.axes), y.entry)
        return f"-mean_{_others(out)}", f"{factor}log({read})"
    share = f"[{last.letter} = {y.entry}]" if labels else y.entry
    if label_smoothing:
        kept, each = 1 - label_smoothing, label_smoothing / count
        share = net.let("t", out.axes, f"{kept:.15g}*{share} + {each!r}").entry
    return f"-mean_{_others(out)} sum_{listed([last])}", f"{factor}{share}*log({out.entry})"


def _factors(given: Sequence[object]) -> str | None:
    """What is wrong with the factors of classes."""
    number = Field("number", minimum=0, maximum=1e6)
    found = (wrong(number, c) for c in given)
    bad = next((message for message in found if message), None)
    return f"must hold numbers: one {bad[0]}" if bad else None


CLASS_WEIGHT = Field("list", (), check=_factors, doc="a factor of each class")
GRAPH_LOSSES: dict[str, GraphLoss] = {
    "norm": GraphLoss(norm),
    "sse": GraphLoss(sse),
    "half_mse": GraphLoss(half_mse),
    "mse": GraphLoss(mse),
    "mae": GraphLoss(mae),
    "huber": GraphLoss(huber),
    "hinge": GraphLoss(hinge, targets="signs"),
    "poisson": GraphLoss(poisson, targets="counts"),
    "gaussian": GraphLoss(gaussian, reads=2),
    "binary_cross_entropy": GraphLoss(
        binary_cross_entropy, "sigmoid", {"class_weight": CLASS_WEIGHT}, targets="unit"
    ),
    "cross_entropy": GraphLoss(
        cross_entropy,
        "softmax",
        {
            "class_weight": CLASS_WEIGHT,
            "label_smoothing": Field(
                "number", 0.0, minimum=0, maximum=1, exclusive_maximum=True, doc="a share"
            ),
            "labels": Field("boolean", False, doc="targets are whole numbers, and no rows of ones"),
        },
        targets="distribution",
    ),
}
