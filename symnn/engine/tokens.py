"""Text as tokens, each with its place, and as statements: a line, or several that hang together."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from symnn.engine.mistakes import Token
from symnn.io.errors import quoted

LENGTH = 2**18  # characters of a text
LONGEST = 10_000  # characters of a statement
# a sign is one where the letter of an axis, or a bracket around several, follows
_TOKEN = re.compile(
    r"(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![A-Za-z0-9_.]))"
    r"|(?P<sign>(?:sum|mean|max)_(?=[a-z{]))"
    r"|(?P<name>[A-Za-z][A-Za-z0-9_]*)"
    r"|(?P<mark>\*\*|<=|>=|!=|[-+*/(){}\[\],<>=:])"
)
OPEN, CLOSE = "([{", ")]}"
# after these a statement goes on in the next line
GOES_ON = ("+", "-", "*", "/", "**", "=", ",", "<", ">", "<=", ">=", "!=")
HINTS = {
    "^": 'write "**" for a power',
    "'": "an axis more is the transpose",
    ";": "one equation stands in a line",
}
HINTS["\\"] = "there is no TeX here; a line goes on after an operator, and within brackets"


@dataclass(frozen=True)
class Statement:
    """The tokens of a statement, the last of which is its end, and how far it is indented."""

    tokens: tuple[Token, ...]
    indent: int


def statements(text: str) -> Iterator[Statement]:
    """The statements of a text; what stands after # is a comment.  Raises TextError."""
    if len(text) > LENGTH:
        where = Token("end", "", 1, 1, "")
        raise where.fault(f"the text is longer than {LENGTH} characters")
    open_: list[Token] = []  # brackets
    found: list[Token] = []
    indent = length = 0
    for number, raw in enumerate(text.splitlines(), 1):
        row = raw.split("#")[0].expandtabs().rstrip()
        new = list(tokens(row, number))
        if not found:
            indent = len(row) - len(row.lstrip())
            length = 0
        found += new
        length += len(row)
        for token in new:
            if token.kind == "mark" and token.text in OPEN:
                open_.append(token)
            elif token.kind == "mark" and token.text in CLOSE:
                pair = OPEN[CLOSE.index(token.text)]
                if not open_ or open_.pop().text != pair:
                    raise token.fault(f"{quoted(token.text)} closes nothing", f"open with {pair}")
        if length > LONGEST:
            raise found[0].fault(f"a statement is longer than {LONGEST} characters")
        if found and not open_ and found[-1].text not in GOES_ON:
            yield _statement(found, indent)
            found = []
    if open_:
        raise open_[-1].fault(f"{quoted(open_[-1].text)} is not closed")
    if found:
        yield _statement(found, indent)


def _statement(found: list[Token], indent: int) -> Statement:
    last = found[-1]
    end = Token("end", "", last.line, last.column + len(last.text), last.row)
    return Statement((*found, end), indent)


def tokens(row: str, line: int = 1) -> Iterator[Token]:
    """The tokens of one line.  Raises TextError for what is none."""
    at = 0
    while at < len(row):
        if row[at].isspace():
            at += 1
            continue
        match = _TOKEN.match(row, at)
        if match is None:
            place = Token("end", "", line, at + 1, row)
            word = re.match(r"[\w.]+|.", row[at:])
            assert word is not None
            if word[0][0].isalnum() and word[0].isascii():
                hint = "write 2*x for a product, and 16, 0.5 or 1e-3 for numbers"
                raise place.fault(f"{quoted(word[0])} is not a number", hint)
            hint = HINTS.get(row[at], "")
            plain = unicodedata.normalize("NFKC", row[at])
            if row[at].isalpha():
                hint = "names are of the letters a-z and A-Z, digits and _"
            elif plain != row[at] and _TOKEN.fullmatch(plain):
                hint = f"write {quoted(plain)}"
            raise place.fault(f"the character {quoted(row[at])} is not known", hint)
        yield Token(str(match.lastgroup), match[0], line, at + 1, row)
        at = match.end()
