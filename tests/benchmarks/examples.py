"""What the shipped networks of any shape learn from the built-in data: scores over several seeds.

    python tests/benchmarks/examples.py [NAME ...] [--seeds 5] [--target c]

The held-out part is the same for every seed.  For texts the last row is what a table of pairs of
letters reaches: how often each follows each in the training part, and once more.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import math
import os
import tempfile
import time
from pathlib import Path

import numpy as np

import symnn
from symnn.data.datasets import load_data, split
from symnn.spec.sources import GRAPHS, example_names
from symnn.training.run import train

LETTERS = 35


def trained(name: str, seed: int, target: str) -> dict[str, float]:
    """The scores of what was held out, and the loss of the last epoch."""
    lines = symnn.lines(Path(name))
    spec = lines.spec
    model, output = spec.model, spec.output
    lines = type(lines)(
        dataclasses.replace(
            spec,
            model=dataclasses.replace(model, seed=seed),
            output=dataclasses.replace(output, target=target),
        )
    )
    found = train(lines, force=True)
    return {"loss": found.history[-1], **found.test}


def pairs(test_fraction: float) -> float:
    """Bits per letter of the table of pairs."""
    data = load_data("alice", inputs=32, outputs=32)
    fit, held = split("alice", len(data.x), test_fraction, 0)
    counts = np.ones((LETTERS, LETTERS))
    np.add.at(counts, (data.x[fit].astype(int), data.y[fit].astype(int)), 1.0)
    logs = np.log2(counts / counts.sum(axis=1, keepdims=True))
    return float(-logs[data.x[held].astype(int), data.y[held].astype(int)].mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--target", default="numpy")
    options = parser.parse_args()
    print("| example | accuracy, mean | least | log loss | bits | loss | seconds a run |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for name in options.names or example_names(folder=GRAPHS):
            start = time.process_time()
            runs = [trained(name, seed, options.target) for seed in range(options.seeds)]
            seconds = (time.process_time() - start) / options.seeds
            loss = np.mean([run["loss"] for run in runs])
            row = ["", "", "", "", f"{loss:.4g}", f"{seconds:.0f}"]
            if "accuracy" in runs[0]:
                right = [run["accuracy"] for run in runs]
                logs = float(np.mean([run["log_loss"] for run in runs]))
                row[:4] = [f"{np.mean(right):.2%}", f"{min(right):.2%}", f"{logs:.4f}"]
                row[3:3] = [f"{logs / math.log(2):.3f}"]
            print(f"| {name} | {' | '.join(row)} |", flush=True)
    print(f"| pairs of letters | | | | {pairs(0.2):.3f} | | |")


if __name__ == "__main__":
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    main()
