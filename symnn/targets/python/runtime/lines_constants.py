"""The constants of a module of lines."""

from __future__ import annotations

import numpy as np

Arrays = dict[str, np.ndarray]
Data = np.ndarray | Arrays | None  # one array, or arrays by their names
Shape = tuple[int | str, ...]  # a name is a size that data bring; N is that of samples
NAME = "specimen"
DTYPE = np.float64
INPUTS: dict[str, Shape] = {
    "x": ("N", 3),
}
TARGETS: dict[str, Shape] = {
    "y": ("N", 2),
}
WHOLE: dict[str, int] = {}  # whole numbers from 0, and how many there are
CHOICES: tuple[str, ...] = ()  # targets that sum to 1: whole numbers will do
WEIGHTS: tuple[str, ...] = ()  # targets that are 1 where they are not given
HOLD: dict[str, str] = {}  # what targets may hold, if not all numbers
PREDICTED_FROM: tuple[str, ...] = ("x",)
PARAMETERS: dict[str, tuple[int, ...]] = {
    "A": (2, 3),
    "b": (2,),
}
INITIAL: dict[str, tuple[str, float]] = {
    "A": ("uniform", 1.0954451150103321),
    "b": ("constant", 0.0),
}
NOISE: dict[str, tuple[Shape, float]] = {
    "m": (("N", 3), 0.75),
}
OPERATIONS = 44  # of a step, for each sample
EPOCHS = 100
BATCH_SIZE: int | None = None
LEARNING_RATE = 0.1
SEED = 0
SHUFFLE = True
STATES: tuple[str, ...] = ("velocity",)
mu = 0.9
l2 = 0.1
DIGEST = "ceb3f3d099be1ae8"  # of the lines: a checkpoint of others is refused
GIVEN: dict[str, bool] = {
    "x": True,
    "y": True,
    "m": True,
}
KEPT: tuple[str, ...] = ()  # states
OUTPUTS: dict[str, Shape] = {
    "z": ("N", 2),
}
SIZE = 8  # of all parameters
