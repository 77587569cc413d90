"""A page, shown where the user is: within a notebook, or in the browser."""

from __future__ import annotations

import html
import importlib
import sys
import tempfile
from pathlib import Path

import click


def show(page: str, name: str, height: int) -> None:
    """Show a page; IPython is asked only where it runs already.

    Raises OSError where no browser opens.
    """
    shell = sys.modules.get("IPython")
    if shell is not None and shell.get_ipython() is not None:
        display = importlib.import_module("IPython.display")
        frame = f'<iframe srcdoc="{html.escape(page)}" width="100%" height="{int(height)}"'
        display.display(display.HTML(frame + ' style="border:0"></iframe>'))
        return
    path = Path(tempfile.mkdtemp(prefix="symnn-")) / f"{name}.html"
    path.write_text(page, encoding="utf-8")
    if click.launch(str(path)):
        raise OSError(f"no application opens {path}")
