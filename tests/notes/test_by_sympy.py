"""The section that sets sympy.diff beside the chain rule."""

from __future__ import annotations

import itertools

import pytest
import sympy as sp

import symnn
from symnn import Dense, Network
from symnn.derivation.any_depth import general
from symnn.notation.books import LAYOUTS, NOTATIONS
from symnn.notes.document import Equations, Paragraph, Section
from symnn.notes.options import NotesOptions
from symnn.notes.sections.by_sympy import _split
from symnn.notes.tell import tell

SMALL = ("xor", "norm_loss", "logistic_regression")


def section(net: Network, **options: str) -> Section:
    """The section, which stands behind all others."""
    return tell(net.derive(), NotesOptions(sympy=True, **options)).sections[-1]


def values(own: Section) -> list[str]:
    """What stands after the signs of the rows that continue others."""
    rows = [row for b in own.blocks if isinstance(b, Equations) for row in b.rows]
    return [row.tex for row in rows if row.left is None]


@pytest.mark.parametrize("name", SMALL)
def test_both_have_one_value(name: str) -> None:
    for notation, layout in zip(NOTATIONS, itertools.cycle(LAYOUTS), strict=False):
        own = section(symnn.load(name), notation=notation, layout=layout)
        first, second = values(own)
        assert first == second and any(c.isdigit() for c in first)


def test_a_penalty_is_part_of_both() -> None:
    net = Network(
        inputs=2,
        layers=[Dense(3, "relu"), Dense(2, "softmax")],
        loss={"name": "cross_entropy", "l2": 0.1},
    )
    own = section(net, language="zh")
    first, second = values(own)
    assert first == second
    rows = next(b.rows for b in own.blocks if isinstance(b, Equations))
    named = [row.sides[0] for row in rows if row.left is not None]
    assert len(named) == len({*named}) > 10


def test_the_letters_stand_for_what_sympy_found() -> None:
    net = symnn.load("xor")
    found = sp.diff(net.loss_expression(), net.symbols["A_1"][0])
    parts, value = _split(found, symnn.engine.ir.Tensor("u", (symnn.engine.ir.axis("u", 100),)))
    for name, f in reversed(parts.items()):
        value = value.subs(name, f)
    assert value == found and len(parts) > 2
    assert all(len(s.args) <= 3 or s == f for f in parts.values() for s in f.atoms(sp.Add))


def test_what_is_too_large_is_said() -> None:
    (said,) = section(symnn.load("digits")).blocks
    assert isinstance(said, Paragraph) and "at most 3 layers" in said.text


def test_it_stands_only_where_it_is_asked_for() -> None:
    net = symnn.load("xor")
    title = section(net).title
    assert title not in [s.title for s in tell(net.derive()).sections]
    with pytest.raises(ValueError, match=r"sympy.diff needs a number of layers"):
        section(general(net, "n"))
    with pytest.raises(ValueError, match="sympy must be True or False"):
        NotesOptions(sympy="yes")
    with pytest.raises(ValueError, match="lines are not told with sympy True"):
        lines = symnn.lines("parameter w\nL = w**2")
        tell(lines.derive(), NotesOptions(sympy=True))
