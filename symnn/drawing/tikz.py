"""A drawing as a TikZ picture: plain paths and nodes, no macro of its own.

It needs ``\\usepackage{tikz}`` and ``\\usetikzlibrary{arrows.meta}``; its colours are defined
inside the picture and gone after it.
"""

from __future__ import annotations

from symnn.drawing.drawing import INKS, NODES, PATHS, ROUND, Drawing, Label, Node, Path, Point

PREFIX = "symnn"  # of the colours
_ANCHORS = {"middle": "", "start": ", anchor=west", "end": ", anchor=east"}
_FONTS = {"normal": r"\small", "small": r"\footnotesize"}  # 10 and 9 pt where text is 11 pt


def tikz(drawing: Drawing) -> str:
    """The ``tikzpicture`` of a drawing; its bounding box is that of the drawing."""
    left, bottom, right, top = drawing.box
    lines = [r"\begin{tikzpicture}[x=1cm, y=1cm, line cap=round, line join=round]"]
    lines += [
        rf"\definecolor{{{PREFIX}{name}}}{{HTML}}{{{light.upper()}}}"
        for name, (light, _) in INKS.items()
    ]
    lines.append(rf"\useasboundingbox {_at((left, bottom))} rectangle {_at((right, top))};")
    for shape in drawing.shapes:
        match shape:
            case Node():
                lines.append(_node(shape))
            case Path():
                lines.append(_path(shape))
            case Label():
                lines.append(_label(shape))
    return "\n".join([*lines, r"\end{tikzpicture}"]) + "\n"


def number(value: float) -> str:
    """A coordinate, to a hundredth of a millimetre."""
    text = f"{value:.3f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _at(point: Point) -> str:
    return f"({number(point[0])},{number(point[1])})"


def _node(node: Node) -> str:
    kind = NODES[node.kind]
    form = f"circle, inner sep=0pt, minimum size={number(2 * node.radius)}cm, "
    if node.half:
        size = f"{number(2 * node.half)}cm, minimum height={number(2 * node.radius)}cm"
        form = f"rounded corners={number(ROUND)}cm, inner sep=0pt, minimum width={size}, "
    options = (
        f"{form}"
        f"draw={PREFIX}{kind.stroke}, fill={PREFIX}{kind.fill}, line width={number(kind.width)}pt, "
        f"text={PREFIX}ink, font={_FONTS['normal']}"
    )
    return rf"\node[{options}] at {_at((node.x, node.y))} {{{node.text.tex}}};"


def _path(path: Path) -> str:
    kind = PATHS[path.kind]
    options = [f"draw={PREFIX}{kind.stroke}", f"line width={number(kind.width)}pt"]
    if kind.dash:
        on, off = map(number, kind.dash)
        options.append(f"dash pattern=on {on}pt off {off}pt")
    if kind.head:
        options.append("-{Stealth[length=5pt, width=4pt]}")
    points = list(map(_at, path.points))
    if path.curved:
        way = points[0]
        for first, second, end in zip(points[1::3], points[2::3], points[3::3], strict=True):
            way += f" .. controls {first} and {second} .. {end}"
    else:
        way = " -- ".join(points)
    return rf"\path[{', '.join(options)}] {way};"


def _label(label: Label) -> str:
    options = (
        f"inner sep=0pt, text={PREFIX}{label.ink}, font={_FONTS[label.size]}"
        + _ANCHORS[label.anchor]
    )
    return rf"\node[{options}] at {_at((label.x, label.y))} {{{label.text.tex}\strut}};"
