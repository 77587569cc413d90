"""The planned step of a network, and its update, on flat vectors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from symnn.targets.python.runtime.constants import (
    INPUTS,
    LAYERS,
    OUTPUTS,
    UNITS,
    Arrays,
    l2,
    mu,
)
from symnn.targets.python.runtime.steps import Array, _pieces, _Steps, _weights
from symnn.targets.python.runtime.vectors import _blocks, _views


class _Plan(_Steps):
    """The statements of one step; every gradient is the derivation's times ``seed`` * rows."""

    def __init__(
        self,
        theta: np.ndarray,
        g: np.ndarray,
        rows: int,
        batches: int,
        epochs: int,
        seed: float,
        columns: bool = True,
        first: _Plan | None = None,
    ) -> None:
        dtype, slots = theta.dtype, batches * epochs
        super().__init__(dtype, rows, batches, columns, first, 0, None)
        new = self.new
        z_1_kept = new((slots, UNITS[1], rows))
        penalty_kept = np.zeros(slots)
        views = _views(theta)
        weights = [views[name] for name in LAYERS]

        stored, gradients = _blocks(theta), _blocks(g)
        c1 = np.array(seed, dtype)
        W_1 = stored[1]
        dW_1 = gradients[1]
        h_1_one = new((UNITS[0] + 1, rows), 1.0)
        h_1 = h_1_one[: UNITS[0]]
        dz_1 = new((UNITS[1], rows))
        mask_1 = new((UNITS[0], rows), 1.0)
        h_1_one_T = h_1_one.T
        self.masks = (mask_1,)

        def gradient(
            x: Array,
            y: Array,
            penalty: Array,
            z_1: Array,
        ) -> None:
            # h_1[n,j0] = mask_1[n,j0]*x[n,j0]
            np.multiply(mask_1, x, out=h_1)
            # z_1[n,j1] = sum_{j0} A_1[j1,j0]*h_1[n,j0] + b_1[j1]
            W_1.dot(h_1_one, z_1)
            # dz_1[n,j1] = (z_1[n,j1] - y[n,j1])/N
            np.subtract(z_1, y, out=dz_1)
            np.multiply(dz_1, c1, out=dz_1)
            # dA_1[j1,j0] = l2*A_1[j1,j0] + sum_{n} dz_1[n,j1]*h_1[n,j0]
            # db_1[j1] = sum_{n} dz_1[n,j1]
            dz_1.dot(h_1_one_T, dW_1)
            # the part of L without samples
            penalty[...] = 0.0
            for A in weights:
                penalty += l2 / 2 * np.einsum("ij,ij", A, A)

        def losses(first: int, count: int) -> np.ndarray:
            """L of so many steps: arrays have the axes (epochs, steps, units, rows)."""
            N = rows
            last, steps = first + count, min(count, batches)
            shape = count // steps, steps
            z_1 = z_1_kept[first:last].reshape(*shape, UNITS[1], rows)
            penalty = penalty_kept[first:last].reshape(*shape)
            at = first % batches
            y = np.broadcast_to(targets[at : at + steps], (*shape, OUTPUTS, rows))
            # L = sum_{n,j1} (z_1[n,j1] - y[n,j1])**2/(2*N)
            sum_1 = np.subtract(z_1, y)
            np.multiply(sum_1, sum_1, out=sum_1)
            L = np.add.reduce(sum_1, axis=(2, 3)) / (2 * N)
            # and the part without samples
            L = L + penalty
            return np.ravel(L)

        targets = self.y
        self.gradient, self.losses = gradient, losses
        self.steps = [
            (
                self.x_columns[i % batches][:INPUTS],
                self.y[i % batches],
                penalty_kept[i : i + 1],
                z_1_kept[i],
            )
            for i in range(slots)
        ]

    @staticmethod
    def bytes_of(rows: int, columns: bool, dtype: np.dtype) -> int:
        """Bytes that are held of the samples of a step."""
        numbers = (2 if columns else 1) * INPUTS + OUTPUTS + UNITS[1]
        return rows * numbers * dtype.itemsize


def _optimizer(
    parameters: np.ndarray, gradient: np.ndarray, state: Arrays, eta: float
) -> Callable[[int], None]:
    """The step t that changes parameters, and the optimizer's state, in place."""
    dtype = parameters.dtype
    c1 = np.array(eta * l2, dtype)
    c2 = np.array(mu, dtype)
    pieces = _pieces((parameters, gradient, *state.values()), 0)
    weights = _weights(parameters, gradient)

    def advance(t: int) -> None:
        # what dA_k adds without samples: a multiple of A_k
        for A, dA, free in weights:
            np.multiply(A, c1, out=free)
            np.add(dA, free, out=dA)
        for theta, g, velocity in pieces:
            # velocity_next[p] = mu*velocity[p] + g[p]
            np.multiply(velocity, c2, out=velocity)
            np.add(velocity, g, out=velocity)
            # theta_next[p] = theta[p] - velocity_next[p]
            np.subtract(theta, velocity, out=theta)

    return advance
