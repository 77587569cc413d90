"""Networks, programs, derivations and live modules are pickled and copied, for other processes."""

from __future__ import annotations

import concurrent.futures
import copy
import hashlib
import importlib.util
import multiprocessing
import os
import pickle
import subprocess
import sys
from operator import methodcaller
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.random_networks import random_network
from test_c_target import COMPILER

import symnn
from symnn import Network

# what another process, which has made no function yet, says of pickled things
OTHER = """
import hashlib, pickle, sys
for net, program, derivation, lines, steps in pickle.load(sys.stdin.buffer):
    assert program == net.program and derivation.batch.steps + derivation._stable[1] == steps
    texts = (program, net.program, derivation, net.derive(), *lines, *steps, net.generate())
    print(hashlib.sha256("\\n".join(map(str, texts)).encode()).hexdigest())
"""


def networks() -> list[Network]:
    """Every example, and random ones, with functions of a user's own among them."""
    found = [symnn.load(name) for name in ("xor", "digits", "norm_loss", "regression")]
    return found + [random_network(seed) for seed in (5, 8, 15, 27)]


def test_another_process_has_the_same_texts() -> None:
    nets = networks()
    assert any("ripple" in str(net.program) for net in nets)
    assert any("gelu" in str(net.program) for net in nets)
    things, wanted = [], []
    for net in nets:
        derivation = net.derive()
        lines = [net.program.lines[1], derivation.gradients["A_1"]]
        things.append((net, net.program, derivation, lines, derivation.steps))
        texts = (net.program, net.program, derivation, derivation, *lines, *derivation.steps)
        whole = "\n".join(map(str, (*texts, net.generate())))
        wanted.append(hashlib.sha256(whole.encode()).hexdigest())
    environment = {**os.environ, "PYTHONHASHSEED": "4"}
    command = [sys.executable, "-W", "error", "-c", OTHER]
    given = pickle.dumps(things)
    done = subprocess.run(command, input=given, capture_output=True, env=environment)
    assert done.stderr == b""
    assert done.stdout.decode().split() == wanted


@pytest.mark.parametrize("again", [copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v))])
def test_copies_are_equal(again: Any) -> None:
    for net in networks()[-2:]:
        derivation = net.derive()
        assert derivation.verify().ok  # with what is kept of a verification
        for thing in (net, net.program, derivation.steps, derivation.verify()):
            assert again(thing) == thing
        other = again(derivation)
        assert other.steps == derivation.steps
        assert str(other) == str(derivation)


def test_networks_are_equal_if_their_specs_say_the_same() -> None:
    assert symnn.load("xor") == symnn.load("xor") != symnn.load("digits")
    assert len({symnn.load("xor"), symnn.load("xor"), symnn.load("digits")}) == 2
    spec: dict[str, Any] = {"inputs": 2, "layers": [symnn.Dense(1)], "loss": "mse"}
    assert Network(**spec) == Network(**spec) != Network(**spec, seed=1)
    assert Network(**spec) != spec


@pytest.fixture
def data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(12, 2)), rng.uniform(size=(12, 1))


@pytest.mark.parametrize(
    "target",
    [
        "numpy",
        "numpy-fast",
        pytest.param("c", marks=pytest.mark.skipif(not COMPILER, reason="no cc")),
    ],
)
def test_a_live_module_is_copied_as_its_text(target: str, data: Any) -> None:
    module: Any = symnn.load("xor").compile(target)
    module.extra = 3
    for again in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert again is not module
        assert not hasattr(again, "extra")
        assert again.__name__ == module.__name__
        for mine, its in zip(
            module.train(*data, epochs=3), again.train(*data, epochs=3), strict=True
        ):
            assert str(mine) == str(its)


def test_live_modules_train_in_other_processes(data: Any) -> None:
    """Where processes begin anew, as on Windows and macOS; also what diverges there is told."""
    module = Network(inputs=2, layers=[symnn.Dense(1)], loss="mse").compile()
    spawn = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=spawn) as pool:
        seeds = [
            pool.submit(methodcaller("train", *data, epochs=2, seed=s), module) for s in (0, 1)
        ]
        bad = pool.submit(methodcaller("train", *data, epochs=9, learning_rate=1e300), module)
        for seed, future in enumerate(seeds):
            params, history = future.result()
            own, losses = module.train(*data, epochs=2, seed=seed)
            assert history == losses
            assert all(np.array_equal(params[k], own[k]) for k in own)
        with pytest.raises(ArithmeticError, match="the loss is not finite in epoch") as e:
            bad.result()
    assert type(e.value).__name__ == "DivergedError"
    assert set(e.value.params) == set(module.PARAMETERS)


def test_the_errors_of_a_module_that_is_imported_are_pickled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "xor_net.py"
    path.write_text(symnn.load("xor").generate(), encoding="utf-8")
    spec = importlib.util.spec_from_file_location("xor_net", path)
    assert spec is not None and spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "xor_net", module)
    spec.loader.exec_module(module)
    params = module.initialize()
    for error in (module.DivergedError(2, 7, params, [0.5]), module.Interrupted(params, [0.5], 7)):
        again = pickle.loads(pickle.dumps(error))
        assert (type(again), str(again), again.step) == (type(error), str(error), 7)
        assert np.array_equal(again.params["A_1"], params["A_1"])
