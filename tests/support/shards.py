"""One of two processes that train, each on its own rows, and sum with a library.

    python shards.py LIBRARY FOLDER RANK            (mpi4py knows the rank itself)

In FOLDER are modules, NAME.py, and the rows of both processes, NAME.0.npz and NAME.1.npz, whose
batches are not of the same size.  The parameters, and the losses, are written to
NAME.found.RANK.npz.
"""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

Reduce = Callable[[np.ndarray], object]
SETTINGS: dict[str, Any] = {"epochs": 3, "learning_rate": 0.05}


@contextlib.contextmanager
def mpi4py(folder: Path, rank: int) -> Iterator[tuple[int, Reduce]]:
    from mpi4py import MPI

    comm = MPI.COMM_WORLD
    assert comm.Get_size() == 2
    yield comm.Get_rank(), lambda v: comm.Allreduce(MPI.IN_PLACE, v)


@contextlib.contextmanager
def torch(folder: Path, rank: int) -> Iterator[tuple[int, Reduce]]:
    import torch
    import torch.distributed as dist

    dist.init_process_group("gloo", f"file://{folder}/store", rank=rank, world_size=2)
    yield rank, lambda v: dist.all_reduce(torch.from_numpy(v))
    dist.barrier()
    dist.destroy_process_group()


LIBRARIES = {"mpi4py": mpi4py, "torch": torch}


def imported(path: Path) -> Any:
    """The module in a file."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main(library: str, folder: Path, rank: int) -> None:
    """Train every module of the folder."""
    with LIBRARIES[library](folder, rank) as (rank, reduce):
        for path in sorted(folder.glob("*.py")):
            module = imported(path)
            with np.load(path.with_suffix(f".{rank}.npz")) as rows:
                x, y, size = rows["x"], rows["y"], int(rows["size"])
            params, history = module.train(x, y, batch_size=size, reduce=reduce, **SETTINGS)
            np.savez(path.with_suffix(f".found.{rank}.npz"), history=history, **params)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
