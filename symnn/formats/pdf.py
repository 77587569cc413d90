"""PDF: documents compiled by TeX."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from symnn.derivation.gradients import Gradients
from symnn.formats.latex import document
from symnn.io.errors import Problem, UserError
from symnn.io.processes import run, scratch
from symnn.notes.options import DEFAULT, NotesOptions

SECONDS = 60
PACKAGES = {  # of Debian, for each program
    "pdflatex": "texlive-latex-base texlive-latex-recommended texlive-pictures lmodern",
    "xelatex": "texlive-xetex texlive-lang-chinese texlive-fonts-recommended "
    "texlive-latex-recommended texlive-pictures lmodern",
}


class TexError(UserError):
    """TeX is not there, or failed; ``hint`` is the way out."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__([Problem("pdf", None, "", message, hint)])
        self.message = message
        self.hint = hint


def pdf(derivation: Gradients, options: NotesOptions = DEFAULT) -> bytes:
    """The LaTeX document as a PDF."""
    return compile_pdf(document(derivation, options))


def compile_pdf(tex: str) -> bytes:
    """The PDF of a document, made in a temporary folder, without shell escape.

    The program is the one that the document names in its first line, or else pdflatex.
    Raises TexError: not installed, too slow, or the first error of its log.
    """
    named = re.match(r"% !TEX program = (\w+)\n", tex)
    name = named[1] if named else "pdflatex"
    program = shutil.which(name)
    if program is None:
        raise TexError(
            f"{name} is not installed",
            f"install the Debian packages {PACKAGES[name]}, or write a file that needs no TeX: "
            ".html, .svg, .tex",
        )
    try:
        with scratch() as folder:
            (folder / "notes.tex").write_text(tex, encoding="utf-8", newline="\n")
            for _ in range(2):
                if not _run(program, folder):
                    break
            return (folder / "notes.pdf").read_bytes()
    except OSError as error:
        message = f"{name} did not run: {error.strerror or error}"
        raise TexError(message, "see to it and to the temporary folder, or write .tex") from None


def _run(program: str, folder: Path) -> bool:
    """Run TeX once; whether it asks to be run again."""
    name = Path(program).name
    command = [program, "-no-shell-escape", "-interaction=nonstopmode", "-halt-on-error", "notes"]
    fixed = {
        "openin_any": "p",
        "openout_any": "p",
        "SOURCE_DATE_EPOCH": "0",
        "max_print_line": "999",
    }
    try:
        done = run(
            command,
            SECONDS,
            cwd=folder,
            env={**os.environ, **fixed},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired as error:
        raise TexError(f"{name} took more than {SECONDS} s", "write a .tex file") from error
    log = folder / "notes.log"
    text = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
    if done.returncode or not (folder / "notes.pdf").is_file():
        raise TexError(f"{name} failed: {first_error(text)}", f"it needs {PACKAGES[name]}")
    return "Rerun to get" in text or "Rerun LaTeX" in text


def first_error(log: str) -> str:
    """The first error of a TeX log with its line."""
    found = re.search(r"^! (?P<what>.*)$(?:.*?^(?P<line>l\.\d+))?", log, re.MULTILINE | re.DOTALL)
    if not found:
        return "see its log"
    what = found["what"].splitlines()[0].strip()
    return f"{what} ({found['line']})" if found["line"] else what
