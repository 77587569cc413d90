"""The texts of programs.txt, architectures.txt and forms.txt: name -> text."""

from __future__ import annotations

from pathlib import Path


def programs(file: str) -> dict[str, str]:
    """Name -> text of a file with a heading for each."""
    text = (Path(__file__).parent / file).read_text(encoding="utf-8")
    blocks = (block.partition("\n") for block in text.split("## ")[1:])
    return {name: text.strip() + "\n" for name, _, text in blocks}


PROGRAMS = programs("programs.txt")
ARCHITECTURES = programs("architectures.txt")
FORMS = programs("forms.txt")
