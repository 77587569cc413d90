"""The gradients against central differences."""

from __future__ import annotations

import numpy as np

from symnn.targets.python.runtime.constants import (
    INPUTS,
    OUTPUTS,
    PARAMETERS,
    TARGETS_ARE,
    Arrays,
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
    params = {k: rng.normal(size=s) for k, s in PARAMETERS.items()}
    x = rng.normal(size=(4, INPUTS))
    y: np.ndarray = rng.uniform(0.1, 0.9, (4, OUTPUTS))
    if TARGETS_ARE == "distribution":
        y = rng.integers(OUTPUTS, size=4)
    for v in params.values():
        v *= 1.0 / np.sqrt(v.shape[1]) if v.ndim == 2 else 0.1
    # of several sizes of weights that at which the gradients of all layers are most alike:
    # in a deep network others vanish or explode, and then differences show nothing
    gains, alike, last = (0.5, 1.0, 1.4, 2.0, 4.0), list[float](), 1.0
    with np.errstate(all="ignore"):
        for gain in gains:
            _scale(params, gain / last)
            last = gain
            largest = _largest(loss_and_gradients(params, x, y)[1])
            ratio = min(largest.values()) / max(*largest.values(), 1e-300)
            alike.append(ratio if np.isfinite(ratio) else -1.0)
    _scale(params, gains[int(np.argmax(alike))] / last)
    gradients = loss_and_gradients(params, x, y)[1]
    largest = _largest(gradients)
    floor = 1e-3 * max(largest.values())
    count = len(PARAMETERS)
    entries = max(1, min(entries, 1000 // count))
    places = list[tuple[str, tuple[int, ...], float]]()
    for name in list(PARAMETERS)[:: -(-count // 1000)]:
        shape = PARAMETERS[name]
        size = int(np.prod(shape))
        for flat in rng.choice(size, min(entries, size), replace=False):
            at = tuple(int(k) for k in np.unravel_index(flat, shape))
            places.append((name, at, float(gradients[name][at])))
    del gradients  # as large as the parameters, and those of the next call are as well
    worst = 0.0
    for name, at, gradient in places:
        value, errors = float(params[name][at]), list[float]()
        # another step where a kink or rounding is near
        for h in (1e-5, 1e-4, 1e-6, 1e-3, 1e-7):
            losses = []
            for step in (h, -h):
                params[name][at] = value + step
                losses.append(loss_and_gradients(params, x, y)[0])
            params[name][at] = value
            slope = (losses[0] - losses[1]) / (2 * h)
            errors.append(abs(slope - gradient) / max(largest[name], floor, 1e-300))
            if errors[-1] <= rtol:
                break
        worst = max(worst, min(errors))
    if not worst <= rtol:
        raise ArithmeticError(f"gradients differ from differences by {worst:.1e}")
    return worst


def _scale(params: Arrays, factor: float) -> None:
    """Multiply the weights in place, and leave the biases."""
    for v in params.values():
        if v.ndim == 2:
            v *= factor


def _largest(gradients: Arrays) -> dict[str, float]:
    """The largest absolute entry of every gradient, without a copy of it."""
    return {k: max(float(g.max()), -float(g.min())) for k, g in gradients.items()}
