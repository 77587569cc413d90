"""What a command is given: a network's spec, or lines of the user's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from symnn.derivation.lines import Lines
from symnn.derivation.network import Network
from symnn.spec.reader import load_spec
from symnn.spec.sources import lines_text


def model(source: Any, notes: Mapping[str, Any] | None = None) -> Network | Lines:
    """The network of a spec, or the lines of NAME.lines and of standard input.  Raises SpecError.

    notes: the fields of [notes] that the command line gives.
    """
    found = lines_text(source)
    if found is not None:
        return Lines(*found)
    return Network.from_spec(load_spec(source) if notes is None else load_spec(source, notes))
