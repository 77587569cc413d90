"""Sums of products of two arrays."""

from __future__ import annotations

import math

import numpy as np


def einsum(pattern: str, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """numpy.einsum of two arrays, as one matrix product for each of the axes that all three have.

    pattern: "nik,kj->nij"; no letter stands twice in one of the three.
    """
    operands, out = pattern.split("->")
    left, right = operands.split(",")
    shared = [c for c in out if c in left and c in right]
    rows = [c for c in out if c in left and c not in right]
    columns = [c for c in out if c in right and c not in left]
    inner = [c for c in left if c in right and c not in out]
    # what one operand alone is summed over
    if alone := tuple(k for k, c in enumerate(left) if c not in out + right):
        a = a.sum(axis=alone)
    if alone := tuple(k for k, c in enumerate(right) if c not in out + left):
        b = b.sum(axis=alone)
    left = "".join(c for c in left if c in out + right)
    right = "".join(c for c in right if c in out + left)
    sizes = dict(zip(left + right, a.shape + b.shape, strict=True))
    first, last, between = (
        math.prod(sizes[c] for c in part) for part in (rows, columns, inner)
    )
    each = [sizes[c] for c in shared]
    a = a.transpose([left.index(c) for c in shared + rows + inner])
    b = b.transpose([right.index(c) for c in shared + inner + columns])
    product: np.ndarray = a.reshape(*each, first, between) @ b.reshape(
        *each, between, last
    )
    product = product.reshape([sizes[c] for c in shared + rows + columns])
    order = shared + rows + columns
    return product.transpose([order.index(c) for c in out])
