"""Reading a spec: a file or a mapping, checked as a whole against the tables in sections.py.

Every mistake is collected and reported at once, with file, line and field.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from symnn.data.datasets import BUILTIN, check_header
from symnn.engine.functions import ACTIVATIONS, TABLE, X
from symnn.engine.mistakes import FormulaError
from symnn.io.deferred import deferred
from symnn.io.errors import Problem, SpecError, quoted, shorten, suggestion
from symnn.io.fields import REQUIRED, Field, check_names, kind_of, wrong
from symnn.nn.layers import LAYERS
from symnn.nn.losses import LOSSES
from symnn.notation.books import AFFINE, NOTATIONS
from symnn.notation.letters import SYMBOLS, letter_tex
from symnn.notation.notation import Notation
from symnn.notation.own import chosen, own_notation
from symnn.spec.positions import child
from symnn.spec.sections import (
    FLAGS,
    LINES_SECTIONS,
    OWN_NOTATION,
    SECTIONS,
    TOP,
    Example,
    LinesSpec,
    Loss,
    Model,
    Notes,
    Output,
    Spec,
    Train,
    Written,
    identifier,
)
from symnn.spec.sources import NO_CHAIN, Source, lines_source, lines_text, read_source

parse_formula = deferred("symnn.spec.formula:parse_formula")
# what a chain of dense layers does not need
is_graph: Callable[..., bool] = deferred("symnn.spec.graph:is_graph")
is_further: Callable[..., bool] = deferred("symnn.spec.losses:is_further")
equations_of: Callable[..., Written | None] = deferred("symnn.spec.graph:equations_of")
LAYER_LIMIT = 2000
PARAMETER_LIMIT = 10**8


def load_spec(
    source: str | os.PathLike[str] | Mapping[str, Any],
    flags: Mapping[str, Any] | None = None,
    called: str = "<dict>",
    *,
    data: str | None = None,
    weights: str | None = None,
) -> Spec:
    """The spec of a path, of "-" (standard input), of a shipped example's name, or of a mapping.

    flags: values that replace fields, by the names of FLAGS.  Raises SpecError with every
    mistake at once; a mistake in a flag is reported for the flag.  called: what errors call a
    mapping.

    data, weights: in place of those of [train], which are not looked at then; relative paths refer
    to the current folder.
    """
    spec = load_model(source, flags, called, data=data, weights=weights)
    if isinstance(spec, LinesSpec):
        raise SpecError([Problem(spec.source, None, "", *NO_CHAIN)])
    return spec


def load_model(
    source: str | os.PathLike[str] | Mapping[str, Any],
    flags: Mapping[str, Any] | None = None,
    called: str = "<dict>",
    *,
    data: str | None = None,
    weights: str | None = None,
) -> Spec | LinesSpec:
    """As :func:`load_spec`, of layers or of lines: NAME.lines, or a spec that holds ``lines``."""
    given = {name: value for name, value in (flags or {}).items() if value is not None}
    files = {"data": data, "weights": weights}
    other = {name: path for name, path in files.items() if path is not None}
    found = lines_text(source)
    read = read_source(source, called) if found is None else lines_source(*found, source)
    return _Reader(read, given, other).model()


def spec_of_lines(
    text: str, called: str = "<lines>", file: object = None, /, **fields: Any
) -> LinesSpec:
    """The spec of a text.  fields: of [model], [train], [notes] and [output], by their names;
    and example, a mapping as [example].  called: what errors call it.  file: where it stands.

    Raises SpecError; TypeError for a field that none has.
    """
    source = lines_source(text, called, file)
    homes = {k: section for section, table in LINES_SECTIONS.items() for k in table}
    check_names("lines", fields, (*homes, "example"))
    for key, value in fields.items():
        if key == "example":
            source.data["example"] = value
            continue
        source.data.setdefault(homes[key], {})[key] = value
    spec = _Reader(source, {}, {}).model()
    assert isinstance(spec, LinesSpec)
    return spec


def _section(name: str) -> str:
    """A hint for a section that is unknown: the nearest one, or that which has such a field."""
    homes = {field: section for section, fields in SECTIONS.items() for field in fields}
    near = difflib.get_close_matches(name[:100], homes, n=1, cutoff=0.75)
    if near and not difflib.get_close_matches(name[:100], TOP, n=1):
        return f"{near[0]} is a field of the section {homes[near[0]]}"
    return suggestion(name, TOP)


class _Reader:
    """Reads a source section by section, and collects the mistakes."""

    def __init__(self, source: Source, flags: Mapping[str, Any], files: Mapping[str, str]) -> None:
        self.source, self.problems, self.files = source, list[Problem](), files
        self.flags = {FLAGS[name]: name for name in flags}
        self.data = dict(source.data)
        if isinstance(table := self.data.get("train"), dict):
            self.data["train"] = {k: v for k, v in table.items() if k not in files}
        given: dict[str, dict[str, Any]] = {}
        for name, value in flags.items():
            section, key = FLAGS[name].split(".")
            given.setdefault(section, {})[key] = value
        for section, values in given.items():
            table = self.data.get(section, {})
            if isinstance(table, dict):
                self.data[section] = (
                    chosen(table, values) if section == "notes" else {**table, **values}
                )

    def fail(self, path: str, message: str, hint: str = "") -> None:
        if path in self.flags:
            flag = "--" + self.flags[path].replace("_", "-")
            self.problems.append(Problem("command line", None, flag, message, hint))
            return
        line = self.source.line(path)
        self.problems.append(Problem(self.source.name, line, _shown(path), message, hint))

    def model(self) -> Spec | LinesSpec:
        """Of layers, or of lines."""
        for key in self.data:
            if key not in TOP:
                self.fail(key, "unknown section", _section(key))
        if "lines" in self.data:
            return self.of_lines()
        return self.of_graph() if self.is_graph() else self.spec()

    def is_graph(self) -> bool:
        """Whether it has more than a chain of dense layers has."""
        rows = self.data.get("layers")
        tables = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
        kinds = (row.get("type") for row in tables)
        chain = all(isinstance(kind, str) and kind in LAYERS for kind in kinds)
        known = {"type"}.union(*(layer.FIELDS for layer in LAYERS.values()))
        plain = chain and all(row.keys() <= known for row in tables)
        loss = self.data.get("loss")
        further = isinstance(loss, dict) and not (
            loss.keys() <= SECTIONS["loss"].keys() and str(loss.get("name")) in LOSSES
        )
        return (
            bool({"inputs", "losses"} & self.data.keys())
            or (not plain and is_graph(tables))
            or (further and is_further(loss))
        )

    def of_lines(self) -> LinesSpec:
        for key in self.data.keys() - LINES_SECTIONS.keys() - {"lines", "activations", "example"}:
            if key in TOP:
                self.fail(key, "lines have no such section", "it belongs to layers")
        text = self.data["lines"]
        if no_text := wrong(Field("string"), text):
            self.fail("lines", *no_text)
        return self.settled(text, self.source.first)

    def of_graph(self) -> LinesSpec:
        """The equations that layers of a network of any shape write."""
        train = self.data.get("train")
        of_chains = SECTIONS["train"].keys() - LINES_SECTIONS["train"].keys()
        for key in sorted(of_chains & train.keys()) if isinstance(train, dict) else ():
            self.fail(child("train", key), "is of chains of dense layers", "leave it out")
        model = self.data.get("model", {})
        inputs = model.get("inputs") if isinstance(model, dict) else None
        if found := None if inputs is None else wrong(SECTIONS["model"]["inputs"], inputs):
            self.fail("model.inputs", *found)
        if isinstance(model, dict):
            self.data["model"] = {k: v for k, v in model.items() if k != "inputs"}
        self.stop()
        own = tuple(self.activations())
        written = equations_of(self.data, self.fail, self.table, own, inputs)
        self.stop()
        assert written is not None
        return self.settled(written.text, 0, written)

    def settled(self, text: Any, first: int, written: Written | None = None) -> LinesSpec:
        """The spec of a text, with the sections of lines."""
        found = {name: self.section(name, fields) for name, fields in LINES_SECTIONS.items()}
        activations = self.activations()
        example = self.data.get("example")
        if not isinstance(example, dict | None):
            self.fail("example", f"must be a table, not {kind_of(example)}")
        self.stop()
        further = {"target": (), "standardize": False}
        spec = LinesSpec(
            text=text,
            first=first,
            written=written,
            activations=activations,
            model=Model(**found["model"], inputs=0),
            train=self.train({**found["train"], **further}),
            notes=self.notes(found["notes"]),
            output=self.output(found["output"], found["model"]["name"]),
            source=self.source.name,
            folder=self.source.folder,
            lines=self.source.lines,
            example=example,
        )
        self.momentum(spec)
        self.stop()
        return spec

    def spec(self) -> Spec:
        found = {name: self.section(name, fields) for name, fields in SECTIONS.items()}
        activations = self.activations()
        layers = self.layers(activations)
        self.stop()
        spec = Spec(
            model=Model(**found["model"]),
            layers=layers,
            loss=Loss(found["loss"]["name"], float(found["loss"]["l2"])),
            train=self.train(found["train"]),
            activations=activations,
            notes=self.notes(found["notes"]),
            example=self.example(found["example"]) if "example" in self.data else None,
            output=self.output(found["output"], found["model"]["name"]),
            source=self.source.name,
            folder=self.source.folder,
            lines=self.source.lines,
        )
        self.meaning(spec)
        self.stop()
        self.header(spec)
        self.stop()
        return spec

    def stop(self) -> None:
        if self.problems:
            raise SpecError(sorted(self.problems, key=lambda p: p.line or 0))

    # sections ------------------------------------------------------------------------

    def section(self, name: str, fields: Mapping[str, Field]) -> dict[str, Any]:
        """The values of a section, defaults filled in."""
        table = self.data.get(name, {})
        required = [key for key, f in fields.items() if f.default is REQUIRED]
        if name not in self.data and required:
            self.fail(name, f"the section [{name}] is missing; required: {', '.join(required)}")
            return self.defaults(fields)
        if not isinstance(table, dict):
            self.fail(name, f"must be a table, not {kind_of(table)}")
            return self.defaults(fields)
        return self.table(name, table, fields)

    def defaults(self, fields: Mapping[str, Field]) -> dict[str, Any]:
        return {key: f.default for key, f in fields.items()}

    def table(
        self, path: str, table: Mapping[str, Any], fields: Mapping[str, Field]
    ) -> dict[str, Any]:
        """The fields of one table."""
        for key in table:
            if key not in fields:
                self.fail(child(path, key), "unknown field", suggestion(key, fields))
        out = self.defaults(fields)
        for key, f in fields.items():
            if key not in table:
                if f.default is REQUIRED:
                    self.fail(child(path, key), f"is missing; required: {f.doc}")
                continue
            found = wrong(f, table[key])
            if found:
                self.fail(child(path, key), *found)
            else:
                out[key] = table[key]
        return out

    def layers(self, activations: Mapping[str, str]) -> tuple[Any, ...]:
        rows = self.data.get("layers")
        if rows is None:
            self.fail("layers", "is missing; required: one [[layers]] table or more")
            return ()
        if not isinstance(rows, list | tuple):
            self.fail("layers", "must be a list of tables: write [[layers]] for each layer")
            return ()
        if len(rows) > LAYER_LIMIT:
            self.fail("layers", f"too many layers: {len(rows)}, at most {LAYER_LIMIT}")
            return ()
        out = [self.layer(f"layers[{k}]", row, activations) for k, row in enumerate(rows)]
        return tuple(layer for layer in out if layer is not None)

    def layer(self, path: str, row: Any, activations: Mapping[str, str]) -> Any:
        before = len(self.problems)
        if not isinstance(row, dict):
            self.fail(path, f"must be a table, not {kind_of(row)}")
            return None
        if "type" not in row:
            self.fail(child(path, "type"), "is missing; required", f"known: {', '.join(LAYERS)}")
            return None
        kind = row["type"]
        if not isinstance(kind, str) or kind not in LAYERS:
            what = f"unknown layer {quoted(kind)}" if isinstance(kind, str) else "must be a string"
            self.fail(child(path, "type"), what, suggestion(str(kind)[:100], LAYERS))
            return None
        known = (*ACTIVATIONS, *activations)
        fields = {
            key: Field(f.kind, f.default, choices=known, doc=f.doc) if key == "activation" else f
            for key, f in LAYERS[kind].FIELDS.items()
        }
        rest = {key: value for key, value in row.items() if key != "type"}
        values = self.table(path, rest, fields)
        if values.get("activation") == "softmax" and values.get("units") == 1:
            self.fail(child(path, "units"), "softmax needs at least 2 units")
        return LAYERS[kind](**values) if len(self.problems) == before else None

    def activations(self) -> dict[str, str]:
        table = self.data.get("activations", {})
        if not isinstance(table, dict):
            self.fail("activations", f"must be a table, not {kind_of(table)}")
            return {}
        out = {}
        for name, text in table.items():
            path = child("activations", name)
            if found := identifier(name):
                self.fail(path, found)
            elif name in TABLE or name in ACTIVATIONS:
                self.fail(path, f"{quoted(name)} is the name of a function that is there already")
            if not isinstance(text, str):
                self.fail(path, f"must be a formula in x (a string), not {kind_of(text)}")
                continue
            try:
                parse_formula(text, {"x": X})
            except FormulaError as error:
                self.fail(path, f"in the formula: {error.message}", error.hint)
            out[name] = text
        return out

    def train(self, values: dict[str, Any]) -> Train:
        target = values["target"]
        values["target"] = (target,) if isinstance(target, str) else tuple(target)
        if len(set(values["target"])) != len(values["target"]):
            self.fail("train.target", "names a column twice")
        values |= {k: float(values[k]) for k in ("learning_rate", "momentum", "test_fraction")}
        for key, path in self.files.items():
            builtin = key == "data" and path in BUILTIN
            values[key] = path if builtin else os.path.abspath(path)
        return Train(**values)

    def notes(self, values: dict[str, Any]) -> Notes:
        notation = self.notation(values["notation"])
        symbols = self.symbols("notes.symbols", values["symbols"])
        return Notes(**{**values, "notation": notation, "symbols": symbols})

    def notation(self, value: str | Mapping[str, Any]) -> Notation:
        """A known notation, or one of the user's own."""
        if isinstance(value, str):
            return NOTATIONS[value]
        before, path = len(self.problems), "notes.notation"
        fields = self.table(path, value, OWN_NOTATION)
        letters = self.symbols(f"{path}.letters", fields.pop("letters"))
        return own_notation(fields, letters) if len(self.problems) == before else AFFINE

    def symbols(self, section: str, table: Mapping[str, Any]) -> dict[str, str]:
        out = {}
        for key, value in table.items():
            path = child(section, key)
            if key not in SYMBOLS:
                self.fail(path, f"no symbol is called {quoted(key)}", suggestion(key, SYMBOLS))
            elif not isinstance(value, str) or (tex := letter_tex(value)) is None:
                hint = 'a Latin or Greek letter, after bold, cal, hat, tilde or bar: "bold W"'
                self.fail(path, f"not a letter: {shorten(str(value))!r}", hint)
            else:
                out[key] = tex
        return out

    def output(self, values: dict[str, Any], name: str) -> Output:
        slug = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:60]
        default = slug if identifier(slug) is None else "network"
        return Output(values["dir"], values["module"] or default, values["target"])

    def example(self, values: dict[str, Any]) -> Example:
        for key in ("x", "y"):
            given = values[key] is not None
            if given and not self.numbers(f"example.{key}", values[key], [len(values[key])]):
                values[key] = None
        x, y = (None if values[k] is None else tuple(map(float, values[k])) for k in ("x", "y"))
        return Example(x, y, values["parameters"])

    def numbers(self, path: str, values: Any, shape: Sequence[int]) -> bool:
        """Whether nested lists hold finite numbers in this shape."""
        if not shape:
            found = wrong(Field("number", minimum=-1e100, maximum=1e100), values)
            if found:
                self.fail(path, *found)
            return not found
        if not isinstance(values, list | tuple) or len(values) != shape[0]:
            self.fail(path, f"must be {shape[0]} value(s), as the shape {tuple(shape)} asks for")
            return False
        return all(self.numbers(path, v, shape[1:]) for v in values)

    # what fields mean together ---------------------------------------------------------

    def meaning(self, spec: Spec) -> None:
        dense = [layer for layer in spec.layers if hasattr(layer, "units")]
        if not dense:
            self.fail("layers", "needs a dense layer: without one there are no parameters to train")
            return
        last = spec.layers[-1]
        if last is not dense[-1]:
            self.fail(f"layers[{len(spec.layers) - 1}].type", "the last layer must be dense")
        final = LOSSES[spec.loss.name].final
        if final and dense[-1].activation != final:
            self.fail(
                "loss.name",
                f"{spec.loss.name} needs probabilities: the last layer's activation must be "
                f"{final}, not {dense[-1].activation}",
            )
        self.sizes(spec, [layer.units for layer in dense])
        self.momentum(spec)
        outputs, targets = dense[-1].units, len(spec.train.target)
        labels = LOSSES[spec.loss.name].targets == "distribution" and targets == 1
        if targets and targets != outputs and not labels:
            self.fail("train.target", f"names {targets} column(s) for {outputs} output(s)")
        self.example_shapes(spec, dense)

    def momentum(self, spec: Spec | LinesSpec) -> None:
        if spec.train.momentum and spec.train.optimizer != "sgd":
            self.fail("train.momentum", "belongs to the optimizer sgd", "leave it out, or use sgd")

    def sizes(self, spec: Spec, widths: Sequence[int]) -> None:
        pairs = zip([spec.model.inputs, *widths], widths, strict=False)
        count = sum(m * (n + 1) for n, m in pairs)
        if count > PARAMETER_LIMIT:
            self.fail("layers", f"too large: {count} parameters, at most {PARAMETER_LIMIT}")

    def example_shapes(self, spec: Spec, dense: Sequence[Any]) -> None:
        if spec.example is None:
            return
        for key, values, size in (
            ("x", spec.example.x, spec.model.inputs),
            ("y", spec.example.y, dense[-1].units),
        ):
            if values is not None and len(values) != size:
                self.fail(f"example.{key}", f"must be {size} value(s), not {len(values)}")
        if spec.example.y is not None and (found := _no_target(spec.loss.name, spec.example.y)):
            self.fail("example.y", found)
        shapes: dict[str, tuple[int, ...]] = {}
        before = spec.model.inputs
        for k, layer in enumerate(dense, start=1):
            shapes[f"A_{k}"] = (layer.units, before)
            if layer.bias:
                shapes[f"b_{k}"] = (layer.units,)
            before = layer.units
        for name, values in spec.example.parameters.items():
            path = f"example.parameters.{name}"
            if name not in shapes:
                self.fail(path, f"no parameter is called {quoted(name)}", suggestion(name, shapes))
            else:
                self.numbers(path, values, shapes[name])

    def header(self, spec: Spec) -> None:
        widths = [layer.units for layer in spec.layers if hasattr(layer, "units")]
        if spec.train.data and widths:
            self.problems += check_header(
                spec.train.data,
                inputs=spec.model.inputs,
                outputs=widths[-1],
                target=spec.train.target,
                folder=spec.folder,
                kind=LOSSES[spec.loss.name].targets,
            )


def _no_target(loss: str, y: Sequence[float]) -> str | None:
    """Why a loss of probabilities cannot have this target; None if it can."""
    kind = LOSSES[loss].targets
    if kind == "numbers":
        return None
    if not all(0 <= v <= 1 for v in y):
        return f"must hold probabilities, from 0 to 1, as {loss} asks for"
    if kind == "distribution" and abs(sum(y) - 1) > 1e-6:
        return f"must sum to 1, as {loss} asks for, not to {sum(y):g}"
    return None


def _shown(path: str) -> str:
    """A path for a message; keys of the user are shortened and escaped."""
    return shorten(path)
