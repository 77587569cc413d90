"""Arrays read at affine places."""

from __future__ import annotations

import numpy as np

from symnn.targets.python.runtime.affine import Place, _affine


def strided(
    x: np.ndarray, places: tuple[Place, ...], sizes: dict[str, int]
) -> np.ndarray:
    """The entries of x at an affine place on each axis; 0 where that is outside of x.

    sizes: of the indices, in the order of the axes of the result, which is a view of x, or of x
    with zeros around it where places are outside.
    """
    around, starts, strides = [], [], dict.fromkeys(sizes, 0)
    affine = [_affine(place) for place in places]
    for size, (offset, factors) in zip(x.shape, affine, strict=True):
        reach = [factor * (sizes[i] - 1) for i, factor in factors.items()]
        low = offset + sum(min(0, r) for r in reach)
        high = offset + sum(max(0, r) for r in reach)
        around.append((max(0, -low), max(0, high - size + 1)))
        starts.append(offset + max(0, -low))
    if any(before or after for before, after in around):
        x = np.pad(x, around)
    for step, (_, factors) in zip(x.strides, affine, strict=True):
        for i, factor in factors.items():
            strides[i] += factor * step
    origin = x[tuple(slice(start, None) for start in starts)]
    shape, steps = tuple(sizes.values()), tuple(strides.values())
    return np.lib.stride_tricks.as_strided(origin, shape, steps, writeable=False)
