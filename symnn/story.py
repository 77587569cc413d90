"""Derivation -> Document: what the notes say, and in which order.

Every equation is a line of the derivation; every reason is that of a recorded step.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from symnn.document import Builder, Document, Paragraph, Row, Section
from symnn.document import Equations as EquationBlock
from symnn.equations import Group, equal_sizes, group_signature
from symnn.explain import cost, spoken, why_transposed
from symnn.figures import captioned
from symnn.fold import layer_of, line_signature, runs
from symnn.functions import Function, Named
from symnn.ir import Line, Tensor
from symnn.legend import Legend
from symnn.notation import LAYOUTS, NOTATIONS, with_symbols
from symnn.optimizers import update_lines
from symnn.phrases import DETAILS, PHRASES
from symnn.printers.formulas import DEEP, batch_product, loss_formula, nested, sample_sum
from symnn.reasons import definition_tex, derivative_tex, how_found
from symnn.stabilise import stabilise
from symnn.symbols import Notation

if TYPE_CHECKING:
    from symnn.derivation import Derivation
    from symnn.network import Network

# the signs that are explained where the equations use them: phrase -> their TeX
SIGNS = {
    "sign_product": r" {odot} ",
    "sign_quotient": r"\\oslash",
    "sign_square": r"\^\{{odot} 2\}",
    "sign_bracket": r"\[[^\[\]]* (>|<|\\ge|\\le) [^\[\]]*\]",
    "sign_number": r"\(1 [-+] | [-+] 1\)",
}


def tell(
    derivation: Derivation,
    *,
    notation: str | Notation | None = None,
    layout: str | None = None,
    detail: str = "textbook",
    language: str = "en",
    figures: bool = True,
    ticks: bool = True,
) -> Document:
    """The notes of a derivation; ValueError for an option that is not known.

    notation: a row, or its name; None: the spec's.  layout: None is the spec's, or else that
    of the notation.  ticks: whether lines are evaluated, and those that hold are marked.
    """
    own = letters(derivation.network, notation)
    layout = layout or derivation.network.spec.notes.layout or own.layout
    _known("layout", layout, LAYOUTS)
    _known("detail", detail, DETAILS)
    _known("language", language, PHRASES)
    story = _Story(derivation, own, layout, detail, language, figures)
    if ticks and detail != "answer":
        story.evidence = derivation.evidence(story.kind)
    return story.document()


def letters(network: Network, notation: str | Notation | None = None) -> Notation:
    """A notation, by its name or (None) the spec's, with the letters of the spec's own."""
    own = network.spec.notes
    if isinstance(notation, str):
        _known("notation", notation, NOTATIONS)
        notation = NOTATIONS[notation]
    return with_symbols(notation or own.notation, own.symbols)


def _known(word: str, value: str, known: Iterable[str]) -> None:
    if value not in known:
        raise ValueError(f"unknown {word} {value!r}; known: {', '.join(known)}")


class _Story(Legend):
    """The sections, one method each."""

    def __init__(
        self,
        derivation: Derivation,
        notation: Notation,
        layout: str,
        detail: str,
        language: str,
        figures: bool,
    ) -> None:
        super().__init__(derivation, notation, layout, detail, language)
        self.out, self.figures = Builder(), figures

    def document(self) -> Document:
        self._network()
        self._loss()
        if self.detail != "answer":
            self._gradients()
        self._result()
        if self.layout == "sample":
            self._samples()
        self._update()
        if self.detail != "answer":
            self._stable()
        description = self.network.spec.model.description
        title, layer = self.network.name, self.notation.layer_letter
        return Document(title, description, self._with_signs(), self.language, layer)

    def _with_signs(self) -> tuple[Section, ...]:
        """The sections, the first one ending in what the signs mean that the equations use."""
        first, *rest = self.out.sections
        blocks = [b for section in self.out.sections for b in section.blocks]
        tex = " ".join(r.right for b in blocks if isinstance(b, EquationBlock) for r in b.rows)
        odot = re.escape(self.notation.hadamard)
        signs = {name: sign.replace("{odot}", odot) for name, sign in SIGNS.items()}
        used = [self.say(name) for name, sign in signs.items() if re.search(sign, tex)]
        if not used:
            return (first, *rest)
        told = Paragraph(self.say("signs", signs="; ".join(used)))
        return (Section(first.title, (*first.blocks, told)), *rest)

    # the network -------------------------------------------------------------------------

    def _network(self) -> None:
        out, say = self.out, self.say
        if self.layout == "sample":
            out.say(say("nested"))
            out.show(
                Row(
                    f"F({self.letter('x')})",
                    nested(self.forward, self.network.output, self.notation),
                )
            )
            self._figure("network")
            out.say(say("unfolds"))
        else:
            ways = say(self.layout), say(self.layout.removesuffix("s"))
            out.say(say("batch", ways=ways[0], way=ways[1]))
            self._figure("network")
        self._forward_lines()
        out.table((say("symbol"), say("shape"), say("meaning")), self.symbol_rows())
        sizes = [self.network.inputs, *(line.lhs.axes[-1].size for line in self.affine)]
        out.say(say("sizes", sizes=equal_sizes(sizes)))
        if rows := list(self._activations()):
            out.say(say("activations"))
            out.show(*rows)
            self._figure("activation")
        out.end(say("network"))

    def _figure(self, name: str) -> None:
        """A figure, if there are to be any; the shortest notes show the network alone."""
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
        folded = dict(runs(keys, 3))
        layers, at = list(groups), 0
        rows: list[Row] = []
        while at < len(layers):
            length = folded.get(at, 1)
            notation = self.labelled(layers[at]) if length > 1 else self.notation
            if length > 1:
                self.out.show(*rows)
                rows = []
                self.out.say(self.say("alike", first=layers[at], last=layers[at + length - 1]))
            rows += [self.row(line, notation, self._why(line)) for line in groups[layers[at]]]
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
                yield Row(left, right)
            yield Row(*derivative_tex(row, self.notation, self.say), how_found(row, self.say))

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
        out, say = self.out, self.say
        sample = self.network.sample_program
        out.say(say("loss_is"))
        sides = loss_formula(sample, self.network.output, self.network.mean_loss, self.notation)
        out.show(Row(*sides))
        out.say(say("one_sample" if self.layout == "sample" else "loss_lines"))
        last = self.forward.lines[-1]
        own = [line for line in self.forward.lines if layer_of(line.lhs.name) is None]
        out.show(*(self.row(line, self.notation) for line in own if line is not last))
        out.show(self.row(last, self.notation))
        if self.forward.facts:
            out.say(say("facts", facts=", ".join(map(self.fact, self.forward.facts))))
        out.end(say("loss"))

    # the gradients -----------------------------------------------------------------------

    def _gradients(self) -> None:
        out, say = self.out, self.say
        out.say(" ".join([*self.conventions(), say("sweep")]))
        if kinks := [f.kink for f in self._functions() if f.kink]:
            out.say(say("kinks", kinks=", ".join(kinks)))
        self._figure("graph")
        by_layer: dict[int | None, list[Group]] = {}
        for group in self.groups():
            by_layer.setdefault(group.layer, []).append(group)
        layers = list(by_layer)
        keys = [(k, k and (self.lettered(k), group_signature(by_layer[k], k))) for k in layers]
        folded = dict(runs(keys, 3))
        explained: set[str] = set()
        at = 0
        while at < len(layers):
            length = folded.get(at, 1)
            layer = layers[at]
            if layer is None:
                out.head(say("layer_loss"))
            elif length > 1:
                out.head(say("layers", first=layer, last=layers[at + length - 1]))
            else:
                out.head(say("layer_last" if layer == self.depth else "layer", k=layer))
            notation = self.labelled(layer) if length > 1 else self.notation
            for group in by_layer[layer]:
                if words := spoken(self, group, notation):
                    out.say(words)
                out.show(*self.derivation_rows(group, notation))
                found = why_transposed(self, group, notation)
                if found is not None and found[0] not in explained:
                    explained.add(found[0])
                    out.box(found[1])
            at += length
        out.say(cost(self))
        out.end(say("gradients"))

    # the result --------------------------------------------------------------------------

    def _result(self) -> None:
        out, say = self.out, self.say
        gradients = self.sweep.gradients
        rows = [(n, line) for n, line in gradients.items() if n != "L"]
        rows.sort(key=lambda pair: self.network.program.tensors[pair[0]].role == "parameter")
        out.show(*self.folded_rows([line for _, line in rows]))
        parameters = [t.name for t in self.forward.leaves_of("parameter")]
        parts = [self.letter(self.sweep.names[n]) for n in parameters]
        if len(parts) > 2 * DEEP:
            parts = [*parts[:2], r"\ldots", *parts[-2:]]
        out.say(say("vector"))
        out.show(
            Row(
                rf"\nabla {self.notation.symbol('L')}",
                rf"\left( {', '.join(parts)} \right)",
                result=True,
            )
        )
        if self.evidence is not None and self.ticked:
            words, width = self.evidence.words(self.ticked), self.evidence.width
            twin = say("tick_twin", width=width) if width else ""
            out.say(say("tick", twin=twin, **words), small=True)
        out.end(say("result"))

    # many samples ------------------------------------------------------------------------

    def _samples(self) -> None:
        out, say = self.out, self.say
        deep = self.depth > DEEP
        notation = self.labelled(2) if deep else self.notation
        error = f"dz_{2 if deep else self.depth}"
        each = replace(notation, each=True)
        if self.network.mean_loss:  # L is the mean of the samples' own, N L their sum
            notation = replace(notation, scaled=frozenset(self.sweep.names.values()))
        stack = [each.symbol(error, sup=sup) for sup in ("1", notation.count)]
        label = notation.symbol(error, batch=True)
        matrix = rf"\begin{{pmatrix}} {stack[0]} & \cdots & {stack[1]} \end{{pmatrix}}"
        mean = self.network.mean_loss
        out.say(
            say(
                "sum_of_samples",
                mean=say("mean" if mean else "sum"),
                stacked=f"${label} = {matrix}$",
            )
        )
        rows = []
        for t in self.forward.leaves_of("parameter"):
            layer = layer_of(t.name)
            if deep and layer != 2:
                continue
            one = self.sweep.gradients[t.name]
            many = self.derivation.batch.gradients[t.name]
            total = sample_sum(one, self.sweep.program, mean, each)
            product = batch_product(many, mean, notation, "columns")
            first = notation.labelled(lambda _: "0").symbol("a_2")
            reason = say("layers_all", first=first) if deep else ""
            left = each.symbol(one.lhs.name)
            rows.append(Row(left, f"{total} = {product}", reason, result=True))
        out.show(*rows)
        out.end(say("samples"))

    # the update --------------------------------------------------------------------------

    def _update(self) -> None:
        out, say = self.out, self.say
        row = self.network.optimizer
        out.say(say("step"))
        parameters = self.forward.leaves_of("parameter")
        if not row.states:
            pairs = [(t, self.sweep.gradients[t.name].lhs.entry) for t in parameters]
            out.show(*self.folded_rows(update_lines(row, pairs)[1]))
        else:
            theta = Tensor("theta", (), "parameter")
            gradient = Tensor("dtheta", (), "gradient", of="L", wrt="theta")
            lines = update_lines(row, [(theta, gradient.entry)])[1]
            out.show(*(self.row(line, self.notation) for line in lines))
            letters = [self.letter(t.name) for t in parameters]
            if len(letters) > 2 * DEEP:
                letters = [*letters[:2], r"\ldots", *letters[-2:]]
            out.say(say("every", names=", ".join(letters)))
        self._figure("descent")
        out.end(say("update"))

    # the stable form ---------------------------------------------------------------------

    def _stable(self) -> None:
        steps = stabilise(self.sweep.program)[1]
        if not steps:
            return
        self.out.say(self.say("stable_says"))
        rows = []
        for step in steps:
            left, right = self.sides(step.after, self.notation)
            reason = self.say(step.rule) if step.before is not None else ""
            rows.append(Row(left, right, reason))
        self.out.show(*rows)
        self.out.end(self.say("stable"))
