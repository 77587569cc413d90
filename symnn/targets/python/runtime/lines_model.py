"""The equations of lines, with the update of a parameter."""

from __future__ import annotations

import numpy as np

from symnn.targets.python.runtime.lines_constants import (
    INPUTS,
    PREDICTED_FROM,
    TARGETS,
    Arrays,
    Data,
    l2,
    mu,
)
from symnn.targets.python.runtime.lines_data import _data
from symnn.targets.python.runtime.lines_noise import _noise


def predict(params: Arrays, x: Data = None) -> np.ndarray:
    """z of inputs: one array, or arrays by their names."""
    data = _data(params, x, None, PREDICTED_FROM)
    noise = _noise(None, params, data)
    A, b = params["A"], params["b"]
    x = data["x"]
    m = noise["m"]
    # z[n,j] = sum_{i} A[j,i]*m[n,i]*x[n,i] + b[j]
    z = (m * x) @ A.T + b
    return np.asarray(z)


def loss_and_gradients(
    params: Arrays, x: Data = None, y: Data = None, noise: Arrays | None = None
) -> tuple[float, Arrays]:
    """The loss L, and its derivative by every parameter.

    x: the inputs, y: the targets; one array, or arrays by their names.
    noise: masks, 0 or 1/keep, and noise by name; None: masks of 1 and noise of 0.
    """
    data = _data(params, x, y, (*INPUTS, *TARGETS))
    return _gradients(params, data, {**_noise(None, params, data), **(noise or {})})


def _gradients(params: Arrays, data: Arrays, noise: Arrays) -> tuple[float, Arrays]:
    """The same, of inputs and targets that have been checked."""
    A, b = params["A"], params["b"]
    x, y = data["x"], data["y"]
    m = noise["m"]
    N = len(x)

    # forward
    # z[n,j] = sum_{i} A[j,i]*m[n,i]*x[n,i] + b[j]
    z = (m * x) @ A.T + b
    # L = sum_{n,j} (z[n,j] - y[n,j])**2/(2*N) + sum_{i,j} l2*A[j,i]**2/2
    L = float(((z - y) ** 2).sum() / (2 * N) + l2 * (A**2).sum() / 2)

    # backward
    # dz[n,j] = (z[n,j] - y[n,j])/N
    dz = (z - y) / N
    # dA[j,i] = l2*A[j,i] + sum_{n} dz[n,j]*m[n,i]*x[n,i]
    dA = l2 * A + dz.T @ (m * x)
    # db[j] = sum_{n} dz[n,j]
    db = dz.sum(axis=0)

    gradients = {"A": dA, "b": db}
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
