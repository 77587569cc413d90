"""What stands in the readable module in place of more general parts says the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import symnn
from symnn import Dense, Network

HEADERS = ["x1,x2,y", "y,x2,x1", "x1,y", "x1,x1,x2,y", "1,2,3", "a,b,c", ""]
TARGETS = [np.ones(3), np.ones((3, 1)), np.ones((3, 2)), np.ones(2), np.array(["a"] * 3), 1.0]


def said(call: Any, *args: Any) -> Any:
    """What a call returns, or the words of its refusal."""
    try:
        return [np.asarray(part).tolist() for part in call(*args)]
    except ValueError as error:
        return str(error)


@pytest.fixture(scope="module")
def modules() -> tuple[Any, Any]:
    """The readable module, with the shorter parts, and the planned one with the general ones."""
    net = symnn.load("xor")
    short, whole = net.compile(), net.compile("numpy-fast")
    assert not hasattr(short, "_with_scaling") and hasattr(whole, "_with_scaling")
    return short, whole


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("header", HEADERS)
def test_columns_are_found_alike(
    modules: tuple[Any, Any], header: str, training: bool, tmp_path: Path
) -> None:
    path = tmp_path / "data.csv"
    path.write_text(f"{header}\n" + "1,2,3,4\n"[: 2 * len(header.split(",")) - 1] + "\n")
    short, whole = (said(module._read, str(path), training) for module in modules)
    assert short == whole


@pytest.mark.parametrize("y", TARGETS)
def test_targets_are_taken_alike(modules: tuple[Any, Any], y: Any) -> None:
    short, whole = (said(module._targets, y, 3, np.dtype(float)) for module in modules)
    assert short == whole


def test_what_the_model_needs_is_there() -> None:
    net = Network(
        inputs=2,
        layers=[Dense(2, "softmax")],
        loss="cross_entropy",
        train={"standardize": True},
    )
    module = net.compile()
    assert hasattr(module, "_with_scaling") and module.STANDARDIZE
    with pytest.raises(ValueError, match="labels must be whole numbers 0 to 1"):
        module._targets(np.array([0, 2]), 2, np.dtype(float))
