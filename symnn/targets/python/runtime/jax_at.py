"""One place of an axis, which may be outside, in JAX."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def at(x: jax.Array, axis: int, place: int | jax.Array) -> jax.Array:
    """The entries of x at one place of an axis; 0 outside of it."""
    inside = (place >= 0) & (place < x.shape[axis])
    here = jnp.where(inside, place, 0)
    return jnp.where(inside, x.take(here, axis), jnp.zeros((), x.dtype))
