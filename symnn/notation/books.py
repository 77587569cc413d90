"""The notations: one row each, and those that a user makes of letters and of a row's fields."""

from __future__ import annotations

from symnn.notation.notation import Notation

LAYOUTS = ("sample", "columns", "rows")  # one sample, or one column (row) for each sample

# hyperparameters, whose numbers count no layers
_CONSTANTS = {
    "eta": r"\eta",
    "l2": r"\lambda",
    "epsilon": r"\varepsilon",
    "beta_1": r"\beta_{1}",
    "beta_2": r"\beta_{2}",
}
_COMMON = {**_CONSTANTS, "L": "J", "x": "x", "y": "y", "mask": r"\xi"}
_BATCH = {
    **{"x": "X", "y": "Y", "z": "Z", "a": "A", "e": "V", "u": "U"},
    **{"h": r"\tilde{A}", "mask": r"\Xi"},
}
# where e^{(2)}, or e alone, would read as a power, the exponentials of softmax are v
ABOVE = {**_COMMON, "e": "v"}

AFFINE = Notation(
    name="affine",
    letters={**_COMMON, "L": "L"},
    # the capital of a would be A, the letter of the weights: the batch of a_k is calligraphic
    batch={**_BATCH, "a": r"\mathcal{A}", "e": "E", "h": "H"},
)

NIELSEN = Notation(  # Nielsen, Neural Networks and Deep Learning, chapter 2
    name="nielsen",
    letters={**ABOVE, "L": "C", "A": "w", "h": r"\tilde{a}"},
    batch=_BATCH,
    layer_mark="superscript",
    transpose="T",
    gradients="nabla",
    layer_letter="l",
    indices="jkpqruvw",
)

GOODFELLOW = Notation(  # Goodfellow, Bengio and Courville, Deep Learning, chapter 6
    name="goodfellow",
    letters={
        **ABOVE,
        **{"A": "W", "z": "a", "a": "h", "h": r"\tilde{h}", "output": r"\hat{y}"},
    },
    batch={
        **{**_BATCH, "z": "U", "u": "R", "a": "H", "h": r"\tilde{H}"},
        **{"output": r"\hat{Y}"},
    },
    error="",
    batch_error="",
    layer_mark="superscript_parentheses",
    single_mark=False,
    raised="joined",
    orientation="by_layout",
    gradients="nabla",
    activation="f",
    functions={"huber": r"\mathrm{huber}"},
)

D2L = Notation(  # Zhang, Lipton, Li and Smola, Dive into Deep Learning, section 5.3
    name="d2l",
    letters={
        **ABOVE,
        **{"x": r"\mathbf{x}", "y": r"\mathbf{y}", "A": r"\mathbf{W}", "b": r"\mathbf{b}"},
        **{"z": r"\mathbf{z}", "a": r"\mathbf{h}", "e": r"\mathbf{v}", "u": r"\mathbf{u}"},
        **{"h": r"\tilde{\mathbf{h}}", "mask": r"\boldsymbol{\xi}"},
        **{"scores": r"\mathbf{o}", "output": r"\hat{\mathbf{y}}"},
    },
    batch={
        **{"x": r"\mathbf{X}", "y": r"\mathbf{Y}", "z": r"\mathbf{Z}", "a": r"\mathbf{H}"},
        **{"e": r"\mathbf{V}", "u": r"\mathbf{U}", "h": r"\tilde{\mathbf{H}}"},
        **{"mask": r"\boldsymbol{\Xi}", "scores": r"\mathbf{O}", "output": r"\hat{\mathbf{Y}}"},
    },
    error="",
    batch_error="",
    layer_mark="superscript_parentheses",
    single_mark=False,
    raised="braces",
    orientation="by_layout",
    layer_letter="l",
    indices="jkpqruvw",
    activation=r"\phi",
    functions={"huber": r"\mathrm{huber}"},
)

NG = Notation(  # Ng, Deep Learning Specialization, course 1
    name="ng",
    letters={**ABOVE, "A": "W", "h": r"\tilde{a}", "m": "c"},  # m counts the examples
    batch=_BATCH,
    error="",
    batch_error="",
    layer_mark="superscript_brackets",
    single_mark=False,
    raised="joined",
    hadamard="*",
    transpose="T",
    gradients="d",
    mean="parameters",
    layout="columns",
    layer_letter="l",
    count="m",
    sample="i",
    indices="jkpqruvw",
    activation="g",
)

CS231N = Notation(  # Karpathy and Li, CS231n, neural networks case study
    name="cs231n",
    letters={
        **{**ABOVE, "L": "L", "A": "W", "a": "h", "h": r"\tilde{h}"},
        **{"scores": "f", "output": "p", "s": "c"},  # S are the scores
    },
    batch={**_BATCH, "a": "H", "h": r"\tilde{H}", "scores": "S", "output": "P"},
    error="",
    batch_error="",
    single_mark=False,
    first_mark=False,
    orientation="in_out",
    gradients="d",
    layout="rows",
    functions={"huber": r"\mathrm{huber}"},
)

NOTATIONS: dict[str, Notation] = {
    row.name: row for row in (AFFINE, NIELSEN, GOODFELLOW, D2L, NG, CS231N)
}
