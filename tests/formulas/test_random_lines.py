"""Random lines: what is printed of them is read back by the tests' grammar, and has their value.

Where matrix notation cannot hold a line it says so, and index form stands in its place in all that
is printed.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import sympy as sp
from support.latex_grammar import SAMPLES, holds, indexed, matrix, named, size

from symnn.engine.evaluate import evaluate
from symnn.engine.functions import named as function
from symnn.engine.ir import SAMPLES as N
from symnn.engine.ir import Axis, Line, Program, Tensor, Term, axis
from symnn.formulas.index import line_sides
from symnn.formulas.matrix import NoMatrixFormError, matrix_formulas
from symnn.formulas.shapes import line_shapes, size_tex
from symnn.formulas.tex import Printer
from symnn.nn.optimizers import ETA
from symnn.notation.books import AFFINE, CS231N, LAYOUTS, NIELSEN

LINES = 150
# of different sizes, so that a product of the wrong ones cannot be taken for the right one
AXES = (
    axis("n", N),
    axis("j1", 2, "units", 1),
    axis("j2", 4, "units", 2),
    axis("t", 3),
    axis("w", 3),
    axis("h", 6),
)
ENTRYWISE = (sp.exp, function("tanh"), function("sigmoid"), sp.log, sp.sqrt)


class Draw:
    """Draws one line; every entry is of a tensor of its own, unless it is read twice."""

    def __init__(self, seed: int, bare: bool) -> None:
        self.random, self.bare = random.Random(seed), bare
        self.leaves: list[Tensor] = []

    def some(self, axes: Sequence[Axis], least: int, most: int) -> list[Axis]:
        count = self.random.randint(least, min(most, len(axes)))
        return self.random.sample(list(axes), count)

    def tensor(self, axes: Sequence[Axis]) -> Tensor:
        """One that is there already now and then; weights and values of layers among them."""
        known = [t for t in self.leaves if t.axes == tuple(axes)]
        if known and self.random.random() < 0.3:
            return self.random.choice(known)
        names = ["B", "C", "D", "G", "H", "Q", "z_2", "x"]
        if len(axes) == 2 and axes[0].name != "n":
            names.append("A_1")  # what a notation may turn
        free = [c for c in names if self.unused(c)]
        name = self.random.choice(free)
        kind = {"A_1": "weights", "z_2": "pre-activation"}.get(name, "")
        t = Tensor(name, tuple(axes), "parameter", kind=kind)
        self.leaves.append(t)
        return t

    def unused(self, name: str) -> bool:
        return all(t.name != name for t in self.leaves)

    def entry(self, axes: Sequence[Axis], bare: bool = True) -> sp.Expr:
        """Sample axes first, as everywhere; bare: no index is an expression."""
        own = sorted(self.some(axes, 0, 4), key=lambda a: a.name != "n")
        t = self.tensor(own)
        if bare or self.bare:
            return t.entry
        return t[tuple(self.index(a, axes) for a in own)]

    def index(self, a: Axis, axes: Sequence[Axis]) -> sp.Expr:
        if a.name == "n" or self.random.random() < 0.5:
            return a.symbol
        others = [b for b in axes if b.name != "n"]
        b, c = (self.random.choice(others).symbol for _ in "bc")
        same = [o.symbol for o in others if o.size == a.size]
        return self.random.choice((b + c, 2 * b + 1, c + 1 - b, sp.Integer(1), *same))

    def factor(self, axes: Sequence[Axis]) -> sp.Expr:
        kind = self.random.randrange(9 if self.bare else 12)
        if kind < 4:
            return self.entry(axes, bare=False)
        if kind < 6:
            f = self.entry(axes) + self.random.choice((0, 1, self.entry(axes)))
            return self.random.choice(ENTRYWISE)(f)
        if kind == 6:
            return self.entry(axes, False) - self.random.choice((1, self.entry(axes, False)))
        if kind == 7:
            return self.entry(axes) ** self.random.choice((2, -1, -2))
        if kind == 8:
            test = sp.Gt(self.entry(axes), self.random.choice((sp.S.Half, self.entry(axes))))
            return sp.Piecewise((1, test), (0, True))
        if kind == 9:
            return self.random.choice(axes).symbol + 1 if axes else sp.S.One
        left = self.random.choice(axes) if axes else None
        if left is None:
            return sp.S.One
        return sp.KroneckerDelta(left.symbol, self.index(self.random.choice(axes), axes))

    def term(self, own: Sequence[Axis], pool: Sequence[Axis]) -> Term:
        over = self.some([a for a in pool if a not in own], 0, 3)
        axes = [*own, *over]
        number = self.random.choice((1, 1, -1, 2, sp.Rational(-1, 3), 1 / N, ETA.entry))
        f = number * sp.Mul(*(self.factor(axes) for _ in range(self.random.randint(1, 3))))
        reduce = "max" if over and self.random.random() < 0.1 else "sum"
        return Term(f, tuple(over), reduce)

    def program(self) -> Program:
        pool = self.some(AXES, 1, 4)
        own = sorted(self.some(pool, 0, 3), key=lambda a: a.name != "n")
        terms = tuple(self.term(own, pool) for _ in range(self.random.randint(1, 3)))
        read = [*self.leaves, ETA, Tensor("K", AXES[:1])]
        return Program(tuple(read), (Line(Tensor("y", tuple(own)), terms),))


def values(program: Program, seed: int) -> dict[str, Any]:
    """Numbers of both sides of 1/2, none of them near it or near 0."""
    rng = np.random.default_rng(seed)
    return {
        t.name: rng.uniform(0.25, 0.45, s := [size(a) for a in t.axes]) + rng.integers(0, 2, s) / 2
        for t in program.leaves
    }


@functools.cache
def drawn(bare: bool) -> list[tuple[Line, Program, dict[str, Any]]]:
    """Lines, each with its program and the values of all tensors."""
    found = []
    for seed in range(LINES):
        try:
            program = Draw(seed, bare).program()
        except IndexError:  # no letter is left
            continue
        (line,) = program.lines
        found.append((line, program, evaluate(program, values(program, seed), {"N": SAMPLES})))
    return found


@pytest.mark.parametrize("bare", [False, True])
def test_index_form_says_what_a_line_is(bare: bool) -> None:
    for line, program, arrays in drawn(bare):
        right = line_sides(line)[1]
        found = indexed(right, line, program.tensors.values(), arrays, AFFINE)
        where = f"{line}\n{right}"
        assert np.allclose(found, arrays["y"], rtol=1e-6, atol=1e-8), where


@pytest.mark.parametrize(
    ("notation", "layout"),
    [*((AFFINE, layout) for layout in LAYOUTS), (CS231N, "rows"), (NIELSEN, "columns")],
    ids=lambda v: getattr(v, "name", v),
)
def test_matrix_form_says_what_a_line_is_or_is_refused(notation: Any, layout: str) -> None:
    printed = 0
    for bare in (True, False):
        for line, program, arrays in drawn(bare):
            bound = notation.of(program.tensors.values())
            symbols = named(bound, program.tensors.values(), arrays, layout)
            try:
                sides = matrix_formulas(line, bound, layout)
            except NoMatrixFormError:
                continue
            left, right = map(Printer(bound).tex, sides)
            want = matrix(line.lhs, arrays["y"], bound, layout)
            where = f"{line}\n{left} = {right}"
            products: list[Any] = []
            assert holds(right, symbols, line, want, products=products), where
            printed += 1
            if shapes := line_shapes(line, sides, bound):
                lengths = {"1": 1} | {size_tex(a, bound): size(a) for a in line.axes}
                told = [tuple(tuple(lengths[n] for n in s) for s in two) for two in shapes[0]]
                assert set(told) <= set(products), where
                assert tuple(lengths[n] for n in shapes[1]) == want.shape, where
    assert printed > LINES / 5, printed
