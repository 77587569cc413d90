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
    compared, fewer where they would be more than 1,000 in all.  The error is relative to the
    largest gradient of that parameter, or to a thousandth of the largest of all.  Raises
    ArithmeticError if the error exceeds rtol.
    """
    rng = np.random.default_rng(seed)
    params = {name: rng.normal(size=shape) for name, shape in PARAMETERS.items()}
    x = rng.normal(size=(4, INPUTS))
    y: np.ndarray = rng.uniform(0.1, 0.9, (4, OUTPUTS))
    if TARGETS_ARE == "distribution":
        y = rng.integers(OUTPUTS, size=4)
    for v in params.values():
        v *= 1.0 / np.sqrt(v.shape[1]) if v.ndim == 2 else 0.1

    def sizes(factor: float) -> dict[str, float]:
        """The largest gradients once the weights are so many times as large, in place."""
        for weights in params.values():
            if weights.ndim == 2:
                weights *= factor
        with np.errstate(all="ignore"):
            gradients = loss_and_gradients(params, x, y)[1]
        return {name: float(np.abs(g).max()) for name, g in gradients.items()}

    # of several sizes of weights that at which the gradients of all layers are most alike:
    # in a deep network others vanish or explode, and then differences show nothing
    best, alike, last = 1.0, -1.0, 1.0
    for gain in (0.5, 1.0, 1.4, 2.0, 4.0):
        found, last = sizes(gain / last).values(), gain
        if (ratio := min(found) / max(*found, 1e-300)) > alike and ratio < np.inf:
            best, alike = gain, ratio
    largest = sizes(best / last)
    floor = 1e-3 * max(largest.values())
    gradients = loss_and_gradients(params, x, y)[1]
    places, entries = [], max(1, min(entries, 1000 // len(PARAMETERS)))
    for name in list(PARAMETERS)[:: -(-len(PARAMETERS) // 1000)]:
        size = gradients[name].size
        for flat in rng.choice(size, min(entries, size), replace=False):
            at = np.unravel_index(flat, PARAMETERS[name])
            places.append((name, at, float(gradients[name][at])))
    del gradients  # as large as the parameters, and so are those of the next call
    worst = 0.0
    for name, at, gradient in places:
        value, error = float(params[name][at]), np.inf
        # another step where a kink or rounding is near
        for h in (1e-5, 1e-4, 1e-6, 1e-3, 1e-7):
            if error > rtol:
                params[name][at] = value + h
                high = loss_and_gradients(params, x, y)[0]
                params[name][at] = value - h
                slope = (high - loss_and_gradients(params, x, y)[0]) / (2 * h)
                scale = max(largest[name], floor, 1e-300)
                error = min(error, abs(slope - gradient) / scale)
        params[name][at] = value
        worst = max(worst, error)
    if not worst <= rtol:
        raise ArithmeticError(f"gradients differ from differences by {worst:.1e}")
    return worst
