"""Imports by the first call keep to the order of the rooms, as import-linter has all others do."""

from __future__ import annotations

import ast
import importlib
import operator
import tomllib
from pathlib import Path

import grimp
import pytest

from symnn.io.deferred import deferred

ROOT = Path(__file__).resolve().parent.parent


def references() -> list[tuple[str, str]]:
    """The module that defers an import, and the function that it names, of the whole package."""
    found = []
    for path in sorted((ROOT / "symnn").rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "deferred":
                (argument,) = node.args
                assert isinstance(argument, ast.Constant), f"{module}: a reference is a literal"
                found.append((module, argument.value))
    return found


REFERENCES = references()


@pytest.mark.parametrize("reference", sorted({reference for _, reference in REFERENCES}))
def test_a_reference_names_a_function(reference: str) -> None:
    module, _, name = reference.partition(":")
    assert callable(operator.attrgetter(name)(importlib.import_module(module)))


def test_deferred_imports_run_down_and_in_no_circle() -> None:
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    floors = contract["contracts"][0]["layers"]
    graph = grimp.build_graph("symnn", cache_dir=None)
    for module, reference in REFERENCES:
        graph.add_import(importer=module, imported=reference.partition(":")[0])
    layers = [grimp.Layer(*(room.strip() for room in floor.split("|"))) for floor in floors]
    assert graph.find_illegal_dependencies_for_layers(layers, containers={"symnn"}) == set()
    for room in sorted(graph.find_children("symnn")):
        assert graph.nominate_cycle_breakers(room) == set(), room


def test_a_module_is_imported_by_the_first_call() -> None:
    later = deferred("no_such_module:function")
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        later()
    assert deferred("math:prod")([2, 3], start=7) == 42
