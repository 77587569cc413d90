"""Generated code: statements, with what they define, read and call, and blocks of them.

A text is made once, when it is known where a statement stands and so how names are written there.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from symnn.engine.ir import Line, Tensor
from symnn.engine.repeats import Repeat, general
from symnn.targets.wrapping import Assignment, comment

T = TypeVar("T")
INDENT = "    "


@dataclass(frozen=True)
class Name:
    """A variable: z_2, or the item z[2] of a list; marks: what of that it is, as z_2_T."""

    base: str
    layer: int | None = None
    marks: tuple[str, ...] = ()

    @property
    def items(self) -> str:
        """What the list is called that it may be an item of."""
        return "_".join((self.base, *self.marks))

    def marked(self, *marks: str) -> Name:
        """The variable with further marks."""
        return replace(self, marks=(*self.marks, *marks))

    def unmarked(self) -> Name:
        """The variable without its last mark."""
        return replace(self, marks=self.marks[:-1])

    def __str__(self) -> str:
        number = () if self.layer is None else (str(self.layer),)
        return "_".join((self.base, *number, *self.marks))


@dataclass(frozen=True)
class Item:
    """What a list holds for a layer, as UNITS[2]."""

    items: str
    layer: int


@dataclass(frozen=True)
class Pool:
    """Memory that every other layer uses: pools[0], or pools[k % 2] in a loop over k."""

    number: int

    def turns(self, layer: int) -> bool:
        """Whether it is that of a layer, and not of its neighbours."""
        return (self.number - layer) % 2 == 0


Reference = Name | Item | Pool | str


def variable(tensor: Tensor) -> Name:
    """The variable that holds a tensor."""
    base, _, rest = tensor.name.rpartition(f"_{tensor.layer}")
    plain = tensor.layer is None or not base or rest
    return Name(tensor.name) if plain else Name(base, tensor.layer)


def plain(tensors: Iterable[Tensor]) -> frozenset[str]:
    """The variables that have no number."""
    return frozenset(t.name for t in tensors if t.layer is None)


@dataclass(frozen=True)
class Scope:
    """Where a statement stands.

    listed: whether a numbered name is an item of a list there.  first: the layer that a loop
    over k begins with; None outside of loops.  near: whether a layer is called by how far it is
    from that.  letter: in place of k.  taken: names that no list may have.
    """

    listed: Callable[[Name], bool] = lambda name: False
    first: int | None = None
    taken: Container[str] = ()
    near: Callable[[int], bool] = lambda layer: True
    letter: str = "k"

    def number(self, layer: int) -> str:
        """The number of a layer: 2, or k - 1."""
        if self.first is None or not self.near(layer):
            return str(layer)
        difference = layer - self.first
        more = f" {'+' if difference > 0 else '-'} {abs(difference)}" if difference else ""
        return self.letter + more

    def lists(self, name: Name) -> bool:
        """Whether a name is an item of a list."""
        return name.layer is not None and self.listed(name)

    def items(self, name: Name) -> str:
        """The list that it is an item of."""
        return name.items + "_" * (name.items in self.taken)

    def written(self, of: Reference) -> str:
        """A reference as it is written here."""
        match of:
            case Name(_, int(layer)) if self.listed(of):
                return f"{self.items(of)}[{self.number(layer)}]"
            case Item(items, layer):
                return f"{items}[{self.number(layer)}]"
            case Pool(number):
                if self.first is None or not of.turns(self.first):
                    return f"pools[{number}]"
                more = f" + {number - self.first % 2}" if number > 1 else ""
                return f"pools[k % 2{more}]"
        return str(of)


@dataclass(frozen=True)
class Statement:
    """text: in one row, or what can be broken.  line: the lines that it computes."""

    text: str | Assignment
    line: tuple[str, ...] = ()
    defines: tuple[Name, ...] = ()
    reads: frozenset[Name] = frozenset()
    calls: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Block:
    """Statements under a head, as of a loop; line: as of a statement."""

    head: str
    statements: tuple[Part, ...]
    tail: tuple[str, ...] = ()
    line: tuple[str, ...] = ()


Part = Statement | Block


def below(lines: Iterable[str], parts: Sequence[Part]) -> list[Part]:
    """Parts that begin below some lines."""
    return [replace(parts[0], line=tuple(lines)), *parts[1:]]


def shown(lines: Iterable[Line], scope: Scope, tensors: Mapping[str, Tensor]) -> list[str]:
    """Lines as they stand above their statements there; in a loop those of any layer k."""
    k = scope.first
    return [str(line) if k is None else general(line, k, tensors) for line in lines]


def statements(parts: Iterable[Part]) -> Iterator[Statement]:
    """All statements, those within blocks too."""
    for part in parts:
        if isinstance(part, Block):
            yield from statements(part.statements)
        else:
            yield part


def names(parts: Iterable[Part]) -> set[Name]:
    """All variables that they read or write."""
    return {name for own in statements(parts) for name in (*own.reads, *own.defines)}


@dataclass(frozen=True)
class Language:
    """How a comment and a loop are written; up, down: over k from the first to before the last."""

    comment: str
    up: str
    down: str
    tail: tuple[str, ...] = ()

    def loop(self, first: int, last: int, body: Iterable[Part]) -> Block:
        """A loop over the layers k from first to last."""
        down = last < first
        head = self.down if down else self.up
        return Block(head.format(first, last - 1 if down else last + 1), tuple(body), self.tail)


PYTHON = Language("# {}", "for k in range({}, {}):", "for k in range({}, {}, -1):")


def has_loops(items: Iterable[object]) -> bool:
    """Whether some of them stand for several layers."""
    return any(isinstance(item, Repeat) for item in items)


def printed(
    items: Iterable[T | Repeat[T]],
    write: Callable[[T, Scope], Iterable[Part]],
    scope: Scope = Scope(),
    language: Language = PYTHON,
) -> list[Part]:
    """What is written of the items; of those of several layers once, in a loop."""
    out: list[Part] = []
    for item in items:
        if isinstance(item, Repeat):
            inside = replace(scope, first=item.first)
            body = (part for own in item.items for part in write(own, inside))
            out.append(language.loop(item.first, item.last, body))
        else:
            out += write(item, scope)
    return out


def rows(
    parts: Iterable[Part],
    language: Language = PYTHON,
    width: int = 1000,
    broken: Callable[[str | Assignment, int], str] = lambda text, indent: str(text),
    pad: str = "",
) -> tuple[str, ...]:
    """The rows of a text.

    width: columns of a comment.  broken: a statement, and the columns before it -> its text.
    """
    out: list[str] = []
    for part in parts:
        for line in part.line:
            out += [pad + language.comment.format(t) for t in comment(line, width - len(pad))]
        if isinstance(part, Block):
            inside = rows(part.statements, language, width, broken, pad + INDENT)
            out += [pad + part.head, *inside, *(pad + t for t in part.tail)]
        else:
            out += [t and pad + t for t in broken(part.text, len(pad)).split("\n")]
    return tuple(out)
