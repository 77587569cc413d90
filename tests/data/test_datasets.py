"""Data is read exactly or refused with the file, the line and the column."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from symnn.data.datasets import BUILTIN, Dataset, check_header, load_data, split
from symnn.io.csv import DataError
from symnn.io.errors import Problem
from symnn.io.npz import NpzError, read_npz

GOOD = "x1,x2,y\n0,0,0\n0,1,1\n1,0,2\n"


def load(folder: Path, text: str | bytes, **options: Any) -> Dataset:
    """The data of a CSV file with this text, for two features and one output."""
    data = text if isinstance(text, bytes) else text.encode()
    (folder / "data.csv").write_bytes(data)
    return load_data("data.csv", **{"inputs": 2, "outputs": 1, "folder": folder, **options})


# --- the built-in data ---


@pytest.mark.parametrize(
    ("name", "options", "x", "y"),
    [
        ("digits", {"inputs": 64, "outputs": 10, "kind": "distribution"}, (1797, 64), (1797, 10)),
        ("iris", {"inputs": 4, "outputs": 3, "kind": "distribution"}, (150, 4), (150, 3)),
        ("petals", {"inputs": 3, "outputs": 1, "target": "petal_width"}, (150, 3), (150, 1)),
        ("xor", {"inputs": 2, "outputs": 1, "kind": "unit"}, (4, 2), (4, 1)),
        ("blobs", {"inputs": 2, "outputs": 1, "kind": "unit"}, (100, 2), (100, 1)),
    ],
)
def test_builtin_data_has_its_shape(
    name: str, options: dict[str, Any], x: tuple[int, ...], y: tuple[int, ...]
) -> None:
    data = load_data(name, **options)
    assert (data.x.shape, data.y.shape) == (x, y)
    assert data.x.dtype == data.y.dtype == np.float64
    assert name in BUILTIN


def test_digits_are_scaled_and_labelled() -> None:
    data = load_data("digits", inputs=64, outputs=10, kind="distribution")
    assert (data.x.min(), data.x.max()) == (0, 1)
    assert set(np.unique(data.x * 16)) == set(range(17))
    assert (data.y.sum(axis=1) == 1).all()
    assert np.bincount(data.y.argmax(axis=1)).tolist() == [
        178, 182, 177, 183, 181, 182, 181, 179, 174, 180,
    ]  # fmt: skip


def test_the_split_of_digits_is_the_same_for_every_seed() -> None:
    data = load_data("digits", inputs=64, outputs=10, kind="distribution")
    train, test = split(data.name, 1797, 0.2, seed=1)
    assert (len(train), len(test)) == (1437, 360)
    assert np.array_equal(test, np.sort(np.random.default_rng(0).permutation(1797)[:360]))


def test_a_split_depends_on_the_seed_alone_and_loses_no_row() -> None:
    first, again, other = (split("blobs", 100, 0.25, seed) for seed in (1, 1, 2))
    assert np.array_equal(first[1], again[1])
    assert not np.array_equal(first[1], other[1])
    assert len(first[1]) == 25
    assert np.array_equal(np.sort(np.concatenate(first)), np.arange(100))
    assert len(split("blobs", 100, 0.0, 0)[1]) == 0
    with pytest.raises(DataError, match="nothing to train on"):
        split("blobs", 100, 0.999, 0)


# --- CSV ---


def test_columns_are_chosen_by_name_or_taken_from_the_end(tmp_path: Path) -> None:
    text = "b,y,a\n1,2,3\n4,5,6\n"
    last = load(tmp_path, text)
    assert (last.columns, last.targets) == (("b", "y"), ("a",))
    named = load(tmp_path, text, target="y")
    assert named.x.tolist() == [[1, 3], [4, 6]]
    assert named.y.tolist() == [[2], [5]]
    several = load(tmp_path, text, inputs=1, outputs=2, target=["a", "b"])
    assert several.y.tolist() == [[3, 1], [6, 4]]


def test_labels_become_one_hot_rows(tmp_path: Path) -> None:
    data = load(tmp_path, GOOD, outputs=3, kind="distribution")
    assert data.y.tolist() == np.eye(3).tolist()
    text = "x1,x2,a,b\n0,0,1,0\n1,1,0.25,0.75\n"
    soft = load(tmp_path, text, outputs=2, kind="distribution")
    assert soft.y.tolist() == [[1, 0], [0.25, 0.75]]


@pytest.mark.parametrize(
    "text",
    [
        GOOD.rstrip(),
        GOOD.replace("\n", "\r\n"),
        "\ufeff" + GOOD,
        GOOD.replace(",", " , "),
        GOOD + "\n\n",
        '"x1","x2","y"\n0,0,0\n0.,1e0,+1\n1,-.0,2\n',
    ],
)
def test_harmless_variants_are_read(tmp_path: Path, text: str) -> None:
    assert load(tmp_path, text).y.ravel().tolist() == [0, 1, 2]


BAD_CSV = [
    ("", 1, "is empty"),
    ("x1,x2,y\n", 1, "no rows"),
    ("0,1,2\n3,4,5\n", 1, "only numbers, where the header should be"),
    ("x1,x1,y\n0,0,0\n", 1, "duplicate column: the name 'x1'"),
    ("x1,,y\n0,0,0\n", 1, "column 2 has no name"),
    ("x1,x\x002,y\n0,0,0\n", 1, r"'x\\x002' holds an unprintable"),
    ("x1;x2;y\n0,5;0;0\n", 1, "semicolons"),
    ("x1\tx2\ty\n0\t0\t0\n", 1, "tabs"),
    (GOOD.encode("utf-16"), 1, "UTF-16"),
    (b"x1,x2,y\n0,0,0\n0,\xe9,0\n", 3, "not UTF-8"),
    ("x1,x2,y\n0,0,0\n0,1\n", 3, "2 values in this row, but 3 columns"),
    ("x1,x2,y\n0,0,0\n0,1,1,9\n", 3, "4 values in this row, but 3 columns"),
    ("x1,x2,y\n0,0,0\n0,,1\n", 3, "column 'x2': the cell is empty"),
    ("x1,x2,y\n0,nan,0\n", 2, "column 'x2': 'nan' is not a finite number"),
    ("x1,x2,y\n0,-Inf,0\n", 2, "'-Inf' is not a finite number"),
    ("x1,x2,y\n0,1e999,0\n", 2, "'1e999' is too large"),
    ("x1,x2,y\n0,cat,0\n", 2, "column 'x2': 'cat' is not a number"),
    ("x1,x2,y\n0,1_000,0\n", 2, "'1_000' is not a number"),
    ("x1,x2,y\n0,0x10,0\n", 2, "'0x10' is not a number"),
    ('x1,x2,y\n0,"0,5",0\n', 2, "'0,5' is not a number"),
    ("x1,x2,y\n0,\x000,0\n", 2, r"'\\x000' is not a number"),
    ("x1,x2,y\n0,٣,0\n", 2, "'٣' is not a number"),
    ("x1,x2,y\n0," + "1" * 200_000 + ",0\n", 2, "field larger"),
    ("x1,x2,y\n0," + "1" * 2_000 + ",0\n", 2, r"'1+\.\.\.' is too large"),
    ('x1,x2,y\n0,"1,0\n', 2, "not CSV"),
    ("x1,x2,x3,y\n0,0,0,0\n", 1, "3 feature columns beside the target, but model.inputs is 2"),
]


@pytest.mark.parametrize(("text", "line", "message"), BAD_CSV)
def test_bad_csv_is_refused_with_its_line(
    tmp_path: Path, text: str | bytes, line: int, message: str
) -> None:
    with pytest.raises(DataError, match=message) as caught:
        load(tmp_path, text)
    found = caught.value.errors[0]
    assert found.line == line
    assert found.file.endswith("data.csv")
    assert found.path == "train.data"
    assert found.hint
    assert len(found.message) < 200
    assert found.message.isprintable()


ABOVE = "write a line of names above, such as x1,x2,y"
# what is wrong, and the way out, which is not to do it another wrong way
HINTS = [
    ('"x 1";"x2";"y"\n0,5;0;0\n', 1, "separated by semicolons", "write decimals with a point"),
    ('"a;b"|c|y\n', 1, "separated by bars", "separate columns by commas"),
    ('a,b,y\n1,2,"1,234"\n', 2, "'1,234'", "1234 if the comma groups digits, 1.234 if it is the"),
    ('a,b,y\n1,2,"12,345,678"\n', 2, "'12,345,678'", "write 12345678"),
    ('a,b,y\n1,2,"1,234.5"\n', 2, "'1,234.5'", "write 1234.5"),
    ('a,b,y\n1,2,"-1.234,5"\n', 2, "'-1.234,5'", "write -1234.5"),
    ("a,b,y\n1,2,1 234\n", 2, "'1 234'", "write 1234"),
    ("a,b,y\n1,2,1_000\n", 2, "'1_000'", "write 1000"),
    ('a,b,y\n1,2,"0,1"\n', 2, "'0,1'", "write decimals with a point"),
    ('a,b,y\n1,2,"1,0E-3"\n', 2, "'1,0E-3'", "write decimals with a point"),
    ("a,b,y\n1,2,NA\n", 2, "'NA'", "fill the gap or leave out the row"),
    ("a,b,y\n1,2,?\n", 2, "'?'", "fill the gap or leave out the row"),
    ("a,b,y\n1,2,cat\n", 2, "'cat'", "use digits 0-9"),
    ("5.1,?,1\n4,5,0\n", 1, "only numbers", ABOVE),
    ("39,x,7,<=50K\n1,2,3,4\n", 1, "3 feature columns", f"if these are data, {ABOVE}; set model"),
    ("# made by logger\na,b,y\n1,2,3\n", 1, "a comment, '# made by logger'", "leave out the line"),
    ("# a,b,y\n1,2,3\n", 1, "a comment, '# a'", "or its sign where the names"),
    ("y\n1\n", 1, "0 feature columns", "there must be one for each feature"),
    (",a,b,y\n0,1,2,3\n", 1, "column 1 has no name", "index=False"),
    ("a,b,y\r1,2,3\r4,5,6\r", 1, "lines end in CR alone; save the file with LF", ""),
    ("a,b,y\n1,2,3\r4,5,6\n", 2, "lines end in CR alone; save the file with LF", ""),
]


@pytest.mark.parametrize(("text", "line", "message", "hint"), HINTS)
def test_the_way_out_is_the_right_one(
    tmp_path: Path, text: str, line: int, message: str, hint: str
) -> None:
    with pytest.raises(DataError) as caught:
        load(tmp_path, text)
    [found] = caught.value.errors
    assert found.line == line and message in found.message and hint in found.hint
    assert "model.inputs = 0" not in found.hint


def test_names_may_be_numbers_and_blank_lines_hold_blanks(tmp_path: Path) -> None:
    data = load(tmp_path, "1999,2000,y\n1,2,3\n  \n4,5,6\n")
    assert data.columns == ("1999", "2000") and data.y.tolist() == [[3], [6]]
    with pytest.raises(DataError, match="the cell is empty"):
        load(tmp_path, "a,b,y\n1,2,3\n,,\n")
    assert load(tmp_path, '#,b,"c;d"\n1,2,3\n').columns == ("#", "b")


@pytest.mark.parametrize(
    ("outputs", "labels", "hint"),
    [
        (2, [0, 2], "label the 2 classes 0, 1"),
        (3, [1, 2, 3], "label the 3 classes 0, 1, 2: subtract 1 from each"),
        (10, [0, 10], "label the 10 classes 0, 1, …, 9"),
    ],
)
def test_labels_are_listed(tmp_path: Path, outputs: int, labels: list[int], hint: str) -> None:
    text = "a,b,y\n" + "".join(f"1,2,{label}\n" for label in labels)
    with pytest.raises(DataError) as caught:
        load(tmp_path, text, outputs=outputs, kind="distribution")
    assert caught.value.errors[0].hint == hint


def test_arrays_of_other_names_are_to_be_renamed(tmp_path: Path) -> None:
    arrays = {"X_test": np.ones((1, 2)), "X_train": np.ones((3, 2)), "y_train": np.ones(3)}
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataError) as caught:
        load_data(tmp_path / "a.npz", inputs=2, outputs=1)
    [found] = caught.value.errors
    assert found.message == "expected the arrays x and y, found X_test, X_train, y_train"
    code = found.hint.removeprefix("write these two alone: ")
    new, old = tmp_path / "new.npz", tmp_path / "a.npz"
    exec(code, {"numpy": np, "file": old, "new": new})
    assert load_data(new, inputs=2, outputs=1).x.shape == (3, 2)


@pytest.mark.parametrize(
    ("value", "message"),
    [("3", "label 3 is not in 0..2"), ("-1", "label -1 is not"), ("0.5", "0.5 is not an integer")],
)
def test_labels_outside_the_classes_are_refused(tmp_path: Path, value: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        load(tmp_path, f"x1,x2,y\n0,0,0\n0,1,{value}\n", outputs=3, kind="distribution")
    assert caught.value.errors[0].line == 3
    assert caught.value.errors[0].path == "train.target"


def test_targets_outside_the_unit_interval_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"column 'y': the target 2\.0 is not in 0\.\.1"):
        load(tmp_path, GOOD, kind="unit")
    text = "x1,x2,a,b\n0,0,1,0\n1,1,0.5,0.25\n"
    with pytest.raises(DataError, match=r"sum to 0\.75, not to 1"):
        load(tmp_path, text, outputs=2, kind="distribution")


@pytest.mark.parametrize(("outputs", "kind"), [(1, "unit"), (2, "distribution")])
def test_labels_of_minus_one_and_one_are_told_what_to_do(
    tmp_path: Path, outputs: int, kind: str
) -> None:
    with pytest.raises(DataError) as caught:
        load(tmp_path, "x1,x2,y\n0,0,1\n1,1,-1\n", outputs=outputs, kind=kind)
    assert [p.line for p in caught.value.errors] == [3]
    assert caught.value.errors[0].hint == "for labels -1 and 1 write (y + 1)/2"


def test_the_target_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="target column 'z' is not in the header") as caught:
        load(tmp_path, GOOD, target="z")
    assert "columns: x1, x2, y" in caught.value.errors[0].hint
    with pytest.raises(DataError, match="2 target columns, but the network has 1 outputs"):
        load(tmp_path, GOOD, target=["x2", "y"])


def test_many_mistakes_are_told_at_once_but_not_endlessly(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        load(tmp_path, "x1,x2,y\n" + "a,b,c\n" * 50)
    assert [p.line for p in caught.value.errors] == [2, 2, 2, 3, 3, 3, 4, 4, 4, 5]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("digit", "no such file"),
        ("http://example.com/x.csv", "a URL is not a local file"),
        ("x" * 5000, "name too long"),
        ("a\0b", "null byte"),
        (".", "is a directory"),
    ],
)
def test_a_missing_file_is_said(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        load_data(name, inputs=2, outputs=1, folder=tmp_path)


# --- .npz ---


def test_npz_is_read_like_a_table(tmp_path: Path) -> None:
    np.savez(
        tmp_path / "d.npz", x=np.arange(6, dtype=np.float32).reshape(3, 2), y=np.array([2, 0, 1])
    )
    data = load_data("d.npz", inputs=2, outputs=3, kind="distribution", folder=tmp_path)
    assert data.y.tolist() == [[0, 0, 1], [1, 0, 0], [0, 1, 0]]
    assert (data.columns, data.targets) == (("x1", "x2"), ("y",))
    with pytest.raises(DataError, match="row 0: column 'y': the class label 2 is not in"):
        load_data("d.npz", inputs=2, outputs=2, kind="distribution", folder=tmp_path)


def entry(header: str, body: bytes) -> bytes:
    """The bytes of an .npy file with this header, true or not."""
    text = header.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + body


def archive(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, data in members.items():
            file.writestr(name + ".npy", data)
    return buffer.getvalue()


def saved(**arrays: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


TRUE = entry("{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }", bytes(8))
HUGE = entry("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }", bytes(8))
OBJECT = entry("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", b"cos\nsystem\n.")
EVIL = entry("__import__('os').abort()", bytes(8))
DEEP = entry("(" * 90, bytes(8))

BAD_NPZ = [
    (b"\x80\x04N.", "not an .npz file"),
    (saved(x=np.ones(1000))[:900], "corrupt or truncated"),
    (archive(x=HUGE), "x: corrupt: the header promises"),
    (archive(x=OBJECT), "x: a pickle of Python objects is refused"),
    (archive(x=EVIL), "corrupt"),
    (archive(x=DEEP), "corrupt"),
    (archive(**{"../x": TRUE}), "unexpected member"),
    (saved(x=np.array([1j])), "dtype 'complex128' is not a real number"),
    (saved(x=np.array(["a"])), "x: dtype"),
    (saved(x=np.array([1.0, np.nan])), "x: holds nan or inf"),
    (saved(x=np.ones((4, 3))), r"x: has the shape \(4, 3\), expected \(4, 2\)"),
    (saved(z=np.ones((4, 2))), "z: unexpected"),
    (saved(), "x: missing"),
]


@pytest.mark.parametrize(("data", "message"), BAD_NPZ)
def test_bad_npz_is_refused(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "a.npz").write_bytes(data)
    shapes = None if "nan" in message else {"x": (4, 2)}
    with pytest.raises(NpzError, match=message):
        read_npz(tmp_path / "a.npz", shapes)


def test_npz_may_hold_optional_arrays_and_the_mark(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(
        saved(x=np.ones(2), x_mean=np.ones(3), generated_by_symnn=np.uint8(1))
    )
    arrays = read_npz(tmp_path / "a.npz", {"x": (2,)}, optional=("x_mean",))
    assert sorted(arrays) == ["x", "x_mean"]


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": np.ones((3, 2))}, "expected the arrays x and y, found x"),
        ({"x": np.ones((3, 2)), "y": np.ones(2)}, "must be"),
        ({"x": np.ones(3), "y": np.ones(3)}, "must be"),
        ({"x": np.ones((0, 2)), "y": np.ones(0)}, "no rows"),
        ({"x": np.ones((3, 4)), "y": np.ones(3)}, "model.inputs is 2"),
    ],
)
def test_npz_of_another_shape_is_refused(
    tmp_path: Path, arrays: dict[str, Any], message: str
) -> None:
    np.savez(tmp_path / "d.npz", **arrays)
    with pytest.raises(DataError, match=message):
        load_data("d.npz", inputs=2, outputs=1, folder=tmp_path)


# --- the header of a spec's data ---


def header(folder: Path, data: str, target: tuple[str, ...] = ()) -> list[Problem]:
    """What the header shows for a network with two inputs and one output."""
    return check_header(data, inputs=2, outputs=1, target=target, folder=folder)


def test_the_header_is_checked_without_the_rows(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("x1,x2,y\nnot,read,here\n")
    assert header(tmp_path, "data.csv") == []
    assert header(tmp_path, "data.csv", ("y",)) == []
    assert header(tmp_path, "missing.csv") == []
    assert header(tmp_path, "xor") == []
    [found] = header(tmp_path, "data.csv", ("z",))
    assert (found.path, found.line) == ("train.target", 1)
    [found] = header(tmp_path, "iris")
    assert "4 feature columns" in found.message
    [found] = header(tmp_path, "http://example.com/x.csv")
    assert (found.path, found.line) == ("train.data", None)
