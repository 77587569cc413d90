"""All parameters as one vector."""

from __future__ import annotations

import math

import numpy as np

from symnn.targets.python.runtime.constants import PARAMETERS, Arrays


def _parts(theta: np.ndarray) -> Arrays:
    """The parameters by their names, as parts of a vector."""
    ends = np.cumsum([math.prod(shape) for shape in PARAMETERS.values()])
    parts = zip(PARAMETERS.items(), np.split(theta, ends[:-1]), strict=True)
    return {name: part.reshape(shape) for (name, shape), part in parts}


def _named(params: Arrays, theta: np.ndarray) -> Arrays:
    return {**params, **_parts(theta.copy())}
