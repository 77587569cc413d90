"""The sections of a spec: what each may hold, and what a validated spec is."""

from __future__ import annotations

import keyword
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from symnn.io.errors import Problem, quoted
from symnn.io.fields import Field
from symnn.language.options import DETAILS, METHODS, NUMBERS, SAME_TARGET, STORIES, TARGETS
from symnn.language.phrases import PHRASES
from symnn.nn.losses import LOSSES
from symnn.nn.optimizers import OPTIMIZERS
from symnn.notation.books import LAYOUTS, NOTATIONS
from symnn.notation.notation import LAYER_MARKS, Notation
from symnn.notation.own import GRADIENTS, HADAMARDS, MEANS, ORIENTATIONS, TRANSPOSES
from symnn.spec.positions import Lines, nearest

NAME_LIMIT, TEXT_LIMIT = 200, 2000
_TAKEN = frozenset({"numpy", "sympy", "jinja2", "click", "symnn", "mpmath", "pytest", "test"})


@dataclass(frozen=True)
class Model:
    """[model]; inputs 0: of lines, which say their own."""

    name: str
    description: str
    inputs: int
    dtype: str
    seed: int


@dataclass(frozen=True)
class Loss:
    """[loss]"""

    name: str
    l2: float


@dataclass(frozen=True)
class Train:
    """[train]; batch_size None: all samples; target (): the last columns."""

    optimizer: str
    learning_rate: float
    momentum: float
    epochs: int
    batch_size: int | None
    shuffle: bool
    data: str | None
    target: tuple[str, ...]
    test_fraction: float
    standardize: bool
    weights: str | None


@dataclass(frozen=True)
class Notes:
    """[notes]; layout None: the notation's own; figures None: in documents, not in fragments.

    numbers None: none, but for a small network decimal ones in the tutorial, and on the page,
    which shows them when asked to.  code None: in the tutorial.
    symbols: letter of a tensor -> TeX.
    """

    notation: Notation
    layout: str | None
    detail: str
    story: str
    method: str
    language: str
    figures: bool | None
    numbers: str | None
    digits: int
    code: bool | None
    sympy: bool
    symbols: Mapping[str, str]


@dataclass(frozen=True)
class Example:
    """[example]: the numbers of the worked example; None or {} where they are to be drawn."""

    x: tuple[float, ...] | None
    y: tuple[float, ...] | None
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class Output:
    """[output]"""

    dir: str
    module: str
    target: str


@dataclass(frozen=True)
class Spec:
    """A validated spec.

    source: what errors call it.  folder: what its relative paths refer to; None: the current
    folder.  activations: name -> formula.  lines: field -> its line in the source.
    """

    model: Model
    layers: tuple[Any, ...]
    loss: Loss
    train: Train
    activations: Mapping[str, str]
    notes: Notes
    example: Example | None
    output: Output
    source: str = field(compare=False)
    folder: Path | None = field(default=None)
    lines: Lines = field(default_factory=dict, repr=False, compare=False)

    def __repr__(self) -> str:
        return f"<Spec {self.model.name!r} from {self.source}>"

    def problem(self, path: str, message: str, hint: str = "") -> Problem:
        """What is wrong with a field, with its place."""
        return Problem(self.source, nearest(self.lines, path), path, message, hint)


@dataclass(frozen=True)
class Written:
    """Equations that layers wrote.

    outputs: name of an output -> that of the layer that gives it.  letters: tensor -> its letter
    and the number of its layer.  layers: value -> the name of the layer that wrote it.  blocks:
    layer of a block that is repeated -> the same layer of the first one, its first layer, and how
    often it stands.  compared: of every loss with a name, the layer and the target that it
    compares, and what that target may hold, as nn.graph_losses says.
    """

    text: str
    outputs: Mapping[str, str]
    letters: Mapping[str, tuple[str, int]]
    layers: Mapping[str, str] = field(default_factory=dict)
    blocks: Mapping[str, tuple[str, str, int]] = field(default_factory=dict)
    compared: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True)
class LinesSpec:
    """A validated spec of lines.

    text: the equations.  first: the line of the source before their first.  written: the equations
    if layers wrote them, and not the user.  example: [example], numbers by the names of tensors;
    None: there is none.  activations, source, folder, lines: as of a Spec.
    """

    text: str
    first: int
    activations: Mapping[str, str]
    model: Model
    train: Train
    notes: Notes
    output: Output
    source: str = field(compare=False)
    folder: Path | None = field(default=None)
    lines: Lines = field(default_factory=dict, repr=False, compare=False)
    written: Written | None = None
    example: Mapping[str, Any] | None = None

    def problem(self, path: str, message: str, hint: str = "") -> Problem:
        """What is wrong with a field, with its place."""
        return Problem(self.source, nearest(self.lines, path), path, message, hint)


def _printable(limit: int, lines: bool = False) -> Any:
    def check(text: str) -> str | None:
        if len(text) > limit:
            return f"is too long: {len(text)} characters, at most {limit}"
        bad = next((c for c in text if not c.isprintable() and not (lines and c == "\n")), None)
        if bad is not None:
            return f"holds the control character U+{ord(bad):04X}, which is not printable"
        return None if text.strip() or limit == TEXT_LIMIT else "must not be empty"

    return check


def identifier(text: str) -> str | None:
    """What is wrong with a name of a module or an activation; None if nothing is."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,60}", text, re.ASCII):
        return (
            f"{quoted(text)} is not an identifier: a name starts with a letter a-z, "
            "then come letters a-z, digits and _"
        )
    if keyword.iskeyword(text) or keyword.issoftkeyword(text):
        return f"{quoted(text)} is a keyword of Python, not a name"
    if text in sys.stdlib_module_names or text in _TAKEN:
        return f"{quoted(text)} is the name of a module of Python or of a package"
    return None


def _index(text: str) -> str | None:
    """An index or a number of things is a Latin letter."""
    return None if re.fullmatch("[A-Za-z]", text, re.ASCII) else f"not a letter: {quoted(text)}"


def _inside(text: str) -> str | None:
    """A path of a spec stays below the spec's folder."""
    parts = re.split(r"[/\\]", text)
    if not text.strip() or any(not c.isprintable() for c in text):
        return f"is not a path: {quoted(text)}"
    if text.startswith(("/", "\\", "~")) or re.match(r"[A-Za-z]:", text) or ".." in parts:
        return f"the path {quoted(text)} leaves the spec's folder"
    return None


def _data(text: str) -> str | None:
    if "://" in text or text.startswith("data:"):
        return f"no such file: the URL {quoted(text)} is not a local file"
    return _inside(text)


SECTIONS: dict[str, dict[str, Field]] = {
    "model": {
        "name": Field("string", "network", check=_printable(NAME_LIMIT), doc="title of the notes"),
        "description": Field("string", "", check=_printable(TEXT_LIMIT, True), doc="a sentence"),
        "inputs": Field("integer", minimum=1, maximum=10**6, doc="number of features"),
        "dtype": Field("string", "float64", choices=("float64", "float32"), doc="precision"),
        "seed": Field("integer", 0, minimum=0, maximum=2**32 - 1, doc="of weights and batches"),
    },
    "loss": {
        "name": Field("string", choices=tuple(LOSSES), doc="what is minimised"),
        "l2": Field("number", 0.0, minimum=0, maximum=1e6, doc="adds l2/2 times all squared A_k"),
    },
    "train": {
        "optimizer": Field("string", "sgd", choices=tuple(OPTIMIZERS), doc="update rule"),
        "learning_rate": Field(
            "number", 0.1, minimum=0, maximum=1e6, exclusive_minimum=True, doc="step size"
        ),
        "momentum": Field("number", 0.0, minimum=0, maximum=1, exclusive_maximum=True, doc="sgd"),
        "epochs": Field("integer", 100, minimum=1, maximum=10**7, doc="passes over the data"),
        "batch_size": Field("integer", None, minimum=1, maximum=10**9, doc="samples of a step"),
        "shuffle": Field("boolean", True, doc="a new order of the samples in every epoch"),
        "data": Field("string", None, check=_data, doc="a built-in name, a .csv or .npz file"),
        "target": Field("strings", (), doc="the column to predict, or a list of columns"),
        "test_fraction": Field(
            "number", 0.0, minimum=0, maximum=1, exclusive_maximum=True, doc="held out"
        ),
        "standardize": Field("boolean", False, doc="inputs of mean 0 and deviation 1"),
        "weights": Field("string", None, check=_inside, doc="an .npz file to start from"),
    },
    "notes": {
        "notation": Field("named", "affine", choices=tuple(NOTATIONS), doc="letters and signs"),
        "layout": Field("string", None, choices=LAYOUTS, doc="one sample, or a batch"),
        "detail": Field("string", "textbook", choices=DETAILS, doc="how many steps are shown"),
        "story": Field("string", "reference", choices=STORIES, doc="or what leads to it first"),
        "method": Field("string", "chain", choices=METHODS, doc="how gradients are found"),
        "language": Field("string", "en", choices=tuple(PHRASES), doc="of the sentences"),
        "figures": Field("boolean", None, doc="whether there are figures"),
        "numbers": Field("string", None, choices=NUMBERS, doc="of the worked example"),
        "digits": Field("integer", 4, minimum=3, maximum=12, doc="of rounded numbers"),
        "code": Field("boolean", None, doc="whether the code stands at the end"),
        "sympy": Field("boolean", False, doc="whether sympy.diff finds an entry beside them"),
        "symbols": Field("table", {}, doc="letters of your own"),
    },
    "example": {
        "x": Field("list", None, doc="the input of the worked example"),
        "y": Field("list", None, doc="its target"),
        "parameters": Field("table", {}, doc="name -> values"),
    },
    "output": {
        "dir": Field("string", ".", check=_inside, doc="folder of the generated module"),
        "module": Field("string", None, check=identifier, doc="name of the generated module"),
        "target": Field(
            "string", "numpy", choices=(*TARGETS, *SAME_TARGET), doc="what the module runs on"
        ),
    },
}

# [notes.notation]: a notation of the user's own; what is left out is that of the base
OWN_NOTATION: dict[str, Field] = {
    "base": Field("string", "affine", choices=tuple(NOTATIONS), doc="what is changed"),
    "letters": Field("table", {}, doc="as in [notes.symbols]"),
    "orientation": Field("string", None, choices=ORIENTATIONS, doc="of the matrix of weights"),
    "layer_mark": Field("string", None, choices=tuple(LAYER_MARKS), doc="of a layer's number"),
    "hadamard": Field("string", None, choices=tuple(HADAMARDS), doc="product of components"),
    "transpose": Field("string", None, choices=tuple(TRANSPOSES), doc="sign of the transpose"),
    "gradients": Field("string", None, choices=GRADIENTS, doc="how a gradient is written"),
    "mean": Field("string", None, choices=MEANS, doc="where the 1/N of a mean stands"),
    "layout": Field("string", None, choices=LAYOUTS, doc="where the notes have none"),
    "layer": Field("string", None, check=_index, doc="letter of a layer's number"),
    "count": Field("string", None, check=_index, doc="letter of the number of samples"),
    "sample": Field("string", None, check=_index, doc="letter of a sample's number"),
}
TOP = (*SECTIONS, "layers", "activations", "lines", "inputs", "losses")
# the sections and fields of lines
LINES_SECTIONS: dict[str, dict[str, Field]] = {
    "model": {k: f for k, f in SECTIONS["model"].items() if k != "inputs"},
    "train": {k: f for k, f in SECTIONS["train"].items() if k not in ("target", "standardize")},
    "notes": SECTIONS["notes"],
    "output": SECTIONS["output"],
}

FLAGS = {
    **{name: f"train.{name}" for name in ("epochs", "batch_size", "learning_rate")},
    **{name: f"notes.{name}" for name in SECTIONS["notes"] if name != "symbols"},
    "seed": "model.seed",
    "target": "output.target",
}
