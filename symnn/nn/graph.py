"""Networks of any shape, as the equations that their layers write.

A layer is a frozen dataclass with FIELDS and ``equations``: it is given a :class:`Graph` and the
values that come in, adds its equations as text, and returns the value that goes out.  To add a
layer, write its class and list it in a registry of layers; symnn/guide/lines.md says how equations
are written.  The samples n and their axis are everywhere first.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

SAMPLES = "n"
LARGEST = 10**8  # values of a tensor, in a batch
INDENT = "    "


class ShapeError(ValueError):
    """A value that does not fit a layer; the message names both."""


@dataclass(frozen=True)
class Index:
    """An axis of a value: its letter, and how many values it has, a number or a name."""

    letter: str
    size: int | str

    def __str__(self) -> str:
        return f"{self.letter}<{self.size}"


@dataclass(frozen=True)
class Value:
    """What an equation computes for every sample, or an input: its name and axes.

    whole: how many whole numbers, from 0, it may hold; None: real numbers.  flat: whether its axes
    count as one for the layer that reads it.  samples: whether each sample has its own.
    """

    name: str
    axes: tuple[Index, ...]
    whole: int | None = None
    flat: bool = False
    samples: bool = True

    @property
    def shape(self) -> str:
        """Without the samples, for messages."""
        sizes = [str(a.size) for a in self.axes]
        return f"({', '.join(sizes)}{',' * (len(sizes) == 1)})"

    def at(self, *indices: str) -> str:
        """The entry at these indices."""
        return f"{self.name}[{', '.join((SAMPLES,) * self.samples + indices)}]"

    @property
    def entry(self) -> str:
        """The entry at its own axes."""
        return self.at(*(a.letter for a in self.axes))


@dataclass
class Graph:
    """Collects what layers write.

    rows: statements.  sizes: letter of an axis -> its size.  inputs: their names, which no axis
    gets.  functions: the names of the user's own.  samples: how many a batch has, which bounds its
    values.  number: that of the layer that
    writes now; its tensors share it.  last: the number of the last layer with parameters.  shared:
    whether the parameters of the layer that writes are those of an earlier one.
    """

    rows: list[str] = field(default_factory=list)
    sizes: dict[str, int | str] = field(default_factory=lambda: {SAMPLES: "N"})
    weights: dict[str, tuple[Index, ...]] = field(default_factory=dict)
    parameters: dict[str, tuple[Index, ...]] = field(default_factory=dict)
    named: set[str] = field(default_factory=set)  # the values that have a name
    # tensor -> its letter, and the number of its layer
    letters: dict[str, tuple[str, int]] = field(default_factory=dict)
    layers: dict[str, str] = field(default_factory=dict)  # value -> the layer that wrote it
    layer: str = ""  # the name of the layer that writes now
    inputs: frozenset[str] = frozenset()
    functions: tuple[str, ...] = ()
    samples: int = 1
    number: int = 0
    last: int = 0
    shared: bool = False

    def axis(self, wish: str, size: int | str, *apart: Value | Index) -> Index:
        """An axis of that size: by the letter that is wished, or with a number behind it.

        apart: values and axes of the same equation, whose letters it cannot have.
        """
        used = {a.letter for own in apart for a in ((own,) if isinstance(own, Index) else own.axes)}
        used |= {*self.inputs, "l2"}  # names of tensors
        names = (f"{wish}{k}" if k > 1 else wish for k in range(1, 10**6))
        letter = next(n for n in names if n not in used and self.sizes.get(n, size) == size)
        self.sizes[letter] = size
        return Index(letter, size)

    def declare(self, role: str, name: str, axes: Iterable[Index], more: str = "") -> None:
        """A declaration of a tensor; ShapeError for one that is too large."""
        axes = tuple(axes)
        self.fits(name, axes)
        self.rows.append(declaration(role, name, axes) + more)

    def mask(self, axes: tuple[Index, ...], kept: float) -> Value:
        """A mask over samples and these axes, whose entries are 0 or 1/kept."""
        made = Value(self.name("mask"), axes)
        self.declare("mask", made.name, (Index(SAMPLES, "N"), *axes), f" keep {kept:.12g}")
        return made

    def input(
        self, name: str, axes: tuple[Index, ...], role: str = "input", whole: int | None = None
    ) -> Value:
        """An input or a target."""
        for a in axes:
            self.sizes[a.letter] = a.size
        samples = Index(SAMPLES, "N")
        self.declare(role, name, (samples, *axes), f" of {whole}" if whole else "")
        return Value(name, axes, whole)

    def parameter(
        self, letter: str, *axes: Index, kind: str = "weights", initial: str = "", base: str = ""
    ) -> str:
        """The entry of a parameter of this layer, whose name gets its number.

        letter: in print, W_q: W with q below it.  base: what its name begins with, if not with it.
        """
        name = self.called(letter, base)
        self.keep(name, axes, kind)
        if not self.shared:
            start = f" = {initial}" if initial else ""
            self.declare("parameter", name, axes, (f" of {kind}" * (kind != "weights")) + start)
        letters = ", ".join(a.letter for a in axes)
        return f"{name}[{letters}]"

    def keep(self, name: str, axes: tuple[Index, ...], kind: str) -> None:
        """Know a parameter; ShapeError for one that the layer does not have whose it is."""
        if not self.shared:
            self.named.add(name)
            self.parameters[name] = axes
            if kind == "weights":
                self.weights[name] = axes
        elif (known := self.parameters.get(name)) is None:
            raise ShapeError(f"the layer that it shares with has no {name}")
        elif [a.size for a in known] != [a.size for a in axes]:
            sizes = tuple(a.size for a in axes)
            raise ShapeError(
                f"it needs {name} of the shape {sizes}, which has {tuple(a.size for a in known)}"
            )

    def state(self, letter: str, *axes: Index, start: float) -> Value:
        """A state of this layer, and the number that it starts from."""
        value = Value(self.name(letter), axes, samples=False)
        self.declare("state", value.name, axes, f" = {start}")
        return value

    def let(self, letter: str, axes: Iterable[Index], right: str, *, samples: bool = True) -> Value:
        """An equation; its tensor is called by the letter and the number of the layer."""
        return self.write(Value(self.name(letter), tuple(axes), samples=samples), right)

    def write(self, value: Value, right: str, *, indent: str = "") -> Value:
        """An equation of a value that has its name; ShapeError for one that is too large."""
        self.fits(value.name, (*[Index(SAMPLES, "N")] * value.samples, *value.axes))
        listed = ", ".join([SAMPLES] * value.samples + [str(a) for a in value.axes])
        self.rows.append(f"{indent}{value.name}[{listed}] = {right}")
        self.belongs(value.name)
        return value

    def belongs(self, name: str) -> None:
        """Note which layer has written an equation."""
        self.letters.setdefault(name, ("", self.number))
        if self.layer:
            self.layers[name] = self.layer

    def fits(self, name: str, axes: tuple[Index, ...]) -> None:
        """ShapeError for a tensor that is too large."""
        sizes = [self.samples if a.size == "N" else a.size for a in axes]
        count = math.prod(size for size in sizes if isinstance(size, int))
        if count > LARGEST:
            many = self.samples > 1 and any(a.size == "N" for a in axes)
            batch = f" in a batch of {self.samples}" if many else ""
            text = f"too large: {name} has {count:,} values{batch}, and a tensor has at most"
            hint = f"take smaller sizes{', or a smaller batch_size' * many}"
            raise ShapeError(f"{text} {LARGEST:,}; {hint}")

    def following(self) -> None:
        """Another layer writes, within one that consists of several."""
        if self.shared:
            self.number += 1
        else:
            self.last += 1
            self.number = self.last

    def called(self, letter: str, base: str = "") -> str:
        """The letter, or what is there in its place, with the number of the layer that writes."""
        name = f"{base or letter}_{self.number}"
        self.letters[name] = letter, self.number
        return name

    def name(self, letter: str) -> str:
        """A name for a tensor of the layer that writes now, which no other tensor has."""
        own = self.called(letter)
        marks = itertools.chain([""], (f"_{k}" for k in itertools.count(2)))
        mark = next(mark for mark in marks if own + mark not in self.named)
        self.named.add(own + mark)
        self.letters[own + mark] = letter + mark, self.number
        return own + mark

    def alike(self, name: str, number: int) -> tuple[str, str]:
        """A name of another layer, with this number, and its letter; "" for that of an input."""
        letter, own = self.letters.get(name, ("", 0))
        return name.replace(f"_{own}", f"_{number}", 1) if letter else "", letter

    def applied(self, activation: str, z: Value, letter: str = "a") -> Value:
        """An activation of every component; softmax along the last axis."""
        if activation == "linear":
            return z
        if activation == "softmax":
            e = self.let("e", z.axes, f"exp({z.entry})")
            s = self.let("s", z.axes[:-1], summed(z.axes[-1:], e.entry))
            return self.let(letter, z.axes, f"{e.entry}/{s.entry}")
        return self.let(letter, z.axes, f"{activation}({z.entry})")

    def unflat(self, x: Value) -> Value:
        """A value whose axes count as one, with one axis, unless it has one already."""
        if not x.flat or len(x.axes) == 1:
            return replace(x, flat=False)
        sizes = [a.size for a in x.axes]
        if not all(isinstance(size, int) for size in sizes):
            raise ShapeError(f"a value of the shape {x.shape} cannot be flattened: a size is open")
        whole = math.prod(int(size) for size in sizes)
        f, place = self.axis("f", whole, x), ""
        if whole == 1:  # f is 0, and so is each index of x
            return self.let("x", (f,), x.at(f.letter, *["0"] * (len(sizes) - 1)))
        for k, a in enumerate(x.axes):
            rest = math.prod(int(size) for size in sizes[k + 1 :])
            place += f"{' + ' if place else ''}{f'{rest}*' if rest > 1 else ''}{a.letter}"
        return self.let("x", (f,), summed(x.axes, f"{x.entry}*[{f.letter} = {place}]"))

    def text(self) -> str:
        """All statements: declarations first."""
        return "\n".join(self.rows) + "\n"


def declaration(role: str, name: str, axes: Iterable[Index]) -> str:
    """The text that declares a tensor."""
    listed = ", ".join(map(str, axes))
    return f"{role} {name}{f'[{listed}]' if listed else ''}"


def rank(x: Value, count: int, what: str) -> None:
    """ShapeError unless a value has so many axes."""
    if len(x.axes) != count or x.flat:
        raise ShapeError(f"{what} takes {count} axes, and {x.name} has the shape {x.shape}")


def whole_size(a: Index, what: str) -> int:
    """The size of an axis as a number; ShapeError where it is open."""
    if not isinstance(a.size, int):
        raise ShapeError(f"{what} needs a size that is a number, and {a.letter} has {a.size}")
    return a.size


def summed(axes: Sequence[Index], what: str) -> str:
    """A sum over axes."""
    return f"sum_{listed(axes)} {what}" if axes else what


def listed(axes: Sequence[Index]) -> str:
    """Axes under a sign, with their sizes."""
    return f"{{{', '.join(map(str, axes))}}}"
