"""Derivatives by complex step, and the reports of what was compared.

    dL/dt . d  =  Im L(t + i h d) / h,   h = 1e-30

with the perturbation added to any tensor, intermediates included (Squire and Trapp 1998).
There is no subtraction, so the result is exact to rounding.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import sympy as sp

from symnn.engine.diff import gradients
from symnn.engine.evaluate import Array, Evaluator, Values, evaluate, product
from symnn.engine.functions import Named
from symnn.engine.ir import (
    Axis,
    Item,
    Line,
    Program,
    Scan,
    Tensor,
    Term,
    axis,
    entries,
    indices_of,
    is_entry,
    lines_of,
    name_of,
)

H = 1e-30
TINIER = 1e-200  # a step whose square is 0: what two moves make together crosses no kink
SCALED, ENTRYWISE, FLOOR = 1e-12, 1e-10, 1e-3
PROBES = 40  # entries of a tensor that are compared one by one
DIRECTIONS = 2  # random ones, each of which sees all entries
TINY = float(np.finfo(float).tiny / np.finfo(float).eps)  # 1e-292
ROOM = 2**22  # complex numbers that the perturbations of a run take, 64 MiB


class Row(NamedTuple):
    """One comparison: what was compared, its error relative to its bound's scale, the verdict.

    zero: whether what was compared is 0 because its summands cancel.
    """

    what: str
    line: str
    error: float
    ok: bool
    zero: bool = False

    def __str__(self) -> str:
        zero = "   (its summands cancel: it is 0)" if self.zero else ""
        return f"{'ok ' if self.ok else 'NOT'} {self.error:8.1e}  {self.what}: {self.line}{zero}"


class Verdict(NamedTuple):
    """A gradient beside its derivatives along probes.

    error: the largest difference, over the sum of the absolute summands.  ok: whether it is in
    bounds.  zero: whether the gradient is 0 because its summands cancel.  relative: the largest
    difference, over the largest entry; 0 for a gradient that is 0.
    """

    error: float
    ok: bool
    zero: bool
    relative: float


@dataclass(frozen=True)
class Report:
    """The rows of a verification, one a step.

    longest: how long the axes were that were evaluated shorter than they are; None: none was.
    parts: the number of parts in which a deep network was verified.  probes: of each gradient, how
    many entries at most were compared one by one, and along how many random directions all of them
    together.
    """

    rows: tuple[Row, ...] = field(default_factory=tuple)
    longest: int | None = None
    parts: int = 1
    probes: tuple[int, int] = (PROBES, DIRECTIONS)

    @property
    def ok(self) -> bool:
        """Whether every row held."""
        return all(row.ok for row in self.rows)

    @property
    def max_error(self) -> float:
        """The largest error of all rows."""
        return max((row.error for row in self.rows), default=0.0)

    @property
    def failed(self) -> tuple[Row, ...]:
        """The rows that did not hold."""
        return tuple(row for row in self.rows if not row.ok)

    def __str__(self) -> str:
        return "\n".join([*map(str, self.rows), self.verdict])

    def __repr__(self) -> str:
        return f"<Report: {self.verdict}>"

    @property
    def verdict(self) -> str:
        """The report in one line."""
        word = "all hold" if self.ok else f"{len(self.failed)} of them do not hold"
        end = f"{len(self.rows)} comparisons, {word}; largest error {self.max_error:.1e}"
        if self.longest is not None:
            end += f"; evaluated with at most {self.longest} inputs, and units a layer"
        if self.parts > 1:
            end += f"; in {self.parts} parts, each with a linear function of its outputs as loss"
        if self.probes != (PROBES, DIRECTIONS):
            entries, random = self.probes
            way = f"{random} random direction{'s' * (random > 1)}"
            one = f" and at {entries} of its entries" * bool(entries)
            end += f"; of so large a program each gradient was compared along {way}{one}"
        return end


def draw(
    program: Program, rng: np.random.Generator, sizes: Mapping[str, int] | None = None
) -> dict[str, Array]:
    """Random leaves that satisfy the program's facts.

    Weights have the size 1/sqrt(fan-in), so that deep networks neither vanish nor explode.
    """
    sizes = dict(sizes or {})
    measure = Evaluator([], {}, sizes)
    facts = {fact.tensor: fact for fact in program.facts}
    out: dict[str, Array] = {}
    for leaf in program.leaves:
        shape = tuple(measure.size(a) for a in leaf.axes)
        if leaf.name in facts:
            out[leaf.name] = facts[leaf.name].draw(rng, shape)
        elif leaf.name in program.pointed:
            below = measure.size(axis("", program.pointed[leaf.name]))
            out[leaf.name] = rng.integers(0, below, shape)
        elif leaf.role == "target":
            out[leaf.name] = rng.uniform(0.1, 0.9, shape)
        elif leaf.role == "mask":
            out[leaf.name] = rng.integers(0, 2, shape) * 1.5
        elif leaf.role == "hyperparameter":
            out[leaf.name] = np.asarray(rng.uniform(0.1, 0.9))
        else:
            width = _summed(program, leaf, measure) if leaf.role == "parameter" else 1
            out[leaf.name] = rng.normal(0.0, 1.0, shape) / np.sqrt(width)
    return out


def _summed(program: Program, leaf: Tensor, measure: Evaluator) -> int:
    """Over how many entries of a leaf the first line sums that reads it."""
    for line in program.lines:
        for term in line.terms:
            over = {a.symbol for a in term.over}
            for e in entries(term.f):
                if name_of(e) == leaf.name:
                    pairs = zip(indices_of(e), leaf.axes, strict=True)
                    return math.prod(measure.size(a) for index, a in pairs if index in over)
    return 1


def directions(
    shape: tuple[int, ...],
    rng: np.random.Generator,
    probes: int = PROBES,
    random: int = DIRECTIONS,
) -> Array:
    """Perturbations of a tensor: single entries (some of them, if there are many), and random."""
    count = int(np.prod(shape))
    chosen = rng.permutation(count)[:probes] if count > probes else np.arange(count)
    single = np.zeros((len(chosen), count))
    single[np.arange(len(chosen)), chosen] = 1.0
    return np.concatenate([single, rng.normal(size=(random, count))]).reshape(-1, *shape)


def complex_step(
    program: Program,
    of: str,
    probes: Mapping[str, Array],
    values: Values,
    sizes: Mapping[str, int] | None = None,
    known: Mapping[str, Array] | None = None,
    step: float = H,
) -> dict[str, Array]:
    """Tensor -> the derivatives of the scalar ``of`` along its probes.

    probes: tensor -> perturbations that are added to it, (probes, *axes).  known: every tensor
    at ``values``.  Perturbations of several tensors run side by side, as many as ROOM numbers
    hold, so that a deep program is not run once for each of its tensors.
    """
    known = evaluate(program, values, sizes) if known is None else known
    widest = max((known[name].size for name in program.definitions), default=1)
    found: dict[str, Array] = {}
    group: dict[str, Array] = {}
    for name, own in probes.items():
        wider = {**group, name: own}
        entries = max(widest, sum(p[0].size for p in wider.values()))
        if group and sum(map(len, wider.values())) * entries > ROOM:
            found |= _side_by_side(program, of, group, values, sizes, known, step)
            wider = {name: own}
        group = wider
    if not group:
        return {}
    return found | _side_by_side(program, of, group, values, sizes, known, step)


def _side_by_side(
    program: Program,
    of: str,
    probes: Mapping[str, Array],
    values: Values,
    sizes: Mapping[str, int] | None,
    known: Mapping[str, Array],
    step: float,
) -> dict[str, Array]:
    """One run of what depends on the perturbed tensors; the rest is taken from ``known``.

    A value is dropped once the last item that reads it has run.
    """
    ends = np.cumsum([len(own) for own in probes.values()])
    shifts: dict[str, Array] = {}
    for (name, own), end in zip(probes.items(), ends, strict=True):
        shifts[name] = np.zeros((ends[-1], *own.shape[1:]), dtype=complex)
        shifts[name].imag[end - len(own) : end] = step * own
    evaluator = Evaluator(program.leaves, values, sizes, shifts)
    reached = set(probes)
    for item, names, reads, last in _uses(program):
        if reached & (names | reads):
            missing = reads - evaluator.arrays.keys()
            evaluator.arrays |= {n: np.asarray(known[n])[None] for n in missing - names}
            evaluator.run([item])
            reached |= names
        for name in last - {of}:
            evaluator.arrays.pop(name, None)
            evaluator.shifts.pop(name, None)
    slopes = evaluator.arrays[of].imag / step if of in reached else np.zeros(1)
    return dict(zip(probes, np.split(np.broadcast_to(slopes, ends[-1]), ends[:-1]), strict=True))


def _uses(program: Program) -> list[tuple[Item, set[str], set[str], set[str]]]:
    """Items in order, each with the names it defines, those it reads, those not read later."""
    rows, later = list[tuple[Item, set[str], set[str], set[str]]](), set[str]()
    for item in reversed(program.items):
        inner = tuple(lines_of([item]))
        names = {line.lhs.name for line in inner}
        reads = {name_of(e) for line in inner for e in line.reads}
        rows.append((item, names, reads, (names | reads) - later))
        later |= reads
    return rows[::-1]


class Summands(Evaluator):
    """Runs lines as the sums of the absolute values of their summands.

        |a + b| is |a| + |b|,   |a b| is |a| |b|,   |a^k| is |a|^k for k = 1, 2, …

    and anything else is its absolute value; of a derivative that vanishes where its function
    saturates, 1 - a^2, it is 1.  Rounding makes an error of this size times 1e-16, also
    where the summands cancel: there the value itself is rounding, and so is what is computed from
    it, be it a value of the forward pass, such as x minus its mean, or a gradient.  So an entry
    counts with its absolute value, but one below FLOOR times its summands counts with these.

    known: an evaluator that holds the value of every tensor.  items: forward lines, then gradients.
    largest: name -> the largest sum among the entries of a tensor.
    """

    def __init__(self, known: Evaluator, items: Sequence[Item]) -> None:
        super().__init__((), {}, known.sizes)
        self.known, self.absolute = known, Evaluator((), {}, known.sizes)
        self.arrays = self.absolute.arrays = {n: np.abs(a) for n, a in known.arrays.items()}
        self.largest: dict[str, float] = {}
        self.run(items)
        self.known.fixed = {}

    def line(self, line: Line) -> Array:
        self.known.fixed = self.absolute.fixed = self.fixed
        name, total = line.lhs.name, super().line(line)
        top = float(np.maximum(self.largest.get(name, 0.0), total.max(initial=0.0)))
        self.largest[name] = top
        value = np.abs(self.known.line(line))
        return np.where(value < FLOOR * total, total, value)

    def term(self, term: Term, axes: tuple[Axis, ...]) -> Array:
        # a maximum is one of its summands, and which one it is the values say
        summed = term.reduce == "sum"
        return super().term(term, axes) if summed else np.abs(self.known.term(term, axes))

    def _walk(self, f: sp.Basic, grid: tuple[Axis, ...]) -> Array:
        if is_entry(f):
            return self.absolute.entry(f, grid)
        if isinstance(f, sp.Pow) and f.exp.is_Integer and f.exp > 0:
            return np.asarray(self._walk(f.base, grid) ** int(f.exp))
        if not isinstance(f, sp.Add | sp.Mul):
            value = np.abs(self.known._walk(f, grid))
            derivative = isinstance(f, Named) and f.order > 0
            return np.where(value < FLOOR, 1.0, value) if derivative else value
        parts = [self._walk(a, grid) for a in f.args]
        if isinstance(f, sp.Add):
            return np.asarray(sum(parts[1:], parts[0]))
        return product(f, parts)


def scaled(difference: float, *scale: float) -> float:
    """A difference over the largest of some sizes; infinite where that is no number, or is 0.

    No difference is 0 whatever the scale, so that equal zeros agree.  One below TINY counts as
    none: numbers that small have lost digits.
    """
    top = float(np.max(scale))
    if not (np.isfinite(difference) and np.isfinite(top)):
        return float("inf")
    if difference <= TINY:
        return 0.0
    return difference / top if top > 0.0 else float("inf")


def gradient_error(found: Array, exact: Array, probes: Array, summands: float) -> Verdict:
    """A gradient against derivatives along probes.

    summands: the largest sum of the absolute summands of an entry, which is what an error is
    measured by, unless an entry is larger.  The scaled error (times the length of the probe) is
    at most 1e-12; entry by entry it is at most 1e-10, with the floor 1e-3 of the largest.
    """
    flat = probes.reshape(len(probes), -1)
    slopes = flat @ np.asarray(found, dtype=float).reshape(-1)
    length = np.sqrt((flat**2).sum(axis=1))
    largest = float(np.max([*np.abs(found).flat, *(np.abs(exact) / length)], initial=0.0))
    difference = np.abs(slopes - exact)
    error = scaled(float((difference / length).max()), summands, largest)
    if not np.isfinite(error):
        return Verdict(error, False, False, error)
    top = max(summands, largest) or 1.0
    entrywise = float((difference / np.maximum(np.abs(exact), FLOOR * top * length)).max())
    zero = summands > 0.0 and largest <= SCALED * summands
    relative = 0.0 if zero else error * top / (largest or 1.0)
    return Verdict(error, error <= SCALED and entrywise <= ENTRYWISE, zero, relative)


def check_gradients(
    program: Program,
    items: Sequence[Line | Scan],
    names: Mapping[str, str],
    rng: np.random.Generator,
    sizes: Mapping[str, int] | None = None,
    values: Values | None = None,
    of: str = "L",
) -> Report:
    """Gradient items against complex step, for every tensor that kept a gradient.

    program: the forward lines.  names: tensor -> name of its gradient.  values: leaves that
    shall not be drawn, such as whole numbers that serve as indices.
    """
    leaves = {**draw(program, rng, sizes), **(values or {})}
    full = program.extend(items)
    known = evaluate(full, leaves, sizes)
    summands = _summands(
        program, of, [t.name for t in program.leaves if t.name in names], leaves, sizes
    )
    kept = {t: name for t, name in names.items() if name in full.definitions and t != of}
    probes = {tensor: directions(known[name].shape, rng) for tensor, name in kept.items()}
    exact = complex_step(program, of, probes, leaves, sizes, known)
    rows = []
    for tensor, name in kept.items():
        found = gradient_error(known[name], exact[tensor], probes[tensor], summands[tensor])
        line = str(full.line(name))
        rows.append(Row(f"d{of}/d{tensor}", line, found.error, found.ok, zero=found.zero))
    return Report(tuple(rows))


def _summands(
    program: Program,
    of: str,
    wrt: Sequence[str],
    values: Values,
    sizes: Mapping[str, int] | None = None,
) -> dict[str, float]:
    """Tensor -> the largest sum of absolute summands of an entry of its gradient.

    The summands are those that the rule writes: a simpler line may have none of those that cancel.
    """
    raw, names = gradients(program, of, wrt)
    known = Evaluator(program.leaves, values, sizes)
    items = program.extend(raw).items
    known.run(items)
    largest = Summands(known, items).largest
    return {tensor: largest[name] for tensor, name in names.items()}


def adjoint(line: Line, leaves: Sequence[Tensor], values: Values, rng: np.random.Generator) -> Row:
    """⟨ȳ, dy⟩ = Σ_t ⟨t̄, dt⟩ for one line: its pullback against its complex-step derivative.

    leaves: the tensors it reads.  values: their values.
    """
    y = line.lhs
    if any(t.name == y.name for t in leaves):  # in a scan: what it reads of itself is given
        y = replace(y, name=f"{y.name}_now")
        line = replace(line, lhs=y)
    real = [t for t in leaves if t.name in {name_of(e) for x in line.terms for e in entries(x.f)}]
    bar = Tensor(f"{y.name}_bar", y.axes, "input")
    pairing = Line(Tensor("pairing"), (Term(bar.entry * y.entry, y.axes),), "pairing")
    program = Program((*leaves, bar), (line, pairing))
    shape = evaluate(Program(tuple(leaves), (line,)), values)[y.name].shape
    point = {**values, bar.name: rng.normal(size=shape)}
    items, names = gradients(program, "pairing", [t.name for t in real])
    evaluator = Evaluator(program.leaves, point)
    evaluator.run(program.extend(items).items)
    known = {name: array[0] for name, array in evaluator.arrays.items()}
    sums = {name: array[0] for name, array in Summands(evaluator, items).arrays.items()}
    moves = {t.name: rng.normal(size=(1, *np.shape(values[t.name]))) for t in real}
    shifts = {name: 1j * TINIER * move for name, move in moves.items()}
    left = float(evaluate(program, point, shifts=shifts)["pairing"].imag.item() / TINIER)
    pulled = {names[n]: move[0] for n, move in moves.items() if names[n] in known}
    right = float(sum((known[name] * move).sum() for name, move in pulled.items()))
    size = float(sum((sums[name] * np.abs(move)).sum() for name, move in pulled.items()))
    # what the line is given is ȳ itself, so a factor of -1 cannot cancel between the two lines
    given = known.get(names.get(y.name, bar.name), point[bar.name])
    drift = float(np.abs(given - point[bar.name]).max(initial=0.0))
    error = float(np.maximum(scaled(abs(left - right), size), drift))
    return Row("adjoint", str(line), error, error <= SCALED)
