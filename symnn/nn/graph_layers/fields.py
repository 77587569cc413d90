"""Fields that several kinds of layers have."""

from __future__ import annotations

from collections.abc import Mapping

from symnn.io.fields import Field

Fields = Mapping[str, Field]
ACTIVATION = Field("string", "linear", doc="applied to each component")
BIAS = Field("boolean", True, doc="whether there is a bias")


def count(doc: str, default: int | None = None, least: int = 1, most: int = 10**6) -> Field:
    """A whole number; without a default it is required."""
    if default is None:
        return Field("integer", minimum=least, maximum=most, doc=doc)
    return Field("integer", default, minimum=least, maximum=most, doc=doc)


def small(default: float, doc: str) -> Field:
    """A number above 0, and at most 1."""
    return Field("number", default, minimum=0, maximum=1, exclusive_minimum=True, doc=doc)
