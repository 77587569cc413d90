"""Plans as NumPy code: statements that write into arrays which are allocated once."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from symnn.engine.ir import Tensor, entries, indices_of, name_of, show
from symnn.targets.code import PYTHON, Name, Scope, has_loops, names, plain, rows, shown
from symnn.targets.forms import Form, Passage, rolled, written
from symnn.targets.plan.buffers import Call, Operand, Work, calls_into
from symnn.targets.plan.memory import columns
from symnn.targets.plan.operations import Node
from symnn.targets.plan.plan import (
    Map,
    Plan,
    Product,
    Products,
    Reduction,
    Stack,
    Step,
    Zero,
    loss_penalty,
    reads_of,
    steps,
)
from symnn.targets.plan.plan import Operand as Matrix
from symnn.targets.plan.stacking import stack
from symnn.targets.python.arrays import ONES, TURNED, Arrays
from symnn.targets.python.expressions import number_code
from symnn.targets.python.loss_of_steps import losses

WIDTH = 74  # columns of a comment


@dataclass
class Planned:
    """What the template fills in.

    setup: the allocations.  lists: what is in lists, by the number of a layer.  views: argument of
    a step -> its expression for the step i.  ones: whether x has a row of ones.  kept: what is
    saved, its shape, and that with the axes of units and samples.  steps: the statements of the
    gradient.  losses: those of the loss.  masks: the arrays of the masks.  penalty: the factor of
    the sum of squares of all weights in the loss.  target_factor: of y in the array c_y.  held:
    numbers that are held for every sample, x apart.
    """

    setup: tuple[str, ...]
    lists: list[str]
    views: dict[Name, str]
    ones: bool
    kept: list[tuple[str, str, str]]
    steps: tuple[str, ...]
    losses: tuple[str, ...]
    masks: str
    penalty: str
    target_factor: str
    held: str


def planned(plan: Plan) -> Planned:
    """The code of a plan.  Raises PlanError for what it cannot print."""
    stack(plan)
    return _Printer(plan).planned()


class _Printer:
    def __init__(self, plan: Plan) -> None:
        self.plan, self.arrays = plan, Arrays(plan)
        # name -> the last kernel that reads it
        self.last = {n: k for k, x in enumerate(plan.kernels) for n in reads_of(x)}
        self.kept = {*plan.saved, *plan.ones}

    def planned(self) -> Planned:
        plan, arrays = self.plan, self.arrays
        body = [self._passage(step) for step in steps(plan)]
        sums = losses(plan, arrays)
        setup = [Passage(form.layer, (form,)) for form in arrays.allocations()]
        views, found = arrays.views(), rolled(body, arrays.tensors)
        loops = has_loops(found)
        taken = plain(arrays.tensors.values())
        scope = Scope(lambda name: loops and name not in views, taken=taken)
        parts = written(found, scope, PYTHON, arrays.tensors)
        made = written(rolled(setup) if loops else setup, scope, PYTHON)
        masks = [leaf.name for leaf in plan.program.leaves_of("mask")]
        listed = ", ".join(masks) + "," * (len(masks) == 1)
        factor = loss_penalty(plan)
        return Planned(
            setup=rows(made),
            lists=sorted(
                {scope.items(name) for name in names([*made, *parts]) if scope.lists(name)}
            ),
            views=views,
            ones=any(name.base == arrays.x.base and ONES in name.marks for name in views),
            kept=[self._kept(name) for name in plan.saved],
            steps=rows(parts, width=WIDTH),
            losses=rows(sums, width=WIDTH),
            masks=f"mask[1:{len(masks) + 1}]" if loops else f"({listed})",
            penalty="" if factor is None else number_code(factor),
            target_factor="" if plan.target_factor is None else number_code(plan.target_factor),
            held=self._held(),
        )

    def _kept(self, name: str) -> tuple[str, str, str]:
        sizes = self._sizes(name)
        one = "1, " * (len(sizes) == 1)
        return name, ", ".join(sizes), one + ", ".join(sizes)

    def _sizes(self, name: str) -> list[str]:
        axes = columns(self.arrays.tensors[name].axes)
        return [Scope().written(self.arrays.size(a)) for a in axes]

    def _held(self) -> str:
        sizes = [self._sizes(name)[:-1] for name in self.plan.saved]
        own = "2 * OUTPUTS" if self.plan.target_factor is not None else "OUTPUTS"
        alone = sizes.count([])
        return " + ".join([own, *(s for (s,) in filter(None, sizes)), *[str(alone)] * (alone > 0)])

    def _passage(self, step: Step) -> Passage:
        forms = tuple(form for k in step.kernels for form in self._kernel(k))
        words: tuple[str, ...] = ()
        match self.plan.kernels[step.kernels[0]]:
            case Stack(_, _, f):
                words = (f"of these layers at once: {show(f)}",)
            case Products() as kernel:
                words = self._of_all(kernel)
        return Passage(step.layer, forms, step.lines, words)

    def _kernel(self, k: int) -> list[Form]:
        kernel = self.plan.kernels[k]
        match kernel:
            case Product():
                return [self._product(kernel)]
            case Map(_, out, f):
                return self._calls_into(f, Node("array", columns(out.axes), out.name), k)
            case Reduction():
                return self._reduction(kernel, k)
            case Stack(sources, outs, f):
                return self._stack(sources, outs, f)
            case Products():
                return self._products(kernel)
            case Zero(_, out):
                return [Form("{}[...] = 0.0", (self._gradient(out),))]

    def _product(self, p: Product) -> Form:
        left, right = p.left, p.right
        if p.out.block and self.plan.block_of(p.out.name).transposed:  # the product, transposed
            left = Matrix(right.name, not right.transposed, right.ones)
            right = Matrix(p.left.name, transposed=True)
        out = self._gradient(p.out) if p.out.block else self._matrix(p.out)
        return Form("{}.dot({}, {})", (self._matrix(left), self._matrix(right), out), -1)

    def _products(self, products: Products) -> list[Form]:
        """All factors are parts of arrays that have the layers as a further axis."""
        for p in products.parts:
            self.arrays.array(p.left.name)
            self.arrays.array(p.right.name, ONES)
        return [Form("np.matmul(sources, errors_T, out=products)")]

    def _gradient(self, m: Matrix) -> Name:
        """The gradient of a block, as it is stored."""
        block = self.plan.block_of(m.name)
        return Name("dW", block.layer, (TURNED,) * block.transposed)

    def _matrix(self, m: Matrix) -> Name:
        named = self.arrays.weights if m.block else self.arrays.array
        return named(m.name, *(ONES,) * (m.ones and not m.block), *(TURNED,) * m.transposed)

    def _dying(self, k: int) -> set[str]:
        """The memory of values that no later kernel reads."""
        plan = self.plan
        read = {n for n in reads_of(plan.kernels[k]) if self.last[n] == k}
        return {plan.home(n) for n in read if n in plan.tensors and n not in self.kept}

    def _calls_into(self, f: sp.Expr, out: Node, k: int) -> list[Form]:
        calls = calls_into(f, out, self.plan.home, self._dying(k), self.plan.positive)
        return [form for call in calls for form in self._call(call)]

    def _stack(self, sources: tuple[str, ...], outs: tuple[Tensor, ...], f: sp.Expr) -> list[Form]:
        """The outputs of the layers, and what is computed of them, are parts of two arrays."""
        for name in (*sources, *(t.name for t in outs)):
            self.arrays.array(name)
        (entry,) = entries(f)
        calls = calls_into(f, Node("array", tuple(indices_of(entry)), "primes"), lambda name: name)
        return [form for call in calls for form in self._call(call)]

    def _reduction(self, r: Reduction, k: int) -> list[Form]:
        """A sum is a product with ones; a maximum is NumPy's own."""
        axes = columns((*r.over, *r.out.axes))
        forms: list[Form] = []
        if r.f in entries(r.f):
            name = self.arrays.array(name_of(r.f))
        else:
            name = self.arrays.work(Work(axes, 1))
            forms = self._calls_into(r.f, Node("array", axes, str(name)), k)
        out = self.arrays.array(r.out.name)
        if r.kind == "max":
            return [*forms, Form("np.maximum.reduce({}, 0, None, {})", (name, out), -1)]
        ones = self.arrays.full(sp.S.One, axes[:1])
        return [*forms, Form("{}.dot({}, {})", (ones, name, out), -1)]

    def _call(self, call: Call) -> list[Form]:
        out, args = self._operand(call.out), tuple(map(self._operand, call.args))
        if call.name == "copyto":
            where = ", where={}" * (len(args) - 1)
            return [Form(f"np.copyto({{}}, {{}}{where})", (out, *args))]
        if call.name == "keep":
            # v where a > 0, else 0, without a branch: of a >= 0 the bits, read as a whole number,
            # are 0 where a is 0, so that min(bits, 1) is 1 or 0, and times the bits of v is v or 0
            bits = self.arrays.bits
            flag = bits(self.arrays.work(Work(call.out.axes, 0)))
            one = self.arrays.ones_as_bits(call.out.axes)
            v, a, out = map(bits, (*args, out))
            return [
                Form("np.minimum({}, {}, out={})", (a, one, flag), -1),
                Form("np.multiply({}, {}, out={})", (v, flag, out), -1),
            ]
        if call.name == "erfc":
            return [Form("{}[...] = erfc({})", (out, *args))]
        return [Form(f"np.{call.name}({'{}, ' * len(args)}out={{}})", (*args, out), -1)]

    def _operand(self, operand: Operand) -> Name:
        if isinstance(operand, Work):
            return self.arrays.work(operand)
        if operand.kind == "constant":
            return Name(self.arrays.constant(operand.value))
        if operand.kind == "full":
            return self.arrays.full(operand.value, operand.axes)
        return self.arrays.array(operand.name)

    def _of_all(self, products: Products) -> tuple[str, ...]:
        """Which layers these are, and the lines of any of them."""
        last, first = (self.plan.block_of(products.parts[k].out.name).layer for k in (0, -1))
        lines = shown(products.lines, Scope(first=last), self.arrays.tensors)
        return (f"for k = {first} to {last} at once:", *lines)


def _layer(form: Form) -> int | None:
    return form.layer
