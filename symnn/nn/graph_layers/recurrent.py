"""Recurrent layers: a loop over steps, whose state is what the next one reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from symnn.io.fields import Field
from symnn.nn.calls import Called
from symnn.nn.graph import INDENT, Graph, Index, Value, rank, summed, whole_size
from symnn.nn.graph_layers.fields import BIAS, Fields, count


@dataclass(frozen=True)
class _Recurrent(Called):
    """What recurrent layers have in common: gates of U x_t + W h_(t-1) + b along the first axis.

    steps: "last", the state after the last step, or "all".
    """

    units: int
    steps: str = "last"
    bias: bool = True

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
        state = f"h_{net.number}"

        def gate(mark: str, old: str = "") -> str:
            """U x_t + W h_(t-1) + b."""
            last = old or f"{state}[n, {time.letter} - 1, {before.letter}]"
            parts = [
                summed([inputs], f"{net.parameter(f'U{mark}', unit, inputs)}*{x.entry}"),
                summed([before], f"{net.parameter(f'W{mark}', unit, before)}*{last}"),
            ]
            if self.bias:
                parts.append(net.parameter(f"b{mark}", unit, kind="bias"))
            return " + ".join(parts)

        self.step(net, gate, time, unit, before)
        out = Value(state, (time, unit))
        if self.steps == "all":
            return out
        last = whole_size(time, "the last step") - 1
        return net.let("a", (unit,), out.at(str(last), unit.letter))

    def step(self, net: Graph, gate: Any, time: Index, unit: Index, before: Index) -> None:
        """The equations of one step, within a loop."""
        raise NotImplementedError

    @staticmethod
    def loop(net: Graph, time: Index, rows: list[tuple[str, str]], unit: Index) -> None:
        """A loop of equations: letters and right sides."""
        net.rows.append(f"for {time}:")
        for letter, right in rows:
            net.let(letter, (time, unit), right, indent=INDENT)


@dataclass(frozen=True)
class RNN(_Recurrent):
    """h_t = tanh(U x_t + W h_(t-1) + b) (Elman 1990)."""

    def step(self, net: Graph, gate: Any, time: Index, unit: Index, before: Index) -> None:
        z = Value(f"z_{net.number}", (time, unit))
        self.loop(net, time, [("z", gate("")), ("h", f"tanh({z.entry})")], unit)


@dataclass(frozen=True)
class GRU(_Recurrent):
    """A gated recurrent unit: reset gate r, update gate z, candidate g (Cho et al. 2014)."""

    def step(self, net: Graph, gate: Any, time: Index, unit: Index, before: Index) -> None:
        k = net.number
        r, z, g, h = (Value(f"{letter}_{k}", (time, unit)) for letter in "rzgh")
        last = f"{r.at(time.letter, before.letter)}*{h.at(f'{time.letter} - 1', before.letter)}"
        old = h.at(f"{time.letter} - 1", unit.letter)
        rows = [
            ("r", f"sigmoid({gate('_r')})"),
            ("z", f"sigmoid({gate('_z')})"),
            ("g", f"tanh({gate('_g', last)})"),
            ("h", f"(1 - {z.entry})*{g.entry} + {z.entry}*{old}"),
        ]
        self.loop(net, time, rows, unit)


@dataclass(frozen=True)
class LSTM(_Recurrent):
    """A long short-term memory: gates i, f, o, candidate g, cell C (Hochreiter 1997, Gers 2000)."""

    def step(self, net: Graph, gate: Any, time: Index, unit: Index, before: Index) -> None:
        k = net.number
        i, f, o, g, c = (Value(f"{letter}_{k}", (time, unit)) for letter in "ifogC")
        rows = [(letter, f"sigmoid({gate('_' + letter)})") for letter in "ifo"]
        rows += [
            ("g", f"tanh({gate('_g')})"),
            ("C", f"{f.entry}*{c.at(f'{time.letter} - 1', unit.letter)} + {i.entry}*{g.entry}"),
            ("h", f"{o.entry}*tanh({c.entry})"),
        ]
        self.loop(net, time, rows, unit)
