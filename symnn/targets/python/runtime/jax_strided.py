"""Arrays read at affine places, in JAX."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from symnn.targets.python.runtime.jax_affine import Place, _places


def strided(
    x: jax.Array, places: tuple[Place, ...], sizes: dict[str, int]
) -> jax.Array:
    """The entries of x at an affine place on each axis; 0 where that is outside of x.

    sizes: of the indices, in the order of the axes of the result.
    """
    order, indices, where = _places(places, sizes, x.shape)
    found = x.transpose(order).at[where].get(mode="fill", fill_value=0)
    found = found.transpose([indices.index(i) for i in sizes])
    return jnp.broadcast_to(found, tuple(sizes.values()))
