"""A step of the generated C beside the bare matrix products called from C.

    python tests/benchmarks/c_products.py [--rounds 31] [--only c32 d] [--dtypes float64]

The C file is the generated one, compiled as the generated module compiles it, with a loop over the
products of a step behind it: by the OpenBLAS of NumPy's wheel, and by the file's own loops.  Step
and products take turns, with one thread; the figures are medians over the rounds, of microseconds
of process time and of the ratios within a round.  The workloads are those of training.py.
"""

from __future__ import annotations

import argparse
import ctypes
import platform
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

# before NumPy, which training.py has take one thread
from training import RATE, WORKLOADS, Run, Workload, measure, operands, times  # isort: split

import numpy as np

from symnn.targets.registry import generate_files, load_module

GOALS = {"c32": 1.4, "cfull": 1.15, "d": 1.15, "e": 1.15, "f": 1.65}
REPEATS = {"a": 4, "b": 30, "c32": 2, "f": 2}  # timings are too short without them
BARE = """
typedef void gemm(int, int, int, int64_t, int64_t, int64_t, net_real, const net_real *, int64_t,
                  const net_real *, int64_t, net_real, net_real *, int64_t);

/* c (m, n) = a (m, inner) b (inner, n), all by rows */
struct operands {
    size_t m, n, inner;
    const net_real *a, *b;
    net_real *c;
};

void bare(const struct operands *all, size_t count, size_t steps, gemm *blas);
void bare(const struct operands *all, size_t count, size_t steps, gemm *blas)
{
    for (size_t step = 0; step < steps; step++)
        for (const struct operands *p = all; p != all + count; p++)
            if (blas)
                blas(101, 111, 111, (int64_t)p->m, (int64_t)p->n, (int64_t)p->inner, 1, p->a,
                     (int64_t)p->inner, p->b, (int64_t)p->n, 0, p->c, (int64_t)p->n);
            else
                product(p->m, p->n, p->inner, p->a, p->inner, 1, NULL, 0, p->b, p->n, p->c, p->n);
}
"""


def generated(w: Workload, dtype: str, folder: Path) -> Any:
    """The generated module, with the loop over bare products in its C file."""
    files = generate_files(w.network(dtype), "c")
    path = folder / f"{w.name}_{dtype}.c"
    path.write_text(files[".c"] + BARE)
    return load_module(files[".py"], path.stem, path)


def c_step(module: Any, w: Workload, dtype: str) -> Run:
    """Steps of training in one call, as train makes them."""
    x, y = w.data(dtype)
    run_ = module._Run(module.initialize(), x, y, w.rows, RATE, 0, None)
    run_.epochs(1)
    plan = run_.parts[0][0]
    plan.found = np.zeros(w.steps, dtype)  # the losses
    return lambda steps: plan.steps(0, steps, run_.advance, 0)


def bare_products(module: Any, w: Workload, dtype: str, blas: Any) -> Run:
    """The products of a step, by a function of a BLAS, or by the file's own loops if it is None."""
    arrays = []
    for left, right, out in operands(w, dtype):
        padded = np.append(right, np.zeros(64, dtype))  # the own loops read whole vectors
        arrays.append((left, padded, out, (*out.shape, left.shape[1])))
    table = np.array(
        [(*shape, *(v.ctypes.data for v in held)) for *held, shape in arrays], np.uintp
    )
    call = module._library(np.dtype(dtype)).bare
    call.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_void_p]

    def run(steps: int, arrays: object = arrays) -> None:  # which live as long as it does
        call(table.ctypes.data, len(table), steps, blas)

    return run


def gemm(dtype: str) -> Any:
    """The product of the OpenBLAS that NumPy has loaded; None where it brings none."""
    found = list(Path(np.__file__).parent.with_name("numpy.libs").glob("*scipy_openblas64_*"))
    if not found:
        return None
    letter = "s" if dtype == "float32" else "d"
    function = getattr(ctypes.CDLL(str(found[0])), f"scipy_cblas_{letter}gemm64_")
    return ctypes.cast(function, ctypes.c_void_p)


def compared(name: str, dtype: str, rounds: int, folder: Path) -> dict[str, float]:
    """Row of the table -> its figure for one workload."""
    w = WORKLOADS[name]
    w = replace(w, steps=w.steps * REPEATS.get(name, 1))
    module, blas = generated(w, dtype, folder), gemm(dtype)
    runs = {"step": c_step(module, w, dtype)}
    if blas is not None:
        runs["products, OpenBLAS"] = bare_products(module, w, dtype, blas)
    runs["products, own loops"] = bare_products(module, w, dtype, None)
    found = {row: t[1:] for row, t in times(w, rounds + 1, runs).items()}  # one to get warm
    figures = {row: float(np.median(t)) for row, t in found.items()}
    for row in list(runs)[1:]:
        figures[f"step over {row}"] = float(np.median(found["step"] / found[row]))
        if row == "products, OpenBLAS":
            figures["goal of this ratio"] = GOALS.get(name, np.nan)
    return figures


def shown(figure: float) -> str:
    """Three digits that count."""
    if np.isnan(figure):
        return "–"
    return np.format_float_positional(figure, 3, unique=False, fractional=False, trim="-")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("--only", nargs="*", default=list(WORKLOADS), choices=list(WORKLOADS))
    parser.add_argument("--dtypes", nargs="*", default=["float32", "float64"])
    options = parser.parse_args()
    print(f"{platform.machine()}, Python {platform.python_version()}, NumPy {np.__version__}")
    for dtype in options.dtypes:
        with tempfile.TemporaryDirectory() as folder:
            found = {n: compared(n, dtype, options.rounds, Path(folder)) for n in options.only}
        print(f"\n| {dtype}, µs a step |", " | ".join(found), "|")
        print("|---|" + "---:|" * len(found))
        for row in next(iter(found.values())):
            print(f"| {row} |", " | ".join(shown(f[row]) for f in found.values()), "|")
        if "b" in found:
            eager = measure(WORKLOADS["b"], dtype, 9, ["PyTorch eager"]).get("PyTorch eager")
            if eager:
                ratio = eager / found["b"]["step"]
                print(f"\nPyTorch eager on b: {eager:.0f} µs a step, {ratio:.0f} times the step.")


if __name__ == "__main__":
    main()
