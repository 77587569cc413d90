"""The module of lines: what its template is filled with."""

from __future__ import annotations

import builtins
import hashlib
import itertools
import json
import keyword
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import sympy as sp

from symnn.engine.ir import (
    Item,
    Line,
    Scan,
    Size,
    Tensor,
    lines_of,
    name_of,
    needed,
)
from symnn.engine.ir import axis as axis_of
from symnn.engine.repeats import Repeat
from symnn.nn.optimizers import optimizer, update_lines
from symnn.targets.code import Scope, rows
from symnn.targets.python.blocks import Blocks
from symnn.targets.python.copying import imports, part, parts
from symnn.targets.python.expressions import JAX, NUMPY, functions
from symnn.targets.python.programs import Function
from symnn.targets.python.reads import DTYPE, Names, listed
from symnn.targets.python.statements import Readable
from symnn.targets.starting import initial
from symnn.targets.update import PARAMETERS, common
from symnn.targets.wrapping import WIDTH, broken, literal

if TYPE_CHECKING:
    from symnn.derivation.lines import LinesDerivation

COMMENT = 80  # columns of a line of the derivation
HELPERS = ("affine", "strided", "placed", "at", "added", "first", "einsum")
RUNTIME = (
    *("lines_initial", "lines_noise", "endings", "settings", "lines_data", "numbers", "flat"),
    *("stopping", "files", "lines_samples", "check", "lines_reading", "main"),
)
FURTHER = {"numpy": ("threads",), "c": ("c_library", "c_lines"), "jax": ("jax_arrays",)}
KEPT = ("checkpoints", "saved")
SPECIMENS = ("lines_constants", "lines_model", "lines_train")
CONSTANTS = (
    *("Arrays", "Data", "Shape", "NAME", "DTYPE", "INPUTS", "TARGETS", "WHOLE", "CHOICES"),
    *("WEIGHTS", "PREDICTED_FROM", "PARAMETERS", "INITIAL", "NOISE", "EPOCHS", "BATCH_SIZE"),
    *("LEARNING_RATE", "SEED", "SHUFFLE", "STATES", "DIGEST"),
)
OWN = ("np", "params", "data", "noise", "gradients", "kept", "dtype")  # of the functions
OWN_JAX = ("jax", "jnp", "lax", "step", "carry")


def values(
    derivation: LinesDerivation, target: str, include: Collection[str] = ()
) -> dict[str, Any]:
    """What the template of a target is filled with; but for its statements, if they are in C.

    include: "checkpoint", or nothing.
    """
    module = _Module(derivation, target, include)
    return module.said() | ({} if target == "c" else module.computed())


class _Module:
    def __init__(self, derivation: LinesDerivation, target: str, include: Collection[str]) -> None:
        self.derivation, self.target, self.include = derivation, target, include
        self.dialect = JAX if target == "jax" else NUMPY
        self.lines, self.program = derivation.lines, derivation.stable
        self.used = [*RUNTIME, *FURTHER[target]]
        if not self.lines.program.leaves_of("mask"):
            self.used.remove("lines_noise")
        self.used += KEPT if "checkpoint" in include else ("left_out",)
        brought = {
            name
            for file in (*self.used, *map(self._file, HELPERS), *SPECIMENS)
            for name in part(file).defines
        }
        brought -= {*part("lines_constants").defines} - {*CONSTANTS}
        self.optimizer = optimizer(self.lines.spec.train.optimizer, self.lines.spec.train.momentum)
        words = (*dir(builtins), *keyword.kwlist, *keyword.softkwlist)
        self.taken = {*words, *brought, *OWN, *self.optimizer.constants}
        if target == "jax":
            self.taken |= {*OWN_JAX}
        sizes = {
            str(s)
            for t in self.program.tensors.values()
            for a in t.axes
            for s in sp.S(a.size).free_symbols
        }
        steps = {item.axis.name for item in self.program.items if isinstance(item, Scan)}
        self.initial = initial(self.lines)
        self.outputs, told = self.lines.outputs, derivation.predicting
        self.predicted = needed(told.items, self.outputs)
        tensors = {**told.tensors, **self.program.tensors}
        parts = (self.predicted, *self._parts(self.program.items))
        self.blocks = Blocks(tensors, parts, (*sorted(sizes), *sorted(steps)), self.taken)
        self.names = self.blocks.written()

    def _file(self, helper: str) -> str:
        return helper if self.dialect is NUMPY else f"jax_{helper}"

    @staticmethod
    def _parts(items: Sequence[Item]) -> tuple[list[Item], list[Item]]:
        """The forward and the backward part."""
        forward, backward = list[Item](), list[Item]()
        for item in items:
            first = item.lines[0] if isinstance(item, Scan) else item
            (backward if first.lhs.role == "gradient" else forward).append(item)
        return forward, backward

    def said(self) -> dict[str, Any]:
        """What modules of all targets say."""
        spec, text = self.lines.spec, self.lines.text
        layers = spec.written.outputs if spec.written else {}
        compared = spec.written.compared if spec.written else ()
        leaves = self.lines.program.leaves_of
        weights = self.lines.weights
        targets = sorted(leaves("target"), key=lambda t: t.name in weights)
        row = self.optimizer
        kept = {t.name: self._array(t.name, f"{t.name}_next") for t in leaves("state")}
        return {
            "name": literal(spec.model.name),
            "dtype": spec.model.dtype,
            "inputs": _table({t.name: _shape(t) for t in leaves("input")}),
            "targets": _table({t.name: _shape(t) for t in targets}),
            "weights": _names(weights),
            "whole": json.dumps(dict(text.whole)),
            "choices": _names(self.lines.choices),
            "hold": json.dumps(
                {
                    target: kind
                    for _, target, kind in compared
                    if kind in ("unit", "signs", "counts")
                }
            ),
            "parameters": self._constants(
                {t.name: _shape(t) for t in (*leaves("parameter"), *leaves("state"))}
            ),
            "initial": self._constants(
                {name: f'("{how}", {size!r})' for name, (how, size) in self.initial.items()}
            ),
            "noise": self._constants(
                {
                    t.name: f"({_shape(t)}, {float(text.numbers.get(t.name, t.kind != 'noise'))})"
                    for t in leaves("mask")
                }
            ),
            "constants": [
                {"name": self.names[t.name], "value": repr(float(text.numbers[t.name]))}
                for t in leaves("hyperparameter")
            ]
            + [{"name": k, "value": repr(float(v))} for k, v in row.constants.items()],
            "kept": self._collected("kept", kept) if kept else [],
            "kept_names": ", ".join(t.name for t in leaves("state")),
            "states": row.states,
            "states_tuple": _names(row.states),
            "epochs": spec.train.epochs,
            "batch_size": spec.train.batch_size,
            "learning_rate": repr(float(spec.train.learning_rate)),
            "seed": spec.model.seed,
            "shuffle": spec.train.shuffle,
            "loss": self.names[self.derivation.of],
            "outputs": {layers.get(name, name): self.names[name] for name in self.outputs},
            "update": _update(row),
            "include": self.include,
            "digest": self._digest(),
            "runtime": parts(self.used),
            "rest": self.used,
            "operations": self._operations(),
            "imports": imports((*self.used, *SPECIMENS)),
        }

    def _operations(self) -> int:
        """Of a step, for each sample: 2 for each product that is summed, where sizes are known."""
        total = 0
        for line in lines_of(self.program.items):
            for term in (t for t in line.terms if t.over):
                axes = {a for a in (*line.lhs.axes, *term.over) if not a.samples}
                total += 2 * math.prod(a.size for a in axes if isinstance(a.size, int))
        return total

    def computed(self) -> dict[str, Any]:
        """The statements, and what they call."""
        first, *both = self.blocks.parts
        predict, read = self._function(self.predicted, [first], self.outputs)
        sweep, _ = self._function(self.program.items, both, [self.derivation.of])
        inputs = self.lines.program.leaves_of("input")
        called = {**predict["called"], **sweep["called"]}
        helpers = predict["helpers"] | sweep["helpers"]
        helpers |= {"affine"} if helpers & {"strided", "placed"} else set()
        files = [self._file(name) for name in HELPERS if name in helpers]
        gradients = self.derivation.batch.names
        collected = {p: self._array(p, gradients[p]) for p in self.lines.parameters}
        return {
            "functions": [*functions(called, self.dialect), *(part(name).text for name in files)],
            "predicted": _names(t.name for t in inputs if t.name in read),
            "scans": any(isinstance(item, Scan) for item in self.program.items),
            "predict": predict,
            "sweep": sweep,
            "collected": self._collected("gradients", collected),
            "imports": imports((*self.used, *files, *SPECIMENS)),
        }

    def _array(self, name: str, computed: str) -> Callable[[Scope], str]:
        """The code of what is computed for a tensor: its gradient, its next value."""
        plain = bool(self.program.tensors[name].axes) or not self.dialect.mutable

        def code(scope: Scope) -> str:
            variable = scope.written(self.blocks.references[computed])
            return variable if plain else f"np.asarray({variable})"

        return code

    def _constants(self, values: Mapping[str, str]) -> list[str]:
        """The entries of a table of the module."""
        return self.blocks.dict_rows({name: _always(code) for name, code in values.items()}, 0)

    def _collected(self, name: str, values: Mapping[str, Callable[[Scope], str]]) -> list[str]:
        """A dict, in one row if it fits."""
        rows = self.blocks.dict_rows(values, 4)
        code = f"{name} = {{{' '.join(rows).removesuffix(',')}}}"
        if len(rows) == len(values) and len(code) + 4 <= WIDTH:
            return [code]
        return [f"{name} = {{", *(f"    {row}" for row in rows), "}"]

    def _function(
        self,
        items: Sequence[Item],
        parts: Iterable[Sequence[Item | Repeat[Item]]],
        wanted: Iterable[str],
    ) -> tuple[dict[str, Any], set[str]]:
        """The rows of a function that computes lines, and the names of the leaves that it reads.

        parts: of the items, forward and backward, with equal blocks as one.
        """
        sizes, made = set[str](), {*self.blocks.free}

        def written(given: Size) -> str:
            for s in sp.S(given).free_symbols:
                sizes.add(str(s))
            return str(
                sp.S(given).xreplace(
                    {s: sp.Symbol(self.names[str(s)]) for s in sp.S(given).free_symbols}
                )
            )

        def fresh(wish: str) -> str:
            wish = self.blocks.wish(wish)
            name = next(n for k in itertools.count(1) if (n := f"{wish}_{k}") not in made)
            made.add(name)
            return name

        def index(s: sp.Symbol) -> str:
            return self.names[s.name]

        whole = self.lines.text.whole
        variables = Names(self.names, written, index, fresh, whole)
        function = Function(
            variables, self.program.tensors, self.blocks, self.derivation.of, self.dialect
        )
        statements = [function.part(part) for part in parts]
        printed = [
            list(rows(part, width=COMMENT, broken=lambda code, pad: broken(code, pad + 4)))
            for part in statements
        ]
        leaves_of = self.program.leaves_of
        read = {name_of(e) for item in items for line in _lines(item) for e in line.reads}
        read |= {name for name in wanted if name in {t.name for t in self.program.leaves}}
        masks = [t for t in leaves_of("mask") if t.name in read]
        drawn = {str(s) for t in masks for a in t.axes for s in sp.S(a.size).free_symbols}
        roles = ("input", "target") if self.derivation.of in wanted else ("input",)
        having = {size: self._having(size, read, roles) for size in sorted(sizes | drawn)}
        read |= {t.name for t in having.values()}
        reading = []
        for source, own in (
            ("params", leaves_of("parameter", "state")),
            ("data", leaves_of("input", "target")),
            ("noise", masks),
        ):
            names = [t.name for t in own if t.name in read]
            reading += self.blocks.read(source, names)
        for size in sorted(sizes):
            variable = self.names[having[size].name]
            k = [str(a.size) for a in having[size].axes].index(size)
            code = f"{variable}.shape[{k}]" if k else f"len({variable})"
            reading.append(f"{self.names[size]} = {code}")
        if DTYPE in function.helpers:
            reading.append(f'dtype = params["{next(iter(self.lines.parameters))}"].dtype')
        found = {
            "reading": reading,
            "parts": printed,
            "called": function.called,
            "helpers": function.helpers - {DTYPE},
            "noise": bool(masks),
            "data": bool(masks or any(t.name in read for t in leaves_of("input", "target"))),
        }
        return found, read

    def _having(self, size: str, read: Collection[str], roles: Sequence[str]) -> Tensor:
        """A leaf of these roles that says what a size is; one that is read, if there is any."""
        found = [
            t for t in self.program.leaves_of(*roles) if size in map(str, (a.size for a in t.axes))
        ]
        if not found:
            hint = f"write {size} as a number"
            raise self.lines.mistake(f"no input or target has the size {size}", hint)
        return next((t for t in found if t.name in read), found[0])

    def _digest(self) -> str:
        """What changes with all that the numbers of training depend on, data and settings apart."""
        spec, forward = self.lines.spec, self.lines.program
        said = [self.target, str(forward), spec.train.optimizer, spec.model.dtype]
        said += [str(spec.train.momentum), str(spec.train.shuffle), str(self.initial)]
        said += [f"{k}={v}" for k, v in self.lines.text.numbers.items()]
        return hashlib.sha256("\n".join(said).encode()).hexdigest()[:16]


def _lines(item: Item) -> tuple[Line, ...]:
    return item.lines if isinstance(item, Scan) else (item,)


def _update(row: Any) -> tuple[str, ...]:
    """The update of all parameters in one vector."""
    theta = Tensor("W", (axis_of("p", PARAMETERS.size),), "parameter")
    gradient = Tensor("dW", theta.axes, "gradient")
    lines = common(update_lines(row, [(theta, gradient.entry)])[1], {"W": "dW"}, row.states)
    return Readable(lines, tensors={}).parts[0]


def _shape(t: Tensor) -> str:
    """A shape; sizes that are open by their names."""
    return listed([str(a.size) if isinstance(a.size, int) else f'"{a.size}"' for a in t.axes])


def _table(values: dict[str, str]) -> list[str]:
    return [f'"{name}": {value},' for name, value in values.items()]


def _names(names: Iterable[str]) -> str:
    words = [f'"{name}"' for name in names]
    return listed(words) if words else "()"


def _always(code: str) -> Callable[[Scope], str]:
    return lambda scope: code
