"""The worked example: every printed line is recomputed from its text."""

from __future__ import annotations

import itertools
import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp
from support.latex_grammar import FUNCTIONS, applied_tex, read, slope

import symnn
from symnn.engine.evaluate import evaluate
from symnn.engine.functions import ACTIVATIONS
from symnn.formats.latex import document, fragment
from symnn.formulas.numbers import Style
from symnn.formulas.tex import Printer
from symnn.nn.losses import LOSSES
from symnn.nn.optimizers import OPTIMIZERS
from symnn.notation.books import AFFINE, NOTATIONS
from symnn.notes.context import Context
from symnn.notes.document import Equations, Paragraph
from symnn.notes.options import NotesOptions
from symnn.notes.sections.numbers import worked
from symnn.notes.tell import letters, tell
from symnn.notes.worked_numbers import Numbers

MAZUR: dict[str, Any] = {
    "model": {"name": "2-2-2", "inputs": 2},
    "layers": [{"type": "dense", "units": 2, "activation": "sigmoid"}] * 2,
    "loss": {"name": "sse"},
    "train": {"learning_rate": 0.5},
    "notes": {"digits": 9},
    "example": {
        "x": [0.05, 0.10],
        "y": [0.01, 0.99],
        "parameters": {
            "A_1": [[0.15, 0.20], [0.25, 0.30]],
            "b_1": [0.35, 0.35],
            "A_2": [[0.40, 0.45], [0.50, 0.55]],
            "b_2": [0.60, 0.60],
        },
    },
}
TEX = Printer(AFFINE).tex
LITERAL = re.compile(r"\d+\.\d+")
SIGN = re.compile(r" (=|\\approx) ")


def network(hidden: str = "tanh", loss: str = "sse", **more: Any) -> symnn.Network:
    last = symnn.Dense(3, LOSSES[loss].final or "tanh")
    layers = more.pop("layers", [symnn.Dense(2, hidden), last])
    return symnn.Network(inputs=3, layers=layers, loss={"name": loss, "l2": 0.3}, **more)


def numbers(net: symnn.Network, style: str, digits: int, notation: str = "affine") -> Numbers:
    derivation = net.derive()
    context = Context(derivation, letters(net, notation), "sample", "full", "en")
    found = Numbers.of(context, style, digits)
    assert found is not None
    return found


def chain(rows: list[Any]) -> list[tuple[str, str]]:
    """The relations of a line and what stands after each."""
    text = " ".join(f"{row.relation} {row.sides[1]}" for row in rows)
    parts = SIGN.split(" " + text.replace(r"\leftarrow", "=", 1))
    return list(zip(parts[1::2], parts[2::2], strict=True))


def half_units(text: str) -> list[float]:
    """Half a unit of the last place of each number with decimals, powers of ten included."""
    found = []
    for literal in LITERAL.finditer(text):
        scale = re.match(r" \\cdot 10\^\{(-?\d+)\}", text[literal.end() :])
        places = len(literal[0].split(".")[1])
        found.append(0.5 * 10.0 ** (int(scale[1]) if scale else 0) / 10**places)
    return found


def each_moved(text: str) -> list[str]:
    """The text with one number at a time moved by half a unit of its last place."""
    moved = []
    for literal in LITERAL.finditer(text):
        places = len(literal[0].split(".")[1])
        value = f"{float(literal[0]) + 0.5 / 10**places:.{places + 1}f}"
        moved.append(text[: literal.start()] + value + text[literal.end() :])
    return moved


def functions(told: Numbers) -> dict[str, Any]:
    """The letters that a notation has for the activations."""
    found = {}
    for name, f in told.context.activations.items():
        for order in range(3):
            key = applied_tex(told.context.notation, f.row, "z" + name[1:], order)
            found[key] = slope(FUNCTIONS[f.row.tex], order)
    return found


def check(told: Numbers) -> tuple[int, int]:
    """Every line's numbers give its result, which is the value; how many lines, how many in three.

    A result after = is the very value; one after an approximate sign differs from it by half a
    unit of the last place, and from what the printed numbers give by no more than their own
    half units make.
    """
    program, own = told.example.program, functions(told)
    leaves = {n: np.asarray(v, dtype=float) for n, v in told.example.values.leaves.items()}
    true = evaluate(program, leaves)
    three = 0
    for line in program.lines:
        parts = chain(told.rows(line))
        sign, text = parts[-1]
        result = read(text, {}, ())
        value = true[line.lhs.name]
        value = value if value.ndim == 2 else value.reshape(-1, 1)
        turned = line.lhs.axes and told.context.notation.turned(line.lhs.name, "sample")
        value = value.T if turned and value.shape[1] > 0 and len(line.lhs.axes) == 2 else value
        unit = max(half_units(text), default=0.0)
        assert result.shape == value.shape, (str(line), text)
        exact = all(s == "=" for s, _ in parts)
        room = 1e-12 if exact else unit + 1e-12
        assert np.abs(result - value).max() <= room * max(1, np.abs(value).max()), (str(line), text)
        if sign == "=":
            assert exact, (str(line), parts)  # nothing exact comes from what is rounded
        if len(parts) < 3:
            continue
        three += 1
        middle = parts[1][1]
        assert not re.search(r"\d \d", middle), middle
        count = middle.count(r"\mathbf{1}")
        sizes = {int(a.size) for a in line.axes} or {1}
        for ones in itertools.product(sorted(sizes), repeat=count):
            try:
                found = read(middle, {}, ones, own)
                moved = [read(t, {}, ones, own) for t in each_moved(middle)]
                break
            except (AssertionError, ValueError):
                if count == 0:
                    raise
        room = np.full(found.shape, 1e-9)
        if parts[1][0] != "=":
            room = room + 1.05 * sum((np.abs(m - found) for m in moved), np.zeros(found.shape))
        if sign != "=":
            room = room + unit
        assert found.shape == result.shape, (str(line), middle)
        assert (np.abs(found - result) <= room).all(), (str(line), middle, text)
    return len(program.lines), three


@pytest.mark.parametrize("style", ["decimal", "pencil"])
@pytest.mark.parametrize("hidden", sorted(ACTIVATIONS))
def test_every_line_is_true_for_every_activation(hidden: str, style: str) -> None:
    lines, three = check(numbers(network(hidden), style, 4))
    assert three > lines / 2


@pytest.mark.parametrize("digits", [3, 6, 12])
@pytest.mark.parametrize("loss", sorted(LOSSES))
def test_every_line_is_true_for_every_loss(loss: str, digits: int) -> None:
    for hidden, style in (("sigmoid", "decimal"), ("relu", "pencil")):
        check(numbers(network(hidden, loss), style, digits))


@pytest.mark.parametrize("notation", sorted(NOTATIONS))
def test_every_line_is_true_in_every_notation(notation: str) -> None:
    check(numbers(network("leaky_relu", "cross_entropy"), "decimal", 5, notation))


@pytest.mark.parametrize("optimizer", sorted(OPTIMIZERS))
def test_every_line_is_true_for_every_optimizer(optimizer: str) -> None:
    train = {"optimizer": optimizer, **({"momentum": 0.9} if optimizer == "sgd" else {})}
    check(numbers(network(train=train), "decimal", 4))


def test_dropout_drops_nothing() -> None:
    layers = [symnn.Dense(3, "tanh"), symnn.Dropout(0.5), symnn.Dense(1, "linear")]
    told = numbers(network(layers=layers), "decimal", 4)
    check(told)
    assert TEX(told.value("mask_1")[1]) == r"\begin{pmatrix}1 \\ 1 \\ 1\end{pmatrix}"
    assert "Nothing is dropped out." in told.origin()


def test_a_pencil_follows_straight_lines_exactly() -> None:
    """Every number of a network of straight lines is a whole number or a fraction."""
    layers = [symnn.Dense(3, "relu"), symnn.Dense(2, "linear")]
    net = symnn.Network(inputs=2, layers=layers, loss="sse", train={"learning_rate": 0.5})
    told = numbers(net, "pencil", 4)
    for line in told.example.program.lines:
        assert {sign for sign, _ in chain(told.rows(line))} == {"="}
        for v in told.example.values.array(line.lhs.name).flat:
            assert v.is_Rational


# the digits ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "digits", "text", "exact"),
    [
        (sp.Rational("0.3775"), 4, "0.3775", True),
        (sp.Rational("0.377512"), 4, "0.377512", True),
        (sp.Rational("0.3775125"), 4, "0.3775", False),
        (sp.Rational(1, 3), 4, "0.3333", False),
        (sp.Rational(-2, 3), 3, "-0.667", False),
        (sp.Rational("0.99995"), 3, "0.99995", True),
        (sp.Float("0.9999999"), 4, "1.0000", False),
        (sp.Float("0.12345"), 4, "0.1235", False),
        (sp.Integer(0), 4, "0", True),
        (sp.Rational("1e-8"), 4, "10^{-8}", True),
        (sp.Float("2.5000001e-9"), 4, r"2.500 \cdot 10^{-9}", False),
        (sp.Float("123456.7"), 4, "123457", False),
        (sp.Integer(-12), 4, "-12", True),
    ],
)
def test_a_number_is_exact_or_rounded(value: Any, digits: int, text: str, exact: bool) -> None:
    shown = Style(digits).number(value)
    assert (TEX(shown.formula), shown.exact) == (text, exact)


def test_a_small_entry_keeps_two_digits_beside_a_large_one() -> None:
    shown, exact = Style(4).array(np.array([sp.Float("1.23456"), sp.Float("0.000123456")]))
    assert list(map(TEX, shown)) == ["1.235", "0.00012"] and not exact


def test_fractions_are_printed_for_a_pencil_alone() -> None:
    assert TEX(Style(4, fractions=True).number(sp.Rational(-1, 3)).formula) == r"-\frac{1}{3}"
    assert TEX(Style(4).number(sp.Rational(-1, 3)).formula) == "-0.3333"


# Mazur's network -----------------------------------------------------------------------------


def entries_of(text: str) -> list[float]:
    return [float(v) for v in LITERAL.findall(text)]


def test_the_numbers_of_mazur() -> None:
    """M. Mazur 2015, A Step by Step Backpropagation Example; his biases are not updated."""
    told = numbers(symnn.load(MAZUR), "decimal", 9)
    assert told.found("L") == r"\approx 0.298371109"
    gradient = told.example.values.array(told.context.sweep.names["A_2"])
    assert round(float(gradient[0, 0]), 9) == 0.082167041
    assert entries_of(TEX(told.value("dA_2")[1]))[0] == 0.0821670406
    want = [0.35891648, 0.408666186, 0.511301270, 0.561370121]
    assert entries_of(TEX(told.value("A_2_next")[1])) == want
    want = [0.149780716, 0.19956143, 0.24975114, 0.29950229]
    np.testing.assert_allclose(entries_of(TEX(told.value("A_1_next")[1])), want, atol=5e-9)
    check(told)


def test_the_document_prints_them() -> None:
    text = document(symnn.load(MAZUR).derive(), NotesOptions(numbers="decimal"))
    assert r"\approx 0.298371109" in text and "0.358916480 & 0.408666186" in text


# what is said --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["xor", "logistic_regression", "norm_loss"])
def test_each_perturbation_is_true(name: str) -> None:
    """What is said of the loss is found again by running the network on the perturbed value."""
    told = numbers(symnn.load(name), "decimal", 4)
    program = told.example.program
    leaves = {n: np.asarray(v, dtype=float) for n, v in told.example.values.leaves.items()}
    start = evaluate(program, leaves)
    found = 0
    for line in told.example.gradients:
        source = line.lhs.wrt or ""
        if not source.startswith("z_"):
            continue
        said = re.search(
            r"\$z_\{\d+,(\d+)\}\$ by \$([\d.]+)\$: then \$L\$ (rises|falls) by about \$([\d.]+) ",
            told.perturbation(source),
        )
        assert said, told.perturbation(source)
        shift = np.zeros((1, *start[source].shape))
        shift[0, int(said[1]) - 1] = float(said[2])
        after = evaluate(program, leaves, None, {source: shift})["L"][0]
        change = float(after - start["L"]) * (1 if said[3] == "rises" else -1)
        assert abs(change - float(said[4])) <= half_units(said[4])[0] + 1e-12
        slope_there = float(start[line.lhs.name][int(said[1]) - 1])
        assert abs(float(after - start["L"]) / float(said[2]) / slope_there - 1) < 0.1
        found += 1
    assert found == sum(n.startswith("z_") for n in program.definitions)


def test_the_loss_after_the_step() -> None:
    told = numbers(symnn.load(MAZUR), "decimal", 9)
    leaves = {n: np.asarray(v, dtype=float) for n, v in told.example.values.leaves.items()}
    new = evaluate(told.example.program, leaves)
    moved = {n: new.get(f"{n}_next", v) for n, v in leaves.items()}
    after = evaluate(told.example.program, moved)["L"]
    said = [b.text for b in worked(told.context, "decimal", 9) if isinstance(b, Paragraph)][-1]
    assert f"{after:.9f}" in said


def test_every_line_is_there_in_order() -> None:
    told = numbers(symnn.load("xor"), "decimal", 4)
    blocks = worked(told.context, "decimal", 4)
    rows = [row for b in blocks if isinstance(b, Equations) for row in b.rows]
    assert rows[len(told.leaves()) :] == [
        row for line in told.example.program.lines for row in told.rows(line)
    ]


def test_a_large_network_has_one_sentence() -> None:
    notes = tell(symnn.load("digits").derive(), NotesOptions(numbers="decimal", detail="answer"))
    (section,) = [s for s in notes.sections if s.title == "The same with numbers"]
    assert len(section.blocks) == 1 and "too large" in str(section.blocks[0])


def one_unit(x: float, **train: float) -> symnn.Network:
    example = {"x": [x], "y": [1.0], "parameters": {"A_1": [[1.0]], "b_1": [0.0]}}
    layers = [{"type": "dense", "units": 1, "activation": "sigmoid"}]
    loss = {"name": "binary_cross_entropy"}
    return symnn.load(
        {"model": {"inputs": 1}, "layers": layers, "loss": loss, "train": train, "example": example}
    )


@pytest.mark.parametrize("x", [1000.0, -1e100])
def test_numbers_out_of_range_have_one_sentence(x: float) -> None:
    context = numbers(one_unit(1.0), "decimal", 4).context
    context = Context(one_unit(x).derive(), context.notation, "sample", "full", "en")
    (block,) = worked(context)
    assert "leave the range" in str(block)


def test_a_saturated_unit_keeps_its_digits() -> None:
    """1 - sigmoid(100) is e^-100, not 0, and the loss is its size."""
    loss = numbers(one_unit(100.0), "decimal", 4).example.values.value("L", ())
    assert abs(float(loss) / np.exp(-100.0) - 1) < 1e-12


def test_a_step_that_is_too_long_is_told() -> None:
    *_, last = worked(numbers(one_unit(0.5, learning_rate=1e6), "decimal", 4).context)
    assert "too long" in str(last)


def test_numbers_are_off_unless_asked_for() -> None:
    derivation = symnn.load(MAZUR).derive()
    assert "The same with numbers" not in document(derivation)
    assert "The same with numbers" not in fragment(derivation)
    asked = symnn.load({**MAZUR, "notes": {"numbers": "pencil"}}).derive()
    assert "The same with numbers" in fragment(asked)
    assert "The same with numbers" not in fragment(asked, NotesOptions(numbers="none"))
    with pytest.raises(ValueError, match="known: decimal, none, pencil"):
        tell(derivation, NotesOptions(numbers="roman"))


def test_what_is_drawn_comes_from_the_seed() -> None:
    def values(seed: int) -> str:
        return str(numbers(network(seed=seed), "decimal", 4).leaves())

    assert values(1) == values(1) != values(2)
    given = numbers(symnn.load(MAZUR), "decimal", 4)
    assert given.example.drawn == () and "given" in given.origin()


def test_what_the_spec_gives_is_exact() -> None:
    """0.1 in a spec is one tenth, not the binary number that stands for it."""
    told = numbers(symnn.load(MAZUR), "decimal", 4)
    assert told.example.values.value("x", (1,)) == sp.Rational(1, 10)
    z = told.example.values.array("z_1")
    assert [Fraction(int(v.p), int(v.q)) for v in z] == [Fraction(151, 400), Fraction(157, 400)]


@pytest.mark.parametrize(
    ("loss", "y", "message"),
    [
        ("cross_entropy", [0.5, 0.4], "must sum to 1, as cross_entropy asks for, not to 0.9"),
        ("cross_entropy", [2.0, -1.0], "must hold probabilities"),
        ("binary_cross_entropy", [0.5, 1.5], "must hold probabilities"),
    ],
)
def test_a_target_that_the_loss_cannot_have(loss: str, y: list[float], message: str) -> None:
    layers = [{**MAZUR["layers"][0], "activation": LOSSES[loss].final}]
    with pytest.raises(symnn.SpecError) as caught:
        symnn.load({**MAZUR, "layers": layers, "loss": {"name": loss}, "example": {"y": y}})
    (problem,) = caught.value.errors
    assert problem.path == "example.y" and message in problem.message


def test_a_wrong_shape_is_named_with_its_line(tmp_path: Path) -> None:
    text = """[model]
inputs = 2
[[layers]]
type = "dense"
units = 1
[loss]
name = "sse"
[example]
x = [1.0]
[example.parameters]
A_1 = [[1.0, 2.0, 3.0]]
"""
    (tmp_path / "net.toml").write_text(text)
    with pytest.raises(symnn.SpecError) as caught:
        symnn.load(tmp_path / "net.toml")
    places = [(p.line, p.path) for p in caught.value.errors]
    assert places == [(9, "example.x"), (11, "example.parameters.A_1")]
