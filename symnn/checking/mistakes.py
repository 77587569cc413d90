"""Mistakes, generated: operators that change a line of the derivation.

An operator takes a :class:`Place`, a line of the derivation in one of its forms, and yields changes
of it.  It knows no network, no layer and no loss: what it may put in is found by its shape.  To add
a kind of mistake, write its operator, or a rule for a part of an expression, wherever that stands,
and list it in OPERATORS.

The order of OPERATORS is the stated one: of two mistakes that give the same numbers, the one that
stands first is the simpler.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import sympy as sp

from symnn.checking.reverse import ReversePass, over
from symnn.engine.evaluate import Array
from symnn.engine.functions import (
    ACTIVATIONS,
    TABLE,
    A,
    Named,
    X,
    expand_primes,
    found_derivative,
    function_class,
)
from symnn.engine.ir import (
    Axis,
    Line,
    Scan,
    Tensor,
    Term,
    entries,
    indices_of,
    is_entry,
    lines_of,
    name_of,
    show,
)

WELL_KNOWN = ("sigmoid", "tanh")  # whose derivatives are known by heart, in the value


class Change(NamedTuple):
    """A line, changed.

    what: in words.  key: what was done, without the number of the layer.  along: for a change with
    one unknown number c, the line that is added c times; ``what`` says it as {c}.  extra: arrays
    that the line reads beside those of the derivation.
    """

    line: Line
    what: str
    key: Hashable
    along: Line | None = None
    extra: Mapping[str, Array] = {}
    number: float | None = None


class Part(NamedTuple):
    """A part of an expression, changed."""

    f: sp.Expr
    what: str
    key: Hashable


@dataclass(frozen=True)
class Place:
    """A form of a line, and what may stand in it.

    tensors: all that is there when it is computed, by name.
    """

    line: Line
    reverse: ReversePass
    tensors: Mapping[str, Tensor]

    @property
    def name(self) -> str:
        """What the line computes."""
        return self.line.lhs.name

    def tensor(self, name: str) -> Tensor:
        """The tensor of this name, or the one by which the gradient of this name is taken."""
        return self.reverse.sweep.forward.tensors.get(self.reverse.tensors.get(name, name)) or (
            self.reverse.lines[name].lhs
        )

    def size(self, a: Axis) -> int:
        """The number of values of an axis."""
        return self.reverse.evaluator.size(a)

    def shape(self, t: Tensor) -> tuple[int, ...]:
        """The sizes of a tensor."""
        return tuple(map(self.size, t.axes))

    def alike(self, name: str) -> list[Tensor]:
        """The other tensors of the same shape; masks are left out, and vectors of parameters."""
        own = self.tensors[name]
        return [
            t
            for t in self.tensors.values()
            if t.name not in (name, self.name)
            and t.axes
            and t.role != "mask"
            and not (t.role == "parameter" and len(t.axes) < 2)
            and self.shape(t) == self.shape(own)
        ]

    def relative(self, name: str) -> Hashable:
        """What a tensor is, seen from the layer of the line."""
        t, own = self.tensor(name), self.tensor(self.name).layer
        if t.role == "input":
            return name in self.reverse.tensors, "activation", -(own or 0)
        layer = t.layer - own if t.layer is not None and own is not None else None
        return name in self.reverse.tensors, t.kind or t.letter or t.name, layer

    def key(self, f: sp.Basic) -> Hashable:
        """An expression without the numbers of layers."""
        if is_entry(f):
            return self.relative(name_of(f))
        return (f.func.__name__, *map(self.key, f.args)) if f.args else str(f)

    def words(self, f: sp.Expr) -> str:
        """An expression without indices."""
        table = {e: sp.Symbol(name_of(e), real=True) for e in entries(f)}
        return show(f.xreplace(table))


def forms(reverse: ReversePass, name: str) -> list[Line]:
    """A line as the rule wrote it, with the derivatives written out, and simplified.

    Derivatives are written out in the value of the function where a line computes it.
    """
    raw = reverse.lines[name]
    if name not in reverse.tensors:
        return [raw]
    loss = reverse.lines[reverse.sweep.names[reverse.sweep.of]].lhs.entry
    values = {f: line.lhs.entry for line in reverse.sweep.forward.lines for f in _calls(line)}
    plain = _mapped(raw, lambda f: f.xreplace({loss: sp.S.One}))
    final = [reverse.final[name]] if name in reverse.final else []
    found = [plain, _mapped(plain, lambda f: expand_primes(f).xreplace(values)), *final]
    return list(dict.fromkeys(found))


def _calls(line: Line) -> list[Named]:
    """The function that a line applies to an entry and does no more."""
    f = line.terms[0].f if len(line.terms) == 1 and line.elementwise else None
    return [f] if isinstance(f, Named) and not f.order and is_entry(f.args[0]) else []


def _mapped(line: Line, change: Callable[[sp.Expr], sp.Expr]) -> Line:
    return replace(line, terms=tuple(replace(t, f=change(t.f)) for t in line.terms))


def _times(line: Line, c: sp.Expr) -> Line:
    return _mapped(line, lambda f: c * f)


def _with_term(line: Line, k: int, *terms: Term) -> Line:
    return replace(line, terms=(*line.terms[:k], *terms, *line.terms[k + 1 :]))


# a whole line -----------------------------------------------------------------------------


def zero(place: Place) -> Iterator[Change]:
    """Nothing at all."""
    yield Change(replace(place.line, terms=()), "all entries are 0", "zero")


def transposed(place: Place) -> Iterator[Change]:
    """A square matrix that should be its transpose."""
    axes = place.line.lhs.axes
    if len(axes) == 2 and place.size(axes[0]) == place.size(axes[1]) > 1:
        yield Change(_exchanged(place.line, *axes), "transposed", "transposed")


def _exchanged(line: Line, a: Axis, b: Axis) -> Line:
    """The right side with two indices exchanged."""
    swap = {a.symbol: b.symbol, b.symbol: a.symbol}
    return _mapped(line, lambda f: f.xreplace(swap))


def opposite_sign(place: Place) -> Iterator[Change]:
    """-g, as from y - a for a - y."""
    yield Change(_times(place.line, sp.S.NegativeOne), "opposite sign", "sign")


def constants(reverse: ReversePass) -> dict[int, list[str]]:
    """The numbers that are forgotten or doubled, and what they are called."""
    n, m = reverse.count, reverse.outputs
    found: dict[int, list[str]] = {}
    for word, c in {"2": 2, f"N = {n}": n, f"m = {m}": m, f"N m = {n * m}": n * m}.items():
        if c > 1 and not (1 in (n, m) and word.startswith("N m")):
            found.setdefault(c, []).append(word)
    return found


def factors(place: Place) -> Iterator[Change]:
    """2, N, m and N m, too much or too little."""
    for c, words in constants(place.reverse).items():
        much = " or ".join(f"a factor {word} too much" for word in words)
        less = " or ".join(
            f"a factor {word} is missing ({over(word.partition(' =')[0])} too much)"
            for word in words
        )
        yield Change(_times(place.line, sp.Integer(c)), much, ("times", c))
        yield Change(_times(place.line, sp.Rational(1, c)), less, ("over", c))


def one_sample(place: Place) -> Iterator[Change]:
    """The first or the last sample alone, where a line sums over all of them."""
    for k, term in enumerate(place.line.terms):
        for a in term.over:
            if not a.samples or place.reverse.count < 2 or term.reduce != "sum":
                continue
            rest = tuple(b for b in term.over if b != a)
            for word, at in (("first", 0), ("last", place.reverse.count - 1)):
                alone = Term(term.f.xreplace({a.symbol: sp.Integer(at)}), rest)
                text = f"the sum over the batch is missing: only the {word} sample"
                yield Change(_with_term(place.line, k, alone), text, ("sample", word))


def wrong_axis(place: Place) -> Iterator[Change]:
    """The sum over another axis of the same length."""
    for k, term in enumerate(place.line.terms):
        for a, b in itertools.product(place.line.lhs.axes, term.over):
            if place.size(a) == place.size(b) > 1 and term.reduce == "sum":
                swap = {a.symbol: b.symbol, b.symbol: a.symbol}
                wrong = replace(term, f=term.f.xreplace(swap))
                text = f"the sum runs over the wrong axis ({a.name} for {b.name})"
                yield Change(_with_term(place.line, k, wrong), text, "axis")


def penalty(place: Place) -> Iterator[Change]:
    """A term of a line of several: left out, of the other sign, halved, doubled, by N.

    And the penalty where it does not belong.
    """
    n = place.reverse.count
    halves: list[tuple[str, sp.Expr]] = [
        ("is missing", sp.S.Zero),
        ("is halved", sp.S.Half),
        ("is doubled", sp.Integer(2)),
        ("has the opposite sign", sp.S.NegativeOne),
    ]
    if n > 1:
        halves += [("is divided by N", sp.Rational(1, n)), ("is multiplied by N", sp.Integer(n))]
    for k, term in enumerate(place.line.terms if len(place.line.terms) > 1 else ()):
        what = _term_words(place, term)
        for word, c in halves:
            scaled = [replace(term, f=c * term.f)] if c else []
            key = "term", word, place.key(term.f)
            yield Change(_with_term(place.line, k, *scaled), f"{what} {word}", key)
    own = place.tensor(place.name)
    rates = [t for t in place.tensors.values() if t.role == "hyperparameter"]
    if own.role == "parameter" and rates and not _reads_any(place.line, rates):
        more = Term(rates[0].entry * own.entry)
        line = replace(place.line, terms=(*place.line.terms, more))
        yield Change(line, f"an {rates[0].name} term on the {own.kind}", "penalty")


def _reads_any(line: Line, tensors: list[Tensor]) -> bool:
    return any(t.entry in term.f.free_symbols for term in line.terms for t in tensors)


def _term_words(place: Place, term: Term) -> str:
    rates = (t for t in place.tensors.values() if t.role == "hyperparameter")
    short = next((t.name for t in rates if t.entry in term.f.free_symbols), "")
    return f"the {short} term" if short else f"the term {place.words(term.f)}"


def updated(place: Place) -> Iterator[Change]:
    """Weights that have already made their step, of unknown length, in place of the old ones."""
    names = place.reverse.names
    for name in sorted(place.line.read):
        t = place.tensors[name]
        if t.role != "parameter" or names.get(name) not in place.tensors:
            continue
        base = place.tensors[names[name]]
        step = {e: base[indices_of(e)] for e in place.line.reads if name_of(e) == name}
        along = replace(
            place.line,
            terms=tuple(
                replace(term, f=-term.f.xreplace(step))
                for term in place.line.terms
                if step.keys() & set(entries(term.f))
            ),
        )
        what = f"{name} has already been updated (by a step of {{c}})"
        yield Change(place.line, what, ("updated", place.relative(name)), along)


def swapped(place: Place) -> Iterator[Change]:
    """Any other tensor of the same shape, wherever one is read."""
    for name in sorted(place.line.read):
        for other in place.alike(name) if place.tensors[name].axes else ():
            swap = {e: other[indices_of(e)] for e in place.line.reads if name_of(e) == name}
            line = _mapped(place.line, operator.methodcaller("xreplace", swap))
            key = "swap", place.relative(name), place.relative(other.name)
            yield Change(line, f"{other.name} instead of {name}", key)


def jacobian(place: Place) -> Iterator[Change]:
    """The diagonal of a Jacobian alone, or left out, or once too often; the Jacobian left out."""
    tensors, names, line = place.reverse.tensors, place.reverse.names, place.line
    of_axes = place.name in tensors and line.lhs.axes
    whole = place.reverse.whole(tensors[place.name]) if of_axes else ""
    if not whole or any(place.reverse.whole(name) == whole for name in _earlier(place)):
        return
    diagonal = Tensor(f"diagonal_{whole}", line.lhs.axes)
    extra = {diagonal.name: place.reverse.diagonal(whole, tensors[place.name])}
    above = place.tensors[names[whole]].entry
    alone = Term(diagonal.entry * above)
    of = f"the Jacobian of {whole} by {tensors[place.name]}"

    def change(what: str, key: str, *terms: Term) -> Change:
        return Change(replace(line, terms=terms), what, key, extra=extra)

    rest = Term(-diagonal.entry * above)
    more = [replace(t, f=diagonal.entry * t.f) for t in line.terms]
    yield change(f"only the diagonal of {of} is used", "diagonal", alone)
    yield change(f"the diagonal of {of} is left out", "no diagonal", *line.terms, rest)
    yield change(f"{of} is left out", "no Jacobian", Term(above))
    yield change(f"the diagonal of {of} stands once more", "diagonal again", *more)


def _earlier(place: Place) -> list[str]:
    """The values computed before the tensor by which the gradient of the line is taken."""
    names = [line.lhs.name for line in place.reverse.sweep.forward.lines]
    own = place.reverse.tensors[place.name]
    return names[: names.index(own)] if own in names else []


def other_sum(place: Place) -> Iterator[Change]:
    """A sum that runs over an axis too many, and one over the other axes where it is read.

    The sum of a softmax over the whole batch, or over the samples instead of the classes.
    """
    for k, term in enumerate(place.line.terms):
        for a in place.line.lhs.axes if term.over and term.reduce == "sum" else ():
            every = replace(a, symbol=sp.Symbol(f"every_{a.name}", integer=True))
            wide = Term(term.f.xreplace({a.symbol: every.symbol}), (*term.over, every))
            where = "the samples" if a.samples else a.name
            yield Change(_with_term(place.line, k, wide), f"the sum runs over {where} too", "wide")
    for e in place.line.reads:
        line = place.reverse.lines.get(name_of(e))
        if line is None or len(line.terms) != 1 or line.terms[0].reduce != "sum":
            continue
        term, axes = line.terms[0], line.lhs.axes
        if term.over and axes and set(term.over) <= set(place.line.lhs.axes):
            other = Tensor(f"other_{line.lhs.name}", term.over)
            extra = {other.name: place.reverse.value(Line(other, (Term(term.f, axes),)))}
            swapped = _mapped(place.line, operator.methodcaller("xreplace", {e: other.entry}))
            over = ("the samples" if a.samples else a.name for a in axes)
            what = f"{line.lhs.name} is summed over {' and '.join(over)}"
            yield Change(swapped, what, ("other sum", place.relative(line.lhs.name)), extra=extra)


def one_function(place: Place) -> Iterator[Change]:
    """A function of each component where several lines stand: sigmoid for softmax."""
    forward = place.reverse.sweep.forward
    before = [n for n in place.tensors if place.reverse.whole(n) == place.name]
    for name in before[:1] if place.name in forward.definitions else ():
        for word in ("linear", *WELL_KNOWN):
            f = function_class(TABLE[word])(place.tensors[name].entry)
            what = f"{word} of {name} in its place"
            yield Change(replace(place.line, terms=(Term(f),)), what, ("function", word))


def multiple(place: Place) -> Iterator[Change]:
    """Any constant."""
    nothing = replace(place.line, terms=())
    yield Change(nothing, "{c} times the right value", "multiple", place.line)


Operator = Callable[[Place], Iterator[Change]]
Rule = Callable[[Place, sp.Expr], Iterator[Part]]


def within(rule: Rule) -> Operator:
    """The operator that changes a part of the line's expressions, wherever it stands."""

    def change(place: Place) -> Iterator[Change]:
        for k, term in enumerate(place.line.terms):
            where = f" in {_term_words(place, term)}" if len(place.line.terms) > 1 else ""
            for f, what, key in _anywhere(place, term.f, rule):
                line = _with_term(place.line, k, replace(term, f=f))
                yield Change(line, what + where, (rule.__name__, key))

    return change


def _anywhere(place: Place, f: sp.Expr, rule: Rule) -> Iterator[Part]:
    """The expression with one of its parts changed; indices and conditions stay."""
    yield from rule(place, f)
    if is_entry(f) or isinstance(f, sp.Piecewise | sp.KroneckerDelta):
        return
    for k, g in enumerate(f.args):
        for part in _anywhere(place, g, rule) if isinstance(g, sp.Expr) else ():
            yield part._replace(f=f.func(*f.args[:k], part.f, *f.args[k + 1 :]))


# parts of an expression --------------------------------------------------------------------


def derivative_missing(place: Place, f: sp.Expr) -> Iterator[Part]:
    """1 for f'(z)."""
    if isinstance(f, Named) and f.order:
        yield Part(sp.S.One, f"the derivative of {f.row.name} is missing", "no prime")


def derivative_elsewhere(place: Place, f: sp.Expr) -> Iterator[Part]:
    """f'(a) and f' of anything else of this shape, for f'(z)."""
    if isinstance(f, Named) and f.order and is_entry(f.args[0]):
        z = f.args[0]
        for other in place.alike(name_of(z)):
            where = f"{other.name} instead of {name_of(z)}"
            key = "prime at", place.relative(other.name)
            yield Part(f.func(other[indices_of(z)]), f"{f.row.name}' is taken at {where}", key)


def derivative_form(place: Place, f: sp.Expr) -> Iterator[Part]:
    """The form of f' in the value of f, of anything else of this shape: z (1 - z) for a (1 - a)."""
    if not (isinstance(f, Named) and f.order == 1 and is_entry(f.args[0])):
        return
    z, (form, _) = f.args[0], found_derivative(f.row)
    if not form.has(A):
        return
    for other in [place.tensors[name_of(z)], *place.alike(name_of(z))]:
        e = other[indices_of(z)]
        wrong = form.xreplace({A: e, X: z})
        text = f"{place.words(wrong)} for {f.row.name}'({name_of(z)})"
        yield Part(wrong, text, ("form", place.relative(other.name)))


def derivative_wrong(place: Place, f: sp.Expr) -> Iterator[Part]:
    """The function for its derivative, 1 - f, the derivative twice, or that of another function."""
    if not (isinstance(f, Named) and f.order == 1):
        return
    name, z = f.row.name, f.args[0]
    value = function_class(f.row)(z)
    yield Part(value, f"{name} stands for its derivative", "value")
    yield Part(1 - value, f"1 - {name} stands for the derivative of {name}", "1 - value")
    yield Part(1 + value, f"1 + {name} stands for the derivative of {name}", "1 + value")
    yield Part(f**2, f"the derivative of {name} stands twice", "twice")
    yield Part(1 / f, f"the derivative of {name} divides", "divided")
    for other in (TABLE[n] for n in ACTIVATIONS if n in TABLE and TABLE[n] != f.row):
        text = f"the derivative of {other.name} instead of that of {name}"
        yield Part(function_class(other, 1)(z), text, ("other", other.name))
        if other.name in WELL_KNOWN:
            form, _ = found_derivative(other)
            shown = show(form.xreplace({A: sp.Symbol("a", real=True)}))
            text = f"{shown}, as for {other.name}, of a = {name}"
            yield Part(form.xreplace({A: value}), text, ("other form", other.name))


def transposed_operand(place: Place, f: sp.Expr) -> Iterator[Part]:
    """A square matrix read the wrong way round."""
    if is_entry(f) and len(indices_of(f)) == 2:
        shape = place.shape(place.tensors[name_of(f)])
        if shape[0] == shape[1] > 1:
            wrong = f.func(f.args[0], *indices_of(f)[::-1])
            key = "transposed", place.relative(name_of(f))
            yield Part(wrong, f"{name_of(f)} is used transposed", key)


def swapped_here(place: Place, f: sp.Expr) -> Iterator[Part]:
    """Any other tensor of the same shape, in one place."""
    if is_entry(f) and indices_of(f):
        for other in place.alike(name_of(f)):
            key = place.relative(name_of(f)), place.relative(other.name)
            yield Part(other[indices_of(f)], f"{other.name} instead of {name_of(f)}", key)


def dropped(place: Place, f: sp.Expr) -> Iterator[Part]:
    """A factor, a term or a power left out."""
    if isinstance(f, sp.Mul):
        for k, g in enumerate(f.args):
            if not g.is_number:
                rest = f.func(*f.args[:k], *f.args[k + 1 :])
                yield Part(rest, _missing(place, g), ("factor", place.key(g)))
    elif isinstance(f, sp.Add):
        for k, g in enumerate(f.args):
            rest = f.func(*f.args[:k], *f.args[k + 1 :])
            yield Part(rest, f"the term {place.words(g)} is missing", ("term", place.key(g)))
    elif isinstance(f, sp.Pow) and f.exp.is_Integer and f.exp not in (1, -1):
        key = "power", place.key(f)
        yield Part(f.base, f"{place.words(f.base)} instead of {place.words(f)}", key)


def _missing(place: Place, g: sp.Expr) -> str:
    if isinstance(g, sp.Pow) and g.exp == -1:
        return f"the division by {place.words(g.base)} is missing"
    if is_entry(g) and place.tensors[name_of(g)].role == "mask":
        return f"the mask {name_of(g)} is left out"
    return f"the factor {place.words(g)} is missing"


def sign_within(place: Place, f: sp.Expr) -> Iterator[Part]:
    """The sign of a term within a sum, and a quotient for a product."""
    if isinstance(f, sp.Add):
        for k, g in enumerate(f.args):
            wrong = f.func(*f.args[:k], -g, *f.args[k + 1 :])
            text = f"the sign of the term {place.words(g)} is wrong"
            yield Part(wrong, text, ("sign", place.key(g)))
    elif isinstance(f, sp.Pow) and f.exp == -1:
        text = f"{place.words(f.base)} multiplies where it should divide"
        yield Part(f.base, text, ("quotient", place.key(f.base)))


def index_wrong(place: Place, f: sp.Expr) -> Iterator[Part]:
    """A filter that is not flipped, zeros around that are forgotten, a step too early or late."""
    if not is_entry(f):
        return
    sizes = {a.symbol: place.size(a) for a in place.line.axes}
    indices = (i for e in place.line.reads for i in indices_of(e))
    affine = {s for i in indices if i.is_Add for s in i.free_symbols}
    for k, index in enumerate(indices_of(f)):
        name, symbols = name_of(f), sorted(index.free_symbols, key=str)

        def at(wrong: sp.Expr, k: int = k) -> sp.Expr:
            return f.func(f.args[0], *indices_of(f)[:k], wrong, *indices_of(f)[k + 1 :])

        shown = show(index)
        if index in affine and index in sizes:
            wrong = sizes[index] - 1 - index
            yield Part(at(wrong), f"{name} is read in the reverse order", "reverse")
        if index.is_Symbol or not symbols or any(s not in sizes for s in symbols):
            continue
        for s in symbols if len(symbols) > 1 else ():
            wrong = index.xreplace({s: -s})
            yield Part(at(wrong), f"{name} is read at {show(wrong)} instead of {shown}", "flip")
        rest = index.as_coeff_Add()[0]
        for shift in sorted({-rest, sp.S.One, sp.S.NegativeOne} - {sp.S.Zero}):
            wrong = index + shift
            text = f"{name} is read at {show(wrong)} instead of {shown}"
            yield Part(at(wrong), text, ("shift", shift))


def residual(place: Place, f: sp.Expr) -> Iterator[Part]:
    """A difference squared, and its absolute value."""
    if isinstance(f, sp.Add) and entries(f):
        words, absolute = place.words(f), function_class(TABLE["absolute"])
        yield Part(f**2, f"{words} is squared", ("squared", place.key(f)))
        yield Part(absolute(f), f"|{words}| instead of {words}", ("absolute", place.key(f)))


def sum_for_product(place: Place, f: sp.Expr) -> Iterator[Part]:
    """a - (1 - a) for a (1 - a), and the sum."""
    if not isinstance(f, sp.Mul):
        return
    inner = [g for g in f.args if not g.is_number]
    for p, q in itertools.permutations(inner, 2):
        if {*map(name_of, entries(p))} & {*map(name_of, entries(q))}:
            rest = f / (p * q)
            for sign, wrong in (("-", p - q), ("+", p + q)):
                left, right = place.words(p), place.words(q)
                right = f"({right})" if isinstance(q, sp.Add) else right
                text = f"{left} {sign} {right} instead of their product"
                yield Part(rest * wrong, text, ("product", sign, place.key(p), place.key(q)))


def function_wrong(place: Place, f: sp.Expr) -> Iterator[Part]:
    """A function left out, or another one in its place."""
    if isinstance(f, Named) and not f.order:
        name, z = f.row.name, f.args[0]
        yield Part(z, f"{name} is left out", "no function")
        for other in (TABLE[n] for n in ACTIVATIONS if n in TABLE and TABLE[n] != f.row):
            yield Part(
                function_class(other)(z), f"{other.name} instead of {name}", ("is", other.name)
            )


OPERATORS: tuple[Operator, ...] = (
    zero,
    transposed,
    opposite_sign,
    factors,
    one_sample,
    wrong_axis,
    penalty,
    within(derivative_missing),
    within(derivative_elsewhere),
    within(derivative_form),
    jacobian,
    within(transposed_operand),
    updated,
    swapped,
    within(dropped),
    within(swapped_here),
    within(derivative_wrong),
    within(sign_within),
    within(index_wrong),
    within(residual),
    within(sum_for_product),
    within(function_wrong),
    one_function,
    other_sum,
    multiple,
)


@dataclass(frozen=True)
class Mistake:
    """A change of a line, and where it stands in the stated order."""

    site: str
    change: Change
    rank: int


def mistakes(reverse: ReversePass, name: str) -> Iterator[Mistake]:
    """Every change of a line, each once, the simplest first."""
    found: dict[Hashable, Mistake] = {}
    before = _before(reverse, name)
    for line in forms(reverse, name):
        place = Place(line, reverse, before)
        for rank, changes in enumerate(OPERATORS):
            for change in changes(place):
                same = change.line.terms, change.along and change.along.terms
                mistake = Mistake(name, change, rank)
                if same not in found or found[same].rank > mistake.rank:
                    found[same] = mistake
    own = {line.terms for line in forms(reverse, name)}
    kept = (m for m in found.values() if m.change.along or _other(m.change.line, own))
    yield from sorted(kept, key=lambda m: m.rank)


def _other(line: Line, own: set[tuple[Term, ...]]) -> bool:
    """Whether a line is none of these, and a number."""
    odd = (sp.I, sp.oo, -sp.oo, sp.zoo, sp.nan, sp.Abs)
    return line.terms not in own and not any(t.f.has(*odd) for t in line.terms)


def _before(reverse: ReversePass, name: str) -> dict[str, Tensor]:
    """The tensors that are there when a line is computed; in a scan the others of it too."""
    found = {t.name: t for t in reverse.sweep.forward.leaves}
    for item in reverse.items:
        lines = {line.lhs.name: line.lhs for line in lines_of([item])}
        if name in lines:
            return found | (lines if isinstance(item, Scan) else {})
        found |= lines
    return found
