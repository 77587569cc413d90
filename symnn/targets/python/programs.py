"""Any program as NumPy or JAX: a statement for every line, under it, and a loop for every scan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import sympy as sp

from symnn.engine.ir import Axis, Item, Line, Scan, Tensor, Term, entries, indices_of
from symnn.engine.lower import lower_term
from symnn.engine.repeats import Repeat
from symnn.targets.code import Block, Name, Part, Statement
from symnn.targets.python.blocks import Blocks
from symnn.targets.python.expressions import ATOM, NUMPY, Called, Dialect, Expressions, Text, joined
from symnn.targets.python.reads import DTYPE, Body, Names, Reads, listed, sliced
from symnn.targets.wrapping import Assignment

Tensors = Mapping[str, Tensor]
TOGETHER = 4  # variables that get their values in one row
PUT = sp.Symbol("~put", real=True)  # behind other factors


@dataclass
class Function:
    """The statements of one function.

    blocks: the loops over equal blocks of layers.  called: the functions of the table that they
    call.  helpers: the files of runtime/.
    """

    names: Names
    tensors: Tensors
    blocks: Blocks
    scalar: str = ""  # the name of the loss, which is a Python number
    dialect: Dialect = NUMPY
    called: Called = field(default_factory=dict)
    helpers: set[str] = field(default_factory=set)
    body: Body = field(default_factory=Body)

    def part(self, items: Sequence[Item | Repeat[Item]]) -> list[Part]:
        """The statements of lines, scans and blocks, in order; after those of earlier ones."""
        before = len(self.body.statements)
        self.body.statements += self.blocks.made(items)
        for item in items:
            self._item(item, [self.body])
        return self.body.statements[before:]

    def _item(self, item: Item | Repeat[Item], bodies: Sequence[Body]) -> None:
        if isinstance(item, Repeat):
            usual = self.names
            inner = self.blocks.body(item)
            for own in item.items:
                self.names = self.blocks.within(usual, item, own)
                self._item(own, [*bodies, inner])
            bodies[-1].statements.append(Block(self.blocks.head(item), tuple(inner.statements)))
            self.names = usual
        elif isinstance(item, Scan):
            self._scan(item, bodies)
        else:
            self._line(item, bodies)

    def _scan(self, scan: Scan, bodies: Sequence[Body]) -> None:
        """Arrays for all that it computes, then the loop."""
        outer, inner = bodies[-1], Body(scan.axis, frozenset(line.lhs.name for line in scan.lines))
        for line in scan.lines:
            self._line(line, [*bodies, inner])
        for line in scan.lines:
            code = Text(f"{self.dialect.module}.zeros({self._shape(line.lhs.axes)}, dtype)", ATOM)
            self.helpers.add(DTYPE)
            outer.statements.append(self._assigned(self.names.tensors[line.lhs.name], code))
        size, step = self.names.size(scan.axis.size), self.names.index(scan.axis.symbol)
        if self.dialect.mutable:
            steps = f"reversed(range({size}))" if scan.reverse else f"range({size})"
            outer.statements.append(Block(f"for {step} in {steps}:", tuple(inner.statements)))
            return
        # compiled once, not for every step: what it computes goes in and comes out
        carried = [self.names.tensors[line.lhs.name] for line in scan.lines]
        collected, told = Statement(Assignment("carry", (listed(carried),))), _unpacked(carried)
        turned = [Statement(f"{step} = {size} - 1 - {step}")] if scan.reverse else []
        body = (*told, *turned, *inner.statements, collected, Statement("return carry"))
        head, empty = f"def step({step}, carry):", Statement("")
        outer.statements += [collected, empty, Block(head, body), empty]
        outer.statements.append(Statement(f"carry = lax.fori_loop(0, {size}, step, carry)"))
        outer.statements += told

    def _line(self, line: Line, bodies: Sequence[Body]) -> None:
        """The statement of a line, after those of what it reads."""
        variable, code = self.names.tensors[line.lhs.name], self._value(line, bodies)
        call = ""
        if (step := bodies[-1].step) is not None:
            axes = [a.symbol for a in line.lhs.axes]
            places = [self.names.index(s) if s == step.symbol else ":" for s in axes]
            if self.dialect.mutable:
                variable = sliced(variable, places)
            else:
                code = Text(f"{sliced(f'{variable}.at', places)}.set({code.code})", ATOM)
        elif line.lhs.name == self.scalar and self.dialect.scalar:
            call = self.dialect.scalar
        told = line.text(self.names.general)
        bodies[-1].statements.append(self._assigned(variable, code, told, call=call))

    def _assigned(self, variable: str, value: Text, *lines: str, call: str = "") -> Statement:
        return Statement(Assignment(variable, value.operands, call), lines, (Name(variable),))

    def _value(self, line: Line, bodies: Sequence[Body]) -> Text:
        """The code of the right side, of the shape of the left one, but for the step of a loop."""
        reads = Reads(self.names, self.tensors, bodies, line.axes, self.dialect.module)
        own = [a for a in line.lhs.axes if a.symbol in reads.axes]
        axes = tuple(a.symbol for a in own)

        def name(of: str) -> str:
            return reads.texts.get(of) or self.names.size(sp.Symbol(of))

        printer = Expressions(self.dialect, name, self.called, self.helpers)
        texts, found = list[Text](), set[sp.Symbol]()
        for term in line.terms:
            bare = self._put(line, term, own, reads) or reads.term(term)
            if bare.reduce == "first":
                texts.append(self._first(bare, own, printer))
                found |= {*axes}
            else:
                low = lower_term(bare, axes)
                texts.append(printer.term(low))
                found |= {a for part in low.factors for a in part.axes}
        self.helpers |= reads.calls
        if found == {*axes} or (texts and bodies[-1].step is not None):
            return joined(texts)
        if not texts:
            self.helpers.add(DTYPE)
            return Text(f"{self.dialect.module}.zeros({self._shape(own)}, dtype)", ATOM)
        value, shape = joined(texts).code, self._shape(own)
        return Text(f"{self.dialect.module}.broadcast_to({value}, {shape})", ATOM)

    def _first(self, term: Term, own: Sequence[Axis], printer: Expressions) -> Text:
        """Where the first of the largest values along some axes is: 1 there, else 0."""
        axes = tuple(a.symbol for a in own)
        values = printer.expression(term.f, axes)[0]
        along = tuple(axes.index(a.symbol) for a in term.over)
        if {i for e in entries(term.f) for i in indices_of(e)} != {*axes}:
            values = f"{self.dialect.module}.broadcast_to({values}, {self._shape(own)})"
        self.helpers.add("first")
        return Text(f"first({values}, {along})", ATOM)

    def _put(self, line: Line, term: Term, own: Sequence[Axis], reads: Reads) -> Term | None:
        """A term sum [i = e] f, where i is of the left side and e moves with what is summed over,
        as f put at the places e; None for others.
        """
        over = {a.symbol: a for a in term.over if a.symbol in reads.axes}
        factors, places = list(sp.Mul.make_args(term.f)), dict[sp.Symbol, sp.Expr]()
        for g in [g for g in factors if isinstance(g, sp.KroneckerDelta) and term.reduce == "sum"]:
            others = {
                s
                for h in factors
                if h is not g and h.free_symbols & over.keys()
                for s in h.free_symbols
            }
            left = {a.symbol for a in own} - others - places.keys()
            for i, e in (g.args, g.args[::-1]):
                if i in left and e.free_symbols & over.keys():
                    places[i] = e
                    factors.remove(g)
                    break
        if not places:
            return None
        used = {s for e in places.values() for s in e.free_symbols}
        pointed = any(isinstance(e, sp.Indexed) for e in places.values())
        kept = [a for a in own if a.symbol not in places]
        moved = [a for a in term.over if a.symbol in used]
        inside = [g for g in factors if g.free_symbols & over.keys()]
        rest = tuple(a for a in term.over if a.symbol not in used)
        axes = [*moved, *kept] if pointed else [*kept, *moved]
        every = {a.symbol: a for a in axes}
        stored = (indices_of(e) for g in inside for e in entries(g))
        order = next((i for i in stored if {*i} == every.keys() and len(i) == len(every)), every)
        axes = axes if pointed else [every[i] for i in order]
        values = self.names.fresh(line.lhs.name)
        value = Line(Tensor(values, tuple(axes)), (Term(sp.Mul(*inside), rest),))
        statement = self._assigned(
            values, self._value(value, reads.bodies), value.text(self.names.general)
        )
        reads.bodies[-1].statements.append(statement)
        at = [places.get(a.symbol, a.symbol) for a in own]
        code = (
            reads.added(values, axes, at, self._sizes(own))
            if pointed
            else reads.placed(values, axes, at, self._sizes(own))
        )
        outside = [reads.rewritten(g) for g in factors if g not in inside]
        return Term(sp.Mul(*outside, reads.array(PUT, code, tuple(a.symbol for a in own))))

    def _shape(self, axes: Sequence[Axis]) -> str:
        return self.names.size(axes[0].size) if len(axes) == 1 else self._sizes(axes)

    def _sizes(self, axes: Sequence[Axis]) -> str:
        return listed([self.names.size(a.size) for a in axes])


def _unpacked(names: Sequence[str]) -> list[Statement]:
    """The statements that give the parts of the tuple carry their names, a few in a row."""
    out = list[Statement]()
    for k in range(0, len(names), TOGETHER):
        own = names[k : k + TOGETHER]
        places = f"{k}:{k + len(own)}" if len(own) > 1 else str(k)
        out.append(Statement(f"{', '.join(own)} = carry[{places}]"))
    return out
