"""What the commands do: each returns an exit code, and raises what main.py reports."""

from __future__ import annotations

import os
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

from symnn.checking.compare import compare_file
from symnn.cli.main import FINE, STALE
from symnn.cli.output import Product, deliver, is_folder, mistake, paths, result, tell
from symnn.cli.streams import put, say
from symnn.derivation.network import Network
from symnn.io.fields import shorten
from symnn.io.files import OutputError, write_files
from symnn.io.npz import read_npz
from symnn.spec.reader import load_spec
from symnn.spec.sources import example_path
from symnn.targets.registry import TARGETS, generate_files, load_module
from symnn.training.run import Checkpoints, Result, files_of
from symnn.training.run import train as train_network

NO_FIGURE = {
    "activation": "linear and softmax are not functions of one component",
    "descent": "it needs at most 50,000 parameters, and a loss that rises after too large a step",
}


def new(file: str, example: str, as_json: bool, quiet: bool, verbose: bool, force: bool) -> int:
    """Write an example's spec to a file."""
    path = Path(file)
    if path.suffix != ".toml":
        raise mistake(shorten(file), "a new spec is a .toml file", f"write {path.stem}.toml")
    if os.path.lexists(path) and not force:
        raise OutputError(path, "the file exists", "--force replaces it")
    # a spec is the user's own from here on, so that it has no mark
    write_files({path: example_path(example).read_bytes()}, force=True, mark=False)
    return tell({"written": [str(path)]}, as_json, quiet)


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
    languages = [network.spec.notes.language for network in networks]
    products = [
        Product(path, suffix, partial(printed, each, suffix, fragment=fragment, language=language))
        for language, each, path in zip(languages, drawings, places, strict=True)
    ]
    return tell(deliver(products, check, force), as_json, quiet)


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
    places = paths(networks, output, main)
    bases: list[Path | None] = [None] * len(networks)
    if output is None:
        own = [files_of(network) for network in networks]
        places, bases = [f.module.with_suffix(main) for f in own], [f.base for f in own]
    products = []
    for network, path, base in zip(networks, places, bases, strict=True):
        texts = generate_files(network, target, **options)
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
    code = tell(found, as_json, quiet)
    for line in [] if as_json or quiet else sizes:
        say(line)
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
    network = Network.from_spec(load_spec(spec, flags, data=data, weights=weights))
    silent = quiet or as_json
    shown = _Progress(network.spec.train.epochs, silent, verbose)
    try:
        if resume and kept and not os.path.lexists(kept.path) and not silent:
            say(f"no checkpoint in {kept.folder} yet: from the beginning")
        trained = train_network(network, force=force, progress=shown, checkpoints=kept)
    finally:
        shown.end()
    for warning in () if silent else trained.warnings:
        say(f"warning: {warning}")
    result(_object(trained), _summary(trained), as_json, quiet=False)
    return FINE


class _Progress:
    """The loss as training goes on: some epochs, and on a terminal a line that moves as well.

    That line is written anew REDRAWS times a second at most, and says how long it will take.
    """

    REDRAWS = 10
    CLEAR = "\r\x1b[K"

    def __init__(self, epochs: int, quiet: bool, verbose: bool) -> None:
        self.epochs, self.quiet = epochs, quiet
        self.moving = sys.stderr is not None and sys.stderr.isatty() and not quiet
        self.every = 1 if verbose else max(1, epochs // 10)
        self.due = float("-inf")  # when the line may be written anew
        self.first: tuple[int, float] | None = None  # the first epoch here, and when it ended

    def __call__(self, epoch: int, loss: float) -> None:
        kept = epoch in (1, self.epochs) or epoch % self.every == 0
        now = time.monotonic() if self.moving else 0.0
        if self.quiet or not (kept or (self.moving and now >= self.due)):
            return
        line = f"epoch {epoch:>{len(str(self.epochs))}}/{self.epochs}  loss {loss:.6g}"
        if not self.moving:
            say(line)
        elif kept:
            say(f"{self.CLEAR}{line}")
        else:
            say(f"{self.CLEAR}{line}{self._left(epoch, now)}", end="")
            self.due = now + 1 / self.REDRAWS
        self.first = self.first or (epoch, now)

    def _left(self, epoch: int, now: float) -> str:
        """How long the epochs that are left will take, if those before say so."""
        if self.first is None:
            return ""
        pace = (now - self.first[1]) / (epoch - self.first[0])
        minutes, seconds = divmod(round(pace * (self.epochs - epoch)), 60)
        hours, minutes = divmod(minutes, 60)
        return f"  {hours}:{minutes:02}:{seconds:02} left"

    def end(self) -> None:
        """Clear the moving line."""
        if self.moving:
            say(self.CLEAR, end="")


def _scores(values: dict[str, Any]) -> str:
    if "accuracy" in values:
        return f"accuracy {values['accuracy']:.2%}"
    shown = f"root mean square error {values['rmse']:.4g}"
    if "r2" not in values:
        return shown
    shown += f", R² {values['r2']:.4g}"
    of, constant = values["r2_by_output"], values.get("constant_outputs")
    if len(of) > 8:
        shown += f" (by output from {min(of):.4g} to {max(of):.4g})"
    elif len(of) > 1:
        shown += f" (by output {', '.join(f'{r2:.4g}' for r2 in of)})"
    if constant:
        what = f"targets of {constant} of {len(of)} outputs" if len(of) > 1 else "targets"
        shown += f"; the {what} are all equal: R² is 1 there if they are met exactly, else 0"
    return shown


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
        "warnings": result.warnings,
        "module": str(result.files.module),
        "weights": str(result.files.weights),
        "history": str(result.files.history),
    }


def check(
    specs: tuple[str, ...],
    seed: int,
    against: str | None,
    rtol: float | None,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> int:
    """Verify derivations and modules."""
    networks = [Network.from_spec(load_spec(source)) for source in specs]
    if against is not None:
        return _against(specs, networks, Path(against), rtol, as_json, quiet)
    code, objects = FINE, []
    for name, network in zip(specs, networks, strict=True):
        report = network.derive().verify(seed)
        module = load_module(network.generate(), network.spec.output.module)
        failure = None
        try:
            error = float(module.check(seed))
        except ArithmeticError as problem:
            error, failure = float("inf"), str(problem)
        held = failure is None
        code = code if report.ok and held else STALE
        objects.append(
            {
                "spec": name,
                "ok": report.ok and held,
                "comparisons": len(report.rows),
                "max_error": report.max_error,
                "module_error": error if held else None,
                "module_failure": failure,
                "failed": [
                    {"what": r.what, "line": r.line, "error": r.error} for r in report.failed
                ],
            }
        )
        if not as_json and not quiet:
            rows = str(report).splitlines()
            shown = rows if verbose else [*map(_failure, report.failed), rows[-1]]
            if held:
                shown.append(f"generated module: central differences agree to {error:.1e}")
            put("".join(f"{name}: {row}\n" for row in shown))
        if failure is not None and not as_json:
            say(f"{name}: the generated module: {failure}")
    if as_json:
        result({"checks": objects}, "", as_json, quiet)
    return code


def _against(
    specs: tuple[str, ...],
    networks: list[Network],
    path: Path,
    rtol: float | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Compare the gradients in a file with the derivation."""
    if len(networks) > 1:
        raise mistake("--against", "takes one spec")
    found = compare_file(networks[0], path, rtol)
    first = found.first.quantity if found.first else None
    row = {
        "spec": specs[0],
        "ok": found.ok,
        "first": first,
        "convention": found.convention,
        "dtype": found.dtype,
        "rows": found.objects(),
    }
    result({"comparisons": [row]}, str(found), as_json, quiet)
    return FINE if found.ok else STALE


def _failure(row: Any) -> str:
    return f"does not hold ({row.error:.1e}): {row.what}: {row.line}"
