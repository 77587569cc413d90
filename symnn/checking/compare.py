"""Somebody's own backpropagation against the derivation, and the likely cause of a difference.

The right values come from running the derivation's lines with :mod:`symnn.engine.evaluate`.
A cause is never guessed: it is a mistake that was made on purpose, in mistakes.py, and gave the
very numbers that were handed in.  What is right in a convention of conventions.py is right; what
rounding in the type of the arrays explains, in rounding.py, is right too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from symnn.checking.conventions import CONVENTIONS, Convention
from symnn.checking.mistakes import ReversePass, cause_of, largest, misfit
from symnn.checking.rounding import coarsest, deviations
from symnn.derivation.derivation import derive
from symnn.engine.evaluate import Array, evaluate
from symnn.engine.ir import lines_of
from symnn.io.arrays import named_arrays, real_array
from symnn.io.errors import Problem, SpecError, quoted, shorten, suggestion
from symnn.io.fields import Field, check_argument
from symnn.io.npz import NpzError, read_npz
from symnn.nn.losses import LOSSES

if TYPE_CHECKING:
    from symnn.derivation.network import Network

RTOL = 1e-6


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


def compare(
    network: Network,
    grads: Mapping[str, Any],
    params: Mapping[str, Any],
    x: Any,
    y: Any,
    rtol: float | None = None,
) -> Comparison:
    """See ``Network.compare``."""
    if not isinstance(grads, Mapping):
        raise _fail("grads", "must be a mapping of names to arrays")
    if rtol is not None:
        check_argument("compare", "rtol", Field("number", minimum=0), rtol)
    sweep = derive(network).batch
    leaves = _leaves(network, params, x, y)
    with np.errstate(all="ignore"):
        values = evaluate(sweep.forward, leaves, {"N": len(leaves["x"])})
        raw = {line.lhs.name: line for line in lines_of(sweep.raw)}
        lines = {t: sweep.final.get(t, raw[name]) for t, name in sweep.names.items()}
        written = {t: raw[name] for t, name in sweep.names.items()}
        reverse = ReversePass(network, values, written, lines, RTOL if rtol is None else rtol)
        found = _given(grads, reverse, network)
        given = {t: value for t, (value, _) in found.items()}
        reverse.give(given)
        kind = coarsest([*grads.values(), *params.values(), x, y])
        if rtol is None and kind != np.float64 and _wrong(reverse):
            reverse.rounding = _rounding(reverse, leaves, kind)
        convention = _convention(reverse, given)
        read = convention.reads(reverse, given)
        reverse.give(read)
        rows = [_row(reverse, t, read[t], found[t][1]) for t in reverse.names if t in found]
        mixed = _mixed(reverse, convention, given)
    rows = [replace(row, cause=mixed.get(row.quantity, row.cause)) for row in rows]
    return Comparison(tuple(rows), convention.words.format(N=reverse.count), str(kind))


def _wrong(reverse: ReversePass) -> list[str]:
    """The tensors whose gradient was handed in and is wrong."""
    return [t for t, u in reverse.given.items() if not reverse.fits(t, u, reverse.right[t])]


def _rounding(
    reverse: ReversePass, leaves: Mapping[str, Array], kind: np.dtype[Any]
) -> dict[str, float]:
    """Tensor -> the misfit of its gradient that rounding in a type explains."""
    program, sizes = reverse.network.program, {"N": reverse.count}
    found = deviations(
        lambda evaluator: reverse.gradients(evaluator, {}),
        reverse.right,
        program,
        leaves,
        sizes,
        kind,
    )
    return {t: error / largest(reverse.right[t]) for t, error in found.items()}


def _convention(reverse: ReversePass, given: Mapping[str, Array]) -> Convention:
    """The convention in which the fewest gradients are wrong for a reason of their own.

    Of several the one in which the fewest are wrong at all, then the first.
    """

    def mistakes(convention: Convention) -> tuple[int, int]:
        reverse.give(convention.reads(reverse, given))
        wrong = _wrong(reverse)
        own = [t for t in wrong if not reverse.fits(t, reverse.given[t], reverse.expected[t])]
        return len(own), len(wrong)

    first, *others = CONVENTIONS
    distinct = [c for c in others if any(c.differs(reverse, t) for t in given)]
    return min([first, *distinct], key=mistakes) if distinct and _wrong(reverse) else first


def _mixed(reverse: ReversePass, chosen: Convention, given: Mapping[str, Array]) -> dict[str, str]:
    """Quantity -> its cause, where it is right in another convention than the others are."""
    wrong = _wrong(reverse)
    if any(t in reverse.network.parameters for t in wrong):
        return {}
    causes = {}
    for other in CONVENTIONS:
        differing = [t for t in given if other.differs(reverse, t) or chosen.differs(reverse, t)]
        beside = [reverse.names[t] for t in differing if t not in wrong]
        where = f"{' and '.join(beside)} {'is' if len(beside) == 1 else 'are'} {chosen.name}"
        for t in wrong if beside and other is not chosen else ():
            if reverse.fits(t, other.reads(reverse, {t: given[t]})[t], reverse.right[t]):
                causes[reverse.names[t]] = f"mixed conventions: {other.name}, where {where}"
    return causes


def _row(reverse: ReversePass, tensor: str, value: Array, remark: str) -> Compared:
    name, right, tolerance = reverse.names[tensor], reverse.right[tensor], reverse.tolerance(tensor)
    if remark == "unsummed":
        cause = "the sum over the batch is missing"
        if not reverse.fits(tensor, value.sum(axis=0), right):
            cause += ", and the rows do not add up to the right value"
        return Compared(name, value.shape, float("inf"), False, cause, tolerance)
    if remark == "transposed":
        cause = "transposed"
        if not reverse.fits(tensor, value, right):
            cause += f", and {cause_of(reverse, tensor, value)}"
        return Compared(name, value.shape[::-1], float("inf"), False, cause, tolerance)
    error = misfit(value, right)
    ok = error <= tolerance
    cause = "" if ok else cause_of(reverse, tensor, value)
    return Compared(name, value.shape, error, ok, cause, tolerance)


# what was handed in ------------------------------------------------------------------


def _fail(place: str, message: str, hint: str = "") -> SpecError:
    return SpecError([Problem("compare", None, place, message, hint)])


def _array(place: str, value: Any) -> Array:
    return real_array("compare", place, value)


def _leaves(network: Network, params: Mapping[str, Any], x: Any, y: Any) -> dict[str, Array]:
    shapes = network.parameters
    arrays = named_arrays("compare", "params", params, shapes)
    leaves = {name: _fit(f"params[{quoted(name)}]", arrays[name], shapes[name]) for name in shapes}
    leaves["x"] = _array("x", x)
    if leaves["x"].ndim != 2 or leaves["x"].shape[1] != network.inputs or not len(leaves["x"]):
        raise _fail("x", f"has the shape {leaves['x'].shape}, expected (N, {network.inputs})")
    leaves["y"] = _targets(network, _array("y", y), len(leaves["x"]))
    for leaf in network.program.leaves_of("mask"):
        leaves[leaf.name] = np.ones((len(leaves["x"]), int(leaf.axes[-1].size)))
    known = network.hyperparameters
    for leaf in network.program.leaves_of("hyperparameter"):
        leaves[leaf.name] = np.asarray(float(known[leaf.name]))
    return leaves


def _targets(network: Network, y: Array, count: int) -> Array:
    m, kind = network.outputs, LOSSES[network.spec.loss.name].targets
    if kind == "distribution" and y.shape == (count,):
        labels = y.astype(int)
        if (labels != y).any() or labels.min() < 0 or labels.max() >= m:
            raise _fail("y", f"labels must be whole numbers from 0 to {m - 1}")
        return np.asarray(labels[:, None] == np.arange(m), dtype=float)
    y = y[:, None] if y.shape == (count,) and m == 1 else y
    if y.shape != (count, m):
        raise _fail("y", f"has the shape {y.shape}, expected ({count}, {m})")
    if kind != "numbers" and not ((y >= 0) & (y <= 1)).all():
        hint = "for labels -1 and 1 write (y + 1)/2" if (np.abs(y) == 1).all() else ""
        raise _fail("y", "the targets must lie in 0..1", hint)
    if kind == "distribution" and (np.abs(y.sum(axis=1) - 1.0) > 1e-6).any():
        raise _fail("y", "the targets of every sample must sum to 1")
    return y


def _fit(place: str, array: Array, shape: tuple[int, ...]) -> Array:
    """The array in its shape; a vector may come as a row or a column."""
    if array.shape == shape:
        return array
    if len(shape) == 1 and array.shape in ((1, *shape), (*shape, 1)):
        return array.reshape(shape)
    if len(shape) == 2 and shape[1] == 1 and array.shape == shape[:1]:
        return array.reshape(shape)
    raise _fail(place, f"has the shape {array.shape}, expected {shape}")


def _given(
    grads: Mapping[str, Any], reverse: ReversePass, network: Network
) -> dict[str, tuple[Array, str]]:
    """Tensor -> the value handed in for its gradient, and a remark on its shape."""
    tensors = {t: t for t in reverse.names if t != "L"}
    tensors |= {name: t for t, name in reverse.names.items() if t != "L"}
    count = reverse.count
    found: dict[str, tuple[Array, str]] = {}
    for key, value in grads.items():
        place = f"grads[{quoted(str(key))}]"
        if key not in tensors:
            raise _fail(place, "no such gradient", suggestion(str(key), tensors))
        tensor = tensors[key]
        if tensor in found:
            raise _fail(place, f"the gradient {reverse.names[tensor]} is given twice")
        array, right = _array(place, value), reverse.right[tensor]
        if not np.isfinite(right).all():
            raise _fail(place, "the derivation itself overflows at these parameters")
        if array.shape == (count, *right.shape) and len(right.shape) == 1 and count > 1:
            found[tensor] = array, "unsummed"
        elif right.ndim == 2 and array.shape == right.shape[::-1] != right.shape:
            found[tensor] = np.ascontiguousarray(array.T), "transposed"
        else:
            found[tensor] = _fit(place, array, right.shape), ""
    for name in network.parameters:
        if name not in found:
            raise _fail(f"grads[{quoted(name)}]", "missing", f"give the gradient of {name}")
    return found


def compare_file(network: Network, path: Path, rtol: float | None = None) -> Comparison:
    """The same from an .npz file: A_1, b_1, … are parameters, dA_1, dz_1, … gradients, x, y."""
    try:
        arrays = read_npz(path)
    except NpzError as error:
        raise _file(path, error.array, error.message) from None
    for name in ("x", "y", *network.parameters):
        if name not in arrays:
            raise _file(path, name, "missing", "x, y and every parameter must be there")
    params = {name: arrays.pop(name) for name in network.parameters}
    x, y = arrays.pop("x"), arrays.pop("y")
    for name in arrays:
        if not name.startswith("d"):
            raise _file(path, shorten(name), "unexpected", "gradients are called dA_1, dz_1, …")
    try:
        return compare(network, arrays, params, x, y, rtol)
    except SpecError as error:
        raise SpecError([p._replace(file=shorten(str(path))) for p in error.errors]) from None


def _file(path: Path, place: str, message: str, hint: str = "") -> SpecError:
    return SpecError([Problem(shorten(str(path)), None, place, message, hint)])
