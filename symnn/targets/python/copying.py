"""The files of runtime/ as parts of generated modules: their text, and what it imports."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "symnn.targets.python.runtime"
FOLDER = Path(__file__).with_name("runtime")
# what a template, or another part of the module, brings
GIVEN = ("__future__", "numpy", "jax", PACKAGE)


@dataclass(frozen=True)
class Part:
    """A file without its docstring and its imports.

    imports: (module, name) of the standard library; the name is "" for the module itself.
    defines: the names at the top level.
    """

    text: str
    imports: frozenset[tuple[str, str]]
    defines: frozenset[str]


@functools.cache
def part(name: str) -> Part:
    """The file of that name in runtime/; what it imports stands at its top."""
    source = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
    imports: list[tuple[str, str]] = []
    defines: list[str] = []
    first = 0  # the row of the text, after the docstring and the imports
    for node in ast.parse(source).body:
        match node:
            case ast.Expr():
                first = node.end_lineno or 0
            case ast.Import():
                imports += [(alias.name, "") for alias in node.names]
                first = node.end_lineno or 0
            case ast.ImportFrom():
                imports += [(str(node.module), alias.name) for alias in node.names]
                first = node.end_lineno or 0
            case ast.FunctionDef() | ast.ClassDef():
                defines.append(node.name)
            case _:
                names = (n for n in ast.walk(node) if isinstance(n, ast.Name))
                defines += [n.id for n in names if isinstance(n.ctx, ast.Store)]
    return Part(
        "\n".join(source.splitlines()[first:]).strip("\n"),
        frozenset(pair for pair in imports if not pair[0].startswith(GIVEN)),
        frozenset(defines),
    )


def parts(names: Iterable[str]) -> dict[str, str]:
    """Name -> text of these files.  Raises ValueError if two of them define the same name."""
    owners: dict[str, str] = {}
    texts = {}
    for name in names:
        texts[name] = part(name).text
        for defined in part(name).defines:
            if owners.setdefault(defined, name) != name:
                raise ValueError(f"{owners[defined]}.py and {name}.py both define {defined}")
    return texts


def imports(names: Iterable[str]) -> str:
    """What these files import of the standard library: one block, as a formatter orders it."""
    pairs = sorted({pair for name in names for pair in part(name).imports})
    members: dict[str, list[str]] = {}
    for module, name in pairs:
        if name:
            members.setdefault(module, []).append(name)
    rows = [f"import {module}" for module, name in pairs if not name]
    rows += [f"from {module} import {', '.join(found)}" for module, found in members.items()]
    return "\n".join(rows)
