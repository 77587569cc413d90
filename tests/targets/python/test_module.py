"""The generated module: its text, its numbers, and what a user does with it."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest

from symnn import Dense, Dropout, Network
from symnn.engine.functions import ACTIVATIONS
from symnn.nn.losses import LOSSES
from symnn.targets.python.expressions import statement

OPTIMIZERS: dict[str, dict[str, Any]] = {
    "sgd": {"optimizer": "sgd"},
    "momentum": {"optimizer": "sgd", "momentum": 0.9},
    "adam": {"optimizer": "adam"},
    "rmsprop": {"optimizer": "rmsprop"},
}
FORMULAS = {
    "swish": "x/(1 + exp(-x))",
    "bent": "(sqrt(x**2 + 1) - 1)/2 + x",
    "snake": "x + sin(3*x)**2/3",
    "hat": "max(0, 1 - abs(x))",
    "cut": "where(x > 1, log(x), where(x < -1, -log(-x), 0))",
    "cubic": "x**3/10 - 0.25*x",
    "mixed": "0.5*x*(1 + tanh(0.7978845608*(x + 0.044715*x**3)))",
    "bell": "exp(-x**2)",
}
HOSTILE = (
    '"""; import os; os.abort() #',
    "'''\\",
    "\\n\\\\\"'",
    "# -*- coding: utf-7 -*- +AAo-import os",
    "{{ 7 * 7 }}{% raw %}{# x #}<< x >>",
    "Σ ☃ \U0001d70e é",
    "a" * 200,
)


def network(hidden: str = "tanh", loss: str = "sse", **options: Any) -> Network:
    """Three inputs, four hidden units, two outputs."""
    final = LOSSES[loss].final or "linear"
    l2 = options.pop("l2", 0.0)
    formulas = {hidden: FORMULAS[hidden]} if hidden in FORMULAS else None
    layers = options.pop("layers", [Dense(4, hidden), Dense(2, final)])
    return Network(
        **{"inputs": 3, "layers": layers, "activations": formulas, **options},
        loss={"name": loss, "l2": l2},
    )


def drawn(net: Network, rows: int = 6, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and targets that suit the loss."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, net.inputs))
    if net.spec.loss.name == "cross_entropy":
        return x, np.eye(net.outputs)[rng.integers(net.outputs, size=rows)]
    return x, rng.uniform(0.1, 0.9, (rows, net.outputs))


PAIRS = [(hidden, loss) for hidden in (*ACTIVATIONS, *FORMULAS) for loss in LOSSES]


def wide_range() -> dict[str, Network]:
    """Networks of every kind, by a name for messages."""
    nets = {f"{h}, {loss}": network(h, loss) for h, loss in PAIRS}
    for name, train in OPTIMIZERS.items():
        nets[name] = network(loss="mse", l2=0.01, train=train)
    for loss in LOSSES:
        final = Dense(2, LOSSES[loss].final or "linear")
        for bias in (True, False):
            layers = [Dropout(0.25), Dense(3, "gelu", bias), Dropout(0.5), final]
            nets[f"dropout, {loss}, {bias}"] = network(loss=loss, l2=0.5, layers=layers)
        nets[f"one layer, {loss}"] = network(loss=loss, layers=[final], dtype="float32")
    nets["long"] = network(layers=[Dense(2, "silu")] * 25 + [Dense(1)], loss="norm", l2=1e-3)
    nets["wide"] = network(inputs=1000, layers=[Dense(10**4, "relu"), Dense(1)], loss="huber")
    nets["softmax twice"] = network(
        loss="cross_entropy", layers=[Dense(3, "softmax"), Dense(2, "softmax")]
    )
    for k, name in enumerate(HOSTILE):
        nets[f"hostile {k}"] = network(name=name, description=name)
    return nets


@pytest.fixture(scope="module", params=["numpy", "numpy-fast"])
def texts(request: pytest.FixtureRequest) -> dict[str, str]:
    return {name: net.generate(request.param) for name, net in wide_range().items()}


# --- the text ---


def passes_ruff(texts: Iterable[str], folder: Path) -> None:
    """The modules have no fault that ruff knows, and its format; a long name apart."""
    for k, text in enumerate(texts):
        short = re.sub("^NAME = .{90,}$", 'NAME = ""', text, flags=re.MULTILINE)
        (folder / f"m{k}.py").write_text(short, encoding="utf-8")
    passes_ruff_in(folder)


def passes_ruff_in(folder: Path, *more: str) -> None:
    """As above, of the modules in a folder; more: options of both checks."""
    for words in (
        ["check", *more],
        ["check", "--select", "E,F,I,UP,B", "--line-length", "100", *more],
        ["format", "--check", "--diff"],
    ):
        command = [sys.executable, "-m", "ruff", *words, "--isolated", "--no-cache", "."]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, (words, (done.stdout + done.stderr)[:6000])


def test_modules_pass_ruff(texts: dict[str, str], tmp_path: Path) -> None:
    passes_ruff(texts.values(), tmp_path)


def test_modules_import_numpy_and_the_standard_library_only(texts: dict[str, str]) -> None:
    for text in texts.values():
        for node in ast.walk(ast.parse(text)):
            found = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            found += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            for name in found:
                top = name.split(".")[0]
                assert top == "numpy" or top in sys.stdlib_module_names


def test_the_first_lines_are_fixed_and_the_text_is_ascii(texts: dict[str, str]) -> None:
    for text in texts.values():
        mark, first, _ = text.split("\n", 2)
        assert re.fullmatch("# Generated by symnn; digest of the rest: [0-9a-f]{16}", mark)
        assert first == "# The derivation of a network's gradients as a NumPy program."
    assert all(text.isascii() and text.endswith("\n") for text in texts.values())


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_changes_one_literal_only(name: str) -> None:
    def parts(text: str) -> tuple[str, list[str]]:
        tree, found = ast.parse(text), []
        for node in tree.body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "NAME":
                assert isinstance(node.value, ast.Constant)
                found.append(node.value.value)
                node.value.value = ""
        return ast.dump(tree), found

    module = {"output": {"module": "same"}}
    plain, _ = parts(network(name="plain", **module).generate())
    hostile, found = parts(network(name=name, **module).generate())
    assert hostile == plain
    assert found == [name]
    _, *rows = network(name=name, **module).generate().splitlines()  # below the mark
    _, *other = network(name="plain", **module).generate().splitlines()
    assert sum(a != b for a, b in zip(rows, other, strict=True)) == 1


def commented(text: str, function: str = "_gradients") -> list[tuple[str, str]]:
    """(comment directly above, target) of the statements from "# forward" to the dict."""
    rows = text.splitlines()
    tree = ast.parse(text)
    body = next(f.body for f in tree.body if isinstance(f, ast.FunctionDef) and f.name == function)
    first = rows.index("    # forward") + 1
    found = []
    for node in body:
        if node.lineno > first and isinstance(node, ast.Assign):
            target = ast.unparse(node.targets[0])
            if target == "gradients":
                break
            k, comment = node.lineno - 1, list[str]()
            while rows[k - 1].startswith("    #"):
                k -= 1
                comment.insert(0, rows[k].removeprefix("    #"))
                if not rows[k].startswith("    #     "):
                    break
            found.append((" ".join(c.strip() for c in comment), target))
    return found


@pytest.mark.parametrize("case", ["gelu, cross_entropy", "cut, norm", "dropout, huber, True"])
@pytest.mark.parametrize("target", ["numpy", "numpy-fast"])
def test_every_statement_stands_below_its_line(case: str, target: str) -> None:
    net = wide_range()[case]
    lines = net.derive().stable.lines
    assert commented(net.generate(target)) == [(str(line), line.lhs.name) for line in lines]


# --- the numbers ---


@pytest.mark.parametrize(("hidden", "loss"), PAIRS)
def test_gradients_agree_with_differences(hidden: str, loss: str) -> None:
    assert network(hidden, loss, l2=0.1).compile().check() < 1e-6


def extreme(net: Network, module: Any, high: float, dtype: str) -> tuple[float, Any]:
    """The loss and gradients where pre-activations of both layers reach ±high."""
    rows = np.concatenate([np.linspace(-high, high, 41), [1e-3, -1e-3]]).astype(dtype)
    x = np.stack([rows, np.zeros_like(rows), np.zeros_like(rows)], axis=1)
    params = {k: np.zeros(s, dtype) for k, s in net.parameters.items()}
    params["A_1"][:, 0] = (1, -1, 0.5, -0.01)[: len(params["A_1"])]
    if "A_2" in params:
        probe = dict(params)
        probe["A_2"] = np.eye(*params["A_2"].shape, dtype=dtype)
        largest = max(1e-3, float(np.abs(_hidden(module, probe, x, net)).max()))
        sign = np.where(np.indices(params["A_2"].shape).sum(0) % 2, -1, 1)
        params["A_2"][:] = high / largest / params["A_2"].shape[1] * sign
        params["b_2"][:] = high / 2
    y = np.zeros((len(x), net.outputs), dtype)
    y[:, 0] = 1
    with np.errstate(all="raise", under="ignore"):
        module.predict(params, x)
        found: tuple[float, Any] = module.loss_and_gradients(params, x, y)
    return found


def _hidden(module: Any, params: Any, x: np.ndarray, net: Network) -> Any:
    scope = {**vars(module), **params, "x": x, "y": np.zeros((len(x), net.outputs)), "N": len(x)}
    for line in net.derive().stable.lines:
        exec(statement(line), scope)
        if line.lhs.name == "a_1":
            return scope["a_1"]
    return scope["z_1"]


@pytest.mark.parametrize(("dtype", "high"), [("float64", 800.0), ("float32", 80.0)])
@pytest.mark.parametrize("hidden", ACTIVATIONS)
def test_nothing_overflows_at_large_logits(hidden: str, dtype: str, high: float) -> None:
    for loss in LOSSES:
        nets = [network(hidden, loss, dtype=dtype)]
        if LOSSES[loss].final in (None, hidden):
            nets.append(network(loss=loss, layers=[Dense(2, hidden)], dtype=dtype))
        for net in nets:
            value, gradients = extreme(net, net.compile(), high, dtype)
            assert np.isfinite(value), (loss, value)
            for name, g in gradients.items():
                assert np.isfinite(g).all(), (loss, name)
                assert g.dtype == dtype


EXACT: dict[str, tuple[Any, Any]] = {
    "sigmoid": (lambda x: 1 / (1 + mpmath.exp(-x)), lambda x: 1 / (2 + 2 * mpmath.cosh(x))),
    "tanh": (mpmath.tanh, lambda x: mpmath.sech(x) ** 2),
    "relu": (lambda x: max(x, 0), lambda x: int(x > 0)),
    "leaky_relu": (
        lambda x: x if x > 0 else x / 100,
        lambda x: 1 if x > 0 else mpmath.mpf(1) / 100,
    ),
    "elu": (
        lambda x: x if x > 0 else mpmath.expm1(x),
        lambda x: 1 if x > 0 else mpmath.exp(x),
    ),
    "gelu": (
        lambda x: x * mpmath.ncdf(x),
        lambda x: mpmath.ncdf(x) + x * mpmath.npdf(x),
    ),
    "silu": (
        lambda x: x / (1 + mpmath.exp(-x)),
        lambda x: 1 / (1 + mpmath.exp(-x)) + x / (2 + 2 * mpmath.cosh(x)),
    ),
    "softplus": (
        lambda x: max(x, 0) + mpmath.log1p(mpmath.exp(-abs(x))),
        lambda x: 1 / (1 + mpmath.exp(-x)),
    ),
    "sin": (mpmath.sin, mpmath.cos),
}


def test_the_exact_functions_are_those_of_the_table() -> None:
    assert {*EXACT, "linear", "softmax"} == set(ACTIVATIONS)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", EXACT)
def test_functions_agree_with_fifty_digits(name: str, dtype: str) -> None:
    """Values within 8 units in the last place or 4ε; slopes as the lines use them within 8ε."""
    info = np.finfo(dtype)
    high, step = (800.0, 0.9) if dtype == "float64" else (80.0, 0.11)
    small = np.geomspace(float(info.smallest_subnormal) * 4, 1.0, 150)
    points = [*np.arange(-high, high + 0.1, step), *small, *-small, 0.0, high, -high]
    z = np.array(points, dtype)[:, None]
    layers = [Dense(1, name, bias=False), Dense(1, bias=False)]
    net = network(inputs=1, layers=layers, loss="mae", dtype=dtype)
    one = np.ones((1, 1), dtype)
    scope = {**vars(net.compile()), "x": z, "A_1": one, "A_2": one, "y": z - 2 * high - 9}
    with np.errstate(all="raise", under="ignore"):
        for line in net.derive().stable.lines:
            exec(statement(line), scope | {"N": 1}, scope)
    assert scope["a_1"].dtype == dtype
    value, slope, eps = scope["a_1"].ravel(), scope["dz_1"].ravel(), float(info.eps)
    looser = 1 if dtype == "float64" else 2
    with mpmath.workdps(50):
        for at, f, g in zip(z.ravel(), value, slope, strict=True):
            exact, derivative = (h(mpmath.mpf(float(at))) for h in EXACT[name])
            error = abs(mpmath.mpf(float(f)) - exact)
            ulp = max(float(np.spacing(abs(np.asarray(float(exact), dtype)))), 0.0)
            assert error <= looser * max(8 * ulp, 4 * eps), (at, f)
            error = abs(mpmath.mpf(float(g)) - derivative)
            assert error <= looser * 8 * eps * max(1, abs(derivative)), (at, g)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_steps_in_formulas_are_numbers(dtype: str) -> None:
    formulas = {"stair": "where(x > 0, 1, 0) + where(x > 1, 1, 0) + exp(where(x < -1, 1, 0))"}
    net = Network(
        inputs=1, layers=[Dense(1, "stair")], activations=formulas, loss="sse", dtype=dtype
    )
    params = {"A_1": np.ones((1, 1), dtype), "b_1": np.zeros(1, dtype)}
    found = net.compile().predict(params, np.array([[-2.0], [-0.5], [0.5], [2.0]]))
    assert found.dtype == dtype
    assert found.ravel() == pytest.approx([np.e, 1, 2, 3])
