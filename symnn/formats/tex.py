"""User text in TeX: made literal, broken, measured."""

from __future__ import annotations

import re
import unicodedata

LONG, PART = 17, 8  # letters of a word that may be broken, and of its parts

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
