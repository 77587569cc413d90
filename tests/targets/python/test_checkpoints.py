"""Nothing that was trained is lost: checkpoints, Ctrl-C, kill -9, full disks and damaged files."""

from __future__ import annotations

import contextlib
import errno
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.crashes import bits, content, failed_everywhere, hooked
from support.random_networks import USER, leaves_of, random_network
from test_module import OPTIMIZERS, drawn, network

from symnn import Dense, Dropout, Network
from symnn.cli.main import main
from symnn.targets.registry import generate_files

CRASHES = Path(__file__).resolve().parents[2] / "support" / "crashes.py"
COMPILER = any(shutil.which(c) for c in ("cc", "gcc", "clang"))
JAX = importlib.util.find_spec("jax") is not None
TARGETS = [
    "numpy-fast",
    pytest.param("c", marks=pytest.mark.skipif(not COMPILER, reason="no C compiler")),
    pytest.param("jax", marks=pytest.mark.skipif(not JAX, reason="jax is missing")),
    "numpy",
]
DROPPING = [Dense(4, "tanh"), Dropout(0.3), Dense(2)]
# options of a network, then of train; 10 samples
CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "adam, dropout, a short batch": (
        {"loss": "mse", "layers": DROPPING, "train": OPTIMIZERS["adam"]},
        {"epochs": 5, "batch_size": 4, "learning_rate": 0.01},
    ),
    "momentum, float32, whole epochs at once": (
        {"loss": "norm", "layers": DROPPING, "train": OPTIMIZERS["momentum"], "dtype": "float32"},
        {"epochs": 12, "batch_size": None, "learning_rate": 0.01},
    ),
    "unshuffled, several batches at once": (
        {"loss": "cross_entropy", "l2": 0.1, "train": {"shuffle": False, **OPTIMIZERS["rmsprop"]}},
        {"epochs": 5, "batch_size": 2, "learning_rate": 0.01},
    ),
    "plain descent, float32": (
        {"loss": "huber", "dtype": "float32", "train": {"shuffle": False}},
        {"epochs": 4, "batch_size": 3, "learning_rate": 0.1},
    ),
}


def compiled(net: Network, target: str) -> Any:
    """A module that knows checkpoints."""
    return net.compile(target, **({"include": ["checkpoint"]} if target == "numpy" else {}))


class Case:
    """A module, and a run of it that is short."""

    def __init__(
        self, name: str = next(iter(CASES)), target: str = "numpy-fast", **more: Any
    ) -> None:
        options, self.options = CASES[name]
        self.net = network(**{**options, **more})
        self.module = compiled(self.net, target)
        self.x, self.y = drawn(self.net, rows=10)
        scaled = {"x_mean": np.full(3, 0.25), "x_scale": np.full(3, 1.5)}
        self.start = {**self.module.initialize(3), **scaled}

    def train(self, **more: Any) -> Any:
        """Train, with more or other options."""
        return self.module.train(self.x, self.y, **{"params": self.start, **self.options, **more})

    def stopped(self, step: int, **more: Any) -> BaseException:
        """Train with a Ctrl-C during this step."""
        steps = iter(range(1, 10**6))

        def interrupt(name: str) -> int:
            if name == "step" and next(steps) == step:
                signal.raise_signal(signal.SIGINT)
            return 0

        with hooked(self.module, interrupt), pytest.raises(KeyboardInterrupt) as caught:
            self.train(**more)
        return caught.value


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for checkpoints, which is not there yet."""
    return tmp_path / "some" / "checkpoints"


@pytest.fixture(autouse=True)
def small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """C files are compiled faster."""
    monkeypatch.setenv("CFLAGS", "-O0")


# --- a run that is stopped goes on ---


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("target", TARGETS)
def test_a_run_goes_on_bit_by_bit(target: str, name: str, folder: Path) -> None:
    """Stopped in every step, and in every epoch by an error of the callback."""
    case = Case(name, target)
    if target == "c":
        case.module.WORK = 1  # a look at Ctrl-C after every step
    whole = case.train()
    calls: list[str] = []
    with hooked(case.module, lambda name: calls.append(name) or 0):
        assert bits(case.train()) == bits(whole)
    steps = calls.count("step")
    assert steps >= case.options["epochs"] or target == "c"
    for step in range(1, steps + 1):
        found: Any = case.stopped(step, checkpoint=folder, every=2)
        assert isinstance(found, case.module.Interrupted)
        assert found.history == whole[1][: len(found.history)]
        assert json.loads(content(folder).split(b"\n")[1])["t"] == found.step
        assert found.step == step or target in ("c", "jax")  # these end after a group of steps
        assert bits(case.train(checkpoint=folder, every=3, resume=True)) == bits(whole)
        shutil.rmtree(folder)

    for epoch in range(1, case.options["epochs"] + 1):

        def fail(done: int, loss: float, params: Any, epoch: int = epoch) -> None:
            if done == epoch:
                raise RuntimeError

        with pytest.raises(RuntimeError):
            case.train(checkpoint=folder, every=1, callback=fail)
        seen: list[Any] = []
        end = case.train(
            checkpoint=folder, resume=True, callback=lambda *given, seen=seen: seen.append(given)
        )
        assert bits(end) == bits(whole)
        assert [given[0] for given in seen] == [*range(epoch, case.options["epochs"] + 1)]
        assert [given[1] for given in seen] == whole[1][epoch - 1 :]
        shutil.rmtree(folder)


@pytest.mark.parametrize("target", TARGETS[:2])
def test_data_that_is_read_in_parts(target: str, folder: Path, tmp_path: Path) -> None:
    for name in CASES:
        case = Case(name, target)
        case.module.CHUNK, case.module.WORK = 800, 1
        np.save(tmp_path / "x.npy", case.x)
        case.x = np.load(tmp_path / "x.npy", mmap_mode="r")
        whole = case.train()
        for step in (1, 2, 4, 5, 7):
            with pytest.raises(case.module.Interrupted):
                steps = iter(range(1, 10**6))
                run, taken = case.module._Run, case.module._Run._steps

                def stop(run: Any, *given: Any, steps: Any = steps, taken: Any = taken) -> None:
                    if next(steps) == step:  # noqa: B023
                        run.stop.append(True)
                    taken(run, *given)

                run._steps = stop
                try:
                    case.train(checkpoint=folder)
                finally:
                    run._steps = taken
            assert bits(case.train(checkpoint=folder, resume=True)) == bits(whole)
            shutil.rmtree(folder)


@pytest.mark.parametrize("shuffle", [True, False])
def test_random_networks_go_on_bit_by_bit(sampled_seed: int, shuffle: bool, folder: Path) -> None:
    """Stopped several times, and not always between epochs."""
    rng = np.random.default_rng([sampled_seed, shuffle])
    base = random_network(sampled_seed)
    net = Network(
        inputs=base.inputs,
        layers=list(base.layers),
        loss={"name": base.spec.loss.name, "l2": base.spec.loss.l2},
        activations=USER,
        dtype=("float64", "float32")[sampled_seed % 2],
        train={**OPTIMIZERS[str(rng.choice([*OPTIMIZERS]))], "shuffle": shuffle},
    )
    rows = int(rng.integers(2, 30))
    values, module = leaves_of(net, rng, rows), net.compile("numpy-fast")
    sizes = (None, int(rng.integers(1, rows)))
    for batch_size in sizes:
        options = {"epochs": 6, "batch_size": batch_size, "learning_rate": 1e-3}
        whole = module.train(values["x"], values["y"], **options)
        steps = 6 * -(-rows // (batch_size or rows))
        options |= {"checkpoint": folder, "resume": True, "every": int(rng.integers(1, 7))}
        for _ in range(3):
            left = iter(range(int(rng.integers(steps)), -steps, -1))

            def interrupt(name: str, left: Any = left) -> int:
                if name == "step" and not next(left):
                    signal.raise_signal(signal.SIGINT)
                return 0

            with hooked(module, interrupt), contextlib.suppress(module.Interrupted):
                module.train(values["x"], values["y"], **options)
        assert bits(module.train(values["x"], values["y"], **options)) == bits(whole)
        shutil.rmtree(folder)


@pytest.mark.parametrize("target", TARGETS)
def test_a_run_may_be_made_longer(target: str, folder: Path) -> None:
    case = Case(target=target)
    whole = case.train()
    early = case.train(epochs=2)
    assert bits(case.train(epochs=2, checkpoint=folder)) == bits(early)
    assert bits(case.train(epochs=2, checkpoint=folder, resume=True)) == bits(early)
    assert bits(case.train(checkpoint=folder, resume=True)) == bits(whole)
    assert bits(case.train(checkpoint=folder, resume=True)) == bits(whole)
    with pytest.raises(case.module.CheckpointError, match="is in epoch 5 of 4"):
        case.train(epochs=4, checkpoint=folder, resume=True)


@pytest.mark.parametrize(("every", "kept"), [(1, 5), (2, 3), (3, 2), (5, 1), (9, 1), (None, 5)])
def test_checkpoints_are_kept_as_often_as_asked(every: int | None, kept: int, folder: Path) -> None:
    case, calls = Case(), list[str]()
    with hooked(case.module, lambda name: calls.append(name) or 0):
        case.train(checkpoint=folder, every=every)
    assert calls.count("replace") == kept
    assert calls.count("fsync") == 2 * kept
    last = [*reversed(calls)]
    assert last[:4] == ["after fsync", "fsync", "after replace", "replace"]


def test_a_hundred_checkpoints_unless_asked(folder: Path) -> None:
    case, calls = Case(), list[str]()
    with hooked(case.module, lambda name: calls.append(name) or 0):
        case.train(epochs=500, batch_size=None, checkpoint=folder)
    assert calls.count("replace") == 100


# --- Ctrl-C ---


@pytest.mark.parametrize("target", TARGETS)
def test_ctrl_c_finishes_the_step_and_gives_what_there_is(target: str) -> None:
    case = Case(target=target)
    case.module.WORK = 1
    found: Any = case.stopped(4)
    assert "interrupted after " in str(found)
    whole = case.train()
    assert found.history == whole[1][: len(found.history)]
    assert found.params.keys() == whole[0].keys()
    assert all(np.isfinite(v).all() for v in found.params.values())
    if target in (
        "numpy-fast",
        "numpy",
    ):  # three steps an epoch: one step of the second one was taken
        one: dict[str, Any] = {"epochs": 2}
        again = [case.stopped(k, **one).params["A_1"].tolist() for k in (3, 4, 5)]
        assert again[1] == found.params["A_1"].tolist()
        assert again[0] != again[1] != again[2]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_ctrl_c_does_not_wait(folder: Path) -> None:
    case = Case()

    def impatient(name: str) -> int:
        if name == "step":
            signal.raise_signal(signal.SIGINT)
        return 0

    with hooked(case.module, impatient), pytest.raises(KeyboardInterrupt) as caught:
        case.train(checkpoint=folder, callback=lambda *_: signal.raise_signal(signal.SIGINT))
    assert isinstance(caught.value, case.module.Interrupted)  # the callback was not reached
    steps = iter(range(10))

    def twice(name: str) -> int:
        if name == "step" and not next(steps):
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
        return 0

    with hooked(case.module, twice), pytest.raises(KeyboardInterrupt) as caught:
        case.train()
    assert not isinstance(caught.value, case.module.Interrupted)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_another_handler_and_other_threads_are_left_alone() -> None:
    case, caught = Case(), list[int]()
    usual = signal.signal(signal.SIGINT, lambda number, frame: caught.append(number))
    try:
        with hooked(case.module, lambda name: (name == "step" and signal.raise_signal(2)) or 0):
            found = case.train()
    finally:
        signal.signal(signal.SIGINT, usual)
    assert bits(found) == bits(case.train())
    assert len(caught) == 15
    ends: list[Any] = []
    thread = threading.Thread(target=lambda: ends.append(case.train()))
    thread.start()
    thread.join()
    assert bits(ends[0]) == bits(found)


@pytest.mark.skipif(not COMPILER, reason="no C compiler")
def test_steps_in_c_are_taken_in_short_groups() -> None:
    case = Case("momentum, float32, whole epochs at once", "c")
    sizes: list[int] = []
    plan, steps = case.module._Plan, case.module._Plan.steps

    def counted(self: Any, first: int, count: int, *given: Any) -> None:
        sizes.append(count)
        steps(self, first, count, *given)

    plan.steps = counted
    case.train(epochs=1000)
    assert sizes == [1000]
    del sizes[:]
    case.module.WORK = 100 * case.module.SIZE * 10
    case.train(epochs=1000)
    assert sizes == [100] * 10


# --- kill -9, and disks that fail ---


@pytest.mark.parametrize("target", TARGETS[:2])
def test_killed_or_failing_anywhere_a_run_goes_on(
    target: str, tmp_path: Path, note: Callable[[str], None]
) -> None:
    case = Case()
    for suffix, text in generate_files(case.net, target).items():
        (tmp_path / f"net{suffix}").write_text(text)
    np.savez(tmp_path / "data.npz", x=case.x, y=case.y)
    options = json.dumps({**case.options, "epochs": 6, "every": 2})
    words = [tmp_path / "net.py", tmp_path / "data.npz", tmp_path / "kept", options]
    done = subprocess.run(
        [sys.executable, CRASHES, *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    killed, failed = json.loads(done.stdout)
    assert killed["wrong"] == failed["wrong"] == []
    assert killed["checkpoints"] == 3
    assert killed["count"] >= 60
    assert failed["count"] >= 60
    note(f"{target}: killed at {killed['count']} points, {failed['count']} faults of the disk")


@pytest.mark.skipif(not JAX, reason="jax is missing")
def test_failing_anywhere_a_run_in_jax_goes_on(folder: Path) -> None:
    case = Case("plain descent, float32", "jax")
    found = failed_everywhere(case.module, lambda **more: case.train(every=2, **more), folder)
    assert found["wrong"] == []
    assert found["count"] >= 20


def saved(place: Path) -> int | None:
    """What changes whenever a file is replaced; None: there is none."""
    return place.stat().st_mtime_ns if place.exists() else None


def test_killed_again_and_again_a_program_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    """The module as a program, restarted in a loop, killed soon after it has saved."""
    net = network(layers=DROPPING, loss="mse", train=OPTIMIZERS["adam"])
    (tmp_path / "net.py").write_text(net.generate("numpy-fast"))
    x, y = drawn(net, rows=2000)
    np.savez(tmp_path / "data.npz", x=x, y=y)
    command = [
        sys.executable,
        "net.py",
        "train",
        "data.npz",
        "--epochs",
        "40",
        "--batch-size",
        "20",
    ]
    subprocess.run([*command, "-o", "whole.npz"], cwd=tmp_path, check=True, capture_output=True)
    command += ["--checkpoint", "kept", "--every", "1", "--resume", "-o", "net.npz"]
    rng, kills, seen, now = np.random.default_rng(0), 0, None, None
    place = tmp_path / "kept" / "checkpoint"
    for left in reversed(range(12)):
        program = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL)
        while left and program.poll() is None and (now := saved(place)) == seen:
            time.sleep(0.001)
        if left:
            seen = now
            time.sleep(rng.uniform(0, 0.02))
            program.kill()
        kills += program.wait() == -signal.SIGKILL
        if not program.returncode:
            break
    assert program.returncode == 0 and kills > 2
    assert (tmp_path / "net.npz").read_bytes() == (tmp_path / "whole.npz").read_bytes()
    assert os.listdir(tmp_path / "kept") == ["checkpoint"]


def test_a_folder_that_cannot_be_made_is_known_before_the_first_step(tmp_path: Path) -> None:
    case = Case()
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "kept"):
        with pytest.raises(OSError, match="file"):
            case.train(checkpoint=folder, callback=lambda *_: pytest.fail("a step was taken"))


# gives up the rights of root, who may write anywhere, when all is loaded
UNWRITABLE = """
import os, sys
import net, numpy as np, numpy.random
if os.geteuid() == 0:
    os.setuid(65534)
x = np.zeros((4, net.INPUTS))
try:
    net.train(x, x[:, :1], checkpoint=sys.argv[1], callback=lambda *_: sys.exit("a step was taken"))
except PermissionError as error:
    print(error)
"""


def test_a_folder_that_cannot_be_written_is_known_before_the_first_step() -> None:
    net = Network(inputs=2, layers=[Dense(1)], loss="mse")
    with tempfile.TemporaryDirectory() as place:  # everybody may enter it
        folder = Path(place) / "kept"
        folder.mkdir()
        folder.chmod(0o555)
        Path(place).chmod(0o755)
        (Path(place) / "net.py").write_text(net.generate("numpy-fast"))
        command = [sys.executable, "-c", UNWRITABLE, str(folder)]
        done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=True)
    assert re.search(r"no permission to write: '.*checkpoint'", done.stdout)


# --- two runs in one folder ---

# trains, and after the first epoch waits for a line, or to be killed
WAITING = """
import sys
import net, numpy as np
x = np.arange(8.0).reshape(4, 2) / 8
def callback(epoch, loss, params):
    if epoch == 1:
        print("ready", flush=True)
        sys.stdin.readline()
net.train(x, x[:, :1], epochs=6, every=1, checkpoint="kept", resume=True, callback=callback)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no lock")
@pytest.mark.parametrize("killed", [True, False])
def test_a_folder_belongs_to_one_run_until_its_end(
    killed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However that comes; and nobody deletes what a living run writes."""
    net = Network(inputs=2, layers=[Dense(1)], loss="mse")
    (tmp_path / "net.py").write_text(net.generate("numpy-fast"))
    monkeypatch.chdir(tmp_path)
    x = np.arange(8.0).reshape(4, 2) / 8
    np.savez("data.npz", x=x, y=x[:, :1])
    module, folder = net.compile("numpy-fast"), tmp_path / "kept"
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", WAITING], stdin=pipe, stdout=pipe) as first:
        try:
            assert first.stdout is not None and first.stdout.readline() == b"ready\n"
            writing = folder / (".checkpoint-" + "0123456789abcdef")
            writing.write_bytes(b"part of one")  # what the first run would be writing
            before = content(folder)
            words = ["train", "data.npz", "--checkpoint", "kept", "--epochs", "6"]
            for more in ([], ["--resume"]):
                command = [sys.executable, "net.py", *words, *more]
                done = subprocess.run(command, capture_output=True, text=True)
                assert (done.returncode, done.stdout) == (2, "")
                message = "net.py: kept/checkpoint: another run writes checkpoints here: wait "
                assert done.stderr.startswith(message)
                assert done.stderr.count("\n") == 1
                with pytest.raises(module.CheckpointError, match="another run"):
                    module.train(x, x[:, :1], checkpoint=folder, resume=bool(more))
            assert content(folder) == before and writing.exists()
        finally:
            first.kill() if killed else first.communicate(b"\n")
    assert (first.wait() == 0) is not killed
    history = module.train(x, x[:, :1], epochs=6, checkpoint=folder, resume=True)[1]
    assert not writing.exists() and [*os.listdir(folder)] == ["checkpoint"]
    assert history == module.train(x, x[:, :1], epochs=6)[1]


@pytest.mark.skipif(sys.platform == "win32", reason="no lock")
@pytest.mark.parametrize("target", TARGETS)
def test_a_run_within_a_run_cannot_have_its_folder(target: str, folder: Path) -> None:
    """Nor does it keep the folder when it has ended by an error."""
    case, other = Case(target=target), Case(target=target)

    def callback(epoch: int, *_: Any) -> None:
        with pytest.raises(other.module.CheckpointError, match="another run"):
            other.train(checkpoint=folder, resume=True)
        if epoch == 2:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        case.train(checkpoint=folder, every=1, callback=callback)
    found = other.train(checkpoint=folder, resume=True)
    assert found[1] == case.train()[1]


# --- checkpoints that are not what they should be ---


def test_a_checkpoint_is_never_replaced_unasked(folder: Path) -> None:
    case = Case()
    case.train(epochs=2, checkpoint=folder)
    before = content(folder)
    with pytest.raises(case.module.CheckpointError, match=r"checkpoint: exists: resume"):
        case.train(checkpoint=folder)
    assert content(folder) == before
    with pytest.raises(ValueError, match="needs the folder"):
        case.train(resume=True)
    with pytest.raises(ValueError, match="every must be at least 1, not 0"):
        case.train(checkpoint=folder, every=0)
    with pytest.raises(ValueError, match="reduce"):
        case.train(checkpoint=folder, reduce=lambda vector: None)
    (folder / "checkpoint").unlink()
    (folder / "checkpoint").mkdir()
    with pytest.raises(case.module.CheckpointError, match="not a regular file"):
        case.train(checkpoint=folder, resume=True)


def test_damage_is_found_wherever_it_is(folder: Path, note: Callable[[str], None]) -> None:
    """One bit of every second byte, cuts all along, and bytes that are added."""
    case = Case()
    case.train(epochs=2, checkpoint=folder)
    path, data = folder / "checkpoint", content(folder) or b""
    rng = np.random.default_rng(0)
    bad = [data[:k] for k in range(0, len(data), 7)] + [data + b"\n", data + data, b"\0" + data]
    for k in range(0, len(data), 2):
        other = data[k] ^ (1 << int(rng.integers(8)))
        bad.append(data[:k] + bytes([other]) + data[k + 1 :])
    for damaged in bad:
        path.write_bytes(damaged)
        running = case.module._Keeper(Run(case), folder, 1, 9).running(True)
        found = pytest.raises(case.module.CheckpointError, match="damaged, or not a checkpoint")
        with found, running:
            pass
        assert content(folder) == damaged
    note(f"checkpoints damaged in {len(bad)} ways: all refused")
    path.write_bytes(data)
    assert bits(case.train(checkpoint=folder, resume=True)) == bits(case.train())


@pytest.mark.parametrize("target", TARGETS[:2])
def test_divergence_in_any_part_of_an_epoch_is_reported(target: str, folder: Path) -> None:
    """Ten samples in batches of four, in parts: every third step is on a short batch."""
    case, found = Case("plain descent, float32", target, loss="sse"), set[int]()
    case.module.CHUNK = 100
    for exponent in np.arange(2.0, 12.0, 0.25):
        with pytest.raises(case.module.DivergedError) as caught:
            case.train(epochs=1000, batch_size=4, learning_rate=10.0**exponent, checkpoint=folder)
        error = caught.value
        assert error.epoch == (error.step + 2) // 3
        assert all(np.isfinite(v).all() for v in error.params.values())
        found.add(error.step % 3)
        shutil.rmtree(folder)
    assert found == {0, 1, 2}


class Run:
    """As much of a run as is needed to read a checkpoint; nothing may be restored."""

    def __init__(self, case: Case) -> None:
        self.settings: dict[str, Any] = {}
        self.history: list[float] = []
        self.steps_per_epoch = 3
        self.dtype = next(iter(case.start.values())).dtype

    def snapshot(self) -> tuple[dict[str, Any], np.ndarray]:
        return {}, np.zeros(1, self.dtype)

    def checksum(self) -> int:
        return 0


def test_a_forged_checkpoint_is_one_clear_error(folder: Path) -> None:
    """The CRC fits, and what it covers is something else."""
    case = Case()
    case.train(epochs=2, checkpoint=folder)
    path = folder / "checkpoint"
    _, text, numbers = path.read_bytes().split(b"\n", 2)
    marks = json.loads(text)
    rng = marks["rng"]
    texts = [
        *(b"", b"[]", b"null", b"{}", b'"run"', b"[" * 100_000, b"\xff", b"{" + text, b"1e999"),
        *(json.dumps({**marks, "run": run}).encode() for run in (None, [], 3, "network")),
    ]
    for name, values in {
        "t": (None, -6, 7, 1e400, [], {}, "x", 2**80),
        "history": (None, 3, [], ["x", "y"], [None] * 2, marks["history"] * 2, {}),
        "begun": (None, 3, ["x"], [0.5], "abc"),
        "drawn": (None, {}, [], {**rng, "state": None}),
        "rng": (
            *(None, {}, 3, {**rng, "bit_generator": "MT19937"}, {**rng, "state": {}}),
            *({**rng, "state": {"state": -1, "inc": 1}}, {**rng, "has_uint32": "x"}),
            {**rng, "state": {"state": 2**200, "inc": 1}},
        ),
    }.items():
        texts += [json.dumps({**marks, name: value}).encode() for value in values]
        texts.append(json.dumps({k: v for k, v in marks.items() if k != name}).encode())
    forged = [(t, numbers) for t in texts]
    forged += [(text, n) for n in (b"", numbers[:-1], numbers[:-8], numbers + bytes(8))]
    for text, numbers in forged:
        text += b"\n"
        path.write_bytes(case.module._first_line(text, numbers) + text + numbers)
        with pytest.raises(case.module.CheckpointError, match=r"checkpoint: "):
            case.train(checkpoint=folder, resume=True)


@pytest.mark.parametrize("target", TARGETS)
def test_a_checkpoint_of_another_run_is_refused(target: str, folder: Path) -> None:
    case = Case(target=target)
    case.train(epochs=2, checkpoint=folder)
    before = content(folder)
    y = case.y.copy()
    y[-1, -1] += 1e-9
    others: dict[str, Callable[[], Any]] = {
        "batch size": lambda: case.train(batch_size=5, checkpoint=folder, resume=True),
        "learning rate": lambda: case.train(learning_rate=0.1, checkpoint=folder, resume=True),
        "seed": lambda: case.train(seed=8, checkpoint=folder, resume=True),
        "start": lambda: case.train(params=None, checkpoint=folder, resume=True),
        "data": lambda: case.module.train(
            case.x, y, params=case.start, **case.options, checkpoint=folder, resume=True
        ),
    }
    for name, call in others.items():
        with pytest.raises(case.module.CheckpointError, match=f"of a run with another .*{name}"):
            call()
    assert content(folder) == before


def test_a_checkpoint_of_another_network_is_refused(folder: Path) -> None:
    """Also if all shapes are the same."""
    case = Case()
    case.train(epochs=2, checkpoint=folder)
    changed: list[dict[str, Any]] = [
        {"loss": "sse"},
        {"layers": [Dense(4, "sigmoid"), Dropout(0.3), Dense(2)]},
        {"layers": [Dense(4, "tanh"), Dropout(0.4), Dense(2)]},
        {"layers": [Dense(4, "tanh"), Dense(2)]},
        {"train": {**OPTIMIZERS["adam"], "shuffle": False}},
        {"dtype": "float32"},
    ]
    modules = [Case(**change).module for change in changed]
    formulas = [
        Network(inputs=3, layers=[Dense(4, "f"), Dense(2)], activations={"f": f}, loss="mse")
        for f in ("x**3", "x**3 + x")
    ]
    assert len({net.compile("numpy-fast").DIGEST for net in formulas}) == 2
    if COMPILER:
        modules.append(Case(target="c").module)
    for module in modules:
        with pytest.raises(module.CheckpointError, match="of a run with another network"):
            module.train(
                case.x, case.y, **case.options, params=None, checkpoint=folder, resume=True
            )
    # names, numbers of epochs and places do not matter
    same = Case(name=next(iter(CASES)))
    assert same.module.DIGEST == case.module.DIGEST


# --- the module as a program ---


def test_a_file_is_saved_whole_or_not_at_all(tmp_path: Path) -> None:
    module, path = Case().module, tmp_path / "w.npz"
    params = module.initialize(1)
    module.save(path, params)
    before, calls = path.read_bytes(), list[str]()
    with hooked(module, lambda name: calls.append(name) or 0):
        module.save(path, module.initialize(1))
    for point, name in enumerate(calls):
        if name not in ("open", "write", "replace", "fsync") or calls[point - 1] == "after replace":
            continue
        count = iter(range(10**6))

        def fail(name: str, count: Any = count, point: int = point) -> int:
            if next(count) >= point:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return 0

        with hooked(module, fail), pytest.raises(OSError, match=r"No space .*w\.npz"):
            module.save(path, module.initialize(2))
        assert path.read_bytes() == before
        assert os.listdir(tmp_path) == ["w.npz"]
    with pytest.raises(OSError, match="not a regular file"):
        module.save(os.devnull, params)


def started(words: list[str], cwd: Path) -> subprocess.Popen[str]:
    """A program that can be interrupted."""
    pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, *words], cwd=cwd, **pipes)


def interrupted(
    words: list[str], cwd: Path, ready: Path | None, number: int = signal.SIGINT
) -> tuple[int, str, str]:
    """Its end after a signal: when that file is there, or after the first message."""
    program = started(words, cwd)
    if ready is None:
        assert program.stderr is not None
        program.stderr.readline()
    else:
        until = time.monotonic() + 60
        while not ready.exists() and program.poll() is None and time.monotonic() < until:
            time.sleep(0.02)
    program.send_signal(number)
    out, err = program.communicate(timeout=60)
    return program.returncode, out, err


SIGNALS = [signal.SIGINT, *([signal.SIGTERM, signal.SIGHUP] if os.name == "posix" else [])]


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("target", TARGETS)
def test_a_signal_ends_the_program_well(target: str, number: int, tmp_path: Path) -> None:
    net = network(layers=DROPPING, loss="mse", train=OPTIMIZERS["adam"])
    for suffix, text in compiled(net, target).files.items():
        (tmp_path / f"net{suffix}").write_text(text)
    x, y = drawn(net, rows=600)
    np.savez(tmp_path / "data.npz", x=x, y=y)
    words = ["net.py", "train", "data.npz", "--batch-size", "20", "--checkpoint", "kept"]
    epochs = ["--every", "7", "--epochs", str(10**6)]
    ready = tmp_path / "kept" / "checkpoint"
    code, out, err = interrupted([*words, *epochs], tmp_path, ready, number)
    assert (code, out) == (128 + number, ""), err
    assert err.startswith("net.py: interrupted after ")
    assert "net.npz" in err
    assert len(err.splitlines()) == 1
    _, text, _ = (tmp_path / "kept" / "checkpoint").read_bytes().split(b"\n", 2)
    marks = json.loads(text)
    longer = ["--epochs", str(len(marks["history"]) + 3)]
    module = net.compile(target=target)
    stopped = module.load(tmp_path / "net.npz")
    subprocess.run([sys.executable, *words, *longer, "--resume"], cwd=tmp_path, check=True)
    resumed = (tmp_path / "net.npz").read_bytes()
    subprocess.run([sys.executable, *words[:-2], *longer], cwd=tmp_path, check=True)
    assert (tmp_path / "net.npz").read_bytes() == resumed
    assert not np.array_equal(stopped["A_1"], module.load(tmp_path / "net.npz")["A_1"])


def test_what_the_program_says(tmp_path: Path) -> None:
    net = network("relu", "mse", train={"epochs": 5})
    (tmp_path / "net.py").write_text(net.generate("numpy-fast"))
    x, y = drawn(net)
    np.savez(tmp_path / "data.npz", x=x, y=y)

    def run(*words: str, redirect: str = "") -> tuple[int, str, str]:
        line = " ".join([sys.executable, "net.py", *words, redirect])
        done = subprocess.run(line, shell=True, cwd=tmp_path, capture_output=True, text=True)
        return done.returncode, done.stdout, done.stderr

    kept = ("train", "data.npz", "--checkpoint", "kept")
    assert run(*kept)[0] == 0
    code, out, err = run(*kept)
    assert (code, out) == (2, "")
    assert err == "net.py: kept/checkpoint: exists: resume from it, or remove it\n"
    assert run(*kept, "--resume")[0] == 0
    assert run(*kept, "--resume", "--seed", "1")[0] == 2
    assert run("train", "data.npz", "--resume")[0] == 2
    assert run("train", "data.npz", "--checkpoint", "more", "--every", "0")[0] == 2
    (tmp_path / "kept" / "checkpoint").write_bytes(b"junk")
    assert run(*kept, "--resume")[0] == 2
    # divergence: the last finite parameters are kept
    code, out, err = run("train", "data.npz", "--learning-rate", "1e200", "-o", "w.npz")
    assert (code, out) == (3, "")
    assert err.startswith("net.py: the loss is not finite in epoch ") and "step" in err
    assert "w.npz" in err
    with np.load(tmp_path / "w.npz") as found:
        assert all(np.isfinite(found[k]).all() for k in found.files)
    # a closed pipe is quiet; a full disk is said
    np.savez(tmp_path / "many.npz", x=np.zeros((20_000, 3)))
    code, out, err = run("predict", "net.npz", "many.npz", redirect="| head -n 1")
    assert (out.count("\n"), err) == (1, "")
    if Path("/dev/full").exists():
        for data in ("data.npz", "many.npz"):
            code, out, err = run("predict", "net.npz", data, redirect="> /dev/full")
            assert (code, len(err.splitlines())) == (2, 1), err
            assert "No space left" in err


# --- symnn train ---

SPEC = """\
[model]
name = "small"
inputs = 2
[[layers]]
type = "dense"
units = 3
activation = "tanh"
[[layers]]
type = "dropout"
rate = 0.2
[[layers]]
type = "dense"
units = 1
activation = "sigmoid"
[loss]
name = "sse"
[train]
data = "xor"
batch_size = 3
optimizer = "adam"
epochs = 12
"""


@pytest.fixture
def symnn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Any:
    """Runs a command line in a folder with a spec: its exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.toml").write_text(SPEC)

    def run(*words: str) -> tuple[object, str, str]:
        with pytest.raises(SystemExit) as caught:
            main(["train", "small.toml", *words])
        return caught.value.code, *capsys.readouterr()

    return run


def weights_and_history(folder: Path) -> tuple[bytes, Any]:
    history = json.loads((folder / "small.history.json").read_text())
    return (folder / "small.npz").read_bytes(), history["loss"]


def test_the_command_keeps_checkpoints_and_goes_on(symnn: Any, tmp_path: Path) -> None:
    assert symnn()[0] == 0
    whole = weights_and_history(tmp_path)
    code, _, err = symnn("--checkpoint", "kept/here", "--epochs", "5", "--resume")
    assert code == 0
    assert err.startswith(f"no checkpoint in {Path('kept/here')} yet: from the beginning\n")
    assert len(weights_and_history(tmp_path)[1]) == 5
    before = content(tmp_path / "kept" / "here")
    code, out, err = symnn("--checkpoint", "kept/here")
    assert (code, out) == (2, "")
    assert err.startswith("kept/here/checkpoint: there is a checkpoint already; --resume")
    assert content(tmp_path / "kept" / "here") == before
    code, _, err = symnn("--checkpoint", "kept/here", "--resume", "--every", "4", "-v")
    assert code == 0
    assert [line.split()[1] for line in err.splitlines()] == [f"{k}/12" for k in range(6, 13)]
    assert weights_and_history(tmp_path) == whole
    assert symnn("--checkpoint", "kept/here", "--force", "--seed", "1")[0] == 0
    assert weights_and_history(tmp_path) != whole
    code, out, err = symnn("--checkpoint", "kept/here", "--resume", "--json")
    assert (code, out) == (2, "")
    [found] = json.loads(err)["errors"]
    assert found["file"] == "kept/here/checkpoint"
    assert found["message"] == "of a run with another seed, start"
    (tmp_path / "kept" / "here" / "checkpoint").write_bytes(before[:-1] if before else b"")
    code, out, err = symnn("--checkpoint", "kept/here", "--resume")
    assert (code, out) == (2, "")
    assert err == "kept/here/checkpoint: damaged, or not a checkpoint\n"


def test_a_refused_resume_changes_nothing(symnn: Any, tmp_path: Path) -> None:
    """Otherwise the module of another network stands beside weights that it cannot read."""
    assert symnn("--checkpoint", "kept")[0] == 0

    def files() -> dict[Path, bytes]:
        return {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}

    changes: list[tuple[str, str, list[str]]] = [
        ("units = 3", "units = 2", []),
        ('"adam"', '"rmsprop"', []),
        ("units = 3", "units = 3", ["--seed", "1"]),
    ]
    for old, new, more in changes:
        (tmp_path / "small.toml").write_text(SPEC.replace(old, new))
        before = files()
        code, _, err = symnn("--checkpoint", "kept", "--resume", *more)
        assert code == 2 and err.startswith("kept/checkpoint: of a run with another "), err
        assert files() == before
    # --force starts again, but only once all that is given has been looked at
    (tmp_path / "small.toml").write_text(SPEC.replace('"xor"', '"d.csv"'))
    (tmp_path / "d.csv").write_text("a,b,y\n0,0,0\n0,1,x\n")
    before = files()
    assert symnn("--checkpoint", "kept", "--force")[0] == 2
    assert files() == before
    (tmp_path / "small.toml").write_text(SPEC.replace("units = 3", "units = 2"))
    before = files()
    assert symnn("--checkpoint", "kept", "--force", "--weights", "small.npz")[0] == 2
    assert files() == before


@pytest.mark.skipif(sys.platform == "win32", reason="no lock")
@pytest.mark.parametrize("words", [["--force"], ["--resume"]])
def test_the_command_leaves_the_folder_of_a_living_run_alone(
    symnn: Any, tmp_path: Path, words: list[str]
) -> None:
    assert symnn("--checkpoint", "kept")[0] == 0
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    module = Network(inputs=2, layers=[Dense(1)], loss="mse").compile("numpy-fast")
    with module._locked(tmp_path / "kept"):
        code, out, err = symnn("--checkpoint", "kept", *words)
    assert (code, out) == (2, "")
    assert err.startswith("kept/checkpoint: another run writes checkpoints here: wait for its end")
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before
    assert symnn("--checkpoint", "kept", *words)[0] == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--resume"], "need --checkpoint DIR"),
        (["--every", "2"], "need --checkpoint DIR"),
        (["--checkpoint", "kept", "--every", "0"], "x>=1"),
        (["--checkpoint", "small.toml"], "not a directory"),
        (["--checkpoint", "link"], "checkpoint is a symbolic link"),
    ],
)
def test_mistakes_with_checkpoints(
    symnn: Any, tmp_path: Path, words: list[str], message: str
) -> None:
    (tmp_path / "link").mkdir()
    (tmp_path / "link" / "checkpoint").symlink_to("elsewhere")
    names = {*os.listdir(tmp_path)}
    code, out, err = symnn(*words)
    assert (code, out) == (2, "")
    assert message in err
    assert {*os.listdir(tmp_path)} == names


@pytest.mark.parametrize("words", [(), ("--checkpoint", "kept")])
def test_a_full_disk_is_said_with_its_path(
    symnn: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    """It is full when the first file is complete: what was trained before stays, all of it."""
    assert symnn()[0] == 0
    before = {p: p.read_bytes() for p in tmp_path.iterdir()}
    fsync, calls = os.fsync, iter(range(100))

    def full(handle: int) -> None:
        if next(calls) >= (not words):  # the module, or nothing, is complete
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", full)
    code, out, err = symnn("--seed", "9", "-q", *words)
    assert (code, out) == (2, "")
    place = "kept/checkpoint" if words else "small.npz"
    assert err == f"{place}: cannot write: No space left on device; free some space\n"
    assert {p: p.read_bytes() for p in tmp_path.iterdir()} == before


@pytest.mark.parametrize("kept", [True, False])
def test_ctrl_c_in_the_command(kept: bool, tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(SPEC)
    words = ["-m", "symnn", "train", "small.toml", "--epochs"]
    more = ["--checkpoint", "kept", "--every", "10"] if kept else []
    ready = tmp_path / "kept" / "checkpoint" if kept else None
    code, out, err = interrupted([*words, str(10**6), *more], tmp_path, ready)
    assert (code, out) == (130, ""), err
    said = r"train: interrupted after (\d+) epochs, at step \d+; weights so far: small\.npz"
    found = re.fullmatch(said, err.splitlines()[-1])
    assert found, err
    with np.load(tmp_path / "small.npz") as arrays:
        assert arrays["A_1"].shape == (3, 2)
    if kept:
        longer = [sys.executable, *words, str(int(found[1]) + 2), "-q"]
        ends = []
        for rest in (["--checkpoint", "kept", "--resume"], []):
            subprocess.run([*longer, *rest], cwd=tmp_path, check=True, capture_output=True)
            ends.append(weights_and_history(tmp_path))
        assert ends[0] == ends[1]
        assert len(ends[0][1]) == int(found[1]) + 2
