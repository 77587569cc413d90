"""Derivation -> the modules whose steps are planned, without allocations: numpy-fast and c."""

from __future__ import annotations

from typing import Any

from symnn.derivation.derivation import Derivation, derive
from symnn.derivation.lines import Lines, LinesDerivation
from symnn.derivation.network import Network
from symnn.engine.ir import SAMPLES, name_of
from symnn.io.templating import render
from symnn.targets.c.lines import files as lines_files
from symnn.targets.c.module import c_files
from symnn.targets.code import rows
from symnn.targets.modules import RUNTIME, functions_of, gradients_of, runtime, values_of
from symnn.targets.plan.plan import Plan, loss_penalty
from symnn.targets.plan.planner import plan
from symnn.targets.python.expressions import NUMPY, number_code
from symnn.targets.python.lines_module import values as values_of_lines
from symnn.targets.python.planned import planned
from symnn.targets.python.update import flat
from symnn.targets.starting import check as check_lines
from symnn.targets.target import Files


def numpy_fast(network: Network) -> Files:
    derivation = derive(network)
    values = {
        **values_of(derivation, "numpy-fast"),
        **functions_of(derivation, NUMPY),
        **_training(derivation),
        **runtime(RUNTIME["numpy-fast"], ("constants", "model", "plan")),
    }
    return {".py": render("targets/python/numpy_fast.py.j2", **values)}


def c(network: Network | Lines, **options: Any) -> Files:
    if isinstance(network, Lines):
        check_lines(network)
        own = LinesDerivation(network)
        return lines_files(own, values_of_lines(own, "c", ("checkpoint",)), **options)
    derivation = derive(network)
    steps = _plan(derivation)
    decay = loss_penalty(steps)
    values = {
        **values_of(derivation, "c"),
        **runtime(RUNTIME["c"], ("constants", "model")),
        "loss_penalty": "" if decay is None else number_code(decay),
    }
    return c_files(derivation, steps, values, **options)


def _plan(derivation: Derivation) -> Plan:
    return plan(derivation.stable, gradients_of(derivation), SAMPLES)


def _training(derivation: Derivation) -> dict[str, Any]:
    """The plan of a step, and the update of flat vectors."""
    network, gradients, steps = derivation.network, gradients_of(derivation), _plan(derivation)
    code = planned(steps)
    update = flat(derivation.update_lines, gradients, network.optimizer.states, steps)
    masks = len(derivation.stable.leaves_of("mask"))
    return {
        "code": code,
        "loss_penalty": code.penalty,
        "length": f"max(len(UNITS), {masks + 1})" if masks else "len(UNITS)",
        "loss_reads_y": any(steps.target.name in map(name_of, x.reads) for x in steps.loss),
        "scaled": update.scaled,
        "update_setup": update.setup,
        "changing": tuple(update.changing.items()),
        "update": rows(update.steps, width=78),
        "penalty": update.penalty,
        "vectors": ["theta", "g", *network.optimizer.states],
        "works": update.works,
    }
