"""Optimizers: update rules as lines, in a registry, printed and generated like every other line.

An update line of ``A_1`` defines the new name ``A_1_next``; a state such as a velocity is a
leaf ``A_1_velocity`` with its own ``A_1_velocity_next``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

import sympy as sp

from symnn.engine.ir import Hyperparameter, Line, Tensor, Term

ETA = Tensor("eta", (), "hyperparameter", letter="eta")  # the learning rate


@dataclass
class Update:
    """Collects the state leaves and update lines of one parameter."""

    parameter: Tensor
    gradient: sp.Expr
    leaves: list[Tensor] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)

    def state(self, suffix: str) -> sp.Expr:
        """The entry of a state of the parameter, zero at the start of training."""
        leaf = replace(self._own(suffix), role="state")
        self.leaves.append(leaf)
        return leaf.entry

    def let(self, suffix: str, f: sp.Expr, why: str) -> sp.Expr:
        """The line of the next value of the parameter ("") or of one of its states."""
        lhs = self._own(suffix) if suffix else self.parameter
        if not suffix or lhs.name in {leaf.name for leaf in self.leaves}:
            lhs = replace(lhs, name=f"{lhs.name}_next", kind="next", letter="", of=lhs.name)
        lhs = replace(lhs, role="value")
        self.lines.append(Line(lhs, (Term(f),), why))
        return lhs.entry

    def _own(self, kind: str) -> Tensor:
        """What the optimizer keeps, or computes, of the parameter."""
        t = self.parameter
        return Tensor(f"{t.name}_{kind}", t.axes, of=t.name, kind=kind, layer=t.layer)


def _h(name: str) -> sp.Expr:
    return Tensor(name, (), "hyperparameter").entry


@dataclass(frozen=True)
class Optimizer:
    """A row of the registry: the rule, and its hyperparameters with their values."""

    name: str
    rule: Callable[[Update], None]
    constants: dict[str, float] = field(default_factory=dict)
    states: tuple[str, ...] = ()


def sgd(u: Update) -> None:
    """θ ← θ − η g."""
    u.let("", u.parameter.entry - ETA.entry * u.gradient, "gradient descent")


def momentum(u: Update) -> None:
    """v ← μ v + g, θ ← θ − η v (Polyak 1964, as in PyTorch)."""
    v = u.let("velocity", _h("mu") * u.state("velocity") + u.gradient, "momentum")
    u.let("", u.parameter.entry - ETA.entry * v, "gradient descent with momentum")


def adam(u: Update) -> None:
    """Kingma and Ba 2015, algorithm 1; ε outside the root."""
    b1, b2, t = _h("beta_1"), _h("beta_2"), _h("t")
    m = u.let("m", b1 * u.state("m") + (1 - b1) * u.gradient, "adam, mean of the gradient")
    v = u.let("v", b2 * u.state("v") + (1 - b2) * u.gradient**2, "adam, mean of its square")
    mean = u.let("m_hat", m / (1 - b1**t), "adam, bias correction")
    square = u.let("v_hat", v / (1 - b2**t), "adam, bias correction")
    step = ETA.entry * mean / (sp.sqrt(square) + _h("epsilon"))
    u.let("", u.parameter.entry - step, "adam")


def rmsprop(u: Update) -> None:
    """v ← ρ v + (1 − ρ) g², θ ← θ − η g/(√v + ε) (Tieleman and Hinton 2012)."""
    rho = _h("rho")
    v = u.let("v", rho * u.state("v") + (1 - rho) * u.gradient**2, "rmsprop, mean of the square")
    u.let("", u.parameter.entry - ETA.entry * u.gradient / (sp.sqrt(v) + _h("epsilon")), "rmsprop")


OPTIMIZERS: dict[str, Optimizer] = {
    row.name: row
    for row in (
        Optimizer("sgd", sgd),
        Optimizer("adam", adam, {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8}, ("m", "v")),
        Optimizer("rmsprop", rmsprop, {"rho": 0.9, "epsilon": 1e-8}, ("v",)),
    )
}


def optimizer(name: str, mu: float = 0.0) -> Optimizer:
    """The row of that name; ``sgd`` with a momentum ``mu`` > 0 keeps a velocity."""
    if name == "sgd" and mu:
        return Optimizer("sgd", momentum, {"mu": mu}, ("velocity",))
    return OPTIMIZERS[name]


def update_lines(
    row: Optimizer, parameters: Iterable[tuple[Tensor, sp.Expr]]
) -> tuple[tuple[Tensor, ...], tuple[Line, ...]]:
    """The leaves (states, hyperparameters) and update lines for (parameter, gradient) pairs."""
    leaves: list[Tensor] = []
    lines: list[Line] = []
    for parameter, gradient in parameters:
        u = Update(parameter, gradient)
        row.rule(u)
        leaves += u.leaves
        lines += u.lines
    read = {e.name for line in lines for e in line.reads if isinstance(e, Hyperparameter)}
    order = ("eta", *row.constants, "t")
    leaves += [Tensor(h, (), "hyperparameter", letter=h) for h in order if h in read]
    return tuple(leaves), tuple(lines)
