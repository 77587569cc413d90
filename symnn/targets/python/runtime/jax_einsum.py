"""Sums of products of two arrays, in JAX."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def einsum(pattern: str, a: jax.Array, b: jax.Array) -> jax.Array:
    """The sum of products that a pattern as "nik,kj->nij" says."""
    return jnp.einsum(pattern, a, b)
