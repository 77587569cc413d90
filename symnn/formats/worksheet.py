"""The worksheet: what a row says while its formula is hidden, and the hints for it."""

from __future__ import annotations

from symnn.language.phrases import Phrases
from symnn.notes.document import Document, Row
from symnn.notes.links import Links


class Worksheet:
    """What a page says of the lines of its notes while they are hidden."""

    def __init__(self, notes: Document) -> None:
        self.say = Phrases(notes.language)
        self.links = Links(notes)

    def kept(self, row: Row) -> str:
        """The reason without what gives the answer away."""
        return self.say("join_reasons").join(r for r in self._reasons(row) if not reveals(r))

    def hints(self, row: Row) -> list[str]:
        """The weakest first: by shape, by the symbols of the line, by what its reason reveals."""
        say, found = self.say, []
        if row.shape:
            found.append(say("hint_shape", shape=row.shape))
        symbols = dict.fromkeys(self.links.known(row.right, row.notation))
        if symbols:
            listed = say("join_items").join(f"${symbol}$" for symbol in symbols)
            found.append(say("hint_symbols", symbols=listed))
        return [*found, *filter(reveals, self._reasons(row))]

    def _reasons(self, row: Row) -> list[str]:
        return [reason for reason in row.reason.split(self.say("join_reasons")) if reason]


def reveals(reason: str) -> bool:
    """Whether a reason gives the answer away: it states an equation."""
    return any("=" in tex for tex in reason.split("$")[1::2])
