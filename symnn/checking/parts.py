"""Parts: a sweep through many layers, cut into sweeps through a few.

A gradient that has come through a thousand layers has lost its digits, or is too small for a
float, whatever it is compared with.  So a part has the lines of some layers alone, what they
read is drawn anew, and for the loss stands a linear function of what comes after them:

    L = sum of <dy, y> over the lines y that read the part,    dy drawn

A line of a gradient says the same of every dy.  If it gives the derivative of L in its part, then
by the chain rule it gives that of the network's loss, where dy is the gradient of y.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from symnn.derivation.sweeps import Sweep
from symnn.engine.ir import SAMPLES, Item, Program, Term, lines_of, name_of

LAYERS = 10  # of a part
DEEP = 50  # layers of a sweep above which it is cut
BEYOND = 2  # layers that run with a part, since a step may have substituted their gradients


def parts(sweep: Sweep) -> list[Sweep]:
    """The parts of a sweep, or the sweep itself; every step is in one of them."""
    layers = _layers(sweep.forward)
    if len(layers) <= DEEP:
        return [sweep]
    parameters = {t.name for t in sweep.forward.leaves if t.name in sweep.names}
    found = []
    for k in range(0, len(layers), LAYERS):
        own, beyond = _joined(layers[k : k + LAYERS]), _joined(layers[k + LAYERS :][:BEYOND])
        found.append(_part(sweep, own, beyond, _joined(layers[k + LAYERS + BEYOND :]), parameters))
        parameters -= _reads(own)
    return found


def _layers(program: Program) -> list[list[Item]]:
    """The items by layers; one begins where a parameter is read for the first time."""
    unread = {t.name for t in program.leaves_of("parameter")}
    layers: list[list[Item]] = [[]]
    for item in program.items:
        new = unread & _reads([item])
        if new and layers[-1]:
            layers.append([])
        unread -= new
        layers[-1].append(item)
    return layers


def _part(
    sweep: Sweep,
    own: Sequence[Item],
    beyond: Sequence[Item],
    later: Sequence[Item],
    parameters: set[str],
) -> Sweep:
    """The sweep through the items ``own``; parameters: those that no earlier item reads."""
    tensors, loss = sweep.forward.tensors, sweep.forward.line("L")
    moved = _names([*own, *beyond]) | (_reads([*own, *beyond]) & parameters)
    checked = _names(own) | (_reads(own) & parameters)
    if "L" in checked:
        checked.add(sweep.of)
    readers = [item for item in later if item is not loss and moved & _reads([item])]
    # what L itself reads of the part, such as the squares of a penalty, stays in it
    terms = [t for t in loss.terms if moved & _reads([replace(loss, terms=(t,))])]
    read = [tensors[line.lhs.name] for line in lines_of(readers)]
    pairs = [(y, replace(y, name=sweep.names[y.name], role="input")) for y in read]
    for y, gradient in pairs:
        product = y.entry * gradient.entry  # of N L, if it is that which was differentiated
        terms.append(Term(product if sweep.of == "L" else product / SAMPLES, y.axes))
    items = [item for item in (*own, *beyond, *readers) if item is not loss]
    items.append(replace(loss, terms=tuple(terms)))
    outer = _reads(items) - _names(items)
    leaves = [replace(t, role="input") if t.role == "value" else t for t in tensors.values()]
    program = Program(
        (*(t for t in leaves if t.name in outer), *(gradient for _, gradient in pairs)),
        tuple(items),
        tuple(fact for fact in sweep.forward.facts if fact.tensor in outer),
    )
    gradients = moved | {"L", sweep.of}
    return replace(
        sweep,
        forward=program,
        raw=tuple(i for i in sweep.raw if any(g.lhs.wrt in gradients for g in lines_of([i]))),
        simple=(),
        steps=tuple(s for s in sweep.steps if (s.after.lhs.wrt or s.after.lhs.of) in checked),
    )


def _joined(layers: Iterable[Iterable[Item]]) -> list[Item]:
    return [item for layer in layers for item in layer]


def _names(items: Iterable[Item]) -> set[str]:
    return {line.lhs.name for line in lines_of(items)}


def _reads(items: Iterable[Item]) -> set[str]:
    return {name_of(entry) for line in lines_of(items) for entry in line.reads}
