"""How wide a formula is, and where a long one is broken."""

from __future__ import annotations

import re

WIDTH = 68  # of a right side on a page, in characters


def broken(tex: str, limit: int = WIDTH) -> tuple[str, ...]:
    """A long right side over several lines, broken before a sign outside all brackets."""
    if visible(tex) <= limit:
        return (tex,)
    parts, depth, start = [], 0, 0
    for k, c in enumerate(tex):
        depth += (c in "([{") - (c in ")]}")
        if depth == 0 and k > start and tex[k : k + 3] in (" + ", " - "):
            parts.append(tex[start:k])
            start = k
    parts.append(tex[start:])
    lines = [parts[0]]
    for part in parts[1:]:
        if visible(lines[-1] + part) <= limit:
            lines[-1] += part
        else:
            lines.append("{}" + part.strip())
    return tuple(lines)


def visible(tex: str) -> int:
    """About how many characters wide a formula is."""
    short = re.sub(r"\\frac\{([^{}]*)\}\{[^{}]*\}", r"\1", tex)
    short = re.sub(r"\\(left|right|,|mathrm|mathbf|operatorname|text|lvert|rvert)", "", short)
    short = re.sub(r"\\(log|exp|max|tanh|sinh|cosh|sin|cos|arctan)\b", r"\1", short)
    short = re.sub(r"\\[A-Za-z]+", "x", short)
    spaced = len(re.findall(r" [-+=x] ", short))
    return len(re.sub(r"[{}\s_^]", "", short)) + spaced
