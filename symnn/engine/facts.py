"""Facts of inputs: what is known of their entries, and can be drawn and looked at."""

from __future__ import annotations

import functools

import numpy as np
import sympy as sp

from symnn.engine.ir import Axis, Fact, Tensor, Term


def sum_is(tensor: Tensor, over: tuple[Axis, ...], value: sp.Expr, text: str = "") -> Fact:
    """The sum of a tensor over some of its axes is a number above 0.

    Drawn are positive entries that have it.
    """
    places = tuple(tensor.axes.index(a) - len(tensor.axes) for a in over)
    total = float(value)
    return Fact(
        text=text or f"{Term(tensor.entry, over)} = {value}",
        tensor=tensor.name,
        term=Term(tensor.entry, over),
        value=sp.S(value),
        holds=functools.partial(_holds, places, total),
        draw=functools.partial(_drawn, places, total),
    )


def proven(tensor: Tensor, term: Term, value: sp.Expr) -> Fact:
    """What the line of a tensor proves; nobody looks whether it holds, or draws such numbers."""
    return Fact(f"{term} = {value}", tensor.name, term, value, bool, _unknown)


def _unknown(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    raise NotImplementedError


# places count from the last axis
def _holds(places: tuple[int, ...], total: float, values: np.ndarray) -> bool:
    return bool(np.allclose(values.sum(axis=places), total, atol=1e-6))


def _drawn(
    places: tuple[int, ...], total: float, rng: np.random.Generator, shape: tuple[int, ...]
) -> np.ndarray:
    positive = rng.uniform(0.2, 1.0, shape)
    return np.asarray(total * positive / positive.sum(axis=places, keepdims=True))
