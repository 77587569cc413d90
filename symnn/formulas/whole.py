"""Formulas in one piece: the nested F(x), the loss as a function, sums over samples."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import chain

import sympy as sp

from symnn.engine.ir import SAMPLES, Line, Program, Tensor, Term, name_of
from symnn.engine.lower import Lowered, lower_line
from symnn.engine.stabilise import softmaxes
from symnn.formulas.index import is_decay, printed_axes, softmax
from symnn.formulas.matrix import MatrixWriter
from symnn.formulas.tree import (
    ADD,
    ONE,
    Apply,
    BigSum,
    Dots,
    Formula,
    Glyph,
    Joined,
    Letter,
    Lettered,
    Symbol,
    front_of,
    signed,
    total,
    within,
)
from symnn.notation.notation import Notation

SAMPLE = Letter(sp.Symbol("i", integer=True), Glyph("i"))  # of the sums over samples
DOTS = Glyph(r"\ldots")
DEEP = 4  # layers that are written out; deeper networks are printed with dots


def inlined(program: Program) -> dict[str, Line]:
    """The lines that a nested formula is made of, softmax in one piece."""
    lines = {line.lhs.name: line for line in program.lines if line.lhs.name != "L"}
    for name, z in softmaxes(program).items():
        lines[name] = Line(lines[name].lhs, (Term(softmax(z.entry)),), "softmax")
    return lines


def nested(program: Program, output: str, notation: Notation, general: bool = False) -> Formula:
    """F(x) of a one-sample program: \\sigma(A_{2}[\\tanh(A_{1} x + b_{1})] + b_{2}).

    general: for any number of layers, of which the first and the last are written out.
    """
    lines = inlined(program)
    affine = (line for line in lines.values() if line.lhs.kind == "pre-activation")
    sources = [_source(program, line) for line in affine]
    symbols: dict[str, Formula] = {}
    if len(sources) > DEEP:
        inner = _written(program, sources[1], notation, lines, {})
        symbols[sources[-1 if general else -2]] = Dots(inner)
    return _written(program, output, notation, lines, symbols)


def _source(program: Program, line: Line) -> str:
    """What an affine map is applied to."""
    read = (name_of(e) for e in line.reads)
    return next(n for n in read if program.tensors[n].role in ("value", "input"))


def _written(
    program: Program,
    name: str,
    notation: Notation,
    lines: Mapping[str, Line],
    symbols: Mapping[str, Formula],
) -> Formula:
    axes = tuple(a.symbol for a in program.tensors[name].axes)
    return MatrixWriter(notation, "sample", axes, lines, symbols).line(lines[name])


def names(tensors: Iterable[Tensor]) -> Formula:
    """A_{1}, A_{2}, b_{1}, b_{2}, with dots where there are many."""
    groups: dict[str, list[Formula]] = {}
    for t in tensors:
        groups.setdefault(t.letter, []).append(Symbol(t.name))
    shown = [[*own[:2], DOTS, own[-1]] if len(own) > DEEP else own for own in groups.values()]
    return Joined(tuple(chain.from_iterable(shown)), ", ")


def loss_formula(
    program: Program, output: str, mean: bool, notation: Notation
) -> tuple[Formula, Formula]:
    """The loss over N samples as a function of the parameters alone: its two sides.

    program: of one sample; its loss is summed over the samples, and divided by N if ``mean``.
    """
    left = Apply(None, Symbol("L"), names(program.leaves_of("parameter")))
    x, y = (Symbol(name, sup=(SAMPLE,)) for name in ("x", "y"))
    f = Apply(None, Glyph("F"), x)
    lines = {n: line for n, line in inlined(program).items() if n != output}
    writer = MatrixWriter(notation, "sample", (), lines, {output: f, "y": y})
    return left, _summed(program.line("L"), writer, scale(mean))


def _summed(line: Line, writer: MatrixWriter, c: sp.Expr) -> Formula:
    """c * sum over the samples of the terms of ``line``; the penalty stands outside."""
    found = []
    decays = [t for t in line.terms if is_decay(t)]
    for term, low in zip(line.terms, lower_line(line, "sample", writer.axes), strict=True):
        if is_decay(term):
            if len(decays) <= DEEP:
                found.append(writer.term(low))
            continue
        negative, front = writer.coefficient(low.coefficient * c)
        body = within(writer.term(Lowered(sp.S.One, low.factors, low.axes)), ADD + 1)
        count = Letter(SAMPLES, Glyph(writer.notation.count))
        found.append(signed(negative, front_of(front, BigSum(SAMPLE, ONE, count, body))))
    if len(decays) > DEEP:
        found.append(penalty(line, decays, writer.notation))
    return total(found)


def penalty(line: Line, decays: Sequence[Term], notation: Notation) -> Formula:
    """The penalties of the weights of all layers, a term each, as one sum over the layers."""
    k, last = notation.layer_letter, notation.layer(len(decays))
    general = notation.labelled(lambda _: k)
    writer = MatrixWriter(general, "sample")
    (low,) = lower_line(Line(line.lhs, (decays[1],)), "sample", ())
    negative, front = writer.coefficient(low.coefficient)
    body = within(writer.term(Lowered(sp.S.One, low.factors, low.axes)), ADD + 1)
    found = BigSum(Letter(sp.Symbol(k, integer=True), Glyph(k)), ONE, Glyph(last), body)
    return signed(negative, Lettered(front_of(front, found), general))


def of_sample(program: Program) -> frozenset[str]:
    """The tensors that each sample has its own of."""
    known = program.tensors

    def own(t: Tensor) -> bool:
        if t.role == "gradient":
            return t.wrt is None or known[t.wrt].role != "parameter"
        return t.role in ("input", "target", "mask", "value")

    return frozenset(t.name for t in known.values() if own(t))


def sample_sum(line: Line, per_sample: Collection[str], mean: bool, notation: Notation) -> Formula:
    """The gradient of the loss over N samples: c times the sum of one-sample gradients.

    per_sample: the tensors that :func:`of_sample` names.
    """
    axes = tuple(a.symbol for a in printed_axes(line, notation, "sample"))
    writer = MatrixWriter(notation, "sample", axes, sample=SAMPLE, of=per_sample)
    return _summed(separated(line), writer, scale(mean))


def separated(line: Line) -> Line:
    """``f + g`` as two terms, so that each is lowered for itself."""
    terms: list[Term] = []
    for t in line.terms:
        parts = t.f.args if isinstance(t.f, sp.Add) and not t.over else (t.f,)
        terms += [Term(f, t.over, t.reduce) for f in parts]
    return Line(line.lhs, tuple(sorted(terms, key=is_decay)), line.why)


def scale(mean: bool) -> sp.Expr:
    """c: 1/N if the loss is a mean over the samples, 1 if it is a sum."""
    return 1 / SAMPLES if mean else sp.S.One


def batch_product(line: Line, mean: bool, notation: Notation, layout: str) -> Formula:
    """The same, as a product of the matrices whose columns (or rows) belong to the samples."""
    axes = tuple(a.symbol for a in printed_axes(line, notation, layout))
    writer = MatrixWriter(notation, layout, axes)
    line = separated(line)
    found = []
    for term, low in zip(line.terms, lower_line(line, layout, axes), strict=True):
        factor = sp.S.One if is_decay(term) else scale(mean)
        found.append(writer.term(Lowered(low.coefficient * factor, low.factors, low.axes)))
    return total(found)
