"""The tests' own reader of the TeX of formulas as the runs of a drawing: what SVG should show.

It reads what the TeX printer writes, and knows nothing of the trees that both printers print.
"""

import re

from symnn.drawing.mathtext import SPACED, Run, glyphs, merged

FONTS = r"\\(?:mathrm|mathbf|boldsymbol|mathcal|operatorname|hat|tilde|bar)"
TOKEN = re.compile(r"\\[A-Za-z]+|\\.|\s+|.", re.DOTALL)
DROPPED = {
    r"\left": "",
    r"\right": "",
    r"\lVert": "‖",
    r"\rVert": "‖",
    r"\lvert": "|",
    r"\rvert": "|",
}


class Reader:
    def __init__(self, tex):
        self.tokens = TOKEN.findall(tex)
        self.at = 0

    def next(self):
        self.at += 1
        return self.tokens[self.at - 1]

    def skip(self):
        while self.at < len(self.tokens) and self.tokens[self.at].isspace():
            self.at += 1

    def braces(self):
        """The tokens of a group in braces, as TeX."""
        self.skip()
        assert self.next() == "{"
        start, depth = self.at, 1
        while depth:
            depth += {"{": 1, "}": -1}.get(self.next(), 0)
        return "".join(self.tokens[start : self.at - 1])

    def runs(self):
        found, base = [], 0
        while self.at < len(self.tokens):
            token = self.next()
            if token in ("_", "^"):
                own = self.scripted(found[base:], runs(self.braces()), -1 if token == "_" else 1)
                found[base:] = own
            elif not token.isspace():
                base = len(found)
                found += self.atom(token, bool(found))
        return found

    @staticmethod
    def scripted(base, script, level):
        script = merged(run.script(level) for run in script)
        at = max((k for k, run in enumerate(base) if run.level != -level), default=-1) + 1
        other = list(range(at, len(base)))
        if not other or any(run.inner for run in (*base[other[0] :], *script)):
            return [*base, *script]
        first = "".join(run.text for run in base[other[0] :])
        second, font = "".join(run.text for run in script), script[0].font
        pair = Run(first, font, -level), Run(second, font, level, stacked=True)
        return [*base[: other[0]], *pair]

    def atom(self, token, joins):
        if token == "{":
            self.at -= 1
            return runs(self.braces())
        if re.fullmatch(FONTS, token):
            return list(glyphs(f"{token}{{{self.braces()}}}"))
        if token == r"\frac":
            top, bottom = self.braces(), self.braces()
            return [*bracketed(top, r" [-+] |^-"), Run("/", "upright"), *bracketed(bottom, SPLIT)]
        if token == r"\sqrt":
            return [Run("√(", "upright"), *runs(self.braces()), Run(")", "upright")]
        if token in DROPPED:
            return [Run(DROPPED[token], "upright")] if DROPPED[token] else []
        own = list(glyphs(token))
        spaced = joins and own and own[0].text in SPACED and self.tokens[self.at - 2].isspace()
        return [Run(f" {own[0].text} ", "upright")] if spaced else own


SPLIT = r" [-+] |^-|(?<!\\partial) "  # terms or factors


def bracketed(tex, sign):
    """A part of a fraction, in brackets where such a sign stands in it outside all others."""
    outside, depth = "", 0
    for token in TOKEN.findall(tex):
        depth -= token in (")", "]", "}")
        outside += token if depth == 0 else "x"
        depth += token in ("(", "[", "{")
    brackets = re.search(sign, outside) is not None
    left, right = ([Run("(", "upright")], [Run(")", "upright")]) if brackets else ([], [])
    return [*left, *runs(tex), *right]


def runs(tex):
    """TeX as runs."""
    return list(merged(Reader(tex).runs()))
