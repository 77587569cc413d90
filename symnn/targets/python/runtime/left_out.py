"""Options of train that few need, in a module that was made without them."""

from __future__ import annotations


def _refuse(left_out: dict[str, object]) -> None:
    """Raise ValueError for an option, with the command that brings it."""
    for name in left_out:
        if name not in ("reduce", "checkpoint", "every", "resume"):
            raise TypeError(f"train has no argument {name}")
        word = "reduce" if name == "reduce" else "checkpoint"
        text = f"{name} was left out of this module: symnn generate SPEC --with {word}"
        raise ValueError(f"{text} brings it")
