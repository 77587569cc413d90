"""What the outputs of a trained network are worth: its scores, and doubts about a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symnn.derivation.network import Network
from symnn.nn.losses import LOSSES

Scores = dict[str, Any]


def scores(network: Network, output: Any, y: Any) -> Scores:
    """accuracy for classes; otherwise rmse, the root mean square error, and R².

    r2_by_output: of each component of F(x), 1 - (sum of squared errors) / (sum of squared
    deviations from the mean of its targets); of targets that are all equal 1 if they are met
    exactly and else 0.  r2: their mean.  Both as scikit-learn's ``r2_score``; a single sample has
    neither.  constant_outputs: how many components have targets that are all equal, if any.  What
    overflows is not finite.
    """
    output, y = np.asarray(output, dtype=float), np.asarray(y, dtype=float)
    if LOSSES[network.spec.loss.name].targets != "numbers":
        right = _answers(network, output) == _answers(network, y)
        return {"accuracy": float(np.mean(right.all(axis=1)))}
    with np.errstate(over="ignore", invalid="ignore"):
        squares = np.sum((output - y) ** 2, axis=0)
        found: Scores = {"rmse": float(np.sqrt(squares.sum() / y.size))}
        if len(y) == 1:
            return found
        constant = (y == y[0]).all(axis=0)
        spread = np.where(constant, 1.0, np.sum((y - y.mean(axis=0)) ** 2, axis=0))
        r2 = np.where(constant, squares == 0, 1.0 - squares / spread)
        found |= {"r2": float(r2.mean()), "r2_by_output": r2.tolist()}
    return {**found, "constant_outputs": int(constant.sum())} if constant.any() else found


def _answers(network: Network, values: Any) -> Any:
    """The class of every row; that of each component where these are yes or no."""
    if LOSSES[network.spec.loss.name].targets == "distribution":
        return values.argmax(axis=1)[:, None]
    return (values > 0.5).astype(int)


def doubts(network: Network, history: Sequence[float], found: Scores, y: Any) -> tuple[str, ...]:
    """In words: that a run ended above where it began, or no better than a constant answer.

    history: the loss of every epoch.  found: the scores of what was trained on, whose targets are
    ``y``.  Losses that differ by rounding alone, 1e-6 of them, are equal.
    """
    said = []
    first, last = history[0], history[-1]
    if last > first + 1e-6 * abs(first):
        said.append(
            f"the loss ended at {last:.6g}, above the {first:.6g} of the first epoch; "
            "a smaller learning rate may help"
        )
    by_output = found.get("r2_by_output", [])
    for place, r2 in enumerate(by_output, 1):
        if r2 < 0:
            of = f" of output {place}" if len(by_output) > 1 else ""
            said.append(f"R²{of} is {r2:.4g}: worse than always answering the mean of its targets")
    if found.get("accuracy", 1.0) < 1.0:
        answers = _answers(network, np.asarray(y))
        kinds, counts = np.unique(answers, axis=0, return_counts=True)
        share = float(counts.max() / len(answers))
        if found["accuracy"] <= share:
            answer = ", ".join(map(str, kinds[counts.argmax()]))
            said.append(
                f"the accuracy, {found['accuracy']:.2%}, is no better than always answering "
                f"{answer} ({share:.2%})"
            )
    return tuple(said)
