"""Which symbols of the equations stand for what: each leads to the place that explains it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from copy import copy
from typing import NamedTuple

from symnn.engine.ir import Tensor
from symnn.formulas.symbols import spelled
from symnn.formulas.tex import Printer
from symnn.formulas.tree import Formula, Lettered, Power, Symbol, Transpose
from symnn.notation.notation import Notation
from symnn.notes.context import Context
from symnn.notes.document import Document, Row

EXPLAINED = ("x", "y", "A", "b", "z", "a")  # the letters in the table of symbols, and delta


class Places(NamedTuple):
    """Where the symbols of a tensor lead, "" for nowhere.

    own: the equation that defines it, or its row of the table.  general: its row, where it stands
    for a layer in general.
    """

    own: str
    general: str


def symbols(context: Context, labels: Collection[str], prefix: str) -> dict[str, Places]:
    """Tensor -> where its symbols lead.

    A value and a gradient lead to the equation that defines them, if it is among the labels;
    all other symbols to their row of the table of symbols.
    """
    sources = context.sources
    leaves = {t.name for t in context.forward.leaves}
    found: dict[str, Places] = {}
    for name in [*context.forward.tensors, *sources]:
        label, row = (
            context.label(name),
            _row(context.tensor(sources.get(name, name)), name in sources),
        )
        general = f"sym:{prefix}{row}" if row else ""
        defined = label in labels and name not in leaves
        found[name] = Places(f"eq:{prefix}{label}" if defined else general, general)
    return found


def _row(t: Tensor, gradient: bool) -> str:
    """The row of the table of symbols: that of a letter, or of the errors."""
    if gradient:
        return "delta" if t.kind == "pre-activation" else ""
    return t.letter if t.letter in EXPLAINED else ""


class Links:
    """Where the symbols of a document's equations lead."""

    def __init__(self, notes: Document) -> None:
        self.symbols, self.letters = notes.symbols, notes.letters
        self.places = set(notes.places())

    def place(self, symbol: Symbol, notation: Notation) -> str:
        """The label that a symbol leads to, "" for none; one of layer k to its row of the table."""
        t = notation.tensor(symbol.name)
        name = t.of if t.kind == "next" and t.of else symbol.name
        own, general = self.symbols.get(name, ("", ""))
        return own if own == general or self.numbered(name, notation) else general

    def numbered(self, name: str, notation: Notation) -> bool:
        """Whether a notation writes a tensor as the document does, with its layer's number."""
        if self.letters is None or notation is self.letters:
            return True
        bare = Symbol(name)
        return Printer(notation).tex(bare) == Printer(self.letters).tex(bare)

    def known(self, f: Formula, notation: Notation) -> Iterator[str]:
        """The symbols of a formula that lead anywhere, as TeX."""
        if isinstance(f, Lettered):
            yield from self.known(f.arg, f.notation)
        elif isinstance(f, Symbol) and self.place(f, notation):
            yield Printer(notation).tex(f)
        else:
            inner = spelled(f, notation) if isinstance(f, Symbol) else f
            for part in inner.parts:
                yield from self.known(part, notation)

    def printer(self, row: Row, own: Collection[str], form: str) -> Printer:
        """Prints formulas of a row, with ``form % (place, symbol)`` for every symbol.

        Symbols of places that these notes lack, or that are the row's own, stay as they are.
        """
        if row.free:
            return Printer(row.notation)
        return _Linked(row.notation, self, self.places - set(own), form)


class _Linked(Printer):
    """Prints symbols, with their exponents, as links."""

    def __init__(
        self, notation: Notation, links: Links, places: Collection[str], form: str
    ) -> None:
        super().__init__(notation)
        self.links, self.places, self.form = links, places, form

    def symbol(self, f: Symbol) -> str:
        return self.linked(f, f) or super().symbol(f)

    def power(self, f: Power) -> str:
        return self.linked(f.base, f) or super().power(f)

    def transpose(self, f: Transpose) -> str:
        return self.linked(f.arg, f) or super().transpose(f)

    def linked(self, symbol: Formula, whole: Formula) -> str:
        """A symbol, with its exponent, as a link if it leads elsewhere; "" if it has no place."""
        place = self.links.place(symbol, self.notation) if isinstance(symbol, Symbol) else ""
        text = Printer(self.notation).tex(whole) if place else ""
        return self.form % (place, text) if place in self.places else text

    def lettered(self, f: Lettered) -> str:
        other = copy(self)
        other.notation = f.notation
        return other.tex(f.arg)
