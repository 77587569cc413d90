"""The tests' own reading of LaTeX: a recursive descent from text to numbers.

In matrix form every value is a matrix; a scalar is 1 x 1, and a column is n x 1.  In index form
every value is an array with one dimension for each index of the line.
"""

import itertools
import math
import re

import numpy as np

from symnn.formulas.index import index_letters, printed_axes
from symnn.formulas.symbols import applied
from symnn.formulas.tex import Printer, symbol_tex
from symnn.formulas.tree import Glyph

SAMPLES = 5


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _cdf(x):
    return np.vectorize(lambda v: 0.5 * math.erfc(-v / math.sqrt(2)))(x)


FUNCTIONS = {
    r"\sigma": _sigmoid,
    r"\tanh": np.tanh,
    r"\sin": np.sin,
    r"\cos": np.cos,
    r"\log": np.log,
    r"\exp": np.exp,
    r"\Phi": _cdf,
    r"\varphi": lambda x: np.exp(-x * x / 2) / math.sqrt(2 * math.pi),
    r"\operatorname{sgn}": np.sign,
    r"\mathrm{id}": lambda x: x,
    r"\mathrm{relu}": lambda x: np.where(x > 0, x, 0),
    r"\mathrm{lrelu}": lambda x: np.where(x > 0, x, x / 100),
    r"\mathrm{elu}": lambda x: np.where(x > 0, x, np.exp(x) - 1),
    r"\mathrm{gelu}": lambda x: x * _cdf(x),
    r"\mathrm{silu}": lambda x: x * _sigmoid(x),
    r"\mathrm{softplus}": lambda x: np.log(1 + np.exp(x)),
    r"\mathrm{sqrt}": np.sqrt,
    r"\mathrm{abs}": np.abs,
    r"\mathrm{huber}": lambda x: np.where(np.abs(x) > 1, np.abs(x) - 0.5, x * x / 2),
    r"\mathrm{ripple}": lambda x: x * np.sin(x) / (1 + x * x),
    "h": lambda x: np.where(np.abs(x) > 1, np.abs(x) - 0.5, x * x / 2),
}
HADAMARD = (r"\odot", r"\circ", "*")
RELATIONS = {
    ">": np.greater,
    "<": np.less,
    r"\ge": np.greater_equal,
    r"\le": np.less_equal,
    "=": np.equal,
}
INDEX = re.compile(r"(?:\\mathrm\{\w+\}|[A-Za-z](?:_\{\d+\})?)'*|\d")


def read(text, symbols, ones, functions=None, products=None):
    """The value of a formula; ones: the lengths of its columns of ones, in order.

    functions: those with a letter of the notation's, primes included, beside FUNCTIONS.
    products: a list for the shapes of the two sides of every product.
    """
    reader = _Reader(text, symbols, ones, functions or {})
    reader.products = [] if products is None else products
    value = reader.sum()
    assert reader.at == len(reader.text), f"left over: {reader.text[reader.at :]} in {text}"
    return value


def matrix(tensor, value, notation, layout):
    """What the symbol of a tensor stands for, by the words of its notation."""
    value = np.asarray(value, dtype=float)
    inward = notation.orientation == "in_out" or (
        notation.orientation == "by_layout" and layout == "rows"
    )
    samples = [a.name == "n" for a in tensor.axes]
    if value.ndim == 2:
        weights = (tensor.wrt or tensor.name).startswith("A_")
        turned = inward if weights else layout == "columns" and samples[0]
        return value.T if turned else value
    row = value.ndim == 1 and inward and layout == "rows" and not any(samples)
    return value.reshape((1, -1) if row else (-1, 1))


def named(notation, tensors, arrays, layout):
    """Symbol -> what it stands for, for the tensors that are no more than a matrix."""
    symbols = {notation.count: np.full((1, 1), float(SAMPLES))}
    for t in tensors:
        if len(t.axes) > 2:
            continue
        batch = len(t.axes) > 1 and any(a.name == "n" for a in t.axes)
        value = matrix(t, arrays[t.name], notation, layout)
        for turned in (False, True) if t.axes else (False,):
            key = symbol_tex(notation, t.name, batch=batch, transposed=turned)
            assert key not in symbols, f"{key} is two things"
            symbols[key] = value.T if turned else value
    return symbols


def applied_tex(notation, row, source, order):
    """The symbol of a derivative of a function that is applied to a tensor."""
    return Printer(notation).tex(applied(notation, row.name, row.tex, source, order))


def ones_lengths(line):
    return {size(a) for a in line.axes} or {1}


def holds(text, symbols, line, want, functions=None, products=None):
    """Whether a text in matrix form is ``want``, for some lengths of its columns of ones.

    products: takes the shapes of the two sides of every product.
    """
    count = text.count(r"\mathbf{1}")
    for ones in itertools.product(sorted(ones_lengths(line)), repeat=count):
        seen = []
        try:
            found = read(text, symbols, ones, functions, seen)
        except (AssertionError, ValueError):
            continue
        if found.shape == want.shape and np.allclose(found, want, rtol=1e-6, atol=1e-8):
            if products is not None:
                products += seen
            return True
    return False


def size(a):
    return a.size if isinstance(a.size, int) else SAMPLES


def indexed(text, line, tensors, arrays, notation):
    """The value of the right side of a line in index form."""
    axes = tuple(dict.fromkeys((*printed_axes(line, notation, "sample"), *line.axes)))
    letters = {s: Printer(notation).tex(f) for s, f in index_letters(axes, notation).items()}
    sizes = {letters[a.symbol]: size(a) for a in axes}
    assert len(sizes) == len(axes), "two indices have one letter"
    scalars = {notation.count: SAMPLES}
    scalars |= {symbol_tex(notation, t.name): arrays[t.name] for t in tensors if not t.axes}
    symbols = {
        symbol_tex(notation, t.name, sub=(Glyph("@"),), component=True): (
            arrays[t.name],
            [a.name.rstrip("_") == "n" for a in t.axes],
        )
        for t in tensors
        if t.axes
    }
    free = [letters[a.symbol] for a in line.lhs.axes]
    return read_indexed(text, symbols, sizes, free, scalars)


def read_indexed(text, tensors, sizes, free, scalars=None):
    """The value of a formula in index form, with the axes of the left side.

    tensors: TeX of a tensor with an index @ -> its array, and for each axis whether it counts
    samples.
    sizes: the letter of every index of the line -> its number of values.  free: the letters of
    the left side, in order.  scalars: TeX -> number.
    """
    reader = _IndexReader(text, tensors, sizes, free, scalars or {})
    value = reader.sum()
    assert reader.at == len(reader.text), f"left over: {reader.text[reader.at :]} in {text}"
    full = np.broadcast_to(
        value, [n if x in free else 1 for x, n in zip(sizes, sizes.values(), strict=True)]
    )
    order = [list(sizes).index(x) for x in free]
    rest = [k for k in range(len(sizes)) if k not in order]
    return full.transpose(*order, *rest).reshape([sizes[x] for x in free])


class _Reader:
    def __init__(self, text, symbols, ones, functions):
        spaced = text.replace(r"\left", "").replace(r"\right", "").replace(r"\,", " ")
        self.text, self.at, self.ones = spaced.strip(), 0, iter(ones)
        self.functions = sorted(functions.items(), key=lambda pair: -len(pair[0]))
        self.symbols = sorted(symbols.items(), key=lambda pair: -len(pair[0]))

    def skip(self):
        while self.text[self.at : self.at + 1] == " ":
            self.at += 1

    def next(self, word):
        self.skip()
        if not self.text.startswith(word, self.at):
            return False
        self.at += len(word)
        return True

    def need(self, word):
        assert self.next(word), f"{word} expected at {self.text[self.at :]} of {self.text}"

    def sum(self):
        value = -self.chain() if self.next("-") else self.chain()
        while True:
            sign = 1 if self.next("+") else -1 if self.next("-") else 0
            if not sign:
                return value
            other = sign * self.chain()
            self.same(value, other)
            value = value + other

    def chain(self):
        value = self.product()
        while True:
            if any(self.next(sign) for sign in HADAMARD):
                other = self.product()
                self.same(value, other)
                value = value * other
            elif self.next(r"\oslash"):
                other = self.product()
                self.same(value, other)
                value = value / other
            else:
                return value

    def product(self):
        value = self.factor()
        assert value is not None, f"nothing at {self.text[self.at :]} of {self.text}"
        while True:
            if self.next("/"):
                value = value / self.factor()
                continue
            dot = self.next(r"\cdot")
            other = self.factor()
            if other is None:
                assert not dot, f"nothing at {self.text[self.at :]} of {self.text}"
                return value
            value = self.times(value, other)

    def times(self, value, other):
        self.products.append((value.shape, other.shape))
        return value * other if 1 in (value.size, other.size) else value @ other

    def same(self, a, b):
        assert a.shape == b.shape or 1 in (a.size, b.size), (a.shape, b.shape)

    def scalar(self, value):
        assert value.size == 1
        return value

    def factor(self):
        value = self.atom()
        while value is not None and self.next("^{"):
            if self.next(r"\top") or self.next("T"):
                value = value.T
            elif any(self.next(sign) for sign in HADAMARD):
                value = value ** self.sum()
            elif self.next("-1"):
                value = np.linalg.inv(value)
            else:
                value = self.scalar(value) ** self.sum()
            self.need("}")
        return value

    def atom(self):
        self.skip()
        for name, function in self.functions:
            if self.next(name + "("):
                return function(self.closed(")"))
            if self.next(name + r"\begin{pmatrix}"):
                return function(self.matrix())
        for symbol, value in self.symbols:
            if self.next(symbol):
                return value
        for name, function in FUNCTIONS.items():
            start = self.at
            if self.next(name):
                order = 0
                if self.next("^{"):
                    while self.next(r"\prime"):
                        order += 1
                    self.need("}")
                if self.next("("):
                    return slope(function, order)(self.closed(")"))
                if self.next(r"\begin{pmatrix}"):
                    return slope(function, order)(self.matrix())
                self.at = start
        return self.sign()

    def sign(self):
        if self.next("("):
            return self.closed(")")
        if self.next("{"):
            return self.closed("}")
        if self.next(r"\mathbf{1}"):
            return np.ones((next(self.ones), 1))
        if self.next(r"\operatorname{diag}"):
            start = self.at
            self.need("(")
            value = self.closed(")")
            assert 1 in value.shape, self.text[start:]
            return np.diag(value.ravel())
        if self.next(r"\begin{pmatrix}"):
            return self.matrix()
        if self.next(r"\frac{"):
            top = self.closed("}")
            self.need("{")
            bottom = self.closed("}")
            return top / self.scalar(bottom)
        if self.next(r"\sqrt{"):
            return np.sqrt(self.closed("}"))
        if self.next("e^{"):
            return np.exp(self.closed("}"))
        if self.next(r"\pi"):
            return np.full((1, 1), math.pi)
        if self.next(r"\lvert"):
            return np.abs(self.closed(r"\rvert"))
        if self.next(r"\lVert"):
            value = self.closed(r"\rVert")
            absolute = self.next("_{1}")
            self.next("_{F}")
            size = np.abs(value).sum() if absolute else math.sqrt((value**2).sum())
            return np.full((1, 1), size)
        if self.next("["):
            return self.condition()
        return self.number()

    def closed(self, end):
        value = self.sum()
        self.need(end)
        return value

    def matrix(self):
        """The rest of a matrix of numbers, each an entry or a fraction such as 1/2."""
        rows = [[]]
        while True:
            entry = self.sum()
            assert entry.size == 1, self.text
            rows[-1].append(entry.item())
            if self.next(r"\end{pmatrix}"):
                return np.array(rows)
            if self.next(r"\\"):
                rows.append([])
            else:
                self.need("&")

    def condition(self):
        left = self.sum()
        relation = next(f for word, f in RELATIONS.items() if self.next(word))
        return relation(left, self.closed("]")).astype(float)

    def number(self):
        start = self.at
        while self.text[self.at : self.at + 1] in set("0123456789."):
            self.at += 1
        return np.full((1, 1), float(self.text[start : self.at])) if self.at > start else None


def slope(function, order):
    if not order:
        return function
    inner = slope(function, order - 1)
    return lambda x: (inner(x + 1e-6) - inner(x - 1e-6)) / 2e-6


class _IndexReader(_Reader):
    """Every value is an array with a dimension for each index; one that it lacks has length 1."""

    def __init__(self, text, tensors, sizes, free, scalars):
        super().__init__(text, {k: np.asarray(float(v)) for k, v in scalars.items()}, (), {})
        self.tensors = []
        for tex in sorted(tensors, key=len, reverse=True):
            before, _, tail = tex.partition("@}")
            head, _, mark = before.rpartition("_{")
            self.tensors.append((head, mark.rstrip(","), tail, *tensors[tex]))
        self.sizes, self.bound = sizes, dict.fromkeys(free)
        # a line counts from 1, unless it says that its sums begin at 0, or has no sum
        self.base = 1 if re.search(r"\\sum_\{[^{}=]*(\{\w+\})?'*=1\}", text) else 0

    def times(self, value, other):
        return value * other

    def same(self, a, b):
        pass

    def scalar(self, value):
        return value

    def product(self):
        """A sum, or a maximum, reaches to the end of the product that it begins."""
        self.skip()
        for sign, operation in ((r"\sum_{", np.sum), (r"\max_{", np.max)):
            if self.next(sign):
                return self.reduced(operation)
        if self.next(r"\operatorname{first}_{"):
            return self.first()
        return super().product()

    def factor(self):
        self.skip()
        begins = (r"\sum_{", r"\max_{", r"\operatorname{first}_{")
        return self.product() if self.text.startswith(begins, self.at) else super().factor()

    def letters(self):
        """Letters with commas between them, and the brace that closes them."""
        found = []
        while not self.next("}"):
            self.next(",")
            letter = INDEX.match(self.text, self.at)
            assert letter, self.text[self.at :]
            self.at = letter.end()
            found.append(letter[0])
            if self.next("="):
                low = self.closed("}").item()
                self.need("^{")
                high = self.closed("}").item()
                assert (low, high) == (self.base, self.base + self.sizes[letter[0]] - 1), self.text
                break
        return found

    def reduced(self, operation):
        letters = self.letters()
        for letter in letters:
            assert letter not in self.bound, f"{letter} is bound twice in {self.text}"
            self.bound[letter] = None
        value = self.product()
        for letter in letters:
            del self.bound[letter]
            k = list(self.sizes).index(letter)
            shape = [*value.shape] if value.ndim else [1] * len(self.sizes)
            shape[k] = self.sizes[letter]
            value = operation(np.broadcast_to(value, shape), axis=k, keepdims=True)
        return value

    def first(self):
        """1 at the first of the largest values along the letters, which the left side binds."""
        letters = self.letters()
        assert all(letter in self.bound for letter in letters)
        value = self.product()
        value = np.broadcast_to(value, [n if x in self.bound else 1 for x, n in self.sizes.items()])
        along = [list(self.sizes).index(letter) for letter in letters]
        moved = np.moveaxis(value, along, range(-len(along), 0))
        flat = moved.reshape(*moved.shape[: -len(along)], -1)
        one = np.arange(flat.shape[-1]) == flat.argmax(axis=-1)[..., None]
        return np.moveaxis(one.reshape(moved.shape).astype(float), range(-len(along), 0), along)

    def value(self, letter):
        k = list(self.sizes).index(letter)
        assert letter in self.bound, f"{letter} is not bound in {self.text}"
        shape = [1] * len(self.sizes)
        shape[k] = -1
        return np.arange(self.base, self.base + self.sizes[letter], dtype=float).reshape(shape)

    def atom(self):
        self.skip()
        for tensor in self.tensors:
            if (value := self.entry(*tensor)) is not None:
                return value
        letter = INDEX.match(self.text, self.at)
        if letter and letter[0] in self.sizes:
            self.at = letter.end()
            return self.value(letter[0])
        return super().atom()

    def entry(self, head, mark, tail, array, samples):
        """A tensor at its indices, B_{ij}^{(n)} or A_{1,t+w}; None for anything else."""
        start, inside, above = self.at, "", ""
        if not self.next(head):
            return None
        if self.next("_{"):
            end = _closing(self.text, self.at)
            inside, self.at = self.text[self.at : end], end + 1
        if mark:
            number, _, inside = inside.partition(",")
        if self.next("^{("):
            end = self.text.index(")}", self.at)
            above, self.at = self.text[self.at : end], end + 2
        if (mark and number != mark) or (tail and not self.next(tail)):
            self.at = start
            return None
        return self.at_indices(array, samples, inside, above)

    def at_indices(self, array, samples, inside, above):
        """An entry, 0 outside its range; the samples' indices stand above where they are bare."""
        count = above.count(",") + 1 if above else 0
        below = self.split(inside, array.ndim - count)
        over = iter(above.split(",") if above else ())
        places = iter(below)
        taken = [next(over) if count and sample else next(places) for sample in samples]
        assert next(places, None) is None and next(over, None) is None, self.text
        where = [np.rint(self.inner(text)).astype(int) - self.base for text in taken]
        where = np.broadcast_arrays(*where)
        inside = np.all([(w >= 0) & (w < n) for w, n in zip(where, array.shape, strict=True)], 0)
        clipped = [np.clip(w, 0, n - 1) for w, n in zip(where, array.shape, strict=True)]
        return np.where(inside, array[tuple(clipped)], 0.0)

    def split(self, text, count):
        """Indices, with commas between them, or as single letters side by side."""
        if "," in text:
            found = text.split(",")
        elif count == 1:
            found = [text]
        else:
            found = INDEX.findall(text)
            assert "".join(found) == text, text
        assert len(found) == count, (text, count, self.text)
        return found

    def inner(self, text):
        """The value of an index expression."""
        reader = _IndexReader(text, {}, self.sizes, (), {})
        reader.bound, reader.base, reader.symbols = self.bound, self.base, self.symbols
        value = reader.sum()
        assert reader.at == len(reader.text), text
        return value if value.ndim == len(self.sizes) else value.reshape((1,) * len(self.sizes))

    def number(self):
        value = super().number()
        return None if value is None else value.reshape(())


def _closing(text, at):
    """Where the brace that was opened before ``at`` is closed."""
    depth = 1
    while depth:
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        at += 1
    return at - 1
