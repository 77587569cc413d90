"""Where the features and the targets stand in a table whose columns have no names yet."""

from __future__ import annotations

from symnn.targets.python.runtime.constants import (
    COLUMNS,
    INPUTS,
    OUTPUTS,
    TARGET,
    TARGETS_ARE,
)


def _positions(header: list[str], training: bool) -> tuple[list[int], list[int]]:
    """Where the features and, for training, the targets stand in the header.

    Columns that the module knows are found by their names, others by their places: the
    features first, or all that are not a target.
    """
    others = [k for k, name in enumerate(header) if name not in TARGET]
    x, y = [header.index(name) for name in COLUMNS] or others, []
    if TARGET and training:
        y = [header.index(name) for name in TARGET]
    elif not TARGET:
        x, y = x[:INPUTS], x[INPUTS:]
    counts = [len(TARGET) or OUTPUTS, 1 if TARGETS_ARE == "distribution" else OUTPUTS]
    if len(x) != INPUTS or len(y) not in (counts if training else [*counts, 0]):
        raise ValueError(f"{len(header)} columns, where x has {INPUTS} and y {OUTPUTS}")
    return x, y if training else []
