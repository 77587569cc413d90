"""Lines whose entries stand at any indices, as lines of entries at bare ones.

Whatever a line reads elsewhere than at its own indices (shifted, strided, constant, pointed to by
an entry, at the step of a loop) gets an array of its own, over the axes that it depends on; so does
each guard, and each index that is read as a number.  What is left is broadcast, multiplied and
summed, which every printer knows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import sympy as sp

from symnn.engine.ir import (
    Axis,
    GradientBase,
    Indexed,
    IndexedBase,
    Size,
    Tensor,
    Term,
    entries,
    indices_of,
    is_entry,
    name_of,
    show_as,
)
from symnn.targets.code import Name, Part, Statement
from symnn.targets.python.expressions import COMPARED
from symnn.targets.wrapping import Assignment

Symbols = tuple[sp.Symbol, ...]
GUARD = "~guard"  # sorts behind what it guards
DTYPE = "dtype"  # that of the parameters


@dataclass
class Body:
    """The statements of a function or of a loop's body.

    step: the axis that the loop runs over, if it is no loop over layers.  made: what arrays were
    made of -> their variables.
    """

    step: Axis | None = None
    inside: frozenset[str] = frozenset()  # the tensors that differ from step to step
    made: dict[object, str] = field(default_factory=dict)
    statements: list[Part] = field(default_factory=list)

    def moves(self, of: sp.Basic, names: Collection[str]) -> bool:
        """Whether an expression of these tensors differs from step to step."""
        return bool(self.inside & {*names}) or (
            self.step is not None and self.step.symbol in of.free_symbols
        )


@dataclass(frozen=True)
class Names:
    """How tensors, sizes and indices of loops are written, and what may be called anything.

    fresh: name of a tensor, or a wish -> a variable that nothing else has.  whole: how many whole
    numbers, from 0, the values of a tensor may be.  general: in a loop over layers, name of a
    tensor -> that of any layer.
    """

    tensors: Mapping[str, str]
    size: Callable[[Size], str]
    index: Callable[[sp.Symbol], str]
    fresh: Callable[[str], str]
    whole: Mapping[str, int]
    general: Mapping[str, str] = field(default_factory=dict)


class Reads:
    """What one line reads, as arrays over its axes.

    bodies: the function's, and within loops theirs as well; arrays that do not depend on the step
    are made before the loop.  library: NumPy, or what has its functions.
    """

    def __init__(
        self,
        names: Names,
        tensors: Mapping[str, Tensor],
        bodies: Sequence[Body],
        axes: Sequence[Axis],
        library: str = "np",
    ) -> None:
        self.names, self.tensors, self.bodies = names, tensors, bodies
        self.library = library
        self.step = bodies[-1].step.symbol if bodies[-1].step else None
        self.axes = {a.symbol: a for a in axes if a.symbol != self.step}
        self.texts: dict[str, str] = {}  # name of an entry of the bare line -> its code
        self.reads: set[str] = set()  # variables
        self.calls: set[str] = set()

    def term(self, term: Term) -> Term:
        """The term with entries at bare indices."""
        over = tuple(a for a in term.over if a.symbol != self.step)
        f = self.rewritten(term.f)
        if term.reduce != "sum" and (left := self._leaving(term)):
            f = f + self._excluded(left)
        return Term(f, over, term.reduce)

    # --- expressions

    def rewritten(self, f: sp.Expr) -> sp.Expr:
        """An expression with entries at bare indices."""
        if is_entry(f):
            return self.entry(f)
        if isinstance(f, sp.KroneckerDelta):
            left, right = sorted(f.args, key=lambda i: (not self._live(i), bool(i.is_number)))
            return self.guard(sp.Eq(left, right, evaluate=False))
        if isinstance(f, sp.Piecewise):
            first, *rest = f.args
            if first[0] == 1 and rest == [(sp.S.Zero, sp.true)] and self._of_indices(first[1]):
                return self.guard(first[1])
            pieces = [(self.rewritten(value), self._condition(c)) for value, c in f.args]
            return sp.Piecewise(*pieces, evaluate=False)
        if isinstance(f, sp.Symbol) and (f in self.axes or f == self.step):
            return self._number(f)
        if not f.args:
            return f
        return f.func(*map(self.rewritten, f.args))

    def _of_indices(self, c: sp.Basic) -> bool:
        """Whether a condition compares indices alone."""
        return type(c) in COMPARED and not entries(c) and bool(c.free_symbols)

    def _condition(self, c: sp.Basic) -> sp.Basic:
        if c in (sp.true, sp.false):
            return c
        if self._of_indices(c):
            return sp.Gt(self.guard(c), 0)
        if type(c) in COMPARED:
            return c.func(*map(self.rewritten, c.args))
        return c.func(*map(self._condition, c.args))

    def entry(self, e: sp.Expr) -> sp.Expr:
        """An entry: itself at bare indices, else that of an array made of it."""
        tensor, indices = self.tensors.get(name_of(e)), indices_of(e)
        if tensor is None:
            return e  # a size
        if tensor.role == "hyperparameter":  # stands with numbers
            self.texts[tensor.name] = self.names.tensors[tensor.name]
            return e
        whole = tensor.name in self.names.whole
        if self._bare(tensor, indices) and not whole:
            self.reads.add(self.names.tensors[tensor.name])
            self.texts[tensor.name] = self.names.tensors[tensor.name]
            return e
        code, live = self.read(e)
        if whole:
            code = self._typed(code)
        return self.array(e, code, live)

    def guard(self, c: sp.Basic) -> sp.Expr:
        """1 where indices compare as a condition says, else 0."""
        live = self._live(c)
        a, b = (self.index(i, live) for i in c.args)
        code = f"{a} {COMPARED[type(c)]} {b}"
        if not live:
            return self.array(sp.Symbol(GUARD, real=True), f"({code})", ())
        made = self._made(c, live, self._typed(f"({code})"))
        return self.array(sp.Symbol(GUARD, real=True), made, live)

    def _number(self, s: sp.Symbol) -> sp.Expr:
        """An index as a number."""
        live = self._live(s)
        code = self.index(s, live)
        text = self._typed(code) if live else code
        return self.array(sp.Symbol(f"~{s.name}", real=True), text, live)

    def array(self, e: sp.Expr, code: str, live: Symbols) -> sp.Expr:
        """The entry of an array that this code is, at the indices that it depends on."""
        name = next(
            n for k in range(len(self.texts) + 1) if (n := f"{name_of(e)}'{k}") not in self.texts
        )
        known = next((n for n, text in self.texts.items() if text == code and "'" in n), None)
        name = known or name
        self.texts[name] = code
        if not live:
            return sp.Symbol(name, real=True)
        gradient = isinstance(e, sp.Indexed) and isinstance(e.base, GradientBase)
        base = (GradientBase if gradient else IndexedBase)(name)
        return Indexed(base, *live)

    # --- arrays

    def read(self, e: sp.Expr) -> tuple[str, Symbols]:
        """The code of an entry as an array, and the indices that its axes are."""
        tensor, indices = self.tensors[name_of(e)], indices_of(e)
        variable = self.names.tensors[tensor.name]
        self.reads.add(variable)
        if any(isinstance(i, sp.Indexed) for i in indices):
            return self._pointed(e, tensor, indices)
        kinds = [self._kind(i, a) for i, a in zip(indices, tensor.axes, strict=True)]
        plain = [i for i, kind in zip(indices, kinds, strict=True) if kind == "own"]
        once = len(set(plain)) == len(plain)
        if once and all(kind in ("own", "at") for kind in kinds):
            places = [
                ":" if k == "own" else self.index(i, ())
                for i, k in zip(indices, kinds, strict=True)
            ]
            return sliced(variable, places), tuple(plain)
        live = tuple(dict.fromkeys(s for i in indices for s in sorted(self._live(i), key=str)))
        outside = [k for k, kind in enumerate(kinds) if kind == "step"]
        if once and len(outside) == 1 and all(k in ("own", "step") for k in kinds):
            (k,) = outside
            code = self._call("at", variable, str(k), self.index(indices[k], ()))
            return self._made(e, tuple(plain), code), tuple(plain)
        places = [self._affine(i) for i in indices]
        sizes = self._sizes(self.axes[s] for s in live)
        code = self._call("strided", variable, listed(places), sizes)
        return self._made(e, live, code), live

    def _affine(self, i: sp.Expr) -> str:
        """A place as ``strided`` takes it: "i", a number, or (offset, {"i": factor})."""
        if i in self.axes:
            return f'"{i.name}"'
        factors = {s: sp.expand(i).coeff(s) for s in sorted(self._live(i), key=str)}
        offset = sp.expand(i) - sum(c * s for s, c in factors.items())
        if not factors:
            return self.index(offset, ())
        listed = ", ".join(f'"{s.name}": {c}' for s, c in factors.items())
        return f"({self.index(offset, ())}, {{{listed}}})"

    def _pointed(
        self, e: sp.Expr, tensor: Tensor, indices: tuple[sp.Expr, ...]
    ) -> tuple[str, Symbols]:
        """An entry that others point to: an array over all of its axes, then what it has there."""
        usual, pointers, places = self.axes, dict[sp.Symbol, sp.Expr](), list[sp.Expr]()
        for k, (i, a) in enumerate(zip(indices, tensor.axes, strict=True)):
            if isinstance(i, sp.Indexed):
                every = sp.Symbol(f"{a.name}{k}", integer=True)
                pointers[every] = i
                self.axes = {**self.axes, every: replace(a, symbol=every)}
            places.append(every if isinstance(i, sp.Indexed) else i)
        code, own = self.read(tensor[tuple(places)])
        self.axes = usual
        apart = not {s for i in pointers.values() for s in self._live(i)} & {*own}
        if len(pointers) == 1 and apart:  # NumPy leaves the axes of one array where it stands
            at = [self.read(pointers[s])[0] if s in pointers else ":" for s in own]
            live = tuple(t for s in own for t in self._live(pointers.get(s, s)))
        else:
            live = self._live(*indices)
            at = [self.index(pointers.get(s, s), live) for s in own]
        return self._made(e, live, sliced(code, at)), live

    # --- indices

    def _bare(self, tensor: Tensor, indices: Sequence[sp.Expr]) -> bool:
        """Whether an entry stands at indices of the line, each once, that run over all of it."""
        kinds = {self._kind(i, a) for i, a in zip(indices, tensor.axes, strict=True)}
        return kinds <= {"own"} and len(set(indices)) == len(indices)

    def _kind(self, i: sp.Expr, a: Axis) -> str:
        """What an index is: "own", of the line, over all of the axis; "at", one place of it;
        "step", one place that may be outside; "" for others.
        """
        if i in self.axes:
            return "own" if _same(self.axes[i].size, a.size) else ""
        if i == self.step and self.bodies[-1].step is not None:
            return "at" if _same(self.bodies[-1].step.size, a.size) else "step"
        if i.is_Integer and isinstance(a.size, int) and 0 <= int(i) < a.size:
            return "at"
        return "" if self._live(i) else "step"

    def _live(self, *parts: sp.Basic) -> Symbols:
        """The indices of the line that something depends on, in its order."""
        found = set().union(*(p.free_symbols for p in parts)) if parts else set()
        return tuple(s for s in self.axes if s in found)

    def index(self, i: sp.Expr, live: Symbols) -> str:
        """An index as whole numbers, an array over ``live`` where it depends on them."""
        if isinstance(i, sp.Indexed):
            code, own = self.read(i)
            return aligned(code, own, live)
        if i in self.axes:
            code = f"{self.library}.arange({self.names.size(self.axes[i].size)})"
            return aligned(code, (i,), live)
        if isinstance(i, sp.Symbol):
            return self.names.index(i) if i == self.step else self.names.size(i)
        if isinstance(i, sp.Add):
            positive = sorted(
                i.args, key=lambda t: (t.is_Integer, t.could_extract_minus_sign(), str(t))
            )
            text = " + ".join(self.index(t, live) for t in positive)
            return text.replace("+ -", "- ")
        if isinstance(i, sp.Mul):
            return " * ".join(self.index(t, live) for t in i.args)
        return str(i)

    def _sizes(self, axes: Iterable[Axis]) -> str:
        """The sizes of axes by their names."""
        pairs = (f'"{a.name}": {self.names.size(a.size)}' for a in axes)
        return f"{{{', '.join(pairs)}}}"

    # --- sums at other places

    def placed(self, values: str, axes: Sequence[Axis], at: Sequence[sp.Expr], shape: str) -> str:
        """Zeros of a shape, with values over ``axes`` added at affine places."""
        usual, self.axes = self.axes, {a.symbol: a for a in axes}
        places = listed([self._affine(i) for i in at])
        self.axes = usual
        sizes = self._sizes(axes)
        return self._call("placed", values, places, sizes, shape)

    def added(self, values: str, axes: Sequence[Axis], at: Sequence[sp.Expr], shape: str) -> str:
        """Zeros of a shape, with values over ``axes`` added where entries point."""
        usual, self.axes = self.axes, {a.symbol: a for a in axes}
        live, places = tuple(self.axes), list(at)
        while places[-1] == live[-1]:  # all of the last axes
            live, places = live[:-1], places[:-1]
        arrays = listed([self.index(i, live) for i in places])
        self.axes = usual
        return self._call("added", values, arrays, shape)

    # --- ranges

    def _leaving(self, term: Term) -> list[tuple[sp.Expr, Axis]]:
        """The indices along what is reduced that can leave their range, with their axes."""
        found: dict[sp.Expr, Axis] = {}
        along = {a.symbol for a in term.over}
        for e in entries(term.f):
            tensor = self.tensors.get(name_of(e))
            for i, a in zip(indices_of(e), tensor.axes if tensor else (), strict=True):
                plain = isinstance(i, sp.Indexed) or self._kind(i, a) == "own"
                if not plain and i.free_symbols & along and not self._within(i, a):
                    found[i] = a
        return list(found.items())

    def _within(self, i: sp.Expr, a: Axis) -> bool:
        """Whether an index stays in the range of an axis, by sizes that are numbers."""
        low = high = i
        for s in self._live(i):
            size, rising = self.axes[s].size, i.coeff(s) > 0
            if not isinstance(size, int):
                return False
            low, high = (
                low.subs(s, 0 if rising else size - 1),
                high.subs(s, size - 1 if rising else 0),
            )
        return bool(low.is_Integer and isinstance(a.size, int) and low >= 0 and high < a.size)

    def _excluded(self, left: Sequence[tuple[sp.Expr, Axis]]) -> sp.Expr:
        """0 where these indices are in their ranges, else -inf."""
        live = self._live(*(i for i, _ in left))
        parts = []
        for i, a in left:
            code = self.index(i, live)
            parts += [f"({code} >= 0)", f"({code} < {self.names.size(a.size)})"]
        code = f"{self.library}.where({' & '.join(parts)}, 0.0, -{self.library}.inf)"
        return self.array(sp.Symbol("~outside", real=True), code, live)

    # --- what is made

    def _typed(self, code: str) -> str:
        """Whole or logical numbers as those of the parameters' type."""
        self.calls.add(DTYPE)
        return f"{code}.astype({DTYPE})"

    def _call(self, helper: str, *arguments: str) -> str:
        self.calls.add(helper)
        return f"{helper}({', '.join(arguments)})"

    def _made(self, of: sp.Basic, live: Symbols, code: str) -> str:
        """The variable that holds what code gives; made before a loop on whose step it does not
        depend.
        """
        names = {name_of(e) for e in of.atoms(sp.Indexed)}
        body = next((b for b in reversed(self.bodies) if b.moves(of, names)), self.bodies[0])
        key = of, tuple(self.axes[s].size for s in live), code
        if key not in body.made:
            wish = name_of(of) if is_entry(of) else "guard"
            body.made[key] = variable = self.names.fresh(wish)
            text = show_as(of, self.names.general)
            said = text if is_entry(of) else f"[{text}]"
            body.statements.append(
                Statement(Assignment(variable, (code,)), (said,), (Name(variable),))
            )
        return body.made[key]


def aligned(code: str, own: Symbols, axes: Symbols) -> str:
    """An array over some indices, as one that broadcasts over ``axes``, which hold them."""
    order = [a for a in axes if a in own]
    if order != list(own):
        code = f"{code}.transpose({', '.join(str(own.index(a)) for a in order)})"
    first = axes.index(order[0]) if order else len(axes)
    if order == list(axes[first:]):
        return code
    return f"{code}[{', '.join(':' if a in order else 'None' for a in axes[first:])}]"


def listed(parts: Sequence[str]) -> str:
    """A tuple."""
    return f"({', '.join(parts)}{',' * (len(parts) == 1)})"


def sliced(code: str, places: Sequence[str]) -> str:
    """An array at these places, ":" for a whole axis."""
    while places and places[-1] == ":":
        places = places[:-1]
    return f"{code}[{', '.join(places)}]" if places else code


def _same(a: Size, b: Size) -> bool:
    return a is b or bool(sp.S(a) == sp.S(b))
