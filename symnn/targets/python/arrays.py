"""The arrays of planned statements: their names, and the rows of code that allocate them."""

from __future__ import annotations

import re
from collections.abc import Iterable

import sympy as sp

from symnn.engine.ir import Axis, Tensor
from symnn.engine.repeats import layer_of
from symnn.targets.loops import Row
from symnn.targets.plan.buffers import Work
from symnn.targets.plan.operations import Axes
from symnn.targets.plan.plan import (
    SEED,
    Plan,
    PlanError,
    Product,
    Products,
    Stack,
    reads_of,
    written_by,
)
from symnn.targets.python.expressions import expression

# no letter of a loop, or of a tensor without a layer
WORK, FLAGS, BITS = ("t", "v", "w", "g", "f"), ("p", "o"), "i"
NUMBERS = {0: "zero", 1: "one", 2: "two", -1: "minus_one"}
SAMPLES = "n"
BITS_TYPE = 'f"u{dtype.itemsize}"'
AS_BITS = f"view({BITS_TYPE})"


class Arrays:
    """Names are given on demand; :meth:`rows` then allocates what has been named."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.x, self.y = (plan.program.leaves_of(role)[0] for role in ("input", "target"))
        self.tensors = {**plan.program.tensors, **plan.tensors}
        self.tensors["c_y"] = Tensor("c_y", self.y.axes)
        self.used: set[str] = set()
        self.constants: dict[sp.Expr, str] = {}
        self.filled: dict[str, tuple[str, Axes]] = {}  # name -> its number, its axes
        self.works: dict[str, Axes] = {}

    # -- names

    def name(self, name: str) -> str:
        """An array of the plan, or a view of one: transposed, with ones, as bits."""
        self.used.add(name)
        return name

    def work(self, work: Work) -> str:
        """A work array; the one with the number 0 is for bits."""
        letters, turn = (FLAGS if work.flags else WORK), work.number - 1
        letter = letters[turn % len(letters)] * (turn // len(letters) + 1) if work.number else BITS
        name = f"{letter}_{_place(work.axes)}"
        self.works[name] = work.axes
        return self.name(name)

    def constant(self, value: sp.Expr | None) -> str:
        """A number, as an array without axes: NumPy takes those faster than its own scalars."""
        assert value is not None
        if value not in self.constants:
            known = NUMBERS.get(int(value)) if value.is_Integer else None
            further = sum(name.startswith("c") for name in self.constants.values()) + 1
            self.constants[value] = known or f"c{further}"
        return self.constants[value]

    def full(self, value: sp.Expr | None, axes: Axes) -> str:
        """An array with the same number everywhere; a vector of ones makes a product a sum."""
        number = self.constant(value)
        vector = len(axes) == 1 and axes[0].name != SAMPLES
        name = f"{'summing' if vector else number.replace('_', '') + 's'}_{_place(axes)}"
        self.filled[name] = number, axes
        return self.name(name)

    def bits(self, name: str) -> str:
        """The same memory as unsigned integers."""
        return self.name(f"{name}_bits")

    def ones_as_bits(self, axes: Axes) -> str:
        """The integer 1 everywhere."""
        name = f"ones_{_place(axes)}_bits"
        self.filled[name] = "1", axes
        return self.name(name)

    def shape(self, axes: Axes) -> str:
        """A shape, as code."""
        found = [self._size(a) for a in axes]
        return found[0] if len(found) == 1 else f"({', '.join(found)})"

    def _size(self, a: sp.Symbol) -> str:
        return "rows" if a.name == SAMPLES else f"UNITS[{number_of(a.name)}]"

    def place(self, name: str) -> str:
        """The name of the tensor whose memory a tensor is in."""
        return self.plan.place.get(name, name)

    # -- allocation

    def views(self) -> dict[str, str]:
        """What differs from step to step, the samples and the records, for the step i."""
        x, found = self.x.name, {}
        for name, code in {
            f"{x}_one": "self.x_columns[i % batches]",
            f"{x}_one_T": "self.x_rows[i % batches]",
            x: "self.x_columns[i % batches][:INPUTS]",
            f"{x}_T": "self.x_rows[i % batches][:, :INPUTS]",
            self.y.name: "self.y[i % batches]",
            "c_y": "self.c_y[i % batches]",
        }.items():
            if name in self.used:
                found[name] = code
        if self.plan.loss_penalties:
            found["penalty"] = "penalty_kept[i : i + 1]"
        for record in self.plan.records:
            found[record] = f"{record}_kept[i]"
            for name in self.used:
                if self.plan.place.get(name) == record:
                    found[name] = f"{record}_kept[i]"
            if f"{record}_T" in self.used:
                found[f"{record}_T"] = f"{record}_kept[i].T"
        bits = {f"{n}_bits": f"{code}.{AS_BITS}" for n, code in found.items()}
        return found | {name: code for name, code in bits.items() if name in self.used}

    def rows(self) -> list[Row]:
        """The allocations, those of one layer together."""
        numbers = [f"{n} = np.array({_number(v)}, dtype)" for v, n in self.constants.items()]
        pools = self.pools()
        texts = [
            *self._parameters(),
            *self._values(pools),
            *self._others(),
        ]
        rows = [Row(None, (text,)) for text in (*numbers, *self._shared(pools), *self._stacks())]
        layered = [Row(_layer(text), (text,)) for text in texts]
        return rows + sorted(layered, key=lambda r: r.layer or 0)

    def _shared(self, pools: dict[str, int]) -> list[str]:
        """Memory that one layer after the other uses: for the largest of them."""
        slots = self._slots()
        filled = {n: self.filled[n][0] for n in slots if n in self.filled}
        used = [number_of(columns(self.tensors[n].axes)[0].name) for n in pools]
        inner = all(used) and all(layer_of(name) for name in slots)
        units = f"max(UNITS{'[1:]' * inner})"
        counts = {"pools": max(pools.values(), default=-1) + 1}
        for kind in ("works", "flags"):
            counts[kind] = len({place for place in slots.values() if place.startswith(kind)})
        rows = [
            f"{name} = [new({units} * rows{', kind=bool' * (name == 'flags')})"
            f" for _ in range({count})]"
            for name, count in counts.items()
            if count
        ]
        for name, number in {slots[name]: filled[name] for name in sorted(filled)}.items():
            rows.append(f"{name} = self.full({units}, {number}{_kind(name)})")
        return rows

    def _slots(self) -> dict[str, str]:
        """Array -> the memory that it shares with those of the same kind of other layers."""
        places = {**self.works, **{name: axes for name, (_, axes) in self.filled.items()}}
        groups: dict[str, list[str]] = {}
        for name, axes in places.items():
            if len(axes) == 2:
                groups.setdefault(_base(name), []).append(name)
        found: dict[str, str] = {}
        counts = {"works": 0, "flags": 0}
        for base, names in groups.items():
            if len(names) < 2:
                continue
            memory = f"all_{base}"
            if names[0] in self.works:
                kind = "flags" if base[0] in FLAGS else "works"
                memory = f"{kind}[{counts[kind]}]"
                counts[kind] += 1
            found |= dict.fromkeys(names, memory)
        return found

    def _part(self, memory: str, axes: Axes) -> str:
        """The first part of shared memory, as an array."""
        units = self._size(axes[0])
        return f"{memory}[: {units} * rows].reshape({units}, rows)"

    def _stacks(self) -> list[str]:
        """What several layers are parts of."""
        rows = []
        if outputs := self._outputs():
            layers = sorted(layer_of(name) or 0 for name in outputs)
            widths = f"[units + 1 for units in UNITS[{layers[0]}:{layers[-1] + 1}]]"
            rows += [
                f"# the outputs of the layers {layers[0]} to {layers[-1]}, each with its row of"
                " ones, as one array",
                f"offsets = [0] * {layers[0] + 1} + np.cumsum({widths}).tolist()",
                "outputs = new((offsets[-1], rows), 1.0)",
            ]
        if self._primes():
            rows.append("primes = new((offsets[-1], rows))")
        if products := self._products():
            blocks = [self.plan.block_of(p.out.name) for p in products]
            first, last = (layer_of(b.weights) or 0 for b in (blocks[0], blocks[-1]))
            count, end = len(blocks), blocks[-1].start + blocks[-1].size
            rows += [
                f"# for one product: dz_k, a_(k-1), the gradients of W_k; k = {first} to {last}",
                f"errors = new(({count}, UNITS[{first}], rows))",
                "errors_T = errors.swapaxes(1, 2)",
                f"sources = outputs[offsets[{first - 1}] : offsets[{last}]]"
                f".reshape({count}, -1, rows)",
                f"products = g[{blocks[0].start}:{end}].reshape({count}, *slopes[{first}].shape)",
            ]
        return rows

    def _primes(self) -> dict[str, str]:
        """Source -> what is computed of it, for the layers that are computed in one go."""
        stacks = [k for k in self.plan.kernels if isinstance(k, Stack)]
        return {s: out.name for k in stacks for s, out in zip(k.sources, k.outs, strict=True)}

    def _products(self) -> list[Product]:
        """The products that are computed in one go, the first layer first."""
        return [p for k in self.plan.kernels if isinstance(k, Products) for p in k.parts[::-1]]

    def _outputs(self) -> set[str]:
        """What lies in one array, each with its row of ones."""
        return {*self._primes(), *(p.right.name for p in self._products())}

    def _errors(self) -> dict[str, int]:
        """What lies in the array of errors, and where."""
        return {p.left.name: k for k, p in enumerate(self._products())}

    def _parameters(self) -> list[str]:
        """[A_k b_k] and its gradient, and what the products read of them."""
        rows, stacked = [], {p.out.name for p in self._products()}
        for b in self.plan.blocks:
            k = layer_of(b.weights)
            if b.transposed != (k != 1):
                raise PlanError(f"{b.weights} is not stored as its place in the network says")
            turned = "_T" * b.transposed
            rows.append(f"W_{k}{turned} = stored[{k}]")
            if b.weights not in stacked:
                rows.append(f"dW_{k}{turned} = slopes[{k}]")
            if b.transposed:
                rows.append(f"W_{k} = W_{k}_T.T")
            if f"{b.weights}_T" in self.used:
                cut = f"[: UNITS[{k - 1}]]" if b.bias is not None and k else ""
                rows.append(f"{b.weights}_T = W_{k}_T{cut}")
        return rows

    def _values(self, pools: dict[str, int]) -> list[str]:
        """An array for every value that has none in another one's place."""
        rows, given = [], self.views()
        outputs, primes, errors = self._outputs(), self._primes(), self._errors()
        stacked = set(primes.values())
        for name in sorted(self.plan.tensors, key=lambda name: self.place(name) != name):
            axes = columns(self.tensors[name].axes)
            if name in given:
                continue
            if self.place(name) != name:
                rows.append(f"{name} = {self.place(name)}")
            elif name in outputs:
                k, units = layer_of(name) or 0, self._size(axes[0])
                part = f"[offsets[{k}] : offsets[{k + 1}]]"
                rows += [f"{name}_one = outputs{part}", f"{name} = {name}_one[: {units}]"]
                if name in primes:
                    rows.append(f"{primes[name]} = primes{part}[: {units}]")
            elif name in stacked:
                continue
            elif name in errors:
                rows.append(f"{name} = errors[{errors[name]}]")
            elif name in self.plan.ones:
                units = self._size(axes[0])
                rows.append(f"{name}_one = new(({units} + 1, rows), 1.0)")
                rows.append(f"{name} = {name}_one[: {units}]")
            elif name in pools:
                rows.append(f"{name} = {self._part(f'pools[{pools[name]}]', axes)}")
            else:
                rows.append(f"{name} = new({self.shape(axes)})")
        for mask in self.plan.program.leaves_of("mask"):
            rows.append(f"{mask.name} = new({self.shape(columns(mask.axes))}, 1.0)")
        own = {n + "_one" * one for n in self.plan.tensors for one in (0, 1)}
        turned = {n.removesuffix("_T") for n in self.used if n.endswith("_T") and n not in given}
        return rows + [f"{n}_T = {n}.T" for n in sorted(turned & own)]

    def pools(self) -> dict[str, int]:
        """Value -> the pool that its memory is in; values needed at once are in different ones.

        Neighbouring layers take turns, so that a loop over layers can say which.  What the
        backward sweep reads of the forward one has memory of its own.
        """
        first: dict[str, int] = {}
        last: dict[str, int] = {}
        for k, kernel in enumerate(self.plan.kernels):
            for name in (*reads_of(kernel), *written_by(kernel)):
                if name in self.plan.tensors:
                    first.setdefault(self.place(name), k)
                    last[self.place(name)] = k
        turn = self.plan.turn
        fixed = {*self.plan.records, *self.plan.ones, *self._primes().values(), *self._errors()}
        pools: dict[str, int] = {}
        living: list[str] = []
        for name in sorted(first, key=lambda n: first[n]):
            kept = first[name] < turn <= last[name]
            if kept or name in fixed or len(self.tensors[name].axes) < 2:
                continue
            living = [other for other in living if last[other] >= first[name]]
            taken = {pools[other] for other in living}
            wanted = (layer_of(name) or 0) % 2
            pools[name] = next(p for p in range(wanted, 2 * len(taken) + 2, 2) if p not in taken)
            living.append(name)
        return pools if len({*pools.values()}) < len(pools) else {}

    def _others(self) -> list[str]:
        """Work arrays, arrays of one number, and memory as bits."""
        rows, slots = [], self._slots()
        for name, axes in sorted(self.works.items()):
            own = f"new({self.shape(axes)}{', kind=bool' * (name[0] in FLAGS)})"
            rows.append(f"{name} = {self._part(slots[name], axes) if name in slots else own}")
        for name, (number, axes) in sorted(self.filled.items()):
            if name in slots:
                code = f"{slots[name]}[: {self._size(axes[0])}]"
            elif len(axes) == 2:
                code = f"self.full({self._size(axes[0])}, {number}{_kind(name)})"
            elif axes[0].name == SAMPLES:
                code = f"new(rows, {number}{_kind(name)})"
            else:
                code = f"np.full({self._size(axes[0])}, {number}, dtype)"
            rows.append(f"{name} = {code}")
        bits = {n for n in self.used if n.endswith("_bits")} - self.views().keys()
        bits -= self.filled.keys()
        rows += [f"{n} = {n.removesuffix('_bits')}.{AS_BITS}" for n in sorted(bits)]
        return rows


def columns(axes: Iterable[Axis]) -> Axes:
    """Axes with the samples last."""
    return tuple(sorted((a.symbol for a in axes), key=lambda a: bool(a.name == SAMPLES)))


def number_of(name: str) -> int:
    """The layer of an axis, also of a captured one: j2, j2_ -> 2."""
    return int(name.strip("j_"))


def _base(name: str) -> str:
    """A name without the layer's number."""
    return re.sub(r"_\d+", "", name)


def _kind(name: str) -> str:
    """The last argument of what allocates an array: its type, if it is not dtype."""
    return f", {BITS_TYPE}" if name.endswith("_bits") else ""


def _number(value: sp.Expr) -> str:
    return expression(value, ())[0] if value.has(SEED) else repr(float(value))


def _place(axes: Axes) -> str:
    return SAMPLES if axes[0].name == SAMPLES else str(number_of(axes[0].name))


def _layer(text: str) -> int | None:
    """The layer of an allocation; what stands in a later layer's place comes with that one."""
    found = [k for k in map(layer_of, text.split(" = ", 1)) if k is not None]
    return max(found, default=None)
