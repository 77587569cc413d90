"""The TeX of symbols and short formulas as Unicode text: what SVG shows without TeX.

A text becomes runs, pieces in one font at one height: italic letters, upright words and
digits, scripts set smaller, above or below.  Known are the letters of the notations (Latin,
Greek, bold, calligraphic, hat, tilde, bar), sub- and superscripts, the functions by name,
and the signs of the forward lines; any other command is shown by its name.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from dataclasses import dataclass, replace

SIGNS = {
    "top": "⊤",
    "prime": "′",
    "partial": "∂",
    "nabla": "∇",
    "odot": "⊙",
    "oslash": "⊘",
    "circ": "∘",
    "ast": "∗",
    "cdot": "·",
    "times": "×",
    "le": "≤",
    "ge": "≥",
    "ne": "≠",
    "approx": "≈",
    "leftarrow": "←",
    "to": "→",
    "lVert": "‖",
    "rVert": "‖",
    "lvert": "|",
    "rvert": "|",
    "ldots": "…",
    "cdots": "⋯",
    "vdots": "⋮",
    "epsilon": "ϵ",
    "varepsilon": "ε",
    "phi": "ϕ",
    "varphi": "φ",
    ",": "\u2009",
    "quad": "\u2003",
    "left": "",
    "right": "",
    "displaystyle": "",
}
SPACED = "=+−⊙⊘∘∗·×≤≥≠≈←→"  # signs with space around them, unless in a script
FONTS = {
    "mathrm": "upright",
    "text": "upright",
    "operatorname": "upright",
    "mathbf": "bold",
    "boldsymbol": "bold italic",
    "bm": "bold italic",
    "mathcal": "script",
}
MARKS = {"hat": "ˆ", "tilde": "˜", "bar": "ˉ"}
SCRIPT = 0.7  # the size of a script, relative to that of the text
_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|\s+|.", re.DOTALL)
_WIDE, _NARROW = frozenset("mwMW⊙⊘…⋯=+−×≤≥≠≈←→"), frozenset("iltfjrI()[]{}|,.:;'′·!")


@dataclass(frozen=True)
class Run:
    """Text in one font.  level: 0, or -1 and 1 for what stands below and above the line.

    stacked: it stands above the run before it, not after it.  mark: an accent over it.
    """

    text: str
    font: str = "italic"
    level: int = 0
    stacked: bool = False
    mark: str = ""

    @property
    def width(self) -> float:
        """About how wide it is, in units of the size of the text."""
        return self.scale * sum(map(_width, self.text))

    @property
    def scale(self) -> float:
        """The size of its letters, in units of the size of the text."""
        return SCRIPT if self.level else 1.0


def _width(c: str) -> float:
    if unicodedata.east_asian_width(c) == "W":
        return 1.0
    if c in _WIDE:
        return 0.8
    if c in _NARROW:
        return 0.34
    if c.isspace():
        return 1.0 if c == "\u2003" else 0.25
    return 0.68 if c.isupper() else 0.52


def width(text: str) -> float:
    """About how wide a text is, in units of its size."""
    parts = runs(text)
    total = 0.0
    for k, run in enumerate(parts):
        before = parts[k - 1].width if run.stacked else 0.0
        total += max(0.0, run.width - before)
    return total


@functools.lru_cache(maxsize=4096)
def runs(text: str) -> tuple[Run, ...]:
    """A text with mathematics between ``$`` signs, as runs."""
    found: list[Run] = []
    for k, part in enumerate(text.split("$")):
        if k % 2:
            found += _Reader(part).runs
        elif part:
            found.append(Run(part, "upright"))
    return tuple(_merged(found))


def _merged(parts: list[Run]) -> list[Run]:
    """Neighbours of one font and height together."""
    out: list[Run] = []
    for run in parts:
        last = out[-1] if out else None
        plain = last and not (run.stacked or run.mark or last.mark)
        if last and plain and (last.font, last.level) == (run.font, run.level):
            out[-1] = replace(last, text=last.text + run.text)
        elif run.text:
            out.append(run)
    return out


class _Reader:
    """Reads one formula."""

    def __init__(self, tex: str) -> None:
        self.tokens = _TOKEN.findall(tex)
        self.at = 0
        self.runs: list[Run] = []
        self.sequence("", 0)

    def sequence(self, font: str, level: int) -> None:
        """Everything up to the closing brace, or the end."""
        base = len(self.runs)
        while self.at < len(self.tokens):
            token = self.tokens[self.at]
            self.at += 1
            if token == "}":
                return
            if token in ("_", "^"):
                self.script(token, base)
            else:
                base = len(self.runs) if not token.isspace() else base
                self.atom(token, font, level)

    def script(self, token: str, base: int) -> None:
        """A sub- or superscript of what starts at ``base``; the second of two is stacked."""
        step = -1 if token == "_" else 1
        start = len(self.runs)
        self.argument("", step)
        other = [k for k in range(base, start) if self.runs[k].level == -step]
        plain = "".join(r.text for r in self.runs[start:])
        if other and all(r.level == step for r in self.runs[start:]):
            below = "".join(self.runs[k].text for k in other)
            font = self.runs[start].font
            del self.runs[other[0] :]
            pair = (Run(below, font, -step), Run(plain, font, step, stacked=True))
            self.runs += pair

    def argument(self, font: str, level: int) -> None:
        """A group in braces, or one atom."""
        while self.at < len(self.tokens) and self.tokens[self.at].isspace():
            self.at += 1
        if self.at == len(self.tokens):
            return
        token = self.tokens[self.at]
        self.at += 1
        if token == "{":
            self.sequence(font, level)
        else:
            self.atom(token, font, level)

    def atom(self, token: str, font: str, level: int) -> None:
        """A letter, a digit, a sign, a command with its argument, or a group."""
        if token == "{":
            self.sequence(font, level)
        elif token.startswith("\\"):
            self.command(token[1:], font, level)
        elif token.isspace():
            if font == "upright":
                self.put(" ", font, level)
        elif token.isalpha():
            self.put(token, font or "italic", level)
        else:
            self.sign({"-": "−", "*": "∗", "'": "′"}.get(token, token), level)

    def command(self, name: str, font: str, level: int) -> None:
        """A backslash and what follows."""
        if name in FONTS:
            self.argument(FONTS[name], level)
        elif name in MARKS:
            start = len(self.runs)
            self.argument(font, level)
            if len(self.runs) > start:
                self.runs[start] = replace(self.runs[start], mark=MARKS[name])
        elif name == "frac":
            self.argument(font, level)
            self.put("/", "upright", level)
            self.argument(font, level)
        elif name == "sqrt":
            self.put("√(", "upright", level)
            self.argument(font, level)
            self.put(")", "upright", level)
        elif name in SIGNS:
            sign = SIGNS[name]
            if sign.isalpha():
                self.put(sign, "italic", level)
            else:
                self.sign(sign, level)
        elif greek := _greek(name):
            self.put(greek, font or ("italic" if greek.islower() else "upright"), level)
        else:
            self.put(name, "upright", level)

    def sign(self, sign: str, level: int) -> None:
        """A sign or a digit, with space around it where it joins two things."""
        joins = level == 0 and sign in SPACED and sign and self.runs
        self.put(f" {sign} " if joins else sign, "upright", level)

    def put(self, text: str, font: str, level: int) -> None:
        self.runs.append(Run(text, font, level))


def _greek(name: str) -> str | None:
    """The Greek letter of that name: alpha, Delta."""
    kind = "SMALL" if name.islower() else "CAPITAL"
    try:
        letter = {"LAMBDA": "LAMDA"}.get(name.upper(), name.upper())
        return unicodedata.lookup(f"GREEK {kind} LETTER {letter}")
    except KeyError:
        return None
