"""What is handed in to be compared: arrays by name, and the shapes in which they may come."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from symnn.checking.conventions import Convention
from symnn.checking.reverse import ReversePass
from symnn.derivation.network import Network
from symnn.engine.evaluate import Array
from symnn.io.arrays import named_arrays, real_array
from symnn.io.errors import Problem, SpecError, quoted, suggestion
from symnn.nn.losses import LOSSES

UNSUMMED, TRANSPOSED = "unsummed", "transposed"  # what may be said of a shape


def fail(place: str, message: str, hint: str = "") -> SpecError:
    """A mistake in what is handed in, which is none of backpropagation."""
    return SpecError([Problem("compare", None, place, message, hint)])


def vector(array: Array, shape: tuple[int, ...]) -> Array | None:
    """The array in its shape; a vector may come as a row or a column, a column as a vector."""
    same = array.shape == shape
    turned = len(shape) == 1 and array.shape in ((1, *shape), (*shape, 1))
    flat = len(shape) == 2 and shape[1] == 1 and array.shape == shape[:1]
    return array.reshape(shape) if same or turned or flat else None


def readings(
    network: Network, params: Mapping[str, Any], x: Any, y: Any
) -> list[tuple[Convention, dict[str, Array]]]:
    """The leaves, in every convention of samples and weights in which they have their shapes.

    SpecError if there is none, with what the first of them misses.
    """
    shapes = network.parameters
    arrays = named_arrays("compare", "params", params, shapes)
    x, y = real_array("compare", "x", x), real_array("compare", "y", y)
    found: list[tuple[Convention, dict[str, Array]]] = []
    problems = []
    for data, weights in itertools.product(("rows", "columns"), ("out_in", "in_out")):
        told = Convention(data, data, weights)
        try:
            leaves = {n: _parameter(n, arrays[n], shapes[n], weights) for n in shapes}
            leaves["x"] = _inputs(network, x, data)
            leaves["y"] = _targets(network, y, data, len(leaves["x"]))
        except SpecError as problem:
            problems.append(problem)
            continue
        for leaf in network.program.leaves_of("mask"):
            leaves[leaf.name] = np.ones((len(leaves["x"]), int(leaf.axes[-1].size)))
        for leaf in network.program.leaves_of("hyperparameter"):
            leaves[leaf.name] = np.asarray(float(network.hyperparameters[leaf.name]))
        if not any(_equal(leaves, others) for _, others in found):
            found.append((told, leaves))
    if not found:
        raise _contradiction(arrays, shapes) or problems[0]
    return found


def _equal(one: Mapping[str, Array], other: Mapping[str, Array]) -> bool:
    return all(np.array_equal(a, other[n]) for n, a in one.items())


def _contradiction(
    arrays: Mapping[str, Array], shapes: Mapping[str, tuple[int, ...]]
) -> SpecError | None:
    """What is wrong where some weights can only be (out, in), and others only (in, out)."""
    wide = [n for n, s in shapes.items() if len(s) == 2 and s[0] != s[1]]
    own = [n for n in wide if arrays[n].shape == shapes[n]]
    turned = [n for n in wide if arrays[n].shape == shapes[n][::-1]]
    if not own or not turned or len(own) + len(turned) < len(wide):
        return None
    said = f"is (in, out), {' and '.join(own)} (out, in); weights have one convention"
    shape = f"has the shape {arrays[turned[0]].shape}, expected {shapes[turned[0]]}"
    return fail(f"params[{quoted(turned[0])}]", f"{shape}: {said}")


def _parameter(name: str, array: Array, shape: tuple[int, ...], weights: str) -> Array:
    if weights == "in_out" and len(shape) == 2:
        array = array.T if array.ndim == 2 else array
    fitted = vector(array, shape)
    if fitted is None:
        message = f"has the shape {array.shape}, expected {shape}"
        hint = f"or {shape[::-1]} for all, if weights are (in, out)" if len(shape) == 2 else ""
        raise fail(f"params[{quoted(name)}]", message, hint)
    return fitted


def _inputs(network: Network, x: Array, data: str) -> Array:
    turned = x.T if data == "columns" else x
    if turned.ndim != 2 or turned.shape[1] != network.inputs or not len(turned):
        expected = f"expected (N, {network.inputs}), or ({network.inputs}, N) for columns"
        raise fail("x", f"has the shape {x.shape}, {expected}")
    return turned


def _targets(network: Network, y: Array, data: str, count: int) -> Array:
    m, kind = network.outputs, LOSSES[network.spec.loss.name].targets
    if kind == "distribution" and y.shape in ((count,), (1, count), (count, 1)) and m > 1:
        labels = y.reshape(count).astype(int)
        if (labels != y.reshape(count)).any() or labels.min() < 0 or labels.max() >= m:
            raise fail("y", f"labels must be whole numbers from 0 to {m - 1}")
        return np.asarray(labels[:, None] == np.arange(m), dtype=float)
    turned = y.T if data == "columns" else y
    if m == 1 and y.shape in ((count,), (1, count), (count, 1)):
        turned = y.reshape(count, 1)
    if turned.shape != (count, m):
        raise fail("y", f"has the shape {y.shape}, expected ({count}, {m})")
    if kind != "numbers" and not ((turned >= 0) & (turned <= 1)).all():
        hint = "for labels -1 and 1 write (y + 1)/2" if (np.abs(turned) == 1).all() else ""
        raise fail("y", "the targets must lie in 0..1", hint)
    if kind == "distribution" and (np.abs(turned.sum(axis=1) - 1.0) > 1e-6).any():
        raise fail("y", "the targets of every sample must sum to 1")
    return turned


def gradients(grads: Mapping[str, Any], reverse: ReversePass) -> dict[str, Array]:
    """Gradient -> the array that was handed in for it, under its name or its tensor's; L too.

    SpecError for one that is unknown, missing or given twice, or that holds no finite numbers.
    """
    known = {t: name for t, name in reverse.names.items()}
    known |= {name: name for name in (*reverse.names.values(), *reverse.same)}
    known |= {name.removeprefix("d"): name for name in reverse.same}
    found: dict[str, Array] = {}
    for key, value in grads.items():
        place = f"grads[{quoted(str(key))}]"
        name = "L" if key == reverse.sweep.of else known.get(key)
        if name is None:
            raise fail(place, "no such gradient", _meant(str(key), known, reverse))
        if name in found:
            raise fail(place, f"the gradient {name} is given twice")
        array = real_array("compare", place, value)
        if name == "L" and array.size != 1:
            raise fail(place, f"has the shape {array.shape}; the loss is one number")
        if name != "L" and not np.isfinite(reverse.right[reverse.same.get(name, name)]).all():
            raise fail(place, "the derivation itself overflows at these parameters")
        found[name] = array.reshape(()) if name == "L" else array
    for t in reverse.sweep.forward.leaves_of("parameter"):
        if reverse.names[t.name] not in found:
            raise fail(f"grads[{quoted(t.name)}]", "missing", f"give the gradient of {t.name}")
    return found


def _meant(key: str, known: Mapping[str, str], reverse: ReversePass) -> str:
    """The nearest name: W1, dW1 and dw_1 mean dA_1, delta_2 and dZ2 dz_2."""
    kinds = {"w": "weights", "b": "bias", "z": "pre-activation", "a": "activation"}
    letters = "".join(c for c in key if c.isalpha()).lower()
    digits = "".join(c for c in key if c.isdigit())
    letter = {"delta": "z", "theta": "w"}.get(letters.removeprefix("grad"), letters[-1:])
    for t in reverse.sweep.forward.tensors.values():
        if digits == str(t.layer) and t.kind == kinds.get(letter) and t.name in reverse.names:
            return f"did you mean {reverse.names[t.name]!r}?"
    return suggestion(key, known)


def shaped(
    array: Array, name: str, reverse: ReversePass, convention: Convention
) -> tuple[Array, str] | None:
    """A gradient in the derivation's order of axes, and what is to be said of its shape.

    "" if the shape is that of the convention; UNSUMMED, TRANSPOSED; None if it is no gradient's.
    """
    right = reverse.right[convention.seen(reverse, name)]
    columns, turned = convention.samples == "columns", convention.weights == "in_out"
    samples = reverse.of_samples(name)
    moved = array.ndim > 1 and ((columns and samples) or (turned and not samples))
    for remark, way in (("", moved), (TRANSPOSED, not moved)):
        own = np.moveaxis(array, -1, 0) if way and array.ndim > 1 else array
        fitted = vector(own, right.shape)
        if fitted is not None:
            return fitted.copy(), remark if right.ndim > 1 else ""
    if not samples and reverse.count > 1:
        for own in (array, np.moveaxis(array, -1, 0)) if array.ndim > 1 else ():
            if own.shape == (reverse.count, *right.shape):
                return own, UNSUMMED
    return None


def every_shape(
    grads: Mapping[str, Array], reverse: ReversePass, convention: Convention
) -> Iterator[tuple[str, Array, str]]:
    """Name, array and remark of each gradient in a convention; SpecError where one fits none."""
    for name, array in grads.items():
        if name == "L":
            continue
        found = shaped(array, name, reverse, convention)
        if found is None:
            shape = reverse.right[reverse.same.get(name, name)].shape
            message = f"has the shape {array.shape}, expected {shape}"
            raise fail(f"grads[{quoted(name)}]", message)
        yield name, *found
