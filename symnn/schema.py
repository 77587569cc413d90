"""Fields of a spec and the mistakes found in one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

REQUIRED = object()


class Problem(NamedTuple):
    """One mistake: where it is, what is wrong and the way out."""

    file: str
    line: int | None
    path: str
    message: str
    hint: str = ""


class SpecError(ValueError):
    """All mistakes of a spec at once; ``errors`` holds them."""

    def __init__(self, errors: Sequence[Problem]) -> None:
        self.errors = list(errors)
        super().__init__("\n".join(f"{e.file}:{e.line}: {e.path}: {e.message}" for e in errors))


@dataclass(frozen=True)
class Field:
    """What a spec may say in one place: its kind, default and bounds."""

    kind: str
    default: Any = REQUIRED
    minimum: float | None = None
    maximum: float | None = None
    exclusive_maximum: bool = False
    doc: str = ""
