"""The figures: what they show is what the lines say, in TikZ and in SVG alike."""

from __future__ import annotations

import itertools
import json
import math
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import sympy as sp

import symnn
from symnn.cli.main import main
from symnn.drawing.drawing import Drawing, Node
from symnn.drawing.drawing import Path as DrawnPath
from symnn.drawing.svg import UNIT, svg
from symnn.drawing.tikz import tikz
from symnn.engine.functions import TABLE, X, expand_names
from symnn.engine.ir import name_of
from symnn.formats import figure as draw
from symnn.formats.html import html
from symnn.formats.latex import document, fragment
from symnn.notation.books import AFFINE, LAYOUTS
from symnn.notes.context import Context
from symnn.notes.figures import FIGURES, captioned
from symnn.notes.figures.activations import bound, steepest
from symnn.notes.figures.descent import found_profile
from symnn.notes.figures.graph import HIDDEN
from symnn.notes.options import NotesOptions

HOSTILE = "</title><script>alert(1)</script> \\input{/etc/passwd} & $x$ %"


def small() -> symnn.Network:
    return symnn.Network(
        inputs=2, layers=[symnn.Dense(2, "sigmoid"), symnn.Dense(2, "sigmoid")], loss="sse"
    )


def rich() -> symnn.Network:
    layers = [
        symnn.Dropout(0.2),
        symnn.Dense(3, "gelu", bias=False),
        symnn.Dropout(0.5),
        symnn.Dense(2, "softmax"),
    ]
    return symnn.Network(
        inputs=2, layers=layers, loss={"name": "cross_entropy", "l2": 0.1}, name=HOSTILE
    )


def deep(depth: int = 20) -> symnn.Network:
    layers = [symnn.Dense(4, "tanh") for _ in range(depth - 1)]
    return symnn.Network(
        inputs=3, layers=[*layers, symnn.Dense(1)], loss={"name": "norm", "l2": 0.1}
    )


def flat() -> symnn.Network:
    return symnn.Network(inputs=2, layers=[symnn.Dense(1)], loss={"name": "mae", "l2": 0.1})


NETWORKS = {
    "flat": flat,
    "small": small,
    "rich": rich,
    "deep": deep,
    "xor": lambda: symnn.load("xor"),
    "digits": lambda: symnn.load("digits"),
}


def equations(net: symnn.Network, layout: str = "sample") -> Context:
    return Context(net.derive(), AFFINE, layout, "textbook", "en")


def drawings(net: symnn.Network) -> dict[str, Drawing]:
    context = equations(net)
    made = {name: figure(context) for name, figure in FIGURES.items()}
    return {name: drawing for name, drawing in made.items() if drawing is not None}


# the network ---------------------------------------------------------------------------------


def test_a_small_network_is_drawn_whole() -> None:
    drawing = drawings(small())["network"]
    texts = [node.text.tex for node in drawing.nodes]
    assert texts == [
        *("$x_{1}$", "$x_{2}$"),
        *("$a_{1,1}$", "$a_{1,2}$", "$a_{2,1}$", "$a_{2,2}$"),
    ]
    assert len(drawing.paths) == 8  # the entries of A_1 and A_2
    labels = [label.text.tex for label in drawing.labels]
    assert r"$A_{1},\, b_{1}$" in labels and r"$a_{2} = \sigma(z_{2})$" in labels
    assert not {r"$\vdots$", r"$\cdots$"} & set(labels)


def test_wide_and_deep_networks_are_drawn_with_dots() -> None:
    wide, long = drawings(symnn.load("digits"))["network"], drawings(deep())["network"]
    assert [n.text.tex for n in wide.nodes][:3] == ["$x_{1}$", "$x_{2}$", "$x_{64}$"]
    assert len(wide.nodes) == 9
    assert [label.text.tex for label in wide.labels].count(r"$\vdots$") == 3
    assert [label.text.tex for label in long.labels].count(r"$\cdots$") == 1
    assert {n.name for n in long.nodes} == {"x", "a_1", "a_2", "a_19", "z_20"}


# the graph -----------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", NETWORKS)
def test_arrows_lead_back_to_every_parameter(name: str, layout: str) -> None:
    net = NETWORKS[name]()
    drawing = FIGURES["graph"](equations(net, layout))
    assert drawing is not None
    shown = {node.name for node in drawing.nodes} & set(net.parameters)
    reached = {path.target for path in drawing.paths if path.kind == "backward"}
    assert shown <= reached
    if name == "deep":
        assert HIDDEN in {node.name for node in drawing.nodes} and {"A_1", "b_20"} <= shown
    else:
        assert shown == set(net.parameters)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_arrows_are_the_reads_of_the_lines(name: str) -> None:
    context = equations(NETWORKS[name]())
    drawing = FIGURES["graph"](context)
    assert drawing is not None
    shown = {node.name for node in drawing.nodes} - {HIDDEN}
    reads = {(name_of(e), line.lhs.name) for line in context.forward.lines for e in line.reads}
    forward = {(p.source, p.target) for p in drawing.paths if p.kind in ("forward", "feed")}
    backward = {(p.source, p.target) for p in drawing.paths if p.kind == "backward"}

    def known(pairs: set[tuple[str, str]]) -> set[tuple[str, str]]:
        return {(a, b) for a, b in pairs if {a, b} <= shown}

    assert known(forward) == known(reads)
    # a gradient takes the way of the values, in the other direction, where there is one
    assert known(backward) == {(b, a) for a, b in known(reads) if a in context.sweep.names}


def test_an_arrow_ends_at_the_circle_of_its_target() -> None:
    for name, make in NETWORKS.items():
        drawing = drawings(make())["graph"]
        nodes = {node.name: node for node in drawing.nodes}
        for path in drawing.paths:
            if path.kind != "feed":
                end, node = path.points[-1], nodes[path.target]
                distance = math.hypot(end[0] - node.x, end[1] - node.y)
                assert distance == pytest.approx(node.radius, abs=1e-6), (name, path)


def along(path: DrawnPath) -> list[tuple[float, float]]:
    """Points of a path."""
    ts = np.linspace(0.0, 1.0, 60)
    if path.curved:
        a, b, c, d = (np.array(p) for p in path.points)
        return [
            tuple((1 - t) ** 3 * a + 3 * (1 - t) ** 2 * t * b + 3 * (1 - t) * t**2 * c + t**3 * d)
            for t in ts
        ]
    ends = itertools.pairwise(np.array(p) for p in path.points)
    return [tuple((1 - t) * a + t * b) for a, b in ends for t in ts]


@pytest.mark.parametrize("name", NETWORKS)
def test_no_arrow_runs_through_a_circle(name: str) -> None:
    drawing = drawings(NETWORKS[name]())["graph"]
    for path in drawing.paths:
        for node in drawing.nodes:
            gap = min(math.hypot(x - node.x, y - node.y) for x, y in along(path)) - node.radius
            assert gap > -1e-3, (path, node.name)


def test_every_text_lies_within_the_box() -> None:
    for make in NETWORKS.values():
        for drawing in drawings(make()).values():
            left, bottom, right, top = drawing.box
            for shape in (*drawing.nodes, *drawing.labels):
                assert left <= shape.x <= right and bottom <= shape.y <= top


def test_circles_do_not_touch() -> None:
    for make in NETWORKS.values():
        for name in ("network", "graph"):
            nodes = drawings(make())[name].nodes
            for k, a in enumerate(nodes):
                for b in nodes[k + 1 :]:
                    assert math.hypot(a.x - b.x, a.y - b.y) > a.radius + b.radius


# activations and the descent -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "place", "value"),
    [("sigmoid", 0, "1/4"), ("tanh", 0, "1"), ("sin", 0, "1"), ("relu", None, "1")],
)
def test_the_largest_slope_is_found(name: str, place: float | None, value: str) -> None:
    found = steepest(TABLE[name])
    assert found is not None
    assert found[0] == place and bound(found[1]) == value


def test_a_slope_that_is_not_attained_is_not_marked() -> None:
    assert steepest(TABLE["softplus"]) is None
    assert steepest(TABLE["linear"]) == (None, 1.0)


@pytest.mark.parametrize("name", ["gelu", "silu"])
def test_a_rounded_bound_holds(name: str) -> None:
    found = steepest(TABLE[name])
    assert found is not None and found[0] is not None
    second = sp.diff(expand_names(TABLE[name].definition), X, 2)
    assert abs(second.subs(X, found[0]).evalf()) < 3e-3  # the slope is stationary there
    assert found[1] <= float(bound(found[1])) < found[1] + 1e-3


@pytest.mark.parametrize("name", NETWORKS)
def test_the_three_steps_do_what_their_names_say(name: str) -> None:
    profile = found_profile(NETWORKS[name]().derive())
    assert profile is not None
    start, steps = float(profile.losses[0]), profile.steps
    small, good, large = map(profile.loss, (profile.small, profile.good, profile.large))
    assert good < small < start < large
    near = steps < profile.large
    assert good == pytest.approx(profile.losses[near].min(), rel=1e-3)
    # the tangent at 0 has the slope -|g|^2
    first = float(steps[1])
    assert (start - float(profile.losses[1])) / first == pytest.approx(profile.slope, rel=0.2)


def test_the_slope_is_the_derivative_of_the_loss_along_the_step() -> None:
    from symnn.engine.evaluate import evaluate
    from symnn.notes.figures.descent import numbers

    net = rich()
    sweep, values = net.derive().batch, numbers(net, 0)
    arrays = evaluate(sweep.program, values)
    gradient = {n: arrays[sweep.names[n]] for n in net.parameters}
    slope = sum(float(np.sum(g * g)) for g in gradient.values())
    h = 1e-30
    moved = {n: values[n] - 1j * h * g for n, g in gradient.items()}
    along = evaluate(net.program, {**values, **moved})["L"].imag / h
    assert along == pytest.approx(-slope, rel=1e-12)


# printers ------------------------------------------------------------------------------------


def circles(drawing: Drawing) -> list[tuple[float, float, float]]:
    nodes = [s for s in drawing.shapes if isinstance(s, Node)]
    return [(round(n.x, 3), round(n.y, 3), round(n.radius, 3)) for n in nodes]


@pytest.mark.parametrize("name", NETWORKS)
def test_both_printers_put_the_nodes_where_the_drawing_has_them(name: str) -> None:
    for drawing in drawings(NETWORKS[name]()).values():
        root = ElementTree.fromstring(svg(drawing))
        found = [
            tuple(float(c.attrib[key]) for key in ("cx", "cy", "r"))
            for c in root.iter("{http://www.w3.org/2000/svg}circle")
        ]
        pattern = r"minimum size=([-\d.]+)cm.*? at \(([-\d.]+),([-\d.]+)\)"
        set_ = [tuple(map(float, m)) for m in re.findall(pattern, tikz(drawing))]
        want = circles(drawing)
        assert len(found) == len(set_) == len(want)
        for (x, y, r), (cx, cy, cr), (size, tx, ty) in zip(want, found, set_, strict=True):
            assert (cx, -cy, cr) == pytest.approx((x * UNIT, y * UNIT, r * UNIT), abs=0.05)
            assert (tx, ty, size) == pytest.approx((x, y, 2 * r), abs=2e-3)


def test_text_of_the_user_is_inert() -> None:
    for drawing in drawings(rich()).values():
        root = ElementTree.fromstring(svg(drawing))
        assert root.attrib["role"] == "img"
        titles = [e.text or "" for e in root.iter("{http://www.w3.org/2000/svg}title")]
        assert len(titles) == 1 and HOSTILE in titles[0]
        assert not [e for e in root.iter() if e.tag.endswith("script")]
        assert "input{" not in tikz(drawing) and "alert" not in tikz(drawing)


@pytest.mark.parametrize("name", ["rich", "deep"])
def test_every_figure_compiles_and_its_page_is_its_box(name: str, tmp_path: Path) -> None:
    if shutil.which("pdflatex") is None or shutil.which("pdfinfo") is None:
        pytest.skip("pdflatex or pdfinfo is not installed")
    for drawing in drawings(NETWORKS[name]()).values():
        made = draw.printed(drawing, ".pdf")
        assert isinstance(made, bytes)
        (tmp_path / "figure.pdf").write_bytes(made)
        command = ["pdfinfo", str(tmp_path / "figure.pdf")]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        size = re.search(r"Page size: +([\d.]+) x ([\d.]+) pts", told)
        assert size is not None and re.search(r"Pages: +1\n", told)
        left, bottom, right, top = drawing.box
        want = ((right - left) / 2.54 * 72, (top - bottom) / 2.54 * 72)
        assert (float(size[1]), float(size[2])) == pytest.approx(want, abs=0.1)


def test_the_same_bytes_for_every_hash_seed() -> None:
    program = (
        "import symnn; from symnn.formats.figure import figure, printed\n"
        "d = symnn.load('digits')\n"
        "for n in ('network', 'graph', 'activation', 'descent'):\n"
        "    print(printed(figure(d, n), '.svg'), printed(figure(d, n), '.tex'))\n"
    )
    made = [
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed, "PATH": ""},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert made[0] == made[1] and len(made[0]) > 10_000


# in the notes --------------------------------------------------------------------------------


def test_the_notes_number_their_figures() -> None:
    derivation = symnn.load("xor").derive()
    text = document(derivation)
    assert text.count(r"\begin{tikzpicture}") == text.count(r"\caption{") == 4
    assert "tikz" not in fragment(derivation)
    assert fragment(derivation, NotesOptions(figures=True)).count(r"\begin{tikzpicture}") == 4
    assert r"\begin{tikzpicture}" not in document(derivation, NotesOptions(figures=False))
    page = html(derivation)
    for number in range(1, 5):
        assert f"<b>Figure {number}.</b>" in page
    assert page.count('<svg class="symnn"') == 4 + 4 + 1  # two levels, and the shortest
    assert '<svg class="symnn"' not in html(derivation, NotesOptions(figures=False))


def test_captions_say_what_is_left_out() -> None:
    (_, whole), *_ = captioned(equations(small()), "network")
    (_, dotted), *_ = captioned(equations(symnn.load("deep")), "network")
    assert "dots" not in whole and dotted.count("dots") == 2
    ((_, curve),) = captioned(equations(small()), "activation")
    assert r"$\sigma^{\prime} \le 1/4$" in curve and "vanish" in curve


def test_a_spec_may_do_without_figures() -> None:
    net = symnn.Network(inputs=1, layers=[symnn.Dense(1)], loss="sse", notes={"figures": False})
    assert net.spec.notes.figures is False
    assert symnn.load("xor").spec.notes.figures is None
    with pytest.raises(symnn.SpecError, match="must be true or false"):
        symnn.Network(inputs=1, layers=[symnn.Dense(1)], loss="sse", notes={"figures": "yes"})


def test_the_picture_without_a_derivation_is_the_figure() -> None:
    for make in NETWORKS.values():
        assert draw.figure(make(), "network") == drawings(make())["network"]


def test_a_notebook_shows_the_network() -> None:
    root = ElementTree.fromstring(symnn.load("xor")._repr_svg_())
    assert root.tag.endswith("svg")


# symnn draw ----------------------------------------------------------------------------------


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs a command line in an empty folder; its exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> tuple[object, str, str]:
        with pytest.raises(SystemExit) as caught:
            main(list(words))
        return (caught.value.code, *capsys.readouterr())

    return run


def test_draw_writes_by_suffix_and_knows_stale_files(run: Any, tmp_path: Path) -> None:
    assert run("draw", "xor")[1].startswith("<svg")
    assert json.loads(run("draw", "xor", "-o", "net.svg", "--json")[1]) == {"written": ["net.svg"]}
    assert run("draw", "xor", "-o", "net.svg", "--check")[0] == 0
    assert run("draw", "digits", "-o", "net.svg", "--check")[0] == 4
    assert run("draw", "digits", "-o", "net.svg")[0] == 0  # its own file is replaced
    assert run("draw", "xor", "-o", "net.tex", "--figure", "graph")[0] == 0
    assert r"\documentclass" in (tmp_path / "net.tex").read_text()
    bare = run("draw", "xor", "--fragment")[1]
    assert r"\documentclass" not in bare and r"\begin{tikzpicture}" in bare
    (tmp_path / "mine.svg").write_text("<svg/>")
    assert run("draw", "xor", "-o", "mine.svg")[0] == 2
    assert run("draw", "xor", "-o", "mine.svg", "--force")[0] == 0
    assert run("draw", "xor", "digits", "-o", "all/")[0] == 0
    assert sorted(p.name for p in (tmp_path / "all").iterdir()) == ["digits_net.svg", "xor_net.svg"]


@pytest.mark.parametrize(
    ("words", "known"),
    [
        (("-o", "net.gif"), ".svg, .tex, .pdf"),
        (("--figure", "loss"), "known: activation, descent, graph, network"),
        (("--fragment", "-o", "net.svg"), "a fragment is .tex"),
        (("--check", "-o", "net.pdf"), ".svg and .tex"),
    ],
)
def test_a_mistake_is_told_with_what_is_known(run: Any, words: tuple[str, ...], known: str) -> None:
    code, out, err = run("draw", "xor", *words)
    assert (code, out) == (2, "") and known in err


def test_a_network_without_such_a_figure_is_told(run: Any, tmp_path: Path) -> None:
    (tmp_path / "line.toml").write_text(
        '[model]\ninputs = 1\n[[layers]]\ntype = "dense"\nunits = 1\n[loss]\nname = "sse"\n'
    )
    code, out, err = run("draw", "line.toml", "--figure", "activation")
    assert (code, out) == (2, "") and "line.toml: has no figure 'activation'" in err


def test_missing_tex_is_told_as_by_derive(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    code, _, err = run("draw", "xor", "-o", "net.pdf")
    assert code == 2 and "texlive-pictures" in err
