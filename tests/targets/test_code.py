"""Statements with fields, and loops that are found on programs before any text is made."""

from __future__ import annotations

from collections.abc import Hashable

import sympy as sp

import symnn
from symnn import Dense, Network
from symnn.engine.ir import SAMPLES, Line, Tensor, Term, axis
from symnn.engine.repeats import Repeat, general, named, rolled_layers, signature
from symnn.targets.code import (
    PYTHON,
    Block,
    Item,
    Language,
    Name,
    Pool,
    Scope,
    Statement,
    names,
    rows,
    statements,
    variable,
)
from symnn.targets.forms import Form, Nest, Passage, assigned, rolled, written
from symnn.targets.python.expressions import JAX, Expressions
from symnn.targets.python.statements import forward_and_backward
from symnn.targets.wrapping import Assignment

C = Language("/* {} */", "for (k = {}; k != {}; k++) {{", "for (k = {}; k != {}; k--) {{", ("}",))
LISTED = Scope(lambda name: True)


def chain(sizes: list[int], functions: list[str]) -> list[Line]:
    """z_k = A_k a_(k-1), a_k = f(z_k); every tensor and axis says its layer."""
    n, found = axis("n", SAMPLES), list[Line]()
    before = Tensor("x", (n, axis("j0", 3, "units", 0)))
    for k, (size, f) in enumerate(zip(sizes, functions, strict=True), 1):
        j = axis(f"j{k}", size, "units", k)
        A = Tensor(f"A_{k}", (j, before.axes[1]), "parameter", layer=k)
        z, a = (Tensor(f"{letter}_{k}", (n, j), layer=k) for letter in "za")
        found.append(Line(z, (Term(A.entry * before.entry, before.axes[1:]),)))
        found.append(Line(a, (Term(getattr(sp, f)(z.entry)),)))
        before = a
    return found


def tensors(lines: list[Line]) -> dict[str, Tensor]:
    """By name, with the parameters and the input that the lines read."""
    found = {line.lhs.name: line.lhs for line in lines}
    for k, line in enumerate(lines[::2], 1):
        found[f"A_{k}"] = Tensor(f"A_{k}", (*line.lhs.axes[1:], *line.terms[0].over), layer=k)
    return found


def test_a_shape_is_that_of_the_layer_whatever_its_sizes_and_number() -> None:
    lines = chain([4, 5, 4, 4], ["tanh", "tanh", "sin", "sin"])
    known = tensors(lines)
    shapes = [signature(x, x.lhs.layer or 0, named(x, known)) for x in lines]
    assert shapes[2] == shapes[4] == shapes[6] != shapes[0]  # the first reads x
    assert shapes[1] == shapes[3] != shapes[5] == shapes[7]
    sum_ = "sum_{j(k-1)} A_k[jk,j(k-1)]*a_(k-1)[n,j(k-1)]"
    assert general(lines[4], 3, known) == f"z_k[n,jk] = {sum_}"
    assert str(lines[4]) == "z_3[n,j3] = sum_{j2} A_3[j3,j2]*a_2[n,j2]"


def test_a_sum_without_its_axis_has_its_size_in_its_shape() -> None:
    j2, j3 = axis("j2", 4, "units", 2), axis("j3", 5, "units", 3)
    lines = [
        Line(Tensor(f"s_{k}", (), layer=k), (Term(Tensor(f"t_{k}", (), layer=k).entry, (j,)),))
        for k, j in ((2, j2), (3, j3))
    ]
    known = {f"t_{k}": Tensor(f"t_{k}", (), layer=k) for k in (2, 3)}
    assert len({signature(x, x.lhs.layer or 0, named(x, known)) for x in lines}) == 2


def test_repeats_hold_the_items_of_every_layer() -> None:
    lines = chain([4] * 6, ["tanh"] * 6)
    known = tensors(lines)

    def shape(line: Line, layer: int) -> Hashable:
        return signature(line, layer, named(line, known))

    found = rolled_layers(lines, lambda x: x.lhs.layer, shape)
    (loop,) = (x for x in found if isinstance(x, Repeat))
    assert (loop.first, loop.last) == (2, 6)
    assert loop.items == tuple(lines[2:4]) and loop.every == tuple(lines[2:])
    assert found[:2] == lines[:2]


def test_names_are_written_as_the_place_has_them() -> None:
    z = variable(Tensor("z_2", layer=2)).marked("T")
    inside = Scope(lambda name: True, first=3)
    assert (str(z), LISTED.written(z), inside.written(z)) == ("z_2_T", "z_T[2]", "z_T[k - 1]")
    assert inside.written(Item("UNITS", 4)) == "UNITS[k + 1]"
    assert [inside.written(Pool(p)) for p in range(4)] == [
        *("pools[0]", "pools[k % 2]", "pools[2]", "pools[k % 2 + 2]")
    ]
    assert Scope(lambda name: True, taken={"z_T"}).written(z) == "z_T_[2]"
    assert variable(Tensor("z_2")) == Name("z_2")  # no number that the tensor does not carry


def test_equal_passages_are_written_once_with_their_names() -> None:
    def passage(k: int) -> Passage:
        z, a = Name("z", k), Name("a", k)
        head = Form("EACH(i, {}) {{", (Item("UNITS", k),))
        body = Form("{0}[i] = f({1}[i]) * {1}[i];", (a, z), calls=frozenset({"f"}))
        return Passage(k, (assigned(z, "place;"), Nest(head, (body,), ("}",))))

    parts = written(rolled([passage(k) for k in (5, 4, 3)]), LISTED, C)
    assert rows(parts, C) == (
        "for (k = 5; k != 2; k--) {",
        "    z[k] = place;",
        "    EACH(i, UNITS[k]) {",
        "        a[k][i] = f(z[k][i]) * z[k][i];",
        "    }",
        "}",
    )
    first, second = statements(parts)
    assert first.defines == (Name("z", 5),) and second.reads == {Name("z", 5)}
    assert second.calls == {"f"} and names(parts) == {Name("z", 5), Name("a", 5)}
    assert not any(isinstance(own, Repeat) for own in rolled([passage(4), passage(3)]))


def test_a_comment_stands_above_a_block_or_a_statement() -> None:
    block = Block("if x:", (Statement("y = 1", ("y is 1",)),), line=("a line of the derivation",))
    assert rows([block], PYTHON, width=16) == (
        "# a line of the",
        "#     derivation",
        "if x:",
        "    # y is 1",
        "    y = 1",
    )


def test_an_assignment_is_broken_between_its_operands() -> None:
    first, second = "f(" + "a + b" * 8 + ")", "- g(" + "c" * 40 + ")"
    made = Assignment("L", (first, second), "float")
    assert str(made) == f"L = float({first} {second})"
    assert made.broken(8) == f"L = float(\n    {first}\n    {second}\n)"
    assert Assignment("L", ("a", "+ b")).broken(4) == "L = a + b"
    whole = Assignment("z", (" ".join([first, second]),)).broken(4)
    assert whole.startswith("z = (\n") and whole.endswith("# fmt: skip")


def test_the_helpers_of_a_module_are_those_that_its_statements_call() -> None:
    net = Network(
        inputs=2,
        layers=[Dense(3, "gelu"), Dense(3, "tanh"), Dense(1, "sigmoid")],
        loss="sse",
    )
    derivation = net.derive()
    gradients = {name: derivation.batch.names[name] for name in net.parameters}
    text = forward_and_backward(derivation.stable, gradients)
    assert {"sigmoid", "gelu"} <= text.called.keys() and "tanh" not in text.called
    module = net.generate()
    assert all(f"def {name}(" in module for name in (*text.called, "normal_cdf", "erfc"))
    assert "def tanh(" not in module and "def silu(" not in module


def test_a_dialect_is_printed_and_not_replaced() -> None:
    (z,) = (x for x in symnn.load("xor").derive().stable.lines if x.lhs.name == "z_1")
    f = Term(sp.exp(-z.lhs.entry) + Tensor("np", ()).entry)
    printed = str(Expressions(JAX).line(Line(Tensor("e_1", z.lhs.axes), (f,))))
    assert printed == "e_1 = np + jnp.exp(-z_1)"
