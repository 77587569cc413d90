"""symnn new: a spec to start from."""

from __future__ import annotations

import os
from pathlib import Path

from symnn.cli.output import mistake, tell
from symnn.io.errors import shorten
from symnn.io.files import OutputError, write_files
from symnn.spec.sources import example_path


def new(file: str, example: str, as_json: bool, quiet: bool, verbose: bool, force: bool) -> int:
    """Write an example's spec to a file."""
    path = Path(file)
    if path.suffix != ".toml":
        raise mistake(shorten(file), "a new spec is a .toml file", f"write {path.stem}.toml")
    if os.path.lexists(path) and not force:
        raise OutputError(path, "the file exists", "--force replaces it")
    # a spec is the user's own from here on, so that it has no mark
    write_files({path: example_path(example).read_bytes()}, force=True, mark=False)
    return tell({"written": [str(path)]}, as_json, quiet)
