"""The first of the largest values, in JAX."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def first(values: jax.Array, axes: tuple[int, ...]) -> jax.Array:
    """1 where the first of the largest values along some axes is, else 0."""
    last = tuple(range(-len(axes), 0))
    moved = jnp.moveaxis(values, axes, last)
    flat = moved.reshape(*moved.shape[: -len(axes)], -1)
    found = jnp.arange(flat.shape[-1]) == flat.argmax(axis=-1)[..., None]
    return jnp.moveaxis(found.astype(values.dtype).reshape(moved.shape), last, axes)
