"""The tutorial: what leads to a network, in the order in which one understands it.

Its small networks are real ones; what is told of them is read off their own derivations.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import sympy as sp

from symnn.checking.evidence import evidence
from symnn.derivation.derivation import Derivation, derive
from symnn.derivation.network import Network
from symnn.engine.ir import Tensor, name_of
from symnn.formulas.index import Writer, index_letters, line_sides
from symnn.formulas.whole import nested
from symnn.nn.layers import Dense
from symnn.notation.notation import Notation
from symnn.notes.document import Row
from symnn.notes.equations import Equations, activation
from symnn.notes.reasons import definition_tex, derivative_tex, how_found
from symnn.notes.reference import Reference
from symnn.notes.worked_example import small


class _Scalar(Equations):
    """The equations of a network of one input and one unit a layer, without indices."""

    def sweep_kind(self, notation: Notation) -> str:
        return "scalar"


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


class Tutorial(Reference):
    """Sections before those of the reference, which tell the network of the spec."""

    def sections(self) -> list[Callable[[], None]]:
        apart = (self._layer, self._activation, self._smallest, self._chain)
        *first, chain = [partial(self._apart, section) for section in apart]
        return [*first, self._loss_alone, self._step, chain, *super().sections()]

    def _apart(self, section: Callable[[], None]) -> None:
        """A section about another network: nothing leads there, or from there to this one."""
        section()
        own = self.out.sections[-1]
        self.out.sections[-1] = own.rewritten(lambda row: replace(row, free=True, label=""))

    @functools.cached_property
    def model(self) -> Equations:
        """A network of two layers, for one sample, in the letters of the notes."""
        return Equations(two_layers(), self.notation, "sample", "textbook", self.language)

    # the sections ------------------------------------------------------------------------

    def _layer(self) -> None:
        """z = A x + b: as matrices, by component, written out."""
        out, say, model = self.out, self.say, self.model
        bare = model.notation.labelled(lambda _: "")
        line = model.forward.line("z_1")
        tensors = {name: model.forward.tensors[name] for name in ("z_1", "A_1", "x", "b_1")}
        letters = {name[0]: bare.symbol(name) for name in tensors}
        out.say(say("tut_layer_says", A=letters["A"], b=letters["b"]))
        out.show(Row(*model.sides(line, bare)))
        out.say(say("tut_layer_entry"))
        out.show(Row(*line_sides(line, bare)))
        z, A, x, b = (self._written_out(t, bare) for t in tensors.values())
        inputs, units = tensors["x"].axes[0].size, tensors["z_1"].axes[0].size
        out.say(say("tut_layer_whole", inputs=inputs, units=units))
        out.show(Row(z, f"{A} {x} + {b}"))
        out.end(say("tut_layer"), given=True)

    def _written_out(self, t: Tensor, notation: Notation) -> str:
        """All entries of a tensor, in brackets."""
        count = max(int(a.size) for a in t.axes)
        writer = Writer(notation, {sp.Integer(k): str(k + 1) for k in range(count)})
        rows, columns = [*(int(a.size) for a in t.axes), 1][:2]
        indices = [[(i, j)[: len(t.axes)] for j in range(columns)] for i in range(rows)]
        cells = [[writer.tex(t[index]) for index in row] for row in indices]
        body = r" \\ ".join(" & ".join(row) for row in cells)
        return rf"\begin{{pmatrix}} {body} \end{{pmatrix}}"

    def _activation(self) -> None:
        """a = h(z), its derivative as it was found, and the nested F(x)."""
        out, say, model = self.out, self.say, self.model
        bare = model.notation.labelled(lambda _: "")
        line = model.forward.line("a_1")
        function = activation(line)
        assert function is not None
        out.say(say("tut_activation_says"))
        out.show(Row(*model.sides(line, bare)), Row(*line_sides(line, bare)))
        out.say(say("tut_activation_is"))
        out.show(
            Row(*definition_tex(function.row, bare, say)),
            Row(*derivative_tex(function.row, bare, say), how_found(function.row, say)),
        )
        out.say(say("tut_nested"))  # of a network that has a matrix form in every notation
        whole = nested(model.forward, model.network.output, model.notation)
        out.show(Row(f"F({model.letter('x')})", whole))
        out.end(say("tut_activation"), given=True)

    def _smallest(self) -> None:
        """Logistic regression in scalars: forward, then every step back."""
        out, say = self.out, self.say
        bare = self.notation.labelled(lambda _: "")
        scalar = _Scalar(logistic_regression(), bare, "sample", "steps", self.language)
        if self.evidence is not None:
            scalar.evidence = evidence(scalar.derivation, scalar.kind)
            scalar.ticked = self.ticked
        a, y = scalar.letter("a_1"), scalar.letter("y")
        out.say(say("tut_smallest_says", a=a, y=y))
        out.show(*(scalar.row(line, scalar.notation) for line in scalar.forward.lines))
        said = [say("tut_smallest_back")]
        if self.notation.error:
            slope = rf"\partial {scalar.letter('L')}/\partial {scalar.letter('z_1')}"
            said.append(say("tut_error", delta=scalar.letter("dz_1"), slope=slope))
        out.say(say("join_sentences").join(said))
        for group in scalar.groups():
            out.show(*scalar.derivation_rows(group, scalar.notation))
        out.say(say("tut_smallest_end"))
        out.end(say("tut_smallest"))

    def _loss_alone(self) -> None:
        """The loss of the network of the spec, a function of its parameters."""
        self.out.say(self.say("tut_loss_says"))
        self._loss_formula()
        self.out.end(self.say("tut_loss"), given=True)

    def _step(self) -> None:
        """L(θ − ηg) ≈ L(θ) − η‖g‖²."""
        out, say = self.out, self.say
        loss, eta = (self.notation.symbol(n) for n in ("L", "eta"))
        top = self.notation.transpose
        at = rf"{loss}(\theta)"
        out.say(say("tut_step_says"))
        linear = rf"{at} + g^{{{top}}} h"
        out.show(Row(rf"{loss}(\theta + h)", linear, say("first_order"), r"\approx"))
        out.say(say("tut_step_taken"))
        lower = rf"{at} - {eta} \lVert g \rVert^{{2}}"
        why = say("since_square", top=top)
        out.show(Row(rf"{loss}(\theta - {eta} g)", lower, why, r"\approx", result=True))
        self._figure("descent")
        out.say(say("tut_step_end"))
        out.end(say("tut_step"), given=True)

    def _chain(self) -> None:
        """The rule over all paths, at the sum that a unit between two layers needs."""
        out, say, notation = self.out, self.say, self.model.notation
        line = next(s.after for s in self.model.sweep.steps if s.after.lhs.wrt == "a_1")
        tensors, (term,) = self.model.forward.tensors, line.terms
        letters = index_letters((*line.lhs.axes, *term.over), notation)
        writer = Writer(notation, letters)
        a = writer.tex(Tensor("a_1", line.lhs.axes).entry)
        z = writer.tex(tensors["z_2"].entry)
        weight = writer.tex(next(e for e in line.reads if name_of(e) == "A_2"))
        out.say(say("tut_chain_says", a=a, z=z))
        loss, over = notation.symbol("L"), term.over[0]
        paths = (
            rf"\sum_{{{letters[over.symbol]}=1}}^{{{over.size}}} "
            rf"\frac{{\partial {loss}}}{{\partial {z}}} \, \frac{{\partial {z}}}{{\partial {a}}}"
        )
        right = line_sides(line, notation)[1]
        slope = rf"\partial {z}/\partial {a} = {weight}"
        out.show(
            Row(rf"\frac{{\partial {loss}}}{{\partial {a}}}", paths, say("tut_chain_paths")),
            Row("", right, say("tut_chain_slope", slope=slope)),
        )
        out.say(say("tut_chain_end"))
        out.end(say("tut_chain"), given=True)

    # the network of the spec -------------------------------------------------------------

    def _network(self) -> None:
        self.out.say(self.say("tut_network_says"))
        super()._network()

    def _loss(self) -> None:
        self._loss_lines()
        self.out.end(self.say("tut_loss_here"), given=True)

    def _example(self) -> None:
        if self.numbers is None and small(self.network):  # shown unless they are declined
            self.numbers = "decimal"
        super()._example()

    def _update(self) -> None:
        figures, self.figures = self.figures, False  # the step was drawn where it was explained
        super()._update()
        self.figures = figures
