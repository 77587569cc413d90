"""Plan: the lines of a training step, in the order and in the places in which they are computed.

A plan is the stable program as a list of kernels on arrays that are allocated once.  Samples are
the last axis ("columns").  It differs from the program in nothing that changes a value:

    blocks      b_k is a column beside A_k where a line reads A_k v + b_k: v gets a row of ones
    seed        every gradient is that of c L, with the constant c folded into the first of them
    records     what the loss reads is kept, and the loss computed later, for many steps at once
    places      a value that is read for the last time gives its place to the one made from it
    penalties   what a gradient adds without reading data is added after the sum over processes
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field

import sympy as sp

from symnn.engine.ir import Axis, Line, Program, ProgramError, Tensor, Term, entries, name_of

SEED = Tensor("seed", (), "hyperparameter").entry  # c: the gradients are those of c*L
Names = Mapping[str, str]


class PlanError(ProgramError):
    """A line that a plan has no kernel for; the message shows it."""


@dataclass(frozen=True)
class Block:
    """[A_k b_k]: weights with their bias as a further column, and where they stand in theta.

    transposed: stored as (inputs + 1, units), so that the product with the transpose, which
    the backward sweep needs, reads memory in order.
    """

    weights: str
    bias: str | None
    units: int
    inputs: int
    start: int
    transposed: bool

    @property
    def width(self) -> int:
        """Columns of the block: the inputs, and one for the bias."""
        return self.inputs + (self.bias is not None)

    @property
    def size(self) -> int:
        """Entries of the block."""
        return self.units * self.width


@dataclass(frozen=True)
class Operand:
    """A matrix: a tensor, or a block, perhaps with its row of ones, perhaps transposed."""

    name: str
    transposed: bool = False
    ones: bool = False
    block: bool = False


@dataclass(frozen=True)
class Product:
    """out = left right."""

    lines: tuple[Line, ...]
    left: Operand
    right: Operand
    out: Operand


@dataclass(frozen=True)
class Map:
    """out = f, for each component."""

    lines: tuple[Line, ...]
    out: Tensor
    f: sp.Expr


@dataclass(frozen=True)
class Reduction:
    """out = the sum, or the maximum, of f over its axes that ``out`` lacks."""

    lines: tuple[Line, ...]
    out: Tensor
    kind: str
    f: sp.Expr
    over: tuple[Axis, ...]


@dataclass(frozen=True)
class Stack:
    """out_k = f(source_k), for each component, for several layers k in one go."""

    sources: tuple[str, ...]
    outs: tuple[Tensor, ...]
    f: sp.Expr  # of an entry of "outputs", the array that all sources are parts of
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True)
class Products:
    """The products of several layers, all of the same sizes, in one go; the last layer first."""

    parts: tuple[Product, ...]

    @property
    def lines(self) -> tuple[Line, ...]:
        """The lines of the last layer."""
        return self.parts[0].lines


@dataclass(frozen=True)
class Zero:
    """out = 0: the gradient of weights that the loss does not depend on."""

    lines: tuple[Line, ...]
    out: Operand


Kernel = Product | Map | Reduction | Stack | Products | Zero


@dataclass
class Plan:
    """See the module's docstring.

    tensors: what has an array, by name.  place: tensor -> the tensor whose array it is in.
    ones: tensors with a row of ones below.  records: tensors that the loss of a step reads.
    penalties: parameter -> the factor of itself that its gradient adds.  loss: the lines of
    the loss, for the records of one step.
    """

    program: Program
    gradients: Names
    blocks: tuple[Block, ...] = ()
    kernels: list[Kernel] = field(default_factory=list)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    place: dict[str, str] = field(default_factory=dict)
    ones: dict[str, str] = field(default_factory=dict)
    records: tuple[str, ...] = ()
    penalties: dict[str, sp.Expr] = field(default_factory=dict)
    loss: tuple[Line, ...] = ()
    loss_penalties: list[Term] = field(default_factory=list)
    positive: frozenset[str] = frozenset()
    target_factor: sp.Expr | None = None

    @property
    def turn(self) -> int:
        """The number of the first kernel of the backward sweep."""
        roles = (x.lines[-1].lhs.role if x.lines else "" for x in self.kernels)
        return next((k for k, role in enumerate(roles) if role == "gradient"), len(self.kernels))

    @functools.cached_property
    def _block_of(self) -> Mapping[str, Block]:
        return {name: b for b in self.blocks for name in (b.weights, b.bias) if name}

    def block_of(self, parameter: str) -> Block:
        """The block of a weight matrix, or of a bias; KeyError for what is none of them."""
        return self._block_of[parameter]


def written_by(kernel: Kernel) -> tuple[str, ...]:
    """The names of the arrays that a kernel writes."""
    if isinstance(kernel, Stack):
        return tuple(t.name for t in kernel.outs)
    if isinstance(kernel, Products):
        return tuple(p.out.name for p in kernel.parts)
    return (kernel.out.name,)


def reads_of(kernel: Kernel) -> set[str]:
    """The names of the arrays that a kernel reads."""
    if isinstance(kernel, Product):
        return {kernel.left.name, kernel.right.name}
    if isinstance(kernel, Products):
        return {m.name for p in kernel.parts for m in (p.left, p.right)}
    if isinstance(kernel, Stack):
        return set(kernel.sources)
    if isinstance(kernel, Zero):
        return set()
    return {name_of(e) for e in entries(kernel.f)}
