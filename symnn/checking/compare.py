"""Somebody's own backpropagation against the derivation, and the cause of a difference.

The right values come from running the derivation's lines with :mod:`symnn.engine.evaluate`.
What is right in a convention of conventions.py is right; what rounding in the type of the arrays
explains, in rounding.py, is right too.  A cause is never guessed: causes.py finds the change of
lines, of those that mistakes.py generates, that gives the very numbers that were handed in.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from symnn.checking.causes import causes_of
from symnn.checking.conventions import Convention, conventions, is_mean, number, of_notation
from symnn.checking.handed_in import (
    TRANSPOSED,
    UNSUMMED,
    every_shape,
    fail,
    gradients,
    readings,
    shaped,
)
from symnn.checking.reverse import RTOL, ReversePass, largest, misfit, over
from symnn.checking.rounding import coarsest, deviations
from symnn.derivation.derivation import derive
from symnn.derivation.lines import Lines, LinesDerivation
from symnn.derivation.network import Network
from symnn.engine.evaluate import Array, Evaluator
from symnn.io.errors import Problem, SpecError, quoted, shorten
from symnn.io.fields import Field, check_argument
from symnn.io.npz import NpzError, read_npz


@dataclass(frozen=True)
class Compared:
    """One quantity: its error (the largest, over the largest entry), the verdict, the cause.

    error is inf where the shapes differ.  cause is "" where the quantity is right, and
    "unknown" where no mistake that was tried gives these numbers.  tolerance: the largest error
    that counts as right.
    """

    quantity: str
    shape: tuple[int, ...]
    error: float
    ok: bool
    cause: str = ""
    tolerance: float = RTOL


@dataclass(frozen=True)
class Comparison:
    """What ``Network.compare`` returns: the rows, from the loss to the inputs.

    convention: how the gradients are written, in words, where it is not as the derivation of the
    batch writes them.  dtype: the coarsest type among the arrays.
    """

    rows: tuple[Compared, ...]
    convention: str = ""
    dtype: str = "float64"

    @property
    def ok(self) -> bool:
        """Whether every quantity is right."""
        return all(row.ok for row in self.rows)

    @property
    def first(self) -> Compared | None:
        """The first wrong quantity on the way from the loss to the inputs."""
        return next((row for row in self.rows if not row.ok), None)

    def objects(self) -> list[dict[str, Any]]:
        """The rows for JSON; an infinite error is null."""
        return [
            {
                "quantity": row.quantity,
                "shape": list(row.shape),
                "error": row.error if np.isfinite(row.error) else None,
                "tolerance": row.tolerance,
                "ok": row.ok,
                "cause": row.cause,
            }
            for row in self.rows
        ]

    def __str__(self) -> str:
        shapes = ["x".join(map(str, row.shape)) for row in self.rows]
        wide = max((len(row.quantity) for row in self.rows), default=0)
        broad = max(map(len, shapes), default=0)
        lines = [
            f"{row.quantity:<{wide}}  {shape:<{broad}}  {row.error:8.1e}  "
            f"{'ok' if row.ok else 'WRONG'}{'  ' + row.cause if row.cause else ''}"
            for row, shape in zip(self.rows, shapes, strict=True)
        ]
        rounded = [row for row in self.rows if row.ok and row.error > RTOL]
        if rounded and self.dtype != "float64":
            worst = max(rounded, key=lambda row: row.tolerance)
            bound = f"errors up to {worst.tolerance:.1e} ({worst.quantity})"
            lines.append(f"rounding in {self.dtype} explains {bound}")
        if self.convention:
            lines.append(f"convention: {self.convention}")
        return "\n".join([*lines, self.verdict])

    def __repr__(self) -> str:
        return f"<Comparison: {self.verdict}>"

    @property
    def verdict(self) -> str:
        """The comparison in one line."""
        if self.first is None:
            return f"all {len(self.rows)} quantities are right"
        return f"first wrong: {self.first.quantity}; likely cause: {self.first.cause}"


class Reading(NamedTuple):
    """What was handed in, read in a convention.

    values, remarks: by name, in the derivation's order of axes.  wrong: what is not right.
    """

    reverse: ReversePass
    convention: Convention
    values: dict[str, Array]
    remarks: dict[str, str]
    wrong: list[str]

    def seen(self, name: str) -> str:
        """The gradient of the derivation that is called by this name."""
        return self.convention.seen(self.reverse, name)

    def fits(self, name: str, right: Mapping[str, Array]) -> bool:
        """Whether a gradient is the one among these, and has its shape."""
        seen = self.seen(name)
        value = self.values[name]
        return not self.remarks[name] and self.reverse.fits(seen, value, right[seen])

    def give(self) -> None:
        """Let the reverse pass go on from what was handed in."""
        summed = {n: v for n, v in self.values.items() if self.remarks[n] != UNSUMMED}
        self.reverse.give({self.seen(n): v for n, v in summed.items()} | self._own(summed))

    def _own(self, summed: Mapping[str, Array]) -> dict[str, Array]:
        return {n: v for n, v in summed.items() if self.seen(n) == n}

    def turned(self) -> int:
        """How many do not have the shape of the convention."""
        return sum(map(bool, self.remarks.values()))

    def own(self) -> list[str]:
        """The gradients that are wrong for a reason of their own."""
        self.give()
        return [n for n in self.wrong if not self.fits(n, self.reverse.expected)]


def compare(
    network: Network,
    grads: Mapping[str, Any],
    params: Mapping[str, Any],
    x: Any,
    y: Any,
    rtol: float | None = None,
    loss_scale: float | str | None = None,
    strict: bool = False,
) -> Comparison:
    """See ``Network.compare``."""
    _check(grads, rtol)
    sweep = derive(network).batch
    passes = [
        (told, ReversePass(sweep, leaves, {"N": len(leaves["x"])}, network.outputs))
        for told, leaves in readings(network, params, x, y)
    ]
    arrays = [*params.values(), x, y]
    return _compared(passes, grads, arrays, rtol, loss_scale, network if strict else None)


def compare_lines(
    lines: Lines,
    grads: Mapping[str, Any],
    given: Mapping[str, Any],
    rtol: float | None = None,
    loss_scale: float | str | None = None,
) -> Comparison:
    """See ``Lines.compare``."""
    _check(grads, rtol)
    if not isinstance(given, Mapping):
        raise fail("given", "must be a mapping of names to arrays")
    sweep, leaves = LinesDerivation(lines).batch, lines.leaves(given)
    sizes = Evaluator(lines.program.leaves, leaves).sizes
    targets = lines.program.leaves_of("target")
    outputs = leaves[targets[0].name].shape[-1] if targets and targets[0].axes else 1
    passes = [(Convention(), ReversePass(sweep, leaves, sizes, outputs))]
    return _compared(passes, grads, list(given.values()), rtol, loss_scale, None)


def _check(grads: Any, rtol: Any) -> None:
    if not isinstance(grads, Mapping):
        raise fail("grads", "must be a mapping of names to arrays")
    if rtol is not None:
        check_argument("compare", "rtol", Field("number", minimum=0), rtol)


def _compared(
    passes: Sequence[tuple[Convention, ReversePass]],
    grads: Mapping[str, Any],
    arrays: Sequence[Any],
    rtol: float | None,
    loss_scale: float | str | None,
    strict: Network | None,
) -> Comparison:
    """The comparison at a point, which is read in one convention or more."""
    kind = coarsest([*grads.values(), *arrays])
    with np.errstate(all="ignore"):
        for _, reverse in passes:
            reverse.rtol = RTOL if rtol is None else rtol
        given = gradients(grads, passes[0][1])
        tried = functools.partial(_readings, passes, given, loss_scale, strict)
        best = _best(tried())
        if rtol is None and kind != np.float64 and (best.wrong or "L" in given):
            for _, reverse in passes:
                reverse.rounding = _rounding(reverse, kind)
            best = _best(tried())
        causes = (_scale(tried()) or _causes(best, given)) if best.wrong else {}
        rows = [*_loss(best, given), *_rows(best, causes)]
        words = best.convention.words(best.reverse)
    return Comparison(tuple(rows), words, str(kind))


def _readings(
    passes: Sequence[tuple[Convention, ReversePass]],
    given: Mapping[str, Array],
    loss_scale: float | str | None,
    strict: Network | None,
) -> Iterator[Reading]:
    """What was handed in, in every convention in which it has a shape; see ``compare``."""
    problems, fitted = [], False
    for told, reverse in passes:
        for scale in _scales(reverse, given, loss_scale):
            for convention in conventions(reverse, replace(told, scale=scale), given):
                if strict and not of_notation(strict, convention):
                    continue
                try:
                    found = list(every_shape(given, reverse, convention))
                except SpecError as problem:
                    problems.append(problem)
                    continue
                remarks = {name: remark for name, _, remark in found}
                values = {name: convention.read(reverse, name, v) for name, v, _ in found}
                reading = Reading(reverse, convention, values, remarks, [])
                wrong = [n for n in _ordered(reading) if not reading.fits(n, reverse.right)]
                yield reading._replace(wrong=wrong)
                fitted = True
    if problems and not fitted:
        raise problems[0]
    if not fitted:
        name = strict.spec.notes.notation.name if strict else ""
        raise fail("params", f"are not in the notation {name} of the spec", "leave out strict")


def _ordered(reading: Reading) -> list[str]:
    others = {name: same for same, name in reading.reverse.same.items()}
    names = [n for name in reading.reverse.names.values() for n in (others.get(name), name)]
    return [name for name in names if name in reading.values]


def _scales(
    reverse: ReversePass, given: Mapping[str, Array], stated: float | str | None
) -> list[float]:
    """The scale that is stated; else 1, and what the loss that was handed in tells."""
    if stated is not None:
        return [_stated(reverse, stated)]
    own = float(reverse.values["L"][0])
    ratio = float(given["L"]) / own if "L" in given and own else 1.0
    near = [c for c in _names(reverse) if abs(ratio / c - 1.0) <= reverse.tolerance("L")]
    told = near[0] if near else ratio
    return [1.0] if told <= 0 or reverse.fits("L", np.asarray(ratio), np.ones(())) else [1.0, told]


def _stated(reverse: ReversePass, stated: float | str) -> float:
    """A number, a fraction, or N, m, N m, 1/N and so on; SpecError for anything else."""
    words = {word: c for c, word in _names(reverse).items()}
    text = " ".join(str(stated).replace("*", " ").split())
    try:
        c = words[text] if text in words else float(Fraction(text))
    except (ValueError, ZeroDivisionError):
        c = 0.0
    if not 0 < c < math.inf:
        hint = "a number, a fraction, or N, m, N m, 1/N, …"
        raise fail("loss_scale", f"must be a positive number, not {quoted(str(stated))}", hint)
    return c


def _best(readings: Iterator[Reading]) -> Reading:
    """The first reading in which all is right.

    Else that in which the fewest are wrong for a reason of their own, of several that in which the
    fewest are wrong at all, then the first.
    """
    found = []
    for reading in readings:
        if not reading.wrong:
            return reading
        found.append(reading)
    best, fewest = found[0], (math.inf, math.inf)
    for reading in sorted(found, key=Reading.turned):
        if reading.turned() <= fewest[0]:
            count = len(reading.own()), len(reading.wrong)
            best, fewest = (reading, count) if count < fewest else (best, fewest)
    return best


def _rounding(reverse: ReversePass, kind: np.dtype[Any]) -> dict[str, float]:
    """Name -> the misfit that rounding in a type explains, of the gradients and of L."""
    right = reverse.right | {"L": reverse.values["L"][0]}
    found = deviations(
        lambda evaluator: reverse.gradients(evaluator, {}) | {"L": evaluator.arrays["L"][0]},
        right,
        reverse.sweep.forward,
        reverse.leaves,
        reverse.sizes,
        kind,
    )
    return {name: error / largest(right[name]) for name, error in found.items()}


# what is said of it ------------------------------------------------------------------------


def _names(reverse: ReversePass) -> dict[float, str]:
    """The numbers by which a whole loss is taken otherwise, and what they are called."""
    n, m = reverse.count, reverse.outputs
    words = {"2": 2.0, "N": n, "m": m, "N m": n * m, "2 N": 2 * n, "2 N m": 2 * n * m}
    words |= {"N/2": n / 2, "N m/2": n * m / 2}
    found: dict[float, str] = {}
    for word, c in words.items():
        if c > 1:
            found.setdefault(float(c), word)
            found.setdefault(1.0 / c, over(word))
    return found


def _scale(readings: Iterator[Reading]) -> dict[str, str]:
    """The cause of all, if one number explains them: the gradients of another loss."""
    for reading in readings:
        reverse = reading.reverse
        if any(reading.remarks.values()):
            continue
        right = {n: reverse.right[reading.seen(n)] for n in reading.values}
        size = sum(float((r**2).sum()) for r in right.values())
        along = sum(float((reading.values[n] * r).sum()) for n, r in right.items())
        c = along / size if size else 0.0
        named = [k for k in _names(reverse) if abs(k / c - 1.0) < 1e-3] if c > 0 else []
        for k in (*named, c) if c > 0 else ():
            scaled = {reading.seen(n): k * r for n, r in right.items()}
            if all(reading.fits(n, scaled) for n in right):
                text = _other_loss(reverse, k)
                return dict.fromkeys(reading.values, text)
    return {}


def _other_loss(reverse: ReversePass, c: float) -> str:
    """What is said where every gradient is c times the right one."""
    word = _names(reverse).get(c, "")
    if not word:
        return f"every gradient is {number(c)} times; right for {number(c)} times the loss"
    value = "" if word == number(c) else f" = {number(c)}"
    loss = f"right for {word} times the loss"
    if is_mean(reverse) and word in ("N", "N m"):
        loss = f"right for the loss without {over(word)}"
    return f"every gradient is {word}{value} times; {loss}"


def _causes(reading: Reading, given: Mapping[str, Array]) -> dict[str, str]:
    """Name -> why it is wrong."""
    reading.give()
    found = causes_of(reading.reverse)
    causes = {}
    for name in reading.wrong:
        remark, value = reading.remarks[name], reading.values[name]
        right = reading.reverse.right[reading.seen(name)]
        cause = found.get(reading.seen(name), "unknown")
        if remark == UNSUMMED:
            cause = "the sum over the batch is missing"
            if not reading.reverse.fits(name, value.sum(axis=0), right):
                cause += ", and the rows do not add up to the right value"
        elif remark == TRANSPOSED:
            own = not reading.reverse.fits(name, value, right)
            cause = "transposed" + (f", and {cause}" if own else "")
        causes[name] = cause
    return causes | _mixed(reading, given)


def _mixed(reading: Reading, given: Mapping[str, Array]) -> dict[str, str]:
    """Name -> its cause, where it is right in another convention than the others are."""
    reverse, chosen = reading.reverse, reading.convention
    if any(not reverse.of_samples(name) for name in reading.wrong):
        return {}
    causes = {}
    for other in conventions(reverse, chosen, given):
        apart = [c for c in ("samples", "errors") if getattr(other, c) != getattr(chosen, c)]
        if len(apart) != 1 or other.fused != chosen.fused:
            continue
        beside = [n for n in _ordered(reading) if reverse.of_samples(n) and n not in reading.wrong]
        are = f"{' and '.join(beside)} {'is' if len(beside) == 1 else 'are'}"
        for name in reading.wrong if beside else ():
            found = shaped(given[name], name, reverse, other)
            if found and not found[1]:
                value, seen = other.read(reverse, name, found[0]), other.seen(reverse, name)
                if reverse.fits(seen, value, reverse.right[seen]):
                    one, rest = (c.named(apart[0], reverse) for c in (other, chosen))
                    causes[name] = f"mixed conventions: {one}, where {are} {rest}"
    return causes


def _loss(reading: Reading, given: Mapping[str, Array]) -> Iterator[Compared]:
    """The row of the loss, if it was handed in."""
    if "L" not in given:
        return
    reverse = reading.reverse
    right = reverse.values["L"][0] * reading.convention.scale
    error, tolerance = misfit(given["L"], right), reverse.tolerance("L")
    ratio = float(given["L"] / right) if right else math.inf
    cause = f"{number(ratio)} times the loss" if math.isfinite(ratio) else "unknown"
    ok = error <= tolerance
    yield Compared("L", (), error, ok, "" if ok else cause, tolerance)


def _rows(reading: Reading, causes: Mapping[str, str]) -> Iterator[Compared]:
    reverse = reading.reverse
    for name in _ordered(reading):
        value, remark, seen = reading.values[name], reading.remarks[name], reading.seen(name)
        error = math.inf if remark else misfit(value, reverse.right[seen])
        shape = value.shape[::-1] if remark == TRANSPOSED else value.shape
        ok = name not in reading.wrong
        yield Compared(name, shape, error, ok, causes.get(name, ""), reverse.tolerance(seen))


# a file --------------------------------------------------------------------------------------


def compare_file(model: Network | Lines, path: Path, **options: Any) -> Comparison:
    """The same from an .npz file, for a network or for lines.

    Inputs, targets and parameters stand under their names, x, y, A_1, b_1, …; gradients are
    called dA_1, dz_1, …, and the loss, which may be there, L.
    """
    try:
        arrays = read_npz(path)
    except NpzError as error:
        raise _file(path, error.array, error.message) from None
    leaves = {t.name: t.role for t in model.program.leaves}
    for name, role in leaves.items():
        if name not in arrays and (role == "parameter" or name in ("x", "y")):
            hint = "inputs, targets and every parameter must be there"
            raise _file(path, name, "missing", hint)
    own = {name: arrays.pop(name) for name in leaves if name in arrays}
    for name in arrays:
        if not name.startswith("d") and name != "L":
            raise _file(path, shorten(name), "unexpected", "gradients are called dA_1, dz_1, …")
    try:
        if isinstance(model, Network):
            params = {name: own[name] for name in model.parameters}
            return compare(model, arrays, params, own["x"], own["y"], **options)
        if options.pop("strict", False):
            raise fail("strict", "is for networks, which have a notation; leave it out")
        return compare_lines(model, arrays, own, **options)
    except SpecError as error:
        raise SpecError([p._replace(file=shorten(str(path))) for p in error.errors]) from None


def _file(path: Path, place: str, message: str, hint: str = "") -> SpecError:
    return SpecError([Problem(shorten(str(path)), None, place, message, hint)])
