"""The worked example in the formats: it fits the page, KaTeX typesets it, the page switches it."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from test_numbers import MAZUR, network, numbers
from test_page import TYPESET, VENDOR

import symnn
from symnn.formats.html import html, words
from symnn.formats.latex import document
from symnn.nn.losses import LOSSES
from symnn.notation.books import LAYOUTS, NOTATIONS
from symnn.notes.document import Equations
from symnn.notes.options import NotesOptions
from symnn.notes.sections.numbers import worked
from symnn.notes.tell import tell


@pytest.mark.parametrize("layout", LAYOUTS)
def test_numbers_fit_the_page(tmp_path: Path, layout: str) -> None:
    if shutil.which("pdflatex") is None:
        pytest.skip("pdflatex is not installed")
    layers = [symnn.Dense(4, "softmax"), symnn.Dense(4, "gelu"), symnn.Dense(4, "softmax")]
    wide = symnn.Network(inputs=4, layers=layers, loss={"name": "cross_entropy", "l2": 0.1})
    long = symnn.Network(
        inputs=4,
        layers=layers,
        loss="cross_entropy",
        train={"optimizer": "adam"},
        notes={"digits": 12},
    )
    nets = [wide, long, symnn.load("xor"), symnn.load(MAZUR)]
    for net, style in itertools.product(nets, ("decimal", "pencil")):
        text = document(net.derive(), NotesOptions(layout=layout, numbers=style, figures=False))
        (tmp_path / "notes.tex").write_text(text)
        command = ["pdflatex", "-interaction=nonstopmode", "notes.tex"]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
        log = (tmp_path / "notes.log").read_text(errors="replace")
        wide_lines = re.findall(r"Overfull \\hbox \(([\d.]+)pt.*", log)
        assert not [w for w in wide_lines if float(w) > 2], (net, style)


def test_katex_typesets_the_numbers_in_strict_mode() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    texts: set[str] = set()
    for notation, loss, style in itertools.product(NOTATIONS, LOSSES, ("decimal", "pencil")):
        net = network("gelu" if style == "decimal" else "relu", loss)
        told = numbers(net, style, 4, notation)
        for block in worked(told.context, style, 4):
            if isinstance(block, Equations):
                texts |= {tex for row in block.rows for tex in row.sides}
            texts |= {tex for math, tex in words(getattr(block, "text", "")) if math}
        texts |= {told.on_one_line(line) for line in told.example.program.lines}
    assert len(texts) > 500
    command = [node, "-e", TYPESET, str(VENDOR / "katex.min.js")]
    done = subprocess.run(
        command, input=json.dumps(sorted(texts)), text=True, capture_output=True, check=True
    )
    assert json.loads(done.stdout) == []


def values_of(page: str) -> list[dict[str, str]]:
    """The values of the symbols of the page's first table."""
    import html

    found = re.findall(r'<tr data-values="([^"]*)"', page)
    return [json.loads(html.unescape(text)) for text in found]


def test_the_page_knows_the_values_of_symbols() -> None:
    page = html(symnn.load(MAZUR).derive())
    known = [row["2"] for row in values_of(page)]
    assert r"\approx \begin{pmatrix}0.138498562 \\ -0.038098237\end{pmatrix}" in known
    assert r"= \begin{pmatrix}0.6 \\ 0.6\end{pmatrix}" in known
    assert page.count('data-beside="numbers"') > 40 and 'data-shown="numbers"' in page


def test_every_layer_is_updated_in_numbers_on_the_page() -> None:
    """Without numbers, the updates of three equal layers are one line for k."""
    net = symnn.Network(inputs=2, layers=[symnn.Dense(2, "tanh")] * 3, loss="sse")
    derivation = net.derive()
    assert "k = 1" in str(tell(derivation, NotesOptions(figures=False)).sections[-1])
    rows = [
        row
        for section in tell(derivation, NotesOptions(figures=False, beside=True)).sections
        for block in section.blocks
        if isinstance(block, Equations)
        for row in block.rows
        if row.relation == r"\leftarrow"
    ]
    assert len(rows) == 6 and all(r"\approx" in row.numbers for row in rows)


def test_each_error_has_its_perturbation_on_the_page() -> None:
    page = html(symnn.load("xor").derive())
    said = re.findall(r"<p>Raise <span class=\"math\">(.*?)</span>", page)
    assert {name[:4] for name in said} == {"z_{1", "z_{2"}
    assert len(said) == 2 * 3  # once at each level


@pytest.mark.parametrize(
    ("net", "options"),
    [("digits", {}), ("xor", {"numbers": "none"}), ("xor", {"layout": "rows"})],
)
def test_a_page_without_numbers_has_no_switch(net: str, options: dict[str, str]) -> None:
    page = html(symnn.load(net).derive(), NotesOptions(**options))
    assert 'data-beside="numbers"' not in page.partition("<body")[2].partition("<script>")[0]


def test_the_page_shows_the_numbers_when_asked_to(tmp_path: Path) -> None:
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("chromium is not installed")
    path = tmp_path / "notes.html"
    path.write_text(html(symnn.load(MAZUR).derive()), encoding="utf-8")

    def shown(fragment: str) -> str:
        command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
        done = subprocess.run(
            [*command, f"--user-data-dir={tmp_path / 'profile'}", f"{path.as_uri()}#{fragment}"],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        return done.stdout

    symbols, asked = shown("textbook"), shown("textbook,numbers")
    typeset = r'<div class="beside" data-beside="numbers"><span class="math" data-tex'
    assert typeset not in symbols and asked.count(typeset) > 12
    assert re.search(r'<body [^>]*data-shown="numbers"', asked)
    assert re.search(r'<button[^>]*data-shown="numbers" aria-pressed="true"', asked)
    assert "katex-error" not in re.sub(r"<(script|style)>.*?</\1>", "", asked, flags=re.DOTALL)
