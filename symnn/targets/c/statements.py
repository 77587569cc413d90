"""Plans as C: products by the file's own kernels, everything else as loops over components."""

from __future__ import annotations

import textwrap
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import sympy as sp

from symnn.engine.ir import Axis, Line, SampleIndex, Tensor, entries, indices_of, name_of
from symnn.engine.repeats import Relative, repeats, signature
from symnn.targets.c.scalars import Constants, Numbers, Scalars
from symnn.targets.code import (
    LEAST,
    Block,
    Form,
    Item,
    Language,
    Name,
    Part,
    Pool,
    Reference,
    Scope,
    Statement,
    assigned,
    below,
    has_loops,
    plain,
    printed,
    rows,
    shown,
    statements,
    variable,
)
from symnn.targets.plan import plan as plans
from symnn.targets.plan.memory import columns, pools
from symnn.targets.plan.operations import Axes, Node
from symnn.targets.plan.plan import (
    Map,
    Plan,
    PlanError,
    Product,
    Reduction,
    Step,
    Zero,
    loss_penalty,
    steps,
)
from symnn.targets.plan.update import PARAMETERS, flat_lines, in_place

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
REAL, FIXED = "net_real", "const net_real"


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


@dataclass(frozen=True)
class _Pointers:
    """Statements that set pointers, which are of a type, for a layer."""

    layer: int | None
    forms: tuple[Form, ...]
    kinds: tuple[tuple[Name, str], ...]


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
    vectors, folded = flat_lines(lines, gradients, states)
    constants, code = Constants(numbers), list[Part]()

    def entry(node: Node) -> tuple[Name, str]:
        return Name(node.name), f"{node.name}[p]"

    for name, f in in_place(vectors):
        scalars = Scalars(entry, (PARAMETERS.symbol,), constants)
        code += scalars.assigned(f, Name(name), f"{name}[p] =")
    parts = below([str(line) for line in vectors], [_each("p", "NET_SIZE", code)])
    used = {str(n) for own in statements(parts) for n in (*own.reads, *own.defines)}
    used |= constants.reads
    found = Function(
        constants=constants.rows(),
        steps=text(parts),
        calls=_calls(parts),
        variables=frozenset(constants.reads),
        unread=[n for n in ("eta", "t", *states) if n not in used],
    )
    return found, folded


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
        plan = self.plan
        pointers, pooled, places = self._pointers()
        setup = repeats(pointers, lambda own: own.layer, _pointers_shape, LEAST)
        found = repeats(steps(plan), lambda step: step.layer, self._step_shape, LEAST)
        self.loops = has_loops([*setup, *found])
        scope = Scope(lambda name: self.loops, taken=plain(self.tensors.values()))
        body, loss = printed(found, self._write, scope, LANGUAGE), self._loss(scope)
        parts = [*body, *loss]
        kinds = [pair for own in pointers for pair in own.kinds]
        results = [variable(self.tensors[name]) for name in plan.records]
        used = {n for own in statements(parts) for n in (*own.reads, *own.defines)}
        read = {self._declared(n, scope) for n in (*used, *results)}
        declared = {
            kind: [self._declared(n, scope) for n, k in kinds if k == kind] for kind in KINDS
        }
        unread = [n for names in declared.values() for n in dict.fromkeys(names) if n not in read]
        arguments = (Name("seed"), SCRATCH, variable(plan.target), X_ROWS)
        unread += [
            str(n) for n in arguments if n not in used and str(n) not in self.constants.reads
        ]
        if pooled:
            declared[REAL].insert(0, "pools")
        size = f"[{len(plan.blocks) + 1}]"  # of a list
        listed = {self._declared(n, scope) for n, _ in kinds if scope.lists(n)} | {"pools"}
        return Function(
            declarations=[
                row for kind in KINDS for row in _declarations(kind, declared[kind], listed, size)
            ],
            constants=self.constants.rows(),
            setup=text(printed(setup, _set, scope, LANGUAGE)),
            steps=text(body),
            loss=text(loss),
            result=scope.written(results[0]) if len(results) == 1 else "",
            places=places,
            scratch=max([self._summed_apart(), *map(self._scratch, plan.kernels)]),
            calls=_calls(parts),
            variables=frozenset(self.constants.reads),
            unread=unread,
        )

    def _declared(self, name: Name, scope: Scope) -> str:
        """A pointer, or the list that it is in."""
        return scope.items(name) if scope.lists(name) else str(name)

    # -- memory

    def _pointers(self) -> tuple[list[_Pointers], int, int]:
        """The pointers into theta, into the gradient, and into the memory of values.

        Also the number of pools, and of rows of that memory.
        """
        plan, found = self.plan, list[_Pointers]()
        training = any(isinstance(k, Zero | Product) and k.out.block for k in plan.kernels)
        for b in plan.blocks:
            W, dW = Name("W", b.layer), Name("dW", b.layer)
            forms, kinds = _taken(W, "theta", size(b)), [(W, FIXED)]
            if training:
                forms += _taken(dW, "gradient", size(b))
                kinds.append((dW, REAL))
            found.append(_Pointers(b.layer, tuple(forms), tuple(kinds)))
        places, sizes = pools(plan), 0
        # what is in another one's place comes after it
        for name in sorted(plan.tensors, key=lambda name: plan.home(name) != name):
            home, axes = plan.home(name), columns(self.tensors[name].axes)
            own = variable(self.tensors[name])
            if home != name:
                forms = [assigned(own, "{};", variable(self.tensors[home]))]
            elif name in places:
                forms = [assigned(own, "{};", Pool(places[name]))]
            else:
                whole = len(axes) == 2
                forms = _taken(
                    own, "place", Form("{} * ld", (self._units(axes[0]),) if whole else ("1",))
                )
                sizes += int(self.axes[axes[0]].size) if whole else 1
            found.append(_Pointers(self.tensors[home].layer, tuple(forms), ((own, REAL),)))
        for mask in self.masks:
            own, size_ = variable(mask), Form("{} * ld", (self._units(columns(mask.axes)[0]),))
            found.append(_Pointers(mask.layer, tuple(_taken(own, "masks", size_)), ((own, FIXED),)))
        found.sort(key=lambda own: own.layer or 0)
        count, widest = max(places.values(), default=-1) + 1, max(b.units for b in plan.blocks)
        shared = [f"pools[{p}] = place + {p * widest} * ld;" for p in range(count)]
        if count:
            shared.append(f"place += {count * widest} * ld;")
        first = [_Pointers(None, (Form(row),), ()) for row in shared]
        return [*first, *found], count, sizes + count * widest

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

    def _step_shape(self, step: Step, layer: int) -> Hashable:
        seen = Relative(layer, self.tensors, self.axes)
        lines = tuple(signature(line, layer, self.tensors) for line in step.lines)
        return lines, tuple(self._shape(self.plan.kernels[k], seen) for k in step.kernels)

    def _shape(self, kernel: plans.Kernel, seen: Relative) -> Hashable:
        """What must agree for kernels of two layers to be one in a loop."""
        match kernel:
            case Product(_, left, right, out):
                blocks = [self.weights[m.name] for m in (left, right, out) if m.block]
                stored = tuple((b.transposed, b.bias is None) for b in blocks)
                marks = tuple((m.transposed, m.ones, m.block) for m in (left, right, out))
                return stored, marks, *(seen.tensor(m.name) for m in (left, right, out))
            case Map(_, out, f) | Reduction(_, out, _, f, _):
                kind = kernel.kind if isinstance(kernel, Reduction) else ""
                f = f.xreplace(self.known)
                positive = frozenset(
                    seen.tensor(name_of(e)) for e in entries(f) if name_of(e) in self.plan.positive
                )
                axes = tuple(seen.axis(a.symbol) for a in out.axes)
                return kind, seen.tensor(out.name), axes, seen.expression(f), positive
            case Zero(_, out):
                return seen.tensor(out.name)
        raise PlanError(f"no C for {type(kernel).__name__}")

    def _write(self, step: Step, scope: Scope) -> list[Part]:
        kernels = [self.plan.kernels[k] for k in step.kernels]
        parts = [part for kernel in kernels for part in self._kernel(kernel, scope)]
        return below(shown(step.lines, scope, self.tensors), parts)

    def _kernel(self, kernel: plans.Kernel, scope: Scope) -> list[Part]:
        match kernel:
            case Product():
                return self._product(kernel, scope)
            case Map(_, out, f):
                return [self._map(out, f, scope)]
            case Reduction():
                return self._reduction(kernel, scope)
            case Zero(_, out):
                b = self.plan.block_of(out.name)
                dW = Name("dW", b.layer)
                zero = Statement(f"{scope.written(dW)}[i] = R(0.0);", defines=(dW,))
                return [_each("i", size(b).statement(scope).text, [zero])]
        raise PlanError(f"no C for {type(kernel).__name__}")

    def _product(self, p: Product, scope: Scope) -> list[Part]:
        if p.out.block:
            return self._slope(p, self.plan.block_of(p.out.name), scope)
        right, out = (variable(self.tensors[m.name]) for m in (p.right, p.out))
        if p.left.block:
            b = self.plan.block_of(p.left.name)
            function, bias = "affine_T" if b.transposed else "affine", str(int(b.bias is not None))
            return [_call(scope, function, *_sizes(b), bias, Name("W", b.layer), right, out, "ld")]
        if p.left.name not in self.weights or not p.left.transposed or p.right.transposed:
            raise PlanError(f"no kernel for the product in the line\n  {p.lines[0]}")
        b = self.weights[p.left.name]
        if not b.transposed:
            raise PlanError(f"{b.weights} is not stored as the backward sweep reads it")
        return [_call(scope, "pulled", *_sizes(b), Name("W", b.layer), right, out, "ld")]

    def _slope(self, p: Product, b: plans.Block, scope: Scope) -> list[Part]:
        """dA_k = dz v': a product whose right operand must have units, or inputs, last."""
        left, source = (variable(self.tensors[m.name]) for m in (p.left, p.right))
        shape = (*_sizes(b), str(int(b.bias is not None)), "rows", left)
        dW = Name("dW", b.layer)
        if b.transposed:
            return [_call(scope, "slope_T", *shape, source, dW, "ld", SCRATCH)]
        if p.right.name == self.x.name:
            return [_call(scope, "slope", *shape, X_ROWS, dW, "ld")]
        inputs = _sizes(b)[1]
        to = f"PADDED({scope.written(inputs)})"
        return [
            _call(scope, "transpose", inputs, "rows", source, "ld", SCRATCH, to),
            _call(scope, "slope", *shape, SCRATCH, dW, "ld"),
        ]

    def _map(self, out: Tensor, f: sp.Expr, scope: Scope) -> Block:
        f, axes, own = f.xreplace(self.known), columns(out.axes), variable(out)
        if len(axes) == 1 and not _samples(axes[0]):
            raise PlanError(f"no loop over {out}")
        indexed = (set(indices_of(e)) for e in entries(f) if indices_of(e))
        if all(indices == set(axes) for indices in indexed):
            units = f"{scope.written(self._units(axes[0]))} * " if len(axes) == 2 else ""
            to = f"{scope.written(own)}[i] ="
            return _each("i", f"{units}ld", self._scalars(axes, scope, "[i]").assigned(f, own, to))
        to = f"{scope.written(own)}{_at(axes)} ="
        return self._over(axes[0], self._scalars(axes, scope).assigned(f, own, to), scope)

    def _over(self, units: sp.Symbol, body: Sequence[Part], scope: Scope) -> Block:
        """Statements for every unit j and sample n."""
        count = scope.written(self._units(units))
        return Block(f"for (size_t j = 0; j < {count}; j++)", (_each("n", "ld", body),))

    def _reduction(self, r: Reduction, scope: Scope) -> list[Part]:
        if len(r.over) != 1 or not [_samples(a.symbol) for a in r.out.axes] == [True]:
            raise PlanError(f"no loop for the reduction in the line\n  {r.lines}")
        axes, own = columns((*r.over, *r.out.axes)), variable(r.out)
        out, f = f"{scope.written(own)}[n]", r.f.xreplace(self.known)
        scalars = self._scalars(axes, scope)
        if r.kind == "max":
            code = scalars.assigned(f, None, "const net_real value =")
            larger = f"{out} = real_max({out}, value);"
            code.append(Statement(larger, defines=(own,), calls=frozenset({"real_max"})))
        else:
            code = scalars.assigned(f, own, f"{out} +=")
        start = "-NET_MAX" if r.kind == "max" else "R(0.0)"
        first = _each("n", "ld", [Statement(f"{out} = {start};", defines=(own,))])
        return [first, self._over(axes[0], code, scope)]

    def _scalars(self, axes: Axes, scope: Scope, at: str = "") -> Scalars:
        def entry(node: Node) -> tuple[Name, str]:
            own = variable(self.tensors[node.name])
            return own, scope.written(own) + (at or _at(node.axes))

        return Scalars(entry, axes, self.constants, self.plan.positive)

    # -- the loss

    def _loss(self, scope: Scope) -> list[Part]:
        """L: its terms are summed for each sample, in the order of memory, and then over them."""
        parts: list[Part] = []
        for line, terms in self._sums():
            code = [part for f, over in terms for part in self._summed(f, over, scope)]
            parts += below([str(line)], code)
        factor = loss_penalty(self.plan)
        if factor is not None and parts:
            penalty = f"const net_real penalty = {self.constants.text(factor)[0]};"
            parts.append(Statement(penalty, ("the part of L without samples",)))
            least = LEAST if self.loops else len(self.plan.blocks) + 1
            blocks = repeats(self.plan.blocks, lambda b: b.layer, _squares_shape, least)
            parts += printed(blocks, _squares, scope, LANGUAGE)
        return parts

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

    def _summed(self, f: sp.Expr, over: Sequence[Axis], scope: Scope) -> list[Part]:
        axes = columns(over)
        if not _samples(axes[-1]):
            raise PlanError(f"a term of the loss is not a sum over samples: {f}")
        scalars = self._scalars(axes, scope)
        if len(axes) == 1:
            code = scalars.assigned(f, None, "L +=")
            return [_block("for (size_t n = 0; n < rows; n++)", code)]
        code = scalars.assigned(f, SCRATCH, "scratch[n] +=")
        zero = _each("n", "ld", [Statement("scratch[n] = R(0.0);", defines=(SCRATCH,))])
        total = Statement("L += total(rows, scratch);", calls=frozenset({"total"}))
        return [zero, self._over(axes[0], code, scope), total]


KINDS = (FIXED, REAL)


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


def _squares_shape(b: plans.Block, layer: int) -> Hashable:
    return layout(b).shape(Relative(layer, {}, {}))


def _squares(b: plans.Block, scope: Scope) -> list[Part]:
    """Add the penalty of the weights of a block to L."""
    W = Name("W", b.layer)
    sum_ = f"squares({layout(b).statement(scope).text}, {scope.written(W)})"
    calls = frozenset({"squares"})
    return [Statement(f"L += penalty * {sum_};", reads=frozenset({W}), calls=calls)]


def _taken(name: Name, memory: str, count: Form) -> list[Form]:
    """A pointer to the next ``count`` numbers of some memory."""
    return [assigned(name, f"{memory};"), Form(f"{memory} += {count.text};", count.names)]


def _pointers_shape(own: _Pointers, layer: int) -> Hashable:
    seen = Relative(layer, {}, {})
    return tuple(form.shape(seen) for form in own.forms)


def _set(own: _Pointers, scope: Scope) -> list[Part]:
    return [form.statement(scope) for form in own.forms]


def _declarations(kind: str, names: Iterable[str], lists: set[str], size: str) -> list[str]:
    pointers = ", ".join(f"*{n}{size if n in lists else ''}" for n in dict.fromkeys(names))
    return textwrap.wrap(f"{kind} {pointers};", WIDTH, subsequent_indent="    ") if pointers else []


def _call(scope: Scope, function: str, *arguments: Reference) -> Statement:
    """A call of a function of the file."""
    code = f"{function}({', '.join(map(scope.written, arguments))});"
    reads = frozenset(a for a in arguments if isinstance(a, Name))
    return Statement(code, reads=reads, calls=frozenset({function}))


def _calls(parts: Iterable[Part]) -> frozenset[str]:
    return frozenset[str]().union(*(own.calls for own in statements(parts)))


def _samples(a: sp.Symbol) -> bool:
    return isinstance(a, SampleIndex)


def _at(axes: Axes) -> str:
    return AT if len(axes) == 2 else "[n]" if _samples(axes[0]) else "[j]"


def _each(index: str, count: str, body: Sequence[Part]) -> Block:
    """A loop none of whose statements reads what another pass writes."""
    return _block(f"EACH({index}, {count})", body)


def _block(head: str, body: Sequence[Part]) -> Block:
    several = len(body) > 1
    return Block(head + " {" * several, tuple(body), ("}",) * several)


def text(parts: Iterable[Part]) -> tuple[str, ...]:
    """The rows of statements of the file."""
    return rows(parts, LANGUAGE, WIDTH - 14, _broken)


def _broken(code: str, indent: int) -> str:
    """A statement over several rows if need be, none of which ends in an index."""
    return "\n".join(textwrap.wrap(code, 78, subsequent_indent="    ")).replace(SPACE, " ")
