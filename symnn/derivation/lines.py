"""Lines of the user's own: a program from text, and its gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy as sp

from symnn.derivation.gradients import Gradients
from symnn.derivation.sweeps import reverse_sweep
from symnn.engine.functions import X, user_function
from symnn.engine.ir import Program, ProgramError, name_of
from symnn.engine.mistakes import TextError
from symnn.engine.stabilise import rescaled, stabilise
from symnn.io.arrays import real_array
from symnn.io.deferred import deferred
from symnn.io.errors import Problem, SpecError, shorten, suggestion
from symnn.spec.reader import spec_of_lines
from symnn.spec.sections import LinesSpec

if TYPE_CHECKING:
    from symnn.engine.evaluate import Array
    from symnn.engine.text import Text

# what a network of layers needs not
parse: Callable[..., Text] = deferred("symnn.engine.text:parse")
show: Callable[..., str] = deferred("symnn.engine.text:show")
given_numbers: Callable[..., Any] = deferred("symnn.derivation.example:given_numbers")
Evaluator = deferred("symnn.engine.evaluate:Evaluator")
parse_formula = deferred("symnn.spec.formula:parse_formula")


class Lines:
    """What a text of equations stands for, as symnn/guide/lines.md describes it.

    text, name: the equations, and what errors call them; or their spec.  Raises SpecError, with
    the line and what stands there.
    """

    depth_letter = ""  # no number of layers is left open

    def __init__(self, text: str | LinesSpec, name: str = "<lines>") -> None:
        self.spec = spec_of_lines(text, name) if isinstance(text, str) else text
        self.name = self.spec.source
        functions = {
            name: user_function(name, parse_formula(formula, {"x": X}))
            for name, formula in self.spec.activations.items()
        }
        try:
            letters = self.spec.written.letters if self.spec.written else {}
            batch = self.spec.train.batch_size or 1
            self.text: Text = parse(self.spec.text, functions, batch, letters)
        except TextError as error:
            line, place = error.token.line, f"column {error.token.column}"
            if self.spec.written:  # the user has written no equation
                written = shorten(self.spec.text.splitlines()[line - 1])
                raise self.mistake(f"{error.message}: {written}", error.hint, "layers") from None
            line += self.spec.first
            raise SpecError([Problem(self.name, line, place, error.message, error.hint)]) from None
        if self.spec.example is not None:  # so that its mistakes are told whatever is asked for
            given_numbers(self)

    def __getstate__(self) -> dict[str, Any]:
        """What the rest is made of."""
        return {"spec": self.spec}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        Lines.__init__(self, state["spec"])

    @property
    def title(self) -> str:
        """What its notes are called."""
        return self.spec.model.name

    @property
    def outputs(self) -> tuple[str, ...]:
        """What it predicts: what the text says, or the last equation but the loss that can be.

        Only what reads no target can be predicted; () where nothing is.  The new value of a state
        is predicted where the text says so.
        """
        known = {t.name for t in self.program.leaves_of("target")}
        free = list[str]()
        for line in self.prediction.lines:
            if any(name_of(e) in known for e in line.reads):
                known.add(line.lhs.name)
            elif line.lhs.kind != "next":
                free.append(line.lhs.name)
        if self.text.outputs:
            return tuple(name for name in self.text.outputs if name not in known)
        return tuple([name for name in free if name != "L"][-1:] or free[-1:])

    @property
    def choices(self) -> tuple[str, ...]:
        """The targets that sum to 1 along their last axis, as the text says."""
        found = (
            t.name
            for t in self.program.leaves_of("target")
            for fact in self.program.facts
            if fact.tensor == t.name and fact.value == 1 and fact.term.over == t.axes[-1:]
        )
        return tuple(dict.fromkeys(found))

    @property
    def weights(self) -> tuple[str, ...]:
        """Those of samples, which are 1 where they are not given; their sizes others have too."""
        program = self.program
        weighing = [t for t in program.leaves_of("target") if t.kind == "sample weight"]
        rest = {str(a.size) for t in program.leaves if t not in weighing for a in t.axes}
        return tuple(
            t.name
            for t in weighing
            if all(isinstance(a.size, int) or str(a.size) in rest for a in t.axes)
        )

    @property
    def program(self) -> Program:
        """The forward lines."""
        return self.text.program

    @property
    def prediction(self) -> Program:
        """The forward lines with those that stand in prediction."""
        return self.text.program.replaced(self.text.predicted)

    @property
    def parameters(self) -> dict[str, tuple[Any, ...]]:
        """Name -> shape; a size is a number, or the symbol of one that is left open."""
        found = self.program.leaves_of("parameter")
        return {t.name: tuple(a.size for a in t.axes) for t in found}

    @property
    def notes(self) -> tuple[str, ...]:
        """What is worth knowing and no mistake: reads of the user's that leave their range."""
        return () if self.spec.written else tuple(read.text for read in self.text.outside)

    def leaves(self, given: Mapping[str, Any]) -> dict[str, Array]:
        """Arrays for every leaf: those that are given, numbers of the text, and without them
        weights and masks of 1, noise of 0.

        SpecError for one that is missing or unknown, or whose shape does not fit.
        """
        leaves = {t.name: t for t in self.program.leaves}
        for name in given:
            if name not in leaves:
                hint = suggestion(str(name), leaves)
                raise self.mistake(f"nothing that is read is called {shorten(str(name))!r}", hint)
        found = {name: real_array(self.name, name, value) for name, value in given.items()}
        usual = {t.name for t in leaves.values() if t.role == "mask"}.union(self.weights)
        for name in sorted(leaves.keys() - found.keys() - usual - self.text.numbers.keys()):
            raise self.mistake(f"{name} is missing", f"give an array for {leaves[name]}")
        sizes: dict[str, int] = {}
        for name, array in found.items():
            if array.ndim == len(leaves[name].axes):
                for a, count in zip(leaves[name].axes, array.shape, strict=True):
                    sizes.setdefault(str(a.size), count)
        for name, t in leaves.items():
            shape = tuple(a.size if isinstance(a.size, int) else sizes[str(a.size)] for a in t.axes)
            if name in usual and name not in found:
                found[name] = np.full(shape, float(t.kind != "noise"))
            elif name in self.text.numbers and name not in found:
                found[name] = np.full(shape, float(self.text.numbers[name]))
            elif found[name].shape != shape:
                text = f"{name} has the shape {found[name].shape}, expected {shape}"
                raise self.mistake(text, f"it is {t}")
        return found

    def mistake(self, message: str, hint: str = "", path: str = "") -> SpecError:
        """A mistake of who uses the lines."""
        return SpecError([Problem(self.name, None, path, message, hint)])

    def __str__(self) -> str:
        return show(self.program, self.text)

    def __repr__(self) -> str:
        counts = f"{len(self.program.leaves)} leaves, {len(self.program.lines)} equations"
        return f"<Lines {shorten(self.name)!r}: {counts}>"


class LinesDerivation(Gradients):
    """The gradients of a scalar of lines, with every step that led to them.

    of: the scalar.  wrt: the tensors by which it is differentiated; None: the parameters.
    SpecError where there is no such scalar or tensor, or no gradient.
    """

    def __init__(self, lines: Lines, of: str = "L", wrt: Sequence[str] | None = None) -> None:
        self.lines, self.of = lines, of
        program = lines.program
        known = program.tensors
        if of not in program.definitions or known[of].axes:
            scalars = [line.lhs.name for line in program.lines if not line.lhs.axes]
            hint = suggestion(of, scalars) if scalars else "write one, L = sum_{i} …"
            raise lines.mistake(f"no equation computes a scalar {shorten(of)!r}", hint, "of")
        for name in wrt or ():
            if name not in known:
                hint = suggestion(name, known)
                raise lines.mistake(f"there is no {shorten(str(name))!r}", hint, "wrt")
        chosen = [t.name for t in program.leaves_of("parameter")]
        self.wrt = tuple(chosen if wrt is None else wrt)
        if not self.wrt:
            hint = 'write "parameter", or say by what: --wrt x, derive(wrt=["x"])'
            raise lines.mistake("there is no parameter to differentiate by", hint, "wrt")
        try:
            self.batch = reverse_sweep(program, of, self.wrt)
        except ProgramError as error:  # with the line that is the reason
            raise lines.mistake(" ".join(str(error).split()), path="wrt") from None
        if lost := [name for name in self.wrt if name not in self.batch.names]:
            raise lines.mistake(f"{of} does not depend on {lost[0]}", path="wrt")

    @property
    def stem(self) -> str:
        """The name of the module."""
        return self.lines.spec.output.module

    @property
    def sizes(self) -> tuple[str, ...]:
        """The sizes that are left open, N among them."""
        every = (a.size for t in self.program.tensors.values() for a in t.axes)
        return tuple(sorted({str(s) for size in every for s in sp.S(size).free_symbols}))

    def computed(self, names: Iterable[str]) -> Program:
        """The lines by which these tensors are computed: in stable form, unless that scales one."""
        scaled = rescaled(self.program)
        return self.program if any(name in scaled for name in names) else self.stable

    @property
    def predicting(self) -> Program:
        """The lines by which the outputs are predicted: in stable form, unless that scales one."""
        program = self.lines.prediction
        scaled = rescaled(program)
        outputs = self.lines.outputs
        return program if any(name in scaled for name in outputs) else stabilise(program)[0]

    def evaluate(self, given: Mapping[str, Any]) -> tuple[float, dict[str, Array]]:
        """The scalar, and its derivative by each tensor of ``wrt``, in float64.

        given: arrays by the names of inputs, targets and parameters; masks are 1 and noise is 0
        where they are not given.  Raises SpecError.
        """
        leaves, names = self.lines.leaves(given), self.batch.names
        program = self.computed([self.of, *(names[name] for name in self.wrt)])
        evaluator = Evaluator(program.leaves, leaves)
        with np.errstate(all="ignore"):
            evaluator.run(program.items)
        found = {name: array[0] for name, array in evaluator.arrays.items()}
        return float(found[self.of]), {name: found[names[name]] for name in self.wrt}

    def __repr__(self) -> str:
        return f"<Derivation of {self.lines!r} in {len(self.batch.steps)} steps>"
