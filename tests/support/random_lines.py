"""Random texts of lines: programs that hold together, and strings that nobody would write."""

from __future__ import annotations

import random
from collections.abc import Sequence

from support.programs import PROGRAMS

Axes = tuple[str, ...]

# a function whose value is of usual size and defined everywhere, by where its argument stands
SMOOTH = (
    *("tanh({})", "sigmoid({})", "sin({})", "cos({})", "softplus({})", "exp(-({})**2)", "({})**2"),
    *("log(1 + ({})**2)", "sqrt(1 + ({})**2)", "1/(2 + ({})**2)", "gelu({})", "atan({})", "-({})"),
)
KINKED = ("relu({})", "abs({})", "max({}, 0)", "min({}, 0.5)")


class Programs:
    """Programs from the grammar: tensors and axes are declared, then read where they are known."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def text(self) -> str:
        """A program whose loss depends on each of its parameters."""
        choose = self.random
        letters = choose.sample("ijkcdqrtuv", choose.randrange(2, 5))
        self.sizes = {a: choose.randrange(1, 5) for a in letters}
        if choose.random() < 0.6:
            self.sizes["n"] = 0  # N
        self.given = set[str]()  # axes whose size was written
        self.tensors: dict[str, Axes] = {}
        self.pointers: dict[str, int] = {}
        self.fresh = iter("abefghlmopswxyz")
        rows = [self.declaration(k) for k in range(choose.randrange(2, 6))]
        self.parameters = [name for name in self.tensors if name.isupper()]
        if choose.random() < 0.3:
            rows += self.loop()
        rows += [self.equation(f"h_{k}", self.axes(3)) for k in range(choose.randrange(4))]
        return "\n".join([*rows, self.loss()])

    def axes(self, most: int) -> Axes:
        own = list(self.sizes)
        return tuple(self.random.sample(own, min(len(own), self.random.randrange(most + 1))))

    def written(self, a: str) -> str:
        """An axis with its size where it first stands, and now and then again."""
        if a in self.given and self.random.random() < 0.9:
            return a
        self.given.add(a)
        return f"{a}<{self.sizes[a] or 'N'}"

    def left(self, name: str, axes: Sequence[str]) -> str:
        return f"{name}[{', '.join(map(self.written, axes))}]" if axes else name

    # --- declarations ---

    def declaration(self, k: int) -> str:
        choose, axes = self.random, self.axes(3)
        roles = ("input", "input", "target", "parameter", "parameter", "noise", "mask")
        role = "parameter" if k == 0 else "input" if k == 1 else choose.choice(roles)
        if k == 1 and "n" in self.sizes:  # which tells N
            axes = ("n", *(a for a in axes if a != "n"))
        if role == "input" and choose.random() < 0.25:
            name = f"tok_{k}"
            self.pointers[name] = choose.randrange(1, 5)
            self.tensors[name] = axes
            return f"input {self.left(name, axes)} of {self.pointers[name]}"
        name = f"{choose.choice('ABW')}_{k}" if role == "parameter" else f"x_{k}"
        axes = tuple(a for a in axes if a != "n") if role == "parameter" else axes
        self.tensors[name] = axes
        kinds = ["", "", "", " of bias", " of table", " = zeros", " = normal(0.1)", " = he"]
        more = {"parameter": choose.choice(kinds), "mask": choose.choice(["", " keep 0.8"])}
        return f"{role} {self.left(name, axes)}{more.get(role, '')}"

    # --- equations ---

    def equation(self, name: str, axes: Axes, indent: str = "") -> str:
        """An equation in which every axis of the left side is read."""
        left = self.left(name, axes)
        right = self.sum(list(axes), 3)
        right += "".join(f" + {self.read_along(a, axes)}" for a in axes)
        self.tensors[name] = axes
        return f"{indent}{left} = {right}"

    def read_along(self, a: str, bound: Axes) -> str:
        """Something that has the axis."""
        for name in self.random.sample(list(self.tensors), len(self.tensors)):
            if a in self.tensors[name] and name not in self.pointers:
                return self.entry(name, list(bound), a)
        return f"{a}/5"

    def loss(self) -> str:
        names = [*self.parameters, *list(self.tensors)[-1:]]
        parts = []
        for name in dict.fromkeys(names):
            axes = self.tensors[name]
            over = f"{self.random.choice(['sum_', 'mean_'])}{{{', '.join(axes)}}} " if axes else ""
            entry = f"{name}[{','.join(axes)}]" if axes else name
            parts.append(f"{over}{self.random.choice(['{}', '{}**2', '{}/2']).format(entry)}")
        return f"L = {' + '.join(parts)}"

    def loop(self) -> list[str]:
        """Tensors that read each other a step before."""
        choose = self.random
        t = choose.choice([a for a in self.sizes if a != "n"])
        down = choose.random() < 0.3
        axes = (*(a for a in self.axes(2) if a != t), t)
        rows = [f"for {self.written(t)}{' down' * down}:"]
        count = choose.randrange(1, 3)
        for k in range(count):
            name = f"s_{k}"
            step = choose.choice([1, 1, 2])
            at = ",".join(f"{t}{'+' if down else '-'}{step}" if a == t else a for a in axes)
            past = f"s_{choose.randrange(count)}[{at}]"
            rows.append(f"{self.equation(name, axes, '  ')} + sin({past})/2")
        return rows

    # --- expressions: bound are the axes that may be read ---

    def sum(self, bound: list[str], depth: int) -> str:
        terms = [self.term(bound, depth - 1) for _ in range(self.random.randrange(1, 3))]
        return self.random.choice([" + ", " - "]).join(terms)

    def term(self, bound: list[str], depth: int) -> str:
        choose = self.random
        free = [a for a in self.sizes if a not in bound]
        if free and depth > 0 and choose.random() < 0.5:
            return self.sign(choose.sample(free, choose.randrange(1, min(2, len(free)) + 1)), bound)
        factors = [self.atom(bound, depth) for _ in range(choose.randrange(1, 3))]
        return "*".join(factors) + choose.choice(["", "", "", "/2", "/3.5"])

    def sign(self, over: list[str], bound: list[str]) -> str:
        """A sign over axes, each of which is read."""
        word = self.random.choice(["sum", "sum", "mean", "max"])
        inside = [*bound, *over]
        read = " + ".join(self.read_along(a, tuple(inside)) for a in over)
        listed = ", ".join(map(self.written, over))
        return f"{word}_{{{listed}}} ({read})*{self.atom(inside, 1)}"

    def atom(self, bound: list[str], depth: int) -> str:
        choose = self.random
        kind = choose.randrange(8 if depth > 0 else 4)
        if kind == 0:
            return choose.choice(["2", "0.1", "1e-3", "pi", "3.5", "1"])
        if kind == 1 and bound and choose.random() < 0.5:
            return self.guard(bound)
        if kind <= 3:
            names = [name for name in self.tensors if name not in self.pointers]
            return self.entry(choose.choice(names), bound)
        if kind == 4:
            return choose.choice(KINKED).format(self.sum(bound, depth - 1))
        if kind == 5 and bound:
            guard = choose.choice([f"{self.index(bound)} <= 1", f"{self.sum(bound, 1)} > 0"])
            one, other = self.sum(bound, depth - 1), self.sum(bound, depth - 1)
            return f"({one} if {guard} else {other})"
        if kind == 6:
            return f"({self.sum(bound, depth - 1)})"
        return choose.choice(SMOOTH).format(self.sum(bound, depth - 1))

    def entry(self, name: str, bound: list[str], along: str = "") -> str:
        """An entry; with ``along`` at that axis itself."""
        axes = self.tensors[name]
        indices = (a if a == along else self.index_of(a, bound) for a in axes)
        return f"{name}[{','.join(indices)}]" if axes else name

    def index_of(self, a: str, bound: list[str]) -> str:
        """An index for an axis of a tensor: an axis of its size, a sum, a number, an entry."""
        choose, size = self.random, self.sizes[a]
        alike = [b for b in bound if self.sizes[b] == size]
        pointers = [
            name
            for name, count in self.pointers.items()
            if count <= size and set(self.tensors[name]) <= set(bound)
        ]
        if pointers and choose.random() < 0.3:
            name = choose.choice(pointers)
            return f"{name}[{','.join(self.tensors[name])}]" if self.tensors[name] else name
        if alike and choose.random() < 0.8:
            return a if a in alike else choose.choice(alike)
        if bound and size > 1 and choose.random() < 0.5:
            index = self.index(bound)
            return f"{index}+1" if index in self.sizes else index
        return str(choose.randrange(size or 1))

    def index(self, bound: list[str]) -> str:
        """Linear in axes."""
        choose = self.random
        parts = [f"{choose.choice(['', '', '2*'])}{a}" for a in choose.sample(bound, 1)]
        if len(bound) > 1 and choose.random() < 0.4:
            parts.append(choose.choice(bound))
        return "+".join(parts) + choose.choice(["", "", "-1", "+1"])

    def guard(self, bound: list[str]) -> str:
        mark = self.random.choice(["=", "!=", "<", "<=", ">", ">="])
        a, b = self.random.choice(bound), self.random.choice(bound)
        right = self.random.choice([b, b, self.index(bound), "0", "1"])
        return f"[{a if a != right else self.index(bound)} {mark} {right}]"


class Hostile:
    """Texts of the grammar's words in an order that is nearly always wrong."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def text(self) -> str:
        choose = self.random
        if choose.random() < 0.4:
            text = choose.choice([*PROGRAMS.values()])
            for _ in range(choose.randrange(1, 4)):
                at = choose.randrange(len(text))
                text = text[:at] + choose.choice(self.PIECES) + text[at + choose.randrange(4) :]
            return text
        rows = [self.declaration() for _ in range(choose.randrange(4))]
        rows += [self.equation("") for _ in range(choose.randrange(1, 5))]
        if choose.random() < 0.3:
            rows.append(f"for {self.axis()}{choose.choice(['', ' down'])}:")
            rows += [self.equation("    ") for _ in range(choose.randrange(3))]
        return "\n".join(rows)

    PIECES = (
        *("sum_", "mean_{i}", "max_{i,j}", "[", "]", "(", ")", "{", "}", "=", "<", "<=", "!=", ","),
        *("**", "/0", "-", "+", "*", " if ", " else ", "\n", "\n    ", "#", "for t:", "N", "pi"),
        *("x", "x[i]", "W[j,i]", "1e99", "1e-200", ".5", "2.", "9**9", "999999999", "exp(", "of 3"),
        *("given ", "input ", "down", "\t", "é", "\\", "'", '"', "t-1", "d", "_", "0", "a" * 70),
    )

    def axis(self) -> str:
        size = self.random.choice(["", "", "<3", "<N", "<m", "<0", "<x"])
        return self.random.choice("nijtk") + size

    def declaration(self) -> str:
        roles = ("input", "target", "parameter", "weight", "mask", "state", "noise")
        axes = ",".join(self.axis() for _ in range(self.random.randrange(4)))
        name = self.random.choice(["x", "y", "W", "b", "dx", "tok"])
        more = self.random.choice(["", "", "", " of 5", " of bias", " = zeros", " keep 1/2"])
        return f"{self.random.choice(roles)} {name}" + (f"[{axes}]" if axes else "") + more

    def equation(self, indent: str) -> str:
        axes = ",".join(self.axis() for _ in range(self.random.randrange(3)))
        name = self.random.choice(["h", "z", "L", "x", "s_next"])
        return f"{indent}{name}" + (f"[{axes}]" if axes else "") + f" = {self.sum(4)}"

    def sum(self, depth: int) -> str:
        marks = ("+", "-", "*", "/", "**")
        parts = [self.atom(depth - 1) for _ in range(self.random.randrange(1, 4))]
        text = parts[0]
        for part in parts[1:]:
            text += f" {self.random.choice(marks)} {part}"
        return text

    def atom(self, depth: int) -> str:
        choose = self.random
        name = choose.choice(["x", "y", "W", "b", "h", "z", "tok"])
        kind = choose.randrange(9 if depth > 0 else 3)
        if kind == 0:
            return choose.choice(["2", "0.1", "1e-3", "N", "pi", "n", "i", "64", "0"])
        if kind == 1:
            return name
        if kind == 2:
            indices = ["n", "i", "j", "t-1", "2*t+1", "0", "tok[n]", "i*j", "k"]
            return f"{name}[{','.join(choose.sample(indices, choose.randrange(1, 4)))}]"
        if kind == 3:
            sign = choose.choice(["sum_", "mean_", "max_"])
            over = choose.choice(["i", "{i,j}", "{n}", "{k<3}", "t"])
            return f"{sign}{over} {self.atom(depth - 1)}"
        if kind == 4:
            functions = ["exp", "log", "sqrt", "tanh", "relu", "sigmoid", "max", "abs", "atan", "f"]
            return f"{choose.choice(functions)}({self.sum(depth - 1)})"
        if kind == 5:
            guard = choose.choice(["t = 0", "i <= j", "i != 2", "n = tok[n]", "i > 5", "x > 0"])
            return f"[{guard}]"
        if kind == 6:
            return f"({self.sum(depth - 1)} if {self.atom(1)} > 0 else {self.sum(depth - 1)})"
        return f"({self.sum(depth - 1)})"
