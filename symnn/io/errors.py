"""What a user is told: mistakes with their place and the way out, in words that fit a line."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from symnn.io.exit_codes import USAGE

LINES = 40  # of an error message
SHOWN = 60  # characters of a user's text in a message


class Problem(NamedTuple):
    """One mistake: where it is, what is wrong and the way out."""

    file: str
    line: int | None
    path: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        text = f"{place}: {self.path}: {self.message}" if self.path else f"{place}: {self.message}"
        return f"{text}; {self.hint}" if self.hint else text


class UserError(Exception):
    """What its user can mend: all problems at once, each with its place and the way out.

    errors: the problems.  code: the exit code of a command that ends with it.
    """

    code = USAGE

    def __init__(self, errors: Sequence[Problem]) -> None:
        self.errors = list(errors)
        shown = [str(e) for e in self.errors[: LINES - 1]]
        if len(self.errors) > len(shown):
            shown.append(f"and {len(self.errors) - len(shown)} more")
        super().__init__("\n".join(shown))


class SpecError(UserError, ValueError):
    """All mistakes of a spec at once."""


def suggestion(word: str, known: Iterable[str]) -> str:
    """A hint with the nearest known words, or with all of them."""
    options = sorted(known)
    if not options:
        return ""
    near = difflib.get_close_matches(str(word)[:100], options, n=1, cutoff=0.6)
    listed = ", ".join(options)
    if near and near[0] != word:
        more = f" (known: {listed})" if len(listed) <= 150 else ""
        return f"did you mean {near[0]!r}?{more}"
    return f"known: {listed}" if len(listed) <= 250 else f"known: {', '.join(options[:20])}, …"


def shorten(text: str) -> str:
    """User text for a message: printable ASCII, others escaped, of bounded length."""
    safe = "".join(c if c.isascii() and c.isprintable() else _escape(c) for c in text[: SHOWN + 1])
    return safe if len(text) <= SHOWN and len(safe) <= 2 * SHOWN else f"{safe[:SHOWN]}..."


def shown_path(path: str | os.PathLike[str]) -> str:
    """The path for a message: its last 200 characters, everything unprintable escaped."""
    return repr(str(path)[-200:])[1:-1]


def _escape(c: str) -> str:
    return c.encode("unicode_escape").decode("ascii")


def quoted(text: str) -> str:
    """User text in quotation marks."""
    return f'"{shorten(text)}"'
