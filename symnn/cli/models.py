"""What a command is given: a network's spec, or lines of the user's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from symnn.derivation.lines import Lines
from symnn.derivation.network import Network
from symnn.spec.reader import load_model
from symnn.spec.sections import LinesSpec


def model(
    source: Any,
    flags: Mapping[str, Any] | None = None,
    *,
    data: str | None = None,
    weights: str | None = None,
) -> Network | Lines:
    """The network of a spec, or the lines of NAME.lines, of a spec or of standard input.

    flags, data, weights: as of ``load_spec``.  Raises SpecError.
    """
    spec = load_model(source, flags, data=data, weights=weights)
    return Lines(spec) if isinstance(spec, LinesSpec) else Network.from_spec(spec)
