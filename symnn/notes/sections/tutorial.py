"""The tutorial: what leads to a network, in the order in which one understands it.

Its small networks are real ones; what is said of them is read off their own derivations.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import replace

import sympy as sp

from symnn.derivation.derivation import Derivation, derive
from symnn.derivation.network import Network
from symnn.engine.ir import Line, Tensor, name_of
from symnn.formulas import tree
from symnn.formulas.index import Writer, index_letters, line_formulas
from symnn.formulas.tex import symbol_tex
from symnn.formulas.tree import Formula
from symnn.formulas.whole import nested
from symnn.nn.layers import Dense
from symnn.notation.notation import Notation
from symnn.notes.context import Context
from symnn.notes.document import Block, Equations, Paragraph, Row, Section
from symnn.notes.figures import figures
from symnn.notes.reasons import definition_row, derivative_row
from symnn.notes.rows import derivation_rows, formulas_of, groups, row_of
from symnn.notes.sections import loss
from symnn.notes.sections.network import network_section


@functools.cache
def logistic_regression() -> Derivation:
    """The smallest network: one input, one sigmoid, cross-entropy."""
    layers = [Dense(1, "sigmoid")]
    return derive(Network(inputs=1, layers=layers, loss="binary_cross_entropy"))


@functools.cache
def two_layers() -> Derivation:
    """The smallest network with a layer inside another."""
    layers = [Dense(2, "sigmoid"), Dense(2, "sigmoid")]
    return derive(Network(inputs=3, layers=layers, loss="sse"))


def tutorial_sections(context: Context) -> Iterator[Section]:
    """What leads to the network of the spec, then this network and its loss."""
    say = context.say
    # a network of two layers, for one sample, in the letters of the notes
    model = Context(two_layers(), context.notation, "sample", language=context.language)
    yield _apart(say("tut_layer"), _layer(model), given=True)
    yield _apart(say("tut_activation"), _activation(model), given=True)
    yield _apart(say("tut_smallest"), _smallest(context))
    said = Paragraph(say("tut_loss_says"))
    yield Section(say("tut_loss"), (said, *loss.formula(context)), given=True)
    yield Section(say("tut_step"), tuple(_step(context)), given=True)
    yield _apart(say("tut_chain"), _chain(model), given=True)
    network = network_section(context)
    said = Paragraph(say("tut_network_says"))
    yield replace(network, blocks=(said, *network.blocks))
    yield Section(say("tut_loss_here"), tuple(loss.lines(context)), given=True)


def _bare(context: Context) -> Context:
    """The same in letters without the numbers of layers."""
    return replace(context, book=context.notation.labelled(lambda _: ""))


def _apart(title: str, blocks: Iterator[Block], given: bool = False) -> Section:
    """A section about another network: nothing leads there, or from there to this one."""
    own = Section(title, tuple(blocks), given)
    return own.rewritten(lambda row: replace(row, free=True, label=""))


def _layer(model: Context) -> Iterator[Block]:
    """z = A x + b: as matrices, by component, written out."""
    say, bare = model.say, _bare(model)
    line, notation = model.forward.line("z_1"), bare.notation
    tensors = {name: model.forward.tensors[name] for name in ("z_1", "A_1", "x", "b_1")}
    weights, bias = symbol_tex(notation, "A_1"), symbol_tex(notation, "b_1")
    yield Paragraph(say("tut_layer_says", A=weights, b=bias))
    yield Equations((_matrix_row(bare, line),))
    yield Paragraph(say("tut_layer_entry"))
    yield Equations((Row(*line_formulas(line, notation), notation),))
    z, A, x, b = (_written_out(t, notation) for t in tensors.values())
    inputs, units = tensors["x"].axes[0].size, tensors["z_1"].axes[0].size
    yield Paragraph(say("tut_layer_whole", inputs=inputs, units=units))
    yield Equations((Row(z, tree.Sum((tree.Product((A, x)), b)), notation),))


def _matrix_row(context: Context, line: Line) -> Row:
    """A line without its reason."""
    found = formulas_of(context, line)
    return Row(found.left, found.right, context.notation)


def _written_out(t: Tensor, notation: Notation) -> Formula:
    """All entries of a tensor, in brackets."""
    count = max(int(a.size) for a in t.axes)
    writer = Writer(notation, {sp.Integer(k): tree.Glyph(str(k + 1)) for k in range(count)})
    rows, columns = [*(int(a.size) for a in t.axes), 1][:2]
    indices = [[(i, j)[: len(t.axes)] for j in range(columns)] for i in range(rows)]
    return tree.Matrix(tuple(tuple(writer.formula(t[index]) for index in row) for row in indices))


def _activation(model: Context) -> Iterator[Block]:
    """a = h(z), its derivative as it was found, and the nested F(x)."""
    say, bare = model.say, _bare(model)
    line, notation = model.forward.line("a_1"), bare.notation
    function = model.activation(line)
    assert function is not None
    row = function.row
    yield Paragraph(say("tut_activation_says"))
    entries = Row(*line_formulas(line, notation), notation)
    yield Equations((_matrix_row(bare, line), entries))
    yield Paragraph(say("tut_activation_is"))
    yield Equations((definition_row(row, notation, say), derivative_row(row, notation, say)))
    yield Paragraph(say("tut_nested"))  # of a network that has a matrix form in every notation
    whole = nested(model.forward, model.network.output, model.notation)
    left = tree.Apply(None, tree.Glyph("F"), model.symbol("x"))
    yield Equations((Row(left, whole, model.notation),))


def _smallest(context: Context) -> Iterator[Block]:
    """Logistic regression in scalars: forward, then every step back."""
    say, own = context.say, logistic_regression()
    scalar = replace(_bare(context), derivation=own, layout="sample", detail="steps", scalar=True)
    a, y = scalar.letter("a_1"), scalar.letter("y")
    yield Paragraph(say("tut_smallest_says", a=a, y=y))
    yield Equations(tuple(row_of(scalar, line) for line in scalar.forward.lines))
    said = [say("tut_smallest_back")]
    if context.notation.error:
        slope = rf"\partial {scalar.letter('L')}/\partial {scalar.letter('z_1')}"
        said.append(say("tut_error", delta=scalar.letter("dz_1"), slope=slope))
    yield Paragraph(say("join_sentences").join(said))
    for group in groups(scalar):
        yield Equations(tuple(derivation_rows(scalar, group)))
    yield Paragraph(say("tut_smallest_end"))


def _step(context: Context) -> Iterator[Block]:
    """L(θ − ηg) ≈ L(θ) − η‖g‖²."""
    say, notation = context.say, context.notation
    loss, eta = tree.Symbol("L"), tree.Symbol("eta")
    theta, g, h = (tree.Glyph(tex) for tex in (r"\theta", "g", "h"))

    def at(*terms: Formula) -> Formula:
        return tree.Apply(None, loss, tree.Sum(terms))

    yield Paragraph(say("tut_step_says"))
    linear = tree.Sum((at(theta), tree.Product((tree.Transpose(g), h))))
    first = Row(at(theta, h), linear, notation, say("first_order"), r"\approx")
    yield Equations((first,))
    yield Paragraph(say("tut_step_taken"))
    lower = tree.Sum((at(theta), tree.Negative(tree.Product((eta, tree.Norm(g))))))
    why = say("since_square", top=notation.transpose)
    step = at(theta, tree.Negative(tree.Product((eta, g))))
    taken = Row(step, lower, notation, why, r"\approx", result=True)
    yield Equations((taken,))
    yield from figures(context, "descent")
    yield Paragraph(say("tut_step_end"))


def _chain(model: Context) -> Iterator[Block]:
    """The rule over all paths, at the sum that a unit between two layers needs."""
    say, notation = model.say, model.notation
    line = next(s.after for s in model.sweep.steps if s.after.lhs.wrt == "a_1")
    tensors, (term,) = model.forward.tensors, line.terms
    letters = index_letters((*line.lhs.axes, *term.over), notation)
    writer = Writer(notation, letters)
    a = writer.formula(Tensor("a_1", line.lhs.axes).entry)
    z = writer.formula(tensors["z_2"].entry)
    weight = writer.formula(next(e for e in line.reads if name_of(e) == "A_2"))
    tex = writer.print.tex
    yield Paragraph(say("tut_chain_says", a=tex(a), z=tex(z)))

    def by(of: Formula, to: Formula, inline: bool = False) -> Formula:
        return tree.Fraction(tree.Operator(r"\partial", of), tree.Operator(r"\partial", to), inline)

    loss, over = tree.Symbol("L"), term.over[0]
    path = tree.Product((by(loss, z), by(z, a)), "thin")
    paths = tree.BigSum(letters[over.symbol], tree.ONE, tree.Number(str(over.size)), path)
    slope = say("tut_chain_slope", slope=tex(tree.Relations((by(z, a, True), weight), ("=",))))
    first = Row(by(loss, a), paths, notation, say("tut_chain_paths"))
    right = line_formulas(line, notation)[1]
    yield Equations((first, Row(None, right, notation, slope)))
    yield Paragraph(say("tut_chain_end"))
