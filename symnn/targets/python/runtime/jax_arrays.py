"""What goes to JAX and comes from it: NumPy's arrays of the type of the parameters."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from symnn.targets.python.runtime.lines_constants import PARAMETERS, Arrays


def _for_jax(params: Arrays) -> dict[str, jax.Array]:
    """The parameters and the states alone, in this machine's byte order."""
    own = params[next(iter(PARAMETERS))].dtype.newbyteorder("=")
    return {name: jnp.asarray(params[name], own) for name in PARAMETERS}


def _from_jax(params: Arrays, found: jax.Array) -> np.ndarray:
    return np.array(found, params[next(iter(PARAMETERS))].dtype)


def _all_from_jax(params: Arrays, found: dict[str, jax.Array]) -> Arrays:
    """Gradients or next values, in the order of the parameters."""
    return {k: _from_jax(params, found[k]) for k in PARAMETERS if k in found}
