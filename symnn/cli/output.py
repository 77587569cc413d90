"""Where the products of the commands go: to standard output, a file, or a folder."""

from __future__ import annotations

import difflib
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from symnn.cli.main import FINE, STALE
from symnn.derivation.network import Network
from symnn.io.fields import Problem, SpecError, shorten
from symnn.io.files import check_writable, read_text_limited, write_files
from symnn.io.marks import marked_text, unix

LIMIT = 64 * 2**20


def mistake(place: str, message: str, hint: str = "") -> SpecError:
    """A user's mistake on the command line."""
    return SpecError([Problem(place, None, "", message, hint)])


def is_folder(output: str) -> bool:
    """Whether an output is a folder."""
    return output.endswith("/") or Path(output).is_dir()


def paths(networks: list[Network], output: str | None, suffix: str) -> Sequence[Path | None]:
    """Where each text goes; None is standard output."""
    if output in (None, "-"):
        return [None] * len(networks)
    assert output is not None
    if is_folder(output):
        return distinct([Path(output) / f"{n.spec.output.module}{suffix}" for n in networks])
    if len(networks) > 1:
        raise mistake("-o", "several specs need a folder", f"write {shorten(output)}/")
    return [Path(output)]


def distinct(places: Sequence[Path]) -> Sequence[Path]:
    """The places, if no two of them are one."""
    for k, path in enumerate(places):
        if path in places[:k]:
            hint = "give them other names: module in [output]"
            raise mistake(shorten(str(path)), "is the file of two specs", hint)
    return places


def compare(path: Path, text: str) -> int:
    """Whether the file holds this text; if not, the difference is printed."""
    found = read_text_limited(path, LIMIT) if path.exists() else ""
    if unix(found.encode()) == text.encode():
        return FINE
    lines = difflib.unified_diff(
        found.splitlines(keepends=True), text.splitlines(keepends=True), str(path), "as derived"
    )
    sys.stdout.writelines(lines)
    click.echo(f"{path}: {'stale' if found else 'missing'}; run without --check", err=True)
    return STALE


def deliver(
    products: Iterable[tuple[Path | None, Callable[[], str | bytes]]],
    suffix: str,
    check: bool,
    force: bool,
    as_json: bool,
    quiet: bool,
) -> tuple[int, list[str]]:
    """Make each product, with its mark, and print it (place None) or write it, or compare it.

    suffix: of all of them.  Nothing is made for places where not all can be written, and
    nothing is written before all are made.  Returns the exit code, and the files written.
    """
    products, code, contents = list(products), FINE, dict[Path, str | bytes]()
    for path, _ in products:
        if path is not None and not check:
            check_writable(path, force=force)
    for path, make in products:
        made = make()
        if path is not None and not check:
            contents[path] = made
            continue
        assert isinstance(made, str)
        made = marked_text(made, suffix)
        if path is None:
            sys.stdout.write(made)
        else:
            code = max(code, compare(path, made))
    write_files(contents, force=force)
    written = [str(path) for path in contents]
    if written:
        result({"written": written}, f"wrote {', '.join(written)}", as_json, quiet)
    return code, written


def result(found: dict[str, Any], text: str, as_json: bool, quiet: bool) -> None:
    """A command's result on stdout."""
    if as_json:
        click.echo(json.dumps(found))
    elif not quiet:
        click.echo(text)
