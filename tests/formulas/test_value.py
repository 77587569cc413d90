"""The formulas that are printed, evaluated as trees: equal to what the lines compute."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from support.random_networks import random_network
from test_random_lines import drawn, size

import symnn
from symnn.api import Network
from symnn.engine.complex_step import draw
from symnn.engine.evaluate import evaluate
from symnn.engine.ir import SAMPLES, Line, Program
from symnn.formulas.index import line_formulas
from symnn.formulas.matrix import NoMatrixFormError, matrix_formulas
from symnn.formulas.tree import Apply, Dots, Glyph, Number, Product, Sum, Symbol
from symnn.formulas.value import NoValueError, value
from symnn.notation.books import LAYOUTS, NOTATIONS
from symnn.notation.notation import Notation
from symnn.spec.sources import example_names

N = 3


def values(program: Program, count: int = N) -> dict[str, Any]:
    leaves = draw(program, np.random.default_rng(1), {"N": count})
    return evaluate(program, leaves, {"N": count})


def sizes(lines: Iterable[Line], count: int = N) -> dict[Any, int]:
    axes = {a for line in lines for a in line.axes}
    return {SAMPLES: count} | {a.symbol: count if a.samples else int(a.size) for a in axes}


def networks() -> list[Network]:
    examples = [symnn.load(name) for name in example_names() if name != "digits"]
    return [*examples, *(random_network(k) for k in range(8))]


@pytest.mark.parametrize("notation", NOTATIONS.values(), ids=lambda n: n.name)
def test_every_line_of_a_network_is_what_its_formulas_say(notation: Notation) -> None:
    compared = 0
    for net in networks():
        derivation = net.derive()
        for layout in LAYOUTS:
            sweep = derivation.sample if layout == "sample" else derivation.batch
            arrays = values(sweep.program)
            bound = notation.of(sweep.program.tensors.values())
            lengths = sizes(sweep.program.lines)
            for line in sweep.program.lines:
                left, right = matrix_formulas(line, bound, layout)
                want, found = (value(f, arrays, lengths) for f in (left, right))
                assert np.allclose(found, want, rtol=1e-9, atol=1e-12), line
                _, right = line_formulas(line, bound, layout)
                own = [a.symbol for a in line.lhs.axes]
                found = value(right, arrays, lengths, own)
                assert np.allclose(found, arrays[line.lhs.name], rtol=1e-9, atol=1e-12), line
                compared += 2
    print(f"formulas of {notation.name}: {compared} values")
    assert compared > 500


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("notation", NOTATIONS.values(), ids=lambda n: n.name)
def test_random_lines_are_what_their_formulas_say(notation: Notation, layout: str) -> None:
    compared = 0
    for bare in (True, False):
        for line, program, arrays in drawn(bare):
            bound = notation.of(program.tensors.values())
            axes = {a for x in (*program.lines, line) for a in x.axes}
            lengths = {SAMPLES: 5} | {a.symbol: size(a) for a in axes}
            own = [a.symbol for a in line.lhs.axes]
            try:
                found = value(line_formulas(line, bound)[1], arrays, lengths, own)
                assert np.allclose(found, arrays["y"], rtol=1e-9, atol=1e-12), line
                compared += 1
                left, right = matrix_formulas(line, bound, layout)
                want, found = (value(f, arrays, lengths) for f in (left, right))
                assert np.allclose(found, want, rtol=1e-9, atol=1e-12), line
                compared += 1
            except (NoMatrixFormError, NoValueError):
                continue
    assert compared > 150, compared


def test_a_wrong_formula_has_another_value() -> None:
    net = symnn.load("xor")
    arrays, lengths = values(net.program), sizes(net.program.lines)
    line = net.program.line("z_1")
    bound = NOTATIONS["affine"].of(net.program.tensors.values())
    left, right = matrix_formulas(line, bound, "columns")
    assert isinstance(right, Sum)
    wrong = Sum((right.terms[0], Product((Number("2"), right.terms[1]))))
    want = value(left, arrays, lengths)
    assert np.allclose(value(right, arrays, lengths), want)
    assert not np.allclose(value(wrong, arrays, lengths), want)


def test_what_stands_for_something_else_has_no_value() -> None:
    whole = Apply(None, Glyph("F"), Symbol("x"))
    for f in (whole, Dots(Number("1")), Symbol("x", sup=(Number("1"),))):
        with pytest.raises(NoValueError):
            value(f, {"x": np.ones((2, 3))}, {})
