"""The notes of lines: every line by entries, evaluated as it is printed, in every format."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from support.programs import PROGRAMS

import symnn
from symnn.cli.main import main
from symnn.derivation.lines import Lines, LinesDerivation
from symnn.formats.latex import document
from symnn.formats.markdown import github
from symnn.formats.registry import FORMATS
from symnn.io.errors import SpecError
from symnn.notes.document import Document, Equations, Paragraph
from symnn.notes.equations import tell_lines
from symnn.notes.options import NotesOptions
from symnn.spec.sources import example_path


def derivation(name: str) -> LinesDerivation:
    lines = Lines(PROGRAMS[name], "own.lines")
    inputs = [t.name for t in lines.program.leaves_of("input")]
    return LinesDerivation(lines, wrt=None if lines.parameters else inputs)


def told(name: str, **options: Any) -> Document:
    return tell_lines(derivation(name), NotesOptions(**options))


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_printed_step_was_evaluated(name: str) -> None:
    """What has no tick has no value: the indicator of a maximum's first place."""
    own = derivation(name)
    notes = tell_lines(own, NotesOptions(detail="full"))
    equations, gradients, result = notes.sections[:3]
    for section in (gradients, result):
        for row in section.rows():
            assert row.checked or "first" in row.tex, row.tex
    rows = [*equations.rows()]
    assert len(rows) == len(own.lines.program.lines)
    # a word of a name stands below the letter: U_i is no difference of U and i
    assert not any("-" in row.sides[0].replace("-1", "") for row in rows)
    assert not any(row.shape for row in notes.rows())


def test_a_scan_is_told_in_its_order() -> None:
    equations, gradients, *_ = told("simple RNN").sections
    texts = [b.text for b in equations.blocks if isinstance(b, Paragraph)]
    assert texts[1] == r"For $t = 0, \ldots, 3$ in turn:"
    texts = [b.text for b in gradients.blocks if isinstance(b, Paragraph)]
    assert texts[1:] == [r"For $t = 3, \ldots, 0$ in turn:", "Then, for all indices at once:"]
    [first, *_] = [b for b in gradients.blocks if isinstance(b, Equations)]
    assert r"\partial L / \partial L" not in first.rows[0].tex


def test_letters_with_a_word_have_it_below() -> None:
    tex = document(derivation("LSTM"))
    assert r"U_{\mathrm{i},jc}" in tex and r"\partial W_{\mathrm{o},jk}" in tex


def test_what_is_read_outside_is_said() -> None:
    text = github(derivation("conv2d 2 layers, stride 2, padding 1"))
    assert "Where $`x`$, $`a`$ is read outside its range, the entry is $`0`$." in text


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("kind", [k for k in FORMATS if k not in ("pdf", "ipynb")])
def test_every_format_prints_them(kind: str, language: str) -> None:
    for name in ("multi-head causal attention", "LSTM", "max pool 2x2", "embedding"):
        options = NotesOptions(language=language)
        text = FORMATS[kind].printed(derivation(name), options)
        assert isinstance(text, str)
        title = {"en": "The equations", "zh": "方程"}[language]
        assert title in (
            text if kind != "json" else json.dumps(json.loads(text), ensure_ascii=False)
        )


@pytest.mark.parametrize("layout", ["rows", "columns"])
@pytest.mark.parametrize("name", ["residual", "layer_norm", "lstm"])
def test_a_line_has_matrix_form_where_there_is_one(name: str, layout: str) -> None:
    own = symnn.lines(example_path(name, ".lines")).derive()
    equations, *rest = tell_lines(own, NotesOptions(layout=layout)).sections[:3]
    assert all(row.checked for section in rest for row in section.rows())
    first = next(equations.rows()).tex
    product = {"rows": r"x A^{\top} + \mathbf{1} b^{\top}", "columns": r"A x + b \mathbf{1}^{\top}"}
    if name == "residual":
        assert first == f"a_{{1}} = {product[layout]}"
    assert (r"\sum" in first) == (name == "lstm")  # three axes have none


def test_in_python(tmp_path: Path) -> None:
    found = symnn.lines(PROGRAMS["conv1d"]).derive()
    assert found.latex(select="W").count(r"\frac{\partial L}{\partial W_{wco}}") == 1
    assert found.save(tmp_path / "notes.md").read_text().startswith("<!--")
    for options in ({"story": "tutorial"}, {"method": "differential"}, {"code": True}):
        with pytest.raises(ValueError, match="lines are not told with"):
            found.save(tmp_path / "other.md", **options)
    own = symnn.lines(PROGRAMS["conv1d"], notation="nielsen").derive()
    assert r"\partial C" in own.save(tmp_path / "own.md").read_text()
    assert r"\partial C" not in own.save(tmp_path / "own.md", notation="affine").read_text()
    (tmp_path / "own.md").unlink()
    with pytest.raises(SpecError, match="there is nothing to train"):
        symnn.lines("input x\nL = x**2").derive(wrt=["x"]).save(tmp_path / "other.ipynb")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["notes.md"]


@pytest.mark.parametrize("name", ["attention", "lstm", "embedding"])
def test_the_code_of_a_notebook_runs(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = symnn.lines(example_path(name, ".lines")).derive()
    cells = json.loads(own.save(tmp_path / "notes.ipynb").read_text())["cells"]
    assert "The equations" in cells[1]["source"] and len(cells[1]["attachments"]) == 1
    file, run = [cell["source"] for cell in cells if cell["cell_type"] == "code"]
    magic, _, module = file.partition("\n")
    assert magic == f"%%writefile {name}.py"
    (tmp_path / f"{name}.py").write_text(module)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, name, raising=False)
    exec(run, {})
    assert sys.modules[name].check() < 1e-6


def test_on_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("conv.lines").write_text(PROGRAMS["conv1d"])

    def run(*words: str) -> Any:
        with pytest.raises(SystemExit) as caught:
            main(list(words))
        return caught.value.code

    assert run("derive", "conv.lines", "--detail", "answer", "--format", "markdown") == 0
    assert "# conv\n\n## The equations" in capsys.readouterr().out
    assert run("derive", "conv.lines", "-o", "conv.tex", "--language", "zh") == 0
    assert run("derive", "conv.lines", "-o", "conv.tex", "--language", "zh", "--check") == 0
    Path("all").mkdir()
    assert run("derive", "conv.lines", "xor", "-o", "all/") == 0
    assert sorted(p.name for p in Path("all").iterdir()) == ["conv.tex", "xor_net.tex"]
    capsys.readouterr()
    for words, message in (
        (("--story", "tutorial"), "conv.lines: lines are not told with story 'tutorial'"),
        (("--layers", "n"), "--layers: goes with a network of layers"),
    ):
        assert run("derive", "conv.lines", *words) == 2
        assert message in capsys.readouterr().err
    Path("none.lines").write_text("input x[i<3]\ny[i] = x[i]\n")
    assert run("derive", "none.lines") == 2
    assert "no equation computes a scalar" in capsys.readouterr().err
