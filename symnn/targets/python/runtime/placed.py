"""Values added at affine places of an array."""

from __future__ import annotations

import numpy as np

from symnn.targets.python.runtime.affine import Place, _affine


def placed(
    values: np.ndarray,
    places: tuple[Place, ...],
    sizes: dict[str, int],
    shape: tuple[int, ...],
) -> np.ndarray:
    """Zeros of a shape, with values added at an affine place on each axis; none outside of it.

    places, sizes: as of ``strided``, of which this is the transpose; sizes: of the axes of values.
    """
    out, indices = np.zeros(shape, values.dtype), list(sizes)
    # one index of each axis runs within a slice: the largest; the others in a loop
    within: list[str | None] = []
    affine = [_affine(place) for place in places]
    every = [i for _, factors in affine for i in factors]
    for _, factors in affine:
        rising = [i for i, c in factors.items() if c > 0 and every.count(i) == 1]
        within.append(max(rising, key=lambda i: sizes[i], default=None))
    looped = [i for i in indices if i not in within]
    order = [i for i in within if i is not None] + looped
    values = values.transpose([indices.index(i) for i in order])
    for at in np.ndindex(*(sizes[i] for i in looped)):
        fixed, source, target = dict(zip(looped, at, strict=True)), [], []
        for size, (offset, factors), i in zip(shape, affine, within, strict=True):
            start = offset + sum(c * fixed[k] for k, c in factors.items() if k != i)
            if i is None:
                target.append(
                    slice(start, start + 1) if 0 <= start < size else slice(0)
                )
                continue
            c = factors[i]
            first = max(0, -(start // c))
            last = max(first, min(sizes[i], (size - 1 - start) // c + 1))
            source.append(slice(first, last))
            low = start + c * first
            target.append(slice(low, low + c * (last - first), c))
        part = values[(*source, *at)]
        kept = tuple(slice(None) if i is not None else None for i in within)
        out[tuple(target)] += part[kept]
    return out
