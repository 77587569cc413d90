"""The command line: parse, call, report.  What the commands do stands beside."""

from __future__ import annotations

import contextlib
import difflib
import json
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

import click
from click.shell_completion import shell_complete

from symnn import __version__
from symnn.cli.streams import drop, full, prepare, say
from symnn.cli.words import CHOICES, DATA, FIGURES, KINDS, SUFFIXES, File, Word, Words
from symnn.io.errors import LINES, Problem, UserError, shown_path
from symnn.io.exit_codes import CLOSED, FAILED, FINE, INTERRUPTED, USAGE
from symnn.io.interrupts import Ending, as_ctrl_c
from symnn.language.options import INCLUDED, SAME_TARGET, TARGETS

COMPLETE = "_SYMNN_COMPLETE"
NAMES = (*TARGETS, *SAME_TARGET)
IN_MEMORY = "lambdify"


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


def _examples() -> Iterable[str]:
    from symnn.spec.sources import every_example

    return every_example()


def _pages() -> Iterable[str]:
    from symnn.cli.guide import pages

    return pages()


SPEC, NPZ = File(SUFFIXES, _examples), File((".npz",))
# the options of check that --against alone takes
AGAINST = {"rtol": "--rtol", "loss_scale": "--loss-scale", "strict": "--strict", "as_csv": "--csv"}
OUTPUT = click.Path(readable=False)  # which is looked at when it is written


def _common(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option(
            "--json", "as_json", is_flag=True, help="The result, or errors, as one object."
        ),
        click.option("-q", "--quiet", is_flag=True, help="No messages but errors."),
        click.option(
            "-v", "--verbose", is_flag=True, help="More messages; the place of internal errors."
        ),
    ):
        function = option(function)
    return function


def _writing(function: Callable[..., Any]) -> Callable[..., Any]:
    text = "Replace files that symnn did not write."
    return click.option("--force", is_flag=True, help=text)(_common(function))


def _specs(function: Callable[..., Any]) -> Callable[..., Any]:
    return click.argument("specs", metavar="SPEC...", nargs=-1, required=True, type=SPEC)(function)


def _notes(name: str, text: str = "") -> Callable[..., Any]:
    """An option for a field of [notes] that takes one of some words."""
    return click.option(
        f"--{name}", metavar="WORD", type=Word(CHOICES[name]), help=text or _listed(CHOICES[name])
    )


def _listed(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}."


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="symnn")
def cli() -> None:
    """Derive the backpropagation of a network, print it, generate its code, and train it.

    SPEC is a file (.toml, .json, .yaml; .lines), "-" for standard input, or the name of a
    shipped example: of chains of layers deep, digits, logistic_regression, norm_loss,
    regression, xor; of other networks digits_cnn, digits_rows, alice_lstm, …; of equations
    attention, lstm, kalman, …; "symnn guide examples" lists them.

    With --json there is one object on standard output, or, where the exit code is neither 0
    nor 4, one object {"errors": [...]} on standard error, and nothing else on either.
    """


@cli.command()
@click.argument("file", type=OUTPUT)
@click.option(
    "--example",
    metavar="NAME",
    type=Word(_examples),
    default="xor",
    show_default=True,
    help="The example to start from.",
)
@_writing
def new(**options: Any) -> int:
    """Write a commented spec to start from to FILE."""
    from symnn.cli.new import new

    return new(**options)


@cli.command()
@click.argument("specs", metavar="SPEC...", nargs=-1, type=SPEC)
@click.option("-o", "--output", type=OUTPUT, help="File (.tex, .pdf, …), or a folder.")
@click.option("--format", "kind", metavar="WORD", type=Word(KINDS), help=_listed(KINDS))
@click.option("--fragment", is_flag=True, help="Without a preamble, for \\input.")
@click.option("--select", default="", help="Equations by label, alone: delta_1,A_1.")
@click.option("--check", is_flag=True, help="Write nothing; exit with 4 if the file is stale.")
@click.option("--open", "launch", is_flag=True, help="Open the written file.")
@_notes("notation")
@_notes("layout")
@_notes("detail")
@click.option("--layers", metavar="n", help="Of n layers like those of SPEC, or without one.")
@_notes("method", "chain, or differential: dL = <g, dv>.")
@_notes("story", "reference, or tutorial: what leads to the network first.")
@_notes("language")
@click.option("--figures/--no-figures", default=None, help="Default: in documents only.")
@_notes("numbers", "none, or decimal or pencil: the same with numbers.")
@click.option("--digits", type=int, help="Of rounded numbers: 3 to 12.")
@click.option("--code/--no-code", default=None, help="The code of each equation, at the end.")
@click.option("--sympy/--no-sympy", default=None, help="An entry of a gradient by sympy.diff.")
@_writing
def derive(**options: Any) -> int:
    """Print the derivation of every gradient.

    The format is that of the suffix of FILE, or of --format.
    """
    if not options["specs"] and options["layers"] is None:
        raise click.UsageError("Missing argument 'SPEC...'.", click.get_current_context())
    _look(options["specs"])
    from symnn.cli.derive import derive

    return derive(**options)


@cli.command()
@_specs
@click.option("-o", "--output", type=OUTPUT, help="File, folder, or - for stdout.")
@click.option(
    "--target",
    metavar="WORD",
    type=Word(NAMES),
    help=_listed(NAMES),
)
@click.option(
    "--with",
    "include",
    metavar="WORDS",
    type=Words(INCLUDED),
    default=(),
    help="What few need, for numpy: checkpoint,reduce,streaming.",
)
@click.option("--weights", metavar="FILE.npz", type=NPZ, help="To bake into the C file.")
@click.option(
    "--only", metavar="predict", type=Word(["predict"]), help="Leave training out of the C file."
)
@click.option("--prefix", metavar="NAME", help="Of the names in the C file.  Default: net.")
@click.option("--check", is_flag=True, help="Write nothing; exit with 4 if the file is stale.")
@_writing
def generate(**options: Any) -> int:
    """Write the standalone training module."""
    _look(options["specs"], options["weights"])
    from symnn.cli.generate import generate

    return generate(**options)


@cli.command()
@_specs
@click.option("-o", "--output", type=OUTPUT, help="File (.svg, .tex, .pdf), or a folder.")
@click.option(
    "--figure",
    metavar="WORD",
    type=Word(FIGURES),
    default="network",
    show_default=True,
    help=_listed(FIGURES),
)
@click.option("--fragment", is_flag=True, help="A bare tikzpicture, for \\input.")
@click.option("--check", is_flag=True, help="Write nothing; exit with 4 if the file is stale.")
@_notes("notation")
@_notes("layout", "sample, columns or rows: of the letters in the graph.")
@_notes("language")
@_writing
def draw(**options: Any) -> int:
    """Draw the network, its graph, its activations or a step against the gradient."""
    _look(options["specs"])
    from symnn.cli.draw import draw

    return draw(**options)


@cli.command()
@click.argument("spec", metavar="SPEC", type=SPEC)
@click.option(
    "--data", type=File((".csv", ".npz"), DATA), help="A built-in name, a .csv or .npz file."
)
@click.option("--epochs", type=int, help="Passes over the data.")
@click.option("--batch-size", type=int, help="Samples of one step.")
@click.option("--learning-rate", type=float, help="Size of a step.")
@click.option("--seed", type=int, help="Of the initial weights and the order of samples.")
@click.option(
    "--target",
    metavar="WORD",
    type=Word((*NAMES, IN_MEMORY)),
    help=f"{_listed(NAMES)}  {IN_MEMORY}: the lines by SymPy, in memory; slower, without module, "
    "checkpoints, or weights when interrupted.",
)
@click.option("--weights", metavar="FILE.npz", type=NPZ, help="To start from.")
@click.option("--checkpoint", metavar="DIR", type=File(()), help="Keep a checkpoint in it.")
@click.option("--every", type=click.IntRange(1), help="Epochs between checkpoints.")
@click.option("--resume", is_flag=True, help="Go on from the checkpoint, if there is one.")
@_writing
def train(**options: Any) -> int:
    """Generate the module, run it on data, keep the weights."""
    if options["checkpoint"] is None and (options["resume"] or options["every"]):
        raise click.UsageError("--every and --resume need --checkpoint DIR")
    if options["checkpoint"] is not None and options["target"] == IN_MEMORY:
        raise click.UsageError("--target lambdify keeps no checkpoints; leave out --checkpoint")
    _look([options["spec"]], options["weights"], options["data"])
    from symnn.cli.train import train

    return train(**options)


@cli.command()
@_specs
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, help="Of what is drawn.")
@click.option(
    "--against",
    metavar="FILE.npz...",
    type=NPZ,
    multiple=True,
    help="Gradients of your own, or those of a class, compared.",
)
@click.option("--rtol", type=click.FloatRange(0), help="Of --against: the largest relative error.")
@click.option(
    "--loss-scale", metavar="C", help="Of --against: its loss over the spec's, as N or 1/2."
)
@click.option("--strict", is_flag=True, help="Of --against: the spec's notation alone is right.")
@click.option("--csv", "as_csv", is_flag=True, help="Of --against: a table with one row a file.")
@_common
def check(**options: Any) -> int:
    """Verify the derivation, the generated module and its gradients.

    Large networks are evaluated with fewer inputs and units, deep ones in parts, which the report
    says; so a check takes at most 2 GiB of memory, whatever the spec.
    """
    for name, word in AGAINST.items():
        if options[name] not in (None, False) and not options["against"]:
            raise click.UsageError(f"{word} needs --against FILE.npz")
    if options["against"]:  # what follows its first file is among the specs
        more = tuple(spec for spec in options["specs"] if spec.endswith(".npz"))
        options["specs"] = tuple(spec for spec in options["specs"] if spec not in more)
        options["against"] += more
        if not options["specs"]:
            raise click.UsageError("Missing argument 'SPEC...'.")
    files = options["against"]
    _look(options["specs"], files[0] if len(files) == 1 else None)
    from symnn.cli.check import check

    return check(**options)


@cli.command()
@click.argument("page", metavar="[PAGE]", required=False, type=Word(_pages))
@_common
def guide(**options: Any) -> int:
    """Show a page of the guide; without PAGE, the list of pages."""
    from symnn.cli.guide import guide

    return guide(**options)


def _look(specs: Sequence[str], npz: str | None = None, data: str | None = None) -> None:
    """See that files are there before what takes long: SymPy is not loaded yet.

    Raises SpecError, DataError and NpzError.
    """
    from symnn.spec.sources import find

    for spec in specs:
        if spec != "-":
            find(spec)
    if npz is not None:
        from symnn.io.npz import read_headers

        read_headers(Path(npz))
    if data is not None:
        from symnn.data.datasets import find_data

        find_data(data)


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and exit with its code."""
    words = sys.argv[1:] if arguments is None else arguments
    prepare()
    with as_ctrl_c() as ending:
        code = run(words, ending)
    sys.exit(code)


def run(words: list[str], ending: Ending | None = None) -> int:
    """The exit code of a command line; every error is reported here."""
    options = words[: words.index("--")] if "--" in words else words
    as_json = "--json" in options
    ending = ending or Ending()
    try:
        with _warnings(as_json, as_json or "-q" in options or "--quiet" in options):
            code = _invoke(words)
        sys.stdout.flush()
        return code
    except click.exceptions.NoArgsIsHelpError as error:
        say(error.format_message())
        return USAGE
    except click.UsageError as error:
        return _report([Problem("usage", None, "", error.format_message(), _usage(error))], as_json)
    except (KeyboardInterrupt, EOFError):
        _report([Problem("symnn", None, "", ending.word)], as_json)
        return ending.code
    except UserError as error:
        _report(error.errors, as_json)
        return ending.code if error.code == INTERRUPTED else error.code
    except BrokenPipeError:
        drop(sys.stdout)
        return CLOSED
    except Exception as error:
        return _unforeseen(error, as_json, "-v" in options or "--verbose" in options)


@contextlib.contextmanager
def _warnings(as_json: bool, quiet: bool) -> Iterator[None]:
    """In here the package's own warnings are lines on stderr, unless quiet.

    as_json: other libraries' are not shown either, where Python was not asked for them.
    """
    with warnings.catch_warnings():
        usual = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
            if not category.__module__.startswith("symnn."):
                usual(message, category, *place, **more)
            elif not quiet:
                say(f"symnn: {message}")

        if as_json and not sys.warnoptions:
            warnings.simplefilter("ignore")  # they would stand beside the object
        warnings.filterwarnings("always", category=UserWarning, module=r"symnn\.")
        warnings.showwarning = show
        yield


def _invoke(words: list[str]) -> int:
    """Parse and call, without click's own handling of errors."""
    if asked := os.environ.get(COMPLETE):
        return shell_complete(cli, {}, "symnn", COMPLETE, asked)
    try:
        with cli.make_context("symnn", list(words)) as context:
            code = cli.invoke(context)
    except click.exceptions.Exit as end:  # --help, --version
        code = end.exit_code
    return code if isinstance(code, int) else FINE


def _unforeseen(error: Exception, as_json: bool, verbose: bool) -> int:
    """Report an error that is not the package's own: of the system, or a fault of symnn."""
    if isinstance(error, OSError):
        try:
            sys.stdout.flush()
        except OSError as unwritten:  # what click has printed, such as help
            drop(sys.stdout)
            return _report(full(unwritten).errors, as_json)
        file = "symnn" if error.filename is None else shown_path(error.filename)
        return _report([Problem(file, None, "", error.strerror or str(error))], as_json)
    hint = "run with -v for the place"
    if verbose:
        hint = traceback.format_exc()
        if not as_json:
            say(hint)
            hint = ""
    text = f"internal error: {type(error).__name__}: {_safe(str(error))[:200]}"
    _report([Problem("symnn", None, "", text, hint)], as_json)
    return FAILED


def _usage(error: click.UsageError) -> str:
    path = error.ctx.command_path if error.ctx else "symnn"
    return f"{path} --help shows the options"


def _report(problems: list[Problem], as_json: bool) -> int:
    """Errors on stderr, as lines or as one object."""
    if as_json:
        say(json.dumps({"errors": [problem._asdict() for problem in problems]}))
        return USAGE
    lines = [_safe(str(problem))[:390] for problem in problems]
    if len(lines) >= LINES:
        lines[LINES - 1 :] = [f"and {len(lines) - LINES + 1} more"]
    say("\n".join(lines))
    return USAGE


def _safe(text: str) -> str:
    """Text without control characters, for a terminal."""
    shown = (c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
    return "".join(shown)
