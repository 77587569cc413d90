"""A run of training that is killed, or whose disk fails, at a point that is counted.

As a program, in a process without threads: kill the run at every point, in a fork each, then
go on from what is left, and print what was found as JSON.

    python crashes.py MODULE.py DATA.npz FOLDER OPTIONS(JSON)
"""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import shutil
import signal
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

Hook = Callable[[str], int]  # what comes next -> for a write, how many bytes go out; 0: half
Train = Callable[..., tuple[dict[str, np.ndarray], list[float]]]


class _Raw(io.FileIO):
    """A file whose system calls are told to a hook."""

    def __init__(self, path: Any, mode: str, hook: Hook) -> None:
        self.hook = hook
        super().__init__(path, mode)

    def write(self, data: Any) -> int:
        data = memoryview(data).cast("B")
        return super().write(data[: self.hook("write") or len(data) // 2 + 1])


@contextlib.contextmanager
def hooked(module: Any, hook: Hook) -> Iterator[None]:
    """The hook is told of steps, and what comes before and after every call that writes."""

    def opened(path: Any, mode: str) -> Any:
        if mode == "rb":
            return open(path, mode)
        hook("open")
        return io.BufferedWriter(_Raw(path, mode, hook), 4096)

    def told(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any) -> Any:
            hook(name)
            found = function(*given)
            hook(f"after {name}")
            return found

        return call

    # the module has an os of its own meanwhile, and the process keeps the one it has
    own = types.SimpleNamespace(**vars(os))
    own.fsync, own.replace = told("fsync", os.fsync), told("replace", os.replace)
    if hasattr(module, "_pieces"):  # single steps in Python; those of C, JAX in groups
        owner, name, usual = module, "_optimizer", module._optimizer
        mine: Any = lambda *given: told("step", usual(*given))  # noqa: E731
    elif hasattr(module, "_Run"):
        owner, name, usual = module._Run, "_steps", module._Run._steps
        mine = told("step", usual)
    else:
        owner, name, usual = module, "_update", module._update
        mine = told("step", usual)
    module.os, module.open = own, opened
    setattr(owner, name, mine)
    try:
        yield
    finally:
        setattr(owner, name, usual)
        module.os = os
        del module.open


class Watched:
    """An uninterrupted run: its end, its calls, and its checkpoints before each of them."""

    def __init__(self, module: Any, train: Train, folder: Path) -> None:
        self.calls: list[str] = []
        self.states: list[bytes | None] = []  # at every call
        shutil.rmtree(folder, ignore_errors=True)

        def watch(name: str) -> int:
            self.calls.append(name)
            self.states.append(content(folder))
            return 0

        with hooked(module, watch):
            self.end = bits(train(checkpoint=folder))
        self.checkpoints = len({*self.states, content(folder)} - {None})

    def wrong(self, train: Train, folder: Path) -> str:
        """What is wrong with the checkpoint that is left: nothing, if a run goes on from it."""
        if bits(train(checkpoint=folder, resume=True)) != self.end:
            return "another end"
        names = [p.name for p in folder.iterdir()]
        return "" if names == ["checkpoint"] else f"left {names}"


def bits(found: tuple[dict[str, np.ndarray], list[float]]) -> list[Any]:
    """Parameters and history so that equal means equal bit by bit."""
    params, history = found
    return [{k: v.tobytes().hex() for k, v in params.items()}, [float(v).hex() for v in history]]


def content(folder: Path) -> bytes | None:
    """The checkpoint that is there."""
    path = folder / "checkpoint"
    return path.read_bytes() if path.exists() else None


def killed_everywhere(module: Any, train: Train, folder: Path) -> dict[str, Any]:
    """kill -9 at every point: what is left is the checkpoint of that point, and goes on."""
    run, wrong = Watched(module, train, folder), []
    for point, (name, state) in enumerate(zip(run.calls, run.states, strict=True)):
        shutil.rmtree(folder)
        child = os.fork()
        if not child:
            count = iter(range(len(run.calls) + 1))

            def kill(name: str, count: Iterator[int] = count, point: int = point) -> int:
                if next(count) == point:
                    os.kill(os.getpid(), signal.SIGKILL)
                return 0

            with hooked(module, kill):
                train(checkpoint=folder)
            os._exit(0)
        where = f"{point}, {name}: "
        if not os.WIFSIGNALED(os.waitpid(child, 0)[1]):
            wrong.append(where + "was not killed")
        if content(folder) != state:
            wrong.append(where + "neither the old nor the new checkpoint")
        if found := run.wrong(train, folder):
            wrong.append(where + found)
    return {"count": len(run.calls), "checkpoints": run.checkpoints, "wrong": wrong}


FULL, BROKEN = errno.ENOSPC, errno.EIO
FAULTS = {  # call -> what it does in turn: an error, or a number of bytes that it writes
    "open": [(FULL,), (BROKEN,)],
    "write": [(FULL,), (BROKEN,), (-7,), (-7, FULL), (-1, -1, BROKEN)],
    "fsync": [(FULL,), (BROKEN,)],
    "replace": [(FULL,), (BROKEN,)],
}


def failed_everywhere(module: Any, train: Train, folder: Path) -> dict[str, Any]:
    """Faults in every call that writes: an error with the file's name, or no harm; it goes on."""
    run, wrong, count = Watched(module, train, folder), [], 0
    for point, (name, state) in enumerate(zip(run.calls, run.states, strict=True)):
        for kind in FAULTS.get(name, ()):
            count += 1
            shutil.rmtree(folder, ignore_errors=True)
            faults = iter([0] * point + [*kind])

            def fail(name: str, faults: Iterator[int] = faults) -> int:
                fault = next(faults, 0)
                if fault > 0:
                    raise OSError(fault, os.strerror(fault))
                return -fault

            said = ""
            try:
                with hooked(module, fail):
                    end = bits(train(checkpoint=folder))
            except OSError as error:
                end, said = None, str(error)
            where = f"{point}, {name}, {kind}: "
            of_folder = name == "fsync" and run.calls[point - 1] == "after replace"
            if kind == (-7,) or of_folder:
                wrong += [where + "not harmless"] * (end != run.end)
            else:
                wrong += [where + f"said {said!r}"] * (str(folder / "checkpoint") not in said)
                wrong += [where + "not the old checkpoint"] * (content(folder) != state)
                left = [p.name for p in folder.iterdir()] if folder.exists() else None
                expected = None if state is None else ["checkpoint"]
                wrong += [where + f"left {left}"] * (left != expected)
            if found := run.wrong(train, folder):
                wrong.append(where + found)
    return {"count": count, "checkpoints": run.checkpoints, "wrong": wrong}


def main() -> None:
    """The program."""
    file, data, folder, options = sys.argv[1:]
    sys.path.insert(0, str(Path(file).parent))
    module = __import__(Path(file).stem)
    with np.load(data) as arrays:
        x, y = arrays["x"], arrays["y"]

    def train(**more: Any) -> Any:
        return module.train(x, y, **json.loads(options), **more)

    os.fsync = lambda handle: None  # what a process wrote outlives it without
    train()  # a C file is compiled before anything is counted
    found = [f(module, train, Path(folder)) for f in (killed_everywhere, failed_everywhere)]
    print(json.dumps(found))


if __name__ == "__main__":
    main()
