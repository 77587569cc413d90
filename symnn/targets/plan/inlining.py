"""Before planning: element-wise lines are merged, and signs read off activations.

Then fewer arrays are kept for the backward sweep: relu' needs a, and no z.
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from symnn.engine.functions import Named
from symnn.engine.ir import Line, Term, is_entry, name_of

SIGNED = ("relu", "leaky_relu", "elu")  # f(z) > 0 exactly where z > 0


def by_sign(lines: Sequence[Line]) -> list[Line]:
    """[z > 0] -> [a > 0] where a = relu(z), or another function that keeps the sign."""
    table: dict[sp.Expr, sp.Expr] = {}
    out = []
    for line in lines:
        name = applied(line)
        if name in SIGNED:
            table[line.terms[0].f.args[0] > 0] = line.lhs.entry > 0
        elif table:
            cases = {p: p.xreplace(table) for t in line.terms for p in t.f.atoms(sp.Piecewise)}
            cases = {p: q for p, q in cases.items() if all(v.is_number for v, _ in p.args)}
            terms = tuple(Term(t.f.xreplace(cases), t.over, t.reduce) for t in line.terms)
            line = Line(line.lhs, terms, line.why)
        out.append(line)
    return out


def inlined(lines: Sequence[Line], held: set[str]) -> tuple[list[Line], dict[str, list[Line]]]:
    """The lines, where an element-wise one that only one other such line reads is put into it.

    held: names of lines that stay.  Also: line -> the lines that were put into it.
    """
    readers: dict[str, list[Line]] = {}
    for line in lines:
        for name in {name_of(e) for e in line.reads}:
            readers.setdefault(name, []).append(line)
    out: list[Line] = []
    inside: dict[str, list[Line]] = {}
    table: dict[sp.Expr, sp.Expr] = {}
    for line in lines:
        if table:
            terms = tuple(Term(t.f.xreplace(table), t.over, t.reduce) for t in line.terms)
            line = Line(line.lhs, terms, line.why)
        name, read = line.lhs.name, readers.get(line.lhs.name, [])
        alone = len(read) == 1 and read[0].elementwise and read[0].lhs.axes == line.lhs.axes
        if line.elementwise and alone and name not in held:
            table[line.lhs.entry] = sp.Add(*(t.f for t in line.terms))
            inside.setdefault(read[0].lhs.name, []).extend([*inside.pop(name, []), line])
        else:
            out.append(line)
    return out, inside


def applied(line: Line) -> str:
    """The name of the table's function where the line is one of an entry; else nothing."""
    f = line.terms[0].f if len(line.terms) == 1 and line.elementwise else None
    plain = isinstance(f, Named) and not f.order and is_entry(f.args[0])
    return str(f.row.name) if plain and f is not None else ""
