"""Digests of what symnn writes, to hold a change of the code against.

    python tests/golden.py              names every output that differs from tests/golden.txt
    python tests/golden.py --write      writes tests/golden.txt anew
    python tests/golden.py --keep DIR   also keeps the outputs in DIR, to compare two versions
    python tests/golden.py xor          of this example (or "random") alone

A change that is meant to leave all outputs as they are leaves the file as it is; one that changes
some names them in its commit.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from support.random_graphs import network
from support.random_networks import random_network

import symnn
from symnn.api import Derivation, Lines, LinesDerivation, Network
from symnn.formats.figure import figure, printed
from symnn.formats.registry import FORMATS
from symnn.language.options import DETAILS, METHODS, NUMBERS, STORIES
from symnn.language.phrases import PHRASES
from symnn.notation.books import LAYOUTS, NOTATIONS
from symnn.notes.figures import FIGURES
from symnn.notes.options import NotesOptions
from symnn.spec.sources import example_names, example_path
from symnn.targets.registry import TARGETS, generate_files

DIGESTS = Path(__file__).with_name("golden.txt")
SHOWN = 40  # names of outputs
RANDOM = 24  # networks by number, in every target
# windows, loops, tables, pointers, states; and layers of any shape, with blocks and joins
LINES = ("attention", "batch_norm", "ctc", "convolution", "lstm", "pooling")
BLOCK = [
    {"type": "layer_norm"},
    {"type": "attention", "heads": 2, "causal": True, "name": "look"},
    {"type": "add", "from": ["in", "look"]},
]
GRAPHS = {
    "decoder": {
        "inputs": {"tok": {"shape": ["t:5"], "of": 7}},
        "layers": [
            {"type": "embedding", "units": 4},
            {"type": "positions"},
            {"repeat": 2, "block": BLOCK},
            {"type": "dense", "units": 7, "activation": "softmax"},
        ],
        "loss": {"name": "cross_entropy", "l2": 0.001},
    },
    "image": {
        "inputs": {"x": {"shape": [6, 6, 2]}, "u": {"shape": [3]}},
        "layers": [
            {"type": "conv2d", "filters": 3, "kernel": 3, "activation": "relu", "from": "x"},
            {"type": "max_pool2d", "size": 2},
            {"type": "flatten", "name": "seen"},
            {"type": "dense", "units": 4, "activation": "tanh", "name": "a", "from": "seen"},
            {"type": "dense", "units": 4, "name": "b", "from": "u"},
            {"type": "multiply", "from": ["a", "b"]},
            {"type": "dense", "units": 1},
        ],
        "loss": {"name": "huber"},
    },
}
# a PDF holds a date of its TeX; its text is that of the format latex
TEXTS = {name: form for name, form in FORMATS.items() if name != "pdf"}

Made = Callable[[], str]


def written(network: Network, kind: str, bare: bool, **options: str | bool) -> str:
    """The notes in one format."""
    form = TEXTS[kind]
    printed = form.bare if bare and form.bare else form.printed
    return noted(network.derive(), printed, **options)


def noted(derivation: Derivation | LinesDerivation, printed: Any, **options: str | bool) -> str:
    """The notes of a derivation, by a printer."""
    text = printed(derivation, NotesOptions(**options))
    assert isinstance(text, str)
    return text


def drawn(network: Network, name: str, suffix: str) -> str:
    """A figure; nothing where the network has none of that name."""
    drawing = figure(network, name)
    text = "" if drawing is None else printed(drawing, suffix)
    assert isinstance(text, str)
    return text


def of_example(name: str) -> Iterator[tuple[str, Made]]:
    """Key and maker of every output of an example."""
    net = symnn.load(name)

    def notes(kind: str, bare: bool = False, **options: str | bool) -> tuple[str, Made]:
        words = " ".join(f"{k}={v}" for k, v in options.items())
        key = f"{name} {kind}{' bare' * bare} {words}".rstrip()
        return key, lambda: written(net, kind, bare, **options)

    # every combination of letters, orientation and length; methods and languages take turns
    places = itertools.product(NOTATIONS, LAYOUTS, DETAILS)
    turns = itertools.cycle(itertools.product(METHODS, PHRASES))
    for (notation, layout, detail), (method, language) in zip(places, turns, strict=False):
        options = {"notation": notation, "layout": layout, "detail": detail}
        yield notes("latex", **options, method=method, language=language)
    kinds = [(kind, False) for kind in TEXTS if kind != "latex"]
    kinds += [(kind, True) for kind, form in TEXTS.items() if form.bare]
    for (kind, bare), language in itertools.product(kinds, PHRASES):
        yield notes(kind, bare, language=language, detail="full")
        yield notes(kind, bare, language=language, notation="cs231n", layout="rows")
        yield notes(kind, bare, language=language, method="differential", layout="columns")
    for story, numbers, language in itertools.product(STORIES, NUMBERS, PHRASES):
        if name not in ("digits", "deep"):  # too large for an example in numbers
            yield notes("latex", story=story, numbers=numbers, language=language, code=True)
    for kind, suffix in itertools.product(FIGURES, (".svg", ".tex")):
        yield f"{name} {kind}{suffix}", lambda kind=kind, suffix=suffix: drawn(net, kind, suffix)
    yield from modules(name, net)


def modules(name: str, net: Network) -> Iterator[tuple[str, Made]]:
    """Key and maker of every file of every target."""
    for target in TARGETS:
        yield (
            f"{name} {target}",
            lambda target=target: "\f".join(generate_files(net, target).values()),
        )


def of_lines() -> Iterator[tuple[str, Made]]:
    """Key and maker of outputs of lines and of layers of any shape."""
    made = [(name, symnn.lines(example_path(name, ".lines"))) for name in LINES]
    made += [(name, Lines(network(spec))) for name, spec in GRAPHS.items()]
    for name, lines in made:
        derivation, key = lines.derive(), f"lines {name}"
        yield f"{key} numpy", lines.generate
        for detail, language in (("textbook", "zh"), ("full", "en")):
            for kind in ("latex", "html", "markdown"):
                options = {"detail": detail, "language": language}
                yield (
                    f"{key} {kind} {detail} {language}",
                    lambda d=derivation, k=kind, o=options: noted(d, TEXTS[k].printed, **o),
                )


def outputs(part: str) -> Iterator[tuple[str, Made]]:
    """Key and maker of every output of an example, of lines, or of the random networks."""
    if part == "lines":
        yield from of_lines()
        return
    if part != "random":
        yield from of_example(part)
        return
    for seed in range(RANDOM):
        net = random_network(seed)
        yield from modules(f"random {seed}", net)
        yield (
            f"random {seed} latex",
            lambda net=net: written(net, "latex", False, detail="full", numbers="none"),
        )


def digest(text: str) -> str:
    """The first 16 digits of SHA-256."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def digests(part: str, keep: Path | None = None) -> dict[str, str]:
    """Key -> digest of every output of a part."""
    found = {}
    for key, made in outputs(part):
        text = made()
        found[key] = digest(text)
        if keep:
            (keep / key.replace(" ", "_").replace("=", "-")).write_text(text, encoding="utf-8")
    return found


def committed() -> dict[str, str]:
    """Key -> digest as they stand in the file."""
    rows = DIGESTS.read_text(encoding="utf-8").splitlines() if DIGESTS.exists() else []
    return {key: value for key, value in (row.rsplit(": ", 1) for row in rows)}


def main() -> int:
    """Compare, or write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", help="examples, 'lines', 'random'; default: all")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--all", action="store_true", help=f"name more than {SHOWN} that differ")
    parser.add_argument("--keep", type=Path, metavar="DIR")
    arguments = parser.parse_args()
    parts = arguments.parts or [*example_names(), "lines", "random"]
    if arguments.keep:
        arguments.keep.mkdir(parents=True, exist_ok=True)
    found: dict[str, str] = {}
    with ProcessPoolExecutor() as pool:
        for own in pool.map(digests, parts, [arguments.keep] * len(parts)):
            found.update(own)
    old = {k: v for k, v in committed().items() if k.split()[0] in parts}
    changed = [key for key in {**old, **found} if old.get(key) != found.get(key)]
    for key in changed[: None if arguments.all else SHOWN]:
        print(("new: " if key not in old else "gone: " if key not in found else "") + key)
    print(f"{len(found)} outputs, {len(changed)} differ")
    if arguments.write:
        kept = {k: v for k, v in committed().items() if k.split()[0] not in parts}
        rows = sorted(f"{key}: {value}\n" for key, value in {**kept, **found}.items())
        DIGESTS.write_text("".join(rows), encoding="utf-8")
        return 0
    return 4 if changed else 0


if __name__ == "__main__":
    sys.exit(main())
