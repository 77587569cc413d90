"""The worked example of lines and of networks of any shape."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.programs import PROGRAMS

import symnn
from symnn.cli.main import run
from symnn.derivation.lines import Lines, LinesDerivation
from symnn.engine.evaluate import evaluate
from symnn.formats.latex import document
from symnn.formats.registry import FORMATS
from symnn.io.errors import SpecError
from symnn.language.phrases import PHRASES
from symnn.notes.document import Document, Paragraph
from symnn.notes.equations import tell_lines
from symnn.notes.lines_example import SUMMANDS, LinesExample, lines_example, summands
from symnn.notes.options import NotesOptions
from symnn.spec.reader import load_model
from symnn.spec.sections import LinesSpec

LINES = """
input x[n<N,i<2]
target y[n]
parameter w[i]
z[n] = sum_i w[i]*x[n,i]
L = mean_n (z[n] - y[n])**2
"""
GRAPH = """
[model]
name = "Small convolution"
[inputs.x]
shape = ["t:4", "c:2"]
[inputs.u]
shape = [3]
of = 5
[[layers]]
type = "conv1d"
from = "x"
filters = 2
kernel = 2
activation = "tanh"
[[layers]]
type = "flatten"
name = "flat"
[[layers]]
type = "embedding"
units = 2
from = "u"
[[layers]]
type = "flatten"
name = "words"
[[layers]]
type = "concatenate"
from = ["flat", "words"]
[[layers]]
type = "dense"
units = 2
activation = "softmax"
[loss]
name = "cross_entropy"
[example]
x = [[1, 0], [0.5, -1], [0, 2], [1, 1]]
[example.targets]
y = [0, 1]
[example.parameters]
b_1 = [0.5, -0.5]
"""


def derivation(name: str) -> LinesDerivation:
    lines = Lines(PROGRAMS[name], "own.lines")
    inputs = [t.name for t in lines.program.leaves_of("input")]
    return LinesDerivation(lines, wrt=None if lines.parameters else inputs)


def example(lines: Lines, pencil: bool = False) -> LinesExample:
    found = lines_example(LinesDerivation(lines), pencil)
    assert found is not None
    return found


def numbers(notes: Document) -> Any:
    return next(s for s in notes.sections if s.title in ("The same with numbers", "代入数字的演算"))


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_numbers_are_those_of_the_evaluator(name: str) -> None:
    """In exact arithmetic, entry by entry, what the evaluator computes in arrays of floats."""
    own = derivation(name)
    if summands(own) > SUMMANDS // 8:  # long, and nothing that the others lack
        pytest.skip("too large")
    found = lines_example(own)
    assert found is not None
    leaves = {k: np.asarray(v, dtype=float) for k, v in found.values.leaves.items()}
    floats = evaluate(found.program, leaves)
    for line in found.program.lines:
        exact = np.asarray(found.values.array(line.lhs.name), dtype=float)
        size = float(np.abs(exact).max(initial=0.0))
        assert np.abs(floats[line.lhs.name] - exact).max(initial=0.0) <= 1e-9 * (1 + size), line


def test_the_numbers_of_a_line_are_right() -> None:
    given = {"x": [[1, 2], [0.5, 1]], "y": [3, 1], "parameters": {"w": [0.25, 0.5]}}
    lines = symnn.lines(LINES, example=given, numbers="decimal", learning_rate=0.5)
    notes = tell_lines(lines.derive(), NotesOptions())
    rows = [row.tex.replace(" ", "") for row in numbers(notes).rows()]
    matrix = [r"\begin{pmatrix}", r"\end{pmatrix}"]
    assert rows[0].startswith(r"x={}".format("1.0&2.0\\\\0.5&1.0".join(matrix)))
    # z = (1.25, 0.625), L = ((1.25 - 3)^2 + (0.625 - 1)^2)/2 = 1.6015625
    assert "z=" + "1.250&0.625".join(matrix) in rows[1] and r"L\approx1.602" in rows[1]
    # dL/dz = (-1.75, -0.375), dL/dw = (-1.9375, -3.875)
    assert r"\frac{\partialL}{\partialw}=" + "-1.9375&-3.8750".join(matrix) in "".join(rows)
    # w = (0.25, 0.5) + 0.5 (1.9375, 3.875)
    assert rows[-1] == "w=" + "1.21875&2.43750".join(matrix)
    texts = [b.text for b in numbers(notes).blocks if isinstance(b, Paragraph)]
    assert "The numbers are given. Here $N = 2$." in texts[0]
    assert texts[1] == r"After one step, with $\eta = 0.5$:"
    found = example(lines)
    w = np.array([0.25, 0.5]) + 0.5 * np.array([1.9375, 3.875])
    after = np.mean((np.array(given["x"]) @ w - np.array(given["y"])) ** 2)
    assert float(found.after()) == pytest.approx(after, rel=1e-14)


def graph(text: str, folder: Path) -> Lines:
    file = folder / "net.toml"
    file.write_text(text)
    spec = load_model(file)
    assert isinstance(spec, LinesSpec)
    return Lines(spec)


def test_a_graph_takes_what_is_given_and_draws_the_rest(tmp_path: Path) -> None:
    lines = graph(GRAPH, tmp_path)
    found = example(lines)
    assert found.sizes == {"N": 1} and set(found.drawn) == {"u", "A_1", "E_2", "A_3", "b_3"}
    leaves = found.values.leaves
    assert leaves["x"].shape == (1, 4, 2) and float(leaves["x"][0, 1, 1]) == -1
    assert [float(v) for v in leaves["b_1"]] == [0.5, -0.5]
    assert set(map(int, leaves["u"].flat)) <= set(range(5))
    assert found.values.array("A_1").tolist() == example(lines).values.array("A_1").tolist()


@pytest.mark.parametrize("style", ["decimal", "pencil"])
@pytest.mark.parametrize("language", PHRASES)
def test_every_format_has_them(tmp_path: Path, style: str, language: str) -> None:
    own = LinesDerivation(graph(GRAPH, tmp_path))
    options = NotesOptions(numbers=style, language=language, figures=False)
    title = PHRASES[language]["numbers"]
    assert len([*numbers(tell_lines(own, options)).rows()]) > 15
    for name, form in FORMATS.items():
        if name != "pdf":
            text = form.printed(own, options)
            assert isinstance(text, str) and (title in text or ascii(title)[1:-1] in text), name


@pytest.mark.parametrize("name", ["attention.lines", "lstm.lines", "batch_norm.lines"])
def test_they_fit_the_page(tmp_path: Path, name: str) -> None:
    if shutil.which("pdflatex") is None:
        pytest.skip("pdflatex is not installed")
    lines = symnn.lines(Path(str(symnn.__path__[0])) / "examples" / name)
    text = document(lines.derive(), NotesOptions(numbers="decimal", figures=False))
    (tmp_path / "notes.tex").write_text(text)
    command = ["pdflatex", "-interaction=nonstopmode", "notes.tex"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    log = (tmp_path / "notes.log").read_text(errors="replace")
    wide = re.findall(r"Overfull \\hbox \(([\d.]+)pt.*", log)
    assert not [w for w in wide if float(w) > 2]


def test_what_is_too_large_is_left_out_or_refused() -> None:
    wide = LINES.replace("i<2", "i<30")
    notes = tell_lines(symnn.lines(wide).derive(), NotesOptions(numbers="decimal"))
    origin = next(b.text for b in numbers(notes).blocks if isinstance(b, Paragraph))
    assert r"wider than the page: $x$, $w$, $\partial L/\partial w$." in origin
    huge = LINES.replace("i<2", "i<30000")
    notes = tell_lines(symnn.lines(huge).derive(), NotesOptions(numbers="decimal"))
    [said] = numbers(notes).blocks
    assert isinstance(said, Paragraph) and "at most 20,000" in said.text


def test_samples_that_depend_on_one_another_are_several() -> None:
    lines = symnn.lines(Path(str(symnn.__path__[0])) / "examples" / "batch_norm.lines")
    assert example(lines).sizes == {"N": 3}


MISTAKES = (
    ("x = [[1, 0]]", 34, "example.x: x must have the shape (N, 4, 2), or (4, 2) for one sample"),
    ("x = [[1, 0], [2]]", 34, "example.x: must hold numbers, in lists of equal lengths"),
    ('x = "1"', 34, "example.x: must hold numbers"),
    ("z = [1]", 34, 'example.z: no input, target or parameter is called "z"'),
    ("u = [0, 1, 5]", 34, "example.u: u must hold whole numbers 0 to 4"),
    ("u = [0, 1, nan]", 34, "example.u: must hold numbers"),
    ("inputs = {y = [0, 1]}", 34, 'example.inputs.y: no input is called "y"'),
    ("y = [0.5, 0.6]", 34, "example.y: y must sum to 1 along its last axis"),
    ("inputs = {x = 1}\nx = 2", 34, "example.inputs.x: x must have the shape"),
    ("parameters = {b_1 = [1]}", 34, "example.parameters.b_1: b_1 must have the shape (2,), not"),
    ("parameters = {b_9 = [1]}", 34, 'example.parameters.b_9: no parameter is called "b_9"'),
    ("b_1 = [1, 2]\nparameters = {b_1 = [1, 2]}", 35, "b_1 is given twice"),
)


@pytest.mark.parametrize(("given", "line", "message"), MISTAKES)
def test_a_mistake_is_told_with_its_place(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Any,
    given: str,
    line: int,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.toml").write_text(GRAPH.partition("[example]")[0].lstrip() + f"[example]\n{given}\n")
    for command in (["derive", "net.toml"], ["check", "net.toml"]):
        assert run(command) == 2
        said = capsys.readouterr()
        assert not said.out and f"net.toml:{line}: " in said.err and message in said.err


def test_a_section_that_is_no_table() -> None:
    with pytest.raises(SpecError, match="example: must be a table, not a list"):
        symnn.lines(LINES, example=[1])
