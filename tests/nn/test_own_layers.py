"""Layers of the user's own: their lines in a spec, in blocks, shared, and called."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import symnn
from symnn.api import Lines
from symnn.io.errors import SpecError
from symnn.spec.reader import load_model
from symnn.spec.sections import LinesSpec

HIGHWAY = """
parameter H[j<6, i], T[j, i]
parameter c[j] of bias = normal(0.5)
h[n,j] = tanh(sum_i H[j,i]*x[n,i])     # what is new
t[n,j] = sigmoid(sum_i T[j,i]*x[n,i] + c[j])
o[n,j] = t[n,j]*h[n,j] + (1 - t[n,j])*x[n,j]
"""
BILINEAR = "parameter B[o<2, i, j]\nz[n,o] = sum_{i,j} B[o,i,j]*x_1[n,i]*x_2[n,j]"
Spec = dict[str, Any]


def lines_of(*layers: Spec, shape: tuple[int | str, ...] = (4,), **more: Any) -> Lines:
    spec = {"inputs": {"x": {"shape": list(shape)}}, "layers": list(layers), **more}
    found = load_model({"loss": {"name": "mse"}, **spec})
    assert isinstance(found, LinesSpec)
    return Lines(found)


def own(lines: str, **fields: Any) -> Spec:
    return {"type": "lines", "lines": lines, **fields}


def dense(units: int = 6, **fields: Any) -> Spec:
    return {"type": "dense", "units": units, **fields}


def run(net: Lines, y: tuple[int, ...] = (3, 2)) -> tuple[Any, dict[str, Any], Any]:
    """The module, parameters, and an input; the module's gradients are those of the lines."""
    module, rng = net.compile(), np.random.default_rng(3)
    shape = [3, *(n for n in module.INPUTS["x"] if isinstance(n, int))]
    x, target = rng.normal(size=shape), rng.normal(size=y)
    params = {name: rng.normal(size=s) for name, s in module.PARAMETERS.items()}
    loss, found = module.loss_and_gradients(params, x, target)
    value, wanted = net.derive().evaluate({**params, "x": x, "y": target})
    assert loss == pytest.approx(value, rel=1e-12)
    for name in wanted:
        assert np.abs(found[name] - wanted[name]).max() < 1e-11
    assert net.derive().verify().ok
    return module, params, x


def test_highway_blocks_are_what_they_say() -> None:
    block = {"repeat": 3, "block": [own(HIGHWAY)]}
    net = lines_of(dense(activation="tanh"), block, dense(2), loss={"name": "mse", "l2": 0.1})
    module, p, x = run(net)
    assert [*net.parameters][:5] == ["A_1", "b_1", "H_2", "T_2", "c_2"]
    assert "l2/2*sum_{j,i2} H_4[j,i2]**2" in net.spec.text and "c_4[j]**2" not in net.spec.text
    assert module.INITIAL["c_3"] == ("normal", 0.5)
    h = np.tanh(x @ p["A_1"].T + p["b_1"])
    for k in (2, 3, 4):
        t = 1 / (1 + np.exp(-(h @ p[f"T_{k}"].T + p[f"c_{k}"])))
        h = t * np.tanh(h @ p[f"H_{k}"].T) + (1 - t) * h
    assert np.abs(module.predict(p, x) - h @ p["A_5"].T - p["b_5"]).max() < 1e-12
    assert "for k in range(2, 5):" in net.generate()


def test_several_values_states_masks_loops_and_own_functions() -> None:
    net = lines_of(
        dense(3, name="a"),
        dense(5, name="b", **{"from": "x"}),
        own(BILINEAR, **{"from": ["a", "b"]}),
    )
    module, p, x = run(net)
    a, b = (x @ p[f"A_{k}"].T + p[f"b_{k}"] for k in (1, 2))
    expected = np.einsum("oij,ni,nj->no", p["B_3"], a, b)
    assert np.abs(module.predict(p, x) - expected).max() < 1e-12
    text = """
    state m[i] = 0
    mask d[n<N, i] keep 0.5
    noise e[n, i]
    hyperparameter rate = 0.1
    c[i] = mean_n x[n,i]
    m_next[i] = (1 - rate)*m[i] + rate*c[i]
    z[n,i] = (x[n,i] - c[i])*d[n,i] + e[n,i]
    predict c[i] = m[i]
    """
    net = lines_of(dense(2), own(text), own(text), dense(2))
    module = net.compile()
    assert {"m_1", "m_1_2"} & module.PARAMETERS.keys()
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(6, 4)) + 3, rng.normal(size=(6, 2))
    params, history = module.train(x, y, epochs=3)
    assert np.isfinite(history).all() and np.abs(params["m_1"]).max() > 0
    smooth = "for t:\n  h[n,t,c] = bend(x[n,t,c] + h[n,t-1,c]/2)"
    net = lines_of(
        own(smooth), {"type": "flatten"}, dense(2), shape=("t:5", "c:3"),
        activations={"bend": "x/(1 + x**2)"},
    )  # fmt: skip
    run(net)


def test_shared_and_called() -> None:
    twice = [own("parameter W[j<4, i]\nz[n,j] = sum_i W[j,i]*tanh(x[n,i])", name="w")]
    net = lines_of(*twice, own(twice[0]["lines"], share="w"), dense(2))
    assert [*net.parameters] == ["W_1", "A_2", "b_2"]
    module, p, x = run(net)
    z = np.tanh(np.tanh(x) @ p["W_1"].T) @ p["W_1"].T
    assert np.abs(module.predict(p, x) - z @ p["A_2"].T - p["b_2"]).max() < 1e-12
    same, x = symnn.layers.Lines(twice[0]["lines"]), symnn.Input("x", i=4)
    called = symnn.network(symnn.Dense(2)(same(same(x))))
    assert called.spec.text == net.spec.text


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("z[n,j] = x[n,j]*w[n,j]", 'layers[1]: line 1, column 17: there is no "w"'),
        ("\nz[n,j] = y[n,j]", "layers[1]: line 2, column 10: "),
        (
            "z[n] = x[n,i]",
            "layers[1]: line 1, column 12: the index i is neither on the left",
        ),
        ("z[n] = sum_i x[n,i,1]", "layers[1]: line 1, column 14: "),
        ("x[n,i] = 1", "layers[1]: x is what comes in: take another name"),
        ("parameter W[i<6]", "layers[1]: no equation computes what goes out"),
        ("input u[n<N]\nz[n,i] = x[n,i]*u[n]", "layers[1]: a layer declares parameter, state"),
        ("L = mean_{n,i} x[n,i]", "layers[1]: what goes out has the samples n first"),
        ("  z[n,i] = x[n,i]^2", 'layers[1]: line 1, column 18: the character "^"'),
        ("z[n,i] = = x[n,i]", "layers[1]: line 1, column 10: "),
        ("parameter W[j<20000, k<20000]\nz[n,j] = sum_{i,k} W[j,k]*x[n,i]", "large"),
        ("parameter W[j<J, i]\nz[n,j] = sum_i W[j,i]*x[n,i]", "J"),
        ("parameter W[j<20000, k<20000]\nz[n,j] = sum_{i,k} W[j,k]*x[n,i]", "too large"),
    ],
)
def test_mistakes_name_the_layer_and_the_line(lines: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        lines_of(dense(), own(lines), dense(2)).compile()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_figure_has_a_box_for_each() -> None:
    block = {"repeat": 8, "block": [own(HIGHWAY, name="highway")]}
    drawn = re.sub("<[^>]+>", "", lines_of(dense(), block, dense(2))._repr_svg_())
    assert "lines_1" in drawn and "lines_2" not in drawn  # eight of them in one frame
