"""symnn check: verify derivations and modules, and backpropagations of the user's own."""

from __future__ import annotations

from typing import Any

from symnn.checking.verify import entries_of, verify, verify_lines
from symnn.cli.against import compare_files
from symnn.cli.models import model
from symnn.cli.output import mistake, result
from symnn.cli.streams import put, say
from symnn.derivation.derivation import derive
from symnn.derivation.lines import Lines, LinesDerivation
from symnn.derivation.network import Network
from symnn.io.errors import SpecError
from symnn.io.exit_codes import FINE, STALE
from symnn.targets.registry import compile_module

ENTRIES = 20  # of a parameter, at which a module's gradients are compared
WORK = 2**27  # values that a module computes to be compared


def check(
    specs: tuple[str, ...],
    seed: int,
    against: tuple[str, ...],
    rtol: float | None,
    loss_scale: str | None,
    strict: bool,
    as_csv: bool,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> int:
    """Verify derivations and modules."""
    models = [model(source) for source in specs]
    if against:
        if len(models) > 1:
            raise mistake("--against", "takes one spec")
        options = {"rtol": rtol, "loss_scale": loss_scale, "strict": strict}
        table = "json" if as_json else "csv" if as_csv else ""
        return compare_files(specs[0], models[0], against, options, table, quiet)
    code, objects = FINE, []
    for name, own in zip(specs, models, strict=True):
        if isinstance(own, Lines):
            report = verify_lines(LinesDerivation(own), seed)
            for note in own.notes:
                say(f"{own.name}: {note}")
        else:
            report = verify(derive(own), seed)
        entries = _entries(own)
        error, failure = _module_error(own, seed, entries)
        held = failure is None
        code = code if report.ok and held else STALE
        objects.append(
            {
                "spec": name,
                "ok": report.ok and held,
                "comparisons": len(report.rows),
                "max_error": report.max_error,
                "longest_axis": report.longest,
                "parts": report.parts,
                "entries": report.probes[0],
                "directions": report.probes[1],
                "module_error": error,
                "module_failure": failure,
                "failed": [
                    {"what": r.what, "line": r.line, "error": r.error} for r in report.failed
                ],
            }
        )
        if not as_json and not quiet:
            rows = str(report).splitlines()
            shown = rows if verbose else [*map(_failure, report.failed), rows[-1]]
            if error is not None:
                few = "" if entries == ENTRIES else f", at {entries} of the entries of a parameter"
                shown.append(f"generated module: central differences agree to {error:.1e}{few}")
            put("".join(f"{name}: {row}\n" for row in shown))
        if failure is not None and not as_json:
            say(f"{name}: the generated module: {failure}")
    if as_json:
        result({"checks": objects}, "", as_json, quiet)
    return code


def _entries(model: Network | Lines) -> int:
    """At how many entries of a parameter the module's gradients are compared: of lines so large
    that this would compute more than WORK values, at fewer."""
    if not isinstance(model, Lines):
        return ENTRIES
    each = 2 * entries_of(model.program) * max(1, len(model.parameters))
    return max(1, min(ENTRIES, WORK // each))


def _module_error(
    model: Network | Lines, seed: int, entries: int
) -> tuple[float | None, str | None]:
    """The largest error of the generated module's gradients, or why they do not hold.

    Of lines that have no loss or no parameters there is no module, and of a scalar that is not
    L none that is checked.
    """
    try:
        module: Any = compile_module(model)
    except SpecError:
        return None, None
    try:
        few = {} if entries == ENTRIES else {"entries": entries}
        return float(module.check(seed, **few)), None
    except ArithmeticError as problem:
        return None, str(problem)


def _failure(row: Any) -> str:
    return f"does not hold ({row.error:.1e}): {row.what}: {row.line}"
