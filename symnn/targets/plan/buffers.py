"""Buffers: the operations of an expression as calls, each with the array that it writes.

    multiply(subtract(a, y), c)   ->   subtract(a, y, out=t), multiply(t, c, out=t)

A result is written over an operand that has been read for the last time, or to a work array that
is free; the last one is written to where the value belongs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import sympy as sp

from symnn.engine.ir import entries, indices_of
from symnn.targets.plan.operations import Axes, Graph, Node, primitive


@dataclass(frozen=True)
class Work:
    """A work array for intermediate results; ``flags``: of truth values."""

    axes: Axes
    number: int
    flags: bool = False


Operand = Node | Work  # a Node that is no call, or a work array


@dataclass(frozen=True)
class Call:
    """out = name(args).

    name: a NumPy ufunc; "copyto" (args: value, or value and where); or "keep" (the first
    argument where the second, which is not negative, is positive, else 0).
    """

    name: str
    args: tuple[Operand, ...]
    out: Operand


@dataclass
class Memory:
    """Assigns to each node of an expression the array that its value is written to.

    home: name of an array -> name of the memory it is in.  dying: memory whose value no later
    kernel reads, so that it may be written over after its last use here.
    """

    out: Node
    home: Callable[[str], str]
    dying: frozenset[str] = frozenset()
    calls: list[Call] = field(default_factory=list)
    left: Counter[Node] = field(
        default_factory=Counter
    )  # node -> the calls that still have to read it
    held: dict[Node, Operand] = field(default_factory=dict)
    busy: set[Operand] = field(default_factory=set)

    def run(self, root: Node) -> list[Call]:
        """The calls that leave the value of ``root`` in ``out``."""
        self._count(root)
        home = self.home(self.out.name)
        if any(self._where(n) == home and n.axes == self.out.axes for n in self.left):
            self.busy.add(self.out)
        if root.kind != "call":
            return [Call("copyto", (root,), self.out)]
        self._compute(root, last=True)
        return self.calls

    def _count(self, node: Node) -> None:
        self.left[node] += 1
        if self.left[node] == 1:
            for a in node.args:
                self._count(a)

    def _where(self, node: Operand) -> str | None:
        return self.home(node.name) if isinstance(node, Node) and node.kind == "array" else None

    def _compute(self, node: Node, last: bool = False) -> Operand:
        """The operand with the node's value; the larger parts are computed first."""
        if node.kind != "call":
            return node
        if node in self.held:
            return self.held[node]
        order = sorted(range(len(node.args)), key=lambda k: -_weight(node.args[k]))
        found = {k: self._compute(node.args[k]) for k in order}
        args = [found[k] for k in range(len(node.args))]
        free = [a for n, a in zip(node.args, args, strict=True) if self._read(n, a, node)]
        if node.name == "where":
            out = self._where_call(node, args, free, last)
        else:
            out = self.out if last else self._choose(node, free)
            self.calls.append(Call(node.name, tuple(args), out))
        self.busy.difference_update(free)
        self.busy.add(out)
        self.held[node] = out
        return out

    def _where_call(
        self, node: Node, args: Sequence[Operand], free: Sequence[Operand], last: bool
    ) -> Operand:
        """where(flag, value, other): other is copied to the result, then value where flag holds."""
        flag, value, other = args
        clash = value == self.out or self._where(value) == self.home(self.out.name)
        out = self.out if last and not clash else self._fresh(node, free, other)
        if out != other:
            self.calls.append(Call("copyto", (other,), out))
        self.calls.append(Call("copyto", (value, flag), out))
        if last and out != self.out:
            self.calls.append(Call("copyto", (out,), self.out))
            out = self.out
        return out

    def _fresh(self, node: Node, free: Sequence[Operand], other: Operand) -> Operand:
        if other in free and isinstance(other, Work) and other.axes == node.axes:
            return other
        return self._new(node)

    def _read(self, node: Node, operand: Operand, reader: Node) -> bool:
        """Note that the reader has read the node; whether the operand's memory is free then."""
        self.left[node] -= 1
        if self.left[node] > 0:
            return False
        if isinstance(operand, Work):
            return True
        mine = operand == self.out or self._where(operand) in self.dying
        return mine and operand.axes == reader.axes

    def _choose(self, node: Node, free: Sequence[Operand]) -> Operand:
        """Memory for a result: ``out`` if it is free, else an operand's, else a work array."""
        home = self.home(self.out.name)
        same = [a for a in free if a.axes == node.axes and _is_flag(a) == node.boolean]
        vacant = self.out not in self.busy or any(self._where(a) == home for a in same)
        if vacant and node.axes == self.out.axes and not node.boolean:
            return self.out
        return same[0] if same else self._new(node)

    def _new(self, node: Node) -> Operand:
        k = 1
        while Work(node.axes, k, node.boolean) in self.busy:
            k += 1
        return Work(node.axes, k, node.boolean)


def _is_flag(operand: Operand) -> bool:
    return isinstance(operand, Work) and operand.flags


def _weight(node: Node) -> int:
    return 1 + sum(map(_weight, node.args)) if node.kind == "call" else 0


def calls_into(
    f: sp.Expr,
    out: Node,
    home: Callable[[str], str],
    dying: Iterable[str] = (),
    positive: Iterable[str] = (),
) -> list[Call]:
    """The calls that leave the value of ``f`` in ``out``, an array; see Graph and Memory."""
    axes = {i for e in entries(f) for i in indices_of(e)} - set(out.axes)
    assert not axes, f"{f} has further axes {axes}"
    root = Graph(out.axes, frozenset(positive)).node(primitive(f))
    return Memory(out, home, frozenset(dying)).run(root)
