"""Where the products of the commands go: to standard output, a file, or a folder."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from symnn.cli.streams import put, say
from symnn.io.errors import Problem, SpecError, shorten
from symnn.io.exit_codes import FINE, STALE
from symnn.io.files import absent, check_writable, read_text_limited, write_files
from symnn.io.marks import marked_text, unix

LIMIT = 64 * 2**20


@dataclass(frozen=True)
class Product:
    """What a command makes.

    path: where it goes; None: to standard output.  suffix: of files of its kind.  base: as for
    check_writable.
    """

    path: Path | None
    suffix: str
    make: Callable[[], str | bytes]
    base: Path | None = None


def mistake(place: str, message: str, hint: str = "") -> SpecError:
    """A user's mistake on the command line."""
    return SpecError([Problem(place, None, "", message, hint)])


def is_folder(output: str) -> bool:
    """Whether an output is a folder."""
    return output.endswith("/") or os.path.isdir(output)


def paths(names: Sequence[str], output: str | None, suffix: str) -> list[Path | None]:
    """Where each text goes, by their names; None is standard output."""
    if output in (None, "-"):
        return [None] * len(names)
    assert output is not None
    if is_folder(output):
        return [Path(output) / f"{name}{suffix}" for name in names]
    if len(names) > 1:
        raise mistake("-o", "several specs need a folder", f"write {shorten(output)}/")
    return [Path(output)]


def deliver(products: Sequence[Product], check: bool, force: bool) -> dict[str, Any]:
    """Make all products, then write them; with ``check``, compare them with what is there.

    The result is what :func:`report` prints: "written" (files), "products" (texts for standard
    output) or "stale" (files, each with its difference).  Nothing is made where one of them
    cannot be written, and nothing is written where one of them cannot be made.
    """
    places = [product.path for product in products]
    if check and None in places:
        raise mistake("--check", "compares a file", "name it with -o FILE")
    twice = next((p for k, p in enumerate(places) if p is not None and p in places[:k]), None)
    if twice is not None:
        hint = "give them other names: module in [output]"
        raise mistake(shorten(str(twice)), "is the file of two specs", hint)
    for product in products:
        if product.path is not None and not check:
            check_writable(product.path, force=force, base=product.base)
    made = [(product, product.make()) for product in products]
    if check:
        found = [_difference(p.path, _text(p, content)) for p, content in made if p.path]
        return {"stale": [each for each in found if each is not None]}
    if None in places:
        return {"products": [_text(product, content) for product, content in made]}
    for base in dict.fromkeys(product.base for product in products):
        contents = {p.path: content for p, content in made if p.path and p.base == base}
        write_files(contents, force=force, base=base)
    return {"written": [str(place) for place in places]}


def _text(product: Product, content: str | bytes) -> str:
    """A product as the text that its file holds."""
    assert isinstance(content, str)
    return marked_text(content, product.suffix)


def _difference(path: Path, made: str) -> dict[str, str] | None:
    """How a file differs from the text that it should hold; None: not at all."""
    there = not absent(path)
    found = read_text_limited(path, LIMIT) if there else ""
    if unix(found.encode()) == made.encode():
        return None
    old, new = (text.splitlines(keepends=True) for text in (found, made))
    lines = difflib.unified_diff(old, new, str(path), "as derived")
    state = "stale" if there else "missing"
    return {"file": str(path), "state": state, "difference": "".join(lines)}


def report(found: dict[str, Any], as_json: bool, quiet: bool) -> int:
    """Report what :func:`deliver` has done; the exit code."""
    stale = found.get("stale", [])
    if as_json:
        put(json.dumps(found) + "\n")
    else:
        for text in found.get("products", ()):
            put(text)
        for each in stale:
            put(each["difference"])
            say(f"{each['file']}: {each['state']}; run without --check")
        if "written" in found and not quiet:
            put(f"wrote {', '.join(found['written'])}\n")
    return STALE if stale else FINE


def result(found: dict[str, Any], text: str, as_json: bool, quiet: bool) -> None:
    """A command's result on stdout."""
    if as_json or not quiet:
        put((json.dumps(found) if as_json else text) + "\n")
