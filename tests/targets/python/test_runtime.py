"""The files that are copied into modules, and the modules that are made of them."""

from __future__ import annotations

import ast
import itertools
import subprocess
import sys
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from support.programs import ARCHITECTURES
from support.random_graphs import Graphs, network
from support.specimens import SPECIMENS, written
from test_module import passes_ruff_in

import symnn
from symnn import Dense, Dropout, Network
from symnn.api import Lines
from symnn.language.options import INCLUDED
from symnn.spec.sources import example_path
from symnn.targets.modules import RUNTIME
from symnn.targets.python import copying
from symnn.targets.python.copying import FOLDER, imports, part, parts
from symnn.targets.registry import TARGETS, generate_files

NETWORKS = {
    "one layer": Network(inputs=3, layers=[Dense(1, "sigmoid")], loss="binary_cross_entropy"),
    "classes": Network(
        inputs=3,
        layers=[Dense(4, "gelu", bias=False), Dropout(0.25), Dense(3, "softmax")],
        loss={"name": "cross_entropy", "l2": 0.1},
        dtype="float32",
        train={"optimizer": "adam"},
    ),
    "deep": Network(
        inputs=2,
        layers=[Dense(4, "tanh")] * 5 + [Dropout(0.5), Dense(2)],
        loss={"name": "mse", "l2": 0.1},
        train={"optimizer": "sgd", "momentum": 0.9, "shuffle": False, "batch_size": 2},
    ),
    "formula": Network(
        inputs=1,
        layers=[Dense(2, "hat"), Dense(1, "silu")],
        loss="norm",
        activations={"hat": "max(0, 1 - abs(x))"},
        train={"optimizer": "rmsprop"},
    ),
}
# a target, or what the default one is made with
CHOICES = [subset for k in range(1, 4) for subset in combinations(INCLUDED, k)]
MODULES = [(name, target) for name in NETWORKS for target in (*TARGETS, *CHOICES)]


def module(name: str, target: str | tuple[str, ...]) -> str:
    if isinstance(target, tuple):
        return generate_files(NETWORKS[name], "numpy", include=target)[".py"]
    return generate_files(NETWORKS[name], target)[".py"]


# of lines: products, windows, loops, tables, places that a text points to, states
LINES = ("attention", "batch_norm", "convolution", "ctc", "embedding", "lstm", "pooling")
SHORT = ("conv-transposed", "pinn", "word2vec-softmax", "rnn-goodfellow")
GRAPHS = (1, 3)


def modules_of_lines() -> list[str]:
    """Of examples, of lines without samples, of layers."""
    texts = [example_path(name, ".lines").read_text("utf-8") for name in LINES]
    texts += [ARCHITECTURES[name] for name in SHORT]
    made = [symnn.lines(text) for text in texts]
    made += [Lines(network(Graphs(seed).spec)) for seed in GRAPHS]
    included = itertools.cycle([(), ("checkpoint",)])
    return [lines.generate(include=more) for lines, more in zip(made, included, strict=False)]


def test_modules_pass_ruff_and_mypy_in_its_strict_mode(tmp_path: Path) -> None:
    texts = {"layers": [module(*case) for case in MODULES], "lines": modules_of_lines()}
    for folder, made in texts.items():
        (tmp_path / folder).mkdir()
        for k, text in enumerate(made):
            (tmp_path / folder / f"{folder}{k}.py").write_text(text, encoding="utf-8")
    passes_ruff_in(tmp_path / "layers")
    passes_ruff_in(tmp_path / "lines", "--ignore=E741")  # names of the user's own, l and O
    words = ["--strict", "--no-incremental", "--config-file=", "--python-version=3.11", "."]
    command = [sys.executable, "-m", "mypy", *words]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[:6000]
    assert f"no issues found in {sum(map(len, texts.values()))} source files" in done.stdout


@pytest.mark.parametrize("specimen", SPECIMENS)
def test_a_specimen_is_what_the_generator_writes(specimen: str) -> None:
    """If not: python tests/support/specimens.py"""
    assert (FOLDER / f"{specimen}.py").read_text(encoding="utf-8") == written(specimen)


@pytest.mark.parametrize(("name", "target"), MODULES)
def test_a_module_defines_each_name_once(name: str, target: str | tuple[str, ...]) -> None:
    """Of two definitions the second would stand for both."""
    found: Counter[str] = Counter()
    for node in ast.parse(module(name, target)).body:
        match node:
            case ast.FunctionDef(defined) | ast.ClassDef(defined):
                found[defined] += 1
            case ast.Assign(targets=[*own]) | ast.AnnAssign(target=own):
                targets = own if isinstance(own, list) else [own]
                named = (n for t in targets for n in ast.walk(t) if isinstance(n, ast.Name))
                found.update({n.id for n in named})
    assert {defined: count for defined, count in found.items() if count > 1} == {}


SHORTER = {"targets": ("plain_targets",), "columns": ("named_columns",)}


@pytest.mark.parametrize("target", TARGETS)
def test_the_runtime_is_the_same_text_in_every_module(target: str) -> None:
    for name in NETWORKS:
        text = module(name, target)
        for file in RUNTIME[target]:
            # the readable module has the shorter one where the model needs no more, or none
            others = SHORTER.get(file, ()) if target == "numpy" else ()
            found = [text.count(f"{part(own).text}\n") for own in (file, *others)]
            assert sum(found) == 1 or (file == "scaling" and target == "numpy" and not any(found))


def write(folder: Path, **sources: str) -> None:
    for name, source in sources.items():
        (folder / f"{name}.py").write_text(source, encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Where files of a runtime are looked for."""
    monkeypatch.setattr(copying, "FOLDER", tmp_path)
    copying.part.cache_clear()
    yield tmp_path
    copying.part.cache_clear()


def test_files_are_copied_without_docstring_and_imports(folder: Path) -> None:
    head = '"""What it is."""\n\nfrom __future__ import annotations\n\n'
    inner = "import numpy as np\nfrom symnn.targets.python.runtime.b import (\n    g,\n)\n\n"
    text = '# of f\nONE, TWO = 1, 2\n\n\ndef f() -> int:\n    """As it is."""\n    return g()'
    write(folder, a=f"{head}import zlib\nfrom os import path, PathLike\n{inner}{text}\n")
    write(folder, b=f"{head}import ast\nfrom os import curdir\n\n\ndef g(): ...\n")
    assert parts(["a", "b"]) == {"a": text, "b": "def g(): ..."}
    assert imports(["a", "b"]) == "import ast\nimport zlib\nfrom os import PathLike, curdir, path"


def test_two_files_that_define_one_name_are_refused(folder: Path) -> None:
    write(folder, a="def f(): ...\n", b="class C: ...\n\n\nf, g = 1, 2\n")
    assert list(parts(["a"])) == ["a"]
    with pytest.raises(ValueError, match=r"a\.py and b\.py both define f"):
        parts(["a", "b"])
