"""Lines of which a module can be made, and how their parameters start."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import sympy as sp

from symnn.engine.ir import entries, indices_of, name_of, pointers

if TYPE_CHECKING:
    from symnn.derivation.lines import Lines

LARGEST = 10**8  # parameters


def check(lines: Lines) -> None:
    """SpecError for lines of which no module can be made."""
    program = lines.program
    if not lines.parameters:
        raise lines.mistake("there is nothing to train", 'write "parameter" before a tensor')
    if not lines.outputs:
        hint = "declare as input what is known before"
        raise lines.mistake("nothing can be predicted: all that it computes reads a target", hint)
    for t in program.leaves_of("state"):
        if f"{t.name}_next" not in program.definitions:
            hint = f"write {t.name}_next{str(t).removeprefix(t.name)} = …, or make it an input"
            raise lines.mistake(f"the state {t.name} gets no new value", hint)
    for t in program.leaves_of("parameter", "state"):
        if open_sizes := [a.size for a in t.axes if not isinstance(a.size, int)]:
            text = f"the size {open_sizes[0]} of the {t.role} {t.name} is open"
            raise lines.mistake(text, "write a number where it first stands")
    count = sum(math.prod(shape) for shape in lines.parameters.values())
    if count > LARGEST:
        raise lines.mistake(f"too large: {count} parameters, at most {LARGEST}", "take less units")
    for t in program.leaves_of("hyperparameter", "state"):
        if t.name not in lines.text.numbers:
            raise lines.mistake(f"{t.name} has no value", f"write  {t.role} {t} = 0.1")
    for t in program.leaves_of("input", "target", "mask"):
        if any(a.samples for a in t.axes[1:]):
            raise lines.mistake(f"N is not the first axis of {t.name}", "write its axis first")


def initial(lines: Lines) -> dict[str, tuple[str, float]]:
    """How each starts: "uniform" within a bound, "normal" of a deviation, "constant"."""
    usual = {"weights": "glorot", "bias": "zeros", "gain": "ones", "table": "normal(0.05)"}
    found = {}
    fans = _fans(lines)
    for t in lines.program.leaves_of("parameter"):
        way = lines.text.initial.get(t.name, usual[t.kind])
        inputs, outputs = fans.get(t.name, (1, 1))
        found[t.name] = {
            "glorot": ("uniform", math.sqrt(6 / (inputs + outputs))),
            "he": ("normal", math.sqrt(2 / inputs)),
            "zeros": ("constant", 0.0),
            "ones": ("constant", 1.0),
        }.get(way) or ("normal", float(sp.Rational(way[len("normal(") : -1])))
    states = (t.name for t in lines.program.leaves_of("state"))
    return found | {name: ("constant", float(lines.text.numbers[name])) for name in states}


def _fans(lines: Lines) -> dict[str, tuple[int, int]]:
    """How many values the first line of a parameter sums over with it, and to how many it gives."""
    found: dict[str, tuple[int, int]] = {}
    parameters = {t.name: t for t in lines.program.leaves_of("parameter")}
    for line in lines.program.lines:
        for term in line.terms:
            summed = {a.symbol for a in term.over}
            for e in (*entries(term.f), *pointers(term.f)):
                if (t := parameters.get(name_of(e))) and t.name not in found:
                    pairs = list(zip(indices_of(e), t.axes, strict=True))
                    inputs = math.prod(a.size for i, a in pairs if i in summed)
                    outputs = math.prod(a.size for i, a in pairs if i not in summed)
                    found[t.name] = inputs, outputs
    return found
