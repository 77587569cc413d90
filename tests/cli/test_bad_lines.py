"""Texts of lines that are wrong: one clear message with its place, exit 2, nothing written."""

from __future__ import annotations

import io
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from symnn.cli.main import main
from symnn.spec.sources import DECLARED

CASES = json.loads(Path(__file__).with_name("bad_lines.json").read_text("utf-8"))["cases"]
BY_ID = {case["id"]: case for case in CASES}


class Done:
    """A command, run in a folder of its own."""

    def __init__(self, capsys: pytest.CaptureFixture[str], *words: str) -> None:
        with pytest.raises(SystemExit) as caught:
            main(list(words))
        self.code = caught.value.code
        self.out, self.err = capsys.readouterr()

    def is_told(self, name: str, case: dict[str, Any]) -> None:
        """One message with the place and the words, on standard error alone."""
        assert (self.code, self.out) == (2, ""), self.err
        rows = self.err.splitlines()
        assert len(rows) == 1 and len(rows[0]) <= 400, self.err
        place = f"{name}:{case['line']}: column " if case["line"] else f"{name}: "
        assert rows[0].startswith(place), self.err
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", rows[0])
        for words in case["mentions"]:
            assert words.lower() in rows[0].lower(), self.err


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", BY_ID)
def test_a_file(name: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = BY_ID[name]
    Path("bad.lines").write_bytes(case["text"].encode())
    for command in case.get("commands", ["check", "derive"]):
        more = ["-o", "notes.tex"] if command == "derive" else []
        Done(capsys, command, "bad.lines", *more).is_told("bad.lines", case)
    assert [p.name for p in folder.iterdir()] == ["bad.lines"]


@pytest.mark.parametrize(
    "name", [n for n, case in BY_ID.items() if case["text"].split()[0] in DECLARED]
)
def test_standard_input(
    name: str, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    case = BY_ID[name]
    command = case.get("commands", ["derive"])[0]
    given = io.BufferedReader(io.BytesIO(case["text"].encode()))  # type: ignore[arg-type]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(given, encoding="utf-8"))
    Done(capsys, command, "-").is_told("<stdin>", case)
    assert not list(folder.iterdir())


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("z = 2*w\nparameter w\nL = z**2", True),
        ("# a comment\n\nz[n] = sum_i W[i]*x[n,i]", True),
        ("L = w**2", True),
        ("seed = 3\n[model]", False),
        ("a = [1,\n2]", False),
        ("[model]\nname = w**2", False),
        ('{"model": 1}', False),
    ],
)
def test_what_standard_input_begins_with(
    text: str, lines: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = io.BufferedReader(io.BytesIO(text.encode()))  # type: ignore[arg-type]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(given, encoding="utf-8"))
    done = Done(capsys, "derive", "-")
    assert done.code == 2 and (": column " in done.err) == lines, done.err


@pytest.mark.parametrize(
    ("words", "messages"),
    [
        (["new", "a.lines"], ["a new spec is a .toml file; write a.toml"]),
        (["new", "a.toml", "--example", "lstm"], ["lstm is a .lines file; write a.lines"]),
        (["new", "a.lines", "--example", "ltsm"], ["ltsm", "did you mean", "lstm"]),
        (["new", "old.lines", "--example", "lstm"], ["the file exists", "--force"]),
        (["check", "no.lines"], ["no.lines: no such file"]),
        (["derive", "empty.lines"], ["the file is empty"]),
        (["check", "latin.lines"], ["latin.lines", "UTF-8"]),
        (["check", "folder.lines"], ["folder.lines"]),
        (["derive", "old.lines", "--layers", "L"], ["not with lines"]),
        (["derive", "old.lines", "-o", "a.docx"], ["unknown kind of file"]),
        (["train", "old.lines"], ["old.lines", "there is no data"]),
        (
            ["draw", "old.lines", "--figure", "descent"],
            ["has no figure", "lines have network and graph"],
        ),
    ],
)
def test_commands(
    words: list[str], messages: list[str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("old.lines").write_text("parameter w\nL = w**2\n")
    Path("empty.lines").write_text("\n")
    Path("latin.lines").write_bytes(b"# \xe9t\xe9\nparameter w\nL = w**2\n")
    Path("folder.lines").mkdir()
    before = sorted(p.name for p in folder.iterdir())
    done = Done(capsys, *words)
    assert (done.code, done.out) == (2, ""), done.err
    assert all(message in done.err for message in messages), done.err
    assert sorted(p.name for p in folder.iterdir()) == before
