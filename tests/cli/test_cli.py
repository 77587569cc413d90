"""The command line as a user meets it, and the names of the Python API."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from click.shell_completion import BashComplete

import symnn
from symnn import Dense, Dropout, Network
from symnn.cli import words as tables
from symnn.cli.main import cli, main
from symnn.cli.train import _Progress
from symnn.data.datasets import BUILTIN
from symnn.formats.registry import FORMATS
from symnn.io.marks import marked_text
from symnn.language import options
from symnn.notation.books import LAYOUTS, NOTATIONS
from symnn.notes.figures import FIGURES
from symnn.spec.sections import SECTIONS
from symnn.spec.sources import SUFFIXES
from symnn.targets.modules import PARTS
from symnn.targets.registry import TARGETS

SPEC = """\
[model]
name = "small"
inputs = 2

[[layers]]
type = "dense"
units = 1
activation = "sigmoid"

[loss]
name = "sse"

[train]
data = "xor"
epochs = 3
"""
DIVERGING = SPEC.replace("sigmoid", "linear").replace("epochs = 3", "epochs = 99") + (
    "learning_rate = 1e5\n"
)


class Done:
    """What a command left: its exit code and its two streams."""

    def __init__(self, code: object, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs a command line in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> Done:
        with pytest.raises(SystemExit) as caught:
            main(list(words))
        out, err = capsys.readouterr()
        code = caught.value.code
        if code not in (0, 4):
            assert out == ""
            assert err
            assert "Traceback" not in err
        assert "\r" not in err
        assert "\x1b" not in out + err
        return Done(code, out, err)

    return run


def shell(*words: str, stdin: str = "", cwd: Path | None = None) -> Done:
    """Runs the command in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "symnn", *words],
        input=stdin.encode(),
        capture_output=True,
        cwd=cwd,
    )
    return Done(done.returncode, done.stdout.decode(), done.stderr.decode())


# --- new, derive, generate ---


def test_new_writes_a_spec_to_start_from(run: Any, tmp_path: Path) -> None:
    assert run("new", "a.toml").code == 0
    text = (tmp_path / "a.toml").read_text()
    assert text.count("#") > 5
    assert symnn.load(tmp_path / "a.toml").name == "XOR"
    (tmp_path / "a.toml").write_text("mine")
    assert run("new", "a.toml").code == 2
    assert (tmp_path / "a.toml").read_text() == "mine"
    assert run("new", "a.toml", "--force", "--example", "digits").code == 0
    assert symnn.load(tmp_path / "a.toml").inputs == 64
    done = run("new", "b.toml", "--example", "digit")
    assert (done.code, "did you mean 'digits'" in done.err) == (2, True)


def test_derive_and_generate_print_their_product(run: Any) -> None:
    done = run("derive", "xor")
    assert (done.code, done.err) == (0, "")
    assert done.out.rstrip().endswith(r"\end{document}")
    assert r"\documentclass" not in run("derive", "xor", "--fragment").out
    done = run("generate", "xor", "-o", "-")
    assert (done.code, done.err) == (0, "")
    assert done.out == symnn.load("xor").generate()


@pytest.mark.parametrize(
    ("command", "file", "comment"), [("derive", "a.tex", "% "), ("generate", "a.py", "# ")]
)
def test_check_compares_and_writes_nothing(
    run: Any, tmp_path: Path, command: str, file: str, comment: str
) -> None:
    path = tmp_path / file
    done = run(command, "xor", "-o", file, "--check")
    assert (done.code, path.exists()) == (4, False)
    assert run(command, "xor", "-o", file).code == 0
    fresh = path.read_text()
    done = run(command, "xor", "-o", file, "--check")
    assert (done.code, done.out) == (0, "")
    path.write_bytes(fresh.replace("\n", "\r\n").encode())  # as Git may check it out
    assert run(command, "xor", "-o", file, "--check").code == 0
    assert run(command, "xor", "-o", file).code == 0
    stale = f"{fresh}{comment}more\n"
    path.write_text(stale)
    done = run(command, "xor", "-o", file, "--check")
    assert done.code == 4
    assert f"-{comment}more" in done.out
    assert file in done.err
    done = run(command, "xor", "-o", file)
    assert (done.code, "edited since symnn wrote it; --force" in done.err) == (2, True)
    assert path.read_text() == stale
    assert run(command, "xor", "-o", file, "--force").code == 0
    assert path.read_text() == fresh


def test_foreign_files_are_kept(run: Any, tmp_path: Path) -> None:
    for command, file in (("derive", "a.tex"), ("generate", "a.py")):
        (tmp_path / file).write_text("mine\n")
        done = run(command, "xor", "-o", file)
        assert (done.code, "--force" in done.err) == (2, True)
        assert (tmp_path / file).read_text() == "mine\n"
        assert run(command, "xor", "-o", file, "--force").code == 0
        assert (tmp_path / file).read_text() != "mine\n"
    (tmp_path / "xor_net.py").write_text("mine\n")
    assert run("train", "xor").code == 2
    assert {p.name for p in tmp_path.iterdir()} == {"a.tex", "a.py", "xor_net.py"}


BOOK = "% my own book; chapter 3 inputs a file Generated by symnn\n\\documentclass{book}\n"


def test_the_words_of_the_mark_give_no_file_away(run: Any, tmp_path: Path) -> None:
    (tmp_path / "book.tex").write_text(BOOK)
    done = run("derive", "xor", "-o", "book.tex")
    assert (done.code, "was not written by symnn" in done.err) == (2, True)
    assert (tmp_path / "book.tex").read_text() == BOOK


def test_the_mark_of_an_earlier_symnn_is_taken_once_with_a_note(run: Any, tmp_path: Path) -> None:
    for quiet in ((), ("-q",)):
        (tmp_path / "a.tex").write_text("% Generated by symnn\n\\documentclass{article}\n")
        done = run("derive", "xor", "-o", "a.tex", *quiet)
        note = "symnn: a.tex was replaced; its mark, of an earlier symnn, does not tell of edits\n"
        assert (done.code, done.err) == (0, "" if quiet else note)
    done = run("derive", "xor", "-o", "a.tex")
    assert (done.code, done.err) == (0, "")


def test_what_is_printed_is_what_is_written(run: Any, tmp_path: Path) -> None:
    for words in (["derive", "--fragment"], ["derive", "--select", "delta_1"], ["generate"]):
        suffix = ".py" if words == ["generate"] else ".tex"
        (tmp_path / f"a{suffix}").write_text(run(*words, "xor", "-o", "-").out)
        assert run(*words, "xor", "-o", f"a{suffix}", "--check").code == 0
        assert run(*words, "xor", "-o", f"a{suffix}").code == 0


def test_a_folder_that_is_named_may_be_a_link(run: Any, tmp_path: Path) -> None:
    """One that the user types; below the folder of a spec, none that the spec names."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    for command, file in (("generate", "a.py"), ("derive", "a.tex"), ("draw", "a.svg")):
        assert run(command, "xor", "-o", f"link/{file}").code == 0
        (tmp_path / f"b{file}").symlink_to(tmp_path / "real" / file)
        done = run(command, "xor", "-o", f"b{file}", "--force")
        assert (done.code, "is a symbolic link" in done.err) == (2, True)
    assert run("train", "xor", "--epochs", "1", "--checkpoint", "link/kept").code == 0
    (tmp_path / "small.toml").write_text(SPEC + '[output]\ndir = "link"\n')
    names = {p.name for p in (tmp_path / "real").iterdir()}
    assert names == {"a.py", "a.tex", "a.svg", "kept"}
    for command in ("generate", "train"):
        done = run(command, "small.toml")
        assert (done.code, "link is a symbolic link" in done.err) == (2, True)
    assert {p.name for p in (tmp_path / "real").iterdir()} == names


def test_of_several_products_all_are_written_or_none(run: Any, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    for command, file in (("generate", "xor_net.py"), ("derive", "xor_net.tex")):
        (tmp_path / "out" / file).write_text("mine\n")
        done = run(command, "digits", "xor", "-o", "out/")
        assert (done.code, file in done.err) == (2, True)
    assert {p.read_text() for p in (tmp_path / "out").iterdir()} == {"mine\n"}
    for command in ("generate", "derive"):
        done = run(command, "xor", "xor", "-o", "new/")
        assert (done.code, "is the file of two specs" in done.err) == (2, True)
    assert run("generate", "xor", "xor").code == 2
    assert {p.name for p in tmp_path.iterdir()} == {"out"}


def test_several_specs_go_into_a_folder(run: Any, tmp_path: Path) -> None:
    assert run("generate", "xor", "digits", "-o", "out/").code == 0
    assert sorted(p.suffix for p in (tmp_path / "out").iterdir()) == [".py", ".py"]
    assert run("derive", "xor", "regression", "-o", "out/").code == 0
    assert len(list((tmp_path / "out").glob("*.tex"))) == 2
    done = run("generate", "xor", "digits", "-o", "one.py")
    assert (done.code, "folder" in done.err) == (2, True)
    done = run("generate", "xor", "nothing")
    assert (done.code, (tmp_path / "xor_net.py").exists()) == (2, False)


def test_a_spec_comes_from_standard_input() -> None:
    done = shell("generate", "-", "-o", "-", stdin=SPEC)
    assert (done.code, done.err) == (0, "")
    assert done.out == symnn.load(small()).generate()
    text = json.dumps(small())
    assert shell("generate", "-", "-o", "-", stdin=text).out == done.out
    empty = shell("derive", "-")
    assert (empty.code, empty.out, "<stdin>" in empty.err) == (2, "", True)


def small() -> dict[str, Any]:
    return {
        "model": {"name": "small", "inputs": 2},
        "layers": [{"type": "dense", "units": 1, "activation": "sigmoid"}],
        "loss": {"name": "sse"},
        "train": {"data": "xor", "epochs": 3},
    }


def test_results_as_objects_and_quiet(run: Any) -> None:
    done = run("generate", "xor", "-o", "a.py", "--json")
    assert json.loads(done.out) == {"written": ["a.py"]}
    done = run("generate", "xor", "-o", "a.py", "-q")
    assert (done.code, done.out, done.err) == (0, "", "")


def test_one_object_whatever_happens(run: Any, tmp_path: Path) -> None:
    """On stdout where the exit code is 0 or 4, else on stderr; nothing on the other."""
    (tmp_path / "small.toml").write_text(SPEC)
    (tmp_path / "diverging.toml").write_text(DIVERGING)
    (tmp_path / "stale.tex").write_text("% Generated by symnn\n")
    (tmp_path / "mine.tex").write_text("mine\n")
    (tmp_path / "numbers.csv").write_text("1,2\n3,4\n")
    np.savez(tmp_path / "other.npz", A_1=np.zeros((7, 7)))
    good = {
        "derive small.toml": {"products"},
        "derive small.toml xor --fragment": {"products"},
        "derive small.toml --format json": {"products"},
        "derive small.toml -o a.tex": {"written"},
        "derive small.toml -o a.tex --check": {"stale"},
        "draw small.toml": {"products"},
        "draw small.toml -o a.svg": {"written"},
        "generate small.toml": {"written"},
        "generate small.toml -o - --target plain": {"products"},
        "generate small.toml --check": {"stale"},
        "check small.toml": {"checks"},
        "new a.toml": {"written"},
        "guide": {"page", "pages", "text"},
    }
    for words, keys in good.items():
        done = run(*words.split(), "--json")
        assert (done.code, done.err) == (0, ""), words
        assert json.loads(done.out).keys() == keys, words
    done = run("train", "small.toml", "-v", "--json")
    assert json.loads(done.out)["epochs"] == 3 and done.err == ""
    texts = json.loads(run("derive", "small.toml", "xor", "--json").out)["products"]
    assert "".join(texts) == run("derive", "small.toml", "xor").out
    assert json.loads(run("derive", "small.toml", "-o", "a.tex", "--json", "--check").out) == {
        "stale": []
    }

    done = run("derive", "small.toml", "-o", "stale.tex", "--check", "--json")
    [stale] = json.loads(done.out)["stale"]
    assert (done.code, done.err) == (4, "")
    assert (stale["file"], stale["state"]) == ("stale.tex", "stale")
    assert stale["difference"].startswith("--- stale.tex\n+++ as derived\n")
    done = run("generate", "small.toml", "-o", "none.py", "--check", "--json")
    assert (done.code, json.loads(done.out)["stale"][0]["state"]) == (4, "missing")

    bad = {
        "derve": 2,
        "derive": 2,
        "derive nothing": 2,
        "derive small.toml -o mine.tex": 2,
        "derive small.toml -o a.tex --layout row": 2,
        "derive small.toml --select none": 2,
        "derive small.toml --check": 2,
        "generate small.toml xor -o one.py": 2,
        "generate small.toml small.toml -o ./": 2,
        "train small.toml --epochs 0": 2,
        "train small.toml --data numbers.csv": 2,
        "train small.toml --weights other.npz": 2,
        "train diverging.toml": 3,
        "check small.toml --against other.npz": 2,
        "new a.toml": 2,
    }
    for words, code in bad.items():
        done = run(*words.split(), "--json")
        assert (done.code, done.out) == (code, ""), words
        errors = json.loads(done.err)["errors"]
        assert errors, words
        for error in errors:
            assert set(error) == {"file", "line", "path", "message", "hint"}
            assert error["file"] and error["message"], words


def test_a_check_that_does_not_hold_is_in_the_object(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = symnn.load("xor").compile()

    def wrong(seed: int) -> float:
        raise ArithmeticError("dA_1 is wrong")

    module.check = wrong
    monkeypatch.setattr("symnn.cli.check.compile_module", lambda *_: module)
    done = run("check", "xor", "--json")
    [found] = json.loads(done.out)["checks"]
    assert (done.code, done.err, found["ok"]) == (4, "", False)
    assert found["module_failure"] == "dA_1 is wrong"
    done = run("check", "xor")
    assert (done.code, done.err) == (4, "xor: the generated module: dA_1 is wrong\n")
    assert "central differences" not in done.out


@pytest.mark.skipif(not any(map(shutil.which, ("cc", "gcc", "clang"))), reason="no C compiler")
def test_sizes_of_c_are_in_the_object(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    done = run("generate", "xor", "--target", "c", "--json")
    found = json.loads(done.out)
    assert done.err == "" and "xor_net.c" in found["written"]
    assert re.match(r"xor_net\.c: static RAM \d+ bytes, flash \d+ bytes", found["sizes"][0])
    monkeypatch.setenv("CC", "false")
    done = run("generate", "xor", "--target", "c")
    assert done.err.startswith("xor_net.c: static RAM and flash are not measured: false failed")


def test_what_is_opened_is_told_afterwards(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An opener's own text goes nowhere; one that fails is an error."""
    folder = Path("bin")
    folder.mkdir()
    for code in (0, 3):
        opener = folder / ("open" if sys.platform == "darwin" else "xdg-open")
        opener.write_text(f"#!/bin/sh\necho noise; echo noise >&2\nexit {code}\n")
        opener.chmod(0o755)
        monkeypatch.setenv("PATH", str(folder.resolve()), prepend=os.pathsep)
        done = run("derive", "xor", "-o", "a.md", "--open", "--json")
        if code == 0:
            assert (done.code, done.err) == (0, "")
            assert json.loads(done.out) == {"written": ["a.md"]}
        else:
            assert done.code == 2
            assert "no application opens it" in json.loads(done.err)["errors"][0]["message"]


def test_nothing_is_written_where_one_product_fails(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "small.toml").write_text(SPEC)
    (tmp_path / "out").mkdir()
    done = run("derive", "xor", "small.toml", "-o", "out/", "--select", "delta_2")
    assert (done.code, done.out) == (2, "")
    assert not list((tmp_path / "out").iterdir())


def test_the_guide_is_printed_and_on_a_terminal_paged(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = run("guide")
    assert (done.code, done.err) == (0, "")
    listed = re.findall(r"^- \[(\S+)\]", done.out, re.MULTILINE)
    assert {"start", "spec", "new-layer", "zh"} <= set(listed)
    for page in listed:
        done = run("guide", page)
        assert (done.code, done.err) == (0, "") and done.out.startswith("# "), page
        assert json.loads(run("guide", page, "--json").out)["text"] == done.out
    done = run("guide", "../guide/start")
    assert done.code == 2 and 'page: unknown value "../guide/start"' in done.err
    paged: list[str] = []
    monkeypatch.setattr("click.echo_via_pager", paged.append)
    monkeypatch.setattr("symnn.cli.guide.on_terminal", lambda: True)
    assert run("guide", "start").out == ""
    assert paged[0].startswith("# Start")


# --- what the command line knows ---


def test_words_are_those_of_the_tables() -> None:
    assert tuple(FORMATS) == tables.KINDS
    assert tuple(FIGURES) == tables.FIGURES
    assert tuple(NOTATIONS) == tables.NOTATIONS
    assert tables.LAYOUTS == LAYOUTS
    assert tuple(TARGETS) == options.TARGETS
    assert set(options.SAME_TARGET.values()) <= set(TARGETS)
    assert tuple(PARTS) == options.INCLUDED
    assert tuple(BUILTIN) == tables.DATA
    assert tables.SUFFIXES == SUFFIXES
    for name, known in tables.CHOICES.items():
        field = SECTIONS["notes"][name]
        assert known == tuple(field.choices), name
    for command in ("derive", "draw", "generate", "train", "check", "new"):
        for option in cli.commands[command].params:
            if isinstance(option, click.Option) and type(option.type) is tables.Word:
                missing = [w for w in option.type.find() if w not in (option.help or "")]
                assert not missing or option.name in ("example", "only"), (command, option.name)


def completed(*words: str) -> set[str]:
    *before, last = words
    complete = BashComplete(cli, {}, "symnn", "_SYMNN_COMPLETE")
    return {f"{item.type}:{item.value}" for item in complete.get_completions([*before], last)}


def test_the_shell_completes_specs_words_and_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets").mkdir()
    for name in ("deeper.toml", "data.csv", "data.npz", "nets/a.yaml", "notes.tex"):
        (tmp_path / name).write_text("")
    assert completed("derive", "de") == {"plain:deep", "plain:deeper.toml", "dir:de"}
    assert completed("check", "nets/") == {"plain:nets/a.yaml", "dir:nets/"}
    assert completed("derive", "xor", "--notation", "n") == {"plain:nielsen", "plain:ng"}
    assert completed("derive", "xor", "--layout", "") == {
        f"plain:{word}" for word in ("sample", "columns", "rows")
    }
    assert completed("derive", "xor", "--detail", "f") == {"plain:full"}
    assert completed("generate", "xor", "--target", "j") == {"plain:jax"}
    assert completed("guide", "new") == {f"plain:new-{k}" for k in ("layer", "format", "target")}
    assert completed("generate", "xor", "--with", "r") == {"plain:reduce"}
    assert completed("draw", "xor", "--figure", "a") == {"plain:activation"}
    assert completed("train", "xor", "--data", "d") == {
        *("plain:digits", "plain:data.csv", "plain:data.npz", "dir:d")
    }
    assert completed("generate", "xor", "--weights", "d") == {"plain:data.npz", "dir:d"}
    assert completed("derive", "xor", "-o", "n") == {"file:n"}


def test_progress_is_drawn_ten_times_a_second_with_the_time_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    now, terminal = [0.0], Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    shown = _Progress(10_000_000, quiet=False, verbose=False)
    for epoch in range(1, 3001):
        now[0] = epoch / 1000
        shown(epoch, 0.5)
    lines = terminal.getvalue().split("\r\x1b[K")[1:]
    assert lines[0] == "epoch        1/10000000  loss 0.5\n"
    assert 28 <= len(lines) <= 31
    assert lines[-1].endswith("  2:46:37 left") and "\n" not in lines[-1]
    shown.end()
    assert terminal.getvalue().endswith("\r\x1b[K")


def test_slides_are_compiled_too(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[str] = []
    monkeypatch.setattr(
        "symnn.cli.derive.compile_pdf",
        lambda text: compiled.append(text) or b"%PDF-1.5\nstartxref\n0\n%%EOF\n",
    )
    assert run("derive", "xor", "--format", "beamer", "-o", "slides.pdf").code == 0
    assert r"\documentclass" in compiled[0] and "{beamer}" in compiled[0]
    assert Path("slides.pdf").read_bytes().startswith(b"%PDF")
    assert run("derive", "xor", "--format", "latex", "-o", "slides.pdf").code == 0
    assert run("derive", "xor").out == marked_text(compiled[1], ".tex")
    assert run("derive", "xor", "-o", "slides.pdf").code == 0
    assert compiled[2] == compiled[1]
    for format, file in (("markdown", "a.pdf"), ("pdf", "a.tex"), ("beamer", "a.md")):
        done = run("derive", "xor", "--format", format, "-o", file)
        assert (done.code, "does not fit" in done.err) == (2, True)
    done = run("derive", "xor", "--format", "beamer", "--fragment", "-o", "a.pdf")
    assert (done.code, "--fragment" in done.err) == (2, True)


def test_the_folder_of_a_spec_that_cannot_be_written_in_has_its_line(
    run: Any, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    for name, reason in (
        ("file", "is not a directory"),
        ("file/below", "Not a directory"),
        ("link", "is a symbolic link"),
        ("link/below", "is a symbolic link"),
        ("x" * 300, "File name too long"),
    ):
        (tmp_path / "a.toml").write_text(f'{SPEC}\n[output]\ndir = "{name}"\n')
        for words in (["generate", "a.toml"], ["train", "a.toml", "--epochs", "1"]):
            done = run(*words)
            assert done.code == 2
            assert done.err.startswith("a.toml:18: output.dir: "), name
            assert reason in done.err or "is not a directory" in done.err, name
            assert len(done.err.splitlines()) == 1
        assert run("generate", "a.toml", "-o", "-").code == 0  # it is not used then
    assert not list((tmp_path / "real").iterdir())


def test_other_data_are_taken_before_those_of_the_spec_are_looked_at(
    run: Any, tmp_path: Path
) -> None:
    """The spec's own file is no CSV, or its name no path at all."""
    (tmp_path / "bad.csv").write_text('"a";"b";"y"\n1;2;3\n')
    (tmp_path / "good.csv").write_text("a,b,y\n1,2,0\n2,1,1\n")
    for data in ("bad.csv", "../none.csv"):
        text = SPEC.replace('data = "xor"', f'data = "{data}"')
        (tmp_path / "a.toml").write_text(text)
        done = run("train", "a.toml")
        assert done.code == 2
        assert ("semicolons" in done.err) == (data == "bad.csv")
        done = run("train", "a.toml", "--data", "good.csv", "--json")
        assert json.loads(done.out)["epochs"] == 3
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.toml").write_text(SPEC.replace("xor", "bad.csv"))
    assert run("train", "sub/a.toml", "--data", "good.csv").code == 0  # of the current folder
    done = run("train", "a.toml", "--data", "bad.csv")
    assert (done.code, "bad.csv:1: train.data: the columns are" in done.err) == (2, True)


# --- train, check ---


def test_train_writes_three_files_and_reports(run: Any, tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(SPEC)
    done = run("train", "small.toml", "--epochs", "5", "--seed", "3")
    assert done.code == 0
    assert "epoch 5/5" in done.err
    for word in ("loss", "root mean square error", "small.py", "small.npz", "small.history.json"):
        assert word in done.out
    module = symnn.load(tmp_path / "small.toml").compile()
    assert module.load(tmp_path / "small.npz")["A_1"].shape == (1, 2)
    history = json.loads((tmp_path / "small.history.json").read_text())
    assert len(history["loss"]) == 5
    assert history["settings"]["seed"] == 3
    done = run("train", "small.toml", "--json", "-q")
    assert json.loads(done.out)["epochs"] == 3
    assert done.err == ""


@pytest.mark.parametrize("target", ["numpy", "numpy-fast"])
def test_train_writes_the_module_of_the_target_that_is_named(
    target: str, run: Any, tmp_path: Path
) -> None:
    """On the command line, or in the spec, which goes for generate too."""
    (tmp_path / "small.toml").write_text(SPEC)
    (tmp_path / "own.toml").write_text(f'{SPEC}[output]\nmodule = "own"\ntarget = "{target}"\n')
    text = symnn.load(tmp_path / "small.toml").generate(target)
    losses = []
    for words in (["small.toml", "--target", target], ["own.toml"]):
        losses.append(json.loads(run("train", *words, "--json").out)["loss"])
    assert (tmp_path / "small.py").read_text() == (tmp_path / "own.py").read_text() == text
    losses.append(json.loads(run("train", "small.toml", "--json").out)["loss"])
    assert losses[1:] == pytest.approx([losses[0]] * 2, rel=1e-12)
    assert run("generate", "own.toml", "-o", "-").out == text
    assert run("check", "own.toml").code == 0


def test_train_brings_what_checkpoints_need(run: Any, tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(SPEC)
    assert run("train", "small.toml", "--checkpoint", "kept").code == 0
    expected = symnn.load(tmp_path / "small.toml").generate(include=["checkpoint"])
    assert (tmp_path / "small.py").read_text() == expected
    assert (tmp_path / "kept" / "checkpoint").exists()


def test_generate_brings_what_few_need(run: Any, tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(SPEC)
    net = symnn.load(tmp_path / "small.toml")
    done = run("generate", "small.toml", "-o", "-", "--with", "reduce,checkpoint")
    assert done.out == net.generate(include=["reduce", "checkpoint"])
    (tmp_path / "small.py").write_text(net.generate())
    np.savez(tmp_path / "d.npz", x=np.zeros((4, 2)), y=np.zeros(4))
    command = [sys.executable, "small.py", "train", "d.npz", "--checkpoint", "kept"]
    refused = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == (
        "small.py: checkpoint was left out of this module: "
        "symnn generate SPEC --with checkpoint brings it\n"
    )
    for words, message in (
        (["--with", "reduse"], "did you mean 'reduce'"),
        (
            ["--with", "reduce", "--target", "c"],
            "c has no such option; use --target numpy",
        ),
    ):
        done = run("generate", "small.toml", "-o", "-", *words)
        assert (done.code, done.out) == (2, "") and message in done.err


def test_training_goes_on_from_weights(run: Any, tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(SPEC)
    first = json.loads(run("train", "small.toml", "--json").out)
    os.replace(tmp_path / "small.npz", tmp_path / "start.npz")
    second = json.loads(run("train", "small.toml", "--weights", "start.npz", "--json").out)
    assert second["loss"] < first["loss"]
    np.savez(tmp_path / "start.npz", A_1=np.zeros((2, 2)))
    assert run("train", "small.toml", "--weights", "start.npz").code == 2
    assert run("train", "small.toml", "--data", "none.csv").code == 2
    assert run("train", "small.toml", "--epochs", "0").code == 2


def test_divergence_is_reported_and_finite_weights_are_kept(run: Any, tmp_path: Path) -> None:
    """With the module that they fit, and the history up to there."""
    (tmp_path / "small.toml").write_text(SPEC)
    assert run("train", "small.toml").code == 0
    wider = DIVERGING.replace("[loss]", '[[layers]]\ntype = "dense"\nunits = 1\n[loss]')
    (tmp_path / "small.toml").write_text(wider)
    done = run("train", "small.toml")
    assert (done.code, "learning rate" in done.err) == (3, True)
    module = symnn.load(tmp_path / "small.toml").compile()
    params = module.load(tmp_path / "small.npz")
    assert all(np.isfinite(v).all() for v in params.values()) and "A_2" in params
    assert (tmp_path / "small.py").read_text() == symnn.load(tmp_path / "small.toml").generate()
    history = json.loads((tmp_path / "small.history.json").read_text())
    epoch = int(re.findall(r"not finite in epoch (\d+)", done.err)[0])
    assert len(history["loss"]) == epoch - 1 and history["train"] == {}


def test_data_too_large_for_the_type_is_the_users_mistake(run: Any, tmp_path: Path) -> None:
    """Also among those that are held out; it was an internal error, with the weights lost."""
    text = SPEC.replace("inputs = 2", 'inputs = 2\ndtype = "float32"').replace("xor", "d.csv")
    (tmp_path / "small.toml").write_text(text + "test_fraction = 0.5\n")
    for rows in ("1e300,0,0\n0,1,1", "0,0,0\n1e300,1,1"):
        (tmp_path / "d.csv").write_text(f"a,b,y\n{rows}\n")
        done = run("train", "small.toml")
        assert (done.code, "x holds a value that is not finite" in done.err) == (2, True)
    assert {p.name for p in tmp_path.iterdir()} == {"small.toml", "d.csv"}


def test_the_data_are_never_replaced_by_weights(run: Any, tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(SPEC.replace('"xor"', '"small.npz"'))
    np.savez(tmp_path / "small.npz", x=np.eye(2), y=np.ones((2, 1)))
    before = (tmp_path / "small.npz").read_bytes()
    for words in ((), ("--force",)):
        assert run("train", "small.toml", *words).code == 2
        assert (tmp_path / "small.npz").read_bytes() == before


def test_what_comes_into_the_way_of_a_run_costs_it_nothing(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module that is edited while a run goes on is kept, and so are the weights."""
    (tmp_path / "small.toml").write_text(SPEC)
    assert run("train", "small.toml").code == 0
    path = tmp_path / "small.py"
    edited, weights = path.read_text() + "# mine\n", (tmp_path / "small.npz").read_bytes()
    monkeypatch.setattr(_Progress, "__call__", lambda *_: path.write_text(edited))
    done = run("train", "small.toml", "--epochs", "5")
    message = "small.py: was edited since symnn wrote it; --force replaces it, or name another"
    assert done.code == 2 and message in done.err and "the weights are in small.1.npz" in done.err
    assert path.read_text() == edited and (tmp_path / "small.npz").read_bytes() == weights
    rescued = symnn.load("small.toml").compile().load("small.1.npz")
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert run("train", "small.toml", "--epochs", "5", "--force").code == 0
    again = symnn.load("small.toml").compile().load("small.npz")
    assert all(np.array_equal(again[k], v) for k, v in rescued.items())


def test_check_verifies(run: Any) -> None:
    done = run("check", "xor", "norm_loss")
    assert done.code == 0
    assert "generated module: central differences agree" in done.out
    done = run("check", "xor", "--json")
    [found] = json.loads(done.out)["checks"]
    assert found["ok"] is True
    assert found["max_error"] < 1e-10


# --- mistakes ---


@pytest.mark.parametrize("command", ["derive", "generate", "check", "train"])
def test_all_mistakes_of_a_spec_are_told_with_their_lines(
    run: Any, tmp_path: Path, command: str
) -> None:
    text = SPEC.replace("inputs = 2", "inputs = 0").replace("sigmoid", "sigmod")
    (tmp_path / "bad.toml").write_text(text.replace("epochs", "epoch"))
    done = run(command, "bad.toml")
    assert done.code == 2
    for place in (
        "bad.toml:3: model.inputs: must be at least 1",
        "bad.toml:8: layers[0].activation: unknown value \"sigmod\"; did you mean 'sigmoid'?",
        "bad.toml:15: train.epoch: unknown field; did you mean 'epochs'?",
    ):
        assert place in done.err
    assert len(done.err.splitlines()) == 3
    errors = json.loads(run(command, "bad.toml", "--json").err)["errors"]
    assert [e["line"] for e in errors] == [3, 8, 15]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["derve", "xor"], "Did you mean 'derive'"),
        (["derive"], "Missing argument"),
        (["derive", "xor", "--layot", "rows"], "--layout"),
        (["derive", "xor", "--layout", "row"], "--layout: unknown value"),
        (["derive", "xor", "-o", "a.doc"], "unknown kind of file"),
        (["derive", "xor", "-o", "a.tex", "--format", "pdf"], "does not fit"),
        (["generate", "xor", "--target", "nump"], "did you mean 'numpy'"),
        (["generate", "xorr"], "did you mean 'xor'"),
        (["generate", "a\nb"], "a\\nb"),
        (["train", "xor", "--epochs", "x"], "not a valid integer"),
        (["train", "xor", "--learning-rate", "nan"], "--learning-rate"),
        ([], "Usage"),
    ],
)
def test_wrong_use_is_explained(run: Any, words: list[str], message: str) -> None:
    done = run(*words)
    assert done.code == 2
    assert message in done.err
    assert "internal" not in done.err


def test_help_and_wrong_use_need_no_sympy(tmp_path: Path) -> None:
    """Nor does the name of a file that is not there, or a word that is not known."""
    np.savez(tmp_path / "bad.npz", A_1=np.array([None]))
    cases = {
        "--help": "Usage",
        "--version": "symnn",
        "derive --help": "Usage",
        "derve": "Did you mean 'derive'",
        "derive": "Missing argument",
        "train -x": "No such option",
        "derive xorr": "did you mean 'xor'",
        "draw nets/a.toml": "nets/a.toml: no such file",
        "generate xor digts": "did you mean 'digits'",
        "train xor --data petal": "did you mean 'petals'",
        "train xor --weights a.npz": "a.npz: No such file",
        "check xor --against bad.npz": "bad.npz: A_1: a pickle",
        "derive xor --notation nielson": "did you mean 'nielsen'",
        "derive xor --format latx": "did you mean 'latex'",
        "new a.toml --example xorr": "did you mean 'xor'",
        "guide start": "# Start",
        "guide modul": "did you mean 'module'",
    }
    code = (
        "import sys\nfrom symnn.cli.main import main\n"
        "for words in sys.argv[1:]:\n"
        "    try: main(words.split())\n"
        "    except SystemExit as end: print('ENDS', end.code, 'sympy' in sys.modules, flush=True)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *cases],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=tmp_path,
    )
    *found, rest = re.split(r"ENDS (\d) (\w+)\n", done.stdout)
    assert rest == "" and len(found) == 3 * len(cases)
    for k, (words, message) in enumerate(cases.items()):
        text, ended, loaded = found[3 * k : 3 * k + 3]
        assert message in text, words
        assert (ended, loaded) == (
            "0" if message.startswith(("Usage", "# ")) or k == 1 else "2",
            "False",
        ), words


def test_a_closed_pipe_is_quiet() -> None:
    command = f"{sys.executable} -m symnn generate digits -o - | head -n 1"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
    assert done.stdout.startswith("# Generated by symnn")
    assert done.stderr == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_said() -> None:
    command = f"{sys.executable} -m symnn generate digits -o - > /dev/full"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
    assert done.returncode == 2
    assert re.fullmatch("symnn: cannot write to standard output: .*\n", done.stderr)


# --- the Python API ---


def test_a_network_is_loaded_from_everything(tmp_path: Path) -> None:
    (tmp_path / "small.toml").write_text(SPEC)
    nets = [
        symnn.load(tmp_path / "small.toml"),
        symnn.load(str(tmp_path / "small.toml")),
        symnn.load(small()),
        Network(
            inputs=2,
            layers=[Dense(1, "sigmoid")],
            loss="sse",
            name="small",
            train={"data": "xor", "epochs": 3},
        ),
    ]
    assert len({net.generate() for net in nets}) == 1
    assert repr(nets[0]) == "<Network 'small' 2-1, loss sse>"
    assert symnn.load("xor").parameters["A_1"] == (4, 2)


def test_mistakes_are_tuples() -> None:
    with pytest.raises(symnn.SpecError) as caught:
        Network(inputs=0, layers=[Dense(2), Dropout(1.5)], loss="ssee")
    errors = caught.value.errors
    assert [e[2] for e in errors] == ["model.inputs", "loss.name", "layers[1].rate"]
    for error in errors:
        file, line, _, message, hint = error
        assert (file, line) == ("Network", None)
        assert message
        assert isinstance(hint, str)
    assert isinstance(caught.value, ValueError)
    assert "did you mean 'sse'" in str(caught.value)


def test_symbols_are_matrices_of_bounded_size() -> None:
    net = Network(inputs=50, layers=[Dense(41, "tanh"), Dense(1)], loss="mse")
    assert net.symbols["A_2"].shape == (1, 41)
    assert net.symbols["b_1"].shape == (41, 1)
    with pytest.raises(ValueError, match=r"2,?050|2,?000"):
        net.symbols["A_1"]


def test_the_network_of_n_layers_needs_no_spec(run: Any) -> None:
    done = run("derive", "--layers", "n", "--fragment")
    assert done.code == 0 and r"A_{k+1}^{\top} \delta_{k+1}" in done.out
    done = run("derive", "deep", "--layers", "m", "--fragment")
    assert done.code == 0 and "A_{m}" in done.out and "A_{11}" not in done.out
    assert run("derive", "--layers", "n", "-o", "n.html").code == 0
    assert Path("n.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    kinds = (["--format", "ipynb"], ["--numbers", "decimal"])
    for words in (["--layers", "7"], *(["--layers", "n", *more] for more in kinds)):
        done = run("derive", *words)
        assert done.code == 2 and not done.out and "--layers" in done.err


def test_numbers_are_a_flag(run: Any) -> None:
    done = run("derive", "xor", "--fragment", "--numbers", "decimal", "--digits", "6")
    assert done.code == 0 and r"\subsection*{The same with numbers}" in done.out
    assert "rounded, the largest entry to $6$ digits" in done.out
    for words, message in (
        (("--numbers", "roman"), 'unknown value "roman"; known: decimal, none, pencil'),
        (("--digits", "2"), "must be at least 3, not 2"),
    ):
        done = run("derive", "xor", *words)
        assert done.code == 2 and message in done.err
