"""Reading and writing files: whole or not at all, and never over what symnn did not write."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import stat
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path

from symnn.io.errors import Problem, UserError, shown_path
from symnn.io.marks import marked, origin


class EarlierMark(UserWarning):
    """A file was replaced whose mark, of an earlier symnn, does not tell whether it was edited."""


class OutputError(UserError):
    """A file could not be written.  The message names the path, the reason and the way out."""

    def __init__(self, path: Path, reason: str, hint: str) -> None:
        super().__init__([Problem(shown_path(path), None, "", reason, hint)])
        self.path = path
        self.reason = reason
        self.hint = hint


class InputError(UserError, ValueError):
    """A file could not be read as text.  ``line`` is the place, where there is one."""

    def __init__(self, path: Path, message: str, line: int | None = None) -> None:
        super().__init__([Problem(shown_path(path), line, "", message)])
        self.path = path
        self.message = message
        self.line = line


def write_file(
    path: Path, content: str | bytes, *, force: bool = False, base: Path | None = None
) -> None:
    """One file, as :func:`write_files` does."""
    write_files({path: content}, force=force, base=base)


def write_files(
    contents: Mapping[Path, str | bytes],
    *,
    force: bool = False,
    base: Path | None = None,
    mark: bool = True,
) -> None:
    """Put every content at its path, with its mark, creating the folders above: all or none.

    The bytes, UTF-8 for a text, go to temporary files beside the targets, which take their
    places when all are complete on disk.  After an error or an interrupt neither these nor new
    folders remain, and every target is as it was.  (What ends the process between the last
    steps may leave some targets old and some new, but each of them whole.)

    force, base: as in :func:`check_writable`.  mark: False for a file that is the user's own
    from the first.  Raises OutputError; warns with EarlierMark.
    """
    earlier = [p for p in contents if check_writable(p, force=force, base=base)]
    with contextlib.ExitStack() as undone:
        targets = {}
        for path, content in contents.items():
            data = content.encode() if isinstance(content, str) else content
            data = marked(data, path.suffix) if mark else data
            with _as_output_error(path):
                undone.enter_context(_folders(_absolute(path).parent))
                targets[path] = undone.enter_context(_temporary(_absolute(path), data))
        for path, temporary in targets.items():
            with _as_output_error(path):
                undone.enter_context(_replaced(_absolute(path), temporary, len(targets) > 1))
        for folder in {_absolute(path).parent for path in targets}:
            _sync_folder(folder)
    for path in earlier:
        text = f"{path} was replaced; its mark, of an earlier symnn, does not tell of edits"
        warnings.warn(text, EarlierMark, stacklevel=2)


def check_writable(path: Path, *, force: bool = False, base: Path | None = None) -> bool:
    """Raise OutputError unless a file may be put at ``path``; to be asked before long work.

    A file that is there is replaced only if symnn wrote it and nobody has edited it since, or
    by ``force``.  Returns whether its mark, of an earlier symnn, leaves open who edited it.

    The file itself must not be a symbolic link.  Folders that a user names, on the command line
    or in Python, are the user's: they may be links, as /tmp is on some systems.  base is for
    what a spec names: the folder below which ``path`` must lie, and below which no folder may
    be a link.
    """
    with _as_output_error(path):
        target = _absolute(path)
        for part in [target] if base is None else _below(path, target, _absolute(base)):
            _check_link(path, part)
        if target.is_dir():
            raise OutputError(path, "is a directory", "name a file in it")
        if target.exists() and not target.is_file():
            raise OutputError(path, "is not a regular file", "name another file")
        _check_room(path, target.parent)
        found = origin(target) if target.exists() and not force else "symnn"
        if found == "edited":
            hint = "--force replaces it, or name another file"
            raise OutputError(path, "was edited since symnn wrote it", hint)
        if found == "foreign":
            hint = "use --force to overwrite it, or name another file"
            raise OutputError(path, "exists and was not written by symnn", hint)
        return found == "earlier symnn"


def check_folder(folder: Path, base: Path) -> None:
    """Raise OutputError unless files may be put into ``folder``, which is the base or below it.

    No part of the path below the base may be a symbolic link.
    """
    with _as_output_error(folder):
        target = _absolute(folder)
        if target != _absolute(base):
            for part in _below(folder, target, _absolute(base)):
                _check_link(folder, part)
        _check_room(folder, target)


def read_text_limited(path: Path, limit: int) -> str:
    """The text of a UTF-8 file of at most ``limit`` bytes; a byte order mark is dropped.

    Raises InputError: no such file, not a regular file, too large, another encoding.
    """
    path = Path(path)
    check_readable(path, limit)
    try:
        with open(path, "rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise InputError(path, _reason(error)) from None
    if len(data) > limit:
        raise InputError(path, f"larger than the limit of {limit} bytes")
    return decode(path, data)


def check_readable(path: Path, limit: int) -> None:
    """Raise InputError unless ``path`` is a regular file of at most ``limit`` bytes."""
    try:
        status = os.stat(path)
    except (OSError, ValueError) as error:
        raise InputError(path, _reason(error)) from None
    if stat.S_ISDIR(status.st_mode):
        raise InputError(path, "is a directory, not a file")
    if not stat.S_ISREG(status.st_mode):
        raise InputError(path, "is not a regular file")
    if status.st_size > limit:
        raise InputError(path, f"larger than the limit of {limit} bytes")


def unreachable(path: str | os.PathLike[str]) -> str | None:
    """Why there is nothing to be had at ``path``, in the system's words; None if there is."""
    try:
        os.stat(path)
    except (OSError, ValueError) as error:
        return _reason(error)
    return None


def absent(path: str | os.PathLike[str]) -> bool:
    """Whether nothing is at ``path``; not so where one may not look."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):
        return False
    return False


def decode(path: Path, data: bytes) -> str:
    """UTF-8 bytes as text, without a byte order mark.  Raises InputError with the line."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InputError(path, "the encoding is UTF-16; save the file as UTF-8", 1)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"byte 0x{data[error.start]:02x} is not UTF-8; save the file in that encoding"
        raise InputError(path, message, line) from None


def _absolute(path: Path) -> Path:
    """The path without ``.`` and ``..``, by its letters alone; no link is followed."""
    return Path(os.path.abspath(path))


def _check_link(path: Path, part: Path) -> None:
    """Raise OutputError if this part of the path is a symbolic link."""
    if part.is_symlink():
        raise OutputError(path, f"{part} is a symbolic link", "name the real place")


def _check_room(path: Path, folder: Path) -> None:
    """Raise OutputError unless the folder is there, or can be made, and may be written in."""
    there = next(p for p in (folder, *folder.parents) if p.exists())
    if not there.is_dir():
        raise OutputError(path, f"{there} is not a directory", "name another file")
    if not os.access(there, os.W_OK | os.X_OK):
        raise OutputError(path, f"no permission to write in {there}", "name another folder")


def _below(path: Path, target: Path, base: Path) -> list[Path]:
    """The parts of the target below the base, outermost first."""
    if not target.is_relative_to(base) or target == base:
        raise OutputError(path, f"is not inside the folder {base}", "name a file below it")
    parts = target.relative_to(base).parts
    return [base.joinpath(*parts[: n + 1]) for n in range(len(parts))]


@contextlib.contextmanager
def _temporary(target: Path, data: bytes) -> Iterator[Path]:
    """A file beside the target with these bytes, complete on disk; in the end it is gone."""
    temporary = _hidden(target)
    try:
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            os.chmod(temporary, stat.S_IMODE(target.stat().st_mode))
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def _replaced(target: Path, temporary: Path, several: bool) -> Iterator[None]:
    """The file takes the place of the target; if the body fails, what was there is back.

    several: whether anything is still to be done that may fail.
    """
    with contextlib.ExitStack() as last:
        kept = None
        if several and target.exists():
            kept = _hidden(target)
            last.callback(kept.unlink, missing_ok=True)
            try:
                os.link(target, kept)
            except OSError:  # not every file system gives a file two names
                shutil.copy2(target, kept)
        os.replace(temporary, target)
        try:
            yield
        except BaseException:
            if kept is not None:
                os.replace(kept, target)
            elif several:
                target.unlink(missing_ok=True)
            raise


def _hidden(target: Path) -> Path:
    return target.parent / f".symnn-{secrets.token_hex(8)}"


@contextlib.contextmanager
def _folders(folder: Path) -> Iterator[None]:
    """The folder and those above it exist inside; if the body fails, the new ones go again."""
    new = [p for p in [folder, *folder.parents] if not p.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        for made in new:
            with contextlib.suppress(OSError):
                made.rmdir()
        raise


@contextlib.contextmanager
def _as_output_error(path: Path) -> Iterator[None]:
    """Turn an OSError of the body (and ValueError: a NUL in the path) into OutputError."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise output_error(path, error) from None


def output_error(path: Path, error: OSError | ValueError) -> OutputError:
    """What an error of the system means for a file that should be written."""
    full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT)
    hint = "free some space" if full else "name another file"
    return OutputError(path, f"cannot write: {_reason(error)}", hint)


def _reason(error: OSError | ValueError) -> str:
    return getattr(error, "strerror", None) or str(error)


def _sync_folder(folder: Path) -> None:
    """Make the new name durable, where the system lets a folder be opened for that."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
