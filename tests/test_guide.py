"""The README and the guide: what they show runs and holds, and where they lead is there."""

from __future__ import annotations

import contextlib
import importlib
import io
import itertools
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import click
import numpy as np
import pytest
from support.random_networks import random_network

import symnn
from symnn import Dense, Dropout, Network, extend
from symnn.cli.guide import folder, pages
from symnn.cli.main import cli
from symnn.notation.books import LAYOUTS, NOTATIONS
from symnn.notes.options import NotesOptions
from symnn.spec.sections import OWN_NOTATION, SECTIONS

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
GUIDE = sorted((ROOT / "symnn" / "guide").glob("*.md"))
TEXTS = [README, *GUIDE]
REGISTRIES = (extend.LAYERS, extend.FORMATS, extend.TARGETS)


def read(page: str) -> str:
    return (folder() / f"{page}.md").read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[tuple[int, str]]:
    """The fenced blocks of a language, each with its line."""
    found = re.finditer(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [(text.count("\n", 0, block.start()) + 1, block[1]) for block in found]


def modules(text: str) -> dict[str, str]:
    """Name -> text of the blocks that are files: they begin with  # name.py."""
    found = [(re.match(r"# (\w+)\.py\n", block), block) for _, block in blocks(text, "python")]
    return {name[1]: block for name, block in found if name}


@pytest.fixture
def registered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder whose modules are imported; what they add to the registries is gone afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    before, loaded = [dict(registry) for registry in REGISTRIES], set(sys.modules)
    yield tmp_path
    for registry, old in zip(REGISTRIES, before, strict=True):
        registry.clear()
        registry.update(old)
    for name in set(sys.modules) - loaded:
        if Path(getattr(sys.modules[name], "__file__", None) or "/").parent == tmp_path:
            del sys.modules[name]


def example(page: str, folder: Path) -> ModuleType:
    """The module of a worked example, which registers what it adds."""
    ((name, text),) = modules(read(page)).items()
    (folder / f"{name}.py").write_text(text, encoding="utf-8")
    return importlib.import_module(name)


# --- what they show ---


@pytest.mark.parametrize("path", TEXTS, ids=lambda p: p.stem)
def test_code_runs_and_prints_what_is_shown(path: Path, registered: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for name, block in modules(text).items():
        (registered / f"{name}.py").write_text(block, encoding="utf-8")
    scope: dict[str, object] = {"__name__": "shown"}
    for line, block in blocks(text, "python"):
        if re.match(r"# \w+\.py\n", block):
            continue
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile("\n" * line + block, path.name, "exec"), scope)
        shown = re.findall(r"^# (?!…)(.*)$", block, re.MULTILINE)
        rows = [row.strip() for row in printed.getvalue().splitlines()]
        assert [row for row in shown if row not in rows] == [], path.name


def test_there_is_code_to_run() -> None:
    shown = {p.stem for p in TEXTS if blocks(p.read_text(encoding="utf-8"), "python")}
    examples = {"new-layer", "new-format", "new-target"}
    assert {"README", "python", "compare", "zh", *examples} <= shown
    assert {p.stem for p in TEXTS if modules(p.read_text(encoding="utf-8"))} == examples


@pytest.mark.parametrize("path", TEXTS, ids=lambda p: p.stem)
def test_commands_have_the_options_that_are_shown(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    found = re.findall(r"^    (?:\$ )?symnn (.*?)(?: +#.*)?$", text, re.MULTILINE)
    found += re.findall(r"`symnn ((?:derive|draw|generate|train|check|new|guide) [^`…\[]*)`", text)
    for words in map(str.split, found):
        name, *rest = ["index" if word == "PAGE" else word for word in words]
        command = cli.commands[name]
        try:
            command.make_context(name, rest)
        except click.UsageError as error:
            pytest.fail(f"{path.name}: symnn {' '.join(words)}: {error.format_message()}")


def test_the_table_of_the_readme_is_one_line_three_times() -> None:
    net = symnn.load("xor")
    derivation = net.derive()
    lines = [str(line) for line in derivation.stable.lines]
    statements = [row.strip() for row in net.generate().splitlines()]
    for path in (README, folder() / "zh.md"):
        rows = re.findall(r"^\| `(.*)` \| \$(.*)\$ \| `(.*)` \|$", path.read_text("utf-8"), re.M)
        assert len(rows) == 2
        for line, formula, statement in rows:
            assert line in lines and statement in statements
            assert prints(derivation, "sample", formula)
    rows = re.findall(r"^\| `(\w+)` \| \$(.*)\$ \| \$(.*)\$ \|$", read("notes"), re.M)
    assert [layout for layout, *_ in rows] == list(LAYOUTS)
    for layout, *formulas in rows:
        assert all(prints(derivation, layout, formula) for formula in formulas), layout


def prints(derivation: symnn.api.Derivation, layout: str, formula: str) -> bool:
    """Whether the notes print this formula; the braces of one-letter marks are left out in it."""
    printed = re.sub(r"_\{(\d)\}", r"_\1", derivation.latex(layout=layout))
    rows = [row.split(" && ")[0].removesuffix(r" \\") for row in printed.splitlines()]
    return formula.replace(" = ", " &= ") in rows


def test_the_spec_that_is_shown_has_every_field() -> None:
    (_, whole), *_ = blocks(read("spec"), "toml")
    shown = tomllib.loads(whole)
    assert symnn.load(shown).derive().verify().ok
    for section, fields in SECTIONS.items():
        missing = set(fields) - set(shown[section])
        assert missing == set(re.findall(r"^# (\w+) = ", whole, re.M)) & set(fields), section
    (_, notation) = blocks(read("notes"), "toml")[0]
    assert set(tomllib.loads(notation)["notes"]["notation"]) == set(OWN_NOTATION)


def test_the_pages_name_every_command_format_and_target() -> None:
    commands = read("commands")
    assert set(re.findall(r"^\| `symnn (\w+)", commands, re.MULTILINE)) == set(cli.commands)
    assert [t for t in extend.TARGETS if t != "numpy" and f"--target {t}" not in commands] == []
    suffixes = {f.suffix for f in extend.FORMATS.values()}
    assert [suffix for suffix in suffixes if f"`{suffix}`" not in commands] == []
    assert [name for name in NOTATIONS if f"| `{name}` |" not in read("notes")] == []


# --- where they lead ---


def anchors(text: str) -> set[str]:
    """The anchors that code hosts give to headings."""
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("path", TEXTS, ids=lambda p: p.stem)
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8")):
        if target.startswith("https://"):
            continue
        file, _, anchor = target.partition("#")
        place = (path.parent / file) if file else path
        assert place.is_file(), f"{path.name}: {target}"
        assert not anchor or anchor in anchors(place.read_text(encoding="utf-8")), target


def test_the_readme_and_the_index_list_every_page() -> None:
    names = set(pages()) - {"index"}
    assert names == {path.stem for path in GUIDE} - {"index"}
    assert set(re.findall(r"^- \[[\w-]+\]\(([\w-]+)\.md\): ", read("index"), re.M)) == names
    table = README.read_text(encoding="utf-8").split("## The guide")[1]
    assert set(re.findall(r"\]\(symnn/guide/([\w-]+)\.md\)", table)) == names


def test_the_readme_is_seen_at_a_glance() -> None:
    lines = README.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 150
    assert lines[2].startswith("![") and lines[2].endswith("](generated/xor_page.png)")


def test_the_picture_of_the_rooms_is_what_the_linter_holds() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (layers,) = [c for c in project["tool"]["importlinter"]["contracts"] if c["type"] == "layers"]
    drawn = re.findall(r"^    │(.*)│", read("architecture"), re.MULTILINE)
    floors = [{room.strip() for room in floor.split("│")} for floor in drawn]
    assert floors == [set(floor.split(" | ")) for floor in layers["layers"] if floor != "__main__"]


# --- the worked examples ---


def with_the_layer(layer: type) -> Iterator[Network]:
    """Networks with a layer that takes no field: first, in the middle, twice, many times."""
    yield Network(inputs=2, layers=[Dense(4), layer(), Dense(1, "sigmoid")], loss="sse")
    yield Network(
        inputs=3,
        layers=[layer(), Dense(4, "gelu"), layer(), layer(), Dropout(0.3), Dense(3, "softmax")],
        loss={"name": "cross_entropy", "l2": 0.1},
        train={"optimizer": "adam"},
    )
    deep = [Dense(4, "tanh"), layer()] * 6
    yield Network(inputs=4, layers=[*deep, Dense(2)], loss="norm", dtype="float32")


def test_the_layer_of_the_guide_is_derived_verified_generated_and_told(registered: Path) -> None:
    layer = example("new-layer", registered).Center
    for net in with_the_layer(layer):
        derivation = net.derive()
        assert derivation.verify().ok
        for target in ("numpy", "numpy-fast", *(["jax"] if find_spec("jax") else [])):
            assert net.compile(target).check() < (1e-6 if net.spec.model.dtype == "float64" else 1)
        for layout, kind in itertools.product(LAYOUTS, ("latex", "markdown", "html", "beamer")):
            text = extend.FORMATS[kind].printed(derivation, NotesOptions(layout=layout))
            assert "m_{1}" in str(text) and "c_{1}" in str(text)
    spec = {"model": {"inputs": 2}, "loss": {"name": "sse"}}
    rows = [{"type": "center", "offset": True}, {"type": "dense", "units": 1}]
    assert symnn.load({**spec, "layers": rows}).derive().gradients["o_1"]
    rows[0]["offset"] = 1
    with pytest.raises(symnn.SpecError, match=r"layers\[0\]\.offset: must be true or false"):
        symnn.load({**spec, "layers": rows})


def test_a_layer_that_takes_the_name_of_another_line_is_told_so(registered: Path) -> None:
    class Twice:
        FIELDS = {}  # noqa: RUF012

        def forward(self, net: extend.Build, x: extend.Tensor) -> extend.Tensor:
            net.let("t", x.axes, extend.Term(x.entry), why="the same", layer=1)
            return net.let("t", x.axes, extend.Term(x.entry), why="the same", layer=1)

    extend.LAYERS["twice"] = Twice
    spec = {"model": {"inputs": 2}, "loss": {"name": "sse"}}
    rows = [{"type": "twice"}, {"type": "dense", "units": 1}]
    with pytest.raises(ValueError, match=r"two layers write the line of 't_1'"):
        symnn.load({**spec, "layers": rows}).program  # noqa: B018


def test_the_format_of_the_guide_asks_for_every_gradient_once(registered: Path) -> None:
    printer = example("new-format", registered).cards
    for seed in range(6):
        net = random_network(seed)
        rows = [row.split("\t") for row in printer(net.derive(), NotesOptions()).splitlines()]
        questions = [question for question, _ in rows]
        assert len(set(questions)) == len(questions)
        answered = [f"\\partial {name[0]}_{{{name[2:]}}}" for name in net.parameters]
        assert [q for q in answered if not any(q in question for question in questions)] == []
    path = symnn.load("digits").derive().save(registered / "digits.tsv", language="zh")
    assert path.read_text(encoding="utf-8").startswith("# Generated by symnn; digest")


def test_the_target_of_the_guide_has_the_gradients_of_the_module(registered: Path) -> None:
    example("new-target", registered)
    compared = 0
    for seed in range(12):
        net = random_network(seed)
        if net.program.leaves_of("mask"):
            with pytest.raises(ValueError, match="has no dropout"):
                net.generate("gradients")
            continue
        rng = np.random.default_rng(seed)
        whole = net.compile()
        params = {n: rng.normal(size=a.shape) for n, a in whole.initialize(seed).items()}
        x = rng.normal(size=(5, net.inputs))
        y = whole.predict(params, rng.normal(size=(5, net.inputs)))
        expected, grads = whole.loss_and_gradients(params, x, y)
        loss, found = net.compile("gradients").loss_and_gradients(*params.values(), x, y)
        assert np.isclose(loss, expected, rtol=1e-12)
        for name, gradient in zip(net.parameters, found, strict=True):
            np.testing.assert_allclose(gradient, grads[name], rtol=1e-9, atol=1e-12)
        compared += 1
    assert compared >= 4
