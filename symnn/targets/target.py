"""What a target is: how a network becomes the files of a program."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Files = dict[str, str]  # suffix -> text; the first is the one that is named


@dataclass(frozen=True)
class Target:
    """What modules run on.

    files: the texts of a network, given it and options of the target.
    main: the suffix of the text that is the program.  options: what ``files`` takes further.
    lines: whether it takes lines, not networks of layers alone.
    needs: raises an error if something is missing on this machine.  report: what to say about
    the files once they are written.
    """

    files: Callable[..., Files]
    main: str = ".py"
    options: tuple[str, ...] = ()
    lines: bool = False
    needs: Callable[[], object] | None = None
    report: Callable[[Path], str] | None = None
