"""Derivation -> Document: the reference story, straight through the network of the spec.

Every equation is a line of the derivation; every reason is that of a recorded step.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from symnn.checking.evidence import words
from symnn.engine.ir import Tensor
from symnn.engine.repeats import layer_of, line_signature
from symnn.engine.stabilise import rescaled, stabilise
from symnn.formulas.index import is_decay, line_sides
from symnn.formulas.matrix import NoMatrixFormError
from symnn.formulas.whole import DEEP, batch_product, of_sample, sample_sum
from symnn.nn.optimizers import update_lines
from symnn.notes.code import Codes, remarks, with_codes
from symnn.notes.differentials import differential_rows
from symnn.notes.document import Document, Paragraph, Row, Section
from symnn.notes.document import Equations as EquationBlock
from symnn.notes.equations import Group, group_signature
from symnn.notes.labels import labelled, prefix_of, unique
from symnn.notes.links import symbols
from symnn.notes.opening import Opening
from symnn.notes.transposes import cost, spoken, why_transposed
from symnn.notes.worked_numbers import Numbers, worked

# the signs that are explained where the equations use them: phrase -> their TeX
SIGNS = {
    "sign_product": r" {odot} ",
    "sign_quotient": r"\\oslash",
    "sign_square": r"\^\{{odot} 2\}",
    "sign_bracket": r"\[[^\[\]]* (>|<|\\ge|\\le) [^\[\]]*\]",
    "sign_number": r"\(1 [-+] | [-+] 1\)",
}


class Reference(Opening):
    """The sections, one method each."""

    numbers: str | None = None

    def document(self, numbers: str | None = None, beside: bool = False) -> Document:
        """The whole story."""
        self.numbers = numbers
        self._numbers_beside(beside)
        for section in self.sections():
            section()
        title = self.say.titled(self.network.name)
        description = self.say.titled(self.network.spec.model.description)
        layer = self.notation.layer_letter
        sections, prefix = unique(self._with_signs()), prefix_of(self.network.spec.output.module)
        origin = self.beside.origin() if self.beside else ""
        notes = Document(title, description, sections, self.language, layer, origin, prefix)
        notes = replace(notes, symbols=symbols(self, labelled(notes), prefix))
        if self.network.count:  # no module computes it
            return notes
        return replace(with_codes(notes, Codes(self)), remarks=remarks(self))

    def sections(self) -> list[Callable[[], None]]:
        """What writes the sections, in order."""
        many = [self._samples] if self.layout == "sample" else []
        if self.detail == "answer":
            return [self._network, self._loss, self._result, *many, self._update, self._example]
        found = [self._network, self._loss, self._gradients, self._result]
        return [*found, *many, self._update, self._example, self._stable]

    def _with_signs(self) -> tuple[Section, ...]:
        """The sections, that of the network ending in what the signs mean."""
        sections = self.out.sections
        blocks = [b for section in sections for b in section.blocks]
        tex = " ".join(r.right for b in blocks if isinstance(b, EquationBlock) for r in b.rows)
        odot = re.escape(self.notation.hadamard)
        signs = {name: sign.replace("{odot}", odot) for name, sign in SIGNS.items()}
        used = [self.say(name) for name, sign in signs.items() if re.search(sign, tex)]
        listed = self.say("join_reasons").join(used)
        told = (Paragraph(self.say("signs", signs=listed)),) if used else ()
        return tuple(
            replace(s, blocks=s.blocks + told) if s.title == self.say("network") else s
            for s in sections
        )

    # the gradients -----------------------------------------------------------------------

    def _gradients(self) -> None:
        out, say, number = self.out, self.say, self.number
        by_chain = self.method == "chain"
        said = [*self.conventions(), say("sweep")]
        said += [] if by_chain else [say("differentials")]
        out.say(say("join_sentences").join(said))
        if kinks := [f.kink for f in self._functions() if f.kink]:
            out.say(say("kinks", kinks=say.listed(kinks)))
        self._figure("graph")
        by_layer: dict[int | None, list[Group]] = {}
        for group in self.groups():
            by_layer.setdefault(group.layer, []).append(group)
        layers = list(by_layer)
        keys = [(k, k and (self.lettered(k), group_signature(by_layer[k], k))) for k in layers]
        folded = self.runs(keys)
        explained: set[str] = set()
        at = 0
        while at < len(layers):
            length = folded.get(at, 1)
            layer = layers[at]
            if layer is None:
                out.head(say("layer_loss"))
            elif length > 1:
                out.head(say("layers", first=number(layer), last=number(layers[at + length - 1])))
            else:
                out.head(say("layer_last" if layer == self.depth else "layer", k=number(layer)))
            notation = self.labelled(layer) if length > 1 else self.notation
            for group in by_layer[layer]:
                if sentence := spoken(self, group, notation):
                    out.say(sentence)
                told = self.derivation_rows if by_chain else partial(differential_rows, self)
                out.show(*self.alike(told(group, notation), layers[at : at + length]))
                if found := why_transposed(self, group, notation, explained):
                    explained.add(found[0])
                    out.box(found[1])
            at += length
        out.say(cost(self))
        out.end(say("gradients" if by_chain else "gradients_differential"))

    # the result --------------------------------------------------------------------------

    def _result(self) -> None:
        out, say = self.out, self.say
        gradients = self.sweep.gradients
        rows = [(n, line) for n, line in gradients.items() if n != "L"]
        rows.sort(key=lambda pair: self.network.program.tensors[pair[0]].role == "parameter")
        out.say(say("result_says"))
        out.show(*self.folded_rows([line for _, line in rows]))
        parameters = [t.name for t in self.forward.leaves_of("parameter")]
        parts = ", ".join(elided([self.letter(self.sweep.names[n]) for n in parameters]))
        out.say(say("vector"))
        out.show(
            Row(
                rf"\nabla {self.notation.symbol('L')}",
                rf"\left( {parts} \right)",
                result=True,
                label="gradient",
            )
        )
        if self.evidence is not None and self.ticked:
            width = self.evidence.width
            twin = say("tick_twin", width=width) if width else ""
            out.say(say("tick", twin=twin, **words(self.ticked.values())), small=True)
        out.end(say("result"))

    # many samples ------------------------------------------------------------------------

    def _samples(self) -> None:
        out, say = self.out, self.say
        deep = self.fold and self.depth > DEEP and (bool(self.network.count) or self._alike())
        notation = self.labelled(2) if deep else self.notation
        error = f"dz_{2 if deep else self.depth}"
        each = replace(notation, each=True)
        if self.network.mean_loss:  # L is the mean of the samples' own, N L their sum
            notation = replace(notation, scaled=frozenset(self.sweep.names.values()))
        stack = [each.symbol(error, sup=sup) for sup in ("1", notation.count)]
        label = notation.symbol(error, batch=True)
        matrix = rf"\begin{{pmatrix}} {stack[0]} & \cdots & {stack[1]} \end{{pmatrix}}"
        mean = self.network.mean_loss
        penalty = any(map(is_decay, self.forward.line("L").terms))
        out.say(
            say(
                "sum_of_samples",
                mean=say("mean" if mean else "sum"),
                once=say("penalty_once") if penalty and not mean else "",
                stacked=f"${label} = {matrix}$",
            )
        )
        rows, own = [], of_sample(self.sweep.program)
        for t in self.forward.leaves_of("parameter"):
            layer = layer_of(t.name)
            if deep and layer != 2:
                continue
            one = self.sweep.gradients[t.name]
            many = self.derivation.batch.gradients[t.name]
            left = each.symbol(one.lhs.name)
            try:
                total = sample_sum(one, own, mean, each)
                right = f"{total} = {batch_product(many, mean, notation, 'columns')}"
            except NoMatrixFormError:
                sums = self.derivation.mean_last if mean else self.derivation.batch
                left, right = line_sides(sums.gradients[t.name], notation)
            first = notation.labelled(lambda _: "0").symbol("a_2")
            reason = say("layers_all", first=first) if deep else ""
            label = f"samples-{self.label(one.lhs.name)}"
            row = Row(left, right, reason, result=True, label=label)
            others = range(1, self.depth + 1) if deep else ()
            rows += self.alike([row], [layer, *(k for k in others if k != layer)])
        out.show(*rows)
        out.end(say("samples"))

    def _alike(self) -> bool:
        """Whether the gradients of all layers but the first, which reads x, have one form."""
        forms: dict[str, dict[int, object]] = {}
        for t in self.forward.leaves_of("parameter"):
            layer, line = layer_of(t.name) or 0, self.sweep.gradients[t.name]
            own = forms.setdefault(t.name.split("_")[0], {})
            own[layer] = line_signature(line, layer, sizes=False)
        return all(
            len(own) == self.depth and len({own[k] for k in own if k > 1}) == 1
            for own in forms.values()
        )

    # the update --------------------------------------------------------------------------

    def _update(self) -> None:
        out, say = self.out, self.say
        row = self.network.optimizer
        parameters = self.forward.leaves_of("parameter")
        if not row.states:
            out.say(say("step"))
            pairs = [(t, self.sweep.gradients[t.name].lhs.entry) for t in parameters]
            out.show(*self.folded_rows(update_lines(row, pairs)[1]))
        else:
            theta = Tensor("theta", (), "parameter")
            gradient = Tensor("dtheta", (), "gradient", of="L", wrt="theta")
            lines = update_lines(row, [(theta, gradient.entry)])[1]
            out.say(say("step_states", method=say(lines[-1].why)))
            out.show(*(self.row(line, self.notation) for line in lines))
            letters = elided([self.letter(t.name) for t in parameters])
            out.say(say("every", names=say.listed(letters)))
        if not row.states:  # the figure shows a step along the gradient
            self._figure("descent")
        out.end(say("update_states" if row.states else "update"))

    # the worked example ------------------------------------------------------------------

    def _example(self) -> None:
        if self.numbers not in (None, "none"):
            digits = self.network.spec.notes.digits
            self.out.blocks.extend(worked(self, self.numbers, digits))
            self.out.end(self.say("numbers"))

    def _numbers_beside(self, beside: bool) -> None:
        if beside and self.numbers != "none" and self.layout == "sample":
            digits = self.network.spec.notes.digits
            self.beside = Numbers.of(self, self.numbers or "decimal", digits)

    # the stable form ---------------------------------------------------------------------

    def _stable(self) -> None:
        steps = stabilise(self.sweep.program)[1]
        if not steps:
            return
        scaled = self._scaled()
        self.out.say(self.say("stable_rescaled" if scaled else "stable_says", scaled=scaled))
        rows = []
        for step in steps:
            left, right = self.sides(step.after, self.notation)
            reason = self.say(step.rule) if step.before is not None else ""
            label = f"stable-{self.label(step.after.lhs.name)}"
            rows.append(Row(left, right, reason, label=label))
        self.out.show(*rows)
        self.out.end(self.say("stable"))

    def _scaled(self) -> str:
        """The sentences on values that are others in the stable form, one for each way."""
        rules = rescaled(self.sweep.program)
        letters: dict[str, list[str]] = {}
        for name in self.sweep.program.tensors:
            if name in rules:
                letters.setdefault(rules[name], []).append(self.letter(name))
        sentences = (
            self.say(f"stable: {rule}", names=self.say.listed(own)) for rule, own in letters.items()
        )
        return self.say("join_sentences").join(sentences)


def elided(letters: Sequence[str]) -> Sequence[str]:
    """A list of letters; of a long one its ends."""
    long = len(letters) > 2 * DEEP
    return (*letters[:2], r"\ldots", *letters[-2:]) if long else letters
