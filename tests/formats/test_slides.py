"""The notes as slides."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

import symnn
from symnn.cli.main import run
from symnn.formats.beamer import LINES, Item, bare_frames, beamer, equations_of, split
from symnn.formulas.tree import ONE, Glyph, Group, Matrix, Number, Product, Sum
from symnn.notation.books import AFFINE
from symnn.notes.document import Row
from symnn.notes.labels import labelled
from symnn.notes.options import NotesOptions
from symnn.notes.tell import tell
from symnn.spec.sources import example_names

TALK = r"""\documentclass{beamer}
\usetheme{%s}
\usepackage{amsmath,amssymb,tikz}
\usetikzlibrary{arrows.meta}
\begin{document}
%s
\end{document}
"""


def compiled(folder: Path, text: str) -> str:
    """The log of a talk."""
    if shutil.which("pdflatex") is None:
        pytest.skip("pdflatex is not installed")
    (folder / "talk.tex").write_text(text)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "talk.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace")
    assert done.returncode == 0, done.stdout[-2000:]
    return done.stdout


@pytest.mark.parametrize("name", example_names())
def test_every_equation_is_revealed_once(name: str) -> None:
    d = symnn.load(name).derive()
    text = bare_frames(d)
    for row in labelled(tell(d, NotesOptions(figures=False))).values():
        assert row.sides[1][:20] in text
    for frame in re.findall(r"\\begin\{frame\}.*?\\end\{frame\}", text, re.DOTALL):
        steps = list(map(int, re.findall(r"\\uncover<(\d+)->", frame)))
        assert steps == sorted(steps)
        assert set(steps) <= set(range(1, max(steps, default=0) + 1))
        lines = re.findall(r"\\uncover<(\d+)->\{\$\\displaystyle \{\}", frame)
        assert len(lines) == len(set(lines)), "one reveal a line"


@pytest.mark.parametrize(("name", "layout"), [("xor", "sample"), ("digits", "rows")])
def test_slides_compile_and_nothing_overflows(tmp_path: Path, name: str, layout: str) -> None:
    log = compiled(
        tmp_path, beamer(symnn.load(name).derive(), NotesOptions(layout=layout, detail="full"))
    )
    assert "Overfull" not in log


@pytest.mark.parametrize("theme", ["Berlin", "PaloAlto"])  # bars above and below; a bar beside
def test_bare_frames_take_over_a_theme_and_do_not_overflow(tmp_path: Path, theme: str) -> None:
    net = symnn.Network(
        inputs=3,
        layers=[symnn.Dense(4, "softmax"), symnn.Dense(3, "gelu"), symnn.Dense(2, "sigmoid")],
        loss={"name": "binary_cross_entropy", "l2": 0.1},
    )
    text = bare_frames(net.derive(), NotesOptions(detail="full", figures=True))
    assert not re.search(r"\\((re)?new[a-z]+|def|documentclass|use[a-z]*(package|theme))\b", text)
    log = compiled(tmp_path, TALK % (theme, text))
    assert "Overfull" not in log


def test_a_box_of_several_accounts_has_a_frame_of_its_own(tmp_path: Path) -> None:
    """It introduces nothing; letters with an accent and a mark are transposed, too."""
    net = symnn.Network(
        inputs=3,
        layers=[*[symnn.Dense(4, "tanh"), symnn.Dropout(0.5)] * 2, symnn.Dense(2)],
        loss="mse",
    )
    text = bare_frames(
        net.derive(), NotesOptions(layout="rows", method="differential", notation="d2l")
    )
    assert r"{{}\tilde{\mathbf{H}}^{(1)}}^{\top}" in text
    for frame in text.split(r"\begin{frame}"):
        assert not (r"\begin{block}" in frame and r"\begin{tabular}" in frame)
    assert "Overfull" not in compiled(tmp_path, TALK % ("Warsaw", text))


def test_a_row_taller_than_a_frame_goes_on_to_the_next(tmp_path: Path) -> None:
    """Whole, rather than scaled down or off the foot of the frame."""
    layers = [symnn.Dense(4, "elu"), symnn.Dense(4, "silu"), symnn.Dense(2)]
    net = symnn.Network(inputs=4, layers=layers, loss="huber", train={"optimizer": "adam"})
    text = bare_frames(net.derive(), NotesOptions(numbers="decimal"))
    assert text.count(r"\left. {}") == text.count(r" \right.") > 0
    assert "Overfull" not in compiled(tmp_path, TALK % ("Warsaw", text))
    z, matrix = Glyph("z"), Matrix(((Number("0.1"), Number("0.2")),) * 4)
    row = Row(z, Product((Group(Sum((matrix,) * 6)), matrix)), AFFINE, reason="why")
    groups = equations_of((row, Row(None, ONE, AFFINE)))
    items = [item for group in groups for item in group]
    assert list(map(len, groups)) == [2] + [1] * (len(items) - 2)
    assert len(items) > 2
    assert all(item.height <= LINES for item in items)
    assert [item.tex.count("why") for item in items] == [0] * (len(items) - 2) + [1, 0]
    high = Row(z, Matrix(tuple((Glyph(c),) for c in "123456789abcdef")), AFFINE)
    for rows in ((high,), (high, Row(None, ONE, AFFINE))):
        assert [len(group) for group in equations_of(rows)] == [1] * len(rows)


def test_frames_are_about_equally_full() -> None:
    groups = [[Item("x", LINES / 4)]] * 5
    assert [len(frame) for frame in split(groups)] == [3, 2]
    assert split([[Item("x", 3 * LINES)], [Item("y", 1)]]) == [
        [Item("x", 3 * LINES)],
        [Item("y", 1)],
    ]
    assert split([]) == []


def test_the_command_writes_slides_and_frames(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "talk.tex"
    assert run(["derive", "xor", "--format", "beamer", "-o", str(path), "-q"]) == 0
    mark, first, *_ = path.read_text().splitlines()
    assert mark.startswith("% Generated by symnn; digest of the rest: ")
    assert first == r"\documentclass{beamer}"
    assert run(["derive", "xor", "--format", "beamer", "--fragment"]) == 0
    mark, first, *_ = capsys.readouterr().out.splitlines()
    assert (mark[:20], first) == ("% Generated by symnn", r"\begin{frame}{The network}")
    bare = ["derive", "xor", "--format", "beamer", "--fragment", "-o", str(tmp_path / "own.tex")]
    assert run(bare) == run(bare) == 0  # its own file is replaced
    assert run(["derive", "xor", "--format", "beamer", "-o", str(tmp_path / "talk.md")]) == 2


def test_hostile_titles_are_inert(tmp_path: Path) -> None:
    net = symnn.Network(
        inputs=1, layers=[symnn.Dense(1)], loss="sse", name="\\input{/etc/passwd} $x$ 100% #1 ~^_"
    )
    assert "/etc/passwd}" not in beamer(net.derive())
    compiled(tmp_path, beamer(net.derive(), NotesOptions(figures=False)))
