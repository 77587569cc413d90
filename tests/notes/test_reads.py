"""The figure of any network: its arrows are the reads of its equations, and each can be seen."""

from __future__ import annotations

import itertools
import math
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from support.programs import PROGRAMS
from support.random_graphs import Graphs, network

import symnn
from symnn.cli.main import run
from symnn.derivation.lines import Lines
from symnn.drawing.drawing import Drawing, Node
from symnn.drawing.drawing import Path as DrawnPath
from symnn.drawing.layered import Box, Layered, apart
from symnn.drawing.svg import svg
from symnn.engine.ir import Scan, indices_of, name_of
from symnn.formats.figure import picture, printed
from symnn.notes.document import Figure
from symnn.notes.equations import tell_lines
from symnn.notes.figures.reads import MANY
from symnn.notes.options import NotesOptions
from symnn.spec.reader import load_model
from symnn.spec.sections import LinesSpec
from symnn.spec.sources import example_path

SHIPPED = ("attention", "lstm", "gru", "kalman", "ctc", "variational_autoencoder", "batch_norm")
Spec = dict[str, Any]


def layers_of(rows: list[Spec], shape: Any, loss: str = "mse", **of: int) -> Lines:
    spec = {"inputs": {"x": {"shape": shape, **of}}, "layers": rows, "loss": {"name": loss}}
    found = load_model(spec)
    assert isinstance(found, LinesSpec)
    return Lines(found)


def transformer(count: int = 3) -> Lines:
    block: list[Spec] = [
        {"type": "layer_norm"},
        {"type": "attention", "heads": 2, "causal": True, "name": "look"},
        {"type": "add", "name": "middle", "from": ["in", "look"]},
        {"type": "dense", "units": 8, "activation": "gelu", "name": "wide"},
        {"type": "add", "from": ["middle", "wide"]},
    ]
    first, last = {"type": "embedding", "units": 8}, {"type": "dense", "units": 5}
    return layers_of([first, {"repeat": count, "block": block}, last], ["t:4"], of=7)


def drawn() -> dict[str, tuple[Lines, str]]:
    """Lines and the name of a figure."""
    found = {f"{name} program": (Lines(text), "graph") for name, text in PROGRAMS.items()}
    found |= {name: (symnn.lines(example_path(name, ".lines")), "graph") for name in SHIPPED}
    found["transformer"] = transformer(), "network"
    recurrent: Spec = {"type": "lstm", "units": 2, "bidirectional": True}
    both = layers_of([recurrent, {"type": "dense", "units": 1}], ["t:3", "c:2"])
    found |= {"both ways": (both, "graph"), "both ways by layers": (both, "network")}
    for seed in range(6):
        found[f"random {seed}"] = Lines(network(Graphs(seed).spec)), ("network", "graph")[seed % 2]
    return found


DRAWN = drawn()


def figure(name: str) -> Drawing:
    return picture(*DRAWN[name])


def along(path: DrawnPath) -> np.ndarray:
    """Points of a path."""
    ts = np.linspace(0.0, 1.0, 40)[:, None]
    points = [np.array(p) for p in path.points]
    if not path.curved:
        return np.concatenate(
            [(1 - t) * a + t * b for a, b in itertools.pairwise(points) for t in [ts]]
        )
    pieces = []
    for k in range(0, len(points) - 1, 3):
        a, b, c, d = points[k : k + 4]
        s = 1 - ts
        pieces.append(s**3 * a + 3 * s**2 * ts * b + 3 * s * ts**2 * c + ts**3 * d)
    return np.concatenate(pieces)


def outside(node: Node, points: np.ndarray) -> float:
    """How far the nearest of some points is from a node; below 0 for one inside."""
    away = np.abs(points - (node.x, node.y))
    if not node.half:
        return float(np.hypot(away[:, 0], away[:, 1]).min() - node.radius)
    return float(np.maximum(away[:, 0] - node.half, away[:, 1] - node.radius).min())


@pytest.mark.parametrize("name", [n for n, (own, kind) in DRAWN.items() if kind == "graph"])
def test_arrows_between_values_are_the_reads(name: str) -> None:
    lines, _ = DRAWN[name]
    program, drawing = lines.program, figure(name)
    if lines.spec.written and len(program.lines) > MANY:
        return
    scans = {x.lhs.name: i for i in program.items if isinstance(i, Scan) for x in i.lines}
    expected: dict[str, set[tuple[str, str]]] = {"forward": set(), "recurrent": set()}
    for line in program.lines:
        scan = scans.get(line.lhs.name)
        for entry in line.reads:
            source, kind = name_of(entry), "forward"
            if scan is not None and scans.get(source) is scan:
                at = program.tensors[source].axes.index(scan.axis)
                kind = "forward" if str(indices_of(entry)[at]) == scan.axis.name else "recurrent"
            expected[kind].add((source, line.lhs.name))
    for kind, pairs in expected.items():
        assert {(p.source, p.target) for p in drawing.paths if p.kind == kind} == pairs
    read = {source for source, _ in expected["forward"] | expected["recurrent"]}
    values = {line.lhs.name for line in program.lines}
    assert sorted(node.name for node in drawing.nodes) == sorted(read | values)


@pytest.mark.parametrize("name", DRAWN)
def test_nothing_lies_on_anything_else(name: str) -> None:
    drawing = figure(name)
    for a, b in itertools.combinations(drawing.nodes, 2):
        near = (a.half or a.radius) + (b.half or b.radius), a.radius + b.radius
        apart = abs(a.x - b.x) > near[0] or abs(a.y - b.y) > near[1]
        assert apart or math.hypot(a.x - b.x, a.y - b.y) > a.radius + b.radius, (a.name, b.name)
    for path in drawing.paths:
        if path.kind == "frame":
            continue
        points = along(path)
        for node in drawing.nodes:
            assert outside(node, points) > -1e-3, (path, node.name)


@pytest.mark.parametrize("name", DRAWN)
def test_an_arrow_ends_at_its_target_and_runs_one_way(name: str) -> None:
    drawing = figure(name)
    by_layers = any(node.half for node in drawing.nodes)
    for path in drawing.paths:
        if path.kind == "frame":
            continue
        end = np.array([path.points[-1]])
        assert min(abs(outside(node, end)) for node in drawing.nodes) < 1e-6, path
        if path.kind == "forward" and path.curved:
            (x, y), (u, v) = path.points[0], path.points[-1]
            assert v < y if by_layers else u > x, path


@pytest.mark.parametrize("name", DRAWN)
def test_a_frame_holds_its_loop_alone(name: str) -> None:
    lines, _ = DRAWN[name]
    drawing = figure(name)
    loops = [{x.lhs.name for x in i.lines} for i in lines.program.items if isinstance(i, Scan)]
    frames = [path for path in drawing.paths if path.kind == "frame"]
    if any(node.half for node in drawing.nodes):
        return
    held = []
    for frame in frames:
        (left, bottom), (right, top) = np.min(frame.points, axis=0), np.max(frame.points, axis=0)
        inside = (n for n in drawing.nodes if left < n.x < right and bottom < n.y < top)
        held.append({node.name for node in inside if node.kind == "value"})
    assert sorted(map(sorted, held)) == sorted(map(sorted, loops))


def test_equal_blocks_stand_once_in_a_frame() -> None:
    short, long = picture(transformer(3)), picture(transformer(12))
    assert len(short.nodes) == len(long.nodes) == 1 + 1 + 5 + 1 + 2  # x, layers, y, L
    texts = [label.text.tex for label in long.labels]
    assert r"$12\,\times$" in texts and "attention\\_1" in texts
    [frame] = [path for path in long.paths if path.kind == "frame"]
    assert (
        len(
            [
                n
                for n in long.nodes
                if min(p[1] for p in frame.points) < n.y < max(p[1] for p in frame.points)
            ]
        )
        == 5
    )


def test_a_layer_stands_for_all_that_it_computes() -> None:
    drawing = figure("both ways by layers")
    assert len(drawing.nodes) == 5  # x, lstm, dense, y, L
    texts = [label.text.tex for label in drawing.labels]
    assert texts[:2] == ["$x$", r"$N{\times}3{\times}2$"] and "lstm\\_1" in texts


def test_figures_of_lines_are_files_of_every_kind(tmp_path: Path) -> None:
    for name in ("lstm", "transformer"):
        drawing = figure(name)
        root = ElementTree.fromstring(svg(drawing))
        shapes = [e.tag.rpartition("}")[2] for e in root.iter()]
        nodes = "rect" if name == "transformer" else "circle"
        assert shapes.count(nodes) == len(drawing.nodes) + (nodes == "rect")  # the paper
        tex = printed(drawing, ".tex", fragment=True)
        assert isinstance(tex, str)
        assert tex.count(r"\node") == len(drawing.nodes) + len(drawing.labels)
        if shutil.which("pdflatex"):
            assert bytes(printed(drawing, ".pdf")).startswith(b"%PDF")  # type: ignore[arg-type]


def test_lines_are_drawn_from_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["draw", "attention", "lstm", "-o", "."]) == 0
    assert run(["draw", "xor", "attention", "--figure", "graph", "-o", "."]) == 0
    capsys.readouterr()
    assert run(["draw", "attention", "--figure", "descent"]) == 2
    message = capsys.readouterr()
    assert message.out == "" and "has no figure 'descent'" in message.err
    net = symnn.lines(example_path("attention", ".lines"))
    assert net._repr_svg_().startswith("<svg")
    letters = picture(symnn.lines("input x[n<N]\nparameter A\nL = sum_n A*x[n]"))
    assert [n.text.tex for n in letters.nodes] == ["$x$", "$L$", "$A$"]


def test_notes_of_lines_have_the_figure_unless_they_have_none() -> None:
    derivation = symnn.lines(example_path("lstm", ".lines")).derive()
    for wanted in (True, False):
        notes = tell_lines(derivation, NotesOptions(figures=wanted, ticks=False))
        found = [b for s in notes.sections for b in s.blocks if isinstance(b, Figure)]
        assert [figure.number for figure in found] == [1] * wanted
    [figure] = found or tell_lines(derivation, NotesOptions(ticks=False)).sections[0].blocks[2:3]
    assert isinstance(figure, Figure) and "loop" in figure.caption


def test_neighbours_that_would_pass_each_other_share_their_mean() -> None:
    assert apart([0.0, 5.0, 1.0], [0.0, 1.0, 2.0], [1.0, 1.0, 1.0]) == [0.0, 2.5, 3.5]
    assert apart([4.0, 0.0], [0.0, 1.0], [1.0, 3.0]) == [0.25, 1.25]


def test_crossings_are_avoided() -> None:
    """a to d and b to c: in the order of the names they would cross."""
    boxes = dict.fromkeys("abcd", Box(0.5, 0.5, 0.5))
    layout = Layered(boxes, [("a", "d"), ("b", "c")])
    assert (layout.across["a"] < layout.across["b"]) == (layout.across["d"] < layout.across["c"])
