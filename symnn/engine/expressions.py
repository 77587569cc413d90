"""Expressions from tokens: one precedence climber, for lines and for formulas of the user's own.

    sum     = ["-"] product { ("+" | "-") product }
    product = power { ("*" | "/") power }             power = atom ["**" power]
    atom    = number | name | name "(" sum {"," sum} ")" | "(" sum ")"

What a name stands for, and what else an atom or a factor may be, is said by subclasses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import sympy as sp

from symnn.engine import scalars
from symnn.engine.ir import Term
from symnn.engine.mistakes import FormulaError, TextError, Token
from symnn.io.errors import quoted

T = TypeVar("T")
DEPTH = 40
RELATIONS = {
    "<": sp.StrictLessThan,
    "<=": sp.LessThan,
    ">": sp.StrictGreaterThan,
    ">=": sp.GreaterThan,
    "=": sp.Equality,
    "!=": sp.Unequality,
}


class Expressions:
    """A climber over the tokens of a statement.

    The value of an expression is a list of terms, of which at most one is not reduced over axes.
    parts: how many operands and operators a statement may have.
    """

    def __init__(self, tokens: Sequence[Token], parts: int) -> None:
        self.tokens = tokens
        self.at = 0
        self.parts = self.left = parts
        self.depth = 0
        self.made: tuple[sp.Expr, list[sp.Expr]] = (sp.S.One, [])  # the last product, its factors

    # --- tokens ---

    @property
    def now(self) -> Token:
        return self.tokens[self.at]

    def sees(self, *texts: str) -> bool:
        """Whether one of these marks, or words, is next."""
        return self.now.kind in ("mark", "name") and self.now.text in texts

    def take(self) -> Token:
        token = self.now
        if token.kind != "end":
            self.at += 1
        return token

    def accept(self, *texts: str) -> Token | None:
        """The next token, if it is one of these."""
        return self.take() if self.sees(*texts) else None

    def expect(self, text: str) -> Token:
        if not self.sees(text):
            raise self.now.fault(f"{quoted(text)} is expected {self._here()}")
        return self.take()

    def name(self, what: str) -> Token:
        """The next token, a name."""
        if self.now.kind != "name":
            raise self.now.fault(f"{what} is expected {self._here()}")
        return self.take()

    def finish(self) -> None:
        """Nothing may be left."""
        if self.now.kind != "end":
            raise self.now.fault(f"{quoted(self.now.text)} is not expected here")

    def _here(self) -> str:
        return f"at {quoted(self.now.text)}" if self.now.text else "at the end"

    # --- expressions ---

    def sum(self) -> list[Term]:
        self.depth += 1
        if self.depth > DEPTH:
            raise self.now.fault(f"this is nested deeper than {DEPTH} levels")
        first = self.accept("+", "-")
        terms = self.product(first is not None and first.text == "-")
        while sign := self.accept("+", "-"):
            self.count()
            terms += self.product(sign.text == "-")
        self.depth -= 1
        return self._merged(terms)

    def product(self, negative: bool = False) -> list[Term]:
        """One term of a sum."""
        place = self.now
        factors: list[sp.Expr] = [sp.S.NegativeOne] if negative else []
        while self.accept("-"):
            factors.append(sp.S.NegativeOne)
        value = self.power()
        if not self.sees("*", "/") and len(value) + bool(value[0].over) > 1:
            return self._times(factors, value)  # a sum in brackets, as a term
        factors.append(self.scalar(value))
        while mark := self.accept("*", "/"):
            self.count()
            if self.signed():
                value = self.reduced()
                if mark.text == "*":
                    return self._times(factors, value)
                factors.append(self._safe(mark, scalars.divided, sp.S.One, self.scalar(value)))
                break
            place, negated = self.now, bool(self.accept("-"))
            factor = self.scalar(self.power())
            found = [factor]
            if mark.text == "/":
                # 1/(2*(x + 2)) is 1/2 times 1/(x + 2), not 1/(2*x + 4)
                found = self.made[1] if factor is self.made[0] else found
                found = [self._safe(place, scalars.divided, sp.S.One, g) for g in found]
            factors += [*found, *([sp.S.NegativeOne] if negated else [])]
        value = self._safe(place, scalars.checked, sp.Mul(*factors))
        self.made = value, factors
        return [Term(value)]

    def count(self) -> None:
        """One part more: an operand or an operator."""
        self.left -= 1
        if self.left < 0:
            raise self.now.fault(f"this has more than {self.parts} parts")

    def power(self) -> list[Term]:
        """A factor."""
        self.count()
        if self.signed():
            return self.reduced()
        place = self.now
        base = self.atom()
        if self.accept("**"):
            self.depth += 1
            if self.depth > DEPTH:
                raise self.now.fault(f"this is nested deeper than {DEPTH} levels")
            sign = -1 if self.accept("-") else 1
            exponent = sign * self.scalar(self.power())
            self.depth -= 1
            raised = self._safe(place, scalars.power, self.scalar(base), exponent)
            return [Term(self._safe(place, scalars.checked, raised))]
        return base

    def atom(self) -> list[Term]:
        token = self.take()
        if token.kind == "number":
            return [Term(self._safe(token, scalars.number, token.text))]
        if token.kind == "mark" and token.text == "(":
            value = self.bracket()
            self.expect(")")
            return value
        if token.kind == "name":
            return [Term(self._safe(token, scalars.checked, self.named(token)))]
        return self.other(token)

    def bracket(self) -> list[Term]:
        """What stands between ( and )."""
        return self.sum()

    def arguments(self) -> list[sp.Expr]:
        """The arguments of a function, up to ")"."""
        found = [self.scalar(self.sum())]
        while self.accept(","):
            found.append(self.scalar(self.sum()))
        self.expect(")")
        return found

    def comparison(self) -> tuple[sp.Expr, str, sp.Expr]:
        """Two scalars, and the relation that stands between them."""
        left = self.scalar(self.sum())
        mark = self.take()
        if mark.kind != "mark" or mark.text not in RELATIONS:
            raise mark.fault("a comparison is expected here", "compare with < <= > >= = !=")
        return left, mark.text, self.scalar(self.sum())

    # --- what subclasses say ---

    def named(self, token: Token) -> sp.Expr:
        """What a name, with what follows it, stands for."""
        raise NotImplementedError

    def signed(self) -> bool:
        """Whether a sign of a sum or maximum is next."""
        return False

    def reduced(self) -> list[Term]:
        """A sign, and what it reaches over."""
        raise NotImplementedError

    def other(self, token: Token) -> list[Term]:
        """An atom that begins with another token."""
        text = (
            f"{quoted(token.text)} is not expected here" if token.text else "something is missing"
        )
        raise token.fault(text, 'write "=" once' if token.text == "=" else "")

    def scalar(self, terms: list[Term]) -> sp.Expr:
        """The terms as one expression."""
        (term,) = terms
        return term.f

    # --- terms ---

    def _times(self, factors: list[sp.Expr], terms: list[Term]) -> list[Term]:
        """Factors that are free of what the terms are reduced over go into sums."""
        if not factors:
            return terms
        if any(t.reduce != "sum" for t in terms):
            return [Term(sp.Mul(*factors, self.scalar(terms)))]
        return [Term(sp.Mul(*factors, t.f), t.over) for t in terms]

    def _merged(self, terms: list[Term]) -> list[Term]:
        """The terms that are not reduced as one, in the place of the first."""
        plain = [t.f for t in terms if not t.over]
        if len(plain) < 2:
            return terms
        whole = Term(self._safe(self.now, scalars.checked, sp.Add(*plain)))
        first = next(k for k, t in enumerate(terms) if not t.over)
        rest = [t for t in terms if t.over]
        return [*rest[:first], whole, *rest[first:]]

    def _safe(self, place: Token, function: Callable[..., T], *given: object) -> T:
        """What a function of scalars gives, and its complaint with the place."""
        try:
            return function(*given)
        except TextError:
            raise
        except FormulaError as error:
            raise place.fault(error.message, error.hint) from None
        except (ArithmeticError, ValueError, TypeError, RecursionError) as error:
            raise place.fault(f"this cannot be computed: {error}") from None
