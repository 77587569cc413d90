"""About how wide formulas are, from their TeX."""

from __future__ import annotations

import re


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
