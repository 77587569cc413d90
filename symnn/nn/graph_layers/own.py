"""A layer of the user's own: its equations."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import sympy as sp

from symnn.engine.ir import Tensor
from symnn.engine.mistakes import TextError
from symnn.engine.text import Text, parse
from symnn.engine.tokens import Statement, statements
from symnn.io.fields import Field
from symnn.nn.calls import Called
from symnn.nn.graph import SAMPLES, Graph, Index, ShapeError, Value, declaration
from symnn.nn.graph_layers.fields import Fields
from symnn.nn.own_lines import column_of, defined, fitted, letters_of

ROLES = ("parameter", "state", "mask", "hyperparameter")  # that a layer may declare


@dataclass(frozen=True)
class Lines(Called):
    """Equations of x, or of x_1, x_2, … where it reads several values; the last one goes out.

    What it declares and computes gets the number of the layer behind its name.
    """

    lines: str

    FIELDS: ClassVar[Fields] = {
        "lines": Field("string", doc="its equations, of x, or of x_1, x_2, …")
    }

    @property
    def PLAIN(self) -> bool:
        """Whether it declares no parameters."""
        try:
            return not any(_declares(s) == "parameter" for s in statements(self.lines))
        except TextError:
            return False

    def equations(self, net: Graph, first: Value, *others: Value) -> Value:
        values = tuple(map(net.unflat, (first, *others)))
        read = {f"x_{k}": value for k, value in enumerate(values, 1)}
        if len(values) == 1:
            read = {"x": values[0]}
        lines = textwrap.dedent(self.lines)
        try:
            declared, computed = defined(lines)
            if not computed:
                raise ShapeError("no equation computes what goes out")
            if taken := [name for name in (*declared, *computed) if name in read]:
                raise ShapeError(f"{taken[0]} is what comes in: take another name")
            called = net.called if net.shared else net.name
            names = {name: called(name) for name in declared}
            names |= {name: _next(name, computed, names) or net.name(name) for name in computed}
            rows = fitted(net, lines, read, names)
        except TextError as error:
            raise self._mistake(error, error.token.line, error.token.column) from None
        try:
            text = _parsed(net, {value.name: value for value in values}, rows)
        except TextError as error:
            raise self._told(net, read, rows, error) from None
        self._keep(net, text, {value.name for value in values}, rows)
        out = text.program.tensors[names[computed[-1]]]
        if not out.axes or not out.axes[0].samples:
            raise ShapeError(f"what goes out has the samples n first, and {computed[-1]} has not")
        return Value(out.name, _axes(out)[1:])

    def _told(
        self, net: Graph, read: Mapping[str, Value], rows: Sequence[str], error: TextError
    ) -> ShapeError:
        """A mistake in the rows, in the user's words where these have it too."""
        own = textwrap.dedent(self.lines).splitlines()
        line = error.token.line - len(read)
        try:
            _parsed(net, read, own)
        except TextError as same:
            return self._mistake(same, same.token.line - len(read), same.token.column)
        return self._mistake(
            error, line, column_of(error.token.column, own[line - 1], rows[line - 1])
        )

    def _mistake(self, error: TextError, line: int, column: int | None) -> ShapeError:
        """A mistake with its line, and its column where that is known."""
        given, row = (t.splitlines()[line - 1] for t in (self.lines, textwrap.dedent(self.lines)))
        at = f", column {column + len(given) - len(row)}" if column else ""
        place = f"line {line}{at}: {error.message}"
        return ShapeError("; ".join(filter(None, (place, error.hint))))

    def _keep(self, net: Graph, text: Text, read: set[str], rows: list[str]) -> None:
        """Write the rows; where it shares its parameters, all but their declarations."""
        for t in (t for t in text.program.leaves if t.name not in read):
            if t.role not in ROLES:
                raise ShapeError(f"a layer declares {', '.join(ROLES)} or noise, and no {t.role}")
            net.letters.setdefault(t.name, ("", net.number))
            net.fits(t.name, _axes(t))
            if t.role == "parameter":
                net.keep(t.name, _axes(t), t.kind)
            elif net.shared:
                raise ShapeError(f"it has a {t.role} of its own, {t.name}: it shares with no layer")
        for name in text.program.definitions:
            net.belongs(name)
        shared = set[int]()
        for s in statements(self.lines) if net.shared else ():
            if _declares(s) == "parameter":
                shared |= {*range(s.tokens[0].line, s.tokens[-1].line + 1)}
        net.rows += [row for k, row in enumerate(rows, 1) if row.strip() and k not in shared]


def _declares(s: Statement) -> str:
    """The role of what a statement declares; "" for an equation."""
    return s.tokens[0].text if s.tokens[1].text != "=" else ""


def _next(name: str, computed: list[str], names: dict[str, str]) -> str | None:
    """The name of the next value of a state, which is called after it."""
    state = names.get(name.removesuffix("_next"))
    return f"{state}_next" if state and name.endswith("_next") else None


def _parsed(net: Graph, read: Mapping[str, Value], rows: Sequence[str]) -> Text:
    """The rows as a text that reads these values by these names."""
    letters, above = letters_of(rows, read), list[str]()
    for name, x in read.items():
        own = (Index(letters.get((name, k), a.letter), a.size) for k, a in enumerate(x.axes))
        axes = [*[Index(SAMPLES, "N")] * x.samples, *own]
        above.append(declaration("input", name, axes) + (f" of {x.whole}" if x.whole else ""))
    return parse("\n".join([*above, *rows]), dict.fromkeys(net.functions, sp.tanh))


def _axes(t: Tensor) -> tuple[Index, ...]:
    return tuple(Index(a.name, "N" if a.samples else a.size) for a in t.axes)
