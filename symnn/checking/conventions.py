"""Conventions in which a right backpropagation may be written, and how arrays read in them.

A convention is one choice for all quantities: where the samples stand, which way round the weights
are, where the 1/N of a mean stands, what the output's gradient is taken by, and the scale of the
loss.  The first of all is that of the derivation.  What is right in one of them is right.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from symnn.checking.reverse import ReversePass, over
from symnn.derivation.network import Network
from symnn.engine.evaluate import Array
from symnn.engine.ir import SAMPLES


@dataclass(frozen=True)
class Convention:
    """One choice for all quantities.

    data, samples: "rows" or "columns", in x and y, and in the gradients of values.  weights:
    "out_in" or "in_out".  errors: how many times those of the batch the gradients of the samples'
    values are, and ``mean`` what that number is called, "" for 1.  fused: the output whose gradient
    is that by the scores before it; "" if none is.  scale: of the loss and of every gradient.
    """

    data: str = "rows"
    samples: str = "rows"
    weights: str = "out_in"
    errors: float = 1.0
    mean: str = ""
    fused: str = ""
    scale: float = 1.0

    def words(self, reverse: ReversePass) -> str:
        """What differs from the derivation, in words; "" where nothing does."""
        said = []
        if "columns" in (self.data, self.samples):
            where = {"rows": " in x and y", "columns": " in the gradients"}[self.samples]
            said.append(f"the samples are columns{where if self.data != self.samples else ''}")
        if self.weights == "in_out":
            said.append("weights and their gradients are (in, out)")
        if self.mean:
            said.append(
                "the gradients of each sample's values are those of its own loss, "
                f"{self.mean} = {self.errors:g} times those of the batch's mean; "
                f"{over(self.mean)} stands in the gradients of the parameters"
            )
        if self.fused:
            scores = scores_of(reverse)[self.fused]
            said.append(f"d{self.fused} is the gradient by the scores {scores}, as of logits")
        if self.scale != 1.0:
            said.append(f"the loss and every gradient are {number(self.scale)} times the spec's")
        return "; ".join(said)

    def named(self, choice: str, reverse: ReversePass) -> str:
        """One choice, as it is said of some of the gradients."""
        return {
            "samples": f"with the samples as {self.samples}",
            "errors": {"": "per batch", "N": "per sample"}.get(self.mean, f"{self.mean} times"),
            "fused": f"by the scores {scores_of(reverse)[self.fused]}" if self.fused else "",
        }[choice]

    def read(self, reverse: ReversePass, name: str, value: Array) -> Array:
        """A gradient in the convention as the derivation writes it."""
        divisor = self.errors if self.mean and reverse.of_samples(name) else 1.0
        return value / (divisor * self.scale)

    def seen(self, reverse: ReversePass, name: str) -> str:
        """The gradient of the derivation that is called by this name."""
        name = reverse.same.get(name, name)
        tensor = reverse.tensors[name]
        return reverse.names[scores_of(reverse)[tensor]] if tensor == self.fused else name


def number(c: float) -> str:
    """A number as a fraction where it is a simple one."""
    near = Fraction(c).limit_denominator(64)
    return str(near) if abs(float(near) - c) <= 1e-9 * abs(c) else f"{c:.6g}"


def is_mean(reverse: ReversePass) -> bool:
    """Whether the loss is a mean over the samples."""
    return any(
        SAMPLES in term.f.free_symbols
        for line in reverse.sweep.forward.lines
        for term in line.terms
    )


def scores_of(reverse: ReversePass) -> dict[str, str]:
    """The output -> the pre-activation before it, where a loss and it may be one."""
    forward = reverse.sweep.forward
    scores = [t.name for t in forward.tensors.values() if t.kind == "pre-activation"]
    outputs = [t.name for t in forward.tensors.values() if t.kind == "activation"]
    if not scores or not outputs:
        return {}
    t, s = forward.tensors[outputs[-1]], forward.tensors[scores[-1]]
    return {t.name: s.name} if t.axes == s.axes and t.layer == s.layer else {}


def conventions(
    reverse: ReversePass, told: Convention, handed: Collection[str]
) -> Iterator[Convention]:
    """The conventions that are tried, those nearest to the derivation first.

    told: the choices that x, y, the parameters and the loss have already made.  handed: the names
    of what was handed in, which may leave no choice.
    """
    n, m = reverse.count, reverse.outputs
    names = (*reverse.names.values(), *reverse.same)
    each = any(name in handed and reverse.of_samples(name) for name in names)
    means = {1.0: ""}
    if each and is_mean(reverse):
        for word, c in {"N": n, "N m": n * m, "N m/2": n * m / 2}.items():
            means.setdefault(float(c), word)
    rows = sorted(("rows", "columns") if each else (told.data,), key=lambda way: way != told.data)
    fused = [a for a in scores_of(reverse) if reverse.names[a] in handed]
    for output, c, samples in itertools.product(("", *fused), means, rows):
        yield replace(told, samples=samples, errors=c, mean=means[c], fused=output)


def of_notation(network: Network, tried: Convention) -> bool:
    """Whether a convention is that of the notation of a spec."""
    notation = network.spec.notes.notation
    layout = network.spec.notes.layout or notation.layout
    turned = notation.orientation == "in_out" or (
        notation.orientation == "by_layout" and layout == "rows"
    )
    each = network.mean_loss and notation.mean == "parameters"
    return (tried.samples, tried.weights, tried.mean, tried.fused) == (
        "columns" if layout == "columns" else "rows",
        "in_out" if turned else "out_in",
        "N" if each else "",
        "",
    )
