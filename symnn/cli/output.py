"""Where the products of the commands go: to standard output, a file, or a folder."""

from __future__ import annotations

import difflib
import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

from symnn.cli.main import FINE, STALE
from symnn.derivation.network import Network
from symnn.io.fields import Problem, SpecError, shorten
from symnn.io.files import check_writable, read_text_limited, write_bytes, write_text

LIMIT = 64 * 2**20


def mistake(place: str, message: str, hint: str = "") -> SpecError:
    """A user's mistake on the command line."""
    return SpecError([Problem(place, None, "", message, hint)])


def is_folder(output: str) -> bool:
    """Whether an output is a folder."""
    return output.endswith("/") or Path(output).is_dir()


def paths(networks: list[Network], output: str | None, suffix: str) -> list[Path | None]:
    """Where each text goes; None is standard output."""
    if output in (None, "-"):
        return [None] * len(networks)
    assert output is not None
    if is_folder(output):
        return [Path(output) / f"{n.spec.output.module}{suffix}" for n in networks]
    if len(networks) > 1:
        raise mistake("-o", "several specs need a folder", f"write {shorten(output)}/")
    return [Path(output)]


def deliver(text: str, path: Path | None, base: Path | None, check: bool, force: bool) -> int:
    """Print or write a text; with ``check``, compare it with what is there."""
    if path is None:
        sys.stdout.write(text)
        return FINE
    if not check:
        write_text(path, text, force=force, base=base)
        return FINE
    found = read_text_limited(path, LIMIT) if path.exists() else ""
    if found == text:
        return FINE
    lines = difflib.unified_diff(
        found.splitlines(keepends=True), text.splitlines(keepends=True), str(path), "as derived"
    )
    sys.stdout.writelines(lines)
    click.echo(f"{path}: {'stale' if found else 'missing'}; run without --check", err=True)
    return STALE


def deliver_all(
    products: Iterable[tuple[Path | None, Callable[[], str | bytes]]],
    check: bool,
    force: bool,
    as_json: bool,
    quiet: bool,
) -> tuple[int, list[str]]:
    """Make and deliver each product; the exit code, and the files that were written.

    Nothing is made for a place where nothing can be written.
    """
    code, written = FINE, []
    for path, make in products:
        if path is not None and not check:
            check_writable(path, force=force)
        made = make()
        if isinstance(made, str):
            code = max(code, deliver(made, path, path and path.parent, check, force))
        elif path is not None:
            write_bytes(path, made, force=force)
        if path is not None and not check:
            written.append(str(path))
    if written:
        result({"written": written}, f"wrote {', '.join(written)}", as_json, quiet)
    return code, written


def result(found: dict[str, Any], text: str, as_json: bool, quiet: bool) -> None:
    """A command's result on stdout."""
    if as_json:
        click.echo(json.dumps(found))
    elif not quiet:
        click.echo(text)
