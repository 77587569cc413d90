"""Lines as NumPy statements, in the layout "rows".

Every operation is spaced as a formatter would leave it.  An expression is printed for given
axes; an entry that lacks some of them is broadcast.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass

import sympy as sp

from symnn.engine.entries import RELATIONS
from symnn.engine.erfc import ERFC_SOURCE
from symnn.engine.functions import TABLE, Function, Named, X, definition, function_class
from symnn.engine.ir import Line, Program, ProgramError, entries, indices_of, is_entry, name_of
from symnn.engine.lower import (
    Axes,
    Elementwise,
    Factor,
    Lowered,
    MatMul,
    Outer,
    Reduce,
    lower_line,
    ordered_terms,
    split,
)
from symnn.targets.python.cases import clamped, kept, selected
from symnn.targets.wrapping import WIDTH, broken, filled

OR, COMPARE, ADD, MUL, UNARY, POWER, ATOM = range(7)
Text = tuple[str, int]  # an expression and how tightly it binds

FUNCTIONS: dict[type, str] = {
    sp.exp: "np.exp",
    sp.log: "np.log",
    sp.sin: "np.sin",
    sp.cos: "np.cos",
    sp.tanh: "np.tanh",
    sp.sinh: "np.sinh",
    sp.cosh: "np.cosh",
    sp.atan: "np.arctan",
    sp.sign: "np.sign",
}


@dataclass(frozen=True)
class Dialect:
    """A library with NumPy's functions.

    module: the name it is imported by.  scalar: what makes the loss a number, if anything.
    """

    module: str = "np"
    scalar: str = "float"

    def written(self, code: str) -> str:
        """Code that calls NumPy, as it calls this library."""
        return re.sub(r"\bnp\.", f"{self.module}.", code)


NUMPY = Dialect()
JAX = Dialect("jnp", scalar="")  # a traced loss is no number yet


class UnprintableError(ProgramError):
    """A line that this printer has no code for; the message shows the line."""


def statement(line: Line, indent: int = 4, dialect: Dialect = NUMPY) -> str:
    """``name = expression``, over several lines where it is too long for one."""
    return broken(assigned(line, written_terms(line, dialect), dialect), indent)


def written_terms(line: Line, dialect: Dialect = NUMPY) -> list[str]:
    """The terms of a line, in their order."""
    return [dialect.written(term_code(low)[0]) for low in lower_line(line)]


def assigned(line: Line, terms: list[str], dialect: Dialect = NUMPY) -> str:
    """``name = sum of terms`` in one row."""
    body = _joined(terms)
    if not terms and line.lhs.wrt and line.lhs.axes:
        body = dialect.written(f"np.zeros_like({line.lhs.wrt})")
    call = dialect.scalar if not line.lhs.axes and line.lhs.name == "L" else ""
    return f"{line.lhs.name} = {call}({body})" if call else f"{line.lhs.name} = {body}"


def _joined(texts: list[str]) -> str:
    if not texts:
        return "0.0"
    out = texts[0]
    for text in texts[1:]:
        out += f" - {text[1:]}" if text.startswith("-") else f" + {text}"
    return out


def term_code(low: Lowered) -> Text:
    """One lowered term, for the axes of its line."""
    beside = len(low.factors) > 1
    parts: list[sp.Expr | Text] = [factor_code(f, low.axes, beside) for f in low.factors]
    return product_code(low.coefficient, [p for p in parts if p[0] != "1"] or [("1.0", ATOM)])


def factor_code(factor: Factor, axes: Axes, beside: bool = False) -> Text:
    """A factor, broadcast to ``axes``.  beside: it stands beside other factors."""
    match factor:
        case Elementwise(f, own) if beside and _is_indicator(f):
            return expression(f.args[0].args[1], axes if own else ())
        case Elementwise(f, own):
            return expression(f, axes if own else ())
        case MatMul(left, right, k, own):
            text = f"{_operand(left, (*own[:1], k) if own else (k,))} @ {_right(right, k, own)}"
            return _broadcast((text, MUL), own, axes)
        case Outer(left, right, own):
            a, b = expression(left.f, left.axes), expression(right.f, right.axes)
            return _broadcast((f"np.outer({a[0]}, {b[0]})", ATOM), own, axes)
        case Reduce(kind, arg, over, own):
            return _broadcast(_reduced(kind, arg, over), own, axes)
    raise UnprintableError(f"no NumPy code for the term {factor.term}")


def _right(right: Elementwise, k: sp.Symbol, own: Axes) -> str:
    column = own[1:] if len(own) > 1 else ()
    return _operand(right, (k, *column))


def _operand(e: Elementwise, axes: Axes) -> str:
    """An operand of a matrix product with its axes in this order."""
    text, binds = expression(e.f, axes)
    return text if binds > MUL else f"({text})"


def _reduced(kind: str, arg: Elementwise, over: Axes) -> Text:
    stored = (indices_of(e) for e in entries(arg.f))
    axes = next((i for i in stored if len(i) == len(arg.axes)), arg.axes)
    whole = _bound(expression(arg.f, axes), ATOM)  # its method takes half the time of np.sum
    if len(over) == len(axes):
        return f"{whole}.{kind}()", ATOM
    where = tuple(axes.index(a) for a in over)
    axis = str(where[0]) if len(where) == 1 else str(where)
    return f"{whole}.{kind}(axis={axis})", ATOM


def _broadcast(text: Text, own: Axes, axes: Axes) -> Text:
    """An array over ``own`` (a part of ``axes``, in that order) made to broadcast over ``axes``."""
    if not own or own == axes[len(axes) - len(own) :]:
        return text
    inner = text[0] if text[1] >= ATOM else f"({text[0]})"
    first = axes.index(own[0])
    return f"{inner}[{', '.join(':' if a in own else 'None' for a in axes[first:])}]", ATOM


def expression(f: sp.Expr, axes: Axes) -> Text:
    """A scalar expression of entries, for arrays over ``axes``."""
    if is_entry(f):
        return _entry(f, axes)
    if isinstance(f, sp.Add):
        return _sum([expression(t, axes) for t in ordered_terms(f)])
    if isinstance(f, sp.Mul):
        return _multiply(f, axes)
    if isinstance(f, sp.Pow):
        return _power(f, axes)
    if isinstance(f, sp.Piecewise | sp.Function) and not isinstance(f, clamped | selected):
        found = {i for e in entries(f) for i in indices_of(e)}
        own = tuple(a for a in axes if a in found)
        if own != axes[len(axes) - len(own) :]:
            return _broadcast(expression(f, own), own, axes)
    if isinstance(f, sp.Piecewise):
        return _cases(f, axes)
    if isinstance(f, clamped):
        return _clamped(f, axes)
    if isinstance(f, selected):
        value, condition, safe = (expression(g, axes)[0] for g in f.args)
        return f"np.where({condition}, {value}, {safe})", ATOM
    if isinstance(f, Named):
        argument = expression(f.args[0], axes)
        inline = _inlined(f)
        if inline is None:
            return f"{_function_name(f)}({argument[0]})", ATOM
        return re.sub(r"\bx\b", lambda _: argument[0], inline), ATOM
    if type(f) in FUNCTIONS:
        return f"{FUNCTIONS[type(f)]}({expression(f.args[0], axes)[0]})", ATOM
    if type(f) in RELATIONS:
        a, b = (_bound(expression(g, axes), ADD) for g in f.args)
        return f"{a} {RELATIONS[type(f)]} {b}", COMPARE
    if isinstance(f, sp.Or | sp.And):
        sign = " | " if isinstance(f, sp.Or) else " & "
        return sign.join(f"({expression(g, axes)[0]})" for g in f.args), OR
    if isinstance(f, sp.Symbol):
        return f.name, ATOM
    if f.is_number:
        return _number(f)
    raise UnprintableError(f"no NumPy code for {f}")


def _inlined(f: Named) -> str | None:
    """The code of a function that is a single call with x in it once: np.tanh(x)."""
    if f.order or len(f.row.numpy) != 1:
        return None
    call = str(f.row.numpy[0]).removeprefix("return ")
    single = re.fullmatch(r"np\.\w+\((x|x, [0-9.]+)\)", call)
    return call if single else None


def _function_name(f: Named) -> str:
    own = f.row.name in TABLE and TABLE[f.row.name] is f.row
    return ("" if own else "user_") + str(f.row.name) + "_prime" * f.order


def _number(f: sp.Expr) -> Text:
    if f.is_Integer and abs(f) < 2**53:  # a larger one is no integer of NumPy's
        return str(f), ATOM if f >= 0 else UNARY
    text = repr(float(f))
    return text, ATOM if float(f) >= 0 else UNARY


def _entry(f: sp.Expr, axes: Axes) -> Text:
    name, indices = name_of(f), indices_of(f)
    own = tuple(a for a in axes if a in indices)
    if indices != own:
        if len(indices) != 2:
            order = ", ".join(str(indices.index(a)) for a in own)
            name = f"np.transpose({name}, ({order}))"
        else:
            name += ".T"
    return _broadcast((name, ATOM), own, axes)


def _bound(text: Text, tightness: int) -> str:
    return text[0] if text[1] >= tightness else f"({text[0]})"


def _sum(parts: list[Text]) -> Text:
    return _joined([_bound(p, ADD) for p in parts]), ADD


def _multiply(f: sp.Mul, axes: Axes) -> Text:
    coefficient, factors = split(f)
    beside = any(not _is_indicator(g) and entries(g) for g in factors)

    def code(g: sp.Expr) -> Text:
        return expression(g.args[0].args[1] if beside and _is_indicator(g) else g, axes)

    return product_code(coefficient, [g for g in factors if g != 1], code)


def _is_indicator(f: sp.Expr) -> bool:
    """Whether f is 1 where a condition holds, else 0: beside a factor, the condition itself."""
    if not isinstance(f, sp.Piecewise) or len(f.args) != 2:
        return False
    return bool(f.args[0].args[0] == 1 and f.args[1] == (0, True))


def product_code(
    coefficient: sp.Expr,
    factors: list[sp.Expr | Text],
    code: Callable[[sp.Expr], Text] | None = None,
) -> Text:
    """coefficient * factors, with what has a negative exponent below one fraction line."""
    above: list[Text] = []
    below: list[Text] = []
    negative = coefficient.could_extract_minus_sign()
    top, bottom = sp.fraction(-coefficient if negative else coefficient)
    for g in sp.Mul.make_args(top):
        if g != 1:
            above.append(expression(g, ()))
    for g in sp.Mul.make_args(bottom):
        if g != 1:
            below.append(expression(g, ()))
    for g in factors:
        if isinstance(g, tuple):
            above.append(g)
        elif isinstance(g, sp.Pow) and g.exp.could_extract_minus_sign():
            assert code is not None
            below.append(code(1 / g))
        else:
            assert code is not None
            above.append(code(g))
    if negative and above and above[0][1] == POWER:
        above[0] = f"({above[0][0]})", ATOM
    single = len(above) == 1
    if single and not below and not negative:
        return above[0]
    text = " * ".join(_bound(g, MUL if single and " @ " not in g[0] else UNARY) for g in above)
    text = text or "1"
    if below:
        under = " * ".join(_bound(g, UNARY) for g in below)
        text = f"{text} / {under}" if len(below) == 1 else f"{text} / ({under})"
    return ("-" if negative else "") + text, MUL


def _power(f: sp.Pow, axes: Axes) -> Text:
    base, exponent = f.as_base_exp()
    if exponent == sp.S.Half:
        return f"np.sqrt({expression(base, axes)[0]})", ATOM
    if exponent.could_extract_minus_sign():
        return f"1 / {_bound(expression(sp.Pow(base, -exponent), axes), UNARY)}", MUL
    low, high = expression(base, axes), expression(exponent, ())
    b, e = _bound(low, ATOM), _bound(high, ATOM)
    simple = b.isidentifier() and (e.isidentifier() or e.replace(".", "").isdigit())
    return f"{b}**{e}" if simple else f"{b} ** {e}", POWER


def _cases(f: sp.Piecewise, axes: Axes) -> Text:
    """np.where, with the argument of an unselected branch kept where it cannot overflow."""
    pieces = [(p.args[0], p.args[1]) for p in f.args]
    value, rest = pieces[-1][0], pieces[:-1]
    text = expression(kept(value, [(c, False) for _, c in rest]), axes)[0]
    for value, condition in reversed(rest):
        inner = expression(kept(value, [(condition, True)]), axes)[0]
        text = f"np.where({expression(condition, axes)[0]}, {inner}, {text})"
    if all(value.is_number for value, _ in pieces):
        text += f".astype({_entry(sorted(entries(rest[0][1]), key=str)[0], axes)[0]}.dtype)"
    return text, ATOM


def _clamped(f: clamped, axes: Axes) -> Text:
    v, border, side = f.args
    text, edge = expression(v, axes)[0], float(border)
    if side in (1, -1):
        return f"np.{'maximum' if side == 1 else 'minimum'}({text}, {edge})", ATOM
    sign, safe = (">", edge + 1.0) if side == 2 else ("<", edge - 1.0)
    return f"np.where({text} {sign} {edge}, {text}, {safe})", ATOM


def helper(row: Function, order: int = 0, dialect: Dialect = NUMPY) -> tuple[str, ...]:
    """The rows of the generated function of a table's row, or of a user's formula."""
    kind = function_class(row, order)
    head = f"def {_function_name(kind(X))}(x: np.ndarray) -> np.ndarray:"
    if row.numpy and not order:
        *body, last = row.numpy
        text = last.removeprefix("return ")
    else:
        body, text = [], expression(definition(row, order), ())[0]
    text = dialect.written(text)
    if dialect is JAX:
        body.append(f"return {text if len(text) + 11 <= WIDTH else filled(text)}")
    else:  # NumPy's types do not say what comes of an operation on arrays
        body += [broken(f"value: np.ndarray = {text}"), "return value"]
    return tuple(map(dialect.written, (head, *(textwrap.indent(text, "    ") for text in body))))


def helpers(program: Program, dialect: Dialect = NUMPY) -> tuple[str, ...]:
    """The functions that a program's statements call, each after those it calls itself."""
    found: dict[tuple[str, int], tuple[str, ...]] = {}

    def visit(f: sp.Expr) -> None:
        for g in sorted(f.atoms(Named), key=str):
            if _inlined(g):
                continue
            key = (_function_name(g), g.order)
            if key in found:
                continue
            rows = helper(g.row, g.order, dialect)
            if not (g.row.numpy and not g.order):
                visit(definition(g.row, g.order))
            for name in TABLE:
                if any(f" {name}(" in row or f"({name}(" in row for row in rows[1:]):
                    visit(function_class(TABLE[name])(X))
            found[key] = rows

    for line in program.lines:
        for term in line.terms:
            if term.f.has(Named):
                visit(term.f)
    texts = ["\n".join(rows) for rows in found.values()]
    if any("erfc(" in text for text in texts):
        texts.insert(0, dialect.written(ERFC_SOURCE.strip()))
    return tuple(texts)
