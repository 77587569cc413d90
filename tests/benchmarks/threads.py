"""Time of train of the numpy-fast modules with two threads beside one.

    python tests/benchmarks/threads.py [--rounds 9] [--only a b] [--dtype float64]

A process for each number of threads, one after the other in every round; the figure is the
25th percentile over the rounds, in microseconds a step: of the time on the clock, and of the time
of all threads.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time

import numpy as np


def work(workload: str, dtype: str) -> None:
    """Measure once for every line of standard input."""
    from training import WORKLOADS, generated_fast

    w = WORKLOADS[workload]
    run = generated_fast(w, dtype)
    run(w.steps)
    print("ready", flush=True)
    for _ in sys.stdin:
        clock, used = time.perf_counter(), time.process_time()
        run(w.steps)
        times = time.perf_counter() - clock, time.process_time() - used
        print(*(t / w.steps * 1e6 for t in times), flush=True)


def measure(workload: str, dtype: str, rounds: int) -> np.ndarray:
    """(threads, clock or process): microseconds a step."""
    command = [sys.executable, __file__, "--work", workload, "--dtype", dtype, "--threads"]
    found: list[list[list[float]]] = [[], []]
    pipe = subprocess.PIPE
    workers = [
        subprocess.Popen(
            [*command, threads],
            stdin=pipe,
            stdout=pipe,
            text=True,
            env={**os.environ, "OPENBLAS_NUM_THREADS": threads},
        )
        for threads in ("1", "2")
    ]
    for w in workers:
        assert w.stdout and w.stdout.readline()
    for _ in range(rounds):
        for w, times in zip(workers, found, strict=True):
            assert w.stdin and w.stdout
            w.stdin.write("\n")
            w.stdin.flush()
            times.append([float(t) for t in w.stdout.readline().split()])
    for w in workers:
        w.communicate()
    result: np.ndarray = np.percentile(np.array(found), 25, axis=1)
    return result


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--work")
    parser.add_argument("--threads")  # for training.py, which reads it when it is imported
    parser.add_argument("--dtype", default="float32", choices=("float32", "float64"))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--only", nargs="*", default=["a", "b", "c32", "cfull", "d", "e", "f"])
    options = parser.parse_args()
    if options.work:
        work(options.work, options.dtype)
        return
    found = {name: measure(name, options.dtype, options.rounds) for name in options.only}
    print(f"| {options.dtype} |", " | ".join(found), "|")
    print("|---|" + "---|" * len(found))
    for k, kind in enumerate(("clock", "all threads")):
        for threads in (0, 1):
            cells = [f"{times[threads, k]:.3g}" for times in found.values()]
            print(f"| {threads + 1} thread{'s' * threads}, {kind} |", " | ".join(cells), "|")
    ratios = [f"{times[1, 0] / times[0, 0]:.2f}" for times in found.values()]
    print("| 2 threads over 1, clock |", " | ".join(ratios), "|")


if __name__ == "__main__":
    main()
