"""What several processes that train as one must share."""

from __future__ import annotations

from symnn.targets.python.runtime.constants import STANDARDIZE, Arrays
from symnn.targets.python.runtime.data import SCALING


def _with_common_scaling(params: Arrays) -> Arrays:
    """The parameters, which must bring a scaling if the model standardises."""
    if STANDARDIZE and not any(name in params for name in SCALING):
        text = "the mean and deviation of the samples of all processes"
        raise ValueError(f"params must hold x_mean and x_scale: {text}")
    return params
