"""Places on axes that are affine in indices, in JAX."""

from __future__ import annotations

import jax
import jax.numpy as jnp

# an index by its name, a number, or (offset, {index: factor}); a number may be known when it runs
Number = int | jax.Array
Place = str | Number | tuple[Number, dict[str, int]]


def _affine(place: Place) -> tuple[Number, dict[str, int]]:
    """A place in full."""
    if isinstance(place, tuple):
        return place
    return (0, {place: 1}) if isinstance(place, str) else (place, {})


def _places(
    places: tuple[Place, ...], sizes: dict[str, int], shape: tuple[int, ...]
) -> tuple[list[int], list[str], tuple[slice | jax.Array, ...]]:
    """Axes of a shape, the whole ones first; the indices of an array at these places, in the order
    of its axes; and the places on the axes in that order: past the end for those outside.
    """
    affine = [_affine(place) for place in places]
    every = [i for _, factors in affine for i in factors]
    whole = {
        axis: i
        for axis, (place, size) in enumerate(zip(places, shape, strict=True))
        for i in sizes
        if isinstance(place, str) and (place, every.count(i), sizes[i]) == (i, 1, size)
    }
    order = [*whole, *(axis for axis in range(len(shape)) if axis not in whole)]
    rest = [i for i in sizes if i not in whole.values()]
    found: list[slice | jax.Array] = [slice(None)] * len(whole)
    for axis in order[len(whole) :]:
        offset, factors = affine[axis]
        at = jnp.full((1,) * len(rest), offset)
        for i, factor in factors.items():
            along = [-1 if k == i else 1 for k in rest]
            at = at + factor * jnp.arange(sizes[i]).reshape(along)
        found.append(jnp.where(at < 0, shape[axis], at))
    return order, [*whole.values(), *rest], tuple(found)
