"""Why there is a transpose: three accounts, by entries, by differentials and by shapes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from symnn.engine.ir import Line, Tensor, Term, entries, name_of
from symnn.engine.lower import in_layout
from symnn.formulas.index import Writer, index_letters, printed_axes
from symnn.formulas.matrix import MatrixWriter, NoMatrixFormError, matrix_formulas
from symnn.formulas.shapes import tensor_shape, times
from symnn.formulas.tree import (
    ATOM,
    Formula,
    Operator,
    Pairing,
    Product,
    Relations,
    Transpose,
    core,
    within,
)
from symnn.notes.context import Context
from symnn.notes.document import Box
from symnn.notes.rows import Group


def why_transposed(
    context: Context, group: Group, explained: Collection[str] = ()
) -> tuple[str, Box] | None:
    """The kind, "error" or "weights", and three accounts of the transpose of a group.

    None where its gradient is not led through an affine map, or not printed with a transpose or
    not in matrix form, and for the kinds that were explained before.
    """
    chain = group.steps[0].after
    for term, entry in ((t, e) for t in chain.terms for e in entries(t.f)):
        forward = context.forward.definitions.get(context.sources.get(name_of(entry), ""))
        if forward is not None and (
            forward.lhs.kind == "pre-activation" and context.tensor(group.tensor).kind != "bias"
        ):
            back = Line(chain.lhs, (term,), chain.why)
            rest = tuple(t for t in chain.terms if t is not term)
            try:
                account = _Account(context, forward, back, rest)
                wanted = account.kind not in explained and transposed(account.right)
                return (account.kind, account.box()) if wanted else None
            except NoMatrixFormError:
                return None
    return None


class _Account:
    """z = A a + b, read by the gradient of a or of A alone.

    back: its line, one term of it.  rest: the other terms, those of the penalty.
    """

    def __init__(self, context: Context, forward: Line, back: Line, rest: tuple[Term, ...]) -> None:
        self.context, self.z, self.back = context, forward.lhs, back
        self.gradient = replace(self.z, name=context.sweep.names[self.z.name])
        self.rest, self.also = rest, "_penalty" if rest else ""
        tensors = context.forward.tensors
        product = next(t for t in forward.terms if t.over)
        read = [tensors[name_of(e)] for e in entries(product.f)]
        self.A = next(t for t in read if t.role == "parameter")
        self.a = next(t for t in read if t.role != "parameter")
        self.product = product
        self.kind = "weights" if back.lhs.wrt == self.A.name else "error"
        weights = self.kind == "weights"
        self.own, self.other = (self.A, self.a) if weights else (self.a, self.A)
        self.right = matrix_formulas(back, context.notation, context.layout)[1]
        self.product_tex = context.tex(self.right)

    def box(self) -> Box:
        """The question, and the three accounts."""
        texts = (self._by_entry(), self._by_differential(), self._by_shape())
        return Box(self.context.say(f"why_{self.kind}", product=self.product_tex), texts)

    def letter(self, t: Tensor) -> str:
        """A tensor's symbol, of a gradient within a sentence."""
        return self.context.letter(t.name, inline=True)

    def _by_entry(self) -> str:
        notation, layout = self.context.notation, self.context.layout
        first = printed_axes(Line(self.A, ()), notation, layout)
        letters = index_letters(tuple(dict.fromkeys((*first, *self.z.axes))), notation)
        writer = Writer(notation, letters, layout)
        over = [a for a in self.z.axes if a not in self.own.axes]
        sums = "".join(rf"\sum_{{{writer.print.tex(letters[a.symbol])}}} " for a in over)
        words = {"z": self.z, "A": self.A, "a": self.a, "d": self.gradient}
        texts = {word: writer.tex(t.entry) for word, t in words.items()}
        left = writer.tex(Tensor(self.back.lhs.name, self.own.axes).entry)
        right = rf"{sums}{texts['d']} \, {writer.tex(self.other.entry)}"
        rest = writer.sum_of(t.f for t in self.rest)
        phrase = f"why_{self.kind}_entry{self.also}"
        return self.context.say(phrase, **texts, left=left, right=right, rest=rest)

    def _by_differential(self) -> str:
        context, change = self.context, self.context.change(self.own.name)
        moved = with_change(context, Line(self.z, (self.product,)), self.own.name, change)
        d = context.symbol(self.gradient.name, inline=True)
        first = Pairing(d, context.change(self.z.name))
        pairings = Relations((first, Pairing(d, moved), Pairing(self.right, change)), ("=", "="))
        return context.say(
            f"why_differential{self.also}",
            own=self.letter(self.own),
            loss=context.tex(context.loss(self.back.lhs)),
            pairings=context.tex(pairings),
        )

    def _by_shape(self) -> str:
        def shaped(t: Tensor) -> str:
            shape = times(tensor_shape(t, self.context.notation, self.context.layout))
            return self.context.say("shaped", letter=self.letter(t), shape=shape)

        own, d, other = map(shaped, (self.own, self.gradient, self.other))
        return self.context.say("why_shape", own=own, d=d, other=other, product=self.product_tex)


def with_change(context: Context, line: Line, name: str, change: Formula) -> Formula:
    """The right side of a line in which a tensor of this name stands for dA, written ``change``."""
    notation, layout = context.notation, context.layout
    axes = in_layout([a.symbol for a in printed_axes(line, notation, layout)], layout)
    writer = MatrixWriter(notation, layout, axes, symbols={name: change})
    return _apart(writer.line(line))


def _apart(f: Formula) -> Formula:
    """The same with dA in brackets before another matrix: else it might be d(A a)."""
    f = f.mapped(_apart)
    if not isinstance(f, Product):
        return f
    *before, last = f.factors
    before = [within(g, ATOM) if isinstance(core(g), Operator) else g for g in before]
    return replace(f, factors=(*before, last))


def transposed(f: Formula) -> bool:
    """Whether a formula is printed with a transpose."""
    return any(
        isinstance(part, Transpose) or getattr(part, "transposed", False) for part in f.walk()
    )
