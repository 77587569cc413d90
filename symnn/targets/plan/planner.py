"""The planner: a stable program as a plan."""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from symnn.engine.ir import (
    Axis,
    Line,
    Program,
    Tensor,
    entries,
    indices_of,
    is_entry,
    name_of,
    needed,
)
from symnn.engine.lower import Elementwise, Factor, Lowered, MatMul, Reduce, lower_line
from symnn.targets.plan.inlining import applied, by_sign, inlined
from symnn.targets.plan.operations import Axes, primitive
from symnn.targets.plan.plan import (
    SEED,
    Block,
    Kernel,
    Map,
    Names,
    Operand,
    Plan,
    PlanError,
    Product,
    Reduction,
    Zero,
    reads_of,
)


def plan(program: Program, gradients: Names, count: sp.Symbol) -> Plan:
    """The plan of a stable program; ``gradients``: parameter -> the name of its gradient.

    count: the size symbol of the sample axis.  Raises PlanError for a line without a kernel.
    """
    return _Planner(program, gradients, count).plan()


def forward(trained: Plan, output: str, count: sp.Symbol) -> Plan:
    """The plan of F(x) alone, for parameters that lie as in the plan of a training step."""
    return _Planner(trained.program, trained.gradients, count).forward(trained, output)


class _Planner:
    def __init__(self, program: Program, gradients: Names, count: sp.Symbol) -> None:
        self.count = count
        self.program = program
        self.result = Plan(program, {t.name: gradients[t.name] for t in _parameters(program)})
        # no rewrite below changes a line A v + b
        self.affine = {x.lhs.name: found for x in program.lines if (found := _affine(x))}
        wanted = [*self.result.gradients.values(), *self.affine]
        self.lines = by_sign(needed(program.lines, wanted))
        self.names = {line.lhs.name for line in self.lines if line.lhs.role == "gradient"}
        self.parameters = {g: t for t, g in self.result.gradients.items()}  # by their gradients
        self.weight_gradients: dict[str, int] = {}  # weights -> the number of their kernel

    def plan(self) -> Plan:
        self._loss()
        self._blocks()
        return self._kernels({*self.result.ones, *self.result.gradients.values()})

    def forward(self, trained: Plan, output: str) -> Plan:
        self.lines = by_sign(needed(self.program.lines, [output]))
        self.result.blocks, self.result.ones = trained.blocks, trained.ones
        self.result.saved = (output,)
        return self._kernels(set(self.result.ones))

    def _kernels(self, held: set[str]) -> Plan:
        """The kernels of all lines; held: values read elsewhere too, which keep their arrays."""
        self.lines, self.inlined = inlined(self.lines, {*held, *self.result.saved})
        for line in self.lines:
            self._line(line)
        self._alias()
        return self.result

    def _loss(self) -> None:
        """The lines of the loss alone, and what they read of the other ones."""
        made = {line.lhs.name for line in self.lines}
        loss = [x.lhs.name for x in self.program.lines if x.lhs.kind == "loss"]
        lines = [x for x in needed(self.program.lines, loss) if x.lhs.name not in made]
        own = {line.lhs.name for line in lines}
        read = {name_of(e) for line in lines for e in line.reads} - own
        self.result.loss = tuple(map(self._without_penalties, lines))
        self.result.saved = tuple(x.lhs.name for x in self.lines if x.lhs.name in read)
        self.result.positive = frozenset(x.lhs.name for x in self.lines if applied(x) == "relu")

    def _without_penalties(self, line: Line) -> Line:
        """The line without the terms of parameters alone, which go to ``loss_penalties``."""
        terms = []
        for t in line.terms:
            names = {name_of(e) for e in entries(t.f) if indices_of(e)}
            if names and all(self.program.tensors[n].role == "parameter" for n in names):
                self.result.loss_penalties.append(t)
            else:
                terms.append(t)
        return Line(line.lhs, tuple(terms), line.why)

    def _blocks(self) -> None:
        """Weights and biases that stand in one line A v + b get one block, v a row of ones."""
        blocks: list[Block] = []
        start = 0
        for line in self.lines:
            if line.lhs.name not in self.affine:
                continue
            weights, source, bias = self.affine[line.lhs.name]
            tensor = self.program.tensors[weights]
            units, inputs = (int(a.size) for a in tensor.axes)
            layer = len(blocks) + 1 if tensor.layer is None else tensor.layer
            block = Block(weights, bias, layer, units, inputs, start, bool(blocks))
            blocks.append(block)
            start += block.size
            if bias is not None:
                self.result.ones[source] = bias
        self.result.blocks = tuple(blocks)
        held = {n for b in blocks for n in (b.weights, b.bias)}
        if missing := [t.name for t in _parameters(self.program) if t.name not in held]:
            raise PlanError(f"no line A v + b reads {', '.join(missing)}")

    def _line(self, line: Line) -> None:
        """The kernels of one line."""
        if line.lhs.name in self.affine:
            self._affine_product(line, *self.affine[line.lhs.name])
        elif line.lhs.name in self.parameters:
            self._parameter_gradient(line)
        else:
            self._general(line)

    def _affine_product(self, line: Line, weights: str, source: str, bias: str | None) -> None:
        ones = bias is not None
        left = Operand(weights, block=True)
        right = Operand(source, ones=ones)
        self._add(Product((line,), left, right, Operand(line.lhs.name)), line.lhs)

    def _parameter_gradient(self, line: Line) -> None:
        """dA_k, with db_k as its last column; a term of the parameter alone is a penalty."""
        wrt = self.parameters[line.lhs.name]
        block = self.result.block_of(wrt)
        data = []
        for low in lower_line(line, "columns"):
            penalty = _penalty(low, wrt)
            if penalty is None:
                data.append(low)
            else:
                self.result.penalties[wrt] = penalty
        if not data:
            if wrt == block.weights:
                self.result.kernels.append(Zero((line,), _gradient_of(block)))
            return
        if wrt == block.bias:
            self._bias_gradient(line, block, data)
            return
        product = _only_factor(data)
        if not isinstance(product, MatMul):
            raise PlanError(f"the gradient of weights is not one product:\n  {line}")
        seed = self._seed(line, data[0].coefficient, product.left.f * product.right.f)
        right, rest = _source(product.right)
        left = self._operand(line, block, seed * rest * product.left.f, product.left.axes)
        ones = block.bias is not None
        if ones and self.result.ones.get(right) != block.bias:
            raise PlanError(f"{right} has no row of ones for {block.bias}:\n  {line}")
        first, second = Operand(left), Operand(right, transposed=True, ones=ones)
        self.weight_gradients[block.weights] = len(self.result.kernels)
        self.result.kernels.append(Product((line,), first, second, _gradient_of(block)))

    def _bias_gradient(self, line: Line, block: Block, data: Sequence[Lowered]) -> None:
        """db_k is computed with dA_k, of which it is the last column: the same dz times ones."""
        kernels, sums = self.result.kernels, _only_factor(data)
        k = self.weight_gradients.get(block.weights)
        kernel = kernels[k] if k is not None else None
        if k is not None and isinstance(kernel, Product) and isinstance(sums, Reduce):
            source = self.program.tensors[kernel.left.name].entry
            if sums.arg.f == source:
                lines = (*kernel.lines, line)
                kernels[k] = Product(lines, kernel.left, kernel.right, kernel.out)
                return
        raise PlanError(f"it is not a column of the gradient of {block.weights}:\n  {line}")

    def _seed(self, line: Line, coefficient: sp.Expr, f: sp.Expr) -> sp.Expr:
        """The coefficient of a term, with 1/N and the constant c in the first gradients."""
        if line.lhs.role != "gradient" or any(name_of(e) in self.names for e in entries(f)):
            return coefficient
        return SEED * coefficient.xreplace({self.count: sp.S.One})

    def _operand(self, line: Line, block: Block, f: sp.Expr, axes: Axes) -> str:
        """The name of an array with an operand's value, computed first where it has none."""
        if is_entry(f):
            return name_of(f)
        own = tuple(self._axis(line, a) for a in axes)
        return self._let(line, Tensor(f"d_{block.layer}", own, layer=block.layer), f).name

    def _axis(self, line: Line, symbol: sp.Symbol) -> Axis:
        return next(a for a in line.axes if a.symbol == symbol)

    def _let(self, line: Line, tensor: Tensor, f: sp.Expr) -> Tensor:
        """A further array of the plan's own, with the kernel that fills it."""
        if tensor.name in self.program.tensors or tensor.name in self.result.tensors:
            raise PlanError(f"the name {tensor.name} is taken:\n  {line}")
        self._add(Map((line,), tensor, f), tensor)
        return tensor

    def _general(self, line: Line) -> None:
        """Products and sums first, each in an array; then what is left, for each component."""
        lowered = lower_line(line, "columns")
        lines = (*self.inlined.get(line.lhs.name, ()), line)
        parts: list[sp.Expr] = []
        products = 0
        for low in lowered:
            f: sp.Expr = self._seed(
                line, low.coefficient, sp.Mul(*(g.f for h in low.factors for g in _values_in(h)))
            )
            alone = len(lowered) == 1 and len(low.factors) == 1 and f == 1
            for factor in low.factors:
                match factor:
                    case Elementwise(g, _):
                        f *= g
                    case MatMul(left, right, _, axes) if axes == low.axes and not products:
                        products += 1
                        self._matmul(line, left, right)
                        f *= line.lhs.entry
                        if alone:
                            return
                    case Reduce(kind, arg, over, _):
                        reduced = tuple(self._axis(line, a) for a in over)
                        axes_ = tuple(a for a in line.lhs.axes if a.symbol in arg.axes)
                        out = line.lhs if alone else Tensor(f"sum_{line.lhs.name}", axes_)
                        self._add(Reduction(lines, out, kind, arg.f, reduced), out)
                        lines = ()
                        f *= out.entry
                        if alone:
                            return
                    case _:
                        raise PlanError(f"no kernel for the line\n  {line}")
            parts.append(f)
        f = sp.Add(*parts) if len(parts) > 1 else self._with_scaled_target(parts[0])
        self._add(Map(lines, line.lhs, f), line.lhs)

    def _with_scaled_target(self, f: sp.Expr) -> sp.Expr:
        """c*(p/q - y) -> c*p/q - c*y, where c*y is computed once for all steps."""
        number, whole = sp.Mul(*(g for g in sp.Mul.make_args(f) if not indices_in(g))), f
        if isinstance(f, sp.Mul) and number.has(SEED):
            whole = f / number
        y = self.result.target.entry
        if not isinstance(whole, sp.Add) or whole is f or -y not in whole.args:
            return f
        rest = primitive(whole + y)
        if not any(g.as_base_exp()[1].is_negative for g in sp.Mul.make_args(rest)):
            return f
        self.result.target_factor = number
        return number * rest - self.result.scaled_target.entry

    def _matmul(self, line: Line, left: Elementwise, right: Elementwise) -> None:
        if not (is_entry(left.f) and is_entry(right.f)):
            raise PlanError(f"no kernel for the product in the line\n  {line}")
        first = Operand(name_of(left.f), transposed=indices_of(left.f) != left.axes)
        second = Operand(name_of(right.f))
        self._add(Product((line,), first, second, Operand(line.lhs.name)), line.lhs)

    def _add(self, kernel: Kernel, out: Tensor) -> None:
        self.result.kernels.append(kernel)
        self.result.tensors[out.name] = out

    def _alias(self) -> None:
        """A value made from one that is read for the last time takes its array."""
        kernels, plan = self.result.kernels, self.result
        last = {name: k for k, kernel in enumerate(kernels) for name in reads_of(kernel)}
        kept = {*plan.saved, *(n for n in plan.ones if n not in plan.tensors)}
        aliases = plan.aliases
        for k, kernel in reversed(list(enumerate(kernels))):
            if not isinstance(kernel, Map):
                continue
            out = kernel.out
            if out.name in reads_of(kernel):  # its array holds a part of it before this kernel
                continue
            home = aliases.get(out.name, out.name)
            for name in sorted(reads_of(kernel)):
                source = plan.tensors.get(name)
                if source is None or name == out.name or name in kept or name in plan.ones:
                    continue
                if last[name] == k and source.axes == out.axes and name not in aliases:
                    aliases[name] = home
                    break


def indices_in(f: sp.Expr) -> bool:
    """Whether an entry with indices occurs in ``f``."""
    return any(isinstance(e, sp.Indexed) for e in entries(f))


def _parameters(program: Program) -> tuple[Tensor, ...]:
    return program.leaves_of("parameter")


def _values_in(factor: Factor) -> tuple[Elementwise, ...]:
    match factor:
        case Elementwise():
            return (factor,)
        case MatMul(left, right, _, _):
            return left, right
        case Reduce(_, arg, _, _):
            return (arg,)
    return ()


def _gradient_of(block: Block) -> Operand:
    return Operand(block.weights, block=True)


def _source(right: Elementwise) -> tuple[str, sp.Expr]:
    """The value that the weights multiply, and further factors, which stand with the error."""
    factors = sp.Mul.make_args(right.f)
    found = [g for g in factors if is_entry(g) and len(indices_of(g)) == len(right.axes)]
    if len(found) != 1:
        raise PlanError(f"no value that the weights multiply in {right.f}")
    return name_of(found[0]), right.f / found[0]


def _only_factor(data: Sequence[Lowered]) -> Factor | None:
    return data[0].factors[0] if len(data) == 1 and len(data[0].factors) == 1 else None


def _affine(line: Line) -> tuple[str, str, str | None] | None:
    """(A, v, b) where the line is A v + b, or A v, with parameters A and b."""
    if line.lhs.role != "value" or not line.terms:
        return None
    first, *others = lower_line(line, "columns")
    product = _only_factor([first])
    if not isinstance(product, MatMul) or first.coefficient != 1 or len(others) > 1:
        return None
    if not (is_entry(product.left.f) and is_entry(product.right.f)):
        return None
    weights, source = name_of(product.left.f), name_of(product.right.f)
    if not others:
        return weights, source, None
    bias = _only_factor(others)
    if others[0].coefficient != 1 or not isinstance(bias, Elementwise) or not is_entry(bias.f):
        return None
    return weights, source, name_of(bias.f)


def _penalty(low: Lowered, name: str) -> sp.Expr | None:
    """c where the term is c times the parameter itself."""
    if len(low.factors) != 1 or not isinstance(low.factors[0], Elementwise):
        return None
    f = low.factors[0].f
    return low.coefficient if is_entry(f) and name_of(f) == name else None
