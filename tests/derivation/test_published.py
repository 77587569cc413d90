r"""The notes are the published equations: each in its source's notation, as the tool prints it.

Texts are compared as TeX tokens without spaces, where braces around a single token are dropped
(``\frac1m`` is ``\frac{1}{m}``, ``z^{l}`` is ``z^l``).  What else is done to a text stands in its
test, with the reason.
"""

from __future__ import annotations

import functools
import re
from typing import Any

import numpy as np
import pytest

import symnn
from symnn.api import Derivation
from symnn.engine.evaluate import evaluate
from symnn.formulas.index import line_sides
from symnn.notation.books import NOTATIONS
from symnn.notes.context import Context
from symnn.notes.document import Equations as Block
from symnn.notes.options import NotesOptions
from symnn.notes.tell import tell

Told = dict[str, list[str]]  # left side -> its right sides, from the first to the last


def normal(tex: str) -> str:
    """The tokens of TeX, one space apart, without spaces of any kind and idle braces."""
    tex = re.sub(r"\\[,;!]|\\tag\{.*?\}|\\(left|right|displaystyle)(?![A-Za-z])", " ", tex)
    text = " ".join(re.findall(r"\\[A-Za-z]+|\S", tex))
    before = ""
    while text != before:
        before, text = text, re.sub(r"\{ (\S+) \}", r"\1", text)
    return text


def told(d: Derivation, notation: Any, layout: str, detail: str = "full") -> Told:
    """Every equation of the notes; one with two signs of equality is two."""
    found: Told = {}
    notes = tell(d, NotesOptions(notation=notation, layout=layout, detail=detail))
    for block in (b for section in notes.sections for b in section.blocks):
        left = ""
        for row in block.rows if isinstance(block, Block) else ():
            left = normal(row.sides[0]) or left
            found.setdefault(left, []).extend(normal(part) for part in row.sides[1].split(" = "))
    return found


def says(found: Told, equation: str) -> bool:
    """Whether the notes hold an equation, as it stands."""
    left, right = normal(equation).split(" = ", 1)
    return right in found.get(left, [])


def written(found: Told, *changes: tuple[str, str]) -> Told:
    """The notes with some pieces of TeX called otherwise."""
    out: Told = {}
    for left, rights in found.items():
        sides = [left, *rights]
        for old, new in changes:
            sides = [re.sub(r"\s+", " ", s.replace(normal(old), normal(new))) for s in sides]
        out.setdefault(sides[0], []).extend(sides[1:])
    return out


@functools.cache
def derived(
    widths: tuple[int, ...],
    hidden: str,
    final: str,
    loss: str,
    l2: float = 0.0,
    bias: bool = True,
) -> Derivation:
    inputs, *units = widths
    layers = [symnn.Dense(n, hidden, bias=bias) for n in units[:-1]]
    layers.append(symnn.Dense(units[-1], final, bias=bias))
    return symnn.Network(inputs=inputs, layers=layers, loss={"name": loss, "l2": l2}).derive()


def test_the_normal_form_keeps_what_matters() -> None:
    assert normal(r"\frac1m X (A)^{T}") == normal(r"\frac{1}{m} X(A)^T")
    assert normal(r"\mathbf{W}^{(2)}") == normal(r"\mathbf W^{( 2 )}")
    assert normal("a^{l-1}_k") != normal("a^l-1_k")
    assert normal("ab") != normal("ba") and normal("W^T") != normal("W")


# Nielsen, chapter 2 -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "equation",
    [
        r"\delta^L=(a^L-y)\odot\sigma^{\prime}(z^L)",
        r"\frac{\partial C}{\partial b^l_j}=\delta^l_j",
        r"\frac{\partial C}{\partial w^l_{jk}}=a^{l-1}_k\delta^l_j",
        r"\delta^L=\nabla_a C\odot\sigma^{\prime}(z^L)\tag{BP1a}",
        r"\delta^l=((w^{l+1})^T\delta^{l+1})\odot\sigma^{\prime}(z^l)\tag{BP2}",
    ],
)
def test_nielsen(equation: str) -> None:
    # six layers: l is printed for those that are alike, and L = 6; Nielsen leaves out the L of
    # the gradient by a^L, and writes the two numbers of BP4 in the other order
    found = told(derived((3, 4, 4, 4, 4, 4, 2), "sigmoid", "sigmoid", "sse"), "nielsen", "sample")
    found = written(found, ("z^6", "z^L"), ("a^6", "a^L"), (r"\delta^6", r"\delta^L"))
    found = written(
        found,
        (r"\nabla_{a^L}", r"\nabla_a"),
        (r"\delta^l_j a^{l-1}_k", r"a^{l-1}_k \delta^l_j"),
    )
    assert says(found, equation)


# Zhang, Lipton, Li and Smola ---------------------------------------------------------------


@pytest.mark.parametrize(
    "equation",
    [
        r"\frac{\partial J}{\partial\mathbf W^{(2)}}"
        r"=\frac{\partial J}{\partial\mathbf o}\mathbf h^\top+\lambda\mathbf W^{(2)}",
        r"\frac{\partial J}{\partial\mathbf h}"
        r"={\mathbf W^{(2)}}^\top\frac{\partial J}{\partial\mathbf o}",
        r"\frac{\partial J}{\partial\mathbf z}"
        r"=\frac{\partial J}{\partial\mathbf h}\odot\phi^{\prime}(\mathbf z)",
        r"\frac{\partial J}{\partial\mathbf W^{(1)}}"
        r"=\frac{\partial J}{\partial\mathbf z}\mathbf x^\top+\lambda\mathbf W^{(1)}",
    ],
)
def test_d2l_backpropagation(equation: str) -> None:
    found = told(derived((3, 4, 2), "tanh", "linear", "mse", 0.1, False), "d2l", "sample")
    assert says(found, equation)


def test_d2l_softmax_regression() -> None:
    equation = (
        r"\partial_{o_j}l(\mathbf y,\hat{\mathbf y})"
        r"=\frac{\exp(o_j)}{\sum_{k=1}^q\exp(o_k)}-y_j=\mathrm{softmax}(\mathbf o)_j-y_j"
    )
    d = derived((4, 3), "linear", "softmax", "cross_entropy")
    notation = Context(d, NOTATIONS["d2l"], "sample", "full", "en").notation
    sweep = d.sample
    left, right = map(normal, line_sides(sweep.gradients["z_1"], notation))
    p, e, s = (line_sides(sweep.forward.line(n), notation) for n in ("a_1", "e_1", "s_1"))
    # the forward lines are inserted; the index of the sum, j there, is k; q = 3 classes
    total = s[1].replace("_{j}", "_{k}").replace("j=", "k=").replace("{3}", "{q}")
    total = total.replace(e[0].replace("_{j}", "_{k}"), e[1].replace("_{j}", "_{k}"))
    value = p[1].replace(e[0], e[1]).replace("{s}", f"{{{total}}}")
    # e^x is written exp(x), and the derivative of one sample's loss, J = l, as d_{o_j} l
    inserted = normal(
        re.sub(r"e\^\{(o_\{\w\})\}", r"\\exp(\1)", right.replace(normal(p[0]), value))
    )
    published = normal(equation).split(" = ", 1)
    assert (left, published[0]) == (
        normal(r"\frac{\partial J}{\partial o_j}"),
        normal(r"\partial_{o_j}l(\mathbf y,\hat{\mathbf y})"),
    )
    first, second = published[1].rsplit(" = ", 1)
    assert inserted == first
    # and y-hat = F(x) is the softmax of o = Wx + b
    found = told(d, "d2l", "sample")
    scores = found[normal(r"\mathbf o")][0]
    assert says(found, rf"F(\mathbf x)=\mathrm{{softmax}}({scores})")
    name = normal(r"\mathrm{softmax}(\mathbf o)_j")
    assert right.replace(normal(p[0]), name) == second


# Goodfellow, Bengio and Courville -----------------------------------------------------------


def test_goodfellow_algorithm_6_4() -> None:
    # g is overwritten: where it is read it is the gradient that it was last assigned
    by_h, by_a = r"\nabla_{h^{(k)}}J", r"\nabla_{a^{(k)}}J"
    d = derived((3, 4, 4, 4, 4, 4, 2), "tanh", "tanh", "sse", 0.1)
    found = told(d, "goodfellow", "sample")
    assert says(found, rf"\nabla_{{a^{{(k)}}}}J={by_h}\odot f^{{\prime}}(a^{{(k)}})")
    # Omega is half the sum of the squared weights: its gradient is W by W and 0 by b
    assert says(found, rf"\nabla_{{b^{{(k)}}}}J={by_a}")
    assert says(found, rf"\nabla_{{W^{{(k)}}}}J=({by_a})\,h^{{(k-1)\top}}+\lambda W^{{(k)}}")
    # the gradient by h^{(k-1)} is printed for k + 1 in the place of k
    shifted = written(found, ("(k)", "(k-1)"), ("(k+1)", "(k)"))
    assert says(shifted, rf"\nabla_{{h^{{(k-1)}}}}J=W^{{(k)\top}}({by_a})")
    # J = L + lambda Omega, and Omega does not depend on y-hat: the gradient is that of L alone
    plain = told(derived((3, 4, 4, 4, 4, 4, 2), "tanh", "tanh", "sse"), "goodfellow", "sample")
    by_output = normal(r"\nabla_{\hat y}J")
    assert found[by_output] == plain[by_output] != []
    assert says(found, rf"\nabla_{{a^{{(6)}}}}J={by_output}\odot f^{{\prime}}(a^{{(6)}})")


@pytest.mark.parametrize(
    ("by", "product"),
    [
        (r"\nabla_{W^{(2)}}J", r"H^\top G"),
        (r"\nabla_HJ", r"GW^{(2)\top}"),
        (r"\nabla_{W^{(1)}}J", r"X^\top G^{\prime}"),
    ],
)
def test_goodfellow_section_6_5_7(by: str, product: str) -> None:
    # G and G' are the gradients by U^{(2)} = H W^{(2)} and U^{(1)} = X W^{(1)}
    found = told(derived((3, 4, 2), "relu", "linear", "sse", 0.0, False), "goodfellow", "rows")
    named = written(found, (r"(\nabla_{U^{(2)}}J)", "G"), (r"(\nabla_{U^{(1)}}J)", r"G^{\prime}"))
    assert says(named, f"{by}={product}")
    assert says(found, r"U^{(2)}=HW^{(2)}") and says(found, r"U^{(1)}=XW^{(1)}")


# Ng ------------------------------------------------------------------------------------------


def test_ng_two_layers() -> None:
    d = derived((3, 4, 1), "tanh", "sigmoid", "binary_cross_entropy")
    # the product of matrices binds more tightly than *: its brackets can go
    found = written(told(d, "ng", "columns"), ("(W^{[2]T}dZ^{[2]})", "W^{[2]T}dZ^{[2]}"))
    assert says(found, r"dZ^{[2]}=A^{[2]}-Y")
    assert says(found, r"dW^{[2]}=\frac1m dZ^{[2]}A^{[1]T}")
    assert says(found, r"dZ^{[1]}=W^{[2]T}dZ^{[2]}*g^{[1]\prime}(Z^{[1]})")
    assert says(found, r"dW^{[1]}=\frac1m dZ^{[1]}X^T")
    # the sum over columns is printed for one sample: dz^{[2](i)} is the column i of dZ^{[2]}, and
    # the range of i is left out
    one = written(
        told(d, "ng", "sample"),
        (r"\sum_{i=1}^{m} dz^{[2](i)}", r"\sum_i dZ^{[2](i)}"),
    )
    assert says(one, r"db^{[2]}=\frac1m\sum_i dZ^{[2](i)}")
    assert says(found, r"db^{[2]}=\frac1m dZ^{[2]}\mathbf{1}")


def test_ng_logistic_regression() -> None:
    # there w is a column, one row for each input, and derivatives are written out
    own = {"base": "ng", "orientation": "in_out", "gradients": "partial", "letters": {"A": "w"}}
    net = symnn.Network(
        inputs=3,
        layers=[symnn.Dense(1, "sigmoid")],
        loss="binary_cross_entropy",
        notes={"notation": own},
    )
    d = net.derive()
    found = told(d, None, "columns")
    by_z = normal(r"\frac{\partial(mJ)}{\partial Z}")
    assert found[by_z][-1] == normal("A-Y")
    # the line of Z is inserted into that of w
    assert says(written(found, (by_z, "A-Y")), r"\frac{\partial J}{\partial w}=\frac1m X(A-Y)^T")
    one = told(d, None, "sample")
    assert one[normal(r"\frac{\partial J}{\partial z}")][-1] == normal("a-y")
    of_sample = r"\frac{\partial J^{(i)}}{\partial z^{(i)}}"
    inserted = written(one, (of_sample, "(a^{(i)}-y^{(i)})"))
    assert says(inserted, r"\frac{\partial J}{\partial b}=\frac1m\sum_{i=1}^m(a^{(i)}-y^{(i)})")


# CS231n --------------------------------------------------------------------------------------


def test_cs231n_softmax() -> None:
    d = derived((4, 3), "linear", "softmax", "cross_entropy")
    notation = Context(d, NOTATIONS["cs231n"], "sample", "full", "en").notation
    line = d.sample.gradients["z_1"]
    left, right = (normal(side).replace("_ i", "_ k") for side in line_sides(line, notation))
    # df means dL/df, L_i being the loss of the sample; the target of a label is its indicator
    assert left == normal("df_k")
    indicator = right.replace(normal("y_k"), normal(r"\mathbb 1(y_i=k)"))
    assert indicator == normal(r"p_k-\mathbb 1(y_i=k)")
    numbers = line.lambdify()(a_1=np.array([0.2, 0.3, 0.5]), y=np.array([0.0, 1.0, 0.0]))
    assert np.allclose(numbers, [0.2, -0.7, 0.5], rtol=0, atol=1e-15)


@pytest.mark.parametrize(
    "equation",
    [
        r"dW_2=H^\top\,dS",
        r"db_2=\mathbf 1^\top dS",
        r"dH=dS\,W_2^\top\odot[H>0]",
        r"dW=X^\top dH",
        r"db=\mathbf 1^\top dH",
    ],
)
def test_cs231n_rows(equation: str) -> None:
    # the code overwrites dhidden: behind the relu dH is the gradient by Z, where H = max(0, Z);
    # so [H > 0] = [Z > 0], and the product of matrices binds more tightly than the other
    d = derived((4, 5, 3), "relu", "softmax", "cross_entropy")
    found = told(d, "cs231n", "rows")
    assert found[normal("dH")] == [normal(r"dS W_2^\top")]
    del found[normal("dH")]
    found = written(found, ("dZ", "dH"), ("[Z > 0]", "[H > 0]"), (r"(dS W_2^\top)", r"dS W_2^\top"))
    assert says(found, equation)
    assert says(found, r"dS=\frac1N(P-Y)")  # 1/N is inside dscores


# Mazur ---------------------------------------------------------------------------------------


def test_mazur_numbers() -> None:
    d = derived((2, 2, 2), "sigmoid", "sigmoid", "sse")
    values = {
        **{"x": [[0.05, 0.10]], "y": [[0.01, 0.99]], "eta": 0.5},
        **{"A_1": [[0.15, 0.20], [0.25, 0.30]], "b_1": [0.35, 0.35]},
        **{"A_2": [[0.40, 0.45], [0.50, 0.55]], "b_2": [0.60, 0.60]},
    }
    arrays = evaluate(d.program, {n: np.asarray(v) for n, v in values.items()}, {"N": 1})
    assert round(float(arrays["L"]), 9) == 0.298371109
    assert round(float(arrays["dA_2"][0, 0]), 9) == 0.082167041
    second = [0.35891648, 0.408666186, 0.511301270, 0.561370121]
    first = ["0.149780716", "0.19956143", "0.24975114", "0.29950229"]
    assert np.round(arrays["A_2_next"].ravel(), 9).tolist() == second
    found = arrays["A_1_next"].ravel()
    assert [f"{v:.{len(t) - 2}f}" for v, t in zip(found, first, strict=True)] == first
