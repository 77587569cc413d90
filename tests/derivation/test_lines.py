"""Lines of the user's own: derived, verified, evaluated, and compared with JAX's derivatives."""

from __future__ import annotations

import importlib.util
import json
import pickle
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.programs import PROGRAMS

import symnn
from symnn.cli.main import main
from symnn.derivation.lines import Lines
from symnn.engine.complex_step import draw
from symnn.engine.text import read, show
from symnn.spec.sources import LINES, example_names, example_path

GUIDE = Path(symnn.__file__).parent / "guide" / "lines.md"
JAX = importlib.util.find_spec("jax") is not None


def by_what(lines: Lines) -> list[str] | None:
    """The inputs, of a program without parameters."""
    if lines.parameters:
        return None
    return [t.name for t in lines.program.leaves_of("input")]


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_step_holds(name: str) -> None:
    lines = symnn.lines(PROGRAMS[name])
    derivation = lines.derive(wrt=by_what(lines))
    report = derivation.verify()
    assert report.ok, str(report)
    assert len(report.rows) >= len(lines.program.lines) + len(derivation.gradients)


@pytest.mark.parametrize("factor", [1.001, -1.0])
def test_a_wrong_step_is_found(factor: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the rule multiplies by a factor is found."""
    usual = symnn.engine.diff.partial_derivative
    monkeypatch.setattr(
        "symnn.engine.diff.partial_derivative", lambda *given: usual(*given) * factor
    )
    for name in ("conv1d", "LSTM", "layer norm", "max pool 2x2"):
        lines = symnn.lines(PROGRAMS[name])
        assert not lines.derive(wrt=by_what(lines)).verify().ok


@pytest.mark.parametrize("name", example_names(LINES))
def test_shipped_examples_hold_and_are_told(name: str) -> None:
    text = example_path(name, LINES).read_text(encoding="utf-8")
    lines = symnn.lines(text)
    assert text.startswith("# ") and max(map(len, text.splitlines())) <= 100
    derivation = lines.derive()
    assert derivation.verify().ok
    assert read(show(lines.program, lines.text)) == lines.program
    assert derivation.latex().count("\\partial L") >= len(lines.parameters)
    values = draw(lines.program, np.random.default_rng(3), {"N": 4})
    loss, gradients = derivation.evaluate(values)
    assert np.isfinite(loss) and {k: g.shape for k, g in gradients.items()} == lines.parameters


# --- against JAX, which knows convolutions, scans and attention by other means ---


def _conv(v: Mapping[str, Any]) -> Any:
    from jax import lax

    at = ("NHWC", "HWIO", "NHWC")
    z = lax.conv_general_dilated(v["x"], v["W"], (1, 1), [(1, 1)] * 2, dimension_numbers=at)
    a = (z + v["b"]).clip(0)
    u = lax.conv_general_dilated(a, v["V"], (2, 2), [(1, 0)] * 2, dimension_numbers=at)
    return ((u - v["y"]) ** 2).sum() / 2


def _pool(v: Mapping[str, Any]) -> Any:
    from jax import lax

    window, x = (1, 2, 2, 1), v["x"]
    p = lax.reduce_window(x, -np.inf, lax.max, window, window, "VALID")
    return ((v["A"] * p - v["y"]) ** 2).sum() / 2


def _padded_pool(v: Mapping[str, Any]) -> Any:
    """What stands around x is below every value."""
    from jax import lax

    around, window, u = [(0, 0), (1, 1), (1, 0), (0, 0)], (1, 3, 2, 1), v["W"] * v["x"] - 5
    p = lax.reduce_window(u, -np.inf, lax.max, window, (1, 2, 2, 1), around)
    return ((v["A"] * p - v["y"]) ** 2).sum() / 2


def _norm(v: Mapping[str, Any]) -> Any:
    from jax import numpy as jnp

    x = v["x"]
    h = (x - x.mean(-1, keepdims=True)) / jnp.sqrt(x.var(-1, keepdims=True) + 1e-3)
    return ((v["g"] * h + v["b"] - v["y"]) ** 2).sum() / 2


def _attention(v: Mapping[str, Any]) -> Any:
    import jax
    from jax import numpy as jnp

    q, k, w = (jnp.einsum("adc,ntc->natd", v[name], v["x"]) for name in ("Wq", "Wk", "Wv"))
    scores = jnp.einsum("natd,naud->natu", q, k) / np.sqrt(3)
    past = np.tril(np.ones(scores.shape[-2:], bool))
    p = jax.nn.softmax(jnp.where(past, scores, -np.inf), axis=-1)
    z = jnp.einsum("cad,natu,naud->ntc", v["Wo"], p, w)
    return ((z - v["y"]) ** 2).sum() / 2


def _lstm(v: Mapping[str, Any]) -> Any:
    import jax
    from jax import lax
    from jax import numpy as jnp

    def step(carry: Any, x: Any) -> Any:
        h, c = carry
        i, f, o, g = (x @ v[f"U_{n}"].T + h @ v[f"W_{n}"].T + v[f"b_{n}"] for n in "ifog")
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        return (jax.nn.sigmoid(o) * jnp.tanh(c), c), None

    zero = jnp.zeros((len(v["x"]), 3))
    (h, _), _ = lax.scan(step, (zero, zero), jnp.swapaxes(v["x"], 0, 1))
    return ((h - v["y"]) ** 2).sum() / 2


def _embedding(v: Mapping[str, Any]) -> Any:
    x = v["E"][v["tok"]]
    return ((x @ v["A"].T - v["y"]) ** 2).sum() / 2


ORACLES: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    "conv2d 2 layers, stride 2, padding 1": _conv,
    "max pool 2x2": _pool,
    "max pool, padded": _padded_pool,
    "layer norm": _norm,
    "multi-head causal attention": _attention,
    "LSTM": _lstm,
    "embedding": _embedding,
}


@pytest.mark.skipif(not JAX, reason="jax is missing")
@pytest.mark.parametrize("name", ORACLES)
def test_gradients_are_those_of_jax(name: str) -> None:
    import jax

    lines = symnn.lines(PROGRAMS[name])
    values = draw(lines.program, np.random.default_rng(2), {"N": 3})
    loss, gradients = lines.derive().evaluate(values)
    fixed = {k: v for k, v in values.items() if k not in gradients}
    with jax.enable_x64(True):
        moved = {k: jax.numpy.asarray(values[k]) for k in gradients}
        wanted, exact = jax.value_and_grad(lambda p: ORACLES[name]({**fixed, **p}))(moved)
        assert loss == pytest.approx(float(wanted), rel=1e-12)
        for parameter, found in gradients.items():
            size = float(np.abs(exact[parameter]).max())
            np.testing.assert_allclose(found, exact[parameter], rtol=1e-10, atol=1e-12 * size)


# --- in Python ---


def test_the_guide_is_a_program() -> None:
    """The first listing is attention in eight equations; it derives, holds and evaluates."""
    listing = GUIDE.read_text(encoding="utf-8").split("\n\n")[1]
    lines = symnn.lines("\n".join(row.removeprefix("    ") for row in listing.splitlines()))
    assert lines.notes == () and lines.derive().verify().ok
    values = draw(lines.program, np.random.default_rng(1), {"N": 5})
    loss, gradients = lines.derive().evaluate(values)
    assert np.isfinite(loss)
    assert {name: g.shape for name, g in gradients.items()} == lines.parameters
    assert "dQ[a,d,c] = sum_{n,t} dq[n,a,t,d]*x[n,t,c]" in str(lines.derive()).splitlines()


def test_any_scalar_by_any_tensor() -> None:
    lines = symnn.lines("input x[i<3], A[i, j<3]\nq = sum_{i,j} x[i]*A[i,j]*x[j]")
    derivation = lines.derive(of="q", wrt=["x"])
    assert derivation.verify().ok and list(derivation.gradients) == ["x"]
    rng = np.random.default_rng(0)
    x, a = rng.normal(size=3), rng.normal(size=(3, 3))
    value, gradients = derivation.evaluate({"x": x, "A": a})
    assert value == pytest.approx(x @ a @ x)
    np.testing.assert_allclose(gradients["x"], (a + a.T) @ x, rtol=1e-13)


def test_masks_noise_and_numbers_have_values_of_their_own() -> None:
    text = """input x[n<N,i<2]
mask m[n,i] keep 1/2
noise e[n,i]
hyperparameter c = 0.25
state s[i] = 3
parameter w[i]
L = sum_{n,i} c*w[i]*x[n,i]*m[n,i]*s[i] + sum_{n,i} e[n,i]"""
    x, w = np.ones((4, 2)), np.array([1.0, 2.0])
    derivation = symnn.lines(text).derive(wrt=["w"])
    loss, gradients = derivation.evaluate({"x": x, "w": w})
    assert loss == pytest.approx(0.25 * 3 * 4 * 3) and gradients["w"].tolist() == [3, 3]
    loss, _ = derivation.evaluate({"x": x, "w": w, "m": 0 * x, "e": x, "c": 1, "s": w})
    assert loss == 8


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"z": 1}, "nothing that is read is called 'z'; known: K, Q"),
        ({"Q": np.ones(3)}, r"Q has the shape \(3,\), expected \(2, 3\); it is Q\[j,i\]"),
        ({"x": None}, "x is missing; give an array for"),
        ({"Q": [["a"]]}, "Q: must be an array of real numbers"),
    ],
)
def test_wrong_arrays_are_told(change: dict[str, Any], message: str) -> None:
    text = "input x[n<N,i<3]\nparameter Q[j<2,i], K[j,i]\nL = sum_{n,i,j} Q[j,i]*x[n,i]*K[j,i]"
    given = {"x": np.ones((4, 3)), "Q": np.ones((2, 3)), "K": np.ones((2, 3)), **change}
    given = {name: value for name, value in given.items() if value is not None}
    with pytest.raises(symnn.SpecError, match=message):
        symnn.lines(text).derive().evaluate(given)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"of": "S"}, "of: no equation computes a scalar 'S'; known: L"),
        ({"wrt": ["v"]}, "wrt: there is no 'v'; known: L, W, h, k, u, x"),
        ({"wrt": ["k"]}, "wrt: L does not depend on k"),
        ({"wrt": []}, "wrt: there is no parameter to differentiate by"),
    ],
)
def test_what_cannot_be_differentiated_is_told(options: dict[str, Any], message: str) -> None:
    lines = symnn.lines(
        "input x[i<3], u\nparameter W[i]\nh[i] = W[i]*x[i]\nk = 2*u\nL = sum_i h[i]**2"
    )
    with pytest.raises(symnn.SpecError, match=message):
        lines.derive(**options)


def test_a_derivative_that_is_0_is_stated() -> None:
    lines = symnn.lines("input x[i<3], u\nL = sum_i x[i]**2")
    derivation = lines.derive(wrt=["u", "x"])
    assert str(derivation.gradients["u"]) == "du = 0" and derivation.verify().ok
    assert derivation.evaluate({"x": [1, 2, 3], "u": 1})[1]["u"] == 0


@pytest.mark.parametrize(
    "text",
    [
        # a step reads itself at another place of an axis that is none of time
        """parameter w[t<3]
        for k<3 down:
            s[t,k] = w[t]*k + sin(r[t,k+2])
            r[t,k] = s[t,k] + s[k+1,k] + sin(r[t,k+1])/2
        L = sum_{t,k} r[t,k]**2""",
        # logarithms and roots of what is drawn
        """input x[n<N], eps
        parameter w
        L = sum_n (log(x[n]) + w)**2/sqrt(eps)""",
        # 1 - a is rounding where a sigmoid saturates
        """input x[n<N, i<40]
        target y[n]
        parameter w[i]
        z[n] = sum_i 20*w[i]*x[n,i]
        a[n] = sigmoid(z[n])
        L = sum_n -(y[n]*log(a[n]) + (1 - y[n])*log(1 - a[n]))""",
        # entries that are 0 together tie in a maximum
        """input x[n<N, t<4]
        mask m[n,t] keep 1/2
        parameter g
        a[n,t] = g*x[n,t]*m[n,t]
        b[n,t] = a[n,t] + g*a[n,t]*a[n,t]
        L = sum_n (max_t tanh(b[n,t]*a[n,t]))**2 + sum_n max_t b[n,t]""",
    ],
    ids=["loop", "domain", "saturated", "ties"],
)
def test_what_is_right_holds_wherever_it_is_drawn(text: str) -> None:
    text = "\n".join(row.removeprefix("        ") for row in text.splitlines())
    for seed in range(6):
        report = symnn.lines(text).derive().verify(seed)
        assert report.ok, str(report)


def test_lines_show_themselves_and_are_pickled() -> None:
    lines = symnn.lines(PROGRAMS["conv1d"])
    assert repr(lines) == "<Lines '<lines>': 4 leaves, 3 equations>"
    assert repr(lines.derive()).startswith("<Derivation of <Lines '<lines>'")
    assert str(lines) == PROGRAMS["conv1d"]
    again = pickle.loads(pickle.dumps(lines))
    assert again.program == lines.program and again.derive().verify().ok


def test_many_entries_are_refused_with_the_way_out() -> None:
    lines = symnn.lines("parameter W[i<5000, j<5000]\nL = sum_{i,j} W[i,j]**2")
    with pytest.raises(symnn.SpecError, match="25,000,001 entries, and 16,777,216 can be verified"):
        lines.derive().verify()


# --- on the command line ---


def run(*words: str) -> Any:
    with pytest.raises(SystemExit) as caught:
        main(list(words))
    return caught.value.code


def test_check_of_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("conv.lines").write_text(PROGRAMS["conv2d 2 layers, stride 2, padding 1"])
    assert run("check", "conv.lines") == 0
    out, err = capsys.readouterr()
    assert out.startswith("conv.lines: ") and "all hold" in out
    assert "conv.lines: line 6: x is read at h + k - 1 of r = 0 .. 5; entries outside are 0" in err
    assert run("derive", "conv.lines") == 0
    told = "conv.lines: line 6: x is read at h + k - 1 of r = 0 .. 5; entries outside are 0\n"
    assert capsys.readouterr().err.startswith(told)
    assert run("check", "conv.lines", "xor", "--json") == 0
    checks = json.loads(capsys.readouterr().out)["checks"]
    assert [c["spec"] for c in checks] == ["conv.lines", "xor"]
    assert all(check["module_error"] < 1e-6 for check in checks)
    Path("bad.lines").write_text("input x[i<3]\nL = x[i]\n")
    assert run("check", "bad.lines") == 2
    told = "bad.lines:2: column 7: the index i is neither on the left nor under a sign"
    assert capsys.readouterr().err.startswith(told)
    assert run("generate", "conv.lines") == 0
    assert run("train", "conv.lines", "--force") == 2
    assert "there is no data" in capsys.readouterr().err
    assert run("draw", "conv.lines") == 0
    assert "<svg" in capsys.readouterr().out
    assert run("check", "conv.lines", "--against", "bad.lines") == 2
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bad.lines", "conv.lines", "conv.py"]


@pytest.mark.parametrize(
    ("language", "said"),
    [("en", "A maximum is that of the entries of $u$"), ("zh", "最大值只取 $u$")],
)
def test_the_notes_say_what_takes_part_in_a_maximum(language: str, said: str) -> None:
    derivation = symnn.lines(PROGRAMS["max pool, padded"]).derive()
    assert said in derivation.latex(language=language)


def test_shipped_examples_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("check", "lstm", "xor") == 0
    assert capsys.readouterr().out.count("all hold") == 2
    assert run("new", "mine.lines", "--example", "lstm") == 0
    assert Path("mine.lines").read_bytes() == example_path("lstm", LINES).read_bytes()
    assert run("check", "mine.lines") == 0 and run("new", "mine.toml", "--example", "lstm") == 2
    assert "lstm is a .lines file; write mine.lines" in capsys.readouterr().err
    Path("lstm").write_text("")  # a file has precedence
    assert run("check", "lstm") == 2
    assert "unknown kind of file" in capsys.readouterr().err


def test_check_of_standard_input() -> None:
    words = [sys.executable, "-m", "symnn", "check", "-"]
    for text in (PROGRAMS["LSTM"], "# a comment\n\n" + PROGRAMS["LSTM"]):
        done = subprocess.run(words, input=text, capture_output=True, text=True, check=False)
        assert done.returncode == 0 and "all hold" in done.stdout, done.stderr
