"""The command line: parse, call, report.  What the commands do stands beside."""

from __future__ import annotations

import difflib
import io
import json
import os
import sys
from collections.abc import Callable
from typing import Any, NoReturn

import click

from symnn import __version__

# the formats of formats/latex.py, which loads SymPy
KINDS = ("latex", "pdf", "html", "markdown", "ipynb", "beamer", "quarto", "json")
FIGURES = ("network", "graph", "activation", "descent")  # those in figures/, likewise
FINE, FAILED, USAGE, DIVERGED, STALE, INTERRUPTED = 0, 1, 2, 3, 4, 130


class _Commands(click.Group):
    """A group that suggests the nearest command."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            near = difflib.get_close_matches(args[0], self.list_commands(ctx), n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            known = ", ".join(self.list_commands(ctx))
            ctx.fail(f"No such command {_safe(args[0])!r}.{hint} Known: {known}.")
        return super().resolve_command(ctx, args)


def _common(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Errors and results as objects."),
        click.option("-q", "--quiet", is_flag=True, help="No messages but errors."),
        click.option("-v", "--verbose", is_flag=True, help="More messages; tracebacks."),
        click.option("--force", is_flag=True, help="Replace files that symnn did not write."),
    ):
        function = option(function)
    return function


def _specs(function: Callable[..., Any]) -> Callable[..., Any]:
    return click.argument("specs", metavar="SPEC...", nargs=-1, required=True)(function)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="symnn")
def cli() -> None:
    """Derive the backpropagation of a network, print it, generate its code, and train it.

    SPEC is a file (.toml, .json, .yaml), "-" for standard input, or the name of a shipped
    example: deep, digits, logistic_regression, norm_loss, regression, xor.
    """


@cli.command()
@click.argument("file", type=click.Path())
@click.option("--example", default="xor", show_default=True, help="The example to start from.")
@_common
def new(**options: Any) -> int:
    """Write a commented spec to start from to FILE."""
    from symnn.cli.commands import new

    return new(**options)


@cli.command()
@click.argument("specs", metavar="SPEC...", nargs=-1)
@click.option("-o", "--output", help="File (.tex, .pdf, …), or a folder for several.")
@click.option("--format", "kind", type=click.Choice(KINDS), help="Default: by suffix.")
@click.option("--fragment", is_flag=True, help="Without a preamble, for \\input.")
@click.option("--select", default="", help="Equations by label, alone: delta_1,A_1.")
@click.option("--check", is_flag=True, help="Write nothing; fail if the file is stale.")
@click.option("--open", "launch", is_flag=True, help="Open the written file.")
@click.option("--notation", help="affine, nielsen, goodfellow, d2l, ng or cs231n.")
@click.option("--layout", help="sample, columns or rows.")
@click.option("--detail", help="answer, textbook or full.")
@click.option("--layers", metavar="n", help="Of n layers like those of SPEC, or without one.")
@click.option("--method", help="chain, or differential: dL = <g, dv>.")
@click.option("--story", help="reference, or tutorial: what leads to the network first.")
@click.option("--language", help="en or zh.")
@click.option("--figures/--no-figures", default=None, help="Default: in documents only.")
@click.option("--numbers", help="none, decimal or pencil: the same with numbers.")
@click.option("--digits", type=int, help="Of rounded numbers: 3 to 12.")
@click.option("--code/--no-code", default=None, help="The code of each equation, at the end.")
@_common
def derive(**options: Any) -> int:
    """Print the derivation of every gradient."""
    if not options["specs"] and options["layers"] is None:
        raise click.UsageError("Missing argument 'SPEC...'.", click.get_current_context())
    from symnn.cli.derive import derive

    return derive(**options)


@cli.command()
@_specs
@click.option("-o", "--output", help="File, folder, or - for standard output.")
@click.option("--target", default="numpy", show_default=True, help="numpy, plain, c or jax.")
@click.option("--weights", metavar="FILE.npz", help="Weights to bake into the C file.")
@click.option("--only", type=click.Choice(["predict"]), help="Leave training out of the C file.")
@click.option("--prefix", metavar="NAME", help="Of the names in the C file.  Default: net.")
@click.option("--check", is_flag=True, help="Write nothing; fail if the file is stale.")
@_common
def generate(**options: Any) -> int:
    """Write the standalone training module."""
    from symnn.cli.commands import generate

    return generate(**options)


@cli.command()
@_specs
@click.option("-o", "--output", help="File (.svg, .tex, .pdf), or a folder for several.")
@click.option("--figure", type=click.Choice(FIGURES), default="network", show_default=True)
@click.option("--fragment", is_flag=True, help="A bare tikzpicture, for \\input.")
@click.option("--check", is_flag=True, help="Write nothing; fail if the file is stale.")
@click.option("--notation", help="Letters: affine.")
@click.option("--layout", help="sample, columns or rows: of the letters in the graph.")
@click.option("--language", help="en or zh.")
@_common
def draw(**options: Any) -> int:
    """Draw the network, its graph, its activations or a step against the gradient."""
    from symnn.cli.commands import draw

    return draw(**options)


@cli.command()
@click.argument("spec", metavar="SPEC")
@click.option("--data", help="A built-in name, a .csv or an .npz file.")
@click.option("--epochs", type=int, help="Passes over the data.")
@click.option("--batch-size", type=int, help="Samples of one step.")
@click.option("--learning-rate", type=float, help="Size of a step.")
@click.option("--seed", type=int, help="Of the initial weights and the order of samples.")
@click.option("--weights", help="An .npz file to start from.")
@click.option("--checkpoint", metavar="DIR", help="Keep a checkpoint of the run in this folder.")
@click.option("--every", type=click.IntRange(1), help="Epochs between checkpoints.")
@click.option("--resume", is_flag=True, help="Go on from the checkpoint, if there is one.")
@_common
def train(**options: Any) -> int:
    """Generate the module, run it on data, keep the weights."""
    if options["checkpoint"] is None and (options["resume"] or options["every"]):
        raise click.UsageError("--every and --resume need --checkpoint DIR")
    from symnn.cli.commands import train

    return train(**options)


@cli.command()
@_specs
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, help="Of what is drawn.")
@click.option("--against", metavar="FILE.npz", help="Gradients of your own, to be compared.")
@click.option("--rtol", type=click.FloatRange(0), help="Of --against: the largest relative error.")
@_common
def check(**options: Any) -> int:
    """Verify the derivation, the generated module and its gradients."""
    if options["rtol"] is not None and options["against"] is None:
        raise click.UsageError("--rtol needs --against FILE.npz")
    from symnn.cli.commands import check

    return check(**options)


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and exit with its code."""
    words = sys.argv[1:] if arguments is None else arguments
    if isinstance(sys.stdout, io.TextIOWrapper):  # what is printed is a file: UTF-8, anywhere
        sys.stdout.reconfigure(encoding="utf-8", newline="\n")
    code = FINE
    try:
        code = run(words)
        sys.stdout.flush()
    except BrokenPipeError:
        _drop_output()
        code = 141
    except OSError as error:
        _drop_output()
        _say(f"cannot write to standard output: {error.strerror}")
        code = USAGE
    sys.exit(code)


def run(words: list[str]) -> int:
    """The exit code of a command line; every error is reported here."""
    as_json, verbose = "--json" in words, "-v" in words or "--verbose" in words
    try:
        code = cli.main(words, prog_name="symnn", standalone_mode=False)
        return code if isinstance(code, int) else FINE
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return USAGE
    except click.UsageError as error:
        return _report([("usage", None, "", error.format_message(), _usage(error))], as_json)
    except (KeyboardInterrupt, click.Abort):
        _say("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        raise
    except Exception as error:
        from symnn.cli.commands import known_error

        found = known_error(error)
        if found is not None:
            code, problems = found
            _report(problems, as_json)
            return code
        if isinstance(error, OSError) and error.filename is None:
            raise
        if verbose:
            import traceback

            traceback.print_exc()
        text = f"internal error: {type(error).__name__}: {_safe(str(error))[:200]}"
        _report([("symnn", None, "", text, "run with -v for the place")], as_json)
        return FAILED


def _usage(error: click.UsageError) -> str:
    path = error.ctx.command_path if error.ctx else "symnn"
    return f"{path} --help shows the options"


def _report(problems: list[Any], as_json: bool) -> int:
    """Errors on stderr, as lines or as one object."""
    if as_json:
        keys = ("file", "line", "path", "message", "hint")
        objects = [dict(zip(keys, p, strict=True)) for p in problems]
        click.echo(json.dumps({"errors": objects}, ensure_ascii=True), err=True)
        return USAGE
    lines = []
    for file, line, path, message, hint in problems:
        place = ": ".join(str(p) for p in (f"{file}:{line}" if line else file, path) if p)
        lines.append(_safe(f"{place}: {message}" + (f"; {hint}" if hint else ""))[:390])
    for text in lines[:39]:
        click.echo(text, err=True)
    if len(lines) > 39:
        click.echo(f"and {len(lines) - 39} more", err=True)
    return USAGE


def _say(text: str) -> None:
    click.echo(f"symnn: {text}", err=True)


def _safe(text: str) -> str:
    """Text without control characters, for a terminal."""
    shown = (c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
    return "".join(shown)


def _drop_output() -> None:
    """Nobody reads stdout any more, or it is full: let its buffer go nowhere."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, sys.stdout.fileno())
