"""Every gradient of small networks, as printed for NumPy, against central differences."""

import numpy as np
import pytest

from symnn.engine.diff import gradients
from symnn.engine.functions import ACTIVATIONS, TABLE
from symnn.engine.ir import SAMPLES, axis
from symnn.engine.simplify import simplify
from symnn.engine.stabilise import stabilise
from symnn.nn.layers import Build, Dense
from symnn.nn.losses import LOSSES, loss_line
from symnn.targets.python.expressions import helper, statement


def network(layers, loss, l2=False):
    net = Build(axis("n", SAMPLES))
    out = net.leaf("x", net.batch(axis("j0", 3)), "input")
    for layer in layers:
        out = layer.forward(net, out)
    loss_line(net, loss, out, net.leaf("y", out.axes, "target"), l2)
    return net.program()


def functions():
    scope = {"np": np, "erfc": None}
    for row in TABLE.values():
        exec(helper(row)[0], scope)
    return scope


CASES = [(hidden, loss) for hidden in ACTIVATIONS if hidden != "gelu" for loss in LOSSES]


@pytest.mark.parametrize(("hidden", "loss"), CASES)
def test_gradients_hold(hidden, loss):
    program = network([Dense(4, hidden), Dense(2, LOSSES[loss].final or "tanh")], loss, l2=True)
    items, names = gradients(program)
    keep = [names[t.name] for t in program.leaves_of("parameter")]
    stable, _ = stabilise(program.extend(simplify(program, items, keep)[0]))
    rng = np.random.default_rng(0)
    sizes = {"n": 5, "j0": 3, "j1": 4, "j2": 2}
    values = {t.name: rng.normal(size=[sizes[a.name] for a in t.axes]) for t in program.leaves}
    values |= {"l2": 0.3, "N": 5, "y": np.eye(2)[rng.integers(2, size=5)]}

    def run(values):
        scope = functions() | values
        for line in stable.lines:
            exec(statement(line), scope)
        return scope

    found = run(values)
    for parameter in program.leaves_of("parameter"):
        direction = rng.normal(size=values[parameter.name].shape)
        step = 1e-6 * direction
        up = run(values | {parameter.name: values[parameter.name] + step})["L"]
        down = run(values | {parameter.name: values[parameter.name] - step})["L"]
        slope = float(np.sum(found[f"d{parameter.name}"] * direction))
        assert (up - down) / 2e-6 == pytest.approx(slope, rel=1e-6, abs=1e-8)


def test_softmax_with_cross_entropy_gives_p_minus_y():
    program = network([Dense(3, "softmax")], "cross_entropy")
    items, names = gradients(program)
    lines, steps = simplify(program, items, [names["A_1"], names["b_1"]])
    assert str(lines[0]) == "dz_1[n,j1] = (a_1[n,j1] - y[n,j1])/N"
    assert any(step.facts for step in steps)
