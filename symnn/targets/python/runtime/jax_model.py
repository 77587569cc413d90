"""The derivation of a network's gradients in JAX, with the update of a parameter."""

from __future__ import annotations

import jax

from symnn.targets.python.runtime.constants import l2, mu


@jax.jit
def _forward(params: dict[str, jax.Array], x: jax.Array) -> jax.Array:
    A_1, b_1 = params["A_1"], params["b_1"]
    mask_1 = 1.0
    # h_1[n,j0] = mask_1[n,j0]*x[n,j0]
    h_1 = mask_1 * x
    # z_1[n,j1] = sum_{j0} A_1[j1,j0]*h_1[n,j0] + b_1[j1]
    z_1 = h_1 @ A_1.T + b_1
    return z_1


@jax.jit
def _gradients(
    params: dict[str, jax.Array],
    x: jax.Array,
    y: jax.Array,
    N: int,
    l2: float = l2,
    masks: dict[str, jax.Array] | None = None,
) -> tuple[jax.Array, dict[str, jax.Array]]:
    """L and its gradients for a part of a batch of N samples; those of the parts add up.

    l2: the part's share of the penalty.
    """
    A_1, b_1 = params["A_1"], params["b_1"]
    mask_1 = masks["mask_1"] if masks else 1.0

    # forward
    # h_1[n,j0] = mask_1[n,j0]*x[n,j0]
    h_1 = mask_1 * x
    # z_1[n,j1] = sum_{j0} A_1[j1,j0]*h_1[n,j0] + b_1[j1]
    z_1 = h_1 @ A_1.T + b_1
    # L = sum_{n,j1} (z_1[n,j1] - y[n,j1])**2/(2*N) + sum_{j1,j0} l2*A_1[j1,j0]**2/2
    L = ((z_1 - y) ** 2).sum() / (2 * N) + l2 * (A_1**2).sum() / 2

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
    theta: jax.Array,
    g: jax.Array,
    state: tuple[jax.Array, ...],
    eta: float,
    t: jax.Array,
) -> tuple[jax.Array, tuple[jax.Array, ...]]:
    """The next values and state of parameters with the gradient g; p counts them."""
    (velocity,) = state
    # velocity_next[p] = mu*velocity[p] + g[p]
    velocity_next = g + mu * velocity
    # theta_next[p] = theta[p] - eta*velocity_next[p]
    theta_next = theta - eta * velocity_next
    return theta_next, (velocity_next,)
