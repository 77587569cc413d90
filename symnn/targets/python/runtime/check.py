"""The gradients against central differences."""

from __future__ import annotations

import numpy as np

from symnn.targets.python.runtime.constants import (
    INPUTS,
    OUTPUTS,
    PARAMETERS,
    TARGETS_ARE,
)
from symnn.targets.python.runtime.model import loss_and_gradients


def check(seed: int = 0, entries: int = 20, rtol: float = 1e-6) -> float:
    """The largest error of the gradients against central differences.

    Inputs, targets and parameters are drawn, in float64; ``entries`` of every parameter are
    compared.  The error is relative to the largest gradient of that parameter, or to a
    thousandth of the largest of all.  Raises ArithmeticError if the error exceeds rtol.
    """
    rng = np.random.default_rng(seed)
    drawn = {name: rng.normal(size=shape) for name, shape in PARAMETERS.items()}
    x, y = rng.normal(size=(4, INPUTS)), rng.uniform(0.1, 0.9, (4, OUTPUTS))
    if TARGETS_ARE == "distribution":
        y = np.eye(OUTPUTS)[rng.integers(OUTPUTS, size=4)]

    # of several sizes of weights that at which the gradients of all layers are most alike:
    # in a deep network others vanish or explode, and then differences show nothing
    best = -1.0
    for gain in (0.5, 1.0, 1.4, 2.0, 4.0):
        tried = {name: values * 0.1 for name, values in drawn.items()}
        for name in (name for name, shape in PARAMETERS.items() if len(shape) == 2):
            tried[name] = drawn[name] * gain / np.sqrt(PARAMETERS[name][1])
        with np.errstate(all="ignore"):
            found = loss_and_gradients(tried, x, y)[1]
            sizes = [float(np.abs(g).max()) for g in found.values()]
            alike = float(np.nan_to_num(min(sizes) / max(*sizes, 1e-300), nan=0.0))
        if alike > best:
            best, params, gradients, floor = alike, tried, found, 1e-3 * max(sizes)
    worst = 0.0
    for name, g in gradients.items():
        scale = max(float(np.abs(g).max()), floor, 1e-300)
        for flat in rng.permutation(g.size)[:entries]:
            at, error = np.unravel_index(flat, g.shape), np.inf
            # another step where a kink or rounding is near
            for h in (1e-5, 1e-4, 1e-6, 1e-3, 1e-7):
                if error > rtol:
                    moved = {**params, name: params[name].copy()}
                    moved[name][at] += h
                    high = loss_and_gradients(moved, x, y)[0]
                    moved[name][at] -= 2 * h
                    slope = (high - loss_and_gradients(moved, x, y)[0]) / (2 * h)
                    error = min(error, abs(slope - float(g[at])) / scale)
            worst = max(worst, error)
    if not worst <= rtol:
        raise ArithmeticError(f"gradients differ from differences by {worst:.1e}")
    return worst
