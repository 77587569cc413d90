"""Where the features and the targets stand in a table whose columns are known."""

from __future__ import annotations

from symnn.targets.python.runtime.constants import COLUMNS, TARGET


def _positions(header: list[str], training: bool) -> tuple[list[int], list[int]]:
    """Where the features and, for training, the targets stand in the header."""
    targets = TARGET if training else ()
    return [*map(header.index, COLUMNS)], [*map(header.index, targets)]
