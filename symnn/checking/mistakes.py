"""Mistakes that people make in backpropagation, each made on purpose.

A cause takes a :class:`Case` and yields pairs: what it is called, and the numbers that the mistake
gives.  A line is changed and evaluated; no derivative is written here.  To add a mistake,
write its function and list it in CAUSES.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import sympy as sp

from symnn.engine.evaluate import Array, Evaluator
from symnn.engine.functions import Named
from symnn.engine.ir import Line, entries, indices_of, is_entry, name_of

if TYPE_CHECKING:
    from symnn.derivation.network import Network

Found = Iterator[tuple[str, Array]]


def largest(right: Array) -> float:
    """The size of the largest entry, 1 if all are 0."""
    return float(np.abs(right).max(initial=0.0)) or 1.0


def misfit(found: Array, right: Array) -> float:
    """The largest difference, over the largest right entry (over 1 if all are 0)."""
    if found.shape != right.shape or not (np.isfinite(right).all() and np.isfinite(found).all()):
        return float("inf")
    return float(np.abs(found - right).max(initial=0.0)) / largest(right)


@dataclass
class ReversePass:
    """The reverse sweep, from the right values, and from the values that were handed in.

    values: every forward tensor.  raw, final: tensor -> the line of its gradient as the rule
    wrote it, and simplified.  right: tensor -> the right gradient.  expected: the gradient that
    follows, without a further mistake, from what was handed in for those above it.  rtol: the
    misfit at which a gradient is right.  rounding: tensor -> another one, where it is larger.
    """

    network: Network
    values: Mapping[str, Array]
    raw: Mapping[str, Line]
    final: Mapping[str, Line]
    rtol: float
    rounding: Mapping[str, float] = field(default_factory=dict)
    given: dict[str, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.names = {t: line.lhs.name for t, line in self.raw.items()}
        self.tensors = {name: t for t, name in self.names.items()}
        self.count: int = len(self.values["x"])
        self.expected: dict[str, Array] = {}
        self.give({})
        self.right = self.expected

    def gradients(self, evaluator: Evaluator, given: Mapping[str, Array]) -> dict[str, Array]:
        """Every gradient, each from those above it; from what was handed in, if that is given.

        Those that follow from a gradient that was handed in do so by the rule's own line.
        """
        found = {}
        for t, raw in self.raw.items():
            line = raw if set(self.above(raw)) & self.given.keys() else self.final[t]
            found[t] = self.run(evaluator, line)
            if t in given:
                evaluator.arrays[line.lhs.name] = given[t][None]
        return found

    def tolerance(self, tensor: str) -> float:
        """The misfit at which the gradient of a tensor is still right."""
        return max(self.rtol, self.rounding.get(tensor, 0.0))

    def fits(self, tensor: str, found: Array, right: Array) -> bool:
        """Whether two gradients of a tensor agree."""
        return misfit(found, right) <= self.tolerance(tensor)

    def run(self, evaluator: Evaluator, line: Line) -> Array:
        """Evaluate a line and keep its value."""
        shape = tuple(evaluator.size(a) for a in line.lhs.axes)
        value = np.broadcast_to(evaluator.line(line)[0], shape)
        evaluator.arrays[line.lhs.name] = value[None]
        return value

    def give(self, given: Mapping[str, Array]) -> None:
        """Take what was handed in, where it has its shape."""
        self.given = {t: u for t, u in given.items() if u.shape == self.right[t].shape}
        self.evaluator = Evaluator([], {}, {"N": self.count})
        self.evaluator.arrays = {n: np.asarray(a)[None] for n, a in self.values.items()}
        self.expected = self.gradients(self.evaluator, self.given)

    def above(self, line: Line) -> list[str]:
        """The tensors whose gradients a line reads."""
        read = dict.fromkeys(map(name_of, line.reads))
        return [self.tensors[n] for n in read if n in self.tensors]

    def sources(self, tensor: str) -> tuple[list[str], list[str]]:
        """The tensors on the way to a gradient from those that were handed in, and the latter."""
        between, ends, pending = [tensor], [], [tensor]
        while pending:
            for t in self.above(self.raw[pending.pop()]):
                if t in self.given:
                    ends.append(t)
                elif t not in between:
                    between.append(t)
                    pending.append(t)
        return between, list(dict.fromkeys(ends))

    def with_line(self, tensor: str, site: str, line: Line) -> Array:
        """The gradient of ``tensor`` if that of ``site`` were computed by another line."""
        between, _ = self.sources(tensor)
        evaluator = Evaluator([], {}, self.evaluator.sizes)
        evaluator.arrays = dict(self.evaluator.arrays)
        value, reached = self.right[tensor], {site}
        for t, raw in self.raw.items():
            if t in between and (t == site or set(self.above(raw)) & reached):
                value = self.run(evaluator, line if t == site else raw)
                reached.add(t)
        return value


@dataclass(frozen=True)
class Case:
    """A wrong gradient: its tensor, the value handed in, what it should have been."""

    reverse: ReversePass
    tensor: str
    value: Array
    right: Array

    @property
    def sites(self) -> list[str]:
        """The tensors whose gradient may hold the mistake: this one, then those it follows from."""
        return self.reverse.sources(self.tensor)[0]

    def at(self, site: str, text: str) -> str:
        """The text, with the place if the mistake was inherited."""
        return text if site == self.tensor else f"inherited from {self.reverse.names[site]}: {text}"


def transposed(case: Case) -> Found:
    """A square matrix that should be its transpose."""
    if case.right.ndim == 2 and case.right.shape[0] == case.right.shape[1] > 1:
        yield "transposed", case.right.T


def opposite_sign(case: Case) -> Found:
    """-g, as from y - a for a - y."""
    yield "opposite sign", -case.right


def factors(case: Case) -> Found:
    """2, N, m and N m, too much or too little."""
    n, m = case.reverse.count, case.reverse.network.outputs
    words = {"2": 2, f"N = {n}": n, f"m = {m}": m, f"N m = {n * m}": n * m}
    for word, c in words.items():
        if c > 1 and not (m == 1 and word.startswith("N m")):
            yield f"a factor {word} too much", case.right * c
            yield f"a factor {word} is missing (1/{word.split(' =')[0]} too much)", case.right / c


def one_sample(case: Case) -> Found:
    """The first or the last sample alone, where a line sums over all of them."""
    reverse, line = case.reverse, case.reverse.raw[case.tensor]
    count = reverse.count
    sums = any(a.samples for t in line.terms for a in t.over)
    if count < 2 or not sums or any("N" in map(str, t.f.free_symbols) for t in line.terms):
        return
    forward, names = reverse.network.program.tensors, reverse.tensors
    for word, k in (("first", 0), ("last", count - 1)):
        inner = Evaluator([], {}, {"N": 1})
        for name in dict.fromkeys(map(name_of, line.reads)):
            array = reverse.evaluator.arrays[name]
            axes = reverse.raw[names[name]].lhs.axes if name in names else forward[name].axes
            batch = bool(axes) and axes[0].samples
            inner.arrays[name] = array[:, k : k + 1] if batch else array
        text = f"the sum over the batch is missing: only the {word} sample"
        yield text, reverse.run(inner, line)


def _changed(line: Line, swap: Mapping[sp.Basic, sp.Basic]) -> Line:
    return replace(line, terms=tuple(replace(t, f=t.f.xreplace(swap)) for t in line.terms))


def _primes(line: Line) -> list[Named]:
    atoms = {p for t in line.terms for p in t.f.atoms(Named) if p.order}
    return sorted(atoms, key=str)


def missing_derivative(case: Case) -> Found:
    """The pullback of an activation without its σ'."""
    for site in case.sites:
        line = case.reverse.raw[site]
        for prime in _primes(line):
            value = case.reverse.with_line(case.tensor, site, _changed(line, {prime: sp.S.One}))
            yield case.at(site, f"the derivative of {prime.row.name} is missing"), value


def derivative_elsewhere(case: Case) -> Found:
    """σ'(a) where σ'(z) is meant."""
    for site in case.sites:
        line = case.reverse.raw[site]
        for prime in _primes(line):
            z = prime.args[0]
            if not is_entry(z):
                continue
            for other in case.reverse.network.program.lines:
                if other.elementwise and [f for f in _calls(other) if f.args[0] == z]:
                    swap = {prime: prime.func(other.lhs.entry)}
                    value = case.reverse.with_line(case.tensor, site, _changed(line, swap))
                    where = f"{other.lhs.name} instead of {name_of(z)}"
                    yield case.at(site, f"{prime.row.name}' is taken at {where}"), value


def _calls(line: Line) -> list[Named]:
    return [f for t in line.terms for f in t.f.atoms(Named) if not f.order]


def weights_transposed(case: Case) -> Found:
    """A square matrix of weights read the wrong way round."""
    parameters = case.reverse.network.parameters
    for site in case.sites:
        line = case.reverse.raw[site]
        for e in dict.fromkeys(e for t in line.terms if t.over for e in entries(t.f)):
            shape, indices = parameters.get(name_of(e), ()), indices_of(e)
            if len(shape) == 2 and shape[0] == shape[1] > 1 and site not in parameters:
                swap = {e: e.func(e.args[0], *indices[::-1])}
                value = case.reverse.with_line(case.tensor, site, _changed(line, swap))
                yield case.at(site, f"{name_of(e)} is used transposed"), value


def penalty(case: Case) -> Found:
    """The l2 term: left out, scaled, or where it does not belong."""
    reverse, name = case.reverse, case.tensor
    l2 = reverse.network.spec.loss.l2
    if not l2 or name not in reverse.network.parameters:
        return
    n, term = reverse.count, l2 * reverse.values[name]
    if term.ndim == 1:
        yield "an l2 term on the bias", case.right + term
        return
    yield "the l2 term is missing", case.right - term
    yield "the l2 term is halved", case.right - term / 2
    yield "the l2 term is doubled", case.right + term
    yield "the l2 term has the opposite sign", case.right - 2 * term
    if n > 1:
        yield "the l2 term is divided by N", case.right + term * (1 / n - 1)
        yield "the l2 term is multiplied by N", case.right + term * (n - 1)


def constant(case: Case) -> Found:
    """Any other constant."""
    size = float((case.right**2).sum())
    if size and case.right.size > 1:
        c = float((case.value * case.right).sum()) / size
        if abs(c) > 1e-12:
            yield f"{c:.6g} times the right value", c * case.right


def zero(case: Case) -> Found:
    """Nothing at all."""
    yield "all entries are 0", np.zeros_like(case.right)


Cause = Callable[[Case], Found]
# the causes of one group are tried together; a later group only if none of an earlier fits
CAUSES: tuple[tuple[Cause, ...], ...] = (
    (zero,),
    (transposed, opposite_sign, factors, one_sample),
    (missing_derivative, derivative_elsewhere, weights_transposed, penalty),
    (constant,),
)


def cause_of(reverse: ReversePass, tensor: str, value: Array) -> str:
    """The causes that give this value, "or" between them; what it follows from; or "unknown"."""
    _, ends = reverse.sources(tensor)
    wrong = [t for t in ends if not reverse.fits(t, reverse.given[t], reverse.right[t])]
    origin = " and ".join(reverse.names[t] for t in wrong)
    expected = reverse.expected[tensor]
    if wrong and reverse.fits(tensor, value, expected):
        return f"follows from {origin}"
    found = _tried(Case(reverse, tensor, value, expected))
    if found and wrong:
        return f"follows from {origin}, and {found}"
    if not found and wrong:
        found = _tried(Case(reverse, tensor, value, reverse.right[tensor]))
    return found or "unknown"


def _tried(case: Case) -> str:
    for group in CAUSES:
        fits = [
            text
            for cause in group
            for text, numbers in cause(case)
            if case.reverse.fits(case.tensor, case.value, numbers)
        ]
        if fits:
            return " or ".join(dict.fromkeys(fits))
    return ""
