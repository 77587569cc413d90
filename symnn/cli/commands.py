"""What the commands do: each returns an exit code, and raises what main.py reports."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

import click

from symnn.checking.compare import compare_file
from symnn.cli.main import DIVERGED, FINE, INTERRUPTED, STALE, USAGE
from symnn.cli.output import deliver, deliver_all, is_folder, mistake, paths, result
from symnn.derivation.network import Network
from symnn.formats.tex import TexError
from symnn.io.fields import Problem, SpecError, shorten, suggestion
from symnn.io.files import (
    InputError,
    OutputError,
    check_writable,
    write_text,
)
from symnn.io.npz import NpzError, read_npz
from symnn.notes.labels import LabelError
from symnn.spec.reader import load_spec, with_files
from symnn.spec.sources import example_names, example_path
from symnn.targets.c.compiler import CompilerError
from symnn.targets.registry import TARGETS, generate_files, load_module
from symnn.training.run import Checkpoints, Diverged, Result, Stopped, files_of
from symnn.training.run import train as train_network

NO_FIGURE = {
    "activation": "linear and softmax are not functions of one component",
    "descent": "it needs at most 50,000 parameters, and a loss that rises after too large a step",
}


def known_error(error: Exception) -> tuple[int, list[Problem]] | None:
    """The exit code and the problems of an error that is the user's; None for any other."""
    match error:
        case SpecError():
            return USAGE, list(error.errors)
        case OutputError():
            return USAGE, [Problem(shorten(str(error.path)), None, "", error.reason, error.hint)]
        case InputError():
            return USAGE, [Problem(shorten(str(error.path)), error.line, "", error.message)]
        case NpzError():
            return USAGE, [Problem("weights", None, "", str(error))]
        case CompilerError():
            return USAGE, [Problem("--target", None, "", error.message, error.hint)]
        case LabelError():
            message = f"no equation has the label {shorten(error.label)!r}"
            return USAGE, [Problem("--select", None, "", message, f"known: {error.known}")]
        case TexError():
            return USAGE, [Problem("pdf", None, "", error.message, error.hint)]
        case Stopped():
            code = DIVERGED if isinstance(error, Diverged) else INTERRUPTED
            return code, [Problem("train", None, "", str(error), error.hint)]
    return None


def new(file: str, example: str, as_json: bool, quiet: bool, verbose: bool, force: bool) -> int:
    """Write an example's spec to a file."""
    if example not in example_names():
        message = f"no example is called {shorten(example)!r}"
        raise mistake("--example", message, suggestion(example, example_names()))
    path = Path(file)
    if path.suffix != ".toml":
        raise mistake(shorten(file), "a new spec is a .toml file", f"write {path.stem}.toml")
    if path.exists() and not force:
        raise OutputError(path, "the file exists", "--force replaces it")
    write_text(path, example_path(example).read_text(encoding="utf-8"), force=True)
    result({"written": str(path)}, f"wrote {path}", as_json, quiet)
    return FINE


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
    networks = [Network.from_spec(load_spec(source, notes)) for source in specs]
    drawings = []
    for network in networks:
        drawing = drawn(network, figure)
        if drawing is None:
            name = shorten(network.spec.source)
            raise mistake(name, f"has no figure {figure!r}", NO_FIGURE[figure])
        drawings.append(drawing)
    places = paths(networks, output, suffix)
    products = [
        (path, partial(printed, each, suffix, fragment=fragment, language=n.spec.notes.language))
        for n, each, path in zip(networks, drawings, places, strict=True)
    ]
    return deliver_all(products, check, force, as_json, quiet)[0]


def generate(
    specs: tuple[str, ...],
    output: str | None,
    target: str,
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
    if target not in TARGETS:
        raise mistake(
            "--target", f"unknown target {shorten(target)!r}", suggestion(target, TARGETS)
        )
    chosen = TARGETS[target]
    for flag, option, given in (
        ("--weights", "weights", weights),
        ("--only", "training", only),
        ("--prefix", "prefix", prefix),
    ):
        if given is not None and option not in chosen.options:
            raise mistake(flag, f"the target {target} has no such option", "use --target c")
    if weights and len(specs) > 1:
        raise mistake("--weights", "the weights are those of one spec", "name one spec")
    if prefix is not None and len(specs) > 1:
        raise mistake("--prefix", "the names of each network need their own", "name one spec")
    networks = [Network.from_spec(load_spec(source)) for source in specs]
    options: dict[str, Any] = {"training": False} if only else {}
    if weights:
        options["weights"] = read_npz(Path(weights), networks[0].parameters)
    if prefix is not None:
        options["prefix"] = prefix
    if chosen.needs is not None and not only and not check:
        chosen.needs()
    main = chosen.main
    own = [files_of(n) for n in networks]
    named = paths(networks, output, main)
    places = [f.module.with_suffix(main) for f in own] if output is None else named
    code, found = FINE, []
    for network, path, files in zip(networks, places, own, strict=True):
        texts = generate_files(network, target, **options)
        if path is None:
            sys.stdout.write(texts[main])
            continue
        if path.suffix != main and len(texts) > 1:
            raise mistake(
                "-o", f"{shorten(str(path))} does not end in {main}", f"name a {main} file"
            )
        base = files.base if output is None else path.parent
        found += [(p, t, base) for p, t in _beside(path, texts).items()]
    for written, _, base in [] if check else found:
        check_writable(written, force=force, base=base)
    for written, text, base in found:
        code = max(code, deliver(text, written, base, check, force))
    if found and not check:
        names = [str(p) for p, _, _ in found]
        result({"written": names}, f"wrote {', '.join(names)}", as_json, quiet)
        for path in places:
            if path is not None and chosen.report is not None and not quiet:
                click.echo(chosen.report(path), err=True)
    return code


def _beside(path: Path, texts: dict[str, str]) -> dict[Path, str]:
    """The files of a target; the one that is named may end in anything if it is alone."""
    if len(texts) == 1:
        return dict.fromkeys([path], *texts.values())
    return {path.with_suffix(suffix): text for suffix, text in texts.items()}


def train(
    spec: str,
    data: str | None,
    weights: str | None,
    checkpoint: str | None,
    every: int | None,
    resume: bool,
    as_json: bool,
    quiet: bool,
    verbose: bool,
    force: bool,
    **flags: Any,
) -> int:
    """Train a network and report."""
    kept = Checkpoints(Path(checkpoint), every, resume) if checkpoint else None
    network = Network.from_spec(with_files(load_spec(spec, flags), data, weights))
    shown = _Progress(network.spec.train.epochs, quiet, verbose)
    try:
        if resume and kept and not kept.path.exists() and not quiet:
            click.echo(f"no checkpoint in {kept.folder} yet: from the beginning", err=True)
        trained = train_network(network, force=force, progress=shown, checkpoints=kept)
    finally:
        shown.end()
    result(_object(trained), _summary(trained), as_json, quiet=False)
    return FINE


class _Progress:
    """The loss as training goes on: a line that moves on a terminal, some epochs elsewhere."""

    def __init__(self, epochs: int, quiet: bool, verbose: bool) -> None:
        self.epochs, self.quiet = epochs, quiet
        self.moving = sys.stderr.isatty() and not quiet
        self.every = 1 if verbose else max(1, epochs // 10)

    def __call__(self, epoch: int, loss: float) -> None:
        if self.quiet:
            return
        line = f"epoch {epoch:>{len(str(self.epochs))}}/{self.epochs}  loss {loss:.6g}"
        kept = epoch in (1, self.epochs) or epoch % self.every == 0
        if self.moving:
            click.echo(f"\r\x1b[K{line}", nl=kept, err=True)
        elif kept:
            click.echo(line, err=True)

    def end(self) -> None:
        """Clear the moving line."""
        if self.moving:
            click.echo("\r\x1b[K", nl=False, err=True)


def _scores(values: dict[str, float]) -> str:
    names = {"accuracy": "accuracy", "rmse": "root mean square error", "r2": "R²"}
    shown = []
    for name, value in values.items():
        shown.append(
            f"{names[name]} {value:.2%}" if name == "accuracy" else f"{names[name]} {value:.4g}"
        )
    return ", ".join(shown)


def _summary(result: Result) -> str:
    rows = [f"loss      {result.history[-1]:.6g} after {len(result.history)} epochs"]
    rows.append(f"train     {_scores(result.train)}")
    if result.test:
        rows.append(f"test      {_scores(result.test)}")
    rows.append(f"module    {result.files.module}")
    rows.append(f"weights   {result.files.weights}")
    rows.append(f"history   {result.files.history}")
    return "\n".join(rows)


def _object(result: Result) -> dict[str, Any]:
    return {
        "loss": result.history[-1],
        "epochs": len(result.history),
        "train": result.train,
        "test": result.test,
        "module": str(result.files.module),
        "weights": str(result.files.weights),
        "history": str(result.files.history),
    }


def check(
    specs: tuple[str, ...],
    seed: int,
    against: str | None,
    as_json: bool,
    quiet: bool,
    verbose: bool,
    force: bool,
) -> int:
    """Verify derivations and modules."""
    networks = [Network.from_spec(load_spec(source)) for source in specs]
    if against is not None:
        return _against(specs, networks, Path(against), as_json, quiet)
    code, objects = FINE, []
    for name, network in zip(specs, networks, strict=True):
        report = network.derive().verify(seed)
        module = load_module(network.generate(), network.spec.output.module)
        try:
            error, held = float(module.check(seed)), True
        except ArithmeticError as problem:
            error, held = float("inf"), False
            click.echo(f"{name}: the generated module: {problem}", err=True)
        code = code if report.ok and held else STALE
        objects.append(
            {
                "spec": name,
                "ok": report.ok and held,
                "comparisons": len(report.rows),
                "max_error": report.max_error,
                "module_error": error if held else None,
                "failed": [
                    {"what": r.what, "line": r.line, "error": r.error} for r in report.failed
                ],
            }
        )
        if not as_json and not quiet:
            rows = str(report).splitlines()
            shown = rows if verbose else [*map(_failure, report.failed), rows[-1]]
            click.echo("\n".join(f"{name}: {row}" for row in shown))
            click.echo(f"{name}: generated module: central differences agree to {error:.1e}")
    if as_json:
        click.echo(json.dumps({"checks": objects}))
    return code


def _against(
    specs: tuple[str, ...], networks: list[Network], path: Path, as_json: bool, quiet: bool
) -> int:
    """Compare the gradients in a file with the derivation."""
    if len(networks) > 1:
        raise mistake("--against", "takes one spec")
    found = compare_file(networks[0], path)
    first = found.first.quantity if found.first else None
    row = {"spec": specs[0], "ok": found.ok, "first": first, "rows": found.objects()}
    result({"comparisons": [row]}, str(found), as_json, quiet)
    return FINE if found.ok else STALE


def _failure(row: Any) -> str:
    return f"does not hold ({row.error:.1e}): {row.what}: {row.line}"
