"""What the command line knows of its arguments: words, files and specs, to check and complete.

A shell asks for completions again and again, so nothing here loads SymPy.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from symnn.io.errors import Problem, SpecError, quoted, suggestion
from symnn.language.options import DETAILS, METHODS, NUMBERS, STORIES
from symnn.language.phrases import PHRASES

# what belongs to modules that load SymPy; tests compare these with the tables there
KINDS = ("latex", "pdf", "html", "markdown", "ipynb", "beamer", "quarto", "json")
FIGURES = ("network", "graph", "activation", "descent")
NOTATIONS = ("affine", "nielsen", "goodfellow", "d2l", "ng", "cs231n")
LAYOUTS = ("sample", "columns", "rows")
SUFFIXES = (".toml", ".json", ".yaml", ".yml", ".lines")  # of a spec
DATA = ("digits", "alice", "iris", "petals", "xor", "blobs")
# of the notes
CHOICES = {
    "notation": NOTATIONS,
    "layout": LAYOUTS,
    "detail": DETAILS,
    "method": METHODS,
    "story": STORIES,
    "language": tuple(PHRASES),
    "numbers": NUMBERS,
}


class Word(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """One of some words; a wrong one is told with the nearest that is known.

    known: the words, or what finds them.
    """

    name = "word"

    def __init__(self, known: Iterable[str] | Callable[[], Iterable[str]]) -> None:
        self.find = known if callable(known) else lambda: known

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The word.  Raises SpecError."""
        known = tuple(self.find())
        if value in known:
            return str(value)
        place = param.opts[0] if param is not None else ""
        message, hint = f"unknown value {quoted(str(value))}", suggestion(str(value), known)
        raise SpecError([Problem("command line", None, place, message, hint)])

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """The words that begin so."""
        return [CompletionItem(word) for word in self.find() if word.startswith(incomplete)]


class Words(Word):
    """Some of these words, between commas."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """The words.  Raises SpecError."""
        words = value.split(",") if isinstance(value, str) else value
        return tuple(Word.convert(self, word.strip(), param, ctx) for word in words)


class File(Word):
    """A file with one of some suffixes, or one of some words; nothing is checked."""

    name = "file"

    def __init__(
        self, suffixes: tuple[str, ...], known: Iterable[str] | Callable[[], Iterable[str]] = ()
    ) -> None:
        super().__init__(known)
        self.suffixes = suffixes

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """What is given."""
        return str(value)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Words and files that begin so; where there are none, folders."""
        folder, start = os.path.split(incomplete)
        try:
            names = sorted(os.listdir(folder or "."))
        except OSError:
            names = []
        found = [
            CompletionItem(os.path.join(folder, name))
            for name in names
            if name.startswith(start) and Path(name).suffix in self.suffixes
        ]
        words = super().shell_complete(ctx, param, incomplete)
        return [*words, *found, CompletionItem(incomplete, type="dir")]
