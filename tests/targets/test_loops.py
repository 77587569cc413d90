"""Equal layers are looped over in generated modules: the numbers, and the length of the text."""

from __future__ import annotations

import inspect
import shutil
from typing import Any

import numpy as np
import pytest
from support.random_networks import USER, leaves_of, module_gradients, run, scaled_error

from symnn import Dense, Dropout, Network
from symnn.engine.evaluate import evaluate
from symnn.engine.functions import ACTIVATIONS
from symnn.nn.losses import LOSSES
from symnn.notes.tell import tell
from symnn.targets.registry import generate_files

HIDDEN = (*ACTIVATIONS, *USER)


def deep_network(seed: int) -> Network:
    """Two runs of equal layers, of 4 to 7 each, with or without bias, dropout and l2."""
    rng = np.random.default_rng([seed, 7])
    names = sorted(LOSSES)
    loss = names[seed % len(names)]
    layers: list[Any] = [Dropout(0.2)] if rng.integers(2) else []
    for k in range(2):
        hidden = HIDDEN[(seed * 5 + k * (1 + int(rng.integers(9)))) % len(HIDDEN)]
        units, bias = int(rng.integers(2, 6)), bool(rng.integers(3))
        widen = int(rng.integers(2))  # equal in all but their number of units
        dropped = [Dropout(0.3)] if rng.integers(2) else []
        for j in range(int(rng.integers(4, 8))):
            layers += [Dense(units + widen * (j % 2), hidden, bias), *dropped]
    layers.append(Dense(3, LOSSES[loss].final or "linear"))
    return Network(
        inputs=int(rng.integers(1, 5)),
        layers=layers,
        loss={"name": loss, "l2": 0.2 * float(rng.integers(2))},
        dtype=("float64", "float32")[seed // 2 % 2],
        activations=USER,
    )


def body(module_text: str, name: str) -> str:
    """The text of a function of a module."""
    start = module_text.index(f"def {name}(")
    return module_text[start : module_text.index("\n\n\n", start)]


@pytest.mark.parametrize("seed", range(20))
def test_loops_compute_what_the_lines_say(seed: int) -> None:
    net = deep_network(seed)
    text = net.generate()
    assert body(text, "_gradients").count("for k in range(") >= 5, text
    module, values = net.compile(), leaves_of(net, np.random.default_rng([seed, 2]))
    exact = run(net, values)
    L, gradients = module_gradients(net, module, values)
    assert list(gradients) == list(net.parameters)
    assert scaled_error(L, exact["L"]) < 1e-13
    scale = max(float(np.abs(exact[name]).max()) for name in gradients)
    for name, found in gradients.items():
        assert np.abs(found - exact[name]).max() < 1e-12 * scale, name
    plain = {t.name: np.ones_like(values[t.name]) for t in net.program.leaves_of("mask")}
    expected = evaluate(net.program, {**values, **plain})[net.output]
    params = {name: values[name] for name in net.parameters}
    assert scaled_error(module.predict(params, values["x"]), expected) < 1e-13


@pytest.mark.parametrize("seed", range(0, 20, 5))
def test_looped_modules_check_their_gradients(seed: int) -> None:
    assert deep_network(seed).compile().check(entries=3, rtol=1e-4) < 1e-4


@pytest.mark.parametrize("target", ["numpy", "numpy-fast", "c"])
def test_a_loss_and_layers_may_have_values_of_one_letter(target: str) -> None:
    """norm and softmax both have m and s; those of layers are in lists of another name."""
    if target == "c" and not shutil.which("cc"):
        pytest.skip("no C compiler")
    layers = [Dense(4, "softmax")] * 5 + [Dense(2)]
    net = Network(inputs=3, layers=layers, loss={"name": "norm", "l2": 0.1})
    values = leaves_of(net, np.random.default_rng(1))
    exact = run(net, values)
    L, gradients = module_gradients(net, net.compile(target=target), values)
    assert scaled_error(L, exact["L"]) < 1e-12
    assert all(scaled_error(gradients[n], exact[n]) < 1e-10 for n in gradients)


def test_a_network_without_equal_layers_has_no_loops() -> None:
    net = Network(inputs=3, layers=[Dense(4, "tanh")] * 3 + [Dense(2)], loss="mse")
    text = body(net.generate(), "_gradients")
    assert "for k" not in text
    assert "z_2 = a_1 @ A_2.T + b_2" in text


def test_a_loop_stands_below_the_line_for_general_k() -> None:
    net = Network(
        inputs=3, layers=[Dense(4, "tanh")] * 6 + [Dense(2)], loss={"name": "sse", "l2": 1}
    )
    text = inspect.cleandoc("\n" + body(net.generate(), "_gradients"))
    for row in (
        'A = {k: params[f"A_{k}"] for k in range(1, 8)}',
        "for k in range(2, 7):",
        "# z_k[n,jk] = sum_{j(k-1)} A_k[jk,j(k-1)]*a_(k-1)[n,j(k-1)] + b_k[jk]",
        "z[k] = a[k - 1] @ A[k].T + b[k]",
        "#     l2*A_k[jk,j(k-1)]**2/2",
        "+ sum(l2 * (A[k] ** 2).sum() / 2 for k in range(1, 8))",
        "for k in range(6, 1, -1):",
        "dA[k] = l2 * A[k] + dz[k].T @ a[k - 1]",
    ):
        assert row in map(str.strip, text.splitlines()), row


DEEP = {
    "tanh": ([Dense(8, "tanh")], 0.0),
    "dropout": ([Dense(8, "relu"), Dropout(0.2)], 0.1),
    "no bias": ([Dense(8, "gelu", bias=False)], 0.1),
}


@pytest.mark.parametrize("kind", DEEP)
def test_the_text_does_not_grow_with_depth(kind: str) -> None:
    layers, l2 = DEEP[kind]
    lengths = {}
    for depth in (8, 100 if kind == "tanh" else 24):
        net = Network(
            inputs=3,
            layers=layers * depth + [Dense(3, "softmax")],
            loss={"name": "cross_entropy", "l2": l2},
        )
        for target in ("numpy", "jax", "c"):
            lines = {s: t.count("\n") for s, t in generate_files(net, target).items()}
            lengths.setdefault(target, []).append(lines)
    assert lengths["numpy"][0] == lengths["numpy"][1]
    assert lengths["jax"][0] == lengths["jax"][1]
    # C has the numbers of units as a list, and comments that a longer number breaks
    assert all(abs(lengths["c"][1][s] - n) <= 6 for s, n in lengths["c"][0].items())


@pytest.mark.parametrize("name", ["act_{}", "j{}", "x_{}_2", "a_{}"])
def test_the_numbers_in_names_of_functions_count_no_layers(name: str) -> None:
    """Layers of one function are looped over; functions that are numbered are not one."""
    formulas = {name.format(k): f"tanh(x) + {k}*x/10" for k in range(1, 9)}
    for names in ([name.format(3)] * 8, list(formulas)):
        layers = [*(Dense(4, n) for n in names), Dense(1)]
        net = Network(inputs=4, layers=layers, loss="sse", activations=formulas)
        alike = len(set(names)) == 1
        text = body(net.generate(), "_gradients")
        assert ("for k in range(2, 9):" in text) == alike
        assert (f"= {name.format(3)}(z_k[n,jk])" in text) == alike
        values = leaves_of(net, np.random.default_rng(1))
        exact = run(net, values)
        for target in ("numpy", "jax"):
            if target == "jax":
                pytest.importorskip("jax")
            L, gradients = module_gradients(net, net.compile(target=target), values)
            assert scaled_error(L, exact["L"]) < 1e-12
            assert all(scaled_error(gradients[n], exact[n]) < 1e-10 for n in gradients)


def test_layers_of_equal_slopes_and_other_functions_are_told_apart() -> None:
    """tanh(x) + k/10 have one derivative; the notes name the function of every layer."""
    formulas = {f"act_{k}": f"tanh(x) + {k}/10" for k in range(1, 9)}
    layers = [*(Dense(4, name) for name in formulas), Dense(1)]
    net = Network(inputs=4, layers=layers, loss="sse", activations=formulas)
    notes = tell(net.derive())
    for k in range(1, 9):
        rows = [r for r in notes.rows() if r.sides[0] == rf"\delta_{{{k}}}"]
        assert rf"act\_{k}" in rows[0].sides[1], k
    assert not any(r.sides[0].startswith(r"a_{k}") for r in notes.rows())
