"""Random networks of any shape: their steps hold, and their modules compute the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support.random_graphs import SAMPLES, Graphs, leaves_of, module_gradients, network

from symnn.api import Lines
from symnn.engine.evaluate import evaluate
from symnn.engine.text import read, show
from symnn.targets.registry import compile_module

BOUND = 1e-9  # of a module beside the evaluator, over the largest entry


def largest(values: Any) -> float:
    return float(np.abs(values).max(initial=0.0))


def test_random_graphs(sampled_seed: int, errors: Callable[[str, str, float], None]) -> None:
    graphs = Graphs(sampled_seed)
    lines = Lines(network(graphs.spec))
    if not lines.parameters:
        pytest.skip("no layer has parameters")
    assert read(show(lines.program, lines.text)) == lines.program
    derivation = lines.derive()
    report = derivation.verify()
    assert report.ok, (graphs.spec, [str(row) for row in report.failed])
    values = leaves_of(lines, sampled_seed)
    loss, gradients = derivation.evaluate(values)
    module = compile_module(lines)
    found, by, predicted = module_gradients(lines, module, values)
    assert found == pytest.approx(loss, rel=BOUND, abs=1e-12)
    # one that is 0 because its summands cancel has no size of its own
    size = max(map(largest, gradients.values())) or 1.0
    for name, gradient in gradients.items():
        error = largest(by[name] - gradient) / size
        errors("modules of random graphs", f"{sampled_seed} {name}", error)
        assert error < BOUND, (name, graphs.spec)
    if lines.program.leaves_of("state"):  # by which it predicts
        return
    masks = {t.name for t in lines.program.leaves_of("mask")}
    given = lines.leaves({k: v for k, v in values.items() if k not in masks})
    # in stable form: exponentials of large scores overflow in the lines as they are written
    exact = evaluate(derivation.computed(lines.outputs), given, {"N": SAMPLES})[lines.outputs[0]]
    assert largest(predicted - exact) <= BOUND * largest(exact)


def test_what_does_not_fit_is_told() -> None:
    """Random layers that fit nowhere get one message, with the place and without names of lines."""
    refused = [message for seed in range(12) for message in Graphs(seed).refused]
    assert len(refused) > 20
    for message in refused:
        assert message.startswith("<dict>: layers") and "\n" not in message, message
