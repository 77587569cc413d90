"""Any program as NumPy: every line against the evaluator, modules against their lines."""

from __future__ import annotations

import builtins
import itertools
import keyword
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp
from support.programs import PROGRAMS

import symnn
from symnn.api import Lines
from symnn.cli.main import run
from symnn.engine.complex_step import draw
from symnn.engine.evaluate import evaluate
from symnn.io.errors import SpecError
from symnn.spec.sources import LINES, example_names, example_path
from symnn.targets.code import rows
from symnn.targets.python.blocks import Blocks
from symnn.targets.python.copying import part
from symnn.targets.python.expressions import NUMPY, functions
from symnn.targets.python.lines_module import HELPERS
from symnn.targets.python.programs import Function
from symnn.targets.python.reads import Names

EXAMPLES = {name: example_path(name, LINES).read_text("utf-8") for name in example_names(LINES)}
# what the lowering has a case for and the programs above do not read
ODD = {
    "a diagonal, its mirror, a constant place": """
        input A[i<4, j<4], v[t<7]
        parameter s[i]
        b[i] = s[i]*A[i,i] + A[3-i,i] + A[0,i]*v[2*i+1] + v[5]
        c[k<3] = sum_i b[i]*v[2*k+i-1]
        L = sum_i b[i]**2 + sum_k sin(c[k])""",
    "values that no axis gives": """
        input x[n<N, i<3]
        parameter c, d[i]
        a[n,i] = c*x[n,i]
        e[n,i] = d[i]*3 + i/10 + n
        f[i] = [i = 1] + [i = 1]*2
        g[n,i] = (x[n,i] if i > 0 else c) + f[i]
        L = mean_n sum_i a[n,i]*e[n,i]*g[n,i] + sum_{i,j<3} c*[i > j]""",
    "whole numbers as numbers, two pointers in one entry": """
        input p[n<N] of 3, q[n] of 4
        parameter E[i<3, j<4, d<2], u[j]
        a[n,d] = E[p[n],q[n],d]*p[n]
        b[n] = u[q[n]]*[p[n] = 2]
        L = sum_{n,d} a[n,d]**3 + sum_n b[n]""",
    "a maximum of a sum, of two axes, of what is outside": """
        input x[n<N, t<5], y[n, u<3]
        parameter a[t], w[u]
        h[n] = max_{t,u} (a[t]*x[n,t] - w[u]*y[n,u])
        r[n,t] = max_{k<3} a[t]*x[n,t+k-1]
        L = sum_n h[n] + sum_{n,t} r[n,t]**2""",
    "a scan that reads one that has run, at other steps": """
        input x[n<N, t<5]
        parameter a, b, c
        for t:
            h[n,t] = tanh(a*h[n,t-1] + b*h[n,t-2] + x[n,t]*[t > 0])
        for t down:
            g[n,t] = c*g[n,t+1] + h[n,t]*h[n,4-t] + h[n,2]
        L = mean_n sum_t g[n,t]**2""",
    "values put at affine places, by two indices of one axis": """
        input x[n<N, i<3, j<2]
        parameter W[k<3, l<2]
        y[n,r<9] = sum_{i,k} x[n,i,0]*W[k,1]*[r = 2*i + 3*k - 1]
        z[n,r,q<4] = sum_{j,l} y[n,r]*W[0,l]*x[n,1,j]*[q = 3 - j - l]
        L = sum_{n,r} y[n,r]**2 + sum_{n,r,q} z[n,r,q]**3""",
}


def unindented(text: str) -> str:
    """A text without what all its rows begin with."""
    return "\n".join(row[8:] for row in text.splitlines()[1:]) + "\n"


def by_what(lines: Lines) -> list[str] | None:
    """The inputs, of a program without parameters."""
    if lines.parameters:
        return None
    return [t.name for t in lines.program.leaves_of("input")]


def computed(lines: Lines, seed: int) -> list[tuple[str, Any, Any]]:
    """Every line: its text, its value by the printed statements, and by the evaluator."""
    program, whole = lines.derive(wrt=by_what(lines)).stable, lines.text.whole
    taken = {*HELPERS, *dir(builtins), *keyword.kwlist, "np", "dtype", "math"}
    blocks = Blocks(program.tensors, [program.items], (), taken)
    names = blocks.written()
    free = (f"_{k}" for k in itertools.count())
    function = Function(
        Names(names, str, str, lambda wish: wish + next(free), whole), program.tensors, blocks
    )
    text = "\n".join(rows(function.part(*blocks.parts)))
    space: dict[str, Any] = {"np": np, "dtype": np.dtype(float)}
    for helper in HELPERS:
        exec("import math\n" + part(helper).text, space)
    for helper in functions(function.called, NUMPY):
        exec(helper, space)
    every = {s for t in program.tensors.values() for a in t.axes for s in sp.S(a.size).free_symbols}
    sizes = {s.name: 3 + k for k, s in enumerate(sorted(every, key=str))}
    values = draw(program, np.random.default_rng(seed), sizes)
    for name, value in values.items():
        space[names[name]] = np.rint(value).astype(int) if name in whole else np.asarray(value)
    with np.errstate(all="ignore"):  # of what is drawn, some logarithms are not defined
        exec(text, space | sizes, found := dict[str, Any]())
        expected = evaluate(program, values, sizes)
    return [
        (str(line), found[names[line.lhs.name]], expected[line.lhs.name]) for line in program.lines
    ]


# the examples are looked at as modules, below
@pytest.mark.parametrize("name", [*PROGRAMS, *ODD])
def test_every_statement_computes_its_line(name: str) -> None:
    text = PROGRAMS[name] if name in PROGRAMS else unindented(ODD[name])
    for seed in (5, 6):
        for line, value, expected in computed(symnn.lines(text), seed):
            assert np.shape(value) == expected.shape, line
            largest = max(float(np.nan_to_num(np.abs(expected)).max()), 1e-2)
            np.testing.assert_allclose(value, expected, rtol=0, atol=1e-12 * largest, err_msg=line)


def module_of(text: str, **fields: Any) -> Any:
    return symnn.lines(text, **fields).compile(include="checkpoint")


@pytest.mark.parametrize("name", EXAMPLES)
def test_modules_hold_and_train(name: str, tmp_path: Path) -> None:
    """Gradients equal those of the lines, in float32 too; a run goes on bit by bit."""
    lines = symnn.lines(
        EXAMPLES[name], epochs=4, batch_size=2, learning_rate=1e-3, optimizer="adam"
    )
    module: Any = lines.compile(include=["checkpoint"])
    assert module.check() < 1e-6
    x, y = module._samples(np.random.default_rng(3))
    params = module.initialize(1)
    loss, gradients = module.loss_and_gradients(params, x, y)
    given = module._data(params, x, y, (*module.INPUTS, *module.TARGETS))
    if hasattr(module, "NOISE"):
        given |= module._noise(None, params, given)
    value, expected = lines.derive().evaluate(given | params)
    assert loss == pytest.approx(value, rel=1e-12)
    for parameter, gradient in gradients.items():
        largest = max(float(np.abs(expected[parameter]).max()), 1e-3)
        assert gradient.shape == params[parameter].shape
        assert np.abs(gradient - expected[parameter]).max() < 1e-11 * largest
    single = {k: v.astype(np.float32) for k, v in params.items()}
    coarse, parts = module.loss_and_gradients(single, x, y)
    assert coarse == pytest.approx(loss, rel=1e-4)
    assert {g.dtype for g in parts.values()} == {np.dtype(np.float32)}
    whole, history = module.train(x, y, params=params)
    assert len(history) == 4
    module.train(x, y, params=params, epochs=2, checkpoint=tmp_path)
    again, same = module.train(x, y, params=params, checkpoint=tmp_path, resume=True)
    assert same == history and all(np.array_equal(again[k], whole[k]) for k in whole)
    module.save(tmp_path / "w.npz", whole)
    loaded = module.load(tmp_path / "w.npz")
    needed = {k: v for k, v in x.items() if k in module.PREDICTED_FROM}
    first, second = module.predict(whole, needed), module.predict(loaded, needed)
    assert np.array_equal(first, second)


NAMES = """\
input len[n<N, i<3], np[n, i]
target data[n, o<2]
parameter lambda[o, i], params[o] of bias, N_1[i]
hyperparameter SEED = 1/2
mask dtype[n, i] keep 0.8
z[n,o] = sum_i lambda[o,i]*len[n,i]*dtype[n,i] + params[o] + sum_i N_1[i]*np[n,i]*SEED
for_1[n,o] = tanh(z[n,o])
range[n,o] = sigmoid(for_1[n,o])
L = mean_n sum_o (range[n,o] - data[n,o])**2
"""


def test_names_may_be_any_of_python_or_of_the_module() -> None:
    module = module_of(NAMES)
    assert module.check() < 1e-6
    assert module.SEED == 0
    assert set(module.PARAMETERS) == {"lambda", "params", "N_1"}


def test_a_module_takes_what_fits_and_says_what_does_not() -> None:
    module = module_of(EXAMPLES["embedding"])
    params = module.initialize()
    tokens = np.zeros((3, 5), int)
    labels = np.array([0, 1, 2])
    rows = np.eye(3)
    assert module.loss_and_gradients(params, tokens, labels)[0] == pytest.approx(
        module.loss_and_gradients(params, {"tok": tokens}, {"y": rows})[0]
    )
    for x, y, message in (
        (tokens + 20, labels, "tok holds 20; it must hold whole numbers 0 to 19"),
        (tokens + 0.5, labels, "tok holds 0.5; it must hold whole numbers 0 to 19"),
        (tokens[:, :4], labels, "tok must have the shape (N, 5), not (3, 4)"),
        (tokens, labels[:2], "y must have the shape (3, 3), not (2,)"),
        (tokens, rows + 1, "y must sum to 1 along its last axis, and hold nothing below 0"),
        (tokens, labels + 1, "y holds 3; it must hold whole numbers 0 to 2"),
        ({"tak": tokens}, labels, "x holds tak, which the lines do not read"),
        ({}, labels, "x must hold tok: (N, 5)"),
        (None, labels, "x must hold tok: (N, 5)"),
    ):
        with pytest.raises(ValueError) as caught:
            module.loss_and_gradients(params, x, y)
        assert str(caught.value) == message
    pair = module_of(EXAMPLES["triplet"])
    with pytest.raises(ValueError, match="x must be a dict of arrays by name: x, p, q"):
        pair.train(np.ones((2, 4)))


def test_sizes_that_are_open_come_with_the_data() -> None:
    """One module for sequences of any length."""
    text = EXAMPLES["rnn"].replace("t<4", "t<T").replace("h[n,3,j]", "mean_t h[n,t,j]")
    module = module_of(text)
    assert module.INPUTS == {"x": ("N", "T", 2)}
    params, rng = module.initialize(), np.random.default_rng(0)
    for steps in (2, 7):
        assert module.predict(params, rng.normal(size=(3, steps, 2))).shape == (3, 2)
    assert module.check() < 1e-6


def test_what_the_stable_form_would_scale_is_told_as_it_is() -> None:
    """Exponentials that are shifted for the loss are not shifted where they are wanted."""
    text = EXAMPLES["attention"] + "output E, P\n"
    lines, rng = symnn.lines(text), np.random.default_rng(0)
    module: Any = lines.compile()
    params, x = module.initialize(), rng.normal(size=(2, 4, 6))
    found = module.predict(params, x)
    scores = np.einsum("adc,ntc,adf,nuf->natu", params["Q"], x, params["K"], x)
    expected = np.exp(scores / np.sqrt(3)) * np.tril(np.ones((4, 4)))
    assert np.abs(found["E"] - expected).max() < 1e-12
    assert np.abs(found["P"] - expected / expected.sum(axis=-1, keepdims=True)).max() < 1e-12
    derivation = lines.derive(wrt=["E"])
    values = {**params, "x": x, "y": rng.normal(size=(2, 4, 6))}
    _, gradients = derivation.evaluate(values)
    given = text.replace("E[n,a,t,u] = exp(S[n,a,t,u])*[u <= t]", "")
    given = given.replace("q[n", "input E[n, a, t, u<4]\nq[n", 1).replace("output E, P", "")
    _, same = symnn.lines(given).derive(wrt=["E"]).evaluate({**values, "E": expected})
    assert np.abs(gradients["E"] - same["E"]).max() < 1e-12


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("input x[i<3]\nL = sum_i x[i]**2\n", "there is nothing to train"),
        ("parameter a[i<20000, j<20000]\nL = sum_{i,j} a[i,j]**2\n", "too large: 400,000,000"),
        ("parameter a[i<K]\nL = sum_i a[i]**2\n", "the size K of the parameter a is open"),
        ("target y\nparameter a\nL = (a - y)**2\n", "nothing can be predicted"),
        ("state m = 0\nparameter a\nb = a + m\nL = b**2\n", "the state m gets no new value"),
        ("state m\nparameter a\nm_next = a + m\nL = a**2\n", "write  state m = 0.1"),
        (
            "state m[i<K] = 0\nparameter a\nm_next[i] = a + m[i]\nL = a**2\n",
            "the size K of the state m is open",
        ),
        ("input x[i<2, n<N]\nparameter a\nz[n] = a*x[0,n]\nL = sum_n z[n]\n", "N is not the first"),
    ],
)
def test_lines_of_which_no_module_can_be_made(text: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        symnn.lines(text).generate()


RUNNING = """
input x[n<N, i<3]
target y[n]
parameter w[i], c of bias
state r[i] = 2, steps = 0
m[i] = mean_n x[n,i]
predict m[i] = r[i]
u[n,i] = x[n,i] - m[i]
z[n] = sum_i w[i]*u[n,i] + c
r_next[i] = 0.75*r[i] + 0.25*m[i]
steps_next = steps + 1
L = mean_n (z[n] - y[n])**2
"""


def test_states_are_kept_between_steps_and_read_in_prediction(tmp_path: Path) -> None:
    net = symnn.lines(RUNNING, optimizer="adam", learning_rate=0.05, shuffle=False)
    assert net.outputs == ("z",) and net.derive().wrt == ("w", "c")
    module: Any = net.compile(include="checkpoint")
    rng = np.random.default_rng(0)
    x, y = rng.normal(1, 1, (7, 3)), rng.normal(size=7)
    start = module.initialize()
    assert start["r"].tolist() == [2, 2, 2] and start["steps"].shape == ()
    _, gradients = module.loss_and_gradients(start, x, y)
    assert gradients.keys() == {"w", "c"} and module.check() < 1e-6
    params, history = module.train(x, y, epochs=3, batch_size=4)
    expected = start["r"]
    for k in range(6):  # the mean of each batch
        expected = 0.75 * expected + 0.25 * x[4 * (k % 2) :][:4].mean(axis=0)
    assert np.abs(params["r"] - expected).max() < 1e-14 and params["steps"] == 6
    one = module.predict(params, x[:1])
    assert np.abs(one - (x[:1] - params["r"]) @ params["w"] - params["c"]).max() < 1e-14
    assert np.abs(module.predict(params, x)[:1] - one).max() < 1e-14
    path = tmp_path / "weights.npz"
    module.save(path, params)
    assert all((module.load(path)[k] == v).all() for k, v in params.items())
    with pytest.raises(ValueError, match="params must hold an array steps"):
        module.predict({k: v for k, v in params.items() if k != "steps"}, x)
    notes = net.derive().save(tmp_path / "notes.md").read_text("utf-8")
    assert r"r_{i} &\leftarrow" in notes
    assert "m_{i} &= r_{i}" in notes.partition("In prediction these stand in place")[2]
    # a run that goes on from a checkpoint is the run that was not interrupted
    module.train(x, y, epochs=2, batch_size=4, checkpoint=tmp_path / "kept")
    options = {"checkpoint": tmp_path / "kept", "resume": True}
    again, whole = module.train(x, y, epochs=3, batch_size=4, **options)
    assert whole == history and all((again[k] == v).all() for k, v in params.items())


SPEC = '''\
lines = """
input x[n<N, i<2]
target y[n]
parameter A[j<4, i], b[j] of bias, c[j], d of bias
a[n,j] = tanh(sum_i A[j,i]*x[n,i] + b[j])
z[n] = sigmoid(sum_j c[j]*a[n,j] + d)
L = mean_n (z[n] - y[n])**2
"""
[model]
name = "XOR by lines"
[train]
optimizer = "adam"
learning_rate = 0.05
epochs = 400
data = "xor.csv"
'''


def test_a_spec_of_lines_is_a_spec(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("s.toml").write_text(SPEC)
    Path("xor.csv").write_text("x1,x2,y\n0,0,0\n0,1,1\n1,0,1\n1,1,0\n")
    for words in (
        ["check", "s.toml"],
        ["generate", "s.toml"],
        ["train", "s.toml", "--quiet", "--force"],
    ):
        assert run(words) == 0
    assert "loss      0.0" in capsys.readouterr().out
    assert run(["derive", "s.toml", "-o", "s.tex"]) == 0
    module = "xor_by_lines.py"
    ran = subprocess.run(
        [sys.executable, module, "predict", "xor_by_lines.npz", "xor.csv"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert [round(float(row)) for row in ran.stdout.split()] == [0, 1, 1, 0]
    for wrong, message in (
        (SPEC.replace("tanh(", "tnh("), "s.toml:5: column 10: there is no function"),
        (SPEC + "[loss]\nname = 'mse'\n", "s.toml:16: loss: lines have no such section"),
        (SPEC + "target = 'y'\n", "s.toml:16: train.target: unknown field"),
        (SPEC.replace('"""', "7", 1).replace('"""', "#"), "s.toml"),
    ):
        Path("s.toml").write_text(wrong)
        assert run(["train", "s.toml"]) == 2
        assert message in capsys.readouterr().err


def test_training_keeps_its_weights_and_refuses_data_that_do_not_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 4, 2))
    y = (x[:, :, 0].sum(axis=1) > 0).astype(int)
    np.savez("d.npz", x=x, y=y)
    np.savez("short.npz", x=x[:, :3], y=y)
    np.savez("half.npz", x=x)
    words = ["--learning-rate", "0.5", "--epochs", "60", "--quiet"]
    assert run(["train", "rnn", "--data", "d.npz", *words]) == 0
    module = symnn.lines(Path(example_path("rnn", LINES))).compile()
    weights = dict(np.load("rnn.npz"))
    right = module.predict(weights, x).argmax(axis=1) == y
    assert right.mean() > 0.9
    again = ["train", "rnn", "--force", "--weights", "rnn.npz"]
    assert run([*again, "--data", "d.npz", "--epochs", "1", "--quiet"]) == 0
    capsys.readouterr()
    for data, message in (
        ("short.npz", "x must have the shape (N, 4, 2), not (60, 3, 2)"),
        ("half.npz", "y is not there"),
        ("none.npz", "no such file"),
    ):
        assert run([*again, "--data", data]) == 2
        assert message in capsys.readouterr().err
    assert run(["train", "rnn", "--data", "d.npz", "--target", "lambdify", "--force"]) == 2
    assert run(["generate", "rnn", "--target", "numpy-fast", "--force"]) == 2
    assert "the target numpy-fast takes chains of dense layers alone" in capsys.readouterr().err
