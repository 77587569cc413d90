"""Scores of trained networks, and doubts about a run."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from symnn.cli.main import run
from symnn.nn.losses import LOSSES
from symnn.training.scores import doubts, scores


def unequal() -> tuple[Any, Any]:
    """Outputs and targets of scales that differ by 1000; the first output was not learned."""
    rng = np.random.default_rng(0)
    y = rng.normal(size=(50, 2)) * [1.0, 1000.0]
    return np.stack([0 * y[:, 0] + 0.1, y[:, 1] + 5 * rng.normal(size=50)], axis=1), y


def test_r2_is_the_mean_over_the_outputs() -> None:
    output, y = unequal()
    found = scores("numbers", output, y)
    first, second = (
        1 - ((output[:, j] - y[:, j]) ** 2).sum() / (y[:, j].var() * len(y)) for j in range(2)
    )
    assert found["r2_by_output"] == pytest.approx([first, second], rel=1e-12)
    assert first < 0 and second > 0.999
    assert found["r2"] == pytest.approx((first + second) / 2, rel=1e-12)


def test_r2_of_equal_targets_is_that_of_scikit_learn() -> None:
    """0.1 is no number of base 2, so its mean over 7 rows need not be 0.1."""
    y = np.column_stack([np.full(7, 0.1), np.full(7, 0.1), np.arange(7.0)])
    output = y + np.array([0.0, 1e-9, 1.0])
    found = scores("numbers", output, y)
    assert found["r2_by_output"] == [1.0, 0.0, pytest.approx(0.75)]
    assert (found["r2"], found["constant_outputs"]) == (pytest.approx(1.75 / 3), 2)
    assert scores("numbers", y[:1, :1], y[:1, :1]) == {"rmse": 0.0}


@pytest.mark.skipif(importlib.util.find_spec("sklearn") is None, reason="no scikit-learn")
def test_r2_agrees_with_scikit_learn() -> None:
    metrics = importlib.import_module("sklearn.metrics")
    output, y = unequal()
    y[:, 1] = 3.0
    found = scores("numbers", output, y)
    assert found["r2"] == pytest.approx(metrics.r2_score(y, output), rel=1e-12)
    by_output = metrics.r2_score(y, output, multioutput="raw_values")
    assert found["r2_by_output"] == pytest.approx(by_output, rel=1e-12)


CLASSES = np.eye(3)[[0, 1, 1, 2]]


FALLING = [2.0, 1.0]
TWO = [[0.0, 3.0], [2.0, 0.0]]
RUNS: list[tuple[Any, ...]] = [
    ("mse", [2.0, 1.0, 3.0], [[0.0], [1.0]], [[0.0], [1.0]], ["loss ended at 3, above the 2"]),
    ("mse", [1.0, 1.0 + 1e-9], [[0.0], [1.0]], [[0.0], [1.0]], []),
    ("mse", FALLING, [[5.0], [9.0]], [[0.0], [2.0]], ["R² is -36: worse than always answer"]),
    ("mse", FALLING, TWO, [[0.0, 0.0], [2.0, 2.0]], ["R² of output 2 is -5.5: worse"]),
    ("mse", FALLING, TWO, [[0.0, 7.0], [2.0, 7.0]], []),
    ("cross_entropy", FALLING, CLASSES[[1] * 4], CLASSES, ["50.00%, is no better than always"]),
    ("cross_entropy", FALLING, CLASSES[[1, 1, 1, 3]], CLASSES, []),
    ("cross_entropy", FALLING, CLASSES[[1, 1]], CLASSES[[1, 1]], []),
    ("binary_cross_entropy", FALLING, [[0.9], [0.9], [0.2]], [[0.0], [0.0], [1.0]],
     ["0.00%, is no better than always answering 0 (66.67%)"]),
    ("binary_cross_entropy", FALLING, [[0.9, 0.1], [0.9, 0.9]], [[1.0, 1.0], [1.0, 1.0]],
     ["50.00%, is no better than always answering 1, 1 (100.00%)"]),
]  # fmt: skip


@pytest.mark.parametrize(("loss", "history", "output", "y", "said"), RUNS)
def test_a_run_that_is_worth_nothing_says_so(
    loss: str, history: Any, output: Any, y: Any, said: Any
) -> None:
    kind = LOSSES[loss].targets
    found = doubts(kind, history, scores(kind, output, y), y)
    assert len(found) == len(said)
    assert all(part in text for part, text in zip(said, found, strict=True)), found


def spec(folder: Path, loss: str = "mse", units: int = 1, **train: Any) -> str:
    """A linear network on four rows of two features."""
    document = {
        "model": {"name": "small", "inputs": 2},
        "layers": [{"type": "dense", "units": units}],
        "loss": {"name": loss},
        "train": {"data": "rows.csv", "optimizer": "sgd", **train},
    }
    (folder / "small.json").write_text(json.dumps(document))
    return str(folder / "small.json")


def test_the_command_says_r2_by_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "rows.csv").write_text("a,b,c,d\n0,0,0,7\n0,1,1,7\n1,0,2,7\n1,1,3,7\n")
    words = ["train", spec(tmp_path, units=2, epochs=400, learning_rate=0.3), "--force"]
    assert run(words) == 0
    shown, warned = capsys.readouterr()
    assert ", R² 0.5 (by output 1, 0); the targets of 1 of 2 outputs are all equal" in shown
    assert "warning" not in warned
    assert run([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["train"]["r2_by_output"] == [pytest.approx(1.0), 0.0]
    assert found["train"]["constant_outputs"] == 1 and found["warnings"] == []
    history = json.loads((tmp_path / "small.history.json").read_text())
    assert history["train"] == found["train"]


def test_the_command_warns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "rows.csv").write_text("a,b,c\n0,0,0\n0,1,1\n1,0,1\n1,1,2\n")
    words = ["train", spec(tmp_path, epochs=9, learning_rate=3.0), "--force"]
    assert run(words) == 0
    warned = [line for line in capsys.readouterr().err.splitlines() if line[:8] == "warning:"]
    assert [line.split()[1] for line in warned] == ["the", "R²"]
    assert "above the" in warned[0] and "worse than always answering the mean" in warned[1]
    assert run([*words, "--json", "--quiet"]) == 0
    shown, said = capsys.readouterr()
    assert said == "" and [f"warning: {w}" for w in json.loads(shown)["warnings"]] == warned


def test_errors_that_overflow_after_the_last_step_are_a_divergence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The epoch before the one in which the loss itself is no longer finite."""
    (tmp_path / "rows.csv").write_text("a,b,c\n0,0,0\n0,1,1\n1,0,1\n1,1,0\n")
    assert run(["train", spec(tmp_path, epochs=99, learning_rate=1e5), "--force"]) == 3
    last = int(capsys.readouterr().err.split("in epoch ")[1].split(",")[0]) - 1
    found = run(["train", spec(tmp_path, epochs=last, learning_rate=1e5), "--force", "--json"])
    assert found == 3
    assert "the errors of the outputs after the last epoch overflow" in capsys.readouterr().err
    assert (tmp_path / "small.npz").exists()
