"""About how wide formulas are, in characters of a line of text, measured on their nodes."""

from __future__ import annotations

from symnn.drawing.mathtext import glyphs
from symnn.formulas import tree
from symnn.formulas.symbols import spelled
from symnn.formulas.tree import Formula
from symnn.notation.notation import Notation

SIGN = 2  # a sign between two things, with its spaces
OWN: dict[type[Formula], int] = {  # columns of what a node prints besides its parts
    **dict.fromkeys(
        (tree.Negative, tree.Operator, tree.Root, tree.Transpose, tree.Constant, tree.Continued), 1
    ),
    **dict.fromkeys((tree.Absolute, tree.Apply, tree.Listed, tree.Dots, tree.BigSum), 2),
    **dict.fromkeys((tree.Pairing, tree.Extreme), 3),
    tree.Condition: 2 + SIGN,
    tree.Diagonal: 6,
}


def width(f: Formula, notation: Notation) -> int:
    """The width of a formula."""

    def of(*parts: Formula) -> int:
        return sum(width(part, notation) for part in parts)

    match f:
        case tree.Glyph():
            return sum(len(run.text.replace(" ", "")) + len(run.mark) for run in glyphs(f.tex))
        case tree.Words():
            return len(f.text.replace(" ", ""))
        case tree.Number():
            return len(f.digits)
        case tree.Symbol():
            return of(spelled(f, notation))
        case tree.Lettered():
            return width(f.arg, f.notation)
        case tree.Scripts():
            commas = max(0, len(f.below) - 1) + max(0, len(f.above) - 1) * len(f.joint)
            return of(*f.parts) + commas
        case tree.Joined():
            between = len(f.sign.replace(r"\quad", "x").replace(" ", ""))
            return of(*f.parts) + between * (len(f.items) - 1)
        case tree.Relations():
            return of(*f.parts) + SIGN * len(f.signs)
        case tree.Sum():
            first, *rest = f.terms
            unsigned = (t.arg if isinstance(t, tree.Negative) else t for t in rest)
            return of(first, *unsigned) + SIGN * len(rest)
        case tree.Product():
            sign = 0 if f.kind in ("plain", "thin") else SIGN
            return of(*f.parts) + sign * (len(f.factors) - 1)
        case tree.Fraction():
            return 1 + of(f.top, f.bottom) if f.inline else max(of(f.top), of(f.bottom))
        case tree.Power():
            return of(*f.parts) + bool(f.sign)
        case tree.Norm():
            return of(f.arg) + 2 + len(f.order) + f.squared
        case tree.Ones():
            return 1 + f.transposed
        case tree.Matrix():
            return 2 + sum(max(map(of, column)) + 2 for column in zip(*f.rows, strict=True))
        case tree.Cases():
            return 1 + max(of(value, when) for value, when in f.rows)
        case tree.Group() | tree.Half():
            # brackets as tall as a matrix are twice as wide
            tall = any(isinstance(part, tree.Matrix) for part in f.arg.walk())
            ends = 2 if isinstance(f, tree.Group) else bool(f.left) + bool(f.right)
            return of(f.arg) + ends * (1 + tall)
    return of(*f.parts) + OWN.get(type(f), 0)
