"""Plan: the lines of a training step, in the order and in the arrays in which they are computed.

A plan is the stable program as a list of kernels on arrays that are allocated once.  Samples are
the last axis ("columns").  It differs from the program in nothing that changes a value:

    blocks      b_k is a column beside A_k where a line reads A_k v + b_k: v gets a row of ones
    seed        every gradient is that of c L: the first line, dL/dL, is the constant c, not 1
    saved       what the loss reads is kept, and the loss computed later, for many steps at once
    aliases     a value that is read for the last time gives its array to the one made from it
    penalties   what a gradient adds without reading data is added after the sum over processes
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import sympy as sp

from symnn.engine.ir import (
    Axis,
    Line,
    Program,
    ProgramError,
    Tensor,
    Term,
    entries,
    name_of,
)
from symnn.engine.repeats import line_layer

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
    layer: int
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

    tensors: what has an array, by name.  aliases: tensor -> the tensor whose array it shares.
    ones: tensors with a row of ones below.  saved: tensors that the loss of a step reads.
    penalties: parameter -> the factor of itself that its gradient adds.  loss: the lines of
    the loss, from the saved tensors of one step.
    """

    program: Program
    gradients: Names
    blocks: tuple[Block, ...] = ()
    kernels: list[Kernel] = field(default_factory=list)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    ones: dict[str, str] = field(default_factory=dict)
    saved: tuple[str, ...] = ()
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

    @property
    def target(self) -> Tensor:
        """y."""
        return self.program.leaves_of("target")[0]

    @property
    def scaled_target(self) -> Tensor:
        """c y."""
        return Tensor(f"c_{self.target.name}", self.target.axes)

    @property
    def arrays(self) -> Mapping[str, Tensor]:
        """All tensors by name, those of the program and the plan's own."""
        scaled = self.scaled_target
        return {**self.program.tensors, **self.tensors, scaled.name: scaled}

    @property
    def axes(self) -> Mapping[sp.Symbol, Axis]:
        """All axes by their indices."""
        bound = (*(t.axes for t in self.arrays.values()), *(x.axes for x in self.program.lines))
        return {a.symbol: a for axes in bound for a in axes}

    def home(self, name: str) -> str:
        """The tensor whose array a tensor is in."""
        return self.aliases.get(name, name)

    def block_of(self, parameter: str) -> Block:
        """The block of a weight matrix, or of a bias; KeyError for what is none of them."""
        return self._block_of[parameter]


@dataclass(frozen=True)
class Step:
    """Lines of one layer, and the numbers of the kernels that compute them."""

    layer: int | None
    kernels: tuple[int, ...]
    lines: tuple[Line, ...]


def steps(plan: Plan) -> list[Step]:
    """All kernels in order; those that compute parts of one line are one step."""
    found: list[Step] = []
    before: tuple[Line, ...] = ()
    for k, kernel in enumerate(plan.kernels):
        fresh = tuple(line for line in kernel.lines if line not in before)
        if isinstance(kernel, Stack | Products):
            found.append(Step(None, (k,), ()))
            continue
        if fresh or not found:
            found.append(Step(line_layer(kernel.lines[-1]), (k,), fresh))
        else:
            found[-1] = replace(found[-1], kernels=(*found[-1].kernels, k))
        before = kernel.lines or before
    return found


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


def loss_penalty(plan: Plan) -> sp.Expr | None:
    """c where the loss adds c times the sum of squares of every weight matrix."""
    factors = set()
    for t in plan.loss_penalties:
        entry = next(e for e in entries(t.f) if isinstance(e, sp.Indexed))
        factors.add(t.f / entry**2)
    names = {name_of(e) for t in plan.loss_penalties for e in entries(t.f)}
    weights = {b.weights for b in plan.blocks}
    if not factors:
        return None
    factor = factors.pop()
    if factors or any(isinstance(e, sp.Indexed) for e in entries(factor)) or not weights <= names:
        raise PlanError("the loss adds something else than a multiple of the weights' squares")
    return factor


def gradient_penalty(plan: Plan) -> sp.Expr | None:
    """c where every weight A adds c A to its gradient, without reading a sample."""
    factors = set(plan.penalties.values())
    if not factors:
        return None
    if len(factors) > 1 or len(plan.penalties) < len(plan.blocks):
        raise PlanError("the weights are not all penalised alike")
    return factors.pop()
