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
    drawn = {k: rng.normal(size=s) for k, s in PARAMETERS.items()}
    x = rng.normal(size=(4, INPUTS))
    y: np.ndarray = rng.uniform(0.1, 0.9, (4, OUTPUTS))
    if TARGETS_ARE == "distribution":
        y = rng.integers(OUTPUTS, size=4)
    # of several sizes of weights that at which the gradients of all layers are most alike:
    # in a deep network others vanish or explode, and then differences show nothing
    best = -1.0
    for gain in (0.5, 1.0, 1.4, 2.0, 4.0):
        tried = {
            k: v * (gain / np.sqrt(v.shape[1]) if v.ndim == 2 else 0.1)
            for k, v in drawn.items()
        }
        with np.errstate(all="ignore"):
            found = loss_and_gradients(tried, x, y)[1]
            largest = [float(np.abs(g).max()) for g in found.values()]
            alike = min(largest) / max(*largest, 1e-300)
        if best < 0.0 or alike > best:
            params, gradients = tried, found
            best = alike if np.isfinite(alike) else -1.0
    floor = 1e-3 * max(float(np.abs(g).max()) for g in gradients.values())
    worst = 0.0
    for name, shape in PARAMETERS.items():
        scale = max(float(np.abs(gradients[name]).max()), floor, 1e-300)
        for flat in rng.permutation(int(np.prod(shape)))[:entries]:
            at, errors = np.unravel_index(flat, shape), list[float]()
            # another step where a kink or rounding is near
            for h in (1e-5, 1e-4, 1e-6, 1e-3, 1e-7):
                losses = []
                for step in (h, -h):
                    moved = {**params, name: params[name].copy()}
                    moved[name][at] += step
                    losses.append(loss_and_gradients(moved, x, y)[0])
                slope = (losses[0] - losses[1]) / (2 * h)
                errors.append(abs(slope - float(gradients[name][at])) / scale)
                if errors[-1] <= rtol:
                    break
            worst = max(worst, min(errors))
    if not worst <= rtol:
        raise ArithmeticError(f"gradients differ from differences by {worst:.1e}")
    return worst
