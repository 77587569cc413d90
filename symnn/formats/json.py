"""The notes as JSON: sections, equations, symbols and figures, for programs to read."""

from __future__ import annotations

import json
from typing import Any

from symnn.drawing.svg import svg
from symnn.notes.document import (
    Block,
    Box,
    Document,
    Equations,
    Figure,
    Heading,
    Listing,
    Paragraph,
    Row,
    Table,
)


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
            {"title": s.title, "blocks": [_block(b) for b in s.blocks]} for s in notes.sections
        ],
    }
    return json.dumps(found, indent=1, ensure_ascii=True) + "\n"


def _block(block: Block) -> dict[str, Any]:
    match block:
        case Paragraph(text, small):
            return {"kind": "paragraph", "text": text, "small": small}
        case Box(title, texts):
            return {"kind": "box", "title": title, "texts": texts}
        case Heading(text):
            return {"kind": "heading", "text": text}
        case Table(header, rows):
            return {"kind": "table", "header": header, "rows": rows}
        case Figure(number, drawing, caption):
            shown = {"number": number, "name": drawing.name, "caption": caption}
            return {"kind": "figure", **shown, "svg": svg(drawing)}
        case Equations(rows):
            return {"kind": "equations", "rows": [_row(r) for r in rows]}
        case Listing(rows):
            return {"kind": "listing", "rows": [{"tex": t, "code": code} for t, code in rows]}
    raise TypeError(block)


def _row(row: Row) -> dict[str, Any]:
    sides = {"left": row.left, "relation": row.relation, "right": row.right}
    names = {"label": row.label or row.repeats, "labels": list(row.labels)}
    known = {"shape": row.shape, "checked": row.checked, "code": row.code}
    return {**sides, "reason": row.reason, "result": row.result, **names, **known}
