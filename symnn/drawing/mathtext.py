"""Texts of drawings: for TikZ as TeX, for SVG as runs, pieces in one font at one height.

Runs are italic letters, upright words and digits, and scripts set smaller, above or below.  The
letters of notations, tables and users are read here: Latin, Greek, bold, calligraphic, with an
accent, words and signs; any other command is shown by its name.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace

PLAIN = {"-": "−", "*": "∗", "'": "′"}
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
    "sum": "∑",
    "langle": "⟨",
    "rangle": "⟩",
}
SPACED = "=<>+−⊙⊘∘∗·×≤≥≠≈←→"  # signs with space around them where something stands before them
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

    inner: the same within a script.  stacked: it stands above the run before it, not after it.
    mark: an accent over it.
    """

    text: str
    font: str = "italic"
    level: int = 0
    inner: int = 0
    stacked: bool = False
    mark: str = ""

    @property
    def width(self) -> float:
        """About how wide it is, in units of the size of the text."""
        return self.scale * sum(map(_width, self.text))

    @property
    def scale(self) -> float:
        """The size of its letters, in units of the size of the text."""
        return SCRIPT ** (bool(self.level) + bool(self.inner))

    @property
    def place(self) -> tuple[str, int, int]:
        """Its font and its height: neighbours that have one are one."""
        return self.font, self.level, self.inner

    def script(self, level: int) -> Run:
        """The same below or above what it follows, without the spaces around signs."""
        inner = self.level or self.inner
        return replace(self, text=self.text.replace(" ", ""), level=level, inner=inner)


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


@dataclass(frozen=True)
class Text:
    """A text as TeX, with mathematics between ``$`` signs, and as runs."""

    tex: str = ""
    runs: tuple[Run, ...] = ()

    def __add__(self, other: Text) -> Text:
        return Text(self.tex + other.tex, merged((*self.runs, *other.runs)))

    def __bool__(self) -> bool:
        return bool(self.runs)

    @property
    def width(self) -> float:
        """About how wide it is, in units of the size of the text."""
        total = 0.0
        for k, run in enumerate(self.runs):
            before = self.runs[k - 1].width if run.stacked else 0.0
            total += max(0.0, run.width - before)
        return total


def words(text: str) -> Text:
    """Words without mathematics."""
    return Text(text, (Run(text, "upright"),) if text else ())


def merged(parts: Iterable[Run]) -> tuple[Run, ...]:
    """Neighbours of one font and height together."""
    out: list[Run] = []
    for run in parts:
        last = out[-1] if out else None
        plain = last and not (run.stacked or run.mark or last.mark)
        if last and plain and last.place == run.place:
            out[-1] = replace(last, text=last.text + run.text)
        elif run.text:
            out.append(run)
    return tuple(out)


@functools.lru_cache(maxsize=4096)
def glyphs(tex: str) -> tuple[Run, ...]:
    """Letters and signs in a row, by the TeX that a notation, a table or a user has for them."""
    tokens = _TOKEN.findall(tex)
    return merged(_glyphs(tokens, ""))


def _glyphs(tokens: list[str], font: str) -> list[Run]:
    """Everything up to the closing brace, or the end; what is read goes from the tokens."""
    found: list[Run] = []
    while tokens and (token := tokens.pop(0)) != "}":
        own = _glyph(token, tokens, font)
        joins = found and own and own[0].text in SPACED
        found += [Run(f" {own[0].text} ", "upright")] if joins else own
    return found


def _glyph(token: str, tokens: list[str], font: str) -> list[Run]:
    """A letter, a digit, a sign, a command with its argument, or a group."""
    name = token[1:] if token.startswith("\\") else ""
    if token == "{":
        return _glyphs(tokens, font)
    if name in FONTS or name in MARKS:
        own = _glyph(tokens.pop(0), tokens, FONTS.get(name, font))
        return [replace(run, mark=MARKS.get(name, run.mark)) for run in own]
    if token.isspace():
        return [Run(" ", "upright")] if font == "upright" else []
    if greek := _greek(name):
        return [Run(greek, font or ("italic" if greek.islower() else "upright"))]
    text = SIGNS.get(name, name) if name else PLAIN.get(token, token)
    italic = text.isalpha() and (not name or name in SIGNS)
    return [Run(text, (font or "italic") if italic else "upright")]


def _greek(name: str) -> str | None:
    """The Greek letter of that name: alpha, Delta."""
    kind = "SMALL" if name.islower() else "CAPITAL"
    try:
        letter = {"LAMBDA": "LAMDA"}.get(name.upper(), name.upper())
        return unicodedata.lookup(f"GREEK {kind} LETTER {letter}")
    except KeyError:
        return None
