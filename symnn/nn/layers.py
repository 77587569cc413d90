"""Layers: forward lines only, in a registry.  Nobody writes a derivative here.

A layer is a frozen dataclass with FIELDS (what a spec may say of it) and ``forward``, which
adds its lines to a :class:`Build` and returns the tensor it computes.  To add a layer, write
its class and list it in LAYERS.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import sympy as sp

from symnn.engine.functions import named
from symnn.engine.ir import Axis, Fact, Line, Program, ProgramError, Tensor, Term, axis
from symnn.io.deferred import deferred
from symnn.io.fields import Field
from symnn.nn.calls import Called

if TYPE_CHECKING:
    from symnn.nn.graph import Graph, Value

summed: Callable[..., str] = deferred("symnn.nn.graph:summed")


@dataclass
class Build:
    """Collects the leaves and lines of a network while its layers write them.

    samples: the axis of the samples, or None for a network of one sample.
    """

    samples: Axis | None
    functions: Mapping[str, Any] = field(default_factory=dict)
    leaves: dict[str, Tensor] = field(default_factory=dict)
    lines: dict[str, Line] = field(default_factory=dict)
    facts: list[Fact] = field(default_factory=list)
    numbers: Counter[str] = field(default_factory=Counter)

    @property
    def count(self) -> sp.Expr:
        """The number of samples: N, or 1 for a network of one sample."""
        return sp.S(self.samples.size) if self.samples else sp.S.One

    def batch(self, *axes: Axis) -> tuple[Axis, ...]:
        """The axes of a value of every sample."""
        return ((self.samples,) if self.samples else ()) + axes

    def number(self, kind: str) -> int:
        """The number of the next layer of a kind, from 1; its tensors share it."""
        self.numbers[kind] += 1
        return self.numbers[kind]

    def leaf(
        self,
        letter: str,
        axes: tuple[Axis, ...],
        role: str,
        *,
        kind: str = "",
        layer: int | None = None,
    ) -> Tensor:
        """A new leaf, or the one that already has the name: the letter, and the layer's number."""
        leaf = Tensor(_name(letter, layer), axes, role, kind=kind, letter=letter, layer=layer)
        return self.leaves.setdefault(leaf.name, leaf)

    def let(
        self,
        letter: str,
        axes: tuple[Axis, ...],
        *terms: Term,
        why: str,
        kind: str = "",
        layer: int | None = None,
    ) -> Tensor:
        """A new line ``name[axes] = sum of terms``; its name is made as that of a leaf.

        ProgramError if the name is taken.
        """
        name = _name(letter, layer)
        if name in self.lines:
            raise ProgramError(f"two layers write the line of {name!r}: {self.lines[name]}")
        lhs = Tensor(name, axes, kind=kind, letter=letter, layer=layer)
        self.lines[name] = Line(lhs, terms, why)
        return lhs

    def function(self, name: str) -> Any:
        """The SymPy function class of an activation, a user's own included."""
        return self.functions[name] if name in self.functions else named(name)

    def program(self) -> Program:
        """What was collected, as a program."""
        return Program(tuple(self.leaves.values()), tuple(self.lines.values()), tuple(self.facts))


def _name(letter: str, layer: int | None) -> str:
    return letter if layer is None else f"{letter}_{layer}"


class Layer(Protocol):
    """What a layer offers; see the module's docstring."""

    FIELDS: ClassVar[Mapping[str, Field]]

    def forward(self, net: Build, x: Tensor) -> Tensor:
        """Add the lines that compute the layer from ``x``; returns the tensor they end in."""


@dataclass(frozen=True)
class Dense(Called):
    """z_k = A_k a_{k-1} + b_k, then the activation, applied to each component.

    In a network of any shape it maps the last axis, or all axes of what was flattened.

    units: number of components.  activation: a name of the function table, "softmax", or a
    user's formula by its name.  bias: whether b_k is there.
    """

    units: int
    activation: str = "linear"
    bias: bool = True

    FIELDS: ClassVar[Mapping[str, Field]] = {
        "units": Field("integer", minimum=1, maximum=10**6, doc="number of units"),
        "activation": Field("string", default="linear", doc="applied to each component"),
        "bias": Field("boolean", default=True, doc="whether the layer adds a bias vector"),
    }

    def forward(self, net: Build, x: Tensor) -> Tensor:
        """The affine map, then the activation (none for "linear")."""
        k = net.number("dense")
        source, units = x.axes[-1], axis(f"j{k}", self.units, "units", k)
        weights = net.leaf("A", (units, source), "parameter", kind="weights", layer=k)
        terms = [Term(weights.entry * x.entry, (source,))]
        if self.bias:
            bias = net.leaf("b", (units,), "parameter", kind="bias", layer=k)
            terms.append(Term(bias.entry))
        axes = net.batch(units)
        z = net.let("z", axes, *terms, why="affine map", kind="pre-activation", layer=k)
        if self.activation == "linear":
            return z
        if self.activation == "softmax":
            return softmax(net, z, k)
        function = net.function(self.activation)
        value = Term(function(z.entry))
        return net.let("a", z.axes, value, why=self.activation, kind="activation", layer=k)

    def equations(self, net: Graph, x: Value) -> Value:
        """The same in a network of any shape; A is the table of an embedding, if it shares one."""
        source = x.axes if x.flat else x.axes[-1:]
        kept = () if x.flat else x.axes[:-1]
        unit = net.axis("j", self.units, x)
        letter = "E" if net.shared and net.called("E") in net.parameters else "A"
        right = summed(source, f"{net.parameter(letter, unit, *source)}*{x.entry}")
        if self.bias:
            right += f" + {net.parameter('b', unit, kind='bias')}"
        return net.applied(self.activation, net.let("z", (*kept, unit), right))


def softmax(net: Build, z: Tensor, k: int) -> Tensor:
    """e = exp(z), s = the sum of e, a = e/s."""
    units = z.axes[-1]
    exp = Term(sp.exp(z.entry))
    e = net.let("e", z.axes, exp, why="exponentials of softmax", layer=k)
    total = Term(e.entry, (units,))
    s = net.let("s", z.axes[:-1], total, why="sum of softmax", layer=k)
    value = Term(e.entry / s.entry)
    return net.let("a", z.axes, value, why="softmax", kind="activation", layer=k)


@dataclass(frozen=True)
class Dropout(Called):
    """Inverted dropout: the product with a mask whose entries are 0 or 1/(1 - rate)."""

    rate: float

    PLAIN: ClassVar[bool] = True

    FIELDS: ClassVar[Mapping[str, Field]] = {
        "rate": Field(
            "number", minimum=0, maximum=1, exclusive_maximum=True, doc="share of units dropped"
        ),
    }

    def forward(self, net: Build, x: Tensor) -> Tensor:
        """h = x * mask; the mask is a leaf, drawn by who trains."""
        k = net.number("dropout")
        mask = net.leaf("mask", x.axes, "mask", layer=k)
        return net.let("h", x.axes, Term(x.entry * mask.entry), why="dropout", layer=k)

    def equations(self, net: Graph, x: Value) -> Value:
        """The same in a network of any shape."""
        x = net.unflat(x)
        mask = net.mask(x.axes, 1 - self.rate)
        return net.let("h", x.axes, f"{mask.entry}*{x.entry}")


LAYERS: dict[str, type[Any]] = {"dense": Dense, "dropout": Dropout}
