"""Notations: what each changes in the notes, a user's own, and what none of them changes."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symnn
from symnn.api import Derivation
from symnn.checking.verify import EvaluatedSweep
from symnn.derivation.sweeps import MEAN
from symnn.engine.ir import Line
from symnn.formats.latex import document
from symnn.formats.pdf import compile_pdf
from symnn.notation.books import NOTATIONS
from symnn.notes.options import NotesOptions
from symnn.notes.tell import tell

SPEC = """
[model]
inputs = 3
[[layers]]
type = "dense"
units = 4
activation = "tanh"
[[layers]]
type = "dense"
units = 1
[loss]
name = "mse"
[notes]
layout = "columns"
"""
OWN = """[notes.notation]
base = "affine"
letters = {A = "bold W", a = "h", activations = "H", activation = "phi"}
orientation = "in_out"
layer_mark = "superscript_brackets"
hadamard = "circ"
transpose = "T"
gradients = "nabla"
mean = "parameters"
layer = "l"
count = "M"
sample = "s"
"""


def net(**notes: Any) -> symnn.Network:
    layers = [symnn.Dense(4, "tanh"), symnn.Dense(1, "sigmoid")]
    return symnn.Network(inputs=3, layers=layers, loss="mse", notes=notes)


def load(tmp_path: Path, text: str) -> symnn.Network:
    path = tmp_path / "own.toml"
    path.write_text(SPEC + text, encoding="utf-8")
    return symnn.load(path)


# a row of the registry -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("notation", "lines"),
    [
        ("affine", (r"z_{2} &= A_{2} a_{1} + b_{2}", r"\delta_{1} x^{\top}")),
        ("nielsen", (r"z^{2} &= w^{2} a^{1} + b^{2}", r"\delta^{1} x^{T}")),
        ("goodfellow", (r"a^{(2)} &= W^{(2)} h + b^{(2)}", r"(\nabla_{a^{(1)}} J) x^{\top}")),
        (
            "d2l",
            (
                r"\mathbf{o} &= \mathbf{W}^{(2)} \mathbf{h} + \mathbf{b}^{(2)}",
                r"\frac{\partial J}{\partial \mathbf{z}} \mathbf{x}^{\top}",
            ),
        ),
        (
            "ng",
            (
                r"Z^{[2]} &= W^{[2]} A^{[1]} + b^{[2]} \mathbf{1}^{T}",
                r"\frac{1}{m} dZ^{[1]} X^{T}",
            ),
        ),
        ("cs231n", (r"S &= H W_{2} + \mathbf{1} b_{2}", r"X^{\top} dZ")),
    ],
)
def test_a_notation_has_its_letters_and_its_layout(notation: str, lines: tuple[str, ...]) -> None:
    text = net().derive().latex(notation=notation)
    assert all(line in text for line in lines)


@pytest.mark.parametrize("notation", NOTATIONS)
def test_the_table_has_the_shapes_of_the_notation(notation: str) -> None:
    text = net().derive().latex(notation=notation, layout="rows")
    shapes = dict(re.findall(r"^\$(.*?)\$ & \$(.*?)\$ & (?:weights|bias)", text, re.MULTILINE))
    inward = notation in ("goodfellow", "d2l", "cs231n")
    k = NOTATIONS[notation].layer_letter
    ways = [f"n_{{{k}}}", f"n_{{{k}-1}}"]
    weights, bias = shapes.values()
    assert weights == r" \times ".join(reversed(ways) if inward else ways)
    assert bias == (rf"1 \times {ways[0]}" if inward else rf"{ways[0]} \times 1")


def test_the_code_does_not_change_with_the_notation() -> None:
    texts = {net(notation=name).generate() for name in NOTATIONS}
    assert len(texts) == 1


def test_the_spec_chooses_the_notation_and_its_layout() -> None:
    own = net(notation="cs231n").derive()
    assert own.latex() == own.latex(notation="cs231n", layout="rows")
    assert own.latex(notation="ng") == net().derive().latex(notation="ng", layout="columns")
    rows = net(notation="ng", layout="rows").derive()
    assert rows.latex() == rows.latex(notation="ng", layout="rows")


def test_letters_of_the_user_go_with_every_notation() -> None:
    letters = {"A": "bold U", "x": "hat x", "delta": "epsilon"}
    for name in NOTATIONS:
        text = net(symbols=letters).derive().latex(notation=name, layout="sample")
        assert r"\mathbf{U}" in text and r"\hat{x}" in text and r"\epsilon" in text, name
        weights = re.escape(NOTATIONS[name].letters.get("A", "A"))
        assert not re.search(rf"(?<![\\A-Za-z]){weights}[_^]", text), name


def test_components_of_a_bold_letter_are_not_bold() -> None:
    text = net().derive().latex(notation="d2l", detail="full")
    assert r"\frac{\partial J}{\partial W^{(2)}_{jk}} &= \frac{\partial J}{\partial o_{j}}" in text
    assert not re.search(r"\\mathbf\{\w\}(\^\{\(\d\)\})?_", text)


def test_equal_layers_are_told_once_unless_their_letters_differ() -> None:
    deep = symnn.load("deep").derive()
    for name, last in (("ng", 10), ("d2l", 9)):  # the last layer of d2l has the letter o
        text = deep.latex(notation=name)
        assert rf"Layers $l = {last}, \ldots, 2$" in text


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="pdflatex is not installed")
@pytest.mark.parametrize(
    ("notation", "name", "layout"),
    [
        ("nielsen", "deep", "sample"),
        ("goodfellow", "digits", "rows"),
        ("d2l", "digits", "sample"),
        ("ng", "logistic_regression", "columns"),
        ("cs231n", "norm_loss", "rows"),
    ],
)
def test_it_compiles(notation: str, name: str, layout: str) -> None:
    text = document(
        symnn.load(name).derive(), NotesOptions(notation=notation, layout=layout, detail="full")
    )
    assert compile_pdf(text).startswith(b"%PDF")


# where 1/N stands ------------------------------------------------------------------------------


def scaled(d: Derivation) -> list[Line]:
    return [step.after for step in d.mean_last.steps if step.rule == MEAN]


def test_the_mean_comes_last() -> None:
    d = net().derive()
    seed = [str(line) for line in d.batch.gradients.values()]
    last = {t: str(line) for t, line in d.mean_last.gradients.items()}
    assert sum("/N" in line for line in seed) == 1 and "/N" in seed[0]
    assert {t for t, line in last.items() if "/N" in line} == {"A_1", "b_1", "A_2", "b_2"}
    assert [line.lhs.wrt for line in scaled(d)] == ["A_2", "b_2", "A_1", "b_1"]
    assert all(line.lhs.of == "L" for line in scaled(d))


def test_the_sweep_of_a_sum_is_left_as_it_is() -> None:
    layers = [symnn.Dense(1)]
    d = symnn.Network(inputs=2, layers=layers, loss="sse").derive()
    assert d.mean_last is d.batch


@pytest.mark.parametrize("loss", ["mse", "mae", "huber", "cross_entropy", "binary_cross_entropy"])
def test_the_moved_mean_is_verified_step_by_step(loss: str) -> None:
    final = {"cross_entropy": "softmax", "binary_cross_entropy": "sigmoid"}.get(loss, "tanh")
    layers = [symnn.Dense(4, "tanh"), symnn.Dropout(0.3), symnn.Dense(3, final)]
    d = symnn.Network(inputs=2, layers=layers, loss={"name": loss, "l2": 0.2}).derive()
    rows = EvaluatedSweep(d.mean_last, np.random.default_rng(1), {"N": 4}).rows("mean last")
    assert [row.line for row in rows] == [str(step.after) for step in d.mean_last.steps]
    assert all(row.ok for row in rows)
    assert any(f"mean over the samples: {line}" in str(d.verify()) for line in scaled(d))


def test_a_wrong_scale_is_found() -> None:
    sweep = net().derive().mean_last
    steps = [
        replace(s, after=replace(s.after, lhs=replace(s.after.lhs, of="L"))) for s in sweep.steps
    ]
    wrong = replace(sweep, steps=tuple(steps))  # says that dL/dz has no 1/N
    rows = EvaluatedSweep(wrong, np.random.default_rng(0), {"N": 3}).rows("wrong")
    right = EvaluatedSweep(sweep, np.random.default_rng(0), {"N": 3}).rows("right")
    assert all(row.ok for row in right)
    for row, step in zip(rows, sweep.steps, strict=True):
        assert row.ok == (step.rule == MEAN), row


def test_the_notes_say_whose_gradients_they_are() -> None:
    text = net().derive().latex(notation="ng")
    assert r"dZ^{[l]} = \partial (m J)/\partial Z^{[l]}" in text
    assert "without the factor $1/m$" in text and "mean over the $m$ samples" in text
    assert "without the factor" not in net().derive().latex(notation="ng", layout="sample")


# a notation of the user's own -----------------------------------------------------------------


def test_a_table_is_a_notation(tmp_path: Path) -> None:
    text = load(tmp_path, OWN).derive().latex()
    for line in (
        r"Z^{[1]} &= (\mathbf{W}^{[1]})^{T} X + b^{[1]} \mathbf{1}^{T}",
        r"H^{[1]} &= \phi(Z^{[1]})",
        r"\nabla_{\mathbf{W}^{[2]}} L &= \frac{1}{M} H^{[1]} (\nabla_{Z^{[2]}} (M L))^{T}",
        r"$\mathbf{W}^{[l]}$ & $n_{l-1} \times n_{l}$ & weights of layer $l$",
    ):
        assert line in text, line
    full = load(tmp_path, OWN).derive().latex(detail="full")
    assert (
        r"\frac{\partial L}{\partial W^{[1]}_{ij}} &= "
        r"\frac{1}{M} \sum_{s=1}^{M} \frac{\partial (M L)}{\partial z^{[1](s)}_{j}} \, x^{(s)}_{i}"
    ) in full
    assert r"\circ" in full and r"\odot" not in full


@pytest.mark.parametrize(
    ("old", "new", "field", "message"),
    [
        ('"affine"', '"afine"', "base", "did you mean 'affine'?"),
        ('"in_out"', '"inout"', "orientation", "known: by_layout, in_out, out_in"),
        ('"superscript_brackets"', '"above"', "layer_mark", "superscript_parentheses"),
        ('"circ"', '"o"', "hadamard", "known: asterisk, circ, odot"),
        ('"T"', '"t"', "transpose", "known: T, top"),
        ('"nabla"', '"slope"', "gradients", "known: d, delta, nabla, partial"),
        ('"parameters"', '"end"', "mean", "known: parameters, seed"),
        ('layer = "l"', 'layer = "ll"', "layer", 'not a letter: "ll"'),
        ('count = "M"', 'count = "$"', "count", 'not a letter: "$"'),
        ("sample =", "smaple =", "smaple", "did you mean 'sample'?"),
        ('"bold W"', "'\\input{x}'", "letters.A", "not a letter"),
        ("{A =", "{Q =", "letters.Q", "no symbol is called"),
        ('orientation = "in_out"', "orientation = 1", "orientation", "must be a string"),
    ],
)
def test_an_unknown_word_is_told_with_its_place(
    tmp_path: Path, old: str, new: str, field: str, message: str
) -> None:
    text = OWN.replace(old, new, 1)
    with pytest.raises(symnn.SpecError) as caught:
        load(tmp_path, text)
    [problem] = caught.value.errors
    number = next(k for k, row in enumerate((SPEC + text).splitlines(), 1) if new in row)
    assert (problem.line, problem.path) == (number, f"notes.notation.{field}")
    assert message in str(problem)


def test_a_flag_replaces_the_table(tmp_path: Path) -> None:
    from symnn.spec.reader import load_spec

    path = tmp_path / "own.toml"
    path.write_text(SPEC + OWN, encoding="utf-8")
    assert load_spec(path).notes.notation.name == "own"
    assert load_spec(path, {"notation": "ng"}).notes.notation is NOTATIONS["ng"]
    with pytest.raises(symnn.SpecError, match=r"--notation: unknown value \"neilsen\"") as caught:
        load_spec(path, {"notation": "neilsen"})
    assert "affine, cs231n, d2l, goodfellow, ng, nielsen" in str(caught.value)


def test_letters_of_a_table_do_not_meet_others() -> None:
    own = {"layer_mark": "superscript", "letters": {"a": "h", "activations": "H"}}
    layers = [symnn.Dense(4, "tanh"), symnn.Dropout(0.5), symnn.Dense(3, "softmax")]
    d = symnn.Network(
        inputs=2, layers=layers, loss="cross_entropy", notes={"notation": own}
    ).derive()
    assert r"\tilde{h}^{1} &= h^{1} \odot \xi^{1}" in d.latex()
    assert r"\tilde{H}^{1} &= H^{1} \odot \Xi^{1}" in d.latex(layout="rows")
    assert "v^{2} &= e^{z^{2}}" in d.latex()  # e^{2} would be a power


@pytest.mark.parametrize("gradients", ["delta", "partial", "nabla", "d"])
def test_every_way_to_write_gradients_is_told(gradients: str) -> None:
    own = {"base": "d2l", "gradients": gradients, "hadamard": "asterisk"}
    for layout in ("sample", "rows"):
        notes = tell(net(notation=own).derive(), NotesOptions(layout=layout, detail="full"))
        text = " ".join(getattr(b, "text", "") for s in notes.sections for b in s.blocks)
        assert ("for the error of layer" in text) == (gradients == "delta")
        assert (r"\nabla_{v} J" in text) == (gradients == "nabla")
        assert ("in the same way" in text) == (gradients == "d")
