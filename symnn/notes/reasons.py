"""The reason of a step, in words: what was inserted, which derivative was used, which fact."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import sympy as sp

from symnn.engine.functions import (
    A,
    Function,
    Named,
    X,
    definition,
    expand_primes,
    found_derivative,
    function_class,
)
from symnn.engine.ir import Line, Step
from symnn.engine.simplify import CHAIN, DERIVATIVE, FACT, FORWARD_VALUE, SUBSTITUTE
from symnn.formulas.index import Writer
from symnn.formulas.tree import Cases, Formula, Joined, Relations, Words
from symnn.language.phrases import Phrases
from symnn.notation.notation import Notation
from symnn.notes.context import Context, read_names
from symnn.notes.document import Row


def reason_of(context: Context, step: Step) -> str:
    """The reason of one step."""
    say, before, after = context.say, step.before, step.after
    if step.rule == "chain rule":
        return _chain(context, after)
    if step.rule == "use the fact":
        return say(FACT, fact=", ".join(map(context.fact, step.facts)))
    if before is None:
        return say(step.rule)
    gone = [n for n in read_names(before) if n not in read_names(after) and n in context.sources]
    new = [n for n in read_names(after) if n not in read_names(before)]

    def letters(names: Iterable[str]) -> str:
        return ", ".join(context.letter(n, inline=True) for n in names)

    match step.rule:
        case "substitute" if [context.sources[n] for n in gone] == ["L"]:
            return say("derivative of the loss")
        case "substitute":
            return say(SUBSTITUTE, inserted=letters(gone))
        case "derivative of the activation":
            found = (_derivative(context, *prime) for prime in primes(before))
            return say("join_items").join(found)
        case "use the forward value":
            return say(FORWARD_VALUE, value=letters(new)) if new else say("cancel and collect")
    return say(step.rule)


def _chain(context: Context, line: Line) -> str:
    say, sources = context.say, context.sources
    through = [sources[n] for n in read_names(line) if n in sources]
    if through == ["L"] or not through:
        return say("derivative of the loss")
    letters = (context.letter(n) for n in through if n != "L")
    chain = say(CHAIN, through=", ".join(letters))
    return say("directly", chain=chain) if "L" in through else chain


def _derivative(context: Context, row: Function, order: int) -> str:
    """\\sigma' = a(1 - a), with what a is where it occurs."""
    value, _ = found_derivative(row, order)
    say, writer = context.say, Writer(context.notation, {})
    prime = writer.tex(function_class(row, order)(X))
    if value.has(A):
        function = writer.tex(function_class(row)(X))
        return say("with", prime=prime, value=writer.tex(value), function=function)
    return say(DERIVATIVE, prime=prime, value=writer.tex(value))


def primes(line: Line) -> list[tuple[Function, int]]:
    """The named derivatives in a line, as (row, order)."""
    found = {
        (p.row.name, p.order): (p.row, p.order)
        for t in line.terms
        for p in t.f.atoms(Named)
        if p.order
    }
    return [found[key] for key in sorted(found)]


def how_found(row: Function, say: Phrases) -> str:
    """How the derivative of a function was found, in words."""
    return say(found_derivative(row)[1]) if found_derivative(row)[1] in say else ""


def definition_row(row: Function, notation: Notation, say: Phrases) -> Row:
    """A function's definition, cases with their conditions."""
    return _function_row(function_class(row)(X), definition(row), notation, say)


def derivative_row(row: Function, notation: Notation, say: Phrases) -> Row:
    """A function's derivative, as it was found."""
    value = expand_primes(found_derivative(row)[0].xreplace({A: function_class(row)(X)}))
    own = _function_row(function_class(row, 1)(X), value, notation, say)
    return replace(own, reason=how_found(row, say))


def _function_row(f: sp.Expr, value: sp.Expr, notation: Notation, say: Phrases) -> Row:
    writer = Writer(notation, {})
    right = (
        writer.formula(value) if not isinstance(value, sp.Piecewise) else cases(value, writer, say)
    )
    return Row(writer.formula(f), right, notation)


def cases(f: sp.Piecewise, writer: Writer, say: Phrases) -> Formula:
    """A case distinction with its conditions in words."""
    rows: list[tuple[Formula, Formula]] = []
    for value, condition in f.args:
        when: Formula = Words(say("otherwise"))
        if condition != sp.true:
            own = writer.condition(condition)
            when = Joined(
                (Words(f"{say('if')} "), Relations((own.left, own.right), (own.sign,))), " "
            )
        rows.append((writer.formula(value), when))
    return Cases(tuple(rows))
