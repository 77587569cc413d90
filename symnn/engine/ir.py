"""The data types: axes, tensors, terms, lines, scans, facts, steps and programs.

A program is a list of lines, each an indexed equation

    y[out] = sum over (axes) of f(entries)

with ``f`` a scalar SymPy expression.  Everything here is frozen; invariants are
checked when a :class:`Program` is built, and an error shows the offending line.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn, TypeAlias, TypeVar, cast

import sympy as sp

from symnn.engine import display
from symnn.engine.entries import GradientBase as GradientBase
from symnn.engine.entries import Indexed as Indexed
from symnn.engine.entries import IndexedBase as IndexedBase
from symnn.engine.entries import entries as entries
from symnn.engine.entries import indices_of as indices_of
from symnn.engine.entries import is_entry as is_entry
from symnn.engine.entries import name_of as name_of
from symnn.engine.entries import pointers as pointers
from symnn.engine.entries import show as show
from symnn.engine.entries import show_as as show_as
from symnn.engine.functions import expand_names

Size: TypeAlias = Any  # an int, or a SymPy expression of size symbols

ROLES = (
    "input",
    "target",
    "parameter",
    "state",
    "mask",
    "hyperparameter",
    "value",
    "gradient",
)


class ProgramError(ValueError):
    """A program, or one of its lines, that breaks an invariant; the message shows the line."""


SAMPLES = sp.Symbol("N", integer=True, positive=True)  # the number of samples of a batch


class SampleIndex(sp.Symbol):  # type: ignore[misc]
    """The index of an axis over the samples."""


class Hyperparameter(sp.Symbol):  # type: ignore[misc]
    """A scalar of the training, which stands with the numbers of a term."""


@dataclass(frozen=True)
class Axis:
    """A named axis: a summation or output index with its number of values.

    counts: what its values are, "samples", "units" or "" (nothing that symnn knows).  layer: the
    number of the layer whose units they are.
    """

    symbol: sp.Symbol
    size: Size
    counts: str = field(default="", compare=False)
    layer: int | None = field(default=None, compare=False)

    @property
    def name(self) -> str:
        """The name of the index symbol."""
        return str(self.symbol.name)

    @property
    def samples(self) -> bool:
        """Whether it counts samples."""
        return self.counts == "samples"

    def __str__(self) -> str:
        return f"{self.name}<{self.size}"

    def __repr__(self) -> str:
        return f"<Axis {self}>"


@functools.cache
def axis(name: str, size: Size, counts: str = "", layer: int | None = None) -> Axis:
    """The axis of that name and size; its index runs over 0 .. size-1.

    One of SAMPLES values counts samples.
    """
    if size == SAMPLES:
        return Axis(SampleIndex(name, integer=True), size, "samples")
    return Axis(sp.Symbol(name, integer=True), size, counts, layer)


@functools.cache
def _base(name: str, gradient: bool) -> IndexedBase:
    return (GradientBase if gradient else IndexedBase)(name)


@dataclass(frozen=True)
class Tensor:
    """A name with ordered axes.  ``t[i, j]`` is a SymPy entry, ``t.entry`` the one at its own axes.

    What it is, is said here and never read from its name.  A gradient is the derivative ``of`` one
    tensor with respect to another (``wrt``), both by name; an optimizer's state, and the next value
    of a tensor, are those ``of`` a tensor.

    kind: "weights", "bias", "pre-activation", "activation", "next", … or "".  letter: the letter
    by which notations know it, "A" of A_1; "" if it has none.  layer: the number that the tensors
    of its layer share.
    """

    name: str
    axes: tuple[Axis, ...] = ()
    role: str = "value"
    of: str | None = None
    wrt: str | None = None
    kind: str = field(default="", compare=False)
    letter: str = field(default="", compare=False)
    layer: int | None = field(default=None, compare=False)

    def __getitem__(self, index: Any) -> sp.Expr:
        indices = index if isinstance(index, tuple) else (index,)
        if len(indices) != len(self.axes):
            raise ProgramError(f"{self.name} has {len(self.axes)} axes, not {len(indices)}")
        if not indices:
            kind = Hyperparameter if self.role == "hyperparameter" else sp.Symbol
            return kind(self.name, real=True)
        return Indexed(
            _base(self.name, self.role == "gradient"),
            *(i.symbol if isinstance(i, Axis) else sp.S(i) for i in indices),
        )

    @functools.cached_property
    def entry(self) -> sp.Expr:
        """The entry at the tensor's own axes."""
        return self[tuple(a.symbol for a in self.axes)]

    def text(self, names: Mapping[str, str]) -> str:
        """As ``str``, with other names for itself and its axes."""
        name = names.get(self.name, self.name)
        return f"{name}[{_listed(self.axes, names)}]" if self.axes else name

    def __str__(self) -> str:
        return self.text({})

    def __repr__(self) -> str:
        return f"<Tensor {self}, {self.role}>"


def _listed(axes: Iterable[Axis], names: Mapping[str, str]) -> str:
    return ",".join(names.get(a.name, a.name) for a in axes)


@dataclass(frozen=True)
class Term:
    """A summand ``f`` reduced over axes.

    reduce: "sum"; "max"; or "first", the indicator of the first maximiser of ``f`` along
    ``over`` (there ``over`` are axes of the line itself), which the derivative of a maximum needs.
    A summand of these two takes no part where an index that has one of these axes leaves its range.
    """

    f: sp.Expr
    over: tuple[Axis, ...] = ()
    reduce: str = "sum"

    def text(self, names: Mapping[str, str]) -> str:
        """As ``str``, with other names for tensors and axes."""
        body = show_as(self.f, names)
        if not self.over:
            return body
        if isinstance(self.f, sp.Add):
            body = f"({body})"
        return f"{self.reduce}_{{{_listed(self.over, names)}}} {body}"

    def __str__(self) -> str:
        return self.text({})

    def __repr__(self) -> str:
        return f"<Term {self}>"


@dataclass(frozen=True)
class Line:
    """``lhs = sum of terms``, and the rule that wrote it."""

    lhs: Tensor
    terms: tuple[Term, ...]
    why: str = field(default="definition", compare=False)

    @property
    def elementwise(self) -> bool:
        """Whether no term is reduced over an axis."""
        return all(not t.over for t in self.terms)

    @functools.cached_property
    def reads(self) -> tuple[sp.Expr, ...]:
        """The distinct entries that the line reads, pointers included."""
        return tuple(dict.fromkeys(e for t in self.terms for e in entries(t.f) + pointers(t.f)))

    @functools.cached_property
    def read(self) -> frozenset[str]:
        """The names of the tensors that the line reads."""
        return frozenset(map(name_of, self.reads))

    @property
    def axes(self) -> tuple[Axis, ...]:
        """Every axis bound in the line: those of the left side, then those summed over."""
        return tuple(dict.fromkeys(self.lhs.axes + tuple(a for t in self.terms for a in t.over)))

    def text(self, names: Mapping[str, str]) -> str:
        """As ``str``, with other names for tensors and axes."""
        return equation(self.lhs.text(names), [t.text(names) for t in self.terms])

    def __str__(self) -> str:
        return self.text({})

    def __repr__(self) -> str:
        return f"<Line {self}>"

    def lambdify(self) -> Callable[..., Any]:
        """The line as a NumPy function of the tensors it reads, through SymPy's lambdify.

        Arguments are given by tensor name; sizes are taken from the arrays and from the
        axes.  This is the quick path in memory; the generated module is the fast one.
        """
        return display.function(self)

    def sympy(self) -> sp.Eq:
        """The line as a SymPy equation of ``Indexed`` entries and ``Sum``s; indices count from 0.

        Named functions stand as their definitions.  ValueError for a maximum over an axis, which
        SymPy has no sign for.
        """
        parts = []
        for term in self.terms:
            if term.reduce != "sum":
                raise ValueError(f"SymPy has no sign for a {term.reduce} over an axis: {self}")
            limits = [(a.symbol, 0, a.size - 1) for a in term.over]
            f = expand_names(term.f)
            parts.append(sp.Sum(f, *limits) if limits else f)
        return sp.Eq(self.lhs.entry, sp.Add(*parts), evaluate=False)

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {display.latex(self)}$"


def equation(left: str, terms: Sequence[str]) -> str:
    """A line from the texts of its left side and its terms."""
    return f"{left} = {' + '.join(terms) or '0'}".replace("+ -", "- ")


@dataclass(frozen=True)
class Scan:
    """Lines that may read each other at earlier indices of ``axis`` (later ones if ``reverse``).

    Every line carries the axis.  Initial states are leaves, read under a guard on the first
    index; an entry read before the first index is 0.  Its reverse sweep is a Scan in the
    other direction.
    """

    axis: Axis
    lines: tuple[Line, ...]
    reverse: bool = False

    def __str__(self) -> str:
        way = f"{self.axis.size}-1 .. 0" if self.reverse else f"0 .. {self.axis.size}-1"
        body = "\n".join(f"    {line}" for line in self.lines)
        return f"for {self.axis.name} = {way}:\n{body}"

    def __repr__(self) -> str:
        return f"<Scan over {self.axis}: {len(self.lines)} lines>"


@dataclass(frozen=True)
class Fact:
    """What is assumed of an input: the sum of ``term`` equals ``value``.

    text: the assumption in words.  holds: arrays by name -> bool.  draw: a random
    generator and a shape -> an array that satisfies the fact.  tensor: whose fact it is.
    """

    text: str = field(compare=False)
    tensor: str
    term: Term
    value: sp.Expr
    holds: Callable[[Any], bool] = field(compare=False)
    draw: Callable[[Any, tuple[int, ...]], Any] = field(compare=False)

    def __repr__(self) -> str:
        return f"<Fact {self.text}>"


@dataclass(frozen=True)
class Step:
    """One step of a derivation: the rule by its name, the line before (if any) and after it."""

    rule: str
    before: Line | None
    after: Line
    facts: tuple[Fact, ...] = ()
    note: str = ""

    def __str__(self) -> str:
        given = "".join(f", given {fact.text}" for fact in self.facts)
        return f"{self.after}   ({self.rule}{given})"

    def __repr__(self) -> str:
        return f"<Step {self}>"


Item = Line | Scan
ItemT = TypeVar("ItemT", bound=Line | Scan)


def lines_of(items: Iterable[Item]) -> Iterator[Line]:
    """The lines of items, those inside scans included, in order."""
    for item in items:
        if isinstance(item, Scan):
            yield from item.lines
        else:
            yield item


@dataclass(frozen=True)
class Program:
    """Leaves, then lines and scans in order; names are unique, entries defined before use."""

    leaves: tuple[Tensor, ...]
    items: tuple[Item, ...]
    facts: tuple[Fact, ...] = ()

    def __post_init__(self) -> None:
        _check_program(self)

    @functools.cached_property
    def lines(self) -> tuple[Line, ...]:
        """All lines, those inside scans included."""
        return tuple(lines_of(self.items))

    @functools.cached_property
    def tensors(self) -> Mapping[str, Tensor]:
        """Name -> tensor, leaves first."""
        found = {t.name: t for t in self.leaves}
        return found | {line.lhs.name: line.lhs for line in self.lines}

    @functools.cached_property
    def definitions(self) -> Mapping[str, Line]:
        """Name -> the line that defines it."""
        return {line.lhs.name: line for line in self.lines}

    def line(self, name: str) -> Line:
        """The line that defines ``name``; KeyError if there is none."""
        return self.definitions[name]

    @functools.cached_property
    def _by_roles(self) -> dict[tuple[str, ...], tuple[Tensor, ...]]:
        return {}

    def leaves_of(self, *roles: str) -> tuple[Tensor, ...]:
        """The leaves of these roles, in order."""
        if roles not in self._by_roles:
            self._by_roles[roles] = tuple(t for t in self.leaves if t.role in roles)
        return self._by_roles[roles]

    @functools.cached_property
    def pointed(self) -> Mapping[str, Size]:
        """Leaf of whole numbers -> the size of the axis that they point into."""
        found: dict[str, Size] = {}
        for entry in (e for line in self.lines for e in line.reads):
            for index, own in zip(
                indices_of(entry), self.tensors[name_of(entry)].axes, strict=True
            ):
                if is_entry(index):
                    found.setdefault(name_of(index), own.size)
        return found

    def extend(self, items: Iterable[Item], leaves: Iterable[Tensor] = ()) -> Program:
        """This program followed by more items (and with more leaves)."""
        return Program(self.leaves + tuple(leaves), self.items + tuple(items), self.facts)

    def replaced(self, lines: Mapping[str, Line]) -> Program:
        """This program with other lines outside of scans, by the names of what they compute."""
        if not lines:
            return self
        items = [i if isinstance(i, Scan) else lines.get(i.lhs.name, i) for i in self.items]
        return Program(self.leaves, tuple(items), self.facts)

    def __str__(self) -> str:
        rows = []
        for role in ROLES:
            named = [
                t.name + (f"[{', '.join(map(str, t.axes))}]" if t.axes else "")
                for t in self.leaves
                if t.role == role
            ]
            if named:
                rows.append(f"{role}: {'; '.join(named)}")
        return "\n".join([*rows, *(f"given {f.text}" for f in self.facts), *map(str, self.items)])

    def __repr__(self) -> str:
        return f"<Program: {len(self.leaves)} leaves, {len(self.lines)} lines>"


def needed(items: Sequence[ItemT], names: Iterable[str]) -> list[ItemT]:
    """The lines that these names depend on; scans with those of their lines."""
    need, found = set(names), list[ItemT]()
    for item in reversed(items):
        lines, before = tuple(lines_of([item])), -1
        kept: tuple[Line, ...] = ()
        while len(kept) != before:  # a line of a scan may be read by those above it
            before = len(kept)
            kept = tuple(line for line in lines if line.lhs.name in need)
            need |= {name_of(e) for line in kept for e in line.reads}
        if kept:
            scan = isinstance(item, Scan) and Scan(item.axis, kept, item.reverse)
            found.append(cast(ItemT, scan or item))
    return found[::-1]


def _same_size(a: Size, b: Size) -> bool:
    return a is b or bool(sp.S(a) == sp.S(b))


def _check_line(line: Line, known: Mapping[str, Tensor], sizes: set[sp.Basic]) -> None:
    def fail(message: str) -> NoReturn:
        raise ProgramError(f"{message}\n  in the line  {line}   ({line.why})")

    if line.lhs.role not in ROLES:
        fail(f"unknown role {line.lhs.role!r}")
    if len({a.symbol for a in line.lhs.axes}) != len(line.lhs.axes):
        fail(f"{line.lhs.name} has an axis twice")
    own = {a.symbol: a for a in line.lhs.axes}
    for term in line.terms:
        bound = dict(own)
        for a in term.over:
            if (a.symbol in own) != (term.reduce == "first"):
                fail(f"axis {a.name} is bound wrongly for the reduction {term.reduce!r}")
            bound[a.symbol] = a
        if term.reduce not in ("sum", "max", "first"):
            fail(f"unknown reduction {term.reduce!r}")
        for entry in entries(term.f) + pointers(term.f):
            tensor = known.get(name_of(entry))
            if tensor is None:
                fail(f"{name_of(entry)} is read before it is defined")
            indices = indices_of(entry)
            if len(indices) != len(tensor.axes):
                fail(f"{tensor.name} has {len(tensor.axes)} axes but is read with {len(indices)}")
            for index, a in zip(indices, tensor.axes, strict=True):
                # what a gradient reads may have been moved there, and be 0 from some index on
                moved = line.lhs.role == "gradient"
                if index in bound and not moved and not _same_size(bound[index].size, a.size):
                    fail(f"sizes differ: {index} has {bound[index].size}, {tensor} has {a.size}")
        free = term.f.free_symbols - bound.keys() - sizes
        unbound = [s for s in free if s.is_Symbol and s.name not in known and s.is_integer]
        if unbound:
            fail(f"index {min(map(str, unbound))} is not bound")


def _check_program(program: Program) -> None:
    known: dict[str, Tensor] = {}
    sizes: set[sp.Basic] = set()

    def define(tensor: Tensor, line: Line | None = None) -> None:
        if tensor.name in known:
            where = f"\n  in the line  {line}" if line else ""
            raise ProgramError(f"the name {tensor.name!r} is defined twice{where}")
        known[tensor.name] = tensor
        for a in tensor.axes:
            if isinstance(a.size, sp.Expr):
                sizes.update(a.size.free_symbols)

    for leaf in program.leaves:
        if leaf.role not in ROLES:
            raise ProgramError(f"unknown role {leaf.role!r} of {leaf}")
        define(leaf)
    for item in program.items:
        if isinstance(item, Line):
            _check_line(item, known, sizes)
            define(item.lhs, item)
        else:
            _check_scan(item)
            for line in item.lines:
                define(line.lhs, line)
            for line in item.lines:
                _check_line(line, known, sizes)


def _check_scan(scan: Scan) -> None:
    """A line reads the scan's tensors at earlier steps, or at this one if defined above."""
    step = -1 if scan.reverse else 1
    position = {line.lhs.name: k for k, line in enumerate(scan.lines)}
    for k, line in enumerate(scan.lines):
        if scan.axis not in line.lhs.axes:
            raise ProgramError(f"the scan over {scan.axis.name} holds a line without it:\n  {line}")
        for entry in line.reads:
            other = position.get(name_of(entry))
            if other is None:
                continue
            at = scan.lines[other].lhs.axes.index(scan.axis)
            lag = sp.expand(step * (scan.axis.symbol - indices_of(entry)[at]))
            for a in line.axes:  # the least that it may be
                if a != scan.axis:
                    last = lag.coeff(a.symbol).is_negative
                    lag = sp.expand(lag.subs(a.symbol, a.size - 1 if last else 0))
            if not (lag.is_positive or (lag == 0 and other < k)):
                text = f"{show(entry)} is read before the scan has computed it"
                raise ProgramError(f"{text}:\n  {line}")
