"""How many threads of the BLAS a generated module takes: one, if a step is short."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from symnn import Dense, Network


@pytest.fixture
def module() -> Iterator[Any]:
    """One that finds two threads."""
    net = Network(inputs=3, layers=[Dense(4, "relu"), Dense(2)], loss="mse")
    found: Any = net.compile("numpy-fast")
    if found._blas() == found.NOT_KNOWN:
        pytest.skip("NumPy's BLAS is not OpenBLAS, or cannot be asked")
    get, put = found._blas()
    before = get()
    put(2)
    if get() != 2:
        pytest.skip("this OpenBLAS has one thread")
    yield found
    put(before)


def threads_of(module: Any, **options: Any) -> list[int]:
    """Threads during every epoch, and after them."""
    get, seen = module._blas()[0], []
    x, y = np.ones((6, 3)), np.ones((6, 2))
    module.train(x, y, epochs=2, callback=lambda *_: seen.append(get()), **options)
    return [*seen, get()]


def test_a_short_step_has_one_thread(module: Any) -> None:
    assert module.ALONE == 10**9
    assert threads_of(module) == [1, 1, 2]


def test_a_long_step_has_all_threads(module: Any) -> None:
    """What is long is told by the parameters and the rows of a batch: 6 operations for each."""
    module.ALONE = 6 * module.SIZE * 3
    assert threads_of(module, batch_size=3) == [2, 2, 2]
    assert threads_of(module, batch_size=2) == [1, 1, 2]


def test_a_user_may_choose(module: Any) -> None:
    module.ALONE = 0
    assert threads_of(module) == [2, 2, 2]
    module._blas()[1](1)
    assert threads_of(module) == [1, 1, 1]


def test_the_threads_are_as_before_after_an_error(module: Any) -> None:
    get = module._blas()[0]
    with pytest.raises(module.DivergedError):
        module.train(np.ones((6, 3)), np.ones((6, 2)), learning_rate=1e200, epochs=9)
    assert get() == 2


@pytest.mark.parametrize("threads", ["1", "2"])
def test_the_environment_says_how_many_there_are(threads: str, tmp_path: Path) -> None:
    net = Network(inputs=3, layers=[Dense(4, "relu"), Dense(2)], loss="mse")
    code = "\nget = _blas()[0]\nx, y = np.ones((6, 3)), np.ones((6, 2))\nALONE = {}\n"
    code += "train(x, y, epochs=1, callback=lambda *_: print(get()))\nprint(get())\n"
    text = net.generate("numpy-fast").split('if __name__ == "__main__":')[0]
    for alone, expected in (("10**9", ["1", threads]), ("0", [threads, threads])):
        (tmp_path / "net.py").write_text(text + code.format(alone))
        found = subprocess.run(
            [sys.executable, tmp_path / "net.py"],
            env={"OPENBLAS_NUM_THREADS": threads, "PATH": ""},
            capture_output=True,
            text=True,
            check=True,
        )
        if found.stdout.split()[-1] not in ("0", threads):
            pytest.skip("this OpenBLAS has fewer threads")
        assert found.stdout.split() in (expected, ["0", "0"])


def test_a_blas_without_the_calls_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    net = Network(inputs=3, layers=[Dense(2)], loss="mse")
    module: Any = net.compile("numpy-fast")
    monkeypatch.setattr(module.ctypes, "CDLL", lambda name: object())
    module._blas.cache_clear()
    assert module._blas() == module.NOT_KNOWN
    assert threads_of(module) == [0, 0, 0]
