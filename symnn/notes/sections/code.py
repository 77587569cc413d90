"""Equation and code: every equation once more, beside the code that computes it."""

from __future__ import annotations

from symnn.notes.document import Document, Listing, Paragraph, Row, Section
from symnn.notes.labels import labelled


def code_section(notes: Document, title: str) -> Section:
    """The equations of these notes that have code; where it computes a stable form, this one."""
    rows: dict[str, Row] = {}
    for row in labelled(notes).values():
        if row.code and (row.code not in rows or row.label.startswith("stable-")):
            rows[row.code] = row
    return Section(title, (Paragraph(notes.remarks), Listing(tuple(rows.values()))))
