"""How much of the memory a run of training takes."""

from __future__ import annotations

CHUNK = 2**25  # bytes of samples that are held at once
STEPS = 1000  # of which the samples are held at once, each step in arrays of its own
PIECE = 2**18  # bytes that are read, computed in, or kept of outputs, at once
SPARE = 2**20  # bytes that are no matter
