"""The notes in Markdown and as a notebook."""

from __future__ import annotations

import base64
import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import symnn
from symnn.cli.main import KINDS
from symnn.formats.json import objects
from symnn.formats.markdown import github, ipynb, literal
from symnn.formats.quarto import qmd
from symnn.formats.registry import FORMATS
from symnn.notes.document import Table
from symnn.notes.labels import labelled
from symnn.notes.options import NotesOptions
from symnn.notes.tell import tell
from symnn.spec.sources import example_names


def test_the_command_line_knows_every_format() -> None:
    assert list(KINDS) == list(FORMATS)


@pytest.mark.parametrize("name", example_names())
def test_every_equation_of_the_fragment_stands_in_the_markdown(name: str) -> None:
    derivation = symnn.load(name).derive()
    text = github(derivation)
    assert text.count("```math\n") * 2 == text.count("```")
    for block in re.findall(r"\\begin\{align\*\}\n(.*?)\\end", derivation.latex(), re.DOTALL):
        first = block.splitlines()[0].split(" && ")[0].removesuffix(r" \\")
        assert first in text


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("loss", ["mae", "norm"])
def test_code_hosts_find_every_formula(loss: str, language: str) -> None:
    layers = [symnn.Dense(3, "gelu"), symnn.Dropout(0.5), symnn.Dense(2)]
    derivation = symnn.Network(inputs=2, layers=layers, loss=loss).derive()
    options = NotesOptions(language=language, notation="goodfellow", detail="full")
    text = github(derivation, options)
    prose = re.sub(r"```math\n.*?```", "", text, flags=re.DOTALL)
    formulas = re.findall(r"\$`([^`$]+)`\$", prose)
    # the same formulas as in the document, between signs that leave their backslashes alone
    told = tell(derivation, options)
    tables = [block for s in told.sections for block in s.blocks if isinstance(block, Table)]
    cells = [cell for table in tables for row in table.rows for cell in row]
    expected = [tex for cell in cells for tex in cell.split("$")[1::2]]
    assert expected and set(expected) <= set(formulas)
    assert "$" not in re.sub(r"\$`[^`$]+`\$", "", prose)
    # a letter before the sign would hide it, and a host refuses this macro
    assert not re.search(r"\w\$`", prose)
    assert ("\\mathrm{sgn}" in text) == (loss == "mae") and "operatorname" not in text


def test_text_of_the_user_is_literal() -> None:
    title = "<script>alert(1)</script> [a](b) $x$ `c` *d*"
    net = symnn.Network(inputs=1, layers=[symnn.Dense(1)], loss="sse", name=title)
    heading = github(net.derive()).splitlines()[0]
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


def test_quarto_labels_every_equation_once_and_refers_to_labels_that_exist() -> None:
    derivation = symnn.load("xor").derive()
    text = qmd(derivation)
    labels = re.findall(r"^\$\$ \{#(eq-[A-Za-z0-9-]+)\}$", text, re.MULTILINE)
    assert len(labels) == len(set(labels))
    known = labelled(tell(derivation))
    assert labels == [f"eq-symnn-xor-net-{label}" for label in known]
    referred = re.findall(r"@(eq-[A-Za-z0-9-]*[A-Za-z0-9])", text)
    assert referred
    assert set(referred) <= set(labels)
    assert text.count("::: {#fig-symnn-xor-net-") == 4 == text.count("```{=html}\n<svg")


def test_quarto_and_json_hold_text_of_the_user_as_text() -> None:
    title = '---\n<script> "a": $x$ @eq-x {#b} \\input'
    net = symnn.Network(
        inputs=1, layers=[symnn.Dense(1)], loss="sse", name=title.replace("\n", " ")
    )
    yaml = qmd(net.derive()).split("---\n")[1]
    line = next(x for x in yaml.splitlines() if x.startswith("title: "))
    assert json.loads(line.removeprefix("title: ")) == literal(net.name)
    assert json.loads(objects(net.derive()))["title"] == net.name


def test_the_objects_hold_every_row_and_symbol() -> None:
    derivation = symnn.load("deep").derive()
    found = json.loads(objects(derivation))
    rows = [
        r
        for s in found["sections"]
        for b in s["blocks"]
        if b["kind"] == "equations"
        for r in b["rows"]
    ]
    assert [(r["left"], r["right"]) for r in rows] == [r.sides for r in tell(derivation).rows()]
    assert next(r["labels"] for r in rows if r["label"] == "delta-10")[-1] == "delta-2"
    assert [s["symbol"] for s in found["symbols"]][:3] == ["$x$", "$y$", "$A_{k}$"]
    assert {"network", "graph"} <= {
        b["name"] for s in found["sections"] for b in s["blocks"] if b["kind"] == "figure"
    }


def test_the_page_is_shown_in_the_browser_or_in_a_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("click.launch", lambda path: opened.append(path) or 0)
    monkeypatch.setitem(sys.modules, "IPython", None)
    derivation = symnn.load("xor").derive()
    derivation.show(detail="answer")
    (page,) = opened
    assert Path(page).read_text(encoding="utf-8").startswith("<!doctype html>")
    shown: list[str] = []
    display = SimpleNamespace(HTML=str, display=shown.append)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: object()))
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    derivation.show(height=300)
    assert opened == [page]
    (frame,) = shown
    assert re.match(
        r'<iframe srcdoc="&lt;!doctype html&gt;[^"]*" width="100%" height="300" ', frame
    )


def test_a_page_that_nothing_opens_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("click.launch", lambda path: 1)
    monkeypatch.setitem(sys.modules, "IPython", None)
    with pytest.raises(OSError, match=r"no application opens .*xor_net\.html"):
        symnn.load("xor").derive().show()


def test_notes_are_saved_by_suffix(tmp_path: Path) -> None:
    derivation = symnn.load("xor").derive()
    for suffix in (".md", ".ipynb", ".tex", ".qmd", ".json"):
        path = derivation.save(tmp_path / f"notes{suffix}")
        derivation.save(path)  # its own file may be replaced
    with pytest.raises(ValueError, match=r"unknown format.*\.ipynb"):
        derivation.save(tmp_path / "notes.docx")
