"""Plans as NumPy code: statements that write into arrays which are allocated once."""

from __future__ import annotations

from dataclasses import dataclass, field

import sympy as sp

from symnn.engine.ir import Line, Tensor, entries, indices_of, name_of, show
from symnn.engine.repeats import layer_of, line_layer
from symnn.targets.loops import Row, general
from symnn.targets.plan.buffers import Call, Operand, Work, chain
from symnn.targets.plan.operations import Node
from symnn.targets.plan.plan import (
    Map,
    Plan,
    PlanError,
    Product,
    Products,
    Reduction,
    Stack,
    Zero,
    reads_of,
)
from symnn.targets.plan.plan import Operand as Matrix
from symnn.targets.plan.stacking import stack
from symnn.targets.python.arrays import Arrays, columns
from symnn.targets.python.expressions import expression
from symnn.targets.python.loss_of_steps import losses


@dataclass
class Planned:
    """What the template fills in.

    setup: the allocations.  views: argument of a step -> its expression for the step i.
    kept: (record, its shape).  steps: the statements of the gradient.  losses: those of the
    loss.  penalty: the factor of the sum of squares of all weights in the loss.
    target_factor: of y in the array c_y.  held: numbers that are held for every sample, x apart.
    """

    setup: list[Row]
    views: dict[str, str]
    steps: list[Row]
    losses: list[Row]
    kept: list[tuple[str, str]] = field(default_factory=list)
    penalty: str = ""
    target_factor: str = ""
    held: str = ""


def planned(plan: Plan) -> Planned:
    """The code of a plan.  Raises PlanError for what it cannot print."""
    stack(plan)
    printer = _Printer(plan)
    steps, arrays = printer.steps(), printer.arrays
    sums = losses(plan, arrays)
    result = Planned(arrays.rows(), arrays.views(), steps, sums)
    factor = loss_penalty(plan)
    result.penalty = expression(factor, ())[0] if factor is not None else ""
    if plan.target_factor is not None:
        result.target_factor = expression(plan.target_factor, ())[0]
    for name in plan.records:
        shape = arrays.shape(columns(arrays.tensors[name].axes)).strip("()")
        result.kept.append((name, shape))
    units = [shape.removesuffix("rows").rstrip(", ") for _, shape in result.kept]
    own = "2 * OUTPUTS" if result.target_factor else "OUTPUTS"
    alone = [str(units.count(""))] if "" in units else []
    result.held = " + ".join([own, *filter(None, units), *alone])
    return result


class _Printer:
    def __init__(self, plan: Plan) -> None:
        self.plan, self.arrays = plan, Arrays(plan)
        # name -> the last kernel that reads it
        self.last = {n: k for k, x in enumerate(plan.kernels) for n in reads_of(x)}
        self.kept = {*plan.records, *plan.ones}

    def steps(self) -> list[Row]:
        """The kernels; one that goes on with the line of the one before shares its row."""
        rows: list[Row] = []
        before: tuple[Line, ...] = ()
        for k, kernel in enumerate(self.plan.kernels):
            code = tuple(self._kernel(k))
            fresh = tuple(str(x) for x in kernel.lines if x not in before)
            if isinstance(kernel, Stack):
                rows.append(Row(None, code, (f"of these layers at once: {show(kernel.f)}",)))
                continue
            if isinstance(kernel, Products):
                rows.append(Row(None, code, _of_all(kernel)))
                continue
            if fresh or not rows:
                rows.append(Row(line_layer(kernel.lines[-1]), code, fresh))
            else:
                rows[-1] = Row(rows[-1].layer, (*rows[-1].code, *code), rows[-1].comment)
            before = kernel.lines or before
        return rows

    def _kernel(self, k: int) -> list[str]:
        kernel = self.plan.kernels[k]
        match kernel:
            case Product():
                return [self._product(kernel)]
            case Map(_, out, f):
                return self._chain(f, Node("array", columns(out.axes), out.name), k)
            case Reduction():
                return self._reduction(kernel, k)
            case Stack(sources, outs, f):
                return self._stack(sources, outs, f)
            case Products():
                return self._products(kernel)
            case Zero(_, out):
                return [f"{self._gradient(out)}[...] = 0.0"]

    def _product(self, p: Product) -> str:
        left, right = p.left, p.right
        if p.out.block and self.plan.block_of(p.out.name).transposed:  # the product, transposed
            left = Matrix(right.name, not right.transposed, right.ones)
            right = Matrix(p.left.name, transposed=True)
        out = self._gradient(p.out) if p.out.block else self._matrix(p.out)
        return f"{self._matrix(left)}.dot({self._matrix(right)}, {out})"

    def _products(self, products: Products) -> list[str]:
        """All factors are parts of arrays that have the layers as a further axis."""
        for p in products.parts:
            self.arrays.name(p.left.name)
            self.arrays.name(f"{p.right.name}_one")
        return ["np.matmul(sources, errors_T, out=products)"]

    def _gradient(self, m: Matrix) -> str:
        """The gradient of a block, as it is stored."""
        block = self.plan.block_of(m.name)
        return f"dW_{layer_of(block.weights)}" + "_T" * block.transposed

    def _matrix(self, m: Matrix) -> str:
        name = f"W_{layer_of(m.name)}" if m.block else m.name + "_one" * m.ones
        return self.arrays.name(name + "_T" * m.transposed)

    def _dying(self, k: int) -> set[str]:
        """The memory of values that no later kernel reads."""
        plan = self.plan
        read = {n for n in reads_of(plan.kernels[k]) if self.last[n] == k}
        return {self.arrays.place(n) for n in read if n in plan.tensors and n not in self.kept}

    def _chain(self, f: sp.Expr, out: Node, k: int) -> list[str]:
        calls = chain(f, out, self.arrays.place, self._dying(k), self.plan.positive)
        return [text for call in calls for text in self._call(call)]

    def _stack(self, sources: tuple[str, ...], outs: tuple[Tensor, ...], f: sp.Expr) -> list[str]:
        """The outputs of the layers, and what is computed of them, are parts of two arrays."""
        for name in (*sources, *(t.name for t in outs)):
            self.arrays.name(name)
        (entry,) = entries(f)
        calls = chain(f, Node("array", tuple(indices_of(entry)), "primes"), lambda name: name)
        return [text for call in calls for text in self._call(call)]

    def _reduction(self, r: Reduction, k: int) -> list[str]:
        """A sum is a product with ones; a maximum is NumPy's own."""
        axes = columns((*r.over, *r.out.axes))
        if r.f in entries(r.f):
            name, code = self.arrays.name(name_of(r.f)), []
        else:
            name = self.arrays.work(Work(axes, 1))
            code = self._chain(r.f, Node("array", axes, name), k)
        out = self.arrays.name(r.out.name)
        if r.kind == "max":
            return [*code, f"np.maximum.reduce({name}, 0, None, {out})"]
        return [*code, f"{self.arrays.full(sp.S.One, axes[:1])}.dot({name}, {out})"]

    def _call(self, call: Call) -> list[str]:
        out, args = self._operand(call.out), [self._operand(a) for a in call.args]
        if call.name == "copyto":
            return [f"np.copyto({out}, {args[0]}{''.join(f', where={w}' for w in args[1:])})"]
        if call.name == "keep":
            value, positive = args
            # 1 where the bits of a number that is not negative are not all 0
            flag = self.arrays.bits(self.arrays.work(Work(call.out.axes, 0)))
            one = self.arrays.ones_as_bits(call.out.axes)
            v, a, out = map(self.arrays.bits, (value, positive, out))
            return [f"np.minimum({a}, {one}, out={flag})", f"np.multiply({v}, {flag}, out={out})"]
        if call.name == "erfc":
            return [f"{out}[...] = erfc({args[0]})"]
        return [f"np.{call.name}({', '.join(args)}, out={out})"]

    def _operand(self, operand: Operand) -> str:
        if isinstance(operand, Work):
            return self.arrays.work(operand)
        if operand.kind == "constant":
            return self.arrays.constant(operand.value)
        if operand.kind == "full":
            return self.arrays.full(operand.value, operand.axes)
        return self.arrays.name(operand.name)


def _of_all(products: Products) -> tuple[str, ...]:
    """Which layers these are, and the lines of any of them."""
    last, first = (layer_of(products.parts[k].out.name) or 0 for k in (0, -1))
    lines = [general(str(line), last) for line in products.lines]
    return (f"for k = {first} to {last} at once:", *lines)


def loss_penalty(plan: Plan) -> sp.Expr | None:
    """c where the loss adds c times the sum of squares of every weight matrix."""
    factors = set()
    for t in plan.loss_penalties:
        entry = next(e for e in entries(t.f) if isinstance(e, sp.Indexed))
        factors.add(t.f / entry**2)
    names = {name_of(e) for t in plan.loss_penalties for e in entries(t.f)}
    weights = {b.weights for b in plan.blocks}
    if not factors:
        return None
    factor = factors.pop()
    if factors or any(isinstance(e, sp.Indexed) for e in entries(factor)) or not weights <= names:
        raise PlanError("the loss adds something else than a multiple of the weights' squares")
    return factor
