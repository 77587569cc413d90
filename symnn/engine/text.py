"""Lines as text: ``read`` makes a program of it, ``show`` writes one, and they are inverse.

    input x[n<N, i<3]              # to the end of a line is a comment
    parameter W[j<4, i], b[j]
    target y[n, j]
    z[n,j] = sum_{i} W[j,i]*x[n,i] + b[j]
    a[n,j] = tanh(z[n,j])
    L = sum_{n,j} (a[n,j] - y[n,j])**2/2

No index is summed without a sign.  The whole grammar is in the guide, symnn/guide/lines.md.
"""

from __future__ import annotations

import difflib
import itertools
import math
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sympy as sp

from symnn.engine.entries import name_of
from symnn.engine.expressions import RELATIONS, Expressions
from symnn.engine.facts import sum_is
from symnn.engine.functions import TABLE, named
from symnn.engine.ir import (
    SAMPLES,
    Axis,
    Fact,
    Item,
    Line,
    Program,
    ProgramError,
    Scan,
    Tensor,
    Term,
    axis,
    equation,
    is_entry,
)
from symnn.engine.scalars import FUNCTIONS, applied
from symnn.engine.tokens import Statement, Token, statements
from symnn.io.errors import quoted, suggestion

ROLES = ("input", "target", "weight", "parameter", "state", "mask", "noise", "hyperparameter")
KINDS = ("weights", "bias", "gain", "table")
INITIAL = ("glorot", "he", "zeros", "ones", "normal")
WORDS = (*ROLES, "given", "output", "for", "down", "of", "keep", "if", "else")
CONSTANTS = {"pi": sp.pi}
NAME = 61  # characters of a name
AXES = 12  # of a tensor
PARTS = 4000  # operands and operators of an equation
STATEMENTS = 20_000
LARGEST = 10**8  # values of an axis


@dataclass(frozen=True)
class Text:
    """What a text says: the program, and what stands beside it.

    initial: parameter -> how it starts, "zeros" or "normal(0.1)".  numbers: hyperparameter or
    state -> value; mask -> the share that is kept.  whole: tensor -> how many whole numbers, from
    0, its values may be.  outputs: names.  outside: tensor -> what is said of its first read that
    can leave its range, which is no mistake.
    """

    program: Program
    initial: Mapping[str, str] = field(default_factory=dict)
    numbers: Mapping[str, sp.Rational] = field(default_factory=dict)
    whole: Mapping[str, int] = field(default_factory=dict)
    outputs: tuple[str, ...] = ()
    outside: Mapping[str, str] = field(default_factory=dict)


def read(text: str, functions: Mapping[str, Any] | None = None) -> Program:
    """The program that a text stands for.  Raises TextError, with line and column."""
    return parse(text, functions).program


def parse(text: str, functions: Mapping[str, Any] | None = None) -> Text:
    """The program, and what the text says beside it.

    functions: those of the user's own, by name, beside the table's.  Raises TextError.
    """
    return _Reader(text, functions or {}).text()


class _Reader:
    """The statements of a text, one by one."""

    def __init__(self, text: str, functions: Mapping[str, Any]) -> None:
        self.functions = functions
        self.statements = deque(statements(text))
        words = (t for s in self.statements for t in s.tokens)
        self.words = {t.text for t in words if t.kind == "name"}  # of the whole text
        self.axes: dict[str, Axis] = {}
        self.sizes: set[str] = set()  # names of sizes
        self.tensors: dict[str, Tensor | None] = {}  # None: its axes are not known yet
        self.defined: dict[str, Token] = {}  # name -> where
        self.leaves: list[Tensor] = []
        self.items: list[Item] = []
        self.facts: list[Fact] = []
        self.initial: dict[str, str] = {}
        self.numbers: dict[str, sp.Rational] = {}
        self.whole: dict[str, int] = {}
        self.outputs: list[Token] = []
        self.outside: dict[str, str] = {}
        self.scan: tuple[Axis, set[str]] | None = None  # its axis, and the tensors it computes

    def text(self) -> Text:
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
            else:
                self.declaration(statement)
        if not self.items:
            raise place.fault("there is no equation", "an example: L = sum_{i} x[i]**2")
        self.check_names()
        try:
            program = Program(tuple(self.leaves), tuple(self.items), tuple(self.facts))
        except ProgramError as error:  # what is not found before, such as a scan's order
            raise place.fault(str(error).replace("\n", " ")) from None
        for token in self.outputs:
            if token.text not in program.tensors:
                raise token.fault(f"no equation computes {quoted(token.text)}")
        names = tuple(token.text for token in self.outputs)
        return Text(program, self.initial, self.numbers, self.whole, names, self.outside)

    def check_names(self) -> None:
        """dT and T_next belong to the derivatives and new values of every tensor T."""
        for name in self.tensors:
            if name.startswith("d") and name[1:] in self.tensors:
                place = self.defined[name]
                hint = f"take another name for {name}, or for {name[1:]}"
                raise place.fault(f"{name} is the derivative by {name[1:]}", hint)

    # --- names and axes ---

    def new(self, token: Token) -> str:
        """A name that is not taken."""
        name = token.text
        if len(name) > NAME:
            raise token.fault(f"a name is longer than {NAME} characters")
        if name in self.defined:
            line = self.defined[name].line
            raise token.fault(f"{name} is defined twice, first in line {line}", "take another name")
        kind = (
            "a word of the language"
            if name in WORDS
            else "the number of samples"
            if name == "N"
            else "a constant"
            if name in CONSTANTS
            else "a function"
            if self.function(name) is not None
            else "an axis"
            if name in self.axes
            else "the size of an axis"
            if name in self.sizes
            else ""
        )
        if kind:
            raise token.fault(f"{name} is {kind}", "take another name")
        self.defined[name] = token
        return name

    def function(self, name: str) -> Any:
        """The function of that name; None if there is none."""
        if name in self.functions:
            return self.functions[name]
        if name in TABLE:
            return named(name)
        return FUNCTIONS.get(name)

    def axis(self, expression: Expressions) -> tuple[Token, Axis | None]:
        """name ["<" size]; None for an axis whose size is not known yet."""
        token = expression.name("the letter of an axis")
        name = token.text
        if not name.islower() or len(name) > NAME:
            raise token.fault(f"{quoted(name)} is no name of an axis", "axes are lower case")
        if name in self.tensors or name in WORDS or name in CONSTANTS or self.function(name):
            raise token.fault(f"{name} is no axis: the name is taken", "take another letter")
        if expression.accept("<"):
            size = self.size(expression.take())
            found = axis(name, size)
            if self.axes.setdefault(name, found).size != size:
                both = f"{self.axes[name].size} and {size}"
                hint = "take another letter for one of them"
                raise token.fault(f"the axis {name} has two sizes, {both}", hint)
        return token, self.axes.get(name)

    def size(self, token: Token) -> Any:
        if token.kind == "number" and token.text.isdigit():
            if len(token.text) > 9 or not 1 <= int(token.text) <= LARGEST:
                raise token.fault(f"a size is from 1 to {LARGEST:,}")
            return int(token.text)
        if token.kind != "name":
            raise token.fault("the size of an axis is a whole number, N, or a name")
        if token.text == "N":
            return SAMPLES
        if token.text in self.tensors or token.text in self.axes or token.text in WORDS:
            raise token.fault(f"{token.text} is no size: the name is taken", "take another name")
        self.sizes.add(token.text)
        return sp.Symbol(token.text, integer=True, positive=True)

    def own_axes(self, expression: Expressions) -> list[tuple[Token, Axis | None]]:
        """["[" axis {"," axis} "]"], of the tensor that is defined here."""
        found: list[tuple[Token, Axis | None]] = []
        if not expression.accept("["):
            return found
        while True:
            token, own = self.axis(expression)
            if any(token.text == other.text for other, _ in found):
                raise token.fault(f"the axis {token.text} stands there twice")
            found.append((token, own))
            if not expression.accept(","):
                break
        expression.expect("]")
        if len(found) > AXES:
            raise found[AXES][0].fault(f"a tensor has at most {AXES} axes")
        return found

    def sized(self, found: Iterable[tuple[Token, Axis | None]]) -> tuple[Axis, ...]:
        """The axes; a mistake for one without a size."""
        out = []
        for token, _ in found:
            own = self.axes.get(token.text)
            if own is None:
                hint = f"write {token.text}<… where it first stands"
                raise token.fault(f"the axis {token.text} has no size", hint)
            out.append(own)
        return tuple(out)

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
        axes = self.sized(self.own_axes(expression))
        name = self.new(token)
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
            size = self.size(expression.take())
            if not isinstance(size, int):
                raise place.fault("how many whole numbers there are is a whole number itself")
            self.whole[name] = size
        elif role == "mask" and expression.accept("keep"):
            place = expression.now
            kept = self.number(expression)
            if not 0 < kept <= 1:
                raise place.fault("the share that is kept is above 0, and at most 1")
            self.numbers[name] = kept
        elif role in ("state", "hyperparameter") and expression.accept("="):
            self.numbers[name] = self.number(expression)
        role = {"weight": "input", "noise": "mask"}.get(role, role)
        if role == "hyperparameter" and axes:
            raise token.fault("a hyperparameter has no axes")
        self.tensors[name] = leaf = Tensor(name, axes, role, kind=kind)
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
        equation = _Equation(self, statement.tokens[1:], "given", ())
        equation.sizes_from_places()
        # an index that stands free there is any
        equation.bound = [a for a in self.axes.values() if not _signed(statement, a.name)]
        terms = equation.sum()
        equation.expect("=")
        value = self.number(equation)
        equation.finish()
        place = statement.tokens[0]
        hint = "write the sum of one input or target, given sum_{o} y[n,o] = 1"
        if equation.before or len(terms) != 1 or not is_entry(terms[0].f) or not terms[0].over:
            raise place.fault("a fact says what a sum over an input is", hint)
        tensor = self.tensors.get(name_of(terms[0].f))
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
        found = self.own_axes(expression)
        expression.expect("=")
        return token, found, expression.at

    def equation(self, statement: Statement) -> list[Line]:
        token, found, at = self.left(statement.tokens)
        if self.scan is None or token.text not in self.scan[1]:
            self.new(token)
        equation = _Equation(self, statement.tokens[at:], token.text, found)
        equation.sizes_from_places()
        axes = self.sized(found)
        equation.bound = list(axes)
        terms = equation.sum()
        equation.finish()
        used = {s for t in terms for s in t.f.free_symbols}
        for place, own in zip((place for place, _ in found), axes, strict=True):
            if own.symbol not in used:
                hint = f"leave it out: {token.text} has the same values for every {own.name}"
                raise place.fault(f"the axis {own.name} stands on the left alone", hint)
        self.tensors[token.text] = tensor = self.computed(token, axes)
        return [*equation.before, Line(tensor, tuple(terms))]

    def computed(self, token: Token, axes: tuple[Axis, ...]) -> Tensor:
        """The tensor of an equation; T_next is the new value of the state T."""
        base = self.tensors.get(token.text.removesuffix("_next"))
        if base is None or not token.text.endswith("_next"):
            return Tensor(token.text, axes)
        if base.role != "state" or base.axes != axes:
            raise token.fault(f"{token.text} is the new value of a state, of the same axes")
        return Tensor(token.text, axes, of=base.name, kind="next")

    def loop(self, statement: Statement) -> list[Item]:
        """ "for" axis ["down"] ":" and the indented equations."""
        head = Expressions(statement.tokens, PARTS)
        head.take()
        place, own = self.axis(head)
        down = head.accept("down") is not None
        head.expect(":")
        head.finish()
        body = []
        while self.statements and self.statements[0].indent:
            body.append(self.statements.popleft())
        if not body:
            raise place.fault("no equation is indented below")
        for inner in body:
            if inner.indent != body[0].indent:
                raise inner.tokens[0].fault("the equations of a for are indented alike")
            if inner.tokens[0].text == "for" and inner.tokens[1].text != "=":
                raise inner.tokens[0].fault("a for may not stand within another")
        lefts = [self.left(inner.tokens) for inner in body]
        for token, found, _ in lefts:
            self.tensors[self.new(token)] = None
            if place.text not in (a.text for a, _ in found):
                hint = f"write {token.text}[{place.text}, …], or put it outside"
                raise token.fault(f"{token.text} has no axis {place.text}", hint)
        self.loop_sizes(body, lefts)
        (axis_of_loop,) = self.sized([(place, own)])
        self.scan = axis_of_loop, {token.text for token, *_ in lefts}
        lines = [line for inner in body for line in self.equation(inner)]
        self.scan = None
        before = [line for line in lines if axis_of_loop not in line.lhs.axes]
        inside = tuple(line for line in lines if axis_of_loop in line.lhs.axes)
        scan = Scan(axis_of_loop, inside, down)
        try:
            Program(tuple(_leaves_of(scan, self.tensors, before)), (scan,))
        except ProgramError as error:
            raise place.fault(str(error).replace("\n", " ")) from None
        return [*before, scan]

    def loop_sizes(self, body: Sequence[Statement], lefts: Sequence[Any]) -> None:
        """Axes of the tensors of a for, which may read each other whatever their order."""
        while True:
            known = len(self.axes)
            for inner, (token, found, at) in zip(body, lefts, strict=True):
                _Equation(self, inner.tokens[at:], token.text, ()).sizes_from_places()
                if all(a.text in self.axes for a, _ in found):
                    self.tensors[token.text] = Tensor(token.text, self.sized(found))
            if len(self.axes) == known:
                return


def _signed(statement: Statement, name: str) -> bool:
    """Whether a sign of the statement binds the axis."""
    inside = False
    for before, token in itertools.pairwise(statement.tokens):
        inside = before.kind == "sign" or (inside and token.text in (name, ",", "{"))
        if inside and token.text == name:
            return True
    return False


def _leaves_of(
    scan: Scan, tensors: Mapping[str, Tensor | None], before: Sequence[Line]
) -> Iterator[Tensor]:
    """What a scan reads of others, as leaves."""
    own = {line.lhs.name for line in scan.lines}
    known = {line.lhs.name: line.lhs for line in before} | dict(tensors)
    for name in dict.fromkeys(name_of(e) for line in scan.lines for e in line.reads):
        tensor = known.get(name)
        if name not in own and tensor is not None:
            yield Tensor(name, tensor.axes, "input")


class _Equation(Expressions):
    """The right side of an equation.

    bound: the axes of the left side, and those of the signs that reach over where it stands.
    before: the lines of signs that are no summands.
    """

    def __init__(
        self,
        reader: _Reader,
        tokens: Sequence[Token],
        name: str,
        found: Iterable[tuple[Token, Axis | None]],
    ) -> None:
        super().__init__(tokens, PARTS)
        self.reader = reader
        self.own = name
        self.lhs = {token.text for token, _ in found}
        self.bound: list[Axis] = []
        self.before: list[Line] = []

    def sizes_from_places(self) -> None:
        """An axis without a size takes it from a place where it stands alone."""
        axes = self.reader.axes
        for k, token in enumerate(self.tokens[:-1]):
            tensor = self.reader.tensors.get(token.text) if token.kind == "name" else None
            if tensor is None or self.tokens[k + 1].text != "[":
                continue
            for index, own in zip(_indices(self.tokens, k + 2), tensor.axes, strict=False):
                if len(index) == 1 and index[0].kind == "name" and index[0].text.islower():
                    name = index[0].text
                    if name not in axes and name not in self.reader.tensors:
                        axes[name] = axis(name, own.size)

    # --- signs ---

    def signed(self) -> bool:
        return self.now.kind == "sign"

    def reduced(self) -> list[Term]:
        token = self.take()
        kind = token.text.rstrip("_")
        over: list[Axis] = []
        many = self.accept("{")
        while True:
            place, own = self.reader.axis(self)
            (own,) = self.reader.sized([(place, own)])
            if own in self.bound or own in over:
                hint = "take another letter for the inner sign"
                raise place.fault(f"the index {own.name} is bound already", hint)
            over.append(own)
            if many is None or not self.accept(","):
                break
        if many is not None:
            self.expect("}")
        self.bound += over
        place = self.now
        inner = self.product()
        nested = any(t.reduce == "max" for t in inner) or (
            kind == "max" and (len(inner) > 1 or bool(inner[0].over))
        )
        if nested:
            inner = [Term(self.scalar(inner))]
        self.bound = self.bound[: len(self.bound) - len(over)]
        reduce = "max" if kind == "max" else "sum"
        count = sp.Mul(*(a.size for a in over)) if kind == "mean" else sp.S.One
        for a in over:
            for t in inner:
                if a.symbol not in t.f.free_symbols and kind == "max":
                    raise place.fault(f"the maximum over {a.name} is of what does not depend on it")
        return [Term(t.f / count, (*over, *t.over), reduce) for t in inner]

    def scalar(self, terms: list[Term]) -> sp.Expr:
        """The terms as one expression: a sign within it has a line of its own before this one."""
        if not any(t.over for t in terms):
            return super().scalar(terms)
        free = {s for t in terms for s in t.f.free_symbols - {a.symbol for a in t.over}}
        axes = tuple(a for a in self.bound if a.symbol in free)
        lhs = Tensor(self.auxiliary(), axes)
        self.reader.tensors[lhs.name] = lhs
        self.before.append(Line(lhs, tuple(terms)))
        return lhs.entry

    def auxiliary(self) -> str:
        """A name that the text does not have: h_1 before the line of h."""
        taken = self.reader.words | self.reader.tensors.keys()
        k = 1
        while f"{self.own}_{k}" in taken:
            k += 1
        return f"{self.own}_{k}"

    # --- atoms ---

    def named(self, token: Token) -> sp.Expr:
        name = token.text
        if self.sees("("):
            return self.call(token)
        if self.sees("["):
            return self.entry(token)
        if name in self.reader.axes:
            self.check_bound(token, [sp.Symbol(name)])
            return self.reader.axes[name].symbol
        if name == "N":
            return SAMPLES
        if name in CONSTANTS:
            return CONSTANTS[name]
        if name in self.reader.sizes:
            return sp.Symbol(name, integer=True, positive=True)
        tensor = self.known(token)
        if tensor.axes:
            letters = ",".join(a.name for a in tensor.axes)
            raise token.fault(f"{name} has {_axes(len(tensor.axes))}", f"write {name}[{letters}]")
        return tensor.entry

    def known(self, token: Token) -> Tensor:
        """The tensor of a name that is read."""
        name = token.text
        tensor = self.reader.tensors.get(name)
        if tensor is not None:
            return tensor
        if name in self.reader.tensors:
            hint = "give its axes a size, [k<4]"
            raise token.fault(f"the axes of {name} have no size here", hint)
        if name in (self.own, *self.reader.words) and self.later(name):
            hint = "equations stand in the order in which they are computed"
            raise token.fault(f"{name} is read before it is defined", hint)
        options = [*self.reader.tensors, *self.reader.axes]
        near = difflib.get_close_matches(name, options, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"declare it above, input {name}[…]"
        raise token.fault(f"there is no {quoted(name)}", hint)

    def later(self, name: str) -> bool:
        """Whether this line, or one below, defines the name."""
        below = (s.tokens for s in self.reader.statements)
        return name == self.own or any(
            name in (t.text for t in tokens[:2]) and tokens[0].text != "for" for tokens in below
        )

    def call(self, token: Token) -> sp.Expr:
        function = self.reader.function(token.text)
        if function is None:
            options = [*self.reader.functions, *TABLE, *FUNCTIONS]
            hint = suggestion(token.text, options)
            if self.reader.tensors.get(token.text) is not None:
                hint = f"write {token.text}[…] for an entry, * for a product"
            raise token.fault(f"there is no function {quoted(token.text)}", hint)
        self.expect("(")
        if token.text == "where":
            raise token.fault("cases are written so here", "(a if x[i] > 0 else b)")
        arguments = self.arguments()
        if token.text in FUNCTIONS and not (
            token.text in TABLE or token.text in self.reader.functions
        ):
            return self._safe(token, applied, token.text, arguments)
        if len(arguments) != 1:
            raise token.fault(f"{token.text} takes 1 argument, not {len(arguments)}")
        return function(arguments[0])

    def entry(self, token: Token) -> sp.Expr:
        tensor = self.known(token)
        self.expect("[")
        places, indices = [self.now], [self.index()]
        while self.accept(","):
            places.append(self.now)
            indices.append(self.index())
        self.expect("]")
        if len(indices) != len(tensor.axes):
            count = _axes(len(tensor.axes))
            raise token.fault(f"{tensor.name} has {count}, and is read with {len(indices)}")
        for place, index, own in zip(places, indices, tensor.axes, strict=True):
            self.check_index(place, tensor, index, own)
        return tensor[tuple(indices)]

    def index(self) -> sp.Expr:
        """Linear in axes, with whole numbers; or one entry of an input of whole numbers."""
        place = self.now
        terms = self.sum()
        if any(t.over for t in terms):
            raise place.fault("an index has no sign")
        index = self.scalar(terms)
        found = [s for s in index.free_symbols if not (s.is_integer or isinstance(s, sp.Indexed))]
        entries = [e for e in sp.preorder_traversal(index) if is_entry(e)]
        if entries:
            name = name_of(entries[0])
            if index != entries[0]:
                raise place.fault(f"an index is an entry of {name} alone, and nothing beside it")
            if name not in self.reader.whole:
                hint = f"declare it with how many there are, input {name}[…] of 50"
                raise place.fault(f"{name} does not hold whole numbers", hint)
            return index
        symbols = sorted(index.free_symbols, key=str)
        coefficients = [index.diff(s) for s in symbols]
        rest = index.subs({s: 0 for s in symbols})
        linear = sp.expand(sum((c * s for c, s in zip(coefficients, symbols, strict=True)), rest))
        whole = all(c.is_Integer for c in [*coefficients, rest])
        if found or not whole or sp.expand(index - linear) != 0:
            raise place.fault("an index is a sum of axes with whole factors, 2*t + w - 1")
        return linear

    def check_index(self, place: Token, tensor: Tensor, index: sp.Expr, own: Axis) -> None:
        """Sizes agree; a read that can leave its range is said once."""
        name = tensor.name
        if is_entry(index):
            count = self.reader.whole[name_of(index)]
            if isinstance(own.size, int) and count > own.size:
                below = (
                    f"{name_of(index)} goes up to {count - 1}, {name} has {own.size} values there"
                )
                raise place.fault(below)
            return
        other = self.reader.axes.get(str(index))
        if other is not None:
            if other.size != own.size:
                hint = "take another letter for one of them"
                both = f"{other.size}, and {name} has {own.size} values there"
                raise place.fault(f"two sizes: {other.name} has {both}", hint)
            return
        low, high = self.extent(index)
        size = sp.S(own.size)
        scanned = self.reader.scan is not None and name in self.reader.scan[1]
        if (low.is_nonnegative and (size - 1 - high).is_nonnegative) or scanned:
            return
        if (high.is_negative) or (low - size).is_nonnegative:
            raise place.fault(f"{name} is read outside its range: {own.name} is 0 .. {size - 1}")
        if name not in self.reader.outside:
            text = f"line {place.line}: {name} is read at {index} of {own.name} = 0 .. {size - 1}"
            self.reader.outside[name] = f"{text}; entries outside are 0"

    def extent(self, index: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
        """The least and the largest value of a linear index."""
        low = high = index.subs({a.symbol: 0 for a in self.reader.axes.values()})
        for a in self.reader.axes.values():
            c = index.coeff(a.symbol)
            end = c * (sp.S(a.size) - 1)
            low, high = (low + end, high) if c.is_negative else (low, high + end)
        return sp.expand(low), sp.expand(high)

    def check_bound(self, token: Token, symbols: Iterable[sp.Symbol]) -> None:
        """An index stands on the left, or under a sign."""
        for s in symbols:
            if str(s) not in (a.name for a in self.bound):
                name, at = str(s), self.summand(token)
                row = token.row[: at - 1] + f"sum_{{{name}}} " + token.row[at - 1 :]
                hint = f"write  {row.strip()}"
                raise token.fault(f"the index {name} is neither on the left nor under a sign", hint)

    def summand(self, token: Token) -> int:
        """The column at which the summand begins that the token stands in, at the top."""
        k = self.tokens.index(token)
        depth, at = 0, self.tokens[0].column
        for other in self.tokens[:k]:
            depth += (other.text in "([{") - (other.text in ")]}") if other.kind == "mark" else 0
            if other.kind == "mark" and other.text in ("+", "-") and depth == 0:
                at = self.tokens[self.tokens.index(other) + 1].column
        return at if self.tokens[0].line == token.line else token.column

    def bracket(self) -> list[Term]:
        """A sum, or  a if guard else b."""
        terms = self.sum()
        if not self.accept("if"):
            return terms
        place = self.now
        condition = self.compared()
        if condition in (sp.true, sp.false):
            raise place.fault("this comparison is the same everywhere")
        if not self.accept("else"):
            raise self.now.fault('"else" is expected here', "(a if x[i] > 0 else b)")
        value, other = self.scalar(terms), self.scalar(self.sum())
        return [Term(sp.Piecewise((value, condition), (other, sp.true)))]

    def other(self, token: Token) -> list[Term]:
        """[guard]."""
        if token.kind != "mark" or token.text != "[":
            return super().other(token)
        place = self.now
        left = self.index_of_guard()
        mark = self.take()
        if mark.text not in RELATIONS:
            raise mark.fault("a comparison of indices is expected here", "[t = 0], [u <= t]")
        right = self.index_of_guard()
        self.expect("]")
        difference = sp.expand(left - right)
        if not any(is_entry(e) for e in sp.preorder_traversal(difference)):
            self.check_guard(place, mark.text, difference)
        if mark.text == "=":
            return [Term(sp.KroneckerDelta(left, right))]
        guard = RELATIONS[mark.text](left, right)
        return [Term(sp.Piecewise((1, guard), (0, sp.true)))]

    def index_of_guard(self) -> sp.Expr:
        return self.index()

    def check_guard(self, place: Token, mark: str, difference: sp.Expr) -> None:
        """A guard holds somewhere, and not everywhere."""
        low, high = self.extent(difference)
        signs = {
            "=": (low.is_positive or high.is_negative, difference == 0),
            "!=": (difference == 0, low.is_positive or high.is_negative),
            "<": (low.is_nonnegative, high.is_negative),
            "<=": (low.is_positive, high.is_nonpositive),
            ">": (high.is_nonpositive, low.is_positive),
            ">=": (high.is_negative, low.is_nonnegative),
        }
        never, always = signs[mark]
        factors = [difference.coeff(a.symbol) for a in self.reader.axes.values()]
        whole = [abs(int(c)) for c in factors if c.is_Integer and c]
        rest = difference.subs({a.symbol: 0 for a in self.reader.axes.values()})
        if mark == "=" and whole and rest.is_Integer and int(rest) % math.gcd(*whole):
            never = True
        if never:
            raise place.fault("this guard holds nowhere: the product would be 0")
        if always:
            raise place.fault("this guard holds everywhere", "leave it out")


def _axes(count: int) -> str:
    return {0: "no axes", 1: "1 axis"}.get(count, f"{count} axes")


def _indices(tokens: Sequence[Token], at: int) -> list[list[Token]]:
    """The tokens of every index, from behind a "[" to its "]"."""
    depth, found = 0, [list[Token]()]
    for token in tokens[at:]:
        if token.kind == "mark":
            if token.text == "]" and depth == 0:
                break
            depth += (token.text in "([{") - (token.text in ")]}")
            if token.text == "," and depth == 0:
                found.append([])
                continue
        found[-1].append(token)
    return found


def show(program: Program, beside: Text | None = None) -> str:
    """The text that ``read`` makes the program of: declarations, facts, then the lines.

    beside: what the text says beside the program, as ``parse`` has it.  Raises ProgramError where
    an axis has two sizes.
    """
    return _Writer(program, beside or Text(program)).text()


class _Writer:
    """Sizes stand where an axis stands first."""

    def __init__(self, program: Program, beside: Text) -> None:
        self.program, self.beside = program, beside
        self.seen: dict[str, Axis] = {}

    def text(self) -> str:
        rows = [self.leaf(leaf) for leaf in self.program.leaves]
        rows += [f"given {self.term(f.term)} = {f.value}" for f in self.program.facts]
        for item in self.program.items:
            if isinstance(item, Line):
                rows.append(self.line(item))
                continue
            way = " down" if item.reverse else ""
            rows.append(f"for {self.axis(item.axis)}{way}:")
            rows += [f"    {self.line(line)}" for line in item.lines]
        if self.beside.outputs:
            rows.append(f"output {', '.join(self.beside.outputs)}")
        return "\n".join(rows) + "\n"

    def axis(self, a: Axis) -> str:
        first = a.name not in self.seen
        if self.seen.setdefault(a.name, a) != a:
            both = f"{self.seen[a.name].size} and {a.size}"
            raise ProgramError(f"the axis {a.name} has two sizes, {both}")
        return str(a) if first else a.name

    def tensor(self, t: Tensor) -> str:
        return t.name + (f"[{','.join(map(self.axis, t.axes))}]" if t.axes else "")

    def term(self, term: Term) -> str:
        head = f"{term.reduce}_{{{','.join(a.name for a in term.over)}}}"
        sized = f"{term.reduce}_{{{','.join(map(self.axis, term.over))}}}"
        return sized + str(term).removeprefix(head) if term.over else str(term)

    def line(self, line: Line) -> str:
        return equation(self.tensor(line.lhs), [self.term(t) for t in line.terms])

    def leaf(self, t: Tensor) -> str:
        role = {"sample weight": "weight", "noise": "noise"}.get(t.kind, t.role)
        text = f"{role} {self.tensor(t)}"
        if role == "parameter" and t.kind in KINDS[1:]:
            text += f" of {t.kind}"
        count = self.beside.whole.get(t.name) or self.program.pointed.get(t.name)
        if count is not None:
            text += f" of {count}"
        if t.name in self.beside.initial:
            text += f" = {self.beside.initial[t.name]}"
        if t.name in self.beside.numbers:
            word = "keep" if role == "mask" else "="
            text += f" {word} {self.beside.numbers[t.name]}"
        return text
