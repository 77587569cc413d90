"""The templates: where they lie, and how they are filled.  They hold the shape of a file only."""

from __future__ import annotations

import functools
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2


def folder() -> Path:
    """The folder of the templates: in the installed package, or beside it in a checkout."""
    inside = Path(str(files("symnn"))) / "templates"
    return inside if inside.is_dir() else Path(__file__).parents[2] / "templates"


@functools.cache
def _environment(tex: bool, html: bool) -> jinja2.Environment:
    marks: dict[str, Any] = (
        {
            "variable_start_string": "<<",
            "variable_end_string": ">>",
            "block_start_string": "<%",
            "block_end_string": "%>",
            "comment_start_string": "<#",
            "comment_end_string": "#>",
        }
        if tex
        else {}
    )
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder()),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=html,
        **marks,
    )


def render(template: str, **values: Any) -> str:
    """The template of that name, filled; TeX templates use << >> and <% %>, HTML is escaped."""
    tex, html = template.endswith(".tex.j2"), template.endswith(".html.j2")
    environment = _environment(tex, html)
    return environment.get_template(template).render(**values)
