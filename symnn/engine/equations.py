"""The right side of an equation: signs, entries and guards, as lines."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Sequence
from typing import Any

import sympy as sp

from symnn.engine.entries import name_of, show
from symnn.engine.expressions import RELATIONS, Expressions
from symnn.engine.functions import TABLE, named
from symnn.engine.ir import SAMPLES, Axis, Line, Tensor, Term, axis, is_entry
from symnn.engine.mistakes import Token
from symnn.engine.names import CONSTANTS, Names, Outside
from symnn.engine.ranges import leaving, nothing
from symnn.engine.scalars import FUNCTIONS, applied
from symnn.io.errors import quoted, suggestion

PARTS = 4000  # operands and operators of an equation


class Equation(Expressions):
    """The right side of an equation.

    bound: the axes of the left side, and those of the signs that reach over where it stands.
    before: the lines of signs that are no summands.
    """

    def __init__(
        self,
        names: Names,
        tokens: Sequence[Token],
        name: str,
        found: Iterable[tuple[Token, Axis | None]],
    ) -> None:
        super().__init__(tokens, PARTS)
        self.names = names
        self.own = name
        self.lhs = {token.text for token, _ in found}
        self.bound: list[Axis] = []
        self.before: list[Line] = []
        self.places: dict[sp.Expr, Token] = {}  # entry -> where it is read

    def sizes_from_places(self) -> None:
        """An axis without a size takes it from a place where it stands alone."""
        axes = self.names.axes
        for k, token in enumerate(self.tokens[:-1]):
            tensor = self.names.tensors.get(token.text) if token.kind == "name" else None
            if tensor is None or self.tokens[k + 1].text != "[":
                continue
            for index, own in zip(_indices(self.tokens, k + 2), tensor.axes, strict=False):
                if len(index) == 1 and index[0].kind == "name" and index[0].text.islower():
                    name = index[0].text
                    if name not in axes and name not in self.names.tensors:
                        axes[name] = axis(name, own.size)

    # --- signs ---

    def signed(self) -> bool:
        return self.now.kind == "sign"

    def reduced(self) -> list[Term]:
        token = self.take()
        kind = token.text.rstrip("_")
        over: list[Axis] = []
        many = self.accept("{")
        while True:
            place, own = self.names.axis(self)
            (own,) = self.names.sized([(place, own)])
            if own in self.bound or own in over:
                hint = "take another letter for the inner sign"
                raise place.fault(f"the index {own.name} is bound already", hint)
            over.append(own)
            if many is None or not self.accept(","):
                break
        if many is not None:
            self.expect("}")
        self.bound += over
        place = self.now
        inner = self.product()
        nested = any(t.reduce == "max" for t in inner) or (
            kind == "max" and (len(inner) > 1 or bool(inner[0].over))
        )
        if nested:
            inner = [Term(self.scalar(inner))]
        self.bound = self.bound[: len(self.bound) - len(over)]
        reduce = "max" if kind == "max" else "sum"
        count = sp.Mul(*(a.size for a in over)) if kind == "mean" else sp.S.One
        for a in over:
            for t in inner:
                if a.symbol not in t.f.free_symbols and kind == "max":
                    text = f"the maximum over {a.name} is of what does not depend on it"
                    raise place.fault(text, f"leave {a.name} out of the sign")
        return [Term(t.f / count, (*over, *t.over), reduce) for t in inner]

    def scalar(self, terms: list[Term]) -> sp.Expr:
        """The terms as one expression: a sign within it has a line of its own before this one."""
        if not any(t.over for t in terms):
            return super().scalar(terms)
        return self.own_line(terms)

    def own_line(self, terms: Sequence[Term]) -> sp.Expr:
        """The entry of a line before this one that computes the terms."""
        free = {s for t in terms for s in t.f.free_symbols - {a.symbol for a in t.over}}
        axes = tuple(a for a in self.bound if a.symbol in free)
        letter, layer = self.names.letters.get(self.own, ("", None))
        number, name = self.auxiliary()
        letter = f"{letter}_{number}" if letter else ""
        lhs = Tensor(name, axes, letter=letter, layer=layer)
        self.names.tensors[lhs.name] = lhs
        self.before.append(Line(lhs, tuple(terms)))
        return lhs.entry

    def auxiliary(self) -> tuple[int, str]:
        """A number, and a name that the text does not have: h_1 before the line of h."""
        taken = self.names.words | self.names.tensors.keys()
        k = 1
        while f"{self.own}_{k}" in taken:
            k += 1
        return k, f"{self.own}_{k}"

    # --- atoms ---

    def named(self, token: Token) -> sp.Expr:
        name = token.text
        if self.sees("("):
            return self.call(token)
        if self.sees("["):
            return self.entry(token)
        if name in self.names.axes:
            self.check_bound(token, [sp.Symbol(name)])
            return self.names.axes[name].symbol
        if name == "N":
            self.names.sizes.setdefault(name, token)
            return SAMPLES
        if name in CONSTANTS:
            return CONSTANTS[name]
        if name in self.names.sizes:
            return sp.Symbol(name, integer=True, positive=True)
        tensor = self.known(token)
        if tensor.axes:
            hint = f"write {show(tensor.entry)}"
            raise token.fault(f"{name} has {_axes(len(tensor.axes))}", hint)
        return tensor.entry

    def known(self, token: Token) -> Tensor:
        """The tensor of a name that is read."""
        name = token.text
        tensor = self.names.tensors.get(name)
        if tensor is not None:
            return tensor
        if name in self.names.tensors:
            hint = "give its axes a size, [k<4]"
            raise token.fault(f"the axes of {name} have no size here", hint)
        if name in self.names.lefts:
            hint = "equations stand in the order in which they are computed"
            raise token.fault(f"{name} is read before it is defined", hint)
        options = [*self.names.tensors, *self.names.axes]
        near = difflib.get_close_matches(name, options, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"declare it above, input {name}[…]"
        raise token.fault(f"there is no {quoted(name)}", hint)

    def call(self, token: Token) -> sp.Expr:
        function = self.names.function(token.text)
        if function is None:
            options = [*self.names.functions, *TABLE, *FUNCTIONS]
            hint = suggestion(token.text, options)
            if self.names.tensors.get(token.text) is not None:
                hint = f"write {token.text}[…] for an entry, * for a product"
            raise token.fault(f"there is no function {quoted(token.text)}", hint)
        self.expect("(")
        if token.text == "where":
            raise token.fault("cases are written so here", "(a if x[i] > 0 else b)")
        arguments = self.arguments()
        if token.text in FUNCTIONS and not (
            token.text in TABLE or token.text in self.names.functions
        ):
            if token.text == "cos":  # of which SymPy makes (-1)**[guard]*cos(x) for x + [guard]*pi
                arguments = [self.apart(a) for a in arguments]
            found = self._safe(token, applied, token.text, arguments)
            return found.replace(sp.sin, named("sin"))  # SymPy writes cos(x + pi/3) as one
        if len(arguments) != 1:
            raise token.fault(f"{token.text} takes 1 argument, not {len(arguments)}")
        return function(arguments[0])

    def entry(self, token: Token) -> sp.Expr:
        tensor = self.known(token)
        self.expect("[")
        places, indices = [self.now], [self.index()]
        while self.accept(","):
            places.append(self.now)
            indices.append(self.index())
        self.expect("]")
        if len(indices) != len(tensor.axes):
            count = _axes(len(tensor.axes))
            hint = f"write {show(tensor.entry)}"
            raise token.fault(f"{tensor.name} has {count}, and is read with {len(indices)}", hint)
        for place, index, own in zip(places, indices, tensor.axes, strict=True):
            self.check_index(place, tensor, index, own)
        entry = tensor[tuple(indices)]
        self.places.setdefault(entry, token)
        return entry

    def index(self) -> sp.Expr:
        """Linear in axes, with whole numbers; or one entry of an input of whole numbers."""
        place = self.now
        terms = self.sum()
        if any(t.over for t in terms):
            raise place.fault("an index has no sign")
        return self.as_index(place, self.scalar(terms))

    def as_index(self, place: Token, index: sp.Expr) -> sp.Expr:
        """An expression that shall be an index."""
        if index.is_Integer or (index.is_Symbol and index.is_integer):
            return index
        found = [s for s in index.free_symbols if not (s.is_integer or isinstance(s, sp.Indexed))]
        entries = [e for e in sp.preorder_traversal(index) if is_entry(e)]
        if entries:
            name = name_of(entries[0])
            if index != entries[0]:
                raise place.fault(f"an index is an entry of {name} alone, and nothing beside it")
            if name not in self.names.whole:
                hint = f"declare it with how many there are, input {name}[…] of 50"
                raise place.fault(f"{name} does not hold whole numbers", hint)
            return index
        symbols = sorted(index.free_symbols, key=lambda s: str(s.name))
        coefficients = [index.diff(s) for s in symbols]
        rest = index.subs({s: 0 for s in symbols})
        linear = sp.expand(sum((c * s for c, s in zip(coefficients, symbols, strict=True)), rest))
        whole = all(c.is_Integer for c in [*coefficients, rest])
        if found or not whole or sp.expand(index - linear) != 0:
            raise place.fault("an index is a sum of axes with whole factors, 2*t + w - 1")
        return linear

    def check_index(self, place: Token, tensor: Tensor, index: sp.Expr, own: Axis) -> None:
        """Sizes agree, and some entry is read."""
        name = tensor.name
        if is_entry(index):
            count = self.names.whole[name_of(index)]
            if isinstance(own.size, int) and count > own.size:
                below = (
                    f"{name_of(index)} goes up to {count - 1}, {name} has {own.size} values there"
                )
                raise place.fault(below)
            return
        other = self.names.axes.get(str(index))
        if other is not None:
            if other.size != own.size:
                hint = "take another letter for one of them"
                both = f"{other.size}, and {name} has {own.size} values there"
                raise place.fault(f"two sizes: {other.name} has {both}", hint)
            return
        low, high = self.extent(index)
        size = sp.S(own.size)
        scanned = self.names.scan is not None and name in self.names.scan.tensors
        if not scanned and (high.is_negative or (low - size).is_nonnegative):
            text = f"{name} is read outside its range: {own.name} is 0 .. {size - 1}"
            raise place.fault(text, "indices count from 0")

    def check_ranges(self, lines: Sequence[Line]) -> None:
        """A read that can leave its range is said once; a maximum is of something."""
        names = {*(line.lhs.name for line in lines), *(n for line in lines for n in line.read)}
        tensors = {n: t for n in names if (t := self.names.tensors.get(n))}
        loop = self.names.scan
        scan, down = (loop.axis, loop.down) if loop else (None, False)
        for line in lines:
            if (found := nothing(line, tensors)) is not None:
                entry, at = found
                where = ", ".join(f"{name} = {k}" for name, k in at.items())
                text = "nothing takes part in the maximum" + f" at {where}" * bool(at)
                hint = "say what stands there, (x[i-1] if i > 0 else 0)"
                name = name_of(entry)
                raise self.place(entry).fault(f"{text}: {name} is read outside its range", hint)
            for away in leaving(line, tensors, scan, down):
                name, last = name_of(away.entry), sp.S(away.own.size) - 1
                part = "take no part in the maximum" if away.maximum else "are 0"
                text = (
                    f"line {self.place(away.entry).line}: {name} is read at {away.index} of "
                    f"{away.own.name} = 0 .. {last}; entries outside {part}"
                )
                said = Outside(name, away.maximum, text)
                self.names.outside.setdefault((self.own, name, away.maximum), said)

    def place(self, entry: sp.Expr) -> Token:
        """Where an entry is read."""
        return self.places.get(entry, self.tokens[0])

    def extent(self, index: sp.Expr) -> tuple[sp.Expr, sp.Expr]:
        """The least and the largest value of a linear index."""
        low = high = sp.S.Zero
        axes = {a.symbol: a for a in self.names.axes.values()}
        for part, c in index.as_coefficients_dict().items():
            least = most = c * part
            if part in axes:
                end = c * (sp.S(axes[part].size) - 1)
                least, most = (end, 0) if c.is_negative else (0, end)
            low, high = low + least, high + most
        return sp.expand(low), sp.expand(high)

    def check_bound(self, token: Token, symbols: Iterable[sp.Symbol]) -> None:
        """An index stands on the left, or under a sign."""
        for s in symbols:
            if str(s) not in (a.name for a in self.bound):
                name, at = str(s), self.summand(token)
                row = token.row[: at - 1] + f"sum_{{{name}}} " + token.row[at - 1 :]
                hint = f"write  {row.strip()}"
                raise token.fault(f"the index {name} is neither on the left nor under a sign", hint)

    def summand(self, token: Token) -> int:
        """The column at which the summand begins that the token stands in, at the top."""
        k = self.tokens.index(token)
        depth, at = 0, self.tokens[0].column
        for other in self.tokens[:k]:
            depth += (other.text in "([{") - (other.text in ")]}") if other.kind == "mark" else 0
            if other.kind == "mark" and other.text in ("+", "-") and depth == 0:
                at = self.tokens[self.tokens.index(other) + 1].column
        return at if self.tokens[0].line == token.line else token.column

    def bracket(self) -> list[Term]:
        """A sum, or cases:  a if x > 0 else b,  a if x > 0 else b if x > -1 else c."""
        terms = self.sum()
        cases: list[tuple[sp.Expr, Any]] = []
        while self.accept("if"):
            place = self.now
            left, mark, right = self.comparison()
            condition = RELATIONS[mark](left, right)
            if condition in (sp.true, sp.false):
                raise place.fault("this comparison is the same everywhere", "leave it out")
            if not self.accept("else"):
                raise self.now.fault('"else" is expected here', "(a if x[i] > 0 else b)")
            cases.append((self.scalar(terms), condition))
            terms = self.sum()
        if not cases:
            return terms
        other = self.scalar(terms)
        if len(cases) == 1 and (cases[0][0], other) == (1, 0):
            return [Term(self.condition(place, left, mark, right))]
        return [Term(sp.Piecewise(*cases, (other, sp.true)))]

    def other(self, token: Token) -> list[Term]:
        """[guard]."""
        if token.kind != "mark" or token.text != "[":
            return super().other(token)
        place = self.now
        left, mark, right = self.comparison()
        self.expect("]")
        return [Term(self.condition(place, left, mark, right))]

    def comparison(self) -> tuple[sp.Expr, str, sp.Expr]:
        left, mark, right = super().comparison()
        return self.apart(left), mark, self.apart(right)

    def apart(self, f: sp.Expr) -> sp.Expr:
        """An expression with a line of its own before this one, if it holds cases or guards."""
        return self.own_line([Term(f)]) if f.has(sp.Piecewise, sp.KroneckerDelta) else f

    def condition(self, place: Token, left: sp.Expr, mark: str, right: sp.Expr) -> sp.Expr:
        """1 where the relation holds, else 0: a guard of indices, or of values."""
        every = (e for side in (left, right) for e in sp.preorder_traversal(side))
        read = {name_of(e) for e in every if is_entry(e)}
        if not read <= self.names.whole.keys():
            found = sp.Piecewise((1, RELATIONS[mark](left, right)), (0, sp.true))
            if not isinstance(found, sp.Piecewise):
                raise place.fault("this comparison is the same everywhere", "leave it out")
            return found
        left, right = self.as_index(place, left), self.as_index(place, right)
        if not read:
            self.check_guard(place, mark, sp.expand(left - right))
        if mark == "=":
            return sp.KroneckerDelta(left, right)
        found = sp.Piecewise((1, RELATIONS[mark](left, right)), (0, sp.true))
        if all(number.is_Integer for number in found.atoms(sp.Rational)):
            return found
        # SymPy made 2*i > j + 1 to i > j/2 + 1/2
        low, difference = sp.expand(left - right).as_coeff_Add()
        factor, difference = difference.primitive()
        bound = -low / factor
        bound = sp.floor(bound) if mark in ("<=", ">") else sp.ceiling(bound)
        return sp.Piecewise((1, RELATIONS[mark](difference, bound)), (0, sp.true))

    def check_guard(self, place: Token, mark: str, difference: sp.Expr) -> None:
        """A guard holds somewhere, and not everywhere."""
        low, high = self.extent(difference)
        signs = {
            "=": (low.is_positive or high.is_negative, difference == 0),
            "!=": (difference == 0, low.is_positive or high.is_negative),
            "<": (low.is_nonnegative, high.is_negative),
            "<=": (low.is_positive, high.is_nonpositive),
            ">": (high.is_nonpositive, low.is_positive),
            ">=": (high.is_negative, low.is_nonnegative),
        }
        never, always = signs[mark]
        factors = [difference.coeff(a.symbol) for a in self.names.axes.values()]
        whole = [abs(int(c)) for c in factors if c.is_Integer and c]
        rest = difference.subs({a.symbol: 0 for a in self.names.axes.values()})
        if whole and rest.is_Integer and int(rest) % math.gcd(*whole):
            never, always = never or mark == "=", always or mark == "!="
        if never:
            raise place.fault("this guard holds nowhere: the product would be 0", "leave it out")
        if always:
            raise place.fault("this guard holds everywhere", "leave it out")


def _axes(count: int) -> str:
    return {0: "no axes", 1: "1 axis"}.get(count, f"{count} axes")


def _indices(tokens: Sequence[Token], at: int) -> list[list[Token]]:
    """The tokens of every index, from behind a "[" to its "]"."""
    depth, found = 0, [list[Token]()]
    for token in tokens[at:]:
        if token.kind == "mark":
            if token.text == "]" and depth == 0:
                break
            depth += (token.text in "([{") - (token.text in ")]}")
            if token.text == "," and depth == 0:
                found.append([])
                continue
        found[-1].append(token)
    return found
