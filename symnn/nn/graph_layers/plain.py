"""Layers of every component: a function of each, and all axes as one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from symnn.io.fields import Field
from symnn.nn.calls import Called
from symnn.nn.graph import Graph, Value
from symnn.nn.graph_layers.fields import Fields


@dataclass(frozen=True)
class Activation(Called):
    """A function of every component; softmax along the last axis."""

    function: str

    PLAIN: ClassVar[bool] = True
    FIELDS: ClassVar[Fields] = {"function": Field("string", doc="its name")}

    def equations(self, net: Graph, x: Value) -> Value:
        return net.applied(self.function, net.unflat(x))


@dataclass(frozen=True)
class Flatten(Called):
    """All axes as one; what a dense layer makes of them is a sum over all."""

    PLAIN: ClassVar[bool] = True
    FIELDS: ClassVar[Fields] = {}

    def equations(self, net: Graph, x: Value) -> Value:
        return Value(x.name, x.axes, x.whole, flat=True)
