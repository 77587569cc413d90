"""Lowering: every term becomes a product of known factors, and the product is the term."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp
from support.random_networks import N, leaves_of, random_network

from symnn import Dense, Network
from symnn.engine.evaluate import Evaluator
from symnn.engine.functions import named
from symnn.engine.ir import SAMPLES, Line, Tensor, Term, axis
from symnn.engine.lower import (
    Einsum,
    Elementwise,
    Factor,
    General,
    MatMul,
    Outer,
    Reduce,
    in_layout,
    lower_line,
    lower_term,
    ordered_terms,
    primitive,
    split,
)

n, i, j, k = axis("n", SAMPLES), axis("i", 3), axis("j", 4), axis("k", 2)
LAYOUTS = ("rows", "columns")


class Numbers:
    """Factors as arrays, by what their docstrings say."""

    def __init__(self, arrays: Any, axes: Any) -> None:
        self.evaluator = Evaluator([], {}, {"N": N})
        self.evaluator.arrays = arrays
        self.axes = {a.symbol: a for a in axes}

    def at(self, f: Elementwise) -> tuple[Any, Any]:
        grid = tuple(self.axes[a] for a in f.axes)
        return self.evaluator.value(f.f, grid)[0], f.axes

    def factor(self, f: Factor) -> tuple[Any, Any]:
        """The array of a factor, and its axes."""
        match f:
            case Elementwise():
                return self.at(f)
            case Outer():
                (left, a), (right, b) = self.at(f.left), self.at(f.right)
                assert (a, b) == ((f.axes[0],), (f.axes[1],))
                return np.outer(left, right), f.axes
            case MatMul():
                (left, a), (right, b) = self.at(f.left), self.at(f.right)
                assert f.over in a and f.over in b and f.over not in f.axes
                return self.einsum([(left, a), (right, b)], f.axes), f.axes
            case Einsum():
                parts = [self.factor(f.left), self.factor(f.right)]
                assert set(f.axes) <= {a for _, axes in parts for a in axes}
                return self.einsum(parts, f.axes), f.axes
            case Reduce():
                value, axes = self.at(f.arg)
                assert set(f.over) <= set(axes)
                assert f.axes == tuple(a for a in axes if a not in f.over)
                places = tuple(k for k, a in enumerate(axes) if a in f.over)
                total = value.sum(axis=places) if f.kind == "sum" else value.max(places)
                return total, f.axes
            case General():
                grid = tuple(self.axes[a] for a in f.axes)
                return self.evaluator.term(f.term, grid)[0], f.axes

    def einsum(self, operands: Any, out: Any) -> Any:
        letter = {a: chr(ord("a") + k) for k, a in enumerate(self.axes)}
        words = ["".join(letter[a] for a in axes) for _, axes in operands]
        target = "".join(letter[a] for a in out)
        return np.einsum(",".join(words) + "->" + target, *(value for value, _ in operands))

    def line(self, line: Line, layout: str) -> Any:
        """The sum of the lowered terms, with the axes of the left side as declared."""
        out = in_layout([a.symbol for a in line.lhs.axes], layout)
        shape = [self.evaluator.size(self.axes[a]) for a in out]
        total = np.zeros(shape)
        for lowered in lower_line(line, layout):
            assert lowered.axes == out
            ones = [(np.ones(size), (a,)) for size, a in zip(shape, out, strict=True)]
            factors = [self.factor(f) for f in lowered.factors]
            coefficient = self.evaluator.value(lowered.coefficient, ())[0]
            total = total + coefficient * self.einsum([*factors, *ones], out)
        back = [out.index(a.symbol) for a in line.lhs.axes]
        return total.transpose(back)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_product_of_the_factors_is_the_term(sampled_seed: int, layout: str) -> None:
    """Forward lines, raw and simple gradients, their stable forms, and updates."""
    net = random_network(sampled_seed)
    d = net.derive()
    rng = np.random.default_rng([sampled_seed, 11])
    values = {t.name: np.asarray(0.5) for t in d.state_leaves if not t.axes}
    for program in (d.batch.forward.extend(d.batch.raw), d.stable, d.program):
        leaves = {**leaves_of(net, rng), **values}
        for t in program.leaves:
            if t.name not in leaves:
                leaves[t.name] = rng.uniform(0.1, 0.9, [int(a.size) for a in t.axes])
        evaluator = Evaluator(program.leaves, leaves, {"N": N})
        evaluator.run(program.items)
        for line in program.lines:
            found = Numbers(evaluator.arrays, line.axes).line(line, layout)
            wanted = evaluator.arrays[line.lhs.name][0]
            top = max(float(np.abs(wanted).max()), 1e-300)
            assert np.abs(found - wanted).max() <= 1e-12 * top, line


X, W, V, U = (
    Tensor(name, axes, "input")
    for name, axes in (("x", (n, i)), ("w", (j, i)), ("v", (i,)), ("u", (n,)))
)
D, S = Tensor("dz_1", (n, j), "gradient"), Tensor("l2", (), "hyperparameter")


def lowered(f: sp.Expr, out: Any, *over: Any, reduce: str = "sum", layout: str = "rows") -> Any:
    return lower_term(Term(f, over, reduce), tuple(a.symbol for a in out), layout)


def kinds(f: sp.Expr, out: Any, *over: Any, **options: Any) -> list[str]:
    return [type(g).__name__ for g in lowered(f, out, *over, **options).factors]


def test_a_sum_over_one_shared_axis_is_a_matrix_product() -> None:
    for layout, rows, left in (("rows", n, X), ("columns", j, W)):
        found = lowered(W.entry * X.entry, (n, j) if layout == "rows" else (j, n), i, layout=layout)
        (product,) = found.factors
        assert isinstance(product, MatMul) and product.over == i.symbol
        assert product.left.f == left.entry and product.axes[0] == rows.symbol
        assert product.left.axes == tuple(a for a in (rows.symbol, i.symbol))


def test_a_factor_without_the_summed_axis_stands_outside() -> None:
    found = lowered(S.entry * W.entry * X.entry * U.entry / 3, (n, j), i)
    assert found.coefficient == S.entry / 3
    assert [type(g).__name__ for g in found.factors] == ["MatMul", "Elementwise"]
    assert found.factors[1].f == U.entry


def test_what_a_term_is_lowered_to() -> None:
    a, b = Tensor("a", (n, j)), Tensor("b", (n, j))
    assert kinds(a.entry * b.entry, (n, j)) == ["Elementwise"]
    assert kinds(a.entry + b.entry, (n, j)) == ["Elementwise"]
    assert kinds(U.entry * Tensor("r", (j,)).entry, (n, j)) == ["Outer"]
    assert kinds(U.entry + Tensor("r", (j,)).entry, (n, j)) == ["Elementwise"]
    assert kinds(U.entry, (n, j)) == ["Elementwise"]
    assert kinds(X.entry, (n,), i) == ["Reduce"]
    assert kinds(X.entry * V.entry, (n,), i) == ["MatMul"]
    assert kinds(V.entry * Tensor("q", (i,)).entry, (), i) == ["MatMul"]
    assert kinds(V.entry**2, (), i) == ["Reduce"]
    assert kinds(V.entry * sp.log(V.entry), (), i) == ["Reduce"]
    assert kinds(X.entry * V.entry, (), n, i) == ["Einsum"]
    assert kinds(X.entry * W.entry * Tensor("t", (n, j)).entry, (n, j), i) == [
        "MatMul",
        "Elementwise",
    ]
    assert kinds(Tensor("t", (n, j, i)).entry * X.entry, (n, j), i) == ["Einsum"]
    assert kinds(Tensor("t", (k, n, i)).entry * W.entry, (k, n, j), i) == ["Einsum"]
    assert kinds(X.entry, (n,), i, reduce="max") == ["Reduce"]
    assert kinds(X.entry, (n, i), i, reduce="first") == ["General"]
    assert lowered(X.entry, (n,), i, reduce="max").factors[0].kind == "max"


def test_an_axis_that_is_not_in_the_summand_counts_its_size() -> None:
    for f, over in ((U.entry, (i,)), (X.entry * U.entry, (i, k)), (sp.S(2), (i,)), (X.entry, (k,))):
        axes = (n, i) if i not in over else (n,)
        line = Line(Tensor("out", axes), (Term(f, over),))
        numbers = {t.name: np.random.default_rng(0).normal(size=(1, N, 3)[: len(t.axes) + 1])
                   for t in (X, U)}  # fmt: skip
        found = Numbers(numbers, (n, i, k)).line(line, "rows")
        wanted = Evaluator([], {}, {"N": N})
        wanted.arrays = numbers
        np.testing.assert_allclose(found, wanted.line(line)[0], rtol=1e-13)
    assert lowered(U.entry, (n,), i, reduce="max").factors == (Elementwise(U.entry, (n.symbol,)),)


@pytest.mark.parametrize(
    "f",
    [
        V[i.symbol + 1],
        V[0] * U.entry,
        X[n, 2 * i.symbol],
        Tensor("m", (i, i))[i, i],
        V.entry * sp.KroneckerDelta(i.symbol, 0),
        V.entry * i.symbol,
        Tensor("e", (k, j))[Tensor("tok", (n,))[n], j],
    ],
)
def test_entries_at_other_than_bare_indices_stay_general(f: sp.Expr) -> None:
    assert kinds(f, (n, i, j)) == ["General"]


def test_numbers_sizes_and_hyperparameters_make_the_coefficient() -> None:
    size = sp.Symbol("N", integer=True, positive=True)
    a, y = Tensor("a", (n, j)).entry, Tensor("y", (n, j)).entry
    assert split(S.entry * a / size) == (S.entry / size, [a])
    assert split(sp.S(3)) == (3, [1])
    assert split((a / size - y / size) / 5) == (1 / (5 * size), [a - y])
    assert split((y - a) * D.entry) == (1, [D.entry, y - a])
    assert split((-y - a) * D.entry) == (-1, [D.entry, a + y])
    assert primitive(a / 5 - y / 5) == (sp.Rational(1, 5), a - y)
    assert primitive(-a - y) == (-1, a + y)
    assert primitive(2 * a + 3 * y) == (1, 2 * a + 3 * y)
    assert primitive(a / size - y) == (1, a / size - y)  # a size that one term alone has
    assert primitive(a - y / size) == (1, a - y / size)


def test_factors_stand_in_reading_order() -> None:
    """Gradients, differences of tensors, values, functions, 1 - a, and last logarithms."""
    a, y = Tensor("a_1", (n, j)).entry, Tensor("y", (n, j)).entry
    function = named("sigmoid")(Tensor("z_1", (n, j)).entry)
    wanted = [D.entry, a - y, a, function, 1 - a, sp.log(a)]
    assert split(sp.Mul(*reversed(wanted)))[1] == wanted
    data = Tensor("data", (n, j)).entry  # a value, though it begins with d
    assert split(data * D.entry)[1] == [D.entry, data]


def test_terms_stand_in_reading_order() -> None:
    a, y = Tensor("a_1", (n, j)).entry, Tensor("y", (n, j)).entry
    assert ordered_terms(y - a) == [y, -a]
    assert ordered_terms(a + 1) == [1, a]
    assert ordered_terms(-a + 1 - a * y) == [1, -a, -a * y]
    assert ordered_terms(S.entry + a) == [a, S.entry]
    assert ordered_terms(a * y + y) == [y, a * y]


def test_the_layout_is_the_order_of_axes() -> None:
    assert in_layout([n.symbol, j.symbol], "rows") == (n.symbol, j.symbol)
    assert in_layout([n.symbol, j.symbol], "columns") == (j.symbol, n.symbol)
    assert in_layout([j.symbol], "columns") == (j.symbol,)


def test_a_network_is_matrix_products_all_along() -> None:
    net = Network(inputs=3, layers=[Dense(4, "tanh"), Dense(2)], loss="sse")
    gradients = net.derive().gradients
    for name in ("A_1", "A_2"):
        (term,) = lower_line(gradients[name])
        (product,) = term.factors
        assert isinstance(product, MatMul) and product.over.name == "n"
