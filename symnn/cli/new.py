"""symnn new: a spec to start from."""

from __future__ import annotations

import os
from pathlib import Path

from symnn.cli.output import mistake, report
from symnn.io.errors import shorten
from symnn.io.files import OutputError, write_files
from symnn.spec.sources import LINES, example_names, example_path


def new(file: str, example: str, as_json: bool, quiet: bool, verbose: bool, force: bool) -> int:
    """Write an example's spec, or its lines, to a file."""
    path = Path(file)
    suffix = LINES if example in example_names(LINES) else ".toml"
    if path.suffix != suffix:
        what = "a new spec is" if suffix == ".toml" else f"{example} is"
        raise mistake(shorten(file), f"{what} a {suffix} file", f"write {path.stem}{suffix}")
    if os.path.lexists(path) and not force:
        raise OutputError(path, "the file exists", "--force replaces it")
    # a spec is the user's own from here on, so that it has no mark
    write_files({path: example_path(example, suffix).read_bytes()}, force=True, mark=False)
    return report({"written": [str(path)]}, as_json, quiet)
