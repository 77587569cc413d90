"""What the commands do: each returns an exit code, and raises what cli.py reports."""

from __future__ import annotations

import difflib
import json
import sys
from pathlib import Path
from typing import Any

import click

from symnn.cli import DIVERGED, FINE, STALE, USAGE
from symnn.compare import compare_file
from symnn.emit import TARGETS, load_module
from symnn.files import (
    InputError,
    OutputError,
    check_writable,
    read_text_limited,
    write_bytes,
    write_text,
)
from symnn.general import PLAIN, general
from symnn.network import Network
from symnn.npz import NpzError
from symnn.schema import Problem, SpecError, shorten, suggestion
from symnn.sources import example_names, example_path
from symnn.spec import load_spec, with_files
from symnn.tex import TexError
from symnn.training import Diverged, Result, files_of
from symnn.training import train as train_network

LIMIT = 64 * 2**20
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
        case TexError():
            return USAGE, [Problem("pdf", None, "", error.message, error.hint)]
        case Diverged():
            hint = f"a smaller learning rate may help; last finite weights: {error.files.weights}"
            return DIVERGED, [Problem("train", None, "", str(error), hint)]
    return None


def _fail(place: str, message: str, hint: str = "") -> SpecError:
    return SpecError([Problem(place, None, "", message, hint)])


def new(file: str, example: str, as_json: bool, quiet: bool, verbose: bool, force: bool) -> int:
    """Write an example's spec to a file."""
    if example not in example_names():
        message = f"no example is called {shorten(example)!r}"
        raise _fail("--example", message, suggestion(example, example_names()))
    path = Path(file)
    if path.suffix != ".toml":
        raise _fail(shorten(file), "a new spec is a .toml file", f"write {path.stem}.toml")
    if path.exists() and not force:
        raise OutputError(path, "the file exists", "--force replaces it")
    write_text(path, example_path(example).read_text(encoding="utf-8"), force=True)
    _result({"written": str(path)}, f"wrote {path}", as_json, quiet)
    return FINE


def derive(
    specs: tuple[str, ...],
    output: str | None,
    kind: str | None,
    fragment: bool,
    check: bool,
    layers: str | None,
    as_json: bool,
    quiet: bool,
    verbose: bool,
    force: bool,
    **notes: str | bool | None,
) -> int:
    """Print or write the notes."""
    from symnn.notes import FORMATS, PRINTERS
    from symnn.notes import fragment as bare

    sources = specs or (dict(PLAIN),)
    suffixes = {suffix: name for name, suffix in FORMATS.items()}
    by_name = suffixes.get(Path(output).suffix) if output and len(sources) == 1 else None
    if output and len(sources) == 1 and by_name is None and not _is_folder(output):
        known = ", ".join(suffixes)
        raise _fail(shorten(output), "unknown kind of file", f"notes end in {known}")
    if kind and by_name and kind != by_name:
        raise _fail("--format", f"{kind} does not fit the file {shorten(output or '')}")
    kind = kind or by_name or "latex"
    if kind == "pdf" and (output is None or fragment or check):
        raise _fail("--format", "pdf needs -o FILE, without --fragment and --check")
    if fragment and kind != "latex":
        raise _fail("--fragment", f"a fragment is LaTeX, not {kind}")
    networks = [Network.from_spec(load_spec(source, notes)) for source in sources]
    if layers is not None:
        if kind == "ipynb":
            raise _fail("--layers", "a notebook runs a module, which needs a number of layers")
        networks = [general(network, layers) for network in networks]
    code, written = FINE, []
    for network, path in zip(networks, _paths(networks, output, FORMATS[kind]), strict=True):
        chosen = network.spec.notes
        options = {
            "notation": chosen.notation,
            "layout": chosen.layout,
            "detail": chosen.detail,
            "story": chosen.story,
            "method": chosen.method,
            "language": chosen.language,
            "figures": (not fragment) if chosen.figures is None else chosen.figures,
        }
        derivation = network.derive()
        if kind == "pdf" and path is not None:
            check_writable(path, force=force)
        made = (bare if fragment else PRINTERS[kind])(derivation, **options)
        if isinstance(made, str):
            code = max(code, _deliver(made, path, path and path.parent, check, force))
        elif path is not None:
            write_bytes(path, made, force=force)
        if path is not None:
            written.append(str(path))
    if written and not check:
        _result({"written": written}, f"wrote {', '.join(written)}", as_json, quiet)
    return code


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
    from symnn.draw import SUFFIXES, printed
    from symnn.draw import figure as drawn

    single = output not in (None, "-") and len(specs) == 1 and not _is_folder(output or "")
    suffix = Path(output or "").suffix if single else ".tex" if fragment else ".svg"
    if suffix not in SUFFIXES:
        known = ", ".join(SUFFIXES)
        raise _fail(shorten(output or ""), "unknown kind of file", f"figures end in {known}")
    if fragment and suffix != ".tex":
        raise _fail("--fragment", f"a fragment is .tex, not {suffix}")
    if check and suffix == ".pdf":
        raise _fail("--check", "compares .svg and .tex files, not .pdf")
    networks = [Network.from_spec(load_spec(source, notes)) for source in specs]
    drawings = []
    for network in networks:
        drawing = drawn(network, figure)
        if drawing is None:
            name = shorten(network.spec.source)
            raise _fail(name, f"has no figure {figure!r}", NO_FIGURE[figure])
        drawings.append(drawing)
    code, written = FINE, []
    for drawing, path in zip(drawings, _paths(networks, output, suffix), strict=True):
        if path is not None and not check:
            check_writable(path, force=force)
        made = printed(drawing, suffix, fragment=fragment)
        if isinstance(made, str):
            code = max(code, _deliver(made, path, path and path.parent, check, force))
        elif path is not None:
            write_bytes(path, made, force=force)
        if path is not None:
            written.append(str(path))
    if written and not check:
        _result({"written": written}, f"wrote {', '.join(written)}", as_json, quiet)
    return code


def generate(
    specs: tuple[str, ...],
    output: str | None,
    target: str,
    check: bool,
    as_json: bool,
    quiet: bool,
    verbose: bool,
    force: bool,
) -> int:
    """Write the modules."""
    if target not in TARGETS:
        raise _fail("--target", f"unknown target {shorten(target)!r}", suggestion(target, TARGETS))
    networks = [Network.from_spec(load_spec(source)) for source in specs]
    code, written = FINE, []
    own = [files_of(n) for n in networks]
    paths = [f.module for f in own] if output is None else _paths(networks, output, ".py")
    for network, path, files in zip(networks, paths, own, strict=True):
        base = files.base if output is None else path and path.parent
        code = max(code, _deliver(network.generate(target), path, base, check, force))
        if path is not None:
            written.append(str(path))
    if written and not check:
        _result({"written": written}, f"wrote {', '.join(written)}", as_json, quiet)
    return code


def _is_folder(output: str) -> bool:
    return output.endswith("/") or Path(output).is_dir()


def _paths(networks: list[Network], output: str | None, suffix: str) -> list[Path | None]:
    """Where each text goes; None is standard output."""
    if output in (None, "-"):
        return [None] * len(networks)
    assert output is not None
    if _is_folder(output):
        return [Path(output) / f"{n.spec.output.module}{suffix}" for n in networks]
    if len(networks) > 1:
        raise _fail("-o", "several specs need a folder", f"write {shorten(output)}/")
    return [Path(output)]


def _deliver(text: str, path: Path | None, base: Path | None, check: bool, force: bool) -> int:
    """Print or write a text; with ``check``, compare it with what is there."""
    if path is None:
        sys.stdout.write(text)
        return FINE
    if not check:
        write_text(path, text, force=force, base=base)
        return FINE
    found = read_text_limited(path, LIMIT) if path.exists() else ""
    if found == text:
        return FINE
    lines = difflib.unified_diff(
        found.splitlines(keepends=True), text.splitlines(keepends=True), str(path), "as derived"
    )
    sys.stdout.writelines(lines)
    click.echo(f"{path}: {'stale' if found else 'missing'}; run without --check", err=True)
    return STALE


def train(
    spec: str,
    data: str | None,
    weights: str | None,
    as_json: bool,
    quiet: bool,
    verbose: bool,
    force: bool,
    **flags: Any,
) -> int:
    """Train a network and report."""
    network = Network.from_spec(with_files(load_spec(spec, flags), data, weights))
    shown = _Progress(network.spec.train.epochs, quiet, verbose)
    try:
        result = train_network(network, force=force, progress=shown)
    finally:
        shown.end()
    _result(_object(result), _summary(result), as_json, quiet=False)
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
        raise _fail("--against", "takes one spec")
    found = compare_file(networks[0], path)
    first = found.first.quantity if found.first else None
    row = {"spec": specs[0], "ok": found.ok, "first": first, "rows": found.objects()}
    _result({"comparisons": [row]}, str(found), as_json, quiet)
    return FINE if found.ok else STALE


def _failure(row: Any) -> str:
    return f"does not hold ({row.error:.1e}): {row.what}: {row.line}"


def _result(found: dict[str, Any], text: str, as_json: bool, quiet: bool) -> None:
    """A command's result on stdout."""
    if as_json:
        click.echo(json.dumps(found))
    elif not quiet:
        click.echo(text)
