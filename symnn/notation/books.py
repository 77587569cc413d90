"""The notations: one row each, and those that a user makes of letters and of a row's fields."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from symnn.notation.notation import GREEK, Notation

LAYOUTS = ("sample", "columns", "rows")  # one sample, or one column (row) for each sample

# hyperparameters, whose numbers count no layers
_CONSTANTS = {
    "eta": r"\eta",
    "l2": r"\lambda",
    "epsilon": r"\varepsilon",
    "beta_1": r"\beta_{1}",
    "beta_2": r"\beta_{2}",
}
_COMMON = {**_CONSTANTS, "L": "J", "x": "x", "y": "y", "mask": r"\xi"}
_BATCH = {
    **{"x": "X", "y": "Y", "z": "Z", "a": "A", "e": "V", "u": "U"},
    **{"h": r"\tilde{A}", "mask": r"\Xi"},
}
# where e^{(2)}, or e alone, would read as a power, the exponentials of softmax are v
_ABOVE = {**_COMMON, "e": "v"}

AFFINE = Notation(
    name="affine",
    letters={**_COMMON, "L": "L"},
    # the capital of a would be A, the letter of the weights: the batch of a_k is calligraphic
    batch={**_BATCH, "a": r"\mathcal{A}", "e": "E", "h": "H"},
)

NIELSEN = Notation(  # Nielsen, Neural Networks and Deep Learning, chapter 2
    name="nielsen",
    letters={**_ABOVE, "L": "C", "A": "w", "h": r"\tilde{a}"},
    batch=_BATCH,
    layer_mark="superscript",
    transpose="T",
    gradients="nabla",
    layer_letter="l",
    indices="jkpqruvw",
)

GOODFELLOW = Notation(  # Goodfellow, Bengio and Courville, Deep Learning, chapter 6
    name="goodfellow",
    letters={
        **_ABOVE,
        **{"A": "W", "z": "a", "a": "h", "h": r"\tilde{h}", "output": r"\hat{y}"},
    },
    batch={
        **{**_BATCH, "z": "U", "u": "R", "a": "H", "h": r"\tilde{H}"},
        **{"output": r"\hat{Y}"},
    },
    error="",
    batch_error="",
    layer_mark="superscript_parentheses",
    sole_mark=False,
    raised="joined",
    orientation="by_layout",
    gradients="nabla",
    activation="f",
    functions={"huber": r"\mathrm{huber}"},
)

D2L = Notation(  # Zhang, Lipton, Li and Smola, Dive into Deep Learning, section 5.3
    name="d2l",
    letters={
        **_ABOVE,
        **{"x": r"\mathbf{x}", "y": r"\mathbf{y}", "A": r"\mathbf{W}", "b": r"\mathbf{b}"},
        **{"z": r"\mathbf{z}", "a": r"\mathbf{h}", "e": r"\mathbf{v}", "u": r"\mathbf{u}"},
        **{"h": r"\tilde{\mathbf{h}}", "mask": r"\boldsymbol{\xi}"},
        **{"scores": r"\mathbf{o}", "output": r"\hat{\mathbf{y}}"},
    },
    batch={
        **{"x": r"\mathbf{X}", "y": r"\mathbf{Y}", "z": r"\mathbf{Z}", "a": r"\mathbf{H}"},
        **{"e": r"\mathbf{V}", "u": r"\mathbf{U}", "h": r"\tilde{\mathbf{H}}"},
        **{"mask": r"\boldsymbol{\Xi}", "scores": r"\mathbf{O}", "output": r"\hat{\mathbf{Y}}"},
    },
    error="",
    batch_error="",
    layer_mark="superscript_parentheses",
    sole_mark=False,
    raised="braces",
    orientation="by_layout",
    layer_letter="l",
    indices="jkpqruvw",
    activation=r"\phi",
    functions={"huber": r"\mathrm{huber}"},
)

NG = Notation(  # Ng, Deep Learning Specialization, course 1
    name="ng",
    letters={**_ABOVE, "A": "W", "h": r"\tilde{a}", "m": "c"},  # m counts the examples
    batch=_BATCH,
    error="",
    batch_error="",
    layer_mark="superscript_brackets",
    sole_mark=False,
    raised="joined",
    hadamard="*",
    transpose="T",
    gradients="d",
    mean="parameters",
    layout="columns",
    layer_letter="l",
    count="m",
    sample="i",
    indices="jkpqruvw",
    activation="g",
)

CS231N = Notation(  # Karpathy and Li, CS231n, neural networks case study
    name="cs231n",
    letters={
        **{**_ABOVE, "L": "L", "A": "W", "a": "h", "h": r"\tilde{h}"},
        **{"scores": "f", "output": "p", "s": "c"},  # S are the scores
    },
    batch={**_BATCH, "a": "H", "h": r"\tilde{H}", "scores": "S", "output": "P"},
    error="",
    batch_error="",
    sole_mark=False,
    first_mark=False,
    orientation="in_out",
    gradients="d",
    layout="rows",
    functions={"huber": r"\mathrm{huber}"},
)

NOTATIONS: dict[str, Notation] = {
    row.name: row for row in (AFFINE, NIELSEN, GOODFELLOW, D2L, NG, CS231N)
}

# what a user may call otherwise, and the name of the tensor it stands for; capitals are batches
SYMBOLS = (
    *("A", "b", "z", "a", "x", "y", "L", "delta", "eta", "lambda", "X", "Y", "Z", "Delta"),
    *("activations", "scores", "output", "activation"),
)
_CAPITALS = frozenset(
    {
        *("Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi"),
        *("Sigma", "Upsilon", "Phi", "Psi", "Omega"),
    }
)
_MARKS = {"hat": r"\hat", "tilde": r"\tilde", "bar": r"\bar"}

# the words of a user's own notation, and what they stand for
ORIENTATIONS = ("out_in", "in_out", "by_layout")
HADAMARDS = {"odot": r"\odot", "circ": r"\circ", "asterisk": "*"}
TRANSPOSES = {"top": r"\top", "T": "T"}
GRADIENTS = ("delta", "partial", "nabla", "d")
MEANS = ("seed", "parameters")


def chosen(notes: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of [notes], with those that are given beside the spec in their place.

    A notation that is given brings its own layout, unless a layout is given as well.
    """
    left = {
        key: value for key, value in notes.items() if key != "layout" or "notation" not in given
    }
    return {**left, **given}


def letter_tex(text: str) -> str | None:
    """The TeX of a letter of the user's: "bold W", "hat x", "alpha"; None if it is none.

    The grammar: any of bold, cal, hat, tilde, bar, then a Latin or Greek letter.
    """
    *marks, letter = text.split(" ") if text else [""]
    greek = letter in GREEK or letter in _CAPITALS
    if not greek and not re.fullmatch("[A-Za-z]", letter, re.ASCII):
        return None
    tex = "\\" + letter if greek else letter
    for mark in reversed(marks):
        if mark == "bold":
            tex = rf"\boldsymbol{{{tex}}}" if greek else rf"\mathbf{{{tex}}}"
        elif mark == "cal" and re.fullmatch("[A-Z]", tex, re.ASCII):
            tex = rf"\mathcal{{{tex}}}"
        elif mark in _MARKS:
            tex = rf"{_MARKS[mark]}{{{tex}}}"
        else:
            return None
    return tex if len(marks) <= 2 else None


def with_symbols(notation: Notation, symbols: Mapping[str, str]) -> Notation:
    """The notation with letters of the user's own: name of SYMBOLS -> TeX."""
    letters, batch = dict(notation.letters), dict(notation.batch)
    changes: dict[str, Any] = {}
    for key, tex in symbols.items():
        if key in ("delta", "Delta", "activation"):
            changes[{"delta": "error", "Delta": "batch_error"}.get(key, key)] = tex
        elif key in ("X", "Y", "Z", "activations"):
            batch[key[0].lower()] = tex
        else:
            letters["l2" if key == "lambda" else key] = tex
    for table in (letters, batch):  # what dropout leaves of a keeps apart from it
        if table.get("a") == table.get("h", "h"):
            table["h"] = rf"\tilde{{{table['a']}}}"
    for word in ("scores", "output"):
        if word in symbols:
            batch[word] = re.sub(r"(?<![\\A-Za-z])[a-z](?![A-Za-z])", _capital, letters[word])
    return replace(notation, letters=letters, batch=batch, **changes)


def _capital(letter: re.Match[str]) -> str:
    return letter[0].upper()


def own_notation(fields: Mapping[str, Any], letters: Mapping[str, str]) -> Notation:
    """A notation made of a row and of fields of a user's own, checked words and letters."""
    notation = NOTATIONS[fields["base"]]
    given = {key: value for key, value in fields.items() if value is not None}
    changes: dict[str, Any] = {"name": "own"}
    for key in ("orientation", "layer_mark", "mean", "layout"):
        if key in given:
            changes[key] = given[key]
    for key, words in (("hadamard", HADAMARDS), ("transpose", TRANSPOSES)):
        if key in given:
            changes[key] = words[given[key]]
    for key, name in (("layer", "layer_letter"), ("count", "count"), ("sample", "sample")):
        if key in given:
            changes[name] = given[key]
    taken = {changes.get("layer_letter", notation.layer_letter), changes.get("count")}
    changes["indices"] = "".join(c for c in notation.indices if c not in taken)
    style = given.get("gradients")
    if style == "delta":
        changes |= {"error": AFFINE.error, "batch_error": AFFINE.batch_error}
    elif style:
        changes |= {"gradients": style, "error": "", "batch_error": ""}
    if changes.get("layer_mark", "subscript") != "subscript":
        changes["letters"] = {"e": _ABOVE["e"], **notation.letters}
    return with_symbols(replace(notation, **changes), letters)
