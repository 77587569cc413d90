"""The rows of lines of the user's own: under the loop that they stand in, equal blocks told once.

In a block the first layer is called k, and those around it k-1, k+1, ...
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

import sympy as sp

from symnn.engine.ir import Item, Scan, lines_of
from symnn.engine.repeats import Repeat, rolled
from symnn.formulas.index import Writer
from symnn.notes.context import Context
from symnn.notes.document import Block, Equations, Paragraph, Row

T = TypeVar("T")
SHOWN = 4  # numbers of blocks that are all written


def repeated(
    context: Context,
    items: Sequence[T],
    parts: Callable[[T], Sequence[Item]],
    kind: Callable[[T], Hashable] = lambda item: None,
) -> Iterator[tuple[Context, tuple[T, ...], Repeat[T] | None]]:
    """The items in their order: the context to write one in, the same of all blocks, the blocks.

    parts: the lines of an item, as of ``rolled``; kind: what must agree beside them.
    """
    computed = {line.lhs.name: line.lhs for item in items for line in lines_of(parts(item))}
    for own in rolled(items, parts, {**context.numbered.tensors, **computed}, kind):
        if not isinstance(own, Repeat):
            yield context, (own,), None
            continue
        count = len(own.items)
        for at, item in enumerate(own.items):
            layer = next(lines_of(parts(item))).lhs.layer or 0
            yield context.within(own, layer), own.every[at::count], own


def told(
    context: Context,
    items: Sequence[T],
    parts: Callable[[T], Sequence[Item]],
    rows: Callable[[Context, T], Sequence[Row]],
    scan: Callable[[T], Scan | None] = lambda item: None,
    kind: Callable[[T], Hashable] = lambda item: None,
    apart: bool = False,
) -> Iterator[Block]:
    """The rows of items, with a sentence where a loop or the blocks begin or end.

    rows: of one item.  scan: the loop that it stands in.  apart: whether the rows of each item are
    a group of their own.  A row of all blocks has the labels of each, and the largest of their
    errors.
    """
    found: list[Row] = []
    place: tuple[Repeat[T] | None, Scan | None] = (None, None)
    for inner, same, blocks in repeated(context, items, parts, kind):
        here = (blocks, scan(same[0]))
        moves = here[0] is not place[0] or here[1] is not place[1]
        if found and (moves or apart):
            yield Equations(tuple(found))
            found = []
        if moves:
            yield from _sentences(context, place, here)
            place = here
        others = [rows(context, item) for item in same[1:]]
        found += map(_joined, rows(inner, same[0]), *others)
    if found:
        yield Equations(tuple(found))


def _joined(row: Row, *others: Row) -> Row:
    """A row that stands for others, too."""
    errors = [own.error for own in (row, *others) if own.error is not None]
    error = max(errors) if len(errors) == 1 + len(others) else None
    return replace(row, error=error, also=tuple(own.label for own in others if own.label))


def _sentences(
    context: Context,
    before: tuple[Repeat[T] | None, Scan | None],
    here: tuple[Repeat[T] | None, Scan | None],
) -> Iterator[Paragraph]:
    """What is said where one place ends and another begins."""
    say, (blocks, scan) = context.say, here
    if blocks is not before[0]:
        if blocks is None:
            yield Paragraph(say("blocks_over"))
        else:
            yield Paragraph(say("blocks", count=len(blocks.numbers), k=span(context, blocks)))
    elif scan is None:
        yield Paragraph(say("scan_over"))
    if scan is not None:
        yield Paragraph(say("scan", t=_run(context, scan)))


def span(context: Context, blocks: Repeat[T]) -> str:
    """k = 1, 6, …, 56."""
    every = [str(number) for number in blocks.numbers]
    if len(every) > SHOWN:
        every = [*every[:2], r"\ldots", every[-1]]
    return f"{context.numbered.layer_letter} = {', '.join(every)}"


def _run(context: Context, scan: Scan) -> str:
    """t = 0, …, 15, or t = 15, …, 0."""
    last = Writer(context.notation, {}).tex(sp.S(scan.axis.size) - 1)
    ends = (last, "0") if scan.reverse else ("0", last)
    return rf"{scan.axis.name} = {ends[0]}, \ldots, {ends[1]}"
