"""The opening sections of the notes: the network and the loss."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from symnn.engine.functions import Function, Named
from symnn.engine.ir import Line
from symnn.engine.repeats import layer_of, line_signature
from symnn.engine.stabilise import softmaxes
from symnn.formulas.index import line_sides
from symnn.formulas.matrix import NoMatrixFormError
from symnn.formulas.whole import loss_formula, nested
from symnn.notation.notation import Notation
from symnn.notes.document import Builder, Row
from symnn.notes.equations import equal_sizes
from symnn.notes.figures import captioned
from symnn.notes.reasons import definition_tex, derivative_tex, how_found
from symnn.notes.worked_numbers import Numbered

if TYPE_CHECKING:
    from symnn.derivation.derivation import Derivation


class Opening(Numbered):
    """What is given: sections of ``out``, one method each.

    method: how gradients are found, "chain" or "differential".
    """

    def __init__(
        self,
        derivation: Derivation,
        notation: Notation,
        layout: str,
        detail: str,
        language: str,
        figures: bool,
        method: str = "chain",
        fold: bool = True,
    ) -> None:
        super().__init__(derivation, notation, layout, detail, language, fold)
        self.out, self.figures, self.method = Builder(), figures, method

    # the network -------------------------------------------------------------------------

    def _network(self) -> None:
        out, say, count = self.out, self.say, self.network.count
        if count:
            out.say(say("general", n=count))
        if self.layout == "sample":
            try:
                whole = nested(self.forward, self.network.output, self.notation, bool(count))
            except NoMatrixFormError:
                self._figure("network")
                out.say(say("by_lines"))
            else:
                out.say(say("nested_softmax" if softmaxes(self.forward) else "nested"))
                out.show(Row(f"F({self.letter('x')})", whole, label="F"))
                self._figure("network")
                out.say(say("unfolds"))
        else:
            ways = say(self.layout), say(self.layout.removesuffix("s"))
            out.say(say("batch", ways=ways[0], way=ways[1]))
            self._figure("network")
        self._forward_lines()
        rows = self.symbol_rows()
        header = say("symbol"), say("shape"), say("meaning")
        shown = [row[1:] for row in rows]
        out.table(header, shown, [row[0] for row in rows], self.symbol_values(shown))
        sizes = [self.network.inputs, *(line.lhs.axes[-1].size for line in self.affine)]
        if not count:
            out.say(say("sizes", sizes=say("join_items").join(equal_sizes(sizes))))
        if defined := list(self._activations()):
            out.say(say("activations"))
            out.show(*defined)
            self._figure("activation")
        out.end(say("network"), given=True)

    def _figure(self, name: str) -> None:
        """A figure, if there are to be any; the shortest notes show the network alone."""
        if self.network.count and name != "activation":
            return  # a picture shows so many units and layers
        if self.figures and (self.detail != "answer" or name == "network"):
            for drawing, caption in captioned(self, name):
                self.out.figure(drawing, caption)

    def _forward_lines(self) -> None:
        """The forward lines by layer; equal layers of a deep network once."""
        lines = [line for line in self.forward.lines if layer_of(line.lhs.name) is not None]
        groups: dict[int, list[Line]] = {}
        layer = 0
        for line in lines:
            if line.why == "affine map":
                layer = layer_of(line.lhs.name) or layer
            groups.setdefault(layer, []).append(line)
        keys = [
            (k, (self.lettered(k), *(line_signature(x, k, sizes=False) for x in block)))
            for k, block in groups.items()
        ]
        folded = self.runs(keys)
        layers, at = list(groups), 0
        rows: list[Row] = []
        while at < len(layers):
            length = folded.get(at, 1)
            notation = self.labelled(layers[at]) if length > 1 else self.notation
            if length > 1:
                self.out.show(*rows)
                rows = []
                ends = map(self.number, (layers[at], layers[at + length - 1]))
                self.out.say(self.say("alike", **dict(zip(("first", "last"), ends, strict=True))))
            own = [self.row(line, notation, self._why(line)) for line in groups[layers[at]]]
            rows += self.alike(own, layers[at : at + length])
            if length > 1:
                self.out.show(*rows)
                rows = []
            at += length
        self.out.show(*rows)

    def _why(self, line: Line) -> str:
        if line.why in self.say:
            return self.say(line.why)
        return self.say("component") if line.elementwise and line.lhs.axes else ""

    def _activations(self) -> Iterable[Row]:
        """Definition and derivative of every activation, and whose letter it has."""
        if self.notation.activation:
            yield from self.activation_rows()
        for row in self._functions():
            left, right = definition_tex(row, self.notation, self.say)
            if left != right:
                yield Row(left, right, free=True)
            sides = derivative_tex(row, self.notation, self.say)
            yield Row(*sides, how_found(row, self.say), free=True)

    def _functions(self) -> list[Function]:
        found = {
            f.row.name: f.row
            for line in self.forward.lines
            for t in line.terms
            for f in sorted(t.f.atoms(Named), key=str)
        }
        return list(found.values())

    # the loss ----------------------------------------------------------------------------

    def _loss(self) -> None:
        self._loss_formula()
        self._loss_lines()
        self.out.end(self.say("loss"), given=True)

    def _loss_formula(self) -> None:
        """The loss as a function of the parameters; by entries it is one of what is computed."""
        sample, mean = self.network.sample_program, self.network.mean_loss
        try:
            sides = loss_formula(sample, self.network.output, mean, self.notation)
            masked = sample.leaves_of("mask")
            self.out.say(self.say("loss_is_masked" if masked else "loss_is"))
        except NoMatrixFormError:
            sides = line_sides(self.derivation.batch.forward.line("L"), self.notation)
            self.out.say(self.say("loss_of_samples"))
        self.out.show(Row(*sides, label="loss"))

    def _loss_lines(self) -> None:
        """The loss, line by line, of what the network has computed."""
        out, say = self.out, self.say
        out.say(say("one_sample" if self.layout == "sample" else "loss_lines"))
        last = self.forward.lines[-1]
        own = [line for line in self.forward.lines if layer_of(line.lhs.name) is None]
        out.show(*(self.row(line, self.notation) for line in own if line is not last))
        out.show(self.row(last, self.notation))
        if self.forward.facts:
            out.say(say("facts", facts=say.listed(map(self.fact, self.forward.facts))))
