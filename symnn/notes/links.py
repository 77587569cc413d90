"""Which symbols of the equations stand for what: each leads to the place that explains it."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import TypeAlias

from symnn.engine.ir import Tensor
from symnn.formulas.tex import symbol_tex
from symnn.formulas.tree import Glyph
from symnn.notation.notation import Notation
from symnn.notes.context import Context
from symnn.notes.document import Document, Row

INDEX = "@"  # in a symbol: any index
EXPLAINED = ("x", "y", "A", "b", "z", "a")  # the letters in the table of symbols, and delta


def symbols(context: Context, labels: Collection[str], prefix: str) -> dict[str, str]:
    """Symbol, with INDEX for its indices -> where it leads.

    A value and a gradient lead to the equation that defines them, if it is among the labels;
    all other symbols to their row of the table of symbols.
    """
    sources = context.sources
    found: dict[str, str] = {}

    def add(name: str, notation: Notation, place: str) -> None:
        for tex in _written(name, notation):
            found.setdefault(tex, place)

    leaves = {t.name for t in context.forward.leaves}
    for name in [*context.forward.tensors, *sources]:
        label = context.label(name)
        defined = label in labels and name not in leaves
        t = context.tensor(sources.get(name, name))
        row = _row(t, name in sources)
        if defined:
            add(name, context.notation, f"eq:{prefix}{label}")
        elif row:
            add(name, context.notation, f"sym:{prefix}{row}")
        if row and t.layer:
            # as a layer in general, and its neighbours
            for k in (t.layer, t.layer - 1, t.layer + 1):
                add(name, context.labelled(k), f"sym:{prefix}{row}")
    return found


def _row(t: Tensor, gradient: bool) -> str:
    """The row of the table of symbols: that of a letter, or of the errors."""
    if gradient:
        return "delta" if t.kind == "pre-activation" else ""
    return t.letter if t.letter in EXPLAINED else ""


def _written(name: str, notation: Notation) -> set[str]:
    """A tensor's symbol as it may be written: an array or an entry, of one sample or of all."""
    return {
        symbol_tex(notation, name, batch=batch, sub=sub, sup=sup, transposed=turned)
        for batch in (False, True)
        for sub in ((), (Glyph(INDEX),))
        for sup in ((), (Glyph(INDEX),))
        for turned in (False, True)
    }


Link: TypeAlias = Callable[[str, Row, Collection[str]], str]


def linker(notes: Document, form: str) -> Link:
    """(TeX, its row, places) -> the TeX with ``form % (place, symbol)`` for every symbol.

    Symbols of the given places, and of places that these notes lack, stay as they are.
    """
    pattern, found = _written_in(notes)
    places = set(notes.places())

    def link(tex: str, row: Row, own: Collection[str]) -> str:
        def linked(match: re.Match[str]) -> str:
            place = notes.symbols[found[(match.lastindex or 1) - 1]]
            leads = place in places and place not in own
            return form % (place, match[0]) if leads else match[0]

        return tex if row.free else pattern.sub(linked, tex)

    return link


def finder(notes: Document) -> Callable[[str], list[str]]:
    """TeX -> the symbols of the notes that stand in it, each once."""
    pattern, _ = _written_in(notes)
    return lambda tex: list(dict.fromkeys(match[0] for match in pattern.finditer(tex)))


def _written_in(notes: Document) -> tuple[re.Pattern[str], list[str]]:
    """A pattern with a group for each symbol of the equations, and those symbols."""
    text = "\n".join(side for row in notes.rows() for side in (row.left, row.right))
    found = [s for s in notes.symbols if s.partition(INDEX)[0] in text]
    found.sort(key=lambda s: (-len(s), s))  # the longest first
    return re.compile("|".join(f"({_pattern(s)})" for s in found) or "(?!)"), found


def _pattern(symbol: str) -> str:
    """A regular expression for a symbol that no letter stands beside, with its exponent."""
    text = re.escape(symbol).replace(re.escape(INDEX), r"[^{}@]+")
    return rf"(?<![A-Za-z\\]){text}(?:\^\{{[^{{}}]*\}})?(?![A-Za-z_^])"
