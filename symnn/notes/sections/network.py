"""The network: F(x) as a whole, its lines, what the symbols mean, the activations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby

from symnn.engine.functions import X
from symnn.engine.ir import Line, name_of
from symnn.engine.stabilise import softmaxes
from symnn.formulas.index import Writer
from symnn.formulas.matrix import NoMatrixFormError
from symnn.formulas.shapes import tensor_shape
from symnn.formulas.symbols import applied
from symnn.formulas.tree import (
    ONE,
    Apply,
    Condition,
    Formula,
    Glyph,
    Group,
    Negative,
    Number,
    Power,
    Product,
    Sum,
)
from symnn.formulas.whole import nested
from symnn.notes.context import Context, by_layer, functions
from symnn.notes.document import Block, Equations, Paragraph, Row, Section, Table, shown
from symnn.notes.figures import figures
from symnn.notes.reasons import definition_row, derivative_row
from symnn.notes.rows import labelled_for, row_of

# the signs that are explained where the equations use them: phrase -> whether a node is one
SIGNS: Mapping[str, Callable[[Formula], bool]] = {
    "sign_product": lambda f: isinstance(f, Product) and f.kind == "hadamard",
    "sign_quotient": lambda f: isinstance(f, Product) and f.kind == "oslash",
    "sign_square": lambda f: isinstance(f, Power) and bool(f.sign) and f.exponent == Number("2"),
    "sign_bracket": lambda f: isinstance(f, Condition) and f.sign in (">", "<", r"\ge", r"\le"),
    "sign_number": lambda f: isinstance(f, Group | Apply) and _with_one(f.arg),
}


def _with_one(f: Formula) -> bool:
    """Whether 1 is added to something, or something to it."""
    return isinstance(f, Sum) and bool({ONE, Negative(ONE)} & {f.terms[0], f.terms[-1]})


def network_section(context: Context) -> Section:
    """What is given: the network."""
    return Section(context.say("network"), tuple(_blocks(context)), given=True)


def _blocks(context: Context) -> Iterator[Block]:
    say, letter = context.say, context.network.depth_letter
    if letter:
        yield Paragraph(say("general", n=letter))
    yield from _whole(context)
    yield from _forward_lines(context)
    yield _table(context)
    if not letter:
        sizes = say("join_items").join(_equal_sizes(context.widths))
        yield Paragraph(say("sizes", sizes=sizes))
    if defined := tuple(_activations(context)):
        yield Paragraph(say("activations"))
        yield Equations(defined)
        yield from figures(context, "activation")


def _whole(context: Context) -> Iterator[Block]:
    """F(x) in one formula, where it has one."""
    say = context.say
    if context.layout != "sample":
        ways = say(context.layout), say(context.layout.removesuffix("s"))
        yield Paragraph(say("batch", ways=ways[0], way=ways[1]))
        yield from figures(context, "network")
        return
    general, output = bool(context.network.depth_letter), context.network.output
    try:
        whole = nested(context.forward, output, context.notation, general)
    except NoMatrixFormError:
        yield from figures(context, "network")
        yield Paragraph(say("by_lines"))
        return
    yield Paragraph(say("nested_softmax" if softmaxes(context.forward) else "nested"))
    left = Apply(None, Glyph("F"), context.symbol("x"))
    yield Equations((Row(left, whole, context.notation, label="F"),))
    yield from figures(context, "network")
    yield Paragraph(say("unfolds"))


def _forward_lines(context: Context) -> Iterator[Block]:
    """The forward lines by layer; equal layers of a deep network once."""
    groups = by_layer(context.forward.lines)
    keys = [
        (k, (context.lettered(k), *((context.signature(x, k), x.why) for x in block)))
        for k, block in groups.items()
    ]
    layers = list(groups)
    rows: list[Row] = []
    for at, length, layer_context in context.stretches(keys):
        first, last = layers[at], layers[at + length - 1]
        own = [row_of(layer_context, line, _why(context, line)) for line in groups[first]]
        own = labelled_for(context, own, layers[at : at + length])
        if length == 1:
            rows += own
            continue
        yield from shown(rows)
        rows = []
        ends = context.number(first), context.number(last)
        yield Paragraph(context.say("alike", first=ends[0], last=ends[1]))
        yield from shown(own)
    yield from shown(rows)


def _why(context: Context, line: Line) -> str:
    if line.why in context.say:
        return context.say(line.why)
    return context.say("component") if line.elementwise and line.lhs.axes else ""


def _table(context: Context) -> Table:
    """The table of symbols."""
    say, rows = context.say, list(_symbols(context))
    header = say("symbol"), say("shape"), say("meaning")
    return Table(header, tuple(row[1:] for row in rows), tuple(row[0] for row in rows))


def _symbols(context: Context) -> Iterator[tuple[str, str, str, str]]:
    """The rows of the table of symbols, by kind: name, symbol, shape, meaning."""
    say, names = context.say, context.sweep.names

    def row(key: str, symbol: str, name: str, meaning: str) -> tuple[str, str, str, str]:
        tensor, notation = context.forward.tensors[name], context.in_general(name)
        shape = r" \times ".join(tensor_shape(tensor, notation, context.layout))
        return key, f"${symbol}$", f"${shape}$", meaning

    for name in ("x", "y"):
        yield row(name, context.letter(name), name, say(f"meaning_{name}"))
    letters: dict[str, list[str]] = {}
    for t in context.forward.tensors.values():
        letters.setdefault(t.letter, []).append(t.name)
    for base in ("A", "b", "z", "a"):
        known = letters.get(base, [])
        last = [n for n in known if context.notation.own(n)]
        for at, name in enumerate([*[n for n in known if n not in last][:1], *last]):
            symbol, k = context.general(name)
            yield row("" if at else base, symbol, name, say(f"meaning_{base}", k=k))
    known = letters["z"]
    name = next((n for n in known if not context.notation.own(n)), known[-1])
    error, k = context.general(names.get(name, f"d{name}"), name)
    of = context.loss_of(name)
    meaning = say("meaning_delta", z=context.general(name)[0], k=k, of=of)
    yield row("delta", error, name, meaning)


def signs(context: Context, sections: Iterable[Section]) -> Paragraph | None:
    """What the signs mean that the equations of these sections use."""
    parts = [part for s in sections for row in s.rows() for part in row.right.walk()]
    used = [phrase for phrase, holds in SIGNS.items() if any(map(holds, parts))]
    listed = context.say("join_reasons").join(map(context.say, used))
    return Paragraph(context.say("signs", signs=listed)) if used else None


def _equal_sizes(sizes: Sequence[object]) -> list[str]:
    """n_0 = 2, n_1 = ... = n_9 = 16, n_10 = 1: equal neighbours together."""
    parts: list[str] = []
    for size, group in groupby(enumerate(sizes), key=lambda pair: pair[1]):
        first, *others = (f"n_{{{k}}}" for k, _ in group)
        dots = r"\cdots = " if others[1:] else ""
        names = f"{first} = {dots}{others[-1]}" if others else first
        parts.append(f"${names} = {size}$")
    return parts


def _activations(context: Context) -> Iterator[Row]:
    """Definition and derivative of every activation, and whose letter it has."""
    notation, say = context.notation, context.say
    if notation.activation:
        yield from _activation_letters(context)
    for row in functions(context.forward.lines):
        found = definition_row(row, notation, say), derivative_row(row, notation, say)
        yield from (replace(own, free=True) for own in found if len(set(own.sides)) > 1)


def _activation_letters(context: Context) -> Iterator[Row]:
    """\\phi(x) = \\tanh(x), once for equal layers."""
    found = [(context.tensor(n).layer, f) for n, f in context.activations.items()]
    if context.notation.one_activation:
        found = found[:1]
    writer = Writer(context.notation, {})
    for at, count, layer_context in context.stretches([(k, f.row.name) for k, f in found]):
        k, f = found[at]
        letter = applied(layer_context.notation, f.row.name, f.row.tex, name_of(f.args[0]), 0)
        span = context.span(k, found[at + count - 1][0]) if count > 1 else ""
        left = Apply(None, letter, writer.formula(X))
        yield Row(left, writer.formula(f.func(X)), context.notation, span, free=True)
