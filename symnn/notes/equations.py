"""The notes of lines of the user's own: the equations, their gradients, every step, by entries."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from symnn.checking.evidence import Evidence, evidence_of_lines
from symnn.derivation.lines import Lines, LinesDerivation
from symnn.engine.ir import Fact, Item, Line, Scan, Step, Tensor, lines_of
from symnn.formulas.index import line_sides
from symnn.formulas.shapes import size_tex
from symnn.language.options import DETAILS
from symnn.notation.books import NOTATIONS
from symnn.notation.notation import Notation
from symnn.notes.blocks import repeated, span, told
from symnn.notes.context import Context
from symnn.notes.document import (
    Block,
    Document,
    Equations,
    Figure,
    Paragraph,
    Row,
    Section,
    Table,
    numbered,
)
from symnn.notes.figures.reads import reads
from symnn.notes.labels import names, prefix_of, selected, unique
from symnn.notes.options import NotesOptions
from symnn.notes.rows import Group, derivation_rows, groups, row_of
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
        gradients = (step.after.lhs for step in self.sweep.steps)
        found = self.book.of((*self.forward.tensors.values(), *gradients)).counting_from_zero()
        every = found.tensors.values()
        taken = {a.name for t in every for a in t.axes} | {t.letter for t in every}
        # a layer in general, in blocks that are equal: by no letter of an axis or a tensor
        return replace(found, layer_letter=r"\ell") if found.layer_letter in taken else found

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
        "sympy": (False,),
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
    if context.detail != "answer" and (stable := stable_section(context, _stable)):
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


def _stable(
    context: Context, steps: Sequence[Step], rows: Callable[[Context, Step], list[Row]]
) -> Iterator[Block]:
    return told(context, steps, lambda step: (step.after,), rows, kind=lambda step: step.rule)


def _equations(context: LinesContext) -> Section:
    """What is given: the equations."""
    say, lines = context.say, context.network
    blocks: list[Block] = [Paragraph(say("lines_says")), _table(context), *_figure(context)]
    items = lines.program.items
    blocks += told(context, items, lambda item: (item,), _rows, _scan)
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


def _rows(context: Context, item: Item) -> list[Row]:
    return [row_of(context, line) for line in lines_of([item])]


def _scan(item: Item) -> Scan | None:
    return item if isinstance(item, Scan) else None


def _table(context: LinesContext) -> Table:
    """The leaves: symbol, shape, meaning."""
    say = context.say
    whole = context.network.text.whole
    rows = []

    def meaning(t: Tensor) -> str:
        kind = next(word for word in MEANINGS if word in (t.kind, t.role))
        if t.name in whole:
            return say("lines_whole", count=whole[t.name])
        return say(f"lines_{kind.replace(' ', '_')}")

    every = repeated(context, context.forward.leaves, lambda t: (Line(t, ()),), meaning)
    for inner, (t, *_), blocks in every:
        shape = r" \times ".join(size_tex(a, inner.notation) for a in t.axes)
        of = f", ${span(context, blocks)}$" if blocks else ""
        rows.append((f"${inner.letter(t.name)}$", f"${shape}$" if shape else "", meaning(t) + of))
    return Table((say("symbol"), say("shape"), say("meaning")), tuple(rows))


def _gradients(context: LinesContext) -> Section:
    """The backward sweep, every step with its reason."""
    say, sweep = context.say, context.sweep
    of = context.letter(sweep.of)
    blocks: list[Block] = [Paragraph(say("lines_sweep", of=of))]
    scans = {
        line.lhs.name: item for item in sweep.raw if isinstance(item, Scan) for line in item.lines
    }

    def lines(group: Group) -> list[Line]:
        """First the one that ends the steps."""
        steps = group.steps
        every = (line for step in steps for line in (step.before, step.after) if line is not None)
        return [steps[-1].after, *every]

    blocks += told(
        context,
        groups(context),
        lines,
        derivation_rows,
        lambda group: scans.get(sweep.names[group.tensor]),
        lambda group: tuple(step.rule for step in group.steps),
        apart=True,
    )
    return Section(say("gradients"), tuple(blocks))


def _result(context: LinesContext) -> Section:
    """The derivatives that were asked for, in their last form."""
    say, found = context.say, context.sweep.told
    lines = [line for name in context.derivation.wrt for line in found.get(name, ())]
    rows = told(context, lines, lambda line: (line,), _rows)
    return Section(say("result"), (Paragraph(say("lines_result")), *rows))
