"""Derivatives by complex step, and the reports of what was compared.

    dL/dt . d  =  Im L(t + i h d) / h,   h = 1e-30

with the perturbation added to any tensor, intermediates included (Squire and Trapp 1998).
There is no subtraction, so the result is exact to rounding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from symnn.engine.diff import gradients
from symnn.engine.evaluate import Array, Evaluator, Values, evaluate
from symnn.engine.ir import (
    Line,
    Program,
    Scan,
    Tensor,
    Term,
    entries,
    lines_of,
    name_of,
)

H = 1e-30
SCALED, ENTRYWISE, FLOOR = 1e-12, 1e-10, 1e-3
PROBES = 40  # entries of a tensor that are compared one by one; two random directions see all


class Row(NamedTuple):
    """One comparison: what was compared, its error relative to its bound's scale, the verdict."""

    what: str
    line: str
    error: float
    ok: bool
    step: int | None = None


@dataclass(frozen=True)
class Report:
    """The rows of a verification, one a step."""

    rows: tuple[Row, ...] = field(default_factory=tuple)

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
        rows = [f"{'ok ' if r.ok else 'NOT'} {r.error:8.1e}  {r.what}: {r.line}" for r in self.rows]
        word = "all hold" if self.ok else f"{len(self.failed)} of them do not hold"
        end = f"{len(self.rows)} comparisons, {word}; largest error {self.max_error:.1e}"
        return "\n".join([*rows, end])


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
        elif leaf.role == "target":
            out[leaf.name] = rng.uniform(0.1, 0.9, shape)
        elif leaf.role == "mask":
            out[leaf.name] = rng.integers(0, 2, shape) * 1.5
        elif leaf.role == "hyperparameter":
            out[leaf.name] = np.asarray(rng.uniform(0.1, 0.9))
        else:
            width = shape[-1] if leaf.role == "parameter" and len(shape) > 1 else 1
            out[leaf.name] = rng.normal(0.0, 1.0, shape) / np.sqrt(width)
    return out


def directions(shape: tuple[int, ...], rng: np.random.Generator, probes: int = PROBES) -> Array:
    """Perturbations of a tensor: single entries (some of them, if there are many), two random."""
    count = int(np.prod(shape))
    chosen = rng.permutation(count)[:probes] if count > probes else np.arange(count)
    single = np.zeros((len(chosen), count))
    single[np.arange(len(chosen)), chosen] = 1.0
    return np.concatenate([single, rng.normal(size=(2, count))]).reshape(-1, *shape)


def complex_step(
    program: Program,
    of: str,
    tensor: str,
    values: Values,
    probes: Array,
    sizes: Mapping[str, int] | None = None,
    known: Mapping[str, Array] | None = None,
) -> Array:
    """The derivatives of the scalar ``of`` along ``probes``, perturbations added to ``tensor``.

    known: every tensor at ``values``; then only what depends on ``tensor`` is computed again.
    """
    evaluator = Evaluator(program.leaves, values, sizes, {tensor: 1j * H * probes})
    if known is None:
        evaluator.run(program.items)
        return np.asarray(evaluator.arrays[of].imag / H).reshape(-1)
    moved = {tensor} if tensor in program.definitions else set()
    reached = {tensor}
    for item in program.items:
        inner = tuple(lines_of([item]))
        names = {line.lhs.name for line in inner}
        if names & moved or any(name_of(e) in reached for line in inner for e in line.reads):
            evaluator.run([item])
            reached |= names
        else:
            evaluator.arrays |= {n: np.asarray(known[n])[None] for n in names}
    return np.asarray(evaluator.arrays[of].imag / H).reshape(-1)


def gradient_error(found: Array, exact: Array, probes: Array) -> tuple[float, bool]:
    """The error of a gradient against derivatives along probes, scaled; whether it is in bounds.

    Scaled by the largest entry (times the length of the probe) at most 1e-12; entry by entry
    at most 1e-10 with the floor 1e-3 of the largest.
    """
    flat = probes.reshape(len(probes), -1)
    slopes = flat @ np.asarray(found, dtype=float).reshape(-1)
    if not (np.isfinite(slopes).all() and np.isfinite(exact).all()):
        return float("inf"), False
    top = max(float(np.abs(found).max(initial=0.0)), float(np.abs(exact).max(initial=0.0)))
    if top == 0.0:
        return 0.0, True
    length = np.sqrt((flat**2).sum(axis=1))
    difference = np.abs(slopes - exact)
    scaled = float((difference / (top * length)).max())
    entrywise = float((difference / np.maximum(np.abs(exact), FLOOR * top * length)).max())
    return scaled, scaled <= SCALED and entrywise <= ENTRYWISE


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
    rows = []
    for tensor, name in names.items():
        if name not in full.definitions or tensor == of:
            continue
        probes = directions(known[name].shape, rng)
        exact = complex_step(program, of, tensor, leaves, probes, sizes, known)
        error, ok = gradient_error(known[name], exact, probes)
        rows.append(Row(f"d{of}/d{tensor}", str(full.line(name)), error, ok))
    return Report(tuple(rows))


def adjoint(line: Line, leaves: Sequence[Tensor], values: Values, rng: np.random.Generator) -> Row:
    """⟨ȳ, dy⟩ = Σ_t ⟨t̄, dt⟩ for one line: its pullback against its complex-step derivative.

    leaves: the tensors it reads.  values: their values.
    """
    y = line.lhs
    real = [t for t in leaves if t.name in {name_of(e) for x in line.terms for e in entries(x.f)}]
    bar = Tensor(f"{y.name}_bar", y.axes, "input")
    pairing = Line(Tensor("pairing"), (Term(bar.entry * y.entry, y.axes),), "pairing")
    program = Program((*leaves, bar), (line, pairing))
    shape = evaluate(Program(tuple(leaves), (line,)), values)[y.name].shape
    point = {**values, bar.name: rng.normal(size=shape)}
    items, names = gradients(program, "pairing", [t.name for t in real])
    known = evaluate(program.extend(items), point)
    moves = {t.name: rng.normal(size=(1, *np.shape(values[t.name]))) for t in real}
    shifts = {name: 1j * H * move for name, move in moves.items()}
    left = float(evaluate(program, point, shifts=shifts)["pairing"].imag.item() / H)
    terms = [known[names[n]] * move[0] for n, move in moves.items() if names[n] in known]
    right = float(sum(t.sum() for t in terms))
    size = float(sum(np.abs(t).sum() for t in terms)) or 1.0
    # what the line is given is ȳ itself, so a factor of -1 cannot cancel between the two lines
    given = known.get(names.get(y.name, bar.name), point[bar.name])
    error = max(abs(left - right) / size, float(np.abs(given - point[bar.name]).max(initial=0.0)))
    return Row("adjoint", str(line), error, error <= SCALED)
