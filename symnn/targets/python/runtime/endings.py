"""How training ends before its last epoch."""

from __future__ import annotations

from symnn.targets.python.runtime.constants import Arrays


class DivergedError(ArithmeticError):
    """The loss is no longer finite; ``params`` are the last finite ones.

    history: the losses of the epochs that were over when it was looked for.
    """

    def __init__(
        self, epoch: int, step: int, params: Arrays, history: list[float]
    ) -> None:
        super().__init__(epoch, step, params, history)
        self.epoch, self.step, self.params, self.history = epoch, step, params, history

    def __str__(self) -> str:
        return f"the loss is not finite in epoch {self.epoch}, step {self.step}"


class Interrupted(KeyboardInterrupt):
    """Ctrl-C; ``params`` and ``history`` are those after the last step."""

    def __init__(self, params: Arrays, history: list[float], step: int) -> None:
        super().__init__(params, history, step)
        self.params, self.history, self.step = params, history, step

    def __str__(self) -> str:
        return f"interrupted after {len(self.history)} epochs, at step {self.step}"
