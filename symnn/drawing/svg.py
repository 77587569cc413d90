"""A drawing as SVG: readable without TeX, on white and on dark paper.

One centimetre is 40 units and y points down; otherwise the coordinates are those of the TikZ
picture.  There are no identifiers, so a page may hold many drawings.  In a page the inks are
its CSS variables (``--accent``, …) and ink is the colour of its text; a drawing that stands
alone brings inks and paper of its own, for light and for dark surroundings.
"""

from __future__ import annotations

import math

from markupsafe import escape

from symnn.drawing.drawing import (
    INKS,
    NODES,
    PATHS,
    ROUND,
    SIZES,
    Drawing,
    Label,
    Node,
    Path,
    Point,
)
from symnn.drawing.mathtext import SCRIPT, Run
from symnn.drawing.tikz import number

UNIT = 40  # of a centimetre
POINT = UNIT * 2.54 / 72.27
SMALLEST = 0.72  # of its size, to which a page may shrink a drawing; a narrower one scrolls
PIXEL = 1.1  # CSS pixels of a unit: texts are about as large as those of a page

_RISE = {-1: 0.22, 0: 0.0, 1: -0.36}  # of a script, in units of the size of the text
_CLASSES = {"upright": "u", "bold": "u b", "bold italic": "b", "script": "c", "italic": ""}
_FAMILY = "'Latin Modern Math','STIX Two Text','STIX Two Math',Cambria,'Times New Roman',serif"


def svg(drawing: Drawing, *, alone: bool = True) -> str:
    """The drawing as an ``svg`` element; alone: as a file of its own, with its inks."""
    left, bottom, right, top = (v * UNIT for v in drawing.box)
    size = (right - left, top - bottom)
    box = " ".join(map(number, (left, -top, *size)))
    width, height = (number(v * PIXEL) for v in size)
    title = str(escape(drawing.title))
    name = ' xmlns="http://www.w3.org/2000/svg"' if alone else ""
    least = "" if alone else f' style="min-width:{number(SMALLEST * size[0] * PIXEL)}px"'
    lines = [
        f'<svg{name} class="symnn" role="img" aria-label="{title}" '
        f'width="{width}" height="{height}" viewBox="{box}"{least}>',
        f"<title>{title}</title>",
    ]
    if alone:
        corner = f'x="{number(left)}" y="{number(-top)}"'
        extent = f'width="{number(size[0])}" height="{number(size[1])}"'
        lines += [
            f"<style>{style()}{_own_inks()}</style>",
            f'<rect {corner} {extent} class="paper"/>',
        ]
    for shape in drawing.shapes:
        match shape:
            case Node():
                lines += _node(shape)
            case Path():
                lines += _path(shape)
            case Label():
                lines.append(_text((shape.x, shape.y), shape))
    return "\n".join([*lines, "</svg>"]) + "\n"


def style() -> str:
    """The rules that every drawing of a page shares."""
    rules = [
        f"svg.symnn text{{font-family:KaTeX_Math,{_FAMILY};font-style:italic;fill:currentColor}}",
        f"svg.symnn .u{{font-family:KaTeX_Main,{_FAMILY};font-style:normal}}",
        "svg.symnn .b{font-weight:bold}",
        f"svg.symnn .c{{font-family:KaTeX_Caligraphic,'Latin Modern Math',cursive,{_FAMILY}}}",
        f"svg.symnn .paper{{fill:{_ink('paper')}}}",
    ]
    for name, node in NODES.items():
        ring = f"stroke:{_ink(node.stroke)};stroke-width:{number(node.width * POINT)}"
        rules.append(f"svg.symnn .{name}{{fill:{_ink(node.fill)};{ring}}}")
    for name, path in PATHS.items():
        line = f"stroke:{_ink(path.stroke)};stroke-width:{number(path.width * POINT)}"
        dash = ""
        if path.dash:
            dash = ";stroke-dasharray:" + " ".join(number(d * POINT) for d in path.dash)
        rules.append(f"svg.symnn .{name}{{fill:none;stroke-linejoin:round;{line}{dash}}}")
        if path.head:
            rules.append(f"svg.symnn .{name}-head{{fill:{_ink(path.stroke)}}}")
    rules += [f"svg.symnn text.{name}{{fill:{_ink(name)}}}" for name in ("accent", "back", "soft")]
    return "".join(rules)


def _ink(name: str) -> str:
    return "currentColor" if name == "ink" else f"var(--{name},#{INKS[name][0]})"


def _own_inks() -> str:
    """Inks of a drawing that is a document by itself: then it is the root."""

    def rule(dark: int) -> str:
        inks = ";".join(f"--{name}:#{ink[dark]}" for name, ink in INKS.items() if name != "ink")
        return f"svg.symnn{{color:#{INKS['ink'][dark]};{inks}}}"

    return f"{rule(0)}@media (prefers-color-scheme:dark){{{rule(1)}}}"


def _flip(point: Point) -> Point:
    return point[0] * UNIT, -point[1] * UNIT


def _at(point: Point) -> str:
    return ",".join(map(number, point))


def _node(node: Node) -> list[str]:
    x, y = map(number, _flip((node.x, node.y)))
    circle = f'<circle class="{node.kind}" cx="{x}" cy="{y}" r="{number(node.radius * UNIT)}"/>'
    if node.half:
        x, y = map(number, _flip((node.x - node.half, node.y + node.radius)))
        size = f'width="{number(2 * node.half * UNIT)}" height="{number(2 * node.radius * UNIT)}"'
        circle = f'<rect class="{node.kind}" x="{x}" y="{y}" {size} rx="{number(ROUND * UNIT)}"/>'
    if not node.text:
        return [circle]
    return [circle, _text((node.x, node.y), Label(node.x, node.y, node.text))]


def _path(path: Path) -> list[str]:
    points = [_flip(p) for p in path.points]
    head = ""
    if PATHS[path.kind].head:
        tip, points[-1] = points[-1], _back(points[-2], points[-1])
        head = f'<path class="{path.kind}-head" d="{_head(points[-1], tip)}"/>'
    start, *rest = map(_at, points)
    way = f"M{start}{'C' if path.curved else 'L'}{' '.join(rest)}"
    line = f'<path class="{path.kind}" d="{way}"/>'
    return [line, head] if head else [line]


_LENGTH, _HALF = 5 * POINT, 2 * POINT  # of the head of an arrow


def _back(before: Point, tip: Point) -> Point:
    """Where the line ends and the head begins."""
    dx, dy = tip[0] - before[0], tip[1] - before[1]
    scale = 0.75 * _LENGTH / (math.hypot(dx, dy) or 1.0)
    return tip[0] - dx * scale, tip[1] - dy * scale


def _head(neck: Point, tip: Point) -> str:
    """A barbed triangle that ends in ``tip``."""
    dx, dy = (tip[0] - neck[0]) / (0.75 * _LENGTH), (tip[1] - neck[1]) / (0.75 * _LENGTH)
    back = (tip[0] - dx * _LENGTH, tip[1] - dy * _LENGTH)
    left = (back[0] - dy * _HALF, back[1] + dx * _HALF)
    right = (back[0] + dy * _HALF, back[1] - dx * _HALF)
    return f"M{_at(tip)}L{_at(left)} {_at(neck)} {_at(right)}Z"


def _text(point: Point, label: Label) -> str:
    size = SIZES[label.size] * POINT
    x, y = _flip(point)
    ink = f' class="{label.ink}"' if label.ink != "ink" else ""
    place = f'x="{number(x)}" y="{number(y + 0.3 * size)}" font-size="{number(size)}"'
    body = "".join(_spans(label.text.runs, size))
    return f'<text{ink} {place} text-anchor="{label.anchor}" xml:space="preserve">{body}</text>'


def _spans(parts: tuple[Run, ...], size: float) -> list[str]:
    """The runs as tspans; each moves by what differs from where the one before ends."""
    out: list[str] = []
    height = shift = before = 0.0

    def put(text: str, kind: str, scale: float, rise: float, move: float) -> None:
        nonlocal height
        options = f' class="{kind}"' if kind else ""
        if scale != 1:
            options += f' font-size="{number(scale * size)}"'
        if rise != height:
            options += f' dy="{number((rise - height) * size)}"'
        if move:
            options += f' dx="{number(move * size)}"'
        out.append(f"<tspan{options}>{escape(text)}</tspan>" if options else str(escape(text)))
        height = rise

    for run in parts:
        rise, kind = _RISE[run.level] + SCRIPT * _RISE[run.inner], _CLASSES[run.font]
        put(run.text, kind, run.scale, rise, shift - before * run.stacked)
        before, shift = run.width, 0.0
        if run.mark:  # over the middle of the letter, and over its top
            wide, slant = 0.5 * run.scale, 0.08 * run.scale if "u" not in kind else 0.0
            lift = 0.0 if run.text in _LOW else 0.22 * run.scale
            put(run.mark, "u", run.scale, rise - lift, slant - (run.width + wide) / 2)
            shift = (run.width - wide) / 2 - slant
    return out


_LOW = frozenset("acegmnopqrsuvwxyzαγεηικμνοπρστυχω")  # letters without an ascender
