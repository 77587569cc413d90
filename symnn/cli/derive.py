"""symnn derive: the notes, printed or written."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from symnn.cli.output import Product, deliver, is_folder, mistake, paths, tell
from symnn.derivation.any_depth import PLAIN, general
from symnn.derivation.derivation import derive as derived
from symnn.derivation.network import Network
from symnn.formats.registry import FORMATS
from symnn.formats.tex import compile_pdf
from symnn.io.errors import shorten
from symnn.io.processes import open_file
from symnn.notes.labels import names
from symnn.notes.options import NotesOptions
from symnn.spec.reader import load_spec


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
    networks = [Network.from_spec(load_spec(source, notes)) for source in sources]
    if layers is not None:
        if kind == "ipynb":
            raise mistake("--layers", "a notebook runs a module, which needs a number of layers")
        networks = [general(network, layers) for network in networks]
    printed = form.bare if fragment and form.bare else form.printed

    def made(network: Network) -> str | bytes:
        chosen = network.spec.notes
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
        )
        text = printed(derived(network), options)
        return compile_pdf(text) if compiled and isinstance(text, str) else text

    places = paths(networks, output, suffix)
    products = [
        Product(path, suffix, partial(made, network))
        for network, path in zip(networks, places, strict=True)
    ]
    found = deliver(products, check, force)
    for name in found["written"] if launch else ():
        if not open_file(name):
            raise mistake(shorten(name), "was written, but no application opens it")
    return tell(found, as_json, quiet)


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
