"""The constants of a module; which of them it has depends on the target."""

from __future__ import annotations

import numpy as np

Arrays = dict[str, np.ndarray]
NAME = "specimen"
DTYPE = np.float64
INPUTS = 3
OUTPUTS = 2
COLUMNS: tuple[str, ...] = ()
TARGET: tuple[str, ...] = ()
PARAMETERS: dict[str, tuple[int, ...]] = {
    "A_1": (2, 3),
    "b_1": (2,),
}
LAYERS: dict[str, str | None] = {"A_1": "b_1"}  # weights: bias
MASKS: dict[str, tuple[int, float]] = {  # units, rate
    "mask_1": (3, 0.25),
}
TARGETS_ARE = "numbers"  # numbers; unit: of 0..1; distribution: of 0..1, sum 1
KINDS = "f"  # of the types of parameters
EPOCHS = 100
BATCH_SIZE: int | None = None
LEARNING_RATE = 0.1
SEED = 0
SHUFFLE = True
STANDARDIZE = False  # whether train finds a scaling of x
l2 = 0.1
mu = 0.9
STATES: tuple[str, ...] = ("velocity",)
UNITS = (3, 2)
SIZE = 8  # of all parameters
DECAY = 0.1 / 2  # of all squared weights, in the loss
MEAN = True  # whether the loss is a mean over samples
SCALED_BY_RATE = True  # whether gradients are multiplied by the learning rate
PENALTY = 0.1  # l2, of the whole batch
BITS = "NET_BITS"  # what says the type of numbers in the C file
DIGEST = "2894605444ee98b0"  # of the lines: a checkpoint of others is refused
