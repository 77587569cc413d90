"""How fast a network is derived: by depth, by width, and from the command line.

    python tests/benchmarks/derivation.py > tests/benchmarks/derivation.md

Process time, the median of several runs, after imports.  Every run clears SymPy's cache and
those of the package, so that no run profits from another.
"""

from __future__ import annotations

import functools
import gc
import os
import platform
import statistics
import subprocess
import sys
import time

import numpy as np
import sympy as sp

import symnn
import symnn.derivation.network

RUNS = 5


def forget() -> None:
    """Empty every cache of the package and SymPy's."""
    sp.core.cache.clear_cache()
    for found in gc.get_objects():
        if isinstance(found, functools._lru_cache_wrapper):
            module = getattr(found, "__module__", None) or ""
            if module.startswith("symnn.") and module != "symnn.engine.ir":
                found.cache_clear()
    gc.collect()


def network(depth: int, width: int) -> symnn.Network:
    """Tanh layers of one width, then a sigmoid unit."""
    layers = [symnn.Dense(width, "tanh")] * (depth - 1) + [symnn.Dense(1, "sigmoid")]
    return symnn.Network(inputs=3, layers=layers, loss="sse")


def derived(depth: int, width: int) -> tuple[float, int]:
    """Median seconds to derive and simplify, and the number of lines."""
    times, lines = [], 0
    for _ in range(RUNS):
        net = network(depth, width)
        forget()
        start = time.process_time()
        program = net.derive().batch.program
        times.append(time.process_time() - start)
        lines = len(program.lines)
    return statistics.median(times), lines


def command(*words: str) -> float:
    """Median process seconds of a command line, children included."""
    times = []
    for _ in range(RUNS):
        before = os.times()
        subprocess.run(
            [sys.executable, "-m", "symnn", *words], check=True, stdout=subprocess.DEVNULL
        )
        after = os.times()
        spent = after.children_user - before.children_user
        times.append(spent + after.children_system - before.children_system)
    return statistics.median(times)


def main() -> None:
    """Print the tables."""
    print("# Deriving, by depth and width\n")
    print(f"Python {platform.python_version()}, SymPy {sp.__version__}, NumPy {np.__version__},")
    print(f"{platform.machine()}, {os.cpu_count()} cores; process time, median of {RUNS}.\n")
    print("| layers | units | lines a layer | seconds | ms a layer |")
    print("|---:|---:|---:|---:|---:|")
    derived(3, 10)
    for depth, width in [(10, 10), (100, 10), (1000, 10), (100, 100), (100, 900)]:
        seconds, lines = derived(depth, width)
        each = 1000 * seconds / depth
        print(f"| {depth} | {width} | {lines / depth:.1f} | {seconds:.3f} | {each:.2f} |")
    print("\n| command | seconds |")
    print("|---|---:|")
    bare = [sys.executable, "-c", "import numpy, sympy, jinja2"]
    before = os.times()
    subprocess.run(bare, check=True)
    after = os.times()
    spent = after.children_user - before.children_user
    spent += after.children_system - before.children_system
    print(f"| python -c 'import numpy, sympy, jinja2', to compare with | {spent:.2f} |")
    for words in (
        ["--help"],
        ["derive", "xor"],
        ["generate", "xor", "-o", "-"],
        ["derive", "deep"],
    ):
        print(f"| symnn {' '.join(words)} | {command(*words):.2f} |")


if __name__ == "__main__":
    main()
