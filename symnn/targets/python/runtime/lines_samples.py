"""Inputs and targets that are drawn."""

from __future__ import annotations

import numpy as np

from symnn.targets.python.runtime.lines_constants import (
    CHOICES,
    INPUTS,
    TARGETS,
    WHOLE,
    Arrays,
    Shape,
)
from symnn.targets.python.runtime.lines_initial import initialize
from symnn.targets.python.runtime.lines_model import loss_and_gradients


def _samples(rng: np.random.Generator) -> tuple[Arrays, Arrays]:
    """Inputs and targets of four samples; other sizes that are open are 5.

    Inputs are normal numbers; where the loss is not finite of those, numbers of 0.1 to 0.9.
    """

    def drawn(name: str, shape: Shape, positive: bool) -> np.ndarray:
        sizes = [{"N": 4}.get(s, 5) if isinstance(s, str) else s for s in shape]
        if name in WHOLE:
            return rng.integers(WHOLE[name], size=sizes)
        if name in CHOICES:
            return rng.integers(sizes[-1], size=sizes[:-1])
        return rng.uniform(0.1, 0.9, sizes) if positive else rng.normal(size=sizes)

    params, y = (
        initialize(0),
        {k: drawn(k, shape, True) for k, shape in TARGETS.items()},
    )
    x = {k: drawn(k, shape, False) for k, shape in INPUTS.items()}
    with np.errstate(all="ignore"):
        if not np.isfinite(loss_and_gradients(params, x, y)[0]):
            x = {k: drawn(k, shape, True) for k, shape in INPUTS.items()}
    return x, y
