"""symnn derive: the notes, printed or written."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from symnn.cli.models import model
from symnn.cli.output import Product, deliver, is_folder, mistake, paths, report
from symnn.cli.streams import say
from symnn.derivation.any_depth import PLAIN, general
from symnn.derivation.derivation import derive as derived
from symnn.derivation.lines import Lines, LinesDerivation
from symnn.derivation.network import Network
from symnn.formats.pdf import compile_pdf
from symnn.formats.registry import FORMATS
from symnn.io.errors import shorten
from symnn.io.processes import open_file
from symnn.notes.equations import lines_options
from symnn.notes.labels import names
from symnn.notes.options import NotesOptions


def derive(
    specs: tuple[str, ...],
    output: str | None,
    kind: str | None,
    select: str,
    fragment: bool,
    check: bool,
    launch: bool,
    layers: str | None,
    as_json: bool,
    quiet: bool,
    verbose: bool,
    force: bool,
    **notes: str | bool | int | None,
) -> int:
    """Print or write the notes."""
    sources = specs or (dict(PLAIN),)
    kind, suffix = _form(len(sources), output, kind)
    compiled = suffix == ".pdf"
    if compiled and (output in (None, "-") or fragment or check):
        raise mistake("--format", "pdf needs -o FILE, without --fragment and --check")
    form = FORMATS[kind]
    if fragment and form.bare is None:
        bare = " or ".join(name for name, row in FORMATS.items() if row.bare)
        raise mistake("--fragment", f"a fragment is {bare}, not {kind}")
    if select and not names(select):
        raise mistake("--select", "names no equation", "write labels, such as delta_1,A_1")
    if launch and (output in (None, "-") or check):
        raise mistake("--open", "there is no file to open", "write one with -o FILE")
    models = [model(source, notes) for source in sources]
    for own in models:
        for note in own.notes if isinstance(own, Lines) else ():
            say(f"{own.name}: {note}")
    if layers is not None:
        if any(isinstance(own, Lines) for own in models):
            raise mistake("--layers", "goes with a network of layers, not with lines")
        if kind == "ipynb":
            raise mistake("--layers", "a notebook runs a module, which needs a number of layers")
        models = [general(own, layers) for own in models if isinstance(own, Network)]
    printed = form.bare if fragment and form.bare else form.printed

    def made(own: Network | Lines) -> str | bytes:
        options = _options(own, select)
        derivation = LinesDerivation(own) if isinstance(own, Lines) else derived(own)
        text = printed(derivation, options)
        return compile_pdf(text) if compiled and isinstance(text, str) else text

    places = paths([own.spec.output.module for own in models], output, suffix)
    products = [
        Product(path, suffix, partial(made, own)) for own, path in zip(models, places, strict=True)
    ]
    found = deliver(products, check, force)
    for name in found["written"] if launch else ():
        if not open_file(name):
            raise mistake(shorten(name), "was written, but no application opens it")
    return report(found, as_json, quiet)


def _options(own: Network | Lines, select: str) -> NotesOptions:
    """Those of [notes] and of the command line; a mistake for one that lines do not have."""
    chosen = own.spec.notes
    options = NotesOptions(
        notation=chosen.notation,
        layout=chosen.layout,
        detail=chosen.detail,
        story=chosen.story,
        method=chosen.method,
        language=chosen.language,
        figures=chosen.figures,
        numbers=chosen.numbers,
        select=select,
        code=chosen.code,
        sympy=chosen.sympy,
    )
    if isinstance(own, Network):
        return options
    try:
        return lines_options(options)
    except ValueError as error:
        raise mistake(own.name, str(error)) from None


def _form(count: int, output: str | None, kind: str | None) -> tuple[str, str]:
    """The kind of document, as it is named or by the suffix of the file, and the suffix.

    Every kind that is TeX can be compiled, to .pdf.
    """
    suffixes: dict[str, str] = {}
    for name, form in FORMATS.items():
        suffixes.setdefault(form.suffix, name)
    suffix = Path(output or "").suffix
    if output in (None, "-") or count > 1 or is_folder(output or ""):
        suffix = FORMATS[kind or "latex"].suffix
    elif suffix not in suffixes:
        known = ", ".join(suffixes)
        raise mistake(shorten(output or ""), "unknown kind of file", f"notes end in {known}")
    kind = kind or suffixes[suffix]
    own = FORMATS[kind].suffix
    if own not in (suffix, ".tex") or (own != suffix and suffix != ".pdf"):
        raise mistake("--format", f"{kind} does not fit the file {shorten(output or '')}")
    return "latex" if kind == "pdf" else kind, suffix
