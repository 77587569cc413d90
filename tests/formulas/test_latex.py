"""Printed formulas, read back and computed; goldens; the notes as TeX."""

import functools
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.latex_grammar import FUNCTIONS, SAMPLES, applied_tex, holds, matrix, named, slope

import symnn
from symnn.engine.evaluate import evaluate
from symnn.engine.functions import ACTIVATIONS
from symnn.engine.stabilise import stabilise
from symnn.formats import pdf
from symnn.formats.latex import document
from symnn.formulas.matrix import NoMatrixFormError, matrix_formulas, matrix_sides
from symnn.formulas.shapes import line_shapes
from symnn.formulas.tex import Printer, symbol_tex
from symnn.formulas.whole import batch_product
from symnn.language.options import DETAILS
from symnn.nn.losses import LOSSES
from symnn.notation.books import AFFINE, LAYOUTS, NOTATIONS
from symnn.notes.context import Context, read_names
from symnn.notes.options import NotesOptions

EXAMPLES = ("xor", "digits", "deep", "norm_loss", "logistic_regression", "regression")


def network(hidden, loss, depth=2):
    layers = [symnn.Dense(4 + k, hidden) for k in range(depth - 1)]
    layers[1:1] = [symnn.Dropout(0.5)] if layers else []
    last = symnn.Dense(3, LOSSES[loss].final or "tanh")
    return symnn.Network(inputs=2, layers=[*layers, last], loss={"name": loss, "l2": 0.3})


def widths(net):
    """The number of inputs, and of units of every dense layer."""
    return [net.inputs, *(layer.units for layer in net.layers if hasattr(layer, "units"))]


def drawn(program):
    """Values of the leaves, of SAMPLES samples where there is a sample axis."""
    rng, values = np.random.default_rng(0), {}
    for t in program.leaves:
        shape = [SAMPLES if a.name == "n" else a.size for a in t.axes]
        wide = shape[-1] if t.role == "parameter" and shape[-1] > 8 else 1
        values[t.name] = rng.uniform(0.2, 1.0, shape) / wide
    if program.facts:
        values["y"] = values["y"] / values["y"].sum(axis=-1, keepdims=True)
    return values


def check(d, layout, notation=AFFINE, draw=drawn):
    """Every line that is printed as matrices is true; the names of those that are not printed.

    The lines are those of the forward pass and those of every step, in their notation.  draw:
    a program -> values of its leaves.
    """
    told = Context(d, notation, layout, "full", "en")
    sweep, notation = told.sweep, told.notation
    sums = (line for own in sweep.sums.values() for line in own)
    program = sweep.objective.extend((*sweep.raw, *sums))
    values = draw(program)
    arrays = evaluate(program, values, {"N": SAMPLES})
    for name, line in sweep.gradients.items():
        if sweep.of != "L" and line.lhs.of == "L":
            arrays[sweep.names[name]] = arrays[sweep.names[name]] / SAMPLES
    symbols = named(notation, program.tensors.values(), arrays, layout)
    functions = {}
    for name, f in told.activations.items():
        source = "z" + name[1:]
        for order in range(3):
            key = applied_tex(notation, f.row, source, order)
            functions[key] = slope(FUNCTIONS[f.row.tex], order)
    missing = []
    steps = [s.after for s in sweep.steps if (s.after.lhs.of or "L") in (sweep.of, "L")]
    parameters = {t.name for t in sweep.forward.leaves_of("parameter")}
    for line in (*sweep.forward.lines, *steps):
        if sweep.of != "L" and line.lhs.of == sweep.of and line.lhs.wrt in parameters:
            continue  # what is told is the gradient of L
        try:
            sides = matrix_formulas(line, notation, layout)
        except NoMatrixFormError:
            missing.append(line.lhs.name)
            continue
        left, text = map(Printer(notation).tex, sides)
        products = []
        where = f"{line}\n{left} = {text}"
        assert holds(text, symbols, line, symbols[left], functions, products), where
        shapes = line_shapes(line, sides, notation)
        if shapes is None:
            assert symbols[left].shape == (1, 1), where
            continue
        lengths = {f"n_{{{k}}}": n for k, n in enumerate(widths(d.network))}
        lengths |= {"1": 1, notation.count: SAMPLES}
        numbers = [tuple(tuple(lengths[n] for n in s) for s in sides) for sides in shapes[0]]
        assert set(numbers) <= set(products), where
        assert all(a[1] == b[0] for a, b in shapes[0]), where
        assert tuple(lengths[n] for n in shapes[1]) == symbols[left].shape, where
    stable = stabilise(sweep.program)[0]
    arrays |= evaluate(
        stable, {t.name: values.get(t.name, 0.0) for t in stable.leaves}, {"N": SAMPLES}
    )
    symbols |= named(notation, stable.tensors.values(), arrays, layout)
    for line in stable.lines:
        try:
            left, text = matrix_sides(line, notation, layout)
        except NoMatrixFormError:
            continue  # the maximum
        assert holds(text, symbols, line, symbols[left], functions), f"{line}\n{left} = {text}"
    return missing


@functools.cache
def derived(name):
    return symnn.load(name).derive()


@functools.cache
def built(hidden, loss, depth=2):
    return network(hidden, loss, depth).derive()


CASES = [(h, "sse") for h in ACTIVATIONS if h != "softmax"] + [("tanh", name) for name in LOSSES]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("hidden", "loss"), CASES)
def test_what_is_printed_is_true(hidden, loss, layout):
    assert check(built(hidden, loss), layout) == []


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("hidden", "depth"), [("tanh", 1), ("sigmoid", 3), ("softmax", 2)])
def test_what_is_printed_is_true_at_every_depth(hidden, depth, layout):
    assert check(built(hidden, "cross_entropy", depth), layout) == []


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("notation", NOTATIONS.values(), ids=lambda n: n.name)
def test_what_is_printed_is_true_in_every_notation(notation, layout):
    for name in EXAMPLES:
        assert check(derived(name), layout, notation) == [], name
    for case in (("relu", "cross_entropy"), ("softmax", "huber"), ("tanh", "norm", 1)):
        assert check(built(*case), layout, notation) == [], case


@pytest.mark.parametrize("loss", ["mse", "sse"])
@pytest.mark.parametrize("notation", NOTATIONS.values(), ids=lambda n: n.name)
def test_the_sum_over_samples_and_the_update_are_true(notation, loss):
    layers = [symnn.Dense(4, "tanh"), symnn.Dense(3, "sigmoid")]
    train = {"optimizer": "adam"} if loss == "mse" else {"momentum": 0.5}
    net = symnn.Network(inputs=2, layers=layers, loss={"name": loss, "l2": 0.3}, train=train)
    d = net.derive()
    rng = np.random.default_rng(2)
    values = {
        t.name: rng.uniform(0.2, 1.0, [SAMPLES if a.name == "n" else a.size for a in t.axes])
        for t in d.program.leaves
    }
    arrays = evaluate(d.program, values, {"N": SAMPLES})
    sample = Context(d, notation, "sample", "full", "en").notation
    mean = net.mean_loss
    sums = replace(sample, scaled=frozenset(d.batch.names.values()) if mean else frozenset())
    symbols = {notation.count: np.full((1, 1), float(SAMPLES))}
    for t in d.program.tensors.values():
        batch = len(t.axes) > 1 and any(a.name == "n" for a in t.axes)
        scale = SAMPLES if batch and t.role == "gradient" and mean else 1
        for turned in (False, True) if t.axes else (False,):
            value = matrix(t, arrays[t.name] * scale, sums, "columns")
            key = symbol_tex(sums, t.name, batch=batch, transposed=turned)
            if not t.name.endswith("_next"):
                symbols[key] = value.T if turned else value
        if t.role == "gradient" and not batch:
            symbols[symbol_tex(sample, t.name)] = matrix(t, arrays[t.name], sample, "columns")
    for name, line in d.batch.gradients.items():
        if line.lhs.axes and line.lhs.axes[0].name != "n":
            text = Printer(sums).tex(batch_product(line, mean, sums, "columns"))
            want = matrix(line.lhs, arrays[line.lhs.name], sums, "columns")
            # the line of the batch holds the 1/N of dL/dz already; here it stands in front
            assert holds(text, symbols, line, want), f"{name} = {text}"
    for line in d.update_lines:
        text = matrix_sides(line, sample, "columns")[1]
        want = matrix(line.lhs, arrays[line.lhs.name], sums, "columns")
        for name in read_names(line):  # the steps of an optimizer are taken in order
            if name.endswith("_next"):
                t = d.program.tensors[name]
                symbols[symbol_tex(sample, name)] = matrix(t, arrays[name], sums, "columns")
        assert holds(text, symbols, line, want), f"{line}\n{text}"


@pytest.mark.parametrize(
    ("layout", "weights", "bias"),
    [
        ("sample", r"\delta_{1} x^{\top}", r"\delta_{1}"),
        ("columns", r"\Delta_{1} X^{\top}", r"\Delta_{1} \mathbf{1}"),
        ("rows", r"\Delta_{1}^{\top} X", r"\Delta_{1}^{\top} \mathbf{1}"),
    ],
)
def test_gradients_read_like_a_textbook(layout, weights, bias):
    layers = [symnn.Dense(3, "sigmoid"), symnn.Dense(1, "sigmoid")]
    d = symnn.Network(inputs=2, layers=layers, loss="sse").derive()
    sweep = d.sample if layout == "sample" else d.batch
    notation = AFFINE.of(sweep.program.tensors.values())
    sides = [matrix_sides(sweep.gradients[n], notation, layout) for n in ("A_1", "b_1")]
    assert [right for _, right in sides] == [weights, bias]
    if layout == "sample":
        error = matrix_sides(sweep.gradients["z_1"], notation, layout)[1]
        assert error == r"(A_{2}^{\top} \delta_{2}) \odot a_{1} \odot (1 - a_{1})"


@pytest.mark.parametrize("word", ["notation", "layout", "detail", "language"])
def test_unknown_options_name_the_known_ones(word):
    with pytest.raises(ValueError, match=rf"unknown {word} 'x'; known: \w"):
        symnn.load("xor").derive().latex(**{word: "x"})


def test_missing_tex_names_the_packages(monkeypatch):
    monkeypatch.setattr(pdf.shutil, "which", lambda _: None)
    with pytest.raises(pdf.TexError, match="texlive-latex-base"):
        pdf.compile_pdf("")


@pytest.mark.skipif(pdf.shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_examples_compile():
    for k, name in enumerate(EXAMPLES):
        text = document(
            symnn.load(name).derive(), NotesOptions(layout=LAYOUTS[k % 3], detail=DETAILS[2])
        )
        assert pdf.compile_pdf(text).startswith(b"%PDF")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_fragments_have_balanced_environments(layout):
    for detail in DETAILS:
        text = symnn.load("digits").derive().latex(layout=layout, detail=detail)
        begun = re.findall(r"\\begin\{([^}]*)\}", text)
        assert sorted(begun) == sorted(re.findall(r"\\end\{([^}]*)\}", text))


# what pdflatex, KaTeX and MathJax all know
KNOWN = set(
    [
        r"\Delta",
        r"\Phi",
        r"\Xi",
        r"\begin",
        r"\cdot",
        r"\cdots",
        r"\cosh",
        r"\cos",
        r"\delta",
        r"\end",
        r"\eta",
        r"\frac",
        r"\ge",
        r"\hat",
        r"\lambda",
        r"\langle",
        r"\rangle",
        r"\lVert",
        r"\rVert",
        r"\lvert",
        r"\rvert",
        r"\ldots",
        r"\le",
        r"\left",
        r"\leftarrow",
        r"\log",
        r"\mathbf",
        r"\mathcal",
        r"\mathrm",
        r"\max",
        r"\mu",
        r"\nabla",
        r"\ne",
        r"\odot",
        r"\operatorname",
        r"\oslash",
        r"\paragraph",
        r"\partial",
        r"\pi",
        r"\prime",
        r"\right",
        r"\sigma",
        r"\sin",
        r"\sqrt",
        r"\subsection",
        r"\sum",
        r"\tanh",
        r"\text",
        r"\theta",
        r"\times",
        r"\top",
        r"\varepsilon",
        r"\varphi",
        r"\xi",
        r"\beta",
        r"\rho",
        r"\quad",
        r"\hline",
        r"\sinh",
        r"\exp",
        r"\in",
    ]
)


def test_fragments_use_known_control_sequences():
    found = set()
    for hidden, loss in CASES:
        text = network(hidden, loss).derive().latex(layout="rows", detail="full")
        found |= set(re.findall(r"\\[A-Za-z]+", text))
    assert found <= KNOWN, sorted(found - KNOWN)


def test_nested_form_and_losses():
    layers = [symnn.Dense(3, "tanh"), symnn.Dense(2, "linear")]
    for loss, want in (
        ("norm", r"\sum_{i=1}^{N} \lVert F(x^{(i)}) - y^{(i)} \rVert"),
        ("sse", r"\frac{1}{2} \sum_{i=1}^{N} \lVert F(x^{(i)}) - y^{(i)} \rVert^{2}"),
    ):
        text = symnn.Network(inputs=2, layers=layers, loss=loss).derive().latex()
        assert want in text
        assert r"F(x) &= A_{2} [\tanh(A_{1} x + b_{1})] + b_{2}" in text


@pytest.mark.skipif(pdf.shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_hostile_titles_compile():
    net = symnn.Network(
        inputs=1,
        layers=[symnn.Dense(1, "linear")],
        loss="sse",
        name="\\input{/etc/passwd} $x$ 100% #1 ~^_ 中 🙂",
        description="\\end{document} & \\write18{x}",
    )
    assert pdf.compile_pdf(document(net.derive())).startswith(b"%PDF")


def test_no_line_runs_off_the_page(tmp_path: Path) -> None:
    if shutil.which("pdflatex") is None:
        pytest.skip("pdflatex is not installed")
    net = symnn.Network(
        inputs=3,
        layers=[
            symnn.Dense(4, "softmax"),
            symnn.Dropout(0.2),
            symnn.Dense(3, "gelu"),
            symnn.Dense(2, "sigmoid"),
        ],
        loss={"name": "binary_cross_entropy", "l2": 0.1},
    )
    for layout in ("sample", "rows"):
        (tmp_path / "notes.tex").write_text(
            document(net.derive(), NotesOptions(layout=layout, detail="full"))
        )
        command = ["pdflatex", "-interaction=nonstopmode", "notes.tex"]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
        log = (tmp_path / "notes.log").read_text(errors="replace")
        assert not [w for w in re.findall(r"Overfull \\hbox \(([\d.]+)pt", log) if float(w) > 2]
