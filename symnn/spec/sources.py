"""A spec's file, read to plain data with the line of every field: TOML, JSON, YAML."""

from __future__ import annotations

import importlib
import json
import os
import re
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, NoReturn

from symnn.io.errors import Problem, SpecError, shorten, suggestion
from symnn.io.fields import kind_of
from symnn.io.files import InputError, absent, read_text_limited, unreachable
from symnn.spec.positions import Lines, json_lines, nearest, toml_lines

LIMIT = 4 * 2**20
NESTING = 20
DECLARED = ("input", "target", "weight", "parameter", "state", "mask", "noise", "hyperparameter")
LINES = ".lines"  # equations of the user's own
EXAMPLES = Path(str(files("symnn"))) / "examples"
GRAPHS = "graphs"  # their folder of networks of any shape
NO_CHAIN = (
    "this is no chain of dense layers",
    "symnn derive, check, draw, generate and train take it, and symnn.lines in Python",
)
SUFFIXES = (".toml", ".json", ".yaml", ".yml", LINES)


@dataclass(frozen=True)
class Source:
    """The data of a spec, what errors call it, the lines of its fields, and its folder.

    folder: what relative paths in the spec refer to; None: the current folder.
    first: the line of the source before the first of a text of equations.
    """

    data: dict[str, Any]
    name: str
    lines: Lines
    folder: Path | None
    first: int = 0

    def line(self, path: str) -> int | None:
        """The line of a field, or of the table that would hold it."""
        return nearest(self.lines, path)


def example_names(suffix: str = ".toml", folder: str = "") -> tuple[str, ...]:
    """The names of the shipped examples: chains of layers, with ``GRAPHS`` networks of any shape,
    or with ``LINES`` as suffix lines.
    """
    return tuple(sorted(path.stem for path in (EXAMPLES / folder).glob(f"*{suffix}")))


def every_example() -> tuple[str, ...]:
    """The names of all of them."""
    return (*example_names(), *example_names(folder=GRAPHS), *example_names(LINES))


def example_path(name: str, suffix: str = ".toml") -> Path:
    """The file of a shipped example."""
    folder = GRAPHS if suffix == ".toml" and name in example_names(folder=GRAPHS) else ""
    return EXAMPLES / folder / f"{name}{suffix}"


def lines_text(source: object) -> tuple[str, str] | None:
    """The text and the name of lines: NAME.lines, "-", or a shipped example; None for a spec.

    Raises SpecError: not there, not readable, too large.
    """
    if source == "-":
        return (_standard_input(), "<stdin>") if _lines_are_piped() else None
    if not isinstance(source, str | os.PathLike):
        return None
    if absent(Path(source)) and str(source) in example_names(LINES):
        return _text(example_path(str(source), LINES)), f"{source}{LINES}"
    path = find(source) if Path(source).suffix == LINES else None
    return None if path is None else (_text(path), shorten(str(source)))


def lines_source(text: str, name: str, source: object = None) -> Source:
    """The spec that a text of equations is; source: its file, if it has one."""
    stem = Path(name).stem if name.endswith(LINES) else "lines"
    file = find(source) if isinstance(source, str | os.PathLike) and source != "-" else None
    folder = None if file is None else file.parent
    return Source({"lines": text, "model": {"name": stem}}, name, {}, folder)


def _lines_are_piped() -> bool:
    """Whether standard input begins with a statement of lines; nothing of it is consumed."""
    peek = getattr(getattr(sys.stdin, "buffer", None), "peek", None)
    try:
        head = b"" if peek is None else peek(LIMIT)[:LIMIT]
    except (OSError, ValueError):  # closed; told where it is read
        return False
    rows = head.decode("utf-8-sig", "replace").splitlines()
    first = next((row for row in rows if row.split("#")[0].strip()), "").strip()
    words = first.split()
    declared = len(words) > 1 and words[0] in DECLARED and words[1][0].isalpha()
    return declared or _is_equation(first)


def _is_equation(row: str) -> bool:
    """Whether a row is an equation, and no field of TOML: its value is none."""
    left, mark, right = row.partition("=")
    if not mark or not re.fullmatch(r"[A-Za-z]\w*\s*(\[[^]]*\]\s*)?", left):
        return False
    if "[" in left:
        return True
    if right.lstrip()[:1] in ("", '"', "'", "[", "{"):
        return False
    try:
        tomllib.loads(row)
    except (tomllib.TOMLDecodeError, ValueError):
        return True
    return False


def read_source(
    source: str | os.PathLike[str] | Mapping[str, Any], called: str = "<dict>"
) -> Source:
    """The data of a path, of "-" (standard input), of an example's name, or of a mapping.

    called: what errors call a mapping.  Raises SpecError: not there, not readable, too large, too
    deep, or a mistake of syntax; TypeError for anything else.
    """
    if isinstance(source, Mapping):
        data = _plain(source, called)
        _check_depth(data, called)
        return Source(data, called, {}, None)
    if not isinstance(source, str | os.PathLike):
        what = "a path, a mapping or the name of an example"
        raise TypeError(f"a spec is {what}, not {kind_of(source)}")
    if source == "-":
        text = _standard_input()
        suffix = ".json" if text.lstrip()[:1] == "{" else ".toml"
        return _parsed(text, suffix, "<stdin>", None)
    path = find(source)
    if path is None and str(source) in example_names(LINES):
        _fail(f"{source}{LINES}", None, *NO_CHAIN)
    if path is None:
        return _parsed(_text(example_path(str(source))), ".toml", f"{source}.toml", None)
    if path.suffix == LINES:
        _fail(shorten(str(source)), None, *NO_CHAIN)
    return _parsed(_text(path), path.suffix, shorten(str(source)), path.parent)


def find(source: str | os.PathLike[str]) -> Path | None:
    """The file of a spec; None for a shipped example, over which a file has precedence.

    Raises SpecError: no such file, or none of a spec.
    """
    path, name = Path(source), shorten(str(source))
    if absent(path):
        known = every_example()
        if str(source) in known:
            return None
        near = suggestion(str(source), known) if not path.suffix else "give a path"
        _fail(name, None, "no such file, and no shipped example of that name", near)
    if found := unreachable(path):
        _fail(name, None, found)
    if path.suffix not in SUFFIXES:
        listed = ", ".join(SUFFIXES)
        _fail(name, None, f"unknown kind of file {path.suffix!r}", f"a spec ends in {listed}")
    return path


def _fail(name: str, line: int | None, message: str, hint: str = "", path: str = "") -> NoReturn:
    raise SpecError([Problem(name, line, path, message, hint)])


def _standard_input() -> str:
    if sys.stdin is None:
        _fail("<stdin>", None, "stdin is closed", "pipe a spec into it, or give a file")
    try:
        data = sys.stdin.buffer.read(LIMIT + 1)
    except OSError as error:
        _fail("<stdin>", None, f"cannot be read: {error.strerror}", "give a file")
    if len(data) > LIMIT:
        _fail("<stdin>", None, f"larger than the limit of {LIMIT} bytes")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        _fail("<stdin>", None, f"not UTF-8 text: {error.reason}", "save it in the encoding UTF-8")
    if not text.strip():
        _fail("<stdin>", None, "stdin is empty", "pipe a spec into it, or give a file")
    return text


def _text(path: Path) -> str:
    try:
        text = read_text_limited(path, LIMIT)
    except InputError as error:
        _fail(shorten(str(path)), error.line, error.message)
    if not text.strip():
        _fail(shorten(str(path)), None, "the file is empty", "symnn new FILE writes one to start")
    return text


def _parsed(text: str, suffix: str, name: str, folder: Path | None) -> Source:
    _check_control(text, name)
    _check_brackets(text, name)
    try:
        if suffix == ".toml":
            data, lines = _toml(text, name), toml_lines(text)
        elif suffix == ".json":
            data, lines = _json(text, name), json_lines(text)
        else:
            data, lines = _yaml(text, name)
    except RecursionError:
        _fail(name, None, f"nested deeper than {NESTING} levels")
    if not isinstance(data, dict):
        _fail(name, 1, "the file must hold tables such as [model]")
    _check_depth(data, name)
    # of a text in three quotation marks the first line is the one after them
    first = lines.get("lines", 1) if suffix == ".toml" else 0
    return Source(data, name, lines, folder, first)


def _check_control(text: str, name: str) -> None:
    found = re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", text)
    if found:
        line = text.count("\n", 0, found.start()) + 1
        _fail(name, line, f"the control character U+{ord(found[0]):04X} is not allowed")


def _check_brackets(text: str, name: str) -> None:
    """A bound on nesting before a parser with a stack sees the text."""
    depth = 0
    for found in re.finditer(r"""'[^'\n]*'|"(?:[^"\\\n]|\\.)*"|[\[{\]}]""", text):
        mark = found[0]
        depth += (mark in "[{") - (mark in "]}")
        if depth > NESTING:
            line = text.count("\n", 0, found.start()) + 1
            _fail(name, line, f"nested deeper than {NESTING} levels")
    for found in re.finditer(r"^[^\n\"'=#]*", text, re.MULTILINE):
        if found[0].count(".") > NESTING:
            line = text.count("\n", 0, found.start()) + 1
            _fail(name, line, f"a key is nested deeper than {NESTING} levels")


def _check_depth(data: Any, name: str) -> None:
    pending = [(data, 0)]
    while pending:
        value, depth = pending.pop()
        if depth > NESTING:
            _fail(name, None, f"nested deeper than {NESTING} levels")
        if isinstance(value, dict):
            pending += [(v, depth + 1) for v in value.values()]
        elif isinstance(value, list | tuple):
            pending += [(v, depth + 1) for v in value]


def _toml(text: str, name: str) -> Any:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)", str(error))
        line = int(found[1]) if found and found[1] else text.count("\n") + 1
        what = str(error)[: found.start()] if found else str(error)
        hint = "this looks like JSON: name the file .json" if text.lstrip()[:1] == "{" else ""
        if what.startswith(("Unescaped '\\'", "Invalid hex value")):
            hint = "write / in paths, or put '...' around the string"
        _fail(name, line, f"not TOML: {shorten(what)}", hint)
    except ValueError as error:
        _fail_number(text, name, error)


def _json(text: str, name: str) -> Any:
    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for key, value in found:
            if key in out:
                _fail(name, None, f"the key {shorten(key)!r} is there twice")
            out[key] = value
        return out

    def constant(word: str) -> Any:
        return float(word.replace("Infinity", "inf"))

    try:
        return json.loads(text, object_pairs_hook=pairs, parse_constant=constant)
    except json.JSONDecodeError as error:
        _fail(name, error.lineno, f"not JSON: {error.msg}")
    except ValueError as error:
        if isinstance(error, SpecError):
            raise
        _fail_number(text, name, error)


def _fail_number(text: str, name: str, error: ValueError) -> NoReturn:
    """What a parser finds wrong where the syntax is right: a number too long for Python."""
    limit = sys.get_int_max_str_digits()
    found = re.search(rf"[0-9](?:_?[0-9]){{{limit},}}", text)
    if found is None:
        _fail(name, None, shorten(str(error)))
    line = text.count("\n", 0, found.start()) + 1
    digits = len(found[0].replace("_", ""))
    _fail(name, line, f"a number of {digits} digits is too long", f"at most {limit} are read")


def _yaml(text: str, name: str) -> tuple[Any, Lines]:
    """YAML 1.2 through ruamel.yaml: safe, pure Python, duplicate keys refused."""
    try:
        yaml = importlib.import_module("ruamel.yaml")
        nodes = importlib.import_module("ruamel.yaml.nodes")
    except ImportError:
        _fail(name, None, "YAML needs ruamel.yaml", "pip install 'symnn[yaml]', or write TOML")
    _check_indentation(text, name)
    reader = yaml.YAML(typ="safe", pure=True)
    reader.version = (1, 2)
    try:
        tree = reader.compose(text)
        lines: Lines = {}
        _yaml_lines(tree, "", lines, nodes, name)
        data = reader.load(text)
    except yaml.error.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = str(error.problem or error.context or "not YAML")
        if "but found another document" in problem:
            problem = "more than one document"
        _fail(name, mark.line + 1 if mark else None, f"not YAML: {shorten(problem)}")
    except (yaml.error.YAMLError, ValueError, TypeError, AttributeError, KeyError) as error:
        if isinstance(error, SpecError):
            raise
        if isinstance(error, ValueError):
            _fail_number(text, name, error)
        _fail(name, None, f"not YAML: {shorten(str(error))}")
    return _plain(data, name) if isinstance(data, Mapping) else data, lines


def _check_indentation(text: str, name: str) -> None:
    for number, row in enumerate(text.splitlines(), start=1):
        dashes = re.match(r"\s*((- )*)", row)
        if dashes and (len(dashes[1]) // 2 > NESTING or len(dashes[0]) > 10 * NESTING):
            _fail(name, number, f"nested deeper than {NESTING} levels")


def _yaml_lines(node: Any, path: str, lines: Lines, nodes: Any, name: str) -> None:
    """The lines of the fields; aliases are refused, they multiply and may be circular."""
    if node is None:
        return
    seen: set[int] = set()
    pending = [(node, path)]
    while pending:
        node, path = pending.pop()
        if id(node) in seen and not isinstance(node, nodes.ScalarNode):
            _fail(name, node.start_mark.line + 1, "anchors and aliases are not allowed", "", path)
        seen.add(id(node))
        if path:
            lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, nodes.MappingNode):
            keys: set[str] = set()
            for key, value in node.value:
                word = str(key.value)
                if word in keys:
                    what = f"the key {shorten(word)!r} is there twice"
                    _fail(name, key.start_mark.line + 1, what, "", f"{path}.{word}".strip("."))
                keys.add(word)
                inner = f"{path}.{word}" if path else word
                lines.setdefault(inner, key.start_mark.line + 1)
                pending.append((value, inner))
        elif isinstance(node, nodes.SequenceNode):
            pending += [(value, f"{path}[{k}]") for k, value in enumerate(node.value)]


def _plain(value: Any, name: str) -> Any:
    """Mappings as dicts with string keys, sequences as lists, all the way down."""
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                _fail(name, None, f"the key {shorten(repr(key))} must be a string")
        return {key: _plain(v, name) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v, name) for v in value]
    return value.item() if type(value).__module__ == "numpy" and hasattr(value, "item") else value
