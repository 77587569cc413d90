"""The one rule on programs built by hand: every gradient against complex step."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
import sympy as sp

import symnn
from symnn.engine.complex_step import adjoint, check_gradients, complex_step, draw
from symnn.engine.diff import DifferentiationError, gradients
from symnn.engine.evaluate import evaluate
from symnn.engine.functions import TABLE, A, found_derivative, named
from symnn.engine.ir import Axis, Item, Line, Program, ProgramError, Scan, Tensor, Term, axis
from symnn.engine.simplify import DERIVATIVE, FACT, FORWARD_VALUE, simplify

Values = Mapping[str, Any]


def sweeps(program: Program, of: str = "L", wrt: Sequence[str] | None = None) -> Any:
    """The raw sweep, the simplified one, and the simplified one in which every line is kept."""
    items, names = gradients(program, of, wrt)
    few = [names[t.name] for t in program.leaves if t.name in names]
    yield items, names
    for keep in (few, list(names.values())):
        yield simplify(program, items, keep)[0], names


def assert_gradients_hold(
    program: Program, values: Values | None = None, of: str = "L", wrt: Sequence[str] | None = None
) -> None:
    for items, names in sweeps(program, of, wrt):
        report = check_gradients(
            program, items, names, np.random.default_rng(1), values=values, of=of
        )
        assert report.ok, str(report)
        kept = {line.lhs.name for line in program.extend(items).lines}
        assert len(report.rows) == sum(n in kept for t, n in names.items() if t != of) > 0


def assert_adjoints_hold(program: Program, values: Values | None = None) -> None:
    rng = np.random.default_rng(2)
    known = evaluate(program, {**draw(program, rng), **(values or {})})
    for line in program.lines:
        reads = dict.fromkeys(str(getattr(e, "base", e)) for e in line.reads)
        renamed = Line(Tensor("out", line.lhs.axes), line.terms)
        row = adjoint(renamed, [program.tensors[n] for n in reads], known, rng)
        assert row.ok, row


n, t, w = axis("n", 3), axis("t", 4), axis("w", 2)
c, o, d = axis("c", 3), axis("o", 2), axis("d", 3)
i, i2, j, k = axis("i", 3), axis("i2", 3), axis("j", 4), axis("k", 4)


def leaf(name: str, *axes: Axis, role: str = "parameter") -> Tensor:
    return Tensor(name, axes, role)


def let(name: str, axes: tuple[Axis, ...], *terms: Term) -> Line:
    return Line(Tensor(name, axes), terms)


def loss(f: sp.Expr, *over: Axis) -> Line:
    return let("L", (), Term(f, over))


def delta(a: Any, b: Any) -> sp.Expr:
    return sp.KroneckerDelta(a, b)


def convolution(read: Any, long: int) -> Program:
    x = leaf("x", n, axis("s", long), c)
    filters, bias = leaf("W", w, c, o), leaf("b", o)
    y = let("y", (n, t, o), Term(x[n, read, c] * filters.entry, (w, c)), Term(bias.entry))
    a = let("a", (n, t, o), Term(named("tanh")(y.lhs.entry)))
    return Program((x, filters, bias), (y, a, loss(a.lhs.entry**2, n, t, o)))


def constant_index() -> Program:
    x = leaf("x", n, i)
    y = let("y", (n,), Term(x[n, 0] * x[n, 2]), Term(x[n, 1] ** 2))
    return Program((x,), (y, loss(sp.sin(y.lhs.entry), n)))


def trace() -> Program:
    m = leaf("W", i, i2)
    u = let("u", (), Term(m[i, i] * sp.exp(m[i, i]), (i,)))
    v = let("v", (i,), Term(m[i, i] ** 2))
    return Program((m,), (u, v, loss(u.lhs.entry * v.lhs.entry, i)))


def out_of_range() -> Program:
    x = leaf("x", i)
    y = let("y", (i,), Term(x[i.symbol - 1] * x[i.symbol + 1]), Term(x[2 - i.symbol]))
    return Program((x,), (y, loss(y.lhs.entry**2, i)))


def hankel() -> Program:
    """Two output axes in one index: only one of them is eliminated."""
    x, m = leaf("x", axis("s", 6)), leaf("W", i, j)
    y = let("y", (i, j), Term(x[i.symbol + j.symbol] * m.entry))
    return Program((x, m), (y, loss(y.lhs.entry**3, i, j)))


def summed_index() -> Program:
    """A summed axis alone in an index, strided, reversed or moved: there is a guard."""
    x, m = leaf("x", n, axis("s", 6)), leaf("W", w)
    reads = (x[n, 2 * w.symbol + 1], x[n, 4 - w.symbol], x[n, w.symbol + 1])
    y = let("y", (n,), *(Term(read * m.entry, (w,)) for read in reads))
    return Program((x, m), (y, loss(y.lhs.entry**2, n)))


def embedding() -> Program:
    table, tok, v = leaf("E", axis("v", 5), d), leaf("tok", n, role="input"), leaf("V", d)
    y = let("y", (n,), Term(table[tok[n], d] * v.entry, (d,)))
    return Program((table, tok, v), (y, loss(y.lhs.entry**2, n)))


def max_pooling() -> Program:
    x, m = leaf("x", n, axis("s", 8)), leaf("W", t)
    p = let("p", (n, t), Term(x[n, 2 * t.symbol + w.symbol], (w,), "max"))
    return Program((x, m), (p, loss(p.lhs.entry**2 * m.entry, n, t)))


def two_maxima() -> Program:
    x, y = leaf("x", i, j), leaf("y", j)
    product, difference = x.entry * y.entry, x.entry - 2 * y.entry
    z = let("z", (), Term(product, (i, j), "max"), Term(difference, (i, j), "max"))
    return Program((x, y), (z, loss(sp.exp(z.lhs.entry))))


def running_maximum() -> Program:
    x, m, h = leaf("x", t, c), leaf("W", c), Tensor("h", (t,))
    line = Line(h, (Term(x.entry * m.entry + h[t.symbol - 1], (c,), "max"),))
    return Program((x, m), (Scan(t, (line,)), loss(h.entry**2, t)))


def attention() -> Program:
    u = axis("u", 4)
    x = leaf("x", n, t, c)
    heads = [leaf(name, c, d) for name in ("Q", "K", "V")]
    lines: list[Line] = []

    def add(name: str, axes: tuple[Axis, ...], *terms: Term) -> Tensor:
        lines.append(let(name, axes, *terms))
        return lines[-1].lhs

    q, key, value = (add(m.name.lower(), (n, t, d), Term(x.entry * m.entry, (c,))) for m in heads)
    s = add("s", (n, t, u), Term(q[n, t, d] * key[n, u, d] / sp.sqrt(3), (d,)))
    e = add("e", s.axes, Term(sp.exp(s.entry)))
    total = add("r", (n, t), Term(e.entry, (u,)))
    p = add("p", s.axes, Term(e.entry / total.entry))
    h = add("h", (n, t, d), Term(p.entry * value[n, u, d], (u,)))
    e2 = add("e2", h.axes, Term(sp.exp(h.entry)))
    r2 = add("r2", (n, t), Term(e2.entry, (d,)))
    p2 = add("p2", h.axes, Term(e2.entry / r2.entry))
    y = leaf("y", n, t, d, role="target")
    end = loss(-y.entry * sp.log(p2.entry), n, t, d)
    return Program((x, *heads, y), (*lines, end))


def layer_normalisation() -> Program:
    x, gain, bias = leaf("x", n, j), leaf("g", j), leaf("b", j)
    y = leaf("y", n, j, role="target")
    mean = let("m", (n,), Term(x.entry / 4, (j,)))
    z = let("z", (n, j), Term(x.entry - mean.lhs.entry))
    variance = let("v", (n,), Term(z.lhs.entry**2 / 4, (j,)))
    scale = (variance.lhs.entry + sp.Rational(1, 1000)) ** sp.Rational(-1, 2)
    a = let("a", (n, j), Term(gain.entry * z.lhs.entry * scale), Term(bias.entry))
    lines = (mean, z, variance, a, loss((a.lhs.entry - y.entry) ** 2, n, j))
    return Program((x, gain, bias, y), lines)


def plain_rnn() -> Program:
    x, first = leaf("x", n, t, c), leaf("h0", n, j, role="state")
    u, v, b = leaf("U", c, j), leaf("V", k, j), leaf("b", j)
    z, h = Tensor("z", (n, t, j)), Tensor("h", (n, t, j))
    before = h[n, t.symbol - 1, k]
    scan = Scan(
        t,
        (
            Line(
                z,
                (
                    Term(x.entry * u.entry, (c,)),
                    Term(before * v.entry, (k,)),
                    Term(first[n, k] * delta(t.symbol, 0) * v.entry, (k,)),
                    Term(b.entry),
                ),
            ),
            Line(h, (Term(named("tanh")(z.entry)),)),
        ),
    )
    return Program((x, first, u, v, b), (scan, loss(h.entry**2, n, t, j)))


def lstm() -> Program:
    x = leaf("x", n, t, c)
    h, cell = Tensor("h", (n, t, j)), Tensor("C", (n, t, j))
    leaves, lines, gate = [x], list[Line](), {}
    for name, f in (("i", "sigmoid"), ("f", "sigmoid"), ("o", "sigmoid"), ("g", "tanh")):
        u, v, b = leaf(f"U{name}", c, j), leaf(f"V{name}", k, j), leaf(f"b{name}", j)
        leaves += [u, v, b]
        z = let(
            f"z{name}",
            (n, t, j),
            Term(x.entry * u.entry, (c,)),
            Term(h[n, t.symbol - 1, k] * v.entry, (k,)),
            Term(b.entry),
        )
        gate[name] = let(f"a{name}", (n, t, j), Term(named(f)(z.lhs.entry)))
        lines += [z, gate[name]]
    a = {name: line.lhs.entry for name, line in gate.items()}
    lines += [
        Line(cell, (Term(a["f"] * cell[n, t.symbol - 1, j]), Term(a["i"] * a["g"]))),
        Line(h, (Term(a["o"] * sp.tanh(cell.entry)),)),
    ]
    end = loss(h[n, 3, j] ** 2 + cell[n, 2, j], n, j)
    return Program(tuple(leaves), (Scan(t, tuple(lines)), end))


PROGRAMS = {
    "convolution": convolution(t.symbol + w.symbol, 5),
    "convolution beyond the range": convolution(t.symbol + w.symbol - 1, 4),
    "convolution of a flipped filter": convolution(t.symbol - w.symbol, 4),
    "strided convolution": convolution(2 * t.symbol + w.symbol, 8),
    "dilated convolution": convolution(t.symbol + 2 * w.symbol, 6),
    "constant index": constant_index(),
    "repeated index": trace(),
    "entries outside the range": out_of_range(),
    "two output axes in an index": hankel(),
    "summed axis in an index": summed_index(),
    "embedding": embedding(),
    "max pooling": max_pooling(),
    "two maxima in a line": two_maxima(),
    "maxima in a recurrence": running_maximum(),
    "attention": attention(),
    "layer normalisation": layer_normalisation(),
    "recurrent network": plain_rnn(),
    "lstm": lstm(),
}
GIVEN: dict[str, Values] = {"embedding": {"tok": np.array([4, 1, 4])}}


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_gradient_is_the_complex_step_derivative(name: str) -> None:
    assert_gradients_hold(PROGRAMS[name], GIVEN.get(name))


@pytest.mark.parametrize("name", PROGRAMS)
def test_pullback_and_derivative_of_every_line_are_adjoint(name: str) -> None:
    assert_adjoints_hold(PROGRAMS[name], GIVEN.get(name))


# second derivatives ----------------------------------------------------------------------


def hessian_product(program: Program, name: str, raw: bool) -> tuple[Program, Any, dict[str, str]]:
    """The program of <grad, v>, and its sweep."""
    items, names = gradients(program)
    if not raw:
        items, _ = simplify(program, items, list(names.values()))
    tensor = program.tensors[name]
    v = Tensor("direction", tensor.axes, "input")
    slope = program.extend(items).tensors[names[name]].entry
    pairing = Line(Tensor("along"), (Term(slope * v.entry, tensor.axes),))
    full = program.extend((*items, pairing), [v])
    return full, *gradients(full, "along", [name])


SMOOTH = {
    "recurrent network": "V",
    "attention": "Q",
    "layer normalisation": "g",
    "convolution": "W",
    "strided convolution": "x",
    "embedding": "E",
    "max pooling": "x",
    "two maxima in a line": "y",
    "maxima in a recurrence": "x",
    "repeated index": "W",
    "lstm": "Vf",
}


@pytest.mark.parametrize("raw", [True, False])
@pytest.mark.parametrize("name", SMOOTH)
def test_a_second_sweep_gives_hessian_vector_products(name: str, raw: bool) -> None:
    full, items, names = hessian_product(PROGRAMS[name], SMOOTH[name], raw)
    values = {**draw(full, np.random.default_rng(4)), **GIVEN.get(name, {})}
    simple, _ = simplify(full, items, [names[SMOOTH[name]]])
    for sweep in (items, simple):
        report = check_gradients(
            full, sweep, names, np.random.default_rng(3), None, values, "along"
        )
        assert report.ok, str(report)


@pytest.mark.parametrize("name", SMOOTH)
def test_a_hessian_vector_product_is_a_difference_of_gradients(name: str) -> None:
    program, tensor = PROGRAMS[name], SMOOTH[name]
    full, items, names = hessian_product(program, tensor, raw=False)
    values = {**draw(full, np.random.default_rng(5)), **GIVEN.get(name, {})}
    found = evaluate(full.extend(items), values)[names[tensor]]
    first, first_names = gradients(program)
    step = 1e-5 * values["direction"]

    def gradient(move: Any) -> Any:
        moved = {**values, tensor: values[tensor] + move}
        return evaluate(program.extend(first), moved)[first_names[tensor]]

    difference = (gradient(step) - gradient(-step)) / 2e-5
    assert np.abs(difference - found).max() < 1e-7 * max(1.0, np.abs(found).max())


def test_the_hessian_is_symmetric() -> None:
    full, items, names = hessian_product(PROGRAMS["recurrent network"], "V", raw=False)
    rng = np.random.default_rng(6)
    values = draw(full, rng)
    u, v = rng.normal(size=(2, 4, 4))
    hu, hv = (
        evaluate(full.extend(items), {**values, "direction": direction})[names["V"]]
        for direction in (u, v)
    )
    assert (v * hu).sum() == pytest.approx((u * hv).sum(), rel=1e-12)


# what is found, not tabled ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "derivative"), [("sigmoid", A * (1 - A)), ("tanh", 1 - A**2), ("linear", sp.S.One)]
)
def test_a_derivative_is_found_from_the_definition(name: str, derivative: sp.Expr) -> None:
    found, how = found_derivative(TABLE[name])
    assert found == derivative and how


@pytest.mark.parametrize(("name", "slope"), [("sigmoid", "1 - a"), ("tanh", "1 - a^2")])
def test_a_gradient_reads_the_forward_value(name: str, slope: str) -> None:
    d = symnn.Network(inputs=2, layers=[symnn.Dense(3, name), symnn.Dense(1)], loss="sse").derive()
    line = d.batch.final["z_1"]
    a = d.batch.forward.tensors["a_1"].entry
    want = {"1 - a": a * (1 - a), "1 - a^2": 1 - a**2}[slope]
    factors = [sp.cancel(term.f / want) for term in line.terms]
    assert all(not f.has(a) for f in factors) and factors
    assert any(s.rule == DERIVATIVE and s.after.lhs.wrt == "z_1" for s in d.steps)


def test_softmax_with_cross_entropy_gives_a_minus_y_by_the_fact_that_y_sums_to_1() -> None:
    d = symnn.Network(inputs=2, layers=[symnn.Dense(3, "softmax")], loss="cross_entropy").derive()
    assert str(d.batch.final["z_1"]) == "dz_1[n,j1] = (a_1[n,j1] - y[n,j1])/N"
    assert {f.text for s in d.steps for f in s.facts} == {"the targets of every sample sum to 1"}
    assert all(s.rule == FACT for s in d.steps if s.facts)
    assert {FACT, FORWARD_VALUE} <= {s.rule for s in d.steps}


def test_sigmoid_with_binary_cross_entropy_gives_a_minus_y() -> None:
    layers = [symnn.Dense(3, "sigmoid")]
    d = symnn.Network(inputs=2, layers=layers, loss="binary_cross_entropy").derive()
    tensors, size = d.batch.forward.tensors, sp.Symbol("N", integer=True, positive=True)
    (term,) = d.batch.final["z_1"].terms
    want = (tensors["a_1"].entry - tensors["y"].entry) / (3 * size)
    assert sp.expand(term.f - want) == 0 and not term.over
    assert any(s.rule == DERIVATIVE for s in d.steps) and not any(s.facts for s in d.steps)


# ties and kinks --------------------------------------------------------------------------


def slope_at(f: sp.Expr, x: Tensor, value: Any, *over: Axis) -> list[Any]:
    program = Program((x,), (loss(f, *over),))
    return [
        evaluate(program.extend(items), {"x": value})[names["x"]]
        for items, names in sweeps(program)
    ]


@pytest.mark.parametrize("value", [[1.0, 3.0, 3.0], [3.0, 3.0, 3.0], [0.0, -1.0, 0.0]])
def test_the_first_maximiser_takes_the_gradient(value: list[float]) -> None:
    x = leaf("x", i)
    program = Program((x,), (let("L", (), Term(x.entry, (i,), "max")),))
    for items, names in sweeps(program):
        found = evaluate(program.extend(items), {"x": np.array(value)})[names["x"]]
        assert found.tolist() == np.eye(3)[np.argmax(value)].tolist()


@pytest.mark.parametrize("name", ["relu", "absolute", "root"])
def test_the_derivative_at_the_kink_is_0(name: str) -> None:
    x = leaf("x", i)
    for found in slope_at(named(name)(x.entry), x, np.zeros(3), i):
        assert found.tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("name", ["norm", "mae", "huber"])
def test_a_residual_of_0_gives_a_gradient_of_0(name: str) -> None:
    net = symnn.Network(inputs=3, layers=[symnn.Dense(2)], loss=name)
    d = net.derive()
    x = np.random.default_rng(0).normal(size=(4, 3))
    zeros, y = {t: np.zeros(shape) for t, shape in net.parameters.items()}, np.zeros((4, 2))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for items in (d.batch.raw, d.batch.simple):
            known = evaluate(d.batch.forward.extend(items), {**zeros, "x": x, "y": y})
            assert not known[d.batch.names["A_1"]].any() and known["L"] == 0.0
        value, found = net.compile().loss_and_gradients(zeros, x, y)
    assert value == 0.0 and all((g == 0.0).all() for g in found.values())


# names and listings ----------------------------------------------------------------------


def test_captured_axes_get_fresh_names() -> None:
    v, m = leaf("v", i), leaf("B", i, i2)
    y = let("y", (i,), Term(v[i2] * m.entry, (i2,)))
    program = Program((v, m), (y, loss(y.lhs.entry**2, i)))
    items, names = gradients(program)
    assert str(program.extend(items).line(names["v"])) == "dv[i] = sum_{i_} B[i_,i]*dy[i_]"
    assert_gradients_hold(program)


def test_gradient_names_avoid_the_names_of_the_program() -> None:
    x, dx = leaf("x", i), leaf("dx", i)
    program = Program((x, dx), (loss(x.entry**2 * dx.entry, i),))
    _, names = gradients(program)
    assert len({*names.values(), *program.tensors}) == len(names) + len(program.tensors)
    assert_gradients_hold(program)


def test_a_gradient_finds_a_name_where_two_are_taken() -> None:
    x, taken = leaf("x", i), [leaf(name, i, role="input") for name in ("dx", "dL_dx", "dL_dx_")]
    program = Program((x, *taken), (loss(x.entry**2 * taken[0].entry, i),))
    _, names = gradients(program)
    assert names["x"] == "dL_dx__"
    assert_gradients_hold(program)


def test_two_gradients_never_share_a_name() -> None:
    """That of x, where dx is taken, and that of L_dx."""
    leaves = [leaf(name, i) for name in ("x", "dx", "L_dx")]
    program = Program(tuple(leaves), (loss(sp.Mul(*(t.entry**2 for t in leaves)), i),))
    _, names = gradients(program)
    assert len(set(names.values())) == len(names)
    assert_gradients_hold(program)


def test_an_indicator_finds_a_name_too() -> None:
    x = leaf("x", i, j)
    taken = [leaf(name, role="input") for name in ("z_first", "z_first_", "z_first_1")]
    z = let("z", (), Term(x.entry, (i, j), "max"), Term(-x.entry, (i, j), "max"))
    factor = sp.Mul(*(t.entry for t in taken))
    program = Program((x, *taken), (z, loss(z.lhs.entry**2 * factor)))
    items, _ = gradients(program)
    found = {line.lhs.name for line in items if line.lhs.role == "mask"}
    assert found == {"z_first__", "z_first_1_"}
    assert_gradients_hold(program)


def test_a_gradient_never_has_the_name_of_an_indicator() -> None:
    """That of x_first, where dx has the indicator dx_first."""
    x_first = leaf("x_first", i)
    line = let("dx", (), Term(x_first.entry, (i,), "max"))
    program = Program((x_first,), (line, loss(line.lhs.entry**2)))
    items, names = gradients(program)
    assert "dx_first" in {x.lhs.name for x in items} and names["x_first"] == "dL_dx_first"
    assert_gradients_hold(program)


def test_lines_that_the_loss_does_not_read_get_no_gradient() -> None:
    x = leaf("x", i)
    aside = let("u", (i,), Term(x.entry**2))
    program = Program((x,), (aside, loss(x.entry**3, i)))
    items, names = gradients(program)
    assert names.keys() == {"x", "L"}
    assert [str(line) for line in items] == ["dL = 1", "dx[i] = 3*dL*x[i]**2"]


def test_lines_of_a_scan_that_lead_nowhere_get_no_gradient() -> None:
    """Neither what the loss does not read, nor what does not depend on a parameter."""
    x, m = leaf("x", t, role="input"), leaf("m")
    h, u, v = (Tensor(name, (t,)) for name in "huv")
    fixed = Line(u, (Term(x.entry**2),))
    state = Line(h, (Term(m.entry * u.entry), Term(m.entry * h[t.symbol - 1])))
    aside = Line(v, (Term(h.entry**2),))
    program = Program((x, m), (Scan(t, (fixed, state, aside)), loss(h.entry**2, t)))
    items, names = gradients(program)
    (scan,) = (item for item in items if isinstance(item, Scan))
    assert [line.lhs.name for line in scan.lines] == ["dh"]
    assert names.keys() == {"L", "h", "m"}
    assert_gradients_hold(program)


def test_a_leaf_that_the_loss_does_not_read_has_the_gradient_0() -> None:
    x, y = leaf("x", i), leaf("y", j)
    program = Program((x, y), (loss(x.entry, i),))
    items, names = gradients(program)
    known = evaluate(program.extend(items), draw(program, np.random.default_rng(0)))
    assert known[names["y"]].tolist() == [0.0] * 4
    assert_gradients_hold(program)


def test_a_program_reads_as_a_listing() -> None:
    h, x = Tensor("h", (t,)), leaf("x", t, role="input")
    m = leaf("w")
    scan = Scan(t, (Line(h, (Term(x.entry), Term(m.entry * h[t.symbol - 1]))),))
    program = Program((x, m), (scan, loss(h.entry**2 / 2, t)))
    items, _ = gradients(program)
    assert str(program.extend(items)) == (
        "input: x[t<4]\n"
        "parameter: w\n"
        "for t = 0 .. 4-1:\n"
        "    h[t] = x[t] + w*h[t - 1]\n"
        "L = sum_{t} h[t]**2/2\n"
        "dL = 1\n"
        "for t = 4-1 .. 0:\n"
        "    dh[t] = dL*h[t] + w*dh[t + 1]\n"
        "dw = sum_{t} dh[t]*h[t - 1]"
    )


# errors ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "f", [sp.Function("g"), sp.sign, lambda e: sp.Max(e, 0), sp.floor, sp.Heaviside]
)
def test_a_line_without_a_known_derivative_is_shown(f: Any) -> None:
    x = leaf("x", i)
    y = let("y", (i,), Term(f(x.entry)))
    program = Program((x,), (y, loss(y.lhs.entry, i)))
    with pytest.raises(DifferentiationError) as error:
        gradients(program)
    assert str(y) in str(error.value)


def test_an_index_that_is_differentiated_for_is_shown() -> None:
    program = embedding()
    with pytest.raises(DifferentiationError) as error:
        gradients(program, wrt=["tok"])
    assert str(program.lines[0]) in str(error.value)


def test_only_a_scalar_is_differentiated() -> None:
    with pytest.raises(DifferentiationError, match="not a scalar"):
        gradients(constant_index(), "y")


X, Y = leaf("x", i), leaf("y", j)
ONE, ALIEN = let("z", (i,), Term(X.entry)), sp.Symbol("q", integer=True)
WRONG: dict[str, tuple[Item, ...]] = {
    "read before it is defined": (let("u", (i,), Term(ONE.lhs.entry)), ONE),
    "defined twice": (ONE, ONE),
    "sizes differ": (let("u", (j,), Term(X[j] * Y[j])),),
    "index q is not bound": (let("u", (), Term(X[ALIEN])),),
    "axes but is read with": (let("u", (i,), Term(sp.Symbol("x", real=True))),),
    "has an axis twice": (let("u", (i, i), Term(X.entry)),),
    "bound wrongly": (let("u", (i,), Term(X.entry, (i,))),),
    "unknown reduction": (let("u", (), Term(X.entry, (i,), "mean")),),
    "before the scan has computed it": (Scan(i, (let("u", (i,), Term(Tensor("u", (i,)).entry)),)),),
    "holds a line without it": (Scan(i, (let("u", (), Term(sp.S.One)),)),),
}


@pytest.mark.parametrize("message", WRONG)
def test_a_broken_invariant_is_shown_with_its_line(message: str) -> None:
    items = WRONG[message]
    with pytest.raises(ProgramError, match=message) as error:
        Program((X, Y), items)
    line = items[0].lines[0] if isinstance(items[0], Scan) else items[0]
    assert str(line) in str(error.value)


def test_a_wrong_number_of_indices_is_an_error() -> None:
    with pytest.raises(ProgramError, match="x has 1 axes, not 2"):
        X[i, j]


def test_complex_step_is_exact() -> None:
    x = leaf("x", i)
    program = Program((x,), (loss(sp.exp(x.entry), i),))
    value = np.array([-1.0, 0.5, 2.0])
    found = complex_step(program, "L", {"x": np.eye(3)}, {"x": value})
    assert np.abs(found["x"] / np.exp(value) - 1).max() < 1e-15
