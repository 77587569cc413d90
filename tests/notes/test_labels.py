"""Labels, the selection of equations by them, and the links of symbols."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

import symnn
from symnn.cli.main import run
from symnn.formats.latex import document, fragment_to_input
from symnn.formulas.breaking import Breaker
from symnn.formulas.tex import Printer
from symnn.formulas.tree import (
    ONE,
    Apply,
    Condition,
    Formula,
    Fraction,
    Glyph,
    Group,
    Matrix,
    Negative,
    Number,
    Power,
    Product,
    Relations,
    Sum,
)
from symnn.language.options import DETAILS
from symnn.notation.books import AFFINE, LAYOUTS, NOTATIONS
from symnn.notes.document import Equations
from symnn.notes.labels import LabelError, labelled, names
from symnn.notes.links import Links
from symnn.notes.options import NotesOptions
from symnn.notes.tell import tell
from symnn.spec.sources import example_names

SCHEME = {
    "delta-1": (r"\delta_{1}", r"(A_{2}^{\top} \delta_{2}) \odot (1 - a_{1}^{\odot 2})"),
    "A-1": (r"\frac{\partial L}{\partial A_{1}}", r"\delta_{1} x^{\top}"),
    "b-2": (r"\frac{\partial L}{\partial b_{2}}", r"\delta_{2}"),
    "grad-a-1": (r"\frac{\partial L}{\partial a_{1}}", r"A_{2}^{\top} \delta_{2}"),
    "z-2": ("z_{2}", "A_{2} a_{1} + b_{2}"),
    "a-2": ("a_{2}", r"\sigma(z_{2})"),
    "L": ("L", r"\frac{1}{2} \lVert a_{2} - y \rVert^{2}"),
    "update-b-1": ("b_{1}", r"b_{1} - \eta \frac{\partial L}{\partial b_{1}}"),
}


def linked(notes: Any) -> list[str]:
    """The right sides, with <place|symbol> for every link."""
    links = Links(notes)
    places = [[f"eq:{notes.prefix}{label}" for label in row.labels] for row in notes.rows()]
    return [
        links.printer(r, own, "<%s|%s>").tex(r.right)
        for r, own in zip(notes.rows(), places, strict=True)
    ]


def test_a_label_names_what_its_equation_defines() -> None:
    found = labelled(tell(symnn.load("xor").derive()))
    assert {k: (found[k].sides[0], found[k].sides[1]) for k in SCHEME} == SCHEME
    assert {"F", "loss", "gradient", "samples-A-1"} <= set(found)


@pytest.mark.parametrize("name", example_names())
def test_labels_are_unique_and_complete_at_every_level(name: str) -> None:
    net = symnn.load(name)
    wanted = {f"{letter}-{n[2:]}" for n in net.parameters for letter in (n[0], "z", "delta")}
    for detail in DETAILS:
        labels = [
            k for row in tell(net.derive(), NotesOptions(detail=detail)).rows() for k in row.labels
        ]
        assert len(labels) == len(set(labels))
        assert wanted <= set(labels), detail


def test_equations_for_equal_layers_carry_the_labels_of_all_of_them() -> None:
    notes = tell(symnn.load("deep").derive())
    (row,) = {r for r in labelled(notes).values() if "delta-5" in r.labels}
    assert row.labels == tuple(f"delta-{k}" for k in range(10, 1, -1))
    (alone,) = tell(symnn.load("deep").derive(), NotesOptions(select="delta_5")).rows()
    assert alone.sides[0] == r"\delta_{5}"
    assert alone.sides[1] == r"(A_{6}^{\top} \delta_{6}) \odot (1 - a_{5}^{\odot 2})"


def test_a_selection_is_those_equations_alone() -> None:
    d = symnn.load("xor").derive()
    text = d.latex(select="delta_1, A-1")
    left, right = SCHEME["delta-1"]
    assert text.splitlines()[:2] == [r"\begin{align*}", rf"{left} &= {right} \\"]
    assert d.latex(select=["delta_1", "A_1"]) == text
    assert d.latex(select="delta_1, A-1, delta_1, A_1") == text
    assert not re.search(r"\\(sub)?section|\\text\{", text)
    with pytest.raises(LabelError, match=r"the label 'delta-3'; known: F, z-1, z-2, a-1, a-2"):
        d.latex(select="delta_3")
    assert names("") == ()


@pytest.mark.parametrize("select", ["", "delta_1, A_1", "F", "z_1,A_1,A_1"])
def test_links_lead_only_where_the_document_has_a_label(select: str) -> None:
    text = document(symnn.load("xor").derive(), NotesOptions(select=select))
    labels = re.findall(r"\\label\{([^}]*)\}", text)
    assert len(labels) == len(set(labels))
    places = set(re.findall(r"\\symbollink\{([^}#]*)\}", text))
    assert places <= set(labels)
    assert places or select not in ("", "delta_1, A_1")


def too_wide(folder: Path, text: str) -> list[str]:
    """What runs off the text of the class article, 12 cm wide, by more than a point."""
    if shutil.which("pdflatex") is None:
        pytest.skip("pdflatex is not installed")
    head = r"\documentclass{article}\usepackage{amsmath,amssymb}\begin{document}"
    (folder / "own.tex").write_text(f"{head}\n{text}\n\\end{{document}}\n")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "own.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace")
    assert done.returncode == 0, done.stdout[-2000:]
    found = re.findall(r"Overfull \\[hv]box \(([\d.]+)pt too \w+\)(.*\n.*)", done.stdout)
    return [line for points, line in found if float(points) > 1]


def test_a_fragment_fits_a_narrow_text(tmp_path: Path) -> None:
    """Long reasons stand below their equations."""
    net = symnn.Network(
        inputs=3,
        layers=[symnn.Dense(4, "tanh"), symnn.Dropout(0.5), symnn.Dense(3, "softmax")],
        loss={"name": "cross_entropy", "l2": 0.1},
    )
    text = fragment_to_input(net.derive(), NotesOptions(detail="full", method="differential"))
    assert not too_wide(tmp_path, text)


def test_sentences_numbers_and_code_fit_a_narrow_text(tmp_path: Path) -> None:
    options: dict[str, dict[str, Any]] = {
        "xor": {"notation": "goodfellow", "story": "tutorial"},
        "norm_loss": {"notation": "goodfellow", "story": "tutorial"},
        "digits": {"notation": "d2l", "code": True},
        "deep": {"layout": "columns", "detail": "full"},
    }
    texts = [
        fragment_to_input(symnn.load(n).derive(), NotesOptions(**own)) for n, own in options.items()
    ]
    assert not too_wide(tmp_path, "\n".join(texts))


def test_a_long_example_goes_on_to_the_next_page(tmp_path: Path) -> None:
    layers = [symnn.Dense(4, "elu"), symnn.Dense(4, "elu"), symnn.Dense(2, "softmax")]
    net = symnn.Network(inputs=4, layers=layers, loss="cross_entropy")
    assert not too_wide(tmp_path, fragment_to_input(net.derive(), NotesOptions(numbers="decimal")))


@pytest.mark.parametrize("digits", [4, 12])
def test_matrices_of_many_digits_fit_a_narrow_text(digits: int, tmp_path: Path) -> None:
    """Their products are broken, and what is still too wide has smaller letters."""
    layers = [symnn.Dense(4, "elu"), symnn.Dense(4, "silu"), symnn.Dense(2)]
    net = symnn.Network(
        inputs=4,
        layers=layers,
        loss={"name": "huber", "l2": 0.1},
        train={"optimizer": "adam"},
        notes={"digits": digits},
    )
    text = fragment_to_input(net.derive(), NotesOptions(numbers="decimal"))
    assert not too_wide(tmp_path, text)
    assert (r"\text{\scriptsize" in text) == (digits == 12)


def lines(f: Formula, limit: int) -> tuple[str, ...]:
    printer = Printer(AFFINE)
    return tuple(map(printer.tex, Breaker(printer, limit).broken(f)))


a, b, c, d, x, y = map(Glyph, "abcdxy")
EQUATION = Relations((Sum((a, b)), Sum((c, d))), ("=",))


def test_a_long_formula_is_broken_at_the_loosest_signs() -> None:
    assert lines(EQUATION, 20) == ("a + b = c + d",)
    assert lines(EQUATION, 8) == ("a + b", "{}= c + d")
    assert lines(EQUATION, 4) == ("a + b", "{}= c", "{}+ d")
    assert lines(Sum((a, Negative(Product((b, c), "hadamard")))), 5) == ("a", r"{}- b \odot c")
    assert lines(Power(a, Sum((b, c))), 2) == ("a^{b + c}",)


def test_a_long_formula_is_broken_within_brackets_last() -> None:
    assert lines(Group(EQUATION), 8) == ("(a + b", "{}= c + d)")
    assert lines(Sum((Group(Sum((a, b))), c)), 8) == ("(a + b)", "{}+ c")
    condition, square = Condition(x, ">", ONE), Sum((Fraction(x, Number("3")), Negative(y)))
    inner = Group(Sum((condition, Group(square, square=True))))
    assert lines(Product((Fraction(ONE, Number("2")), inner)), 14) == (
        r"\frac{1}{2} \left([x > 1] \right.",
        r"\left. {}+ [\frac{x}{3} - y]\right)",
    )
    assert lines(Power(Group(Sum((a, b))), Number("2")), 4) == ("(a", "{}+ b)^{2}")
    assert lines(Apply(None, Glyph(r"\log"), Sum((a, b))), 6) == (r"\log(a", "{}+ b)")


def test_a_product_of_matrices_is_broken_between_them() -> None:
    """The sign that the product has not on one line; a short factor stays with its matrix."""
    wide = Matrix(((Number("0.123456"), Number("0.123456")),))
    text = r"\begin{pmatrix}0.123456 & 0.123456\end{pmatrix}"
    assert lines(Product((wide, wide)), 30) == (text, rf"{{}}\cdot {text}")
    left = Group(Sum((ONE, Negative(b))))
    assert lines(Product((left, wide)), 25) == ("(1 - b)", rf"{{}}\cdot {text}")
    assert lines(Product((a, wide)), 20) == (rf"a {text}",)
    assert lines(Group(Product((ONE, wide))), 20) == (rf"\left(1 {text}\right)",)


@pytest.mark.parametrize("limit", [4, 8, 20])
@pytest.mark.parametrize("name", example_names())
def test_a_broken_formula_is_the_same_formula(name: str, limit: int) -> None:
    """Every line is whole by itself, and nothing is lost or added but what a break needs."""
    added = r"\\left\.|\\right\.|\{\}|\\cdot(?= \\(?:begin|left))|\s"
    for options in ({"detail": "full", "numbers": "pencil"}, {"method": "differential"}):
        notes = tell(symnn.load(name).derive(), NotesOptions(figures=False, **options))
        blocks = [block for section in notes.sections for block in section.blocks]
        rows = [row for block in blocks if isinstance(block, Equations) for row in block.rows]
        assert any(len(row.broken(limit)) > 1 for row in rows)
        for row in rows:
            lines = list(map(Printer(row.notation).tex, row.broken(limit)))
            assert re.sub(added, "", "".join(lines)) == re.sub(added, "", row.sides[1])
            for line in lines:
                assert line.count(r"\left") == line.count(r"\right")
                assert line.count(r"\begin{") == line.count(r"\end{")
                assert line.count("{") == line.count("}")


def test_code_keeps_its_indentation() -> None:
    """TeX drops spaces at the beginning of a line."""
    net = symnn.Network(
        inputs=3,
        layers=[symnn.Dense(4, "relu"), symnn.Dense(4, "relu"), symnn.Dense(2, "softmax")],
        loss={"name": "cross_entropy", "l2": 0.1},
    )
    text = document(net.derive(), NotesOptions(code=True))
    assert "\\newline\n\\mbox{}\\texttt{\\ \\ \\ \\ " in text


def test_a_selection_of_nothing_is_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["derive", "xor", "--select", " ,"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("--select: names no equation; write labels")


def test_an_unknown_label_is_a_mistake_of_the_user(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["derive", "xor", "--fragment", "--select", "delta_9"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "no equation has the label 'delta-9'" in err
    assert "delta-1" in err


@pytest.mark.parametrize("detail", DETAILS)
@pytest.mark.parametrize("name", ["xor", "deep", "digits"])
def test_every_link_of_the_document_has_its_end(name: str, detail: str) -> None:
    text = document(symnn.load(name).derive(), NotesOptions(detail=detail))
    ends = re.findall(r"\\label\{([^}]*)\}", text)
    assert len(ends) == len(set(ends))
    places = set(re.findall(r"\\symbollink\{((?:eq|sym):[^}]*)\}", text))
    assert places <= set(ends)
    assert {p.partition(":")[0] for p in places} == {"eq", "sym"}


@pytest.mark.parametrize("notation", NOTATIONS)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_symbols_are_linked_in_every_notation(notation: str, layout: str) -> None:
    notes = tell(symnn.load("xor").derive(), NotesOptions(notation=notation, layout=layout))
    rows = dict(zip([r.label for r in notes.rows()], linked(notes), strict=True))
    places = re.findall(r"<(?:eq|sym):symnn-xor-net-([^|]*)\|", rows["z-2"])
    assert sorted(places) == ["A", "a-1", "b"]
    assert set(re.findall(r"<eq:symnn-xor-net-([^|]*)\|", rows["A-1"])) == {"delta-1"}
    for row, text in zip(notes.rows(), linked(notes), strict=True):
        assert re.sub(r"<(eq|sym):[^|]*\||>", "", text) == row.sides[1].replace(">", "")


def test_the_variable_of_a_definition_is_not_the_input() -> None:
    notes = tell(symnn.load("xor").derive())
    free = [text for row, text in zip(notes.rows(), linked(notes), strict=True) if row.free]
    assert free
    assert not [text for text in free if "sym:" in text]


def test_a_fragment_is_input_twice_without_a_clash(tmp_path: Path) -> None:
    if shutil.which("pdflatex") is None:
        pytest.skip("pdflatex is not installed")
    for name in ("xor", "digits"):
        d = symnn.load(name).derive()
        (tmp_path / f"{name}.tex").write_text(fragment_to_input(d))
        assert not re.search(r"\\(new|renew|def|use)[a-z]*", fragment_to_input(d))
    d = symnn.load("deep").derive()
    (tmp_path / "two.tex").write_text(fragment_to_input(d, NotesOptions(select="delta_3,A_3")))
    (tmp_path / "own.tex").write_text(
        r"\documentclass{article}\usepackage{amsmath}\begin{document}"
        r"\input{xor}\input{digits}\input{two}"
        r"See \eqref{eq:symnn-xor-net-delta-1}, \eqref{eq:symnn-digits-net-delta-1}"
        r" and \eqref{eq:symnn-deep-net-A-3}.\end{document}"
    )
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "own.tex"]
    for _ in range(2):
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-2000:]
    assert "undefined" not in done.stdout
    assert "multiply" not in done.stdout


def test_the_written_file_is_opened(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    opened: list[str] = []
    monkeypatch.setattr("symnn.cli.derive.open_file", lambda name: opened.append(name) or True)
    path = str(tmp_path / "notes.md")
    assert run(["derive", "xor", "-o", path, "--open", "-q"]) == 0
    assert opened == [path]
    assert run(["derive", "xor", "--open"]) == 2
    monkeypatch.setattr("symnn.cli.derive.open_file", lambda name: False)
    assert run(["derive", "xor", "-o", path, "--open", "-q"]) == 2
