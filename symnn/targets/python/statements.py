"""Functions with a statement for every line of a derivation; equal layers are looped over.

A line is z_2 = a_1 @ A_2.T + b_2; in a loop over k it is z[k] = a[k - 1] @ A[k].T + b[k], and
what is looped over is in dicts, by the number of the layer.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from symnn.engine.ir import Line, Program, Term, entries, indices_of, name_of
from symnn.engine.repeats import layer_of, line_layer, runs
from symnn.targets.loops import LEAST, NAME, Row, equal, folded, general, has_loops, item
from symnn.targets.python.expressions import NUMPY, Dialect, assigned, written_terms
from symnn.targets.wrapping import WIDTH, broken, spaced

COMMENT = 80  # columns of a line of the derivation
TOGETHER = 8  # dicts that are made in one row


class Readable:
    """The text of a function.

    lines: those of its parts, such as a forward and a backward sweep.  numbered: names that
    are in dicts wherever there is a loop: the parameters, and their gradients.
    """

    def __init__(
        self, *lines: Sequence[Line], numbered: Iterable[str] = (), dialect: Dialect = NUMPY
    ) -> None:
        self.dialect = dialect
        parts = [[_row(line, dialect) for line in part] for part in lines]
        self.loops = any(map(has_loops, parts))
        self.plain: set[str] = set()
        if self.loops:
            for part, rows in zip(lines, parts, strict=True):
                scalars = [(k, line) for k, line in enumerate(part) if not line.lhs.axes]
                for k, line in scalars:
                    rows[k] = _row(line, dialect, sums=True)
            bases = {_base(name) for name in numbered} | _looped(parts)
            names = {n for part in parts for row in part for n in _names(row)}
            self.plain = {n for n in names if _base(n) not in bases}
        self.parts = tuple(map(self._part, parts))

    def _part(self, rows: Sequence[Row]) -> tuple[str, ...]:
        """The statements, after the dicts that they fill."""
        made = [name for row in rows if self._in_dict(name := row.code[0].split(" = ")[0])]
        bases = list(dict.fromkeys(map(_base, made)))
        groups = [bases[k : k + TOGETHER] for k in range(0, len(bases), TOGETHER)]
        dicts = [f"{', '.join(g)} = {', '.join(['{}'] * len(g))}" for g in groups]
        return (*dicts, *folded(rows, self.plain, self.loops, width=COMMENT, broken=_broken).text)

    def _in_dict(self, name: str) -> bool:
        return self.loops and name not in self.plain and bool(NAME.fullmatch(name))

    def statement(self, line: Line, layer: int | None = None) -> str:
        """That of a line by itself; as in a loop over k, if it is one of layer k."""
        (code,) = _row(line, self.dialect, sums=self.loops).code
        return broken(spaced(item(code, self.plain, {}, layer)) if self.loops else code)

    def value(self, name: str) -> str:
        """What a name stands for."""
        return item(name, self.plain, {}) if self.loops else name

    def reading(self, names: Sequence[str], code: str) -> tuple[str, ...]:
        """What gives leaves their values; code: the value of one, with {} for its name."""
        alone = [name for name in names if not self._in_dict(name)]
        out = []
        for _, group in groupby(alone, key=layer_of):
            own = list(group)
            values = ", ".join(code.format(f'"{name}"') for name in own)
            out.append(f"{', '.join(own)} = {values}")
        for base, numbers in _numbers(filter(self._in_dict, names)).items():
            key = f'f"{base}_{{k}}"'
            whole = range(numbers[0], numbers[-1] + 1)
            some = f" if {key} in PARAMETERS" if len(numbers) < len(whole) else ""
            each = f"for k in range({whole.start}, {whole.stop}){some}"
            out.append(f"{base} = {{k: {code.format(key)} {each}}}")
        return tuple(out)

    def collected(self, gradients: Mapping[str, str]) -> tuple[str, ...]:
        """The gradients by the names of their parameters, in that order."""
        if not self.loops:
            pairs = [f'"{name}": {gradient}' for name, gradient in gradients.items()]
            code = f"gradients = {{{', '.join(pairs)}}}"
            rows = (f"    {pair}," for pair in pairs)
            return (code,) if len(code) + 4 <= WIDTH else ("gradients = {", *rows, "}")
        numbers, out = _numbers(gradients), []
        bases = dict.fromkeys((_base(name), _base(g)) for name, g in gradients.items())
        every = max(numbers, key=lambda base: len(numbers[base]))
        for base, gradient in bases:
            row = f'gradients[f"{base}_{{k}}"] = {gradient}[k]'
            same = numbers[base] == numbers[every]
            out += [row] if same else [f"if k in {base}:", f"    {row}"]
        return ("gradients = {}", f"for k in {every}:", *(f"    {row}" for row in out))


def sweep(program: Program, gradients: Mapping[str, str], dialect: Dialect = NUMPY) -> Readable:
    """The forward and the backward part of a program; gradients: by parameter."""
    parts: tuple[list[Line], list[Line]] = [], []
    for line in program.lines:
        parts[line.lhs.role in ("gradient", "mask")].append(line)
    return Readable(*parts, numbered=[*gradients, *gradients.values()], dialect=dialect)


def table(values: Mapping[str, str]) -> tuple[str, ...]:
    """The entries of a dict, name -> code; those of equal layers in a comprehension."""
    layers = [(k, tuple(names)) for k, names in groupby(values, key=layer_of)]
    keys = [(k, tuple((_base(n), values[n]) for n in names)) for k, names in layers]
    found, out, at = dict(runs(keys, LEAST)), list[str](), 0
    while at < len(layers):
        (first, names), length = layers[at], found.get(at, 1)
        if length == 1:
            out += [f'"{name}": {values[name]},' for name in names]
        else:
            assert first is not None
            each = f"for k in range({first}, {first + length})"
            pairs = [(f'f"{_base(name)}_{{k}}"', values[name]) for name in names]
            if len(pairs) == 1:
                out.append(f"**{{{pairs[0][0]}: {pairs[0][1]} {each}}},")
            else:
                both = ", ".join(f"({name}, {value})" for name, value in pairs)
                inner = ("name: shape", each, f"for name, shape in ({both})")
                out += ["**{", *(f"    {row}" for row in inner), "},"]
        at += length
    return tuple(out)


@functools.lru_cache(maxsize=2**12)  # predict has the lines of the forward sweep
def _row(line: Line, dialect: Dialect, sums: bool = False) -> Row:
    """sums: terms of a scalar that differ in their layers alone are summed in a loop."""
    code, shown = written_terms(line, dialect), [str(t) for t in line.terms]
    if sums and not line.lhs.axes:
        rows = [Row(_layer(t), (c,), (s,)) for t, c, s in zip(line.terms, code, shown, strict=True)]
        pairs = [p for block, length in equal(rows, ()) for p in _summed(block, length)]
        code, shown = [c for c, _ in pairs], [s for _, s in pairs]
    text = f"{line.lhs} = {' + '.join(shown) or '0'}".replace("+ -", "- ")
    return Row(line_layer(line), (assigned(line, code, dialect),), (text,))


def _summed(rows: Sequence[Row], length: int) -> list[tuple[str, str]]:
    """Terms as code and as they are shown; one if they are equal for so many layers."""
    if length == 1:
        return [(row.code[0], row.comment[0]) for row in rows]
    first, last = rows[0].layer, rows[-1].layer
    assert first is not None and last is not None
    code = item(rows[0].code[0], (), {}, first)
    each = f"for k in range({first}, {last + 1})"
    shown = f"sum_{{k={first}..{last}}} {general(rows[0].comment[0], first)}"
    return [(f"sum({spaced(code)} {each})", shown)]


def _layer(term: Term) -> int | None:
    """The layer of what a term reads, if that is one layer."""
    layers = {layer_of(name_of(e)) for e in entries(term.f) if indices_of(e)}
    return layers.pop() if len(layers) == 1 else None


def _looped(parts: Iterable[Sequence[Row]]) -> set[str]:
    """The bases of the names in loops."""
    blocks = [block for rows in parts for block, length in equal(rows, ()) if length > 1]
    return {_base(name) for block in blocks for row in block for name in _names(row)}


def _names(row: Row) -> list[str]:
    return [m[0] for code in row.code for m in NAME.finditer(code)]


def _base(name: str) -> str:
    return name.rsplit("_", 1)[0]


def _numbers(names: Iterable[str]) -> dict[str, list[int]]:
    """Base -> the numbers of the names with it."""
    found: dict[str, list[int]] = {}
    for name in names:
        found.setdefault(_base(name), []).append(layer_of(name) or 0)
    return found


def _broken(code: str, indent: int) -> str:
    return broken(spaced(code), indent + 4)
