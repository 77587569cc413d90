"""Entries of tensors inside SymPy expressions: which are read, where, and as text."""

from __future__ import annotations

import functools
from collections.abc import Mapping

import sympy as sp
from sympy.printing.str import StrPrinter

# comparisons, and how they are written
RELATIONS = {
    sp.StrictGreaterThan: ">",
    sp.GreaterThan: ">=",
    sp.StrictLessThan: "<",
    sp.LessThan: "<=",
}
_SIGNS = {**RELATIONS, sp.Equality: "=", sp.Unequality: "!="}


class IndexedBase(sp.IndexedBase):  # type: ignore[misc]
    """What the entries of a tensor are entries of.

    SymPy finds out anew for each base and each entry what follows from its being real, and compares
    that wherever it compares entries; here it follows once, from the class.  The names of these
    classes decide the order of factors, and are SymPy's.
    """

    is_real = True

    def __new__(cls, name: str | sp.Symbol) -> IndexedBase:
        label = sp.Symbol(name, real=True) if isinstance(name, str) else name
        made: IndexedBase = sp.Expr.__new__(cls, label)
        made._shape = made._strides = None
        made._offset, made._name = sp.S.Zero, label.name
        return made

    def _hashable_content(self) -> tuple[sp.Basic, ...]:
        return tuple(self.args)


class GradientBase(IndexedBase):
    """What the entries of a gradient are entries of."""


class Indexed(sp.Indexed):  # type: ignore[misc]
    """An entry of a tensor."""

    is_real = True

    def __new__(cls, base: sp.IndexedBase, *indices: sp.Expr) -> Indexed:
        made: Indexed = sp.Expr.__new__(cls, base, *indices)
        return made

    def _hashable_content(self) -> tuple[sp.Basic, ...]:
        return tuple(self.args)


def is_entry(e: sp.Basic) -> bool:
    """Whether ``e`` is an entry of a tensor (index and size symbols are integers)."""
    return isinstance(e, sp.Indexed) or (isinstance(e, sp.Symbol) and not e.is_integer)


def name_of(entry: sp.Expr) -> str:
    """The name of the tensor that ``entry`` belongs to."""
    return str(entry.base.label.name) if isinstance(entry, sp.Indexed) else str(entry.name)


def indices_of(entry: sp.Expr) -> tuple[sp.Expr, ...]:
    """The indices of an entry; () for a scalar."""
    return tuple(entry.indices) if isinstance(entry, sp.Indexed) else ()


@functools.lru_cache(maxsize=65536)
def entries(f: sp.Expr) -> tuple[sp.Expr, ...]:
    """The distinct entries whose values ``f`` reads, in order of appearance.

    An entry inside an index or a guard (``tok[n]`` in ``E[tok[n],d]``) only says where
    to read and is not among them; see :func:`pointers`.
    """
    found: dict[sp.Expr, None] = {}

    def walk(e: sp.Basic) -> None:
        if is_entry(e):
            found[e] = None
        elif not isinstance(e, sp.KroneckerDelta):
            for a in e.args:
                walk(a)

    walk(f)
    return tuple(found)


@functools.lru_cache(maxsize=65536)
def pointers(f: sp.Expr) -> tuple[sp.Expr, ...]:
    """The entries that stand inside an index or a guard of ``f``."""
    found: dict[sp.Expr, None] = {}

    def walk(e: sp.Basic, inside: bool) -> None:
        if is_entry(e) and inside:
            found[e] = None
        inside = inside or isinstance(e, sp.Indexed | sp.KroneckerDelta)
        for a in indices_of(e) if isinstance(e, sp.Indexed) else e.args:
            walk(a, inside)

    walk(f, False)
    return tuple(found)


def fraction(f: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
    """What stands above and below the line of a fraction; sqrt(3)/3 is 1/sqrt(3)."""
    top, bottom = sp.fraction(f)
    for g in filter(is_root, sp.Mul.make_args(top)):
        if bottom.as_coeff_Mul()[0] % g.base == 0 and not bottom.has(sp.Pow):
            return top / g, bottom / g.base * g
    return top, bottom


def is_root(f: sp.Expr) -> bool:
    """Whether it is the square root of a whole number."""
    return bool(f.is_Pow and f.exp == sp.S.Half and f.base.is_Integer)


class _Listing(StrPrinter):  # type: ignore[misc]
    """SymPy's text, with entries as ``t[i,j]`` and guards as ``[i = j]``.

    names: of tensors and indices, where they are not their own.
    """

    printmethod = "_listing"

    def __init__(self, names: Mapping[str, str]) -> None:
        super().__init__()
        self.names = names

    def _print_Indexed(self, e: sp.Indexed) -> str:
        name = name_of(e)
        return f"{self.names.get(name, name)}[{','.join(map(self._print, e.indices))}]"

    def _print_Symbol(self, e: sp.Symbol) -> str:
        return self.names.get(e.name, str(e.name))

    def _print_Mul(self, e: sp.Mul) -> str:
        if any(map(is_root, e.args)):
            top, bottom = fraction(e)
            below = {g: sp.Symbol(self._print(g)) for g in sp.Mul.make_args(bottom) if is_root(g)}
            e = top / bottom.xreplace(below)
        return str(super()._print_Mul(e) if isinstance(e, sp.Mul) else self._print(e))

    def _print_Add(self, e: sp.Add, order: object = None) -> str:
        terms = self._as_ordered_terms(e, order=order)
        first = sorted(terms, key=lambda t: t.as_coeff_Mul()[0].is_negative)
        return " + ".join(map(self._print, first)).replace("+ -", "- ")

    def _print_Piecewise(self, e: sp.Piecewise) -> str:
        (value, condition), (other, rest) = e.args[0], e.args[-1]
        if len(e.args) == 2 and value == 1 and other == 0 and rest == sp.true:
            return f"[{self._print(condition)}]"
        cases = [f"{self._print(v)} if {self._print(c)} else" for v, c in e.args[:-1]]
        return f"({' '.join([*cases, self._print(other)])})"

    def _print_Relational(self, e: sp.core.relational.Relational) -> str:
        return f"{self._print(e.lhs)} {_SIGNS[type(e)]} {self._print(e.rhs)}"

    def _print_Exp1(self, e: sp.Expr) -> str:
        return "exp(1)"

    def _print_KroneckerDelta(self, e: sp.KroneckerDelta) -> str:
        left, right = sorted(e.args, key=lambda i: bool(i.is_number))  # [t = 4]
        return f"[{self._print(left)} = {self._print(right)}]"


_LISTING = _Listing({})


@functools.lru_cache(maxsize=2**14)  # a module shows a line in every function
def show(f: sp.Expr) -> str:
    """``f`` as one line of text that a person can read."""
    return str(_LISTING.doprint(f))


def show_as(f: sp.Expr, names: Mapping[str, str]) -> str:
    """``f`` as :func:`show` writes it, with other names for tensors and indices."""
    return str(_Listing(names).doprint(f)) if names else show(f)
