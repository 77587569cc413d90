"""The programs of programs.txt: name -> text."""

from __future__ import annotations

from pathlib import Path

_BLOCKS = Path(__file__).with_suffix(".txt").read_text(encoding="utf-8").split("## ")[1:]
PROGRAMS = {
    name: text.strip() + "\n" for name, _, text in (block.partition("\n") for block in _BLOCKS)
}
