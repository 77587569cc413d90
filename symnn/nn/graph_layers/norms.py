"""Layers that give values mean 0 and variance 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from symnn.nn.calls import Called
from symnn.nn.graph import Graph, Value, listed
from symnn.nn.graph_layers.fields import Fields, small


@dataclass(frozen=True)
class LayerNorm(Called):
    """Mean 0 and variance 1 along the last axis, then a gain and a bias (Ba et al. 2016)."""

    epsilon: float = 1e-5

    FIELDS: ClassVar[Fields] = {"epsilon": small(1e-5, "added to the variance")}

    def equations(self, net: Graph, x: Value) -> Value:
        x = net.unflat(x)
        unit = x.axes[-1]
        m = net.let("m", x.axes[:-1], f"mean_{listed([unit])} {x.entry}")
        u = net.let("u", x.axes, f"{x.entry} - {m.entry}")
        v = net.let("v", x.axes[:-1], f"mean_{listed([unit])} {u.entry}**2")
        h = net.let("h", x.axes, f"{u.entry}/sqrt({v.entry} + {self.epsilon!r})")
        gain, bias = net.parameter("g", unit, kind="gain"), net.parameter("b", unit, kind="bias")
        return net.let("a", x.axes, f"{gain}*{h.entry} + {bias}")


@dataclass(frozen=True)
class RMSNorm(Called):
    """Mean square 1 along the last axis, then a gain (Zhang and Sennrich 2019)."""

    epsilon: float = 1e-6

    FIELDS: ClassVar[Fields] = {"epsilon": small(1e-6, "added to the mean square")}

    def equations(self, net: Graph, x: Value) -> Value:
        x = net.unflat(x)
        unit = x.axes[-1]
        v = net.let("v", x.axes[:-1], f"mean_{listed([unit])} {x.entry}**2")
        gain = net.parameter("g", unit, kind="gain")
        return net.let("a", x.axes, f"{gain}*{x.entry}/sqrt({v.entry} + {self.epsilon!r})")
