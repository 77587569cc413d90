"""Backpropagations of any network: recurrences, convolutions, norms, attention."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symnn
from symnn.cli.main import run

ROOT = Path(symnn.__file__).parent / "examples"
Arrays = dict[str, Any]


def example(name: str) -> tuple[symnn.api.Lines, Arrays]:
    """Shipped lines, and arrays for all that they read."""
    lines = symnn.lines((ROOT / f"{name}.lines").read_text(encoding="utf-8"))
    rng, given = np.random.default_rng(0), {}
    for t in lines.program.leaves:
        shape = tuple(a.size if isinstance(a.size, int) else 4 for a in t.axes)
        if t.name in lines.program.pointed:
            given[t.name] = rng.integers(0, lines.program.pointed[t.name], shape)
        elif t.name in lines.choices:
            given[t.name] = np.eye(shape[-1])[rng.integers(0, shape[-1], shape[:-1])]
        elif t.role in ("input", "target", "parameter", "state"):
            given[t.name] = 0.7 * rng.normal(size=shape)
    return lines, given


@pytest.mark.parametrize("name", sorted(p.stem for p in ROOT.glob("*.lines")))
def test_right_gradients_of_any_lines_are_right(name: str) -> None:
    lines, given = example(name)
    loss, grads = lines.derive().evaluate(given)
    found = lines.compare({**grads, "L": loss}, given)
    assert found.ok and found.rows[0].quantity == "L", str(found)
    first = next(iter(grads))
    wrong = lines.compare({**grads, first: -2.5 * grads[first]}, given)
    assert not wrong.ok and wrong.first is not None
    assert wrong.first.quantity == f"d{first}", str(wrong)


def causes(lines: symnn.api.Lines, given: Arrays, grads: Arrays) -> dict[str, str]:
    found = lines.compare(grads, given)
    return {row.quantity: row.cause for row in found.rows if not row.ok}


def test_a_recurrence_that_is_cut_after_one_step() -> None:
    lines, given = example("rnn")
    p, x = given, given["x"]
    h, z = np.zeros((5, 4, 3)), np.zeros((4, 4, 3))  # h of the step before the first is 0
    for t in range(4):
        z[t] = x[:, t] @ p["U"].T + h[t] @ p["W"].T + p["b"]
        h[t + 1] = np.tanh(z[t])
    e = np.exp(h[4] @ p["V"].T)
    ds = (e / e.sum(axis=1, keepdims=True) - p["y"]) / 4

    def backward(carried: float) -> Arrays:
        grads = {n: np.zeros_like(p[n]) for n in "UWb"} | {"V": ds.T @ h[4]}
        dh = ds @ p["V"]
        for t in reversed(range(4)):
            dz = dh * (1 - h[t + 1] ** 2)
            grads["U"] += dz.T @ x[:, t]
            grads["W"] += dz.T @ h[t]
            grads["b"] += dz.sum(axis=0)
            dh = carried * dz @ p["W"]
        return grads

    assert causes(lines, given, backward(1.0)) == {}
    cut = causes(lines, given, backward(0.0))
    assert set(cut) == {"dU", "dW", "db"}
    assert set(cut.values()) == {"inherited from dh: the term W*dz is missing"}


def test_a_batch_norm_whose_mean_is_taken_for_a_constant() -> None:
    lines, given = example("batch_norm")
    p, n = given, 4
    z = p["x"] @ p["W"].T
    u = z - z.mean(axis=0)
    root = np.sqrt((u**2).mean(axis=0) + 1e-5)
    h = u / root
    da = (p["g"] * h + p["b"] - p["y"]) / n
    dh = da * p["g"]
    du = dh / root - u * (dh * u).sum(axis=0) / (n * root**3)
    rest = {"g": (da * h).sum(axis=0), "b": da.sum(axis=0)}
    assert causes(lines, given, rest | {"W": (du - du.mean(axis=0)).T @ p["x"]}) == {}
    assert causes(lines, given, rest | {"W": du.T @ p["x"]}) == {
        "dW": "inherited from dm: all entries are 0"
    }


def test_a_filter_that_is_not_flipped() -> None:
    text = """
    input x[n<N, t<6]
    target y[n, t]
    parameter W[k<3], V[k]
    a[n,t] = sum_k W[k]*x[n,t+k-1]
    u[n,t] = sum_k V[k]*a[n,t+k-1]
    L = mean_n sum_t (u[n,t] - y[n,t])**2/2
    """
    lines = symnn.lines("\n".join(row.strip() for row in text.strip().splitlines()))
    rng = np.random.default_rng(0)
    given = {"x": rng.normal(size=(4, 6)), "y": rng.normal(size=(4, 6))}
    given |= {"W": rng.normal(size=3), "V": rng.normal(size=3)}

    def conv(v: Any, w: Any) -> Any:
        around = np.pad(v, ((0, 0), (1, 1)))
        return sum(w[k] * around[:, k : k + 6] for k in range(3))

    def by_weights(d: Any, v: Any) -> Any:
        around = np.pad(v, ((0, 0), (1, 1)))
        return np.array([(d * around[:, k : k + 6]).sum() for k in range(3)])

    a = conv(given["x"], given["W"])
    du = (conv(a, given["V"]) - given["y"]) / 4
    for flipped in (True, False):
        da = conv(du, given["V"][::-1] if flipped else given["V"])
        found = causes(lines, given, {"V": by_weights(du, a), "W": by_weights(da, given["x"])})
        assert set(found) == (set() if flipped else {"dW"}), str(found)
    assert found["dW"] == "inherited from da: V is read in the reverse order"


def test_the_command_takes_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines, given = example("rnn")
    _, grads = lines.derive().evaluate(given)
    arrays = {f"d{n}": g for n, g in grads.items()}
    np.savez(tmp_path / "own.npz", **given, **arrays)
    words = ["check", "rnn", "--against", str(tmp_path / "own.npz")]
    assert run(words) == 0
    assert "all 4 quantities are right" in capsys.readouterr().out
    np.savez(tmp_path / "own.npz", **given, **(arrays | {"dW": arrays["dW"].T}))
    assert run(words) == 4
    assert "first wrong: dW; likely cause: transposed" in capsys.readouterr().out
    assert run([*words, "--strict"]) == 2
    del given["x"]
    np.savez(tmp_path / "own.npz", **given, **arrays)
    assert run(words) == 2
    assert "x: missing" in capsys.readouterr().err
