"""TeX at the edges: user text made literal, and documents compiled to PDF."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import unicodedata
from pathlib import Path

from symnn.io.errors import Problem, UserError
from symnn.io.processes import run, scratch

SECONDS = 60
LONG, PART = 17, 8  # letters of a word that may be broken, and of its parts
PACKAGES = {  # of Debian, for each program
    "pdflatex": "texlive-latex-base texlive-latex-recommended texlive-pictures lmodern",
    "xelatex": "texlive-xetex texlive-lang-chinese texlive-fonts-recommended "
    "texlive-latex-recommended texlive-pictures lmodern",
}

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "'": r"\textquotesingle{}",
    "`": r"\textasciigrave{}",
    "-": r"{-}",  # no ligatures: -- stays two characters
    ",": r"{,}",
    "!": r"{!}",
    "?": r"{?}",
}


# a command of a formula in a sentence is about as wide as a letter, but for these
_COMMAND = re.compile(r"\\(?:[A-Za-z]+|,)")
_NOTHING = (r"\left", r"\right", r"\,", r"\mathrm", r"\mathbf", r"\operatorname", r"\text")
_NAMES = ("log", "exp", "max", "tanh", "sinh", "cosh", "sin", "cos", "arctan")
WIDE = {**dict.fromkeys(_NOTHING, ""), **{rf"\{name}": name for name in _NAMES}}


class TexError(UserError):
    """TeX is not there, or failed; ``hint`` is the way out."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__([Problem("pdf", None, "", message, hint)])
        self.message = message
        self.hint = hint


def escape(text: str, program: str = "pdflatex") -> str:
    """User text as TeX that prints these very characters.

    Letters beyond Latin are printed as their code point, U+4E2D, if the fonts have no others:
    Latin Modern, which pdflatex sets, and for xelatex Fandol, which has the Chinese of GB 2312.
    """
    chinese = program == "xelatex"
    return "".join(c if chinese and in_fandol(c) else _escaped(c) for c in text)


def breakable(text: str, program: str = "pdflatex") -> str:
    """As escape; words too long for a line may be broken, without a hyphen."""
    out = []
    # between Chinese letters a line is broken anyway
    for k, words in enumerate(re.split(rf"([^\s\u2e80-\uffef]{{{LONG},}})", text)):
        part = PART if k % 2 else len(words) or 1
        parts = (words[at : at + part] for at in range(0, len(words), part))
        out.append(r"\hspace{0pt}".join(escape(each, program) for each in parts))
    return "".join(out)


def in_fandol(c: str) -> bool:
    """Whether a character is one of the Chinese letters and signs of GB 2312."""
    try:
        return c > "\u3000" and bool(c.encode("gb2312"))
    except UnicodeEncodeError:
        return False


def _escaped(c: str) -> str:
    if c in _SPECIAL:
        return _SPECIAL[c]
    if c.isascii() and c.isprintable():
        return c
    if c.isspace():
        return " "
    if "\u00c0" <= c <= "\u017f" and c not in "\u00d7\u00f7\u0149\u013f\u0140\u0138\u0126\u0127":
        plain = unicodedata.normalize("NFC", c)
        return plain if len(plain) == 1 and c not in _NOT_IN_T1 else f"U+{ord(c):04X}"
    return f"U+{ord(c):04X}"


_NOT_IN_T1 = frozenset("ĀāĈĉĊċĒēĔĕĖėĜĝĠġĢģĤĥĨĩĪīĬĭĮįĴĵĶķĻļŅņŌōŎŏŖŗŜŝŦŧŨũŪūŬŭŲųŴŵŶŷſ")


def said_width(text: str) -> int:
    """About how many characters of a line a sentence fills; its formulas are TeX."""
    words = _COMMAND.sub(lambda found: WIDE.get(found[0], "x"), text.replace("$", ""))
    return len(re.sub(r"[{}\s_^]", "", words)) + len(re.findall(r" [-+=x] ", words))


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
