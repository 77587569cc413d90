"""Files are written whole or not at all, and never over what symnn did not write."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest

from symnn.io.fields import UserError
from symnn.io.files import (
    MARKER,
    MARKER_KEY,
    InputError,
    OutputError,
    check_folder,
    check_writable,
    read_text_limited,
    write_bytes,
    write_text,
    written_by_symnn,
)
from symnn.io.npz import NpzError

OURS = f"# {MARKER}\nx = 1\n"


def test_written_text_is_read_back_and_nothing_else_remains(tmp_path: Path) -> None:
    target = tmp_path / "new" / "folder" / "a.py"
    write_text(target, OURS)
    assert read_text_limited(target, 1000) == OURS
    assert [p.name for p in target.parent.iterdir()] == ["a.py"]


def test_newlines_are_kept(tmp_path: Path) -> None:
    write_text(tmp_path / "a", "a\nb\r\n")
    assert (tmp_path / "a").read_bytes() == b"a\nb\r\n"


def test_own_files_are_replaced_and_foreign_ones_only_by_force(tmp_path: Path) -> None:
    target = tmp_path / "a.py"
    write_text(target, OURS)
    write_text(target, OURS + "more")
    target.write_text("# precious\n")
    with pytest.raises(OutputError, match=r"a\.py.*exists.*--force"):
        write_text(target, OURS)
    assert target.read_text() == "# precious\n"
    write_text(target, OURS, force=True)
    assert target.read_text() == OURS


def npz(**arrays: object) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "ours"),
    [
        ("a.py", OURS.encode(), True),
        ("a.tex", f"% {MARKER}\n".encode(), True),
        ("a.json", f'{{\n  "{MARKER_KEY}": true'.encode(), True),
        ("a.pdf", b"%PDF\n" + b"x" * 9999 + f"/Creator ({MARKER})".encode(), True),
        ("a.npz", npz(**{MARKER_KEY: np.uint8(1), "x": np.ones(2)}), True),
        ("a.npz", npz(x=np.ones(2)), False),
        ("a.npz", OURS.encode(), False),
        ("a.py", b"y" * 9999 + OURS.encode() + b"y" * 9999, False),
        ("a.py", b"", False),
    ],
)
def test_outputs_are_known_by_their_mark(
    tmp_path: Path, name: str, data: bytes, ours: bool
) -> None:
    (tmp_path / name).write_bytes(data)
    assert written_by_symnn(tmp_path / name) is ours


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_after_an_error_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    target = tmp_path / "a.py"
    write_text(target, OURS)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, call, full)
    for path in (target, tmp_path / "new" / "deep" / "b.py"):
        with pytest.raises(OutputError, match=r"No space left.*free some space"):
            write_text(path, OURS + "more")
    assert [p.name for p in tmp_path.iterdir()] == ["a.py"]
    assert target.read_text() == OURS


def test_an_interrupt_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_text(tmp_path / "a.py", OURS)
    assert not list(tmp_path.iterdir())


def test_symbolic_links_are_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base, outside = tmp_path / "base", tmp_path / "outside"
    base.mkdir()
    outside.mkdir()
    (outside / "a.py").write_text(OURS)
    (base / "link.py").symlink_to(outside / "a.py")
    (base / "dangling.py").symlink_to(outside / "b.py")
    (base / "folder").symlink_to(outside)
    monkeypatch.chdir(base)
    for name in ("link.py", "dangling.py", "folder/a.py", "folder/new/c.py"):
        for path in (Path(name), base / name):
            with pytest.raises(OutputError, match="symbolic link"):
                write_text(path, "x", force=True)
            with pytest.raises(OutputError, match="symbolic link"):
                write_text(path, "x", force=True, base=base)
    assert [p.name for p in outside.iterdir()] == ["a.py"]
    assert (outside / "a.py").read_text() == OURS


def test_links_above_the_base_are_fine(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_text(tmp_path / "link" / "a.py", OURS)
    write_text(tmp_path / "link" / "out" / "b.py", OURS, base=tmp_path / "link")
    assert (tmp_path / "real" / "a.py").read_text() == OURS


@pytest.mark.parametrize("name", ["../a.py", "x/../../a.py", "/nowhere/a.py", "."])
def test_paths_stay_below_the_base(tmp_path: Path, name: str) -> None:
    (tmp_path / "base").mkdir()
    with pytest.raises(OutputError, match="not inside the folder"):
        write_text(tmp_path / "base" / name, OURS, base=tmp_path / "base", force=True)


def test_what_cannot_be_written_is_said_beforehand(tmp_path: Path) -> None:
    (tmp_path / "file").write_text(OURS)
    with pytest.raises(OutputError, match="is a directory"):
        check_writable(tmp_path)
    with pytest.raises(OutputError, match="is not a directory"):
        check_writable(tmp_path / "file" / "a.py")
    with pytest.raises(OutputError, match="cannot write"):
        check_writable(tmp_path / ("x" * 300))
    with pytest.raises(OutputError, match="cannot write"):
        write_text(Path(f"{tmp_path}/a\0b"), OURS)
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with pytest.raises(OutputError, match="not a regular file"):
        write_bytes(fifo, b"", force=True)


def test_no_permission_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(OutputError, match="no permission to write"):
        write_text(tmp_path / "a.py", OURS)


def test_the_mode_of_a_replaced_file_is_kept(tmp_path: Path) -> None:
    target = tmp_path / "a.py"
    write_text(target, OURS)
    target.chmod(0o640)
    write_text(target, OURS)
    assert target.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    ("data", "message", "line"),
    [
        (b"ok\n\xe9", "byte 0xe9 is not UTF-8", 2),
        ("ok".encode("utf-16"), "UTF-16", 1),
        (b"x" * 11, "larger than the limit", None),
    ],
)
def test_unreadable_text_says_where(
    tmp_path: Path, data: bytes, message: str, line: int | None
) -> None:
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(InputError, match=message) as caught:
        read_text_limited(tmp_path / "a", 10)
    assert caught.value.line == line


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path, message in (
        (tmp_path, "directory"),
        (tmp_path / "fifo", "regular"),
        (tmp_path / "none", "No such file"),
    ):
        with pytest.raises(InputError, match=message):
            read_text_limited(path, 10)
    (tmp_path / "bom").write_bytes(b"\xef\xbb\xbfok")
    assert read_text_limited(tmp_path / "bom", 10) == "ok"


def test_errors_are_problems_with_a_place(tmp_path: Path) -> None:
    """All errors of a user are of one kind, which one function reports."""
    for error in (
        OutputError(tmp_path, "is a directory", "name a file in it"),
        InputError(tmp_path, "not UTF-8", 3),
        NpzError(tmp_path, "missing", "A_1", "expected: A_1"),
    ):
        assert isinstance(error, UserError) and error.code == 2
        assert str(error) == "\n".join(map(str, error.errors))
        assert error.errors[0].file == str(tmp_path)[-200:]
    assert str(NpzError(Path("a.npz"), "missing", "A_1", "more")) == "a.npz: A_1: missing; more"
    assert str(InputError(Path("a"), "bad", 3)) == "a:3: bad"


def test_a_folder_for_files_is_below_its_base_without_links(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    for name in (".", "real", "new", "new/below"):
        check_folder(tmp_path / name, tmp_path)
    for name, message in (
        ("link", "is a symbolic link"),
        ("link/new", "is a symbolic link"),
        ("file", "is not a directory"),
        ("..", "is not inside the folder"),
        ("x" * 300, "File name too long"),
    ):
        with pytest.raises(OutputError, match=message):
            check_folder(tmp_path / name, tmp_path)
    assert not (tmp_path / "new").exists()
