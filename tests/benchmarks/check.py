"""Memory and time of `symnn check` on specs near the caps.

python tests/benchmarks/check.py > tests/benchmarks/check.md
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

BOUND = 2048  # MiB, for every spec that is read
CHECK = """
import pathlib, re, resource, sys, time
from symnn.cli.main import run
start = time.perf_counter()
code = run(["check", sys.argv[1]])
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
mib = 2**20 if sys.platform == "darwin" else 2**10
if (status := pathlib.Path("/proc/self/status")).exists():
    # what Linux gives above is at least what the process that started this one had
    peak = int(re.search(r"VmHWM:\\s+([0-9]+) kB", status.read_text())[1])
print(code, round(time.perf_counter() - start), peak // mib)
"""
UNITS = {  # inputs, then those of every layer
    "one layer of 10^6 units": (1, 10**6, 1),
    "10^6 outputs": (2, 10**6),
    "10^8 parameters": (9_900, 9_900, 1),
    "2,000 layers of 4 units": (2, *[4] * 1999, 1),
    "2,000 layers, 10^8 parameters": (220, *[220] * 1999, 1),
}


@dataclass(frozen=True)
class Found:
    """The exit code, seconds, the peak of resident memory in MiB, and what was printed."""

    code: int
    seconds: int
    peak: int
    text: str


def check(units: tuple[int, ...]) -> Found:
    """Check a network of tanh layers in a process of its own."""
    last = "softmax" if units[-1] > 1 else "linear"
    kinds = ["tanh"] * (len(units) - 2) + [last]
    document = {
        "model": {"inputs": units[0]},
        "layers": [
            {"type": "dense", "units": n, "activation": kind}
            for n, kind in zip(units[1:], kinds, strict=True)
        ],
        "loss": {"name": "cross_entropy" if units[-1] > 1 else "mse"},
    }
    with tempfile.TemporaryDirectory() as folder:
        spec = Path(folder) / "spec.json"
        spec.write_text(json.dumps(document), encoding="utf-8")
        command = [sys.executable, "-c", CHECK, str(spec)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    text, _, numbers = done.stdout.strip().rpartition("\n")
    return Found(*map(int, numbers.split()), text)


HEAD = """# Memory and time of `symnn check`

The peak of resident memory and the time of `symnn check` on specs near the caps (2,000 layers, 10^6
units a layer, 10^8 parameters), on {machine}. The bound is {bound:,} MiB. At 10^8
parameters nearly all of the memory is the generated module's own check, which has all the weights.

Measured by `python tests/benchmarks/check.py`.
"""


def main() -> None:
    """Measure, and print a page."""
    machine = f"{platform.machine()}, numpy {np.__version__}"
    print(HEAD.format(machine=machine, bound=BOUND))
    print("| network | holds | MiB | s |")
    print("|---|---|---:|---:|")
    for name, units in UNITS.items():
        found = check(units)
        holds = "yes" if found.code == 0 else "no"
        print(f"| {name} | {holds} | {found.peak:,} | {found.seconds} |", flush=True)


if __name__ == "__main__":
    main()
