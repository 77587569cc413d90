"""Right work is right in every convention; a mix of them is a mistake, and said to be one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.submissions import Own, own, right

import symnn
from symnn.cli.main import run

TWO = [(4, "tanh"), (2, "linear")]
SQUARE = [(3, "tanh"), (3, "tanh"), (3, "linear")]
CLASSES = [(4, "relu"), (3, "softmax")]


@pytest.mark.parametrize("seed", range(100))
def test_no_right_submission_is_called_wrong(seed: int) -> None:
    made = right(seed)
    found = made.net.compare(*made.arguments)
    assert found.ok, f"{made.words}\n{found}"


def errors(made: Own) -> list[str]:
    return [name for name in made.grads if name[1] in "za"]


def weights(made: Own) -> list[str]:
    return [name for name in made.grads if name[1] == "A"]


def turn(arrays: dict[str, Any], names: list[str]) -> dict[str, Any]:
    return {n: a.T if n in names else a for n, a in arrays.items()}


@pytest.mark.parametrize("layers", [TWO, SQUARE])
def test_samples_may_be_columns(layers: list[tuple[int, str]]) -> None:
    made = own(layers, "mse", samples=3 if layers is SQUARE else 6)
    grads = turn(made.grads, errors(made))
    found = made.net.compare(grads, made.params, made.x.T, made.y.T)
    assert found.ok and found.convention == "the samples are columns", str(found)
    found = made.net.compare(grads, made.params, made.x, made.y)
    assert found.ok and found.convention == "the samples are columns in the gradients", str(found)


@pytest.mark.parametrize("layers", [TWO, SQUARE])
def test_weights_may_be_in_out(layers: list[tuple[int, str]]) -> None:
    made = own(layers, "mse")
    params = turn(made.params, [n for n in made.params if n[0] == "A"])
    found = made.net.compare(turn(made.grads, weights(made)), params, made.x, made.y)
    assert found.ok and found.convention == "weights and their gradients are (in, out)", str(found)


@pytest.mark.parametrize("layers", [TWO, SQUARE])
def test_gradients_that_do_not_go_with_their_weights_are_transposed(layers: Any) -> None:
    made = own(layers, "mse")
    found = made.net.compare(turn(made.grads, weights(made)), made.params, made.x, made.y)
    assert {row.quantity for row in found.rows if not row.ok} == set(weights(made))
    assert found.first is not None and found.first.cause.startswith("transposed"), str(found)


def test_one_that_has_the_samples_otherwise_is_a_mix() -> None:
    made = own(TWO, "mse")
    grads = turn(made.grads, ["dz_1"])
    found = made.net.compare(grads, made.params, made.x, made.y)
    assert [row.cause for row in found.rows if not row.ok] == [
        "mixed conventions: with the samples as columns, "
        "where dz_2 and da_1 are with the samples as rows"
    ]


@pytest.mark.parametrize(("layers", "loss"), [(CLASSES, "cross_entropy"), (
    [(4, "relu"), (2, "sigmoid")], "binary_cross_entropy")])  # fmt: skip
def test_the_gradient_of_the_output_may_be_that_of_its_logits(layers: Any, loss: str) -> None:
    made = own(layers, loss)
    made.grads["da_2"] = made.grads.pop("dz_2")
    found = made.compared()
    assert found.ok, str(found)
    assert found.convention == "da_2 is the gradient by the scores z_2, as of logits"
    made.grads["dA_2"] = -made.grads["dA_2"]
    found = made.compared()
    assert found.first is not None
    assert (found.first.quantity, found.first.cause) == ("dA_2", "opposite sign"), str(found)


def test_the_whole_mean_may_stand_in_the_parameters() -> None:
    made = own(TWO, "mse", l2=0.1)
    scaled = {n: 12 * g if n in errors(made) else g for n, g in made.grads.items()}
    found = made.net.compare(scaled, made.params, made.x, made.y)
    assert found.ok and "N m = 12 times those of the batch's mean" in found.convention, str(found)
    assert "1/(N m) stands in the gradients of the parameters" in found.convention


# the scale of the loss -----------------------------------------------------------------------


def summed() -> Own:
    """Gradients of the sum, where the loss is a mean over samples and components."""
    made = own(TWO, "mse")
    made.grads = {n: 12 * g for n, g in made.grads.items()}
    return made


def test_another_scale_of_the_loss_is_a_mistake_unless_it_is_stated() -> None:
    found = summed().compared()
    assert not found.ok and found.first is not None
    assert found.first.cause == (
        "every gradient is N m = 12 times; right for the loss without 1/(N m)"
    )
    for stated in (12, "12", "N m", "N*m"):
        found = summed().compared(loss_scale=stated)
        assert found.ok, str(found)
        assert found.convention == "the loss and every gradient are 12 times the spec's"


def test_the_loss_tells_its_scale() -> None:
    made = summed()
    loss = float(((made.a[2] - made.y) ** 2).sum())
    made.grads["L"] = loss
    found = made.compared()
    assert found.ok and found.rows[0].quantity == "L", str(found)
    assert found.convention == "the loss and every gradient are 12 times the spec's"
    made.grads["L"] = loss / 2
    found = made.compared()
    assert not found.ok and found.first is not None, str(found)
    assert (found.first.quantity, found.first.cause) == ("L", "6 times the loss")


@pytest.mark.parametrize("stated", [0, -1, "much", "1/0", np.inf])
def test_a_scale_is_a_positive_number(stated: Any) -> None:
    with pytest.raises(symnn.SpecError, match="loss_scale: must be a positive number, not"):
        summed().compared(loss_scale=stated)


# strict ------------------------------------------------------------------------------------


def test_strict_takes_the_notation_of_the_spec_alone() -> None:
    made = own(TWO, "mse")
    assert made.compared(strict=True).ok
    grads = turn(made.grads, errors(made))
    assert not made.net.compare(grads, made.params, made.x, made.y, strict=True).ok
    ng = symnn.Network(
        inputs=3,
        layers=[symnn.Dense(4, "tanh"), symnn.Dense(2)],
        loss="mse",
        notes={"notation": "ng"},
    )
    each = {n: 6 * g.T if n in errors(made) else g for n, g in made.grads.items()}
    assert ng.compare(each, made.params, made.x.T, made.y.T, strict=True).ok
    assert not ng.compare(made.grads, made.params, made.x, made.y, strict=True).ok


# bad input -----------------------------------------------------------------------------------


def test_weights_that_contradict_each_other_are_told() -> None:
    made = own([(4, "tanh"), (2, "linear")], "mse")
    params = turn(made.params, ["A_1"])
    with pytest.raises(symnn.SpecError) as caught:
        made.net.compare(made.grads, params, made.x, made.y)
    assert str(caught.value) == (
        'compare: params["A_1"]: has the shape (3, 4), expected (4, 3): '
        "is (in, out), A_2 (out, in); weights have one convention"
    )


@pytest.mark.parametrize(
    ("name", "meant"),
    [("W1", "dA_1"), ("dW_2", "dA_2"), ("dZ2", "dz_2"), ("delta_1", "dz_1"), ("db1", "db_1")],
)
def test_a_name_of_another_notation_is_told_the_nearest(name: str, meant: str) -> None:
    made = own(TWO, "mse")
    made.grads[name] = made.grads["dA_1"]
    with pytest.raises(symnn.SpecError, match=f"no such gradient; did you mean '{meant}'"):
        made.compared()


def test_the_command_states_the_scale(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = summed()
    layers = [{"type": "dense", "units": u, "activation": f} for u, f in TWO]
    spec = {"model": {"inputs": 3}, "layers": layers, "loss": {"name": "mse"}}
    (tmp_path / "own.json").write_text(json.dumps(spec))
    np.savez(tmp_path / "own.npz", x=made.x, y=made.y, **made.params, **made.grads)
    words = ["check", str(tmp_path / "own.json"), "--against", str(tmp_path / "own.npz")]
    assert run(words) == 4
    assert run([*words, "--loss-scale", "N*m"]) == 0
    assert run([*words, "--loss-scale", "N*m", "--strict"]) == 0
    assert run([*words, "--loss-scale", "x"]) == 2
    assert run([*words[:2], "--strict"]) == 2
    assert "--strict needs --against" in capsys.readouterr().err


def test_the_command_compares_a_class(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = own(TWO, "mse")
    layers = [{"type": "dense", "units": u, "activation": f} for u, f in TWO]
    spec = {"model": {"inputs": 3}, "layers": layers, "loss": {"name": "mse"}}
    (tmp_path / "own.json").write_text(json.dumps(spec))
    same = {"x": made.x, "y": made.y, **made.params, **made.grads}
    names = {n: str(tmp_path / f"{n}.npz") for n in ("ada", "bob", "eve")}
    np.savez(names["ada"], **same)
    np.savez(names["bob"], **same | {"dA_1": -made.grads["dA_1"]})
    np.savez(names["eve"], **{n: a for n, a in same.items() if n != "dA_1"})
    words = ["check", str(tmp_path / "own.json"), "--against", names["ada"], names["bob"]]
    assert run([*words, "--csv"]) == 4
    assert capsys.readouterr().out.splitlines() == [
        "file,ok,first,cause,convention,error",
        f"{names['ada']},yes,,,,",
        f"{names['bob']},no,dA_1,opposite sign,,",
    ]
    assert run(words) == 4
    assert capsys.readouterr().out.splitlines() == [
        f"{names['ada']}: all 7 quantities are right",
        f"{names['bob']}: first wrong: dA_1; likely cause: opposite sign",
    ]
    assert run([*words, "--against", names["eve"], "--json"]) == 2
    rows = {row["file"]: row for row in json.loads(capsys.readouterr().out)["comparisons"]}
    assert "missing" in rows[names["eve"]]["error"] and rows[names["ada"]]["ok"]
    assert (rows[names["bob"]]["first"], rows[names["bob"]]["cause"]) == ("dA_1", "opposite sign")
    assert run(["check", "--against", names["ada"], names["bob"]]) == 2
    assert "Missing argument" in capsys.readouterr().err
    assert run([*words[:2], "--csv"]) == 2
