"""The statements of a text, one by one: declarations, facts, equations and loops."""

from __future__ import annotations

import difflib
import itertools
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import sympy as sp

from symnn.engine.entries import name_of
from symnn.engine.equations import PARTS, Equation
from symnn.engine.expressions import Expressions
from symnn.engine.facts import sum_is
from symnn.engine.ir import (
    Axis,
    Fact,
    Item,
    Line,
    Program,
    ProgramError,
    Scan,
    Tensor,
    Term,
    is_entry,
)
from symnn.engine.mistakes import Token
from symnn.engine.names import ROLES, WORDS, Loop, Names
from symnn.engine.tokens import Statement, statements
from symnn.io.errors import quoted, suggestion

KINDS = ("weights", "bias", "gain", "table")
INITIAL = ("glorot", "he", "zeros", "ones", "normal")
STATEMENTS = 20_000
BEGINNINGS = (*ROLES, "given", "output", "predict", "for")


class Reader:
    """Reads the statements; what they say beside the program is in its fields, as Text has it."""

    def __init__(
        self,
        text: str,
        functions: Mapping[str, Any],
        samples: int,
        letters: Mapping[str, tuple[str, int]],
    ) -> None:
        self.statements = deque(statements(text))
        self.names = Names(self.statements, functions, samples, letters)
        self.leaves: list[Tensor] = []
        self.items: list[Item] = []
        self.facts: list[Fact] = []
        self.loops: list[tuple[Token, Scan]] = []
        self.initial: dict[str, str] = {}
        self.numbers: dict[str, sp.Rational] = {}
        self.outputs: list[Token] = []
        self.predicted: dict[str, Line] = {}

    def program(self) -> Program:
        """The program.  Raises TextError."""
        if len(self.statements) > STATEMENTS:
            token = self.statements[STATEMENTS].tokens[0]
            raise token.fault(f"the text has more than {STATEMENTS} statements")
        place = Token("end", "", 1, 1, "")
        while self.statements:
            statement = self.statements.popleft()
            place, second = statement.tokens[0], statement.tokens[1]
            if statement.indent:
                raise place.fault("this is indented, and stands in no for", "indent nothing else")
            if second.text == "=" or place.text not in WORDS:
                self.items += self.equation(statement)
            elif place.text == "for":
                self.items += self.loop(statement)
            elif place.text == "predict":
                self.prediction(statement)
            else:
                self.declaration(statement)
        if not self.items:
            raise place.fault("there is no equation", "an example: L = sum_{i} x[i]**2")
        self.names.check(self.leaves)
        for token, scan in self.loops:
            self.check_loop(token, scan)
        try:
            program = Program(tuple(self.leaves), tuple(self.items), tuple(self.facts))
            program.replaced(self.predicted)
        except ProgramError as error:  # what is not found before, such as a scan's order
            raise place.fault(" ".join(str(error).split())) from None
        for token in self.outputs:
            if token.text not in program.tensors:
                hint = suggestion(token.text, program.tensors)
                raise token.fault(f"no equation computes {quoted(token.text)}", hint)
        return program

    # --- declarations ---

    def declaration(self, statement: Statement) -> None:
        expression = Expressions(statement.tokens, PARTS)
        word = expression.take().text
        if word == "given":
            self.given(statement)
            return
        while True:
            if word == "output":
                self.outputs.append(expression.name("the name of a tensor"))
            elif word in ROLES:
                self.leaf(word, expression)
            else:
                raise statement.tokens[0].fault(f"{quoted(word)} begins no statement")
            if not expression.accept(","):
                break
        expression.finish()

    def leaf(self, role: str, expression: Expressions) -> None:
        token = expression.name("the name of a tensor")
        axes = self.names.sized(self.names.own_axes(expression))
        name = self.names.new(token)
        kind = {"weight": "sample weight", "noise": "noise"}.get(role, "")
        if role == "parameter":
            kind = "weights"
            if expression.accept("of"):
                word = expression.name("the kind of a parameter")
                if word.text not in KINDS:
                    raise word.fault(
                        f"{quoted(word.text)} is no kind", suggestion(word.text, KINDS)
                    )
                kind = word.text
            if expression.accept("="):
                self.initial[name] = self.initial_value(expression)
        elif role in ("input", "target") and expression.accept("of"):
            place = expression.now
            size = self.names.size(expression.take())
            if not isinstance(size, int):
                raise place.fault("how many whole numbers there are is a whole number itself")
            self.names.whole[name] = size
        elif role == "mask" and expression.accept("keep"):
            place = expression.now
            kept = self.number(expression)
            if not 0 < kept <= 1:
                raise place.fault("the share that is kept is above 0, and at most 1")
            self.numbers[name] = kept
        elif role in ("state", "hyperparameter") and expression.accept("="):
            self.numbers[name] = self.number(expression)
        role = {"weight": "target", "noise": "mask"}.get(role, role)
        if role == "hyperparameter" and axes:
            raise token.fault("a hyperparameter has no axes")
        self.names.tensors[name] = leaf = self.names.tensor(name, axes, role, kind)
        self.leaves.append(leaf)

    def initial_value(self, expression: Expressions) -> str:
        token = expression.name("how a parameter starts")
        if token.text not in INITIAL:
            hint = suggestion(token.text, INITIAL)
            raise token.fault(f"{quoted(token.text)} is no way to start", hint)
        if token.text != "normal":
            return token.text
        expression.expect("(")
        size = self.number(expression)
        expression.expect(")")
        return f"normal({size})"

    def number(self, expression: Expressions) -> sp.Rational:
        """A number, with a sign or a fraction if need be."""
        place = expression.now
        if place.kind not in ("number", "mark"):
            raise place.fault("a number is expected here")
        (term,) = expression.product()
        if not term.f.is_Rational:
            raise place.fault("a number is expected here")
        return term.f

    def given(self, statement: Statement) -> None:
        """ "given" sum "=" number: what is known of an input or a target."""
        equation = Equation(self.names, statement.tokens[1:], "given", ())
        equation.sizes_from_places()
        # an index that stands free there is any
        equation.bound = [a for a in self.names.axes.values() if not _signed(statement, a.name)]
        terms = equation.sum()
        equation.expect("=")
        value = self.number(equation)
        equation.finish()
        place = statement.tokens[0]
        hint = "write the sum of one input or target, given sum_{o} y[n,o] = 1"
        if equation.before or len(terms) != 1 or not is_entry(terms[0].f) or not terms[0].over:
            raise place.fault("a fact says what a sum over an input is", hint)
        tensor = self.names.tensors.get(name_of(terms[0].f))
        if tensor not in self.leaves or tensor is None or terms[0].f != tensor.entry:
            raise place.fault("a fact says what a sum over an input is", hint)
        if not value.is_positive or any(fact.tensor == tensor.name for fact in self.facts):
            raise place.fault(f"one fact of {tensor.name}, with a number above 0, can be known")
        self.facts.append(sum_is(tensor, terms[0].over, value))

    # --- equations ---

    def left(self, tokens: Sequence[Token]) -> tuple[Token, list[tuple[Token, Axis | None]], int]:
        """name ["[" axes "]"] "=": the name, the axes, and where the right side begins."""
        expression = Expressions(tokens, PARTS)
        token = expression.name("an equation, name[axes] = …,")
        if expression.now.kind == "name":
            if token.text in BEGINNINGS:
                raise token.fault(f"{token.text} stands within a for", "put it above the for")
            near = difflib.get_close_matches(token.text, BEGINNINGS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"an equation is {token.text} = …"
            raise token.fault(f"{quoted(token.text)} begins no statement", hint)
        found = self.names.own_axes(expression)
        expression.expect("=")
        return token, found, expression.at

    def equation(self, statement: Statement) -> list[Line]:
        token, found, at = self.left(statement.tokens)
        if self.names.scan is None or token.text not in self.names.scan.tensors:
            self.names.new(token)
        before, axes, terms = self.right(token, found, statement.tokens[at:])
        self.names.tensors[token.text] = tensor = self.computed(token, axes)
        return [*before, Line(tensor, terms)]

    def prediction(self, statement: Statement) -> None:
        """ "predict" equation: what stands in prediction for the equation of that tensor."""
        token, found, at = self.left(statement.tokens[1:])
        known = {item.lhs.name: item.lhs for item in self.items if isinstance(item, Line)}
        if token.text not in known:
            hint = "write its equation of training above, outside of a for"
            raise token.fault(f"no equation computes {quoted(token.text)}", hint)
        if token.text in self.predicted:
            raise token.fault(f"{token.text} is predicted twice", "leave one of them out")
        before, axes, terms = self.right(token, found, statement.tokens[1 + at :])
        tensor = known[token.text]
        if axes != tensor.axes:
            raise token.fault(f"in training it is {tensor}", "give it the same axes")
        if before:
            raise token.fault("a sign within another term", "give it an equation of its own above")
        self.predicted[token.text] = Line(tensor, terms)

    def right(
        self, token: Token, found: list[tuple[Token, Axis | None]], tokens: Sequence[Token]
    ) -> tuple[list[Line], tuple[Axis, ...], tuple[Term, ...]]:
        """The right side of an equation: lines before it, the axes of the left side, and terms."""
        equation = Equation(self.names, tokens, token.text, found)
        equation.sizes_from_places()
        axes = self.names.sized(found)
        equation.bound = list(axes)
        terms = equation.sum()
        equation.finish()
        used = {s for t in terms for s in t.f.free_symbols}
        for place, own in zip((place for place, _ in found), axes, strict=True):
            if own.symbol not in used:
                hint = f"leave it out: {token.text} has the same values for every {own.name}"
                raise place.fault(f"the axis {own.name} stands on the left alone", hint)
        equation.check_ranges([*equation.before, Line(Tensor(token.text, axes), tuple(terms))])
        return equation.before, axes, tuple(terms)

    def computed(self, token: Token, axes: tuple[Axis, ...]) -> Tensor:
        """The tensor of an equation; T_next is the new value of the state T."""
        base = self.names.tensors.get(token.text.removesuffix("_next"))
        if base is None or not token.text.endswith("_next"):
            return self.names.tensor(token.text, axes)
        if base.role != "state" or base.axes != axes:
            hint = f"declare it, state {base} = 0, or take another name"
            raise token.fault(f"{token.text} is the new value of a state, of the same axes", hint)
        return Tensor(token.text, axes, of=base.name, kind="next", layer=base.layer)

    def loop(self, statement: Statement) -> list[Item]:
        """ "for" axis ["down"] ":" and the indented equations."""
        head = Expressions(statement.tokens, PARTS)
        head.take()
        place, own = self.names.axis(head)
        down = head.accept("down") is not None
        if not head.accept(":"):
            hint = "write for t<16: or for t<16 down:, with equations that have t below"
            raise head.now.fault("a for runs over one axis, up or down", hint)
        head.finish()
        body = []
        while self.statements and self.statements[0].indent:
            body.append(self.statements.popleft())
        if not body:
            raise place.fault("no equation is indented below", "indent those that belong to it")
        for inner in body:
            if inner.indent != body[0].indent:
                raise inner.tokens[0].fault("the equations of a for are indented alike")
            if inner.tokens[0].text == "for" and inner.tokens[1].text != "=":
                raise inner.tokens[0].fault("a for may not stand within another")
        lefts = [self.left(inner.tokens) for inner in body]
        for token, found, _ in lefts:
            self.names.tensors[self.names.new(token)] = None
            if place.text not in (a.text for a, _ in found):
                hint = f"write {token.text}[{place.text}, …], or put it outside"
                raise token.fault(f"{token.text} has no axis {place.text}", hint)
        self.loop_sizes(body, lefts)
        (axis_of_loop,) = self.names.sized([(place, own)])
        self.names.scan = Loop(axis_of_loop, down, frozenset(token.text for token, *_ in lefts))
        lines = [line for inner in body for line in self.equation(inner)]
        self.names.scan = None
        before = [line for line in lines if axis_of_loop not in line.lhs.axes]
        inside = tuple(line for line in lines if axis_of_loop in line.lhs.axes)
        scan = Scan(axis_of_loop, inside, down)
        self.loops.append((place, scan))
        return [*before, scan]

    def check_loop(self, place: Token, scan: Scan) -> None:
        """The equations of a loop read what is computed."""
        own = {line.lhs.name for line in scan.lines}
        others = (t for t in self.names.tensors.values() if t and t.name not in own)
        leaves = tuple(Tensor(t.name, t.axes, "input") for t in others)
        try:
            Program(leaves, (scan,))
        except ProgramError as error:
            raise place.fault(" ".join(str(error).split())) from None

    def loop_sizes(self, body: Sequence[Statement], lefts: Sequence[Any]) -> None:
        """Axes of the tensors of a for, which may read each other whatever their order."""
        while True:
            known = len(self.names.axes)
            for inner, (token, found, at) in zip(body, lefts, strict=True):
                Equation(self.names, inner.tokens[at:], token.text, ()).sizes_from_places()
                if all(a.text in self.names.axes for a, _ in found):
                    self.names.tensors[token.text] = Tensor(token.text, self.names.sized(found))
            if len(self.names.axes) == known:
                return


def _signed(statement: Statement, name: str) -> bool:
    """Whether a sign of the statement binds the axis."""
    inside = False
    for before, token in itertools.pairwise(statement.tokens):
        inside = before.kind == "sign" or (inside and token.text in (name, ",", "{"))
        if inside and token.text == name:
            return True
    return False
