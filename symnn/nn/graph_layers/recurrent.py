"""Recurrent layers: a loop over steps, whose state is what the next one reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from symnn.io.fields import Field
from symnn.nn.calls import Called
from symnn.nn.graph import INDENT, Graph, Index, Value, rank, summed, whole_size
from symnn.nn.graph_layers.fields import BIAS, Fields, count


@dataclass(frozen=True)
class _Recurrent(Called):
    """What recurrent layers have in common: gates of U x_t + W h_(t-1) + b along the first axis.

    steps: "last", the state after the last step, or "all".  LETTERS: of what a step computes; h is
    the state.
    """

    units: int
    steps: str = "last"
    bias: bool = True

    LETTERS: ClassVar[str]
    FIELDS: ClassVar[Fields] = {
        "units": count("number of units"),
        "steps": Field("string", "last", choices=("last", "all"), doc="which states go out"),
        "bias": BIAS,
    }

    def equations(self, net: Graph, x: Value) -> Value:
        rank(x, 2, "a recurrent layer")
        time, inputs = x.axes
        unit = net.axis("j", self.units, x)
        before = net.axis("k", self.units, x, unit)
        # a layer that shares the parameters of another has values of its own
        own = {letter: net.value(letter, (time, unit)) for letter in self.LETTERS}
        state = own["h"]

        def gate(mark: str, old: str = "") -> str:
            """U x_t + W h_(t-1) + b."""
            last = old or state.at(f"{time.letter} - 1", before.letter)
            parts = [
                summed([inputs], f"{net.parameter(f'U{mark}', unit, inputs)}*{x.entry}"),
                summed([before], f"{net.parameter(f'W{mark}', unit, before)}*{last}"),
            ]
            if self.bias:
                parts.append(net.parameter(f"b{mark}", unit, kind="bias"))
            return " + ".join(parts)

        rights = self.step(gate, own, time, unit, before)
        net.rows.append(f"for {time}:")
        for value, right in zip(own.values(), rights, strict=True):
            net.define(value, right, INDENT)
        if self.steps == "all":
            return state
        last = whole_size(time, "the last step") - 1
        return net.let("a", (unit,), state.at(str(last), unit.letter))

    def step(
        self, gate: Any, own: Mapping[str, Value], time: Index, unit: Index, before: Index
    ) -> list[str]:
        """The right sides of one step, of its values in their order; own: by their letters."""
        raise NotImplementedError


@dataclass(frozen=True)
class RNN(_Recurrent):
    """h_t = tanh(U x_t + W h_(t-1) + b) (Elman 1990)."""

    LETTERS: ClassVar[str] = "zh"

    def step(
        self, gate: Any, own: Mapping[str, Value], time: Index, unit: Index, before: Index
    ) -> list[str]:
        return [gate(""), f"tanh({own['z'].entry})"]


@dataclass(frozen=True)
class GRU(_Recurrent):
    """A gated recurrent unit: reset gate r, update gate z, candidate g (Cho et al. 2014)."""

    LETTERS: ClassVar[str] = "rzgh"

    def step(
        self, gate: Any, own: Mapping[str, Value], time: Index, unit: Index, before: Index
    ) -> list[str]:
        r, z, g, h = own.values()
        last = f"{r.at(time.letter, before.letter)}*{h.at(f'{time.letter} - 1', before.letter)}"
        old = h.at(f"{time.letter} - 1", unit.letter)
        gates = [f"sigmoid({gate('_r')})", f"sigmoid({gate('_z')})", f"tanh({gate('_g', last)})"]
        return [*gates, f"(1 - {z.entry})*{g.entry} + {z.entry}*{old}"]


@dataclass(frozen=True)
class LSTM(_Recurrent):
    """A long short-term memory: gates i, f, o, candidate g, cell C (Hochreiter 1997, Gers 2000)."""

    LETTERS: ClassVar[str] = "ifogCh"

    def step(
        self, gate: Any, own: Mapping[str, Value], time: Index, unit: Index, before: Index
    ) -> list[str]:
        i, f, o, g, c, _ = own.values()
        gates = [f"sigmoid({gate('_' + letter)})" for letter in "ifo"]
        cell = f"{f.entry}*{c.at(f'{time.letter} - 1', unit.letter)} + {i.entry}*{g.entry}"
        return [*gates, f"tanh({gate('_g')})", cell, f"{o.entry}*tanh({c.entry})"]
