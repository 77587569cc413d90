"""symnn train: run a module on data, and report."""

from __future__ import annotations

import math
import os
import sys
import time
from pathlib import Path
from typing import Any

from symnn.cli.models import model
from symnn.cli.output import mistake, result
from symnn.cli.streams import say
from symnn.derivation.lines import Lines
from symnn.io.exit_codes import FINE
from symnn.training.run import Checkpoints, Result
from symnn.training.run import train as train_network


def train(
    spec: str,
    data: str | None,
    weights: str | None,
    checkpoint: str | None,
    every: int | None,
    resume: bool,
    target: str | None,
    as_json: bool,
    quiet: bool,
    verbose: bool,
    force: bool,
    **flags: Any,
) -> int:
    """Train a network and report."""
    kept = Checkpoints(Path(checkpoint), every, resume) if checkpoint else None
    in_memory = target == "lambdify"
    flags["target"] = None if in_memory else target
    network = model(spec, flags, data=data, weights=weights)
    if isinstance(network, Lines) and in_memory:
        raise mistake("--target", "lambdify takes chains of dense layers alone", "leave it out")
    silent = quiet or as_json
    shown = _Progress(network.spec.train.epochs, silent, verbose)
    try:
        if resume and kept and not os.path.lexists(kept.path) and not silent:
            say(f"no checkpoint in {kept.folder} yet: from the beginning")
        trained = train_network(
            network,
            force=force,
            progress=shown,
            checkpoints=kept,
            in_memory=in_memory,
        )
    finally:
        shown.end()
    for warning in () if silent else trained.warnings:
        say(f"warning: {warning}")
    result(_object(trained), _summary(trained), as_json, quiet=False)
    return FINE


class _Progress:
    """The loss as training goes on: some epochs, and on a terminal a line that moves as well.

    That line is written anew REDRAWS times a second at most, and says how long it will take.
    """

    REDRAWS = 10
    CLEAR = "\r\x1b[K"

    def __init__(self, epochs: int, quiet: bool, verbose: bool) -> None:
        self.epochs, self.quiet = epochs, quiet
        self.moving = sys.stderr is not None and sys.stderr.isatty() and not quiet
        self.every = 1 if verbose else max(1, epochs // 10)
        self.due = float("-inf")  # when the line may be written anew
        self.first: tuple[int, float] | None = None  # the first epoch here, and when it ended

    def __call__(self, epoch: int, loss: float) -> None:
        kept = epoch in (1, self.epochs) or epoch % self.every == 0
        now = time.monotonic() if self.moving else 0.0
        if self.quiet or not (kept or (self.moving and now >= self.due)):
            return
        line = f"epoch {epoch:>{len(str(self.epochs))}}/{self.epochs}  loss {loss:.6g}"
        if not self.moving:
            say(line)
        elif kept:
            say(f"{self.CLEAR}{line}")
        else:
            say(f"{self.CLEAR}{line}{self._left(epoch, now)}", end="")
            self.due = now + 1 / self.REDRAWS
        self.first = self.first or (epoch, now)

    def _left(self, epoch: int, now: float) -> str:
        """How long the epochs that are left will take, if those before say so."""
        if self.first is None:
            return ""
        pace = (now - self.first[1]) / (epoch - self.first[0])
        minutes, seconds = divmod(round(pace * (self.epochs - epoch)), 60)
        hours, minutes = divmod(minutes, 60)
        return f"  {hours}:{minutes:02}:{seconds:02} left"

    def end(self) -> None:
        """Clear the moving line."""
        if self.moving:
            say(self.CLEAR, end="")


def _scores(values: dict[str, Any]) -> str:
    if all(isinstance(own, dict) for own in values.values()):  # of several outputs
        return "; ".join(f"{name}: {_scores(own)}" for name, own in values.items())
    if "accuracy" in values:
        shown = f"accuracy {values['accuracy']:.2%}"
        if "log_loss" not in values:
            return shown
        loss = values["log_loss"]
        return f"{shown}, log loss {loss:.4g} ({loss / math.log(2):.3g} bits)"
    shown = f"root mean square error {values['rmse']:.4g}"
    if "r2" not in values:
        return shown
    shown += f", R² {values['r2']:.4g}"
    of, constant = values["r2_by_output"], values.get("constant_outputs")
    if len(of) > 8:
        shown += f" (by output from {min(of):.4g} to {max(of):.4g})"
    elif len(of) > 1:
        shown += f" (by output {', '.join(f'{r2:.4g}' for r2 in of)})"
    if constant:
        what = f"targets of {constant} of {len(of)} outputs" if len(of) > 1 else "targets"
        shown += f"; the {what} are all equal: R² is 1 there if they are met exactly, else 0"
    return shown


def _summary(result: Result) -> str:
    rows = [f"loss      {result.history[-1]:.6g} after {len(result.history)} epochs"]
    if result.train:
        rows.append(f"train     {_scores(result.train)}")
    if result.test:
        rows.append(f"test      {_scores(result.test)}")
    if not result.in_memory:
        rows.append(f"module    {result.files.module}")
    rows.append(f"weights   {result.files.weights}")
    rows.append(f"history   {result.files.history}")
    return "\n".join(rows)


def _object(result: Result) -> dict[str, Any]:
    return {
        "loss": result.history[-1],
        "epochs": len(result.history),
        "train": result.train,
        "test": result.test,
        "warnings": result.warnings,
        "module": None if result.in_memory else str(result.files.module),
        "weights": str(result.files.weights),
        "history": str(result.files.history),
    }
