"""The tests' own reading of matrix LaTeX: a recursive descent from text to numbers.

Every value is a matrix; a scalar is 1 x 1, and a column is n x 1.
"""

import math

import numpy as np


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
RELATIONS = {">": np.greater, "<": np.less, r"\ge": np.greater_equal, r"\le": np.less_equal}


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


def _same(a, b):
    assert a.shape == b.shape or 1 in (a.size, b.size), (a.shape, b.shape)


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
            _same(value, other)
            value = value + other

    def chain(self):
        value = self.product()
        while True:
            if any(self.next(sign) for sign in HADAMARD):
                other = self.product()
                _same(value, other)
                value = value * other
            elif self.next(r"\oslash"):
                other = self.product()
                _same(value, other)
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
            self.products.append((value.shape, other.shape))
            value = value * other if 1 in (value.size, other.size) else value @ other

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
                assert value.size == 1
                value = value ** self.sum()
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
            assert value.shape[1] == 1, self.text[start:]
            return np.diag(value[:, 0])
        if self.next(r"\begin{pmatrix}"):
            return self.matrix()
        if self.next(r"\frac{"):
            top = self.closed("}")
            self.need("{")
            bottom = self.closed("}")
            assert bottom.size == 1
            return top / bottom
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
