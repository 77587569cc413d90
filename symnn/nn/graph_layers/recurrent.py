"""Recurrent layers: a loop over steps, whose state the next step reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from symnn.io.fields import Field
from symnn.nn.calls import Called
from symnn.nn.graph import INDENT, Graph, Index, ShapeError, Value, rank, summed, whole_size
from symnn.nn.graph_layers.fields import BIAS, Fields, count
from symnn.nn.graph_layers.joins import Concatenate

Rows = list[tuple[str, str]]  # letters of values, and right sides


@dataclass(frozen=True)
class _Steps:
    """What the equations of a step are written with.

    mark: behind the letters of parameters and values, "_back" of the way back.  unit, before: the
    axes of the state and of the one a step before.  start: letter of a state -> its first value, as
    an entry at the letter of an axis.
    """

    net: Graph
    x: Value
    mark: str
    unit: Index
    before: Index
    bias: bool
    values: Mapping[str, Value]
    start: Mapping[str, Callable[[str], str]] = field(default_factory=dict)

    def now(self, letter: str) -> str:
        """The entry of a value of this step."""
        return self.values[letter].entry

    def old(self, letter: str, a: Index) -> str:
        """The entry of a state one step before, at an axis; at the first step its first value."""
        time = self.x.axes[0]
        entry = self.values[letter].at(f"{time.letter} {'+' if self.mark else '-'} 1", a.letter)
        if letter not in self.start:
            return entry
        first = whole_size(time, "the way back") - 1 if self.mark else 0
        return f"({entry} + [{time.letter} = {first}]*{self.start[letter](a.letter)})"

    def given(self, gate: str = "") -> str:
        """U x_t of a gate."""
        inputs = self.x.axes[1]
        weights = self.net.parameter(f"U{gate}{self.mark}", self.unit, inputs)
        return summed([inputs], f"{weights}*{self.x.entry}")

    def kept(self, gate: str = "", factor: str = "") -> str:
        """W h_(t-1) of a gate; factor: of each entry of the state."""
        weights = self.net.parameter(f"W{gate}{self.mark}", self.unit, self.before)
        return summed([self.before], f"{weights}*{factor}{self.old('h', self.before)}")

    def shift(self, gate: str = "", letter: str = "b") -> str:
        """A bias that is added, if there are any."""
        name = f"{letter}{gate}{self.mark}"
        return f" + {self.net.parameter(name, self.unit, kind='bias')}" if self.bias else ""

    def gate(self, gate: str = "", factor: str = "") -> str:
        """U x_t + W h_(t-1) + b."""
        return f"{self.given(gate)} + {self.kept(gate, factor)}{self.shift(gate)}"


@dataclass(frozen=True)
class _Recurrent(Called):
    """What recurrent layers have in common: gates of U x_t + W h_(t-1) + b along the first axis.

    Values after the first are the first states, of each way, in the order of STATES.
    """

    units: int
    steps: str = "last"
    initial: str = "zeros"
    bidirectional: bool = False
    bias: bool = True

    STATES: ClassVar[str] = "h"
    LETTERS: ClassVar[str]  # of the values of a step, in their order
    FIELDS: ClassVar[Fields] = {
        "units": count("number of units"),
        "steps": Field("string", "last", choices=("last", "all"), doc="which states go out"),
        "initial": Field(
            "string", "zeros", choices=("zeros", "learned"), doc="the state before the first step"
        ),
        "bidirectional": Field(
            "boolean",
            False,
            doc="whether a second loop runs back; its units come last",
        ),
        "bias": BIAS,
    }

    def equations(self, net: Graph, x: Value, *first: Value) -> Value:
        rank(x, 2, "a recurrent layer")
        marks = ("", "_back") if self.bidirectional else ("",)
        if first and len(first) != len(self.STATES) * len(marks):
            wanted = len(self.STATES) * len(marks)
            raise ShapeError(f"it takes {wanted} first states, and {len(first)} come in")
        if first and self.initial != "zeros":
            raise ShapeError("its first states come in: leave initial out")
        for value in first:
            if [a.size for a in value.axes] != [self.units]:
                text = f"a first state has the shape ({self.units},), {value.name} {value.shape}"
                raise ShapeError(text)
        count = len(self.STATES)
        ways = [
            self.way(net, x, mark, first[k * count : (k + 1) * count])
            for k, mark in enumerate(marks)
        ]
        return Concatenate().equations(net, *ways) if self.bidirectional else ways[0]

    def way(self, net: Graph, x: Value, mark: str, first: tuple[Value, ...]) -> Value:
        """One loop over the steps, there or back; what goes out of it."""
        time = x.axes[0]
        unit = net.axis("j", self.units, x, *first)
        before = net.axis("k", self.units, x, unit, *first)
        values = {letter: Value(net.name(letter + mark), (time, unit)) for letter in self.LETTERS}
        start: dict[str, Callable[[str], str]] = {}
        for letter, value in zip(self.STATES, first, strict=False):
            start[letter] = value.at
        if self.initial == "learned":
            for letter in self.STATES:
                own = f"{letter}0{mark}"
                net.parameter(f"{letter}_0{mark}", unit, kind="bias", base=own)
                start[letter] = f"{own}_{net.number}[{{}}]".format
        rows = self.step(_Steps(net, x, mark, unit, before, self.bias, values, start))
        net.rows.append(f"for {time}{' down' if mark else ''}:")
        for letter, right in rows:
            net.write(values[letter], right, indent=INDENT)
        if self.steps == "all":
            return values["h"]
        last = 0 if mark else whole_size(time, "the last step") - 1
        return net.let(f"a{mark}", (unit,), values["h"].at(str(last), unit.letter))

    def step(self, at: _Steps) -> Rows:
        """The equations of one step."""
        raise NotImplementedError


@dataclass(frozen=True)
class RNN(_Recurrent):
    """h_t = tanh(U x_t + W h_(t-1) + b) (Elman 1990)."""

    LETTERS = "zh"

    def step(self, at: _Steps) -> Rows:
        return [("z", at.gate()), ("h", f"tanh({at.now('z')})")]


@dataclass(frozen=True)
class GRU(_Recurrent):
    """A gated recurrent unit: reset gate r, update gate z, candidate g (Cho et al. 2014).

    reset: "before" the product with the weights, g = tanh(U x + b + W (r h)), or "after" it, as
    PyTorch has it, g = tanh(U x + b + r (W h + c)).
    """

    reset: str = "before"

    LETTERS = "rzqgh"
    FIELDS: ClassVar[Fields] = {
        **_Recurrent.FIELDS,
        "reset": Field(
            "string", "before", choices=("before", "after"), doc="of the product with the weights"
        ),
    }

    def step(self, at: _Steps) -> Rows:
        rows = [(letter, f"sigmoid({at.gate('_' + letter)})") for letter in "rz"]
        if self.reset == "after":
            given = at.given("_g") + at.shift("_g")
            rows.append(("q", at.kept("_g") + at.shift("_g", "c")))
            rows.append(("g", f"tanh({given} + {at.now('r')}*{at.now('q')})"))
        else:
            r = at.values["r"].at(at.x.axes[0].letter, at.before.letter)
            rows.append(("g", f"tanh({at.gate('_g', f'{r}*')})"))
        z, old = at.now("z"), at.old("h", at.unit)
        return [*rows, ("h", f"(1 - {z})*{at.now('g')} + {z}*{old}")]


@dataclass(frozen=True)
class LSTM(_Recurrent):
    """A long short-term memory: gates i, f, o, candidate g, cell C (Hochreiter 1997, Gers 2000)."""

    STATES = "hC"
    LETTERS = "ifogCh"

    def step(self, at: _Steps) -> Rows:
        rows = [(letter, f"sigmoid({at.gate('_' + letter)})") for letter in "ifo"]
        cell = f"{at.now('f')}*{at.old('C', at.unit)} + {at.now('i')}*{at.now('g')}"
        last = ("h", f"{at.now('o')}*tanh({at.now('C')})")
        return [*rows, ("g", f"tanh({at.gate('_g')})"), ("C", cell), last]
