"""symnn draw: a figure of a network."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from symnn.cli.models import model
from symnn.cli.output import Product, deliver, is_folder, mistake, paths, report
from symnn.derivation.lines import Lines
from symnn.io.errors import shorten

NO_FIGURE = {
    "activation": "linear and softmax are not functions of one component",
    "descent": "it needs at most 50,000 parameters, and a loss that rises after too large a step",
}


def draw(
    specs: tuple[str, ...],
    output: str | None,
    figure: str,
    fragment: bool,
    check: bool,
    as_json: bool,
    quiet: bool,
    verbose: bool,
    force: bool,
    **notes: str | None,
) -> int:
    """Print or write a figure."""
    from symnn.formats.figure import SUFFIXES, printed
    from symnn.formats.figure import figure as drawn

    single = output not in (None, "-") and len(specs) == 1 and not is_folder(output or "")
    suffix = Path(output or "").suffix if single else ".tex" if fragment else ".svg"
    if suffix not in SUFFIXES:
        known = ", ".join(SUFFIXES)
        raise mistake(shorten(output or ""), "unknown kind of file", f"figures end in {known}")
    if fragment and suffix != ".tex":
        raise mistake("--fragment", f"a fragment is .tex, not {suffix}")
    if check and suffix == ".pdf":
        raise mistake("--check", "compares .svg and .tex files, not .pdf")
    networks = [model(source, notes) for source in specs]
    drawings = []
    for network in networks:
        drawing = drawn(network, figure)
        if drawing is None:
            name = shorten(network.spec.source)
            lines = isinstance(network, Lines)
            hint = "lines have network and graph" if lines else NO_FIGURE[figure]
            raise mistake(name, f"has no figure {figure!r}", hint)
        drawings.append(drawing)
    places = paths([n.spec.output.module for n in networks], output, suffix)
    languages = [network.spec.notes.language for network in networks]
    products = [
        Product(path, suffix, partial(printed, each, suffix, fragment=fragment, language=language))
        for language, each, path in zip(languages, drawings, places, strict=True)
    ]
    return report(deliver(products, check, force), as_json, quiet)
