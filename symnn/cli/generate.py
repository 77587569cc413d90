"""symnn generate: the modules, with the files that belong to them."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from symnn.cli.models import model
from symnn.cli.output import Product, deliver, mistake, paths, report
from symnn.cli.streams import say
from symnn.derivation.network import Network
from symnn.io.errors import shorten
from symnn.io.npz import read_weights
from symnn.targets.registry import TARGETS, generate_files, target_of
from symnn.training.run import files_of


def generate(
    specs: tuple[str, ...],
    output: str | None,
    target: str | None,
    include: tuple[str, ...],
    weights: str | None,
    only: str | None,
    prefix: str | None,
    check: bool,
    as_json: bool,
    quiet: bool,
    verbose: bool,
    force: bool,
) -> int:
    """Write the modules, each with the files that belong to it."""
    networks = [model(source) for source in specs]
    targets = list(dict.fromkeys(target_of(network, target) for network in networks))
    if len(targets) > 1:
        raise mistake("--target", f"the specs want {' and '.join(targets)}", "name one target")
    chosen = TARGETS[targets[0]]
    for flag, option, given in (
        ("--weights", "weights", weights),
        ("--only", "training", only),
        ("--prefix", "prefix", prefix),
        ("--with", "include", include or None),
    ):
        if given is not None and option not in chosen.options:
            hint = next(f"use --target {t}" for t in TARGETS if option in TARGETS[t].options)
            raise mistake(flag, f"the target {targets[0]} has no such option", hint)
    if weights and len(specs) > 1:
        raise mistake("--weights", "the weights are those of one spec", "name one spec")
    if prefix is not None and len(specs) > 1:
        raise mistake("--prefix", "the names of each network need their own", "name one spec")
    options: dict[str, Any] = {"training": False} if only else {}
    if include:
        options["include"] = include
    if weights and isinstance(networks[0], Network):
        parameters, inputs = networks[0].parameters, networks[0].inputs
        options["weights"] = read_weights(Path(weights), parameters, inputs)
    if prefix is not None:
        options["prefix"] = prefix
    if chosen.needs is not None and not only and not check:
        chosen.needs()
    main = chosen.main
    places = paths([n.spec.output.module for n in networks], output, main)
    bases: list[Path | None] = [None] * len(networks)
    if output is None:
        own = [files_of(network) for network in networks]
        places, bases = [f.module.with_suffix(main) for f in own], [f.base for f in own]
    products = []
    for network, path, base in zip(networks, places, bases, strict=True):
        texts = generate_files(network, targets[0], **options)
        if path is None:
            products.append(Product(None, main, partial(str, texts[main])))
            continue
        if path.suffix != main and len(texts) > 1:
            raise mistake(
                "-o", f"{shorten(str(path))} does not end in {main}", f"name a {main} file"
            )
        files = _beside(path, texts).items()
        products += [Product(p, p.suffix, partial(str, text), base) for p, text in files]
    found = deliver(products, check, force)
    sizes = []
    if chosen.report is not None and "written" in found:
        sizes = [chosen.report(path) for path in places if path is not None]
        found["sizes"] = sizes
    code = report(found, as_json, quiet)
    for line in [] if as_json or quiet else sizes:
        say(line)
    return code


def _beside(path: Path, texts: dict[str, str]) -> dict[Path, str]:
    """The files of a target; the one that is named may end in anything if it is alone."""
    if len(texts) == 1:
        return dict.fromkeys([path], *texts.values())
    return {path.with_suffix(suffix): text for suffix, text in texts.items()}
