"""The network as its units: circles in columns, an edge for every entry of A_k."""

from __future__ import annotations

from symnn.derivation.network import Network
from symnn.drawing.drawing import Canvas, Drawing, Label, Node, Path
from symnn.drawing.mathtext import Text
from symnn.formulas.index import line_formulas
from symnn.formulas.matrix import NoMatrixFormError, matrix_formulas
from symnn.formulas.runs import text_of
from symnn.formulas.tree import Formula, Glyph, Joined, Number, Relations, Symbol
from symnn.formulas.whole import inlined
from symnn.language.phrases import Phrases
from symnn.notation.books import AFFINE
from symnn.notation.notation import Notation
from symnn.notes.context import Context, by_layer
from symnn.notes.figures.abbreviate import drawn, measure, phrase, titled

MANY = 6  # units of a column that are all drawn
COLUMNS = 6  # layers that are all drawn
SOFTMAX_PARTS = ("exponentials of softmax", "sum of softmax")
DOTS, VERTICAL = (text_of(Glyph(tex), AFFINE) for tex in (r"\cdots", r"\vdots"))
ROW, GAP = 1.0, 1.5  # cm between the units of a column, and before and after dots


def network(context: Context) -> Drawing:
    """The network of a derivation, with the forward lines of one sample below their layer."""
    return units(context.network, context.notation, context.say)


def units(net: Network, notation: Notation, say: Phrases) -> Drawing:
    """The same without a derivation."""
    return _Columns(net, notation, say).drawing()


class _Columns:
    """Column by column, from left to right."""

    def __init__(self, net: Network, notation: Notation, say: Phrases) -> None:
        self.net, self.notation, self.say = net, notation, say
        self.program = net.sample_program
        self.layers = by_layer(self.program.lines)
        self.lines = inlined(self.program)
        self.canvas = Canvas()
        dense = {k: lines for k, lines in self.layers.items() if k}
        self.stretches = drawn(dense, COLUMNS, False, self.program.tensors)
        columns = [0, *(k for stretch in self.stretches for k in stretch)]
        self.units = {k: self._units(k) for k in columns}
        self.radius = self._radius()
        self.height = max(self._height(k) for k in columns)

    def drawing(self) -> Drawing:
        """The whole figure."""
        first, *rest = self.stretches
        at, before = 0.0, self._column(0, 0.0)
        last = 0
        for k in first:
            at += self._pitch(last, k)
            before, last = self._joined(before, k, at), k
        for stretch in rest:
            at += GAP
            self.canvas.add(Label(at, 0.0, DOTS, "soft"))
            at += GAP
            before, last = self._column(stretch[0], at), stretch[0]
            for k in stretch[1:]:
                at += self._pitch(last, k)
                before, last = self._joined(before, k, at), k
        return titled(self.canvas, "network", self.say, self.net.name)

    # sizes ---------------------------------------------------------------------------------

    def _units(self, k: int) -> list[Text | None]:
        """The texts of a column's units from above; None stands for dots."""
        tensor = self._shown(k)
        size = int(self.program.tensors[tensor].axes[-1].size)
        numbers: list[int | None] = list(range(1, size + 1))
        if size > MANY:
            numbers = [1, 2, None, size]
        return [None if n is None else self._text(tensor, Number(str(n))) for n in numbers]

    def _text(self, tensor: str, *sub: Formula) -> Text:
        return text_of(Symbol(tensor, sub), self.notation)

    def _shown(self, k: int) -> str:
        """The tensor that a column shows: the activation, before any dropout."""
        if k == 0:
            return "x"
        return [line.lhs.name for line in self.layers[k] if line.why != "dropout"][-1]

    def _radius(self) -> float:
        texts = [t for column in self.units.values() for t in column if t]
        return max(0.4, max(map(measure, texts)) / 2 + 0.1)

    def _row(self) -> float:
        return ROW - 0.8 + 2 * self.radius

    def _height(self, k: int) -> float:
        return (len(self.units[k]) - 1) * self._row()

    def _formulas(self, k: int) -> list[Text]:
        """The forward lines of a layer, softmax in one piece unless they stand by entries."""
        lines = self.layers.get(k, [])
        whole = [self.lines[line.lhs.name] for line in lines if line.why not in SOFTMAX_PARTS]
        try:
            sides = [matrix_formulas(line, self.notation, "sample") for line in whole]
        except NoMatrixFormError:
            sides = [line_formulas(line, self.notation) for line in lines]
        texts = [] if k else [phrase(self.say, "figure_input", "x", self._text("x"))]
        return texts + [text_of(Relations(pair, ("=",)), self.notation) for pair in sides]

    def _pitch(self, left: int, right: int) -> float:
        """The distance between neighbours, so that what stands below them does not touch."""
        wide = [max(measure(t, "small") for t in self._formulas(k)) for k in (left, right)]
        return max(3.0, sum(wide) / 2 + 0.45)

    # shapes --------------------------------------------------------------------------------

    def _joined(self, before: list[Node], k: int, x: float) -> list[Node]:
        """A column with its edges from the one before, below the circles."""
        nodes = self._nodes(k, x)
        self.canvas.shapes[:0] = [
            Path((a.toward((b.x, b.y)), b.toward((a.x, a.y))), "edge")
            for b in nodes
            for a in before
        ]
        middle, top = (before[0].x + x) / 2, self.height / 2 + self.radius + 0.1
        names = [f"A_{k}", f"b_{k}"]
        letters = tuple(Symbol(n) for n in names if n in self.program.tensors)
        text = text_of(Joined(letters, r",\, "), self.notation)
        self.canvas.add(Label(middle, top, text, "accent"))
        return self._column(k, x, nodes)

    def _nodes(self, k: int, x: float) -> list[Node]:
        top, kind = self._height(k) / 2, "value" if k else "given"
        return [
            Node(x, top - row * self._row(), self.radius, text, kind, self._shown(k))
            for row, text in enumerate(self.units[k])
            if text
        ]

    def _column(self, k: int, x: float, nodes: list[Node] | None = None) -> list[Node]:
        """The circles of a layer, and its lines below them."""
        nodes = nodes or self._nodes(k, x)
        self.canvas.add(*nodes)
        top = self._height(k) / 2
        for row, text in enumerate(self.units[k]):
            if text is None:
                self.canvas.add(Label(x, top - row * self._row(), VERTICAL, "soft"))
        y = -self.height / 2 - self.radius - 0.35
        for row, text in enumerate(self._formulas(k)):
            self.canvas.add(Label(x, y - 0.5 * row, text, "soft", "small"))
        return nodes
