"""What training is asked for."""

from __future__ import annotations

import numpy as np


def _check_settings(epochs: int, rows: int | None, rate: float, seed: int) -> None:
    """Raise ValueError for settings of train that are none."""
    whole = {"epochs": (epochs, 0), "seed": (seed, 0)}
    whole |= {} if rows is None else {"batch_size": (rows, 1)}
    for name, (value, least) in whole.items():
        if not isinstance(value, int | np.integer) or value < least:
            text = f"must be a whole number, at least {least}, not {value!r}"
            raise ValueError(f"{name} {text}")
    if not (isinstance(rate, int | float | np.number) and np.isfinite(rate)):
        raise ValueError(f"learning_rate must be a finite number, not {rate!r}")
