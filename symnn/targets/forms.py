"""Statements whose names are not written yet, so that those of equal layers are found and looped.

z_2 = W_2.dot(a_1)                 for k in range(2, 4):
z_3 = W_3.dot(a_2)      ->             z[k] = W[k].dot(a[k - 1])
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from symnn.engine.ir import Line, Tensor
from symnn.engine.repeats import Repeat, named, rolled_layers, signature
from symnn.targets.code import (
    Block,
    Item,
    Language,
    Name,
    Part,
    Pool,
    Reference,
    Scope,
    Statement,
    below,
    printed,
    shown,
)

NOTHING: Mapping[str, Tensor] = MappingProxyType({})


@dataclass(frozen=True)
class Form:
    """A statement, or a part of one, whose names are not written yet.

    text: with {} for each of the names, or {0}, {1}, ...  defines: which of the names the
    statement assigns.  calls: the functions of the program that it calls.
    """

    text: str
    names: tuple[Reference, ...] = ()
    defines: int = 0
    calls: frozenset[str] = frozenset()

    def shape(self, layer: int) -> Hashable:
        """What is the same for equal layers: the text, and the names as seen from the layer."""
        return self.text, tuple(_shape(name, layer) for name in self.names)

    def code(self, scope: Scope) -> str:
        """The text as it is written there."""
        return self.text.format(*map(scope.written, self.names))

    def written(self, scope: Scope) -> Statement:
        """As it is written there."""
        own = self.names[self.defines :][:1]
        return Statement(
            self.code(scope),
            (),
            tuple(name for name in own if isinstance(name, Name)),
            frozenset(n for n in self.names if isinstance(n, Name) and n not in own),
            self.calls,
        )

    @property
    def layer(self) -> int | None:
        """The last layer of its variables."""
        layers = (name.layer for name in self.names if isinstance(name, Name))
        return max((k for k in layers if k is not None), default=None)


@dataclass(frozen=True)
class Nest:
    """A block of which no name is written yet."""

    head: Form
    body: tuple[Draft, ...]
    tail: tuple[str, ...] = ()

    def shape(self, layer: int) -> Hashable:
        """What is the same for equal layers, as of a Form."""
        return self.head.shape(layer), tuple(draft.shape(layer) for draft in self.body)

    def written(self, scope: Scope) -> Block:
        """As it is written there."""
        body = tuple(draft.written(scope) for draft in self.body)
        return Block(self.head.code(scope), body, self.tail)


Draft = Form | Nest


def _shape(name: Reference, layer: int) -> Hashable:
    match name:
        case Name(_, int(own)) | Item(_, own):
            return type(name), name.items, own - layer
        case Pool(number):
            turn = name.turns(layer)
            return Pool, turn, number - layer % 2 if turn else number
    return name


def assigned(name: Name, text: str, *names: Reference) -> Form:
    """``name = text``."""
    return Form(f"{{}} = {text}", (name, *names))


@dataclass(frozen=True)
class Passage:
    """Drafts that belong to a layer, or to none; above them some lines, or some words."""

    layer: int | None
    drafts: tuple[Draft, ...]
    lines: tuple[Line, ...] = ()
    words: tuple[str, ...] = ()


def rolled(
    passages: Sequence[Passage], tensors: Mapping[str, Tensor] = NOTHING
) -> list[Passage | Repeat[Passage]]:
    """Passages with those of equal layers as one; tensors: of their lines."""

    def shape(own: Passage, layer: int) -> Hashable:
        lines = tuple(signature(x, layer, named(x, tensors)) for x in own.lines)
        return lines, tuple(draft.shape(layer) for draft in own.drafts)

    return rolled_layers(passages, lambda own: own.layer, shape)


def written(
    passages: Sequence[Passage | Repeat[Passage]],
    scope: Scope,
    language: Language,
    tensors: Mapping[str, Tensor] = NOTHING,
) -> list[Part]:
    """Passages as they are written there; arguments as for rolled."""

    def write(own: Passage, where: Scope) -> list[Part]:
        above = [*shown(own.lines, where, tensors), *own.words]
        return below(above, [draft.written(where) for draft in own.drafts])

    return printed(passages, write, scope, language)
