"""Functions with a statement for every line of a derivation; equal layers are looped over.

A line is z_2 = a_1 @ A_2.T + b_2; in a loop over k it is z[k] = a[k - 1] @ A[k].T + b[k], and
what is looped over is in dicts, by the number of the layer.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby

from symnn.engine.ir import Axis, Line, Program, Tensor, Term, equation, name_of
from symnn.engine.lower import lower_line
from symnn.engine.repeats import (
    Repeat,
    general_names,
    line_layer,
    named,
    rolled_layers,
    signature,
)
from symnn.targets.code import (
    Name,
    Part,
    Scope,
    Statement,
    has_loops,
    plain,
    printed,
    rows,
    shown,
    statements,
    variable,
)
from symnn.targets.python.expressions import ATOM, NUMPY, Called, Dialect, Expressions, Text
from symnn.targets.wrapping import WIDTH, broken, literal

COMMENT = 80  # columns of a line of the derivation
TOGETHER = 8  # dicts that are made in one row
Tensors = Mapping[str, Tensor]


class Readable:
    """The text of a function.

    lines: those of its parts, such as a forward and a backward sweep.  tensors: what they read
    and compute.  numbered: those that are in dicts wherever there is a loop: the parameters, and
    their gradients.  called: the functions that the statements call.
    """

    def __init__(
        self,
        *lines: Sequence[Line],
        tensors: Tensors,
        numbered: Iterable[str] = (),
        dialect: Dialect = NUMPY,
    ) -> None:
        self.dialect, self.tensors = dialect, tensors
        self.called: Called = {}
        found = [rolled_layers(part, line_layer, self._shape) for part in lines]
        self.loops = any(map(has_loops, found))
        self.looped = {
            line for part in found for x in part if isinstance(x, Repeat) for line in x.every
        }
        read = {name_of(e) for line in self.looped for e in line.reads}
        names = {*numbered, *read, *(line.lhs.name for line in self.looped)} if self.loops else ()
        self.dicts = {v.base for v in map(self._variable, names) if v.layer is not None}
        self.scope = Scope(lambda name: name.base in self.dicts, taken=plain(tensors.values()))
        self.parts = tuple(map(self._part, found))

    def _shape(self, line: Line, layer: int) -> Hashable:
        return signature(line, layer, named(line, self.tensors))

    def _variable(self, name: str) -> Name:
        return variable(self.tensors[name]) if name in self.tensors else Name(name)

    def _part(self, found: Sequence[Line | Repeat[Line]]) -> tuple[str, ...]:
        """The statements, after the dicts that they fill."""
        parts = printed(found, self._write, self.scope)
        made = (name for own in statements(parts) for name in own.defines)
        bases = list(dict.fromkeys(self.scope.items(n) for n in made if self.scope.lists(n)))
        groups = [bases[k : k + TOGETHER] for k in range(0, len(bases), TOGETHER)]
        dicts = [f"{', '.join(g)} = {', '.join(['{}'] * len(g))}" for g in groups]
        return (*dicts, *rows(parts, width=COMMENT, broken=lambda code, pad: broken(code, pad + 4)))

    def _write(self, line: Line, scope: Scope) -> list[Part]:
        """The statement of a line."""
        printer = self._printer(scope)
        if self.loops and not line.lhs.axes:
            code, terms = self._summed(line, printer)
            above = [equation(str(line.lhs), terms)]
        else:
            code = [printer.term(low) for low in lower_line(line)]
            above = shown([line], scope, self.tensors)
        return [
            Statement(
                printer.assigned(line, code),
                tuple(above),
                (self._variable(line.lhs.name),),
                frozenset(self._variable(name_of(e)) for e in line.reads),
                frozenset(printer.called),
            )
        ]

    def _printer(self, scope: Scope) -> Expressions:
        def name(tensor: str) -> str:
            return scope.written(self._variable(tensor))

        return Expressions(self.dialect, name, self.called)

    def _summed(self, line: Line, printer: Expressions) -> tuple[list[Text], list[str]]:
        """The terms of a scalar, as code and as they are shown, with equal ones in a loop."""

        def read(term: Term) -> list[Tensor | Axis]:
            return named(term, self.tensors)

        def layer(term: Term) -> int | None:
            """That of what a term reads, if it is one."""
            layers = {t.layer for t in read(term) if isinstance(t, Tensor) and t.axes}
            return layers.pop() if len(layers) == 1 else None

        def shape(term: Term, layer: int) -> Hashable:
            return signature(term, layer, read(term))

        code, terms = list[Text](), list[str]()
        lowered = dict(zip(line.terms, lower_line(line), strict=True))
        for found in rolled_layers(line.terms, layer, shape):
            if not isinstance(found, Repeat):
                code.append(printer.term(lowered[found]))
                terms.append(str(found))
                continue
            (term,), first, last = found.items, found.first, found.last
            text = self._printer(replace(self.scope, first=first)).term(lowered[term])[0]
            shown = term.text(general_names(read(term), first))
            code.append(Text(f"sum({text} for k in range({first}, {last + 1}))", ATOM))
            terms.append(f"sum_{{k={first}..{last}}} {shown}")
        return code, terms

    def statement(self, line: Line, layer: int | None = None) -> str:
        """That of a line by itself; as in a loop over k, if it is one of layer k."""
        (part,) = statements(self._write(line, replace(self.scope, first=layer)))
        return broken(part.text)

    def value(self, name: str) -> str:
        """What a name stands for."""
        return self.scope.written(self._variable(name))

    def reading(self, names: Sequence[str], code: str) -> tuple[str, ...]:
        """What gives leaves their values; code: the value of one, with {} for its name."""
        variables = {name: self._variable(name) for name in names}
        alone = [name for name, v in variables.items() if not self.scope.lists(v)]
        out = []
        for _, group in groupby(alone, key=lambda name: self.tensors[name].layer):
            own = list(group)
            values = ", ".join(code.format(f'"{name}"') for name in own)
            out.append(f"{', '.join(own)} = {values}")
        listed = [v for v in variables.values() if self.scope.lists(v)]
        for base, numbers in _numbers(listed).items():
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
        both = [(self._variable(name), self._variable(g)) for name, g in gradients.items()]
        numbers, out = _numbers(name for name, _ in both), []
        every = max(numbers, key=lambda base: len(numbers[base]))
        for base, gradient in dict.fromkeys((name.base, g.base) for name, g in both):
            row = f'gradients[f"{base}_{{k}}"] = {gradient}[k]'
            same = numbers[base] == numbers[every]
            out += [row] if same else [f"if k in {base}:", f"    {row}"]
        return ("gradients = {}", f"for k in {every}:", *(f"    {row}" for row in out))


def forward_and_backward(
    program: Program, gradients: Mapping[str, str], dialect: Dialect = NUMPY
) -> Readable:
    """The forward and the backward part of a program; gradients: by parameter."""
    parts: tuple[list[Line], list[Line]] = [], []
    for line in program.lines:
        parts[line.lhs.role in ("gradient", "mask")].append(line)
    numbered = [*gradients, *gradients.values()]
    return Readable(*parts, tensors=program.tensors, numbered=numbered, dialect=dialect)


def dict_rows(values: Mapping[str, str | Tensor], tensors: Tensors) -> tuple[str, ...]:
    """The entries of a dict by names; those of equal layers in a comprehension.

    values: code, or a tensor of the same layer, for its name.
    """
    code, out = {variable(tensors[name]): of for name, of in values.items()}, list[str]()

    def shape(name: Name, layer: int) -> Hashable:
        of = code[name]
        return name.base, of if isinstance(of, str) else variable(of).base

    def general(of: Name) -> str:
        return f'f"{of.base}_{{k}}"'

    for own in rolled_layers(tuple(code), lambda name: name.layer, shape):
        if isinstance(own, Name):
            of = code[own]
            out.append(f'"{own}": {of if isinstance(of, str) else literal(of.name)},')
            continue
        each = f"for k in range({own.first}, {own.last + 1})"
        pairs = [
            (general(name), of if isinstance(of := code[name], str) else general(variable(of)))
            for name in own.items
        ]
        if len(pairs) == 1:
            out.append(f"**{{{pairs[0][0]}: {pairs[0][1]} {each}}},")
        else:
            both = ", ".join(f"({name}, {value})" for name, value in pairs)
            inner = ("name: shape", each, f"for name, shape in ({both})")
            out += ["**{", *(f"    {row}" for row in inner), "},"]
    return tuple(out)


def _numbers(names: Iterable[Name]) -> dict[str, list[int]]:
    """Base -> the numbers of the names with it."""
    found: dict[str, list[int]] = {}
    for name in names:
        found.setdefault(name.base, []).append(name.layer or 0)
    return found
