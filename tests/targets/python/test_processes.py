"""Two processes that sum with mpi4py or torch.distributed train as one does."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.shards import SETTINGS, imported

from symnn import Dense, Network
from symnn.targets.registry import generate_files

COMPILER = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
BESIDE = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
MPIEXEC = shutil.which("mpiexec", path=BESIDE)
SIZES = (2, 3)  # rows of a batch of the two processes
CASES = {  # a mean, a sum, and labels; with a penalty, which counts once
    "mse": {"loss": {"name": "mse", "l2": 0.1}, "train": {"optimizer": "adam"}},
    "sse": {"loss": {"name": "sse", "l2": 0.1}, "train": {"momentum": 0.9}},
    "float32": {"loss": {"name": "cross_entropy", "l2": 0.1}, "dtype": "float32"},
}
WORKER = Path(__file__).resolve().parents[2] / "support" / "shards.py"


def network(case: str) -> Network:
    options: dict[str, Any] = CASES[case]
    last = "softmax" if case == "float32" else "linear"
    train = {"shuffle": False, **options.get("train", {})}
    layers = [Dense(5, "tanh"), Dense(3, last)]
    return Network(inputs=4, layers=layers, **{**options, "train": train})


def written(folder: Path, case: str, target: str) -> dict[str, np.ndarray]:
    """The module and the rows of two processes; what one process makes of all the rows."""
    for suffix, text in generate_files(network(case), target).items():
        (folder / f"{case}_{target}{suffix}").write_text(text)
    path = folder / f"{case}_{target}.py"
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(4, 5, 4)), rng.normal(size=(4, 5, 3))  # four batches of five rows
    if case == "float32":
        y = np.eye(3)[y.argmax(axis=2)]
    for rank, rows in enumerate((slice(SIZES[0]), slice(SIZES[0], None))):
        parts = {k: np.concatenate([*v[:, rows]]) for k, v in (("x", x), ("y", y))}
        np.savez(path.with_suffix(f".{rank}.npz"), size=SIZES[rank], **parts)
    module = imported(path)
    found = module.train(np.concatenate(x), np.concatenate(y), batch_size=5, **SETTINGS)
    whole: dict[str, np.ndarray] = found[0]
    assert any(not np.allclose(v, module.initialize()[k], rtol=0.1) for k, v in whole.items())
    return {**whole, "history": np.array(found[1])}


def with_mpi4py(folder: Path) -> None:
    settings = {  # of Open MPI: for two processes on one core, and for a container's root
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        "OMPI_MCA_rmaps_base_oversubscribe": "1",
        "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
    }
    command = [MPIEXEC, "-n", "2", sys.executable, WORKER, "mpi4py", folder, "0"]
    env = {**os.environ, **settings}
    found = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)
    assert found.returncode == 0, found.stderr


def with_torch(folder: Path) -> None:
    command = [sys.executable, WORKER, "torch", folder]
    processes = [
        subprocess.Popen([*command, str(rank)], stderr=subprocess.PIPE, text=True)
        for rank in (0, 1)
    ]
    try:
        for p in processes:
            _, text = p.communicate(timeout=120)
            assert p.returncode == 0, text
    finally:
        for p in processes:
            p.kill()


@pytest.mark.parametrize(
    ("library", "run"),
    [("mpi4py", with_mpi4py), ("torch", with_torch)],
    ids=["mpi4py", "torch"],
)
def test_two_processes_train_as_one(
    library: str, run: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Uneven shards, means and sums, l2, the numpy and the c module."""
    if importlib.util.find_spec(library) is None:
        pytest.skip(f"{library} is not installed (pip install 'symnn[processes]')")
    if library == "mpi4py" and MPIEXEC is None:
        pytest.skip("mpiexec is not installed (pip install 'symnn[processes]')")
    monkeypatch.setenv("CFLAGS", "-O0")
    targets = ("numpy-fast", "c") if COMPILER else ("numpy-fast",)
    cases = list(product(CASES, targets))
    expected = {f"{c}_{t}": written(tmp_path, c, t) for c, t in cases}
    run(tmp_path)
    for name, whole in expected.items():
        digits = 1e-5 if name.startswith("float32") else 1e-11
        found = [np.load(tmp_path / f"{name}.found.{rank}.npz") for rank in (0, 1)]
        assert set(found[0]) == set(whole)
        for parameter, value in whole.items():
            scale = np.abs(value).max()
            assert np.abs(found[0][parameter] - value).max() < digits * scale, (name, parameter)
            assert np.array_equal(found[0][parameter], found[1][parameter]), (name, parameter)
