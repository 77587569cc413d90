"""The names of a text: its axes and their sizes, its tensors, its functions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

from symnn.engine.expressions import Expressions
from symnn.engine.functions import TABLE, named
from symnn.engine.ir import SAMPLES, Axis, Tensor, axis
from symnn.engine.mistakes import Token
from symnn.engine.scalars import FUNCTIONS
from symnn.engine.tokens import Statement
from symnn.io.errors import quoted

ROLES = ("input", "target", "weight", "parameter", "state", "mask", "noise", "hyperparameter")
WORDS = (*ROLES, "given", "output", "predict", "for", "down", "of", "keep", "if", "else")
CONSTANTS = {"pi": sp.pi}
NAME = 61  # characters of a name
AXES = 12  # of a tensor
LARGEST = 10**8  # values of an axis, and of a tensor


@dataclass(frozen=True)
class Outside:
    """A read that can leave its range.

    tensor: what is read.  maximum: whether it takes no part there, and is not 0.  text: a sentence
    that names the line of the text and the read.
    """

    tensor: str
    maximum: bool
    text: str


@dataclass(frozen=True)
class Loop:
    """A loop over an axis, and the names of the tensors that it computes."""

    axis: Axis
    down: bool
    tensors: frozenset[str]


class Names:
    """What names stand for; it grows with each statement that is read.

    functions: those of the user's own, by name.  samples: how many a batch has, which bounds its
    values.  words: every name of the whole text.  lefts: those that some statement defines.  scan:
    the loop whose equations are read.  letters: tensor -> its letter, and the number of its layer.
    """

    def __init__(
        self,
        statements: Sequence[Statement],
        functions: Mapping[str, Any],
        samples: int,
        letters: Mapping[str, tuple[str, int]],
    ) -> None:
        self.functions, self.samples, self.letters = functions, samples, letters
        self.words = {t.text for s in statements for t in s.tokens if t.kind == "name"}
        lefts = (s.tokens[:2] for s in statements if s.tokens[0].text != "for")
        self.lefts = {t.text for tokens in lefts for t in tokens}
        self.axes: dict[str, Axis] = {}
        self.sizes: dict[str, Token] = {}  # names of sizes, N among them -> where one stands first
        self.tensors: dict[str, Tensor | None] = {}  # None: its axes are not known yet
        self.defined: dict[str, Token] = {}  # name -> where
        self.whole: dict[str, int] = {}
        self.outside: dict[tuple[str, str, bool], Outside] = {}
        self.scan: Loop | None = None

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

    def tensor(
        self, name: str, axes: tuple[Axis, ...], role: str = "value", kind: str = ""
    ) -> Tensor:
        """A tensor with the letter and the number of its layer, if it belongs to one."""
        letter, layer = self.letters.get(name, ("", None))
        return Tensor(name, axes, role, kind=kind, letter=letter, layer=layer)

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
            self.sizes.setdefault("N", token)
            return SAMPLES
        if token.text in self.tensors or token.text in self.axes or token.text in WORDS:
            raise token.fault(f"{token.text} is no size: the name is taken", "take another name")
        self.sizes.setdefault(token.text, token)
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
        """The axes; a mistake for one without a size, and for too many values together."""
        found, out = list(found), list[Axis]()
        for token, _ in found:
            own = self.axes.get(token.text)
            if own is None:
                hint = f"write {token.text}<… where it first stands"
                raise token.fault(f"the axis {token.text} has no size", hint)
            out.append(own)
        sizes = [self.samples if a.size == SAMPLES else a.size for a in out]
        count = math.prod(size for size in sizes if isinstance(size, int))
        if count > LARGEST:
            many = self.samples > 1 and SAMPLES in [a.size for a in out]
            batch = f" in a batch of {self.samples}" if many else ""
            what = f"too large: {count:,} values{batch}, and a tensor has at most {LARGEST:,}"
            hint = f"take smaller sizes{', or a smaller batch_size' * many}"
            raise found[0][0].fault(what, hint)
        return tuple(out)

    def check(self, leaves: Sequence[Tensor]) -> None:
        """A size is told by what is given; dT belongs to the derivative by T, whatever T is."""
        told = {str(s) for leaf in leaves for a in leaf.axes for s in sp.S(a.size).free_symbols}
        for name, place in self.sizes.items():
            if name not in told:
                hint = f"give it to an axis of what is given, input x[n<{name}]"
                raise place.fault(f"nothing that is given has the size {name}", hint)
        for name in self.tensors:
            if name.startswith("d") and name[1:] in self.tensors:
                hint = f"take another name for {name}, or for {name[1:]}"
                raise self.defined[name].fault(f"{name} is the derivative by {name[1:]}", hint)
