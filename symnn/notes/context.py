"""What is fixed for a document: a derivation, its letters, and how it is written."""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

from symnn.derivation.derivation import Derivation
from symnn.derivation.network import Network
from symnn.derivation.sweeps import Sweep
from symnn.engine.functions import Function, Named
from symnn.engine.ir import (
    Fact,
    Line,
    Program,
    Tensor,
    entries,
    is_entry,
    name_of,
)
from symnn.engine.repeats import Repeat, named, runs, signature
from symnn.formulas.index import line_sides
from symnn.formulas.matrix import NoMatrixFormError, matrix_sides
from symnn.formulas.printing import ONES
from symnn.formulas.tex import Printer, symbol_tex
from symnn.formulas.tree import Formula, Glyph, Group, Operator, Product, Symbol
from symnn.formulas.whole import of_sample
from symnn.io.deferred import deferred
from symnn.language.phrases import Phrases
from symnn.notation.notation import Notation
from symnn.notes.labels import label_of

if TYPE_CHECKING:
    from symnn.checking.evidence import Evidence

T = TypeVar("T")
with_depth: Callable[[Notation, str], Notation] = deferred("symnn.derivation.any_depth:with_depth")
evidence: Callable[..., Evidence | None] = deferred("symnn.checking.evidence:evidence")


@dataclass(frozen=True, eq=False)
class Context:
    """A derivation in a notation, a layout, a level of detail and a language.

    book: the notation as it was chosen; ``notation`` is the same for the names of the derivation.
    method: how gradients are found.  numbers: the style of the worked example, or "none".
    figures: whether there are any.  rolled: whether equal layers are written once, as layer k.
    ticks: whether lines are evaluated.  scalar: whether one input and one unit have no indices.
    by_index: whether every line stands by entries.
    layer: that which is called k, for all equal ones; None: layers are called by their numbers.
    reach: the layers that are called by how far they are from it, a layer and how many on each
    side; None: all.
    """

    derivation: Derivation
    book: Notation
    layout: str
    detail: str = "textbook"
    language: str = "en"
    method: str = "chain"
    numbers: str = "none"
    figures: bool = False
    rolled: bool = True
    ticks: bool = False
    scalar: bool = False
    layer: int | None = None
    reach: tuple[int, int] | None = None
    by_index: bool = False

    # the derivation ----------------------------------------------------------------------

    @property
    def network(self) -> Network:
        """The network."""
        return self.derivation.network

    @property
    def kind(self) -> str:
        """Which sweep of the derivation the notes are about."""
        if self.scalar:
            return "scalar"
        batch = "mean_last" if self.book.mean == "parameters" else "batch"
        return "sample" if self.layout == "sample" else batch

    @functools.cached_property
    def sweep(self) -> Sweep:
        """The sweep that the notes are about."""
        found: Sweep = getattr(self.derivation, self.kind)
        return found

    @property
    def forward(self) -> Program:
        """The forward lines of the sweep."""
        return self.sweep.forward

    @functools.cached_property
    def sources(self) -> dict[str, str]:
        """Name of a gradient -> tensor."""
        return {g: t for t, g in self.sweep.names.items()}

    @functools.cached_property
    def activations(self) -> dict[str, Named]:
        """Value a_k -> the function h(z_k)."""
        found = ((line.lhs.name, self.activation(line)) for line in self.forward.lines)
        return {name: f for name, f in found if f is not None}

    def activation(self, line: Line) -> Named | None:
        """The named function of a_k = h(z_k); None for any other line."""
        f = line.terms[0].f if len(line.terms) == 1 else None
        if not isinstance(f, Named) or not is_entry(f.args[0]):
            return None
        source = self.forward.tensors[name_of(f.args[0])]
        return f if source.kind == "pre-activation" else None

    @functools.cached_property
    def activated(self) -> dict[str, str]:
        """Pre-activation z_k -> the name of its function."""
        return {name_of(f.args[0]): f.row.name for f in self.activations.values()}

    @functools.cached_property
    def widths(self) -> list[object]:
        """The sizes of the input and of every layer."""
        values = (line.lhs for line in self.forward.lines)
        affine = (t for t in values if t.kind == "pre-activation")
        return [self.network.inputs, *(t.axes[-1].size for t in affine)]

    @functools.cached_property
    def kept(self) -> frozenset[str]:
        """The gradients that have a line of their own after simplification."""
        return frozenset(line.lhs.name for line in self.sweep.gradients.values())

    @functools.cached_property
    def per_sample(self) -> frozenset[str]:
        """The tensors that each sample has its own of."""
        return of_sample(self.sweep.program)

    @property
    def depth(self) -> int:
        """The number of layers."""
        return len(self.widths) - 1

    @functools.cached_property
    def readers(self) -> dict[str, list[Line]]:
        """Tensor -> the forward lines that read it."""
        found: dict[str, list[Line]] = {}
        for line in self.forward.lines:
            for name in read_names(line):
                found.setdefault(name, []).append(line)
        return found

    @functools.cached_property
    def layers(self) -> dict[str, int]:
        """Tensor -> the number of the dense layer it belongs to."""
        found: dict[str, int] = {}
        for layer, lines in by_layer(self.forward.lines).items():
            for line in lines:
                found[line.lhs.name] = layer
                if line.lhs.kind == "pre-activation":
                    read = (self.forward.tensors[name] for name in read_names(line))
                    found |= {t.name: layer for t in read if t.role == "parameter"}
        return found

    @functools.cached_property
    def evidence(self) -> Evidence | None:
        """What evaluates the lines, if they are."""
        return evidence(self.derivation, self.kind) if self.ticks else None

    # letters and words -------------------------------------------------------------------

    @functools.cached_property
    def numbered(self) -> Notation:
        """The letters of this derivation, with layers by their numbers."""
        book, depth = self.book, self.network.depth_letter
        lines = [step.after for step in self.sweep.steps]
        # the gradients of N L, where the sweep is that of N L
        own = [line.lhs for line in lines if line.lhs.wrt is not None]
        scaled = {t.name for t in own if t.of not in (None, "L")} - {
            line.lhs.name for line in self.sweep.gradients.values() if line.lhs.of == "L"
        }
        tensors = (
            *self.forward.tensors.values(),
            *(line.lhs for line in lines),
            *(line.lhs for line in self.derivation.update_lines),
            *self.derivation.state_leaves,
        )
        return (with_depth(book, depth) if depth else book).of(tensors, scaled, self.activated)

    @functools.cached_property
    def notation(self) -> Notation:
        """The letters of this derivation."""
        return self.labelled(self.layer)

    def tensor(self, name: str) -> Tensor:
        """The tensor of a name, forward or of the sweep."""
        return self.numbered.tensor(name)

    def signature(self, line: Line, layer: int) -> Hashable:
        """What must agree for a line of another layer to be written once with this one."""
        return signature(line, layer, named(line, self.numbered.tensors))

    @functools.cached_property
    def say(self) -> Phrases:
        """The phrases of the language, with the letters that sentences use."""
        notation = self.numbered
        value = symbol_tex(notation, "a", component=True)
        letters = {word: symbol_tex(notation, word) for word in ("L", "x", "eta")}
        letters |= {"X": symbol_tex(notation, "x", batch=True), "N": notation.count}
        letters |= {"layer": notation.layer_letter, "odot": notation.hadamard}
        return Phrases(self.language, **letters, a=value, h="f" if value == "h" else "h")

    @functools.cached_property
    def batched(self) -> set[str]:
        """The tensors with the letters of a batch."""
        tensors = self.forward.tensors.values()
        return {t.name for t in tensors if len(t.axes) > 1 and any(a.samples for a in t.axes)}

    def symbol(self, name: str, inline: bool = False) -> Symbol:
        """A tensor's symbol.  inline: a derivative on one line, as within a sentence."""
        batch = self.sources.get(name, name) in self.batched
        return Symbol(name, batch=batch, inline=inline)

    def letter(self, name: str, inline: bool = False, notation: Notation | None = None) -> str:
        """The same as TeX."""
        return Printer(notation or self.notation).tex(self.symbol(name, inline))

    def tex(self, f: Formula) -> str:
        """A formula as TeX."""
        return Printer(self.notation).tex(f)

    def change(self, name: str) -> Formula:
        """A change of a tensor, dA."""
        return Operator(r"\mathrm{d}", self.symbol(name))

    def loss(self, gradient: Tensor) -> Formula:
        """What is differentiated: L, or (N L)."""
        loss = Symbol("L")
        scaled = gradient.of not in (None, "L")
        return Group(Product((Glyph(self.notation.count), loss))) if scaled else loss

    def loss_of(self, name: str) -> str:
        """What is differentiated by ``name`` in the sweep: L, or N L."""
        scaled = self.sweep.names.get(name) in self.notation.scaled
        loss = symbol_tex(self.notation, "L")
        return f"{self.notation.count} {loss}" if scaled else loss

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

    def label(self, name: str) -> str:
        """The label of the line that defines a tensor."""
        label = label_of(name, self.tensor)
        stem, dash, number = label.rpartition("-")
        if self.network.depth_letter and number.isdigit():
            return f"{stem}{dash}{self.number(int(number))}"
        return label

    # layers in general -------------------------------------------------------------------

    def labelled(self, layer: int | None) -> Notation:
        """The notation with the layers around ``layer`` called k-1, k, k+1; None: numbers."""
        if layer is None:
            return self.numbered
        k = self.numbered.layer_letter

        def label(number: int) -> str:
            if not self.near(number):
                return self.numbered.layer(number)
            return k if number == layer else f"{k}{number - layer:+d}"

        return self.numbered.labelled(label)

    def near(self, number: int) -> bool:
        """Whether a layer is called by how far it is from the one that is called k."""
        reach = self.reach
        return reach is None or abs(number - reach[0]) <= reach[1]

    def within(self, blocks: Repeat[T], layer: int) -> Context:
        """The same for a line of this layer in equal blocks, whose first layer is called k."""
        return self.of_layer(blocks.first, reach=(layer, blocks.step))

    def of_layer(self, layer: int | None, **more: Any) -> Context:
        """The same for equal layers, of which this one is called k; more: other fields."""
        found = replace(self, layer=layer, **more)
        # what has been found out of the derivation holds for every layer
        kept = self.__dict__.keys() - {field.name for field in fields(self)} - {"notation"}
        found.__dict__.update({name: self.__dict__[name] for name in kept})
        return found

    def lettered(self, layer: int | None) -> tuple[bool, ...]:
        """What keeps two layers from being one for general k: letters of the last one's own."""
        if not self.notation.ends or layer is None:
            return ()
        return layer == self.depth, layer + 1 == self.depth

    def stretches(
        self, keys: Sequence[tuple[int | None, object]]
    ) -> Iterator[tuple[int, int, Context]]:
        """Runs of equal layers: where each begins, its length, the context it is written in.

        keys: of each layer its number, and what must agree for layers to be equal.
        """
        lengths = dict(runs(keys, 3)) if self.rolled else {}
        at = 0
        while at < len(keys):
            length = lengths.get(at, 1)
            yield at, length, self.of_layer(keys[at][0]) if length > 1 else self
            at += length

    def number(self, layer: int | None) -> str:
        """The number of a layer as it is written: 2, or n - 1."""
        return "" if layer is None else self.numbered.layer(layer)

    def span(self, first: int | None, last: int | None) -> str:
        """k = 2, …, 9."""
        letter = self.notation.layer_letter
        return f"${letter} = {self.number(first)}, \\ldots, {self.number(last)}$"

    def in_general(self, name: str) -> Notation:
        """The notation for layers in general; that of the layer if only one has this tensor."""
        number = self.tensor(name).layer
        alone = number is None or name in self.notation.unmarked or self.notation.own(name)
        return self.numbered if alone else self.labelled(number)

    def general(self, name: str, of: str = "") -> tuple[str, str]:
        """A symbol for layers in general, and k; with the layer's number if it is the only one."""
        notation, number = self.in_general(of or name), self.tensor(of or name).layer
        k = "" if number is None else notation.layer(number)
        return self.letter(name, notation=notation), k


def read_names(line: Line) -> list[str]:
    """The tensors whose values a line reads, in order of appearance."""
    return list(dict.fromkeys(name_of(e) for t in line.terms for e in entries(t.f)))


def by_layer(lines: Sequence[Line]) -> dict[int, list[Line]]:
    """The lines of each dense layer; what comes before the first, such as dropout, is layer 0.

    Lines without a layer number, those of the loss, are left out.
    """
    found: dict[int, list[Line]] = {}
    layer = 0
    for line in lines:
        if line.lhs.layer is not None:
            layer = line.lhs.layer if line.lhs.kind == "pre-activation" else layer
            found.setdefault(layer, []).append(line)
    return found


def functions(lines: Iterable[Line]) -> list[Function]:
    """The named functions of some lines, in order of appearance."""
    found: dict[str, Function] = {}
    for line in lines:
        for term in line.terms:
            for f in sorted(term.f.atoms(Named), key=str):
                found.setdefault(f.row.name, f.row)
    return list(found.values())
