"""What notes can be asked for: the words of each option."""

from __future__ import annotations

STORIES = ("reference", "tutorial")  # straight to the network, or what leads to it first
METHODS = ("chain", "differential")  # how a gradient is found
DETAILS = ("answer", "textbook", "full")  # the levels of detail
NUMBERS = ("none", "decimal", "pencil")  # of the worked example
