"""Values added where whole numbers point, in JAX."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def added(
    values: jax.Array, places: tuple[jax.Array, ...], shape: tuple[int, ...]
) -> jax.Array:
    """Zeros of a shape, with values added at places; those at one place are summed."""
    return jnp.zeros(shape, values.dtype).at[places].add(values)
