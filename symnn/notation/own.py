"""Notations of a user's own: what a table of [notes.notation] says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from symnn.notation.books import ABOVE, AFFINE, NOTATIONS
from symnn.notation.letters import with_symbols
from symnn.notation.notation import Notation

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
        changes["letters"] = {"e": ABOVE["e"], **notation.letters}
    return with_symbols(replace(notation, **changes), letters)
