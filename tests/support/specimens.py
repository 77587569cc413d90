"""The specimens in symnn/targets/python/runtime: what the generator writes for a small network.

    python tests/support/specimens.py       writes them anew, after a change of the generator

The docstring and the imports of a file, and which names it defines, are written by hand.
"""

from __future__ import annotations

import ast
import textwrap

import symnn
from symnn import Dense, Dropout, Network
from symnn.api import Lines
from symnn.language.options import INCLUDED
from symnn.targets.python.copying import FOLDER
from symnn.targets.registry import generate_files

# file -> the targets in whose modules its names are looked for
SPECIMENS = {
    "constants": ("numpy", "numpy-fast", "c", "jax"),
    "model": ("numpy",),
    "train": ("numpy",),
    "plan": ("numpy-fast",),
    "jax_model": ("jax",),
    "lines_constants": ("lines", "lines in C"),
    "lines_model": ("lines",),
    "lines_train": ("lines",),
}


def network() -> Network:
    """One with all that the files of runtime/ ask about."""
    return Network(
        name="specimen",
        inputs=3,
        layers=[Dropout(0.25), Dense(2)],
        loss={"name": "mse", "l2": 0.1},
        train={"optimizer": "sgd", "momentum": 0.9},
    )


def lines() -> Lines:
    """Some with all that the files of runtime/ ask about."""
    text = """
        input x[n<N, i<3]
        target y[n, j<2]
        mask m[n, i] keep 0.75
        parameter A[j, i], b[j] of bias
        hyperparameter l2 = 0.1
        z[n,j] = sum_i m[n,i]*A[j,i]*x[n,i] + b[j]
        L = mean_n sum_j (z[n,j] - y[n,j])**2/2 + l2/2*sum_{i,j} A[j,i]**2
    """
    return symnn.lines(textwrap.dedent(text), name="specimen", momentum=0.9)


def generated(target: str) -> str:
    """The module whose names are looked for."""
    if target == "lines":
        return lines().generate(include=["checkpoint"])
    if target == "lines in C":
        return generate_files(lines(), "c")[".py"]
    whole = {"include": INCLUDED} if target == "numpy" else {}
    return generate_files(network(), target, **whole)[".py"]


def definitions(text: str) -> dict[str, str]:
    """Name -> source of what is defined at the top of a module."""
    found = {}
    rows = text.splitlines()
    for node in ast.parse(text).body:
        match node:
            case ast.FunctionDef(name) | ast.ClassDef(name):
                decorated = [d.lineno for d in node.decorator_list]
                first = min([node.lineno, *decorated])
            case ast.Assign([ast.Name(name)]) | ast.AnnAssign(ast.Name(name)):
                first = node.lineno
            case _:
                continue
        found[name] = "\n".join(rows[first - 1 : node.end_lineno])
    return found


def written(name: str) -> str:
    """A specimen as it should be."""
    text = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
    nodes = ast.parse(text).body
    head = [n for n in nodes if isinstance(n, ast.Expr | ast.Import | ast.ImportFrom)]
    rows = text.splitlines()[: head[-1].end_lineno]
    sources = [definitions(generated(target)) for target in SPECIMENS[name]]
    before = ""
    for defined in definitions(text):
        source = next(found[defined] for found in sources if defined in found)
        apart = source.startswith(("def ", "class ", "@"))
        rows += [""] * (2 if apart else 1 if not before else 0) + [source]
        before = source
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    for name in SPECIMENS:
        (FOLDER / f"{name}.py").write_text(written(name), encoding="utf-8")
