"""However a command ends, what there is to keep is kept, and nothing is left over."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symnn.targets.registry
from symnn.cli.main import main
from symnn.cli.train import _Progress
from symnn.formats.pdf import TexError, compile_pdf
from symnn.io.interrupts import as_ctrl_c, uninterrupted
from symnn.io.processes import run as run_program
from symnn.io.processes import scratch

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and groups of POSIX")
SIGNALS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
WORDS = {"SIGINT": "interrupted", "SIGTERM": "terminated", "SIGHUP": "hung up"}


def ended(*words: str) -> Any:
    """The exit code of a command line in this process."""
    with pytest.raises(SystemExit) as caught:
        main(list(words))
    return caught.value.code


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder to work in; the handlers of signals are those of before at the end."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield work
    assert {number: signal.getsignal(number) for number in SIGNALS} == before


def at_epoch(monkeypatch: pytest.MonkeyPatch, epoch: int, act: Callable[[], object]) -> None:
    """Do something when this epoch of a training is told of."""
    shown = _Progress.__call__

    def tell(self: _Progress, number: int, loss: float) -> None:
        if number == epoch:
            act()
        shown(self, number, loss)

    monkeypatch.setattr(_Progress, "__call__", tell)


# --- signals ---


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_in_training_keeps_weights_and_checkpoint(
    number: signal.Signals,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`timeout` and terminals send their signal twice; that is one wish."""
    times = 1 if number == signal.SIGINT else 2
    at_epoch(monkeypatch, 3, lambda: [signal.raise_signal(number) for _ in range(times)])
    words = ["train", "xor", "--epochs", "50", "--checkpoint", "kept"]
    assert ended(*words, "--json") == SIGNALS[number]
    out, err = capsys.readouterr()
    [error] = json.loads(err)["errors"]
    assert out == "" and "interrupted after 3 epochs" in error["message"]
    weights = symnn.load("xor").compile().load(folder / "xor_net.npz")
    assert all(np.isfinite(values).all() for values in weights.values())
    monkeypatch.undo()
    monkeypatch.chdir(folder)
    assert ended(*words, "--resume", "--json") == 0
    resumed = json.loads(capsys.readouterr().out)
    assert resumed["epochs"] == 50
    whole = symnn.load("xor").compile()
    data = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0])
    assert resumed["loss"] == whole.train(*data, epochs=50)[1][-1]


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_within_an_epoch_keeps_the_step(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The step that runs is finished, and the checkpoint is of it."""
    words = ["train", "xor", "--epochs", "3", "--batch-size", "1", "--seed", "4"]
    kept = [*words, "--checkpoint", "kept"]

    def live(*given: Any) -> Any:
        module = symnn.targets.registry.live(*given)
        update, left = module._update, iter(range(6, 0, -1))

        def signalled(*values: Any) -> Any:
            if next(left) == 1:
                signal.raise_signal(number)
            return update(*values)

        module._update = signalled
        return module

    with monkeypatch.context() as patched:
        patched.setattr("symnn.training.run.live", live)
        assert ended(*kept, "--json") == SIGNALS[number]
    [error] = json.loads(capsys.readouterr().err)["errors"]
    assert "interrupted after 1 epochs, at step 6" in error["message"]
    assert json.loads(Path("kept/checkpoint").read_bytes().splitlines()[1])["t"] == 6
    ends = []
    for rest in ([*kept, "--resume"], [*words, "--force"]):
        assert ended(*rest) == 0
        ends.append([Path(f"xor_net.{s}").read_bytes() for s in ("npz", "history.json")])
    assert ends[0] == ends[1]


def test_where_ctrl_c_is_ignored_other_signals_end_a_run_well(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shell starts what it runs in the background so; nohup ignores the end of the terminal."""
    before = [
        (number, signal.signal(number, signal.SIG_IGN)) for number in (signal.SIGINT, signal.SIGHUP)
    ]
    try:
        at_epoch(monkeypatch, 2, lambda: signal.raise_signal(signal.SIGINT))
        at_epoch(monkeypatch, 2, lambda: signal.raise_signal(signal.SIGHUP))
        assert ended("train", "xor", "--epochs", "5", "-q") == 0
        at_epoch(monkeypatch, 2, lambda: signal.raise_signal(signal.SIGTERM))
        (folder / "xor_net.npz").unlink()
        assert ended("train", "xor", "--epochs", "5", "-q") == 143
        assert (folder / "xor_net.npz").exists()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
    finally:
        for number, handler in before:
            signal.signal(number, handler)


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("json_option", [[], ["--json"]])
def test_a_signal_elsewhere_is_told_in_one_line_or_object(
    number: signal.Signals,
    json_option: list[str],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupted(*_: object, **options: object) -> None:
        signal.raise_signal(number)

    monkeypatch.setattr("symnn.cli.models.load_model", interrupted)
    assert ended("derive", "xor", "-o", "a.tex", *json_option) == SIGNALS[number]
    out, err = capsys.readouterr()
    word = WORDS[number.name]
    if json_option:
        assert [error["message"] for error in json.loads(err)["errors"]] == [word]
    else:
        assert err == f"symnn: {word}\n"
    assert out == "" and not list(folder.iterdir())


def test_a_later_signal_is_another_wish(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not so one that follows at once, nor one that comes where none may."""
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    count = 0
    with as_ctrl_c() as ending:
        for now[0] in (10.0, 10.5, 99.0):
            with contextlib.suppress(KeyboardInterrupt):
                signal.raise_signal(signal.SIGTERM)
                count += 1
        done = False
        now[0] = 200.0
        with pytest.raises(KeyboardInterrupt), uninterrupted():
            signal.raise_signal(signal.SIGHUP)
            done = True
    assert (count, done, ending.code, ending.word) == (1, True, 129, "hung up")


# --- TeX and other programs ---


def program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def gone(pipe: int) -> bool:
    """Whether all that could write to a pipe have ended; waits for it."""
    while select.select([pipe], [], [], 60)[0]:
        if not os.read(pipe, 100):
            return True
    return False


def test_tex_and_its_children_end_with_symnn(tmp_path: Path) -> None:
    """The TeX here starts a program that never ends, and tells when it runs."""
    program(
        tmp_path / "pdflatex",
        '#!/bin/sh\nexec >"$WORK/runs"\nsleep 1000 &\necho runs\nwait\n',
    )
    started = []
    for number in SIGNALS:
        work = tmp_path / number.name
        (work / "temporary").mkdir(parents=True)
        os.mkfifo(work / "runs")
        environment = {
            **os.environ,
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "TMPDIR": str(work / "temporary"),
            "WORK": str(work),
        }
        pipe = os.open(work / "runs", os.O_RDONLY | os.O_NONBLOCK)
        command = [sys.executable, "-m", "symnn", "derive", "xor", "-o", "notes.pdf"]
        started.append((number, work, pipe, subprocess.Popen(command, cwd=work, env=environment)))
    for number, work, pipe, process in started:
        assert select.select([pipe], [], [], 60)[0] and os.read(pipe, 100) == b"runs\n"
        assert [p.name[:6] for p in (work / "temporary").iterdir()] == ["symnn-"]
        process.send_signal(number)
        assert process.wait(60) == SIGNALS[number]
        assert gone(pipe)
        os.close(pipe)
        assert sorted(p.name for p in work.iterdir()) == ["runs", "temporary"]
        assert not list((work / "temporary").iterdir())


def test_a_program_that_takes_too_long_ends_with_its_children() -> None:
    read, write = os.pipe()
    with pytest.raises(subprocess.TimeoutExpired):
        run_program(["sh", "-c", "sleep 1000 & wait"], 0.1, pass_fds=[write])
    done = run_program(["sh", "-c", "sleep 1000 & echo made"], 60, pass_fds=[write])
    assert done.returncode == 0
    os.close(write)
    assert gone(read)
    os.close(read)


def test_a_scratch_folder_is_gone_after_an_interrupt() -> None:
    with pytest.raises(KeyboardInterrupt), scratch() as place:
        (place / "a").write_text("")
        raise KeyboardInterrupt
    assert not place.exists()


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("#!/no/such/interpreter\n", "pdflatex did not run: No such file or directory"),
        ("no program\n", "pdflatex did not run: Exec format error"),
        ("#!/bin/sh\nmkdir notes.pdf\n", "pdflatex failed: see its log"),
        ("#!/bin/sh\nmkdir notes.log; exit 1\n", "pdflatex failed: see its log"),
        ("#!/bin/sh\necho '! Oops' > notes.log; exit 1\n", "pdflatex failed: Oops"),
    ],
)
def test_a_broken_tex_is_an_error_with_a_way_out(
    script: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path / "pdflatex", script)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(TexError) as caught:
        compile_pdf("x")
    assert caught.value.message == message and caught.value.hint


# --- streams that are closed, full, or without a reader ---


def without_reader() -> io.TextIOWrapper:
    """A stream that nobody reads any more."""
    read, write = os.pipe()
    os.close(read)
    return open(write, "w", encoding="utf-8")


def full_disk() -> io.TextIOWrapper:
    return open("/dev/full", "w", encoding="utf-8")


@pytest.mark.parametrize("stream", [without_reader, full_disk, lambda: None])
def test_training_goes_on_without_a_reader_of_its_progress(
    stream: Callable[[], Any], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = stream()
    with contextlib.closing(error or io.StringIO()):
        monkeypatch.setattr(sys, "stderr", error)
        assert ended("train", "xor", "--epochs", "30", "-v") == 0
        assert ended("train", "nothing") == 2
    names = ["xor_net.history.json", "xor_net.npz", "xor_net.py"]
    assert sorted(p.name for p in folder.iterdir()) == names


@pytest.mark.parametrize(
    "words",
    [["derive", "xor"], ["check", "xor", "-v"], ["generate", "xor", "-o", "-"], ["--help"]],
    ids=" ".join,
)
def test_nobody_reads_or_nothing_more_can_be_written(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with without_reader() as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        assert ended(*words) == 141
    assert capsys.readouterr().err == ""
    with full_disk() as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        assert ended(*words) == 2
    message = "symnn: cannot write to standard output: No space left on device\n"
    assert capsys.readouterr().err == message


def test_closed_streams_are_no_internal_errors() -> None:
    def shell(line: str) -> tuple[int, str]:
        command = line.replace("symnn", f"{sys.executable} -m symnn", 1)
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
        assert done.stdout == ""
        return done.returncode, done.stderr

    closed = "<stdin>: stdin is closed; pipe a spec into it, or give a file\n"
    assert shell("symnn derive - <&-") == (2, closed)
    code, text = shell("symnn derive - 0>/dev/null")
    assert code == 2 and text == "<stdin>: cannot be read: Bad file descriptor; give a file\n"
    code, text = shell("symnn --help >&-")
    assert code == 2
    assert text == "symnn: cannot write to standard output: Bad file descriptor\n"
    assert shell("symnn derive nothing <&- >&- 2>&-") == (2, "")


# --- folders that may not be entered ---


def test_a_folder_without_permission_is_told_by_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the system would tell a user; to root it denies nothing."""

    def locked(call: Any) -> Any:
        def called(path: Any, *given: Any, **named: Any) -> Any:
            if isinstance(path, str | Path) and "locked" in str(path):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
            return call(path, *given, **named)

        return called

    for name in ("stat", "lstat"):
        monkeypatch.setattr(os, name, locked(getattr(os, name)))
    for words in (
        "derive locked/xor.toml",
        "derive xor -o locked/a.tex",
        "draw xor -o locked/a.svg --check",
        "generate xor -o locked/a.py",
        "train xor --weights locked/a.npz",
        "train xor --data locked/a.csv",
        "train xor --checkpoint locked/c",
        "check xor --against locked/a.npz",
        "new locked/b.toml",
    ):
        assert ended(*words.split()) == 2, words
        out, err = capsys.readouterr()
        assert out == "" and err.startswith("locked/") and "Permission denied" in err, words
