"""Rewrites of one summand: pure functions of a SymPy scalar, cached by its shape.

Each has its law in the docstring.  What is not a plain entry (a function of entries, a case
distinction, a guard) is an atom to them, so SymPy sees polynomials over plain symbols only.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping

import sympy as sp

from symnn.engine.diff import fresh_axis, placeholder
from symnn.engine.functions import A, Named, X, found_derivative, function_class, nice
from symnn.engine.ir import Axis, Fact, Line, Program, Term, entries, indices_of, is_entry, name_of

_ATOMS = (sp.Indexed, sp.Function, sp.Piecewise, sp.KroneckerDelta)


def _shape(f: sp.Expr) -> tuple[sp.Expr, dict[sp.Expr, sp.Expr]]:
    """``f`` over placeholders in order of appearance, and the way back."""
    found: dict[sp.Expr, sp.Expr] = {}

    def walk(e: sp.Basic) -> None:
        if isinstance(e, _ATOMS) or is_entry(e):
            found.setdefault(e, placeholder(len(found)))
        else:
            for a in e.args:
                walk(a)

    walk(f)
    return f.xreplace(found), {s: e for e, s in found.items()}


@functools.lru_cache(maxsize=4096)
def _shortest(f: sp.Expr) -> sp.Expr:
    tries = [f]
    if any(p.exp.is_negative for p in f.atoms(sp.Pow)):
        top, bottom = sp.fraction(sp.cancel(f))
        tries += [nice(top / bottom), nice(sp.factor_terms(top) / sp.factor(bottom))]
    if isinstance(f, sp.Add):
        tries += [nice(sp.factor_terms(f)), nice(sp.factor_terms(sp.cancel(f)))]
    return min(tries, key=sp.count_ops)


def shorten(f: sp.Expr) -> sp.Expr:
    """Cancel common factors and collect: (y/a - (1-y)/(1-a))*a*(1-a)  ->  y - a."""
    shape, back = _shape(f)
    found = _shortest(shape)
    return f if found == shape else found.xreplace(back)


def scale_cases(f: sp.Expr) -> sp.Expr:
    """c * cases(v if ..)  ->  cases(c*v if ..)  where the numbers then cancel."""
    if not isinstance(f, sp.Mul) or not f.has(sp.Piecewise):
        return f
    number, rest = sp.S.One, []
    for g in f.args:
        content, primitive = g.as_content_primitive() if isinstance(g, sp.Add) else (g, None)
        if g.is_Rational or primitive is not None:
            number *= content
        if not g.is_Rational:
            rest.append(g if primitive is None else primitive)
    for case in rest:
        if isinstance(case, sp.Piecewise):
            scaled = sp.Piecewise(*((number * v, c) for v, c in case.args))
            found = sp.Mul(*(scaled if g is case else g for g in rest))
            return found if sp.count_ops(found) < sp.count_ops(f) else f
    return f


class Values:
    """The forward values of a program, looked up by the expression that they name."""

    def __init__(self, program: Program) -> None:
        self.applied: dict[tuple[type, str], Line] = {}
        self.ratios: dict[str, list[Line]] = {}
        for line in program.lines:
            if not line.elementwise or len(line.terms) != 1 or line.lhs.role != "value":
                continue
            f = line.terms[0].f
            if isinstance(f, sp.Function) and is_entry(f.args[0]):
                self.applied.setdefault((f.func, name_of(f.args[0])), line)
            elif (powers := _monomial(f)) and any(p < 0 for p in powers.values()):
                for e in powers:
                    self.ratios.setdefault(name_of(e), []).append(line)

    def of(self, f: sp.Expr) -> sp.Expr | None:
        """The entry that names the function application ``f``, if the program has one."""
        if not is_entry(f.args[0]):
            return None
        line = self.applied.get((f.func, name_of(f.args[0])))
        if line is None:
            return None
        move = dict(zip(indices_of(line.terms[0].f.args[0]), indices_of(f.args[0]), strict=True))
        found = line.lhs.entry.xreplace(move)
        return found if line.terms[0].f.xreplace(move) == f else None


def _monomial(f: sp.Expr) -> dict[sp.Expr, sp.Expr]:
    """A product of powers of entries as entry -> exponent; {} if ``f`` is anything else."""
    powers = f.as_powers_dict()
    return dict(powers) if all(is_entry(b) and p.is_Integer for b, p in powers.items()) else {}


def by_value(f: sp.Expr, values: Values) -> tuple[sp.Expr, tuple[str, ...]]:
    """h'(u)  ->  the derivative found for h, in terms of a = h(u) where that is shortest.

    Also returns how each derivative was found.
    """
    primes = sorted((p for p in f.atoms(Named) if p.order), key=str) if f.has(Named) else []
    table: dict[sp.Expr, sp.Expr] = {}
    notes: dict[str, None] = {}
    for prime in primes:
        found, how = found_derivative(prime.row, prime.order)
        argument = prime.args[0]
        plain = prime.row
        value = function_class(plain)(argument)
        table[prime] = found.xreplace({A: values.of(value) or value, X: argument})
        notes[f"{plain.name}: {how}"] = None
    return (f.xreplace(table), tuple(notes)) if table else (f, ())


def use_forward_values(f: sp.Expr, values: Values) -> sp.Expr:
    """h(u)  ->  a  and  e/s  ->  a  wherever the forward pass has that value already."""
    table = {}
    for g in f.atoms(sp.Function) if f.has(sp.Function) else ():
        value = values.of(g) if len(g.args) == 1 else None
        if value is not None:
            table[g] = value
    f = f.xreplace(table) if table else f
    if values.ratios and isinstance(f, sp.Mul):
        f = _use_ratios(f, values.ratios)
    return f


def _use_ratios(f: sp.Expr, ratios: Mapping[str, list[Line]]) -> sp.Expr:
    again = True
    while again:
        again = False
        powers = f.as_powers_dict()
        for base in sorted((b for b in powers if is_entry(b)), key=str):
            for line in ratios.get(name_of(base), ()):
                want = _monomial(line.terms[0].f)
                full = next((e for e in want if len(indices_of(e)) == len(line.lhs.axes)), None)
                if full is None or name_of(full) != name_of(base):
                    continue
                move = dict(zip(indices_of(full), indices_of(base), strict=True))
                want = {e.xreplace(move): p for e, p in want.items()}
                if all(
                    powers.get(e, 0) * p > 0 and abs(powers[e]) >= abs(p) for e, p in want.items()
                ):
                    used = sp.Mul(*(e**p for e, p in want.items()))
                    f = f / used * line.lhs.entry.xreplace(move)
                    again = True
                    break
            if again:
                break
    return f


def known_sum(term: Term, facts: tuple[Fact, ...]) -> tuple[Term, tuple[Fact, ...]]:
    """sum_k c * g_k  ->  c * v  for a fact sum_k g_k = v and c without k."""
    if len(term.over) != 1 or term.reduce != "sum" or not facts:
        return term, ()
    k = term.over[0].symbol
    inside: list[sp.Expr] = []
    outside: list[sp.Expr] = []
    for g in sp.Mul.make_args(term.f):
        (inside if k in g.free_symbols else outside).append(g)
    if len(inside) != 1 or not is_entry(inside[0]):
        return term, ()
    for fact in facts:
        if name_of(inside[0]) == fact.tensor and _same_position(inside[0], k, fact):
            return Term(sp.Mul(*outside) * fact.value), (fact,)
    return term, ()


def _same_position(entry: sp.Expr, k: sp.Symbol, fact: Fact) -> bool:
    own = indices_of(fact.term.f)
    at = own.index(fact.term.over[0].symbol)
    indices = indices_of(entry)
    return bool(indices[at] == k) and all(
        k not in i.free_symbols for j, i in enumerate(indices) if j != at
    )


def inline(
    term: Term, entry: sp.Expr, line: Line, bound: Mapping[sp.Symbol, Axis]
) -> tuple[Term, ...]:
    """c * t[i]  with  t[i] = sum_k f   ->   sum_k c * f,  with k renamed where it would clash.

    The term is linear in the entry, and the entry is read at bare indices only (an entry
    outside its range would be 0, its definition need not be).
    """
    move = dict(zip((a.symbol for a in line.lhs.axes), indices_of(entry), strict=True))
    out = []
    for inner in line.terms:
        fresh = {
            a: fresh_axis(a, bound, [b.symbol for b in inner.over])
            for a in inner.over
            if a.symbol in bound
        }
        rename = {a.symbol: b.symbol for a, b in fresh.items()}
        body = inner.f.xreplace(move | rename)
        over = tuple(fresh.get(a, a) for a in inner.over)
        out.append(Term(term.f.xreplace({entry: body}), term.over + over))
    return tuple(out)


def reads_barely(term: Term, entry: sp.Expr, line: Line, bound: Mapping[sp.Symbol, Axis]) -> bool:
    """Whether ``entry`` is a factor of the term, once, at bare distinct indices."""
    indices, factors = indices_of(entry), sp.Mul.make_args(term.f)
    rest = [e for g in factors if g != entry for e in entries(g)]
    return (
        term.reduce == "sum"
        and factors.count(entry) == 1
        and len(set(indices)) == len(indices)
        and all(
            i in bound and bound[i].size == a.size
            for i, a in zip(indices, line.lhs.axes, strict=True)
        )
        and all(name_of(e) != name_of(entry) for e in rest)
    )
