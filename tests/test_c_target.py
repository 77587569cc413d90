"""The C target: equal to the NumPy module, and fit for embedding."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from symnn import Dense, Dropout, Network
from symnn.emit import generate_files
from tests.test_networks import leaves_of, module_gradients, random_network

COMPILER = next((c for c in ("cc", "gcc", "clang") if shutil.which(c)), "")
pytestmark = pytest.mark.skipif(not COMPILER, reason="no C compiler (cc, gcc or clang)")
WARNINGS = ("-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic")
OPTIMIZERS: tuple[dict[str, Any], ...] = (
    {"optimizer": "sgd"},
    {"optimizer": "sgd", "momentum": 0.9},
    {"optimizer": "adam", "learning_rate": 0.01},
    {"optimizer": "rmsprop", "learning_rate": 0.01},
)


def compiled(*arguments: str | Path) -> None:
    """Run the compiler; its messages are in the error."""
    done = subprocess.run([COMPILER, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[:3000]


def written(net: Network, folder: Path, **options: Any) -> Path:
    """The C file of a network, with its header beside it."""
    for suffix, text in generate_files(net, "c", **options).items():
        (folder / f"net{suffix}").write_text(text)
    return folder / "net.c"


def error(found: Any, expected: Any) -> float:
    """The largest error of a gradient, scaled."""
    scale = max(1.0, float(np.abs(expected).max()))
    return float(np.abs(found - expected).max()) / scale


# gradients -------------------------------------------------------------------------------


def test_gradients_equal_those_of_the_numpy_module(network_seed: int) -> None:
    net = random_network(network_seed)
    values = leaves_of(net, np.random.default_rng([network_seed, 3]))
    plain, fast = net.compile(), net.compile(target="c")
    loss, expected = module_gradients(net, plain, values)
    found_loss, found = module_gradients(net, fast, values)
    assert found_loss == pytest.approx(loss, rel=1e-12)
    assert list(found) == list(expected)
    for name, gradient in expected.items():
        assert error(found[name], gradient) < 1e-12, f"{name} of {net!r}"
    params = {name: values[name] for name in net.parameters}
    output = fast.predict(params, values["x"])
    np.testing.assert_allclose(output, plain.predict(params, values["x"]), rtol=1e-12, atol=1e-14)
    single = {k: v.astype(np.float32) for k, v in values.items()}
    found_loss, found = module_gradients(net, fast, single)
    assert found_loss == pytest.approx(loss, rel=1e-3)
    for name, gradient in expected.items():
        assert found[name].dtype == np.float32
        assert error(found[name], gradient) < 1e-4, f"{name} of {net!r} in float32"
