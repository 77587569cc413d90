"""Explicit forms: every entry of a tensor as one SymPy expression of the leaves' entries."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator, Mapping

import sympy as sp

from symnn.engine.functions import expand_names, named
from symnn.engine.ir import Program, Tensor, Term, entries, indices_of, name_of, pointers

LIMIT = 2000

At = tuple[int, ...]


class _Symbols(Mapping[str, sp.Matrix]):
    """Leaf name -> Matrix of its entries' symbols, made when asked for."""

    def __init__(self, leaves: Mapping[str, Tensor]) -> None:
        self._leaves = leaves

    def __getitem__(self, name: str) -> sp.Matrix:
        if name not in self._leaves:
            raise KeyError(f"no leaf {name!r}; known: {', '.join(self._leaves)}")
        return _matrix(self._leaves[name], functools.partial(symbol, name))

    def __iter__(self) -> Iterator[str]:
        return iter(self._leaves)

    def __len__(self) -> int:
        return len(self._leaves)


def symbol(name: str, at: tuple[int, ...]) -> sp.Symbol:
    """The symbol of an entry, counted from 1: A_1[0, 2] is ``A_1_1_3``."""
    return sp.Symbol("_".join([name, *(str(i + 1) for i in at)]), real=True)


def _matrix(tensor: Tensor, value: functools.partial[sp.Expr]) -> sp.Matrix:
    shape = [int(a.size) for a in tensor.axes]
    size = int(sp.prod(shape))
    if size > LIMIT:
        raise ValueError(f"{tensor.name} has {size} entries; explicit forms stop at {LIMIT}")
    rows, columns = [*shape, 1, 1][:2]
    full = len(shape)
    return sp.Matrix(rows, columns, lambda i, j: value((int(i), int(j))[:full]))


class Explicit:
    """Evaluates a program of one sample on symbols, entry by entry.

    constants: values of scalar leaves that shall stand as numbers.
    """

    def __init__(self, program: Program, constants: Mapping[str, sp.Expr]) -> None:
        self.program = program
        self.constants = constants
        self.symbols: Mapping[str, sp.Matrix] = _Symbols(
            {t.name: t for t in program.leaves if t.name not in constants}
        )
        self._known: dict[tuple[str, tuple[int, ...]], sp.Expr] = {}

    def matrix(self, name: str) -> sp.Matrix:
        """All entries of a tensor; a vector is a column, a scalar 1 by 1."""
        return _matrix(self.program.tensors[name], functools.partial(self.value, name))

    def operations(self, name: str) -> int:
        """About how many operations the explicit form of one entry has, written out."""
        known: dict[str, int] = {}
        for line in self.program.lines:
            count = 0
            for t in line.terms:
                summands = math.prod(int(a.size) for a in t.over)
                count += summands * (1 + sum(known.get(name_of(e), 1) for e in entries(t.f)))
            known[line.lhs.name] = count
        return known[name]

    def value(self, name: str, at: tuple[int, ...]) -> sp.Expr:
        """One entry; 0 outside the tensor's range."""
        tensor = self.program.tensors[name]
        if any(not 0 <= i < int(a.size) for i, a in zip(at, tensor.axes, strict=True)):
            return sp.S.Zero
        if (name, at) not in self._known:
            self._known[name, at] = self._compute(tensor, at)
        return self._known[name, at]

    def _compute(self, tensor: Tensor, at: tuple[int, ...]) -> sp.Expr:
        line = self.program.definitions.get(tensor.name)
        if line is None:
            return self.constants.get(tensor.name, symbol(tensor.name, at))
        own = {a.symbol: sp.Integer(i) for a, i in zip(tensor.axes, at, strict=True)}
        return sp.Add(*(self._term(t, own) for t in line.terms))

    def _term(self, term: Term, own: Mapping[sp.Symbol, sp.Expr]) -> sp.Expr:
        if term.reduce == "first":
            raise ValueError("the indicator of a maximiser has no explicit form")
        parts = self._summands(term, own).values()
        return sp.Max(*parts) if term.reduce == "max" else sp.Add(*parts)

    def _summands(self, term: Term, own: Mapping[sp.Symbol, sp.Expr]) -> dict[At, sp.Expr]:
        """Place along the axes of a term -> its summand, of those that take part."""
        found: dict[At, sp.Expr] = {}
        here = term.f.xreplace(own)
        for at in itertools.product(*(range(int(a.size)) for a in term.over)):
            over = {a.symbol: sp.Integer(i) for a, i in zip(term.over, at, strict=True)}
            f = self._pointed(here.xreplace(over))
            if term.reduce != "sum" and self._leaves(here, f, over):
                continue
            table = {e: self.value(name_of(e), tuple(map(int, indices_of(e)))) for e in entries(f)}
            found[at] = expand_names(_plain_roots(f)).xreplace(table)
        return found

    def _pointed(self, f: sp.Expr) -> sp.Expr:
        """With the values of the entries that stand in its indices and guards."""
        read = pointers(f)
        places = {p: self.value(name_of(p), tuple(map(int, indices_of(p)))) for p in read}
        return f.xreplace(places) if read else f

    def _leaves(self, f: sp.Expr, chosen: sp.Expr, over: Mapping[sp.Symbol, sp.Expr]) -> bool:
        """Whether an index of ``f`` leaves its range along ``over``, where ``f`` is ``chosen``."""
        for e in entries(f):
            at = self._pointed(e.xreplace(over))
            axes = self.program.tensors[name_of(e)].axes
            for index, moved, a in zip(indices_of(e), indices_of(at), axes, strict=True):
                if index != moved and not 0 <= moved < int(a.size) and at in entries(chosen):
                    return True
        return False


def _plain_roots(f: sp.Expr) -> sp.Expr:
    """root(q)  ->  sqrt(q):  a sum of squares is never negative, so no case is left to tell."""
    return f.xreplace({g: sp.sqrt(g.args[0]) for g in f.atoms(named("root"))})
