"""The notes in Markdown and as a notebook."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import pytest

import symnn
from symnn.cli import KINDS
from symnn.notes import FORMATS, PRINTERS, github, ipynb
from symnn.sources import example_names


def test_the_command_line_knows_every_format() -> None:
    assert list(KINDS) == list(FORMATS) == list(PRINTERS)


@pytest.mark.parametrize("name", example_names())
def test_every_equation_of_the_fragment_stands_in_the_markdown(name: str) -> None:
    derivation = symnn.load(name).derive()
    text = github(derivation)
    assert text.count("```math\n") * 2 == text.count("```")
    for block in re.findall(r"\\begin\{align\*\}\n(.*?)\\end", derivation.latex(), re.DOTALL):
        first = block.splitlines()[0].split(" && ")[0].removesuffix(r" \\")
        assert first in text


def test_text_of_the_user_is_literal() -> None:
    title = "<script>alert(1)</script> [a](b) $x$ `c` *d*"
    net = symnn.Network(inputs=1, layers=[symnn.Dense(1)], loss="sse", name=title)
    heading = github(net.derive()).splitlines()[2]
    assert heading.startswith("# \\<script\\>")
    assert not re.search(r"(?<!\\)[<>`*\[\]$]", heading)


def test_a_notebook_is_well_formed_and_its_code_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = json.loads(ipynb(symnn.load("xor").derive()))
    assert (book["nbformat"], book["nbformat_minor"]) == (4, 5)
    names = [cell["id"] for cell in book["cells"]]
    assert len(set(names)) == len(names)
    file, run = [cell["source"] for cell in book["cells"] if cell["cell_type"] == "code"]
    magic, _, module = file.partition("\n")
    assert magic == "%%writefile xor_net.py"
    (tmp_path / "xor_net.py").write_text(module)
    monkeypatch.syspath_prepend(tmp_path)
    exec(run, {})


def test_a_notebook_holds_its_figures_and_markdown_has_none() -> None:
    derivation = symnn.load("xor").derive()
    cells = json.loads(ipynb(derivation))["cells"]
    found = []
    for cell in cells:
        named = re.findall(r"\(attachment:([^)]+)\)", cell["source"])
        assert sorted(named) == sorted(cell.get("attachments", {}))
        found += [cell["attachments"][name]["image/svg+xml"] for name in named]
    assert [base64.b64decode(data)[:4] for data in found] == [b"<svg"] * 4
    assert "Figure" not in github(derivation)


def test_notes_are_saved_by_suffix(tmp_path: Path) -> None:
    derivation = symnn.load("xor").derive()
    for suffix in (".md", ".ipynb", ".tex"):
        path = derivation.save(tmp_path / f"notes{suffix}")
        derivation.save(path)  # its own file may be replaced
    with pytest.raises(ValueError, match=r"unknown format.*\.ipynb"):
        derivation.save(tmp_path / "notes.docx")
