"""What can be asked for: the words of each option of the notes, and the targets of modules."""

from __future__ import annotations

STORIES = ("reference", "tutorial")  # straight to the network, or what leads to it first
METHODS = ("chain", "differential")  # how a gradient is found
DETAILS = ("answer", "textbook", "full")  # the levels of detail
NUMBERS = ("none", "decimal", "pencil")  # of the worked example
TARGETS = ("numpy", "numpy-fast", "c", "jax")  # what modules run on
SAME_TARGET = {"plain": "numpy"}  # other names of targets
INCLUDED = ("checkpoint", "reduce", "streaming")  # what the module for numpy can be made with
