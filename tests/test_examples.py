"""The shipped examples: their committed output, and that they learn."""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Any

import numpy as np
import picture
import pytest
import sympy as sp

import symnn
from symnn.data.datasets import load_data, split
from symnn.formats.latex import document
from symnn.formats.markdown import github
from symnn.io.marks import marked_text
from symnn.notes.options import NotesOptions
from symnn.spec.sources import GRAPHS, every_example, example_names

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
        NotesOptions(
            notation=notes.notation,
            layout=notes.layout,
            detail=notes.detail,
            language=notes.language,
        ),
    )
    compare(GENERATED / f"{name}.tex", marked_text(text, ".tex"))


@pytest.mark.parametrize("name", [*example_names(folder=GRAPHS), "attention"])
def test_the_committed_outputs_of_any_network_are_what_is_written(name: str) -> None:
    lines = symnn.lines(Path(name))
    compare(GENERATED / f"{name}.py", lines.generate())
    text = marked_text(document(lines.derive(), NotesOptions()), ".tex")
    compare(GENERATED / f"{name}.tex", text)


@pytest.mark.parametrize("name", ["xor.zh.tex", "xor.md", "xor.zh.md"])
def test_the_committed_notes_in_other_forms_are_what_is_derived(name: str) -> None:
    printer = document if name.endswith(".tex") else github
    options = NotesOptions(language="zh" if ".zh." in name else "en")
    text = printer(symnn.load("xor").derive(), options)
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
    names = (*example_names(), *example_names(folder=GRAPHS), "attention")
    known = {f"{name}{suffix}" for name in names for suffix in (".py", ".tex")}
    known |= {"xor.svg", "xor.zh.tex", "xor.md", "xor.zh.md", "xor_page.png"}
    known |= {"xor_fast.py", "xor_jax.py"}
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
    parts = split(data.name, len(data.x), train.test_fraction, net.spec.model.seed)
    fit, held = map(data.rows, parts)
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


def blocks() -> list[tuple[int, str]]:
    """The README's code in Python, each with its line."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.finditer(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [(text.count("\n", 0, block.start()) + 1, block[1]) for block in found]


def test_the_code_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert blocks()
    monkeypatch.chdir(tmp_path)
    scope: dict[str, Any] = {"__name__": "readme"}
    for line, code in blocks():
        exec(compile("\n" * line + code, "README.md", "exec"), scope)
        if "import sympy" in code:  # the weights of SymPy's gradients, and those of the module
            module = np.concatenate([scope["params"][name].ravel() for name in scope["names"]])
            assert np.abs(scope["w"] - module).max() < 1e-13
            assert np.abs(module).max() > 1


@pytest.mark.parametrize("name", ["xor", "logistic_regression", "regression", "norm_loss"])
def test_sympy_differentiates_the_small_examples_as_the_readme_does(name: str) -> None:
    """The README's lines up to the start of the descent, and the gradient of the module."""
    (code,) = (code for _, code in blocks() if "import sympy" in code)
    net = symnn.load(name)
    scope: dict[str, Any] = {"net": net}
    exec(code.partition("start = ")[0], scope)
    module = net.compile()
    params, rng = module.initialize(2), np.random.default_rng(0)
    x, y = rng.normal(size=(5, net.inputs)), rng.uniform(0.1, 0.9, (5, net.outputs))
    w = np.concatenate([params[n].ravel() for n in scope["names"]])
    found = sum(np.array(scope["slopes"](w, [*a, *b])) for a, b in zip(x, y, strict=True))
    _, gradients = module.loss_and_gradients(params, x, y)
    wanted = np.concatenate([gradients[n].ravel() for n in scope["names"]])
    c = 1 / len(x) if net.mean_loss else 1
    assert not net.spec.loss.l2  # which would count once a sample
    assert np.abs(c * found - wanted).max() <= 1e-13 * np.abs(wanted).max()


def test_what_the_readme_says_of_matrices_in_sympy_is_so() -> None:
    """Where it fails, SymPy has become better, and that paragraph goes."""
    n, m = sp.symbols("n m", integer=True, positive=True)
    a, x, b, y = (sp.MatrixSymbol(*t) for t in (("A", m, n), ("x", n, 1), ("b", m, 1), ("y", m, 1)))
    error = (a * x + b).applyfunc(sp.tanh) - y
    with pytest.raises(ValueError):
        (error.T * error).diff(a)
    a, x, b = sp.MatrixSymbol("A", 3, 2), sp.MatrixSymbol("x", 2, 1), sp.MatrixSymbol("b", 3, 1)
    entry = (a * x + b)[0, 0]
    assert entry.diff(a) == sp.ZeroMatrix(3, 2) and entry.diff(a[0, 1]) == x[1, 0]


def test_the_guide_lists_every_example() -> None:
    page = (ROOT / "symnn" / "guide" / "examples.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"^\| `(\w+)` \|", page, re.M)) == sorted(every_example())
