"""Derivation: the gradients of a network's loss, with every step that led to them."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sympy as sp

from symnn.engine.diff import gradients
from symnn.engine.explicit import Explicit
from symnn.engine.ir import Item, Line, Program, Step, Tensor, Term, lines_of
from symnn.engine.simplify import simplify
from symnn.engine.stabilise import stabilise
from symnn.nn.layers import SAMPLES
from symnn.nn.optimizers import update_lines

if TYPE_CHECKING:
    from symnn.checking.evidence import Evidence
    from symnn.derivation.network import Network
    from symnn.engine.complex_step import Report
    from symnn.notation.notation import Notation


@dataclass(frozen=True)
class Derived:
    """One reverse sweep over a program.

    raw: the lines as the rule wrote them; simple: after simplification; names: tensor ->
    name of its gradient; program: forward lines, then the simple gradient lines.  of: the scalar
    that was differentiated, L or N L; objective: the program that computes it.
    """

    forward: Program
    raw: tuple[Item, ...]
    names: Mapping[str, str]
    simple: tuple[Item, ...]
    steps: tuple[Step, ...]
    of: str = "L"

    @functools.cached_property
    def objective(self) -> Program:
        return self.forward if self.of == "L" else with_total(self.forward)

    @functools.cached_property
    def program(self) -> Program:
        return self.forward.extend(self.simple)

    @functools.cached_property
    def gradients(self) -> dict[str, Line]:
        """Tensor -> the simplified line of its gradient, where it kept one."""
        lines = {line.lhs.name: line for line in lines_of(self.simple)}
        return {t: lines[name] for t, name in self.names.items() if name in lines}

    @functools.cached_property
    def final(self) -> dict[str, Line]:
        """Tensor -> the last form of its gradient's line, also of one substituted away."""
        last = {step.after.lhs.name: step.after for step in self.steps}
        return {t: last[name] for t, name in self.names.items() if name in last}


def derived(program: Program) -> Derived:
    """Differentiate the loss L of a program and simplify."""
    raw, names = gradients(program)
    keep = [names[t.name] for t in program.leaves_of("parameter", "state")]
    simple, steps = simplify(program, raw, keep)
    return Derived(program, raw, names, simple, steps)


TOTAL = "total"  # N L, the sum of the samples' losses where L is their mean
MEAN = "mean over the samples"


def with_total(program: Program) -> Program:
    """The program with one more line: total = N L."""
    return program.extend([Line(Tensor(TOTAL), (Term(SAMPLES * Tensor("L").entry),), TOTAL)])


def mean_last(program: Program) -> Derived:
    """The sweep of N L, whose lines hold no 1/N; it stands in the gradients of the parameters.

        dL/dA = 1/N d(N L)/dA

    is the last step of each of them.
    """
    leaves = program.leaves_of("parameter", "state")
    objective = with_total(program)
    raw, names = gradients(objective, TOTAL)
    simple, steps = simplify(objective, raw, [names[t.name] for t in leaves])
    divided = {names[t.name]: t for t in leaves}
    means: dict[str, Line] = {}
    for line in lines_of(simple):
        if line.lhs.name in divided:
            terms = tuple(Term(t.f / SAMPLES, t.over, t.reduce) for t in line.terms)
            means[line.lhs.name] = Line(replace(line.lhs, of="L"), terms, MEAN)
    items = tuple(means.get(i.lhs.name, i) if isinstance(i, Line) else i for i in simple)
    last = tuple(Step(MEAN, i, means[i.lhs.name]) for i in lines_of(simple) if i.lhs.name in means)
    return Derived(program, raw, names, items, steps + last, TOTAL)


class Derivation:
    """What ``Network.derive`` returns.

    batch: the sweep over N samples; sample: the one over a single sample.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self.batch = derived(network.program)
        self._evidence: dict[str, Evidence] = {}

    @functools.cached_property
    def sample(self) -> Derived:
        """The sweep over one sample (N = 1)."""
        return derived(self.network.sample_program)

    @functools.cached_property
    def scalar(self) -> Derived:
        """The same in scalars, of a network with one input and one unit a layer."""
        from symnn.derivation.scalars import scalars

        return scalars(self.sample)

    @functools.cached_property
    def mean_last(self) -> Derived:
        """The sweep over N samples with 1/N in the gradients of the parameters alone."""
        return mean_last(self.network.program) if self.network.mean_loss else self.batch

    @functools.cached_property
    def _updates(self) -> tuple[Any, ...]:
        found = self.batch.gradients
        pairs = [(t, found[t.name].lhs.entry) for t in self.network.program.leaves_of("parameter")]
        return update_lines(self.network.optimizer, pairs)

    @property
    def update_lines(self) -> tuple[Line, ...]:
        """The lines of one step of the optimizer."""
        return tuple(self._updates[1])

    @property
    def state_leaves(self) -> tuple[Any, ...]:
        """The optimizer's states and hyperparameters."""
        return tuple(self._updates[0])

    @functools.cached_property
    def program(self) -> Program:
        """Forward lines, then gradient lines, then update lines."""
        return self.batch.program.extend(self.update_lines, self.state_leaves)

    @functools.cached_property
    def _stable(self) -> tuple[Program, tuple[Step, ...]]:
        return stabilise(self.batch.program)

    @property
    def stable(self) -> Program:
        """Forward and gradient lines as they are computed: in stable form."""
        return self._stable[0]

    @property
    def steps(self) -> tuple[Step, ...]:
        """Every step: the chain rule, the rewrites, and those to stable forms."""
        return self.batch.steps + self._stable[1]

    @property
    def gradients(self) -> dict[str, Line]:
        """Tensor name -> the line of dL/d(tensor)."""
        return self.batch.gradients

    def explicit(self, name: str) -> sp.Matrix:
        """Every entry of dL/d(name) for one sample, as explicit expressions."""
        sweep = self.sample
        forms = Explicit(sweep.program, self.network.explicit.constants)
        return forms.matrix(sweep.names[name])

    def verify(self, seed: int = 0) -> Report:
        """Every line against an independent derivative; by complex steps."""
        from symnn.checking.verify import verify

        return verify(self, seed)

    def evidence(self, kind: str) -> Evidence:
        """Evaluates lines of a sweep, by its name here, when they are printed."""
        from symnn.checking.evidence import Evidence

        if kind not in self._evidence:
            self._evidence[kind] = Evidence(self, kind)
        return self._evidence[kind]

    def latex(
        self,
        notation: str | Notation | None = None,
        layout: str | None = None,
        detail: str = "textbook",
        language: str = "en",
        select: str | Iterable[str] = (),
    ) -> str:
        """The derivation as a LaTeX fragment.

        notation: a name; None: that of the spec, "affine" by default.  layout: "sample",
        "columns" or "rows"; None: that of the spec, or else the notation's own.  select: labels
        of equations that are wanted alone, "delta_1,A_1"; notes/labels.py lists them.
        """
        from symnn.formats.latex import fragment

        return fragment(
            self,
            notation=notation,
            layout=layout,
            detail=detail,
            language=language,
            select=select,
        )

    def save(
        self, path: str | Path, *, force: bool = False, fragment: bool = False, **options: Any
    ) -> Path:
        """Write the notes; the suffix says the format.

        Known are .tex, .pdf, .html, .md, .qmd (Quarto), .ipynb and .json.
        options: notation, layout, detail, language, figures (whether there are any), numbers
        (of a worked example: "none", "decimal" or "pencil"; None: those of the spec), story
        ("reference" or "tutorial"), method ("chain" or "differential"), select, code.
        Raises ValueError, OutputError, TexError.
        """
        from symnn.formats.latex import save

        return save(self, Path(path), force=force, bare=fragment, **options)

    def show(self, height: int = 640, **options: Any) -> None:
        """Show the interactive page: in a notebook within a frame, ``height`` pixels high,
        elsewhere in the browser.  options: those of :meth:`save`.  OSError where none opens.
        """
        from symnn.formats.latex import html
        from symnn.formats.showing import show

        show(html(self, **options), self.network.spec.output.module, height)

    def _repr_latex_(self) -> str:
        rows = r" \\ ".join(line._repr_latex_().strip("$") for line in self.gradients.values())
        return f"$$\\begin{{gathered}} {rows} \\end{{gathered}}$$"

    def __str__(self) -> str:
        return str(self.program)
