"""Python's statements and comments, broken where they are too long for a line.

Statements come out as a formatter would leave them.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

WIDTH = 88


@dataclass(frozen=True)
class Assignment:
    """``name = value``, or ``name = call(value)``.

    operands: those of the loosest operators of the value, each but the first behind its operator.
    """

    name: str
    operands: tuple[str, ...]
    call: str = ""

    def __str__(self) -> str:
        value = " ".join(self.operands)
        return f"{self.name} = {self.call}({value})" if self.call else f"{self.name} = {value}"

    def broken(self, indent: int) -> str:
        """The statement, over several lines if need be."""
        name, call, rows = self.name, self.call, self.operands
        if len(str(self)) + indent <= WIDTH:
            return str(self)
        value = " ".join(rows)
        if len(value) + indent + 4 <= WIDTH:
            return (
                f"{name} = {call}(\n    {value}\n)" if call else f"{name} = {filled(value, indent)}"
            )
        # a formatter would break inside the brackets at the end of two operands
        few = len(rows) < 2 or (len(rows) == 2 and not call and rows[1][-1] in ")]")
        if few or any(len(row) + indent + 4 > WIDTH for row in rows):
            return f"{name} = {call}{filled(value, indent)}"
        return f"{name} = {call}(\n" + "".join(f"    {row}\n" for row in rows) + ")"


def broken(code: str | Assignment, indent: int = 4) -> str:
    """A statement, over several lines if it is an assignment that is too long."""
    return code.broken(indent) if isinstance(code, Assignment) else code


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
