"""The reason of a step, in words: what was inserted, which derivative was used, which fact."""

from __future__ import annotations

from collections.abc import Callable, Mapping

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
from symnn.engine.ir import Fact, Line, Step, entries, name_of
from symnn.engine.simplify import CHAIN, DERIVATIVE, FACT, FOLD, SUBSTITUTE
from symnn.formulas.index import Writer
from symnn.language.phrases import Phrases
from symnn.notation.notation import Notation


def read_names(line: Line) -> list[str]:
    """The tensors whose values a line reads, in order of appearance."""
    return list(dict.fromkeys(name_of(e) for t in line.terms for e in entries(t.f)))


class Reasons:
    """Puts the reason of a step into words.

    gradients: name of a gradient -> tensor.  batched: tensors with the letters of a batch.
    fact: a side condition as TeX.
    """

    def __init__(
        self,
        say: Phrases,
        notation: Notation,
        gradients: Mapping[str, str],
        batched: set[str],
        fact: Callable[[Fact], str],
    ) -> None:
        self.say, self.notation, self.fact = say, notation, fact
        self.gradients, self.batched = gradients, batched

    def letter(self, name: str) -> str:
        """A tensor's symbol."""
        source = self.gradients.get(name, name)
        return self.notation.symbol(name, batch=source in self.batched, inline=True)

    def of(self, step: Step) -> str:
        """The reason of one step."""
        match step.rule:
            case "chain rule":
                return self._chain(step.after)
            case "substitute":
                assert step.before is not None
                return self._inserted(step.before, step.after)
            case "derivative of the activation":
                assert step.before is not None
                found = (self.derivative(row, order) for row, order in primes(step.before))
                return self.say("join_items").join(found)
            case "use the forward value":
                assert step.before is not None
                known = read_names(step.before)
                new = [n for n in read_names(step.after) if n not in known]
                if not new:
                    return self.say("cancel and collect")
                return self.say(FOLD, value=", ".join(map(self.letter, new)))
            case "use the fact":
                return self.say(FACT, fact=", ".join(map(self.fact, step.facts)))
        return self.say(step.rule)

    def _chain(self, line: Line) -> str:
        through = [self.gradients[n] for n in read_names(line) if n in self.gradients]
        if through == ["L"] or not through:
            return self.say("derivative of the loss")
        letters = [self.notation.symbol(n, batch=n in self.batched) for n in through if n != "L"]
        chain = self.say(CHAIN, through=", ".join(letters))
        return self.say("directly", chain=chain) if "L" in through else chain

    def _inserted(self, before: Line, after: Line) -> str:
        gone = [n for n in read_names(before) if n not in read_names(after) and self._gradient(n)]
        if [self.gradients[n] for n in gone] == ["L"]:
            return self.say("derivative of the loss")
        return self.say(SUBSTITUTE, inserted=", ".join(self.letter(n) for n in gone))

    def _gradient(self, name: str) -> bool:
        return name in self.gradients

    def derivative(self, row: Function, order: int = 1) -> str:
        """\\sigma' = a(1 - a), with what a is where it occurs."""
        value, _ = found_derivative(row, order)
        writer = Writer(self.notation, {})
        prime = writer.tex(function_class(row, order)(X))
        if value.has(A):
            function = writer.tex(function_class(row)(X))
            return self.say("with", prime=prime, value=writer.tex(value), function=function)
        return self.say(DERIVATIVE, prime=prime, value=writer.tex(value))


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


def definition_tex(row: Function, notation: Notation, say: Phrases) -> tuple[str, str]:
    """The two sides of a function's definition, cases with their conditions."""
    writer = Writer(notation, {})
    left = writer.tex(function_class(row)(X))
    f = definition(row)
    if not isinstance(f, sp.Piecewise):
        return left, writer.tex(f)
    return left, cases(f, writer, say)


def derivative_tex(row: Function, notation: Notation, say: Phrases) -> tuple[str, str]:
    """The two sides of a function's derivative, as it was found."""
    writer = Writer(notation, {})
    value, _ = found_derivative(row)
    value = value.xreplace({A: function_class(row)(X)})
    value = expand_primes(value)
    right = cases(value, writer, say) if isinstance(value, sp.Piecewise) else writer.tex(value)
    return writer.tex(function_class(row, 1)(X)), right


def cases(f: sp.Piecewise, writer: Writer, say: Phrases) -> str:
    """A case distinction with its conditions in words."""
    rows = []
    for value, condition in f.args:
        if condition == sp.true:
            when = rf"\text{{{say('otherwise')}}}"
        else:
            when = rf"\text{{{say('if')} }} {writer.print.tex(writer.condition(condition))[1:-1]}"
        rows.append(f"{writer.tex(value)} & {when}")
    body = r" \\ ".join(rows)
    return rf"\begin{{cases}} {body} \end{{cases}}"
