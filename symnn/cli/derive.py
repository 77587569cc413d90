"""symnn derive: the notes, printed or written."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from symnn.cli.output import deliver, is_folder, mistake, paths
from symnn.derivation.any_depth import PLAIN, general
from symnn.derivation.network import Network
from symnn.formats.latex import BARE, FORMATS, PRINTERS
from symnn.io.fields import shorten
from symnn.notes.labels import names
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
    kind = _kind(len(sources), output, kind)
    if kind == "pdf" and (output is None or fragment or check):
        raise mistake("--format", "pdf needs -o FILE, without --fragment and --check")
    if fragment and kind not in BARE:
        raise mistake("--fragment", f"a fragment is {' or '.join(BARE)}, not {kind}")
    if select and not names(select):
        raise mistake("--select", "names no equation", "write labels, such as delta_1,A_1")
    if launch and (output in (None, "-") or check):
        raise mistake("--open", "there is no file to open", "write one with -o FILE")
    networks = [Network.from_spec(load_spec(source, notes)) for source in sources]
    if layers is not None:
        if kind == "ipynb":
            raise mistake("--layers", "a notebook runs a module, which needs a number of layers")
        networks = [general(network, layers) for network in networks]
    printed = (BARE if fragment else PRINTERS)[kind]

    def made(network: Network) -> str | bytes:
        chosen = network.spec.notes
        return printed(
            network.derive(),
            notation=chosen.notation,
            layout=chosen.layout,
            detail=chosen.detail,
            story=chosen.story,
            method=chosen.method,
            language=chosen.language,
            figures=(not fragment) if chosen.figures is None else chosen.figures,
            numbers=chosen.numbers,
            select=select,
            code=chosen.code,
        )

    places = paths(networks, output, FORMATS[kind])
    products = [(path, partial(made, n)) for n, path in zip(networks, places, strict=True)]
    code, written = deliver(products, FORMATS[kind], check, force, as_json, quiet)
    for name in written if launch else ():
        if click.launch(name):
            raise mistake(shorten(name), "was written, but no application opens it")
    return code


def _kind(count: int, output: str | None, kind: str | None) -> str:
    """The format: as it is named, or by the suffix of the file."""
    suffixes: dict[str, str] = {}
    for name, suffix in FORMATS.items():
        suffixes.setdefault(suffix, name)
    single = output not in (None, "-") and count == 1 and not is_folder(output or "")
    suffix = Path(output or "").suffix
    if single and suffix not in suffixes:
        known = ", ".join(suffixes)
        raise mistake(shorten(output or ""), "unknown kind of file", f"notes end in {known}")
    if single and kind and FORMATS[kind] != suffix:
        raise mistake("--format", f"{kind} does not fit the file {shorten(output or '')}")
    return kind or (suffixes[suffix] if single else "latex")
