"""Plans as C: products by the file's own kernels, everything else as loops over components."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import sympy as sp

from symnn.engine.ir import Axis, Line, Tensor, entries, name_of
from symnn.engine.repeats import layer_of, line_layer
from symnn.targets.c.scalars import Constants, Numbers, Scalars
from symnn.targets.loops import C, Folded, Row, folded, has_loops
from symnn.targets.plan.operations import Node
from symnn.targets.plan.plan import Block, Map, Plan, PlanError, Product, Reduction, Zero
from symnn.targets.python.arrays import SAMPLES, Arrays, columns, number_of
from symnn.targets.python.planned import loss_penalty
from symnn.targets.python.update import PARAMETERS, flat_lines, vector

WIDTH = 92
AT = "[j * ld + n]"  # of unit j and sample n


@dataclass
class Function:
    """The body of a C function of a plan.

    declarations, setup: its pointers.  constants: numbers computed once.  steps, loss: its
    statements.  result: where its value is.  places: rows of its memory.  scratch: units of a
    transposed copy.  calls: the functions of the file that its statements call, those of
    scalars without their real_.  variables: those that its constants read, seed, N, eta and t.
    unread: its pointers and arguments that no statement reads.
    """

    declarations: list[str] = field(default_factory=list)
    constants: list[str] = field(default_factory=list)
    setup: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    loss: tuple[str, ...] = ()
    result: str = ""
    places: int = 0
    scratch: int = 0
    calls: frozenset[str] = frozenset()
    variables: frozenset[str] = frozenset()
    unread: list[str] = field(default_factory=list)


def gradient(plan: Plan, numbers: Numbers) -> Function:
    """The gradient and the loss; numbers: hyperparameter -> value.

    Raises PlanError for what it cannot print.
    """
    return _Printer(plan, Constants(numbers)).function()


def prediction(plan: Plan, numbers: Numbers) -> Function:
    """F(x), from a plan of the output alone; without dropout."""
    return _Printer(plan, Constants(numbers), dropout=False).function()


def update(
    lines: Sequence[Line], gradients: Mapping[str, str], states: Sequence[str], numbers: Numbers
) -> tuple[Function, bool]:
    """One loop over all parameters, and whether eta is a factor of the gradients themselves."""
    vectors, folded_ = flat_lines(lines, gradients, states)
    constants, code, written = Constants(numbers), [], []
    scalars = Scalars(lambda node: f"{node.name}[p]", (PARAMETERS.symbol,), constants)
    for line in vectors:
        f = line.terms[0].f
        own = [e for e in entries(f) if isinstance(e, sp.Indexed)]
        f = f.xreplace({e: vector(name_of(e).removesuffix("_next")) for e in own})
        code += scalars.assigned(f, f"{line.lhs.name.removesuffix('_next')}[p] =")
        written.append(str(line))
    found = Function(constants=constants.rows())
    loop = ["EACH(p, NET_SIZE)" + " {" * (len(code) > 1), *_body(code)]
    rows = [Row(None, tuple(loop), tuple(written))]
    found.steps = _folded(rows, loops=False).text
    found.calls, found.variables = frozenset(scalars.calls), frozenset(constants.reads)
    used = {*scalars.reads, *constants.reads, *(line.lhs.name for line in vectors)}
    found.unread = [n for n in ("eta", "t", *states) if not {n, f"{n}_next"} & used]
    return found, folded_


class _Printer:
    def __init__(self, plan: Plan, constants: Constants, dropout: bool = True) -> None:
        self.plan, self.arrays, self.constants = plan, Arrays(plan), constants
        self.scratch = 0
        self.weights = {b.weights: b for b in plan.blocks}
        self.axes = {a.symbol: a for t in self.arrays.tensors.values() for a in t.axes}
        self.calls: set[str] = set()
        self.reads: set[str] = set()
        self.pointers: list[tuple[str, str]] = []  # with their types
        masks = plan.program.leaves_of("mask")
        self.masks = masks if dropout else ()
        self.ones = {m.entry: sp.S.One for m in masks if not dropout}

    def function(self) -> Function:
        rows, loss = self._steps(), self._loss()
        setup, places = self._setup()
        loops = has_loops([*setup, *rows])
        pointers, steps, last = (_folded(r, loops) for r in (setup, rows, loss))
        found = Function(
            constants=self.constants.rows(),
            setup=pointers.text,
            steps=steps.text,
            loss=last.text,
            places=places,
            scratch=self.scratch,
        )
        bases: dict[str, None] = {}
        for kind in ("const net_real", "net_real"):
            names = dict.fromkeys(self._declared(n, loops) for n, k in self.pointers if k == kind)
            text = f"{kind} {', '.join(f'*{n}' for n in names)};"
            bases |= dict.fromkeys(n.split("[")[0] for n in names if not n.startswith("pools["))
            if names:
                found.declarations += textwrap.wrap(text, WIDTH, subsequent_indent="    ")
        if len(self.plan.records) == 1:
            result = _folded([Row(None, self.plan.records)], loops)
            found.result = result.text[0]
        read = {self._declared(n, loops).split("[")[0] for n in (*self.reads, *self.plan.records)}
        found.unread = [n for n in bases if n not in read]
        read |= self.reads | self.constants.reads
        found.unread += [n for n in ("seed", "scratch", "y", "x_rows") if n not in read]
        found.calls, found.variables = frozenset(self.calls), frozenset(self.constants.reads)
        return found

    # -- memory

    def _setup(self) -> tuple[list[Row], int]:
        """The pointers: into theta, into the gradient, and into the memory of values."""
        training = any(isinstance(k, Zero | Product) and k.out.block for k in self.plan.kernels)
        real, fixed = "net_real", "const net_real"
        rows: list[tuple[list[str], int | None, list[tuple[str, str]]]] = []
        for b in self.plan.blocks:
            k = layer_of(b.weights)
            code, names = [f"W_{k} = theta;", f"theta += {size(b)};"], [(f"W_{k}", fixed)]
            if training:
                code += [f"dW_{k} = gradient;", f"gradient += {size(b)};"]
                names.append((f"dW_{k}", real))
            rows.append((code, k, names))
        pools, sizes = self.arrays.pools(), []
        widest = max(b.units for b in self.plan.blocks)
        taken = {n: self.arrays.place(n) for n in self.plan.tensors}
        # what is in another one's place comes after it
        for name in sorted(self.plan.tensors, key=lambda name: taken[name] != name):
            axes = columns(self.plan.tensors[name].axes)
            units = f"UNITS[{number_of(axes[0].name)}]" if len(axes) == 2 else "1"
            if taken[name] != name:
                code = [f"{name} = {taken[name]};"]
            elif name in pools:
                code = [f"{name} = pools[{pools[name]}];"]
            else:
                code = [f"{name} = place;", f"place += {units} * ld;"]
                sizes.append(int(self.axes[axes[0]].size) if len(axes) == 2 else 1)
            rows.append((code, layer_of(taken[name]), [(name, real)]))
        for mask in self.masks:
            units = f"UNITS[{number_of(columns(mask.axes)[0].name)}]"
            code = [f"{mask.name} = masks;", f"masks += {units} * ld;"]
            rows.append((code, layer_of(mask.name), [(mask.name, fixed)]))
        rows.sort(key=lambda row: row[1] or 0)
        count = max(pools.values(), default=-1) + 1
        first = [f"pools[{p}] = place + {p * widest} * ld;" for p in range(count)]
        self.pointers = [(f"pools[{p}]", real) for p in range(count)]
        self.pointers += [pointer for _, _, names in rows for pointer in names]
        if count:
            first.append(f"place += {count * widest} * ld;")
        layered = [Row(k, tuple(code)) for code, k, _ in rows]
        return [*(Row(None, (text,)) for text in first), *layered], sum(sizes) + count * widest

    def _declared(self, name: str, loops: bool) -> str:
        """A pointer as it is declared; with loops, those of all layers are in lists."""
        listed = _folded([Row(None, (name,))], loops).text[0]
        return f"{listed.split('[')[0]}[{len(self.plan.blocks) + 1}]" if "[" in listed else listed

    # -- statements

    def _steps(self) -> list[Row]:
        rows: list[Row] = []
        before: tuple[Line, ...] = ()
        for kernel in self.plan.kernels:
            match kernel:
                case Product():
                    code = self._product(kernel)
                case Map(_, out, f):
                    code = self._map(out, f)
                case Reduction():
                    code = self._reduction(kernel)
                case Zero(_, out):
                    b = self.plan.block_of(out.name)
                    k = layer_of(out.name)
                    self.reads.add(f"dW_{k}")
                    code = [f"EACH(i, {size(b)})", f"    dW_{k}[i] = R(0.0);"]
            fresh = [str(x) for x in kernel.lines if x not in before]
            layer = line_layer(kernel.lines[-1]) if kernel.lines else None
            if fresh or not rows:
                rows.append(Row(layer, tuple(code), tuple(fresh)))
            else:
                rows[-1] = Row(rows[-1].layer, (*rows[-1].code, *code), rows[-1].comment)
            before = kernel.lines or before
        return rows

    def _call(self, function: str, *arguments: str) -> str:
        """A call of a function of the file."""
        self.calls.add(function)
        self.reads.update(a for a in arguments if a.isidentifier())
        return f"{function}({', '.join(arguments)})"

    def _product(self, p: Product) -> list[str]:
        if p.left.block:
            b = self.plan.block_of(p.left.name)
            k, function = layer_of(b.weights), "affine_T" if b.transposed else "affine"
            bias = str(int(b.bias is not None))
            names = (f"W_{k}", p.right.name, p.out.name)
            return [self._call(function, f"UNITS[{k}]", _inputs(b), bias, *names, "ld") + ";"]
        if p.out.block:
            return self._slope(p, self.plan.block_of(p.out.name))
        if p.left.name not in self.weights or not p.left.transposed or p.right.transposed:
            raise PlanError(f"no kernel for the product in the line\n  {p.lines[0]}")
        b = self.weights[p.left.name]
        if not b.transposed:
            raise PlanError(f"{b.weights} is not stored as the backward sweep reads it")
        k = layer_of(b.weights)
        names = (f"W_{k}", p.right.name, p.out.name)
        return [self._call("pulled", f"UNITS[{k}]", _inputs(b), *names, "ld") + ";"]

    def _slope(self, p: Product, b: Block) -> list[str]:
        """dA_k = dz v': a product whose right operand must have units, or inputs, last."""
        k, source, bias = layer_of(b.weights), p.right.name, int(b.bias is not None)
        shape = (f"UNITS[{k}]", _inputs(b), str(bias), "rows", p.left.name)
        if b.transposed:
            self.scratch = max(self.scratch, b.units)
            return [self._call("slope_T", *shape, source, f"dW_{k}", "ld", "scratch") + ";"]
        if source == self.arrays.x.name:
            return [self._call("slope", *shape, "x_rows", f"dW_{k}", "ld") + ";"]
        self.scratch = max(self.scratch, b.inputs)
        to = ("scratch", f"PADDED({_inputs(b)})")
        return [
            self._call("transpose", _inputs(b), "rows", source, "ld", *to) + ";",
            self._call("slope", *shape, "scratch", f"dW_{k}", "ld") + ";",
        ]

    def _map(self, out: Tensor, f: sp.Expr) -> list[str]:
        f = self._read(f)
        axes = columns(out.axes)
        self.reads.add(out.name)
        plain = all(_axes_of(e) == set(axes) for e in entries(f) if isinstance(e, sp.Indexed))
        if len(axes) == 1 and axes[0].name != SAMPLES:
            raise PlanError(f"no loop over {out}")
        if plain:
            count = f"UNITS[{number_of(axes[0].name)}] * ld" if len(axes) == 2 else "ld"
            code = self._scalars(axes, flat=True).assigned(f, f"{out.name}[i] =")
            return [f"EACH(i, {count})" + " {" * (len(code) > 1), *_body(code)]
        code = self._scalars(axes).assigned(f, f"{_at(out.name, axes)} =")
        return self._over(axes[0], code)

    def _over(self, units: sp.Symbol, code: Sequence[str]) -> list[str]:
        """Statements for every unit j and sample n."""
        inner = ["EACH(n, ld)" + " {" * (len(code) > 1), *_body(code)]
        head = f"for (size_t j = 0; j < UNITS[{number_of(units.name)}]; j++)"
        return [head, *(f"    {t}" for t in inner)]

    def _reduction(self, r: Reduction) -> list[str]:
        if len(r.over) != 1 or [a.name for a in r.out.axes] != [SAMPLES]:
            raise PlanError(f"no loop for the reduction in the line\n  {r.lines}")
        axes = columns((*r.over, *r.out.axes))
        out, f = f"{r.out.name}[n]", self._read(r.f)
        self.reads.add(r.out.name)
        if r.kind == "max":
            self.calls.add("max")
            code = self._scalars(axes).assigned(f, "const net_real value =")
            code.append(f"{out} = real_max({out}, value);")
        else:
            code = self._scalars(axes).assigned(f, f"{out} +=")
        start = "-NET_MAX" if r.kind == "max" else "R(0.0)"
        return ["EACH(n, ld)", f"    {out} = {start};", *self._over(axes[0], code)]

    def _scalars(self, axes: tuple[sp.Symbol, ...], flat: bool = False) -> Scalars:
        def entry(node: Node) -> str:
            return f"{node.name}[i]" if flat else _at(node.name, node.axes)

        return Scalars(entry, axes, self.constants, self.plan.positive, self.calls, self.reads)

    def _read(self, f: sp.Expr) -> sp.Expr:
        """``f`` with what C needs no array for: c y, and masks without dropout."""
        y = self.arrays.y.entry
        table: dict[sp.Expr, sp.Expr] = {}
        if self.plan.target_factor is not None:
            table[Tensor("c_y", self.arrays.y.axes).entry] = self.plan.target_factor * y
        return f.xreplace({**table, **self.ones})

    # -- the loss

    def _loss(self) -> list[Row]:
        """L: its terms are summed for each sample, in the order of memory, and then over them."""
        rows: list[Row] = []
        table: dict[sp.Expr, sp.Expr] = {}
        for line in self.plan.loss:
            terms = [(t.f.xreplace(table), t.over) for t in line.terms]
            if line.lhs.axes:
                if any(over for _, over in terms):
                    raise PlanError(f"no loop for the line\n  {line}")
                table[line.lhs.entry] = sp.Add(*(f for f, _ in terms))
                continue
            code: list[str] = []
            for f, over in terms:
                code += self._summed(f, over)
            rows.append(Row(None, tuple(code), (str(line),)))
        factor = loss_penalty(self.plan)
        if factor is not None and rows:
            code = [f"const net_real penalty = {self.constants.text(factor)[0]};"]
            for b in self.plan.blocks:
                squares = self._call("squares", layout(b), f"W_{layer_of(b.weights)}")
                code.append(f"L += penalty * {squares};")
            text = "the part of L without samples"
            rows += [Row(None, (code[0],), (text,))]
            rows += [
                Row(layer_of(b.weights), (c,))
                for b, c in zip(self.plan.blocks, code[1:], strict=True)
            ]
        return rows

    def _summed(self, f: sp.Expr, over: Sequence[Axis]) -> list[str]:
        axes = columns(over)
        if axes[-1].name != SAMPLES:
            raise PlanError(f"a term of the loss is not a sum over samples: {f}")
        if len(axes) == 1:
            code = self._scalars(axes).assigned(f, "L +=")
            return ["for (size_t n = 0; n < rows; n++)" + " {" * (len(code) > 1), *_body(code)]
        code = self._scalars(axes).assigned(f, "scratch[n] +=")
        self.scratch = max(self.scratch, 1)
        return [
            "EACH(n, ld)",
            "    scratch[n] = R(0.0);",
            *self._over(axes[0], code),
            f"L += {self._call('total', 'rows', 'scratch')};",
        ]


def size(b: Block) -> str:
    """The number of entries of a block."""
    return f"UNITS[{layer_of(b.weights)}] * {_width(b)}"


def _width(b: Block) -> str:
    return f"({_inputs(b)} + 1)" if b.bias is not None else _inputs(b)


def _inputs(b: Block) -> str:
    k = layer_of(b.weights)
    assert k is not None
    return f"UNITS[{k - 1}]"


def layout(b: Block) -> str:
    """Runs of weights in a block, their length, and the distance from one to the next."""
    k = layer_of(b.weights)
    if b.transposed:
        return f"1, {_inputs(b)} * UNITS[{k}], 0"
    return f"UNITS[{k}], {_inputs(b)}, {_width(b)}"


def _axes_of(e: sp.Indexed) -> set[sp.Symbol]:
    return set(e.indices)


def _at(name: str, axes: Sequence[sp.Symbol]) -> str:
    if len(axes) == 2:
        return f"{name}{AT}"
    return f"{name}[{'n' if axes[0].name == SAMPLES else 'j'}]"


def _body(code: Sequence[str]) -> list[str]:
    return [*(f"    {t}" for t in code), *(["}"] if len(code) > 1 else [])]


def _broken(code: str, indent: int) -> str:
    """A statement over several rows if need be, none of which ends in an index."""
    fixed, text = AT.replace(" ", "\N{NO-BREAK SPACE}"), code.lstrip()
    rows = textwrap.wrap(text.replace(AT, fixed), 78, subsequent_indent="    ")
    lead = code[: len(code) - len(text)]
    return "\n".join(lead + row.replace(fixed, AT) for row in rows)


def _folded(rows: Iterable[Row], loops: bool) -> Folded:
    return folded(rows, loops=loops, language=C, width=WIDTH - 14, broken=_broken)
