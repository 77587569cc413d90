"""The gradients: every one from the last layer back, each step with its reason."""

from __future__ import annotations

import math
from collections.abc import Iterator

from symnn.engine.ir import Tensor
from symnn.formulas.index import Writer, index_letters
from symnn.io.deferred import deferred
from symnn.notes.context import Context, functions
from symnn.notes.document import Block, Equations, Heading, Paragraph, Section
from symnn.notes.figures import figures
from symnn.notes.rows import Group, derivation_rows, group_signature, groups, labelled_for
from symnn.notes.transposes import why_transposed

differential_rows = deferred("symnn.notes.differentials:differential_rows")


def gradients_section(context: Context) -> Section:
    """The backward sweep."""
    by_chain = context.method == "chain"
    title = context.say("gradients" if by_chain else "gradients_differential")
    return Section(title, tuple(_blocks(context, by_chain)))


def _blocks(context: Context, by_chain: bool) -> Iterator[Block]:
    say = context.say
    said = [*_conventions(context), say("sweep")]
    said += [] if by_chain else [say("differentials")]
    yield Paragraph(say("join_sentences").join(said))
    if kinks := [f.kink for f in functions(context.forward.lines) if f.kink]:
        yield Paragraph(say("kinks", kinks=say.listed(kinks)))
    yield from figures(context, "graph")
    by_layer: dict[int | None, list[Group]] = {}
    for group in groups(context):
        by_layer.setdefault(group.layer, []).append(group)
    layers = list(by_layer)
    keys = [
        (k, k and (context.lettered(k), group_signature(context, by_layer[k], k))) for k in layers
    ]
    rows_of = derivation_rows if by_chain else differential_rows
    explained: set[str] = set()
    for at, length, layer_context in context.stretches(keys):
        own = layers[at : at + length]
        yield _heading(context, own)
        for group in by_layer[own[0]]:
            if sentence := _spoken(layer_context, group):
                yield Paragraph(sentence)
            yield Equations(tuple(labelled_for(context, rows_of(layer_context, group), own)))
            if found := why_transposed(layer_context, group, explained):
                explained.add(found[0])
                yield found[1]
    yield Paragraph(_cost(context))


def _heading(context: Context, layers: list[int | None]) -> Heading:
    """Which layer it is, or from which to which."""
    say, first, last = context.say, layers[0], layers[-1]
    if first is None:
        return Heading(say("layer_loss"))
    if len(layers) > 1:
        return Heading(say("layers", first=context.number(first), last=context.number(last)))
    phrase = "layer_last" if first == context.depth else "layer"
    return Heading(say(phrase, k=context.number(first)))


def _conventions(context: Context) -> Iterator[str]:
    """How the gradients are written."""
    notation, say = context.notation, context.say
    z, k = context.general("z_1")
    delta = context.general(context.sweep.names.get("z_1", "dz_1"), "z_1")[0]
    of = context.loss_of("z_1")
    slope = rf"\partial {f'({of})' if ' ' in of else of}/\partial {z}"
    if notation.error:
        yield say("errors", delta=delta, slope=slope, k=k)
    if notation.gradients == "nabla":
        yield say("short_nabla")
    if notation.gradients == "d" and not notation.error:
        yield say("short_d", short=delta, slope=slope, z=z)
    if notation.scaled:
        yield say("scaled")


def _spoken(context: Context, group: Group) -> str:
    """How fast the loss rises with z, in a sentence; "" for any other gradient."""
    say, z = context.say, context.forward.tensors[group.tensor]
    if z.kind != "pre-activation":
        return ""
    name = context.sweep.names[z.name]
    words = {
        "delta": context.letter(name, inline=True),
        "z": context.letter(z.name),
        "loss": context.tex(context.loss(group.steps[0].after.lhs)),
    }
    if z.layer == context.depth:
        letters = index_letters(z.axes, context.notation)
        writer = Writer(context.notation, letters, context.layout)
        entry, rise = writer.tex(z.entry), writer.tex(Tensor(name, z.axes).entry)
        return say("spoken_last", entry=entry, rise=rise, **words)
    rules = _passed(context, z.name)
    masked = say("masked") if "dropout" in rules else ""
    if "softmax" in rules:
        return say("spoken_softmax", masked=masked, **words)
    if z.name in context.activated:
        return say("spoken", masked=masked, **words)
    return say("spoken_linear", masked=say("masked_last") if masked else "", **words)


def _passed(context: Context, name: str) -> set[str]:
    """What stands between a pre-activation and the next affine map, by the rules of its lines."""
    reached, rules = [name], set[str]()
    for own in reached:  # which grows
        for line in context.readers.get(own, ()):
            if line.lhs.kind != "pre-activation":
                reached.append(line.lhs.name)
                rules.add(line.why)
    return rules


def _cost(context: Context) -> str:
    """Why the sweep runs backward, and what it costs."""
    products = context.say("cost_layers" if context.depth > 1 else "cost_layer")
    if context.network.depth_letter:
        return context.say("cost", products=products, all=context.say("cost_all"))
    shapes = context.network.parameters.values()
    count = f"{sum(map(math.prod, shapes)):,}".replace(",", r"\,")
    return context.say("cost", products=products, all=context.say("cost_count", count=count))
