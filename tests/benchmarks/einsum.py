"""Products of modules of lines: one matrix product each, beside numpy.einsum and a broadcast sum.

    python tests/benchmarks/einsum.py        prints ratios, interleaved, of process time

Sizes are those of an attention layer: 32 samples, 64 steps, 4 heads of 16 of 64 channels.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from symnn.targets.python.runtime.einsum import einsum

PATTERNS = {
    "projection": ("adc,ntc->natd", (4, 16, 64), (32, 64, 64)),
    "scores": ("natd,naud->natu", (32, 4, 64, 16), (32, 4, 64, 16)),
    "gradient of weights": ("natd,ntc->adc", (32, 4, 64, 16), (32, 64, 64)),
}
ROUNDS = 15


def broadcast(pattern: str, a: Any, b: Any) -> Any:
    """The sum over the broadcast product."""
    inputs, out = pattern.split("->")
    left, right = inputs.split(",")
    every = [*out, *dict.fromkeys(c for c in left + right if c not in out)]

    def spread(own: str, x: Any) -> Any:
        order = [c for c in every if c in own]
        x = x.transpose([own.index(c) for c in order])
        return x[tuple(slice(None) if c in own else None for c in every)]

    return (spread(left, a) * spread(right, b)).sum(axis=tuple(range(len(out), len(every))))


def main() -> None:
    rng = np.random.default_rng(0)
    ways: dict[str, Callable[..., Any]] = {
        "module": einsum,
        "numpy.einsum": np.einsum,
        "numpy.einsum, optimize": lambda *args: np.einsum(*args, optimize=True),
        "broadcast": broadcast,
    }
    for name, (pattern, *shapes) in PATTERNS.items():
        operands = [rng.normal(size=shape) for shape in shapes]
        best = dict.fromkeys(ways, float("inf"))
        for _ in range(ROUNDS):
            for way, product in ways.items():
                start = time.process_time()
                found = product(pattern, *operands)
                best[way] = min(best[way], time.process_time() - start)
                assert np.allclose(found, np.einsum(pattern, *operands, optimize=True))
        ratios = ", ".join(f"{way} {best[way] / best['module']:.2f}" for way in ways)
        print(f"{name:22} {ratios}")


if __name__ == "__main__":
    main()
