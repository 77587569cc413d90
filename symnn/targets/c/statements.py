"""Plans as C: products by the file's own kernels, everything else as loops over components."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import sympy as sp

from symnn.engine.ir import Axis, Line, SampleIndex, Tensor, entries, indices_of
from symnn.targets.c.scalars import Constants, Numbers, Scalars
from symnn.targets.code import (
    Item,
    Language,
    Name,
    Part,
    Pool,
    Reference,
    Scope,
    has_loops,
    names,
    plain,
    rows,
    statements,
    variable,
)
from symnn.targets.forms import Draft, Form, Nest, Passage, assigned, rolled, written
from symnn.targets.plan import plan as plans
from symnn.targets.plan.memory import columns, pools
from symnn.targets.plan.operations import Axes, Node
from symnn.targets.plan.plan import Map, Plan, PlanError, Product, Reduction, Zero, loss_penalty
from symnn.targets.plan.update import flat_lines, in_place
from symnn.targets.update import PARAMETERS
from symnn.targets.wrapping import Assignment

WIDTH = 92
SPACE = "\N{NO-BREAK SPACE}"  # where no row may end
AT = "[j * ld + n]".replace(" ", SPACE)  # of unit j and sample n
LANGUAGE = Language(
    "/* {} */",
    "for (size_t k = {}; k != {}; k++) {{",
    "for (size_t k = {}; k != {}; k--) {{",
    ("}",),
)
SCRATCH, X_ROWS = Name("scratch"), Name("x_rows")


@dataclass
class Function:
    """The body of a C function of a plan.

    declarations, setup: its pointers.  constants: numbers computed once.  steps, loss: its
    statements.  result: where its value is.  places: rows of its memory.  scratch: units of a
    transposed copy.  calls: the functions of the file that its statements call.  variables: those
    that its constants read, seed, N, eta and t.  unread: its pointers and arguments that no
    statement reads.
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
    vectors, scaled = flat_lines(lines, gradients, states)
    constants, code = Constants(numbers), list[Draft]()
    for name, f in in_place(vectors):
        scalars = Scalars(lambda node: (Name(node.name), "[p]"), (PARAMETERS.symbol,), constants)
        code += scalars.assigned(f, Name(name), "[p] =")
    whole = Passage(None, (_each("p", Form("NET_SIZE"), code),), tuple(vectors))
    parts = written([whole], Scope(), LANGUAGE)
    used = {*map(str, names(parts)), *constants.reads}
    found = Function(
        constants=constants.rows(),
        steps=text(parts),
        calls=_calls(parts),
        variables=frozenset(constants.reads),
        unread=[n for n in ("eta", "t", *states) if n not in used],
    )
    return found, scaled


class _Printer:
    def __init__(self, plan: Plan, constants: Constants, dropout: bool = True) -> None:
        self.plan, self.constants = plan, constants
        self.tensors, self.axes = plan.arrays, plan.axes
        self.x = plan.program.leaves_of("input")[0]
        self.weights = {b.weights: b for b in plan.blocks}
        masks = plan.program.leaves_of("mask")
        self.masks = masks if dropout else ()
        # what C needs no array for: c y, and masks without dropout
        self.known = {m.entry: sp.S.One for m in masks if not dropout}
        if plan.target_factor is not None:
            self.known[plan.scaled_target.entry] = plan.target_factor * plan.target.entry

    def function(self) -> Function:
        plan, tensors = self.plan, self.tensors
        pointers, rows_ = self._pointers()
        setup = rolled(pointers)
        steps = rolled([self._passage(step) for step in plans.steps(plan)], tensors)
        loops = has_loops([*setup, *steps])
        scope = Scope(lambda name: loops, taken=plain(tensors.values()))
        body = written(steps, scope, LANGUAGE, tensors)
        loss = self._loss()
        loss_ = written(rolled(loss) if loops else loss, scope, LANGUAGE, tensors)
        declared, unread = self._declared(pointers, scope, names([*body, *loss_]))
        return Function(
            declarations=declared,
            constants=self.constants.rows(),
            setup=text(written(setup, scope, LANGUAGE)),
            steps=text(body),
            loss=text(loss_),
            result=scope.written(self._variable(plan.saved[0])) if len(plan.saved) == 1 else "",
            places=rows_,
            scratch=max([self._summed_apart(), *map(self._scratch, plan.kernels)]),
            calls=_calls([*body, *loss_]),
            variables=frozenset(self.constants.reads),
            unread=unread,
        )

    def _declared(
        self, pointers: Sequence[Passage], scope: Scope, used: set[Name]
    ) -> tuple[list[str], list[str]]:
        """The declarations of pointers, and those of these and the arguments that are not read."""
        used |= {self._variable(name) for name in self.plan.saved}
        read = {_declared(n, scope) for n in used}
        fixed = {*(Name("W", b.layer) for b in self.plan.blocks), *map(variable, self.masks)}
        size, unread = f"[{len(self.plan.blocks) + 1}]", dict[str, None]()
        kinds: dict[str, dict[str, None]] = {"const net_real": {}, "net_real": {}}
        for form in (draft for own in pointers for draft in own.drafts):
            match form:
                case Form(_, (Name() as name, *_)):
                    own = _declared(name, scope)
                    kind = "const net_real" if name in fixed else "net_real"
                    kinds[kind][f"*{own}{size * scope.lists(name)}"] = None
                    unread |= {} if own in read else {own: None}
                case Form(_, (Pool(), *_)):
                    kinds["net_real"][f"*pools{size}"] = None
        declared = [f"{kind} {', '.join(own)};" for kind, own in kinds.items() if own]
        broken = [textwrap.wrap(row, WIDTH, subsequent_indent="    ") for row in declared]
        if self.plan.loss:  # a prediction has none of these arguments
            arguments = (Name("seed"), SCRATCH, variable(self.plan.target), X_ROWS)
            unread |= {str(n): None for n in arguments if n not in used}
        rest = [name for name in unread if name not in self.constants.reads]
        return [row for own in broken for row in own], rest

    def _variable(self, name: str) -> Name:
        return variable(self.tensors[name])

    # -- memory

    def _pointers(self) -> tuple[list[Passage], int]:
        """What sets the pointers into theta, into the gradient, and into the memory of values.

        Also the number of rows of that memory.
        """
        plan, found = self.plan, list[Passage]()
        training = any(isinstance(k, Zero | Product) and k.out.block for k in plan.kernels)
        for b in plan.blocks:
            forms = _taken(Name("W", b.layer), "theta", size(b))
            if training:
                forms += _taken(Name("dW", b.layer), "gradient", size(b))
            found.append(Passage(b.layer, forms))
        pool_of, total = pools(plan), 0
        # what shares another one's array comes after it
        for name in sorted(plan.tensors, key=lambda name: plan.home(name) != name):
            home, axes, own = (
                plan.home(name),
                columns(plan.tensors[name].axes),
                self._variable(name),
            )
            if home != name:
                forms = (assigned(own, "{};", self._variable(home)),)
            elif name in pool_of:
                forms = (assigned(own, "{};", Pool(pool_of[name])),)
            else:
                forms = _taken(own, "place", self._rows_of(axes))
                total += int(self.axes[axes[0]].size) if len(axes) == 2 else 1
            found.append(Passage(self.tensors[home].layer, forms))
        for mask in self.masks:
            forms = _taken(variable(mask), "masks", self._rows_of(columns(mask.axes)))
            found.append(Passage(mask.layer, forms))
        found.sort(key=lambda own: own.layer or 0)
        count, widest = max(pool_of.values(), default=-1) + 1, max(b.units for b in plan.blocks)
        shared = [Form(f"{{}} = place + {p * widest} * ld;", (Pool(p),)) for p in range(count)] + [
            Form(f"place += {count * widest} * ld;")
        ] * (count > 0)
        return [*(Passage(None, (form,)) for form in shared), *found], total + count * widest

    def _rows_of(self, axes: Axes) -> Form:
        """The number of entries of an array, whose rows have room for ld samples."""
        return Form("{} * ld", (self._units(axes[0]) if len(axes) == 2 else "1",))

    def _units(self, a: sp.Symbol) -> Item:
        layer = self.axes[a].layer
        if layer is None:
            raise PlanError(f"no layer has the axis {a}")
        return Item("UNITS", layer)

    def _scratch(self, kernel: plans.Kernel) -> int:
        """Units of a transposed copy that a kernel makes."""
        if not isinstance(kernel, Product) or not kernel.out.block:
            return 0
        b = self.plan.block_of(kernel.out.name)
        if b.transposed:
            return b.units
        return 0 if kernel.right.name == self.x.name else b.inputs

    # -- statements

    def _passage(self, step: plans.Step) -> Passage:
        drafts = (d for k in step.kernels for d in self._kernel(self.plan.kernels[k]))
        return Passage(step.layer, tuple(drafts), step.lines)

    def _kernel(self, kernel: plans.Kernel) -> list[Draft]:
        match kernel:
            case Product():
                return self._product(kernel)
            case Map(_, out, f):
                return [self._map(out, f)]
            case Reduction():
                return self._reduction(kernel)
            case Zero(_, out):
                b = self.plan.block_of(out.name)
                return [_each("i", size(b), [Form("{}[i] = R(0.0);", (Name("dW", b.layer),))])]
        raise PlanError(f"no C for {type(kernel).__name__}")

    def _product(self, p: Product) -> list[Draft]:
        if p.out.block:
            return self._weight_gradient(p, self.plan.block_of(p.out.name))
        right, out = self._variable(p.right.name), self._variable(p.out.name)
        if p.left.block:
            b = self.plan.block_of(p.left.name)
            function, bias = "affine_T" if b.transposed else "affine", str(int(b.bias is not None))
            return [_call(function, *_sizes(b), bias, Name("W", b.layer), right, out, "ld")]
        if p.left.name not in self.weights or not p.left.transposed or p.right.transposed:
            raise PlanError(f"no kernel for the product in the line\n  {p.lines[0]}")
        b = self.weights[p.left.name]
        if not b.transposed:
            raise PlanError(f"{b.weights} is not stored as the backward sweep reads it")
        return [_call("pullback", *_sizes(b), Name("W", b.layer), right, out, "ld")]

    def _weight_gradient(self, p: Product, b: plans.Block) -> list[Draft]:
        """dA_k = dz v': a product whose right operand must have units, or inputs, last."""
        left, source = self._variable(p.left.name), self._variable(p.right.name)
        shape = (*_sizes(b), str(int(b.bias is not None)), "rows", left)
        dW = Name("dW", b.layer)
        if b.transposed:
            return [_call("slope_T", *shape, source, dW, "ld", SCRATCH)]
        if p.right.name == self.x.name:
            return [_call("slope", *shape, X_ROWS, dW, "ld")]
        _, inputs = _sizes(b)
        turned = Form("transpose({}, rows, {}, ld, scratch, PADDED({}));", (inputs, source, inputs))
        return [turned, _call("slope", *shape, SCRATCH, dW, "ld")]

    def _map(self, out: Tensor, f: sp.Expr) -> Nest:
        f, axes, own = f.xreplace(self.known), columns(out.axes), variable(out)
        if len(axes) == 1 and not _samples(axes[0]):
            raise PlanError(f"no loop over {out}")
        indexed = (set(indices_of(e)) for e in entries(f) if indices_of(e))
        if all(indices == set(axes) for indices in indexed):
            whole = self._rows_of(axes) if len(axes) == 2 else Form("ld")
            return _each("i", whole, self._scalars(axes, "[i]").assigned(f, own, "[i] ="))
        return self._over(axes[0], self._scalars(axes).assigned(f, own, f"{_at(axes)} ="))

    def _over(self, units: sp.Symbol, body: Sequence[Draft]) -> Nest:
        """Statements for every unit j and sample n."""
        head = Form("for (size_t j = 0; j < {}; j++)", (self._units(units),))
        return Nest(head, (_each("n", Form("ld"), body),))

    def _reduction(self, r: Reduction) -> list[Draft]:
        if len(r.over) != 1 or [_samples(a.symbol) for a in r.out.axes] != [True]:
            raise PlanError(f"no loop for the reduction in the line\n  {r.lines}")
        axes, own, f = columns((*r.over, *r.out.axes)), variable(r.out), r.f.xreplace(self.known)
        if r.kind == "max":
            larger = Form(
                "{0}[n] = real_max({0}[n], value);", (own,), calls=frozenset({"real_max"})
            )
            code = [*self._scalars(axes).assigned(f, "const net_real value", " ="), larger]
        else:
            code = self._scalars(axes).assigned(f, own, "[n] +=")
        start = "-NET_MAX" if r.kind == "max" else "R(0.0)"
        first = _each("n", Form("ld"), [Form(f"{{}}[n] = {start};", (own,))])
        return [first, self._over(axes[0], code)]

    def _scalars(self, axes: Axes, at: str = "") -> Scalars:
        def entry(node: Node) -> tuple[Name, str]:
            return self._variable(node.name), at or _at(node.axes)

        return Scalars(entry, axes, self.constants, self.plan.positive)

    # -- the loss

    def _loss(self) -> list[Passage]:
        """L: its terms are summed for each sample, in the order of memory, and then over them."""
        found = []
        for line, terms in self._sums():
            drafts = (draft for f, over in terms for draft in self._summed(f, over))
            found.append(Passage(None, tuple(drafts), (line,)))
        factor = loss_penalty(self.plan)
        if factor is not None and found:
            number = Form(f"const net_real penalty = {self.constants.text(factor)[0]};")
            found.append(Passage(None, (number,), words=("the part of L without samples",)))
            found += [Passage(b.layer, (_squares(b),)) for b in self.plan.blocks]
        return found

    def _sums(self) -> list[tuple[Line, list[tuple[sp.Expr, tuple[Axis, ...]]]]]:
        """The lines of scalars, with what else they read put in; the terms of each."""
        table, found = dict[sp.Expr, sp.Expr](), []
        for line in self.plan.loss:
            terms = [(t.f.xreplace(table), t.over) for t in line.terms]
            if not line.lhs.axes:
                found.append((line, terms))
            elif any(over for _, over in terms):
                raise PlanError(f"no loop for the line\n  {line}")
            else:
                table[line.lhs.entry] = sp.Add(*(f for f, _ in terms))
        return found

    def _summed_apart(self) -> int:
        """1 where a term of the loss is summed for each sample first, else 0."""
        return int(any(len(over) > 1 for _, terms in self._sums() for _, over in terms))

    def _summed(self, f: sp.Expr, over: Sequence[Axis]) -> list[Draft]:
        axes, ld = columns(over), Form("ld")
        if not _samples(axes[-1]):
            raise PlanError(f"a term of the loss is not a sum over samples: {f}")
        if len(axes) == 1:
            code = self._scalars(axes).assigned(f, "L", " +=")
            return [_nest(Form("for (size_t n = 0; n < rows; n++)"), code)]
        code = self._scalars(axes).assigned(f, SCRATCH, "[n] +=")
        zero = _each("n", ld, [Form("{}[n] = R(0.0);", (SCRATCH,))])
        total = Form("L += total(rows, {});", (SCRATCH,), calls=frozenset({"total"}))
        return [zero, self._over(axes[0], code), total]


def size(b: plans.Block) -> Form:
    """The number of entries of a block."""
    return Form("{} * ({} + 1)" if b.bias is not None else "{} * {}", _sizes(b))


def layout(b: plans.Block) -> Form:
    """Runs of weights in a block, their length, and the distance from one to the next."""
    units, inputs = _sizes(b)
    if b.transposed:
        return Form("1, {} * {}, 0", (inputs, units))
    width = "({} + 1)" if b.bias is not None else "{}"
    return Form(f"{{}}, {{}}, {width}", (units, inputs, inputs))


def _sizes(b: plans.Block) -> tuple[Item, Item]:
    """The units of a block, and its inputs."""
    return Item("UNITS", b.layer), Item("UNITS", b.layer - 1)


def _squares(b: plans.Block) -> Form:
    """Add the penalty of the weights of a block to L."""
    runs, calls = layout(b), frozenset({"squares"})
    code = f"L += penalty * squares({runs.text}, {{}});"
    return Form(code, (*runs.names, Name("W", b.layer)), -1, calls)


def _taken(name: Name, memory: str, count: Form) -> tuple[Form, ...]:
    """A pointer to the next ``count`` numbers of some memory."""
    return assigned(name, f"{memory};"), Form(f"{memory} += {count.text};", count.names)


def _call(function: str, *arguments: Reference) -> Form:
    """A call of a function of the file."""
    code = f"{function}({', '.join(['{}'] * len(arguments))});"
    return Form(code, arguments, calls=frozenset({function}))


def _calls(parts: Iterable[Part]) -> frozenset[str]:
    return frozenset[str]().union(*(own.calls for own in statements(parts)))


def _declared(name: Name, scope: Scope) -> str:
    """What is declared: the variable, or the list that it is in."""
    return scope.items(name) if scope.lists(name) else str(name)


def _samples(a: sp.Symbol) -> bool:
    return isinstance(a, SampleIndex)


def _at(axes: Axes) -> str:
    return AT if len(axes) == 2 else "[n]" if _samples(axes[0]) else "[j]"


def _each(index: str, count: Form, body: Sequence[Draft]) -> Nest:
    """A loop none of whose statements reads what another pass writes."""
    return _nest(Form(f"EACH({index}, {count.text})", count.names), body)


def _nest(head: Form, body: Sequence[Draft]) -> Nest:
    several = len(body) > 1
    opened = Form(head.text + " {{" * several, head.names)
    return Nest(opened, tuple(body), ("}",) * several)


def text(parts: Iterable[Part]) -> tuple[str, ...]:
    """The rows of statements of the file."""
    return rows(parts, LANGUAGE, WIDTH - 14, _broken)


def _broken(code: str | Assignment, indent: int) -> str:
    """A statement over several rows if need be, none of which ends in an index."""
    return "\n".join(textwrap.wrap(str(code), 78, subsequent_indent="    ")).replace(SPACE, " ")
