"""A reverse sweep on numbers: from right values, from what was handed in, and with lines changed.

Values are shared.  After a line has changed only what follows from it is computed again, as far as
the gradients that are asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import sympy as sp

from symnn.derivation.sweeps import Sweep
from symnn.engine.evaluate import LARGE, Array, Evaluator
from symnn.engine.ir import Axis, Item, Line, Scan, lines_of, name_of

RTOL = 1e-6
SMALL = 2**15  # entries of a value that is kept


def largest(right: Array) -> float:
    """The size of the largest entry, 1 if all are 0."""
    return float(np.abs(right).max(initial=0.0)) or 1.0


def misfit(found: Array, right: Array) -> float:
    """The largest difference, over the largest right entry (over 1 if all are 0)."""
    if found.shape != right.shape or not (np.isfinite(right).all() and np.isfinite(found).all()):
        return float("inf")
    return float(np.abs(found - right).max(initial=0.0)) / largest(right)


def over(word: str) -> str:
    """1/N, or 1/(N m)."""
    return f"1/({word})" if " " in word or "/" in word else f"1/{word}"


class Products(Evaluator):
    """An evaluator of large products by BLAS."""

    def contract(self, subscripts: str, operands: Sequence[Array]) -> Array:
        """As the base's."""
        large = len(operands) > 2 or any(o.size > LARGE for o in operands)
        return np.asarray(np.einsum(subscripts, *operands, optimize=large))


class Shared(Products):
    """An evaluator whose arrays stay, so that what lines have in common is computed once."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.known: dict[tuple[sp.Expr, tuple[Axis, ...]], Array] = {}

    def value(self, f: sp.Expr, grid: tuple[Axis, ...]) -> Array:
        """As the base's; within a scan a value is that of a step."""
        known = None if self.fixed else self.known.get((f, grid))
        if known is not None:
            return known
        found = super().value(f, grid)
        if not self.fixed and found.size <= SMALL:
            self.known[f, grid] = found
        return found


def _line(evaluator: Evaluator, line: Line) -> Array:
    """The value of a line, with all its axes."""
    value = evaluator.line(line)
    shape = tuple(evaluator.size(a) for a in line.lhs.axes)
    return np.broadcast_to(value, (len(value), *shape))


class ReversePass:
    """The lines of a sweep on numbers.  Everything is known by the names that lines compute.

    leaves: the forward leaves by name.  lines: name -> the line, forward or as the rule wrote it.
    names: of the gradients, from the loss to the inputs; tensor -> its gradient's.  right: the
    right gradients.  given: those handed in.  expected: the gradients that follow, without a
    further mistake, from what was handed in for those above them.  outputs: how many components
    the network's output has.  same: other names of gradients: da of a layer without an activation,
    whose a is its z.  rounding: name -> the misfit that rounding explains.
    """

    def __init__(
        self,
        sweep: Sweep,
        leaves: Mapping[str, Array],
        sizes: Mapping[str, int],
        outputs: int,
        rtol: float = RTOL,
    ) -> None:
        self.sweep, self.rtol, self.outputs = sweep, rtol, outputs
        self.leaves, self.sizes = dict(leaves), dict(sizes)
        self.count = self.sizes.get("N", 1)
        self.names = {t: name for t, name in sweep.names.items() if t != sweep.of}
        self.tensors = {name: t for t, name in sweep.names.items()}
        self.items: tuple[Item, ...] = (*sweep.forward.items, *sweep.raw)
        self.lines = {line.lhs.name: line for line in lines_of(self.items)}
        # a simplified line that reads a sum with a line of its own is left as the rule wrote it
        known = {*self.lines, *leaves}
        self.final = {
            sweep.names[t]: f
            for t, f in sweep.final.items()
            if all(name_of(e) in known for e in f.reads)
        }
        self.same = _same(sweep)
        self.rounding: dict[str, float] = {}
        self.given: dict[str, Array] = {}
        self.changed: dict[str, Line] = {}
        self.extra: dict[str, Array] = {}
        self._forward: dict[str, Array] = {}
        self.give({})
        self.right, self.values = self.expected, dict(self.evaluator.arrays)
        names = [line.lhs.name for line in sweep.forward.lines]
        self._forward = {name: self.values[name] for name in names}

    # values -------------------------------------------------------------------------------

    def give(self, given: Mapping[str, Array]) -> None:
        """Take gradients that were handed in, and no changes of lines."""
        self.given = dict(given)
        self.changed, self.extra = {}, {}
        self._compute()

    def change(self, lines: Mapping[str, Line], extra: Mapping[str, Array]) -> None:
        """Let these lines stand in place of their own.  extra: arrays that they read beside."""
        self.changed, self.extra = {**self.changed, **lines}, {**self.extra, **extra}
        self._compute()

    def _compute(self) -> None:
        self.evaluator = Shared(self.sweep.forward.leaves, self.leaves, self.sizes)
        self.evaluator.arrays |= {name: array[None] for name, array in self.extra.items()}
        if not self.changed and self._forward:
            self.evaluator.arrays |= self._forward
        else:
            for item in self.sweep.forward.items:
                self._run(self.evaluator, item, self.changed)
        self.expected = self.gradients(self.evaluator, self.given)
        self._paths: dict[tuple[frozenset[str], frozenset[str]], list[Item]] = {}

    def gradients(self, evaluator: Evaluator, given: Mapping[str, Array]) -> dict[str, Array]:
        """Every gradient, each from those above it; from what was handed in, if that is given.

        Where nothing above was handed in or changed, by the simplified line: it loses less to
        rounding.
        """
        found: dict[str, Array] = {}
        moved = set(given) | set(self.changed)
        for item in self.sweep.raw:
            names = [line.lhs.name for line in lines_of([item])]
            own = isinstance(item, Scan) or _reads(item) & moved or moved.intersection(names)
            simple = item if own else self.final.get(names[0], item)
            found |= {n: a[0] for n, a in self._run(evaluator, simple, self.changed).items()}
            if own:
                moved.update(names)
            for name in given.keys() & set(names):
                evaluator.arrays[name] = given[name][None]
        return found

    def _run(
        self, evaluator: Evaluator, item: Item, changes: Mapping[str, Line]
    ) -> dict[str, Array]:
        """Compute an item with changed lines, and keep its values."""
        if isinstance(item, Scan):
            lines = tuple(changes.get(line.lhs.name, line) for line in item.lines)
            evaluator.run([replace(item, lines=lines)])
        else:
            line = changes.get(item.lhs.name, item)
            evaluator.arrays[item.lhs.name] = _line(evaluator, line)
        names = [line.lhs.name for line in lines_of([item])]
        return {name: evaluator.arrays[name] for name in names}

    def scanned(self, name: str) -> bool:
        """Whether a line stands in a scan, whose lines are computed together."""
        return any(
            isinstance(item, Scan) and any(line.lhs.name == name for line in item.lines)
            for item in self.items
        )

    def steps(self, site: str, name: str) -> int:
        """How many steps the scans between a line and a gradient have, each for every line."""
        scans = (i for i in self._path(frozenset([site]), frozenset([name])) if isinstance(i, Scan))
        return max(1, sum(self.evaluator.size(scan.axis) * len(scan.lines) for scan in scans))

    @property
    def entries(self) -> int:
        """The entries of the largest value."""
        return max(array.size for array in self.evaluator.arrays.values())

    def value(self, line: Line, extra: Mapping[str, Array] | None = None) -> Array:
        """What a line gives at the values that are there.  extra: arrays that it reads beside."""
        arrays = {n: a[None] for n, a in (extra or {}).items()}
        found: Array = _line(self._fresh(arrays) if extra else self.evaluator, line)[0]
        return found

    def values_of(self, line: Line, arrays: Mapping[str, Array]) -> Array:
        """What a line gives at several values of what it reads, as ``follow`` returns them."""
        return _line(self._fresh(arrays), line)

    def follow(
        self,
        site: str,
        values: Array,
        wanted: Iterable[str],
        lines: Mapping[str, Line] | None = None,
        arrays: Mapping[str, Array] | None = None,
    ) -> dict[str, Array]:
        """What follows, on the way to ``wanted``, from each of several values of a line.

        values, and all that is returned: one value after the other along a first axis, which is
        of length 1 where they make no difference.  lines: that stand in place of their own.
        arrays: others than those that are there, of the same form.
        """
        wanted = list(wanted)
        evaluator = self._fresh({**(arrays or {}), site: values})
        found = {site: values}
        for item in self._path(frozenset([site]), frozenset(wanted)):
            if site not in {line.lhs.name for line in lines_of([item])}:
                found |= self._run(evaluator, item, {**self.changed, **(lines or {})})
                for line in lines_of([item]):
                    if line.lhs.name in self.given:
                        evaluator.arrays[line.lhs.name] = self.given[line.lhs.name][None]
        return {n: self.expected[n][None] for n in wanted if n not in found} | found

    def rerun(
        self,
        lines: Mapping[str, Line],
        extra: Mapping[str, Array] | None = None,
        wanted: Iterable[str] | None = None,
    ) -> dict[str, Array]:
        """Gradients that were handed in, if these lines stood in place of their own.

        extra: other arrays, by name, for those that lines read.  wanted: which; None: all.
        """
        wanted = set(self.given if wanted is None else wanted)
        evaluator = self._fresh({name: array[None] for name, array in (extra or {}).items()})
        found = {name: self.expected[name] for name in wanted}
        for item in self._path(frozenset(lines), frozenset(wanted)):
            for name, value in self._run(evaluator, item, {**self.changed, **lines}).items():
                if name in wanted:
                    found[name] = value[0]
                if name in self.given:
                    evaluator.arrays[name] = self.given[name][None]
        return found

    def _fresh(self, arrays: Mapping[str, Array]) -> Evaluator:
        """An evaluator at the values that are there, but for these."""
        evaluator = Products([], {}, self.sizes)
        evaluator.arrays = {**self.evaluator.arrays, **arrays}
        return evaluator

    # what follows from what ---------------------------------------------------------------

    def _path(self, changed: frozenset[str], wanted: frozenset[str]) -> list[Item]:
        """The items from changed lines to wanted gradients, past none that was handed in."""
        key = changed, wanted
        if key not in self._paths:
            after = self.after(changed)
            before = self.before(wanted)
            self._paths[key] = [
                item
                for item in self.items
                if any(line.lhs.name in after & before for line in lines_of([item]))
            ]
        return self._paths[key]

    def after(self, names: Iterable[str]) -> set[str]:
        """What follows from these, themselves among it; what was handed in ends it."""
        found = set(names)
        for item in self.items:
            if _reads(item) & (found - self.given.keys()):
                found.update(line.lhs.name for line in lines_of([item]))
        return found

    def before(self, names: Iterable[str]) -> set[str]:
        """What these follow from, themselves among it; what was handed in ends it."""
        found = set(names)
        for item in reversed(self.items):
            own = {line.lhs.name for line in lines_of([item])}
            if own & found:
                found |= own | ((_reads(item) & self.lines.keys()) - self.given.keys())
        return found

    def above(self, name: str) -> list[str]:
        """Those handed in that a gradient follows from, through none that was handed in."""
        between = self.before([name])
        read = {n for other in between for n in self.lines[other].read}
        return [n for n in self.given if n in read and n != name]

    def whole(self, tensor: str) -> str:
        """The first tensor of the same axes through which alone a tensor acts, not by component.

        "" where there is none.  For z it is a, if a is the softmax of z by several lines.
        """
        forward = self.sweep.forward
        if len(forward.lines) > len(forward.items):  # of a scan no line stands alone
            return ""
        reached, ends, plain = {tensor}, {tensor}, True
        for k, line in enumerate(forward.lines):
            if not line.read & reached:
                continue
            plain = plain and line.elementwise and line.read & reached == ends
            reached.add(line.lhs.name)
            later = {name for other in forward.lines[k + 1 :] for name in other.read}
            ends = {name for name in ends if name in later} | {line.lhs.name}
            if len(ends) == 1 and line.lhs.axes == forward.tensors[tensor].axes and not plain:
                return line.lhs.name
        return ""

    def diagonal(self, tensor: str, by: str) -> Array:
        """Of the Jacobian of a tensor by another of the same axes, along the last of them."""
        top, bottom = self.sweep.names[tensor], self.sweep.names[by]
        shape = self.evaluator.arrays[tensor].shape[1:]
        found = np.zeros(shape)
        evaluator = self._fresh({})
        between = self.after([top]) & self.before([bottom])
        for k in range(shape[-1]):
            evaluator.arrays[top] = np.zeros((1, *shape))
            evaluator.arrays[top][..., k] = 1.0
            for item in self.sweep.raw:
                names = {line.lhs.name for line in lines_of([item])}
                if names & between and top not in names:
                    self._run(evaluator, item, {})
            found[..., k] = evaluator.arrays[bottom][0, ..., k]
        return found

    def of_samples(self, name: str) -> bool:
        """Whether each sample has a gradient of this name of its own."""
        return any(a.samples for a in self.lines[self.same.get(name, name)].lhs.axes)

    # verdicts ------------------------------------------------------------------------------

    def tolerance(self, name: str) -> float:
        """The misfit at which a gradient is still right."""
        return max(self.rtol, self.rounding.get(name, 0.0))

    def fits(self, name: str, found: Array, right: Array) -> bool:
        """Whether two values of a gradient agree."""
        return misfit(found, right) <= self.tolerance(name)

    def fitting(self, name: str, values: Array) -> list[int]:
        """Which of several values of a gradient are as it was handed in."""
        if not len(values) or values.shape[1:] != self.given[name].shape:
            return []
        flat = values.reshape(len(values), -1)
        scale = np.abs(flat).max(axis=1, initial=0.0)
        error = np.abs(flat - self.given[name].reshape(-1)).max(axis=1, initial=0.0)
        near = error <= self.tolerance(name) * np.where(scale == 0, 1.0, scale)
        return [int(k) for k in np.flatnonzero(near & np.isfinite(scale))]

    def wrong(self, against: Mapping[str, Array]) -> list[str]:
        """The gradients handed in that are others than these, in the order of the sweep."""
        names = [name for name in self.names.values() if name in self.given]
        return [n for n in names if not self.fits(n, self.given[n], against[n])]


def _same(sweep: Sweep) -> dict[str, str]:
    """The name of the gradient by a, in layers without an activation -> that by z."""
    forward = sweep.forward.tensors.values()
    active = {t.layer for t in forward if t.kind == "activation"}
    scores = [t for t in forward if t.kind == "pre-activation" and t.layer not in active]
    return {f"da_{t.layer}": sweep.names[t.name] for t in scores if t.name in sweep.names}


def _reads(item: Item) -> set[str]:
    return {name for line in lines_of([item]) for name in line.read}
