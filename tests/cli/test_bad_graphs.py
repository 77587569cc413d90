"""Networks of any shape that are wrong, and data that do not fit them: one message, exit 2."""

from __future__ import annotations

import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from symnn.cli.main import main

CASES = json.loads(Path(__file__).with_name("bad_graphs.json").read_text("utf-8"))["cases"]
BY_ID = {case["id"]: case for case in CASES}


def told(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    """The messages of a command that ends with 2, and wrote nothing on standard output."""
    with pytest.raises(SystemExit) as caught:
        main(list(words))
    out, err = capsys.readouterr()
    assert (caught.value.code, out) == (2, ""), err
    rows: list[str] = err.splitlines()
    assert rows and max(map(len, rows)) <= 400, err
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", "".join(rows))
    return rows


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", BY_ID)
def test_a_spec(name: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = BY_ID[name]
    Path("bad.toml").write_text(case["text"], encoding="utf-8")
    place = f"bad.toml:{case['line']}: " if case["line"] else "bad.toml: "
    for command in ("generate", "check"):
        rows = told(capsys, command, "bad.toml")
        assert len(rows) == case["messages"]
        assert rows[0].startswith(place) and case["mentions"] in rows[0]
    assert [p.name for p in folder.iterdir()] == ["bad.toml"]


CONVOLUTION = """
[inputs.x]
shape = ["t:4", "c:2"]
[[layers]]
type = "conv1d"
filters = 3
kernel = 2
[[layers]]
type = "flatten"
[[layers]]
type = "dense"
units = 2
[loss]
name = "mse"
"""
TOKENS = """
[inputs.x]
shape = ["t:4"]
of = 5
[[layers]]
type = "embedding"
units = 2
[[layers]]
type = "flatten"
[[layers]]
type = "dense"
units = 2
activation = "softmax"
[loss]
name = "cross_entropy"
"""
LINES = """
input x[n<N, i<2]
target y[n]
parameter c[i]
z[n] = sum_i c[i]*x[n,i]
L = mean_n (z[n] - y[n])**2
"""
SPECS = {
    "conv": ("bad.toml", CONVOLUTION),
    "tok": ("bad.toml", TOKENS),
    "lin": ("bad.lines", LINES),
}

_rng = np.random.default_rng(0)
X, Y = _rng.normal(size=(5, 4, 2)), _rng.normal(size=(5, 2))
T, K = _rng.integers(5, size=(5, 4)), _rng.integers(2, size=5)
F, V = _rng.normal(size=(5, 2)), _rng.normal(size=5)


def having(array: Any, value: Any) -> Any:
    """The array with the value in its third place."""
    out = np.array(array, dtype=complex if isinstance(value, complex) else float)
    out.flat[2] = value
    return out


def header(shape: tuple[int, ...]) -> bytes:
    """An .npz whose arrays say a shape, and hold nothing."""
    array, file = io.BytesIO(), io.BytesIO()
    fields = {"descr": "<f8", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(array, fields)
    with zipfile.ZipFile(file, "w") as archive:
        for name in ("x", "y"):
            archive.writestr(f"{name}.npy", array.getvalue())
    return file.getvalue()


# what the data are, beside a spec: arrays of an .npz, the bytes of one, or a .csv's text
DATA: dict[str, tuple[str, Any, str]] = {
    "no-x": ("conv", {"y": Y}, "x is not there; the file holds 'y'"),
    "no-y": ("conv", {"x": X}, "y is not there; the file holds 'x'"),
    "nothing": ("conv", {}, "x is not there; the file holds nothing"),
    "rank": ("conv", {"x": X[0], "y": Y}, "x must have the shape (N, 4, 2), not (4, 2)"),
    "scalar": ("conv", {"x": 1.0, "y": Y}, "x must have the shape (N, 4, 2), not ()"),
    "steps": ("conv", {"x": X[:, :3], "y": Y}, "(N, 4, 2), not (5, 3, 2)"),
    "channels-first": ("conv", {"x": X.swapaxes(1, 2), "y": Y}, "(N, 4, 2), not (5, 2, 4)"),
    "counts": ("conv", {"x": X, "y": Y[:4]}, "y must have the shape (5, 2), not (4, 2)"),
    "target": ("conv", {"x": X, "y": Y[:, :1]}, "y must have the shape (5, 2), not (5, 1)"),
    "no-samples": ("conv", {"x": X[:0], "y": Y[:0]}, "(N, 4, 2), not (0, 4, 2)"),
    "nan": ("conv", {"x": having(X, np.nan), "y": Y}, "x holds a value that is not finite"),
    "inf": ("conv", {"x": X, "y": having(Y, np.inf)}, "y holds a value that is not finite"),
    "objects": ("conv", {"x": np.array([[1], [2, 3]], object), "y": Y}, "is refused"),
    "text": ("conv", {"x": X.astype(str), "y": Y}, "is not a real number"),
    "complex": ("conv", {"x": having(X, 1j), "y": Y}, "is not a real number"),
    "structured": ("conv", {"x": np.zeros(5, [("a", float)]), "y": Y}, "is not a real number"),
    "dates": ("conv", {"x": X.astype("M8[s]"), "y": Y}, "is not a real number"),
    "no-zip": ("conv", b"hello", "not an .npz file"),
    "empty-file": ("conv", b"", "not an .npz file"),
    "huge-header": ("conv", header((10**12, 4, 2)), "the header promises"),
    "few-columns": ("conv", "a,b,c\n1,2,3\n", "3 columns are too few for x"),
    "token-too-large": ("tok", {"x": having(T, 5), "y": K}, "x holds 5.0; it must hold whole"),
    "token-negative": ("tok", {"x": having(T, -1), "y": K}, "whole numbers 0 to 4"),
    "token-half": ("tok", {"x": having(T, 0.5), "y": K}, "x holds 0.5"),
    "token-nan": ("tok", {"x": having(T, np.nan), "y": K}, "x holds nan"),
    "token-huge": ("tok", {"x": having(T, 1e300), "y": K}, "x holds 1e+300"),
    "empty-sequences": ("tok", {"x": T[:, :0], "y": K}, "(N, 4), not (5, 0)"),
    "short-sequences": ("tok", {"x": T[:, :3], "y": K}, "(N, 4), not (5, 3)"),
    "class-too-large": ("tok", {"x": T, "y": K + 1}, "y holds 2; it must hold whole"),
    "class-negative": ("tok", {"x": T, "y": K - 1}, "y holds -1"),
    "class-half": ("tok", {"x": T, "y": K + 0.5}, "whole numbers 0 to 1"),
    "shares-of-2": ("tok", {"x": T, "y": np.ones((5, 2))}, "y must sum to 1"),
    "shares-below-0": ("tok", {"x": T, "y": [[2.0, -1.0]] * 5}, "hold nothing below 0"),
    "shares-of-rank-3": ("tok", {"x": T, "y": np.ones((5, 2, 1))}, "y must have the shape (5, 2)"),
    "lines-no-y": ("lin", {"x": F}, "y is not there"),
    "lines-shape": ("lin", {"x": F[:, :1], "y": V}, "(N, 2), not (5, 1)"),
    "lines-rank": ("lin", {"x": F, "y": V[:, None, None]}, "(5,), not (5, 1, 1)"),
    "lines-counts": ("lin", {"x": F, "y": V[:3]}, "(5,), not (3,)"),
    "lines-nan": ("lin", {"x": having(F, np.nan), "y": V}, "x holds a value that is not finite"),
    "lines-empty": ("lin", {"x": F[:0], "y": V[:0]}, "(N, 2), not (0, 2)"),
    "csv-more": ("lin", "a,b,c,d\n1,2,3,4\n", "4 columns, and x, y take 3"),
    "csv-less": ("lin", "a,b\n1,2\n", "2 columns are too few for y"),
    "csv-text": ("lin", "a,b,y\n1,2,3\n1,2,z\n", "row 3 holds 'z', which is no number"),
    "csv-gap": ("lin", "a,b,y\n1,,3\n", "row 2 holds '', which is no number"),
    "csv-ragged": ("lin", "a,b,y\n1,2\n", "row 2 has 2 values, and the header 3"),
    "csv-nan": ("lin", "a,b,y\n1,nan,3\n", "x holds a value that is not finite"),
    "csv-header-alone": ("lin", "a,b,y\n", "has no rows below a header"),
    "csv-empty": ("lin", "", "has no rows below a header"),
}


@pytest.mark.parametrize("name", DATA)
def test_data(name: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec, data, message = DATA[name]
    file, text = SPECS[spec]
    Path(file).write_text(text)
    path = Path("data.csv" if isinstance(data, str) else "data.npz")
    if isinstance(data, dict):
        np.savez(path, **data)
    else:
        path.write_bytes(data.encode() if isinstance(data, str) else data)
    before = sorted(p.name for p in folder.iterdir())
    (row,) = told(capsys, "train", file, "--data", path.name, "--epochs", "2")
    assert message in row and (row.startswith(f"{file}: train.data: ") or path.name in row)
    assert sorted(p.name for p in folder.iterdir()) == before
