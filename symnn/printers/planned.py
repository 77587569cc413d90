"""Plans as NumPy code: arrays that are allocated once, and statements that write into them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import sympy as sp

from symnn.chains import Axes, Call, Node, Operand, Work, chain
from symnn.fold import layer_of
from symnn.ir import Axis, Line, Tensor, Term, axis, entries, indices_of, name_of
from symnn.plan import SEED, Block, Map, Plan, PlanError, Product, Reduction, reads_of
from symnn.plan import Operand as Matrix
from symnn.printers.numpy import expression, statement

WORK, FLAGS = ("t", "v", "w", "g", "f"), ("p", "q")
NAMED = {0: "zero", 1: "one", 2: "two", -1: "minus_one"}
SAMPLES = "n"


@dataclass(frozen=True)
class Statement:
    """Statements for some lines of the derivation."""

    lines: tuple[Line, ...]
    code: tuple[str, ...]


@dataclass
class Planned:
    """What the template fills in.

    setup: the allocations.  views: argument of a step -> its expression for the step i.
    """

    setup: list[str] = field(default_factory=list)
    kept: list[tuple[str, str]] = field(default_factory=list)
    views: dict[str, str] = field(default_factory=dict)
    steps: list[Statement] = field(default_factory=list)
    losses: list[Statement] = field(default_factory=list)
    blocks: list[str] = field(default_factory=list)
    parameters: list[tuple[str, str]] = field(default_factory=list)
    penalty: str = ""
    target_factor: str = ""


def planned(plan: Plan) -> Planned:
    """The code of a plan."""
    return _Printer(plan).run()


class _Printer:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.out = Planned()
        self.tensors = {**plan.program.tensors, **plan.tensors}
        self.x, self.y = (plan.program.leaves_of(role)[0] for role in ("input", "target"))
        self.tensors["c_y"] = Tensor("c_y", self.y.axes)
        self.used: set[str] = set()
        self.constants: dict[sp.Expr, str] = {}
        self.full: dict[str, tuple[str, Axes]] = {}
        self.works: dict[str, tuple[str, Axes]] = {}

    def run(self) -> Planned:
        for k in range(len(self.plan.kernels)):
            self._kernel(k)
        self._blocks()
        self._penalty()
        self._views()
        self._losses()
        if self.plan.target_factor is not None:
            self.out.target_factor = expression(self.plan.target_factor, ())[0]
        self.out.setup = [
            *self._constants(),
            *self._parameters(),
            *self._values(),
            *self._working(),
        ]
        return self.out

    # -- kernels

    def _kernel(self, k: int) -> None:
        kernel = self.plan.kernels[k]
        match kernel:
            case Product():
                code = [self._product(kernel)]
            case Map(_, out, f):
                code = self._chain(f, out, self._dying(k))
            case Reduction():
                code = self._reduction(kernel, k)
        self._say(kernel.lines, code)

    def _say(self, lines: tuple[Line, ...], code: Sequence[str]) -> None:
        """Statements below the lines that they compute; no line is shown twice."""
        steps = self.out.steps
        fresh = tuple(x for x in lines if not (steps and x in steps[-1].lines))
        if steps and not fresh:
            steps[-1] = Statement(steps[-1].lines, (*steps[-1].code, *code))
        else:
            steps.append(Statement(fresh, tuple(code)))

    def _product(self, p: Product) -> str:
        if p.out.block:
            block = self.plan.block_of(p.out.name)
            if block.transposed:
                left = Matrix(p.right.name, not p.right.transposed, p.right.ones)
                right = Matrix(p.left.name, True)
                return f"{self._matrix(left)}.dot({self._matrix(right)}, {gradient(block)}_T)"
            return f"{self._matrix(p.left)}.dot({self._matrix(p.right)}, {gradient(block)})"
        return f"{self._matrix(p.left)}.dot({self._matrix(p.right)}, {self._array(p.out.name)})"

    def _matrix(self, m: Matrix) -> str:
        name = whole(self.plan.block_of(m.name)) if m.block else m.name + "_one" * m.ones
        return self._array(name + "_T" * m.transposed)

    def _array(self, name: str) -> str:
        self.used.add(name)
        return name

    def _dying(self, k: int) -> set[str]:
        """The memory of values that no later kernel reads."""
        later = {n for other in self.plan.kernels[k + 1 :] for n in reads_of(other)}
        plan = self.plan
        kept = {*later, *plan.records, *plan.ones, "c_y"}
        mine = {n for n in reads_of(plan.kernels[k]) if n in plan.tensors and n not in kept}
        return {self._place(n) for n in mine}

    def _place(self, name: str) -> str:
        return self.plan.place.get(name, name)

    def _chain(self, f: sp.Expr, out: Tensor, dying: Iterable[str]) -> list[str]:
        axes = columns(out.axes)
        target = Node("array", axes, out.name)
        calls = chain(f, axes, target, self._place, dying, self.plan.positive)
        return [text for call in calls for text in self._call(call)]

    def _reduction(self, r: Reduction, k: int) -> list[str]:
        """A product with ones; a maximum is NumPy's own."""
        axes = columns((*r.over, *r.out.axes))
        code: list[str] = []
        if r.f in entries(r.f):
            name = self._array(name_of(r.f))
        else:
            work = Work(axes, 1)
            target = Node("array", axes, self._operand(work))
            code = [
                text
                for call in chain(r.f, axes, target, self._place, self._dying(k), self.plan.positive)
                for text in self._call(call)
            ]
            name = self._operand(work)
        out = self._array(r.out.name)
        if r.kind == "max":
            return [*code, f"np.maximum.reduce({name}, 0, None, {out})"]
        return [*code, f"{self._full(sp.S.One, axes[:1])}.dot({name}, {out})"]

    # -- the loss of the steps

    def _penalty(self) -> None:
        """What the loss adds for the parameters alone, c times their sum of squares."""
        parts: dict[sp.Expr, list[str]] = {}
        for t in self.plan.loss_penalties:
            entry = next(e for e in entries(t.f) if isinstance(e, sp.Indexed))
            factor = t.f / entry**2
            if entries(factor) and entry in entries(factor):
                raise PlanError(f"no kernel for the term {t}")
            name = self._array(name_of(entry))
            parts.setdefault(factor, []).append(f'np.einsum("ij,ij", {name}, {name})')
        self.out.penalty = " + ".join(
            f"{expression(c, ())[0]} * ({' + '.join(squares)})" for c, squares in parts.items()
        )

    def _losses(self) -> None:
        """The lines of the loss for the steps t of the epochs e."""
        ahead = axis("e", sp.Symbol("E", integer=True)), axis("t", sp.Symbol("T", integer=True))
        for name in self.plan.records:
            axes = columns(self.tensors[name].axes)
            self.out.kept.append((name, ", ".join(self._shape(axes).strip("()").split(", "))))
        table = {name: (*ahead, *_sorted(self.tensors[name].axes)) for name in self.plan.records}
        table[self.y.name] = (*ahead[1:], *_sorted(self.y.axes))
        for line in self.plan.loss:
            table[line.lhs.name] = (*ahead, *_sorted(line.lhs.axes))
        for line in self.plan.loss:
            terms = [Term(_moved(t.f, table, self.tensors), t.over, t.reduce) for t in line.terms]
            if self.out.penalty and line.lhs.name == "L":
                terms.append(Term(Tensor("penalty", ahead).entry))
            moved = Line(Tensor(line.lhs.name, table[line.lhs.name]), tuple(terms), line.why)
            self.out.losses.append(Statement((moved,), (statement(moved, 8),)))

    # -- calls and operands

    def _call(self, call: Call) -> list[str]:
        if call.name == "copyto":
            out, value = self._operand(call.out), self._operand(call.args[0])
            where = f", where={self._operand(call.args[1])}" if len(call.args) > 1 else ""
            return [f"np.copyto({out}, {value}{where})"]
        if call.name == "keep":
            value, positive = call.args
            flag = self._bits(self._operand(Work(call.out.axes, 9)))
            one = self._bits(self._full(sp.S.One, call.out.axes))
            a, v, out = (self._bits(self._operand(o)) for o in (positive, value, call.out))
            return [f"np.minimum({a}, {one}, out={flag})", f"np.multiply({v}, {flag}, {out})"]
        if call.name == "erfc":
            return [f"{self._operand(call.out)}[...] = erfc({self._operand(call.args[0])})"]
        args = ", ".join(map(self._operand, call.args))
        out = self._operand(call.out)
        return [f"np.{call.name}({args}, out={out})"]

    def _operand(self, operand: Operand) -> str:
        if isinstance(operand, Work):
            letters = FLAGS if operand.flags else WORK
            name = f"{letters[min(operand.number, len(letters)) - 1]}_{_where(operand.axes)}"
            self.works[name] = name[0], operand.axes
            return self._array(name)
        if operand.kind == "constant":
            return self._constant(operand.value)
        if operand.kind == "full":
            return self._full(operand.value, operand.axes)
        return self._array(operand.name)

    def _constant(self, value: sp.Expr | None) -> str:
        assert value is not None
        if value not in self.constants:
            plain = NAMED.get(int(value)) if value.is_Integer else None
            further = sum(name.startswith("c") for name in self.constants.values()) + 1
            self.constants[value] = plain or f"c{further}"
        return self.constants[value]

    def _full(self, value: sp.Expr | None, axes: Axes) -> str:
        """An array with the same number everywhere."""
        base = self._constant(value)
        name = f"{base}s_{_where(axes)}"
        self.full[name] = base, axes
        return self._array(name)

    def _bits(self, name: str) -> str:
        return self._array(f"{name}_bits")

    # -- allocations

    def _constants(self) -> list[str]:
        found = []
        for value, name in self.constants.items():
            text = expression(value, ())[0] if value.has(SEED) else repr(float(value))
            found.append(f"{name} = np.array({text}, dtype)")
        return found

    def _blocks(self) -> None:
        """The blocks as parts of a flat vector, and the parameters as parts of those."""
        views = {}
        for b in self.plan.blocks:
            name = whole(b) + "_T" * b.transposed
            shape = (b.width, b.units) if b.transposed else (b.units, b.width)
            self.out.blocks.append(f"{name} = vector[{b.start}:{b.start + b.size}].reshape{shape}")
            cut = "" if b.bias is None else f"[:{b.inputs}]" if b.transposed else f"[:, :{b.inputs}]"
            views[b.weights] = name + cut + ".T" * b.transposed
            if b.bias is not None:
                views[b.bias] = f"{name}[{b.inputs}]" if b.transposed else f"{name}[:, {b.inputs}]"
        order = self.plan.program.leaves_of("parameter")
        self.out.parameters = [(t.name, views[t.name]) for t in order]

    def _parameters(self) -> list[str]:
        """[A_k b_k] and its gradient, and what the products read of them."""
        rows = []
        for b in self.plan.blocks:
            shape = (b.width, b.units) if b.transposed else (b.units, b.width)
            part = f"[{b.start}:{b.start + b.size}].reshape{shape}"
            turn = "_T" * b.transposed
            rows.append(f"{whole(b)}{turn} = theta{part}")
            rows.append(f"{gradient(b)}{turn} = g{part}")
            if b.transposed:
                rows.append(f"{whole(b)} = {whole(b)}_T.T")
            if b.weights in self.used:
                rows.append(f"{b.weights} = {whole(b)}" + f"[:, :{b.inputs}]" * (b.bias is not None))
            if f"{b.weights}_T" in self.used:
                rows.append(f"{b.weights}_T = {whole(b)}_T" + f"[:{b.inputs}]" * (b.bias is not None))
        return rows

    def _values(self) -> list[str]:
        """An array for every value that has none in another one's place."""
        rows = []
        pools = self._pools()
        largest: dict[int, int] = {}
        for name, pool in pools.items():
            largest[pool] = max(largest.get(pool, 0), self._units(name))
        rows += [f"pool_{k} = np.empty({units} * rows, dtype)" for k, units in largest.items()]
        homes = sorted(self.plan.tensors, key=lambda name: self._place(name) != name)
        for name in homes:
            home, axes = self._place(name), columns(self.plan.tensors[name].axes)
            if name in self.out.views:
                pass
            elif home != name:
                rows.append(f"{name} = {home}")
            elif name in self.plan.ones:
                units = self._units(name)
                rows.append(f"{name}_one = np.ones(({units + 1}, rows), dtype)")
                rows.append(f"{name} = {name}_one[:{units}]")
            elif name in pools:
                units = self._units(name)
                rows.append(f"{name} = pool_{pools[name]}[: {units} * rows].reshape({units}, rows)")
            else:
                rows.append(f"{name} = np.empty({self._shape(axes)}, dtype)")
        rows += [
            f"{mask.name} = np.ones({self._shape(columns(mask.axes))}, dtype)"
            for mask in self.plan.program.leaves_of("mask")
        ]
        turned = [n.removesuffix("_T") for n in self.used if n.endswith("_T")]
        own = {n + "_one" * one for n in self.plan.tensors for one in (0, 1)}
        rows += [f"{n}_T = {n}.T" for n in sorted(turned) if n in own and f"{n}_T" not in self.out.views]
        return rows

    def _pools(self) -> dict[str, int]:
        """Value -> the pool of memory it is in: two that are needed at once are in different ones."""
        first: dict[str, int] = {}
        last: dict[str, int] = {}
        for k, kernel in enumerate(self.plan.kernels):
            for name in (*reads_of(kernel), kernel.out.name):
                if name in self.plan.tensors:
                    first.setdefault(self._place(name), k)
                    last[self._place(name)] = k
        pools: dict[str, int] = {}
        for name in sorted(first, key=lambda n: first[n]):
            axes = self.plan.tensors[name].axes
            if name in self.plan.records or name in self.plan.ones or len(axes) < 2:
                continue
            taken = {p for other, p in pools.items() if last[other] >= first[name]}
            pools[name] = next(p for p in range(len(pools) + 1) if p not in taken)
        return pools

    def _units(self, name: str) -> int:
        return int(self._shape(columns(self.tensors[name].axes)).split(",")[0].strip("("))

    def _working(self) -> list[str]:
        """Work arrays, arrays of one number, and the bits of arrays."""
        rows = []
        groups: dict[str, list[str]] = {}
        for name, (base, axes) in {**self.works, **self.full}.items():
            groups.setdefault(base, []).append(name)
        for base, names in sorted(groups.items()):
            entries_ = {n: {**self.works, **self.full}[n][1] for n in sorted(names)}
            flags = any(base == f for f in FLAGS)
            for name, axes in entries_.items():
                fill = f"np.full({self._shape(axes)}, {base}, dtype)" if name in self.full else ""
                rows.append(f"{name} = " + (fill or f"np.empty({self._shape(axes)}, {'bool' if flags else 'dtype'})"))
        for name in sorted(n.removesuffix("_bits") for n in self.used if n.endswith("_bits")):
            bits = f"{name}.view(f\"u{{dtype.itemsize}}\")"
            rows.append(f"{name}_bits = np.ones_like({bits})" if name in self.full else f"{name}_bits = {bits}")
        return rows

    def _views(self) -> None:
        """What differs from step to step: the samples, and what is kept for the loss."""
        x, views = self.x.name, self.out.views
        if f"{x}_one" in self.used:
            views[f"{x}_one"] = "x_rows[i % batches].T"
        if f"{x}_one_T" in self.used:
            views[f"{x}_one_T"] = "x_rows[i % batches]"
        if x in self.used:
            views[x] = "x_rows[i % batches].T[:INPUTS]"
        if f"{x}_T" in self.used:
            views[f"{x}_T"] = "x_rows[i % batches][:, :INPUTS]"
        for name in ("y", "c_y"):
            if name in self.used:
                views[name] = f"{name}[i % batches]"
        if self.out.penalty:
            views["penalty"] = "penalty_kept[i : i + 1]"
        for record in self.plan.records:
            views[record] = f"{record}_kept[i]"
            for name, home in self.plan.place.items():
                if home == record and name in self.used:
                    views[name] = f"{record}_kept[i]"
            if f"{record}_T" in self.used:
                views[f"{record}_T"] = f"{record}_kept[i].T"

    def _shape(self, axes: Axes) -> str:
        sizes = {a.symbol: a for t in self.tensors.values() for a in t.axes}
        found = ["rows" if a.name == SAMPLES else str(sizes[_root(a)].size) for a in axes]
        return found[0] if len(found) == 1 else f"({', '.join(found)})"


def _root(a: sp.Symbol) -> sp.Symbol:
    """The axis that a captured one copies: j1_ -> j1."""
    return sp.Symbol(a.name.rstrip("_"), integer=True)


def _where(axes: Axes) -> str:
    number = _number(axes[0].name) if axes[0].name != SAMPLES else None
    return "n" if number is None else str(number)


def whole(block: Block) -> str:
    """The name of [A_k b_k]."""
    return f"W_{layer_of(block.weights)}"


def gradient(block: Block) -> str:
    """The name of its gradient."""
    return f"dW_{layer_of(block.weights)}"


def columns(axes: Iterable[Axis]) -> Axes:
    """Axes with the samples last."""
    return tuple(sorted((a.symbol for a in axes), key=lambda a: a.name == SAMPLES))


def _sorted(axes: Iterable[Axis]) -> tuple[Axis, ...]:
    return tuple(sorted(axes, key=lambda a: a.name == SAMPLES))


def _moved(f: sp.Expr, table: dict[str, tuple[Axis, ...]], tensors: dict[str, Tensor]) -> sp.Expr:
    """``f`` with entries that have further axes ahead, and the samples last."""
    found = {}
    for e in entries(f):
        name = name_of(e)
        if name in table:
            own = tensors[name].axes
            index = dict(zip(own, indices_of(e), strict=True))
            axes = table[name]
            found[e] = Tensor(name, axes)[tuple(index.get(a, a.symbol) for a in axes)]
    return f.xreplace(found)


def _number(name: str) -> int | None:
    digits = name.strip("j_")
    return int(digits) if digits.isdigit() else None
