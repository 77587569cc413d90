"""Lines as NumPy functions, by SymPy's own lambdify: the quick path in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp

from symnn.engine.evaluate import NAMED, Evaluator
from symnn.engine.functions import Named, definition
from symnn.engine.ir import Axis, Line, Term, entries, indices_of, name_of


def lambdify_line(line: Line) -> Callable[..., Any]:
    """A line as a NumPy function of its tensors by name; see ``Line.lambdify``."""
    names = list(dict.fromkeys(name_of(e) for e in line.reads))
    compiled = [_compiled(term) for term in line.terms]

    def function(**arrays: Any) -> Any:
        missing = [n for n in names if n not in arrays]
        if missing:
            raise TypeError(f"missing: {', '.join(missing)}")
        evaluator = Evaluator([], {}, _sizes(line, arrays))
        evaluator.arrays = {n: np.asarray(arrays[n])[None] for n in names}
        shape = tuple(evaluator.size(a) for a in line.lhs.axes)
        total = np.zeros(shape)
        for term, (parts, code) in zip(line.terms, compiled, strict=True):
            grid = line.lhs.axes if term.reduce == "first" else line.lhs.axes + term.over
            values = [evaluator.value(p, grid)[0] for p in parts]
            whole = np.broadcast_to(code(*values), tuple(map(evaluator.size, grid)))
            over = tuple(range(len(line.lhs.axes), len(grid)))
            if term.reduce == "first":
                total = total + evaluator.term(term, line.lhs.axes)[0]
            else:
                if term.reduce == "max":
                    bound = {a.symbol for a in term.over}
                    inside = evaluator.inside(term.f, grid, bound)
                    whole = np.where(inside, whole, -np.inf).max(axis=over)
                else:
                    whole = whole.sum(axis=over)
                total = total + whole
        return total

    return function


def lambdify_lines(lines: Sequence[Line]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Lines in order as one function, from arrays by name to these and the tensors computed.

    A symbolic size is read off the arrays, or given by its name.
    """
    functions = [(line.lhs.name, lambdify_line(line)) for line in lines]

    def function(arrays: dict[str, Any]) -> dict[str, Any]:
        known = dict(arrays)
        for name, compute in functions:
            known[name] = compute(**known)
        return known

    return function


def _compiled(term: Term) -> tuple[list[sp.Expr], Callable[..., Any]]:
    """What a summand reads, and the summand as a NumPy function of it."""
    guards = sorted(term.f.atoms(sp.KroneckerDelta), key=str)
    sizes = sorted((s for s in term.f.free_symbols if s.is_integer), key=str)
    bound = [s for s in sizes if not isinstance(s, sp.Indexed)]
    parts = [*guards, *entries(term.f), *bound]
    hidden = [sp.Symbol(f"s{k}", real=True) for k in range(len(parts))]
    f = term.f.xreplace(dict(zip(parts, hidden, strict=True)))
    while primes := [p for p in f.atoms(Named) if p.order or p.row.name not in NAMED]:
        x = sp.Symbol("x", real=True)
        f = f.xreplace({p: definition(p.row, p.order).xreplace({x: p.args[0]}) for p in primes})
    return parts, sp.lambdify(hidden, f, modules=[NAMED, "numpy"], cse=False)


def _sizes(line: Line, arrays: Mapping[str, Any]) -> dict[str, int]:
    """Symbolic sizes, read off the arrays."""
    found: dict[str, int] = {}
    axes: dict[sp.Symbol, Axis] = {a.symbol: a for a in line.axes}
    for e in line.reads:
        for index, size in zip(indices_of(e), np.shape(arrays[name_of(e)]), strict=True):
            a = axes.get(index)
            if a is not None and isinstance(a.size, sp.Symbol):
                found.setdefault(a.size.name, size)
    for name, value in arrays.items():
        if np.ndim(value) == 0 and name not in found:
            found[name] = int(value) if float(value).is_integer() else 0
    return found
