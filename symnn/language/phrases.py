"""The words of the notes, by language.  A further language is one more table, with all keys.

``$...$`` holds mathematics; ``{name}`` is filled in: ``{N}``, ``{L}``, ``{layer}``, ``{x}``,
``{X}``, ``{a}``, ``{h}``, ``{eta}`` and ``{odot}`` with the letters of the notation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from symnn.io.deferred import DeferredTable, deferred
from symnn.language.english import ENGLISH

PHRASES: Mapping[str, Mapping[str, str]] = {
    "en": ENGLISH,
    "zh": DeferredTable(deferred("symnn.language.chinese:CHINESE.items")),
}
# what a spec of the package itself says -> its key
SHIPPED = {
    text: key for key, text in ENGLISH.items() if key.startswith(("example_", "general_title"))
}


class Phrases:
    """The phrases of a language; KeyError for a phrase or language that is not there.

    letters: those of the notation, by the names that the phrases use.
    """

    def __init__(self, language: str, **letters: str) -> None:
        self._table, self._letters = PHRASES[language], letters

    def __call__(self, key: str, **values: object) -> str:
        return self._table[key].format(**{**self._letters, **values})

    def listed(self, formulas: Iterable[str]) -> str:
        """Formulas between the dollars of a sentence: a line may end after each of them."""
        return f"${self('join_items')}$".join(formulas)

    def titled(self, text: str) -> str:
        """A title or description: in this language if it is the package's own, or else as it is."""
        return self._table[SHIPPED[text]] if text in SHIPPED else text

    def __contains__(self, key: str) -> bool:
        return key in self._table
