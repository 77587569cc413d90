"""Where the products of the commands go: to standard output, a file, or a folder."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from symnn.cli.main import FINE, STALE
from symnn.cli.streams import put, say
from symnn.derivation.network import Network
from symnn.io.fields import Problem, SpecError, shorten
from symnn.io.files import absent, check_writable, read_text_limited, write_bytes

LIMIT = 64 * 2**20


@dataclass(frozen=True)
class Product:
    """What a command makes.

    path: where it goes; None: to standard output.  base: as for check_writable.
    """

    path: Path | None
    make: Callable[[], str | bytes]
    base: Path | None = None


def mistake(place: str, message: str, hint: str = "") -> SpecError:
    """A user's mistake on the command line."""
    return SpecError([Problem(place, None, "", message, hint)])


def is_folder(output: str) -> bool:
    """Whether an output is a folder."""
    return output.endswith("/") or os.path.isdir(output)


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


def deliver(products: Sequence[Product], check: bool, force: bool) -> dict[str, Any]:
    """Make all products, then write them; with ``check``, compare them with what is there.

    The result is what :func:`tell` tells: "written" (files), "products" (texts for standard
    output) or "stale" (files, each with its difference).  Nothing is made where one of them
    cannot be written, and nothing is written where one of them cannot be made.
    """
    places = [product.path for product in products]
    if check and None in places:
        raise mistake("--check", "compares a file", "name it with -o FILE")
    twice = next((p for k, p in enumerate(places) if p is not None and p in places[:k]), None)
    if twice is not None:
        hint = "let each spec have a module of its own in [output]"
        raise mistake("-o", f"{shorten(str(twice))} would be written twice", hint)
    for product in products:
        if product.path is not None and not check:
            check_writable(product.path, force=force, base=product.base)
    made = [(product.path, product.make(), product.base) for product in products]
    if check:
        found = [_difference(path, text) for path, text, _ in made if path is not None]
        return {"stale": [each for each in found if each is not None]}
    for path, text, base in made:
        if path is not None:
            data = text.encode("utf-8") if isinstance(text, str) else text
            write_bytes(path, data, force=force, base=base)
    if any(path is None for path, _, _ in made):
        return {"products": [text for _, text, _ in made]}
    return {"written": [str(path) for path, _, _ in made]}


def _difference(path: Path, made: str | bytes) -> dict[str, str] | None:
    """How a file differs from the text that it should hold; None: not at all."""
    assert isinstance(made, str)
    there = not absent(path)
    found = read_text_limited(path, LIMIT) if there else ""
    if found == made:
        return None
    old, new = (text.splitlines(keepends=True) for text in (found, made))
    lines = difflib.unified_diff(old, new, str(path), "as derived")
    state = "stale" if there else "missing"
    return {"file": str(path), "state": state, "difference": "".join(lines)}


def tell(found: dict[str, Any], as_json: bool, quiet: bool) -> int:
    """Tell what :func:`deliver` has done; the exit code."""
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
