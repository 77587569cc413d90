"""What deriving costs, over `import sympy` in the same run: python tests/benchmarks/deriving.py.

Each round starts a new Python for each case, and measures process time in it; the figures are the
medians of the rounds' ratios.  Reading a spec and writing its module are told beside.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys

ROUNDS = 7
MEASURED = """
import json, sys, time
start = time.process_time()
import sympy
sympy_time = time.process_time() - start
import symnn.api, symnn.derivation.lines, symnn.spec.graph, symnn.engine.text
from symnn.api import Lines
from symnn.spec.reader import load_model
spec = json.loads(sys.argv[1])
start = time.process_time()
net = Lines(load_model(spec))
read = time.process_time()
net.derive()
derived = time.process_time()
net.generate()
written = time.process_time()
print(json.dumps([(t - s) / sympy_time for s, t in
    ((start, read), (read, derived), (derived, written))]))
"""
DENSE = {"type": "dense"}
LENET = {
    "inputs": {"x": {"shape": ["h:28", "w:28", "c:1"]}},
    "layers": [
        {"type": "conv2d", "filters": 6, "kernel": 5, "padding": 2, "activation": "tanh"},
        {"type": "average_pool2d", "size": 2},
        {"type": "conv2d", "filters": 16, "kernel": 5, "activation": "tanh"},
        {"type": "average_pool2d", "size": 2},
        {"type": "flatten"},
        {**DENSE, "units": 120, "activation": "tanh"},
        {**DENSE, "units": 84, "activation": "tanh"},
        {**DENSE, "units": 10, "activation": "softmax"},
    ],
    "loss": {"name": "cross_entropy"},
}


def transformer(count: int) -> dict[str, object]:
    """A language model of so many blocks."""
    block = {"type": "transformer_block", "heads": 4, "causal": True}
    return {
        "inputs": {"x": {"shape": ["t:16"], "of": 50}},
        "layers": [
            {"type": "embedding", "units": 32},
            {"type": "positions"},
            {"repeat": count, "block": [block]},
            {**DENSE, "units": 50, "activation": "softmax"},
        ],
        "loss": {"name": "cross_entropy"},
    }


CASES = {"LeNet": LENET, "one block": transformer(1), "twelve blocks": transformer(12)}


def main() -> None:
    """Measure, and print a table."""
    found: dict[str, list[list[float]]] = {name: [] for name in CASES}
    for _ in range(ROUNDS):
        for name, spec in CASES.items():
            command = [sys.executable, "-c", MEASURED, json.dumps(spec)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            found[name].append(json.loads(done.stdout))
    print(f"{'over import sympy':16}{'read':>8}{'derive':>8}{'module':>8}")
    for name, rows in found.items():
        medians = (statistics.median(column) for column in zip(*rows, strict=True))
        print(f"{name:16}" + "".join(f"{value:8.2f}" for value in medians))


if __name__ == "__main__":
    main()
