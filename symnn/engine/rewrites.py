"""Rewrites of one summand: pure functions of a SymPy scalar, cached by its shape.

Each has its law in the docstring.  What is not a plain entry (a function of entries, a case
distinction, a guard) is an atom to them, so SymPy sees polynomials over plain symbols only.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Collection, Hashable, Mapping, Sequence
from types import MappingProxyType

import sympy as sp

from symnn.engine.diff import fresh_axis, placeholder
from symnn.engine.facts import proven
from symnn.engine.functions import A, Named, X, found_derivative, function_class, nice
from symnn.engine.ir import (
    Axis,
    Fact,
    Line,
    Program,
    Size,
    Tensor,
    Term,
    entries,
    indices_of,
    is_entry,
    name_of,
    pointers,
)

_ATOMS = (sp.Indexed, sp.Function, sp.Piecewise, sp.KroneckerDelta)


@functools.lru_cache(maxsize=65536)
def functions(f: sp.Basic) -> tuple[sp.Expr, ...]:
    """The distinct applications of functions in ``f``."""
    if f.is_Atom or isinstance(f, sp.Indexed):
        return ()
    own = (f,) if isinstance(f, sp.Function) else ()
    return tuple(dict.fromkeys((*own, *(g for a in f.args for g in functions(a)))))


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


def decided(f: sp.Expr, axes: Collection[Axis]) -> sp.Expr:
    """[t > -1]  ->  1  and  (0 if t > 0 else c)  ->  c*[t = 0]: what the range of an index says."""
    sizes = {a.symbol: a.size for a in axes}
    cases = [g for g in functions(f) if isinstance(g, sp.Piecewise)]
    table = {g: _decided(g, sizes) for g in cases}
    return f.xreplace(table) if cases else f


def _decided(f: sp.Piecewise, sizes: Mapping[sp.Symbol, Size]) -> sp.Expr:
    held = [(v, c, _ends(c, sizes)) for v, c in f.args]
    if any(e in ((True, True), (False, False)) for _, _, e in held):
        every = ((v, e[0] if e and e[0] == e[1] else c) for v, c, e in held)
        return sp.Piecewise(*((v, c) for v, c in every if c not in (False, sp.false)))
    if len(held) == 2 and f.args[0][0] == 0 and held[0][2] == (False, True):
        (index,) = (c := f.args[0][1]).free_symbols
        if c.xreplace({index: sp.S.One}) == sp.true:
            return f.args[1][0] * sp.KroneckerDelta(index, 0)
    return f


def _ends(c: sp.Basic, sizes: Mapping[sp.Symbol, Size]) -> tuple[bool, bool] | None:
    """Whether an inequality in one index holds at the first value of its axis, and at the last."""
    if not isinstance(c, sp.Ge | sp.Gt | sp.Le | sp.Lt) or entries(c) or len(c.free_symbols) != 1:
        return None
    (index,) = c.free_symbols
    rise = sp.diff(c.lhs - c.rhs, index)
    if index not in sizes or not rise.is_Integer:
        return None
    last = sizes[index] - 1
    if isinstance(last, int):
        end = c.xreplace({index: sp.Integer(last)})
    else:  # what holds from somewhere on is no more than that of the first
        end = sp.S((rise > 0) == isinstance(c, sp.Ge | sp.Gt))
    return bool(c.xreplace({index: sp.S.Zero})), bool(end)


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
        i in known or isinstance(i, sp.Symbol | sp.Indexed) or _within(i, a)
        for a in tensor.axes
        for i in [move.get(a.symbol, a.symbol)]
    )


def _within(i: sp.Expr, a: Axis) -> bool:
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


def eliminate(
    term: Term,
    axes: Collection[Axis],
    pointed: Mapping[str, Size],
    tensors: Mapping[str, Tensor] = MappingProxyType({}),
) -> Term:
    """sum_k [k = e] f[k]  ->  f[e]  where e is in the range of k, or f is 0 where it is not;
    [i = e] g[i]  ->  [i = e] g[e]  where that is shorter.

    axes: those that are bound in the line.  pointed: pointer -> the size of what it points into.
    tensors: those of whose entries it is known that they are 0 beyond their axes.
    """
    guards = [g for g in sp.Mul.make_args(term.f) if isinstance(g, sp.KroneckerDelta)]
    if term.reduce != "sum" or not guards:
        return term
    sizes = {a.symbol: a.size for a in axes}
    for g in guards:
        rest = sp.Mul(*(h for h in sp.Mul.make_args(term.f) if h is not g))
        for i, e in (g.args, g.args[::-1]):
            own = next((a for a in term.over if a.symbol == i and i not in e.free_symbols), None)
            if own is not None and (
                sizes.get(e) == own.size
                or _within(e, own)
                or (isinstance(e, sp.Indexed) and pointed.get(name_of(e)) == own.size)
                or (not (e.is_Symbol or pointers(g)) and _ends_with(own, rest, tensors))
            ):
                over = tuple(a for a in term.over if a is not own)
                return eliminate(Term(rest.xreplace({i: e}), over), axes, pointed, tensors)
            moved = g * rest.xreplace({i: e}) if i in sizes else term.f
            if sp.count_ops(moved) < sp.count_ops(term.f):
                return eliminate(Term(moved, term.over), axes, pointed, tensors)
    return term


def _ends_with(a: Axis, f: sp.Expr, tensors: Mapping[str, Tensor]) -> bool:
    """Whether a product is 0 beyond the range of an index: an entry is, and nothing divides."""
    along = [g for g in sp.Mul.make_args(f) if a.symbol in g.free_symbols]
    return all(map(is_entry, along)) and any(
        i == a.symbol and own.size == a.size
        for g in along
        if name_of(g) in tensors
        for i, own in zip(indices_of(g), tensors[name_of(g)].axes, strict=True)
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
    shape, back = _shape(total)
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


def at_guards(f: sp.Expr, axes: Collection[Axis], pointed: Mapping[str, Size]) -> sp.Expr:
    """(g[e] - [i = e])*g[i]/g[e]  ->  g[i] - [i = e]: each summand by ``eliminate``, if shorter."""
    if not f.has(sp.KroneckerDelta):
        return f
    summands = sp.Add.make_args(sp.expand_mul(f))
    found = shorten(sp.Add(*(eliminate(Term(s), axes, pointed).f for s in summands)))
    return found if sp.count_ops(found) < sp.count_ops(f) else f


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
