"""Derivation -> Document: what the notes say, and in which order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from symnn.derivation.derivation import Derivation
from symnn.derivation.gradients import Gradients
from symnn.derivation.lines import Lines, LinesDerivation
from symnn.derivation.network import Network
from symnn.io.deferred import deferred
from symnn.notation.books import NOTATIONS
from symnn.notation.letters import with_symbols
from symnn.notation.notation import Notation
from symnn.notes.code import with_codes
from symnn.notes.context import Context
from symnn.notes.document import Document, Section, numbered
from symnn.notes.labels import labelled, names, prefix_of, selected, unique
from symnn.notes.links import symbols
from symnn.notes.options import DEFAULT, NotesOptions
from symnn.notes.sections.code import code_section
from symnn.notes.sections.gradients import gradients_section
from symnn.notes.sections.loss import loss_section
from symnn.notes.sections.network import network_section, signs
from symnn.notes.sections.result import result_section, ticks
from symnn.notes.sections.samples import samples_section
from symnn.notes.sections.stable import stable_section
from symnn.notes.sections.update import update_section

if TYPE_CHECKING:
    from symnn.notes.worked_numbers import Numbers

# what only some notes hold
tell_lines: Callable[..., Document] = deferred("symnn.notes.equations:tell_lines")
tutorial_sections = deferred("symnn.notes.sections.tutorial:tutorial_sections")
numbers_section = deferred("symnn.notes.sections.numbers:numbers_section")
by_sympy_section = deferred("symnn.notes.sections.by_sympy:by_sympy_section")
small = deferred("symnn.notes.worked_example:small")
numbers_of = deferred("symnn.notes.worked_numbers:Numbers.of")
with_numbers = deferred("symnn.notes.worked_numbers:with_numbers")


def tell(derivation: Gradients, options: NotesOptions = DEFAULT) -> Document:
    """The notes of a derivation; ValueError for options that do not go together."""
    if isinstance(derivation, LinesDerivation):
        return tell_lines(derivation, options)
    if not isinstance(derivation, Derivation):
        raise TypeError(f"{type(derivation).__name__} has no notes")
    network, labels = derivation.network, names(options.select)
    tutorial = options.story == "tutorial" and options.detail != "answer"
    numbers = options.numbers or network.spec.notes.numbers
    if network.depth_letter and numbers not in (None, "none"):
        raise ValueError("the numbers of an example need a number of layers")
    if network.depth_letter and options.code:
        raise ValueError("the code needs a number of layers")
    if network.depth_letter and options.sympy:
        raise ValueError("sympy.diff needs a number of layers")
    book = letters(network, options.notation)
    own = network.spec.notes.layout if options.notation is None else None
    context = Context(
        derivation,
        book,
        layout=options.layout or own or book.layout,
        detail=options.detail,
        language=options.language,
        method=options.method,
        numbers=numbers or ("decimal" if tutorial and small(network) else "none"),
        figures=options.figures is not False and not labels,
        rolled=not labels,
        ticks=options.ticks is not False and options.detail != "answer" and not labels,
    )
    beside: Numbers | None = None
    if options.beside and numbers != "none" and context.layout == "sample":
        beside = numbers_of(context, numbers or "decimal", network.spec.notes.digits)
    if beside:  # which are those of each layer
        context = replace(context, rolled=False)
    sections = (*_sections(context, tutorial), by_sympy_section(context) if options.sympy else None)
    notes = _document(context, tuple(filter(None, sections)), beside)
    code = (
        tutorial and not (labels or network.depth_letter) if options.code is None else options.code
    )
    if labels:
        notes = selected(notes, labels, context.say("selected"))
    if not code:
        return notes
    return replace(notes, sections=(*notes.sections, code_section(notes, context.say("code"))))


def letters(network: Network | Lines, notation: str | Notation | None = None) -> Notation:
    """A notation, by its name or (None) the spec's, with the letters of the spec's own."""
    own = network.spec.notes
    book = NOTATIONS[notation] if isinstance(notation, str) else notation
    return with_symbols(book or own.notation, own.symbols)


def _sections(context: Context, tutorial: bool) -> Iterator[Section | None]:
    """The sections in order."""
    if tutorial:
        yield from tutorial_sections(context)
    else:
        yield network_section(context)
        yield loss_section(context)
    if context.detail != "answer":
        yield gradients_section(context)
    yield result_section(context)
    if context.layout == "sample":
        yield samples_section(context)
    # the tutorial has drawn the step where it explained it
    yield update_section(replace(context, figures=False) if tutorial else context)
    if context.numbers != "none":
        yield numbers_section(context)
    if context.detail != "answer":
        yield stable_section(context)


def _document(context: Context, sections: tuple[Section, ...], beside: Numbers | None) -> Document:
    """The sections with what is found out of all of them: numbers, labels, links, footnotes."""
    say, network = context.say, context.network
    footnotes = {say("network"): signs(context, sections), say("result"): ticks(context, sections)}
    sections = tuple(
        replace(s, blocks=(*s.blocks, note)) if (note := footnotes.get(s.title)) else s
        for s in sections
    )
    sections = unique(numbered(sections))
    if beside:
        sections = with_numbers(sections, beside)
    prefix = prefix_of(network.spec.output.module)
    notes = Document(
        say.titled(network.name),
        say.titled(network.spec.model.description),
        sections,
        context.language,
        layer=context.notation.layer_letter,
        numbers=beside.origin() if beside else "",
        prefix=prefix,
    )
    own = symbols(context, labelled(notes), prefix)
    notes = replace(notes, symbols=own, letters=context.notation)
    # no module computes a number of layers that is not known
    return notes if network.depth_letter else with_codes(notes, context)
