"""[inputs] and [[layers]] of a network of any shape, as the text of its equations."""

from __future__ import annotations

import copy
import inspect
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from symnn.engine.functions import ACTIVATIONS, TABLE
from symnn.engine.names import CONSTANTS, WORDS
from symnn.engine.scalars import FUNCTIONS
from symnn.io.errors import Problem, SpecError, quoted, suggestion
from symnn.io.fields import REQUIRED, Field, kind_of, wrong
from symnn.nn.calls import Node, as_node
from symnn.nn.graph import Graph, Index, ShapeError, Value
from symnn.nn.graph_layers import GRAPH_LAYERS
from symnn.nn.layers import LAYERS
from symnn.spec.losses import Losses, Mistake, Row, loss_tables
from symnn.spec.positions import child
from symnn.spec.sections import Written

Fail = Callable[[str, str, str], None]  # path, message, hint
Table = Callable[[str, Mapping[str, Any], Mapping[str, Field]], dict[str, Any]]
INPUT_NAME, LAYER_NAME = "[A-Za-z][A-Za-z0-9]{0,20}", "[a-z][a-z0-9_]{0,60}"


def _name(text: str) -> str | None:
    """What is wrong with the name of a layer."""
    fits = re.fullmatch(LAYER_NAME, text, re.ASCII) and text != "in"
    hint = "a lower-case letter, then such letters, digits and _; not in"
    return None if fits else f"{quoted(text)} is no name of a layer: {hint}"


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
) -> Written | None:
    """The equations of the sections of a spec.

    features: inputs of [model].  Others: as of a GraphReader.  None after a mistake, which ``fail``
    is told.
    """
    reader = GraphReader(data, fail, table, functions)
    reader.net.functions = tuple(functions)
    train = data.get("train")
    batch = train.get("batch_size") if isinstance(train, dict) else None
    if isinstance(batch, int) and batch > 0:
        reader.net.samples = batch
    return reader.text(features)


def equations_of_calls(outs: Mapping[str, Node], data: Mapping[str, Any]) -> Written:
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
    nodes = in_order(outs.values())
    reader.net.inputs = frozenset(node.given[0] for node in nodes if node.kind == "input")
    for node in nodes:
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
    later: set[str] = field(default_factory=set)  # the names of layers that are still to come
    values: dict[str, Value] = field(default_factory=dict)  # by the names of inputs and layers
    places: dict[str, str] = field(default_factory=dict)  # of inputs and layers, for messages
    numbers: dict[str, int] = field(default_factory=dict)  # of layers with parameters
    read: set[str] = field(default_factory=set)
    kinds: Counter[str] = field(default_factory=Counter)
    last: str = ""
    aims: set[str] = field(default_factory=set)  # the names of targets
    finals: dict[str, str] = field(default_factory=dict)  # layer -> its activation
    # layer of a repeated block -> the same of the first one, its first layer, how often it stands
    blocks: dict[str, tuple[str, str, int]] = field(default_factory=dict)

    def text(self, inputs: int | None) -> Written | None:
        """The equations; None after a mistake."""
        losses = loss_tables(self.data, self.fail)
        if not self._inputs(inputs) or losses is None:
            return None
        self.aims = {"y", *(str(row.get("target")) for _, row in losses)}
        rows = self.data.get("layers", ())
        if not isinstance(rows, list | tuple) or not rows:
            self.fail("layers", "is missing; required: one [[layers]] table or more", "")
            return None
        self.later = {str(row["name"]) for row in rows if isinstance(row, dict) and "name" in row}
        # what stands behind a layer that does not fit may be wrong for that reason alone
        if not all(self.layer(f"layers[{k}]", row) for k, row in enumerate(rows)):
            return None
        return self.closed(losses)

    def closed(self, rows: Sequence[Row]) -> Written | None:
        """The same with the equations of losses."""
        if not self.finals:
            self.fail("layers", "there is no layer", "an input alone has nothing to train")
            return None
        losses = Losses(self.net, self.values, self.finals, self.checked)
        self.net.layer = ""
        try:
            if not losses.write(rows):
                return None
            losses.look(self.functions)
        except Mistake as error:
            self.fail(*error.args)
            return None
        if unread := [n for n in self.values if n not in self.read and n not in losses.read]:
            place = self.places.get(unread[0], "layers")
            self.fail(place, f"nothing reads {unread[0]}", "name it in from, or leave it out")
            return None
        return Written(
            self.net.text(),
            losses.outputs,
            self.net.letters,
            self.net.layers,
            self.blocks,
            tuple(losses.compared),
        )

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
        if tables is not None and features is not None:
            self.fail("model.inputs", "stands beside [inputs], which says the same", "leave it out")
            return False
        if tables is None:
            if features is None:
                hint = "write [inputs.x] with shape = [28, 28, 1], or inputs = 3 in [model]"
                self.fail("model", "the shape of the input is missing", hint)
                return False
            tables = {"x": {"shape": [features]}}
        if not isinstance(tables, dict) or not tables:
            self.fail("inputs", "must hold tables: [inputs.x]", "")
            return False
        self.net.inputs = frozenset(tables)
        return all([self.input(name, table) for name, table in tables.items()])

    def input(self, name: str, row: Any) -> bool:
        path = child("inputs", name)
        if not isinstance(row, dict):
            self.fail(path, f"must be a table, not {kind_of(row)}", "")
            return False
        if not re.fullmatch(INPUT_NAME, name, re.ASCII) or name in ("n", "N", "y", "L", "l2"):
            self.fail(path, "is no name of an input", "letters and digits; not n, N, y, L or l2")
            return False
        if name in WORDS or name in CONSTANTS or name in TABLE or name in FUNCTIONS:
            self.fail(path, f"{name} is a word of the language of lines", "take another name")
            return False
        fields = self.table(path, row, INPUT)
        if fields["shape"] is REQUIRED or any(
            own.default is not row.get(key, own.default) and wrong(own, row[key])
            for key, own in INPUT.items()
        ):
            return False
        axes = self._axes(child(path, "shape"), fields["shape"])
        if axes is None:
            return False
        try:
            self.values[name] = self.net.input(name, axes, "input", fields["of"])
        except ShapeError as error:
            self.fail(child(path, "shape"), str(error), "")
            return False
        self.last, self.places[name] = name, path
        return True

    def _axes(self, path: str, shape: Any) -> tuple[Index, ...] | None:
        """The axes of an input, as they are named or by their places."""
        if not isinstance(shape, list | tuple) or len(shape) > 4:
            self.fail(path, "must be a list of at most 4 sizes", 'an example: ["t:16", "c:3"]')
            return None
        found, given = list[Index](), list[Index]()
        for k, part in enumerate(shape):
            letter, _, size = part.partition(":") if isinstance(part, str) else ("", "", part)
            if isinstance(size, str) and re.fullmatch("[0-9]{1,9}", size):
                size = int(size)
            named = not letter or re.fullmatch("[a-mo-z]", letter)
            sized = isinstance(size, int) and not isinstance(size, bool) and 1 <= size <= 10**6
            if not named or not sized:
                hint = 'a size, or a letter and a size: "t:16"'
                self.fail(f"{path}[{k}]", f"is no size of an axis: {quoted(str(part))}", hint)
                return None
            if letter in self.net.inputs:
                hint = "take another letter, or another name for the input"
                self.fail(f"{path}[{k}]", f"the axis {letter} has the name of an input", hint)
                return None
            if letter in (a.letter for a in given if letter):
                self.fail(f"{path}[{k}]", f"the axis {letter} stands there twice", "")
                return None
            given.append(Index(letter, size))
        for own, usual in zip(given, LETTERS.get(len(shape), ""), strict=True):
            others = () if own.letter else given
            found.append(self.net.axis(own.letter or usual, own.size, *found, *others))
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
            what = "is missing; required" if kind is None else f"unknown layer {quoted(str(kind))}"
            self.fail(child(path, "type"), what, suggestion(str(kind)[:40], GRAPH_LAYERS))
            return False
        if self.kinds.total() >= LAYER_LIMIT:
            self.fail(path, f"too many layers, at most {LAYER_LIMIT}", "")
            return False
        layer = GRAPH_LAYERS[kind]
        known = (*ACTIVATIONS, *self.functions)
        fields = {
            key: Field(f.kind, f.default, choices=known, doc=f.doc)
            if key in ("activation", "function", "hidden")
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
        if values is None or not self._number(path, made, place["share"], inside):
            return False
        signature = inspect.signature(made.equations)
        _, *taken = signature.parameters.values()
        joins = all(p.kind is p.VAR_POSITIONAL for p in taken)
        try:
            signature.bind(self.net, *values)
            fits = not joins or len(values) > 1
        except TypeError:
            fits = False
        if not fits:
            count = f"{len(values)} value{'s' * (len(values) != 1)}"
            hint = 'name two or more: from = ["a", "b"]' if joins else "name as many as it takes"
            self.fail(child(path, "from"), f"{kind} does not take {count}", hint)
            return False
        number, self.net.layer = self.net.number, key
        try:
            out = made.equations(self.net, *values)
        except ShapeError as error:
            self.fail(path, str(error), "")
            return False
        self.values[key], self.places[key], self.last = out, path, key
        if inside is not None and name is not None:
            inside[name] = key
        if not getattr(made, "PLAIN", False):
            self.numbers[key] = number
        self.finals[key] = getattr(made, "activation", getattr(made, "function", ""))
        return True

    def _number(
        self, path: str, layer: Any, share: str | None, inside: dict[str, str] | None
    ) -> bool:
        """Give the layer its number, or that of the layer whose parameters it has."""
        self.net.shared = share is not None
        if share is not None and getattr(layer, "PLAIN", False):
            self.fail(child(path, "share"), "this layer has no parameters", "leave it out")
            return False
        if share is not None:
            key = (inside or {}).get(share, share)
            if key not in self.numbers:
                known = suggestion(share, self.numbers)
                self.fail(
                    child(path, "share"),
                    f"no layer before has parameters and is called {quoted(share)}",
                    known,
                )
                return False
            self.net.number = self.numbers[key]
        else:
            self.net.last += not getattr(layer, "PLAIN", False)
            self.net.number = self.net.last
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
                known = suggestion(name[:40], (*(inside or {}), *self.values))
                if name in self.aims:
                    text = f"{name} is a target, which a loss alone reads"
                elif name in self.later:
                    text = f"{name!r} does not stand before this layer: that would be a circle"
                else:
                    text = f"nothing before this layer is called {quoted(name)}"
                self.fail(child(path, "from"), text, known)
                return None
            self.read.add(key)
            found.append(self.values[key])
        return found

    def _blocks(self, path: str, row: Mapping[str, Any], place: Mapping[str, Any]) -> bool:
        """A block as often as it stands; ``in`` is what comes in."""
        rows = place["block"]
        if any(key in row and wrong(PLACE[key], row[key]) for key in ("repeat", "block")):
            return False
        if not rows:
            hint = "a layer stands once: put it into a block" if "type" in row else ""
            self.fail(child(path, "block"), "is missing; required: [[layers.block]]", hint)
            return False
        for key in row:
            if key not in ("repeat", "block"):
                self.fail(child(path, key), "unknown field of a block", "it belongs to its layers")
                return False
        count = place["repeat"] or 1
        if count > 1 and not self._enter(path, rows):
            return False
        start = len(self.finals)
        if not all(self._block(path, rows) for _ in range(count)):
            return False
        written = [*self.finals][start:]
        if count > 1:
            own = written[: len(written) // count]
            self.blocks |= {n: (own[k % len(own)], own[0], count) for k, n in enumerate(written)}
        return True

    def _block(self, path: str, rows: Sequence[Any]) -> bool:
        """One block."""
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

    def _enter(self, path: str, rows: Sequence[Any]) -> bool:
        """Call what comes into the first block like what comes into the others.

        r_2 = x_2 where blocks end in r_7, r_12, ...: so all are equal but for their numbers.  What
        they end in is found by writing one for trial; False after a mistake in it.
        """
        trial = replace(
            self,
            net=copy.deepcopy(self.net),
            values=dict(self.values),
            numbers=dict(self.numbers),
            kinds=Counter(self.kinds),
            finals=dict(self.finals),
            read={*self.read},
        )
        before = self.values[self.last]
        if not trial._block(path, rows):
            return False
        if before.whole is None and not before.flat and trial.net.last > self.net.last:
            self.net.number = self.net.last
            name, letter = trial.net.alike(trial.values[trial.last].name, self.net.number)
            if name and name != before.name and name not in self.net.named:
                self.net.named.add(name)
                self.net.letters[name] = letter, self.net.number
                self.values[self.last] = self.net.write(replace(before, name=name), before.entry)
        return True
