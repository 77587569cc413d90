"""What is said beside the equations: why a transpose, what an error is, what a sweep costs."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from symnn.checking.evidence import parameters
from symnn.engine.ir import Line, Tensor, Term, entries, name_of
from symnn.engine.lower import in_layout
from symnn.engine.repeats import layer_of
from symnn.formulas.index import Writer, index_letters, printed_axes
from symnn.formulas.matrix import MatrixWriter, NoMatrixFormError, matrix_sides
from symnn.formulas.shapes import tensor_shape, times
from symnn.formulas.tree import Text
from symnn.notation.notation import Notation
from symnn.notes.document import Box
from symnn.notes.equations import Equations, Group


def why_transposed(
    eq: Equations, group: Group, notation: Notation, told: Collection[str] = ()
) -> tuple[str, Box] | None:
    """The kind, "error" or "weights", and three accounts of the transpose of a group.

    None where its gradient is not led through an affine map, or not printed with a transpose or
    not in matrix form, and for the kinds that were told.
    """
    chain = group.steps[0].after
    for term in chain.terms:
        for entry in entries(term.f):
            name = eq.sweep_gradients.get(name_of(entry), "")
            forward = eq.forward.definitions.get(name)
            if forward is not None and forward.why == "affine map" and group.tensor[:2] != "b_":
                back = Line(chain.lhs, (term,), chain.why)
                rest = tuple(t for t in chain.terms if t is not term)
                try:
                    account = _Account(eq, notation, forward, back, rest)
                    wanted = account.kind not in told and transposed(notation, account.right)
                    return (account.kind, account.box()) if wanted else None
                except NoMatrixFormError:
                    return None
    return None


class _Account:
    """z = A a + b, read by the gradient of a or of A alone.

    back: its line, one term of it.  rest: the other terms, those of the penalty.
    """

    def __init__(
        self,
        eq: Equations,
        notation: Notation,
        forward: Line,
        back: Line,
        rest: tuple[Term, ...],
    ) -> None:
        self.eq, self.notation, self.z, self.back = eq, notation, forward.lhs, back
        self.rest, self.also = rest, "_penalty" if rest else ""
        tensors = eq.forward.tensors
        product = next(t for t in forward.terms if t.over)
        read = [tensors[name_of(e)] for e in entries(product.f)]
        self.A = next(t for t in read if t.role == "parameter")
        self.a = next(t for t in read if t.role != "parameter")
        self.product = product
        self.kind = "weights" if back.lhs.wrt == self.A.name else "error"
        self.own = self.A if self.kind == "weights" else self.a
        self.right = matrix_sides(back, notation, eq.layout)[1]

    def box(self) -> Box:
        """The question, and the three accounts."""
        texts = (self._by_entry(), self._by_differential(), self._by_shape())
        return Box(self.eq.say(f"why_{self.kind}", product=self.right), texts)

    def letter(self, t: Tensor) -> str:
        """A tensor's symbol, of a gradient within a sentence."""
        return self.eq.letter(t.name, self.notation, inline=True)

    def _by_entry(self) -> str:
        first = printed_axes(Line(self.A, ()), self.notation, self.eq.layout)
        letters = index_letters(tuple(dict.fromkeys((*first, *self.z.axes))), self.notation)
        writer = Writer(self.notation, letters, self.eq.layout)
        gradient = Tensor(self.eq.sweep.names[self.z.name], self.z.axes)
        over = [a for a in self.z.axes if a not in self.own.axes]
        sums = "".join(rf"\sum_{{{letters[a.symbol]}}} " for a in over)
        other = self.a if self.kind == "weights" else self.A
        words = {"z": self.z, "A": self.A, "a": self.a, "d": gradient}
        texts = {word: writer.tex(t.entry) for word, t in words.items()}
        left = writer.tex(Tensor(self.back.lhs.name, self.own.axes).entry)
        right = rf"{sums}{texts['d']} \, {writer.tex(other.entry)}"
        rest = writer.sum_of(t.f for t in self.rest)
        phrase = f"why_{self.kind}_entry{self.also}"
        return self.eq.say(phrase, **texts, left=left, right=right, rest=rest)

    def _by_differential(self) -> str:
        change = rf"\mathrm{{d}} {self.letter(self.own)}"
        line = Line(self.z, (self.product,))
        moved = with_change(self.eq, line, self.notation, self.own.name, change)
        d = self.letter(Tensor(self.eq.sweep.names[self.z.name]))
        first = pairing(d, rf"\mathrm{{d}} {self.letter(self.z)}")
        texts = (first, pairing(d, moved), pairing(self.right, change))
        loss = self.eq.loss_letter(self.back.lhs)
        phrase, pairings = f"why_differential{self.also}", " = ".join(texts)
        return self.eq.say(phrase, own=self.letter(self.own), loss=loss, pairings=pairings)

    def _by_shape(self) -> str:
        def shaped(t: Tensor) -> str:
            shape = times(tensor_shape(t, self.notation, self.eq.layout))
            return self.eq.say("shaped", letter=self.letter(t), shape=shape)

        d = replace(self.z, name=self.eq.sweep.names[self.z.name])
        other = self.a if self.kind == "weights" else self.A
        return self.eq.say(
            "why_shape", own=shaped(self.own), d=shaped(d), other=shaped(other), product=self.right
        )


def pairing(left: str, right: str) -> str:
    """The sum of the products of entries."""
    if r"\frac" in left + right:
        return rf"\left\langle {left}, {right} \right\rangle"
    return rf"\langle {left}, {right} \rangle"


def with_change(eq: Equations, line: Line, notation: Notation, name: str, change: str) -> str:
    """The right side of a line in which a tensor of this name stands for dA, written ``change``.

    It is in brackets before another matrix, or it might be d(A a).
    """
    own = printed_axes(line, notation, eq.layout)
    axes = in_layout([a.symbol for a in own], eq.layout)
    writer = MatrixWriter(notation, eq.layout, axes, symbols={name: Text(change)})
    return writer.print.tex(writer.line(line)).replace(f"{change} ", f"({change}) ")


def transposed(notation: Notation, tex: str) -> bool:
    """Whether a formula is printed with a transpose."""
    return f"{notation.transpose}}}" in tex


def spoken(eq: Equations, group: Group, notation: Notation) -> str:
    """How fast the loss rises with z, in a sentence; "" for any other gradient."""
    if not group.tensor.startswith("z_"):
        return ""
    z = eq.forward.tensors[group.tensor]
    letters = index_letters(z.axes, notation)
    writer = Writer(notation, letters, eq.layout)
    name = eq.sweep.names[z.name]
    words = {
        "delta": eq.letter(name, notation, inline=True),
        "z": eq.letter(z.name, notation),
        "loss": eq.loss_letter(group.steps[0].after.lhs),
    }
    if layer_of(z.name) == eq.depth:
        entry, rise = writer.tex(z.entry), writer.tex(Tensor(name, z.axes).entry)
        return eq.say("spoken_last", entry=entry, rise=rise, **words)
    rules = passed(eq, z.name)
    masked = "dropout" in rules
    if "softmax" in rules:
        return eq.say("spoken_softmax", masked=eq.say("masked") if masked else "", **words)
    if z.name in eq.activated:
        return eq.say("spoken", masked=eq.say("masked") if masked else "", **words)
    return eq.say("spoken_linear", masked=eq.say("masked_last") if masked else "", **words)


def passed(eq: Equations, name: str) -> set[str]:
    """What stands between a pre-activation and the next affine map, by the rules of its lines."""
    reached, rules = [name], set[str]()
    for own in reached:  # which grows
        for line in eq.readers.get(own, ()):
            if line.why != "affine map":
                reached.append(line.lhs.name)
                rules.add(line.why)
    return rules


def cost(eq: Equations) -> str:
    """Why the sweep runs backward, and what it costs."""
    products = eq.say("cost_layers" if eq.depth > 1 else "cost_layer")
    if eq.network.count:
        return eq.say("cost", products=products, all=eq.say("cost_all"))
    count = f"{parameters(eq.network):,}".replace(",", r"\,")
    return eq.say("cost", products=products, all=eq.say("cost_count", count=count))
