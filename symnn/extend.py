"""The names for whoever adds to symnn: a layer, a format, a target.

A program is a list of lines, and a line is a sum of terms over axes:

    Axis       what an index counts: its symbol, and how many values it has
    Tensor     a name with axes; ``t.entry`` is its entry there, ``t[i, j]`` any other
    Term       a SymPy expression of entries, summed over axes
    Line       a tensor, and the terms whose sum it is

A layer is a frozen dataclass with FIELDS and ``forward``, which writes its lines; its gradients are
derived.  ``symnn guide new-layer`` adds one.

    Field      what a spec may say in one place: kind, default, bounds, known words
    Build      collects the lines of a network; ``forward`` writes to it with ``let`` and ``leaf``
    LAYERS     the type of a layer in a spec -> its class

A loss, an optimizer and a notation are rows of tables.

    LOSSES      the name of a loss -> its summand, its targets, whether it is a mean
    OPTIMIZERS  the name of an optimizer -> the lines of its update, its states and constants
    NOTATIONS   the name of a notation -> its letters and signs

A format turns the notes of a derivation into text.  ``symnn guide new-format`` adds one.

    document_of  a derivation and the options of ``symnn derive`` -> its Document
    Document   what the notes say: sections of paragraphs, tables, figures and equations
    Row        a line of an equation: its sides, relation, reason, label, whether it is a result
    Format     the suffix of a format's files, and the function from a derivation and its options
    FORMATS    the name of a format -> its row

A target turns a derivation into programs.  ``symnn guide new-target`` adds one.

    derive     a network -> its derivation; ``.stable`` is the program in the form to compute
    statement  a line -> the NumPy statement that computes it
    helpers    a program -> the functions that its statements call
    render     a template and its values -> the text of a file
    Target     what ``symnn generate`` and ``Network.compile`` know of a target
    TARGETS    the name of a target -> its row
"""

from __future__ import annotations

from symnn.derivation.derivation import derive
from symnn.engine.ir import Axis, Line, Tensor, Term
from symnn.formats.registry import FORMATS, Format
from symnn.io.fields import Field
from symnn.io.templating import render
from symnn.nn.layers import LAYERS, Build
from symnn.nn.losses import LOSSES
from symnn.nn.optimizers import OPTIMIZERS
from symnn.notation.books import NOTATIONS
from symnn.notes.document import Document, Row
from symnn.notes.tell import tell as document_of
from symnn.targets.python.expressions import helpers, statement
from symnn.targets.registry import TARGETS
from symnn.targets.target import Target

__all__ = [
    "FORMATS",
    "LAYERS",
    "LOSSES",
    "NOTATIONS",
    "OPTIMIZERS",
    "TARGETS",
    "Axis",
    "Build",
    "Document",
    "Field",
    "Format",
    "Line",
    "Row",
    "Target",
    "Tensor",
    "Term",
    "derive",
    "document_of",
    "helpers",
    "render",
    "statement",
]
