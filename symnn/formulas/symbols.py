"""What symbols are made of: a letter, the label of its layer, indices, a transpose.

A gradient is a letter of its own, or made of the symbols of what is differentiated and by what.
"""

from __future__ import annotations

from dataclasses import replace

from symnn.engine.ir import Tensor
from symnn.formulas.tree import (
    Braced,
    Formula,
    Fraction,
    Glyph,
    Group,
    Joined,
    Letter,
    Number,
    Operator,
    Product,
    Scripts,
    Symbol,
    Transpose,
)
from symnn.notation.notation import ACCENTED, LAYER_MARKS, STATES, Notation


def spelled(f: Symbol, notation: Notation) -> Formula:
    """A symbol as its letter with what stands below and above it."""
    t = notation.tensor(f.name)
    f = replace(f, component=f.component or bool(f.sub) or notation.scalar(f.name))
    if t.wrt is not None:
        return _gradient(f, t, t.wrt, notation)
    if t.kind == "next" and t.of:
        return spelled(replace(f, name=t.of), notation)
    if t.of and (letter := STATES.get(t.kind) or (t.letter if t.kind == "sum" else "")):
        return _turned(Scripts(Glyph(letter), (Symbol(t.of), *_sub(f)), _sup(f)), f)
    return _marked(*notation.named(t, f.batch, f.component), f, notation)


def applied(notation: Notation, name: str, tex: str, argument: str | None, order: int) -> Formula:
    """A function's symbol; argument: the tensor that it is applied to, if it is one.

    order: of the derivative, if it is one.
    """
    prime = (Glyph(r"\prime" * order),) if order else ()
    if not notation.activation or argument is None or notation.activations.get(argument) != name:
        return Scripts(Glyph(notation.functions.get(name, tex)), above=prime)
    layer = notation.tensor(argument).layer
    label = "" if notation.one_activation or layer is None else notation.layer(layer)
    below, above = _label(label, notation)
    return Scripts(Glyph(notation.activation), below, (*above, *prime))


def _sub(f: Symbol) -> tuple[Formula, ...]:
    """The indices below a letter, with commas unless each is one letter."""
    return (Joined(f.sub, "" if all(map(_short, f.sub)) else ","),) if f.sub else ()


def _short(index: Formula) -> bool:
    """Whether an index is one letter, with any primes, or one digit."""
    shown = index.shown if isinstance(index, Letter) else index
    last = shown.items[-1] if isinstance(shown, Joined) else shown
    text = last.tex if isinstance(last, Glyph) else last.digits if isinstance(last, Number) else ""
    return len(text) == 1 or text.endswith("'")


def _sup(f: Symbol) -> tuple[Formula, ...]:
    """The indices of samples, in brackets."""
    return (Group(Joined(f.sup, ",")),) if f.sup else ()


def _label(text: str, notation: Notation) -> tuple[tuple[Formula, ...], tuple[Formula, ...]]:
    """The label of a layer, below or above."""
    marks = (Glyph(LAYER_MARKS[notation.layer_mark].format(text)),) if text else ()
    return ((), marks) if notation.above else (marks, ())


def _turned(text: Scripts, f: Symbol) -> Formula:
    """The transpose of a symbol, where it is asked for."""
    if not f.transposed:
        return text
    return Transpose(Group(text) if text.above else text)


def _gradient(f: Symbol, t: Tensor, source: str, notation: Notation) -> Formula:
    of = notation.tensor(source)
    if error := notation.error_of(source, f.batch):
        return _marked(error, "", notation.label(of), f, notation)
    if notation.gradients == "d":
        letter, word, label = notation.named(of, f.batch, f.component)
        return _marked(f"d{letter}", word, label, f, notation)
    component = f.component or notation.scalar(source)
    below = Symbol(source, f.sub, f.sup, batch=f.batch, component=component)
    loss: Formula = Symbol("L", sup=f.sup if notation.each else ())
    if t.name in notation.scaled:
        loss = Group(Product((Glyph(notation.count), loss)))
    if notation.gradients == "nabla" and not component:
        found: Formula = Product((Scripts(Glyph(r"\nabla"), (below,)), loss))
    else:
        top, bottom = Operator(r"\partial", loss), Operator(r"\partial", below)
        found = Fraction(top, bottom, inline=f.inline)
    return Transpose(Group(found)) if f.transposed and not f.inline else found


def _marked(letter: str, word: str, label: str, f: Symbol, notation: Notation) -> Formula:
    """A letter with a word below it, the label of its layer and indices, perhaps transposed."""
    below, above = _label(label, notation)
    below = (*((Glyph(word),) if word else ()), *below, *_sub(f))
    joint = "," if notation.layer_mark == "superscript" else ""
    found = Scripts(Glyph(letter), below, (*above, *_sup(f)), joint, notation.above)
    if not f.transposed:
        return found
    if not found.above or (notation.raised == "joined" and not joint):
        top = Glyph(notation.transpose)
        return replace(found, above=(*found.above, top), joint="")
    if notation.raised != "braces":
        return Transpose(Group(found))
    # TeX drops the braces around a letter with an accent, if nothing else is in them
    return Transpose(Braced(Joined((Glyph("{}"), found)) if ACCENTED.match(letter) else found))
