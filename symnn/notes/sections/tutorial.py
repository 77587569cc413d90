"""The tutorial: what leads to a network, in the order in which one understands it.

Its small networks are real ones; what is told of them is read off their own derivations.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import replace

import sympy as sp

from symnn.derivation.derivation import Derivation, derive
from symnn.derivation.network import Network
from symnn.engine.ir import Tensor, name_of
from symnn.formulas.index import Writer, index_letters, line_sides
from symnn.formulas.tex import symbol_tex
from symnn.formulas.tree import Glyph
from symnn.formulas.whole import nested
from symnn.nn.layers import Dense
from symnn.notation.notation import Notation
from symnn.notes.context import Context
from symnn.notes.document import Block, Equations, Paragraph, Row, Section
from symnn.notes.figures import figures
from symnn.notes.reasons import definition_tex, derivative_tex, how_found
from symnn.notes.rows import derivation_rows, groups, row_of, sides
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
    letters = {name[0]: symbol_tex(notation, name) for name in tensors}
    yield Paragraph(say("tut_layer_says", A=letters["A"], b=letters["b"]))
    yield Equations((Row(*sides(bare, line)),))
    yield Paragraph(say("tut_layer_entry"))
    yield Equations((Row(*line_sides(line, notation)),))
    z, A, x, b = (_written_out(t, notation) for t in tensors.values())
    inputs, units = tensors["x"].axes[0].size, tensors["z_1"].axes[0].size
    yield Paragraph(say("tut_layer_whole", inputs=inputs, units=units))
    yield Equations((Row(z, f"{A} {x} + {b}"),))


def _written_out(t: Tensor, notation: Notation) -> str:
    """All entries of a tensor, in brackets."""
    count = max(int(a.size) for a in t.axes)
    writer = Writer(notation, {sp.Integer(k): Glyph(str(k + 1)) for k in range(count)})
    rows, columns = [*(int(a.size) for a in t.axes), 1][:2]
    indices = [[(i, j)[: len(t.axes)] for j in range(columns)] for i in range(rows)]
    cells = [[writer.tex(t[index]) for index in row] for row in indices]
    body = r" \\ ".join(" & ".join(row) for row in cells)
    return rf"\begin{{pmatrix}} {body} \end{{pmatrix}}"


def _activation(model: Context) -> Iterator[Block]:
    """a = h(z), its derivative as it was found, and the nested F(x)."""
    say, bare = model.say, _bare(model)
    line, notation = model.forward.line("a_1"), bare.notation
    function = model.activation(line)
    assert function is not None
    row = function.row
    yield Paragraph(say("tut_activation_says"))
    yield Equations((Row(*sides(bare, line)), Row(*line_sides(line, notation))))
    yield Paragraph(say("tut_activation_is"))
    derivative = Row(*derivative_tex(row, notation, say), how_found(row, say))
    yield Equations((Row(*definition_tex(row, notation, say)), derivative))
    yield Paragraph(say("tut_nested"))  # of a network that has a matrix form in every notation
    whole = nested(model.forward, model.network.output, model.notation)
    yield Equations((Row(f"F({model.letter('x')})", whole),))


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
    loss, eta = (symbol_tex(notation, n) for n in ("L", "eta"))
    top = notation.transpose
    at = rf"{loss}(\theta)"
    yield Paragraph(say("tut_step_says"))
    linear = rf"{at} + g^{{{top}}} h"
    yield Equations((Row(rf"{loss}(\theta + h)", linear, say("first_order"), r"\approx"),))
    yield Paragraph(say("tut_step_taken"))
    lower = rf"{at} - {eta} \lVert g \rVert^{{2}}"
    why = say("since_square", top=top)
    taken = Row(rf"{loss}(\theta - {eta} g)", lower, why, r"\approx", result=True)
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
    a = writer.tex(Tensor("a_1", line.lhs.axes).entry)
    z = writer.tex(tensors["z_2"].entry)
    weight = writer.tex(next(e for e in line.reads if name_of(e) == "A_2"))
    yield Paragraph(say("tut_chain_says", a=a, z=z))
    loss, over = symbol_tex(notation, "L"), term.over[0]
    paths = (
        rf"\sum_{{{writer.print.tex(letters[over.symbol])}=1}}^{{{over.size}}} "
        rf"\frac{{\partial {loss}}}{{\partial {z}}} \, \frac{{\partial {z}}}{{\partial {a}}}"
    )
    right = line_sides(line, notation)[1]
    slope = rf"\partial {z}/\partial {a} = {weight}"
    first = Row(rf"\frac{{\partial {loss}}}{{\partial {a}}}", paths, say("tut_chain_paths"))
    yield Equations((first, Row("", right, say("tut_chain_slope", slope=slope))))
    yield Paragraph(say("tut_chain_end"))
