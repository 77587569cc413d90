"""What a module's program reads: columns by their names, as symnn train reads them."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from symnn import Dense, Network, load
from symnn.data.datasets import load_data
from symnn.targets.registry import compile_module, generate_files

HOUSE = """\
[model]
name = "house"
inputs = 3
[[layers]]
type = "dense"
units = 1
[loss]
name = "mse"
[train]
data = "house.csv"
target = "price"
epochs = 200
"""


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Network:
    """price = a - 2 b + c/2, and price stands first."""
    a, b, c = x = np.random.default_rng(1).normal(size=(3, 40))
    table = np.column_stack([a - 2 * b + c / 2, *x])
    text = {"delimiter": ",", "fmt": "%.17g", "header": "price,a,b,c", "comments": ""}
    np.savetxt(tmp_path / "house.csv", table, **text)
    (tmp_path / "house.toml").write_text(HOUSE)
    monkeypatch.chdir(tmp_path)
    return load("house.toml")


def program(module: Any, monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["net.py", *words])
    code: int = module.main()
    return code


@pytest.mark.parametrize("target", ["numpy", "numpy-fast", "c", "jax"])
def test_the_program_learns_what_the_command_learns(
    target: str, house: Network, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """From the same file, whose first column is the target."""
    pytest.importorskip("jax") if target == "jax" else None
    module = compile_module(house, target)
    assert (module.COLUMNS, module.TARGET) == (("a", "b", "c"), ("price",))
    assert program(module, monkeypatch, "train", "house.csv", "-o", "w.npz") == 0
    assert np.allclose(module.load("w.npz")["A_1"], [[1, -2, 0.5]], atol=1e-6)
    capsys.readouterr()
    # columns in any order, others beside them, and no targets
    Path("new.csv").write_text('id,c,"name",b,a\n7,4,"x, y",2,1\n8,0,z,0,1\n')
    assert program(module, monkeypatch, "predict", "w.npz", "new.csv") == 0
    shown = np.loadtxt(capsys.readouterr().out.splitlines())
    assert np.allclose(shown, [1 - 4 + 2, 1], atol=1e-6)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b,c\n1,2,3\n", "the column 'price' is not in the header: 'a', 'b', 'c'"),
        ("price,a,b\n1,2,3\n", "the column 'c' is not in the header: 'price', 'a', 'b'"),
        ("price,a,b,c,c\n1,2,3,4,5\n", "the column 'c' is twice or more in the header: "),
        ("-1.1,0.3,0.8,0.3\n1,2,3,4\n", "the first line holds numbers; it must name the columns"),
        ("0.3,NA,,?\n1,2,3,4\n", "the first line holds numbers; it must name the columns"),
        ("price,a,b,c\n1,2,3\n", "3 columns of numbers, 4 in the header"),
        ("price,a,b,c\n1,2,3,4,5\n", "5 columns of numbers, 4 in the header"),
        ("price,a,b,c\n1,2,3,4\n1,2,3,4,5\n", "number of columns changed"),
        ("price,a,b,c\n1,2,3,\n", "could not convert string '' to float64"),
        ("price,a,b,c\n1,2,3,x\n", "could not convert string 'x' to float64"),
        ("price,a,b,c\n", "d.csv: has no rows"),
        ('"price,a,b,c\n', "d.csv: unexpected end of data"),
        (b"price,a,b,c,\xff\n1,2,3,4,5\n", "can't decode byte 0xff"),
    ],
)
def test_a_file_that_does_not_fit_is_one_message(
    text: str | bytes, message: str, house: Network, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    Path("d.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    assert program(house.compile(), monkeypatch, "train", "d.csv", "-o", "w.npz") == 2
    error = capsys.readouterr().err
    assert error.startswith("house.py: d.csv")
    assert message in error
    assert error.count("\n") == 1
    assert not Path("w.npz").exists()


def by_place(**train: Any) -> Any:
    return Network(inputs=2, layers=[Dense(2)], loss="mse", train=train).compile()


def test_columns_that_are_not_known_are_found_by_their_places(tmp_path: Path) -> None:
    """All but the targets, if the spec names these; else the first ones; never too many."""
    path = tmp_path / "d.csv"
    path.write_text("p,q,r,s\n1,2,3,4\n")
    known, unknown = by_place(target=["q", "p"]), by_place()
    assert (known.COLUMNS, known.TARGET, unknown.TARGET) == ((), ("q", "p"), ())
    for module, x, y in ((known, [3, 4], [2, 1]), (unknown, [1, 2], [3, 4])):
        found = module._read(str(path), training=True)
        assert (found[0].tolist(), found[1].tolist()) == ([x], [y])
        assert module._read(str(path), training=False)[0].tolist() == [x]
    path.write_text("r,s\n3,4\n")
    assert [m._read(str(path), False)[0].tolist() for m in (known, unknown)] == [[[3, 4]]] * 2
    with pytest.raises(ValueError, match="2 columns, where x has 2 and y 2"):
        unknown._read(str(path), training=True)
    for text in ("r,s,t\n1,2,3\n", "a,b,c,d,e\n1,2,3,4,5\n"):
        path.write_text(text)
        for module in (known, unknown):
            for training in (True, False):
                with pytest.raises(ValueError, match=r"column"):
                    module._read(str(path), training)


@pytest.mark.parametrize(
    "text",
    [
        b"y,a,b\n1,2,3\n-.5,+1e-3,2.\n",
        b"\xef\xbb\xbfy,a,b\r\n1,2,3\r\n4,5,6",
        b'"y", a ,"b"\n"1", 2 ,"3"\n\n4,5,6\n',
        b"\n\na,b,y\n1,2,3\n",
        "ü,y,Größe\n1,0.1,12345678901234567890\n".encode(),
    ],
)
def test_the_module_and_the_command_read_the_same(
    text: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """symnn train has a reader of its own, which names every line at fault with what to do."""
    (tmp_path / "d.csv").write_bytes(text)
    monkeypatch.chdir(tmp_path)
    whole = load_data("d.csv", inputs=2, outputs=1, target="y")
    train = {"data": "d.csv", "target": "y"}
    module = Network(inputs=2, layers=[Dense(1)], loss="mse", train=train).compile()
    assert whole.columns == module.COLUMNS
    x, y = module._read("d.csv", training=True)
    assert np.array_equal(x, whole.x)
    assert np.array_equal(y, whole.y)


def test_names_of_columns_are_literals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However they are written, and where the header is not there nothing fails."""
    names = [
        "a b",
        "\"'''",
        "{{ 7 }}",
        "\\x20",
        "Größe 大",
        "#\\",
        *(f"column {k}" for k in range(20)),
    ]
    header = ",".join('"' + name.replace('"', '""') + '"' for name in [*names, "y"])
    (tmp_path / "d.csv").write_text(f"{header}\n{','.join('1' * 27)}\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    train = {"data": "d.csv"}
    net = Network(inputs=26, layers=[Dense(1)], loss="mse", train=train)
    text = net.generate()
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= 100
    found = {
        node.target.id: ast.literal_eval(node.value)
        for node in ast.parse(text).body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
        if node.target.id in ("COLUMNS", "TARGET") and node.value is not None
    }
    assert found == {"COLUMNS": tuple(names), "TARGET": ("y",)}
    (tmp_path / "d.csv").unlink()
    for text in generate_files(net, "numpy").values():
        assert re.search(r"^COLUMNS: tuple\[str, \.\.\.\] = \(\)$", text, re.MULTILINE)
