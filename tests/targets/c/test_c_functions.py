"""The functions that C files carry, against mpmath: at most 4 ulp off, anywhere."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
from test_c_target import compiled, pytestmark  # noqa: F401

from symnn import Dense, Network
from symnn.engine.erfc import erfc
from symnn.targets.c.functions import VECTORS
from symnn.targets.registry import generate_files

EXACT: dict[str, Callable[[Any], Any]] = {
    "exp": mpmath.exp,
    "expm1": mpmath.expm1,
    "tanh": mpmath.tanh,
    "log": mpmath.log,
    "log1p": mpmath.log1p,
    "erfc": mpmath.erfc,
}
# a network that needs all of them
FORMULAS = {"one": "tanh(x) + exp(-x)", "two": "log(1 + x**2)"}
CALLS = "\n".join(
    f"void call_{f}(const net_real *x, net_real *y, size_t n)\n"
    f"{{\n    EACH(i, n)\n        y[i] = real_{f}(x[i]);\n}}"
    for f in VECTORS
)
ULPS = dict.fromkeys(VECTORS, 4) | {"erfc": 12}


@pytest.fixture(scope="module", params=["-O2", "-O1 -std=c11"])
def functions(request: pytest.FixtureRequest, tmp_path_factory: Any) -> Any:
    """(name, numbers) -> values, by the C code."""
    folder: Path = tmp_path_factory.mktemp("functions")
    layers = [
        Dense(2, "one"),
        Dense(2, "two"),
        Dense(2, "elu"),
        Dense(2, "gelu"),
        Dense(1, "sigmoid"),
    ]
    net = Network(inputs=2, layers=layers, loss="binary_cross_entropy", activations=FORMULAS)
    text = generate_files(net, "c")[".c"]
    (folder / "f.c").write_text(f"{text}\n{CALLS}\n")
    libraries = {}
    for bits in (32, 64):
        options = (*request.param.split(), "-march=native", "-DNET_LIBRARY", f"-DNET_BITS={bits}")
        compiled(*options, "-shared", "-fPIC", folder / "f.c", "-o", folder / f"{bits}.so", "-lm")
        libraries[bits] = ctypes.CDLL(str(folder / f"{bits}.so"))

    def call(name: str, x: Any) -> Any:
        y = np.empty_like(x)
        pointers = (ctypes.c_void_p(v.ctypes.data) for v in (x, y))
        getattr(libraries[x.itemsize * 8], f"call_{name}")(*pointers, ctypes.c_size_t(len(x)))
        return y

    return call


def points(name: str, dtype: Any) -> Any:
    rng = np.random.default_rng(0)
    small = 10.0 ** rng.uniform(-12, 0, 300) * rng.choice([-1, 1], 300)
    wide = 800.0 if dtype == np.float64 else 80.0
    values = np.concatenate([small, np.linspace(-wide, wide, 401), rng.uniform(-5, 5, 400), [0.0]])
    if name == "log":
        values = np.concatenate([np.abs(values[values != 0]), 10.0 ** rng.uniform(-37, 37, 300)])
    elif name == "log1p":
        values = values[values > -1]
    elif name in ("exp", "expm1"):
        values = values[values < (709.7 if dtype == np.float64 else 80.1)]
    return np.ascontiguousarray(values, dtype)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", VECTORS)
def test_values_are_those_of_mpmath(functions: Any, name: str, dtype: Any) -> None:
    x = points(name, dtype)
    found = functions(name, x)
    smallest = np.finfo(dtype).tiny
    with mpmath.workdps(40):
        for at, value in zip(x, found, strict=True):
            exact = EXACT[name](mpmath.mpf(float(at)))
            ulp = float(np.spacing(np.abs(dtype(float(exact)))))
            off = abs(mpmath.mpf(float(value)) - exact)
            assert off <= max(ULPS[name] * ulp, float(smallest)), (at, value, exact)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_what_is_no_number_stays_so(functions: Any, dtype: Any) -> None:
    x = np.array([np.nan, np.inf, -np.inf, -1.0, 0.0, -0.0, 1e-40, -2.0], dtype)
    with np.errstate(all="ignore"):
        for name in VECTORS:
            expected = (erfc if name == "erfc" else getattr(np, name))(x)
            found = functions(name, x)
            np.testing.assert_array_equal(np.isnan(found), np.isnan(expected), err_msg=name)
            np.testing.assert_array_equal(np.isinf(found), np.isinf(expected), err_msg=name)
            np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-37, err_msg=name)
