"""The notes as JSON: sections, equations, symbols and figures, for programs to read."""

from __future__ import annotations

import json
from typing import Any

from symnn.derivation.gradients import Gradients
from symnn.drawing.svg import svg
from symnn.formats.visitor import ObjectVisitor
from symnn.notes.document import Document, Equations, Figure, Listing, Row, Table
from symnn.notes.options import DEFAULT, NotesOptions
from symnn.notes.tell import tell


def objects(derivation: Gradients, options: NotesOptions = DEFAULT) -> str:
    """The notes as JSON."""
    return json_text(tell(derivation, options))


def json_text(notes: Document) -> str:
    """The notes as JSON.

    Equations are rows of {left, relation, right, reason, result, label, labels, shape, checked,
    code}; formulas are LaTeX, texts have their formulas between dollar signs.  An empty left
    side continues the row above.
    """
    tables = [b for s in notes.sections for b in s.blocks if isinstance(b, Table) and b.names]
    found = {
        "title": notes.title,
        "description": notes.description,
        "language": notes.language,
        "prefix": notes.prefix,
        "remarks": notes.remarks,
        "symbols": [
            dict(zip(("symbol", "shape", "meaning"), row, strict=True))
            for table in tables
            for row in table.rows
        ],
        "sections": [
            {"title": s.title, "blocks": _Objects().visit(s.blocks)} for s in notes.sections
        ],
    }
    return json.dumps(found, indent=1, ensure_ascii=True) + "\n"


class _Objects(ObjectVisitor):
    """The blocks as objects."""

    def visit_table(self, block: Table) -> dict[str, Any]:
        return {"kind": "table", "header": block.header, "rows": block.rows}

    def visit_figure(self, block: Figure) -> dict[str, Any]:
        drawing = block.drawing
        shown = {"number": block.number, "name": drawing.name, "caption": block.caption}
        return {"kind": "figure", **shown, "svg": svg(drawing)}

    def visit_equations(self, block: Equations) -> dict[str, Any]:
        return {"kind": "equations", "rows": [_row(row) for row in block.rows]}

    def visit_listing(self, block: Listing) -> dict[str, Any]:
        return {"kind": "listing", "rows": [{"tex": r.tex, "code": r.code} for r in block.rows]}


def _row(row: Row) -> dict[str, Any]:
    left, right = row.sides
    sides = {"left": left, "relation": row.relation, "right": right}
    names = {"label": row.label or row.repeats, "labels": list(row.labels)}
    known = {"shape": row.shape, "checked": row.checked, "code": row.code}
    return {**sides, "reason": row.reason, "result": row.result, **names, **known}
