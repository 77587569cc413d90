"""The lines of a derivation as rows of the notes: labelled, grouped by layer, equal ones once."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING

from symnn.derivation.any_depth import counted
from symnn.engine.functions import Named
from symnn.engine.ir import Fact, Line, Step, Tensor, is_entry, lines_of, name_of
from symnn.engine.repeats import layer_of, line_signature, runs
from symnn.formulas.index import is_decay, line_sides
from symnn.formulas.matrix import NoMatrixFormError, matrix_sides
from symnn.formulas.shapes import shape_tex
from symnn.formulas.tex import ONES
from symnn.formulas.whole import DEEP, penalties
from symnn.language.phrases import Phrases
from symnn.notation.notation import Notation
from symnn.notes.document import Row
from symnn.notes.labels import alike, label_of
from symnn.notes.reasons import Reasons, read_names

if TYPE_CHECKING:
    from symnn.checking.evidence import Evidence
    from symnn.derivation.derivation import Derivation
    from symnn.derivation.sweeps import Derived


@dataclass
class Group:
    """The steps of one gradient, and the layer it belongs to."""

    tensor: str
    layer: int | None
    steps: list[Step]


class Equations:
    """What every section needs of a derivation, in a notation, a layout and a level of detail.

    fold: whether layers that are alike are told once.
    """

    def __init__(
        self,
        derivation: Derivation,
        notation: Notation,
        layout: str,
        detail: str,
        language: str,
        fold: bool = True,
    ) -> None:
        self.derivation, self.network = derivation, derivation.network
        if self.network.count:
            notation = counted(notation, self.network.count)
        self.layout, self.detail, self.language = layout, detail, language
        self.fold = fold
        self.kind = self.sweep_kind(notation)
        self.sweep: Derived = getattr(derivation, self.kind)
        self.evidence: Evidence | None = None  # nothing is evaluated unless it is asked for
        self.ticked: dict[Line, float] = {}
        self.forward = self.sweep.forward
        lines = self.forward.lines
        self.activations = {line.lhs.name: f for line in lines if (f := activation(line))}
        self.activated = {name_of(f.args[0]): f.row.name for f in self.activations.values()}
        updated = (line.lhs for line in derivation.update_lines)
        gradients = (line.lhs for line in lines_of(self.sweep.raw))
        tensors = (*self.forward.tensors.values(), *gradients, *updated, *derivation.state_leaves)
        self.notation = notation.of(tensors, self.scaled(), self.activated)
        self.kept = {line.lhs.name for line in self.sweep.gradients.values()}
        self.say = Phrases(language, **words(self.notation))
        self.affine = [line for line in self.forward.lines if line.why == "affine map"]
        self.depth = len(self.affine)
        self.readers: dict[str, list[Line]] = {}  # of a tensor, among the forward lines
        for line in lines:
            for name in read_names(line):
                self.readers.setdefault(name, []).append(line)
        self.batched = {
            t.name
            for t in self.forward.tensors.values()
            if len(t.axes) > 1 and any(a.samples for a in t.axes)
        }

    def sweep_kind(self, notation: Notation) -> str:
        """Which sweep of the derivation is told."""
        batch = "mean_last" if notation.mean == "parameters" else "batch"
        return "sample" if self.layout == "sample" else batch

    def scaled(self) -> set[str]:
        """The gradients of N L, where the sweep is that of N L."""
        lines = [step.after for step in self.sweep.steps]
        return {line.lhs.name for line in lines if line.lhs.of not in (None, "L")} - {
            line.lhs.name for line in self.sweep.gradients.values() if line.lhs.of == "L"
        }

    # printing lines ----------------------------------------------------------------------

    def labelled(self, layer: int | None) -> Notation:
        """The notation with the layers around ``layer`` called k-1, k, k+1; None: numbers."""
        if layer is None:
            return self.notation
        k = self.notation.layer_letter

        def label(number: int) -> str:
            return k if number == layer else f"{k}{number - layer:+d}"

        return self.notation.labelled(label)

    def lettered(self, layer: int | None) -> tuple[bool, ...]:
        """What keeps two layers from being one for general k: letters of the last one's own."""
        if not self.notation.ends or layer is None:
            return ()
        return layer == self.depth, layer + 1 == self.depth

    def sides(self, line: Line, notation: Notation) -> tuple[str, str]:
        """The two sides of a line, in matrix notation where there is one, or else by entries.

        Many penalties are one sum over the layers.
        """
        decays = [t for t in line.terms if is_decay(t)] if line.lhs.name == "L" else []
        try:
            if len(decays) <= DEEP:
                return matrix_sides(line, notation, self.layout)
            total = penalties(line, decays, notation)
        except NoMatrixFormError:
            return line_sides(line, notation, self.layout)
        rest = replace(line, terms=tuple(t for t in line.terms if not is_decay(t)))
        left, right = self.sides(rest, notation)
        return left, f"{right} + {total}"

    def row(self, line: Line, notation: Notation, reason: str = "") -> Row:
        """One line."""
        return self.in_symbols(line, notation, reason)

    def in_symbols(self, line: Line, notation: Notation, reason: str = "") -> Row:
        """One line, without numbers."""
        left, right = self.sides(line, notation)
        relation = r"\leftarrow" if line.lhs.name.endswith("_next") else "="
        row = Row(left, right, reason, relation, shape=self.shapes(line, notation))
        return replace(row, checked=self.checked(line), label=self.label(line.lhs.name))

    def label(self, name: str) -> str:
        """The label of the line that defines a tensor."""
        label = label_of(name, self.sweep_gradients)
        stem, dash, number = label.rpartition("-")
        if self.network.count and number.isdigit():
            return f"{stem}{dash}{self.number(int(number))}"
        return label

    def alike(self, rows: Iterable[Row], layers: Sequence[int | None]) -> list[Row]:
        """Rows of the first of these layers with the labels of all of them, or of layer k."""
        if self.network.count and len(layers) > 1:
            k, number = self.notation.layer_letter, f"-{layers[0]}"
            return [replace(r, label=re.sub(f"{number}$", f"-{k}", r.label)) for r in rows]
        return alike(rows, layers)

    def runs(self, keys: Sequence[tuple[int | None, object]]) -> dict[int, int]:
        """Where a run of at least three equal layers begins, and its length."""
        return dict(runs(keys, 3)) if self.fold else {}

    def shapes(self, line: Line, notation: Notation) -> str:
        """The shapes of a line, where the level of detail shows them."""
        return "" if self.detail == "answer" else shape_tex(line, notation, self.layout)

    def checked(self, line: Line) -> bool:
        """Whether this very line was evaluated, and held."""
        error = None if self.evidence is None else self.evidence.error(line)
        if error is not None:
            self.ticked[line] = error
        return error is not None

    def fact(self, fact: Fact) -> str:
        """A side condition in the letters and the layout of the notes."""
        own = self.forward.tensors[fact.tensor].axes
        rest = tuple(a for a in own if a not in fact.term.over)
        line, one = Line(Tensor("fact", rest), (fact.term,)), rest and fact.value == 1
        try:
            left, value = matrix_sides(line, self.notation, self.layout)[1], ONES if one else ""
        except NoMatrixFormError:
            left, value = line_sides(line, self.notation, self.layout)[1], ""
        return f"{left} = {value or fact.value}"

    def letter(self, name: str, notation: Notation | None = None, inline: bool = False) -> str:
        """A tensor's symbol.  inline: a derivative on one line, as within a sentence."""
        source = self.sweep_gradients.get(name, name)
        batch = source in self.batched
        return (notation or self.notation).symbol(name, batch=batch, inline=inline)

    def loss_letter(self, gradient: Tensor) -> str:
        """What is differentiated: L, or (N L)."""
        loss = self.notation.symbol("L")
        return f"({self.notation.count} {loss})" if gradient.of not in (None, "L") else loss

    @functools.cached_property
    def sweep_gradients(self) -> dict[str, str]:
        """Name of a gradient -> tensor."""
        return {g: t for t, g in self.sweep.names.items()}

    def groups(self) -> list[Group]:
        """The steps by gradient: those of the loss, then layer by layer from the last."""
        gradients = self.sweep_gradients
        groups: dict[str, Group] = {}
        for step in self.sweep.steps:
            tensor = gradients.get(step.after.lhs.name, step.after.lhs.wrt or "")
            if tensor not in ("L", self.sweep.of) and step.after.lhs.name in gradients:
                group = groups.setdefault(tensor, Group(tensor, layer_of(tensor), []))
                group.steps.append(step)
        place = {t: k for k, t in enumerate(groups)}
        layers = self.layers()

        def order(group: Group) -> tuple[int, int]:
            group.layer = layers.get(group.tensor)
            return (-group.layer if group.layer else -(10**9)), place[group.tensor]

        return sorted(groups.values(), key=order)

    def layers(self) -> dict[str, int]:
        """Tensor -> the number of the dense layer it belongs to."""
        found: dict[str, int] = {}
        layer = 0
        for line in self.forward.lines:
            if line.why == "affine map":
                layer = layer_of(line.lhs.name) or layer
                found |= {n: layer for n in read_names(line) if n[:2] in ("A_", "b_")}
            if layer_of(line.lhs.name) is not None:
                found[line.lhs.name] = layer
        return found

    def derivation_rows(self, group: Group, notation: Notation) -> list[Row]:
        """The rows of one gradient at the level of detail."""
        reasons = Reasons(self.say, notation, self.sweep_gradients, self.batched, self.fact)
        forms = [(step.after, [reasons.of(step)]) for step in group.steps]
        seed = self.sweep.names.get("L")
        while len(forms) > 1 and seed in read_names(forms[0][0]):
            why = forms.pop(0)[1]  # the factor dL/dL = 1 is not worth a line
            forms[0] = (forms[0][0], why)
        while len(forms) > 1 and forms[0][0].lhs.of != forms[-1][0].lhs.of:
            why = forms.pop(0)[1]  # of N L; what is told is the gradient of L
            forms[0] = (forms[0][0], list(dict.fromkeys([*why, *forms[0][1]])))
        if self.detail == "textbook" and len(forms) > 2:
            folded = [r for _, why in forms[1:] for r in why]
            forms = [forms[0], (forms[-1][0], list(dict.fromkeys(folded)))]
        rows: list[Row] = []
        before, same = "", ""
        if self.detail == "full":
            line, why = forms[0]
            before, same = line_sides(line, notation, self.layout)
            rows.append(Row(before, same, why[0], checked=self.checked(line)))
            forms[0] = line, [self.say("matrix")]  # left out below where it has no such form
        for line, why in forms:
            row = self.in_symbols(line, notation, self.say("join_reasons").join(why))
            left, right = row.left, row.right
            if (left, right) == (before, same):
                continue  # the rewrite moved what is written alike, such as the order of terms
            rows.append(replace(row, left="" if left == before else left, label=""))
            before, same = left, right
        name = group.steps[-1].after.lhs.name
        rows[-1] = replace(rows[-1], label=self.label(name), result=name in self.kept)
        return rows

    def number(self, layer: int | None) -> str:
        """The number of a layer as it is written: 2, or n - 1."""
        return "" if layer is None else self.notation.layer(layer)

    def span(self, first: int | None, last: int | None) -> str:
        """k = 2, …, 9."""
        letter = self.notation.layer_letter
        return f"${letter} = {self.number(first)}, \\ldots, {self.number(last)}$"

    def folded_rows(self, lines: Sequence[Line]) -> list[Row]:
        """Lines, with runs of equal ones printed once for k."""
        found = blocks(lines)
        keys = [
            (k, (self.lettered(k), *(line_signature(x, k, sizes=False)[0] for x in block)))
            if k
            else (k, None)
            for k, block in found
        ]
        folded, at = self.runs(keys), 0
        rows: list[Row] = []
        while at < len(found):
            length = folded.get(at, 1)
            layer, block = found[at]
            notation = self.labelled(layer) if length > 1 else self.notation
            span = self.span(layer, found[at + length - 1][0]) if length > 1 else ""
            own = [self.row(line, notation, span) for line in block]
            rows += self.alike(own, [k for k, _ in found[at : at + length]])
            at += length
        return rows


def activation(line: Line) -> Named | None:
    """The named function of a_k = h(z_k); None for any other line."""
    f = line.terms[0].f if len(line.terms) == 1 else None
    if not isinstance(f, Named) or not is_entry(f.args[0]):
        return None
    return f if name_of(f.args[0]).startswith("z_") else None


def words(notation: Notation) -> dict[str, str]:
    """The letters that sentences use."""
    letters = {word: notation.symbol(word) for word in ("L", "x", "eta")}
    value = notation.symbol("a", component=True)
    return letters | {
        "X": notation.symbol("x", batch=True),
        "N": notation.count,
        "layer": notation.layer_letter,
        "a": value,
        "h": "f" if value == "h" else "h",
        "odot": notation.hadamard,
    }


def group_signature(groups: Iterable[Group], layer: int | None) -> object:
    """What must agree for two layers to be derived alike."""
    if layer is None:
        return None
    return tuple(
        (step.rule, line_signature(line, layer, sizes=False)[0])
        for group in groups
        for step in group.steps
        for line in (step.before, step.after)  # the one names the activation, where there is one
        if line is not None
    )


def blocks(lines: Sequence[Line]) -> list[tuple[int | None, list[Line]]]:
    """Neighbouring lines of one layer."""
    out: list[tuple[int | None, list[Line]]] = []
    for line in lines:
        k = layer_of(line.lhs.name)
        if out and out[-1][0] == k and k is not None:
            out[-1][1].append(line)
        else:
            out.append((k, [line]))
    return out


def equal_sizes(sizes: Sequence[object]) -> list[str]:
    """n_0 = 2, n_1 = ... = n_9 = 16, n_10 = 1: equal neighbours together."""
    parts: list[str] = []
    at = 0
    for size, group in groupby(sizes):
        count = len(list(group))
        first, last = f"n_{{{at}}}", f"n_{{{at + count - 1}}}"
        names = {1: first, 2: f"{first} = {last}"}.get(count, rf"{first} = \cdots = {last}")
        parts.append(f"${names} = {size}$")
        at += count
    return parts
