"""The arrays of planned statements: their names, and what allocates them."""

from __future__ import annotations

import sympy as sp

from symnn.engine.ir import SampleIndex
from symnn.targets.code import Item, Name, Pool, Reference, variable
from symnn.targets.forms import Form, assigned
from symnn.targets.plan.buffers import Work
from symnn.targets.plan.memory import columns, errors, pools, primes, products
from symnn.targets.plan.operations import Axes
from symnn.targets.plan.plan import SEED, Plan, PlanError
from symnn.targets.python.expressions import number_code

# no letter of a loop, or of a tensor without a layer
WORK, FLAGS, WORDS = ("t", "v", "w", "g", "f"), ("p", "o"), "i"
NUMBERS = {0: "zero", 1: "one", 2: "two", -1: "minus_one"}
BITS_TYPE = 'f"u{dtype.itemsize}"'
AS_BITS = f"view({BITS_TYPE})"
ONES, TURNED, BITS = "one", "T", "bits"  # marks: with a row of ones, transposed, as integers


class Arrays:
    """Names are given on demand; :meth:`allocations` then makes what has been named."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.tensors, self.axes = plan, plan.arrays, plan.axes
        self.x = variable(plan.program.leaves_of("input")[0])
        self.named = {name: variable(t) for name, t in self.tensors.items()}
        self.used: set[Name] = set()
        self.constants: dict[sp.Expr, str] = {}
        self.filled: dict[Name, tuple[str, Axes]] = {}  # its number, its axes
        self.works: dict[Name, Axes] = {}

    # -- names

    def array(self, name: str, *marks: str) -> Name:
        """An array of the plan, or a view of one, as its marks say."""
        return self._used(self.named.get(name, Name(name)), *marks)

    def weights(self, name: str, *marks: str) -> Name:
        """[A b] as it is stored, or transposed."""
        return self._used(Name("W", self.plan.block_of(name).layer), *marks)

    def _used(self, name: Name, *marks: str) -> Name:
        self.used.add(name.marked(*marks))
        return name.marked(*marks)

    def work(self, work: Work) -> Name:
        """A work array; the one with the number 0 is for bits."""
        letters, turn = (FLAGS if work.flags else WORK), work.number - 1
        letter = letters[turn % len(letters)] * (turn // len(letters) + 1) if work.number else WORDS
        name = self._of_axes(letter, work.axes)
        self.works[name], self.named[str(name)] = work.axes, name
        return self._used(name)

    def constant(self, number: sp.Expr | None) -> str:
        """A number, as an array without axes: NumPy takes those faster than its own scalars."""
        assert number is not None
        if number not in self.constants:
            known = NUMBERS.get(int(number)) if number.is_Integer else None
            further = sum(name not in NUMBERS.values() for name in self.constants.values()) + 1
            self.constants[number] = known or f"c{further}"
        return self.constants[number]

    def full(self, number: sp.Expr | None, axes: Axes) -> Name:
        """An array with the same number everywhere; a vector of ones makes a product a sum."""
        constant = self.constant(number)
        vector = len(axes) == 1 and not _samples(axes[0])
        name = self._of_axes("summing" if vector else f"{constant.replace('_', '')}s", axes)
        self.filled[name] = constant, axes
        return self._used(name)

    def ones_as_bits(self, axes: Axes) -> Name:
        """The integer 1 everywhere."""
        name = self._of_axes("ones", axes).marked(BITS)
        self.filled[name] = "1", axes
        return self._used(name)

    def bits(self, name: Name) -> Name:
        """The same memory as unsigned integers."""
        return self._used(name, BITS)

    def _of_axes(self, base: str, axes: Axes) -> Name:
        """A name for any array of these axes."""
        return Name(base).marked("n") if _samples(axes[0]) else Name(base, self._layer(axes[0]))

    def _layer(self, a: sp.Symbol) -> int:
        layer = self.axes[a].layer
        if layer is None:
            raise PlanError(f"no layer has the axis {a}")
        return layer

    def size(self, a: sp.Symbol) -> Reference:
        """The number of values of an axis, as code."""
        return "rows" if _samples(a) else Item("UNITS", self._layer(a))

    # -- allocation

    def views(self) -> dict[Name, str]:
        """What differs from step to step, the samples and what is saved, for the step i."""
        x, found = self.x, dict[Name, str]()
        for name, code in {
            x.marked(ONES): "self.x_columns[i % batches]",
            x.marked(ONES, TURNED): "self.x_rows[i % batches]",
            x: "self.x_columns[i % batches][:INPUTS]",
            x.marked(TURNED): "self.x_rows[i % batches][:, :INPUTS]",
            variable(self.plan.target): "self.y[i % batches]",
            variable(self.plan.scaled_target): "self.c_y[i % batches]",
        }.items():
            if name in self.used:
                found[name] = code
        if self.plan.loss_penalties:
            found[Name("penalty")] = "penalty_kept[i : i + 1]"
        aliases = {variable(self.tensors[n]): home for n, home in self.plan.aliases.items()}
        for saved in self.plan.saved:
            own = variable(self.tensors[saved])
            found[own] = f"{saved}_kept[i]"
            for name in sorted(self.used, key=str):
                if aliases.get(name) == saved:
                    found[name] = f"{saved}_kept[i]"
            if own.marked(TURNED) in self.used:
                found[own.marked(TURNED)] = f"{saved}_kept[i].T"
        bits = {name.marked(BITS): f"{code}.{AS_BITS}" for name, code in found.items()}
        return found | {name: code for name, code in bits.items() if name in self.used}

    def allocations(self) -> list[Form]:
        """What makes the arrays, those of one layer together."""
        numbers = [Form(f"{n} = np.array({_number(v)}, dtype)") for v, n in self.constants.items()]
        pool_of, slots = pools(self.plan), self._slots()
        layered = [*self._parameters(), *self._values(pool_of), *self._others(slots)]
        layered.sort(key=lambda form: form.layer or 0)
        return [*numbers, *self._shared(pool_of, slots), *self._stacks(), *layered]

    def _shared(self, pool_of: dict[str, int], slots: dict[Name, str]) -> list[Form]:
        """Memory that one layer after the other uses: for the largest of them."""
        used = [self._layer(columns(self.tensors[n].axes)[0]) for n in pool_of]
        inner = all(used) and all(name.layer for name in slots)
        units = f"max(UNITS{'[1:]' * inner})"
        works = {slots[n]: _is_flag(n) for n in slots if n in self.works}
        counts = {
            "pools": max(pool_of.values(), default=-1) + 1,
            "works": list(works.values()).count(False),
            "flags": list(works.values()).count(True),
        }
        rows = [
            Form(
                f"{name} = [new({units} * rows{', kind=bool' * (name == 'flags')})"
                f" for _ in range({count})]"
            )
            for name, count in counts.items()
            if count
        ]
        filled = sorted((n for n in slots if n in self.filled), key=str)
        for slot, name in {slots[name]: name for name in filled}.items():
            number = self.filled[name][0]
            rows.append(Form(f"{slot} = self.full({units}, {number}{{}})", (_kind(name),)))
        return rows

    def _slots(self) -> dict[Name, str]:
        """Array -> the memory that it shares with those of the same kind of other layers."""
        groups: dict[str, list[Name]] = {}
        for name, axes in {
            **self.works,
            **{n: axes for n, (_, axes) in self.filled.items()},
        }.items():
            if len(axes) == 2:
                groups.setdefault(name.items, []).append(name)
        found: dict[Name, str] = {}
        counts = {"works": 0, "flags": 0}
        for items, names in groups.items():
            if len(names) < 2:
                continue
            memory = f"all_{items}"
            if names[0] in self.works:
                kind = "flags" if _is_flag(names[0]) else "works"
                memory = f"{kind}[{counts[kind]}]"
                counts[kind] += 1
            found |= dict.fromkeys(names, memory)
        return found

    def _part(self, name: Name, memory: Reference, axes: Axes) -> Form:
        """The first part of shared memory, as an array."""
        units = self.size(axes[0])
        return assigned(name, "{}[: {} * rows].reshape({}, rows)", memory, units, units)

    def _stacks(self) -> list[Form]:
        """What several layers are parts of."""
        rows = []
        if outputs := self._outputs():
            layers = sorted(self.tensors[name].layer or 0 for name in outputs)
            widths = f"[units + 1 for units in UNITS[{layers[0]}:{layers[-1] + 1}]]"
            rows += [
                f"# the outputs of the layers {layers[0]} to {layers[-1]}, each with its row of"
                " ones, as one array",
                f"offsets = [0] * {layers[0] + 1} + np.cumsum({widths}).tolist()",
                "outputs = new((offsets[-1], rows), 1.0)",
            ]
        if primes(self.plan):
            rows.append("primes = new((offsets[-1], rows))")
        if parts := products(self.plan):
            blocks = [self.plan.block_of(p.out.name) for p in parts]
            first, last = blocks[0].layer, blocks[-1].layer
            count, end = len(blocks), blocks[-1].start + blocks[-1].size
            rows += [
                f"# for one product: dz_k, a_(k-1), the gradients of W_k; k = {first} to {last}",
                f"errors = new(({count}, UNITS[{first}], rows))",
                "errors_T = errors.swapaxes(1, 2)",
                f"sources = outputs[offsets[{first - 1}] : offsets[{last}]]"
                f".reshape({count}, -1, rows)",
                f"products = g[{blocks[0].start}:{end}]"
                f".reshape({count}, *gradients[{first}].shape)",
            ]
        return list(map(Form, rows))

    def _outputs(self) -> set[str]:
        """What lies in one array, each with its row of ones."""
        return {*primes(self.plan), *(p.right.name for p in products(self.plan))}

    def _parameters(self) -> list[Form]:
        """[A_k b_k] and its gradient, and what the products read of them."""
        rows, stacked = [], {p.out.name for p in products(self.plan)}
        for k, b in enumerate(self.plan.blocks):
            if b.transposed != (k > 0):
                raise PlanError(f"{b.weights} is not stored as its place in the network says")
            W, turned = Name("W", b.layer), (TURNED,) * b.transposed
            rows.append(assigned(W.marked(*turned), "{}", Item("stored", b.layer)))
            if b.weights not in stacked:
                dW = Name("dW", b.layer, turned)
                rows.append(assigned(dW, "{}", Item("gradients", b.layer)))
            if b.transposed:
                rows.append(assigned(W, "{}.T", W.marked(TURNED)))
            A_T = variable(self.tensors[b.weights]).marked(TURNED)
            if A_T in self.used:
                cut = b.bias is not None
                units = (Item("UNITS", b.layer - 1),) * cut
                rows.append(assigned(A_T, "{}" + "[: {}]" * cut, W.marked(TURNED), *units))
        return rows

    def _values(self, pool_of: dict[str, int]) -> list[Form]:
        """An array for every value that does not share another one's."""
        rows, given = list[Form](), self.views()
        outputs, prime, error = self._outputs(), primes(self.plan), errors(self.plan)
        stacked, home = set(prime.values()), self.plan.home
        for name in sorted(self.plan.tensors, key=lambda name: home(name) != name):
            tensor = self.tensors[name]
            own, axes = variable(tensor), columns(tensor.axes)
            if own in given:
                continue
            if home(name) != name:
                rows.append(assigned(own, "{}", variable(self.tensors[home(name)])))
            elif name in outputs:
                k, units = tensor.layer or 0, self.size(axes[0])
                part = (Item("offsets", k), Item("offsets", k + 1))
                rows.append(assigned(own.marked(ONES), "outputs[{} : {}]", *part))
                rows.append(assigned(own, "{}[: {}]", own.marked(ONES), units))
                if name in prime:
                    out = variable(self.tensors[prime[name]])
                    rows.append(assigned(out, "primes[{} : {}][: {}]", *part, units))
            elif name in stacked:
                continue
            elif name in error:
                rows.append(assigned(own, "{}", Item("errors", error[name])))
            elif name in self.plan.ones:
                units = self.size(axes[0])
                rows.append(assigned(own.marked(ONES), "new(({} + 1, rows), 1.0)", units))
                rows.append(assigned(own, "{}[: {}]", own.marked(ONES), units))
            elif name in pool_of:
                rows.append(self._part(own, Pool(pool_of[name]), axes))
            else:
                rows.append(self._new(own, axes))
        for mask in self.plan.program.leaves_of("mask"):
            rows.append(self._new(variable(mask), columns(mask.axes), ", 1.0"))
        values = {variable(self.tensors[n]) for n in self.plan.tensors}
        for value in sorted({*values, *(v.marked(ONES) for v in values)}, key=str):
            turned = value.marked(TURNED)
            if turned in self.used and turned not in given:
                rows.append(assigned(turned, "{}.T", value))
        return rows

    def _new(self, name: Name, axes: Axes, more: str = "") -> Form:
        sizes = [self.size(a) for a in axes]
        shape = "{}" if len(sizes) == 1 else "({}, {})"
        return assigned(name, f"new({shape}{more})", *sizes)

    def _others(self, slots: dict[Name, str]) -> list[Form]:
        """Work arrays, arrays of one number, and memory as bits."""
        rows = []
        for name, axes in sorted(self.works.items(), key=_by_name):
            if name in slots:
                rows.append(self._part(name, slots[name], axes))
            else:
                rows.append(self._new(name, axes, ", kind=bool" * _is_flag(name)))
        for name, (number, axes) in sorted(self.filled.items(), key=_by_name):
            units = self.size(axes[0])
            if name in slots:
                form = assigned(name, f"{slots[name]}[: {{}}]", units)
            elif len(axes) == 2:
                form = assigned(name, f"self.full({{}}, {number}{{}})", units, _kind(name))
            elif _samples(axes[0]):
                form = assigned(name, f"new(rows, {number}{{}})", _kind(name))
            else:
                form = assigned(name, f"np.full({{}}, {number}, dtype)", units)
            rows.append(form)
        made = {*self.views(), *self.filled}
        for name in sorted(self.used - made, key=str):
            if name.marks[-1:] == (BITS,):
                rows.append(assigned(name, "{}.{}", name.unmarked(), AS_BITS))
        return rows


def _samples(a: sp.Symbol) -> bool:
    return isinstance(a, SampleIndex)


def _is_flag(work: Name) -> bool:
    return work.base[0] in FLAGS


def _by_name(pair: tuple[Name, object]) -> str:
    return str(pair[0])


def _kind(name: Name) -> str:
    """The last argument of what allocates an array: its type, if it is not dtype."""
    return f", {BITS_TYPE}" if name.marks[-1:] == (BITS,) else ""


def _number(number: sp.Expr) -> str:
    return number_code(number) if number.has(SEED) else repr(float(number))
