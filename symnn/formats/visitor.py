"""How every format reads a document: block by block, with a method for each kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

from symnn.notes.document import Block, Box, Heading, Paragraph

T = TypeVar("T")


class Visitor(Generic[T]):
    """A format: ``visit_box`` prints a Box, and so on for the other kinds of blocks.

    A kind for which a format has no method is printed by its parts, simpler blocks.
    """

    def visit(self, blocks: Iterable[Block]) -> list[T]:
        """Every block in print, in order; TypeError for a kind that cannot be printed."""
        found: list[T] = []
        for block in blocks:
            kind = type(block).__name__
            method: Callable[[Block], T] | None = getattr(self, f"visit_{kind.lower()}", None)
            if method is not None:
                found.append(method(block))
            elif parts := block.parts():
                found += self.visit(parts)
            else:
                raise TypeError(f"{type(self).__name__} does not print a {kind}")
        return found


class ObjectVisitor(Visitor[dict[str, Any]]):
    """A format that prints blocks as objects, for a template or another program."""

    def text(self, text: str) -> Any:
        """A text with formulas in it."""
        return text

    def visit_paragraph(self, block: Paragraph) -> dict[str, Any]:
        return {"kind": "paragraph", "text": self.text(block.text), "small": block.small}

    def visit_box(self, block: Box) -> dict[str, Any]:
        texts = list(map(self.text, block.texts))
        return {"kind": "box", "title": self.text(block.title), "texts": texts}

    def visit_heading(self, block: Heading) -> dict[str, Any]:
        return {"kind": "heading", "text": self.text(block.text)}
