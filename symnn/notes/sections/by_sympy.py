"""By SymPy alone: one entry of a gradient by ``sympy.diff``, beside that of the chain rule."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import sympy as sp
from sympy.logic.boolalg import Boolean

from symnn.engine.ir import Line, Tensor, axis
from symnn.formulas.index import Writer
from symnn.formulas.tree import Glyph
from symnn.notes.context import Context
from symnn.notes.document import Block, Paragraph, Row, Section, shown
from symnn.notes.worked_example import LAYERS, UNITS, small
from symnn.notes.worked_numbers import Numbers

OPERATIONS = 1000  # of the loss, written out: SymPy takes a second
LETTERS = 100  # more than any expression of so many operations needs
LONG = 3  # summands of a sum that stays where it stands


def by_sympy_section(context: Context) -> Section:
    """The first entry of the first weights."""
    one = replace(context, layout="sample", ticks=False)
    return Section(context.say("by_sympy"), tuple(_blocks(one)))


def _blocks(context: Context) -> Iterator[Block]:
    say, network = context.say, context.network
    count = network.explicit.operations("L")
    if not small(network) or count > OPERATIONS:
        yield Paragraph(say("by_sympy_large", layers=LAYERS, units=UNITS))
        return
    weights = next(t for t in context.forward.leaves_of("parameter") if t.kind == "weights")
    at = (0,) * len(weights.axes)
    derivative = sp.diff(network.loss_expression(), network.symbols[weights.name][0])
    parts, value = _split(derivative.xreplace(_entries(context)), _letter(context))
    line = context.sweep.gradients[weights.name]
    left = Tensor(line.lhs.name, line.lhs.axes)[at]
    writer = Writer(context.notation, {sp.Integer(k): Glyph(str(k + 1)) for k in range(LETTERS)})

    def row(name: sp.Expr, f: sp.Expr, reason: str = "") -> Row:
        return Row(writer.formula(name), writer.formula(f), context.notation, reason, free=True)

    numbers = Numbers.of(context, "decimal", network.spec.notes.digits)
    yield Paragraph(say("by_sympy_says", count=count, entry=writer.tex(weights[at])))
    rows = [row(name, f) for name, f in parts.items()]
    found = row(left, value, "sympy.diff")
    yield from shown([*rows, found, *_value(numbers, derivative)])
    yield Paragraph(say("by_sympy_chain"))
    chain = row(left, _entry(line, at), say("by_sympy_chain_reason"))
    yield from shown([chain, *_value(numbers, None if numbers is None else _known(numbers, line))])
    if numbers is None:
        return
    yield Paragraph(say("by_sympy_numbers") + say("join_sentences") + numbers.origin())
    if context.numbers == "none":  # else they stand in a section of their own
        yield from shown(numbers.leaves())


def _entries(context: Context) -> dict[sp.Symbol, sp.Expr]:
    """The symbol of an entry in the explicit forms -> the entry."""
    found = {}
    for name, matrix in context.network.symbols.items():
        tensor = context.forward.tensors[name]
        for i, j in ((i, j) for i in range(matrix.rows) for j in range(matrix.cols)):
            found[matrix[i, j]] = tensor[(i, j)[: len(tensor.axes)]]
    return found


def _letter(context: Context) -> Tensor:
    """What parts of a long expression are called: u_1, u_2, ..., by a letter that is free."""
    letters = {t.name for t in context.forward.tensors.values()}
    taken = {context.letter(name) for name in letters} | {*context.notation.letters.values()}
    name = next(letter for letter in "uqcg" if letter not in taken)
    return Tensor(name, (axis(name, LETTERS),))


def _split(f: sp.Expr, letter: Tensor) -> tuple[dict[sp.Expr, sp.Expr], sp.Expr]:
    """An expression with letters for what is repeated, and for long sums; and what they are."""
    repeated, (value,) = sp.cse(f)
    parts: dict[sp.Expr, sp.Expr] = {}
    known: dict[sp.Expr, sp.Expr] = {}

    def kept(g: sp.Expr) -> sp.Expr:
        """The letter of an expression from now on."""
        parts[name := letter[(sp.Integer(len(parts)),)]] = g
        return name

    def shortened(g: sp.Expr) -> sp.Expr:
        """With the letters of what it holds."""
        g = g.xreplace(known)
        long = sorted((s for s in g.atoms(sp.Add) if s != g and len(s.args) > LONG), key=str)
        return g.xreplace({s: kept(s) for s in long})

    for symbol, g in repeated:
        # a condition has no value that a letter could stand for
        known[symbol] = g.xreplace(known) if isinstance(g, Boolean) else kept(shortened(g))
    return parts, shortened(value)


def _entry(line: Line, at: tuple[int, ...]) -> sp.Expr:
    """The right side of a line at an entry; it sums over nothing, for one sample."""
    own = {a.symbol: sp.Integer(i) for a, i in zip(line.lhs.axes, at, strict=True)}
    return sp.Add(*(term.f.xreplace(own) for term in line.terms))


def _known(numbers: Numbers, line: Line) -> sp.Expr:
    """The first entry of a line in the numbers of the example."""
    return numbers.example.values.array(line.lhs.name)[(0,) * len(line.lhs.axes)]


def _value(numbers: Numbers | None, f: sp.Expr | None) -> list[Row]:
    """The value of an expression in the numbers of the example, as a row that goes on."""
    if numbers is None or f is None:
        return []
    values: Mapping[sp.Symbol, sp.Expr] = {
        symbol: numbers.example.values.value(name, at) for name, at, symbol in _places(numbers)
    }
    value = f.xreplace(values)
    value = value if value.is_Rational else value.evalf(30)
    shown_value = numbers.style.number(value)
    sign = "=" if shown_value.exact else r"\approx"
    return [Row(None, shown_value.formula, numbers.context.notation, relation=sign)]


def _places(numbers: Numbers) -> Iterator[tuple[str, tuple[int, ...], sp.Symbol]]:
    """Every entry that the explicit forms have a symbol for."""
    network, tensors = numbers.context.network, numbers.example.program.tensors
    for name, matrix in network.symbols.items():
        axes = len(tensors[name].axes)
        for i, j in ((i, j) for i in range(matrix.rows) for j in range(matrix.cols)):
            yield name, (i, j)[:axes], matrix[i, j]
