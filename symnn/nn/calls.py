"""Layers that are called: a network of any shape, written in Python."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, eq=False)
class Node:
    """What comes out of an input or of a layer: an operand for other layers, for + and *.

    layer: the layer, or for a sum, a product or an input None.  kind: "add", "multiply", "input" or
    "".  sources: what it reads.  given: of an input its name, shape and ``of``.
    """

    layer: Any = None
    sources: tuple[Node, ...] = ()
    kind: str = ""
    given: tuple[Any, ...] = ()

    def __add__(self, other: Node) -> Node:
        return Node(None, (self, as_node(other)), "add")

    def __mul__(self, other: Node) -> Node:
        return Node(None, (self, as_node(other)), "multiply")

    def __repr__(self) -> str:
        return f"<{self.kind or type(self.layer).__name__}>"


class Called:
    """A layer that may be called on what others give; called twice, it shares its weights."""

    def __call__(self, *sources: Node) -> Node:
        return Node(self, tuple(map(as_node, sources)))


def Input(name: str = "x", *, shape: Any = None, of: int | None = None, **axes: int) -> Node:
    """An input of a network: its name, and its axes without the samples, channels last.

    axes: letters with sizes, ``t=16, c=3``; or shape: a list of sizes, or of letters with sizes.
    of: how many whole numbers, from 0, there are.
    """
    shape = [f"{letter}:{size}" for letter, size in axes.items()] if shape is None else list(shape)
    return Node(None, (), "input", (name, shape, of))


def as_node(given: Any) -> Node:
    """What a layer gives; TypeError for anything else."""
    if not isinstance(given, Node):
        raise TypeError(f"a layer is called on what layers give, not on {type(given).__name__}")
    return given
