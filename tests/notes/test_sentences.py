"""Sentences of the notes that hold for some networks only: each is held against arithmetic."""

from __future__ import annotations

import functools
import re
from typing import Any

import numpy as np
import pytest
from support.random_networks import leaves_of, random_network

import symnn
from symnn.api import Network
from symnn.engine.complex_step import complex_step
from symnn.engine.evaluate import evaluate
from symnn.engine.functions import Named
from symnn.engine.ir import Line, Program, Tensor, Term, entries, lines_of, name_of
from symnn.engine.lower import MatMul, Outer, lower_line
from symnn.language.phrases import PHRASES
from symnn.notation.books import AFFINE, NOTATIONS
from symnn.notes.context import Context
from symnn.notes.document import Box, Document, Figure, Listing, Paragraph
from symnn.notes.options import NotesOptions
from symnn.notes.tell import tell
from symnn.spec.reader import load_spec
from symnn.spec.sources import example_names

SEEDS = (*range(0, 40, 3), "softmax", "linear", "tanh")
N = 4


def built(seed: int | str) -> Network:
    """A random network; or one with hidden layers of this activation, and dropout at one."""
    if isinstance(seed, int):
        return random_network(seed)
    hidden = symnn.Dense(3, seed)
    layers = [hidden, symnn.Dropout(0.3), hidden, symnn.Dense(2, "linear")]
    return Network(inputs=2, layers=layers, loss={"name": "sse", "l2": 0.1})


@functools.cache
def told(seed: int | str) -> tuple[Network, Context, str, Document]:
    """A random network, what its notes are made of, their sentences, and the notes."""
    net = built(seed)
    context = Context(net.derive(), AFFINE, "sample", "textbook", "en")
    notes = tell(
        net.derive(), NotesOptions(layout="sample", figures=False, ticks=False, notation=AFFINE)
    )
    return net, context, sentences(notes), notes


def sentences(notes: Document) -> str:
    blocks = [b for section in notes.sections for b in section.blocks]
    found = [b.text for b in blocks if isinstance(b, Paragraph)]
    return "\n".join([*found, *(t for b in blocks if isinstance(b, Box) for t in b.texts)])


def points(net: Network) -> tuple[dict[str, Any], dict[str, Any]]:
    """Leaves of N samples, and every value and gradient of them."""
    values = leaves_of(net, np.random.default_rng(7), N)
    return values, evaluate(net.derive().batch.program, values, {"N": N})


@pytest.mark.parametrize("seed", SEEDS)
def test_the_gradient_is_said_to_be_the_sum_of_the_samples_where_it_is(seed: int | str) -> None:
    net, context, text, _ = told(seed)
    values, whole = points(net)
    d = net.derive()
    samples = {t.name for t in net.program.leaves if any(a.name == "n" for a in t.axes)}
    parts = [
        evaluate(d.sample.program, {k: v[i] if k in samples else v for k, v in values.items()})
        for i in range(N)
    ]
    plain = True
    for name in net.parameters:
        total = sum(part[d.sample.names[name]] for part in parts)
        total = total / N if net.mean_loss else total
        plain &= np.allclose(total, whole[d.batch.names[name]], rtol=1e-9, atol=1e-12)
    assert (context.say("penalty_once") in text) == (not plain)
    word = "mean" if net.mean_loss else "sum"
    assert f"is the {word} of the one-sample gradients" in text


@pytest.mark.parametrize("seed", SEEDS)
def test_the_stable_forms_have_the_values_that_are_said(seed: int | str) -> None:
    net, context, text, _ = told(seed)
    values, before = points(net)
    after = evaluate(net.derive().stable, values, {"N": N})
    other = [n for n in before if not np.allclose(before[n], after[n], rtol=1e-9, atol=1e-12)]
    if "Rounding and overflow" in text:
        assert ("have the same values and" in text) == (not other)
        named = re.findall(r"The (?:values|squared norm) (\$.*?\$) (?:are|is) divided", text)
        letters = [f"${context.letter(n)}$" for n in before if n in other]
        assert [letter for group in named for letter in group.split(", ")] == letters
        for name in other:
            assert np.all(after[name] <= before[name] * 1e3) and np.all(after[name] > 0)
    else:
        assert not other


@pytest.mark.parametrize("seed", SEEDS)
def test_an_activation_is_said_to_be_of_components_where_it_is(seed: int | str) -> None:
    net, context, text, _ = told(seed)
    d = net.derive()
    values = {n: v[0] if n in sampled(net) else v for n, v in points(net)[0].items()}
    components = True
    for k in range(1, context.depth + 1):
        forward = d.sample.forward
        if f"a_{k}" in forward.definitions:
            z = evaluate(forward, values)[f"z_{k}"]
            for i in range(len(z)):
                move = np.zeros((1, len(z)))
                move[0, i] = 0.1
                moved = evaluate(forward, values, shifts={f"z_{k}": move})[f"a_{k}"][0]
                still = evaluate(forward, values)[f"a_{k}"]
                components &= np.allclose(np.delete(moved, i), np.delete(still, i))
    assert (context.say("nested") in text) == components
    assert (context.say("nested_softmax") in text) == (not components)


def sampled(net: Network) -> set[str]:
    return {t.name for t in net.program.leaves if any(a.name == "n" for a in t.axes)}


@pytest.mark.parametrize("seed", SEEDS)
def test_an_error_is_made_of_what_is_said(seed: int | str) -> None:
    """Errors led back along the weights, through mask and softmax, times the slope."""
    net, context, text, _ = told(seed)
    values = {n: v[0] if n in sampled(net) else v for n, v in points(net)[0].items()}
    d = net.derive()
    raw = evaluate(d.sample.forward.extend(d.sample.raw), values)
    for k in range(1, context.depth):
        delta = context.letter(d.sample.names[f"z_{k}"], inline=True)
        said = re.search(rf"In words: \${re.escape(delta)}\$, how fast.*", text)
        assert said, (delta, text)
        error = values[f"A_{k + 1}"].T @ raw[d.sample.names[f"z_{k + 1}"]]
        if "mask" in said[0]:
            read = next(n for n in d.sample.forward.line(f"z_{k + 1}").reads if "h_" in str(n))
            error = error * values[name_of(read).replace("h_", "mask_")]
        z = raw[f"z_{k}"]
        if "softmax" in said[0]:
            a = raw[f"a_{k}"]
            error = a * (error - a @ error)
        elif "slope" in said[0]:
            f = next(iter(d.sample.forward.line(f"a_{k}").terms[0].f.atoms(Named)))
            error = error * np.array([slope(f, v) for v in z])
        assert np.allclose(error, raw[d.sample.names[f"z_{k}"]], rtol=1e-5, atol=1e-8), said[0]


def slope(f: Named, z: float) -> float:
    x = Tensor("x", (), "parameter")
    line = Line(Tensor("L"), (Term(f.func(x.entry)),))
    program = Program((x,), (line,))
    return float(complex_step(program, "L", {"x": np.ones(1)}, {"x": z})["x"][0])


@pytest.mark.parametrize("seed", SEEDS)
def test_the_products_of_the_sweep_are_as_many_as_is_said(seed: int | str) -> None:
    net, context, text, _ = told(seed)
    products = [
        factor
        for line in lines_of(context.sweep.raw)
        for low in lower_line(line)
        for factor in low.factors
        if isinstance(factor, MatMul | Outer) and is_product(factor, net)
    ]
    layers, layer = context.say("cost_layers"), context.say("cost_layer")
    assert (layers in text) + (layer in text) == 1
    assert len(products) == (2 * context.depth - 1 if layers in text else 1)


def is_product(factor: MatMul | Outer, net: Network) -> bool:
    """Whether an error meets weights, or what they were applied to."""
    read = {name_of(e) for side in (factor.left, factor.right) for e in entries(side.f)}
    weights = any(name in net.parameters for name in read)
    return any(name.startswith("dz_") for name in read) and (weights or isinstance(factor, Outer))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_account_of_a_transpose_counts_the_penalty(seed: int | str) -> None:
    net, context, text, _ = told(seed)
    if "By entry: $A" not in text:
        return
    values, _ = points(net)
    values = {n: v[0] if n in sampled(net) else v for n, v in values.items()}
    known = evaluate(net.derive().sample.program, values)
    k = int(re.search(r"By entry: \$A_\{(\d)", text)[1])
    names = net.derive().sample.names
    source = next(n for n in map(name_of, context.forward.line(f"z_{k}").reads) if n[0] in "xahz")
    raw = evaluate(net.derive().sample.forward.extend(net.derive().sample.raw), values)
    product = np.outer(raw[names[f"z_{k}"]], raw[source])
    alone = np.allclose(product, known[names[f"A_{k}"]])
    assert ("and in the penalty" in text) == (not alone)
    assert ("occurs in $z" in text and " alone, with" in text) == alone


OPTIMIZERS = {
    "sgd": {"optimizer": "sgd"},
    "momentum": {"optimizer": "sgd", "momentum": 0.9},
    "rmsprop": {"optimizer": "rmsprop"},
    "adam": {"optimizer": "adam"},
}


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_step_is_said_to_be_against_the_gradient_where_it_is(name: str, language: str) -> None:
    net = Network(inputs=2, layers=[symnn.Dense(2, "tanh")], loss="sse", train=OPTIMIZERS[name])
    d = net.derive()
    rng = np.random.default_rng(1)
    values = {
        t.name: rng.uniform(0.2, 0.9, [N if a.name == "n" else a.size for a in t.axes])
        for t in d.program.leaves
    }
    known = evaluate(d.program, values, {"N": N})
    step, g = known["A_1_next"] - known["A_1"], known[d.batch.names["A_1"]]
    against = np.allclose(step, -values["eta"] * g)
    notes = tell(d, NotesOptions(language=language))
    say = Context(d, AFFINE, "sample", "textbook", language).say
    text, titles = sentences(notes), [section.title for section in notes.sections]
    figures = [b.drawing.name for s in notes.sections for b in s.blocks if isinstance(b, Figure)]
    assert (say("step") in text) == against == (name == "sgd")
    assert ("descent" in figures) == (say("update") in titles) == against
    assert (say("update_states") in titles) == (not against)


@pytest.mark.parametrize(
    ("biases", "key"),
    [
        ((True, True), "figure_network"),
        ((False, True), "figure_network_biases"),
        ((False, False), "figure_network_edges"),
    ],
)
def test_a_bias_is_told_of_the_layers_that_have_one(biases: tuple[bool, ...], key: str) -> None:
    layers = [symnn.Dense(2, "tanh", bias=bias) for bias in biases]
    notes = tell(Network(inputs=2, layers=layers, loss="sse").derive())
    captions = [b.caption for s in notes.sections for b in s.blocks if isinstance(b, Figure)]
    keys = ("figure_network", "figure_network_biases", "figure_network_edges")
    found = [k for k in keys if PHRASES["en"][k] in captions]
    assert found == [key]


def test_the_loss_depends_on_the_masks_of_dropout() -> None:
    layers = [symnn.Dense(2, "tanh"), symnn.Dropout(0.5), symnn.Dense(1, "linear")]
    for own, key in ((layers, "loss_is_masked"), (layers[:1], "loss_is")):
        text = sentences(tell(Network(inputs=2, layers=own, loss="sse").derive()))
        assert PHRASES["en"][key] in text


def test_what_holds_of_every_layer_is_said_of_equal_layers() -> None:
    plain = [symnn.Dense(3, "tanh")] * 6
    for layers, alike in ((plain, True), ([*plain[:3], symnn.Dropout(0.5), *plain[3:]], False)):
        notes = tell(
            Network(inputs=3, layers=layers, loss="sse").derive(), NotesOptions(layout="sample")
        )
        rows = [row for row in notes.rows() if any("samples-A-" in x for x in row.labels)]
        assert len(rows) == (1 if alike else 6)
        assert ("for every layer" in " ".join(row.reason for row in rows)) == alike


def test_the_code_beside_an_equation_computes_it() -> None:
    """At the end of the tutorial, rescaled exponentials stand beside their own equation."""
    layers = [symnn.Dense(3, "softmax")]
    notes = tell(
        Network(inputs=2, layers=layers, loss="cross_entropy").derive(), NotesOptions(code=True)
    )
    rows = [r for s in notes.sections for b in s.blocks if isinstance(b, Listing) for r in b.rows]
    (exponentials,) = [row for row in rows if "np.exp(z_1 - m_1" in row.code]
    assert exponentials.tex == "e_{1} = e^{z_{1} - m_{1}}"


# the words of shipped examples, and the layout of a notation -----------------------------------


@pytest.mark.parametrize("name", example_names())
def test_a_chinese_document_of_an_example_is_chinese(name: str) -> None:
    d = symnn.load(name).derive()
    notes = tell(d, NotesOptions(language="zh", ticks=False))
    for text in (notes.title, notes.description):
        assert re.search("[\u4e00-\u9fff]", text)
        assert set(re.findall("[A-Za-z]{2,}", text)) <= {"sigmoid"}
    pictures = [b.drawing for s in notes.sections for b in s.blocks if isinstance(b, Figure)]
    assert pictures and all(d.network.name not in p.title or name == "" for p in pictures)
    english = tell(d, NotesOptions(ticks=False))
    spec = d.network.spec.model
    assert (english.title, english.description) == (spec.name, spec.description)


def test_the_words_of_a_user_stay_as_they_are() -> None:
    own = Network(
        inputs=1,
        layers=[symnn.Dense(1)],
        loss="sse",
        name="My net",
        description="A hidden layer of four units learns.",
    )
    notes = tell(own.derive(), NotesOptions(language="zh"))
    assert (notes.title, notes.description) == ("My net", "A hidden layer of four units learns.")


@pytest.mark.parametrize("notation", NOTATIONS)
def test_a_notation_that_is_named_brings_its_layout(notation: str) -> None:
    """Of an option and of an argument alike, unless a layout is named beside it."""
    own = NOTATIONS[notation].layout
    flags = load_spec("xor", {"notation": notation})
    assert (flags.notes.layout or flags.notes.notation.layout) == own
    assert load_spec("xor", {"notation": notation, "layout": "rows"}).notes.layout == "rows"
    assert load_spec("xor", {"layout": "rows"}).notes.layout == "rows"
    assert load_spec("xor").notes.layout == "sample"
    d = symnn.load("xor").derive()
    assert d.latex(notation=notation) == d.latex(notation=notation, layout=own)
    assert d.latex(layout="rows") == d.latex(notation="affine", layout="rows")


def test_a_layout_of_the_spec_stands_beside_a_notation_of_the_spec() -> None:
    spec = {
        "model": {"name": "m", "inputs": 2},
        "layers": [{"type": "dense", "units": 1}],
        "loss": {"name": "sse"},
        "notes": {"notation": "ng", "layout": "sample"},
    }
    d = Network.from_spec(load_spec(spec)).derive()
    assert d.latex() == d.latex(notation="ng", layout="sample") != d.latex(notation="ng")
