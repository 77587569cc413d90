"""Values added at affine places of an array, in JAX."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from symnn.targets.python.runtime.jax_affine import Place, _places


def placed(
    values: jax.Array,
    places: tuple[Place, ...],
    sizes: dict[str, int],
    shape: tuple[int, ...],
) -> jax.Array:
    """Zeros of a shape, with values added at an affine place on each axis; none outside of it.

    places, sizes: as of ``strided``, of which this is the transpose; sizes: of the axes of values.
    """
    order, indices, where = _places(places, sizes, shape)
    values = values.transpose([[*sizes].index(i) for i in indices])
    out = jnp.zeros([shape[axis] for axis in order], values.dtype)
    out = out.at[where].add(values, mode="drop")
    return out.transpose([order.index(axis) for axis in range(len(shape))])
