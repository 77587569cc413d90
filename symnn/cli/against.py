"""symnn check --against: backpropagations of the user's own, one file or those of a class."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from symnn.checking.compare import compare_file
from symnn.cli.output import result
from symnn.cli.streams import put
from symnn.derivation.lines import Lines
from symnn.derivation.network import Network
from symnn.io.errors import SpecError
from symnn.io.exit_codes import FINE, STALE, USAGE

COLUMNS = ("file", "ok", "first", "cause", "convention", "error")


def compare_files(
    spec: str,
    model: Network | Lines,
    files: Sequence[str],
    options: Mapping[str, Any],
    table: str,
    quiet: bool,
) -> int:
    """Compare the gradients in files with the derivation.

    table: "json" or "csv", with one row a file; "" for text.  Of several files one that cannot be
    compared is a row too.  The exit code is that of the worst.
    """
    rows, texts, codes = [], [], [FINE]
    for name in files:
        row: dict[str, Any] = {"spec": spec, "file": name}
        try:
            found = compare_file(model, Path(name), **options)
        except SpecError as error:
            if len(files) == 1:
                raise
            codes.append(USAGE)
            rows.append(row | {"ok": False, "error": str(error)})
            texts.append(f"{name}: {error}")
            continue
        first = found.first
        rows.append(
            row
            | {
                "ok": found.ok,
                "first": first.quantity if first else None,
                "cause": first.cause if first else None,
                "convention": found.convention,
                "dtype": found.dtype,
                "rows": found.objects(),
            }
        )
        said = f"; convention: {found.convention}" if found.convention else ""
        texts.append(str(found) if len(files) == 1 else f"{name}: {found.verdict}{said}")
        codes.append(FINE if found.ok else STALE)
    if table == "csv":
        put(_table(rows))
    else:
        result({"comparisons": rows}, "\n".join(texts), table == "json", quiet)
    return USAGE if USAGE in codes else max(codes)


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        cells = {**row, "ok": "yes" if row["ok"] else "no"}
        writer.writerow(["" if cells.get(name) is None else cells[name] for name in COLUMNS])
    return text.getvalue()
