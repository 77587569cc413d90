"""Pieces of TeX, how tightly they bind, and the brackets that follow from it."""

from __future__ import annotations

import re
from collections.abc import Iterable

ADD, HADAMARD, MUL, POWER, ATOM = range(5)
Text = tuple[str, int]  # TeX and how tightly it binds


def fraction(top: str, bottom: str) -> str:
    """top over bottom."""
    return rf"\frac{{{top}}}{{{bottom}}}"


def bracketed(text: str) -> str:
    """Round brackets that grow with what they hold."""
    tall = re.search(r"\\frac|\\sum|\\left|\\begin", text)
    return rf"\left({text}\right)" if tall else f"({text})"


def within(text: Text, binds: int) -> str:
    """The text, in brackets if it binds less tightly than what surrounds it."""
    return bracketed(text[0]) if text[1] < binds else text[0]


def joined(texts: Iterable[str]) -> str:
    """A sum of terms, with the sign of a negative one before it."""
    out = ""
    for text in texts:
        if not out:
            out = text
        else:
            out += f" - {text[1:].lstrip()}" if text.startswith("-") else f" + {text}"
    return out or "0"


def operand(text: Text) -> str:
    """A factor of a matrix product; what a gradient with its nabla is of ends there."""
    return bracketed(text[0]) if text[1] < MUL or text[0].startswith(r"\nabla") else text[0]


def raised(text: Text) -> str:
    """A base that an exponent can follow."""
    if text[1] < ATOM or text[0].startswith(r"\frac") or "^" in text[0]:
        return bracketed(text[0])
    return text[0]


def visible(tex: str) -> int:
    """About how many characters wide a formula is."""
    short = re.sub(r"\\begin\{pmatrix\}(.*?)\\end\{pmatrix\}", _widest, tex)
    short = re.sub(r"\\(begin|end)\{[a-z]+\}", "", short)
    short = re.sub(r"\\frac\{([^{}]*)\}\{([^{}]*)\}", _wider, short)
    if r"\begin" in tex:  # brackets as tall as a matrix are twice as wide
        short = re.sub(r"\\(left|right)(?=[()\[\]])", "x", short)
    short = re.sub(r"\\(left|right|,|mathrm|mathbf|operatorname|text|lvert|rvert)", "", short)
    short = re.sub(r"\\(log|exp|max|tanh|sinh|cosh|sin|cos|arctan)\b", r"\1", short)
    short = re.sub(r"\\[A-Za-z]+", "x", short)
    spaced = len(re.findall(r" [-+=x] ", short))
    return len(re.sub(r"[{}\s_^]", "", short)) + spaced


def _wider(found: re.Match[str]) -> str:
    """What is as wide as a fraction: the wider one of its two parts."""
    return max(found[1], found[2], key=visible)


def _widest(found: re.Match[str]) -> str:
    """What is as wide as a matrix: the widest entries of its columns, gaps and brackets."""
    rows = [row.split(" & ") for row in found[1].split(r" \\ ")]
    columns = zip(*rows, strict=True)
    return "xx".join(max(column, key=visible) for column in columns) + "xxxx"
