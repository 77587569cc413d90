"""Letters of a notation: what a user may write for one, and which a notation takes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from symnn.notation.notation import GREEK, Notation

# what a user may call otherwise, and the name of the tensor it stands for; capitals are batches
SYMBOLS = (
    *("A", "b", "z", "a", "x", "y", "L", "delta", "eta", "lambda", "X", "Y", "Z", "Delta"),
    *("activations", "scores", "output", "activation"),
)
_CAPITALS = frozenset(
    {
        *("Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi"),
        *("Sigma", "Upsilon", "Phi", "Psi", "Omega"),
    }
)
_MARKS = {"hat": r"\hat", "tilde": r"\tilde", "bar": r"\bar"}


def letter_tex(text: str) -> str | None:
    """The TeX of a letter of the user's: "bold W", "hat x", "alpha"; None if it is none.

    The grammar: any of bold, cal, hat, tilde, bar, then a Latin or Greek letter.
    """
    *marks, letter = text.split(" ") if text else [""]
    greek = letter in GREEK or letter in _CAPITALS
    if not greek and not re.fullmatch("[A-Za-z]", letter, re.ASCII):
        return None
    tex = "\\" + letter if greek else letter
    for mark in reversed(marks):
        if mark == "bold":
            tex = rf"\boldsymbol{{{tex}}}" if greek else rf"\mathbf{{{tex}}}"
        elif mark == "cal" and re.fullmatch("[A-Z]", tex, re.ASCII):
            tex = rf"\mathcal{{{tex}}}"
        elif mark in _MARKS:
            tex = rf"{_MARKS[mark]}{{{tex}}}"
        else:
            return None
    return tex if len(marks) <= 2 else None


def with_symbols(notation: Notation, symbols: Mapping[str, str]) -> Notation:
    """The notation with letters of the user's own: name of SYMBOLS -> TeX."""
    letters, batch = dict(notation.letters), dict(notation.batch)
    changes: dict[str, Any] = {}
    for key, tex in symbols.items():
        if key in ("delta", "Delta", "activation"):
            changes[{"delta": "error", "Delta": "batch_error"}.get(key, key)] = tex
        elif key in ("X", "Y", "Z", "activations"):
            batch[key[0].lower()] = tex
        else:
            letters["l2" if key == "lambda" else key] = tex
    for table in (letters, batch):  # h, which is a after dropout, needs a letter other than a's
        if table.get("a") == table.get("h", "h"):
            table["h"] = rf"\tilde{{{table['a']}}}"
    for word in ("scores", "output"):
        if word in symbols:
            batch[word] = re.sub(r"(?<![\\A-Za-z])[a-z](?![A-Za-z])", _capital, letters[word])
    return replace(notation, letters=letters, batch=batch, **changes)


def _capital(letter: re.Match[str]) -> str:
    return letter[0].upper()
