"""Who tests the tests: mutants of the engine, one at a time, each against a selection of the suite.

    python tests/mutation.py diff simplify rewrites lower --sample 200

A mutant is a module with one operator, comparison, condition, constant, statement or result
changed.  It is killed by a failing test or by the time limit.  Every mutant runs in a fork
of this process, in which NumPy, SymPy and pytest are loaded already; no file is changed.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import copy
import importlib.abc
import importlib.machinery
import importlib.util
import math
import os
import random
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from types import ModuleType
from typing import Any

import mpmath
import numpy
import pytest
import sympy

ROOT = Path(__file__).resolve().parents[1]
LOADED = (mpmath, numpy, sympy)
PATIENCE = 4  # times what a stage takes without a mutant, in seconds of the processor
MEMORY = 4 * 2**30  # bytes
# what is quick comes first; a mutant that survives one stage meets the next
STAGES = (
    (
        "tests/test_examples.py::test_the_committed_module_is_what_is_generated",
        "tests/test_examples.py::test_the_committed_notes_are_what_is_derived",
    ),
    (
        "tests/engine/test_rewrites.py",
        "tests/engine/test_lowering.py",
        "tests/engine/test_engine.py",
    ),
    (
        "tests/engine/test_simplifier.py",
        "tests/engine/test_gradients.py",
        "tests/engine/test_metamorphic.py",
        "tests/formulas/test_latex.py::test_what_is_printed_is_true",
        "tests/derivation/test_networks.py::test_gradients_hold_and_the_module_computes_them",
    ),
)

SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Pow: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.USub: ast.UAdd,
}


@dataclass(frozen=True)
class Mutant:
    """A changed module: where, and what stands there now."""

    module: str
    line: int
    change: str
    tree: ast.Module

    def __str__(self) -> str:
        return f"{self.module}.py:{self.line}: {self.change}"


def mutants(module: str) -> Iterator[Mutant]:
    """Every mutant of a module, in order of the source."""
    tree = ast.parse(path_of(module).read_text(encoding="utf-8"))
    before = ast.unparse(tree).splitlines()
    idle = {id(x) for part in unused(tree) for x in ast.walk(part)}
    for k, node in enumerate(ast.walk(tree)):
        if id(node) in idle:
            continue
        for n in range(len(changes(node))):
            new = copy.deepcopy(tree)
            target = next(x for i, x in enumerate(ast.walk(new)) if i == k)
            changes(target)[n]()
            after = ast.unparse(ast.fix_missing_locations(new)).splitlines()
            pairs = zip_longest(before, after, fillvalue="")
            differing = [(old.strip(), now.strip()) for old, now in pairs if old != now]
            if differing:
                old, now = differing[0]
                yield Mutant(module, getattr(target, "lineno", 0), f"{old}  ->  {now}", new)


def unused(tree: ast.Module) -> Iterator[ast.AST]:
    """What changes no result: annotations, and decorators (the sizes of caches)."""
    for node in ast.walk(tree):
        yield from getattr(node, "decorator_list", ())
        for field in ("annotation", "returns"):
            if isinstance(part := getattr(node, field, None), ast.AST):
                yield part


def changes(node: ast.AST) -> list[Any]:
    """The ways to change a node, as functions that change it in place."""
    out: list[Any] = []

    def swap(holder: ast.AST, field: str) -> None:
        new = SWAPS.get(type(getattr(holder, field)))
        if new is not None:
            out.append(lambda: setattr(holder, field, new()))

    def negate(holder: Any, field: str) -> None:
        out.append(
            lambda: setattr(
                holder, field, ast.UnaryOp(op=ast.Not(), operand=getattr(holder, field))
            )
        )

    match node:
        case ast.BinOp() | ast.BoolOp() | ast.AugAssign() | ast.UnaryOp(op=ast.USub()):
            swap(node, "op")
        case ast.Compare():
            for i, op in enumerate(node.ops):
                if new := SWAPS.get(type(op)):
                    out.append(lambda i=i, new=new: node.ops.__setitem__(i, new()))
        case ast.If() | ast.IfExp() | ast.While():
            negate(node, "test")
        case ast.comprehension(ifs=[_, *_]):
            out.append(lambda: node.ifs.pop())
        case ast.Return(value=ast.expr()) if not is_nothing(node.value):
            out.append(lambda: setattr(node, "value", ast.Constant(None)))
        case ast.Constant(value=bool()):
            out.append(lambda: setattr(node, "value", not node.value))
        case ast.Constant(value=int()):
            out.append(lambda: setattr(node, "value", node.value + 1))
    for body in (getattr(node, f, None) for f in ("body", "orelse", "finalbody")):
        if isinstance(body, list) and not isinstance(node, ast.Module | ast.ClassDef):
            for i, statement in enumerate(body):
                if removable(statement):
                    out.append(lambda body=body, i=i: body.__setitem__(i, ast.Pass()))
    return out


def is_nothing(node: ast.expr | None) -> bool:
    """None, or False, which is the same where a condition is asked for."""
    return isinstance(node, ast.Constant) and node.value in (None, False)


def removable(node: ast.stmt) -> bool:
    """Statements whose loss is not an error in itself: no docstrings, definitions, imports."""
    text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    plain = ast.Expr | ast.AugAssign | ast.Raise | ast.Break | ast.Continue
    return isinstance(node, plain) and not text


def path_of(module: str) -> Path:
    return ROOT / "symnn" / "engine" / f"{module}.py"


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Loads the mutant in place of the module."""

    def __init__(self, mutant: Mutant) -> None:
        self.mutant = mutant

    def find_spec(self, name: str, *_: Any) -> importlib.machinery.ModuleSpec | None:
        if name != f"symnn.{self.mutant.module}":
            return None
        return importlib.util.spec_from_loader(name, self)

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self.mutant.tree, "mutant", "exec"), module.__dict__)


def killed(mutant: Mutant, limits: Sequence[float]) -> str:
    """What killed the mutant: "test", "time", or "" for a survivor."""
    results = (run(mutant, *stage)[0] for stage in zip(STAGES, limits, strict=True))
    return next((how for how in results if how), "")


def run(mutant: Mutant | None, tests: Sequence[str], limit: float = 3600) -> tuple[str, float]:
    """What killed the mutant among these tests, and the seconds of the processor they took."""
    child = os.fork()
    if not child:
        code = 1
        with contextlib.suppress(BaseException):
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os.dup2(1, 2)
            if mutant is not None:
                sys.meta_path.insert(0, Finder(mutant))
            resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(limit), math.ceil(limit)))
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            options = ["-x", "-q", "-p", "no:cacheprovider", "--networks=15"]
            code = int(pytest.main([*options, *tests]))
        os._exit(code)
    _, status, used = os.wait4(child, 0)
    how = "" if status == 0 else "time" if os.WIFSIGNALED(status) else "test"
    return how, used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("modules", nargs="+")
    parser.add_argument("--sample", type=int, help="that many of all mutants, drawn at random")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", help="only mutants whose description has this text")
    options = parser.parse_args()
    os.chdir(ROOT)
    chosen = [m for module in options.modules for m in mutants(module)]
    count = len(chosen)
    chosen = [m for m in chosen if options.only is None or options.only in str(m)]
    if options.sample is not None and options.sample < len(chosen):
        chosen = random.Random(options.seed).sample(chosen, options.sample)
    taken = [run(None, stage) for stage in STAGES]
    if any(how for how, _ in taken):
        sys.exit("the tests fail without a mutant")
    limits = [PATIENCE * seconds for _, seconds in taken]
    print("limits of the stages:", ", ".join(f"{limit:.0f} s" for limit in limits), flush=True)
    survivors, start = 0, time.monotonic()
    for k, mutant in enumerate(chosen, start=1):
        how = killed(mutant, limits)
        survivors += not how
        print(f"{k}/{len(chosen)} {how or 'SURVIVED':8} {mutant}", flush=True)
    score = 100 * (1 - survivors / max(len(chosen), 1))
    seconds = time.monotonic() - start
    print(
        f"{len(chosen)} of {count} mutants, {survivors} survived: {score:.1f} % in {seconds:.0f} s"
    )


if __name__ == "__main__":
    main()
