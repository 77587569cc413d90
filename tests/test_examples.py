"""The shipped examples: their committed output, and that they learn."""

from __future__ import annotations

import difflib
from pathlib import Path

import picture
import pytest

import symnn
from symnn.data.datasets import load_data, split
from symnn.formats.registry import document, github
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


@pytest.mark.parametrize("target", ["plain", "jax"])
def test_the_committed_modules_of_other_targets_are_what_is_generated(target: str) -> None:
    compare(GENERATED / f"xor_{target}.py", symnn.load("xor").generate(target))


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


@pytest.mark.parametrize("name", ["xor.zh.tex", "xor.md", "xor.zh.md"])
def test_the_committed_notes_in_other_forms_are_what_is_derived(name: str) -> None:
    printer = document if name.endswith(".tex") else github
    text = printer(symnn.load("xor").derive(), language="zh" if ".zh." in name else "en")
    compare(GENERATED / name, marked_text(text, Path(name).suffix))


def test_the_committed_picture_is_what_is_drawn() -> None:
    compare(GENERATED / "xor.svg", marked_text(symnn.load("xor")._repr_svg_(), ".svg"))


def test_the_committed_page_is_one_of_the_committed_notes() -> None:
    png = picture.PICTURE.read_bytes()
    if picture.source_digest(png) != picture.digest(picture.SOURCE.read_bytes()):
        pytest.fail(f"{picture.PICTURE.name} is stale: run make generated", pytrace=False)
    kinds = [kind for kind, _ in picture.chunks(png)]
    assert (kinds[0], kinds[-1]) == (b"IHDR", b"IEND")
    assert len(png) < 200_000


def test_nothing_else_is_committed_there() -> None:
    known = {f"{name}{suffix}" for name in example_names() for suffix in (".py", ".tex")}
    known |= {"xor.svg", "xor.zh.tex", "xor.md", "xor.zh.md", "xor_page.png"}
    known |= {"xor_plain.py", "xor_jax.py"}
    assert {p.name for p in GENERATED.iterdir()} == known


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
