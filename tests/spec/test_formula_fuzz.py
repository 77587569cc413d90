"""User formulas, fuzzed: an expression in x or the package's own error, soon, and nothing runs.

python -m pytest tests/spec/test_formula_fuzz.py --fuzz 100000
"""

from __future__ import annotations

import gc
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import sympy as sp
from test_spec import HOSTILE

from symnn import Dense, Network
from symnn.engine.functions import X
from symnn.engine.mistakes import FormulaError
from symnn.engine.scalars import CONSTANTS, FUNCTIONS
from symnn.spec.formula import parse_formula

LONGEST = 1.0  # seconds for one string
NUMBERS = (
    *("0", "1", "2", "3", "7", "64", "65", "0.5", "0.1", ".5", "1.", "1e-3", "1e3", "1E+2"),
    *("1e90", "1e-90", "1e101", "1e400", "1e-400", "00", "012", "9" * 40, "0." + "0" * 40 + "1"),
)
OPERATORS = ("+", "-", "*", "/", "**", " + ", " - ", " * ", " / ", " ** ")
RELATIONS = ("<", "<=", ">", ">=")
JUNK = (
    *"()+-*/.,<>=^ \t\n_'\"\\[]{}:;@#!%&|~`$?0123456789exX\x00é\u2028ｘ\U0001d465",
    *("**", "//", "<<", ">=", "==", ":=", "->", "...", "lambda ", "if ", "else ", "and ", "not "),
    *("__class__", "__import__", "eval", "exec", "open", "import ", "await ", "yield ", "None"),
    *("True", "inf", "nan", "0x1f", "1_0", "1j", "(" * 30, ")" * 30, "-" * 50, "x" * 100),
)


def grown(rng: random.Random, depth: int) -> str:
    """A formula by the grammar, of legal and illegal sizes."""
    if depth <= 0 or rng.random() < 0.15:
        leaf = rng.choice(["x", "x", "x", rng.choice(NUMBERS), rng.choice([*CONSTANTS])])
        return leaf if rng.random() < 0.9 else f"-{leaf}"

    def inner() -> str:
        return grown(rng, depth - 1)

    kind = rng.random()
    if kind < 0.45:
        return f"{inner()}{rng.choice(OPERATORS)}{inner()}"
    if kind < 0.6:
        return f"({inner()})"
    name = rng.choice([*FUNCTIONS])
    if name == "where":
        return f"where({inner()} {rng.choice(RELATIONS)} {inner()}, {inner()}, {inner()})"
    return f"{name}({', '.join(inner() for _ in range(FUNCTIONS[name][0]))})"


def mutated(rng: random.Random, text: str) -> str:
    """The text with parts removed, doubled, swapped, replaced or put in."""
    for _ in range(rng.randint(1, 4)):
        a, b = sorted(rng.randint(0, len(text)) for _ in range(2))
        b = min(b, a + rng.choice([1, 3, 10]))
        change = rng.randrange(5)
        if change == 0:
            text = text[:a] + text[b:]
        elif change == 1:
            text = text[:b] + text[a:b] * rng.choice([1, 1, 2, 40]) + text[b:]
        elif change == 2:
            text = text[:a] + text[b:] + text[a:b]
        elif change == 3:
            text = text[:a] + rng.choice(JUNK) + text[b:]
        else:
            text = text[:a] + rng.choice(JUNK) + text[a:]
    return text


def strings(rng: random.Random, count: int) -> Iterator[str]:
    """Formulas by the grammar, mutants of them, mutants of attacks."""
    for k in range(count):
        if k % 3 == 2:
            yield mutated(rng, rng.choice(HOSTILE))
        else:
            text = grown(rng, rng.randint(1, 5))
            yield text if k % 3 else mutated(rng, text)


class Watch:
    """Notes what the interpreter is asked to do: files, processes, code that is not a module's."""

    EVENTS = ("open", "os.", "subprocess.", "socket.", "ctypes.", "shutil.", "exec", "import")

    def __init__(self) -> None:
        self.active = False
        self.seen: list[str] = []
        sys.addaudithook(self)

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        if self.active and event.startswith(self.EVENTS):
            self.seen.append(f"{event} {args[:1]!r}")


@pytest.fixture(scope="module")
def watch() -> Watch:
    """An audit hook; it cannot be taken away again, but it sleeps."""
    with pytest.raises(FormulaError):  # what is imported late is imported now
        parse_formula("\U0001d465", {"x": X})
    gc.collect()  # modules of other tests delete their files now, not while it watches
    parse_formula("sin(x)*exp(x)/log(2 + x*x) + where(abs(x) > 1, atan(x), erf(x))", {"x": X})
    parse_formula("sigmoid(x) + softplus(x) + tanh(x)", {"x": X})  # SymPy solves for their slopes
    return Watch()


def test_a_string_is_a_formula_or_a_formula_error(
    pytestconfig: pytest.Config, note: Callable[[str], None], watch: Watch
) -> None:
    count = pytestconfig.getoption("fuzz")
    results: Counter[str] = Counter()
    slowest, start = (0.0, ""), time.monotonic()
    for text in strings(random.Random(5), count):
        begin = time.perf_counter()
        watch.active = True
        try:
            f = parse_formula(text, {"x": X})
        except FormulaError as error:
            results["refused"] += 1
            assert str(error).isascii() and len(str(error)) < 400, text
        else:
            results["accepted"] += 1
            assert isinstance(f, sp.Expr) and f.free_symbols == {X}, text
        finally:
            watch.active = False
        slowest = max(slowest, (time.perf_counter() - begin, text))
    assert watch.seen == []
    assert slowest[0] < LONGEST, slowest
    assert results["accepted"] > count / 20
    note(
        f"formulas: {count} strings in {time.monotonic() - start:.0f} s, {dict(results)}, "
        f"slowest {1000 * slowest[0]:.0f} ms ({slowest[1][:60]!r})"
    )


def test_an_accepted_formula_makes_a_network(
    pytestconfig: pytest.Config, note: Callable[[str], None]
) -> None:
    """Derived, verified where it is finite, printed and generated; or refused for what it is."""
    rng, found = random.Random(6), 0
    count = pytestconfig.getoption("fuzz") // 100
    while found < count:
        text = grown(rng, rng.randint(1, 4))
        try:
            parse_formula(text, {"x": X})
        except FormulaError:
            continue
        found += 1
        layers = [Dense(2, "mine"), Dense(1)]
        net = Network(inputs=2, layers=layers, loss="sse", activations={"mine": text})
        module = net.compile()
        x = np.random.default_rng(found).uniform(-1, 1, (3, 2))
        with np.errstate(all="ignore"):
            loss, gradients = module.loss_and_gradients(module.initialize(1), x, np.zeros((3, 1)))
        assert gradients.keys() == net.parameters.keys(), text
        assert isinstance(loss, float)
        assert net.derive().latex(detail="full")
    note(f"formulas: {found} networks of accepted ones")
