"""Exponentials and their sums, shifted by the largest exponent.

    s[n] = sum_k exp(z[n,k])    ->    m[n] = max_k z[n,k],   s[n] = sum_k exp(z[n,k] - m[n])

divides the exponentials and s by exp(m), and so what is read of them must be such that this cancels
(softmax: a quotient of two), or a logarithm, which takes back what was divided by:

    log(s)  ->  m + log(s)          log(exp(z)/s)  ->  z - m - log(s)

Factors beside the exponential, guards and masks, stay.  What they leave out of the sum takes no
part in the maximum:  m = max_k [..]*(z + l) - l  with  l = max_k -z, where no summand is negative.
It may be larger than m by far, and so the exponent is 0 there:  [..]*exp([..]*(z - m)).
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

import sympy as sp

from symnn.engine.ir import (
    Axis,
    Line,
    Program,
    Scan,
    Step,
    Tensor,
    Term,
    entries,
    indices_of,
    is_entry,
    name_of,
)
from symnn.engine.rewrites import matched, powers_of, stays

SHIFT = "shift by the maximum"
QUOTIENT = "logarithm of a quotient"

Degrees = dict[tuple[sp.Expr, ...], sp.Expr]  # indices of m -> the power of exp(m) that divides


class _MixedError(Exception):
    """What does not stay the same when the exponentials and their sum are divided."""


@dataclass(frozen=True)
class _Sum:
    """s = the sum over axes of exp(z) times weights, in the indices of its line.

    e: the line of the exponentials; None where they stand in the sum itself.  of: its indices, as
    the sum reads it.  places: where in them those of s are.
    """

    s: Line
    over: tuple[Axis, ...]
    z: sp.Expr
    weights: tuple[sp.Expr, ...]
    e: Line | None = None
    of: tuple[sp.Symbol, ...] = ()
    places: tuple[int, ...] = ()

    @property
    def first(self) -> Line:
        """The line before which the maximum is computed."""
        return self.e or self.s


def exponential(f: sp.Expr) -> tuple[sp.Expr, tuple[sp.Expr, ...]] | None:
    """exp(z)*g*h  ->  z, (g, h); None for other expressions."""
    factors = sp.Mul.make_args(f)
    exps = [g for g in factors if isinstance(g, sp.exp)]
    if len(exps) != 1:
        return None
    return exps[0].args[0], tuple(g for g in factors if g is not exps[0])


def _sum(lines: Mapping[str, Line], line: Line) -> _Sum | None:
    """The line as a sum of exponentials, if it is one."""
    if len(line.terms) != 1 or line.lhs.role != "value":
        return None
    (term,) = line.terms
    if term.reduce != "sum" or not term.over:
        return None
    if own := exponential(term.f):
        return _checked(_Sum(line, term.over, *own))
    axes = [a.symbol for a in line.lhs.axes]
    for entry in sp.Mul.make_args(term.f):
        e = lines.get(name_of(entry)) if is_entry(entry) else None
        if e is None or len(e.terms) != 1 or not e.elementwise or e.lhs.role != "value":
            continue
        found, indices = exponential(e.terms[0].f), indices_of(entry)
        if found and len({*indices} & {a.symbol for a in line.axes}) == len(indices):
            if not {*axes} <= {*indices}:
                return None
            move = dict(zip((a.symbol for a in e.lhs.axes), indices, strict=True))
            beside = (g for g in sp.Mul.make_args(term.f) if g is not entry)
            weights = (*(g.xreplace(move) for g in found[1]), *beside)
            places = tuple(map(indices.index, axes))
            return _checked(
                _Sum(line, term.over, found[0].xreplace(move), weights, e, indices, places)
            )
    return None


def _checked(found: _Sum) -> _Sum | None:
    """None where the exponent is no entry of the maximum: one read outside its range counts as 0 in
    the sum, and takes no part in the maximum.
    """
    over = {a.symbol for a in found.over}
    indices = (i for e in entries(found.z) for i in indices_of(e))
    inside = all(i.is_Symbol for i in indices if i.free_symbols & over)
    return found if inside and found.z.free_symbols & over else None


class Shifts:
    """The lines of a program, shifted wherever that changes no other value.

    lines: by name.  before: name -> lines that come before it.  steps: name -> its steps.  scaled:
    the tensors that are divided.  taken: the names of tensors and axes.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.taken = {*program.tensors, *(a.name for line in program.lines for a in line.axes)}
        self.lines = dict(program.definitions)
        self.before: dict[str, tuple[Line, ...]] = {}
        self.steps: dict[str, list[Step]] = {}
        self.scaled: dict[str, None] = {}
        for weighted in (False, True):  # what a weight leaves out of one sum, another may hold
            for name in program.definitions:
                found = _sum(self.lines, self.lines[name])
                if found and weighted == bool(found.weights):
                    self._shift(found)

    def _shift(self, found: _Sum) -> None:
        """Shift one sum, if all that is read of it allows that."""
        if self.scaled.keys() & {found.s.lhs.name, found.first.lhs.name}:
            return
        loops = (i for i in self.program.items if isinstance(i, Scan) and found.first in i.lines)
        if any(loop.axis not in found.s.lhs.axes for loop in loops):
            return
        layer = found.first.lhs.layer
        number = "" if layer is None else f"_{layer}"
        name = fresh(f"m{number}", self.taken)
        m = Tensor(name, found.s.lhs.axes, letter="m", layer=layer)
        group = _Shift(found, m, _guards(self.program, found))
        changed = dict[str, list[tuple[str, Line]]]()
        seen = set[str]()  # tensors that were read
        try:
            for line in self._every():
                seen |= line.read
                if line.lhs.name in self.lines:
                    changed[line.lhs.name] = group.changed(line, seen)
                elif line.read & group.scaled.keys():
                    return  # the maximum of another
        except _MixedError:
            return
        if not group.scaled.keys() <= seen:
            return  # what nobody reads is a value that somebody wants
        maximum = group.maximum(fresh(f"l{number}", self.taken))
        self.before[found.first.lhs.name] = maximum
        self.taken |= {line.lhs.name for line in maximum}
        self.scaled |= dict.fromkeys(group.scaled)
        for name, forms in changed.items():
            for rule, line in forms:
                self.steps.setdefault(name, []).append(Step(rule, self.lines[name], line))
                self.lines[name] = line

    def _every(self) -> Iterable[Line]:
        """All lines as they are now, in order."""
        for line in self.program.lines:
            yield from self.before.get(line.lhs.name, ())
            yield self.lines[line.lhs.name]


@dataclass
class _Shift:
    """A sum with its maximum m.

    guards: weights of the sum that may leave a summand out -> 1 where they do not, else 0.
    scaled: name -> where in its indices those of m are, and the power of exp(m) that divides it.
    quotients: name of a = exp(z)/s -> its tensor, and log(a).
    """

    sum: _Sum
    m: Tensor
    guards: dict[sp.Expr, sp.Expr]
    scaled: dict[str, tuple[tuple[int, ...], sp.Expr]] = field(default_factory=dict)
    quotients: dict[str, tuple[Tensor, sp.Expr]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.scaled[self.sum.s.lhs.name] = tuple(range(len(self.m.axes))), sp.S.One
        if self.sum.e:
            self.scaled[self.sum.e.lhs.name] = self.sum.places, sp.S.One

    def maximum(self, name: str) -> tuple[Line, ...]:
        """The line of m; before it that of l, by this name, where weights leave some summands out.

        -l is the least exponent.
        """
        z, over, m = self.sum.z, self.sum.over, self.m
        if guards := self.guards.values():
            least = Tensor(name, m.axes, letter="l", layer=m.layer)
            above = Term(sp.Mul(*guards, z + least.entry), over, "max")
            return (
                Line(least, (Term(-z, over, "max"),), SHIFT),
                Line(m, (above, Term(-least.entry)), SHIFT),
            )
        return (Line(m, (Term(z, over, "max"),), SHIFT),)

    def changed(self, line: Line, seen: set[str]) -> list[tuple[str, Line]]:
        """The forms that a line takes, each with its rule; _MixedError where there is none.

        seen: the tensors that this line and earlier ones read.
        """
        if line.lhs.name == self.sum.first.lhs.name:
            (term,) = line.terms
            found = exponential(term.f)
            assert found is not None
            axes = [a.symbol for a in line.lhs.axes] if self.sum.e else []
            own = dict(zip(self.sum.of, axes, strict=True))
            exponent = self._guarded(found[0] - self._at(line), own, found[1])
            f = term.f.xreplace({sp.exp(found[0]): sp.exp(exponent)})
            return [(SHIFT, Line(line.lhs, (Term(f, term.over),), SHIFT))]
        if line.lhs.name == self.sum.s.lhs.name:
            return []
        out, read = [], line.read
        if read & self.quotients.keys():
            terms = tuple(Term(self._logarithms(t.f), t.over, t.reduce) for t in line.terms)
            if terms != line.terms:
                line = Line(line.lhs, terms, QUOTIENT)
                out.append((QUOTIENT, line))
        if read & self.scaled.keys():
            self._note_quotient(line)
            pairs = [self._divided(t.f) for t in line.terms]
            self._note_scaled(line, [d for _, d in pairs], seen)
            both = zip(line.terms, pairs, strict=True)
            terms = tuple(Term(f, t.over, t.reduce) for t, (f, _) in both)
            if terms != line.terms:
                out.append((SHIFT, Line(line.lhs, terms, SHIFT)))
        return out

    def _at(self, line: Line) -> sp.Expr:
        """The entry of m that shifts this line, of the exponentials or of their sum."""
        places = self.scaled[line.lhs.name][0]
        return self.m[tuple(line.lhs.axes[k].symbol for k in places)]

    def _guarded(
        self, z: sp.Expr, move: Mapping[sp.Symbol, sp.Expr], beside: Iterable[sp.Expr]
    ) -> sp.Expr:
        """An exponent, 0 where factors beside its exponential leave it out.

        move: from the indices of the sum.
        """
        held = ((w.xreplace(move), g.xreplace(move)) for w, g in self.guards.items())
        return sp.Mul(*(g for w, g in held if w in beside), z)

    def _note_scaled(self, line: Line, degrees: list[Degrees], seen: set[str]) -> None:
        """A line whose terms are all divided by the same is divided as well.

        It is a value, a sum that has a line of its own, or the gradient of what is divided.
        """
        if not any(degrees):
            return
        axes = [a.symbol for a in line.lhs.axes]
        first = degrees[0]
        same = all(d == first for d in degrees) and len(first) == 1
        summed = all(t.reduce == "sum" for t in line.terms)
        named = line.lhs.role == "value" or line.lhs.kind == "sum"
        own = named or line.lhs.wrt in self.scaled
        if not (same and summed and own and line.lhs.name not in seen):
            raise _MixedError
        ((indices, degree),) = first.items()
        if not {*indices} <= {*axes}:
            raise _MixedError
        self.scaled[line.lhs.name] = tuple(map(axes.index, indices)), degree

    def _note_quotient(self, line: Line) -> None:
        if len(line.terms) != 1 or not line.elementwise:
            return
        below = [e for e in entries(line.terms[0].f) if name_of(e) == self.sum.s.lhs.name]
        if len(below) == 1 and (z := self._exponent(line.terms[0].f * below[0])) is not None:
            log = z - self.m[indices_of(below[0])] - sp.log(below[0])
            self.quotients[line.lhs.name] = line.lhs, log

    def _exponent(self, f: sp.Expr) -> sp.Expr | None:
        """The exponent, before the shift, of what is an exponential and nothing more."""
        e = self.sum.e
        if e is not None and is_entry(f) and name_of(f) == e.lhs.name:
            f = e.terms[0].f.xreplace(_moved(e.lhs, f))
        return f.args[0] if isinstance(f, sp.exp) else None

    def _logarithms(self, f: sp.Expr) -> sp.Expr:
        """log(a)  ->  z - m - log(s)."""
        table = {}
        for log in f.atoms(sp.log):
            a = log.args[0]
            if is_entry(a) and name_of(a) in self.quotients:
                tensor, value = self.quotients[name_of(a)]
                move = _moved(tensor, a)
                if stays(tensor, move):
                    table[log] = value.xreplace(move)
        return f.xreplace(table) if table else f

    def _divided(self, f: sp.Expr) -> tuple[sp.Expr, Degrees]:
        """An expression of what is divided, with the powers by which it is; exponentials that stand
        in it are shifted where a sum is below them.
        """
        if not self.scaled.keys() & set(map(name_of, entries(f))):
            return f, {}
        if is_entry(f):
            places, degree = self.scaled[name_of(f)]
            return f, {tuple(indices_of(f)[k] for k in places): degree}
        if isinstance(f, sp.Piecewise):
            return self._cases(f)
        parts = [self._divided(a) for a in f.args]
        degrees = [d for _, d in parts]
        if isinstance(f, sp.Pow) and f.exp.is_Rational:
            return sp.Pow(parts[0][0], f.exp), {i: d * f.exp for i, d in degrees[0].items()}
        if isinstance(f, sp.Mul):
            return self._product([g for g, _ in parts], degrees)
        found = f.func(*(g for g, _ in parts))
        if isinstance(f, sp.log):
            return self._log(f.args[0], parts[0][0], degrees[0]), {}
        if isinstance(f, sp.Add):
            return found, _equal(degrees)
        if any(degrees):
            raise _MixedError
        return found, {}

    def _cases(self, f: sp.Piecewise) -> tuple[sp.Expr, Degrees]:
        values = [self._divided(v) for v, _ in f.args]
        if any(self.scaled.keys() & set(map(name_of, entries(c))) for _, c in f.args):
            raise _MixedError
        cases = ((v, c) for (v, _), (_, c) in zip(values, f.args, strict=True))
        return sp.Piecewise(*cases), _equal([d for v, d in values if v != 0])

    def _product(self, factors: list[sp.Expr], degrees: list[Degrees]) -> tuple[sp.Expr, Degrees]:
        total: Degrees = {}
        for degree in degrees:
            for i, d in degree.items():
                total[i] = total.get(i, sp.S.Zero) + d
        for at in [i for i, d in total.items() if d < 0 and d.is_Integer and not self.sum.e]:
            for k, g in enumerate(factors):
                times, move = self._times(g, at)
                if times := min(times, -total[at]):
                    z = self._guarded(g.args[0] - times * self.m[at], move, factors)
                    factors[k] = sp.exp(z)
                    total[at] += times
        return sp.Mul(*factors), {i: d for i, d in total.items() if d != 0}

    def _times(
        self, g: sp.Expr, at: tuple[sp.Expr, ...]
    ) -> tuple[sp.Expr, Mapping[sp.Symbol, sp.Expr]]:
        """How many times the exponential of the sum at these indices is a factor of ``g``, and what
        its indices are there.
        """
        if not isinstance(g, sp.exp):
            return sp.S.Zero, {}
        (own, pattern), (other, z) = self.sum.z.as_coeff_Mul(), g.args[0].as_coeff_Mul()
        given = dict(zip((a.symbol for a in self.m.axes), at, strict=True))
        move = matched(pattern, z, (*given, *(a.symbol for a in self.sum.over)))
        times = other / own
        if move is None or any(given.get(a, i) != i for a, i in move.items()):
            return sp.S.Zero, {}
        return times if times.is_Integer and times > 0 else sp.S.Zero, given | move

    def _log(self, before: sp.Expr, f: sp.Expr, degrees: Degrees) -> sp.Expr:
        """The logarithm of what is divided; that of exponentials over sums is taken apart."""
        shift = sp.Add(*(d * self.m[i] for i, d in degrees.items()))
        powers = powers_of(before)
        exponents = {g: self._exponent(g) for g in powers}
        apart = all(
            z is not None or (is_entry(g) and name_of(g) in self.scaled)
            for g, z in exponents.items()
        )
        if not (apart and any(z is not None for z in exponents.values())):
            return shift + sp.log(f)
        return sp.Add(
            *(
                p * (sp.log(g) + self._entry(g) if z is None else z)
                for (g, p), z in zip(powers.items(), exponents.values(), strict=True)
            )
        )

    def _entry(self, g: sp.Expr) -> sp.Expr:
        """What the logarithm of an entry gains."""
        ((at, degree),) = self._divided(g)[1].items()
        return degree * self.m[at]


def _equal(degrees: list[Degrees]) -> Degrees:
    if any(d != degrees[0] for d in degrees):
        raise _MixedError
    return degrees[0] if degrees else {}


def _guards(program: Program, found: _Sum) -> dict[sp.Expr, sp.Expr]:
    """Weights that may leave out a summand -> 1 where they do not, else 0."""
    along, out = {a.symbol for a in found.over}, dict[sp.Expr, sp.Expr]()
    for g in found.weights:
        if not g.free_symbols & along:
            continue
        if isinstance(g, sp.KroneckerDelta) or (
            isinstance(g, sp.Piecewise) and {v for v, _ in g.args} <= {0, 1}
        ):
            out[g] = g
        elif is_entry(g) and program.tensors[name_of(g)].role in ("input", "target", "mask"):
            out[g] = sp.Piecewise((1, sp.Ne(g, 0)), (0, True))
    return out


def _moved(tensor: Tensor, entry: sp.Expr) -> dict[sp.Symbol, sp.Expr]:
    return dict(zip((a.symbol for a in tensor.axes), indices_of(entry), strict=True))


def fresh(name: str, taken: Collection[str]) -> str:
    """The name, with a number where it is taken."""
    numbered = (f"{name}_{k}" for k in itertools.count(2))
    return name if name not in taken else next(n for n in numbered if n not in taken)
