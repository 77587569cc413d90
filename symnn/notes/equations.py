"""The notes of lines of the user's own: the equations, their gradients, every step, by entries."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby

import sympy as sp

from symnn.checking.evidence import Evidence, evidence_of_lines
from symnn.derivation.lines import Lines, LinesDerivation
from symnn.engine.ir import Fact, Line, Scan, Tensor, lines_of
from symnn.formulas.index import Writer, line_sides
from symnn.formulas.shapes import size_tex
from symnn.language.options import DETAILS
from symnn.notation.books import NOTATIONS
from symnn.notation.notation import Notation
from symnn.notes.context import Context
from symnn.notes.document import (
    Block,
    Document,
    Equations,
    Figure,
    Paragraph,
    Section,
    Table,
    numbered,
)
from symnn.notes.figures.reads import reads
from symnn.notes.labels import names, prefix_of, selected, unique
from symnn.notes.options import NotesOptions
from symnn.notes.rows import derivation_rows, groups, row_of
from symnn.notes.sections.lines_numbers import lines_numbers
from symnn.notes.sections.result import ticks
from symnn.notes.sections.stable import stable_section

# what a leaf is called in the table, by its kind or its role
MEANINGS = (
    *("sample weight", "noise", "bias", "gain", "table", "weights"),
    *("input", "target", "state", "mask", "hyperparameter"),
)


@dataclass(frozen=True, eq=False)
class LinesContext(Context):
    """What is fixed for the notes of lines: there are no layers, and all stand by entries, but for
    a layout of all samples, in which a line has matrix form where there is one."""

    derivation: LinesDerivation  # type: ignore[assignment]

    @property
    def network(self) -> Lines:  # type: ignore[override]
        """The lines."""
        return self.derivation.lines

    @property
    def kind(self) -> str:
        """The only sweep that there is."""
        return "batch"

    @functools.cached_property
    def numbered(self) -> Notation:
        """The letters of the lines, whose indices count from 0."""
        gradients = (line.lhs for line in lines_of(self.sweep.raw))
        return self.book.of((*self.forward.tensors.values(), *gradients)).counting_from_zero()

    @functools.cached_property
    def evidence(self) -> Evidence | None:
        """What evaluates the lines, if they are."""
        return evidence_of_lines(self.derivation) if self.ticks else None

    @property
    def batched(self) -> set[str]:
        """None: a letter stands for a tensor, whatever its axes."""
        return set()

    def fact(self, fact: Fact) -> str:
        """A side condition by entries."""
        own = self.forward.tensors[fact.tensor].axes
        rest = tuple(a for a in own if a not in fact.term.over)
        line = Line(Tensor("fact", rest), (fact.term,))
        return f"{line_sides(line, self.notation, self.layout)[1]} = {fact.value}"


def lines_options(options: NotesOptions) -> NotesOptions:
    """The options, if notes of lines take them; ValueError for what only layers have."""
    plain = {
        "story": ("reference",),
        "method": ("chain",),
        "code": (False, None),
    }
    for name, known in plain.items():
        if (value := getattr(options, name)) not in known:
            raise ValueError(f"lines are not told with {name} {value!r}; leave it out")
    return options


def tell_lines(derivation: LinesDerivation, options: NotesOptions) -> Document:
    """The notes of lines; ValueError for options that only networks of layers have."""
    lines_options(options)
    labels = names(options.select)
    own = derivation.lines.spec.notes
    book = options.notation or own.notation
    layout = options.layout or (own.layout if options.notation is None else None) or "sample"
    context = LinesContext(
        derivation,
        # a letter is that of the user's, also where it stands for a matrix of all samples
        replace(NOTATIONS[book] if isinstance(book, str) else book, batch={}),
        layout=layout,
        detail=options.detail if options.detail in DETAILS else "textbook",
        language=options.language,
        rolled=False,
        by_index=layout == "sample",
        ticks=options.ticks is not False and options.detail != "answer" and not labels,
        figures=options.figures is not False and not labels,
    )
    sections = [_equations(context)]
    if context.detail != "answer":
        sections.append(_gradients(context))
    sections.append(_result(context))
    if context.detail != "answer" and (stable := stable_section(context)):
        sections.append(stable)
    numbers = options.numbers or own.numbers or "none"
    if numbers != "none":
        sections.append(lines_numbers(context, numbers, own.digits))
    if note := ticks(context, sections):
        at = next(k for k, s in enumerate(sections) if s.title == context.say("result"))
        blocks = (*sections[at].blocks, note)
        sections[at] = Section(sections[at].title, blocks)
    title = derivation.lines.title
    notes = Document(
        title, "", unique(numbered(sections)), context.language, prefix=prefix_of(title)
    )
    return selected(notes, labels, context.say("selected")) if labels else notes


def _equations(context: LinesContext) -> Section:
    """What is given: the equations."""
    say, lines = context.say, context.network
    blocks: list[Block] = [Paragraph(say("lines_says")), _table(context), *_figure(context)]
    for scanned, items in groupby(lines.program.items, lambda item: isinstance(item, Scan)):
        if not scanned:
            blocks.append(Equations(tuple(row_of(context, line) for line in lines_of(items))))
            continue
        for scan in items:
            assert isinstance(scan, Scan)
            blocks.append(Paragraph(say("scan", t=_run(context, scan))))
            blocks.append(Equations(tuple(row_of(context, line) for line in scan.lines)))
    if lines.text.predicted:
        rows = tuple(row_of(context, line) for line in lines.text.predicted.values())
        blocks += [Paragraph(say("lines_predicted")), Equations(rows)]
    for phrase, maximum in (("lines_outside", False), ("lines_outside_maximum", True)):
        found = dict.fromkeys(r.tensor for r in lines.text.outside if r.maximum == maximum)
        letters = (f"${context.letter(name)}$" for name in found)
        if found:
            blocks.append(Paragraph(say(phrase, names=say("join_items").join(letters))))
    return Section(say("lines"), tuple(blocks), given=True)


def _figure(context: LinesContext) -> Iterator[Figure]:
    """The picture of the network, by its layers if it has some."""
    if context.figures:
        drawing = reads(context.network, context.book, context.say, "network")
        kinds = {path.kind for path in drawing.paths}
        more = ("loops" if "recurrent" in kinds else "blocks",) if "frame" in kinds else ()
        texts = [context.say(f"figure_reads{key}") for key in ("", *(f"_{m}" for m in more))]
        yield Figure(drawing, context.say("join_sentences").join(texts))


def _run(context: LinesContext, scan: Scan) -> str:
    """t = 0, …, 15, or t = 15, …, 0."""
    last = Writer(context.notation, {}).tex(sp.S(scan.axis.size) - 1)
    ends = (last, "0") if scan.reverse else ("0", last)
    return rf"{scan.axis.name} = {ends[0]}, \ldots, {ends[1]}"


def _table(context: LinesContext) -> Table:
    """The leaves: symbol, shape, meaning."""
    say = context.say
    rows = []
    for t in context.forward.leaves:
        shape = r" \times ".join(size_tex(a, context.notation) for a in t.axes)
        kind = next(word for word in MEANINGS if word in (t.kind, t.role))
        meaning = say(f"lines_{kind.replace(' ', '_')}")
        if t.name in context.network.text.whole:
            meaning = say("lines_whole", count=context.network.text.whole[t.name])
        rows.append((f"${context.letter(t.name)}$", f"${shape}$" if shape else "", meaning))
    return Table((say("symbol"), say("shape"), say("meaning")), tuple(rows))


def _gradients(context: LinesContext) -> Section:
    """The backward sweep, every step with its reason."""
    say, sweep = context.say, context.sweep
    of = context.letter(sweep.of)
    blocks: list[Block] = [Paragraph(say("lines_sweep", of=of))]
    scans = {
        line.lhs.name: item for item in sweep.raw if isinstance(item, Scan) for line in item.lines
    }
    last: Scan | None = None
    for group in groups(context):
        scan = scans.get(sweep.names[group.tensor])
        if scan is not None and scan is not last:
            blocks.append(Paragraph(say("scan", t=_run(context, scan))))
        elif scan is None and last is not None:
            blocks.append(Paragraph(say("scan_over")))
        last = scan
        blocks.append(Equations(tuple(derivation_rows(context, group))))
    return Section(say("gradients"), tuple(blocks))


def _result(context: LinesContext) -> Section:
    """The derivatives that were asked for, in their last form."""
    say, found = context.say, context.sweep.gradients
    rows = tuple(row_of(context, found[name]) for name in context.derivation.wrt if name in found)
    return Section(say("result"), (Paragraph(say("lines_result")), Equations(rows)))
