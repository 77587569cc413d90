"""The specimens in symnn/targets/python/runtime: what the generator writes for a small network.

    python tests/support/specimens.py       writes them anew, after a change of the generator

The docstring and the imports of a file, and which names it defines, are written by hand.
"""

from __future__ import annotations

import ast

from symnn import Dense, Dropout, Network
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
    modules = []
    for target in SPECIMENS[name]:
        whole = {"include": INCLUDED} if target == "numpy" else {}
        modules.append(generate_files(network(), target, **whole)[".py"])
    sources = [definitions(module) for module in modules]
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
