"""The gradients against central differences."""

from __future__ import annotations

import numpy as np

from symnn.targets.python.runtime.constants import PARAMETERS, Arrays
from symnn.targets.python.runtime.initial import initialize
from symnn.targets.python.runtime.model import loss_and_gradients
from symnn.targets.python.runtime.samples import _samples


def check(seed: int = 0, entries: int = 20, rtol: float = 1e-6) -> float:
    """The largest error of the gradients against central differences.

    Inputs, targets and parameters are drawn, in float64; ``entries`` of every parameter are
    compared, fewer where they would be more than 1,000 in all.  The error is relative to the
    largest gradient of that parameter, or to a thousandth of the largest of all.  Raises
    ArithmeticError if the error exceeds rtol.
    """
    rng = np.random.default_rng(seed)
    x, y = _samples(rng)
    trained = list(loss_and_gradients(initialize(seed), x, y)[1])

    def drawn(gain: float) -> Arrays:
        own, params = np.random.default_rng([seed, 1]), initialize(seed)
        for k in trained:
            s = PARAMETERS[k]
            size = gain / s[1] ** 0.5 if s[1:] else 0.1
            params[k] = np.asarray(own.normal(0.0, size, s))
        return params

    def largest(gradients: Arrays) -> dict[str, float]:
        return {k: float(max(g.max(), -g.min())) for k, g in gradients.items()}

    def alike(gain: float) -> float:
        with np.errstate(all="ignore"):
            found = largest(loss_and_gradients(drawn(gain), x, y)[1]).values()
            ratio = min(found) / max(*found, 1e-300)
        return ratio if np.isfinite(ratio) else -1.0

    # weights of a size at which the gradients of all layers are about as large: in a deep
    # network others vanish or explode, and then differences show nothing
    params = drawn(max((0.5, 1.0, 1.4, 2.0, 4.0), key=alike))
    gradients = loss_and_gradients(params, x, y)[1]
    scales = largest(gradients)
    floor = 1e-3 * max(*scales.values(), 1e-297)
    places, entries = [], max(1, min(entries, 1000 // len(trained)))
    for name in trained[:: -(-len(trained) // 1000)]:
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
                error = min(error, abs(slope - gradient) / max(scales[name], floor))
        params[name][at] = value
        worst = max(worst, error)
    if not worst <= rtol:
        raise ArithmeticError(f"gradients differ from differences by {worst:.1e}")
    return worst
