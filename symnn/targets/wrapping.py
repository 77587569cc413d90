"""Python's statements and comments, broken where they are too long for a line.

Statements come out as a formatter would leave them.
"""

from __future__ import annotations

import textwrap

WIDTH = 88


def broken(code: str, indent: int = 4) -> str:
    """``name = expression``, or ``name = call(expression)``, over several lines if need be."""
    if len(code) + indent <= WIDTH:
        return code
    name, body = code.split(" = ", 1)
    call = "float" if body.startswith("float(") and _closes_at_end(body) else ""
    body = body[len(call) + 1 : -1] if call else body
    if len(body) + indent + 4 <= WIDTH:
        return f"{name} = {call}(\n    {body}\n)" if call else f"{name} = {filled(body, indent)}"
    rows = _operands(body)
    # a formatter would break inside the brackets at the end of two operands
    few = len(rows) < 2 or (len(rows) == 2 and not call and rows[1][-1] in ")]")
    if few or any(len(row) + indent + 4 > WIDTH for row in rows):
        return f"{name} = {call}{filled(body, indent)}"
    return f"{name} = {call}(\n" + "".join(f"    {row}\n" for row in rows) + ")"


def filled(body: str, indent: int = 4) -> str:
    """An expression in brackets, broken at any space."""
    rows = textwrap.wrap(body, WIDTH - indent - 4, break_long_words=False, break_on_hyphens=False)
    return "(\n" + "".join(f"    {row}\n" for row in rows) + ")  # fmt: skip"


def comment(text: str, width: int) -> list[str]:
    """The rows of a comment, those after the first further in."""
    rows = textwrap.wrap(text, width, break_long_words=False)
    if max(map(len, rows)) > width:  # a long product
        rows = textwrap.wrap(text.replace("]*", "]* "), width, break_long_words=False)
        rows = [row.replace("]* ", "]*") for row in rows]
    return [rows[0], *(f"    {row}" for row in rows[1:])]


def literal(text: str) -> str:
    """User text as one ASCII string literal without a quotation mark inside."""
    plain = text.encode("unicode_escape").decode("ascii")
    return '"' + plain.replace('"', r"\x22").replace("'", r"\x27") + '"'


def _closes_at_end(text: str) -> bool:
    """Whether the first bracket is closed by the last character."""
    depth = 0
    for k, c in enumerate(text):
        depth += (c == "(") - (c == ")")
        if c == ")" and not depth:
            return k == len(text) - 1
    return False


def _operands(text: str) -> list[str]:
    """The operands of the loosest operators outside brackets, each with its operator."""
    for operators in ((" + ", " - "), (" * ", " / ", " @ ")):
        rows, depth, start = [], 0, 0
        for k, c in enumerate(text):
            depth += (c in "([") - (c in ")]")
            if depth == 0 and text[k : k + 3] in operators:
                rows.append(text[start:k])
                start = k + 1
        if rows:
            return [*rows, text[start:]]
    return [text]
