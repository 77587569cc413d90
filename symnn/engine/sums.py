"""Rewrites of sums: what is known of them, sums that are one, and a factor out of a sum."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence

import sympy as sp

from symnn.engine.facts import proven
from symnn.engine.ir import (
    Axis,
    Fact,
    Line,
    Program,
    Tensor,
    Term,
    entries,
    indices_of,
    is_entry,
    name_of,
)
from symnn.engine.rewrites import is_guard, matched, shaped


def proven_facts(program: Program) -> tuple[Fact, ...]:
    """The facts that lines prove: p[n,k] = f[n,k]/s[n] with s[n] = sum_k f[n,k] has sum_k p = 1.

    Of a mean, m[n] = sum_k x[n,k]/K, that sum_k (x - m) = 0.
    """
    found = []
    for line in program.lines:
        found += _deviations(line, program)
        if len(line.terms) != 1 or not line.elementwise or line.lhs.role != "value":
            continue
        f = line.terms[0].f
        own = [a.symbol for a in line.lhs.axes]
        for g in sp.Mul.make_args(f):
            below = 1 / g if g.is_Pow and g.exp == -1 else None
            s = program.definitions.get(name_of(below)) if below and is_entry(below) else None
            if s is None or len(s.terms) != 1 or len(s.terms[0].over) != 1:
                continue
            (total,), indices = s.terms, indices_of(below)
            rest = [a for a in line.lhs.axes if a.symbol not in indices]
            if total.reduce != "sum" or len(rest) != 1 or not {*indices} <= {*own}:
                continue
            move = dict(zip((a.symbol for a in s.lhs.axes), indices, strict=True))
            move[total.over[0].symbol] = rest[0].symbol
            if rest[0].size == total.over[0].size and total.f.xreplace(move) == f / g:
                found.append(proven(line.lhs, Term(line.lhs.entry, (rest[0],)), sp.S.One))
    return tuple(found)


def _deviations(line: Line, program: Program) -> list[Fact]:
    """That the deviations from a mean sum to 0, where the line is one."""
    if len(line.terms) != 1 or line.terms[0].reduce != "sum" or not line.terms[0].over:
        return []
    (term,) = line.terms
    x = next((g for g in sp.Mul.make_args(term.f) if isinstance(g, sp.Indexed)), None)
    size = sp.Mul(*(a.size for a in term.over))
    if x is None or term.f * size != x or {*indices_of(x)} != {a.symbol for a in line.axes}:
        return []
    sizes = {a.symbol: a.size for a in line.axes}
    if [a.size for a in program.tensors[name_of(x)].axes] != [sizes[i] for i in indices_of(x)]:
        return []
    return [proven(line.lhs, Term(x - line.lhs.entry, term.over), sp.S.Zero)]


def known_sum(term: Term, facts: tuple[Fact, ...]) -> tuple[Term, tuple[Fact, ...]]:
    """sum_k c * g_k  ->  c * v  for a fact sum_k g_k = v and c without k."""
    if not term.over or term.reduce != "sum" or not facts:
        return term, ()
    over = {a.symbol for a in term.over}
    inside: list[sp.Expr] = []
    outside: list[sp.Expr] = []
    for g in sp.Mul.make_args(term.f):
        (inside if over & g.free_symbols else outside).append(g)
    if len(inside) != 1:
        return term, ()
    if isinstance(inside[0], sp.Add):
        found = next((fact for fact in facts if _vanishes(inside[0], term.over, fact)), None)
        return (term, ()) if found is None else (Term(sp.S.Zero), (found,))
    if not is_entry(inside[0]) or len(over) != 1:
        return term, ()
    k = term.over[0].symbol
    for fact in facts:
        own = is_entry(fact.term.f) and name_of(inside[0]) == fact.tensor
        if own and _same_position(inside[0], k, fact):
            return Term(sp.Mul(*outside) * fact.value), (fact,)
    return term, ()


def _vanishes(f: sp.Expr, over: tuple[Axis, ...], fact: Fact) -> bool:
    """Whether a fact says that the sum of ``f`` is 0."""
    own = fact.term.over
    if fact.value != 0 or len(own) != len(over):
        return False
    f = f.as_content_primitive()[1]
    free = {i for e in entries(fact.term.f) for i in indices_of(e)}
    for g in (f, -f):
        move = matched(fact.term.f, g, free)
        if move is not None and all(isinstance(i, sp.Symbol) for i in move.values()):
            return {move[a.symbol]: a.size for a in own} == {a.symbol: a.size for a in over}
    return False


def _same_position(entry: sp.Expr, k: sp.Symbol, fact: Fact) -> bool:
    own = indices_of(fact.term.f)
    at = own.index(fact.term.over[0].symbol)
    indices = indices_of(entry)
    return bool(indices[at] == k) and all(
        isinstance(i, sp.Symbol | sp.Indexed) and k not in i.free_symbols  # it is 0 outside
        for j, i in enumerate(indices)
        if j != at
    )


def collect(terms: Sequence[Term]) -> list[Term]:
    """sum_j A[i,j] x[j] + sum_k A[k,i] x[k]  ->  sum_j (A[i,j] + A[j,i]) x[j], and longer sums."""
    out: list[Term] = []
    for term in terms:
        both = ((k, _collected(other, term)) for k, other in enumerate(out))
        k, found = next(((k, both) for k, both in both if both is not None), (0, None))
        if found is None:
            out.append(term)
        else:
            out[k] = found
    return out


def _collected(first: Term, second: Term) -> Term | None:
    """Two sums as one, where they differ in one factor."""
    factors = sp.Mul.make_args(first.f)
    if not (first.over and second.over and first.reduce == second.reduce == "sum"):
        return None
    if len(factors) != len(sp.Mul.make_args(second.f)) or len(first.over) != len(second.over):
        return None
    for axes in itertools.permutations(first.over):
        if [a.size for a in axes] != [a.size for a in second.over]:
            continue
        move = {b.symbol: a.symbol for a, b in zip(axes, second.over, strict=True)}
        f = second.f.xreplace(move)
        others = sp.Mul.make_args(f)
        own = [g for g in factors if g not in others]
        if len(own) == 1 < len(factors):
            (other,) = (g for g in others if g not in factors)
            common = (g for g in factors if g is not own[0])
            return Term(sp.Mul(*common, own[0] + other), first.over)
    return None


LETTERS = "qrsuvw"  # of sums that are lines of their own, by which a gradient's are told apart


def hoist(line: Line, name: str) -> tuple[list[Line], Line] | None:
    """F*A + c*sum_k F*B  ->  q = sum_k B,  F*(A + c*q)  where F then stands once, and not twice.

    Also for several sums that have a factor in common with the term without a sum.  name: of q;
    those after the first are numbered.  None where there is no such sum, or nothing gets shorter.
    """
    (plain, *others) = [t for t in line.terms if not t.over] or [Term(sp.S.Zero)]
    if others or plain.f.is_Add or plain.f == 0:
        return None
    own = {_base(g) for g in sp.Mul.make_args(plain.f) if entries(g) or is_guard(g)}
    sums: list[Line] = []
    rest: list[Term] = []
    total = plain.f
    for term in line.terms:
        if not term.over:
            continue
        over = {a.symbol for a in term.over}
        factors = sp.Mul.make_args(term.f)
        outside = [g for g in factors if not g.free_symbols & over]
        # an exponential stays beside what divides it: alone it overflows
        apart = term.f.has(sp.exp) and any(g.is_Pow and g.exp.is_negative for g in outside)
        shared = own & set(map(_base, outside))
        if term.reduce != "sum" or apart or not shared or len(sums) == len(LETTERS):
            rest.append(term)
            continue
        q = _summed(line, term, f"{name}_{len(sums)}" if sums else name, LETTERS[len(sums)])
        sums.append(q)
        total += sp.Mul(*outside) * q.lhs.entry
    if not sums:
        return None
    shape, back = shaped(total)
    whole = _factored(shape)
    if whole is None:
        return None
    return sums, Line(line.lhs, (Term(whole.xreplace(back)), *rest))


@functools.lru_cache(maxsize=4096)
def _factored(f: sp.Expr) -> sp.Expr | None:
    """The sum with its common factors, roots among them, before it; None if that is no shorter."""
    whole = sp.factor_terms(f, radical=True)
    return whole if sp.count_ops(whole) < sp.count_ops(f) else None


def _base(g: sp.Expr) -> sp.Expr:
    return g.base if g.is_Pow else g


def _summed(line: Line, term: Term, name: str, letter: str) -> Line:
    """What is summed over in a term of the line, as a line of its own; k_ is k there if it can."""
    over = {a.symbol for a in term.over}
    body = sp.Mul(*(g for g in sp.Mul.make_args(term.f) if g.free_symbols & over))
    axes = tuple(a for a in line.lhs.axes if a.symbol in body.free_symbols)
    free = {a.name.rstrip("_"): a for a in line.lhs.axes if a not in axes}
    names = {a: free.get(a.name.rstrip("_"), a) for a in term.over}
    names = {a: b if a.size == b.size else a for a, b in names.items()}
    body = body.xreplace({a.symbol: b.symbol for a, b in names.items()})
    of, layer = line.lhs.wrt, line.lhs.layer
    lhs = Tensor(name, axes, "gradient", of=of, kind="sum", letter=letter, layer=layer)
    return Line(lhs, (Term(body, tuple(names.values())),))
