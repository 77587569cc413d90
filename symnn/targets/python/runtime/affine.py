"""Places on an axis that are affine in indices."""

from __future__ import annotations

# an index by its name, a number, or (offset, {index: factor})
Place = str | int | tuple[int, dict[str, int]]


def _affine(place: Place) -> tuple[int, dict[str, int]]:
    """A place in full."""
    if isinstance(place, tuple):
        return place
    return (place, {}) if isinstance(place, int) else (0, {place: 1})
