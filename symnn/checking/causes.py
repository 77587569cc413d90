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
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
import sympy as sp

from symnn.checking.mistakes import Change, Mistake, constants, forms, mistakes
from symnn.checking.reverse import ReversePass
from symnn.engine.evaluate import Array
from symnn.engine.ir import Line

ENTRIES = 2**23  # of the values that the changes of a line give at once
STEPS = 40_000  # of scans that are computed again, each for one line
SIMPLEST = 64  # of the changes of two lines, each with each is tried


@dataclass(frozen=True)
class Cause:
    """Mistakes that explain gradients: fixed, those they put right.

    every: where one mistake was made several times, in words; else "".  lines, extra: what stands
    in place of the lines, and the arrays that these read beside.
    """

    mistakes: tuple[Mistake, ...]
    fixed: frozenset[str]
    every: str = ""
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
    origins = {n: [o for o in reverse.above(n) if o in wrong[: wrong.index(n)]] for n in wrong}
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


class Trials(NamedTuple):
    """The changes of a line, and what each gives there, one after the other."""

    mistakes: list[Mistake]
    values: Array

    def simplest(self) -> Trials:
        """Some of those without an unknown number."""
        kept = [k for k, m in enumerate(self.mistakes) if m.change.along is None][:SIMPLEST]
        return Trials([self.mistakes[k] for k in kept], self.values[kept])


class Search:
    """The causes at one point, found one after the other."""

    def __init__(self, reverse: ReversePass) -> None:
        self.reverse = reverse
        # what is known of lines, and of their values until one is changed
        self._changes: dict[str, list[Mistake]] = {}
        self._tried_at: dict[str, Trials] = {}
        self._unknown, self._steps = False, 0

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
            for site, known in list(self._changes.items()):
                if any(m.change.extra for m in known):  # arrays of other values
                    del self._changes[site]
            self._tried_at.clear()
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
        return f"{self._placed(nearest, name)} ({cause.every})"

    def _placed(self, mistake: Mistake, name: str) -> str:
        what = mistake.change.what
        if mistake.site == name:
            return what
        if mistake.site not in self.reverse.tensors:
            return f"in the forward pass, {mistake.site}: {what}"
        return f"inherited from {mistake.site}: {what}"

    # one gradient ----------------------------------------------------------------------------

    def _best(self, name: str, left: Sequence[str]) -> list[Cause]:
        """The causes of a wrong gradient that explain the most; none, if none explains it."""
        backward = self._sites(name, left, forward=False)
        forward = [] if self._unknown else self._sites(name, left, forward=True)
        for candidates in (
            self._single(name, left, backward),
            self._forward(name, left, forward),
            self._scaled(name, left, backward),
            self._in_terms(name, left),
            self._in_lines(name, left, backward),
        ):
            hits = sorted(candidates, key=lambda cause: cause.order)
            if hits:
                first = hits[0].order, hits[0].mistakes[0].site
                return [c for c in hits if (c.order, c.mistakes[0].site) == first][:3]
        return []

    def _sites(self, name: str, left: Sequence[str], forward: bool) -> list[str]:
        """The lines that may hold a mistake: those that explain the gradient and no right one."""
        reverse = self.reverse
        right = {n for n in reverse.given if n not in left and n != name}
        before = reverse.before([name])
        return [
            site
            for site in reversed(list(reverse.lines))
            if site in before
            and (site not in reverse.tensors) == forward
            and (site == name or not right & (reverse.after([site]) - {name}))
        ]

    def _trials(self, site: str) -> Iterator[Trials]:
        """The changes of a line, and what each gives there; so many at once as memory holds."""
        found, reverse = self.changes(site), self.reverse
        many = max(1, ENTRIES // reverse.entries)
        if site in self._tried_at:
            yield self._tried_at[site]
            return
        for start in range(0, len(found), many):
            some = found[start : start + many]
            values = [reverse.value(m.change.line, m.change.extra) for m in some]
            trials = Trials(some, np.array(values))
            if len(some) == len(found):
                self._tried_at[site] = trials
            yield trials

    def _results(
        self, site: str, name: str, lines: Mapping[str, Line] | None = None
    ) -> Iterator[tuple[Trials, Array]]:
        """The changes of a line, and the gradient that each gives; lines: as of ``follow``.

        Of a line in a scan without values there, and none with an unknown number.
        """
        reverse = self.reverse
        if not reverse.scanned(site):
            for trials in self._trials(site):
                values = reverse.follow(site, trials.values, [name], lines)[name]
                yield trials, np.broadcast_to(values, (len(trials.mistakes), *values.shape[1:]))
            return
        found = [m for m in self.changes(site) if m.change.along is None]
        found = found[: max(0, STEPS - self._steps) // reverse.steps(site, name)]
        self._steps += len(found) * reverse.steps(site, name)
        for m in found:
            changed = {**(lines or {}), site: m.change.line}
            value = reverse.rerun(changed, m.change.extra, [name])[name][None]
            yield Trials([m], value), value

    def _single(self, name: str, left: Sequence[str], sites: Sequence[str]) -> Iterator[Cause]:
        """One change, or the same in all lines of the kind."""
        reverse = self.reverse
        for site in sites:
            for trials, values in self._results(site, name):
                for k in reverse.fitting(name, values):
                    if trials.mistakes[k].change.along is None:
                        yield from self._and_everywhere(trials.mistakes[k], name, left)
                for k, mistake in enumerate(trials.mistakes):
                    if mistake.change.along is not None:
                        number = self._number(mistake, trials.values[k], name)
                        if number is not None:
                            known = replace(mistake, change=_with_number(mistake.change, number))
                            yield from self._and_everywhere(known, name, left)

    def _number(self, mistake: Mistake, value: Array, name: str) -> float | None:
        """The unknown number with which a change gives a gradient, which is linear in it."""
        reverse, change, given = self.reverse, mistake.change, self.reverse.given[name]
        step = reverse.value(change.along) if change.along else value
        values = reverse.follow(mistake.site, np.array([value, value + step]), [name])[name]
        along = values[-1] - values[0]
        size = float((along**2).sum())
        if given.size < 2 or not size or not np.isfinite(size):
            return None
        c = float(((given - values[0]) * along).sum()) / size
        return c if abs(c) > 1e-9 and reverse.fitting(name, (values[0] + c * along)[None]) else None

    def _forward(self, name: str, left: Sequence[str], sites: Sequence[str]) -> Iterator[Cause]:
        """One change of the forward pass, or the same in all lines of the kind.

        What follows is computed by the lines of the rule, or by the simplified ones.
        """
        reverse = self.reverse
        for lines in ({}, reverse.final) if sites else ():
            groups: dict[Hashable, list[Mistake]] = {}
            for site in sites:
                for trials, values in self._results(site, name, lines):
                    for k in reverse.fitting(name, values):
                        cause = self._explained((trials.mistakes[k],), left, lines)
                        if cause:
                            yield cause
                for mistake in self.changes(site):
                    if mistake.change.along is None:
                        key = self._kind(site), mistake.change.key
                        groups.setdefault(key, []).append(mistake)
            for group in groups.values():
                if len({m.site for m in group}) == len(group) > 1:
                    changed = {**lines, **{m.site: m.change.line for m in group}}
                    value = reverse.rerun(changed, wanted=[name])[name]
                    if reverse.fitting(name, value[None]):
                        cause = self._explained(tuple(group), left, lines)
                        if cause:
                            yield replace(cause, every="in every layer")

    def _and_everywhere(self, mistake: Mistake, name: str, left: Sequence[str]) -> Iterator[Cause]:
        """The cause of one mistake, and of the same mistake in all lines of its kind."""
        one = self._explained((mistake,), left)
        if one:
            yield one
        if one and len(one.fixed) == len(left):
            return
        everywhere = self._everywhere(mistake)
        order = list(self.reverse.lines)
        below = [m for m in everywhere if order.index(m.site) >= order.index(mistake.site)]
        kind = "layer" if self.reverse.lines[mistake.site].lhs.layer else "line of the kind"
        for group, words in (
            (everywhere, f"in every {kind}"),
            (below, f"here and in every {kind} before it"),
        ):
            every = self._explained(tuple(group), left) if len(group) > 1 else None
            if every and name in every.fixed and (not one or len(every.fixed) > len(one.fixed)):
                yield replace(every, every=words)
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

    def _explained(
        self,
        found: tuple[Mistake, ...],
        left: Sequence[str],
        lines: Mapping[str, Line] | None = None,
    ) -> Cause | None:
        """The cause of mistakes; None if they put nothing right, or a right gradient wrong.

        lines: other forms in which lines below are computed.
        """
        reverse = self.reverse
        changed = {**(lines or {}), **{m.site: m.change.line for m in found}}
        extra = {n: a for m in found for n, a in m.change.extra.items()}
        values = reverse.rerun(changed, extra)
        fits = {n for n, u in reverse.given.items() if reverse.fits(n, u, values[n])}
        had = {n for n, u in reverse.given.items() if reverse.fits(n, u, reverse.expected[n])}
        fixed = frozenset(fits - had) & set(left)
        if not fixed or had - fits:
            return None
        return Cause(found, fixed, lines=changed, extra=extra)

    # two at once -------------------------------------------------------------------------------

    def _simple(self, sites: Iterable[str]) -> list[str]:
        """The lines of which two are tried at once: those whose changes memory holds together.

        None, once nothing explains a gradient: then more mistakes than two are likelier.
        """
        small = ENTRIES // self.reverse.entries >= SIMPLEST**2
        return [s for s in sites if s in self._tried_at and small and not self._unknown]

    def _scaled(self, name: str, left: Sequence[str], sites: Sequence[str]) -> Iterator[Cause]:
        """Any change, and a factor or a sign on its line."""
        reverse = self.reverse
        scales: dict[str, float] = {"opposite sign": -1.0}
        for c, words in constants(reverse).items():
            scales[f"a factor {words[0]} too much"] = c
            scales[f"a factor {words[0]} is missing"] = 1 / c
        for site in sites:
            for trials, values in self._results(site, name):
                for word, scale in scales.items():
                    for k in reverse.fitting(name, scale * values):
                        mistake = trials.mistakes[k]
                        if mistake.change.along is None:
                            cause = self._explained((_times(mistake, scale, word),), left)
                            if cause:
                                yield cause

    def _in_terms(self, name: str, left: Sequence[str]) -> Iterator[Cause]:
        """Two changes of different terms of the gradient's own line."""
        own = forms(self.reverse, name)[0]
        if len(own.terms) < 2 or not self._simple([name]):
            return
        trials = self._tried_at[name]
        terms = [_changed_terms(m.change.line, own) for m in trials.mistakes]
        steps = trials.values - self.reverse.value(own)
        for i, one in enumerate(trials.mistakes):
            others = [j for j in range(i + 1, len(terms)) if terms[i] and not terms[i] & terms[j]]
            for k in self.reverse.fitting(name, trials.values[i] + steps[others]):
                if terms[others[k]]:
                    both = _both(one, trials.mistakes[others[k]], terms[others[k]])
                    cause = self._explained((both,), left)
                    if cause:
                        yield cause

    def _in_lines(self, name: str, left: Sequence[str], sites: Sequence[str]) -> Iterator[Cause]:
        """Two simple changes of two lines."""
        reverse = self.reverse
        for above, below in itertools.combinations(self._simple(reversed(sites)), 2):
            upper, lower = (self._tried_at[site].simplest() for site in (above, below))
            arrays = reverse.follow(above, upper.values, [below, name])
            arrays = {n: a for n, a in arrays.items() if n not in reverse.given}
            for second in lower.mistakes:
                values = reverse.values_of(second.change.line, {**arrays, **_added(second)})
                values = reverse.follow(below, values, [name], arrays=arrays)[name]
                for k in reverse.fitting(name, values):
                    if k < len(upper.mistakes):
                        cause = self._explained((upper.mistakes[k], second), left)
                        if cause:
                            yield cause


def _changed_terms(line: Line, own: Line) -> frozenset[int]:
    """Which terms of a line are others; none where their number is."""
    if len(line.terms) != len(own.terms):
        return frozenset()
    return frozenset(
        k for k, (a, b) in enumerate(zip(line.terms, own.terms, strict=True)) if a != b
    )


def _both(one: Mistake, two: Mistake, places: frozenset[int]) -> Mistake:
    """Two changes of different terms of a line, the second of these."""
    terms = [
        two.change.line.terms[k] if k in places else t for k, t in enumerate(one.change.line.terms)
    ]
    change = one.change._replace(
        line=replace(one.change.line, terms=tuple(terms)),
        what=f"{one.change.what}, and {two.change.what}",
        key=(one.change.key, two.change.key),
        extra={**one.change.extra, **two.change.extra},
    )
    return replace(one, change=change)


def _added(mistake: Mistake) -> dict[str, Array]:
    return {n: a[None] for n, a in mistake.change.extra.items()}


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
