"""The derivation of a network's gradients, with the update of a parameter."""

from __future__ import annotations

import numpy as np

from symnn.targets.python.runtime.constants import Arrays, l2, mu
from symnn.targets.python.runtime.data import _features
from symnn.targets.python.runtime.targets import _targets


def predict(params: Arrays, x: np.ndarray) -> np.ndarray:
    """F(x) for every row of x: (N, 3) -> (N, 2)."""
    x = _features(params, x)
    A_1, b_1 = params["A_1"], params["b_1"]
    mask_1 = 1.0
    # h_1[n,j0] = mask_1[n,j0]*x[n,j0]
    h_1 = mask_1 * x
    # z_1[n,j1] = sum_{j0} A_1[j1,j0]*h_1[n,j0] + b_1[j1]
    z_1 = h_1 @ A_1.T + b_1
    return np.asarray(z_1)


def loss_and_gradients(
    params: Arrays, x: np.ndarray, y: np.ndarray, masks: Arrays | None = None
) -> tuple[float, Arrays]:
    """The loss L, and dL/dT for every parameter T, for the rows of x and y.

    x: (N, 3).  y: (N, 2).
    masks: (N, units) arrays of 0 or 1/(1 - rate) by name; None: no dropout.
    """
    x = _features(params, x)
    return _gradients(params, x, _targets(y, len(x), x.dtype), masks)


def _gradients(
    params: Arrays, x: np.ndarray, y: np.ndarray, masks: Arrays | None = None
) -> tuple[float, Arrays]:
    """The same, of x and y that have been checked."""
    N = len(x)
    A_1, b_1 = params["A_1"], params["b_1"]
    mask_1 = masks["mask_1"] if masks else 1.0

    # forward
    # h_1[n,j0] = mask_1[n,j0]*x[n,j0]
    h_1 = mask_1 * x
    # z_1[n,j1] = sum_{j0} A_1[j1,j0]*h_1[n,j0] + b_1[j1]
    z_1 = h_1 @ A_1.T + b_1
    # L = sum_{n,j1} (z_1[n,j1] - y[n,j1])**2/(2*N) + sum_{j1,j0} l2*A_1[j1,j0]**2/2
    L = float(((z_1 - y) ** 2).sum() / (2 * N) + l2 * (A_1**2).sum() / 2)

    # backward
    # dz_1[n,j1] = (z_1[n,j1] - y[n,j1])/N
    dz_1 = (z_1 - y) / N
    # dA_1[j1,j0] = l2*A_1[j1,j0] + sum_{n} dz_1[n,j1]*h_1[n,j0]
    dA_1 = l2 * A_1 + dz_1.T @ h_1
    # db_1[j1] = sum_{n} dz_1[n,j1]
    db_1 = dz_1.sum(axis=0)

    gradients = {"A_1": dA_1, "b_1": db_1}
    return L, gradients


def _update(
    theta: np.ndarray, g: np.ndarray, state: tuple[np.ndarray, ...], eta: float, t: int
) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """The next values and state of parameters with the gradient g; p counts them."""
    (velocity,) = state
    # velocity_next[p] = mu*velocity[p] + g[p]
    velocity_next = g + mu * velocity
    # theta_next[p] = theta[p] - eta*velocity_next[p]
    theta_next = theta - eta * velocity_next
    return theta_next, (velocity_next,)
