"""The shipped examples: their committed output, and that they learn."""

from __future__ import annotations

import difflib
import re
from pathlib import Path

import pytest

import symnn
from symnn.data.datasets import load_data, split
from symnn.formats.registry import document
from symnn.io.marks import marked_text
from symnn.spec.sources import example_names

ROOT = Path(__file__).parents[1]
GENERATED = ROOT / "generated"


def compare(path: Path, text: str) -> None:
    """The file holds exactly this text."""
    found = path.read_bytes().decode("utf-8") if path.exists() else ""
    if found != text:
        rows = difflib.unified_diff(
            found.splitlines(), text.splitlines(), path.name, "as generated", lineterm="", n=1
        )
        shown = "\n".join(list(rows)[:60])
        pytest.fail(f"{path.name} is stale: run make generated\n{shown}", pytrace=False)


@pytest.mark.parametrize("name", example_names())
def test_the_committed_module_is_what_is_generated(name: str) -> None:
    compare(GENERATED / f"{name}.py", symnn.load(name).generate())


@pytest.mark.parametrize("target", ["numpy-fast", "jax"])
def test_the_committed_modules_of_other_targets_are_what_is_generated(target: str) -> None:
    compare(
        GENERATED / f"xor_{target.removeprefix('numpy-')}.py", symnn.load("xor").generate(target)
    )


@pytest.mark.parametrize("name", example_names())
def test_the_committed_notes_are_what_is_derived(name: str) -> None:
    net = symnn.load(name)
    notes = net.spec.notes
    text = document(
        net.derive(),
        notation=notes.notation,
        layout=notes.layout,
        detail=notes.detail,
        language=notes.language,
    )
    compare(GENERATED / f"{name}.tex", marked_text(text, ".tex"))


def test_the_committed_chinese_notes_are_what_is_derived() -> None:
    text = document(symnn.load("xor").derive(), language="zh")
    compare(GENERATED / "xor.zh.tex", marked_text(text, ".tex"))


def test_the_committed_picture_is_what_is_drawn() -> None:
    compare(GENERATED / "xor.svg", marked_text(symnn.load("xor")._repr_svg_(), ".svg"))


def test_nothing_else_is_committed_there() -> None:
    known = {f"{name}{suffix}" for name in example_names() for suffix in (".py", ".tex")}
    known |= {"xor.svg", "xor.zh.tex", "xor_fast.py", "xor_jax.py"}
    suffixes = (".py", ".tex", ".svg")
    assert {p.name for p in GENERATED.iterdir() if p.suffix in suffixes} <= known


@pytest.mark.parametrize("name", example_names())
def test_every_example_holds(name: str) -> None:
    net = symnn.load(name)
    assert net.derive().verify().ok
    assert net.compile().check() < 1e-6


def test_digits_are_learned() -> None:
    net = symnn.load("digits")
    train = net.spec.train
    data = load_data("digits", inputs=64, outputs=10, kind="distribution")
    fit, held = split(data, train.test_fraction, net.spec.model.seed)
    module = net.compile()
    params, history = module.train(fit.x, fit.y)
    found = module.predict(params, held.x).argmax(axis=1)
    assert (found == held.y.argmax(axis=1)).mean() >= 0.96
    assert history[-1] < history[0] / 5


def test_xor_is_learned() -> None:
    net = symnn.load("xor")
    data = load_data("xor", inputs=2, outputs=1)
    module = net.compile()
    params, history = module.train(data.x, data.y)
    assert ((module.predict(params, data.x) > 0.5) == (data.y > 0.5)).all()
    assert history[-1] < 0.01


def test_the_code_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = list(re.finditer(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
    assert blocks
    monkeypatch.chdir(tmp_path)
    scope: dict[str, object] = {"__name__": "readme"}
    for block in blocks:
        line = text.count("\n", 0, block.start()) + 1
        exec(compile("\n" * line + block[1], "README.md", "exec"), scope)
