"""Networks of any shape are trained on built-in and on held-out data, and scored."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from symnn.cli.main import run
from symnn.data.datasets import load_data
from symnn.training.scores import scores


def spec(folder: Path, *layers: dict[str, Any], **tables: Any) -> str:
    """A spec of these layers."""
    document = {"model": {"name": "small"}, "layers": [*layers], **tables}
    (folder / "small.json").write_text(json.dumps(document))
    return str(folder / "small.json")


def dense(units: int, activation: str = "linear", **more: Any) -> dict[str, Any]:
    return {"type": "dense", "units": units, "activation": activation, **more}


def said(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def refused(capsys: pytest.CaptureFixture[str], path: str, *words: str) -> str:
    """The one message of a run that ends with 2."""
    capsys.readouterr()
    assert run(["train", path, "--force", *words]) == 2
    shown, text = capsys.readouterr()
    assert shown == "" and len(text.splitlines()) == 1, text
    return text


def test_digits_are_read_by_rows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["train", "digits_rows", "--epochs", "3", "--json"]) == 0
    found = said(capsys)
    assert found["test"]["accuracy"] > 0.85 and found["train"]["accuracy"] > 0.85
    assert 0.1 < found["test"]["log_loss"] < 0.5
    history = json.loads((tmp_path / "digits_by_rows.history.json").read_text())
    assert history["samples"] == {"train": 1437, "test": 360}
    # what the command says is what the module gives
    namespace: dict[str, Any] = {"__name__": "digits"}
    exec((tmp_path / "digits_by_rows.py").read_text(), namespace)
    data = load_data("digits", inputs=64, outputs=1)
    held = np.sort(np.random.default_rng(0).permutation(1797)[:360])
    with np.load(tmp_path / "digits_by_rows.npz") as weights:
        p = namespace["predict"](dict(weights), data.x[held].reshape(-1, 8, 8))
    labels = data.y[held, 0].astype(int)
    assert found["test"]["accuracy"] == (p.argmax(axis=1) == labels).mean()
    logs = -np.log(p[np.arange(360), labels])
    assert found["test"]["log_loss"] == pytest.approx(logs.mean(), rel=1e-12)


def test_rows_of_a_file_become_images(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And a part of them is held out, by the seed of the spec."""
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(20, 12)), rng.integers(0, 3, 20)
    header = ",".join([*(f"p{k}" for k in range(12)), "kind"])
    rows = np.column_stack([x, y])
    np.savetxt(tmp_path / "images.csv", rows, delimiter=",", header=header, comments="")
    layers = ({"type": "conv2d", "filters": 2, "kernel": 2}, {"type": "flatten"})
    path = spec(
        tmp_path,
        *layers,
        dense(3, "softmax"),
        inputs={"x": {"shape": [3, 4, 1]}},
        loss={"name": "cross_entropy"},
        train={"data": "images.csv", "test_fraction": 0.25, "epochs": 2},
    )
    assert run(["train", path, "--json"]) == 0
    assert said(capsys)["test"].keys() == {"accuracy", "log_loss"}
    history = json.loads((tmp_path / "small.history.json").read_text())
    assert history["samples"] == {"train": 15, "test": 5}
    np.savez(tmp_path / "images.npz", x=x.reshape(20, 3, 4, 1), y=y)
    assert run(["train", path, "--data", str(tmp_path / "images.npz"), "--force", "--json"]) == 0
    assert said(capsys)["loss"] == pytest.approx(history["loss"][-1], rel=1e-12)


def test_several_losses_have_scores_by_the_names_of_layers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(30, 2))
    np.savez(tmp_path / "two.npz", x=x, kind=rng.integers(0, 2, 30), age=x @ [[1.0], [2.0]])
    path = spec(
        tmp_path,
        dense(4, "tanh", name="body"),
        dense(2, "softmax", name="kind"),
        dense(1, name="age", **{"from": "body"}),
        inputs={"x": {"shape": [2]}},
        losses=[
            {"name": "cross_entropy", "of": "kind", "labels": True},
            {"name": "mse", "of": "age"},
        ],
        train={"data": "two.npz", "epochs": 300, "learning_rate": 0.2},
    )
    assert run(["train", path]) == 0
    shown = capsys.readouterr().out
    assert "train     kind: accuracy " in shown and "; age: root mean square error " in shown
    assert run(["train", path, "--force", "--json"]) == 0
    found = said(capsys)
    assert found["train"]["age"]["r2"] > 0.4 and found["test"] == {}


def test_what_compares_no_layer_has_no_scores(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["train", "digits_vae", "--epochs", "2", "--json"]) == 0
    found = said(capsys)
    assert found["train"] == {} and found["loss"] < 40


@pytest.mark.parametrize(
    ("loss", "final", "values", "text"),
    [
        ("binary_cross_entropy", "sigmoid", [0, 1, 2], "y holds 2.0, which is not in 0..1"),
        ("binary_cross_entropy", "sigmoid", [1, -1, 1], "for labels -1 and 1 write (y + 1)/2"),
        ("hinge", "linear", [0, 1, 1], "which is not -1 or 1; for labels 0 and 1 write 2*y - 1"),
        ("hinge", "linear", [0.5, 1, -1], "y holds 0.5, which is not -1 or 1"),
        ("poisson", "linear", [0, 3, -1], "y holds -1.0, which is below 0"),
    ],
)
def test_targets_that_a_loss_is_not_made_for(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    loss: str,
    final: str,
    values: list[float],
    text: str,
) -> None:
    np.savez(tmp_path / "d.npz", x=np.ones((3, 2)), y=np.array(values, float))
    path = spec(
        tmp_path,
        dense(1, final),
        inputs={"x": {"shape": [2]}},
        loss={"name": loss},
        train={"data": "d.npz"},
    )
    assert text in refused(capsys, path)
    np.savez(tmp_path / "d.npz", x=np.ones((3, 2)), y=np.ones(3))
    assert run(["train", path, "--epochs", "2"]) == 0


@pytest.mark.parametrize(
    ("shape", "labels", "train", "text"),
    [
        ([32], True, {"data": "digits"}, "65 columns; x takes 32, what is to be predicted 1"),
        ([8, 8], True, {"data": "digits", "target": "y"}, "is of chains of dense layers"),
        ([8, 8], True, {"data": "digits", "test_fraction": 0.9999}, "leaves nothing to train on"),
    ],
)
def test_data_that_do_not_fit(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    shape: list[int],
    labels: bool,
    train: dict[str, Any],
    text: str,
) -> None:
    path = spec(
        tmp_path,
        {"type": "flatten"},
        dense(10, "softmax"),
        inputs={"x": {"shape": shape}},
        loss={"name": "cross_entropy", "labels": labels},
        train=train,
    )
    assert text in refused(capsys, path)


def test_builtin_data_have_one_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "input x[n<N, i<4], u[n, k<2]\nparameter A[i], b[k]\n"
    text += "L = mean_n (sum_i A[i]*x[n,i] + sum_k b[k]*u[n,k])**2\n"
    (tmp_path / "two.lines").write_text(text)
    path = str(tmp_path / "two.lines")
    assert "one input and one target" in refused(capsys, path, "--data", "iris")


@pytest.mark.parametrize(
    ("kind", "output", "y", "wanted"),
    [
        ("labels", [[[0.9, 0.1], [0.4, 0.6]]], [[0, 0]], {"accuracy": 0.5}),
        ("signs", [[0.3], [-2.0]], [[1], [1]], {"accuracy": 0.5}),
        ("unit", [[[0.9], [0.2]]], [[[1], [0]]], {"accuracy": 1.0}),
        ("counts", [[0.0], [np.log(3.0)]], [[1.0], [3.0]], {"rmse": 0.0, "r2": 1.0}),
    ],
)
def test_scores_of_every_kind_of_target(
    kind: str, output: Any, y: Any, wanted: dict[str, float]
) -> None:
    found = scores(kind, output, y)
    assert {k: found[k] for k in wanted} == pytest.approx(wanted, abs=1e-12)


def test_log_loss_is_that_of_the_loss() -> None:
    p = np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]])
    rows, labels = np.eye(3)[[0, 1]], np.array([0, 1])
    wanted = -np.log([0.7, 0.1]).mean()
    assert scores("distribution", p, rows)["log_loss"] == pytest.approx(wanted)
    assert scores("labels", p, labels)["log_loss"] == pytest.approx(wanted)
    yes = scores("unit", p[:, :1], rows[:, :1])["log_loss"]
    assert yes == pytest.approx(-np.log([0.7, 0.9]).mean())
    assert np.isfinite(scores("labels", [[0.0, 1.0]], [0])["log_loss"])
