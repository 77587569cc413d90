"""The table of named scalar functions, and their derivatives, found and not tabled.

A row gives the definition as a SymPy expression in ``x``, the TeX symbol, the range and
whether one branch inverts it.  In lines a function stays a name (``sigmoid(z[n,j])``), so
that SymPy never has to rediscover it; :func:`found_derivative` differentiates the
definition when a derivative is asked for.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, ClassVar

import sympy as sp
from sympy.codegen.cfunctions import expm1, log1p

X = sp.Symbol("x", real=True)
A = sp.Symbol("a", real=True)  # stands for the value of the function at x


@dataclass(frozen=True)
class Function:
    """A row of the table.

    definition: in ``X``.  tex: the symbol.  domain: "real", "positive" or "unit", the range.
    invertible: one branch, so the argument may be solved for.  kernel: a form of it in ``X``, for
    plans: right on ±800 although an exponential in it may overflow to infinity.  kink: the choice
    made where the derivative does not exist, as TeX.
    """

    name: str
    definition: sp.Expr
    tex: str
    domain: str = "real"
    invertible: bool = False
    kernel: sp.Expr | None = None
    kink: str = ""


class Named(sp.Function):  # type: ignore[misc]
    """A named function, or a derivative of one of ``order`` 1, 2, …, applied to an argument."""

    row: ClassVar[Function]
    order: ClassVar[int] = 0
    nargs = (1,)
    is_real = True

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        """The derivative stays a name; simplification finds out what it is."""
        return function_class(self.row, self.order + 1)(self.args[0])

    def _sympystr(self, printer: Any) -> str:
        """As SymPy prints functions, also where the name is that of a type which it prints: int."""
        return f"{type(self).__name__}({printer.doprint(self.args[0])})"

    _listing = _sympystr

    def defined(self) -> sp.Expr:
        """The same value, by the definition of the row."""
        return definition(self.row, self.order).xreplace({X: self.args[0]})

    def __reduce__(self) -> tuple[Any, ...]:
        """The class is made when it is asked for, so that no module holds it under its name."""
        known = TABLE.get(self.row.name) == self.row
        return _applied, (self.row.name if known else self.row, self.order, *self.args)


def function_class(row: Function, order: int = 0) -> Any:
    """The SymPy function class of a row's derivative of that order (0: the function itself)."""
    return _function_class(row, order)


@functools.cache
def _function_class(row: Function, order: int) -> Any:
    name = row.name + "_prime" * order
    kind: Any = type(Named)
    return kind(name, (Named,), {"row": row, "order": order})


def _applied(row: Function | str, order: int, *args: sp.Expr) -> Named:
    """What a pickled function of the table, by its name, or of a user is read as."""
    found: Named = function_class(TABLE[row] if isinstance(row, str) else row, order)(*args)
    return found


@functools.cache
def definition(row: Function, order: int = 0) -> sp.Expr:
    """The definition of the derivative of that order, in ``X``."""
    if order == 0:
        return row.definition
    return sp.diff(expand_names(definition(row, order - 1)), X)


class tail(sp.Function):  # type: ignore[misc]
    """erfc, which SymPy would write as 2 - erfc(-x) for a negative x and lose its digits."""

    nargs = (1,)


def kernel(p: Named) -> sp.Expr:
    """The value of a named function as plans compute it."""
    if p.order == 0 and p.row.kernel is not None:
        return p.row.kernel.xreplace({X: p.args[0]})
    return p.defined()


def _where(*pieces: tuple[sp.Expr, sp.Basic]) -> sp.Expr:
    return sp.Piecewise(*pieces)


_SIGMOID = Function(
    "sigmoid",
    1 / (1 + sp.exp(-X)),
    r"\sigma",
    domain="unit",
    invertible=True,
    kernel=1 / (1 + sp.exp(-X)),
)
_TANH = Function("tanh", sp.tanh(X), r"\tanh", invertible=True)
_PDF = Function(
    "normal_pdf",
    sp.exp(-(X**2) / 2) / sp.sqrt(2 * sp.pi),
    r"\varphi",
    domain="positive",
)
_PHI = Function(
    "normal_cdf",
    (1 + sp.erf(X / sp.sqrt(2))) / 2,
    r"\Phi",
    domain="unit",
    kernel=tail(-X / sp.sqrt(2)) / 2,
)
_sigmoid, _phi = function_class(_SIGMOID), function_class(_PHI)

TABLE: dict[str, Function] = {
    row.name: row
    for row in (
        Function("linear", X, r"\mathrm{id}", invertible=True),
        _SIGMOID,
        _TANH,
        Function(
            "relu",
            _where((X, X > 0), (0, True)),
            r"\mathrm{relu}",
            kernel=sp.Max(X, 0),
            kink=r"\mathrm{relu}^{\prime}(0) = 0",
        ),
        Function(
            "leaky_relu",
            _where((X, X > 0), (X / 100, True)),
            r"\mathrm{lrelu}",
            kernel=sp.Max(X, X / 100),
            kink=r"\mathrm{lrelu}^{\prime}(0) = 0.01",
        ),
        Function(
            "elu",
            _where((X, X > 0), (sp.exp(X) - 1, True)),
            r"\mathrm{elu}",
            kernel=sp.Max(X, 0) + expm1(sp.Min(X, 0)),
        ),
        Function("gelu", X * _phi(X), r"\mathrm{gelu}"),
        Function("silu", X * _sigmoid(X), r"\mathrm{silu}"),
        Function(
            "softplus",
            sp.log(1 + sp.exp(X)),
            r"\mathrm{softplus}",
            domain="positive",
            invertible=True,
            kernel=sp.Max(X, 0) + log1p(sp.exp(-sp.Abs(X))),
        ),
        Function("sin", sp.sin(X), r"\sin"),
        _PDF,
        _PHI,
        Function(
            "root",
            _where((sp.sqrt(X), X > 0), (0, True)),
            r"\sqrt",
            kernel=sp.sqrt(X),
            kink=r"(\sqrt{\,\cdot\,})^{\prime}(0) = 0",
        ),
        Function(
            "absolute",
            _where((X, X > 0), (-X, X < 0), (0, True)),
            r"\mathrm{abs}",
            kernel=sp.Abs(X),
            kink=r"|\cdot|^{\prime}(0) = 0",
        ),
        Function(
            "huber",
            _where((X - sp.S.Half, X > 1), (-X - sp.S.Half, X < -1), (X**2 / 2, True)),
            r"h",
            kernel=sp.Min(sp.Abs(X), 1) * (sp.Abs(X) - sp.Min(sp.Abs(X), 1) / 2),
        ),
    )
}

ACTIVATIONS = (
    *("linear", "sigmoid", "tanh", "relu", "leaky_relu", "elu"),
    *("gelu", "silu", "softplus", "sin", "softmax"),
)


def named(name: str) -> Any:
    """The SymPy function class of the table's row ``name``; KeyError if there is none."""
    return function_class(TABLE[name])


@functools.cache
def user_function(name: str, formula: sp.Expr) -> Any:
    """The function class of a user's formula in ``X``, in a form that does not overflow."""
    upright = name.replace("_", r"\_")  # with a hyphen it would read as a difference
    tex = rf"\mathrm{{{upright}}}"
    return function_class(Function(name, with_logistic_names(formula), tex))


def with_logistic_names(f: sp.Expr) -> sp.Expr:
    """1/(1 + e^u) -> sigmoid(-u),  e^u sigmoid(-u) -> sigmoid(u),  log(1 + e^u) -> softplus(u)."""
    if not f.args or not f.has(sp.exp):
        return f
    f = f.func(*map(with_logistic_names, f.args))
    u = _exponent(f.args[0]) if isinstance(f, sp.Pow | sp.log) else None
    if u is not None:
        if isinstance(f, sp.log):
            return named("softplus")(u)
        return named("sigmoid")(-u) ** -f.exp if f.exp.is_negative else f
    if isinstance(f, sp.Mul):
        for g in sp.Mul.make_args(f):
            base, power = g.as_base_exp()
            grown = sp.exp(-base.args[0]) if isinstance(base, named("sigmoid")) else None
            if grown in f.args and power.is_positive:
                return f / (grown * base) * named("sigmoid")(-base.args[0])
    return f


def _exponent(f: sp.Basic) -> sp.Expr | None:
    """u where ``f`` is 1 + e^u; None for anything else."""
    if isinstance(f, sp.Add) and len(f.args) == 2 and sp.S.One in f.args:
        other = f - 1
        return other.args[0] if isinstance(other, sp.exp) else None
    return None


def expand_primes(f: sp.Expr) -> sp.Expr:
    """``f`` with every named derivative replaced by what :func:`found_derivative` gives."""
    primes = sorted(f.atoms(Named), key=str) if f.has(Named) else []
    table = {}
    for p in primes:
        if p.order:
            found, _ = found_derivative(p.row, p.order)
            table[p] = found.xreplace({A: function_class(p.row)(X)}).xreplace({X: p.args[0]})
    return f.xreplace(table) if table else f


def expand_names(f: sp.Expr) -> sp.Expr:
    """``f`` with every named function replaced by its definition, all the way down."""
    while found := {p: p.defined() for p in f.atoms(Named)}:
        f = f.xreplace(found)
    return f


def nice(f: sp.Expr) -> sp.Expr:
    """A product with its signs pulled into the sums: -a*(a - 1) -> a*(1 - a)."""
    if not isinstance(f, sp.Mul):
        return f
    coefficient, factors = f.as_coeff_mul()
    if not coefficient.is_negative:
        return f
    for k, g in enumerate(factors):
        if isinstance(g, sp.Add):
            flipped = [*factors[:k], -g, *factors[k + 1 :]]
            return sp.Mul(-coefficient, *flipped)
    return f


@functools.cache
def found_derivative(row: Function, order: int = 1) -> tuple[sp.Expr, str]:
    """The derivative of a row in ``X`` and ``A`` (its value), and how it was found.

    Tried in turn on the derivative of the definition: the value a where h stands (h(x) -> a);
    for an invertible row, solving a = h(x) for x; recognising another row of the table.
    The shortest form wins, one that needs the value alone before one that needs ``X``.
    """
    if order > 1:
        slope, lower = found_derivative(row)[0], found_derivative(row, order - 1)[0]
        if lower.has(sp.sign):
            return definition(row, order), "differentiate the definition"
        whole = sp.diff(lower, X) + sp.diff(lower, A) * slope
        return expand_primes(whole), "differentiate once more"
    plain = expand_primes(sp.diff(row.definition, X))
    forms: list[tuple[sp.Expr, str]] = [(plain, "differentiate the definition")]
    if row.name in TABLE:
        forms += _by_value(row, plain)
        forms += _solved(row, plain)
        forms += _recognised(row, plain)

    def cost(form: tuple[sp.Expr, str]) -> tuple[bool, int]:
        return form[0].has(sp.exp), int(sp.count_ops(form[0]))

    return min(forms, key=cost)


def _by_value(row: Function, plain: sp.Expr) -> list[tuple[sp.Expr, str]]:
    """h' with h replaced by its value a."""
    h = row.definition
    if isinstance(h, sp.Piecewise):
        # root(x) > 0 exactly where x > 0: only this row's condition carries over to its value
        if row.name != "root":
            return []
        found = plain.xreplace({sp.sqrt(X): A, 1 / sp.sqrt(X): 1 / A, X > 0: A > 0})
    else:
        found = plain.xreplace({h: A})
    return [] if found == plain else [(found, "use the value of the function")]


def _solved(row: Function, plain: sp.Expr) -> list[tuple[sp.Expr, str]]:
    """h' with x replaced by the inverse of h at a."""
    if not row.invertible or not plain.has(X) or row.definition.has(sp.tanh):
        return []
    found = []
    for inverse in sp.solve(row.definition - A, X):
        g = nice(sp.factor(sp.simplify(plain.xreplace({X: inverse}))))
        if not g.has(X):
            found.append((g, "solve a = h(x) for x"))
    return found


def _recognised(row: Function, plain: sp.Expr) -> list[tuple[sp.Expr, str]]:
    """h' when it is itself known by a name: softplus' is the logistic function, |x|' is sgn x."""
    if plain == sp.Piecewise((1, X > 0), (-1, X < 0), (0, True)):
        return [(sp.sign(X), "it is sgn")]
    for other in TABLE.values():
        if other is row or other.definition.has(sp.Piecewise, Named) or not plain.has(X):
            continue
        difference = plain - other.definition
        if not (plain.has(sp.exp) and other.definition.has(sp.exp)) or plain.has(Named):
            continue
        near = abs(difference.subs(X, sp.Rational(1, 3)).evalf()) < 1e-12
        if near and sp.simplify(difference) == 0:
            return [(function_class(other)(X), f"it is {other.name}")]
    return []
