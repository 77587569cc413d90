"""What the outputs of a trained network are worth: its scores, and doubts about a run.

kind: what targets hold, as nn.losses and nn.graph_losses say.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

Scores = dict[str, Any]
SHOWN = 8  # outputs that are named one by one
TINY = 1e-15  # what is taken for the logarithm of a probability below


def scores(kind: str, output: Any, y: Any) -> Scores:
    """accuracy and log_loss for classes; otherwise rmse, the root mean square error, and R².

    The first axis of both is that of the samples; the classes are the last one of the output.
    accuracy: the share of the answers that are right, and of yes and no, of the samples of which
    all are.  log_loss: the mean of -sum y log p over the answers, natural, as scikit-learn has it.
    r2_by_output: of each component of F(x), 1 - (sum of squared errors) / (sum of squared
    deviations from the mean of its targets); of targets that are all equal 1 if they are met
    exactly and else 0.  r2: their mean.  Both as scikit-learn's ``r2_score``; a single sample has
    neither.  constant_outputs: how many components have targets that are all equal, if any.  Of
    counts the output is the logarithm.  What overflows is not finite.
    """
    output, y = np.asarray(output, dtype=float), np.asarray(y, dtype=float)
    if kind in ("distribution", "labels", "unit", "signs"):
        right = _answers(kind, output) == _answers(kind, y, given=True)
        found: Scores = {"accuracy": float(np.mean(right.all(axis=1)))}
        return found if kind == "signs" else {**found, "log_loss": _log_loss(kind, output, y)}
    with np.errstate(over="ignore", invalid="ignore"):
        output = np.exp(output) if kind == "counts" else output
        output, y = (values.reshape(len(values), -1) for values in (output, y))
        squares = np.sum((output - y) ** 2, axis=0)
        found = {"rmse": float(np.sqrt(squares.sum() / y.size))}
        if len(y) == 1:
            return found
        constant = (y == y[0]).all(axis=0)
        spread = np.where(constant, 1.0, np.sum((y - y.mean(axis=0)) ** 2, axis=0))
        r2 = np.where(constant, squares == 0, 1.0 - squares / spread)
        found |= {"r2": float(r2.mean()), "r2_by_output": r2.tolist()}
    return {**found, "constant_outputs": int(constant.sum())} if constant.any() else found


def numbers(found: Scores) -> Iterator[Any]:
    """All that scores hold, those of several outputs one after the other."""
    for value in found.values():
        yield from numbers(value) if isinstance(value, dict) else (value,)


def _answers(kind: str, values: Any, given: bool = False) -> Any:
    """Rows of answers: a class in each, or yes or no to each component.  given: of targets."""
    if kind == "labels" and given:
        return values.reshape(-1, 1)
    if kind in ("distribution", "labels"):
        return values.argmax(axis=-1).reshape(-1, 1)
    return (values > (0.0 if kind == "signs" else 0.5)).astype(int).reshape(len(values), -1)


def _log_loss(kind: str, p: Any, y: Any) -> float:
    logs = np.log(np.maximum(p, TINY))
    if kind == "labels":
        return float(-np.take_along_axis(logs, y[..., None].astype(int), -1).mean())
    if kind == "distribution":
        return float(-(y * logs).sum(axis=-1).mean())
    return float(-(y * logs + (1 - y) * np.log(np.maximum(1 - p, TINY))).mean())


def doubts(kind: str, history: Sequence[float], found: Scores, y: Any) -> tuple[str, ...]:
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
    bad = [(place, r2) for place, r2 in enumerate(by_output, 1) if r2 < 0]
    if len(bad) > SHOWN:
        text = f"R² of {len(bad)} of {len(by_output)} outputs is below 0"
        said.append(f"{text}: worse than always answering the means of their targets")
        bad = []
    for place, r2 in bad:
        of = f" of output {place}" if len(by_output) > 1 else ""
        said.append(f"R²{of} is {r2:.4g}: worse than always answering the mean of its targets")
    if found.get("accuracy", 1.0) < 1.0:
        answers = _answers(kind, np.asarray(y), given=True)
        kinds, counts = np.unique(answers, axis=0, return_counts=True)
        share = float(counts.max() / len(answers))
        if found["accuracy"] <= share:
            answer = ", ".join(str(int(value)) for value in kinds[counts.argmax()])
            said.append(
                f"the accuracy, {found['accuracy']:.2%}, is no better than always answering "
                f"{answer} ({share:.2%})"
            )
    return tuple(said)
