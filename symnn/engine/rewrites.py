"""Rewrites of one summand: pure functions of a SymPy scalar, cached by its shape.

Each has its law in the docstring.  What is not a plain entry (a function of entries, a case
distinction, a guard) is an atom to them, so SymPy sees polynomials over plain symbols only.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Hashable, Mapping

import sympy as sp

from symnn.engine.diff import fresh_axis, placeholder
from symnn.engine.functions import A, Named, X, found_derivative, function_class, nice
from symnn.engine.ir import (
    Axis,
    Line,
    Program,
    Tensor,
    Term,
    entries,
    indices_of,
    is_entry,
    name_of,
)

_ATOMS = (sp.Indexed, sp.Function, sp.Piecewise, sp.KroneckerDelta)


@functools.lru_cache(maxsize=65536)
def functions(f: sp.Basic) -> tuple[sp.Expr, ...]:
    """The distinct applications of functions in ``f``."""
    if f.is_Atom or isinstance(f, sp.Indexed):
        return ()
    own = (f,) if isinstance(f, sp.Function) else ()
    return tuple(dict.fromkeys((*own, *(g for a in f.args for g in functions(a)))))


def shaped(f: sp.Expr) -> tuple[sp.Expr, dict[sp.Expr, sp.Expr]]:
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


def _is_short(f: sp.Expr) -> bool:
    """Whether ``f`` is a product in which plainly nothing cancels.

    Its sums are polynomials without a common factor.  They have none of the symbols of what is on
    the other side of the fraction, unless that is symbols alone and a number is among the terms.
    """
    powers = [(g.base, g.exp) if g.is_Pow else (g, sp.S.One) for g in sp.Mul.make_args(f)]
    if not all(p.is_Rational and (b.is_Atom or b.is_Add) for b, p in powers):
        return False
    for base, power in powers:
        if base.is_Add:
            if not all(p.exp.is_Integer and p.exp.is_positive for p in base.atoms(sp.Pow)):
                return False
            others = [b for b, p in powers if p.is_negative != power.is_negative]
            held = set().union(*(b.free_symbols for b in others)) & base.free_symbols
            number, rest = base.as_coeff_Add()
            divided = held and (any(b.is_Add for b in others) or number == 0)
            common = set.intersection(*(t.free_symbols for t in base.args))
            if divided or common or rest.as_content_primitive()[0] != 1:
                return False
    return True


@functools.lru_cache(maxsize=4096)
def _shortest(f: sp.Expr) -> sp.Expr:
    if not f.is_Add and _is_short(f):
        return f
    tries = [f]
    if any(p.exp.is_negative for p in f.atoms(sp.Pow)):
        top, bottom = sp.fraction(sp.cancel(f))
        tries += [nice(top / bottom), nice(sp.factor_terms(top) / sp.factor(bottom))]
    if isinstance(f, sp.Mul):  # (2*a*b - 2*a*c)*d  ->  2*a*(b - c)*d
        tries.append(sp.Mul(*(h for g in f.args for h in sp.Mul.make_args(sp.factor_terms(g)))))
    if isinstance(f, sp.Add):
        tries += [nice(sp.factor_terms(f)), nice(sp.factor_terms(sp.cancel(f)))]
    return min(tries, key=sp.count_ops)


_LENGTHS: dict[Hashable, int] = {}


def length(f: sp.Expr) -> int:
    """The number of operations; counted once for what differs in its symbols alone."""
    form = _form(f)
    if form not in _LENGTHS:
        _LENGTHS[form] = int(sp.count_ops(f))
    return _LENGTHS[form]


@functools.lru_cache(maxsize=65536)
def _form(f: sp.Basic) -> Hashable:
    if isinstance(f, sp.Symbol | sp.IndexedBase):
        return "symbol"
    form: Hashable = (f.func, *map(_form, f.args)) if f.args else f
    return form


def shorten(f: sp.Expr) -> sp.Expr:
    """Cancel common factors and collect: (y/a - (1-y)/(1-a))*a*(1-a)  ->  y - a."""
    powers = ((g.base, g.exp) if g.is_Pow else (g, sp.S.One) for g in sp.Mul.make_args(f))
    if all(p.is_Rational and (b.is_Atom or isinstance(b, _ATOMS)) for b, p in powers):
        return f
    shape, back = shaped(f)
    found = _shortest(shape)
    return f if found == shape else found.xreplace(back)


class Values:
    """The forward values of a program, looked up by the expression that they name."""

    def __init__(self, program: Program) -> None:
        self.applied: dict[tuple[type, str], Line] = {}
        # kind and name of one atom that has all axes of the line -> lines, that atom, all powers
        self.products: dict[tuple[type, str], list[tuple[Line, sp.Expr, Powers]]] = {}
        for line in program.lines:
            if not line.elementwise or len(line.terms) != 1 or line.lhs.role != "value":
                continue
            f = line.terms[0].f
            if isinstance(f, sp.Function) and is_entry(f.args[0]):
                self.applied.setdefault((f.func, name_of(f.args[0])), line)
            elif powers := _product(f):
                own = {a.symbol for a in line.lhs.axes}
                wide = (e for e in powers if own <= {i for g in entries(e) for i in indices_of(g)})
                for full in sorted(wide, key=lambda e: not is_entry(e))[:1]:
                    self.products.setdefault(_kind(full), []).append((line, full, powers))

    def of(self, f: sp.Expr, beside: Collection[sp.Expr] = ()) -> sp.Expr | None:
        """The entry that names the function application ``f``, if the program has one.

        beside: the factors of a product with it.
        """
        if not is_entry(f.args[0]):
            return _named_product(f, self.products)
        line = self.applied.get((f.func, name_of(f.args[0])))
        if line is None:
            return None
        move = dict(zip(indices_of(line.terms[0].f.args[0]), indices_of(f.args[0]), strict=True))
        found = line.lhs.entry.xreplace(move)
        same = line.terms[0].f.xreplace(move) == f
        return found if same and stays(line.lhs, move, beside) else None


Powers = dict[sp.Expr, sp.Expr]


def powers_of(f: sp.Expr) -> Powers:
    """The factors of a product -> their exponents; exp(2*z) is the square of exp(z)."""
    found: Powers = {}
    for g in sp.Mul.make_args(f):
        base, power = (g.base, g.exp) if isinstance(g, sp.Pow) and g.exp.is_Rational else (g, 1)
        if isinstance(g, sp.exp):
            times, rest = g.args[0].as_coeff_Mul()
            base, power = (sp.exp(rest), times) if times.is_Integer else (g, 1)
        found[base] = found.get(base, 0) + power
    return found


def _product(f: sp.Expr) -> Powers:
    """The powers of a product that is worth a name: it divides, or has a function; {} for others.

    What is only scaled, by a number or a size, is not.
    """
    powers = powers_of(f)
    if any(not entries(e) and not is_guard(e) for e in powers):
        return {}
    worth = (
        p < 0 or p != int(p) or (isinstance(e, sp.Function) and not is_guard(e))
        for e, p in powers.items()
    )
    return powers if any(worth) else {}


def is_guard(f: sp.Expr) -> bool:
    """Whether an expression is a guard or a case distinction."""
    return isinstance(f, sp.Piecewise | sp.KroneckerDelta)


def _kind(f: sp.Expr) -> tuple[type, str]:
    return f.func, name_of(entries(f)[0]) if entries(f) else ""


def matched(
    pattern: sp.Expr, f: sp.Expr, free: Collection[sp.Symbol]
) -> dict[sp.Symbol, sp.Expr] | None:
    """What stands in ``f`` for each free index of a pattern; None where ``f`` is something else."""
    move: dict[sp.Symbol, sp.Expr] = {}
    for own, other in zip(entries(pattern), entries(f), strict=False):
        for i, j in zip(indices_of(own), indices_of(other), strict=False):
            if i in free:
                move.setdefault(i, j)
    return move if pattern.xreplace(move) == f else None


def stays(
    tensor: Tensor, move: Mapping[sp.Symbol, sp.Expr], beside: Collection[sp.Expr] = ()
) -> bool:
    """Whether the entry at these indices is within its range, or multiplied by one that is 0 there.

    An entry outside its range is 0, what it is defined as need not be: exp(0) is 1.
    """
    known = {i for e in beside if is_entry(e) for i in indices_of(e)}
    return all(
        i in known or isinstance(i, sp.Symbol | sp.Indexed) or within(i, a)
        for a in tensor.axes
        for i in [move.get(a.symbol, a.symbol)]
    )


def within(i: sp.Expr, a: Axis) -> bool:
    return bool(i.is_Integer and isinstance(a.size, int) and 0 <= int(i) < a.size)


def by_value(f: sp.Expr, values: Values) -> tuple[sp.Expr, tuple[str, ...]]:
    """h'(u)  ->  the derivative found for h, in terms of a = h(u) where that is shortest.

    Also returns how each derivative was found.
    """
    primes = [p for p in functions(f) if isinstance(p, Named) and p.order]
    table: dict[sp.Expr, sp.Expr] = {}
    notes: dict[str, None] = {}
    for prime in sorted(primes, key=str):
        found, how = found_derivative(prime.row, prime.order)
        argument = prime.args[0]
        plain = prime.row
        value = function_class(plain)(argument)
        named = values.of(value, sp.Mul.make_args(f))
        table[prime] = found.xreplace({A: named or value, X: argument})
        notes[f"{plain.name}: {how}"] = None
    return (f.xreplace(table), tuple(notes)) if table else (f, ())


def use_forward_values(f: sp.Expr, values: Values) -> sp.Expr:
    """h(u)  ->  a,  e/s  ->  a  and  g*exp(u)  ->  e  where the forward pass has that value."""
    table = {}
    for g in functions(f):
        value = values.of(g, sp.Mul.make_args(f)) if len(g.args) == 1 else None
        if value is not None:
            table[g] = value
    f = f.xreplace(table) if table else f
    if values.products:
        while (found := _named_product(f, values.products)) is not None:
            f = found
        for g in sp.Mul.make_args(f):  # (m - x)/s  ->  -h,  where h is (x - m)/s
            if g.is_Add and _kind(-g) in values.products:
                turned = sp.Mul(*(-h if h is g else h for h in sp.Mul.make_args(f)))
                found = _named_product(turned, values.products)
                if found is not None:
                    return use_forward_values(-found, values)
    return f


def _named_product(
    f: sp.Expr, products: Mapping[tuple[type, str], list[tuple[Line, sp.Expr, Powers]]]
) -> sp.Expr | None:
    """``f`` with the factors of one forward value replaced by it; None where there are none."""
    powers = powers_of(f)
    known = [e for e in powers if _kind(e) in products]
    for atom in sorted(known, key=str) if len(known) > 1 else known:
        for line, full, definition in products[_kind(atom)]:
            move = matched(full, atom, {a.symbol for a in line.lhs.axes})
            if move is None:
                continue
            want = {e.xreplace(move): p for e, p in definition.items()}
            if (root := want.get(atom)) not in (1, -1) and len(want) == 1:
                times = sp.S(powers[atom]) / root  # 1/sqrt(v), where the root of v has a name
                if times.is_Integer and times.is_odd and stays(line.lhs, move):
                    rest = (e**p for e, p in powers.items() if e != atom)
                    return sp.Mul(*rest, line.lhs.entry.xreplace(move) ** times)
                continue
            held = (powers.get(e, 0) * p > 0 and abs(powers[e]) >= abs(p) for e, p in want.items())
            if all(held) and stays(line.lhs, move, powers.keys() - want.keys()):
                left = {e: 0 if is_guard(e) else powers[e] - p for e, p in want.items()}
                factors = (e**p for e, p in (powers | left).items())
                return sp.Mul(*factors, line.lhs.entry.xreplace(move))
    return None


def alias(line: Line, tensors: Mapping[str, Tensor]) -> sp.Expr | None:
    """The entry that the line gives another name to, with all its axes: t[i,j] = s[j,i]."""
    if len(line.terms) != 1 or line.terms[0].over or not is_entry(line.terms[0].f):
        return None
    entry = line.terms[0].f
    own = {a.symbol: a.size for a in line.lhs.axes}
    sizes = [a.size for a in tensors[name_of(entry)].axes]
    if len(sizes) != len(own) or [own.get(i) for i in indices_of(entry)] != sizes:
        return None
    return entry if len({*indices_of(entry)}) == len(own) else None


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
