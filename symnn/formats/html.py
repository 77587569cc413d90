"""The interactive page: every level of detail in one HTML file that loads nothing.

KaTeX, its fonts, the styles and the scripts are part of the page; a policy in its head forbids
every request and every other script.  The mathematics is typeset in the browser, from the same
finished TeX that the other formats print.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from markupsafe import Markup

from symnn.derivation.gradients import Gradients
from symnn.drawing.svg import style, svg
from symnn.formats.visitor import ObjectVisitor
from symnn.formats.worksheet import Worksheet
from symnn.io.templating import folder, render
from symnn.language.options import DETAILS
from symnn.language.phrases import Phrases
from symnn.notes.document import Document, Equations, Figure, Row, Table
from symnn.notes.options import DEFAULT, NotesOptions
from symnn.notes.tell import tell

SHOWN = ("symbols", "numbers", "code")  # what is shown of the equations, besides themselves
LONG = 12  # characters of a left side that has a line to itself on a phone

# What stands in no formula of the notes; the page is smaller without them.
UNUSED_FONTS = re.compile(r"KaTeX_(Fraktur|SansSerif|Script|Typewriter)")


def html(derivation: Gradients, options: NotesOptions = DEFAULT) -> str:
    """The interactive page: every level of detail, that of the options first.

    The code is beside the equations in any case, not at the end.
    """
    options = replace(options, beside=True, code=False)
    levels = (options.detail,) if options.select else DETAILS
    documents = {detail: tell(derivation, replace(options, detail=detail)) for detail in levels}
    return page(documents, options.detail)


def page(documents: Mapping[str, Document], chosen: str = "") -> str:
    """The page of these documents, by level of detail; ``chosen`` is shown first."""
    levels = [
        {
            "name": name,
            "beside": {
                shown: words(said)
                for shown, said in (("numbers", notes.numbers), ("code", notes.remarks))
                if said
            },
            "sections": [
                {
                    "title": words(s.title),
                    "given": s.given,
                    "blocks": _Blocks(sheet.say, None if s.given else sheet).visit(s.blocks),
                }
                for s in notes.sections
            ],
        }
        for name, notes in documents.items()
        for sheet in (Worksheet(notes),)
    ]
    notes = documents[chosen] if chosen else next(iter(documents.values()))
    katex = _vendored("katex.min.js")
    script = (folder() / "formats" / "html" / "page.js").read_text(encoding="utf-8")
    return render(
        "formats/html/page.html.j2",
        layer=notes.layer,
        title=notes.title,
        description=notes.description,
        levels=levels,
        chosen=chosen or levels[0]["name"],
        shown=[name for name in SHOWN if name == "symbols" or name in levels[0]["beside"]],
        say=Phrases(notes.language),
        policy=_policy(katex, script),
        katex_style=Markup(katex_style()),
        figure_style=Markup(style()),
        katex_license=Markup(_vendored("LICENSE")),
        katex=Markup(katex),
        script=Markup(script),
    )


def _policy(*scripts: str) -> str:
    """The content security policy: these scripts, styles and fonts of the page, nothing else."""
    hashes = [base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in scripts]
    allowed = " ".join(f"'sha256-{h}'" for h in hashes)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; "
        "font-src data:; img-src data:; base-uri 'none'; form-action 'none'"
    )


def _vendor() -> Path:
    return Path(str(files("symnn"))) / "vendor" / "katex"


@functools.cache
def _vendored(name: str) -> str:
    return (_vendor() / name).read_text(encoding="utf-8")


@functools.cache
def katex_style() -> str:
    """KaTeX's styles, with the fonts that the notes use as data."""
    rules = re.findall(r"@font-face\{[^}]*\}", _vendored("katex.min.css"))
    style = _vendored("katex.min.css")
    for rule in rules:
        name = re.search(r"fonts/([\w-]+\.woff2)", rule)
        assert name is not None, rule
        if UNUSED_FONTS.match(name[1]):
            style = style.replace(rule, "")
            continue
        data = base64.b64encode((_vendor() / "fonts" / name[1]).read_bytes()).decode("ascii")
        source = f'src:url(data:font/woff2;base64,{data}) format("woff2")'
        style = style.replace(rule, re.sub(r"src:[^;}]*", source, rule))
    return style


def words(text: str) -> list[tuple[bool, str]]:
    """The parts of a text, each with whether it is mathematics."""
    return [(k % 2 == 1, part) for k, part in enumerate(text.split("$")) if part]


class _Blocks(ObjectVisitor):
    """The blocks of a section; sheet: the worksheet that hides its equations, if it is in one."""

    text = staticmethod(words)

    def __init__(self, say: Phrases, sheet: Worksheet | None) -> None:
        self.say, self.sheet = say, sheet

    def visit_table(self, block: Table) -> dict[str, Any]:
        known = [json.dumps(dict(v)) if v else "" for v in block.values]
        return {
            "kind": "table",
            "symbols": bool(block.names),
            "header": [words(cell) for cell in block.header],
            "rows": [[words(cell) for cell in row] for row in block.rows],
            "known": known or [""] * len(block.rows),
        }

    def visit_figure(self, block: Figure) -> dict[str, Any]:
        return {
            "kind": "figure",
            "picture": Markup(svg(block.drawing, alone=False)),
            "label": self.say("figure_number", number=block.number),
            "caption": words(block.caption),
        }

    def visit_equations(self, block: Equations) -> dict[str, Any]:
        return {"kind": "equations", "rows": [_row(row, self.sheet) for row in block.rows]}


def _row(row: Row, sheet: Worksheet | None) -> dict[str, Any]:
    """A row; sheet: the worksheet that hides it, if it is in one."""
    left, right = row.sides
    return {
        "long": row.width(row.left) > LONG,
        "left": rf"\displaystyle {left}" if left else "",
        "relation": f"{{}} {row.relation} {{}}",
        "right": rf"\displaystyle {right}",
        "reason": words(row.reason),
        "kept": words(sheet.kept(row)) if sheet else [],
        "hints": [words(hint) for hint in sheet.hints(row)] if sheet else [],
        "result": row.result,
        "shape": row.shape,
        "checked": row.checked,
        "numbers": rf"\displaystyle {row.numbers}" if row.numbers else "",
        "perturbation": words(row.perturbation),
        "code": row.code,
    }
