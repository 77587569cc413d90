"""Every mistake in a spec is found, with its place; hostile formulas are refused."""

from __future__ import annotations

import copy
import errno
import os
import re
from pathlib import Path
from typing import Any

import pytest
import sympy as sp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import symnn
from symnn.engine.functions import X
from symnn.engine.mistakes import FormulaError
from symnn.io.errors import Problem, SpecError
from symnn.io.fields import REQUIRED
from symnn.spec.formula import parse_formula
from symnn.spec.reader import load_spec
from symnn.spec.sections import SECTIONS

GOOD: dict[str, Any] = {
    "model": {"inputs": 2},
    "layers": [{"type": "dense", "units": 1, "activation": "sigmoid"}],
    "loss": {"name": "sse"},
}


def errors(document: Any) -> list[Problem]:
    """The mistakes of a document."""
    with pytest.raises(SpecError) as caught:
        load_spec(document)
    return caught.value.errors


def changed(path: str, value: Any) -> dict[str, Any]:
    """The good document with one field replaced."""
    document = copy.deepcopy(GOOD)
    section, _, key = path.partition(".")
    if not key:
        document[section] = value
    elif section.startswith("layers"):
        document["layers"][0][key] = value
    else:
        document.setdefault(section, {})[key] = value
    return document


WRONG = {
    "integer": ["1", 1.0, True, None, [1], {}],
    "number": ["1", True, None, [1.0], float("nan"), float("inf"), -float("inf")],
    "boolean": ["true", 0, 1, None],
    "string": [1, True, None, ["a"], {}],
    "strings": [1, True, [1], [["a"]], {}],
    "table": [1, "a", [1], None],
    "named": [1, True, None, ["a"]],
    "list": [1, "a", {}, True],
}
FIELDS = [(f"{s}.{key}", f) for s, table in SECTIONS.items() for key, f in table.items()]
KINDS = [(path, value) for path, f in FIELDS for value in WRONG[f.kind]]
RANGES = [
    (path, value)
    for path, f in FIELDS
    for value in (
        [] if f.minimum is None else [f.minimum if f.exclusive_minimum else f.minimum - 1],
        [] if f.maximum is None else [f.maximum if f.exclusive_maximum else f.maximum + 1],
        [] if f.kind != "integer" else [10**400, -(10**400)],
    )
    for value in value
]


@pytest.mark.parametrize(("path", "value"), KINDS, ids=str)
def test_a_value_of_another_kind_is_refused(path: str, value: Any) -> None:
    [found] = errors(changed(path, value))
    assert found.path == path
    assert found.message.startswith("must be ")
    assert len(found.message) < 200


@pytest.mark.parametrize(("path", "value"), RANGES, ids=lambda v: str(v)[:30])
def test_a_value_out_of_range_is_refused(path: str, value: Any) -> None:
    kind = SECTIONS[path.split(".")[0]][path.split(".")[1]].kind
    [found] = errors(changed(path, int(value) if kind == "integer" else value))
    assert found.path == path
    assert "at least" in found.message + found.hint or "must be" in found.message


@pytest.mark.parametrize("path", [path for path, f in FIELDS if f.choices])
def test_an_unknown_word_gets_a_suggestion(path: str) -> None:
    choices = SECTIONS[path.split(".")[0]][path.split(".")[1]].choices
    [found] = errors(changed(path, choices[0] + "x"))
    assert (found.path, "unknown value" in found.message) == (path, True)
    assert repr(choices[0]) in found.hint or choices[0] in found.hint


@pytest.mark.parametrize("path", [path for path, _ in FIELDS])
def test_a_misspelt_field_gets_a_suggestion(path: str) -> None:
    [found] = [e for e in errors(changed(path + "z", 1)) if e.message == "unknown field"]
    assert found.path == path + "z"
    assert repr(path.split(".")[1]) in found.hint


@pytest.mark.parametrize("path", [path for path, f in FIELDS if f.default is REQUIRED])
def test_a_missing_field_is_said(path: str) -> None:
    document = copy.deepcopy(GOOD)
    section, key = path.split(".")
    del document[section][key]
    [found] = errors(document)
    assert (found.path, "is missing" in found.message) == (path, True)
    del document[section]
    [found] = errors(document)
    assert (found.path, key in found.message) == (section, True)


MISTAKES: list[tuple[str, Any, str, str]] = [
    ("modle", {}, "modle", "unknown section"),
    *((s, [], s, "must be a table") for s in SECTIONS),
    ("activations", [], "activations", "must be a table"),
    ("layers", {}, "layers", "must be a list of tables"),
    ("layers", [], "layers", "needs a dense layer"),
    ("layers", [1], "layers[0]", "must be a table"),
    ("layers", [{}], "layers[0].type", "is missing"),
    ("layers", [{"type": "dens"}], "layers[0].type", "unknown layer"),
    ("layers", [{"type": []}], "layers[0].type", "must be a string"),
    ("layers", [{"type": "dense"}], "layers[0].units", "is missing"),
    ("layers", [{"type": "dropout", "rate": 0.5}], "layers", "needs a dense layer"),
    ("layers", [{"type": "dense", "units": 1}] * 2001, "layers", "too many layers"),
    ("layers", [{"type": "dense", "units": 10**6}] * 2, "layers", "too large"),
    ("layers[0].units", 0, "layers[0].units", "at least 1"),
    ("layers[0].units", 10**6 + 1, "layers[0].units", "at most"),
    ("layers[0].units", 1.5, "layers[0].units", "an integer"),
    ("layers[0].bias", 1, "layers[0].bias", "true or false"),
    ("layers[0].activation", "softmax", "layers[0].units", "at least 2"),
    ("layers[0].activation", "sigmoidd", "layers[0].activation", "unknown value"),
    ("layers[0].rate", 0.5, "layers[0].rate", "unknown field"),
    ("loss.name", "cross_entropy", "loss.name", "softmax"),
    ("model.name", "a\nb", "model.name", "U+000A"),
    ("model.name", "a" * 201, "model.name", "too long"),
    ("model.name", "  ", "model.name", "must not be empty"),
    ("model.name", "a\u202eb", "model.name", "U+202E"),
    ("model.description", "a\x00", "model.description", "U+0000"),
    ("model.description", "a" * 2001, "model.description", "too long"),
    ("train.target", ["a", "b"], "train.target", "2 column"),
    ("train.target", ["a", "a"], "train.target", "twice"),
    ("train.data", "../x.csv", "train.data", "leaves the spec's folder"),
    ("train.data", "https://a.b/x.csv", "train.data", "URL"),
    ("train.weights", "/etc/x.npz", "train.weights", "leaves the spec's folder"),
    ("output.dir", "a/../..", "output.dir", "leaves the spec's folder"),
    ("output.dir", "C:\\x", "output.dir", "leaves the spec's folder"),
    ("output.dir", "", "output.dir", "is not a path"),
    ("output.module", "Net", "output.module", "identifier"),
    ("output.module", "a.b", "output.module", "identifier"),
    ("output.module", "numpy", "output.module", "module of Python"),
    ("output.module", "os", "output.module", "module of Python"),
    ("output.module", "match", "output.module", "keyword"),
    ("output.module", "a" * 62, "output.module", "identifier"),
    ("notes.symbols", {"Q": "x"}, "notes.symbols.Q", "no symbol"),
    ("notes.symbols", {"A": r"\input{x}"}, "notes.symbols.A", "not a letter"),
    ("notes.symbols", {"A": 1}, "notes.symbols.A", "not a letter"),
    ("example.x", [1.0], "example.x", "2 value"),
    ("example.x", [1.0, "a"], "example.x", "a number"),
    ("example.x", [1.0, float("nan")], "example.x", "finite"),
    ("example.x", [1.0, None], "example.x", "a number"),
    ("example.y", [1.0, 2.0], "example.y", "1 value"),
    ("example.parameters", {"A_2": [[1]]}, "example.parameters.A_2", "no parameter"),
    ("example.parameters", {"A_1": [[1]]}, "example.parameters.A_1", "must be 2 value"),
    ("example.parameters", {"b_1": [True]}, "example.parameters.b_1", "a number"),
    ("example.parameters", {"b_1": [None]}, "example.parameters.b_1", "a number"),
    ("example.parameters", {"b_1": None}, "example.parameters.b_1", "must be 1 value"),
    ("activations", {"tanh": "x"}, "activations.tanh", "there already"),
    ("activations", {"Mine": "x"}, "activations.Mine", "identifier"),
    ("activations", {"mine": 1}, "activations.mine", "a formula"),
    ("activations", {"mine": "1"}, "activations.mine", "does not depend"),
]


@pytest.mark.parametrize(
    ("path", "value", "expected", "word"),
    MISTAKES,
    ids=lambda v: ascii(v)[:40],
)
def test_a_mistake_is_told_at_its_place(path: str, value: Any, expected: str, word: str) -> None:
    found = errors(changed(path, value))
    assert any(e.path == expected and word in e.message for e in found), found
    assert all(e.message.isascii() and len(e.message) < 250 for e in found)


def test_momentum_belongs_to_sgd() -> None:
    [found] = errors(changed("train", {"optimizer": "adam", "momentum": 0.9}))
    assert found.path == "train.momentum"


# every field that is not alone in its section, and some tables in tables
FULL: dict[str, Any] = {
    "model": {"name": "n", "inputs": 2, "seed": 1, "dtype": "float32"},
    "layers": [{"type": "dropout", "rate": 0.5}, {"type": "dense", "units": 1, "bias": False}],
    "loss": {"name": "sse", "l2": 0.1},
    "activations": {"bent": "x**2"},
    "train": {"epochs": 3, "momentum": 0.5, "target": ["a"]},
    "notes": {"notation": {"base": "ng", "letters": {"A": "W"}}, "symbols": {"b": "c"}},
    "example": {"x": [1, 2], "y": [0.5], "parameters": {"A_1": [[1, 2]]}},
    "output": {"dir": "out", "module": "m"},
}
ANYTHING = st.recursive(
    st.one_of(
        *(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20)),
        st.sampled_from([0, 1, -1, 2, 10**9, 1e308, "dense", "relu", "A_1", "../x", "x" * 9999]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=2)
    ),
    max_leaves=4,
)


def places(value: Any, before: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths to all values within a value."""
    if isinstance(value, list):
        value = dict(enumerate(value))
    if not isinstance(value, dict):
        return []
    return [p for k, v in value.items() for p in ((*before, k), *places(v, (*before, k)))]


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.sampled_from(places(FULL)), ANYTHING), min_size=1, max_size=2))
def test_anything_in_any_place_is_read_or_refused(changes: list[tuple[Any, Any]]) -> None:
    document = copy.deepcopy(FULL)
    for path, value in changes:
        try:
            inner = document
            for key in path[:-1]:
                inner = inner[key]
            inner[path[-1]] = value
        except (LookupError, TypeError):
            continue  # the place went with the change before
    try:
        symnn.Network.from_spec(load_spec(document))
    except SpecError as error:
        text = str(error)
        assert len(text.splitlines()) <= 40 and max(map(len, text.splitlines())) < 400
        assert all(c.isprintable() or c == "\n" for c in text)


# --- formulas ---

HOSTILE = [
    *("", " ", "1", "y", "x +", "x x", "x = 1", "x; x", "x\n", "x # y", "'x'", "f'{x}'", "(x"),
    *("__import__('os')", "eval(x)", "exec(x)", "open(x)", "x.real", "x.__class__", "().__class__"),
    *("[x]", "(x,)", "{x}", "x[0]", "lambda: x", "lambda x: x", "x if x else 1", "x and 1"),
    *("not x", "~x", "x | 1", "x ^ 2", "x // 2", "x % 2", "x @ x", "x << 2", "(x := 1)"),
    *("x < 1", "0 < x < 1", "where(x, 1, x)", "where(0 < x < 1, x, 1)", "where(x == 1, x, 2)"),
    *("where(1 < 2, x, 1)", "where(x > 0, x)", "exp()", "exp(x, x)", "exp(*x)", "exp(x=x)"),
    *("x**x", "2**x**x", "x**65", "x**-65", "9**9**9**9 + x", "x + 10**101", "x + 1e101"),
    *("x + 1e400", "x + 1e-200", "x + 1j", "x + 0x10", "x + 0b1", "x + 1_000", "x + True"),
    *("x + None", "x + ...", "exp(exp(exp(10))) + x", "log(-1) + x", "sqrt(-1) + x", "x/0"),
    *("log(x)", "sqrt(x)", "1/x", "x**0.5", "x - x", "0*x", "asin(x)", "Symbol(x)", "sympify(x)"),
    *("x" * 501, "+".join(["x"] * 150), "(" * 60 + "x" + ")" * 60, "-" * 200 + "x", "x**2" * 200),
    *("exp(" * 45 + "x" + ")" * 45, "\x00x", "x\u2028", "ｘ", "x\\\n+1", "nan*x", "inf*x"),
    *("x + 9" + "9" * 400, "await x", "yield x", "import os", "print(x)", "_x", "x._a", "exp.x"),
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=lambda t: ascii(t)[:40])
def test_hostile_formulas_are_refused(text: str) -> None:
    with pytest.raises(FormulaError) as caught:
        parse_formula(text, {"x": X})
    assert str(caught.value).isascii()
    assert len(str(caught.value)) < 400


WORDS = """x y 1 0 2 3.5 1e3 1e-3 1e90 64 -1 pi e + - * / ** ( ) , exp( log( sqrt( sin( tanh( abs(
max( min( where( > < >= == . _ ' [ ] erf( relu( sigmoid( softplus( cosh( atan( lambda"""
PARTS = st.sampled_from(re.split(r"\s+", WORDS))


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.one_of(st.lists(PARTS, max_size=14).map("".join), st.text(max_size=40)))
def test_any_text_is_a_formula_or_a_formula_error(text: str) -> None:
    try:
        f = parse_formula(text, {"x": X})
    except FormulaError:
        return
    assert isinstance(f, sp.Expr)
    assert f.free_symbols == {X}


LEAF = st.sampled_from(["x", "2", "0.5", "pi", "x**2", "(-x)"])
OPERATORS = st.sampled_from([" + ", " - ", "*", "/"])
NAMES = st.sampled_from(["exp", "sin", "tanh", "abs", "relu", "log", "sqrt", "erf"])
EXTREMES = st.sampled_from(["max", "min"])


def larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Formulas of formulas."""
    return st.one_of(
        st.builds("({}{}{})".format, inner, OPERATORS, inner),
        st.builds("{}({})".format, NAMES, inner),
        st.builds("where({} > {}, {}, x)".format, inner, inner, inner),
        st.builds("{}({}, {})".format, EXTREMES, inner, inner),
    )


TREE = st.recursive(LEAF, larger, max_leaves=8)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(TREE)
def test_well_formed_formulas_are_read_or_refused(text: str) -> None:
    try:
        f = parse_formula(text, {"x": X})
    except FormulaError as error:
        assert "is not allowed in a formula" not in error.message
        return
    assert f.free_symbols == {X}


# --- files ---


def written(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


JSON = '{"model": {"inputs": 2}, "layers": [{"type": "dense", "units": 1}],\n"loss": %s}'
YAML = "model: {inputs: 2}\nlayers:\n  - {type: dense, units: 1}\nloss:\n  name: sse\n"


def test_json_and_yaml_say_the_same(tmp_path: Path) -> None:
    json = symnn.load(written(tmp_path, "a.json", JSON % '{"name": "sse"}'))
    yaml = symnn.load(written(tmp_path, "a.yaml", YAML))
    assert json.generate() == yaml.generate()


@pytest.mark.parametrize(
    ("loss", "line", "message"),
    [
        ('{"name": "sse", "l2": NaN}', 2, "finite"),
        ('{"name": "sse", "l2": -Infinity}', 2, "finite"),
        ('{"name": "sse", "l2": 1e999}', 2, "finite"),
        ('{"name": "sse", "name": "mse"}', None, "twice"),
        ('{"name": "sse"', 2, "not JSON"),
        ("[" * 5000, 2, "nested deeper"),
        ("1" * 5000, 2, "5000 digits"),
    ],
)
def test_bad_json_is_refused(tmp_path: Path, loss: str, line: int | None, message: str) -> None:
    [found] = errors(written(tmp_path, "a.json", JSON % loss))
    assert message in found.message
    assert line is None or found.line == line


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (YAML + "train: &a {epochs: 2}\nnotes: *a\n", "aliases"),
        (YAML + "train: &a [*a]\n", "aliases"),
        (YAML + "loss: {name: mse}\n", "twice"),
        (YAML + "train: {shuffle: yes}\n", "must be true or false"),
        (YAML + "train: {epochs: 1:30}\n", "must be an integer"),
        (YAML + "train: {data: !!python/object/apply:os.abort []}\n", ""),
        (YAML + "---\na: 1\n", "more than one document"),
        (YAML + "1: 2\n", "must be a string"),
        (YAML + "train: [\n", "not YAML"),
        (YAML + "train: {learning_rate: .nan}\n", "finite"),
        (YAML + "a: " + "[" * 3000, "nested"),
        ("- a\n", "must hold tables"),
    ],
)
def test_bad_yaml_is_refused(tmp_path: Path, text: str, message: str) -> None:
    found = errors(written(tmp_path, "a.yaml", text))
    assert any(message in e.message for e in found), found


def test_yaml_has_the_types_of_1_2(tmp_path: Path) -> None:
    net = symnn.load(written(tmp_path, "a.yaml", YAML))
    assert net.spec.model.inputs == 2
    text = YAML.replace("{inputs: 2}", "{inputs: 2, name: no, description: on}")
    model = symnn.load(written(tmp_path, "b.yaml", text)).spec.model
    assert (model.name, model.description) == ("no", "on")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.toml", "", "empty"),
        ("a.toml", "[model", "not TOML"),
        ("a.toml", "a = 1\na = 2\n", "not TOML"),
        ("a.toml", b"\xff\xfea", "UTF-16"),
        ("a.toml", b"a = '\xe9'", "not UTF-8"),
        ("a.toml", "a = 1\x00", "U+0000"),
        ("a.toml", "a = " + "[" * 3000, "nested deeper"),
        ("a.toml", "a" + ".a" * 3000 + " = 1", "nested deeper"),
        ("a.toml", "#" * (4 * 2**20 + 1), "larger than the limit"),
        ("a.toml", r'a = "C:\data\x"', "Unescaped"),
        ("a.txt", "a = 1", "unknown kind of file"),
        ("a.json", "[]", "must hold tables"),
    ],
    ids=lambda v: ascii(v)[:30],
)
def test_bad_files_are_refused(tmp_path: Path, name: str, text: str | bytes, message: str) -> None:
    found = errors(written(tmp_path, name, text))
    assert message in found[0].message, found


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.toml", "[model]\ninputs = 2\nseed = {}\n"),
        ("a.json", '{{"model":\n{{"inputs": 2,\n"seed": {}}},\n"layers": []}}'),
        ("a.yaml", "model:\n  inputs: 2\n  seed: {}\nlayers: []\n"),
    ],
)
def test_a_number_that_is_too_long_has_its_line(tmp_path: Path, name: str, text: str) -> None:
    [found] = errors(written(tmp_path, name, text.format("9" * 5000)))
    assert (found.line, found.message) == (3, "a number of 5000 digits is too long")


def test_paths_of_windows_are_to_be_written_otherwise(tmp_path: Path) -> None:
    for text in (r'data = "C:\data\t.csv"', r'data = "C:\Users\t.csv"'):
        [found] = errors(written(tmp_path, "a.toml", f"[train]\n{text}\n"))
        assert (found.line, found.hint.startswith("write / in paths")) == (2, True)


def test_a_spec_that_cannot_be_reached_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that may not be searched, a link to nothing, a name that no system has."""

    def locked(call: Any) -> Any:
        def called(path: Any, *given: Any, **named: Any) -> Any:
            if "locked" in os.fsdecode(path):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
            return call(path, *given, **named)

        return called

    (tmp_path / "link.toml").symlink_to(tmp_path / "nothing.toml")
    for name in ("stat", "lstat"):
        monkeypatch.setattr(os, name, locked(getattr(os, name)))
    for name, message in (
        ("locked/a.toml", "Permission denied"),
        ("link.toml", "No such file"),
        ("x" * 300 + ".toml", "File name too long"),
        ("a\0.toml", "embedded null byte"),
        ("file/a.toml", "no such file"),
    ):
        [found] = errors(tmp_path / name)
        assert message in found.message, name
