"""Mistakes in the formulas and lines that users write, and the tokens that they stand at."""

from __future__ import annotations

from dataclasses import dataclass


class FormulaError(ValueError):
    """A formula that is not understood or not allowed; ``hint`` is the way out."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(f"{message}; {hint}" if hint else message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True)
class Token:
    """kind: number, sign, name, mark or end; line and column count from 1; row: the user's line."""

    kind: str
    text: str
    line: int
    column: int
    row: str

    def fault(self, message: str, hint: str = "") -> TextError:
        """A mistake at this place."""
        return TextError(message, hint, self)


class TextError(FormulaError):
    """A text that is not understood, or says what cannot be; ``token``: where it is."""

    def __init__(self, message: str, hint: str, token: Token) -> None:
        super().__init__(message, hint)
        self.token = token

    def __reduce__(self) -> tuple[type[TextError], tuple[str, str, Token]]:
        return TextError, (self.message, self.hint, self.token)

    def __str__(self) -> str:
        place = f"line {self.token.line}, column {self.token.column}"
        text = f"{place}: {self.message}"
        return f"{text}; {self.hint}" if self.hint else text
