"""Layers that give values mean 0 and variance 1."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import ClassVar

from symnn.nn.calls import Called
from symnn.nn.graph import SAMPLES, Graph, Index, ShapeError, Value, listed, whole_size
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


@dataclass(frozen=True)
class BatchNorm(Called):
    """Mean 0 and variance 1 of each channel, then a gain and a bias (Ioffe and Szegedy 2015).

    In training mean and variance are those of the batch, over samples and all axes but the last.
    In prediction they are running ones, as PyTorch has them: each step moves them by ``momentum``
    towards the batch's mean and its variance with count - 1 in the denominator.
    """

    momentum: float = 0.1
    epsilon: float = 1e-5

    FIELDS: ClassVar[Fields] = {
        "momentum": small(0.1, "the part of a batch in the running mean and variance"),
        "epsilon": small(1e-5, "added to the variance"),
    }

    def equations(self, net: Graph, x: Value) -> Value:
        if net.shared:
            raise ShapeError("running means belong to one layer: batch_norm shares with none")
        x = net.unflat(x)
        unit = x.axes[-1]
        places = prod(whole_size(a, "batch_norm") for a in x.axes[:-1])
        over = listed([Index(SAMPLES, "N"), *x.axes[:-1]])
        mean = net.state("M", unit, start=0)
        variance = net.state("V", unit, start=1)
        m = net.let("m", (unit,), f"mean_{over} {x.entry}", samples=False)
        net.rows.append(f"predict {m.entry} = {mean.entry}")
        u = net.let("u", x.axes, f"{x.entry} - {m.entry}")
        v = net.let("v", (unit,), f"mean_{over} {u.entry}**2", samples=False)
        net.rows.append(f"predict {v.entry} = {variance.entry}")
        # one value has no variance, and 0/0 is not to come of it
        ratio = f"{places}*N/({places}*N - 1)" if places > 1 else "N/max(N - 1, 1)"
        for state, now in ((mean, m.entry), (variance, f"{v.entry}*{ratio}")):
            after = replace(state, name=f"{state.name}_next")
            net.write(after, f"(1 - {self.momentum!r})*{state.entry} + {self.momentum!r}*{now}")
        h = net.let("h", x.axes, f"{u.entry}/sqrt({v.entry} + {self.epsilon!r})")
        gain, bias = net.parameter("g", unit, kind="gain"), net.parameter("b", unit, kind="bias")
        return net.let("a", x.axes, f"{gain}*{h.entry} + {bias}")
