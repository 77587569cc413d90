"""Any program as a C file, its header, and the module in Python that calls it."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp

from symnn.derivation.lines import Lines, LinesDerivation
from symnn.engine.ir import (
    Item,
    Program,
    Scan,
    Tensor,
    axis,
    entries,
    indices_of,
    lines_of,
    name_of,
    needed,
)
from symnn.io.arrays import named_arrays
from symnn.io.errors import Problem, SpecError, quoted, shorten
from symnn.io.fields import Field, check_argument
from symnn.io.templating import render
from symnn.nn.optimizers import optimizer, update_lines
from symnn.targets.c.functions import TEXTS, VECTORS, vector_texts
from symnn.targets.c.module import PREFIX, ROWS, WIDTH, wrong_prefix
from symnn.targets.c.nests import Nests, count, dimensions, extent, lane_of
from symnn.targets.c.scalars import FUNCTIONS, Constants
from symnn.targets.c.statements import update
from symnn.targets.starting import initial
from symnn.targets.update import PARAMETERS
from symnn.targets.variables import variables

# the words of C, and what the file calls something
TAKEN = frozenset(
    {
        *("auto", "break", "case", "char", "const", "continue", "default", "do", "double", "else"),
        *("enum", "extern", "float", "for", "goto", "if", "inline", "int", "long", "register"),
        *("restrict", "return", "short", "signed", "sizeof", "static", "struct", "switch"),
        *("typedef", "union", "unsigned", "void", "volatile", "while", "linux", "unix", "asm"),
        *("alignof", "bool", "constexpr", "false", "nullptr", "true", "typeof", "main", "errno"),
        *("R", "EACH", "TILE", "LANES", "VECTOR", "PADDED", "ALIGNED", "INLINE", "LARGER", "NAN"),
        *("SMALLER", "INFINITY", "INDEPENDENT", "UNROLLED", "NULL", "NET_BITS", "NET_MAX"),
        *("NET_SIZE", "NET_ROWS", "FLT_MAX", "DBL_MAX", "FLT_MIN", "DBL_MIN", "EOF"),
        *("rows", "ld", "N", "place", "total", "value", "best", "left", "here", "theta"),
        "gradient",
        *("kept", "output", "vector", "given", "i", "p", "state", "drawn", "normal", "steps"),
        *(
            "sum",
            "rest",
            "whole",
            "across",
            "AT",
            "predicted",
            "differentiate",
            "advance",
            "columns",
            "indices",
            "turned",
        ),
        *(f"{letter}{k}" for letter in "ctf" for k in range(400)),
    }
)
PART = 16  # lines of the derivation in one function
TYPES = {False: "net_real", True: "net_index"}


def files(
    derivation: LinesDerivation,
    values: Mapping[str, Any],
    weights: Mapping[str, Any] | None = None,
    training: bool = True,
    prefix: str = PREFIX,
) -> dict[str, str]:
    """Suffix -> text, as of the C target of layers.

    values: what the module in Python is filled with.  SpecError for lines of which there is no C:
    sizes that are open, but for the number of samples.
    """
    check_argument("generate", "prefix", Field("string"), prefix)
    if problem := wrong_prefix(prefix):
        raise SpecError([Problem("prefix", None, "", *problem)])
    found = {**values, **_Module(derivation).values(weights, training), "prefix": prefix}
    module = derivation.lines.spec.output.module
    found |= {
        "PREFIX": prefix.upper(),
        "training": training,
        "guard": f"SYMNN_{module}_H" if prefix == PREFIX else f"{prefix}_SYMNN_H",
    }
    found["header"] = render("targets/c/lines.h.j2", **found)
    texts = {".c": render("targets/c/lines.c.j2", **found), ".h": found["header"]}
    return {**texts, ".py": render("targets/c/lines.py.j2", **found)} if training else texts


class _Module:
    def __init__(self, derivation: LinesDerivation) -> None:
        self.derivation, self.lines = derivation, derivation.lines
        self.program, told = derivation.stable, derivation.predicting
        self.predicted = needed(told.items, self.lines.outputs)
        self.tensors = {**told.tensors, **self.program.tensors}
        _check(self.lines, (*self.predicted, *self.program.items), self.tensors.values())
        self.leaves = self.program.leaves_of
        self.trained = [*self.leaves("parameter"), *self.leaves("state")]
        self.given = [t for role in ("input", "target", "mask") for t in self.leaves(role)]
        every = (
            *(a for line in lines_of((*self.predicted, *self.program.items)) for a in line.axes),
            *(item.axis for item in self.program.items if isinstance(item, Scan)),
        )
        wishes = {a.name: a.name for a in every} | {name: name for name in self.tensors}
        self.variables = variables(wishes, TAKEN)
        stepped = {
            name
            for item in (*self.predicted, *self.program.items)
            if isinstance(item, Scan)
            for line in item.lines
            for name in (line.lhs.name, *map(name_of, line.reads))
        }
        self.channels_first = _meeting(self.program) - stepped - {*self.lines.outputs}
        self.channels_first -= {t.name for t in self.given}
        self.numbers = {name: float(v) for name, v in self.lines.text.numbers.items()}

    def values(self, weights: Mapping[str, Any] | None, training: bool) -> dict[str, Any]:
        """What the templates are filled with, beside what every module of lines says."""
        spec, of = self.lines.spec, self.derivation.of
        row = optimizer(spec.train.optimizer, spec.train.momentum)
        constants = self.numbers | {k: float(v) for k, v in row.constants.items()}
        theta = Tensor("W", (axis("p", PARAMETERS.size),), "parameter")
        slope = Tensor("dW", theta.axes, "gradient")
        changes, scaled = update(
            update_lines(row, [(theta, slope.entry)])[1], {"W": "dW"}, row.states, constants
        )
        predict = self.function(self.predicted, self.lines.outputs, {})
        predict["output"] = [
            {
                "name": name,
                "variable": self.variables[name],
                "source": predict["where"][name],
                "count": _inner(self.tensors[name]),
                "lane": lane_of(self.tensors[name]) is not None,
            }
            for name in self.lines.outputs
        ]
        forward = self.function(self.program.items, [of], self.derivation.batch.names)
        used = (predict, *((forward,) if training else ()))
        calls = set[str]().union(*(own["calls"] for own in used))
        calls |= {*changes.calls} if training else set()
        functions = [f for f in sorted({*FUNCTIONS.values()}) if f"real_{f}" in calls]
        inputs = [t for t in self.given if t.role == "input"]
        read = [t for t in inputs if t.name in predict["read"]]
        if not any(map(lane_of, read)):  # the samples are counted by some input
            read += [t for t in inputs if lane_of(t)][:1]
        return {
            "bits": 32 if spec.model.dtype == "float32" else 64,
            "rows": spec.train.batch_size or ROWS,
            "size": sum(_total(t) for t in self.leaves("parameter")),
            "kept_size": sum(_total(t) for t in self.leaves("state")),
            "predicted": _python(tuple(t.name for t in read)),
            "given": [self._data(t) for t in self.given],
            "read": [self._data(t) for t in read],
            "prediction": predict,
            "gradient": forward,
            "update_c": changes,
            "scaled": scaled,
            "loss_c": forward["where"][of],
            "states_c": "".join(f"net_real *{s}, " for s in row.states),
            "libm": [f for f in functions if f not in TEXTS],
            "vectors": [f for f in functions if f in VECTORS],
            "vector_texts": vector_texts(functions),
            "texts": [TEXTS[f] for f in functions if f in TEXTS],
            "baked": [] if weights is None else self._baked(weights),
            "draws": self._draws(),
            "across": "across" in calls,
            "index_type": "ptrdiff_t",
            **self._said(read, weights is not None, training),
        }

    def _said(self, read: Sequence[Tensor], baked: bool, training: bool) -> dict[str, Any]:
        """Names, shapes and counts of what goes in and out."""

        def shape(t: Tensor, rows: str = "rows") -> str:
            sizes = [rows if a.samples else extent(a.size) for a in t.axes]
            return " x ".join(size for size in sizes if size) or "1"

        def columns(tensors: Iterable[Tensor], whole: bool) -> int:
            own = (t for t in tensors if lane_of(t) and (t.name in self.lines.text.whole) == whole)
            return sum(_given(t) for t in own)

        outputs = [self.tensors[name] for name in self.lines.outputs]
        layers = self.lines.spec.written.outputs if self.lines.spec.written else {}
        data = [t for t in self.given if t.role != "mask"]
        ways = set[str]() if baked else {way for way, _ in initial(self.lines).values()}
        masks = self.leaves("mask") if training else ()
        return {
            "data": [self._data(t) for t in data],
            "columns_of": columns(self.given, False),
            "indices_of": columns(self.given, True),
            "read_of": columns(read, False),
            "read_indices_of": columns(read, True),
            "types": sorted(
                {self._data(t)["type"] for t in (self.given if training else read) if lane_of(t)}
            ),
            "drawing": bool(ways & {"uniform", "normal"} or masks),
            "normal": "normal" in ways or any(t.kind == "noise" for t in masks),
            "given_names": {t.name: lane_of(t) is not None for t in self.given},
            "kept_tuple": _python(tuple(t.name for t in self.leaves("state"))),
            "output_shapes": {
                layers.get(t.name, t.name): _python(
                    tuple("N" if a.samples else a.size for a in t.axes)
                )
                for t in outputs
            },
            "listed": self._wrapped(f"{t.name} {shape(t)}" for t in self.trained),
            "predicted_says": self._wrapped(
                [f"{self.variables[t.name]}: {shape(t, '')} numbers" for t in (*read, *outputs)]
            ),
            "step_says": self._wrapped(
                [f"{self.variables[t.name]}: {shape(t)} numbers" for t in data]
            ),
        }

    @staticmethod
    def _wrapped(texts: Iterable[str]) -> list[str]:
        return textwrap.wrap("; ".join(texts) + ".", WIDTH - 8)

    def function(
        self, items: Sequence[Item], wanted: Iterable[str], gradients: Mapping[str, str]
    ) -> dict[str, Any]:
        """The body of a function, in parts that a compiler is done with in a short time.

        gradients: parameter -> its gradient, if there are any.
        """
        places, taken = dict(self._vectors(gradients)), Counter[str]()
        for t in (line.lhs for line in lines_of(items)):
            if t.name not in places:
                places[t.name] = f"place + {_sum(taken)}" if taken else "place"
                taken.update(self._size(t))
        parts = [self._part(own, places, bool(gradients)) for own in _parts(items)]
        read = set[str]().union(*(part["read"] for part in parts))
        return {
            "parts": parts,
            "where": places,
            "places": _sum(taken).replace("ld", "PADDED(rows)"),
            "calls": set[str]().union(*(part["calls"] for part in parts)),
            "read": {t.name for t in self.given if t.name in read},
        }

    def _size(self, t: Tensor) -> dict[str, int]:
        """The numbers that a tensor takes of memory: a unit, and how many."""
        known, other = count(t, t.name in self.channels_first)
        return {" * ".join([*other, "ld"]): known} if lane_of(t) else {f"PADDED({known})": 1}

    def _vectors(self, gradients: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """Where parameters, gradients and states are in the vectors that hold them."""
        start, end = 0, 0
        for t in self.trained:
            yield t.name, f"theta + {start}" if start else "theta"
            if t.name in gradients:
                yield gradients[t.name], f"gradient + {start}" if start else "gradient"
            start += _total(t)
        for t in self.leaves("state") if gradients else ():
            yield f"{t.name}_next", f"kept + {end}" if end else "kept"
            end += _total(t)

    def _part(
        self, items: Sequence[Item], places: Mapping[str, str], gradient: bool
    ) -> dict[str, Any]:
        """Some of the statements, and what they need."""
        constants = Constants(self.numbers)
        whole = {t.name for t in self.given if t.name in self.lines.text.whole}
        nests = Nests(self.tensors, self.variables, whole, constants)
        nests.channels_first = self.channels_first
        if not gradient:
            masks = self.leaves("mask")
            nests.fixed = {t.name: sp.Integer(t.kind != "noise") for t in masks}
        rows, trained = nests.items(items), {t.name for t in self.trained}
        lines = [*lines_of(items)]
        used = nests.read | {line.lhs.name for line in lines}
        return {
            "rows": rows,
            "declared": [
                f"{'const ' * (name in trained)}net_real *{self.variables[name]} = {where};"
                for name, where in places.items()
                if name in used
            ],
            "constants": constants.rows(),
            "counts": constants.reads,
            "calls": nests.calls,
            "read": nests.read,
            "says": f"{lines[0].lhs.name} to {lines[-1].lhs.name}",
        }

    def _data(self, t: Tensor) -> dict[str, Any]:
        whole = t.name in self.lines.text.whole
        number = float(self.lines.text.numbers.get(t.name, 1.0)) if t.role == "mask" else 1.0
        return {
            "name": t.name,
            "variable": self.variables[t.name],
            "role": t.role,
            "noise": t.kind == "noise",
            "keep": repr(number),
            "type": TYPES[whole],
            "whole": whole,
            "count": _inner(t),
            "lane": lane_of(t) is not None,
        }

    def _baked(self, weights: Mapping[str, Any]) -> list[str]:
        """Weights as rows of an initialiser; SpecError for those that do not fit."""
        shapes = {t.name: tuple(a.size for a in t.axes) for t in self.trained}
        found = named_arrays("generate", "weights", weights, shapes)
        wrong = {n: s for n, s in shapes.items() if found[n].shape != s}
        if wrong:
            raise SpecError(
                [
                    Problem(
                        "generate",
                        None,
                        f"weights[{quoted(name)}]",
                        f"has the shape {found[name].shape}, expected {shape}",
                    )
                    for name, shape in wrong.items()
                ]
            )
        short = self.lines.spec.model.dtype == "float32"
        flat = np.concatenate([found[n].ravel() for n in shapes])
        texts = (f"{np.float32(v)!s}f" if short else repr(float(v)) for v in flat)
        return textwrap.wrap(", ".join(texts), WIDTH)

    def _draws(self) -> list[dict[str, Any]]:
        """How parameters start, those that follow each other in one way together."""
        out = list[dict[str, Any]]()
        ways = initial(self.lines)
        for t in self.trained:
            way, size = ways[t.name]
            if out and (out[-1]["way"], out[-1]["size"]) == (way, repr(size)):
                out[-1]["count"] += _total(t)
            else:
                out.append({"way": way, "size": repr(size), "count": _total(t)})
        return out


def _python(value: object) -> str:
    """As Python has it, with the quotes of a module."""
    return repr(value).replace("'", '"')


def _check(lines: Lines, items: Sequence[Item], tensors: Iterable[Tensor]) -> None:
    for t in tensors:
        for a in t.axes:
            if not isinstance(a.size, int) and not a.samples:
                text = f"the target c needs sizes that are numbers, and {t} has {a.size}"
                raise lines.mistake(text, "write it as a number, or take numpy", "--target")
    for line in lines_of(items):
        if sum(term.reduce != "sum" for term in line.terms) > 1:
            text = f"the target c takes one maximum a line: {shorten(str(line))}"
            raise lines.mistake(text, "give each a line of its own, or take numpy", "--target")


def _inner(t: Tensor) -> str:
    """The numbers of one sample."""
    return " * ".join(extent(a.size) for a in dimensions(t)) or "1"


def _given(t: Tensor) -> int:
    """The numbers of one sample, of data."""
    return int(np.prod([a.size for a in dimensions(t)], dtype=int))


def _total(t: Tensor) -> int:
    return int(np.prod([a.size for a in t.axes], dtype=int))


def _sum(sizes: Mapping[str, int]) -> str:
    """Numbers of memory in all."""
    parts = (unit if many == 1 else f"{many} * {unit}" for unit, many in sizes.items())
    return " + ".join(parts) or "1"


def _meeting(program: Program) -> set[str]:
    """The tensors that are summed over samples and places, channel by channel, in one product.

    Their channels come first in memory, so that such a sum, the gradient of a weight, reads what
    lies side by side.
    """
    found = set[str]()
    for line in lines_of(program.items):
        for term in line.terms:
            over = {*term.over}
            if term.reduce != "sum" or not any(a.samples for a in over):
                continue
            for e in entries(term.f):
                t = program.tensors.get(name_of(e))
                if t is None or lane_of(t) is None or len(t.axes) < 3:
                    continue
                *where, channel = (i.free_symbols for i in indices_of(e))
                summed = {a.symbol for a in over}
                known = all(isinstance(a.size, int) for a in dimensions(t))
                if known and not channel & summed and set().union(*where) & summed:
                    found.add(t.name)
    return found


def _parts(items: Sequence[Item]) -> list[list[Item]]:
    """Items that stand in one function, of about PART lines: what compilers do in a function
    takes longer than its length.
    """
    out: list[list[Item]] = [[]]
    for item in items:
        if len([*lines_of(out[-1])]) >= PART:
            out.append([])
        out[-1].append(item)
    return out
