"""[inputs] and [[layers]] of a network of any shape, as the text of its equations."""

from __future__ import annotations

import inspect
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from symnn.engine.functions import ACTIVATIONS
from symnn.io.errors import Problem, SpecError, quoted, suggestion
from symnn.io.fields import REQUIRED, Field, kind_of, wrong
from symnn.nn.calls import Node, as_node
from symnn.nn.graph import Graph, Index, ShapeError, Value
from symnn.nn.graph_layers import GRAPH_LAYERS
from symnn.nn.layers import LAYERS
from symnn.spec.losses import NAME, Losses, Mistake, Row, loss_tables
from symnn.spec.positions import child

Fail = Callable[[str, str, str], None]  # path, message, hint
Table = Callable[[str, Mapping[str, Any], Mapping[str, Field]], dict[str, Any]]


def _name(text: str) -> str | None:
    """What is wrong with the name of a layer."""
    fits = NAME.fullmatch(text)
    return None if fits else f"{quoted(text)} is no name: letters, digits and _, a letter first"


INPUT = {
    "shape": Field("list", doc='sizes, or axes with sizes: ["t:16", "c:3"]'),
    "of": Field("integer", None, minimum=1, maximum=10**8, doc="how many whole numbers there are"),
}
# what any layer may say of its place in the network
PLACE = {
    "name": Field("string", None, check=_name, doc="its name"),
    "from": Field("strings", None, doc="the layer, or the list of layers, that it reads"),
    "share": Field("string", None, doc="the layer whose parameters it has"),
    "repeat": Field("integer", None, minimum=1, maximum=100, doc="how often its block stands"),
    "block": Field("list", None, doc="the layers of a block"),
}
LETTERS = {1: "i", 2: "tc", 3: "hwc", 4: "rhwc"}
LAYER_LIMIT = 2000


def is_graph(rows: Sequence[Mapping[str, Any]]) -> bool:
    """Whether some of these layers stand in no chain of dense layers."""
    kinds = {row["type"] for row in rows if isinstance(row.get("type"), str)}
    known = kinds & (GRAPH_LAYERS.keys() - LAYERS.keys())
    return bool(known) or any(key in PLACE for row in rows for key in row)


def equations_of(
    data: Mapping[str, Any],
    fail: Fail,
    table: Table,
    functions: Sequence[str],
    features: int | None,
) -> tuple[str, dict[str, str]] | None:
    """The equations of the sections of a spec, and the layers of its outputs, by their tensors.

    features: inputs of [model].  Others: as of a GraphReader.  None after a mistake, which ``fail``
    is told.
    """
    return GraphReader(data, fail, table, functions).text(features)


def equations_of_calls(
    outs: Mapping[str, Node], data: Mapping[str, Any]
) -> tuple[str, dict[str, str]]:
    """The same of layers that were called; SpecError for those that do not fit.

    outs: by their names, "" for one that has none.  data: with [loss] or [[losses]].
    A layer that is called twice has the same parameters.
    """
    problems: list[Problem] = []

    def fail(path: str, message: str, hint: str = "") -> None:
        problems.append(Problem("network", None, path, message, hint))

    def table(path: str, row: Mapping[str, Any], fields: Mapping[str, Field]) -> dict[str, Any]:
        for key in row.keys() - fields.keys():
            fail(f"{path}.{key}", "unknown field", suggestion(str(key)[:40], fields))
        for key, own in fields.items():
            if key in row and row[key] is not own.default and (found := wrong(own, row[key])):
                fail(f"{path}.{key}", *found)
        return {key: row.get(key, own.default) for key, own in fields.items()}

    reader = GraphReader(data, fail, table)
    names: dict[int, str] = {}
    layers: dict[int, str] = {}  # layer -> the first name under which it stands
    losses = loss_tables(data, fail)
    called = {id(as_node(node)): name for name, node in outs.items()}
    if len(called) < len(outs):
        fail("network", "one output has two names", "name each output once")
    for node in in_order(outs.values()):
        if node.kind == "input":
            name, shape, of = node.given
            known = reader.values.get(name) is not None
            if known:
                fail(f"Input({name!r})", "two inputs have that name", "give each its own")
            elif reader.input(name, {"shape": shape, "of": of}):
                names[id(node)] = name
        else:
            made = node.layer or GRAPH_LAYERS[node.kind]()
            kind = next((k for k, own in GRAPH_LAYERS.items() if type(made) is own), "")
            row = {key: getattr(made, key) for key in made.FIELDS}
            sources = [names[id(source)] for source in node.sources if id(source) in names]
            first = layers.get(id(made))
            place = {"type": kind, "from": sources, "name": called.get(id(node)) or None}
            if first in reader.numbers:
                place["share"] = first
            if reader.layer(type(made).__name__, {**row, **place}):
                names[id(node)] = reader.last
                layers.setdefault(id(made), reader.last)
        if problems:
            raise SpecError(problems)
    if losses is None or (found := reader.closed(losses)) is None:
        raise SpecError(problems)
    return found


def in_order(outs: Iterable[Node]) -> list[Node]:
    """All nodes, each after those that it reads, in the order in which they are called."""
    found, pending = dict[int, Node](), [(as_node(out), False) for out in reversed([*outs])]
    while pending:
        node, read = pending.pop()
        if id(node) in found:
            continue
        if read:
            found[id(node)] = node
        else:
            pending.append((node, True))
            pending += [(source, False) for source in reversed(node.sources)]
    return list(found.values())


@dataclass
class GraphReader:
    """Reads the sections; mistakes go to ``fail``, and no text comes of them.

    table: checks the fields of a table.  functions: activations of the user's own.
    """

    data: Mapping[str, Any]
    fail: Fail
    table: Table
    functions: Sequence[str] = ()
    net: Graph = field(default_factory=Graph)
    values: dict[str, Value] = field(default_factory=dict)  # by the names of inputs and layers
    numbers: dict[str, int] = field(default_factory=dict)  # of layers with parameters
    read: set[str] = field(default_factory=set)
    kinds: Counter[str] = field(default_factory=Counter)
    last: str = ""
    number: int = 0  # of the last layer with parameters
    aims: set[str] = field(default_factory=set)  # the names of targets
    finals: dict[str, str] = field(default_factory=dict)  # layer -> its activation

    def text(self, inputs: int | None) -> tuple[str, dict[str, str]] | None:
        """The equations, and the layers of the outputs; None after a mistake."""
        losses = loss_tables(self.data, self.fail)
        if not self._inputs(inputs) or losses is None:
            return None
        self.aims = {"y", *(str(row.get("target")) for _, row in losses)}
        rows = self.data.get("layers", ())
        if not isinstance(rows, list | tuple) or not rows:
            self.fail("layers", "is missing; required: one [[layers]] table or more", "")
            return None
        if not all([self.layer(f"layers[{k}]", row) for k, row in enumerate(rows)]):
            return None
        return self.closed(losses)

    def closed(self, rows: Sequence[Row]) -> tuple[str, dict[str, str]] | None:
        """The same with the equations of losses."""
        if not self.finals:
            self.fail("layers", "there is no layer", "an input alone has nothing to train")
            return None
        losses = Losses(self.net, self.values, self.finals, self.checked)
        try:
            if not losses.write(rows):
                return None
            losses.look(self.functions)
        except Mistake as error:
            self.fail(*error.args)
            return None
        if unread := [n for n in self.values if n not in self.read and n not in losses.read]:
            self.fail("layers", f"nothing reads {unread[0]}", "name it in from, or leave it out")
            return None
        return self.net.text(), losses.outputs

    def checked(
        self, path: str, row: Mapping[str, Any], fields: Mapping[str, Field]
    ) -> dict[str, Any] | None:
        """The fields of a table; None where one is wrong."""
        found = self.table(path, row, fields)
        fine = all(key in fields and not wrong(fields[key], row[key]) for key in row)
        return found if fine and REQUIRED not in found.values() else None

    # --- inputs

    def _inputs(self, features: int | None) -> bool:
        tables = self.data.get("inputs")
        if tables is None:
            if features is None:
                hint = "write [inputs.x] with shape = [28, 28, 1], or inputs = 3 in [model]"
                self.fail("model", "the shape of the input is missing", hint)
                return False
            tables = {"x": {"shape": [features]}}
        if not isinstance(tables, dict) or not tables:
            self.fail("inputs", "must hold tables: [inputs.x]", "")
            return False
        return all([self.input(name, table) for name, table in tables.items()])

    def input(self, name: str, row: Any) -> bool:
        path = child("inputs", name)
        if not isinstance(row, dict):
            self.fail(path, f"must be a table, not {kind_of(row)}", "")
            return False
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9]{0,20}", name, re.ASCII) or name in (
            "n",
            "N",
            "y",
            "L",
        ):
            self.fail(path, "is no name of an input", "letters and digits, and not n, N, y or L")
            return False
        fields = self.table(path, row, INPUT)
        axes = self._axes(child(path, "shape"), fields["shape"])
        if axes is None:
            return False
        self.values[name] = self.net.input(name, axes, "input", fields["of"])
        self.last = name
        return True

    def _axes(self, path: str, shape: Any) -> tuple[Index, ...] | None:
        """The axes of an input, as they are named or by their places."""
        if not isinstance(shape, list | tuple) or len(shape) > 4:
            self.fail(path, "must be a list of at most 4 sizes", 'an example: ["t:16", "c:3"]')
            return None
        found = list[Index]()
        for k, part in enumerate(shape):
            letter, _, size = part.partition(":") if isinstance(part, str) else ("", "", part)
            if isinstance(size, str) and size.isdigit():
                size = int(size)
            named = not letter or re.fullmatch("[a-mo-z]", letter)
            sized = isinstance(size, int) and not isinstance(size, bool) and 1 <= size <= 10**6
            if not named or not sized:
                hint = 'a size, or a letter and a size: "t:16"'
                self.fail(f"{path}[{k}]", f"is no size of an axis: {str(part)[:40]!r}", hint)
                return None
            letter = letter or LETTERS[len(shape)][k]
            found.append(self.net.axis(letter, size, *found))
        return tuple(found)

    # --- layers

    def layer(self, path: str, row: Any, inside: dict[str, str] | None = None) -> bool:
        """Read a layer, and have it write.

        inside: of a block, the names of its layers -> those by which their values are kept.
        """
        if not isinstance(row, dict):
            self.fail(path, f"must be a table, not {kind_of(row)}", "")
            return False
        place = self.table(path, {k: v for k, v in row.items() if k in PLACE}, PLACE)
        if place["repeat"] is not None or place["block"] is not None:
            return self._blocks(path, row, place)
        kind = row.get("type")
        if not isinstance(kind, str) or kind not in GRAPH_LAYERS:
            what = "is missing; required" if kind is None else f"unknown layer {str(kind)[:40]!r}"
            self.fail(child(path, "type"), what, suggestion(str(kind)[:40], GRAPH_LAYERS))
            return False
        if self.kinds.total() >= LAYER_LIMIT:
            self.fail(path, f"too many layers, at most {LAYER_LIMIT}", "")
            return False
        layer = GRAPH_LAYERS[kind]
        known = (*ACTIVATIONS, *self.functions)
        fields = {
            key: Field(f.kind, f.default, choices=known, doc=f.doc)
            if key in ("activation", "function")
            else f
            for key, f in layer.FIELDS.items()
        }
        rest = {k: v for k, v in row.items() if k not in PLACE and k != "type"}
        values_of = self.checked(path, rest, fields)
        if values_of is None:
            return False
        made = layer(**values_of)
        name, key = place["name"], f"{kind}_{self.kinds[kind] + 1}"
        self.kinds[kind] += 1
        if name is not None and inside is None:
            key = name
        if key in self.values:
            self.fail(child(path, "name"), f"two layers or inputs are called {key!r}", "")
            return False
        values = self._sources(path, place["from"], inside)
        if values is None or not self._number(path, layer, place["share"], inside):
            return False
        try:
            inspect.signature(made.equations).bind(self.net, *values)
        except TypeError:
            text = f"{kind} does not take {len(values)} values"
            self.fail(child(path, "from"), text, "name as many as it takes")
            return False
        try:
            out = made.equations(self.net, *values)
        except ShapeError as error:
            self.fail(path, str(error), "")
            return False
        self.values[key], self.last = out, key
        if inside is not None and name is not None:
            inside[name] = key
        if not getattr(layer, "PLAIN", False):
            self.numbers[key] = self.net.number
        self.finals[key] = getattr(made, "activation", getattr(made, "function", ""))
        return True

    def _number(
        self, path: str, layer: Any, share: str | None, inside: dict[str, str] | None
    ) -> bool:
        """Give the layer its number, or that of the layer whose parameters it has."""
        self.net.shared = share is not None
        if share is not None:
            key = (inside or {}).get(share, share)
            if key not in self.numbers:
                known = suggestion(share, self.numbers)
                self.fail(
                    child(path, "share"),
                    f"no layer before has parameters and is called {share!r}",
                    known,
                )
                return False
            self.net.number = self.numbers[key]
        else:
            self.number += not getattr(layer, "PLAIN", False)
            self.net.number = self.number
        return True

    def _sources(self, path: str, given: Any, inside: dict[str, str] | None) -> list[Value] | None:
        """What a layer reads: what it names, or the layer before."""
        if given is None:
            given = self.last
        names = [given] if isinstance(given, str) else given
        if not names:
            self.fail(child(path, "from"), "names nothing", "leave it out, or name a layer")
            return None
        found = []
        for name in names:
            key = (inside or {}).get(name, name)
            if key not in self.values:
                text = f"nothing before this layer is called {name[:40]!r}"
                if name in self.aims:
                    text = f"{name} is a target, which a loss alone reads"
                self.fail(
                    child(path, "from"),
                    text,
                    suggestion(name[:40], (*(inside or {}), *self.values)),
                )
                return None
            self.read.add(key)
            found.append(self.values[key])
        return found

    def _blocks(self, path: str, row: Mapping[str, Any], place: Mapping[str, Any]) -> bool:
        """A block as often as it stands; ``in`` is what comes in."""
        rows = place["block"]
        if not isinstance(rows, list | tuple) or not rows:
            self.fail(child(path, "block"), "is missing; required: [[layers.block]]", "")
            return False
        for key in row:
            if key not in ("repeat", "block"):
                self.fail(child(path, key), "unknown field of a block", "it belongs to its layers")
                return False
        for _ in range(place["repeat"] or 1):
            names, before = {"in": self.last}, self.values[self.last]
            for k, inner in enumerate(rows):
                here = f"{path}.block[{k}]"
                if isinstance(inner, dict) and {"repeat", "block"} & inner.keys():
                    self.fail(here, "a block in a block", "write its layers out")
                    return False
                if not self.layer(here, inner, names):
                    return False
            after = self.values[self.last]
            if [a.size for a in after.axes] != [a.size for a in before.axes]:
                text = f"the block takes the shape {before.shape} and gives {after.shape}"
                self.fail(path, text, "its last layer must give the shape of its input")
                return False
        return True
