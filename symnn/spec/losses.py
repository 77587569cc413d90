"""[loss] and [[losses]] of a network of any shape, as the text of its equations."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import sympy as sp

from symnn.engine.mistakes import TextError
from symnn.engine.text import parse
from symnn.io.errors import suggestion
from symnn.io.fields import Field, kind_of
from symnn.nn.graph import Graph, Index, ShapeError, Value, listed
from symnn.nn.graph_losses import GRAPH_LOSSES, GraphLoss
from symnn.nn.losses import LOSSES
from symnn.nn.own_lines import column_of, defined, fitted, names_of
from symnn.spec.positions import child
from symnn.spec.sections import SECTIONS

Row = tuple[str, Mapping[str, Any]]  # the path of a table, and the table
LOSS = {
    "name": Field("string", None, choices=tuple(GRAPH_LOSSES), doc="what is minimised"),
    "lines": Field("string", None, doc="or the equations of a loss of your own"),
    "of": Field("strings", None, doc="the layer that it reads; without it the last one"),
    "target": Field("string", None, doc="the name of its targets"),
    "weight": Field(
        "number", 1.0, minimum=0, maximum=1e6, exclusive_minimum=True, doc="its factor in the sum"
    ),
    "l2": SECTIONS["loss"]["l2"],
    "sample_weight": Field("boolean", False, doc="whether samples have weights w"),
}
OPTIONS = {key: f for row in GRAPH_LOSSES.values() for key, f in row.fields.items()}
SAMPLE_WEIGHT = "w"
NAME, RESERVED = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,60}", re.ASCII), ("n", "N", "L")


def is_further(row: Mapping[str, Any]) -> bool:
    """Whether [loss] says what a chain of dense layers does not know."""
    fields = {*LOSS, *OPTIONS} - SECTIONS["loss"].keys()
    return bool(fields & row.keys()) or str(row.get("name")) in GRAPH_LOSSES.keys() - LOSSES.keys()


def loss_tables(data: Mapping[str, Any], fail: Callable[..., None]) -> list[Row] | None:
    """[loss], or every [[losses]]; None after a mistake."""
    both = [key for key in ("loss", "losses") if key in data]
    if len(both) != 1:
        what = "is given beside [[losses]]" if both else "the section [loss] is missing"
        fail("loss", what, "write one of the two" if both else "required: name")
        return None
    rows = [data["loss"]] if both == ["loss"] else data["losses"]
    if not isinstance(rows, list | tuple) or not rows:
        fail("losses", f"must be a list of tables, not {kind_of(rows)}", "write [[losses]]")
        return None
    paths = ["loss"] if both == ["loss"] else [f"losses[{k}]" for k in range(len(rows))]
    for path, row in zip(paths, rows, strict=True):
        if not isinstance(row, dict):
            fail(path, f"must be a table, not {kind_of(row)}")
            return None
    return list(zip(paths, rows, strict=True))


class Mistake(Exception):
    """path, message, hint."""


@dataclass
class Losses:
    """Adds the equations of losses to a network.

    values: what inputs and layers give, by their names.  finals: the activation with which each
    layer ends, the last layer last.  check: the fields of a table, None for one that is wrong.
    """

    net: Graph
    values: Mapping[str, Value]
    finals: Mapping[str, str]
    check: Callable[[str, Mapping[str, Any], Mapping[str, Field]], dict[str, Any] | None]
    read: dict[str, None] = field(default_factory=dict)  # the inputs and layers that losses read
    targets: dict[str, Value] = field(default_factory=dict)
    facts: set[str] = field(default_factory=set)
    # the path of loss.lines, the number of rows above them, the rows of the user
    own: list[tuple[str, int, list[str]]] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)  # name of a tensor -> that of its layer
    compared: list[tuple[str, str, str]] = field(default_factory=list)  # as of Written

    def write(self, rows: Sequence[Row]) -> bool:
        """Write L; whether all went well.  Raises Mistake."""
        parts, l2 = list[str](), 0.0
        for k, (path, row) in enumerate(rows, 1):
            loss = GRAPH_LOSSES.get(str(row.get("name")))
            options = loss.fields if loss else OPTIONS
            if stray := sorted(row.keys() & (OPTIONS.keys() - options.keys())):
                text = f"{row['name']} has no such field"
                raise Mistake(child(path, stray[0]), text, "leave it out")
            given = self.check(path, row, {**LOSS, **options})
            if given is None:
                return False
            if (loss is None) == (given["lines"] is None):
                hint = f"known: {', '.join(GRAPH_LOSSES)}"
                raise Mistake(child(path, "name"), "one of name and lines is needed", hint)
            if l2 and given["l2"]:
                hint = "it is of the weights of all layers: give it once"
                raise Mistake(child(path, "l2"), "another loss has it already", hint)
            l2 = l2 or float(given["l2"])
            direct = len(rows) == 1 and given["weight"] == 1 and not (given["lines"] and l2)
            name = "L" if direct else f"L_{k}"
            if loss is None:
                self._lines(child(path, "lines"), given["lines"], name)
                right = name
            else:
                right = self._right(path, loss, given, "y" if len(rows) == 1 else None)
            if not direct:
                if loss is not None:
                    self.net.rows.append(f"{name} = {right}")
                factor = float(given["weight"])
                right = name if factor == 1 else f"{factor!r}*{name}"
            parts.append(right)
        if parts != ["L"]:
            penalty = self._penalty(l2)
            self.net.rows.append(f"L = {' + '.join(parts)}{penalty}")
        outs = [key for key in self.read if key in self.finals] or list(self.finals)[-1:]
        self.outputs = {self.values[key].name: key for key in outs}
        self.net.rows.append(f"output {', '.join(self.outputs)}")
        return True

    def _right(
        self, path: str, loss: GraphLoss, given: Mapping[str, Any], usual: str | None
    ) -> str:
        """The right side of a loss; usual: the name of its targets where the spec gives none."""
        ofs = given["of"] or list(self.finals)[-1]
        ofs = [ofs] if isinstance(ofs, str) else list(ofs)
        for of in ofs:
            if of not in self.finals:
                hint = suggestion(of[:40], self.finals)
                raise Mistake(child(path, "of"), f"no layer is called {of[:40]!r}", hint)
            self.read[of] = None
        if len(ofs) != loss.reads:
            hint = f"of names {loss.reads}" + ', of = ["first", "second"]' * (loss.reads > 1)
            raise Mistake(
                child(path, "of"), f"{given['name']} does not read {len(ofs)} layers", hint
            )
        if loss.final and self.finals[ofs[0]] != loss.final:
            which = "the last layer's" if given["of"] is None else f"of {ofs[0]} the"
            text = f"{given['name']} needs probabilities: {which} activation must be {loss.final}"
            raise Mistake(child(path, "name"), text, "")
        wanted = given["target"] or usual or ofs[0]

        def target(
            axes: tuple[Index, ...], whole: int | None = None, shares: bool = False
        ) -> Value:
            known = self.targets.get(wanted)
            if known is None:
                self._new(child(path, "target"), wanted)
                known = self.targets[wanted] = self.net.input(wanted, axes, "target", whole)
            elif ([a.size for a in known.axes], known.whole) != ([a.size for a in axes], whole):
                own = Value(wanted, axes, whole)
                raise Mistake(
                    child(path, "target"),
                    f"{wanted} is {_told(known)} for another loss, and {_told(own)} for this one",
                    "give one of the two losses a target of its own",
                )
            y = replace(known, axes=axes)
            if shares and wanted not in self.facts:
                self.facts.add(wanted)
                self.net.rows.append(f"given sum_{listed(axes[-1:])} {y.entry} = 1")
            return y

        try:
            fields = {key: given[key] for key in loss.fields}
            outs = [self.net.unflat(self.values[of]) for of in ofs]
            sign, summand = loss.right(self.net, target, *outs, **fields)
        except ShapeError as error:
            raise Mistake(child(path, "name"), str(error), "") from None
        kind = "labels" if given.get("labels") else loss.targets
        self.compared.append((ofs[0], wanted, kind))
        if not given["sample_weight"]:
            return f"{sign} {summand}"
        if SAMPLE_WEIGHT not in self.targets:
            self._new(child(path, "sample_weight"), SAMPLE_WEIGHT)
            self.targets[SAMPLE_WEIGHT] = self.net.input(SAMPLE_WEIGHT, (), "weight")
        return f"{sign} {self.targets[SAMPLE_WEIGHT].entry}*{summand}"

    def _penalty(self, l2: float) -> str:
        """l2/2 times all squared weights."""
        if not l2:
            return ""
        self.net.rows.append(f"hyperparameter l2 = {l2!r}")
        found = ""
        for name, axes in self.net.weights.items():
            letters = ",".join(a.letter for a in axes)
            found += f" + l2/2*sum_{{{letters}}} {name}[{letters}]**2"
        return found

    def _new(self, path: str, name: str) -> None:
        """Mistake for the name of a target that it cannot have."""
        if name in self.values and name not in self.finals:
            hint = "take another name for the target, whose array may be the same"
            raise Mistake(path, f"{name} is an input, which layers read", hint)
        if not NAME.fullmatch(name) or name in RESERVED:
            hint = "letters, digits and _, and not n, N or L; target gives it another name"
            raise Mistake(path, f"{name[:40]!r} is no name of a target", hint)
        if name in names_of(self.net.rows):
            raise Mistake(path, f"the equations have the name {name} already", "take another one")

    def _lines(self, path: str, text: str, name: str) -> None:
        """The equations of a loss of the user's own, whose L becomes ``name``.

        It reads layers, inputs and targets of losses above by their names.
        """
        try:
            declared, computed = defined(text)
            if "L" not in computed:
                raise Mistake(path, "no equation computes L", "end with L = …, a number")
            known = {**self.values, **self.targets}
            for word in (*declared, *computed):
                if word in self.values:
                    hint = "take another name"
                    raise Mistake(path, f"{word} is the name of a layer or an input", hint)
            for word in declared:
                self._new(path, word)
            words = names_of(text.splitlines())
            self.read |= dict.fromkeys(word for word in self.values if word in words)
            read = {word: self.net.unflat(known[word]) for word in known if word in words}
            rows = fitted(self.net, text, read, {"L": name})
        except TextError as error:
            raise Mistake(path, *_place(error, error.token.line, error.token.column)) from None
        self.own.append((path, len(self.net.rows), text.splitlines()))
        self.net.rows += rows

    def look(self, functions: Sequence[str]) -> None:
        """Mistake for equations of the user's own that the network does not take."""
        if not self.own:
            return
        try:
            parse(self.net.text(), dict.fromkeys(functions, sp.tanh))
        except TextError as error:
            before = (o for o in self.own if o[1] < error.token.line)
            path, above, rows = max(before, key=lambda o: o[1])
            line = error.token.line - above
            fitted_row = self.net.text().splitlines()[error.token.line - 1]
            column = column_of(error.token.column, rows[line - 1], fitted_row)
            raise Mistake(path, *_place(error, line, column)) from None


def _place(error: TextError, line: int, column: int | None) -> tuple[str, str]:
    """A mistake in equations with its line, and its column where that is known."""
    at = f", column {column}" if column else ""
    return f"line {line}{at}: {error.message}", error.hint


def _told(y: Value) -> str:
    return f"of the shape {y.shape}" + (f", of whole numbers below {y.whole}" if y.whole else "")
