"""What a user of the Python interface reads: short representations, and errors with a way out."""

from __future__ import annotations

import numpy as np
import pytest

import symnn
from symnn import Dense, Network, SpecError
from symnn.notation.books import NOTATIONS

NET = Network(inputs=2, layers=[Dense(3, "tanh"), Dense(2, "softmax")], loss="cross_entropy")
X, Y = np.array([[1.0, 0.0], [2.0, 1.0], [3.0, 0.0]]), np.array([0, 1, 0])


def network(**changes):
    return Network(**{"inputs": 2, "layers": [Dense(1)], "loss": "mse", **changes})


def compared():
    module = NET.compile()
    params = module.initialize(0)
    grads = module.loss_and_gradients(params, X, Y)[1]
    return NET.compare(grads, params, X, Y)


SHORT = {
    "network": (lambda: NET, "<Network 'network' 2-3-2, loss cross_entropy>"),
    "derivation": (NET.derive, "<Derivation of <Network 'network' 2-3-2, loss cross_entropy> in "),
    "sweep": (lambda: NET.derive().batch, "<Sweep: 11 gradients of L in "),
    "program": (lambda: NET.program, "<Program: 6 leaves, 7 lines>"),
    "line": (lambda: NET.program.line("z_1"), "<Line z_1[n,j1] = sum_{j0} A_1[j1,j0]*x[n,j0] + b"),
    "term": (lambda: NET.program.line("z_1").terms[0], "<Term sum_{j0} A_1[j1,j0]*x[n,j0]>"),
    "tensor": (lambda: NET.program.tensors["x"], "<Tensor x[n,j0], input>"),
    "axis": (lambda: NET.program.tensors["x"].axes[0], "<Axis n<N>"),
    "step": (lambda: NET.derive().steps[0], "<Step dL = 1   (chain rule)>"),
    "report": (lambda: NET.derive().verify(), "<Report: 91 comparisons, all hold; largest error"),
    "comparison": (compared, "<Comparison: all 4 quantities are right>"),
    "spec": (lambda: symnn.load("xor").spec, "<Spec 'XOR' from xor.toml>"),
    "notation": (lambda: NOTATIONS["ng"], "<Notation 'ng'>"),
}


@pytest.mark.parametrize("kind", SHORT)
def test_every_object_that_users_hold_is_shown_in_a_line(kind):
    make, begins = SHORT[kind]
    assert repr(make()).startswith(begins) and len(repr(make())) < 130


def test_a_deep_network_is_shown_in_a_line():
    deep = network(layers=[Dense(k) for k in range(1, 200)])
    assert repr(deep) == "<Network 'network' 2-1-2-3-4-…-195-196-197-198-199, loss mse>"


def keras_model():
    kind = type("Sequential", (), {"__module__": "keras.src.models"})
    return kind()


WRONG = {
    "load, a typing error": (lambda: symnn.load("xro"), SpecError, "did you mean 'xor'?"),
    "load, no spec": (lambda: symnn.load(3), TypeError, "a path, a mapping or the name of an ex"),
    "from_spec, a name": (lambda: Network.from_spec("xor"), TypeError, "symnn.load reads one"),
    "layers, a word": (
        lambda: network(layers=["tanh"]),
        SpecError,
        r'Network: layers\[0\]: must be Dense\(…\) or Dropout\(…\), not the string "tanh"',
    ),
    "layers, one layer": (
        lambda: network(layers=Dense(1)),
        SpecError,
        "Network: layers: must be a list of layers, not a Dense; put Dense",
    ),
    "a layer's activation": (
        lambda: network(layers=[Dense(1, "tahn")]),
        SpecError,
        r"Network: layers\[0\].activation: unknown value \"tahn\"; did you mean 'tanh'",
    ),
    "loss, none": (lambda: network(loss=None), SpecError, "Network: loss: must be the name of a"),
    "loss, a typing error": (lambda: network(loss="msee"), SpecError, "did you mean 'mse'"),
    "a field outside its section": (
        lambda: network(optimiser="adam"),
        SpecError,
        "Network: optimiser: unknown section; optimizer is a field of the section train",
    ),
    "a section, mistyped": (lambda: network(trian={}), SpecError, "did you mean 'train'"),
    "a section that is none": (lambda: network(train="adam"), SpecError, "train: must be a table"),
    "activations, a word": (
        lambda: network(activations="x"),
        SpecError,
        'Network: activations: must be a table, not the string "x"',
    ),
    "explicit": (lambda: NET.derive().explicit("A1"), SpecError, "'A1'; did you mean 'A_1'"),
    "symbols": (lambda: NET.symbols["A1"], KeyError, "no leaf 'A1'; known: x, A_1, b_1"),
    "program.line": (lambda: NET.program.line("z1"), KeyError, "z1"),
    "notation": (lambda: NET.derive().latex(notation="nielson"), ValueError, "mean 'nielsen'"),
    "layout": (lambda: NET.derive().latex(layout="rws"), ValueError, "did you mean 'rows'"),
    "select, a number": (
        lambda: NET.derive().latex(select=5),
        TypeError,
        "select must be labels of equations, not the integer 5",
    ),
    "select, unknown": (lambda: NET.derive().latex(select="A-9"), ValueError, "known: F, z-1"),
    "save, a keyword": (
        lambda: NET.derive().save("x.tex", notaton="ng"),
        TypeError,
        "save: no option 'notaton'; did you mean 'notation'",
    ),
    "show, a keyword": (
        lambda: NET.derive().show(heigth=3),
        TypeError,
        "show: no option 'heigth'; known: beside, code",
    ),
    "show, a height": (lambda: NET.derive().show("a"), SpecError, "height: must be an integer"),
    "figures": (
        lambda: NET.derive().save("x.tex", figures="no"),
        ValueError,
        'figures must be True, False or None, not the string "no"',
    ),
    "suffix": (lambda: NET.derive().save("x.docx"), ValueError, r"'.docx'; known: .html, .ipynb"),
    "target": (lambda: NET.compile("nump"), ValueError, "'nump'; did you mean 'numpy'"),
    "an option that a target lacks": (
        lambda: NET.generate("c", weigths={}),
        TypeError,
        "target c: no option 'weigths'; did you mean 'weights'",
    ),
    "weights for C, no mapping": (
        lambda: NET.generate("c", weights=1),
        SpecError,
        "weights: must be a mapping of names to arrays, not the integer 1",
    ),
    "weights for C, a name": (
        lambda: NET.generate("c", weights={"A1": 1}),
        SpecError,
        r"weights\[\"A1\"\]: no such parameter; did you mean 'A_1'",
    ),
    "weights for C, a shape": (
        lambda: NET.generate("c", weights={n: np.ones(2) for n in NET.parameters}),
        SpecError,
        r"weights\[\"A_1\"\]: has the shape \(2,\), expected \(3, 2\)",
    ),
    "prefix for C": (lambda: NET.generate("c", prefix=3), SpecError, "prefix: must be a string"),
    "verify": (lambda: NET.derive().verify("a"), SpecError, "seed: must be an integer, not the"),
    "compare, rtol": (
        lambda: NET.compare({}, {}, X, Y, rtol="a"),
        SpecError,
        "compare: rtol: must be a number",
    ),
    "compare, grads": (lambda: NET.compare([1], {}, X, Y), SpecError, "grads: must be a mapping"),
    "a model of Keras": (
        lambda: symnn.from_torch(keras_model()),
        ValueError,
        "a model of Keras, not of PyTorch; build the same Network, and take its weights",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_argument_is_answered_with_its_place_and_the_way_out(case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    call, kind, words = WRONG[case]
    with pytest.raises(kind, match=words):
        call()
    assert not list(tmp_path.iterdir())


SETTINGS = {
    "epochs": ("ten", 1.5, -1),
    "batch_size": (0, 1.5, "a"),
    "seed": (-1, "a", 0.5),
    "learning_rate": ("a", float("nan"), float("inf"), None),
}


@pytest.mark.parametrize("target", ["numpy", "numpy-fast"])
@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_of_training_that_is_none_is_refused_by_name(name, target):
    module = NET.compile(target)
    for value in SETTINGS[name]:
        with pytest.raises(ValueError, match=f"^{name} must be "):
            module.train(X, Y, **{"epochs": 1, name: value})
