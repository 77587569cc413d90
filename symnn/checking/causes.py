"""Which mistake gives the numbers that were handed in.

A cause is never guessed: it is a change of lines that gives these very numbers.  The search goes
down the sweep.  At the first gradient that is wrong for a reason of its own it tries the changes of
the lines between it and those handed in above it; one that fits is also tried on all lines of its
kind.  The change that explains the most gradients and breaks none is the cause; then it stands, and
the search goes on below.  Of several the simplest is named, in the order of mistakes.OPERATORS:
one line before all lines of a kind, the gradient's own line before those above it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import sympy as sp

from symnn.checking.mistakes import Change, Mistake, constants, forms, mistakes
from symnn.checking.reverse import ReversePass
from symnn.engine.evaluate import Array
from symnn.engine.ir import Line

PAIRS = 1_500  # how often changes of two lines are evaluated for one gradient, the simplest first


@dataclass(frozen=True)
class Cause:
    """Mistakes that explain gradients: those they put right, and what they are at each line."""

    mistakes: tuple[Mistake, ...]
    fixed: frozenset[str]
    every: bool = False
    lines: Mapping[str, Line] = field(default_factory=dict)
    extra: Mapping[str, Array] = field(default_factory=dict)

    @property
    def order(self) -> tuple[Any, ...]:
        """The most gradients first, then the stated order."""
        return -len(self.fixed), len(self.mistakes) > 1 and not self.every, self.mistakes[0].rank


def causes_of(reverse: ReversePass) -> dict[str, str]:
    """Gradient -> why it is wrong, of each that was handed in and is."""
    search = Search(reverse)
    wrong = reverse.wrong(reverse.right)
    follows = [n for n in wrong if reverse.fits(n, reverse.given[n], reverse.expected[n])]
    origins = {n: [o for o in reverse.above(n) if o in wrong] for n in wrong}
    own = [n for n in wrong if n not in follows]
    found = search.run(own)
    texts = {}
    for name in wrong:
        origin = " and ".join(origins[name])
        text = found.get(name, "")
        if origin:
            text = f"follows from {origin}" + (f", and {text}" if text else "")
        texts[name] = text or "unknown"
    return texts


class Search:
    """The causes at one point, found one after the other."""

    def __init__(self, reverse: ReversePass) -> None:
        self.reverse = reverse
        self._changes: dict[str, list[Mistake]] = {}
        self._unknown = False

    def changes(self, name: str) -> list[Mistake]:
        """All changes of a line."""
        if name not in self._changes:
            self._changes[name] = list(mistakes(self.reverse, name))
        return self._changes[name]

    def run(self, own: Sequence[str]) -> dict[str, str]:
        """Gradient -> its cause, of each of these that has one; "unknown" of the others."""
        texts: dict[str, str] = {}
        reverse = self.reverse
        while left := [n for n in reverse.wrong(reverse.expected) if n in own and n not in texts]:
            found = self._best(left[0], left)
            if not found:
                texts[left[0]] = "unknown"
                self._unknown = True
                continue
            best = found[0]
            for name in best.fixed:
                texts[name] = " or ".join(dict.fromkeys(self._said(cause, name) for cause in found))
            reverse.change(best.lines, best.extra)
            self._changes.clear()
        return texts

    def _said(self, cause: Cause, name: str) -> str:
        """The cause in words, at a gradient that it explains."""
        reverse = self.reverse
        order = list(reverse.lines)
        before = reverse.before([name])
        sites = [m for m in cause.mistakes if m.site in before] or list(cause.mistakes)
        if not cause.every:
            said = [self._placed(m, name) for m in sites]
            return ", and ".join(dict.fromkeys(said))
        nearest = max(sites, key=lambda m: order.index(m.site))
        return f"{self._placed(nearest, name)} (in every layer)"

    def _placed(self, mistake: Mistake, name: str) -> str:
        what = mistake.change.what
        if mistake.site == name:
            return what
        forward = mistake.site not in self.reverse.tensors
        where = f"in the forward pass, {mistake.site}" if forward else mistake.site
        return f"inherited from {where}: {what}"

    # one gradient ----------------------------------------------------------------------------

    def _best(self, name: str, left: Sequence[str]) -> list[Cause]:
        """The causes of a wrong gradient that explain the most; none, if none explains it."""
        backward = self._sites(name, left, forward=False)
        for candidates in (
            self._single(name, backward),
            self._single(name, self._sites(name, left, forward=True)),
            self._scaled(name, backward),
            self._in_terms(name, backward),
            self._in_lines(name, backward, left),
        ):
            hits = [cause for m in candidates for cause in self._tried(m, name, left)]
            if hits:
                hits.sort(key=lambda cause: cause.order)
                best = hits[0]
                return [
                    c
                    for c in hits
                    if c.order == best.order and c.mistakes[0].site == best.mistakes[0].site
                ][:3]
        return []

    def _sites(self, name: str, left: Sequence[str], forward: bool) -> list[str]:
        """The lines that may hold a mistake: those that explain the gradient and no right one."""
        reverse = self.reverse
        right = [n for n in reverse.given if n not in left and n != name]
        found = []
        for site in reversed(list(reverse.lines)):
            if (site in reverse.tensors) == forward or site not in reverse.before([name]):
                continue
            reached = reverse.after([site])
            if site == name or not any(n in reached and n != name for n in right):
                found.append(site)
        return found

    def _single(self, name: str, sites: Sequence[str]) -> Iterator[Mistake]:
        """The changes at these lines that give a gradient as it was handed in."""
        for site in sites:
            for mistake in self.changes(site):
                fitted = self._fitted(mistake, name)
                if fitted is not None:
                    yield fitted

    def _values(self, mistake: Mistake, name: str) -> Array:
        change = mistake.change
        return self.reverse.rerun({mistake.site: change.line}, [name], change.extra)[name]

    def _fitted(self, mistake: Mistake, name: str) -> Mistake | None:
        """The mistake with its unknown number, if it gives the gradient; else None."""
        reverse, change = self.reverse, mistake.change
        given = reverse.given[name]
        value = self._values(mistake, name)
        if change.along is None:
            return mistake if reverse.fits(name, given, value) else None
        line = replace(change.line, terms=(*change.line.terms, *change.along.terms))
        step = self._values(replace(mistake, change=change._replace(line=line)), name) - value
        size = float((step**2).sum())
        if given.size < 2 or not size or not np.isfinite(size):
            return None
        c = float(((given - value) * step).sum()) / size
        if abs(c) < 1e-9 or not reverse.fits(name, given, value + c * step):
            return None
        return replace(mistake, change=_with_number(change, c))

    def _tried(self, mistake: Mistake | Cause, name: str, left: Sequence[str]) -> Iterator[Cause]:
        """The cause of one mistake, and of the same mistake in all lines of its kind."""
        if isinstance(mistake, Cause):
            yield mistake
            return
        one = self._explained((mistake,), left)
        if one:
            yield one
        if one and len(one.fixed) == len(left):
            return
        everywhere = self._everywhere(mistake)
        order = list(self.reverse.lines)
        below = [m for m in everywhere if order.index(m.site) >= order.index(mistake.site)]
        for group in (everywhere, below):
            every = self._explained(tuple(group), left) if len(group) > 1 else None
            if every and name in every.fixed and (not one or len(every.fixed) > len(one.fixed)):
                yield replace(every, every=True)
                return

    def _everywhere(self, mistake: Mistake) -> list[Mistake]:
        """The same change in all lines of the kind, with the same number."""
        reverse = self.reverse
        own = reverse.lines[mistake.site].lhs
        found = []
        for site, line in reverse.lines.items():
            other = line.lhs
            if (other.role, self._kind(site)) != (own.role, self._kind(mistake.site)):
                continue
            same = [m for m in self.changes(site) if m.change.key == mistake.change.key]
            if site == mistake.site:
                found.append(mistake)
            elif same:
                c = mistake.change.number
                change = same[0].change
                found.append(replace(same[0], change=_with_number(change, c) if c else change))
        return found

    def _kind(self, name: str) -> str:
        tensor = self.reverse.tensors.get(name, name)
        t = self.reverse.sweep.forward.tensors[tensor]
        return t.kind or t.letter or t.name

    def _explained(self, found: tuple[Mistake, ...], left: Sequence[str]) -> Cause | None:
        """The cause of mistakes; None if they put nothing right, or a right gradient wrong."""
        reverse = self.reverse
        lines = {m.site: m.change.line for m in found}
        extra = {n: a for m in found for n, a in m.change.extra.items()}
        values = reverse.rerun(lines, reverse.given, extra)
        fits = {n for n, u in reverse.given.items() if reverse.fits(n, u, values[n])}
        had = {n for n, u in reverse.given.items() if reverse.fits(n, u, reverse.expected[n])}
        fixed = frozenset(fits - had) & set(left)
        if not fixed or had - fits:
            return None
        return Cause(found, fixed, lines=lines, extra=extra)

    # two at once -------------------------------------------------------------------------------

    def _pool(self, site: str) -> list[Mistake]:
        """The changes of a line with no unknown number."""
        return [m for m in self.changes(site) if m.change.along is None]

    def _scaled(self, name: str, sites: Sequence[str]) -> Iterator[Mistake]:
        """Any change, and a factor or a sign on its line."""
        reverse, given = self.reverse, self.reverse.given[name]
        scales: dict[str, float] = {"opposite sign": -1.0}
        for c, words in constants(reverse).items():
            scales[f"a factor {words[0]} too much"] = c
            scales[f"a factor {words[0]} is missing"] = 1 / c
        for site in sites:
            for mistake in self._pool(site):
                value = self._values(mistake, name)
                for word, scale in scales.items():
                    if reverse.fits(name, given, scale * value):
                        yield _times(mistake, scale, word)

    def _in_terms(self, name: str, sites: Sequence[str]) -> Iterator[Mistake]:
        """Two changes of different terms of a line."""
        for site in sites if not self._unknown else ():
            own = forms(self.reverse, site)[0]
            pool = [(_changed_terms(m.change.line, own), m) for m in self._pool(site)]
            for (i, one), (j, two) in itertools.combinations([p for p in pool if p[0]], 2):
                if i & j:
                    continue
                terms = [
                    two.change.line.terms[k] if k in j else t
                    for k, t in enumerate(one.change.line.terms)
                ]
                change = Change(
                    replace(own, terms=tuple(terms)),
                    f"{one.change.what}, and {two.change.what}",
                    (one.change.key, two.change.key),
                    extra={**one.change.extra, **two.change.extra},
                )
                both = replace(one, change=change)
                if self.reverse.fits(name, self.reverse.given[name], self._values(both, name)):
                    yield both

    def _in_lines(self, name: str, sites: Sequence[str], left: Sequence[str]) -> Iterator[Cause]:
        """Two simple changes of two lines.

        Not where nothing explains a gradient above: then more mistakes than two are likelier.
        """
        reverse, given = self.reverse, self.reverse.given[name]
        pairs = [] if self._unknown else list(itertools.combinations(reversed(sites), 2))
        each = math.isqrt(PAIRS // max(1, len(pairs)))
        for above, below in pairs:
            for first in self._pool(above)[:each]:
                lines, extra = {above: first.change.line}, first.change.extra
                path = reverse.started(lines, [name], extra)
                path = {n: array for n, array in path.items() if n not in reverse.given}
                for second in self._pool(below)[:each]:
                    extra = {**path, **second.change.extra}
                    value = reverse.rerun({below: second.change.line}, [name], extra)[name]
                    if reverse.fits(name, given, value):
                        cause = self._explained((first, second), left)
                        if cause:
                            yield cause


def _changed_terms(line: Line, own: Line) -> frozenset[int]:
    """Which terms of a line are others; none where their number is."""
    if len(line.terms) != len(own.terms):
        return frozenset()
    return frozenset(
        k for k, (a, b) in enumerate(zip(line.terms, own.terms, strict=True)) if a != b
    )


def _with_number(change: Change, c: float) -> Change:
    """The change with its unknown number."""
    if change.along is None:
        return change
    more = (replace(t, f=sp.Float(c) * t.f) for t in change.along.terms)
    line = replace(change.line, terms=(*change.line.terms, *more))
    what = change.what.format(c=f"{c:.6g}")
    return change._replace(line=line, what=what, along=None, number=c)


def _times(mistake: Mistake, c: float, word: str) -> Mistake:
    """The mistake, and a factor on its line."""
    change = mistake.change
    terms = tuple(
        replace(t, f=sp.Rational(c).limit_denominator(10**6) * t.f) for t in change.line.terms
    )
    line = replace(change.line, terms=terms)
    what, key = f"{change.what}, and {word}", (change.key, word)
    return replace(mistake, change=change._replace(line=line, what=what, key=key))
