"""Nodes in columns by the longest path to them: arrows run one way, and few of them cross.

An arrow over several columns is a wire, which has a place of its own in each column between; the
arrows of one node share it.  The members of a group stand together with the wires to
them, and nothing else among them.
Coordinates: along the arrows, and across them, downwards.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import fmean
from typing import NamedTuple, TypeAlias

Place: TypeAlias = str | tuple[str, int]  # a node, or the wire of a node in a column
Point: TypeAlias = tuple[float, float]
SWEEPS, WEIGHT = 12, 50.0  # WEIGHT: of a wire, which is to be straight rather than a node near


class Box(NamedTuple):
    """How far a node reaches from its point: along (both ways), upwards and downwards."""

    half: float
    up: float
    down: float


WIRE = Box(0.0, 0.12, 0.12)


@dataclass
class Layered:
    """The places of nodes.

    boxes: the nodes, each behind all that it is reached from.  edges: from a node to a later one.
    groups: node -> its group.  margins: of a group, above and below.  gap, apart: between columns,
    and between the nodes of one.
    """

    boxes: Mapping[str, Box]
    edges: Sequence[tuple[str, str]]
    groups: Mapping[str, str] = field(default_factory=dict)
    margins: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    gap: float = 0.8
    apart: float = 0.25

    def __post_init__(self) -> None:
        self.rank = self._ranks()
        self.columns: list[list[Place]] = [[] for _ in range(1 + max(self.rank.values()))]
        self.before: dict[Place, list[Place]] = defaultdict(list)
        self.after: dict[Place, list[Place]] = defaultdict(list)
        self.ends = dict[str, int]()  # node -> the last column that its wire is in
        self.member = dict[Place, str]()  # nodes, and wires that lead to them
        first = dict[str, int]()
        for name, group in self.groups.items():
            self.member[name] = group
            first[group] = min(first.get(group, self.rank[name]), self.rank[name])
        for source, target in self.edges:
            last, inside = self.rank[target] - 1, self.groups.get(target, "")
            self.ends[source] = max(self.ends.get(source, 0), last)
            for k in range(max(self.rank[source] + 1, first.get(inside, last + 1)), last + 1):
                self.member.setdefault((source, k), inside)
        for name in self.boxes:
            before: Place = name
            self.columns[self.rank[name]].append(name)
            for k in range(self.rank[name] + 1, self.ends.get(name, 0) + 1):
                self._link(before, (name, k))
                before = (name, k)
                self.columns[k].append(before)
        for source, target in self.edges:
            self._link(self.wire(source, self.rank[target] - 1), target)
        self._order()
        self.across = self._across()
        self.along = self._along()

    def wire(self, name: str, column: int) -> Place:
        """What stands in a column for a node there or before it."""
        return name if column == self.rank[name] else (name, column)

    def at(self, name: str) -> Point:
        """The point of a node."""
        return fmean(self.along[self.rank[name]]), self.across[name]

    def way(self, source: str, target: str) -> list[Point]:
        """The points through which an arrow runs, along the columns and bent between them."""
        first, last = self.rank[source], self.rank[target]
        points = [self.at(source), (self.along[first][1], self.across[source])]
        for k in range(first + 1, last):
            points += [(side, self.across[source, k]) for side in self.along[k]]
        points += [(self.along[last][0], self.across[target]), self.at(target)]
        return points

    def _link(self, a: Place, b: Place) -> None:
        self.after[a].append(b)
        self.before[b].append(a)

    def _ranks(self) -> dict[str, int]:
        """The columns: that of a node with nothing before it is next to what it leads to."""
        into, out = defaultdict[str, list[str]](list), defaultdict[str, list[str]](list)
        for source, target in self.edges:
            into[target].append(source)
            out[source].append(target)
        rank = dict[str, int]()
        for name in self.boxes:
            rank[name] = max((rank[s] + 1 for s in into[name]), default=0)
        for name in self.boxes:
            if not into[name] and out[name]:
                rank[name] = min(rank[t] for t in out[name]) - 1
        return rank

    def _order(self) -> None:
        """Few crossings: every column by the means of its neighbours' places, the best of many."""
        best, least = [list(c) for c in self.columns], self._crossings()
        for sweep in range(SWEEPS):
            forward = sweep % 2 == 0
            near = self.before if forward else self.after
            count = range(len(self.columns))
            for k in count if forward else reversed(count):
                self._sort(k, near)
            if (found := self._crossings()) < least:
                best, least = [list(c) for c in self.columns], found
        self.columns = best

    def _sort(self, column: int, near: Mapping[Place, list[Place]]) -> None:
        """Sort a column; a group has the mean of its members."""
        places, own = self._places(), self.columns[column]
        mean = {p: fmean([places[q] for q in near.get(p, ())] or [places[p]]) for p in own}
        members = defaultdict[str, list[float]](list)
        for p in own:
            if group := self.member.get(p):
                members[group].append(mean[p])
        whole = {group: fmean(means) for group, means in members.items()}

        def key(p: Place) -> tuple[float, str, float]:
            group = self.member.get(p) or ""
            return whole.get(group, mean[p]), group, mean[p]

        own.sort(key=key)

    def _places(self) -> dict[Place, float]:
        """The number of each in its column, counted from the middle."""
        return {p: k - (len(c) - 1) / 2 for c in self.columns for k, p in enumerate(c)}

    def _crossings(self) -> int:
        places, count = self._places(), 0
        for column in self.columns:
            links = [(places[p], places[q]) for p in column for q in self.after.get(p, ())]
            links.sort()
            ends = [end for _, end in links]
            count += sum(
                ends[j] < end for k, end in enumerate(ends) for j in range(k + 1, len(ends))
            )
        return count

    def _box(self, place: Place) -> Box:
        return self.boxes[place] if isinstance(place, str) else WIRE

    def _room(self, above: Place, below: Place) -> float:
        """The least distance of two that follow each other in a column."""
        first, second = self.member.get(above), self.member.get(below)
        more = 0.0
        if first != second:
            more = (
                self.margins.get(first or "", (0, 0))[1] + self.margins.get(second or "", (0, 0))[0]
            )
        return self._box(above).down + self.apart + self._box(below).up + more

    def _across(self) -> dict[Place, float]:
        """Each as near to the means of its neighbours as the others of its column let it be."""
        at = dict[Place, float]()
        for column in self.columns:
            offsets = self._offsets(column)
            at |= {p: o - offsets[-1] / 2 for p, o in zip(column, offsets, strict=True)}
        for sweep in range(2 * SWEEPS):
            last = sweep == 2 * SWEEPS - 1  # in which what has one before it is level with that
            for column in self.columns[:: 1 if sweep % 2 else -1]:
                wish = [self._wish(p, at, last) for p in column]
                weights = [WEIGHT if isinstance(p, tuple) else 1.0 for p in column]
                places = apart(wish, self._offsets(column), weights)
                at.update(zip(column, places, strict=True))
        for _ in range(2):
            for group in dict.fromkeys(self.groups.values()):
                self._clear(group, at)
        return at

    def _wish(self, place: Place, at: Mapping[Place, float], last: bool) -> float:
        """The mean of the neighbours; for a wire that of all its parts, so that it is straight."""
        before, after = self.before.get(place, []), self.after.get(place, [])
        near = before if last and before else [*before, *after]
        if isinstance(place, tuple):
            name = place[0]
            near = [(name, k) for k in range(self.rank[name] + 1, self.ends[name] + 1)]
            if not last:
                near += [name, *self.after[near[-1]]]
        return fmean(at[p] for p in near) if near else at[place]

    def _offsets(self, column: Sequence[Place]) -> list[float]:
        """How far below the first of a column each must at least be."""
        found = [0.0]
        for above, below in pairwise(column):
            found.append(found[-1] + self._room(above, below))
        return found

    def band(self, group: str, at: Mapping[Place, float]) -> Point:
        """From where to where a group reaches, across."""
        own = [p for p in at if self.member.get(p) == group]
        tops = (at[p] - self._box(p).up for p in own)
        return min(tops), max(at[p] + self._box(p).down for p in own)

    def _clear(self, group: str, at: dict[Place, float]) -> None:
        """Push what is not of a group out of its band, in its columns."""
        ranks = [self.rank[n] for n, g in self.groups.items() if g == group]
        top, bottom = self.band(group, at)
        above, below = self.margins.get(group, (0.0, 0.0))
        for column in self.columns[min(ranks) : max(ranks) + 1]:
            inside = [k for k, p in enumerate(column) if self.member.get(p) == group]
            middle = (top + bottom) / 2
            end = inside[-1] + 1 if inside else sum(at[p] < middle for p in column)
            start = inside[0] if inside else end
            edge = bottom + below + self.apart
            for p in column[end:]:
                at[p] = max(at[p], edge + self._box(p).up)
                edge = at[p] + self._box(p).down + self.apart
            edge = top - above - self.apart
            for p in column[:start][::-1]:
                at[p] = min(at[p], edge - self._box(p).down)
                edge = at[p] - self._box(p).up - self.apart

    def _along(self) -> list[Point]:
        """Where every column begins and ends."""
        found, at = list[Point](), 0.0
        for column in self.columns:
            width = 2 * max(self._box(p).half for p in column)
            found.append((at, at + width))
            at += width + self.gap
        return found


def apart(wish: Sequence[float], offsets: Sequence[float], weights: Sequence[float]) -> list[float]:
    """The places nearest to those wished, the k-th at least as far behind as its offset says.

    Without the offsets they must not fall: neighbours that would have their mean in common.
    """
    runs: list[tuple[float, float, int]] = []  # mean, weight, count
    for w, o, weight in zip(wish, offsets, weights, strict=True):
        runs.append((w - o, weight, 1))
        while len(runs) > 1 and runs[-2][0] > runs[-1][0]:
            (b, n, j), (a, m, i) = runs.pop(), runs.pop()
            runs.append(((a * m + b * n) / (m + n), m + n, i + j))
    flat = (mean for mean, _, count in runs for _ in range(count))
    return [f + o for f, o in zip(flat, offsets, strict=True)]
