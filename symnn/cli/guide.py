"""symnn guide: the pages of the guide, in Markdown.  Nothing here loads SymPy."""

from __future__ import annotations

import json
import sys
from importlib.resources import files
from pathlib import Path

import click

from symnn.cli.streams import put
from symnn.io.exit_codes import FINE

INDEX = "index"


def folder() -> Path:
    """Where the pages lie."""
    return Path(str(files("symnn"))) / "guide"


def pages() -> tuple[str, ...]:
    """The names of the pages."""
    return tuple(sorted(path.stem for path in folder().glob("*.md")))


def on_terminal() -> bool:
    """Whether somebody reads what is printed."""
    return sys.stdout.isatty()


def guide(page: str | None, as_json: bool, quiet: bool, verbose: bool) -> int:
    """Print a page, or the list of pages; on a terminal through its pager."""
    name = page or INDEX
    text = (folder() / f"{name}.md").read_text(encoding="utf-8")
    if as_json:
        put(json.dumps({"page": name, "pages": pages(), "text": text}) + "\n")
    elif on_terminal():
        click.echo_via_pager(text)
    else:
        put(text)
    return FINE
