"""A run of training with JAX, on all devices."""

from __future__ import annotations

import functools
import zlib
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from symnn.targets.python.runtime.checkpoints import _bytes
from symnn.targets.python.runtime.constants import (
    MASKS,
    PARAMETERS,
    PENALTY,
    SHUFFLE,
    STATES,
    Arrays,
)
from symnn.targets.python.runtime.endings import DivergedError
from symnn.targets.python.runtime.jax_model import _gradients, _update

Tensors = dict[str, jax.Array]
Carry = tuple[Tensors, dict[str, tuple[jax.Array, ...]]]  # parameters, states of each
Batch = dict[str, tuple[jax.Array, ...]]  # x, y and numbers of the samples, by part
# of these JAX does not tell the types
_spec: Callable[..., PartitionSpec] = PartitionSpec
_psum: Callable[[jax.Array, str], jax.Array] = jax.lax.psum
# the parts of a batch: one on every device, and one that all devices have
PARTS = {"split": _spec(None, "devices"), "whole": _spec()}


def _native(params: Arrays) -> Arrays:
    """The same in this machine's byte order, the only one that JAX reads."""
    return {k: np.asarray(v, v.dtype.newbyteorder("=")) for k, v in params.items()}


class _Run:
    """A run of training; its carry: the parameters, and the optimizer's states of each."""

    def __init__(
        self,
        params: Arrays,
        x: np.ndarray,
        y: np.ndarray,
        batch_size: int,
        rate: float,
        seed: int,
    ) -> None:
        self.mesh = Mesh(np.array(jax.devices()), ("devices",))
        self.given, self.x, self.y = params, self._placed(x), self._placed(y)
        self.numbers = {"eta": rate, "seed": seed if MASKS else 0}
        self.rng = np.random.default_rng([seed, 1])
        self.t, self.rows = 0, min(batch_size, len(x))
        self.history: list[float] = []
        self.steps_per_epoch = -(-len(x) // self.rows)
        self.stop: list[bool] = []  # not empty: stop after the epoch
        self.settings: dict[str, Any] = {
            "batch size": self.rows,
            "learning rate": float(rate),
            "seed": int(seed),
            "number of devices": self.mesh.size,
        }
        # whether every epoch takes the same batches
        self.still = self.rows == len(x) if SHUFFLE else True
        self.batches: list[tuple[int, Batch]] = []
        theta = {name: params[name] for name in PARAMETERS}
        states = {k: tuple(np.zeros_like(v) for _ in STATES) for k, v in theta.items()}
        self.carry: Carry = jax.tree.map(self._placed, (theta, states))

    def epoch(self) -> None:
        """One pass over the samples; that no step failed is checked at its end."""
        if not self.batches or not self.still:
            self.batches = self._gathered()
        # not donated: the last steps are repeated from here if one of them failed
        t, before, found = self.t, self.carry, []
        for _, batches in self.batches:
            self.carry, losses, finite = self._steps(self.carry, batches, t)
            t += len(losses)
            found.append((losses, finite))
        found = jax.device_get(found)
        if not all(finite for _, finite in found):
            self._find_divergence(before)
        self.t = t
        totals = [losses.sum() for losses, _ in found]
        rows = [rows for rows, _ in self.batches]
        self.history.append(float(np.dot(rows, totals)) / len(self.x))

    def _gathered(self) -> list[tuple[int, Batch]]:
        """The batches of an epoch by their number of rows: the whole ones, a short one."""
        count = len(self.x)
        order = np.arange(count) if self.still else self.rng.permutation(count)
        whole = count - count % self.rows
        orders = [order[:whole].reshape(-1, self.rows), order[whole:][None]]
        return [(o.shape[1], self._parts(o)) for o in orders if o.size]

    def _parts(self, order: np.ndarray) -> Batch:
        """Batches from their samples' numbers; what cannot be split evenly stays whole."""
        cut = order.shape[1] - order.shape[1] % self.mesh.size
        numbers = {"split": order[:, :cut], "whole": order[:, cut:]}
        return {
            part: _gather(self.x, self.y, self._placed(n, PARTS[part]), self.mesh, part)
            for part, n in numbers.items()
            if n.size
        }

    def _placed(
        self, array: np.ndarray, spec: PartitionSpec = PARTS["whole"]
    ) -> jax.Array:
        """An array that every process has, on the devices of all."""
        sharding = NamedSharding(self.mesh, spec)
        return jax.make_array_from_callback(array.shape, sharding, array.__getitem__)

    def _steps(
        self, carry: Carry, batches: Batch, t: int
    ) -> tuple[Carry, jax.Array, jax.Array]:
        # t is a number and no array, so that a power of it takes the type of the rest
        found: tuple[Carry, jax.Array, jax.Array]
        found = _steps(carry, batches, {**self.numbers, "t": t}, self.mesh)
        return found

    def snapshot(self) -> tuple[dict[str, Any], np.ndarray]:
        """All that changes: what JSON can hold, and a vector of the rest."""
        rng = self.rng.bit_generator.state
        marks = {"t": self.t, "history": self.history, "rng": rng}
        leaves = [np.ravel(leaf) for leaf in jax.tree.leaves(self.carry)]
        return marks, np.concatenate(leaves)

    def restore(self, marks: dict[str, Any], vector: np.ndarray) -> None:
        """Go on from a snapshot."""
        self.t = int(marks["t"])
        if self.t % self.steps_per_epoch:
            raise ValueError("it is not of the end of an epoch")
        self.history = [float(loss) for loss in marks["history"]]
        leaves, tree = jax.tree.flatten(self.carry)
        *parts, rest = np.split(vector, np.cumsum([leaf.size for leaf in leaves]))
        if rest.size:
            raise ValueError("it has too many numbers")
        found = [p.reshape(v.shape) for p, v in zip(parts, leaves, strict=True)]
        self.carry = jax.tree.unflatten(tree, [self._placed(v) for v in found])
        self.rng.bit_generator.state = marks["rng"]

    def checksum(self) -> int:
        """The CRC-32 of the samples."""
        x, y = (_bytes(np.asarray(v)) for v in (self.x, self.y))
        return zlib.crc32(y, zlib.crc32(x))

    def _find_divergence(self, carry: Carry) -> None:
        """Repeat the epoch's steps one by one; DivergedError at the first that fails."""
        epoch, t, finite = len(self.history) + 1, self.t, carry
        for _, batches in self.batches:
            finite = carry
            for k in range(len(jax.tree.leaves(batches)[0])):
                batch = jax.tree.map(lambda v, k=k: v[k : k + 1], batches)
                after, losses, fine = self._steps(carry, batch, t)
                t += 1
                if np.isfinite(losses).all():
                    finite = carry
                if not fine:
                    raise DivergedError(epoch, t, self.params(finite), self.history)
                carry = after
        raise DivergedError(epoch, t, self.params(finite), self.history)

    def params(self, carry: Carry | None = None) -> Arrays:
        """A copy of the parameters."""
        theta = (carry or self.carry)[0]
        return {**self.given, **{name: np.array(theta[name]) for name in PARAMETERS}}


@functools.partial(jax.jit, static_argnames=("mesh", "part"))
def _gather(
    x: jax.Array, y: jax.Array, order: jax.Array, mesh: Mesh, part: str
) -> tuple[jax.Array, ...]:
    """x, y and numbers of the samples in this order; each device takes its own."""
    whole, own = PARTS["whole"], PARTS[part]
    found: tuple[jax.Array, ...] = jax.shard_map(
        lambda x, y, order: (x[order], y[order], order),
        mesh=mesh,
        in_specs=(whole, whole, own),
        out_specs=own,
    )(x, y, order)
    return found


@functools.partial(jax.jit, static_argnames="mesh")
def _steps(
    carry: Carry, batches: Batch, settings: dict[str, Any], mesh: Mesh
) -> tuple[Carry, jax.Array, jax.Array]:
    """A step on every batch: the carry, the losses, and whether all is finite."""

    def steps(
        carry: Carry, batches: Batch, settings: dict[str, Any]
    ) -> tuple[Carry, jax.Array]:
        step = functools.partial(_step, settings=settings)
        (theta, states, _), losses = jax.lax.scan(
            step, (*carry, settings["t"]), batches
        )
        return (theta, states), losses

    whole = PARTS["whole"]
    carry, losses = jax.shard_map(
        steps,
        mesh=mesh,
        in_specs=(whole, {part: PARTS[part] for part in batches}, whole),
        out_specs=whole,
        check_vma=False,
    )(carry, batches, settings)
    finite = [jnp.isfinite(v).all() for v in (losses, *carry[0].values())]
    return carry, losses, jnp.array(finite).all()


def _step(
    carry: tuple[Tensors, dict[str, tuple[jax.Array, ...]], jax.Array],
    batch: Batch,
    settings: dict[str, Any],
) -> tuple[tuple[Tensors, dict[str, tuple[jax.Array, ...]], jax.Array], jax.Array]:
    """One step on a batch, on all devices: the next carry, and the loss before it."""
    params, states, t = carry
    t = t + 1
    L, gradients = _batch_gradients(params, batch, settings["seed"], t)
    after = {
        name: _update(params[name], g, states[name], settings["eta"], t)
        for name, g in gradients.items()
    }
    theta = {name: value for name, (value, _) in after.items()}
    return (theta, {name: state for name, (_, state) in after.items()}, t), L


def _batch_gradients(
    params: Tensors, batch: Batch, seed: int, t: jax.Array
) -> tuple[jax.Array, Tensors]:
    """L and its gradients for a batch: the sum over its parts, and over the devices."""
    copies = {"split": jax.lax.axis_size("devices"), "whole": 1}
    N = sum(copies[part] * len(batch[part][-1]) for part in batch)
    shares = sum(copies[part] for part in batch)

    def gradients(part: str) -> tuple[jax.Array, Tensors]:
        x, y, numbers = batch[part]
        given: dict[str, Any] = {}
        if PENALTY:
            given["l2"] = PENALTY / shares
        if MASKS:
            key = jax.random.fold_in(jax.random.key(seed), t)
            given["masks"] = _masks(key, numbers, x.dtype)
        found: tuple[jax.Array, Tensors] = _gradients(params, x, y, N, **given)
        return found

    if shares == 1:
        return gradients(*batch)
    # one sum over the devices for all gradients
    vector, unravel = ravel_pytree(gradients("split"))
    vector = _psum(vector, "devices")
    if "whole" in batch:
        vector += ravel_pytree(gradients("whole"))[0]
    found: tuple[jax.Array, Tensors] = unravel(vector)
    return found


def _masks(key: jax.Array, numbers: jax.Array, dtype: np.dtype) -> Tensors:
    """Masks of inverted dropout, 0 or 1/(1 - rate), by key and number of the sample."""
    count = sum(units for units, _ in MASKS.values())
    keys = jax.vmap(lambda number: jax.random.fold_in(key, number))(numbers)
    drawn = jax.vmap(lambda key: jax.random.uniform(key, (count,), dtype))(keys)
    masks, first = {}, 0
    for name, (units, rate) in MASKS.items():
        kept = drawn[:, first : first + units] >= rate
        masks[name] = kept.astype(dtype) / (1.0 - rate)
        first += units
    return masks
